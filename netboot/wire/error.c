/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of wire errors. The expander knows {a}, {b} and {name} only, so the codec needs no printf
 * and is the same code on a node, in a tool and in a test.
 */
#include "wire/error.h"

#include "wire/refuse.h"

#include <stdbool.h>
#include <string.h>

static const char *const error_words[] = {
#define X(symbol, words) [WIRE_##symbol] = (words),
	WIRE_ERRORS(X)
#undef X
};

struct sink {
	char *text;
	size_t size;
	size_t at;
};

static void put_character(struct sink *s, char c)
{
	if (s->at + 1 < s->size) {
		s->text[s->at++] = c;
	}
}

static void put_number(struct sink *s, uint64_t value)
{
	char digits[20]; /* UINT64_MAX has 20 */
	size_t count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	while (count != 0) {
		put_character(s, digits[--count]);
	}
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

const char *wire_error_text(const struct wire_error *error, char *text, size_t size)
{
	struct sink s = {.text = text, .size = size, .at = 0};
	const size_t count = sizeof(error_words) / sizeof(error_words[0]);
	const char *p = (size_t)error->code < count ? error_words[error->code] : "unknown error";

	while (*p != '\0') {
		if (starts_with(p, "{a}")) {
			put_number(&s, error->a);
			p += 3;
		} else if (starts_with(p, "{b}")) {
			put_number(&s, error->b);
			p += 3;
		} else if (starts_with(p, "{name}")) {
			for (size_t i = 0; i < sizeof(error->name) && error->name[i] != '\0'; i++) {
				put_character(&s, error->name[i]);
			}
			p += 6;
		} else {
			put_character(&s, *p++);
		}
	}
	if (size != 0) {
		text[s.at] = '\0';
	}
	return text;
}

static void copy_name(struct sink *s, const char *name)
{
	for (; name != NULL && *name != '\0'; name++) {
		/* The name may hold what a peer sent, and ends on a console. */
		put_character(s, *name >= ' ' && *name <= '~' ? *name : '?');
	}
}

bool wire_refuse(struct wire_error *error, enum wire_err code, uint64_t a, uint64_t b,
		 const char *scope, const char *name)
{
	struct sink s = {.text = error->name, .size = sizeof(error->name), .at = 0};

	error->code = code;
	error->a = a;
	error->b = b;
	copy_name(&s, scope);
	if (scope != NULL && name != NULL) {
		put_character(&s, ' ');
	}
	copy_name(&s, name);
	error->name[s.at] = '\0';
	return false;
}
