/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of HTTP/1.1 (RFC 9112), as much as our server speaks: a status line, headers, and a content by
 * length, in chunks, or until the connection ends. What comes is hostile until it was read here: a head that is too
 * long, a length that is none, an end that is too early each end the call with a sentence.
 */
#include "ctl/call.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define UNFINISHED "the connection ended in the middle of the answer; try again"
enum { CALL_PART_BYTES = 65536 };

static enum ctl_exit wrong(struct call *call, enum ctl_exit how, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static enum ctl_exit wrong(struct call *call, enum ctl_exit how, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(call->why, sizeof(call->why), format, arguments);
	va_end(arguments);
	call_close(call);
	return how;
}

static bool wait_until(struct call *call, short events)
{
	for (;;) {
		const uint64_t now_ms = clock_ms();
		struct pollfd wait = {.fd = call->fd, .events = events};
		const uint64_t left_ms =
			call->deadline_ms > now_ms ? call->deadline_ms - now_ms : 0;
		const int count =
			left_ms == 0 ? 0 : poll(&wait, 1, left_ms < 60000 ? (int)left_ms : 60000);

		if (count > 0) {
			return true;
		}
		if (left_ms == 0 || (count < 0 && errno != EINTR)) {
			return false;
		}
	}
}

static enum ctl_exit connect_unix(struct call *call, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path)) {
		return wrong(call, CTL_USAGE, "the socket's path has more than %zu bytes",
			     sizeof(address.sun_path) - 1);
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	call->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (call->fd < 0 || connect(call->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		const int error = errno;
		const char *next =
			error == ENOENT || error == ECONNREFUSED
				? "is aetherd running here? --socket names another socket"
			: error == EACCES ? "try sudo, or --url with --token-file"
					  : "--socket names another socket";

		return wrong(call, CTL_UNREACHABLE, "%.100s: %s; %s", path, strerror(error), next);
	}
	return CTL_OK;
}

/* http://HOST[:PORT], and HOST is this host: the connection is not encrypted. */
static enum ctl_exit read_url(struct call *call, const char *url, char host[64],
			      struct sockaddr_in *address)
{
	const char *rest = url + 7;
	unsigned long port = 80;
	char *end;

	if (strncmp(url, "http://", 7) != 0) {
		return wrong(call, CTL_USAGE, "\"%.80s\" does not begin with http://", url);
	}
	const size_t count = strcspn(rest, ":/");
	if (count == 0 || count >= 40) {
		return wrong(call, CTL_USAGE, "\"%.80s\" names no host", url);
	}
	memcpy(host, rest, count);
	host[count] = '\0';
	rest += count;
	if (*rest == ':') {
		port = strtoul(rest + 1, &end, 10);
		rest = end;
	}
	if (port == 0 || port > 65535 || (*rest != '\0' && strcmp(rest, "/") != 0)) {
		return wrong(call, CTL_USAGE, "\"%.80s\" is not like http://127.0.0.1:8080", url);
	}
	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (strcmp(host, "localhost") == 0) {
		address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	} else if (inet_pton(AF_INET, host, &address->sin_addr) != 1 ||
		   ntohl(address->sin_addr.s_addr) >> 24 != 127) {
		return wrong(call, CTL_USAGE,
			     "%s is another host, and HTTP would show the token to the network; "
			     "make a tunnel: "
			     "ssh -L 8080:127.0.0.1:8080 %s, then --url http://127.0.0.1:8080",
			     host, host);
	}
	snprintf(host + strlen(host), 64 - strlen(host), ":%lu", port);
	return CTL_OK;
}

static enum ctl_exit connect_url(struct call *call, const char *url, char host[64])
{
	struct sockaddr_in address;
	enum ctl_exit how = read_url(call, url, host, &address);

