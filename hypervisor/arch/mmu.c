/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EL2's stage 1 after boot, and memory seen through windows.
 *
 * A window is two neighbouring 2 MiB block entries that belong to one CPU; the entry behind them stays invalid as a
 * guard. It changes only through invalid, with a TLB invalidation in between (break-before-make). Only its own CPU
 * uses the addresses, but a TLB invalidation to all CPUs costs little against the work done in the window.
 */
#include "arch/mmu.h"

#include "arch/layout.h"
#include "arch/sysreg.h"
#include "core/check.h"
#include "core/hal.h"
#include "lib/bits.h"
#include "lib/string.h"

extern uint64_t mmu_l2_pool[512];
extern uint64_t mmu_l3_device[MMU_DEVICE_TABLES][512];
extern uint64_t mmu_l2_window[512];

static struct {
	pa_t image;
	pa_t pool;
	uint64_t pool_bytes;
	unsigned device_pages;
} map;

static void publish(void)
{
	/* The descriptor's store is seen by the walkers before the access that needs it. */
	dsb(ishst);
	isb();
}

static void invalidate(uint64_t va)
{
	dsb(ishst);
	tlbi_address(vae2is, va >> 12 & BITS(43, 0));
	dsb(ish);
	isb();
}

void mmu_init(pa_t image)
{
	map.image = image;
}

pa_t mmu_image_pa(const void *address)
{
	return PA(map.image.v + ((uint64_t)address - LAYOUT_IMAGE_VA));
}

uintptr_t mmu_map_device(pa_t base, uint64_t bytes)
{
	const uint64_t first = align_down(base.v, PAGE_BYTES);
	const uint64_t count = (align_up(base.v + bytes, PAGE_BYTES) - first) >> PAGE_SHIFT;
	uint64_t *entries = &mmu_l3_device[0][0];
	if (count > MMU_DEVICE_TABLES * 512 - map.device_pages) {
		return 0;
	}
	const unsigned at = map.device_pages;
	for (uint64_t i = 0; i < count; i++) {
		entries[at + i] = (first + i * PAGE_BYTES) | MMU_PAGE | MMU_DEVICE | MMU_NO_EXECUTE;
	}
	map.device_pages += (unsigned)count;
	publish();
	return LAYOUT_DEVICE_VA + at * PAGE_BYTES + (base.v - first);
}

void *mmu_map_pool(pa_t base, uint64_t bytes)
{
	CHECK(is_aligned(base.v, BLOCK_2M_BYTES) && is_aligned(bytes, BLOCK_2M_BYTES) &&
	      bytes <= BLOCK_1G_BYTES);
	for (uint64_t at = 0; at < bytes; at += BLOCK_2M_BYTES) {
		mmu_l2_pool[at >> 21] = (base.v + at) | MMU_BLOCK | MMU_NORMAL | MMU_NO_EXECUTE;
	}
	map.pool = base;
	map.pool_bytes = bytes;
	publish();
	return (void *)LAYOUT_POOL_VA;
}

void *hal_core_page(pa_t pa)
{
	CHECK(pa.v - map.pool.v < map.pool_bytes);
	return (void *)(LAYOUT_POOL_VA + (pa.v - map.pool.v));
}

static unsigned window_slot(void)
{
	return hal_cpu_index() * LAYOUT_WINDOW_SLOTS;
}

void mmu_window_close(void)
{
	const unsigned slot = window_slot();
	mmu_l2_window[slot] = 0;
	mmu_l2_window[slot + 1] = 0;
	invalidate(LAYOUT_WINDOW_VA + slot * BLOCK_2M_BYTES);
	invalidate(LAYOUT_WINDOW_VA + (slot + 1) * BLOCK_2M_BYTES);
}

void *mmu_window_open(pa_t pa)
{
	const unsigned slot = window_slot();
	const uint64_t block = align_down(pa.v, BLOCK_2M_BYTES);
	if (mmu_l2_window[slot] != 0) {
		mmu_window_close();
	}
	mmu_l2_window[slot] = block | MMU_BLOCK | MMU_NORMAL | MMU_NO_EXECUTE;
	mmu_l2_window[slot + 1] =
		(block + BLOCK_2M_BYTES) | MMU_BLOCK | MMU_NORMAL | MMU_NO_EXECUTE;
	publish();
	return (void *)(LAYOUT_WINDOW_VA + slot * BLOCK_2M_BYTES + (pa.v - block));
}
