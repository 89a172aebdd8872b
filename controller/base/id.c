/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers and hex. What is checked may be hostile (a path, a query); what is made is not secret. */
#include "base/id.h"

#include <sodium.h>
#include <string.h>

/* Crockford's: without i, l, o and u. */
static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
enum { RANDOM_CHARS = ID_BYTES - 3 };

void id_make(char kind, char id[ID_BYTES])
{
	uint8_t random[RANDOM_CHARS];

	randombytes_buf(random, sizeof(random));
	id[0] = kind;
	id[1] = '-';
	for (unsigned i = 0; i < RANDOM_CHARS; i++) {
		id[2 + i] = alphabet[random[i] & 31];
	}
	id[ID_BYTES - 1] = '\0';
}

bool id_is_valid(char kind, const char *id)
{
	if (strnlen(id, ID_BYTES) != ID_BYTES - 1 || id[0] != kind || id[1] != '-') {
		return false;
	}
	return strspn(id + 2, alphabet) == RANDOM_CHARS;
}

char *hex_print(const uint8_t *bytes, size_t count, char *text)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < count; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * count] = '\0';
	return text;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c - 'A' + 10;
}

bool hex_parse(const char *text, uint8_t *bytes, size_t count)
{
	if (strnlen(text, 2 * count + 1) != 2 * count || strspn(text, "0123456789abcdefABCDEF") != 2 * count) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		bytes[i] = (uint8_t)(digit_of(text[2 * i]) << 4 | digit_of(text[2 * i + 1]));
	}
	return true;
}