	if (how != CTL_OK) {
		return how;
	}
	call->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (call->fd < 0 || connect(call->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		return wrong(call, CTL_UNREACHABLE,
			     "%.80s: %s; is aetherd running, and is that its address?", url,
			     strerror(errno));
	}
	return CTL_OK;
}

static enum ctl_exit send_all(struct call *call, const char *bytes, size_t count)
{
	while (count > 0) {
		const ssize_t sent =
			wait_until(call, POLLOUT) ? send(call->fd, bytes, count, MSG_NOSIGNAL) : 0;

		if (sent == 0) {
			return wrong(call, CTL_TIMED_OUT,
				     "the controller took no request in time; --timeout gives it "
				     "longer");
		}
		if (sent < 0 && errno != EAGAIN && errno != EINTR) {
			/* It may have answered before it read all: the answer is worth reading. */
			return errno == EPIPE || errno == ECONNRESET
				       ? CTL_OK
				       : wrong(call, CTL_UNREACHABLE,
					       "the request was not sent: %s", strerror(errno));
		}
		bytes += sent > 0 ? sent : 0;
		count -= sent > 0 ? (size_t)sent : 0;
	}
	return CTL_OK;
}

/* What has come, waited for when there is nothing. 0: the connection's end; -1: *how. */
static ssize_t receive(struct call *call, char *to, size_t room, enum ctl_exit *how)
{
	while (call->deadline_ms > clock_ms()) {
		const ssize_t count = recv(call->fd, to, room, MSG_DONTWAIT);

		if (count >= 0) {
			return count;
		}
		if (errno != EAGAIN && errno != EINTR) {
			*how = wrong(call, CTL_UNREACHABLE,
				     "the connection to the controller broke: %s", strerror(errno));
			return -1;
		}
		(void)wait_until(call, POLLIN);
	}
	*how = wrong(call, CTL_TIMED_OUT,
		     "the controller did not answer in time; --timeout gives it longer");
	return -1;
}

/* More bytes behind those that were not taken. 0: the connection's end; -1: *how. */
static ssize_t fill(struct call *call, enum ctl_exit *how)
{
	memmove(call->bytes, call->bytes + call->at, call->count - call->at);
	call->count -= call->at;
	call->at = 0;
	const ssize_t count = receive(call, call->bytes + call->count,
				      sizeof(call->bytes) - call->count, how);

	call->count += count > 0 ? (size_t)count : 0;
	return count;
}

/* Content of a known length comes straight to where it is wanted. */
static ssize_t receive_content(struct call *call, char *to, size_t room, enum ctl_exit *how)
{
	const ssize_t count = receive(call, to, room < call->left ? room : (size_t)call->left, how);

	if (count == 0) {
		*how = wrong(call, CTL_UNREACHABLE, UNFINISHED);
		return -1;
	}
	call->left -= count > 0 ? (uint64_t)count : 0;
	call->is_over = call->left == 0;
	return count;
}

static bool copy_value(char *to, size_t room, const char *value)
{
	const size_t count = strlen(value);

	for (size_t i = 0; i < count; i++) {
		if ((unsigned char)value[i] < 0x20 || (unsigned char)value[i] > 0x7e) {
			return true;
		}
	}
	snprintf(to, room, "%s", value);
	return true;
}

/* A plain number and nothing else. */
static bool read_number(const char *text, int base, uint64_t *value)
{
	char *end;
	const char *digits = base == 10 ? "0123456789" : "0123456789abcdefABCDEF";

	if (strspn(text, digits) != strlen(text) || strlen(text) == 0 || strlen(text) > 15) {
		return false;
	}
	*value = strtoull(text, &end, base);
	return true;
}

/* One header line, NUL terminated. */
static bool take_header(struct call *call, char *line, bool *has_length)
{
	char *value = strchr(line, ':');

	if (value == NULL || value == line) {
		return false;
	}
	*value++ = '\0';
	value += strspn(value, " \t");
	if (strcasecmp(line, "Content-Length") == 0) {
		*has_length = true;
		return read_number(value, 10, &call->left);
	}
	if (strcasecmp(line, "Transfer-Encoding") == 0) {
		call->is_chunked = strcasecmp(value, "chunked") == 0;
		return call->is_chunked;
	}
	if (strcasecmp(line, "Content-Type") == 0) {
		return copy_value(call->type, sizeof(call->type), value);
	}
	return strcasecmp(line, "X-Request-Id") != 0 ||
	       copy_value(call->request, sizeof(call->request), value);
}

/* The head stands in bytes[0..end), its last line's CRLF included. */
static bool take_head(struct call *call, size_t end)
{
	bool has_length = false;
	char *line = call->bytes;
	char *rest = call->bytes + end;

	for (unsigned number = 0; line < rest; number++) {
		char *stop = memchr(line, '\n', (size_t)(rest - line));

		if (stop == NULL || stop == line || stop[-1] != '\r') {
			return false;
		}
		stop[-1] = '\0';
		if (strlen(line) != (size_t)(stop - 1 - line)) {
			return false;
		}
		if (number == 0) {
			if (strncmp(line, "HTTP/1.1 ", 9) != 0 ||
			    strspn(line + 9, "0123456789") != 3 ||
			    (line[12] != '\0' && line[12] != ' ')) {
				return false;
			}
			call->status = (unsigned)strtoul(line + 9, NULL, 10);
		} else if (!take_header(call, line, &has_length)) {
			return false;
		}
		line = stop + 1;
	}
	call->is_over =
		call->status == 204 || call->status == 304 || (has_length && call->left == 0);
	call->is_until_end = !call->is_chunked && !has_length && !call->is_over;
	return call->status >= 200 && call->status < 600 && !(call->is_chunked && has_length);
}

static enum ctl_exit read_head(struct call *call)
{
	enum ctl_exit how = CTL_OK;

