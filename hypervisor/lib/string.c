/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and string functions for code that runs without a C library.
 *
 * The compiler may call memcpy, memmove, memset and memcmp on its own, so they must exist under these
 * names, and must not be compiled into calls of themselves: KEEP_LOOP() hides each loop's shape from the
 * optimiser's pattern matching (gcc's -ftree-loop-distribute-patterns, clang's loop idiom pass).
 *
 * The images are built without FP/SIMD registers, most with -mstrict-align, so the fast path is eight-byte
 * words, copied as they are when both sides can be aligned together, else (network frames) shifted together.
 */
#include "lib/string.h"

#include <stdint.h>

#define KEEP_LOOP() __asm__ volatile("")

enum { WORD_BYTES = 8, LINE_WORDS = 8, LINE_BYTES = WORD_BYTES * LINE_WORDS };

/* Bytes of any object may be moved as words: not subject to type-based aliasing. */
typedef uint64_t __attribute__((may_alias)) word_t;
#ifdef __ARM_FEATURE_UNALIGNED
enum { LOOSE_BYTES = 1 };
#else
enum { LOOSE_BYTES = WORD_BYTES };
#endif
/* A word where this build may read one: anywhere, or where a word belongs. */
typedef uint64_t __attribute__((may_alias, aligned(LOOSE_BYTES))) loose_word_t;

static size_t bytes_to_alignment(const void *p)
{
	return (WORD_BYTES - ((uintptr_t)p & (WORD_BYTES - 1))) & (WORD_BYTES - 1);
}

/*
 * The sides cannot be aligned together: aligned loads are put together to aligned stores. Takes what it can of at least
 * 32 bytes, and reads none but those. Returns how many it copied.
 */
static size_t copy_shifted(uint8_t *d, const uint8_t *s, size_t bytes)
{
	/* A word more than the alignment takes, so that the word around the source's next byte is all source. */
	const size_t head = bytes_to_alignment(d) + WORD_BYTES;

	for (size_t i = 0; i < head; i++) {
		KEEP_LOOP();
		d[i] = s[i];
	}
	const size_t below = (uintptr_t)(s + head) & (WORD_BYTES - 1);
	const unsigned shift = 8 * (unsigned)below;
	const word_t *sw = (const word_t *)(const void *)(s + head - below);
	word_t *dw = (word_t *)(void *)(d + head);
	size_t done = head;
	uint64_t low = *sw++;
	for (; bytes - done >= 2 * WORD_BYTES; done += WORD_BYTES) {
		KEEP_LOOP();
		const uint64_t high = *sw++;
		*dw++ = low >> shift | high << (64 - shift);
		low = high;
	}
	return done;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t bytes)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	size_t head = bytes_to_alignment(d);

	if (bytes >= WORD_BYTES + head && (((uintptr_t)d ^ (uintptr_t)s) & (WORD_BYTES - 1)) == 0) {
		bytes -= head;
		for (; head != 0; head--) {
			KEEP_LOOP();
			*d++ = *s++;
		}
		word_t *dw = (word_t *)(void *)d;
		const word_t *sw = (const word_t *)(const void *)s;
		for (; bytes >= LINE_BYTES; bytes -= LINE_BYTES) {
			KEEP_LOOP();
			const uint64_t w0 = sw[0];
			const uint64_t w1 = sw[1];
			const uint64_t w2 = sw[2];
			const uint64_t w3 = sw[3];
			const uint64_t w4 = sw[4];
			const uint64_t w5 = sw[5];
			const uint64_t w6 = sw[6];
			const uint64_t w7 = sw[7];
			dw[0] = w0;
			dw[1] = w1;
			dw[2] = w2;
			dw[3] = w3;
			dw[4] = w4;
			dw[5] = w5;
			dw[6] = w6;
			dw[7] = w7;
			dw += LINE_WORDS;
			sw += LINE_WORDS;
		}
		for (; bytes >= WORD_BYTES; bytes -= WORD_BYTES) {
			KEEP_LOOP();
			*dw++ = *sw++;
		}
		d = (uint8_t *)dw;
		s = (const uint8_t *)sw;
	} else if (bytes >= 4 * WORD_BYTES) {
		const size_t done = copy_shifted(d, s, bytes);
		d += done;
		s += done;
		bytes -= done;
	}
	for (; bytes != 0; bytes--) {
		KEEP_LOOP();
		*d++ = *s++;
	}
	return dst;
}

