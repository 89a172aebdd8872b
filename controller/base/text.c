/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The growing text, and what is valid UTF-8.
 *
 * Invariants: (1) length < room when there is memory, and bytes[length] is NUL. (2) length <= the limit. (3) A broken
 * text never changes until text_reset(). Lengths may be hostile: sums are compared by subtraction and cannot wrap.
 */
#include "base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 256 };

static size_t most_of(const struct text *text)
{
	return text->most != 0 ? text->most : TEXT_MOST;
}

/* Room for `count` more bytes and the NUL. */
static bool grow(struct text *text, size_t count)
{
	const size_t most = most_of(text);
	if (text->is_broken || text->length > most || count > most - text->length) {
		text->is_broken = true;
		return false;
	}
	const size_t need = text->length + count + 1;
	if (need <= text->room) {
		return true;
	}
	size_t room = text->room < FIRST_ROOM ? FIRST_ROOM : text->room;
	while (room < need) {
		room = room > (most + 1) / 2 ? most + 1 : room * 2;
	}
	char *bytes = realloc(text->bytes, room);
	if (bytes == NULL) {
		text->is_broken = true;
		return false;
	}
	text->bytes = bytes;
	text->room = room;
	return true;
}

void text_put(struct text *text, const char *bytes, size_t count)
{
	if (!grow(text, count)) {
		return;
	}
	if (count != 0) {
		memcpy(text->bytes + text->length, bytes, count);
	}
	text->length += count;
	text->bytes[text->length] = '\0';
}

void text_puts(struct text *text, const char *string)
{
	text_put(text, string, strlen(string));
}

void text_printf(struct text *text, const char *format, ...)
{
	va_list arguments;
	va_list again;
	char small[256];

	va_start(arguments, format);
	va_copy(again, arguments);
	const int count = vsnprintf(small, sizeof(small), format, arguments);
	va_end(arguments);
	if (count < 0) {
		text->is_broken = true;
	} else if ((size_t)count < sizeof(small)) {
		text_put(text, small, (size_t)count);
	} else if (grow(text, (size_t)count)) {
		(void)vsnprintf(text->bytes + text->length, (size_t)count + 1, format, again);
		text->length += (size_t)count;
	}
	va_end(again);
}

void text_reset(struct text *text)
{
	text->length = 0;
	text->is_broken = false;
	if (text->bytes != NULL) {
		text->bytes[0] = '\0';
	}
}

void text_free(struct text *text)
{
	free(text->bytes);
	text->bytes = NULL;
	text->length = 0;
	text->room = 0;
	text->is_broken = false;
}

/* RFC 3629 s4: the second byte's range depends on the first; no overlong form, no surrogate, nothing above U+10FFFF. */
unsigned text_utf8(const char *bytes, size_t count)
{
	const uint8_t *p = (const uint8_t *)bytes;
	if (count == 0) {
		return 0;
	}
	if (p[0] < 0x80) {
		return 1;
	}
	unsigned length = 0;
	uint8_t least = 0x80;
	uint8_t most = 0xbf;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		length = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		length = 3;
		least = p[0] == 0xe0 ? 0xa0 : 0x80;
		most = p[0] == 0xed ? 0x9f : 0xbf;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		length = 4;
		least = p[0] == 0xf0 ? 0x90 : 0x80;
		most = p[0] == 0xf4 ? 0x8f : 0xbf;
	}
	if (length == 0 || count < length || p[1] < least || p[1] > most) {
		return 0;
	}
	for (unsigned i = 2; i < length; i++) {
		if (p[i] < 0x80 || p[i] > 0xbf) {
			return 0;
		}
	}
	return length;
}

bool text_is_control(const char *bytes, unsigned length)
{
	const uint8_t *p = (const uint8_t *)bytes;
	return (length == 1 && (p[0] < 0x20 || p[0] == 0x7f)) || (length == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}
