/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP responses in pieces of every size: what is taken, what is refused, and with what reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/http_parse.h"

enum { BODY_MAX_BYTES = 64, TEXT_BYTES = 16384 };

static struct http_parser parser;
static char body[BODY_MAX_BYTES + 1];

/* Feeds the text in pieces of `piece` bytes, each in memory of its own size. Returns how many bytes were taken. */
static size_t feed(const char *text, size_t count, size_t piece)
{
	size_t taken = 0;
	size_t body_count = 0;

	http_parser_init(&parser);
	memset(body, 0, sizeof(body));
	while (taken < count) {
		const size_t size = count - taken < piece ? count - taken : piece;
		uint8_t *bytes = malloc(size);
		size_t part = 0;
		memcpy(bytes, text + taken, size);
		const size_t n = http_parse(&parser, bytes, size, &part);
		assert_true(n <= size && part <= n);
		assert_true(body_count + part <= BODY_MAX_BYTES);
		memcpy(body + body_count, bytes + n - part, part);
		body_count += part;
		taken += n;
		free(bytes);
		if (n == 0) {
			break;
		}
	}
	return taken;
}

/* In every size of piece the same; a body's bytes are those behind the head. */
static void expect(const char *text, enum http_parse_state state, enum http_parse_error error, uint32_t status,
		   const char *want_body)
{
	const size_t count = strlen(text);

	for (size_t piece = 1; piece <= count; piece++) {
		feed(text, count, piece);
		assert_int_equal(parser.state, state);
		assert_int_equal(parser.error, error);
		if (state != HTTP_PARSE_FAILED) {
			assert_int_equal(parser.head.status, status);
			assert_string_equal(body, want_body);
		}
	}
}

static void good(const char *text, uint32_t status, const char *want_body)
{
	expect(text, HTTP_PARSE_COMPLETE, HTTP_PARSE_OK, status, want_body);
}

static void bad(const char *text, enum http_parse_error error)
{
	expect(text, HTTP_PARSE_FAILED, error, 0, "");
}

