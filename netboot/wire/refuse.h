/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* How the codecs of this folder fill a wire_error. */
#include <stdbool.h>

#include "wire/error.h"

/* Fills *error and returns false, so that a check can end in `return wire_refuse(...)`. `scope` (may be NULL)
 * and `name` become the error's name, joined by a space. */
bool wire_refuse(struct wire_error *error, enum wire_err code, uint64_t a, uint64_t b,
		 const char *scope, const char *name);
