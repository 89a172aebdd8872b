/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cache and TLB maintenance. TCG does not model caches, so nothing here shows its mistakes in the emulator: each
 * operation says what it orders before what, and the host tests check the calls that reach this file.
 */
#include "abi/crash.h"
#include "arch/mmu.h"
#include "arch/sysreg.h"
#include "arch/vcpu_state.h"
#include "core/check.h"
#include "core/hal.h"
#include "lib/bits.h"
#include "lib/string.h"

static uint64_t data_line_bytes(void)
{
	/* CTR_EL0.DminLine: log2 of words in the smallest data cache line. */
	return UINT64_C(4) << FIELD_GET(BITS(19, 16), read_sysreg(ctr_el0));
}

static void clean_invalidate(uintptr_t start, uint64_t bytes)
{
	const uint64_t line = data_line_bytes();
	for (uintptr_t at = start; at < start + bytes; at += line) {
		dc(civac, at);
	}
	/* In memory, for observers that do not look into caches, before whatever follows. */
	dsb(sy);
}

/* DC ZVA's block, 0 where it is prohibited. */
static uint64_t zva_bytes(void)
{
	const uint64_t dczid = read_sysreg(dczid_el0);
	return (dczid & BIT(4)) ? 0 : UINT64_C(4) << FIELD_GET(BITS(3, 0), dczid);
}

void hal_scrub(pa_t pa, uint64_t bytes)
{
	const uintptr_t start = (uintptr_t)mmu_window_open(pa);
	const uint64_t block = zva_bytes();
	if (block != 0) {
		for (uintptr_t at = start; at < start + bytes; at += 4 * block) {
			dc(zva, at);
			dc(zva, at + block);
			dc(zva, at + 2 * block);
			dc(zva, at + 3 * block);
		}
	} else {
		memset((void *)start, 0, bytes);
	}
	clean_invalidate(start, bytes);
	mmu_window_close();
}

void hal_clean_invalidate(pa_t pa, uint64_t bytes)
{
	clean_invalidate((uintptr_t)mmu_window_open(pa), bytes);
	mmu_window_close();
}

void hal_copy_to(pa_t pa, const void *from, uint64_t bytes)
{
	void *to = mmu_window_open(pa);
	memcpy(to, from, bytes);
	clean_invalidate((uintptr_t)to, bytes);
	mmu_window_close();
}

void hal_copy_from(void *to, pa_t pa, uint64_t bytes)
{
	memcpy(to, mmu_window_open(pa), bytes);
	mmu_window_close();
}

void hal_crash_clean(void)
{
	clean_invalidate((uintptr_t)hal_crash_memory(), AETHER_CRASH_BYTES);
}

void hal_invalidate_icache(void)
{
	/* All instruction caches of the inner shareable domain forget what they hold of reused memory. */
	dsb(ish);
	__asm__ volatile("ic ialluis" ::: "memory");
	dsb(ish);
	isb();
}

void hal_tables_publish(void)
{
	dsb(ishst);
	isb();
}

void hal_stage2_invalidate(uint16_t vmid, pa_t table, ipa_t ipa, uint64_t bytes)
{
	struct stage2_visit visit;
	if (bytes > 64 * PAGE_BYTES) {
		/* One broadcast a page would cost more than refilling the VM's entries. */
		hal_stage2_invalidate_all(vmid, table);
		return;
	}
	vcpu_state_visit_stage2(&visit, table.v | ((uint64_t)vmid << 48));
	dsb(ishst); /* the invalid descriptor is seen by every walker before its entries go */
	for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) {
		tlbi_address(ipas2e1is, (ipa.v + at) >> PAGE_SHIFT);
	}
	dsb(ish); /* stage 2 entries are gone before the combined ones are dropped (Arm ARM D8.16.5) */
	tlbi(vmalle1is); /* entries that combine stage 1 and stage 2 are not tagged by IPA */
	dsb(ish); /* complete on every CPU before the page changes hands */
	vcpu_state_leave_stage2(&visit);
}

void hal_stage2_invalidate_all(uint16_t vmid, pa_t table)
{
	struct stage2_visit visit;
	vcpu_state_visit_stage2(&visit, table.v | ((uint64_t)vmid << 48));
	dsb(ishst);
	tlbi(vmalls12e1is);
	dsb(ish);
	vcpu_state_leave_stage2(&visit);
}
