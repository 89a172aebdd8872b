/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts a guest's first state into its memory. The memory comes scrubbed, so what is not written here
 * reads as zero. The guest's random seeds are derived from the node's entropy with a number that no
 * other start has, so that neither another guest nor an earlier start of this one tells them.
 */
#include "service/load.h"

#include <string.h>

#include "service/digest.h"
#include "service/guest_fdt.h"
#include "service/place.h"

static void derive_seeds(const struct aether_bootinfo *info, uint64_t seed_number,
			 struct guest_fdt *tree)
{
	uint8_t derived[DIGEST_BYTES];

	tree->has_seeds = info->entropy_bytes != 0;
	if (!tree->has_seeds) {
		return;
	}
	digest_derive(info->entropy, "rng-seed", info->instance, seed_number, derived);
	memcpy(tree->rng_seed, derived, sizeof(tree->rng_seed));
	digest_derive(info->entropy, "kaslr-seed", info->instance, seed_number, derived);
	memcpy(tree->kaslr_seed, derived, sizeof(tree->kaslr_seed));
}

const char *load_tree(const struct manifest_guest *guest, const struct place *place,
		      const struct aether_bootinfo *info, uint64_t seed_number, uint8_t *ram,
		      struct load_entry *entry)
{
	struct guest_fdt tree = {
		.ram_bytes = (uint64_t)guest->memory_mib << 20,
		.vcpu_count = guest->vcpu_count,
		.gic_version = info->gic_version,
		.midr = info->midr,
		.bootargs = guest->bootargs,
		.initramfs_ipa = AETHER_GUEST_RAM_BASE + place->initramfs_offset,
		.initramfs_bytes = guest->has_initramfs ? guest->initramfs.size_bytes : 0,
	};

	derive_seeds(info, seed_number, &tree);
	if (guest_fdt_encode(&tree, ram + place->dtb_offset, PLACE_DTB_MAX_BYTES) != 0) {
		return "the device tree does not fit into its place";
	}
	entry->kernel_ipa = AETHER_GUEST_RAM_BASE + place->kernel_offset;
	entry->initramfs_ipa = tree.initramfs_ipa;
	entry->dtb_ipa = AETHER_GUEST_RAM_BASE + place->dtb_offset;
	return NULL;
}
