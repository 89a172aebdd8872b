/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/1.0 request: the answer ends with the connection, so nothing has to be understood but its first line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/tool/tool.h"

enum { ANSWER_MOST = 8 << 20, HEAD_MOST = 1024, TIMEOUT_S = 20 };

static int send_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		const ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);

		if (sent <= 0) {
			return -1;
		}
		bytes += sent;
		count -= (size_t)sent;
	}
	return 0;
}

static size_t receive_all(int fd, char *answer)
{
	size_t length = 0;
	ssize_t count;

	while (length < ANSWER_MOST && (count = recv(fd, answer + length, ANSWER_MOST - length, 0)) > 0) {
		length += (size_t)count;
	}
	answer[length] = '\0';
	return length;
}

int tool_ask(int argc, char **argv)
{
	char head[HEAD_MOST];
	const char *body = argc > 3 ? argv[3] : "";
	char *answer = malloc(ANSWER_MOST + 1);

	if (argc < 3 || argc > 4 || answer == NULL) {
		fputs("sim-tool: ask SOCKET METHOD PATH [BODY]\n", stderr);
		return 2;
	}
	const int fd = tool_connect(argv[0], TIMEOUT_S);
	const int length =
		snprintf(head, sizeof(head),
			 "%s %s HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
			 "Content-Length: %zu\r\n\r\n",
			 argv[1], argv[2], strlen(body));
	if (fd < 0 || length < 0 || (size_t)length >= sizeof(head) || send_all(fd, head, (size_t)length) < 0 ||
	    send_all(fd, body, strlen(body)) < 0) {
		fprintf(stderr, "sim-tool: %s does not answer\n", argv[0]);
		return 1;
	}
	receive_all(fd, answer);
	close(fd);
	const char *content = strstr(answer, "\r\n\r\n");
	const char *status = strchr(answer, ' ');
	if (content != NULL) {
		puts(content + 4);
	}
	const int is_good = status != NULL && status[1] == '2';
	free(answer);
	return !is_good;
}
