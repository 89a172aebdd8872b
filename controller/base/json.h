/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Writes JSON (RFC 8259) into a text, in one pass; commas are its own affair. Strings are UTF-8; what is not, and every
 * control character, is escaped, so a hostile string stays a string. A key of NULL stands for "an element of an array".
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
void json_string(struct json *json, const char *key, const char *value); /* NULL: null */
void json_string_n(struct json *json, const char *key, const char *value, size_t count);
void json_u64(struct json *json, const char *key, uint64_t value); /* above 2^53 as a string of decimal digits */
void json_i64(struct json *json, const char *key, int64_t value);
void json_double(struct json *json, const char *key, double value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
void json_time(struct json *json, const char *key, int64_t wall_ms); /* RFC 3339 with milliseconds; 0: null */
void json_raw(struct json *json, const char *key, const char *value, size_t count); /* JSON already */
