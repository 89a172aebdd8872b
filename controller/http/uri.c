/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits a request's target. Hostile throughout: what is not one clear reading is refused, so that nothing
 * behind it meets a NUL, a control character, a hidden slash, or two values of one name.
 */
#include "http/uri.h"

#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place: a decoded text is never longer. */
static bool decode(char *text, bool is_query, struct fail *fail)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		int c = (unsigned char)*from;
		if (c == '%') {
			const int high = hex_digit(from[1]);
			const int low = high < 0 ? -1 : hex_digit(from[2]);
			if (low < 0) {
				return fail_set(
					fail, FAIL_INVALID,
					"the address has a '%%' without two hex digits behind it");
			}
			c = high * 16 + low;
			from += 2;
			if (c == '/' && !is_query) {
				return fail_set(fail, FAIL_INVALID,
						"the address hides a '/' as %%2F");
			}
		} else if (c == '+' && is_query) {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f) {
			return fail_set(fail, FAIL_INVALID,
					"the address holds a control character");
		}
		*to++ = (char)c;
	}
	*to = '\0';
	return true;
}

static bool take_pair(struct uri *uri, char *pair, struct fail *fail)
{
	char *value = strchr(pair, '=');

	if (*pair == '\0') {
		return true;
	}
	if (uri->query_count == URI_QUERY_MAX) {
		return fail_set(fail, FAIL_INVALID, "the query has more than %d parameters",
				URI_QUERY_MAX);
	}
	if (value != NULL) {
		*value++ = '\0';
	} else {
		value = pair + strlen(pair);
	}
	if (!decode(pair, true, fail) || !decode(value, true, fail)) {
		return false;
	}
	if (uri_query(uri, pair) != NULL) {
		return fail_set(fail, FAIL_INVALID, "the query names the parameter \"%.40s\" twice",
				pair);
	}
	uri->query[uri->query_count].name = pair;
	uri->query[uri->query_count].value = value;
	uri->query_count++;
	return true;
}

static bool split(struct uri *uri, struct fail *fail)
{
	char *query = strchr(uri->bytes, '?');

	if (query != NULL) {
		*query++ = '\0';
	}
	if (uri->bytes[0] != '/') {
		return fail_set(fail, FAIL_INVALID, "the address does not begin with '/'");
	}
	if (!decode(uri->bytes, false, fail)) {
		return false;
	}
	while (query != NULL) {
		char *next = strchr(query, '&');
		if (next != NULL) {
			*next++ = '\0';
		}
		if (!take_pair(uri, query, fail)) {
			return false;
		}
		query = next;
	}
	uri->path = uri->bytes;
	return true;
}

bool uri_parse(struct uri *uri, const char *target, struct fail *fail)
{
	const size_t length = strnlen(target, URI_BYTES);

	uri->path = "";
	uri->query_count = 0;
	if (length >= URI_BYTES) {
		return fail_set(fail, FAIL_INVALID, "the address is longer than %d bytes",
				URI_BYTES - 1);
	}
	memcpy(uri->bytes, target, length);
	uri->bytes[length] = '\0';
	if (!split(uri, fail)) {
		uri->query_count = 0;
		return false;
	}
	return true;
}

const char *uri_query(const struct uri *uri, const char *name)
{
	for (unsigned i = 0; i < uri->query_count; i++) {
		if (strcmp(uri->query[i].name, name) == 0) {
			return uri->query[i].value;
		}
	}
	return NULL;
}
