/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * HTTP/1.1 responses (RFC 9112), incrementally: bytes in as they come, body out where it stands. Everything is hostile.
 * Stricter than the RFC where that makes an answer certain: a body has a Content-Length (no chunked coding, none
 * that ends with the connection), a field is one line, and what is said twice is refused.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTTP_LINE_MAX_BYTES = 1024,
	HTTP_HEAD_MAX_BYTES = 8192, /* status lines and fields together, interim responses included */
};

enum http_parse_error {
	HTTP_PARSE_OK = 0,
	HTTP_PARSE_STATUS_LINE,
	HTTP_PARSE_FIELD, /* not name: value, or a control character */
	HTTP_PARSE_HEAD_TOO_LONG,
	HTTP_PARSE_LENGTH, /* Content-Length is no number, or two */
	HTTP_PARSE_NO_LENGTH,
	HTTP_PARSE_CODING, /* Transfer-Encoding or Content-Encoding */
	HTTP_PARSE_RANGE, /* Content-Range is none, contradicts itself or the length, or is missing in a 206 */
};

enum http_parse_state {
	HTTP_PARSE_IN_STATUS,
	HTTP_PARSE_IN_FIELDS,
	HTTP_PARSE_IN_BODY,
	HTTP_PARSE_COMPLETE,
	HTTP_PARSE_FAILED,
};

/* What the head of a response says. */
struct http_head {
	uint32_t status; /* 200 to 599 */
	uint64_t content_length;
	bool has_range; /* Content-Range: bytes first-last/total */
	uint64_t range_first;
	uint64_t range_last; /* inclusive */
	uint64_t range_total; /* UINT64_MAX: "*" */
};

struct http_parser {
	enum http_parse_state state;
	enum http_parse_error error; /* in HTTP_PARSE_FAILED */
	struct http_head head; /* valid from HTTP_PARSE_IN_BODY on */
	bool has_length;
	uint32_t head_bytes;
	uint64_t body_bytes; /* so far */
	uint32_t line_bytes;
	char line[HTTP_LINE_MAX_BYTES];
};

void http_parser_init(struct http_parser *parser);
/* Takes bytes up to the first body byte, or as much body as there is, or all. Returns how many it took; *body_bytes of
 * them, the last ones, are body. Call it until it took all; in HTTP_PARSE_COMPLETE and _FAILED it takes nothing. */
size_t http_parse(struct http_parser *parser, const uint8_t *bytes, size_t count, size_t *body_bytes);
const char *http_parse_error_words(enum http_parse_error error);
