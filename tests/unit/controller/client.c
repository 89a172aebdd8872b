/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/controller/client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENT_WAIT_MS = 5000 };

int client_connect(uint16_t port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons(port),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int client_connect_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

bool client_send(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		const ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
		if (sent <= 0) {
			return false;
		}
		bytes += sent;
		count -= (size_t)sent;
	}
	return true;
}

static ssize_t receive(int fd, char *to, size_t room)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};

	return poll(&one, 1, CLIENT_WAIT_MS) == 1 ? recv(fd, to, room, 0) : -1;
}

/* In place: the pieces without their lengths. Returns the bytes; SIZE_MAX: the last piece is not there yet. */
static size_t unchunk(char *body, size_t count)
{
	size_t from = 0;
	size_t to = 0;

	while (from < count) {
		char *end = memchr(body + from, '\n', count - from);
		if (end == NULL) {
			return SIZE_MAX;
		}
		const size_t piece = strtoul(body + from, NULL, 16);
		from = (size_t)(end - body) + 1;
		if (piece == 0) {
			return to;
		}
		if (count - from < piece + 2) {
			return SIZE_MAX;
		}
		memmove(body + to, body + from, piece);
		to += piece;
		from += piece + 2;
	}
	return SIZE_MAX;
}

static bool is_whole(struct client_answer *answer)
{
	const char *length = client_header(answer, "Content-Length");

	if (length != NULL) {
		return answer->body_bytes >= strtoul(length, NULL, 10);
	}
	const char *coding = client_header(answer, "Transfer-Encoding");
	if (coding != NULL && strcasecmp(coding, "chunked") == 0) {
		char *copy = malloc(answer->body_bytes + 1);
		memcpy(copy, answer->body, answer->body_bytes);
		const size_t count = unchunk(copy, answer->body_bytes);
		if (count != SIZE_MAX) {
			memcpy(answer->body, copy, count);
			answer->body_bytes = count;
		}
		free(copy);
		return count != SIZE_MAX;
	}
	return answer->status == 204 || answer->status == 304;
}

void client_read(int fd, bool has_body, struct client_answer *answer)
{
	size_t have = 0;
	char *end = NULL;

	memset(answer, 0, sizeof(*answer));
	answer->body = calloc(1, CLIENT_BODY_BYTES + 1);
	while (end == NULL && have < sizeof(answer->head) - 1) {
		const ssize_t count =
			receive(fd, answer->head + have, sizeof(answer->head) - 1 - have);
		if (count <= 0) {
			return;
		}
		have += (size_t)count;
		answer->head[have] = '\0';
		end = strstr(answer->head, "\r\n\r\n");
	}
	if (end == NULL || sscanf(answer->head, "HTTP/1.%*d %u", &answer->status) != 1) {
		return;
	}
	answer->body_bytes = have - (size_t)(end + 4 - answer->head);
	memcpy(answer->body, end + 4, answer->body_bytes);
	end[2] = '\0';
	while (has_body && !is_whole(answer) && answer->body_bytes < CLIENT_BODY_BYTES) {
		const ssize_t count = receive(fd, answer->body + answer->body_bytes,
					      CLIENT_BODY_BYTES - answer->body_bytes);
		if (count <= 0) {
			break;
		}
		answer->body_bytes += (size_t)count;
	}
	answer->body[answer->body_bytes] = '\0';
}

void client_free(struct client_answer *answer)
{
	free(answer->body);
	answer->body = NULL;
}

const char *client_header(const struct client_answer *answer, const char *name)
{
	static _Thread_local char value[1024];
	const size_t length = strlen(name);

	for (const char *line = strstr(answer->head, "\r\n"); line != NULL;
	     line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
			const char *text = line + length + 1 + strspn(line + length + 1, " ");
			snprintf(value, sizeof(value), "%.*s", (int)strcspn(text, "\r"), text);
			return value;
		}
	}
	return NULL;
}

/* Whether one of the lines begins so: "localhost:81" in the value of another is no Host. */
static bool has_line(const char *headers, const char *name)
{
	for (const char *line = headers; line != NULL && *line != '\0'; line += strcspn(line, "\n")) {
		line += *line == '\n';
		if (strncasecmp(line, name, strlen(name)) == 0) {
			return true;
		}
	}
	return false;
}

static void ask(int fd, const char *method, const char *target, const char *headers,
		const char *body, struct client_answer *answer)
{
	char head[CLIENT_HEAD_BYTES];
	int count = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\n%s%sConnection: close\r\n",
			     method, target, has_line(headers, "host:") ? "" : "Host: localhost\r\n",
			     headers != NULL ? headers : "");

	if (body != NULL) {
		count += snprintf(head + count, sizeof(head) - (size_t)count,
				  "Content-Length: %zu\r\n%s", strlen(body),
				  has_line(headers, "content-type:") ? "" : "Content-Type: application/json\r\n");
	}
	count += snprintf(head + count, sizeof(head) - (size_t)count, "\r\n");
	if (fd >= 0) {
		client_send(fd, head, (size_t)count);
		if (body != NULL) {
			client_send(fd, body, strlen(body));
		}
	}
	client_read(fd, strcmp(method, "HEAD") != 0, answer);
	if (fd >= 0) {
		close(fd);
	}
}

void client_ask(uint16_t port, const char *method, const char *target, const char *headers,
		const char *body, struct client_answer *answer)
{
	ask(client_connect(port), method, target, headers, body, answer);
}

void client_ask_unix(const char *path, const char *method, const char *target, const char *headers,
		     const char *body, struct client_answer *answer)
{
	ask(client_connect_unix(path), method, target, headers, body, answer);
}

json_t *client_json(const struct client_answer *answer)
{
	return json_loadb(answer->body, answer->body_bytes, JSON_DECODE_ANY, NULL);
}
