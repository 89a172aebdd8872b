/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a guest's console may do to a person's terminal: draw. Strings to the terminal itself (OSC: titles, the
 * clipboard; DCS, APC, PM, SOS) are left out, however they are cut into pieces, with 7 and 8 bit introducers.
 */
#include <stddef.h>

struct filter {
	enum filter_state {
		FILTER_TEXT,
		FILTER_ESCAPE, /* ESC was seen, and not written yet */
		FILTER_C2, /* 0xc2, which begins a C1 control in UTF-8; not written yet */
		FILTER_STRING,
		FILTER_STRING_ESCAPE,
		FILTER_STRING_C2,
	} state;
};

/* Writes what may pass to `to`, which has room for count + 1 bytes. Returns how many. */
size_t filter_take(struct filter *filter, const char *from, size_t count, char *to);
