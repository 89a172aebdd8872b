/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A growing text with an upper limit. When memory or the limit ends it becomes `is_broken`, keeps what it has and takes
 * no more: a writer checks once, at its end. `bytes` is always NUL terminated or NULL (nothing was put).
 */
#include <stdbool.h>
#include <stddef.h>

struct text {
	char *bytes; /* owned: free(), or text_free() */
	size_t length;
	size_t room;
	size_t most; /* the limit of length; 0: TEXT_MOST */
	bool is_broken;
};
#define TEXT_MOST ((size_t)64 << 20)

void text_put(struct text *text, const char *bytes, size_t count);
void text_puts(struct text *text, const char *string);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_reset(struct text *text); /* empty again, its memory is kept */
void text_free(struct text *text);

/* The length of the UTF-8 character at `bytes`, of which there are `count`: 1 to 4; 0: what stands there is none. */
unsigned text_utf8(const char *bytes, size_t count);
/* That character is a control character: C0, DEL or C1. */
bool text_is_control(const char *bytes, unsigned length);
