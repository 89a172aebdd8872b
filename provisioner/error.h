/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One sentence about what went wrong, written once, at the level that knows the detail. */

#define PROVISION_ERROR_BYTES 256u

struct provision_error {
	char text[PROVISION_ERROR_BYTES];
};

/* Writes the sentence and returns -1, so that a check can end in `return provision_fail(...)`. */
int provision_fail(struct provision_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
