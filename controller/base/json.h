/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Writes JSON (RFC 8259) into a text, in one pass; commas are its own affair. Strings are UTF-8; control characters are
 * escaped and a byte that is not UTF-8 becomes U+FFFD, so a hostile string stays a string. A key of NULL stands for "an
 * element of an array". (No name is one of jansson's, which reads: a file may include both.)
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct json {
	struct text *to;
	bool needs_comma;
};

void json_begin_object(struct json *json, const char *key);
void json_end_object(struct json *json);
void json_begin_array(struct json *json, const char *key);
void json_end_array(struct json *json);
void json_text(struct json *json, const char *key, const char *value); /* NULL: null */
void json_text_n(struct json *json, const char *key, const char *value, size_t count);
void json_u64(struct json *json, const char *key, uint64_t value); /* above 2^53 as a string of decimal digits */
void json_i64(struct json *json, const char *key, int64_t value); /* the same beyond +-2^53 */
void json_double(struct json *json, const char *key, double value); /* not finite: null */
void json_bool(struct json *json, const char *key, bool value);
void json_nil(struct json *json, const char *key);
void json_time(struct json *json, const char *key, int64_t wall_ms); /* RFC 3339 with milliseconds; 0: null */
void json_raw(struct json *json, const char *key, const char *value, size_t count); /* JSON already */
