/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Test Anything Protocol on the console. One numbered line a check; the plan comes last, so a guest that dies early
 * is seen to have no plan. Safe on every CPU.
 */
#include <stdbool.h>
#include <stdint.h>

/* "ok N - text" or "not ok N - text"; returns ok. */
bool report(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for two numbers that should be equal; both are printed when they are not. */
bool report_equal(uint64_t got, uint64_t want, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* "# text" */
void report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "Bail out! text", then powers off. */
_Noreturn void report_abort(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The plan, then powers off. */
_Noreturn void report_finish(void);
/* The plan without the end: a reset follows. */
void report_plan(void);