static void takes_whole_responses(void **state)
{
	(void)state;
	good("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
	good("HTTP/1.0 200\r\ncontent-length:5\t \r\n\r\nhello", 200, "hello");
	good("HTTP/1.1 200 \nCONTENT-LENGTH: 5\n\nhello", 200, "hello");
	good("HTTP/1.1 404 Not Found: at all\r\nServer: x\r\nContent-Length: 0\r\n\r\n", 404, "");
	good("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
	good("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, "");
	good("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 1\r\nX-Empty:\r\n\r\nx", 200, "x");
}

static void leaves_what_is_behind_the_body(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 no";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		assert_int_equal(feed(text, sizeof(text) - 1, piece), sizeof(text) - 1 - strlen("HTTP/1.1 500 no"));
		assert_int_equal(parser.state, HTTP_PARSE_COMPLETE);
		assert_string_equal(body, "ok");
	}
}

static void skips_interim_responses(void **state)
{
	(void)state;
	good("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nContent-Length: 9\r\n\r\n"
	     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	     200, "ok");
	/* A length of an interim response is not the response's. */
	bad("HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nHTTP/1.1 200 OK\r\n\r\nok", HTTP_PARSE_NO_LENGTH);
	bad("HTTP/1.1 101 Switching Protocols\r\n\r\n", HTTP_PARSE_STATUS_LINE);
}

static void refuses_other_status_lines(void **state)
{
	static const char *const lines[] = {
		"HTTP/2 200 OK",   "HTTP/1.1  200 OK", "http/1.1 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK",
		"HTTP/1.1 099 OK", "HTTP/1.1 600 OK",  "HTTP/1.x 200 OK", "HTTP/1.1 200OK", "SSH-2.0-OpenSSH",
		"HTTP/1.12 200 O", "ICY 200 OK",       "HTTP/1.1 -20 OK", "",
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(text, sizeof(text), "%s\r\nContent-Length: 0\r\n\r\n", lines[i]);
		bad(text, HTTP_PARSE_STATUS_LINE);
	}
}

static void refuses_lengths_that_are_none(void **state)
{
	static const char *const lengths[] = {"",    "-1",   "+1",  "1,1", "0x10",
					      "1 1", "1.0",  "1;q", "ten", "1234567890123456789",
					      "5\r\nContent-Length: 5", "99999999999999999999999999"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n", lengths[i]);
		bad(text, HTTP_PARSE_LENGTH);
	}
	bad("HTTP/1.1 200 OK\r\n\r\nendless", HTTP_PARSE_NO_LENGTH);
	bad("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_PARSE_CODING);
	bad("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n", HTTP_PARSE_CODING);
}

static void refuses_fields_that_are_none(void **state)
{
	static const char *const fields[] = {"no colon",	 ": no name",  " folded: x",	  "na me: x",
					     "Content-Length : 5", "a\x01: x", "a: x\x02y", "a: x\ry", "a: \x7f"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\nContent-Length: 0\r\n\r\n", fields[i]);
		bad(text, HTTP_PARSE_FIELD);
	}
}

static void takes_ranges_that_fit(void **state)
{
	(void)state;
	good("HTTP/1.1 206 Partial\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\nhello", 206, "hello");
	assert_true(parser.head.has_range);
	assert_int_equal(parser.head.range_first, 5);
	assert_int_equal(parser.head.range_last, 9);
	assert_int_equal(parser.head.range_total, 10);
	good("HTTP/1.1 206 P\r\nContent-Length: 1\r\nContent-Range: bytes 0-0/*\r\n\r\nx", 206, "x");
	assert_true(parser.head.range_total == UINT64_MAX);
	/* Elsewhere it means nothing. */
	good("HTTP/1.1 416 No\r\nContent-Range: bytes */10\r\nContent-Length: 0\r\n\r\n", 416, "");
	good("HTTP/1.1 200 OK\r\nContent-Range: nonsense\r\nContent-Length: 1\r\n\r\nx", 200, "x");
}

static void refuses_ranges_that_do_not(void **state)
{
	static const char *const ranges[] = {
		"bytes 5-9/9",	"bytes 9-5/10", "bytes 5-9",  "bytes 5-/10", "bytes -9/10",    "bytes 5-9/",
		"bytes=5-9/10", "lines 5-9/10", "bytes */10", "bytes 4-9/10", "bytes 5-9/10 x", "bytes 5-8/10",
		"bytes 5-9/10\r\nContent-Range: bytes 5-9/10", "bytes 18446744073709551615-3/18446744073709551615",
	};
	char text[192];

	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		snprintf(text, sizeof(text), "HTTP/1.1 206 P\r\nContent-Length: 5\r\nContent-Range: %s\r\n\r\n",
			 ranges[i]);
		bad(text, HTTP_PARSE_RANGE);
	}
	bad("HTTP/1.1 206 P\r\nContent-Length: 5\r\n\r\n", HTTP_PARSE_RANGE);
}

/* Builds a response whose status line, or whose head, has exactly so many bytes. */
static size_t long_line(char *text, size_t line_bytes)
{
	const size_t begin = strlen("HTTP/1.1 200 ");

	memcpy(text, "HTTP/1.1 200 ", begin);
	memset(text + begin, 'x', line_bytes - begin);
	memcpy(text + line_bytes, "\nContent-Length: 0\n\n", 21);
	return line_bytes + 20;
}

static void bounds_lines_and_heads(void **state)
{
	static char text[TEXT_BYTES];
	static const char tail[] = "Content-Length: 0\n\n";

	(void)state;
	for (size_t piece = 1; piece < 5000; piece += 499) {
		feed(text, long_line(text, HTTP_LINE_MAX_BYTES), piece);
		assert_int_equal(parser.state, HTTP_PARSE_COMPLETE);
		feed(text, long_line(text, HTTP_LINE_MAX_BYTES + 1), piece);
		assert_int_equal(parser.error, HTTP_PARSE_HEAD_TOO_LONG);

		size_t at = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\n");
		while (at + 4 + strlen(tail) <= HTTP_HEAD_MAX_BYTES) {
			at += (size_t)snprintf(text + at, sizeof(text) - at, "a:b\n");
		}
		memcpy(text + at, tail, sizeof(tail));
		feed(text, strlen(text), piece);
		assert_int_equal(parser.state, HTTP_PARSE_COMPLETE);
		snprintf(text + at, sizeof(text) - at, "a:bcdef\n%s", tail);
		feed(text, strlen(text), piece);
		assert_int_equal(parser.error, HTTP_PARSE_HEAD_TOO_LONG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_whole_responses),	 cmocka_unit_test(leaves_what_is_behind_the_body),
		cmocka_unit_test(skips_interim_responses),	 cmocka_unit_test(refuses_other_status_lines),
		cmocka_unit_test(refuses_lengths_that_are_none), cmocka_unit_test(refuses_fields_that_are_none),
		cmocka_unit_test(takes_ranges_that_fit),	 cmocka_unit_test(refuses_ranges_that_do_not),
		cmocka_unit_test(bounds_lines_and_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
