/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECMA-48 5.6: a control string begins with ESC or C1 of DCS, SOS, OSC, PM or APC and ends with ST; terminals end OSC
 * with BEL, too, all of them with CAN or SUB, and let any other escape sequence cut them off. C1 in UTF-8 is 0xc2 and a
 * byte from 0x80 to 0x9f; it goes on as ESC and a letter.
 */
#include "ctl/filter.h"

#include <stdbool.h>
#include <string.h>

enum { BEL = 7, CAN = 0x18, SUB = 0x1a, ESC = 0x1b, C2 = 0xc2, ST = 0x9c };

static bool begins_string(unsigned char c)
{
	return c == 'P' || c == 'X' || c == ']' || c == '^' || c == '_';
}

static size_t take_text(struct filter *filter, unsigned char c, char *to)
{
	switch (filter->state) {
	case FILTER_ESCAPE:
		filter->state = begins_string(c) ? FILTER_STRING
				: c == ESC	 ? FILTER_ESCAPE
						 : FILTER_TEXT;
		if (filter->state == FILTER_TEXT) {
			to[0] = (char)ESC;
			to[1] = (char)c;
			return 2;
		}
		return 0;
	case FILTER_C2:
		filter->state = FILTER_TEXT;
		if (c >= 0x80 && c < 0xa0) { /* C1: as ESC and the byte 0x40 below */
			filter->state = begins_string((unsigned char)(c - 0x40)) ? FILTER_STRING
										 : FILTER_TEXT;
			if (filter->state == FILTER_TEXT) {
				to[0] = (char)ESC;
				to[1] = (char)(c - 0x40);
				return 2;
			}
			return 0;
		}
		if (c == ESC) {
			filter->state = FILTER_ESCAPE;
			return 0;
		}
		to[0] = (char)C2;
		to[1] = (char)c;
		return 2;
	default:
		if (c == ESC || c == C2) {
			filter->state = c == ESC ? FILTER_ESCAPE : FILTER_C2;
			return 0;
		}
		to[0] = (char)c;
		return 1;
	}
}

static size_t take_string(struct filter *filter, unsigned char c, char *to)
{
	if (filter->state == FILTER_STRING_ESCAPE && c != '\\') {
		filter->state = FILTER_ESCAPE;
		return take_text(filter, c, to);
	}
	if (c == BEL || c == CAN || c == SUB || filter->state == FILTER_STRING_ESCAPE ||
	    (filter->state == FILTER_STRING_C2 && c == ST)) {
		filter->state = FILTER_TEXT;
	} else {
		filter->state = c == ESC  ? FILTER_STRING_ESCAPE
				: c == C2 ? FILTER_STRING_C2
					  : FILTER_STRING;
	}
	return 0;
}

size_t filter_take(struct filter *filter, const char *from, size_t count, char *to)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		at += filter->state >= FILTER_STRING
			      ? take_string(filter, (unsigned char)from[i], to + at)
			      : take_text(filter, (unsigned char)from[i], to + at);
	}
	return at;
}
