/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The host's stand-in for hypervisor/arch/hal/hal_fast.h: the same names, answered by the fake
 * machine. */
#include <stdint.h>

#include "core/hal.h"
#include "core/percpu.h"

extern uint64_t fake_exit_syndrome, fake_exit_ipa;

static inline struct percpu *hal_this_cpu(void)
{
	return &percpu[hal_cpu_index()];
}

static inline uint64_t hal_fast_ticks(void)
{
	return hal_ticks();
}

static inline uint64_t hal_exit_syndrome(void)
{
	return fake_exit_syndrome;
}

static inline uint64_t hal_exit_ipa(void)
{
	return fake_exit_ipa;
}