	for (;;) {
		const char *end = memmem(call->bytes, call->count, "\r\n\r\n", 4);

		if (end != NULL) {
			call->at = (size_t)(end - call->bytes) + 4;
			return take_head(call, call->at - 2)
				       ? CTL_OK
				       : wrong(call, CTL_FAILED,
					       "the answer is not HTTP; is that the controller's "
					       "address?");
		}
		if (call->count == sizeof(call->bytes)) {
			return wrong(call, CTL_FAILED,
				     "the answer's head has more than %d bytes; is that the "
				     "controller's address?",
				     CALL_HEAD_BYTES);
		}
		const ssize_t more = fill(call, &how);
		if (more < 0) {
			return how;
		}
		if (more == 0) {
			return wrong(call, CTL_UNREACHABLE,
				     "the connection ended before an answer; is aetherd ending? "
				     "try again");
		}
	}
}

enum ctl_exit call_open(struct call *call, const struct place *place, const char *method,
			const char *path, const char *headers, const char *body,
			uint64_t deadline_ms)
{
	char host[64] = "localhost";
	struct text text = {0};
	enum ctl_exit how;

	call->fd = -1;
	call->status = 0;
	call->type[0] = call->request[0] = call->why[0] = '\0';
	call->deadline_ms = deadline_ms;
	call->is_chunked = call->is_until_end = call->is_over = call->has_chunk = false;
	call->left = 0;
	call->at = call->count = 0;
	how = place->url != NULL ? connect_url(call, place->url, host)
				 : connect_unix(call, place->socket);
	if (how != CTL_OK) {
		return how;
	}
	text_printf(
		&text,
		"%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nUser-Agent: aetherctl\r\n%s",
		method, path, host, headers);
	if (place->token[0] != '\0') {
		text_printf(&text, "Authorization: Bearer %s\r\n", place->token);
	}
	if (body != NULL) {
		text_printf(&text, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
			    strlen(body));
	}
	text_puts(&text, "\r\n");
	text_puts(&text, body != NULL ? body : "");
	how = text.is_broken ? wrong(call, CTL_FAILED, "no memory for the request")
			     : send_all(call, text.bytes, text.length);
	text_free(&text);
	return how == CTL_OK ? read_head(call) : how;
}

/* The next chunk's size, behind the CRLF of the one before. 1: there is one; 0: more bytes are needed; -1: wrong. */
static int take_chunk_size(struct call *call)
{
	char *line = call->bytes + call->at + (call->has_chunk ? 2 : 0);
	const size_t have = call->count - call->at;
	char *end = have < 3 ? NULL : memchr(line, '\n', have - (call->has_chunk ? 2 : 0));

	if (call->has_chunk && have >= 2 && memcmp(call->bytes + call->at, "\r\n", 2) != 0) {
		return -1;
	}
	if (end == NULL) {
		return have > 64 ? -1 : 0;
	}
	if (end == line || end[-1] != '\r') {
		return -1;
	}
	end[-1] = '\0';
	if (!read_number(line, 16, &call->left)) {
		return -1;
	}
	call->at = (size_t)(end + 1 - call->bytes);
	call->has_chunk = true;
	call->is_over = call->left == 0;
	return 1;
}

ssize_t call_read(struct call *call, char *to, size_t room, enum ctl_exit *how)
{
	while (!call->is_over) {
		const bool needs_size = call->is_chunked && call->left == 0;
		const int size = needs_size ? take_chunk_size(call) : 0;

		if (size < 0) {
			*how = wrong(call, CTL_FAILED, "the answer's chunks are damaged");
			return -1;
		}
		if (size > 0) {
			continue;
		}
		if (!needs_size && call->count > call->at) {
			size_t count =
				call->count - call->at < room ? call->count - call->at : room;

			if (!call->is_until_end) {
				count = count < call->left ? count : (size_t)call->left;
				call->left -= count;
				call->is_over = call->left == 0 && !call->is_chunked;
			}
			memcpy(to, call->bytes + call->at, count);
			call->at += count;
			return (ssize_t)count;
		}
		if (!call->is_chunked && !call->is_until_end) {
			return receive_content(call, to, room, how);
		}
		const ssize_t more = fill(call, how);
		if (more < 0) {
			return -1;
		}
		if (more == 0 && !call->is_until_end) {
			*how = wrong(call, CTL_UNREACHABLE, UNFINISHED);
			return -1;
		}
		call->is_over = more == 0;
	}
	return 0;
}

/* The end of a chunk alone is nothing: the next one's size has to be there, too. */
bool call_has_more(struct call *call)
{
	if (!call->is_over && call->is_chunked && call->left == 0) {
		const int size = take_chunk_size(call);
		if (size <= 0) {
			return size < 0;
		}
	}
	return call->is_over || call->count > call->at;
}

void call_close(struct call *call)
{
	if (call->fd >= 0) {
		close(call->fd);
		call->fd = -1;
	}
}

enum ctl_exit call_read_all(struct call *call, struct text *body)
{
	char bytes[CALL_PART_BYTES];
	enum ctl_exit how = CTL_OK;
	ssize_t count;

	body->most = CALL_BODY_MOST;
	while ((count = call_read(call, bytes, sizeof(bytes), &how)) > 0) {
		text_put(body, bytes, (size_t)count);
		if (body->is_broken) {
			return wrong(call, CTL_FAILED, "the answer has more than %d MiB",
				     CALL_BODY_MOST >> 20);
		}
	}
	call_close(call);
	return how;
}
