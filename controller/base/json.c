/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON writer. Keys are our own literals, strings may be anybody's: each byte of them either belongs to a whole
 * UTF-8 character, or is replaced. Also escaped: DEL and C1, which terminals obey, and U+2028 and U+2029, which end a
 * line in JavaScript. Running out of memory is the text's affair (is_broken).
 */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Beyond it a reader in JavaScript would change the number. */
#define EXACT_MOST (UINT64_C(1) << 53)

static void put_escape(struct text *to, unsigned code)
{
	static const char digits[] = "0123456789abcdef";
	const char bytes[6] = {
		'\\', 'u', digits[code >> 12 & 15], digits[code >> 8 & 15], digits[code >> 4 & 15], digits[code & 15]
	};
	text_put(to, bytes, sizeof(bytes));
}

/* What stands for a character that cannot stand for itself. */
static void put_special(struct text *to, const char *bytes, unsigned length)
{
	const unsigned char first = (unsigned char)bytes[0];
	switch (length == 1 ? first : 0) {
	case '"':
		text_put(to, "\\\"", 2);
		return;
	case '\\':
		text_put(to, "\\\\", 2);
		return;
	case '\n':
		text_put(to, "\\n", 2);
		return;
	case '\r':
		text_put(to, "\\r", 2);
		return;
	case '\t':
		text_put(to, "\\t", 2);
		return;
	default:
		break;
	}
	if (length == 0) {
		put_escape(to, 0xfffd);
	} else if (length == 1) {
		put_escape(to, first);
	} else if (length == 2) { /* C1 */
		put_escape(to, (unsigned char)bytes[1]);
	} else {
		put_escape(to, (unsigned char)bytes[2] == 0xa8 ? 0x2028 : 0x2029);
	}
}

static bool is_special(const char *bytes, unsigned length)
{
	return length == 0 || bytes[0] == '"' || bytes[0] == '\\' || text_is_control(bytes, length) ||
	       (length == 3 && (memcmp(bytes, "\xe2\x80\xa8", 3) == 0 || memcmp(bytes, "\xe2\x80\xa9", 3) == 0));
}

static void put_quoted(struct text *to, const char *value, size_t count)
{
	size_t from = 0; /* what is not written yet begins here */
	size_t at = 0;

	text_put(to, "\"", 1);
	while (at < count && !to->is_broken) {
		const unsigned length = text_utf8(value + at, count - at);
		if (is_special(value + at, length)) {
			text_put(to, value + from, at - from);
			put_special(to, value + at, length);
			from = at + (length == 0 ? 1 : length);
		}
		at += length == 0 ? 1 : length;
	}
	text_put(to, value + from, count - from);
	text_put(to, "\"", 1);
}

static void lead(struct json *json, const char *key)
{
	if (json->needs_comma) {
		text_put(json->to, ",", 1);
	}
	if (key != NULL) {
		put_quoted(json->to, key, strlen(key));
		text_put(json->to, ":", 1);
	}
	json->needs_comma = true;
}

static void put_bracket(struct json *json, const char *bracket, bool needs_comma)
{
	text_put(json->to, bracket, 1);
	json->needs_comma = needs_comma;
}

void json_begin_object(struct json *json, const char *key)
{
	lead(json, key);
	put_bracket(json, "{", false);
}

void json_end_object(struct json *json)
{
	put_bracket(json, "}", true);
}

void json_begin_array(struct json *json, const char *key)
{
	lead(json, key);
	put_bracket(json, "[", false);
}

void json_end_array(struct json *json)
{
	put_bracket(json, "]", true);
}

void json_text(struct json *json, const char *key, const char *value)
{
	if (value == NULL) {
		json_nil(json, key);
		return;
	}
	json_text_n(json, key, value, strlen(value));
}

void json_text_n(struct json *json, const char *key, const char *value, size_t count)
{
	lead(json, key);
	put_quoted(json->to, value, count);
}

/* A number of 64 bits without printf(), which lists of many nodes would feel. */
static void put_integer(struct json *json, uint64_t value, bool is_negative)
{
	char digits[24];
	size_t at = sizeof(digits);
	const bool is_quoted = value > EXACT_MOST;

	if (is_quoted) {
		digits[--at] = '"';
	}
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	if (is_negative) {
		digits[--at] = '-';
	}
	if (is_quoted) {
		digits[--at] = '"';
	}
	text_put(json->to, digits + at, sizeof(digits) - at);
}

void json_u64(struct json *json, const char *key, uint64_t value)
{
	lead(json, key);
	put_integer(json, value, false);
}

void json_i64(struct json *json, const char *key, int64_t value)
{
	lead(json, key);
	put_integer(json, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

void json_double(struct json *json, const char *key, double value)
{
	char digits[32];

	if (!isfinite(value)) {
		json_nil(json, key);
		return;
	}
	/* The shortest that reads back as the same number. */
	for (int precision = 15; precision <= 17; precision++) {
		(void)snprintf(digits, sizeof(digits), "%.*g", precision, value);
		const double back = strtod(digits, NULL);
		if (!(back < value || back > value)) {
			break;
		}
	}
	lead(json, key);
	text_puts(json->to, digits);
}

void json_bool(struct json *json, const char *key, bool value)
{
	lead(json, key);
	text_puts(json->to, value ? "true" : "false");
}

void json_nil(struct json *json, const char *key)
{
	lead(json, key);
	text_put(json->to, "null", 4);
}

void json_time(struct json *json, const char *key, int64_t wall_ms)
{
	char text[CLOCK_TEXT_BYTES];

	if (wall_ms == 0) {
		json_nil(json, key);
		return;
	}
	json_text(json, key, clock_print(wall_ms, text));
}

void json_raw(struct json *json, const char *key, const char *value, size_t count)
{
	lead(json, key);
	text_put(json->to, value, count);
}
