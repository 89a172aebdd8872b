/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A crash record (abi/crash.h) or a raw trace ring (core/trace.h) in words. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/elf_symbols.h"

/* NULL, or why it is neither. elf may be NULL: then addresses stay numbers. counter_hz is the ring's; a record has its
 * own. A damaged record is printed as far as it goes, with a line that says so, and *is_damaged. */
const char *trace_print(FILE *out, const struct elf_symbols *elf, const uint8_t *data, size_t bytes,
			uint64_t counter_hz, bool *is_damaged);
