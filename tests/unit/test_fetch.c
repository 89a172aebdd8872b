/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fetch over a fake HTTP client: each try is answered as a script says, and every byte that the sink gets is compared
 * with the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "service/fetch.h"

enum { SIZE = 1000, HZ = 1000, TRIES_MAX = 40 };

static struct {
	struct http_request request; /* of the try under way */
	uint32_t id; /* of it; 0: none */
	uint32_t starts;
	uint32_t cancels;
	uint64_t ranges[TRIES_MAX];
	bool is_full;
} client;

static struct fetch fetch;
static uint8_t file[SIZE];
static uint64_t sunk;
static uint64_t sink_limit;

/* The fake client. */

bool http_start(const struct http_request *request, uint64_t now, uint32_t *id)
{
	(void)now;
	if (client.is_full) {
		return false;
	}
	assert_int_equal(client.id, 0);
	assert_true(client.starts < TRIES_MAX);
	client.request = *request;
	client.ranges[client.starts++] = request->range_start;
	client.id = client.starts;
	*id = client.id;
	return true;
}

void http_cancel(uint32_t id)
{
	assert_int_equal(id, client.id);
	client.id = 0;
	client.cancels++;
}

void http_outcome_words(const struct http_outcome *outcome, char words[HTTP_WORDS_BYTES])
{
	words[0] = (char)('0' + (int)outcome->result);
	words[1] = '\0';
}

static void finish(enum http_result result, uint32_t status)
{
	const struct http_outcome outcome = {.result = result, .status = status};

	client.id = 0;
	client.request.on_done(client.request.context, &outcome);
}

/* Answers the try with a head and, when it is taken, the file's bytes from `first`, `count` of them; then ends so. */
static void answer(const struct http_head *head, uint64_t first, uint64_t count, enum http_result result)
{
	if (!client.request.on_head(client.request.context, head)) {
		finish(HTTP_STOPPED, head->status);
		return;
	}
	for (uint64_t at = first; at < first + count; at += 7) {
		const uint64_t left = first + count - at;
		if (!client.request.on_body(client.request.context, file + at, left < 7 ? left : 7)) {
			finish(HTTP_STOPPED, head->status);
			return;
		}
	}
	finish(result, head->status);
}

static void answer_rest(uint64_t first, uint64_t count, enum http_result result)
{
	const struct http_head head = {
		.status = 206,
		.content_length = SIZE - first,
		.has_range = true,
		.range_first = first,
		.range_last = SIZE - 1,
		.range_total = SIZE,
	};
	answer(&head, first, count, result);
}

static void answer_all(uint64_t count, enum http_result result)
{
	const struct http_head head = {.status = 200, .content_length = SIZE};

	answer(&head, 0, count, result);
}

static void answer_status(uint32_t status)
{
	const struct http_head head = {.status = status, .content_length = SIZE};

	answer(&head, 0, 0, HTTP_DONE);
}

static bool sink(void *context, uint64_t offset, const uint8_t *bytes, size_t count)
{
	assert_ptr_equal(context, &sunk);
	assert_int_equal(offset, sunk);
	assert_true(count != 0 && offset + count <= SIZE);
	assert_memory_equal(bytes, file + offset, count);
	sunk += count;
	return sunk < sink_limit;
}

static int begin(void **state)
{
	const struct fetch_request request = {
		.address = 0x0a000202,
		.port = 7480,
		.path = "/v1/blobs/sha256/00",
		.size_bytes = SIZE,
		.sink = sink,
		.context = &sunk,
	};

	(void)state;
	memset(&client, 0, sizeof(client));
	for (size_t i = 0; i < SIZE; i++) {
		file[i] = (uint8_t)(i * 7 + i / 256);
	}
	sunk = 0;
	sink_limit = UINT64_MAX;
	fetch_init(&fetch, HZ);
	return fetch_start(&fetch, &request, 0) ? 0 : -1;
}

static void limit_tries(uint32_t tries_max)
{
	struct fetch_request request = fetch.request;

	request.tries_max = tries_max;
	assert_true(fetch_start(&fetch, &request, 0));
	client.starts = 1;
}

/* Waits until the next try, and returns how many milliseconds that took. */
static uint64_t wait_for_try(void)
{
	const uint64_t from = fetch.now;
	const uint32_t starts = client.starts;
	const uint64_t wait = fetch_wait(&fetch, from);

	assert_int_equal(fetch.progress.state, FETCH_PAUSED);
	assert_true(wait > 0 && wait <= FETCH_BACKOFF_MAX_MS);
	fetch_poll(&fetch, from + wait - 1);
	assert_int_equal(client.starts, starts);
	fetch_poll(&fetch, from + wait);
	assert_int_equal(client.starts, starts + 1);
	return wait;
}

