/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory ends at the n-th allocation of our own code, for n = 1, 2, ... until a request needs no more: each time it is
 * answered or says what failed, what it changes is as before or done, and with memory back it works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "http/exchange.h"
#include "unit/controller/api_bed.h"

enum { TRIES_MOST = 400 };

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static atomic_uint fails_at; /* 0: never */
static atomic_uint asked;

/* Of any thread, since the writer's and the operations' work for a request too. */
static bool is_enough(void)
{
	const unsigned at = atomic_load(&fails_at);

	return at != 0 && atomic_fetch_add(&asked, 1) + 1 == at;
}

void *__wrap_malloc(size_t size)
{
	return is_enough() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_enough() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return is_enough() ? NULL : __real_realloc(old, size);
}

/* Runs a route as the server does, without the server. False: *fail. */
static bool run(const char *method, const char *target, const char *body, struct text *said, struct fail *fail)
{
	static struct http_server server;
	static struct exchange x;
	struct http_reply reply = {.fd = -1};

	x = (struct exchange){.server = &server};
	x.request = (struct http_request){
		.method = method, .by = HTTP_BY_SOCKET, .actor = "uid:0", .id = "memory-1", .connection = &x};
	assert_true(uri_parse(&x.uri, target, fail));
	x.request.path = x.uri.path;
	route_find(api_routes, api_route_count, method, x.uri.path, &x.match);
	assert_non_null(x.match.route);
	for (unsigned i = 0; i < x.match.param_count; i++) {
		x.request.params[i] = strcmp(x.match.params[i], "NODE") == 0 ? bed.node : x.match.params[i];
	}
	x.request.json = body != NULL ? json_loads(body, 0, NULL) : NULL;
	bool is_done = x.match.route->handler(bed.api, &x.request, &reply, fail);
	if (is_done && (reply.body.is_broken || reply.headers.is_broken)) {
		is_done = fail_set(fail, FAIL_UNAVAILABLE, "no memory for the answer"); /* as exchange_answer() */
	}
	json_decref(x.request.json);
	text_free(&reply.headers);
	*said = reply.body;
	return is_done;
}

struct request {
	const char *method, *target, *body;
	const char *shown_by, *shows; /* a success is seen here */
};

static bool is_shown(const struct request *request)
{
	struct text said = {0};
	struct fail fail = {0};

	if (!run("GET", request->shown_by, NULL, &said, &fail)) {
		fail_msg("%s: %s", request->shown_by, fail.text);
	}
	const bool is = strstr(said.bytes, request->shows) != NULL;
	text_free(&said);
	return is;
}

static unsigned try_all(const struct request *request)
{
	for (unsigned n = 1; n < TRIES_MOST; n++) {
		struct text said = {0};
		struct fail fail = {0};

		atomic_store(&asked, 0);
		atomic_store(&fails_at, n);
		const bool is_done = run(request->method, request->target, request->body, &said, &fail);
		const bool has_failed = atomic_load(&asked) >= n;
		atomic_store(&fails_at, 0);
		if (!is_done && (fail.kind == FAIL_NONE || fail.text[0] == '\0')) {
			fail_msg("%s %s: allocation %u failed, and it did not say so", request->method,
				 request->target, n);
		}
		if (is_done && !is_shown(request)) {
			fail_msg("%s %s: done with allocation %u missing, and nothing is seen of it", request->method,
				 request->target, n);
		}
		text_free(&said);
		if (!has_failed) {
			assert_true(is_done);
			return n;
		}
	}
	fail_msg("%s %s needs no end of memory", request->method, request->target);
	return 0;
}

static void a_request_is_done_or_refused(void **state)
{
	static const struct request requests[] = {
		{"GET", "/api/v1/nodes", NULL, "/api/v1/nodes", "n-"},
		{"GET", "/api/v1/nodes/NODE", NULL, "/api/v1/nodes/NODE", "macs"},
		{"GET", "/api/v1/nodes/NODE/boots", NULL, "/api/v1/nodes/NODE/boots", "items"},
		{"GET", "/api/v1/nodes/NODE/telemetry", NULL, "/api/v1/nodes/NODE/telemetry", "{"},
		{"GET", "/api/v1/events", NULL, "/api/v1/events", "items"},
		{"GET", "/api/v1/system", NULL, "/api/v1/system", "version"},
		{"PATCH", "/api/v1/nodes/NODE", "{\"name\":\"shelf-1\",\"labels\":{\"a\":\"b\"},\"cordoned\":true}",
		 "/api/v1/nodes/NODE", "shelf-1"},
		{"POST", "/api/v1/nodes/NODE/approve", NULL, "/api/v1/nodes/NODE", "\"admission\":\"approved\""},
		{"POST", "/api/v1/nodes/NODE/locate", "{\"on\":true}", "/api/v1/nodes/NODE", "\"locating\":true"},
		{"POST", "/api/v1/nodes/NODE/restart-guests", NULL, "/api/v1/nodes/NODE", "approved"},
		{"POST", "/api/v1/nodes/NODE/power", "{\"action\":\"on\"}", "/api/v1/nodes/NODE", "approved"},
		{"POST", "/api/v1/nodes/NODE/retire", NULL, "/api/v1/nodes/NODE", "\"admission\":\"retired\""},
		{"POST", "/api/v1/rules",
		 "{\"matches\":{\"network\":\"lan9\"},\"count\":3,\"ends\":\"2099-01-01T00:00:00Z\"}", "/api/v1/rules",
		 "lan9"},
		{"POST", "/api/v1/tokens", "{\"name\":\"ci\"}", "/api/v1/tokens", "\"ci\""},
		{"PATCH", "/api/v1/settings", "{\"interval_ms\":2000}", "/api/v1/settings", "2000"},
	};

	(void)state;
	api_bed_hello(1, 100);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		const unsigned n = try_all(&requests[i]);
		print_message("# %s %s: %u allocations\n", requests[i].method, requests[i].target, n - 1);
	}
}

/* A new machine each time: it is taken whole, or can say hello again. */
static void a_hello_is_taken_or_refused(void **state)
{
	bool has_failed = true;
	unsigned n = 0;

	(void)state;
	while (has_failed && ++n < TRIES_MOST) {
		struct fail fail = {0};

		atomic_store(&asked, 0);
		atomic_store(&fails_at, n);
		const bool is_taken = api_bed_try_hello(1000 + n, 5000 + n, &fail);
		has_failed = atomic_load(&asked) >= n;
		atomic_store(&fails_at, 0);
		assert_true(is_taken || (fail.kind != FAIL_NONE && fail.text[0] != '\0'));
		api_bed_hello(1000 + n, 5000 + n);
	}
	assert_false(has_failed);
	assert_true(n > 2);
	print_message("# hello: %u allocations\n", n - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_done_or_refused),
		cmocka_unit_test(a_hello_is_taken_or_refused),
	};

	return cmocka_run_group_tests(tests, api_bed_make, api_bed_remove);
}
