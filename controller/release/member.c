/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict reader. jansson parses, which refuses what is not UTF-8, NULs and keys that are there twice; here the
 * size is limited (the depth by jansson itself) and every value is checked before it is copied.
 *
 * Hostile input: all of it, keys included. What an error repeats of it is cut to a few dozen printable characters.
 */
#include "release/member.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/text.h"

enum { SAID_BYTES = 41, PLACE_BYTES = 112 };

/* A value from outside, as an error shows it. */
static const char *said(const char *from, char to[SAID_BYTES])
{
	size_t n = 0;

	for (; from[n] != '\0' && n < SAID_BYTES - 1; n++) {
		to[n] = '?';
		if (from[n] >= ' ' && from[n] <= '~') {
			to[n] = from[n];
		}
	}
	to[n] = '\0';
	return to;
}

/* "release: guests[1].vcpus" */
static void print_place(const struct member *member, char place[PLACE_BYTES])
{
	const struct member *way[MEMBER_DEPTH_MOST];
	char key[SAID_BYTES];
	unsigned depth = 0;
	size_t at = 0;

	for (const struct member *m = member; m != NULL && depth < MEMBER_DEPTH_MOST; m = m->in) {
		way[depth++] = m;
	}
	place[0] = '\0';
	for (unsigned i = depth; i-- > 0 && at < PLACE_BYTES;) {
		const struct member *m = way[i];
		int n = 0;
		if (m->key == NULL) {
			n = snprintf(place + at, PLACE_BYTES - at, "[%u]", m->index);
		} else {
			const char *before = m->in == NULL ? "" : m->in->in == NULL ? ": " : ".";
			n = snprintf(place + at, PLACE_BYTES - at, "%s%s", before, said(m->key, key));
		}
		at += n > 0 ? (size_t)n : 0;
	}
}

bool member_refuse(const struct member *member, const char *format, ...)
{
	char place[PLACE_BYTES];
	char rest[FAIL_TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(rest, sizeof(rest), format, arguments);
	va_end(arguments);
	print_place(member, place);
	return fail_set(member->fail, FAIL_INVALID, "%s %s", place, rest);
}

/* What is there instead. */
static const char *type_of(const struct member *member)
{
	if (member->value == NULL) {
		return "is missing";
	}
	switch (json_typeof(member->value)) {
	case JSON_OBJECT:
		return "is an object";
	case JSON_ARRAY:
		return "is an array";
	case JSON_STRING:
		return "is a string";
	case JSON_INTEGER:
		return "is a number";
	case JSON_REAL:
		return "is a fraction";
	case JSON_NULL:
		return "is null";
	default:
		return "is true or false";
	}
}

bool member_document(struct member *document, const char *what, const char *text, size_t bytes, size_t most,
		     struct fail *fail)
{
	json_error_t error;

	*document = (struct member){.key = what, .fail = fail};
	if (bytes > most) {
		return fail_set(fail, FAIL_TOO_LARGE, "%s has %zu bytes: %zu are the most", what, bytes, most);
	}
	json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL) {
		char shown[SAID_BYTES];
		if (json_error_code(&error) == json_error_out_of_memory) {
			return fail_set(fail, FAIL_UNAVAILABLE, "Memory is short: try again");
		}
		return fail_set(fail, FAIL_INVALID, "%s is not JSON, line %d: %s; give one object", what, error.line,
				said(error.text, shown));
	}
	if (!json_is_object(json)) {
		json_decref(json);
		return fail_set(fail, FAIL_INVALID, "%s is JSON, but no object: give one object", what);
	}
	document->value = json;
	return true;
}

struct member member_of(const struct member *object, const char *key)
{
	return (struct member){
		.in = object, .key = key, .value = json_object_get(object->value, key), .fail = object->fail};
}

struct member member_at(const struct member *array, unsigned index)
{
	return (struct member){
		.in = array, .index = index, .value = json_array_get(array->value, index), .fail = array->fail};
}

bool member_is_there(const struct member *member)
{
	return member->value != NULL;
}

/* "a, b or c", cut where it gets long. */
static void print_names(const char *const *names, char *to, size_t size)
{
	size_t at = 0;

	to[0] = '\0';
	for (unsigned i = 0; names[i] != NULL && at < size; i++) {
		const char *between = i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ";
		const int n = snprintf(to + at, size - at, "%s%s", between, names[i]);
		at += n > 0 ? (size_t)n : 0;
	}
}

bool member_object(const struct member *member, const char *const *keys)
{
	const char *key = NULL;
	json_t *value = NULL;

	if (!json_is_object(member->value)) {
		return member_refuse(member, "%s: give an object", type_of(member));
	}
	json_object_foreach(member->value, key, value)
	{
		unsigned i = 0;
		while (keys[i] != NULL && strcmp(keys[i], key) != 0) {
			i++;
		}
		if (keys[i] == NULL) {
			char names[128];
			const struct member unknown = {.in = member, .key = key, .fail = member->fail};
			print_names(keys, names, sizeof(names));
			return member_refuse(&unknown, "is not known there: give %s", names);
		}
	}
	return true;
}

bool member_array(const struct member *member, unsigned least, unsigned most, unsigned *count)
{
	if (!json_is_array(member->value)) {
		return member_refuse(member, "%s: give an array", type_of(member));
	}
	const size_t have = json_array_size(member->value);
	if (have < least || have > most) {
		return member_refuse(member, "has %zu elements: give %u to %u", have, least, most);
	}
	*count = (unsigned)have;
	return true;
}