static void expect_done(void)
{
	assert_int_equal(fetch.progress.state, FETCH_DONE);
	assert_int_equal(fetch.progress.done_bytes, SIZE);
	assert_int_equal(sunk, SIZE);
	assert_int_equal(client.id, 0);
	assert_true(fetch_wait(&fetch, 0) == UINT64_MAX);
}

static void expect_failed(enum fetch_why why)
{
	assert_int_equal(fetch.progress.state, FETCH_FAILED);
	assert_int_equal(fetch.progress.why, why);
	assert_int_equal(client.id, 0);
}

static void brings_the_file(void **state)
{
	(void)state;
	assert_int_equal(client.ranges[0], 0);
	answer_all(SIZE, HTTP_DONE);
	expect_done();
	assert_int_equal(fetch.progress.tries, 1);
	assert_int_equal(fetch.progress.resumes, 0);
}

static void goes_on_where_it_was_cut_off(void **state)
{
	(void)state;
	answer_all(300, HTTP_CLOSED);
	wait_for_try();
	assert_int_equal(client.ranges[1], 300);
	answer_rest(300, 1, HTTP_TIMEOUT_IDLE);
	wait_for_try();
	assert_int_equal(client.ranges[2], 301);
	answer_rest(301, SIZE - 301, HTTP_DONE);
	expect_done();
	assert_int_equal(fetch.progress.tries, 3);
	assert_int_equal(fetch.progress.resumes, 2);
}

static void is_done_when_the_last_byte_is_there(void **state)
{
	(void)state;
	answer_all(SIZE, HTTP_REFUSED); /* the end of the connection is of no interest */
	expect_done();
}

static void skips_what_it_has_when_the_server_knows_no_ranges(void **state)
{
	(void)state;
	answer_all(294, HTTP_REFUSED);
	wait_for_try();
	answer_all(203, HTTP_CLOSED); /* all of it is there already */
	assert_int_equal(sunk, 294);
	wait_for_try();
	answer_all(294, HTTP_CLOSED); /* and again */
	assert_int_equal(sunk, 294);
	wait_for_try();
	assert_int_equal(client.ranges[3], 294);
	answer_all(SIZE, HTTP_DONE);
	expect_done();
}

static void waits_longer_and_longer_but_not_for_ever(void **state)
{
	static const uint64_t pauses[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};

	(void)state;
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		finish(HTTP_REFUSED, 0);
		assert_int_equal(wait_for_try(), pauses[i]);
	}
	answer_all(10, HTTP_CLOSED); /* bytes: it begins anew */
	assert_int_equal(wait_for_try(), 100);
	finish(HTTP_TIMEOUT_CONNECT, 0);
	assert_int_equal(wait_for_try(), 100);
	finish(HTTP_TIMEOUT_CONNECT, 0);
	assert_int_equal(wait_for_try(), 200);
	answer_rest(10, SIZE - 10, HTTP_DONE);
	expect_done();
}

static void tries_again_when_the_server_is_busy(void **state)
{
	static const uint32_t statuses[] = {500, 503, 429, 408, 599};

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		answer_status(statuses[i]);
		assert_int_equal(fetch.progress.last.status, statuses[i]);
		wait_for_try();
	}
	answer_all(SIZE, HTTP_DONE);
	expect_done();
}

static void ends_after_the_most_tries_without_a_byte(void **state)
{
	(void)state;
	limit_tries(3);
	finish(HTTP_REFUSED, 0);
	wait_for_try();
	finish(HTTP_REFUSED, 0);
	wait_for_try();
	answer_all(1, HTTP_CLOSED);
	for (int i = 0; i < 3; i++) {
		wait_for_try();
		finish(HTTP_TIMEOUT_SLOW, 200);
	}
	expect_failed(FETCH_WHY_HTTP);
	assert_int_equal(fetch.progress.last.result, HTTP_TIMEOUT_SLOW);
}

static void refuses_redirects(void **state)
{
	static const uint32_t statuses[] = {300, 301, 302, 303, 304, 307, 308};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		assert_int_equal(begin(state), 0);
		answer_status(statuses[i]);
		expect_failed(FETCH_WHY_REDIRECT);
	}
}

static void refuses_other_statuses(void **state)
{
	static const uint32_t statuses[] = {201, 204, 400, 403, 404, 410};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		assert_int_equal(begin(state), 0);
		answer_status(statuses[i]);
		expect_failed(FETCH_WHY_STATUS);
		assert_int_equal(fetch.progress.last.status, statuses[i]);
	}
}

static void refuses_other_lengths(void **state)
{
	static const uint64_t lengths[] = {0, SIZE - 1, SIZE + 1, UINT64_MAX};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const struct http_head head = {.status = 200, .content_length = lengths[i]};
		assert_int_equal(begin(state), 0);
		answer(&head, 0, SIZE, HTTP_DONE);
		expect_failed(FETCH_WHY_LENGTH);
		assert_int_equal(sunk, 0);
	}
	assert_int_equal(begin(state), 0);
	answer_all(300, HTTP_CLOSED);
	wait_for_try();
	answer_status(416); /* the file is shorter than what has arrived */
	expect_failed(FETCH_WHY_LENGTH);
}

