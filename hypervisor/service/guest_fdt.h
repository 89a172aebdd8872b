/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The device tree that a guest is given: the machine of abi/bootinfo.h, described as QEMU's `virt` does. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GUEST_FDT_RNG_SEED_BYTES = 32, GUEST_FDT_KASLR_SEED_BYTES = 8 };

struct guest_fdt {
	uint64_t ram_bytes;
	uint32_t vcpu_count;
	uint32_t gic_version; /* 2 or 3 */
	uint64_t midr; /* MIDR_EL1 of the CPUs it runs on */
	const char *bootargs;
	uint64_t initramfs_ipa;
	uint64_t initramfs_bytes; /* 0: none */
	bool has_seeds; /* the two that follow are random */
	uint8_t rng_seed[GUEST_FDT_RNG_SEED_BYTES];
	uint8_t kaslr_seed[GUEST_FDT_KASLR_SEED_BYTES];
};

/* Writes the tree into the size bytes at dtb (8-byte aligned). Returns 0, or libfdt's negative error: only
 * -FDT_ERR_NOSPACE can happen. */
int guest_fdt_encode(const struct guest_fdt *guest, void *dtb, size_t size);
