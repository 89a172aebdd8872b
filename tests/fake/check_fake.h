/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A failed CHECK, or a rule of the fake machine that is broken, fails the test, unless the test
 * expects it:
 *
 *     assert_check_fails(pages_pool_free(page, 1));
 *     assert_fake_fails(hal_core_page(PA(1)));
 *
 * The statement is left by longjmp: locks that the product code held stay held, so the module under
 * test has to be set up again afterwards.
 */
#include <setjmp.h>

enum check_fake_expected { EXPECT_NOTHING, EXPECT_CHECK, EXPECT_FAIL };

struct check_fake {
	jmp_buf env;
	enum check_fake_expected expected;
	char text[512]; /* of the last failure that was expected */
};
extern struct check_fake check_fake;

#define assert_check_fails(statement) assert_fails_(EXPECT_CHECK, statement)
#define assert_fake_fails(statement) assert_fails_(EXPECT_FAIL, statement)
#define assert_fails_(kind, statement)                                                             \
	do {                                                                                       \
		if (setjmp(check_fake.env) == 0) {                                                 \
			check_fake.expected = kind;                                                \
			statement;                                                                 \
			check_fake.expected = EXPECT_NOTHING;                                      \
			fake_fail("nothing failed in: %s", #statement);                            \
		}                                                                                  \
	} while (0)

/* Fails the running test with a message and the last operations of the log (hal_fake.h). */
_Noreturn void fake_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Leaves the statement that is expected to fail that way; else returns. */
void check_fake_expect(enum check_fake_expected kind, const char *text);