bool member_u64(const struct member *member, uint64_t least, uint64_t most, uint64_t *value)
{
	if (!json_is_integer(member->value)) {
		return member_refuse(member, "%s: give a whole number from %llu to %llu", type_of(member),
				     (unsigned long long)least, (unsigned long long)most);
	}
	const json_int_t have = json_integer_value(member->value);
	if (have < 0 || (uint64_t)have < least || (uint64_t)have > most) {
		return member_refuse(member, "is %lld: give a whole number from %llu to %llu", (long long)have,
				     (unsigned long long)least, (unsigned long long)most);
	}
	*value = (uint64_t)have;
	return true;
}

bool member_u32(const struct member *member, uint32_t least, uint32_t most, uint32_t *value)
{
	uint64_t wide = 0;

	if (!member_u64(member, least, most, &wide)) {
		return false;
	}
	*value = (uint32_t)wide;
	return true;
}

static bool is_in_set(const char *at, unsigned length, enum member_set set)
{
	const char c = at[0];
	const bool is_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
			     c == '_' || c == '-';

	switch (set) {
	case MEMBER_NAME:
		return is_name;
	case MEMBER_BOARD:
		return is_name || c == ',' || c == '+';
	case MEMBER_LINE:
		return c >= ' ' && c <= '~';
	case MEMBER_PROSE:
		return !text_is_control(at, length) || c == '\n' || c == '\t';
	}
	return false;
}

bool member_text(const struct member *member, enum member_set set, size_t least, char *text, size_t size)
{
	static const char *const right[] = {
		[MEMBER_NAME] = "letters, digits, '.', '_' and '-' alone",
		[MEMBER_LINE] = "printable ASCII alone",
		[MEMBER_BOARD] = "letters, digits, '.', '_', '-', ',' and '+' alone",
		[MEMBER_PROSE] = "text without control characters",
	};

	if (!json_is_string(member->value)) {
		return member_refuse(member, "%s: give a string", type_of(member));
	}
	const char *from = json_string_value(member->value);
	const size_t length = json_string_length(member->value);
	if (length < least || length > size - 1) {
		return member_refuse(member, "has %zu bytes: give %zu to %zu", length, least, size - 1);
	}
	for (size_t i = 0; i < length;) {
		const unsigned step = text_utf8(from + i, length - i);
		if (step == 0 || !is_in_set(from + i, step, set)) {
			char shown[SAID_BYTES];
			return member_refuse(member, "is \"%s\": give %s", said(from, shown), right[set]);
		}
		i += step;
	}
	memcpy(text, from, length + 1);
	return true;
}

bool member_sha256(const struct member *member, char hex[MEMBER_SHA256_BYTES])
{
	const char *text = json_string_value(member->value); /* NULL: it is no string */

	if (text == NULL) {
		return member_refuse(member, "%s: give a SHA-256, 64 lower case hex digits", type_of(member));
	}
	if (strlen(text) != MEMBER_SHA256_BYTES - 1 || strspn(text, "0123456789abcdef") != MEMBER_SHA256_BYTES - 1) {
		char shown[SAID_BYTES];
		return member_refuse(member, "is \"%s\": give a SHA-256, 64 lower case hex digits", said(text, shown));
	}
	memcpy(hex, text, MEMBER_SHA256_BYTES);
	return true;
}

bool member_choice(const struct member *member, const char *const *choices, unsigned *choice)
{
	const char *text = json_string_value(member->value);
	char names[128];

	print_names(choices, names, sizeof(names));
	if (text == NULL) {
		return member_refuse(member, "%s: give %s", type_of(member), names);
	}
	for (unsigned i = 0; choices[i] != NULL; i++) {
		if (strcmp(choices[i], text) == 0) {
			*choice = i;
			return true;
		}
	}
	char shown[SAID_BYTES];
	return member_refuse(member, "is \"%s\": give %s", said(text, shown), names);
}

bool member_base64(const struct member *member, size_t most, uint8_t **bytes, size_t *size)
{
	const char *text = json_string_value(member->value);
	const size_t length = text != NULL ? json_string_length(member->value) : 0;

	if (text == NULL) {
		return member_refuse(member, "%s: give base64", type_of(member));
	}
	if (length / 4 * 3 > most + 2) {
		return member_refuse(member, "has %zu characters of base64: %zu bytes are the most", length, most);
	}
	uint8_t *to = malloc(length / 4 * 3 + 3);
	if (to == NULL) {
		return fail_set(member->fail, FAIL_UNAVAILABLE, "Memory is short: try again");
	}
	/* A NULL for the end of what was read: all of it has to be base64. */
	if (sodium_base642bin(to, length / 4 * 3 + 3, text, length, NULL, size, NULL, sodium_base64_VARIANT_ORIGINAL) !=
	    0) {
		free(to);
		return member_refuse(member, "is not base64: give standard base64 with its padding");
	}
	if (*size > most) {
		const size_t have = *size;
		free(to);
		return member_refuse(member, "has %zu bytes: %zu are the most", have, most);
	}
	*bytes = to;
	return true;
}

char *member_print(json_t *json, struct fail *fail)
{
	char *text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	json_decref(json);
	if (text == NULL) {
		(void)fail_set(fail, FAIL_UNAVAILABLE, "Memory is short: try again");
	}
	return text;
}

bool member_id(char *canonical, char hex[MEMBER_SHA256_BYTES])
{
	uint8_t hash[crypto_hash_sha256_BYTES];

	if (canonical == NULL) {
		return false;
	}
	(void)crypto_hash_sha256(hash, (const unsigned char *)canonical, strlen(canonical));
	(void)hex_print(hash, sizeof(hash), hex);
	free(canonical);
	return true;
}

const char *member_or_none(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}
