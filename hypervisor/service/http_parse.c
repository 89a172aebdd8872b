/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a response's head line by line out of a buffer of one line, then counts its body. Hostile: all of it, in pieces
 * of any size. Nothing is kept of a line but what struct http_head says, and both a line and the whole head are
 * bounded, so a peer that sends fields without end is refused, not followed.
 */
#include "service/http_parse.h"

#include <string.h>

enum { NUMBER_DIGITS_MAX = 18 };

void http_parser_init(struct http_parser *parser)
{
	memset(parser, 0, sizeof(*parser));
}

const char *http_parse_error_words(enum http_parse_error error)
{
	switch (error) {
	case HTTP_PARSE_OK:
		return "no error";
	case HTTP_PARSE_STATUS_LINE:
		return "it does not begin with a status line of HTTP/1";
	case HTTP_PARSE_FIELD:
		return "a field is not name: value";
	case HTTP_PARSE_HEAD_TOO_LONG:
		return "its head is too long";
	case HTTP_PARSE_LENGTH:
		return "its Content-Length is no number, or two";
	case HTTP_PARSE_NO_LENGTH:
		return "it does not tell its length";
	case HTTP_PARSE_CODING:
		return "it is coded";
	case HTTP_PARSE_RANGE:
		return "its Content-Range does not fit";
	}
	return "?";
}

static void fail(struct http_parser *parser, enum http_parse_error error)
{
	parser->state = HTTP_PARSE_FAILED;
	parser->error = error;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* tchar, RFC 9110 s5.6.2. */
static bool is_token_char(char c)
{
	return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* `text` of `count` characters is `word`, which is in lower case. */
static bool is_word(const char *text, size_t count, const char *word)
{
	if (count != strlen(word)) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (to_lower(text[i]) != word[i]) {
			return false;
		}
	}
	return true;
}

/* Digits at *at, which moves behind them. */
static bool take_number(const char **at, const char *end, uint64_t *number)
{
	const char *first = *at;

	*number = 0;
	for (; *at < end && is_digit(**at); (*at)++) {
		if (*at - first == NUMBER_DIGITS_MAX) {
			return false;
		}
		*number = *number * 10 + (uint64_t)(**at - '0');
	}
	return *at != first;
}

static bool take_char(const char **at, const char *end, char c)
{
	if (*at == end || **at != c) {
		return false;
	}
	(*at)++;
	return true;
}

/* HTTP/1.x, a space, three digits; what follows is for people. */
static void take_status_line(struct http_parser *parser)
{
	const char *at = parser->line;
	const char *end = parser->line + parser->line_bytes;
	uint64_t status = 0;

	if (parser->line_bytes < 12 || memcmp(at, "HTTP/1.", 7) != 0 || !is_digit(at[7]) || at[8] != ' ') {
		fail(parser, HTTP_PARSE_STATUS_LINE);
		return;
	}
	at += 9;
	const char *first = at;
	if (!take_number(&at, end, &status) || at - first != 3 || status < 100 || status > 599 || status == 101 ||
	    (at != end && *at != ' ')) {
		fail(parser, HTTP_PARSE_STATUS_LINE);
		return;
	}
	parser->head = (struct http_head){.status = (uint32_t)status};
	parser->has_length = false;
	parser->state = HTTP_PARSE_IN_FIELDS;
}

static void take_length(struct http_parser *parser, const char *value, const char *end)
{
	uint64_t length = 0;

	if (!take_number(&value, end, &length) || value != end || parser->has_length) {
		fail(parser, HTTP_PARSE_LENGTH);
		return;
	}
	parser->has_length = true;
	parser->head.content_length = length;
}

/* bytes FIRST-LAST/TOTAL, of which TOTAL may be "*"; with status 416 FIRST-LAST is "*". */
static void take_range(struct http_parser *parser, const char *at, const char *end)
{
	struct http_head *head = &parser->head;

	if (head->status != 206) {
		return;
	}
	bool is_sound = !head->has_range && end - at > 6 && is_word(at, 5, "bytes") && at[5] == ' ';
	at += is_sound ? 6 : 0;
	is_sound = is_sound && take_number(&at, end, &head->range_first) && take_char(&at, end, '-') &&
		   take_number(&at, end, &head->range_last) && take_char(&at, end, '/');
	head->range_total = UINT64_MAX;
	is_sound = is_sound && (take_char(&at, end, '*') || take_number(&at, end, &head->range_total)) && at == end &&
		   head->range_first <= head->range_last && head->range_last < head->range_total;
	if (!is_sound) {
		fail(parser, HTTP_PARSE_RANGE);
		return;
	}
	head->has_range = true;
}

static void take_field(struct http_parser *parser)
{
	const char *name = parser->line;
	const char *end = parser->line + parser->line_bytes;
	const char *value = name;

	while (value < end && is_token_char(*value)) {
		value++;
	}
	const size_t name_bytes = (size_t)(value - name);
	if (name_bytes == 0 || value == end || *value != ':') {
		fail(parser, HTTP_PARSE_FIELD);
		return;
	}
	value++;
	while (value < end && (*value == ' ' || *value == '\t')) {
		value++;
	}
	while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
		end--;
	}
	if (is_word(name, name_bytes, "content-length")) {
		take_length(parser, value, end);
	} else if (is_word(name, name_bytes, "content-range")) {
		take_range(parser, value, end);
	} else if (is_word(name, name_bytes, "transfer-encoding") ||
		   (is_word(name, name_bytes, "content-encoding") &&
		    !is_word(value, (size_t)(end - value), "identity"))) {
		fail(parser, HTTP_PARSE_CODING);
	}
}

