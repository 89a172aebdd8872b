/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aether-lease: dnsmasq's script. It hands what dnsmasq says to aetherd over the socket that AETHER_LEASE_SOCKET names,
 * and for `init` prints the lease file that comes back; nothing is kept here. Arguments and environment hold what DHCP
 * clients said: they are bounded and passed on, never looked at. 0: done; 1: not done, with a line that says why
 * (dnsmasq goes on, except at `init`); a daemon that is just being started again is waited for.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* As controller/leases/leases.h has it. */
enum { REQUEST_BYTES = 4096, VALUE_BYTES = 900 };
enum { TRY_MS = 100, TRIES = 50, WAIT_S = 10, ASKED_MOST = 5 };

struct request {
	char bytes[REQUEST_BYTES];
	size_t length;
};

static void put(struct request *request, const char *key, const char *value)
{
	const size_t room = sizeof(request->bytes) - request->length;

	if (value == NULL || strlen(value) > VALUE_BYTES) {
		return; /* none of it is worth a part */
	}
	const int length = snprintf(request->bytes + request->length, room, "%s=%s", key, value);

	if (length > 0 && (size_t)length + 1 < room) {
		request->length += (size_t)length + 1;
	}
}

static int complain(const char *what, const char *why)
{
	(void)fprintf(stderr, "aether-lease: %s: %s\n", what, why);
	return 1;
}

static bool read_line(const char *format, int pid, char *line, int size)
{
	char path[64];

	(void)snprintf(path, sizeof(path), format, pid);
	FILE *file = fopen(path, "re");
	const bool is_read = file != NULL && fgets(line, size, file) != NULL;

	if (file != NULL) {
		(void)fclose(file);
	}
	return is_read;
}

/* We are run by dnsmasq's helper, a child of dnsmasq with the same name; true: dnsmasq is dead. */
static bool is_orphan(void)
{
	const int helper = (int)getppid();
	char name[64], its_parents[64], line[512];
	int parent = 0;

	if (!read_line("/proc/%d/comm", helper, name, sizeof(name)) ||
	    !read_line("/proc/%d/stat", helper, line, sizeof(line))) {
		return false; /* nobody knows */
	}
	const char *rest = strrchr(line, ')');

	return rest != NULL && sscanf(rest, ") %*c %d", &parent) == 1 &&
	       read_line("/proc/%d/comm", parent, its_parents, sizeof(its_parents)) &&
	       strcmp(name, its_parents) != 0;
}

/* Until somebody listens. */
static int connect_to(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const struct timeval wait = {.tv_sec = WAIT_S};

	if (strlen(path) >= sizeof(at.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(at.sun_path, path, strlen(path) + 1);
	for (int i = 0; i < TRIES; i++) {
		const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0) {
			return -1;
		}
		if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0) {
			(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
			(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
			return fd;
		}
		const int why = errno;

		(void)close(fd);
		errno = why;
		if (why != ENOENT && why != ECONNREFUSED) {
			return -1;
		}
		(void)poll(NULL, 0, TRY_MS);
	}
	errno = ECONNREFUSED;
	return -1;
}

static bool write_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		const ssize_t put_now = send(fd, bytes, count, MSG_NOSIGNAL);

		if (put_now < 0 && errno != EINTR) {
			return false;
		}
		bytes += put_now > 0 ? put_now : 0;
		count -= put_now > 0 ? (size_t)put_now : 0;
	}
	return shutdown(fd, SHUT_WR) == 0;
}

/*
 * "ok\n" and, for `init`, a lease file that ends in "end\n"; or "no <reason>\n". -1: nothing came, and the question may
 * be asked again, since to say the same twice changes nothing.
 */
static int take_answer(int fd, const char *action)
{
	FILE *answer = fdopen(fd, "r");
	bool is_whole = strcmp(action, "init") != 0;
	char line[1024];

	if (answer == NULL || fgets(line, sizeof(line), answer) == NULL || strchr(line, '\n') == NULL) {
		(void)(answer != NULL ? fclose(answer) : close(fd));
		return -1;
	}
	if (strcmp(line, "ok\n") != 0) {
		line[strcspn(line, "\n")] = '\0';
		return complain(action, line);
	}
	while (!is_whole && fgets(line, sizeof(line), answer) != NULL) {
		is_whole = strcmp(line, "end\n") == 0;
		if (!is_whole) {
			(void)fputs(line, stdout);
		}
	}
	if (!is_whole || ferror(stdout) || fflush(stdout) != 0) {
		return complain(action, "the lease file did not come whole");
	}
	return 0;
}

/* dnsmasq(8), --dhcp-script. False: an action that is none of our business. */
static bool make_request(int argc, char **argv, struct request *request)
{
	const char *action = argv[1];

	if (strcmp(action, "init") == 0) {
		put(request, "action", action);
		return true;
	}
	if (argc < 4) {
		return false;
	}
	if (strcmp(action, "tftp") == 0) {
		if (argc < 5) {
			return false;
		}
		put(request, "action", action);
		put(request, "bytes", argv[2]);
		put(request, "address", argv[3]);
		put(request, "path", argv[4]);
		return true;
	}
	if (strcmp(action, "add") != 0 && strcmp(action, "old") != 0 && strcmp(action, "del") != 0) {
		return false;
	}
	put(request, "action", action);
	put(request, "mac", argv[2]);
	put(request, "address", argv[3]);
	put(request, "hostname", argc > 4 ? argv[4] : NULL);
	put(request, "client_id", getenv("DNSMASQ_CLIENT_ID"));
	put(request, "interface", getenv("DNSMASQ_INTERFACE"));
	put(request, "expires", getenv("DNSMASQ_LEASE_EXPIRES"));
	return true;
}

int main(int argc, char **argv)
{
	static struct request request;
	const char *path = getenv("AETHER_LEASE_SOCKET");

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		return puts("aether-lease " AETHER_VERSION) < 0;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		return puts("usage: aether-lease ACTION [ARGUMENT...]\n"
			    "dnsmasq calls it, as its dhcp-script; AETHER_LEASE_SOCKET names aetherd's socket.") < 0;
	}
	if (argc < 2) {
		return complain("usage", "dnsmasq calls it, as its dhcp-script");
	}
	if (!make_request(argc, argv, &request)) {
		return 0;
	}
	if (path == NULL) {
		return complain(argv[1], "AETHER_LEASE_SOCKET is not set: aether-monitor starts dnsmasq with it");
	}
	for (int i = 0; i < ASKED_MOST; i++) {
		const int fd = connect_to(path);

		if (fd < 0) {
			const int why = errno;

			/* Nobody came: the rest of what the helper was told would wait as long, each. */
			if (strcmp(argv[1], "init") != 0 && is_orphan()) {
				(void)kill(getppid(), SIGKILL);
			}
			return complain(path, strerror(why));
		}
		(void)write_all(fd, request.bytes, request.length); /* who did not get it gives no answer */
		const int status = take_answer(fd, argv[1]);

		if (status >= 0) {
			return status;
		}
		/* An aetherd that died before it answered; the next one is on its way. */
		(void)poll(NULL, 0, TRY_MS);
	}
	return complain(argv[1], "aetherd gave no answer");
}
