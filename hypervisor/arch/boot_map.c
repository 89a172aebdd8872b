/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first translation tables of EL2, made with the MMU off: this file runs at its physical address, so it takes
 * addresses of symbols PC-relative and dereferences no pointer that the linker computed.
 *
 * Two level 0 tables share what lies below: the identity one is used for the few instructions around turning the MMU
 * on, the other from then on. The image is mapped page by page: code read-only and executable, constants read-only,
 * the rest writable and not executable, the page below each stack not at all.
 */
#include "arch/mmu.h"

#include "arch/layout.h"
#include "arch/sysreg.h"
#include "lib/bits.h"

#define PAGE_TABLE __attribute__((aligned(4096), section(".bss.pages")))

PAGE_TABLE uint64_t boot_l0_identity[512];
PAGE_TABLE uint64_t mmu_l0[512];
static PAGE_TABLE uint64_t l1_identity[512], l2_identity[512];
static PAGE_TABLE uint64_t l1_image[512], l2_image[512], l3_image[512];
PAGE_TABLE uint64_t mmu_l1_pool[512], mmu_l2_pool[512];
PAGE_TABLE uint64_t mmu_l1_device[512], mmu_l2_device[512], mmu_l3_device[MMU_DEVICE_TABLES][512];
PAGE_TABLE uint64_t mmu_l1_window[512], mmu_l2_window[512];

uint64_t boot_tcr;
uint64_t boot_l0_pa;

extern const char _start[], _text_end[], _rodata_end[], _core_end[], _crash[], _image_end[], cpu_stacks[];

static uint64_t table_at(const uint64_t *table)
{
	return (uint64_t)table | MMU_TABLE;
}

static uint64_t image_attributes(uint64_t pa)
{
	if (pa < (uint64_t)_text_end) {
		return MMU_PAGE | MMU_NORMAL | MMU_READ_ONLY;
	}
	if (pa < (uint64_t)_rodata_end) {
		return MMU_PAGE | MMU_NORMAL | MMU_READ_ONLY | MMU_NO_EXECUTE;
	}
	if (pa >= (uint64_t)_core_end && pa < (uint64_t)_crash) {
		return 0; /* not the core's */
	}
	const uint64_t stacks = (uint64_t)cpu_stacks;
	const uint64_t stride = LAYOUT_STACK_BYTES + LAYOUT_GUARD_BYTES;
	if (pa >= stacks && pa < stacks + LAYOUT_CPU_MAX * stride &&
	    (pa - stacks) % stride < LAYOUT_GUARD_BYTES) {
		return 0;
	}
	return MMU_PAGE | MMU_NORMAL | MMU_NO_EXECUTE;
}

__attribute__((no_stack_protector)) void boot_map(void)
{
	const uint64_t base = (uint64_t)_start;

	boot_l0_identity[base >> 39 & 511] = table_at(l1_identity);
	l1_identity[base >> 30 & 511] = table_at(l2_identity);
	l2_identity[base >> 21 & 511] = base | MMU_BLOCK | MMU_NORMAL | MMU_READ_ONLY;

	const unsigned image_index = LAYOUT_IMAGE_VA >> 39 & 511;
	boot_l0_identity[image_index] = table_at(l1_image);
	mmu_l0[image_index] = table_at(l1_image);
	l1_image[0] = table_at(l2_image);
	l2_image[0] = table_at(l3_image);
	for (uint64_t pa = base; pa < (uint64_t)_image_end; pa += 4096) {
		const uint64_t attributes = image_attributes(pa);
		l3_image[(pa - base) >> 12] = attributes == 0 ? 0 : pa | attributes;
	}

	mmu_l0[LAYOUT_POOL_VA >> 39 & 511] = table_at(mmu_l1_pool);
	mmu_l1_pool[0] = table_at(mmu_l2_pool);
	mmu_l0[LAYOUT_DEVICE_VA >> 39 & 511] = table_at(mmu_l1_device);
	mmu_l1_device[0] = table_at(mmu_l2_device);
	for (unsigned i = 0; i < MMU_DEVICE_TABLES; i++) {
		mmu_l2_device[i] = table_at(mmu_l3_device[i]);
	}
	mmu_l0[LAYOUT_WINDOW_VA >> 39 & 511] = table_at(mmu_l1_window);
	mmu_l1_window[0] = table_at(mmu_l2_window);

	/* PARange 6 (52 bits) needs LPA, which this format does not use: 48 bits then. */
	uint64_t range = FIELD_GET(BITS(3, 0), read_sysreg(id_aa64mmfr0_el1));
	range = range > 5 ? 5 : range;
	boot_tcr = TCR_EL2_BASE | (range << TCR_EL2_PS_SHIFT);
	boot_l0_pa = (uint64_t)mmu_l0;
}
