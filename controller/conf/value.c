/* SPDX-License-Identifier: Apache-2.0 */
/* Single values of the configuration file: taken whole, or not at all. */
#include "conf/value.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { PART_BYTES = 32 };

/* Splits `text` at the only `mark`: what is before it goes to `part`, what is behind it is returned. */
static const char *split(const char *text, char mark, char part[PART_BYTES])
{
	const char *at = strchr(text, mark);

	if (at == NULL || at - text >= PART_BYTES) {
		return NULL;
	}
	memcpy(part, text, (size_t)(at - text));
	part[at - text] = '\0';
	return at + 1;
}

static bool number(const char *text, uint32_t most, uint32_t *value)
{
	uint32_t sum = 0;

	if (*text == '\0' || strlen(text) > 9) {
		return false;
	}
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9') {
			return false;
		}
		sum = sum * 10 + (uint32_t)(*text - '0');
	}
	*value = sum;
	return sum <= most;
}

bool value_address(const char *text, uint32_t *address)
{
	struct in_addr raw;

	if (inet_pton(AF_INET, text, &raw) != 1) {
		return false;
	}
	*address = ntohl(raw.s_addr);
	return true;
}

bool value_subnet(const char *text, uint32_t *address, unsigned *prefix_bits)
{
	char part[PART_BYTES];
	uint32_t bits;
	const char *rest = split(text, '/', part);

	if (rest == NULL || !value_address(part, address) || !number(rest, 32, &bits)) {
		return false;
	}
	*prefix_bits = bits;
	return true;
}

bool value_range(const char *text, uint32_t *first, uint32_t *last)
{
	char part[PART_BYTES];
	const char *rest = split(text, '-', part);

	return rest != NULL && value_address(part, first) && value_address(rest, last) && *first <= *last;
}

bool value_endpoint(const char *text, uint32_t *address, uint16_t *port)
{
	char part[PART_BYTES];
	uint32_t value;
	const char *rest = split(text, ':', part);

	if (rest == NULL || !value_address(part, address) || !number(rest, UINT16_MAX, &value) || value == 0) {
		return false;
	}
	*port = (uint16_t)value;
	return true;
}

bool value_path(const char *text, char *path, size_t bytes)
{
	const size_t length = strlen(text);

	if (text[0] != '/' || length >= bytes || strstr(text, "/../") != NULL) {
		return false;
	}
	for (const char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f || *c == '"' || *c == '\\' || *c == ',') {
			return false;
		}
	}
	memcpy(path, text, length + 1);
	return true;
}

bool value_name(const char *text, char *name, size_t bytes)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const size_t length = strlen(text);

	if (length == 0 || length >= bytes || strspn(text, letters) != length || text[0] == '-' || text[0] == '.') {
		return false;
	}
	memcpy(name, text, length + 1);
	return true;
}

const char *value_print(uint32_t address, char text[VALUE_ADDRESS_BYTES])
{
	snprintf(text, VALUE_ADDRESS_BYTES, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
		 address & 255);
	return text;
}
