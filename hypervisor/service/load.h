/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Fills the memory of a guest that is LOADING: kernel, initramfs, device tree. */
#include <stdint.h>

#include "abi/bootinfo.h"
#include "service/payload.h"

struct load_entry {
	uint64_t kernel_ipa; /* first instruction */
	uint64_t initramfs_ipa;
	uint64_t dtb_ipa; /* x0 at the first instruction */
};

/* Copies a guest's blobs, whose hashes were compared, and its device tree into `ram`, which holds the
 * guest's memory-mib. `seed_number` makes the guest's random seeds differ from every other start's.
 * Returns NULL, or in words why the guest cannot be loaded. */
const char *load_guest(const struct payload *payload, const struct manifest_guest *guest,
		       const struct aether_bootinfo *info, uint64_t seed_number, uint8_t *ram,
		       struct load_entry *entry);
