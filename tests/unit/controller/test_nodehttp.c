/* SPDX-License-Identifier: Apache-2.0 */
/* The listener of nodes: what it has, to whom, what it refuses, and how far a transfer is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "nodehttp/own.h"
#include "unit/controller/link_bed.h"

static struct virtual_reply reply;
static const struct in_addr anywhere;

static unsigned get(struct in_addr from, const char *kind, const char *hex, const char *fields)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/v1/%s/sha256/%s", kind, hex);
	return virtual_http(from, &bed.http_address, "GET", path, fields, NULL, 0, &reply) ? reply.status : 0;
}

static void an_approved_node_fetches(void **state)
{
	struct virtual_node node;

	(void)state;
	bed_run(&node, 1);
	assert_int_equal(get(node.ip, "manifests", bed.manifest_hex, NULL), 200);
	assert_int_equal(reply.count, 25);
	assert_memory_equal(reply.bytes, "the manifest of the test", 25);
	assert_non_null(strstr(reply.head, "Content-Length: 25\r\n"));
	assert_null(strstr(reply.head, "Transfer-Encoding"));
	assert_int_equal(get(node.ip, "blobs", bed.manifest_hex, "Range: bytes=4-\r\n"), 206);
	assert_memory_equal(reply.bytes, "manifest of the test", 21);
	assert_int_equal(reply.count, 21);
	assert_non_null(strstr(reply.head, "Content-Range: bytes 4-24/25\r\n"));
	assert_int_equal(get(node.ip, "blobs", bed.manifest_hex, "Range: bytes=4-11\r\n"), 206);
	assert_int_equal(reply.count, 8);
	assert_memory_equal(reply.bytes, "manifest", 8);
	assert_int_equal(get(node.ip, "blobs", bed.manifest_hex, "Range: bytes=25-\r\n"), 416);
	assert_int_equal(get(node.ip, "blobs", bed.manifest_hex, "Range: bytes=-5\r\n"), 200);
	assert_int_equal(reply.count, 25);
	virtual_node_end(&node);
}

static void nobody_else_does(void **state)
{
	struct virtual_node node;
	struct hello_answer answer;
	struct fail fail;

	(void)state;
	const struct in_addr stranger = {.s_addr = htonl(0x7f020202)};
	assert_int_equal(get(stranger, "manifests", bed.manifest_hex, NULL), 403);
	virtual_node_begin(&node, 1, 0);
	node.ip.s_addr = htonl(0x7f010001);
	assert_true(virtual_node_say_hello(&node, &bed.http_address, &answer));
	assert_int_equal(get(node.ip, "blobs", bed.manifest_hex, NULL), 403);
	assert_non_null(strstr((const char *)reply.bytes, "approve"));
	bed_approve(&node);
	assert_int_equal(get(node.ip, "blobs", bed.manifest_hex, NULL), 200);
	assert_int_equal(get(stranger, "blobs", bed.manifest_hex, NULL), 403);
	assert_true(fleet_admit(bed.fleet, bed_id_of(&node), ACT_RETIRE, 0, &bed_who, &fail));
	assert_int_equal(get(node.ip, "blobs", bed.manifest_hex, NULL), 403);
	virtual_node_end(&node);
}

static unsigned request(const char *method, const char *path, const char *fields, size_t body_bytes)
{
	static const char body[2 * HELLO_MAX_BYTES];

	return virtual_http(anywhere, &bed.http_address, method, path, fields, body, body_bytes, &reply) ? reply.status
													 : 0;
}

static void all_else_is_refused(void **state)
{
	static const struct {
		const char *method, *path, *fields;
		size_t body_bytes;
		unsigned status;
	} cases[] = {
		{"GET", "/", NULL, 0, 404},
		{"GET", "/v1/hello", NULL, 0, 405},
		{"PUT", "/v1/hello", NULL, 10, 405},
		{"POST", "/v1/hello", NULL, 0, 400},
		{"POST", "/v1/hello", NULL, 100, 400},
		{"POST", "/v1/hello", NULL, HELLO_MAX_BYTES, 400},
		{"POST", "/v1/hello", NULL, HELLO_MAX_BYTES + 1, 413},
		{"POST", "/v1/hello", "Content-Length: 99999999999999999999\r\n", 0, 413},
		{"POST", "/v1/hello/", NULL, 0, 404},
		{"GET", "/v1/blobs/sha256/", NULL, 0, 404},
		{"GET", "/v1/blobs/sha256/../../aether.db", NULL, 0, 404},
		{"GET", "/v1/blobs/sha256/%2e%2e%2f%2e%2e%2faether.db", NULL, 0, 404},
		{"GET", "/api/v1/nodes", NULL, 0, 404},
		{"POST", "/v1/hello", "Host: evil.example\r\n", 100, 403},
		{"POST", "/v1/hello", "Host: 10.9.9.9:7480\r\n", 100, 403},
		{"GET", "/v1/blobs/sha256/0000000000000000000000000000000000000000000000000000000000000000",
		 "Host: evil.example\r\n", 0, 403},
		{"DELETE", "/v1/blobs/sha256/0000000000000000000000000000000000000000000000000000000000000000", NULL, 0,
		 405},
		{"POST", "/v1/blobs/sha256/0000000000000000000000000000000000000000000000000000000000000000", NULL, 0,
		 405},
		{"GET", "/v1/blobs/sha256/0000000000000000000000000000000000000000000000000000000000000000", NULL, 0,
		 403},
		{"GET", "/v1/blobs/sha256/000000000000000000000000000000000000000000000000000000000000000g", NULL, 0,
		 404},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const unsigned status = request(cases[i].method, cases[i].path, cases[i].fields, cases[i].body_bytes);

		if (status != cases[i].status) {
			print_error("%s %s: %u\n", cases[i].method, cases[i].path, status);
		}
		/* A body that nobody reads may end the connection before its answer is read. */
		assert_true(status == cases[i].status || (cases[i].status == 413 && status == 0));
	}
}