static void refuses_other_ranges(void **state)
{
	static const struct http_head heads[] = {
		{206, 701, true, 299, SIZE - 1, SIZE}, {206, 699, true, 301, SIZE - 1, SIZE},
		{206, 699, true, 300, SIZE - 2, SIZE}, {206, SIZE, true, 0, SIZE - 1, SIZE},
		{206, 701, true, 300, SIZE, UINT64_MAX},
	};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		assert_int_equal(begin(state), 0);
		answer_all(300, HTTP_CLOSED);
		wait_for_try();
		answer(&heads[i], 300, 1, HTTP_DONE);
		expect_failed(FETCH_WHY_RANGE);
		assert_int_equal(sunk, 300);
	}
	/* One that nobody asked for. */
	assert_int_equal(begin(state), 0);
	answer_rest(0, SIZE, HTTP_DONE);
	expect_failed(FETCH_WHY_RANGE);
}

static void notices_another_file_behind_a_range(void **state)
{
	const struct http_head head = {206, SIZE - 300, true, 300, SIZE - 1, SIZE + 1};

	(void)state;
	answer_all(300, HTTP_CLOSED);
	wait_for_try();
	answer(&head, 300, 1, HTTP_DONE);
	expect_failed(FETCH_WHY_LENGTH);
}

static void ends_when_it_is_not_http(void **state)
{
	(void)state;
	finish(HTTP_BAD_RESPONSE, 0);
	expect_failed(FETCH_WHY_HTTP);
}

static void ends_when_the_sink_says_so(void **state)
{
	(void)state;
	sink_limit = 500;
	answer_all(SIZE, HTTP_DONE);
	expect_failed(FETCH_WHY_SINK);
	assert_true(sunk >= 500 && sunk < 510);
}

static void waits_for_a_free_request(void **state)
{
	(void)state;
	finish(HTTP_REFUSED, 0);
	client.is_full = true;
	fetch_poll(&fetch, 1000);
	assert_int_equal(fetch.progress.state, FETCH_PAUSED);
	assert_int_equal(fetch.progress.tries, 1);
	client.is_full = false;
	wait_for_try();
	answer_all(SIZE, HTTP_DONE);
	expect_done();
}

static void can_be_cancelled_and_begun_again(void **state)
{
	(void)state;
	answer_all(300, HTTP_CLOSED);
	wait_for_try();
	fetch_cancel(&fetch);
	assert_int_equal(client.cancels, 1);
	assert_int_equal(fetch.progress.state, FETCH_IDLE);
	fetch_poll(&fetch, 1000000);
	assert_int_equal(client.starts, 2);
	sunk = 0;
	const struct fetch_request request = fetch.request;
	assert_true(fetch_start(&fetch, &request, 0));
	assert_int_equal(client.ranges[2], 0);
	answer_all(SIZE, HTTP_DONE);
	expect_done();
}

static void refuses_requests_that_are_not_well_formed(void **state)
{
	struct fetch_request request = fetch.request;

	(void)state;
	request.size_bytes = 0;
	assert_false(fetch_start(&fetch, &request, 0));
	request = fetch.request;
	request.path[0] = 'v';
	assert_false(fetch_start(&fetch, &request, 0));
	memset(request.path, '/', sizeof(request.path));
	assert_false(fetch_start(&fetch, &request, 0));
	assert_int_equal(client.starts, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(brings_the_file, begin),
		cmocka_unit_test_setup(goes_on_where_it_was_cut_off, begin),
		cmocka_unit_test_setup(is_done_when_the_last_byte_is_there, begin),
		cmocka_unit_test_setup(skips_what_it_has_when_the_server_knows_no_ranges, begin),
		cmocka_unit_test_setup(waits_longer_and_longer_but_not_for_ever, begin),
		cmocka_unit_test_setup(tries_again_when_the_server_is_busy, begin),
		cmocka_unit_test_setup(ends_after_the_most_tries_without_a_byte, begin),
		cmocka_unit_test(refuses_redirects),
		cmocka_unit_test(refuses_other_statuses),
		cmocka_unit_test(refuses_other_lengths),
		cmocka_unit_test(refuses_other_ranges),
		cmocka_unit_test_setup(notices_another_file_behind_a_range, begin),
		cmocka_unit_test_setup(ends_when_it_is_not_http, begin),
		cmocka_unit_test_setup(ends_when_the_sink_says_so, begin),
		cmocka_unit_test_setup(waits_for_a_free_request, begin),
		cmocka_unit_test_setup(can_be_cancelled_and_begun_again, begin),
		cmocka_unit_test_setup(refuses_requests_that_are_not_well_formed, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
