/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the bundles of the tests with the codec's own encoder. */
#include "unit/small_bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/image.h"
#include "service/digest.h"

static void fill_kernel(uint8_t *kernel, uint32_t guest)
{
	const struct arm64_image_header header = {
		.text_offset = 0,
		.image_size = SMALL_IMAGE_SIZE,
		.magic = ARM64_IMAGE_MAGIC,
	};

	for (size_t i = 0; i < SMALL_KERNEL_BYTES; i++) {
		kernel[i] = (uint8_t)(i * 7 + guest + 1);
	}
	memcpy(kernel, &header, sizeof(header));
}

uint8_t *small_bundle_copy(const uint8_t *bytes, size_t size)
{
	/* malloc() aligns to 16, and its red zone begins at the first byte behind the size. */
	uint8_t *copy = malloc(size != 0 ? size : 1);

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, bytes, size);
	return copy;
}

void small_bundle_seal(struct small_bundle *bundle)
{
	digest_sha256(bundle->bytes + BUNDLE_HEADER_BYTES, bundle->header.manifest_bytes,
		      bundle->header.manifest_sha256);
	bundle_encode_header(&bundle->header, bundle->bytes);
}

void small_bundle_encode(struct small_bundle *bundle)
{
	static uint8_t fdt[BUNDLE_MANIFEST_MAX_BYTES] __attribute__((aligned(8)));
	struct wire_error error;
	size_t fdt_bytes = 0;

	if (!manifest_encode(&bundle->manifest, fdt, sizeof(fdt), &fdt_bytes, &error)) {
		abort();
	}
	if (BUNDLE_HEADER_BYTES + fdt_bytes > BUNDLE_BLOB_ALIGN) {
		abort(); /* the blobs' places would move */
	}
	memset(bundle->bytes, 0, BUNDLE_BLOB_ALIGN);
	memcpy(bundle->bytes + BUNDLE_HEADER_BYTES, fdt, fdt_bytes);
	bundle->header.total_bytes = bundle->size;
	bundle->header.manifest_bytes = (uint32_t)fdt_bytes;
	small_bundle_seal(bundle);
}

void small_bundle_make(struct small_bundle *bundle, uint32_t guest_count)
{
	struct manifest *m = &bundle->manifest;

	memset(bundle, 0, sizeof(*bundle));
	bundle->bytes = calloc(2 * MANIFEST_GUEST_MAX + 1, BUNDLE_BLOB_ALIGN);
	if (bundle->bytes == NULL) {
		abort();
	}
	snprintf(m->name, sizeof(m->name), "small");
	snprintf(m->version, sizeof(m->version), "1.0");
	m->guest_count = guest_count;
	uint64_t at = BUNDLE_BLOB_ALIGN;
	for (uint32_t i = 0; i < guest_count; i++) {
		struct manifest_guest *guest = &m->guests[i];
		snprintf(guest->name, sizeof(guest->name), "guest%u", i);
		snprintf(guest->bootargs, sizeof(guest->bootargs), "console=ttyAMA0 n=%u", i);
		guest->vcpu_count = i + 1;
		guest->memory_mib = 8;
		guest->kernel.size_bytes = SMALL_KERNEL_BYTES;
		fill_kernel(bundle->bytes + at, i);
		digest_sha256(bundle->bytes + at, SMALL_KERNEL_BYTES, guest->kernel.sha256);
		bundle->size = at + SMALL_KERNEL_BYTES;
		guest->kernel.offset = at;
		at += BUNDLE_BLOB_ALIGN;
		guest->has_initramfs = i % 2 == 0;
		if (guest->has_initramfs) {
			memset(bundle->bytes + at, (int)(0xa0 + i), SMALL_INITRAMFS_BYTES);
			guest->initramfs.size_bytes = SMALL_INITRAMFS_BYTES;
			digest_sha256(bundle->bytes + at, SMALL_INITRAMFS_BYTES,
				      guest->initramfs.sha256);
			bundle->size = at + SMALL_INITRAMFS_BYTES;
			guest->initramfs.offset = at;
			at += BUNDLE_BLOB_ALIGN;
		}
	}
	small_bundle_encode(bundle);
	uint8_t *exact = small_bundle_copy(bundle->bytes, bundle->size);
	free(bundle->bytes);
	bundle->bytes = exact;
}

void small_bundle_set_kernel_header(struct small_bundle *bundle, uint32_t guest, const void *header)
{
	struct manifest_blob *kernel = &bundle->manifest.guests[guest].kernel;

	memcpy(bundle->bytes + kernel->offset, header, sizeof(struct arm64_image_header));
	digest_sha256(bundle->bytes + kernel->offset, kernel->size_bytes, kernel->sha256);
	small_bundle_encode(bundle);
}

void small_bundle_free(struct small_bundle *bundle)
{
	free(bundle->bytes);
	bundle->bytes = NULL;
	bundle->size = 0;
}
