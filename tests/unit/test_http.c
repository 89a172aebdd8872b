/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP client over a fake of lwIP's TCP: what it sends, what it makes of what comes, and when it gives up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lwip/priv/tcp_priv.h>

#include "service/http.h"
#include "unit/small_tcp.h"

enum { HZ = 1000 };

static struct http_outcome outcome;
static uint32_t outcomes;
static uint32_t heads;
static struct http_head head;
static char body[65536];
static size_t body_bytes;
static size_t body_limit;
static uint64_t now;

/* --- the test's side --- */

static bool take_head(void *context, const struct http_head *told)
{
	assert_ptr_equal(context, &outcomes);
	heads++;
	head = *told;
	return true;
}

static bool take_body(void *context, const uint8_t *bytes, size_t count)
{
	assert_ptr_equal(context, &outcomes);
	assert_int_equal(heads, 1);
	memcpy(body + body_bytes, bytes, count);
	body_bytes += count;
	return body_bytes < body_limit;
}

static void take_done(void *context, const struct http_outcome *told)
{
	assert_ptr_equal(context, &outcomes);
	outcomes++;
	outcome = *told;
}

static struct http_request get = {
	.address = 0x0a000202,
	.port = 7480,
	.method = HTTP_GET,
	.path = "/v1/blobs/x",
	.on_head = take_head,
	.on_body = take_body,
	.on_done = take_done,
	.context = &outcomes,
};

static int begin(void **state)
{
	(void)state;
	small_tcp_reset();
	outcomes = 0;
	heads = 0;
	body_bytes = 0;
	body_limit = SIZE_MAX;
	now = 1000000;
	memset(&outcome, 0xff, sizeof(outcome));
	http_init(HZ);
	return 0;
}

static uint32_t start(const struct http_request *request)
{
	uint32_t id = 0;

	assert_true(http_start(request, now, &id));
	assert_int_not_equal(id, 0);
	assert_int_equal(outcomes, 0);
	return id;
}

static struct small_tcp *connect_one(const struct http_request *request)
{
	start(request);
	struct small_tcp *c = &small_tcp[small_tcp_count - 1];
	assert_int_equal(c->connected(c->arg, &c->pcb, ERR_OK), ERR_OK);
	return c;
}

static void arrive(struct small_tcp *c, const char *text, size_t count)
{
	struct pbuf p = {.len = (u16_t)count, .tot_len = (u16_t)count, .ref = 1};

	p.payload = malloc(count);
	memcpy(p.payload, text, count);
	assert_int_equal(c->received(c->arg, &c->pcb, &p, ERR_OK), ERR_OK);
}

static void arrive_text(struct small_tcp *c, const char *text)
{
	arrive(c, text, strlen(text));
}

static void close_by_peer(struct small_tcp *c)
{
	assert_int_equal(c->received(c->arg, &c->pcb, NULL, ERR_OK), ERR_OK);
}

/* As the loop does: sleeps for as long as it is told, until `ms` have passed. Returns when the request was done. */
static uint64_t pass(uint64_t ms)
{
	const uint64_t from = now;
	uint64_t done_at = UINT64_MAX;

	for (;;) {
		http_poll(now);
		if (outcomes != 0 && done_at == UINT64_MAX) {
			done_at = now - from;
		}
		const uint64_t wait = http_wait(now);
		if (now + wait < now || now + wait > from + ms) {
			now = from + ms;
			return done_at;
		}
		assert_true(wait != 0);
		now += wait;
	}
}

static void expect(enum http_result result)
{
	http_poll(now);
	assert_int_equal(outcomes, 1);
	assert_int_equal(outcome.result, result);
	assert_true(http_wait(now) == UINT64_MAX);
	http_poll(now);
	assert_int_equal(outcomes, 1);
}

static void gets(void **state)
{
	(void)state;
	struct small_tcp *c = connect_one(&get);
	assert_int_equal(c->address, 0x0a000202);
	assert_int_equal(c->port, 7480);
	c->sent[c->sent_bytes] = '\0';
	assert_string_equal(c->sent, "GET /v1/blobs/x HTTP/1.1\r\nHost: 10.0.2.2:7480\r\nConnection: close\r\n\r\n");
	arrive_text(c, "HTTP/1.1 200 OK\r\nContent-Len");
	arrive_text(c, "gth: 10\r\n\r\nhello");
	assert_int_equal(heads, 1);
	assert_int_equal(body_bytes, 5);
	arrive_text(c, "world");
	expect(HTTP_DONE);
	assert_int_equal(outcome.status, 200);
	assert_int_equal(outcome.body_bytes, 10);
	assert_int_equal(head.content_length, 10);
	assert_memory_equal(body, "helloworld", 10);
	assert_int_equal(c->window_bytes, 28 + 16 + 5);
	assert_true(c->is_closed);
}

static void asks_for_a_range(void **state)
{
	struct http_request request = get;

	(void)state;
	request.range_start = 5000000000;
	struct small_tcp *c = connect_one(&request);
	c->sent[c->sent_bytes] = '\0';
	assert_non_null(strstr(c->sent, "\r\nRange: bytes=5000000000-\r\n"));
}