/* Raw bytes on a connection of its own; returns it. */
static int say(struct in_addr from, const char *bytes, size_t count)
{
	const struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = from};
	const struct timeval wait = {.tv_sec = 10};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	assert_int_equal(bind(fd, (const struct sockaddr *)&local, sizeof(local)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&bed.http_address, sizeof(bed.http_address)), 0);
	assert_int_equal(send(fd, bytes, count, MSG_NOSIGNAL), count);
	return fd;
}

static void a_chunked_body_is_bounded_too(void **state)
{
	static char body[3 * HELLO_MAX_BYTES];
	static const char head[] = "POST /v1/hello HTTP/1.1\r\nHost: 127.0.0.1\r\n"
				   "Transfer-Encoding: chunked\r\n\r\nc000\r\n";
	char answer[64];

	(void)state;
	memset(body, 'A', sizeof(body));
	const int fd = say(anywhere, head, sizeof(head) - 1);
	(void)send(fd, body, 0xc000, MSG_NOSIGNAL);
	assert_true(recv(fd, answer, sizeof(answer), 0) <= 0);
	(void)close(fd);
	assert_int_equal(request("GET", "/", NULL, 0), 404);
}

static void a_slow_client_is_dropped(void **state)
{
	char answer[64];

	(void)state;
	const uint64_t begin_ms = clock_ms();
	const int fd = say(anywhere, "POST /v1/hello HTTP/1.1\r\n", 25);
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 0);
	assert_true(clock_ms() - begin_ms < 8000);
	(void)close(fd);
}

static void a_connection_is_used_again(void **state)
{
	struct virtual_node node;
	char head[512], answer[4096];
	size_t count = 0;
	ssize_t got;

	(void)state;
	bed_run(&node, 1);
	const int length = snprintf(head, sizeof(head),
				    "GET /v1/blobs/sha256/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
				    "GET /v1/blobs/sha256/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
				    bed.manifest_hex, bed.manifest_hex);
	const int fd = say(node.ip, head, (size_t)length);
	while ((got = recv(fd, answer + count, sizeof(answer) - 1 - count, 0)) > 0) {
		count += (size_t)got;
	}
	answer[count] = '\0';
	for (char *at = answer; (at = memchr(at, '\0', count - (size_t)(at - answer))) != NULL; at++) {
		*at = '.'; /* the manifest ends in one */
	}
	answer[count] = '\0';
	const char *first = strstr(answer, "the manifest of the test");
	assert_non_null(first);
	assert_non_null(strstr(first + 1, "the manifest of the test"));
	(void)close(fd);
	virtual_node_end(&node);
}

