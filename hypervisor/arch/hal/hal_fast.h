/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The part of the core's hardware interface that every exit goes through, as instructions. The host tests have
 * a file of the same name in their own include path.
 */
#include <stdint.h>

#include "arch/sysreg.h"

struct percpu;

static inline struct percpu *hal_this_cpu(void)
{
	return (struct percpu *)read_sysreg(tpidr_el2);
}

/* No ISB before: a reading a few instructions early does not matter to accounting. */
static inline uint64_t hal_fast_ticks(void)
{
	return read_sysreg(cntpct_el0);
}

static inline uint64_t hal_exit_syndrome(void)
{
	return read_sysreg(esr_el2);
}

/* Bits 11:0 of the faulting IPA come from FAR_EL2, the rest from HPFAR_EL2 (Arm ARM D24.2.64). */
static inline uint64_t hal_exit_ipa(void)
{
	return ((read_sysreg(hpfar_el2) & UINT64_C(0xffffffffff0)) << 8) |
	       (read_sysreg(far_el2) & UINT64_C(0xfff));
}
