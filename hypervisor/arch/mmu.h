/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * EL2's stage 1 (Arm ARM D8): the static tables, device mappings, the pool, and each CPU's window onto pages that the
 * core does not otherwise map.
 */
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"

#define MMU_TABLE UINT64_C(3)
#define MMU_PAGE UINT64_C(3)
#define MMU_BLOCK UINT64_C(1)
/* AttrIndx, SH inner, AF; AP[1] is RES1 at EL2. */
#define MMU_NORMAL UINT64_C(0x740)
#define MMU_DEVICE UINT64_C(0x444)
#define MMU_READ_ONLY (UINT64_C(1) << 7)
#define MMU_NO_EXECUTE (UINT64_C(1) << 54)

#define MMU_DEVICE_TABLES 4u

void boot_map(void);

/* Where the image was loaded. First of all. */
void mmu_init(pa_t image);

/* Maps device registers for good; returns their address, 0 if the region is full. Start of day, boot CPU. */
uintptr_t mmu_map_device(pa_t base, uint64_t bytes);
/* The core's pool: 2 MiB aligned, mapped at LAYOUT_POOL_VA for good. */
void *mmu_map_pool(pa_t base, uint64_t bytes);
/* This CPU's window: the 2 MiB block that holds `pa` and the one behind it, Normal memory. The pointer is to `pa`.
 * Valid until the next call; mmu_window_close() takes it away. */
void *mmu_window_open(pa_t pa);
void mmu_window_close(void);
/* PA of something in the core's image. */
pa_t mmu_image_pa(const void *address);
