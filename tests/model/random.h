/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Random numbers for model tests: SEED= and N= come from the environment, and a run prints what
 * repeats it. */
#include <stdint.h>

/* Reads SEED (else from the clock) and N (else `steps`), and prints both. Returns N. */
uint64_t random_init(const char *program, uint64_t steps);
uint64_t random_u64(void);
/* 0 to limit - 1. */
uint64_t random_below(uint64_t limit);
