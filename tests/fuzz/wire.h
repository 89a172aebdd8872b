/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the fuzz targets of messages share. */
#include <stdlib.h>
#include <string.h>

#include "unit/small_bundle.h"
#include "wire/error.h"

/* The input with nothing readable behind it; free() gives it back. The message's own length, `width` bytes at `at`, is
 * made right: a fuzzer that has to guess it sees little else. (unit/test_wire_*.c hold wrong lengths.) */
static inline uint8_t *fuzz_copy(const uint8_t *bytes, size_t size, size_t at, size_t width)
{
	uint8_t *copy = small_bundle_copy(bytes, size);

	for (size_t i = 0; i < width && at + i < size; i++) {
		copy[at + i] = (uint8_t)(size >> (8 * i));
	}
	return copy;
}

/* A refusal says why. */
static inline void fuzz_expect_words(const struct wire_error *error)
{
	char text[WIRE_ERROR_TEXT_BYTES];

	if (error->code == WIRE_OK || strlen(wire_error_text(error, text, sizeof(text))) == 0) {
		abort();
	}
}