static bool shown_has(const char *id, const char *words)
{
	struct text text = {.bytes = NULL};
	uint64_t rev;

	assert_true(fleet_show(bed.fleet, id, true, &text, &rev));
	const bool has = strstr(text.bytes, words) != NULL;

	text_free(&text);
	return has;
}

static void wait_shown(const char *id, const char *words)
{
	const uint64_t end = clock_ms() + 5000;

	while (!shown_has(id, words)) {
		if (clock_ms() > end) {
			struct text text = {.bytes = NULL};
			uint64_t rev;

			(void)fleet_show(bed.fleet, id, true, &text, &rev);
			print_error("%s\n", text.bytes);
			text_free(&text);
		}
		assert_true(clock_ms() < end);
		(void)poll(NULL, 0, 5);
	}
}

enum { LARGE_BYTES = 64 << 20 };

/* Says hello and is approved: it has nothing yet. */
static void begin_fetching(struct virtual_node *node)
{
	struct hello_answer answer;

	virtual_node_begin(node, 1, 0);
	node->ip.s_addr = htonl(0x7f010001);
	assert_true(virtual_node_say_hello(node, &bed.http_address, &answer));
	bed_approve(node);
}

/* Takes half of the blob, and goes. */
static void take_half(const struct virtual_node *node, const char *hex, const uint8_t *blob,
		      void (*halfway)(const char *hex))
{
	char head[256];
	size_t count = 0;

	const int length = snprintf(head, sizeof(head),
				    "GET /v1/blobs/sha256/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", hex);
	const int fd = say(node->ip, head, (size_t)length);
	uint8_t *got = malloc(LARGE_BYTES / 2);
	assert_non_null(got);
	while (count < LARGE_BYTES / 2) {
		const ssize_t now = recv(fd, got + count, LARGE_BYTES / 2 - count, 0);
		assert_true(now > 0);
		count += (size_t)now;
	}
	const uint8_t *body = memmem(got, 1024, "\r\n\r\n", 4);
	assert_non_null(body);
	assert_memory_equal(body + 4, blob, LARGE_BYTES / 2 - 1024);
	free(got);
	halfway(hex);
	(void)close(fd);
}

static char id_of_it[ID_BYTES];

/* Its step says how far it is. */
static void look_halfway(const char *hex)
{
	char words[96];
	struct nodehttp_figures figures;

	(void)snprintf(words, sizeof(words), "\"detail\":\"%s\"", hex);
	wait_shown(id_of_it, words);
	nodehttp_figures(bed.http, &figures);
	assert_int_equal(figures.transfers, 1);
	wait_shown(id_of_it, "\"total\":67108864");
	assert_false(shown_has(id_of_it, "\"bytes\":67108864"));
}

/* A blob that does not fit into the sockets' buffers: halfway its step says so, and when the client is gone. */
static void a_transfer_is_a_step_of_the_boot(void **state)
{
	struct virtual_node node;
	struct fail fail;
	char hex[BLOB_HEX_BYTES], range[64];
	struct nodehttp_figures figures = {.cut = 0};

	(void)state;
	uint8_t *blob = malloc(LARGE_BYTES);
	assert_non_null(blob);
	for (size_t i = 0; i < LARGE_BYTES; i++) {
		blob[i] = (uint8_t)(i * 31 >> 7);
	}
	assert_true(blobs_put(bed.blobs, blob, LARGE_BYTES, NULL, hex, &fail));
	begin_fetching(&node);
	memcpy(id_of_it, bed_id_of(&node), sizeof(id_of_it));
	take_half(&node, hex, blob, look_halfway);
	for (unsigned i = 0; i < 500 && figures.cut == 0; i++) {
		(void)poll(NULL, 0, 10);
		nodehttp_figures(bed.http, &figures);
	}
	assert_int_equal(figures.cut, 1);
	assert_true(figures.bytes >= LARGE_BYTES / 2 - 1024 && figures.bytes < LARGE_BYTES);
	assert_false(shown_has(id_of_it, "\"bytes\":67108864"));
	/* The rest. */
	(void)snprintf(range, sizeof(range), "Range: bytes=%d-\r\n", LARGE_BYTES / 2);
	assert_int_equal(get(node.ip, "blobs", hex, range), 206);
	assert_int_equal(reply.total, LARGE_BYTES / 2);
	assert_memory_equal(reply.bytes, blob + LARGE_BYTES / 2, sizeof(reply.bytes));
	wait_shown(id_of_it, "\"bytes\":67108864");
	/* One that the controller does not have. */
	hex[0] = hex[0] == '0' ? '1' : '0';
	assert_int_equal(get(node.ip, "blobs", hex, NULL), 404);
	wait_shown(id_of_it, "blob-missing");
	free(blob);
	virtual_node_end(&node);
}

