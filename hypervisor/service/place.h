/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where a guest's kernel, initramfs and device tree go in its RAM, as the arm64 boot protocol says
 * (Linux, Documentation/arch/arm64/booting.rst):
 *
 *     RAM + 0                 left free (2 MiB, as QEMU's `virt` does)
 *     RAM + 2 MiB + text_offset   kernel, image_size bytes of it kept free
 *     next page               initramfs
 *     next 2 MiB boundary     device tree, at most PLACE_DTB_MAX_BYTES
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/image.h"

#define PLACE_KERNEL_BASE UINT64_C(0x200000) /* from the first byte of RAM */
#define PLACE_DTB_MAX_BYTES UINT64_C(0x10000)

struct place {
	uint64_t kernel_offset; /* all three from the first byte of RAM */
	uint64_t initramfs_offset;
	uint64_t dtb_offset;
};

/* Finds the places in ram_bytes of RAM for a kernel of kernel_bytes whose first bytes are *header (read them only if
 * kernel_bytes is at least their size), and an initramfs of initramfs_bytes (0: none). Returns NULL, or in words
 * why there are none. */
const char *place_guest(const struct arm64_image_header *header, uint64_t kernel_bytes,
			uint64_t initramfs_bytes, uint64_t ram_bytes, struct place *place);
