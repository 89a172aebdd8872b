/* SPDX-License-Identifier: Apache-2.0 */
/* Register patterns: filled by seed, compared register by register. */
#include "guest/regs_fill.h"

#include "guest/lib/report.h"

void regs_fill(struct all_regs *regs, uint64_t seed)
{
	for (unsigned i = 0; i < 31; i++) {
		regs->x[i] = seed * UINT64_C(0x9e3779b97f4a7c15) + i * UINT64_C(0x0101010101010101);
	}
	regs->sp_el0 = seed << 32 | 0x5a5a0;
	for (unsigned i = 0; i < 32; i++) {
		regs->v[i][0] = ~(seed + i) * UINT64_C(0xc2b2ae3d27d4eb4f);
		regs->v[i][1] = (seed ^ i) * UINT64_C(0x165667b19e3779f9);
	}
	regs->fpcr = (seed & 3) << 22;
	regs->fpsr = UINT64_C(0x0800001f) & (seed * 0x11);
}

unsigned regs_count_changed(const struct all_regs *a, const struct all_regs *b, unsigned skip)
{
	unsigned count = 0;
	for (unsigned i = skip; i < 31; i++) {
		if (a->x[i] != b->x[i] && count++ == 0) {
			report_note("x%u: 0x%lx became 0x%lx", i, a->x[i], b->x[i]);
		}
	}
	for (unsigned i = 0; i < 32; i++) {
		if ((a->v[i][0] != b->v[i][0] || a->v[i][1] != b->v[i][1]) && count++ == 0) {
			report_note("v%u: 0x%lx%016lx became 0x%lx%016lx", i, a->v[i][1],
				    a->v[i][0], b->v[i][1], b->v[i][0]);
		}
	}
	if ((a->fpcr != b->fpcr || a->fpsr != b->fpsr || a->sp_el0 != b->sp_el0) && count++ == 0) {
		report_note("fpcr 0x%lx 0x%lx, fpsr 0x%lx 0x%lx, sp_el0 0x%lx 0x%lx", a->fpcr,
			    b->fpcr, a->fpsr, b->fpsr, a->sp_el0, b->sp_el0);
	}
	return count;
}
