/* SPDX-License-Identifier: Apache-2.0 */
/* The one form of Range that nodes use. Hostile: the text. */
#include <string.h>

#include "nodehttp/own.h"

/* Digits, without an overflow. Returns behind them, NULL: there are none. */
static const char *parse_number(const char *text, uint64_t *number)
{
	const char *at = text;

	for (*number = 0; *at >= '0' && *at <= '9'; at++) {
		if (*number > (UINT64_MAX - 9) / 10) {
			return NULL;
		}
		*number = *number * 10 + (uint64_t)(*at - '0');
	}
	return at == text ? NULL : at;
}

int range_parse(const char *text, uint64_t total, uint64_t *first, uint64_t *count)
{
	uint64_t from = 0;
	uint64_t last = UINT64_MAX;

	*first = 0;
	*count = total;
	if (text == NULL || strncmp(text, "bytes=", 6) != 0) {
		return 0;
	}
	text = parse_number(text + 6, &from);
	if (text == NULL || *text != '-') {
		return 0;
	}
	if (text[1] != '\0') {
		text = parse_number(text + 1, &last);
		if (text == NULL || *text != '\0' || last < from) {
			return 0;
		}
	}
	if (from >= total) {
		return -1;
	}
	last = last < total ? last : total - 1;
	*first = from;
	*count = last - from + 1;
	return 1;
}
