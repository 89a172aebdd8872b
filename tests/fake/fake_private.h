/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the parts of the fake machine know of each other. */
#include "hal_fake.h"

void fake_log(enum fake_op_kind kind, uint64_t a, uint64_t b, uint64_t c);
unsigned fake_cpu(void);

void fake_gic_reset(void);
void fake_vcpu_reset(void);
void fake_nic_reset(void);
void fake_crash_reset(void);

/* The page table oracle. observe() comes first in every operation that gives the core a reason to
 * have finished stores before it; the others say what the operation means to walkers and TLBs. */
void fake_tables_reset(void);
void fake_tables_observe(void);
void fake_tables_note_core_page(pa_t pa);
void fake_tables_published(void);
void fake_tables_invalidated(uint16_t vmid, pa_t root, uint64_t addr, uint64_t bytes);
void fake_tables_scrubbed(pa_t pa, uint64_t bytes);
