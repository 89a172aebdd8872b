/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

struct all_regs {
	uint64_t x[31];
	uint64_t sp_el0;
	uint64_t v[32][2];
	uint64_t fpcr, fpsr;
};

/* x0: an SMCCC function id; x0 (and x1 to x3, by the convention) change. */
void regs_around_hvc(const struct all_regs *before, struct all_regs *after);
/* x0: an address in device memory, read to w1. */
void regs_around_read(const struct all_regs *before, struct all_regs *after);
/* x0: an address in device memory, w1 is written there. */
void regs_around_write(const struct all_regs *before, struct all_regs *after);
/* A timer must be armed. */
void regs_around_wfi(const struct all_regs *before, struct all_regs *after);
/* x0: how often to go round; ends as 0. */
void regs_around_spin(const struct all_regs *before, struct all_regs *after);
/* x0: the operand of DC CISW. */
void regs_around_set_way(const struct all_regs *before, struct all_regs *after);
/* Undefined at EL1: the guest's own handler runs in between. */
void regs_around_undefined(const struct all_regs *before, struct all_regs *after);