static void ranges(void **state)
{
	uint64_t first, count;

	(void)state;
	assert_int_equal(range_parse(NULL, 10, &first, &count), 0);
	assert_int_equal(range_parse("bytes=0-", 10, &first, &count), 1);
	assert_true(first == 0 && count == 10);
	assert_int_equal(range_parse("bytes=3-3", 10, &first, &count), 1);
	assert_true(first == 3 && count == 1);
	assert_int_equal(range_parse("bytes=9-99999999999", 10, &first, &count), 1);
	assert_true(first == 9 && count == 1);
	assert_int_equal(range_parse("bytes=10-", 10, &first, &count), -1);
	static const char *const ignored[] = {"",
					      "bytes",
					      "bytes=",
					      "bytes=-5",
					      "bytes=5-3",
					      "bytes=a-",
					      "bytes=1-2,4-5",
					      "bytes=1",
					      "lines=1-2",
					      "bytes=1-x",
					      "bytes=99999999999999999999-",
					      "bytes=1- "};
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		assert_int_equal(range_parse(ignored[i], 10, &first, &count), 0);
		assert_true(first == 0 && count == 10);
	}
}

enum { STORM = 1000, STORM_THREADS = 64 };
static atomic_uint storm_next, storm_good;

static void *storm(void *argument)
{
	unsigned number;

	(void)argument;
	while ((number = atomic_fetch_add(&storm_next, 1)) < STORM) {
		struct virtual_node node;
		struct hello_answer answer;

		virtual_node_begin(&node, number, 0);
		/* Strangers are taken at a bounded rate: who is refused asks again, as nodes do. */
		for (unsigned tries = 0; tries < 200; tries++) {
			if (virtual_node_say_hello(&node, &bed.http_address, &answer)) {
				atomic_fetch_add(&storm_good, answer.status == HELLO_PENDING);
				break;
			}
			(void)poll(NULL, 0, 100);
		}
	}
	return NULL;
}

static void a_storm_of_hellos_is_answered(void **state)
{
	pthread_t threads[STORM_THREADS];
	struct text text = {.bytes = NULL};
	char next[ID_BYTES];
	const struct fleet_filter filter = {.admission = "pending", .most = STORM};

	(void)state;
	const uint64_t begin_ms = clock_ms();
	atomic_store(&storm_next, 0);
	for (unsigned i = 0; i < STORM_THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, storm, NULL), 0);
	}
	for (unsigned i = 0; i < STORM_THREADS; i++) {
		(void)pthread_join(threads[i], NULL);
	}
	print_message("%d hellos, durable: %llu ms\n", STORM, (unsigned long long)(clock_ms() - begin_ms));
	assert_int_equal(atomic_load(&storm_good), STORM);
	assert_int_equal(fleet_list(bed.fleet, &filter, &text, next), STORM);
	text_free(&text);
}

/* So many connections that stand open do not keep a node out. */
static void many_connections_at_once(void **state)
{
	enum { CONNECTIONS = 900 };
	static int fds[CONNECTIONS];
	struct virtual_node node;
	struct hello_answer answer;
	struct rlimit limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		fds[i] = say(anywhere, "GET", 3);
	}
	virtual_node_begin(&node, 1, 0);
	node.ip.s_addr = htonl(0x7f010001);
	assert_true(virtual_node_say_hello(&node, &bed.http_address, &answer));
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		(void)close(fds[i]);
	}
	virtual_node_end(&node);
}

#define T(name) cmocka_unit_test_setup_teardown(name, bed_make, bed_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),      T(an_approved_node_fetches),	    T(nobody_else_does),
		T(all_else_is_refused),	       T(a_chunked_body_is_bounded_too),    T(a_slow_client_is_dropped),
		T(a_connection_is_used_again), T(a_transfer_is_a_step_of_the_boot), T(a_storm_of_hellos_is_answered),
		T(many_connections_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
