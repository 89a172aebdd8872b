/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In: connections and requests. Whatever comes is bounded before it is kept: heads by REQUEST_HEAD_MAX, content by
 * HTTP_CONTENT_MAX, connections by their number, and the time without progress. When all connections are taken the
 * one that has been idle longest makes room.
 */
#include "sim/peer/http.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/peer/event.h"
#include "sim/peer/http_conn.h"

#define HTTP_ENDING_MS 2000u

struct http_server {
	int listener;
	struct sockaddr_in address;
	http_handler *handler;
	void *context;
	struct fault_rules *rules;
	uint64_t down_until_ms; /* 0: it is up */
	struct http_conn conns[HTTP_CONNECTIONS_MAX];
};

/* There is one server in the program. */
static struct http_server the_server;

static int listen_at(const struct sockaddr_in *address)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd < 0) {
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 || listen(fd, 64) < 0) {
		const int error = errno;

		(void)close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

struct http_server *http_open(const struct sockaddr_in *address, http_handler *handler, void *context,
			      struct fault_rules *rules)
{
	struct http_server *server = &the_server;

	server->listener = listen_at(address);
	if (server->listener < 0) {
		return NULL;
	}
	server->address = *address;
	server->handler = handler;
	server->context = context;
	server->rules = rules;
	return server;
}

static void conn_close(struct http_conn *conn, bool is_reset)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (is_reset) {
		(void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	}
	if (conn->state == HTTP_REPLYING || conn->state == HTTP_STUCK) {
		http_reply_end(conn, is_reset ? "cut" : "closed");
	}
	(void)close(conn->fd);
	conn->state = HTTP_FREE;
}

void http_go_down(struct http_server *server, uint64_t ms)
{
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		if (server->conns[i].state != HTTP_FREE) {
			conn_close(&server->conns[i], true);
		}
	}
	if (server->listener >= 0) {
		(void)close(server->listener);
		server->listener = -1;
	}
	server->down_until_ms = now_ms() + ms + 1;
	event("down ms=%llu", (unsigned long long)ms);
}

uint64_t http_down_until(const struct http_server *server)
{
	return server->down_until_ms;
}

static void come_up(struct http_server *server)
{
	if (server->down_until_ms == 0 || now_ms() < server->down_until_ms) {
		return;
	}
	server->listener = listen_at(&server->address);
	if (server->listener < 0) {
		event("cannot listen again: %s", strerror(errno));
		server->down_until_ms = now_ms() + 1000;
		return;
	}
	server->down_until_ms = 0;
	event("up");
}

static struct http_conn *find_room(struct http_server *server)
{
	struct http_conn *oldest = &server->conns[0];

	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		struct http_conn *conn = &server->conns[i];

		if (conn->state == HTTP_FREE) {
			return conn;
		}
		if (conn->progress_ms < oldest->progress_ms) {
			oldest = conn;
		}
	}
	conn_close(oldest, true);
	return oldest;
}

static void accept_one(struct http_server *server)
{
	struct sockaddr_in from;
	socklen_t from_bytes = sizeof(from);
	const int fd = accept4(server->listener, (struct sockaddr *)&from, &from_bytes,
			       SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		return;
	}
	struct http_conn *conn = find_room(server);

	conn->state = HTTP_READING;
	conn->fd = fd;
	conn->from = from;
	conn->progress_ms = now_ms();
	conn->requests = 0;
	conn->in_bytes = 0;
	conn->entry_fd = -1;
}

/* Begins the answer with this status to what cannot be read further. */
static void refuse(struct http_server *server, struct http_conn *conn, unsigned status)
{
	const struct http_answer answer = {.status = status};

	conn->request.is_last = true;
	conn->in_bytes = 0;
	http_reply_start(conn, &answer, server->rules);
}

/* Takes a request from what was read, if it has come whole. */
static void take_request(struct http_server *server, struct http_conn *conn)
{
	static struct http_answer answer;
	const size_t most = conn->in_bytes < REQUEST_HEAD_MAX ? conn->in_bytes : REQUEST_HEAD_MAX;
	const size_t head_bytes = request_head_bytes((const char *)conn->in, most);

	if (head_bytes == 0) {
		if (conn->in_bytes >= REQUEST_HEAD_MAX) {
			conn->requests++;
			conn->request = (struct request){.path = "?"};
			refuse(server, conn, 431);
		}
		return;
	}
	unsigned status = request_parse((const char *)conn->in, head_bytes, &conn->request);
	if (status == 0 && conn->request.content_bytes > HTTP_CONTENT_MAX) {
		status = 413;
	}
	if (status != 0) {
		conn->requests++;
		refuse(server, conn, status);
		return;
	}
	const size_t bytes = head_bytes + (size_t)conn->request.content_bytes;
	if (conn->in_bytes < bytes) {
		return;
	}
	conn->requests++;
	answer = (struct http_answer){.status = 404};
	server->handler(server->context, &conn->request, conn->in + head_bytes, &conn->from, &answer);
	conn->in_bytes -= bytes;
	memmove(conn->in, conn->in + bytes, conn->in_bytes);
	http_reply_start(conn, &answer, server->rules);
}

