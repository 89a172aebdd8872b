/* SPDX-License-Identifier: Apache-2.0 */
/* Where a failed CHECK and a broken rule of the fake machine end: in the test that caused them. */
#include "check_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/check.h"
#include "hal_fake.h"

struct check_fake check_fake;

void check_fake_expect(enum check_fake_expected kind, const char *text)
{
	if (check_fake.expected == kind) {
		check_fake.expected = EXPECT_NOTHING;
		(void)snprintf(check_fake.text, sizeof(check_fake.text), "%s", text);
		longjmp(check_fake.env, 1);
	}
}

void fake_fail(const char *format, ...)
{
	char text[sizeof(check_fake.text)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	check_fake_expect(EXPECT_FAIL, text);
	check_fake.expected = EXPECT_NOTHING;
	fake_log_print(16);
	print_error("%s\n", text);
	_fail("fake machine", 0);
	abort();
}

/* A program with core/crash.c has the core's own, which ends in hal_node_off(). */
__attribute__((weak)) void check_failed(const char *expression, const char *file, int line)
{
	check_fake_expect(EXPECT_CHECK, expression);
	fake_fail("%s:%d: CHECK(%s) failed", file, line, expression);
}
