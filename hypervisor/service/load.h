/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The last step of filling a guest's memory: its device tree, and where it is entered. */
#include <stdint.h>

#include "abi/bootinfo.h"
#include "service/place.h"
#include "wire/manifest.h"

struct load_entry {
	uint64_t kernel_ipa; /* first instruction */
	uint64_t initramfs_ipa;
	uint64_t dtb_ipa; /* x0 at the first instruction */
};

/* Writes the guest's device tree to its place in `ram`, which holds the guest's memory-mib. `seed_number` makes the
 * guest's random seeds differ from every other start's. Returns NULL, or in words why it cannot. */
const char *load_tree(const struct manifest_guest *guest, const struct place *place,
		      const struct aether_bootinfo *info, uint64_t seed_number, uint8_t *ram,
		      struct load_entry *entry);
