/* SPDX-License-Identifier: Apache-2.0 */
/* The controller's base: texts and their limits, JSON of hostile strings (read back by jansson), times, ids, log lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

/* --- fail --- */

static void fails_are_cut_and_have_a_status(void **state)
{
	(void)state;
	struct fail fail;
	char longer[2 * FAIL_TEXT_BYTES];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_false(fail_set(&fail, FAIL_STALE, "%s", longer));
	assert_int_equal(fail.kind, FAIL_STALE);
	assert_int_equal(strlen(fail.text), FAIL_TEXT_BYTES - 1);
	assert_false(fail_set(NULL, FAIL_STALE, "nobody asks"));
	assert_int_equal(fail_status(FAIL_STALE), 412);
	assert_int_equal(fail_status((enum fail_kind)1000), 500);
	assert_string_equal(fail_title(FAIL_NOT_FOUND), "There is no such thing");
	assert_string_equal(fail_title((enum fail_kind)1000), "The controller failed");
}

/* --- text --- */

static void a_text_grows_and_holds_its_limit(void **state)
{
	(void)state;
	struct text text = { .most = 1000 };

	for (int i = 0; i < 100; i++) {
		text_put(&text, "0123456789", 10);
	}
	assert_false(text.is_broken);
	assert_int_equal(text.length, 1000);
	text_put(&text, "", 0);
	assert_false(text.is_broken);
	text_put(&text, "x", 1);
	assert_true(text.is_broken);
	assert_int_equal(text.length, 1000);
	text_reset(&text);
	assert_string_equal(text.bytes, "");
	text_printf(&text, "%0*d", 1000, 7);
	assert_int_equal(text.length, 1000);
	assert_int_equal(text.bytes[999], '7');
	text_printf(&text, "%s", "x");
	assert_true(text.is_broken);
	text_puts(&text, "nor this");
	assert_int_equal(text.length, 1000);
	text_free(&text);
	assert_null(text.bytes);
	text_put(&text, "again", 5);
	text_put(&text, "huge", SIZE_MAX);
	assert_true(text.is_broken);
	assert_string_equal(text.bytes, "again");
	text_free(&text);
}

static void utf8_is_what_the_rfc_says(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		unsigned length;
	} cases[] = {
		{ "a", 1 },
		{ "\x7f", 1 },
		{ "\x80", 0 },
		{ "\xc0\x80", 0 }, /* overlong */
		{ "\xc1\xbf", 0 },
		{ "\xc2\x80", 2 },
		{ "\xc3", 0 }, /* cut */
		{ "\xc3(", 0 },
		{ "\xe0\x9f\xbf", 0 },
		{ "\xe0\xa0\x80", 3 },
		{ "\xed\x9f\xbf", 3 },
		{ "\xed\xa0\x80", 0 }, /* surrogate */
		{ "\xef\xbf\xbf", 3 },
		{ "\xe2\x82", 0 },
		{ "\xe2\x82(", 0 },
		{ "\xf0\x8f\xbf\xbf", 0 },
		{ "\xf0\x90\x80\x80", 4 },
		{ "\xf4\x8f\xbf\xbf", 4 },
		{ "\xf4\x90\x80\x80", 0 }, /* above U+10FFFF */
		{ "\xf5\x80\x80\x80", 0 },
		{ "\xff", 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(text_utf8(cases[i].bytes, strlen(cases[i].bytes)), cases[i].length);
	}
	assert_int_equal(text_utf8("", 0), 0);
}

/* --- json --- */

/* What jansson makes of `value` once it was written. */
static void check_string(const char *value, size_t count, const char *expected, size_t expected_count)
{
	struct text text = { 0 };
	struct json json = { .to = &text };

	json_begin_object(&json, NULL);
	json_text_n(&json, "s", value, count);
	json_end_object(&json);
	assert_false(text.is_broken);
	for (size_t i = 0; i < text.length; i++) {
		assert_true((unsigned char)text.bytes[i] >= 0x20 && text.bytes[i] != 0x7f);
	}
	json_error_t error;
	json_t *read = json_loadb(text.bytes, text.length, JSON_ALLOW_NUL, &error);
	assert_non_null(read);
	const json_t *string = json_object_get(read, "s");
	assert_int_equal(json_string_length(string), expected_count);
	assert_memory_equal(json_string_value(string), expected, expected_count);
	json_decref(read);
	text_free(&text);
}

#define check_literal(value, expected) check_string(value, sizeof(value) - 1, expected, sizeof(expected) - 1)

