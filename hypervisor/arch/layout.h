/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * EL2's virtual address space (48 bits), one level 0 entry a region. There is no map of all RAM: a page that is
 * not the core's own is seen only through a CPU's window, for as long as an operation on it takes.
 */
#define LAYOUT_IMAGE_VA 0x700000000000 /* the core's image */
#define LAYOUT_POOL_VA 0x708000000000 /* its pool: page tables, the page owner table */
#define LAYOUT_DEVICE_VA 0x710000000000 /* device registers */
#define LAYOUT_WINDOW_VA                                                                           \
	0x718000000000 /* per CPU: LAYOUT_WINDOW_SLOTS blocks of 2 MiB, the last one a guard */
#define LAYOUT_WINDOW_SLOTS 3

#define LAYOUT_STACK_BYTES 0x4000 /* a CPU's stack, with an unmapped guard page below it */
#define LAYOUT_GUARD_BYTES 0x1000
#define LAYOUT_CPU_MAX 8
#define LAYOUT_TRAILER_BYTES 0x4000 /* AETHER_TRAILER_MAX_BYTES; main.c asserts it */
#define LAYOUT_CRASH_OFFSET 0x1fc000 /* AETHER_CRASH_OFFSET, AETHER_CRASH_BYTES; main.c asserts it */
#define LAYOUT_CRASH_BYTES 0x4000

/* MAIR_EL2: attribute 0 Normal write-back, 1 Device-nGnRE, 2 Normal non-cacheable. */
#define LAYOUT_MAIR 0x4404ff
#define LAYOUT_ATTR_NORMAL 0
#define LAYOUT_ATTR_DEVICE 1