static void posts_as_there_is_room(void **state)
{
	static uint8_t bytes[30000];
	struct http_request request = get;

	(void)state;
	memset(bytes, 'b', sizeof(bytes));
	request.method = HTTP_POST;
	request.path = "/v1/hello";
	request.body = bytes;
	request.body_bytes = sizeof(bytes);
	struct small_tcp *c = connect_one(&request);
	assert_int_equal(c->sent_bytes, SMALL_TCP_SEND_BYTES);
	const char *end = strstr(c->sent, "\r\n\r\n");
	assert_non_null(end);
	const size_t head_bytes = (size_t)(end - c->sent) + 4;
	assert_non_null(strstr(c->sent, "POST /v1/hello HTTP/1.1\r\n"));
	assert_non_null(strstr(c->sent, "Content-Length: 30000\r\n"));
	for (int i = 0; i < 5; i++) {
		c->pcb.snd_buf = 5000;
		c->on_sent(c->arg, &c->pcb, 5000);
	}
	assert_int_equal(c->sent_bytes, head_bytes + sizeof(bytes));
	assert_memory_equal(c->sent + head_bytes, bytes, sizeof(bytes));
	arrive_text(c, "HTTP/1.1 204 No Content\r\n\r\n");
	expect(HTTP_DONE);
	assert_true(c->is_closed);
}

static void aborts_what_still_names_the_callers_memory(void **state)
{
	struct http_request request = get;
	struct tcp_seg segment;

	(void)state;
	request.method = HTTP_POST;
	request.body = "body";
	request.body_bytes = 4;
	struct small_tcp *c = connect_one(&request);
	c->pcb.unacked = &segment;
	arrive_text(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
	expect(HTTP_DONE);
	assert_true(c->is_aborted);
}

static void tells_how_it_ended(void **state)
{
	struct small_tcp *c = connect_one(&get);

	arrive_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
	close_by_peer(c);
	expect(HTTP_CLOSED);
	assert_true(c->is_aborted);

	begin(state);
	c = connect_one(&get);
	close_by_peer(c);
	expect(HTTP_CLOSED);
	assert_int_equal(outcome.status, 0);

	begin(state);
	start(&get);
	small_tcp[0].failed(small_tcp[0].arg, ERR_RST);
	expect(HTTP_REFUSED);

	begin(state);
	start(&get);
	small_tcp[0].failed(small_tcp[0].arg, ERR_ABRT);
	expect(HTTP_TIMEOUT_CONNECT);

	begin(state);
	c = connect_one(&get);
	c->failed(c->arg, ERR_ABRT);
	expect(HTTP_TIMEOUT_IDLE);

	begin(state);
	c = connect_one(&get);
	arrive_text(c, "SSH-2.0-OpenSSH\r\n");
	expect(HTTP_BAD_RESPONSE);
	assert_int_equal(outcome.parse_error, HTTP_PARSE_STATUS_LINE);
	assert_true(c->is_aborted);
}

static void needs_a_network_and_memory(void **state)
{
	small_tcp_is_up = false;
	start(&get);
	expect(HTTP_NO_NETWORK);

	begin(state);
	small_tcp_has_memory = false;
	start(&get);
	expect(HTTP_NO_MEMORY);

	begin(state);
	small_tcp_connect_error = ERR_RTE;
	start(&get);
	expect(HTTP_NO_NETWORK);
	assert_true(small_tcp[0].is_aborted);

	begin(state);
	small_tcp_connect_error = ERR_BUF; /* no port is free */
	start(&get);
	expect(HTTP_NO_MEMORY);
}

static void stops_when_it_is_told(void **state)
{
	(void)state;
	body_limit = 3;
	struct small_tcp *c = connect_one(&get);
	arrive_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
	arrive_text(c, "more");
	assert_int_equal(body_bytes, 5);
	expect(HTTP_STOPPED);
	assert_true(c->is_aborted);
}

static void can_be_cancelled(void **state)
{
	struct small_tcp *c = connect_one(&get);

	(void)state;
	http_cancel(1000); /* of another */
	uint32_t id = 0;
	for (uint32_t i = 1; i < HTTP_REQUESTS_MAX; i++) {
		assert_true(http_start(&get, now, &id));
	}
	assert_false(http_start(&get, now, &id));
	http_cancel(id - HTTP_REQUESTS_MAX + 1);
	arrive_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	http_poll(now);
	assert_int_equal(outcomes, 0);
	assert_int_equal(heads, 0);
	assert_true(c->is_aborted);
	assert_true(http_start(&get, now, &id));
}

static void gives_up_in_time(void **state)
{
	start(&get);
	assert_int_equal(pass(20000), 5000);
	expect(HTTP_TIMEOUT_CONNECT);

	begin(state);
	struct http_request request = get;
	request.limits.connect_ms = 700;
	request.limits.idle_ms = 900;
	start(&request);
	assert_int_equal(pass(20000), 700);

	begin(state);
	struct small_tcp *c = connect_one(&request);
	arrive_text(c, "HTTP/1.1 200 OK\r\n");
	pass(500);
	arrive_text(c, "Content-Length: 5\r\n");
	pass(800);
	assert_int_equal(outcomes, 0);
	assert_int_equal(pass(20000), 100);
	expect(HTTP_TIMEOUT_IDLE);

	begin(state);
	request.limits.total_ms = 3000;
	c = connect_one(&request);
	arrive_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
	for (int i = 0; i < 29; i++) {
		arrive_text(c, "x");
		pass(100);
	}
	assert_int_equal(outcomes, 0);
	arrive_text(c, "x");
	pass(101);
	expect(HTTP_TIMEOUT_TOTAL);
}

/* One byte each second keeps a connection from falling silent; it is not enough. */
static void gives_up_on_a_slow_drip(void **state)
{
	struct small_tcp *c = connect_one(&get);
	uint64_t seconds = 0;

	(void)state;
	arrive_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
	for (; seconds < 60 && outcomes == 0; seconds++) {
		arrive_text(c, "x");
		pass(1000);
	}
	assert_in_range(seconds, 10, 11);
	expect(HTTP_TIMEOUT_SLOW);
}

static void goes_on_with_one_that_is_fast_enough(void **state)
{
	static char bytes[1100];
	struct small_tcp *c = connect_one(&get);

	(void)state;
	arrive_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 33000\r\n\r\n");
	memset(bytes, 'x', sizeof(bytes));
	for (int i = 0; i < 30; i++) {
		assert_int_equal(outcomes, 0);
		arrive(c, bytes, sizeof(bytes));
		pass(1000);
	}
	expect(HTTP_DONE);
}

static void restart(void *context, const struct http_outcome *told)
{
	uint32_t id = 0;

	take_done(context, told);
	if (outcomes < 10) {
		assert_true(http_start(&get, now, &id));
	}
}

static void starts_anew_from_its_end(void **state)
{
	struct http_request request = get;

	(void)state;
	request.on_done = restart;
	small_tcp_connect_error = ERR_RTE;
	start(&request);
	http_poll(now);
	assert_int_equal(outcomes, 1);
	http_poll(now); /* the second, which ends for good */
	assert_int_equal(outcomes, 2);
}

static void refuses_requests_that_are_not_well_formed(void **state)
{
	static char path[HTTP_PATH_MAX_BYTES + 1];
	struct http_request request = get;
	uint32_t id = 0;

	(void)state;
	memset(path, '/', HTTP_PATH_MAX_BYTES);
	const char *const paths[] = {NULL, "", "v1", "/a b", "/a\r\nX: y", "/\x7f", path};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		request.path = paths[i];
		assert_false(http_start(&request, now, &id));
	}
	path[HTTP_PATH_MAX_BYTES - 1] = '\0';
	request.path = path;
	assert_true(http_start(&request, now, &id));
	request = get;
	request.body = "x";
	request.body_bytes = 1;
	assert_false(http_start(&request, now, &id)); /* a GET has none */
	request = get;
	request.on_done = NULL;
	assert_false(http_start(&request, now, &id));
}