/* False: the connection is gone. What comes while a reply goes out is kept as far as there is room. */
static bool read_more(struct http_conn *conn)
{
	uint8_t unwanted[4096];
	const size_t room = sizeof(conn->in) - conn->in_bytes;
	const ssize_t got = room > 0 ? recv(conn->fd, conn->in + conn->in_bytes, room, 0)
				     : recv(conn->fd, unwanted, sizeof(unwanted), 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		return true;
	}
	if (got <= 0) {
		conn_close(conn, false);
		return false;
	}
	conn->progress_ms = now_ms();
	conn->in_bytes += room > 0 ? (size_t)got : 0;
	return true;
}

static void reply_more(struct http_server *server, struct http_conn *conn)
{
	switch (http_reply_run(conn)) {
	case HTTP_MORE:
		break;
	case HTTP_DONE:
		http_reply_end(conn, "complete");
		conn->state = HTTP_READING;
		break;
	case HTTP_CLOSE:
		http_reply_end(conn, "complete");
		conn->state = HTTP_ENDING;
		(void)shutdown(conn->fd, SHUT_WR);
		break;
	case HTTP_RESET:
		conn_close(conn, true);
		break;
	case HTTP_DOWN:
		http_go_down(server, (uint64_t)conn->fault.value[1]);
		break;
	}
}

/* As long as requests that came one behind the other can be answered at once, but not for ever. */
static void run_conn(struct http_server *server, struct http_conn *conn, short happened)
{
	if ((happened & (POLLIN | POLLHUP | POLLERR)) != 0 && !read_more(conn)) {
		return;
	}
	for (unsigned i = 0; i < 4; i++) {
		if (conn->state == HTTP_READING) {
			take_request(server, conn);
		}
		if (conn->state != HTTP_REPLYING) {
			break;
		}
		reply_more(server, conn);
		if (conn->state != HTTP_READING) {
			break;
		}
	}
	const uint64_t limit = conn->state == HTTP_ENDING ? HTTP_ENDING_MS : HTTP_IDLE_MS;
	if (conn->state != HTTP_FREE && conn->state != HTTP_STUCK && now_ms() - conn->progress_ms > limit) {
		conn_close(conn, true);
	}
}

/* A connection that sends nothing is polled for its end alone. */
static short wanted(const struct http_conn *conn, int *wait_ms)
{
	if (conn->state != HTTP_REPLYING) {
		return POLLIN;
	}
	const uint64_t now = now_ms();
	if (conn->fault.kind == FAULT_DRIP && conn->out_sent == conn->out_bytes && conn->drip_ms > now) {
		const uint64_t wait = conn->drip_ms - now;

		*wait_ms = wait < (uint64_t)*wait_ms ? (int)wait : *wait_ms;
		return POLLIN;
	}
	return POLLOUT;
}

size_t http_poll(struct http_server *server, struct pollfd *polls, int *wait_ms)
{
	size_t count = 0;

	if (server->down_until_ms != 0) {
		*wait_ms = *wait_ms < 20 ? *wait_ms : 20;
	}
	if (server->listener >= 0) {
		polls[count++] = (struct pollfd){.fd = server->listener, .events = POLLIN};
	}
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		const struct http_conn *conn = &server->conns[i];

		if (conn->state != HTTP_FREE) {
			polls[count++] = (struct pollfd){.fd = conn->fd, .events = wanted(conn, wait_ms)};
		}
	}
	return count;
}

void http_run(struct http_server *server, const struct pollfd *polls, size_t count)
{
	come_up(server);
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		struct http_conn *conn = &server->conns[i];

		for (size_t j = 0; conn->state != HTTP_FREE && j < count; j++) {
			if (polls[j].fd == conn->fd) {
				run_conn(server, conn, polls[j].revents);
				break;
			}
		}
	}
	for (size_t j = 0; j < count; j++) {
		if (polls[j].fd == server->listener && polls[j].revents != 0) {
			accept_one(server);
		}
	}
}
