/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets. The environment is the starter's, who is trusted; a path and an address are the
 * configuration's.
 */
#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, INHERITED_FIRST = 3, INHERITED_MOST = 16 };

static bool is_loopback(const struct sockaddr_in *address)
{
	return ntohl(address->sin_addr.s_addr) >> 24 == 127;
}

static const char *print(const struct sockaddr_in *address, char text[32])
{
	char host[INET_ADDRSTRLEN] = "?";

	inet_ntop(AF_INET, &address->sin_addr, host, sizeof(host));
	snprintf(text, 32, "%s:%u", host, ntohs(address->sin_port));
	return text;
}

int listen_tcp(const struct sockaddr_in *address, struct fail *fail)
{
	const int on = 1;
	char text[32];
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		fail_set(fail, FAIL_UNAVAILABLE, "no socket for %s: %s", print(address, text),
			 strerror(errno));
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		fail_set(fail, FAIL_UNAVAILABLE,
			 "cannot listen on %s: %s; another port, or end what has it (ss -ltnp)",
			 print(address, text), strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

static bool check_people(const struct sockaddr_in *address, struct fail *fail)
{
	char text[32];

	return is_loopback(address) || fail_set(fail, FAIL_INVALID,
						"%s is not a loopback address, and there is no "
						"HTTPS yet: use 127.0.0.1, and ssh -L from afar",
						print(address, text));
}

int listen_for_people(const struct sockaddr_in *address, struct fail *fail)
{
	return check_people(address, fail) ? listen_tcp(address, fail) : -1;
}

bool listen_is_for_people(int fd, struct fail *fail)
{
	struct sockaddr_in address = {0};
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
	    address.sin_family != AF_INET) {
		return fail_set(fail, FAIL_INVALID,
				"the socket that was handed in for people is not an IPv4 socket");
	}
	return check_people(&address, fail);
}

uint16_t listen_port(int fd)
{
	struct sockaddr_in address = {0};
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
	    address.sin_family != AF_INET) {
		return 0;
	}
	return ntohs(address.sin_port);
}

/* True: nobody answers there, and the way is free. */
static bool clear_path(int fd, const struct sockaddr_un *address, struct fail *fail)
{
	struct stat status;

	if (lstat(address->sun_path, &status) < 0) {
		return errno == ENOENT || fail_set(fail, FAIL_UNAVAILABLE, "%s: %s",
						   address->sun_path, strerror(errno));
	}
	if (!S_ISSOCK(status.st_mode)) {
		return fail_set(fail, FAIL_CONFLICT, "%s is there and not a socket; move it away",
				address->sun_path);
	}
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0) {
		return fail_set(fail, FAIL_CONFLICT,
				"another controller listens on %s; end it first",
				address->sun_path);
	}
	return unlink(address->sun_path) == 0 ||
	       fail_set(fail, FAIL_UNAVAILABLE, "%s: %s", address->sun_path, strerror(errno));
}

int listen_unix(const char *path, struct fail *fail)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

	if (strlen(path) >= sizeof(address.sun_path)) {
		fail_set(fail, FAIL_INVALID,
			 "%.100s... is too long for a socket; use a shorter state directory", path);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	const int probe = socket(AF_UNIX, type, 0);
	const int fd = socket(AF_UNIX, type, 0);
	if (probe < 0 || fd < 0) {
		fail_set(fail, FAIL_UNAVAILABLE, "no socket for %s: %s", path, strerror(errno));
	} else if (clear_path(probe, &address, fail)) {
		if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
		    chmod(path, 0666) == 0 && listen(fd, BACKLOG) == 0) {
			close(probe);
			return fd;
		}
		fail_set(fail, FAIL_UNAVAILABLE, "cannot listen on %s: %s", path, strerror(errno));
	}
	if (probe >= 0) {
		close(probe);
	}
	if (fd >= 0) {
		close(fd);
	}
	return -1;
}

/* The place of `name` in "a:b:c". -1: none. */
static int place_of(const char *names, const char *name)
{
	const size_t length = strlen(name);

	for (int place = 0; names != NULL && place < INHERITED_MOST; place++) {
		const size_t count = strcspn(names, ":");
		if (count == length && strncmp(names, name, length) == 0) {
			return place;
		}
		if (names[count] == '\0') {
			break;
		}
		names += count + 1;
	}
	return -1;
}

int listen_inherited(const char *name, struct fail *fail)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	const int place = place_of(getenv("LISTEN_FDNAMES"), name);
	int listens = 0;
	socklen_t length = sizeof(listens);

	if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != (long)getpid() || place < 0 ||
	    place >= strtol(count, NULL, 10)) {
		fail_set(fail, FAIL_NOT_FOUND, "no socket \"%s\" was handed in", name);
		return -1;
	}
	const int fd = INHERITED_FIRST + place;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0 || listens == 0) {
		fail_set(fail, FAIL_INVALID,
			 "what was handed in as \"%s\" (fd %d) is not a listening socket", name,
			 fd);
		return -1;
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}