static void hostile_strings_stay_strings(void **state)
{
	(void)state;
	check_literal("", "");
	check_literal("\"},{\"admin\":true", "\"},{\"admin\":true");
	check_literal("\\\"\\u0000", "\\\"\\u0000");
	check_literal("a\0b\n\r\t\x1b[31m\x7f", "a\0b\n\r\t\x1b[31m\x7f");
	check_literal("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	check_literal("\xf0\x9f\xa6\x8a", "\xf0\x9f\xa6\x8a");
	check_literal("\xc2\x9b"
		      "31m",
		      "\xc2\x9b"
		      "31m");
	check_literal("\xe2\x80\xa8\xe2\x80\xa9", "\xe2\x80\xa8\xe2\x80\xa9");
	/* What is no UTF-8 becomes U+FFFD, a byte at a time, and what follows is not swallowed. */
	check_literal("\xff\"", "\xef\xbf\xbd\"");
	check_literal("\xc3\"x", "\xef\xbf\xbd\"x");
	check_literal("\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd");
	check_literal("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void every_pair_of_bytes_is_valid_json(void **state)
{
	(void)state;
	struct text text = { 0 };
	struct json json = { .to = &text };

	json_begin_array(&json, NULL);
	for (unsigned pair = 0; pair < 0x10000; pair++) {
		const char bytes[2] = { (char)(pair >> 8), (char)(pair & 0xff) };
		json_text_n(&json, NULL, bytes, 2);
	}
	json_end_array(&json);
	assert_false(text.is_broken);
	json_t *read = json_loadb(text.bytes, text.length, JSON_ALLOW_NUL, NULL);
	assert_non_null(read);
	assert_int_equal(json_array_size(read), 0x10000);
	json_decref(read);
	text_free(&text);
}

static void control_bytes_are_escaped_in_the_output(void **state)
{
	(void)state;
	struct text text = { 0 };
	struct json json = { .to = &text };

	json_text(&json, NULL, "\x01\x1b\x7f\xc2\x85\xe2\x80\xa8\xff");
	assert_string_equal(text.bytes, "\"\\u0001\\u001b\\u007f\\u0085\\u2028\\ufffd\"");
	text_free(&text);
}

static void values_and_nesting(void **state)
{
	(void)state;
	struct text text = { 0 };
	struct json json = { .to = &text };

	json_begin_object(&json, NULL);
	json_u64(&json, "zero", 0);
	json_u64(&json, "exact", UINT64_C(1) << 53);
	json_u64(&json, "above", (UINT64_C(1) << 53) + 1);
	json_u64(&json, "most", UINT64_MAX);
	json_i64(&json, "minus", -42);
	json_i64(&json, "least", INT64_MIN);
	json_begin_array(&json, "empty");
	json_end_array(&json);
	json_begin_array(&json, "doubles");
	json_double(&json, NULL, 0.1);
	json_double(&json, NULL, 1.0 / 3.0);
	json_double(&json, NULL, 1e300);
	json_double(&json, NULL, (double)NAN);
	json_double(&json, NULL, (double)INFINITY);
	json_end_array(&json);
	json_begin_object(&json, "in\"ner");
	json_end_object(&json);
	json_bool(&json, "yes", true);
	json_bool(&json, "no", false);
	json_nil(&json, "nil");
	json_text(&json, "none", NULL);
	json_time(&json, "never", 0);
	json_time(&json, "at", 1767323045678);
	json_raw(&json, "raw", "[1]", 3);
	json_end_object(&json);
	assert_false(text.is_broken);
	assert_string_equal(text.bytes,
			    "{\"zero\":0,\"exact\":9007199254740992,\"above\":\"9007199254740993\","
			    "\"most\":\"18446744073709551615\",\"minus\":-42,\"least\":\"-9223372036854775808\","
			    "\"empty\":[],\"doubles\":[0.1,0.3333333333333333,1e+300,null,null],\"in\\\"ner\":{},"
			    "\"yes\":true,\"no\":false,\"nil\":null,\"none\":null,\"never\":null,"
			    "\"at\":\"2026-01-02T03:04:05.678Z\",\"raw\":[1]}");
	text_free(&text);
}

static void deep_nesting_is_balanced(void **state)
{
	(void)state;
	enum { DEPTH = 1000 };
	struct text text = { 0 };
	struct json json = { .to = &text };

	for (int i = 0; i < DEPTH; i++) {
		json_begin_array(&json, NULL);
		json_u64(&json, NULL, 1);
	}
	for (int i = 0; i < DEPTH; i++) {
		json_end_array(&json);
	}
	json_t *read = json_loadb(text.bytes, text.length, 0, NULL);
	assert_non_null(read);
	json_decref(read);
	text_free(&text);
}

static void json_in_a_full_text_is_seen(void **state)
{
	(void)state;
	struct text text = { .most = 20 };
	struct json json = { .to = &text };

	json_begin_object(&json, NULL);
	json_text(&json, "key", "0123456789012345678901234567890");
	json_end_object(&json);
	assert_true(text.is_broken);
	assert_true(text.length <= 20);
	text_free(&text);
}

/* --- clock --- */

static void times_are_rfc_3339(void **state)
{
	(void)state;
	char text[CLOCK_TEXT_BYTES];

	assert_string_equal(clock_print(0, text), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_print(1709164799999, text), "2024-02-28T23:59:59.999Z");
	assert_string_equal(clock_print(1709164800000, text), "2024-02-29T00:00:00.000Z");
	assert_string_equal(clock_print(INT64_MIN, text), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_print(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
	const uint64_t before = clock_us();
	assert_true(clock_us() >= before);
	assert_true(clock_wall_ms() > 1700000000000);
}

/* --- id --- */

static void ids_are_valid_and_differ(void **state)
{
	(void)state;
	char ids[100][ID_BYTES];

	for (int i = 0; i < 100; i++) {
		id_make('n', ids[i]);
		assert_true(id_is_valid('n', ids[i]));
		assert_false(id_is_valid('b', ids[i]));
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(ids[i], ids[j]);
		}
	}
	static const char *const bad[] = { "",
					   "n",
					   "n-",
					   "n-012345678",
					   "n-01234567890",
					   "n-012345678i",
					   "n-012345678/",
					   "n-012345678A",
					   "n_0123456789" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(id_is_valid('n', bad[i]));
	}
	assert_true(id_is_valid('n', "n-0123456789"));
}

static void hex_goes_both_ways(void **state)
{
	(void)state;
	static const uint8_t bytes[] = { 0x00, 0x9a, 0xff };
	uint8_t back[3] = { 1, 2, 3 };
	char text[7];

	assert_string_equal(hex_print(bytes, 3, text), "009aff");
	assert_true(hex_parse("009AfF", back, 3));
	assert_memory_equal(back, bytes, 3);
	static const char *const bad[] = { "", "009af", "009aff0", "009afg", "0x9aff", "009af ", "-09aff" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(hex_parse(bad[i], back, 3));
		assert_memory_equal(back, bytes, 3);
	}
}

/* --- log --- */

static int kept_stderr;
static int log_pipe[2];

static int catch_log(void **state)
{
	(void)state;
	kept_stderr = dup(STDERR_FILENO);
	return pipe2(log_pipe, O_NONBLOCK) == 0 && dup2(log_pipe[1], STDERR_FILENO) >= 0 ? 0 : -1;
}

static int release_log(void **state)
{
	(void)state;
	(void)dup2(kept_stderr, STDERR_FILENO);
	(void)close(kept_stderr);
	(void)close(log_pipe[0]);
	(void)close(log_pipe[1]);
	log_set_level(LOG_INFO);
	log_set_request(NULL);
	return 0;
}

/* Everything written since, without the times of the lines. */
static char *caught(char *line, size_t size)
{
	const ssize_t count = read(log_pipe[0], line, size - 1);
	line[count < 0 ? 0 : count] = '\0';
	return strlen(line) > CLOCK_TEXT_BYTES ? line + CLOCK_TEXT_BYTES : line;
}

static void log_lines_cannot_be_forged(void **state)
{
	(void)state;
	char line[4096];

	log_info("link", "node says %s", "a\n2026 error x: forged\x1b[2J\xc2\x9b\xff gr\xc3\xbcn");
	assert_string_equal(caught(line, sizeof(line)),
			    "info link: node says a?2026 error x: forged?[2J??? gr\xc3\xbcn\n");
	log_set_request("r-17");
	log_error("http", "no");
	assert_string_equal(caught(line, sizeof(line)), "error http request=r-17: no\n");
	log_set_request(NULL);
	log_debug("http", "not shown");
	assert_string_equal(caught(line, sizeof(line)), "");
	log_set_level(LOG_DEBUG);
	log_debug("http", "shown");
	assert_string_equal(caught(line, sizeof(line)), "debug http: shown\n");
}

static void log_lines_are_cut(void **state)
{
	(void)state;
	char line[4096];
	char hostile[3000];

	memset(hostile, 'x', sizeof(hostile) - 1);
	hostile[sizeof(hostile) - 1] = '\0';
	log_info("link", "%s", hostile);
	const ssize_t count = read(log_pipe[0], line, sizeof(line));
	assert_int_equal(count, 1024);
	assert_int_equal(line[1023], '\n');
	log_set_request(hostile);
	log_info("link", "still said");
	assert_non_null(strstr(caught(line, sizeof(line)), "still said\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fails_are_cut_and_have_a_status),
		cmocka_unit_test(a_text_grows_and_holds_its_limit),
		cmocka_unit_test(utf8_is_what_the_rfc_says),
		cmocka_unit_test(hostile_strings_stay_strings),
		cmocka_unit_test(every_pair_of_bytes_is_valid_json),
		cmocka_unit_test(control_bytes_are_escaped_in_the_output),
		cmocka_unit_test(values_and_nesting),
		cmocka_unit_test(deep_nesting_is_balanced),
		cmocka_unit_test(json_in_a_full_text_is_seen),
		cmocka_unit_test(times_are_rfc_3339),
		cmocka_unit_test(ids_are_valid_and_differ),
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test_setup_teardown(log_lines_cannot_be_forged, catch_log, release_log),
		cmocka_unit_test_setup_teardown(log_lines_are_cut, catch_log, release_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
