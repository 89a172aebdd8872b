/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of kinds, and the sentence. A format comes from us, its arguments may be hostile: they are cut, never
 * trusted to fit.
 */
#include "base/fail.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
	unsigned status;
	const char *title;
} kinds[] = {
#define X(symbol, status, title) [FAIL_##symbol] = { status, title },
	FAIL_KINDS(X)
#undef X
};

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

bool fail_set(struct fail *fail, enum fail_kind kind, const char *format, ...)
{
	if (fail == NULL) {
		return false;
	}
	va_list arguments;
	va_start(arguments, format);
	fail->kind = kind;
	if (vsnprintf(fail->text, sizeof(fail->text), format, arguments) < 0) {
		fail->text[0] = '\0';
	}
	va_end(arguments);
	return false;
}

unsigned fail_status(enum fail_kind kind)
{
	return (unsigned)kind < KIND_COUNT ? kinds[kind].status : kinds[FAIL_INTERNAL].status;
}

const char *fail_title(enum fail_kind kind)
{
	return (unsigned)kind < KIND_COUNT ? kinds[kind].title : kinds[FAIL_INTERNAL].title;
}
