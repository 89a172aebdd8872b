/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The guest's own system registers, and what the identification registers promise. */
#include <stdbool.h>
#include <stdint.h>

/* Writes a pattern to every register that is free to hold one. */
void sysreg_fill(uint64_t seed);
/* The number that does not hold sysreg_fill's pattern any more; the first is named. */
unsigned sysreg_count_changed(uint64_t seed);
/* Both, with exits in between; reports one line if asked. */
bool sysreg_check(uint64_t seed, bool is_reported);
/* A feature that the identification registers announce works; one that they do not is undefined. */
void sysreg_check_features(void);
/* Breakpoint and watchpoint registers, a breakpoint that fires, the cycle counter. */
void sysreg_check_debug(void);
/* "# id NAME VALUE" for each identification register. */
void sysreg_print_ids(void);
