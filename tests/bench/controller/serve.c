/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fleet for browser.mjs: aetherd and virtual nodes whose guests echo. Says one line of JSON when all run, then
 * obeys a line of standard input at a time and answers each with one line; ends with its input.
 *
 *     fail N       the guest of node N fails: wall clock (microseconds) at which the beat that says so was made
 *     hello N      a node that nobody knew says hello: wall clock just before
 *     discover N   the same with a DHCP DISCOVER on the loopback interface; 0: no packet socket (not root)
 *     clients N    N raw clients of the stream, with a browser's topics, from now on; how many are connected
 *     open         how many still are
 *     bytes        what all of them have got
 *     cpu          seconds of CPU that aetherd has used
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/controller/fleet.h"

enum { CLIENTS_MOST = 512, TELEMETRY_NODES = 40, WAIT_MS = 5000, NEW_FIRST = 60000 };

static struct clients {
	struct pollfd fds[CLIENTS_MOST];
	unsigned count;
	pthread_t thread;
	atomic_bool is_ending;
	atomic_ulong bytes;
	atomic_uint open;
} clients;

static _Atomic uint64_t failed_us;

static uint64_t wall_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void failed(unsigned number)
{
	(void)number;
	atomic_store(&failed_us, wall_us());
}

static uint64_t fail(struct fleet_bench *bench, unsigned number)
{
	const uint64_t until_ms = clock_ms() + WAIT_MS;

	if (number >= bench->count) {
		return 0;
	}
	atomic_store(&failed_us, 0);
	atomic_store(&bench->beats.orders[number], BEATS_FAIL);
	while (atomic_load(&failed_us) == 0 && clock_ms() < until_ms) {
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	}
	return atomic_load(&failed_us);
}

static uint64_t hello(const struct fleet_bench *bench, unsigned number)
{
	struct virtual_node node;
	struct hello_answer answer;

	virtual_node_begin(&node, NEW_FIRST + number, 0);
	node.ip.s_addr = htonl(0x7f020000u + number % 60000 + 1);
	const uint64_t at_us = wall_us();
	const bool ok = virtual_node_say_hello(&node, &bench->http, &answer);
	virtual_node_end(&node);
	return ok ? at_us : 0;
}

/* --- raw clients of the stream --- */

static void *drain(void *argument)
{
	static char bytes[65536];

	(void)argument;
	while (!atomic_load(&clients.is_ending)) {
		(void)poll(clients.fds, clients.count, 100);
		for (unsigned i = 0; i < clients.count; i++) {
			if (clients.fds[i].revents == 0) {
				continue;
			}
			const ssize_t came = recv(clients.fds[i].fd, bytes, sizeof(bytes), MSG_DONTWAIT);
			if (came > 0) {
				atomic_fetch_add(&clients.bytes, (unsigned long)came);
			} else if (came == 0 || (errno != EAGAIN && errno != EINTR)) {
				close(clients.fds[i].fd);
				clients.fds[i].fd = -1;
				atomic_fetch_sub(&clients.open, 1);
			}
		}
	}
	return NULL;
}

static int connect_one(const struct fleet_bench *bench, const char *request)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons(bench->subject.people_port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[16] = "";

	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0 ||
	    send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 ||
	    recv(fd, answer, 12, MSG_WAITALL) != 12 || strcmp(answer, "HTTP/1.1 200") != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static unsigned start_clients(const struct fleet_bench *bench, unsigned count)
{
	char request[2048];
	size_t at = (size_t)snprintf(request, sizeof(request),
				     "GET /api/v1/stream?topics=nodes,events,boots,system,telemetry");

	if (clients.thread != 0 || count > CLIENTS_MOST) {
		return 0;
	}
	for (unsigned i = 0; i < TELEMETRY_NODES && i < bench->count; i++) {
		at += (size_t)snprintf(request + at, sizeof(request) - at, "%c%s", i == 0 ? ':' : '+',
				       bench->ids[i]);
	}
	(void)snprintf(request + at, sizeof(request) - at,
		       " HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: Bearer %s\r\n\r\n",
		       bench->subject.people_port, bench->subject.token);
	for (unsigned i = 0; i < count; i++) {
		const int fd = connect_one(bench, request);
		if (fd >= 0) {
			clients.fds[clients.count++] = (struct pollfd){.fd = fd, .events = POLLIN};
		}
	}
	atomic_store(&clients.open, clients.count);
	(void)pthread_create(&clients.thread, NULL, drain, NULL);
	return clients.count;
}

static void end_clients(void)
{
	if (clients.thread != 0) {
		atomic_store(&clients.is_ending, true);
		pthread_join(clients.thread, NULL);
	}
	for (unsigned i = 0; i < clients.count; i++) {
		if (clients.fds[i].fd >= 0) {
			close(clients.fds[i].fd);
		}
	}
}

/* --- its words --- */

static void obey(struct fleet_bench *bench, const char *line)
{
	char word[16] = "";
	unsigned number = 0;

	(void)sscanf(line, "%15s %u", word, &number);
	if (strcmp(word, "fail") == 0) {
		printf("%llu\n", (unsigned long long)fail(bench, number));
	} else if (strcmp(word, "hello") == 0) {
		printf("%llu\n", (unsigned long long)hello(bench, number));
	} else if (strcmp(word, "discover") == 0) {
		printf("%llu\n", (unsigned long long)serve_discover(NEW_FIRST + number));
	} else if (strcmp(word, "clients") == 0) {
		printf("%u\n", start_clients(bench, number));
	} else if (strcmp(word, "open") == 0) {
		printf("%u\n", atomic_load(&clients.open));
	} else if (strcmp(word, "bytes") == 0) {
		printf("%lu\n", atomic_load(&clients.bytes));
	} else if (strcmp(word, "cpu") == 0) {
		printf("%.2f\n", subject_cpu_s(&bench->subject, NULL));
	} else {
		printf("unknown\n");
	}
	fflush(stdout);
}

static bool introduce(const struct fleet_bench *bench)
{
	json_t *link = subject_ask(&bench->subject, "POST", "/api/v1/sign-in-links", NULL);
	const char *url = json_string_value(json_object_get(link, "url"));
	const bool ok = url != NULL;

	if (ok) {
		printf("{\"link\":\"%s\",\"pid\":%d,\"ids\":[", url, (int)bench->subject.pid);
		for (unsigned i = 0; i < bench->count; i++) {
			printf("%s\"%s\"", i == 0 ? "" : ",", bench->ids[i]);
		}
		printf("]}\n");
		fflush(stdout);
	}
	json_decref(link);
	return ok;
}

int serve(unsigned count, const char *program, const char *bundle)
{
	static struct fleet_bench bench;
	char line[128];
	bool ok = fleet_begin(&bench, count, program, bundle, true);

	bench.beats.failed = failed; /* no order was given yet */

	if (ok) {
		ok = introduce(&bench);
		while (ok && fgets(line, sizeof(line), stdin) != NULL) {
			obey(&bench, line);
		}
	}
	end_clients();
	fleet_end(&bench);
	return ok ? 0 : 1;
}
