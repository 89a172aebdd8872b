/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Bundles small enough to damage at every byte. */
#include <stddef.h>
#include <stdint.h>

#include "wire/manifest.h"

enum { SMALL_KERNEL_BYTES = 300, SMALL_INITRAMFS_BYTES = 70, SMALL_IMAGE_SIZE = 0x3000 };

struct small_bundle {
	uint8_t *bytes; /* exactly size of them from aligned_alloc: a read behind the end is seen */
	size_t size;
	struct bundle_header header;
	struct manifest manifest;
};

/* A bundle of guests "guest0", "guest1", ... with 8 MiB each, arm64 Image headers, and an initramfs in
 * every even one. */
void small_bundle_make(struct small_bundle *bundle, uint32_t guest_count);
/* Encodes bundle->manifest into it anew, with matching sizes and hashes; the blobs keep their content. */
void small_bundle_encode(struct small_bundle *bundle);
/* Puts the hash of the manifest as it now stands into the header. */
void small_bundle_seal(struct small_bundle *bundle);
void small_bundle_free(struct small_bundle *bundle);
/* Replaces the first 64 bytes of a guest's kernel, and its hash. */
void small_bundle_set_kernel_header(struct small_bundle *bundle, uint32_t guest,
				    const void *header);
/* size bytes on an 8-byte boundary with nothing readable behind them; free() gives them back. */
uint8_t *small_bundle_copy(const uint8_t *bytes, size_t size);
