/* SPDX-License-Identifier: Apache-2.0 */
/* The socket that commands come through, and the client of it: command.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sim/peer/command.h"
#include "sim/peer/event.h"

#define ANSWER_BYTES 65536u

struct control_conn {
	int fd; /* 0: free */
	size_t bytes;
	char line[COMMAND_LINE_MAX];
};

static int listener = -1;
static struct control_conn conns[COMMAND_CONNECTIONS_MAX];

static bool set_path(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(address->sun_path, path, strlen(path));
	return true;
}

bool command_open(const char *path)
{
	struct sockaddr_un address;

	if (!set_path(&address, path)) {
		return false;
	}
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)unlink(path);
	const mode_t mask = umask(0177);
	const bool is_open = listener >= 0 &&
			     bind(listener, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
			     listen(listener, 8) == 0;

	(void)umask(mask);
	return is_open;
}

size_t command_poll(struct pollfd *polls)
{
	size_t count = 0;

	if (listener >= 0) {
		polls[count++] = (struct pollfd){.fd = listener, .events = POLLIN};
	}
	for (size_t i = 0; i < COMMAND_CONNECTIONS_MAX; i++) {
		if (conns[i].fd > 0) {
			polls[count++] = (struct pollfd){.fd = conns[i].fd, .events = POLLIN};
		}
	}
	return count;
}

static void accept_one(void)
{
	const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	for (size_t i = 0; fd > 0 && i < COMMAND_CONNECTIONS_MAX; i++) {
		if (conns[i].fd == 0) {
			conns[i].fd = fd;
			conns[i].bytes = 0;
			return;
		}
	}
	if (fd > 0) {
		(void)close(fd);
	}
}

static void end_conn(struct control_conn *conn)
{
	(void)close(conn->fd);
	conn->fd = 0;
}

static void read_conn(struct command *command, struct control_conn *conn)
{
	static char answer[ANSWER_BYTES];
	const ssize_t got = recv(conn->fd, conn->line + conn->bytes, sizeof(conn->line) - conn->bytes, 0);

	if (got <= 0) {
		end_conn(conn);
		return;
	}
	conn->bytes += (size_t)got;
	for (;;) {
		char *end = memchr(conn->line, '\n', conn->bytes);

		if (end == NULL) {
			break;
		}
		*end = '\0';
		command_run(command, conn->line, answer, sizeof(answer));
		/* An answer that does not fit into the socket's buffer is cut: it is longer than any there is. */
		(void)send(conn->fd, answer, strlen(answer), MSG_NOSIGNAL);
		const size_t used = (size_t)(end + 1 - conn->line);
		conn->bytes -= used;
		memmove(conn->line, end + 1, conn->bytes);
	}
	if (conn->bytes == sizeof(conn->line)) {
		end_conn(conn);
	}
}

void command_serve(struct command *command, const struct pollfd *polls, size_t count)
{
	for (size_t j = 0; j < count; j++) {
		if (polls[j].revents == 0) {
			continue;
		}
		if (polls[j].fd == listener) {
			accept_one();
			continue;
		}
		for (size_t i = 0; i < COMMAND_CONNECTIONS_MAX; i++) {
			if (conns[i].fd == polls[j].fd) {
				read_conn(command, &conns[i]);
				break;
			}
		}
	}
}

/* Prints up to the line that ends the answer. */
static int print_answer(int fd)
{
	FILE *file = fdopen(fd, "r");
	static char line[COMMAND_LINE_MAX];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strcmp(line, "ok\n") == 0) {
			return 0;
		}
		if (strncmp(line, "error: ", 7) == 0) {
			(void)fprintf(stderr, "peer: %s", line + 7);
			return 1;
		}
		(void)fputs(line, stdout);
	}
	(void)fprintf(stderr, "peer: no answer\n");
	return 1;
}

int command_say(const char *path, int count, char **words)
{
	struct sockaddr_un address;
	char line[COMMAND_LINE_MAX];
	size_t at = 0;

	for (int i = 0; i < count; i++) {
		const int put = snprintf(line + at, sizeof(line) - at, "%s%s", i > 0 ? " " : "", words[i]);

		if (put < 0 || (size_t)put >= sizeof(line) - at - 1 || strchr(words[i], '\n') != NULL) {
			(void)fprintf(stderr, "peer: a command is one line of %u bytes at most\n", COMMAND_LINE_MAX);
			return 2;
		}
		at += (size_t)put;
	}
	line[at++] = '\n';
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || !set_path(&address, path) ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    send(fd, line, at, MSG_NOSIGNAL) != (ssize_t)at) {
		(void)fprintf(stderr, "peer: %s: %s\n", path, strerror(errno));
		return 1;
	}
	return print_answer(fd);
}