static void says_what_happened(void **state)
{
	char words[HTTP_WORDS_BYTES];

	(void)state;
	for (int result = HTTP_DONE; result <= HTTP_STOPPED; result++) {
		for (int error = HTTP_PARSE_OK; error <= HTTP_PARSE_RANGE; error++) {
			const struct http_outcome told = {(enum http_result)result, (enum http_parse_error)error, 0, 0};
			http_outcome_words(&told, words);
			assert_in_range(strlen(words), 3, HTTP_WORDS_BYTES - 2);
		}
	}
	http_outcome_words(&(struct http_outcome){HTTP_STOPPED, HTTP_PARSE_OK, 404, 0}, words);
	assert_string_equal(words, "HTTP status 404");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(gets, begin),
		cmocka_unit_test_setup(asks_for_a_range, begin),
		cmocka_unit_test_setup(posts_as_there_is_room, begin),
		cmocka_unit_test_setup(aborts_what_still_names_the_callers_memory, begin),
		cmocka_unit_test_setup(tells_how_it_ended, begin),
		cmocka_unit_test_setup(needs_a_network_and_memory, begin),
		cmocka_unit_test_setup(stops_when_it_is_told, begin),
		cmocka_unit_test_setup(can_be_cancelled, begin),
		cmocka_unit_test_setup(gives_up_in_time, begin),
		cmocka_unit_test_setup(gives_up_on_a_slow_drip, begin),
		cmocka_unit_test_setup(goes_on_with_one_that_is_fast_enough, begin),
		cmocka_unit_test_setup(starts_anew_from_its_end, begin),
		cmocka_unit_test_setup(refuses_requests_that_are_not_well_formed, begin),
		cmocka_unit_test_setup(says_what_happened, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
