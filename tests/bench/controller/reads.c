/* SPDX-License-Identifier: Apache-2.0 */
/* A loader for HTTP: one thread, epoll, one request at a time on each connection; every answer's length is read. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/controller/load.h"

enum { CONNECTIONS_MOST = 256, HEAD_BYTES = 2048, TIMES_MOST = 4000000 };

struct connection {
	int fd;
	uint64_t asked_us;
	char head[HEAD_BYTES];
	size_t head_count;
	uint64_t left; /* of the content */
	bool has_head, is_good;
};

static bool ask(const struct reads *reads, struct connection *c)
{
	c->has_head = false;
	c->head_count = 0;
	c->asked_us = clock_us();
	const size_t count = strlen(reads->request);
	return send(c->fd, reads->request, count, MSG_NOSIGNAL) == (ssize_t)count;
}

/* How much of the bytes was content. False: no HTTP. */
static bool take_head(struct connection *c, const char *bytes, size_t count, size_t *rest)
{
	const size_t room = sizeof(c->head) - 1 - c->head_count;
	const size_t some = count < room ? count : room;

	memcpy(c->head + c->head_count, bytes, some);
	c->head[c->head_count + some] = '\0';
	const char *end = strstr(c->head, "\r\n\r\n");
	if (end == NULL) {
		c->head_count += some;
		*rest = 0;
		return some == count;
	}
	const char *length = strcasestr(c->head, "\r\nContent-Length: ");
	const size_t used = (size_t)(end + 4 - c->head) - c->head_count;
	c->is_good = strncmp(c->head, "HTTP/1.1 200", 12) == 0;
	c->left = length == NULL ? 0 : strtoull(length + 18, NULL, 10);
	c->has_head = true;
	*rest = count - used;
	return length != NULL;
}

/* 1: an answer is whole; 0: not yet; -1: broken. */
static int take(struct connection *c)
{
	static char bytes[1 << 18];
	const ssize_t count = recv(c->fd, bytes, sizeof(bytes), 0);
	size_t rest = count > 0 ? (size_t)count : 0;

	if (count <= 0) {
		return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	}
	if (!c->has_head && !take_head(c, bytes, (size_t)count, &rest)) {
		return -1;
	}
	if (rest > c->left) {
		return -1;
	}
	c->left -= rest;
	return c->has_head && c->left == 0;
}

static int by_size(const void *a, const void *b)
{
	const uint32_t one = *(const uint32_t *)a;
	const uint32_t other = *(const uint32_t *)b;

	return one < other ? -1 : one > other;
}

static bool open_all(const struct reads *reads, struct connection *all, int epoll)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons(reads->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int one = 1;

	for (unsigned i = 0; i < reads->connections; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
		all[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (all[i].fd < 0 ||
		    connect(all[i].fd, (const struct sockaddr *)&to, sizeof(to)) != 0 ||
		    setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
		    epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) != 0) {
			return false;
		}
		fcntl(all[i].fd, F_SETFL, O_NONBLOCK);
		if (!ask(reads, &all[i])) {
			return false;
		}
	}
	return true;
}

static bool loop(struct reads *reads, struct connection *all, int epoll, uint32_t *times)
{
	const uint64_t started_us = clock_us();
	const uint64_t end_us = started_us + reads->seconds * UINT64_C(1000000);
	struct epoll_event events[CONNECTIONS_MOST];

	while (clock_us() < end_us) {
		const int count = epoll_wait(epoll, events, CONNECTIONS_MOST, 100);
		for (int i = 0; i < count; i++) {
			struct connection *c = &all[events[i].data.u32];
			const int is_whole = take(c);
			if (is_whole < 0) {
				return false;
			}
			if (is_whole > 0) {
				reads->bad += !c->is_good;
				if (reads->answers < TIMES_MOST) {
					times[reads->answers++] =
						(uint32_t)(clock_us() - c->asked_us);
				}
				if (!ask(reads, c)) {
					return false;
				}
			}
		}
	}
	reads->per_second = (double)reads->answers * 1e6 / (double)(clock_us() - started_us);
	return true;
}

bool reads_run(struct reads *reads)
{
	struct connection *all = calloc(CONNECTIONS_MOST, sizeof(*all));
	uint32_t *times = malloc(TIMES_MOST * sizeof(*times));
	const int epoll = epoll_create1(EPOLL_CLOEXEC);

	reads->answers = reads->bad = 0;
	bool ok = all != NULL && times != NULL && epoll >= 0 &&
		  reads->connections <= CONNECTIONS_MOST && open_all(reads, all, epoll) &&
		  loop(reads, all, epoll, times) && reads->answers > 0;
	if (ok) {
		qsort(times, reads->answers, sizeof(*times), by_size);
		reads->p50_ms = times[reads->answers / 2] / 1000.0;
		reads->p99_ms = times[reads->answers * 99 / 100] / 1000.0;
	}
	for (unsigned i = 0; all != NULL && i < reads->connections && i < CONNECTIONS_MOST; i++) {
		if (all[i].fd > 0) {
			close(all[i].fd);
		}
	}
	if (epoll >= 0) {
		close(epoll);
	}
	free(times);
	free(all);
	return ok;
}
