/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/string.c against the host's C library: every alignment and length around the word and line sizes.
 * The file is compiled in here under other names, since a test program already has a memcpy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define memcpy our_memcpy
#define memmove our_memmove
#define memset our_memset
#define memcmp our_memcmp
#define memchr our_memchr
#define strlen our_strlen
#define strnlen our_strnlen
#define strcmp our_strcmp
#define strncmp our_strncmp
#define strchr our_strchr
#define strrchr our_strrchr
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr

enum { ROOM = 256, LENGTH_MAX = 150, SHIFT_MAX = 17 };

static void fill(uint8_t *bytes, unsigned int seed)
{
	for (size_t i = 0; i < ROOM; i++) {
		seed = seed * 1103515245u + 12345u;
		bytes[i] = (uint8_t)(seed >> 16);
	}
}

static void copies_like_the_host(void **state)
{
	(void)state;
	uint8_t source[ROOM];
	uint8_t ours[ROOM];
	uint8_t host[ROOM];

	fill(source, 1);
	for (size_t to = 0; to < SHIFT_MAX; to++) {
		for (size_t from = 0; from < SHIFT_MAX; from++) {
			for (size_t length = 0; length < LENGTH_MAX; length++) {
				fill(ours, 2);
				fill(host, 2);
				uint8_t *exact = malloc(from + length); /* its end is watched */
				memcpy(exact, source, from + length);
				assert_ptr_equal(our_memcpy(ours + to, exact + from, length), ours + to);
				free(exact);
				memcpy(host + to, source + from, length);
				assert_memory_equal(ours, host, ROOM);
			}
		}
	}
}

static void moves_like_the_host(void **state)
{
	(void)state;
	uint8_t ours[ROOM];
	uint8_t host[ROOM];

	for (size_t to = 0; to < SHIFT_MAX; to++) {
		for (size_t from = 0; from < SHIFT_MAX; from++) {
			for (size_t length = 0; length < LENGTH_MAX; length++) {
				fill(ours, 3);
				fill(host, 3);
				assert_ptr_equal(our_memmove(ours + to, ours + from, length),
						 ours + to);
				memmove(host + to, host + from, length);
				assert_memory_equal(ours, host, ROOM);
			}
		}
	}
}

static void sets_like_the_host(void **state)
{
	(void)state;
	uint8_t ours[ROOM];
	uint8_t host[ROOM];

	for (size_t to = 0; to < SHIFT_MAX; to++) {
		for (size_t length = 0; length < LENGTH_MAX; length++) {
			fill(ours, 4);
			fill(host, 4);
			assert_ptr_equal(our_memset(ours + to, 0x1a5, length), ours + to);
			memset(host + to, 0x1a5, length);
			assert_memory_equal(ours, host, ROOM);
		}
	}
}

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static void compares_like_the_host(void **state)
{
	(void)state;
	static const char *const texts[] = {"",	 "a",	 "ab",	 "abc",	  "abd",
					    "b", "\x80", "\x7f", "ab\xff"};
	const size_t count = sizeof(texts) / sizeof(texts[0]);

	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			assert_int_equal(sign(our_strcmp(texts[i], texts[j])),
					 sign(strcmp(texts[i], texts[j])));
			for (size_t n = 0; n < 5; n++) {
				assert_int_equal(sign(our_strncmp(texts[i], texts[j], n)),
						 sign(strncmp(texts[i], texts[j], n)));
			}
		}
	}
	assert_int_equal(sign(our_memcmp("a\0b", "a\0c", 3)), -1);
	assert_int_equal(sign(our_memcmp("a\0\x80", "a\0\x7f", 3)), 1);
	assert_int_equal(our_memcmp("x", "y", 0), 0);
}

static void measures_and_finds(void **state)
{
	(void)state;
	const char *text = "abcabc";

	assert_int_equal(our_strlen(""), 0);
	assert_int_equal(our_strlen(text), 6);
	assert_int_equal(our_strnlen(text, 4), 4);
	assert_int_equal(our_strnlen(text, 10), 6);
	assert_ptr_equal(our_strchr(text, 'b'), text + 1);
	assert_ptr_equal(our_strchr(text, 0), text + 6);
	assert_null(our_strchr(text, 'x'));
	assert_ptr_equal(our_strrchr(text, 'b'), text + 4);
	assert_ptr_equal(our_strrchr(text, 0), text + 6);
	assert_null(our_strrchr(text, 'x'));
	assert_ptr_equal(our_memchr(text, 'c', 6), text + 2);
	assert_null(our_memchr(text, 'c', 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_like_the_host), cmocka_unit_test(moves_like_the_host),
		cmocka_unit_test(sets_like_the_host),	cmocka_unit_test(compares_like_the_host),
		cmocka_unit_test(measures_and_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