void *memmove(void *dst, const void *src, size_t bytes)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if ((uintptr_t)d - (uintptr_t)s >= bytes) {
		/* A forward copy never overwrites what it has still to read. */
		for (size_t i = 0; i < bytes; i++) {
			KEEP_LOOP();
			d[i] = s[i];
		}
		return dst;
	}
	for (size_t i = bytes; i != 0; i--) {
		KEEP_LOOP();
		d[i - 1] = s[i - 1];
	}
	return dst;
}

void *memset(void *dst, int value, size_t bytes)
{
	uint8_t *d = dst;
	const uint8_t byte = (uint8_t)value;
	size_t head = bytes_to_alignment(d);

	if (bytes >= WORD_BYTES + head) {
		bytes -= head;
		for (; head != 0; head--) {
			KEEP_LOOP();
			*d++ = byte;
		}
		word_t *dw = (word_t *)(void *)d;
		const uint64_t w = UINT64_C(0x0101010101010101) * byte;
		for (; bytes >= LINE_BYTES; bytes -= LINE_BYTES) {
			KEEP_LOOP();
			dw[0] = w;
			dw[1] = w;
			dw[2] = w;
			dw[3] = w;
			dw[4] = w;
			dw[5] = w;
			dw[6] = w;
			dw[7] = w;
			dw += LINE_WORDS;
		}
		for (; bytes >= WORD_BYTES; bytes -= WORD_BYTES) {
			KEEP_LOOP();
			*dw++ = w;
		}
		d = (uint8_t *)dw;
	}
	for (; bytes != 0; bytes--) {
		KEEP_LOOP();
		*d++ = byte;
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const uint8_t *x = a;
	const uint8_t *y = b;
	size_t i = 0;

	if ((((uintptr_t)x | (uintptr_t)y) & (LOOSE_BYTES - 1)) == 0) {
		const loose_word_t *xw = (const loose_word_t *)(const void *)x;
		const loose_word_t *yw = (const loose_word_t *)(const void *)y;
		for (; bytes - i >= WORD_BYTES && *xw == *yw; i += WORD_BYTES) {
			KEEP_LOOP();
			xw++;
			yw++;
		}
	}
	for (; i < bytes; i++) {
		KEEP_LOOP();
		if (x[i] != y[i]) {
			return x[i] < y[i] ? -1 : 1;
		}
	}
	return 0;
}

void *memchr(const void *s, int value, size_t bytes)
{
	const uint8_t *p = s;

	for (size_t i = 0; i < bytes; i++) {
		KEEP_LOOP();
		if (p[i] == (uint8_t)value) {
			return (void *)(uintptr_t)(p + i);
		}
	}
	return NULL;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0') {
		KEEP_LOOP();
		n++;
	}
	return n;
}

size_t strnlen(const char *s, size_t max_bytes)
{
	size_t n = 0;

	while (n < max_bytes && s[n] != '\0') {
		KEEP_LOOP();
		n++;
	}
	return n;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t max_bytes)
{
	for (size_t i = 0; i < max_bytes; i++) {
		const uint8_t x = (uint8_t)a[i];
		const uint8_t y = (uint8_t)b[i];
		if (x != y) {
			return x < y ? -1 : 1;
		}
		if (x == 0) {
			break;
		}
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c) {
			return (char *)(uintptr_t)s;
		}
		if (*s == '\0') {
			return NULL;
		}
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	for (;; s++) {
		if (*s == (char)c) {
			last = s;
		}
		if (*s == '\0') {
			return (char *)(uintptr_t)last;
		}
	}
}
