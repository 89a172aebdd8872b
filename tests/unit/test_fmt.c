/* SPDX-License-Identifier: Apache-2.0 */
/* lib/fmt.c against the host's snprintf, and what it does differently. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fmt.h"

/* Compares with snprintf in buffers of every size from none to more than enough. */
#define SAME(...)                                                                                  \
	do {                                                                                       \
		char want[256];                                                                    \
		const int length = snprintf(want, sizeof(want), __VA_ARGS__);                      \
		for (size_t size = 0; size < (size_t)length + 3; size++) {                         \
			char *ours = malloc(size + 1);                                             \
			memset(ours, '#', size + 1);                                               \
			const size_t got = fmt_string(ours, size, __VA_ARGS__);                    \
			const size_t fits = size == 0 ? 0 : size - 1;                              \
			assert_int_equal(got, fits < (size_t)length ? fits : (size_t)length);      \
			assert_memory_equal(ours, want, got);                                      \
			assert_int_equal(ours[got], size == 0 ? '#' : '\0');                       \
			assert_int_equal(ours[size], '#');                                         \
			free(ours);                                                                \
		}                                                                                  \
	} while (0)

static void numbers(void **state)
{
	(void)state;
	SAME("%d %i %u %x %X", -42, 7, 4000000000u, 0xbeefu, 0xbeefu);
	SAME("%d %d %d", INT32_MIN, INT32_MAX, 0);
	SAME("%ld %lu %lx", INT64_MIN, UINT64_MAX, UINT64_MAX);
	SAME("%lld %llu %llx", (long long)INT64_MIN, (unsigned long long)UINT64_MAX,
	     (unsigned long long)UINT64_MAX);
	SAME("%zu", (size_t)12345);
	SAME("[%5d][%-5d][%05d][%2d]", -42, -42, -42, -4242);
	SAME("[%8x][%08x][%-8x][%016llx]", 0xabcu, 0xabcu, 0xabcu, 0x123456789abull);
	SAME("[%*d][%0*d]", 6, 42, 6, 42);
	SAME("%p", (void *)(uintptr_t)0x1234);
}

static void text(void **state)
{
	(void)state;
	SAME("plain");
	SAME("%s|%10s|%-10s|%.2s|%.*s|%5.1s", "abc", "abc", "abc", "abc", 1, "abc", "abc");
	SAME("%c%c%3c", 'a', 'b', 'c');
	SAME("100%%");
}

static void precision_bounds_the_read(void **state)
{
	(void)state;
	char *unterminated = malloc(3);
	char out[16];

	memcpy(unterminated, "xyz", 3);
	assert_int_equal(fmt_string(out, sizeof(out), "%.3s", unterminated), 3);
	assert_string_equal(out, "xyz");
	free(unterminated);
}

static size_t format_unchecked(char *buf, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const size_t length = fmt_vstring(buf, size, format, args);
	va_end(args);
	return length;
}

static void unknown_conversions_are_seen(void **state)
{
	(void)state;
	char out[32];

	format_unchecked(out, sizeof(out), "a%qb%");
	assert_string_equal(out, "a%qb%");
	format_unchecked(out, sizeof(out), "%5");
	assert_string_equal(out, "%5");
	format_unchecked(out, sizeof(out), "%s", (char *)NULL);
	assert_string_equal(out, "(null)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(text),
		cmocka_unit_test(precision_bounds_the_read),
		cmocka_unit_test(unknown_conversions_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
