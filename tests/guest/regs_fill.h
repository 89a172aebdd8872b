/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Patterns for all registers that regs_switch.h loads, and what has become of them. */
#include "guest/regs_switch.h"

/* A different pattern for each seed, and in each register. FPCR and FPSR keep only bits that every CPU has. */
void regs_fill(struct all_regs *regs, uint64_t seed);
/* How many differ, x0 to x(skip - 1) apart; the first of them is named on the console. */
unsigned regs_count_changed(const struct all_regs *before, const struct all_regs *after,
			    unsigned skip);