/* The empty line behind the fields. */
static void take_end_of_head(struct http_parser *parser)
{
	struct http_head *head = &parser->head;

	if (head->status < 200) { /* an interim response: the real one follows */
		parser->state = HTTP_PARSE_IN_STATUS;
		return;
	}
	if (head->status == 204 || head->status == 304) { /* these have no body, whatever length is told */
		head->content_length = 0;
	} else if (!parser->has_length) {
		fail(parser, HTTP_PARSE_NO_LENGTH);
		return;
	}
	if (head->status == 206 &&
	    (!head->has_range || head->range_last - head->range_first + 1 != head->content_length)) {
		fail(parser, HTTP_PARSE_RANGE);
		return;
	}
	parser->state = head->content_length == 0 ? HTTP_PARSE_COMPLETE : HTTP_PARSE_IN_BODY;
}

static void take_line(struct http_parser *parser)
{
	if (parser->line_bytes != 0 && parser->line[parser->line_bytes - 1] == '\r') {
		parser->line_bytes--;
	}
	for (uint32_t i = 0; i < parser->line_bytes; i++) {
		const uint8_t c = (uint8_t)parser->line[i];
		if ((c < ' ' && c != '\t') || c == 0x7f) {
			fail(parser, HTTP_PARSE_FIELD);
			return;
		}
	}
	if (parser->state == HTTP_PARSE_IN_STATUS) {
		take_status_line(parser);
	} else if (parser->line_bytes == 0) {
		take_end_of_head(parser);
	} else {
		take_field(parser);
	}
	parser->line_bytes = 0;
}

static bool is_in_head(const struct http_parser *parser)
{
	return parser->state == HTTP_PARSE_IN_STATUS || parser->state == HTTP_PARSE_IN_FIELDS;
}

size_t http_parse(struct http_parser *parser, const uint8_t *bytes, size_t count, size_t *body_bytes)
{
	size_t taken = 0;

	*body_bytes = 0;
	if (parser->state == HTTP_PARSE_IN_BODY) {
		const uint64_t left = parser->head.content_length - parser->body_bytes;
		taken = count < left ? count : (size_t)left;
		*body_bytes = taken;
		parser->body_bytes += taken;
		if (taken == left) {
			parser->state = HTTP_PARSE_COMPLETE;
		}
		return taken;
	}
	while (taken < count && is_in_head(parser)) {
		const char c = (char)bytes[taken++];
		if (++parser->head_bytes > HTTP_HEAD_MAX_BYTES) {
			fail(parser, HTTP_PARSE_HEAD_TOO_LONG);
		} else if (c == '\n') {
			take_line(parser);
		} else if (parser->line_bytes == HTTP_LINE_MAX_BYTES) {
			fail(parser, HTTP_PARSE_HEAD_TOO_LONG);
		} else {
			parser->line[parser->line_bytes++] = c;
		}
	}
	return taken;
}
