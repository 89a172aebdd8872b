/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes a guest's layout. Pure arithmetic on numbers that come from a kernel's header and a manifest:
 * every sum is of values that were first compared with the size of the RAM, so none can wrap.
 */
#include "service/place.h"

#include <stddef.h>

#include "lib/addr.h"

static bool take(uint64_t *at, uint64_t size, uint64_t align, uint64_t limit, uint64_t *offset)
{
	const uint64_t start = align_up(*at, align);

	if (!range_ok(start, size, limit)) {
		return false;
	}
	*offset = start;
	*at = start + size;
	return true;
}

const char *place_guest(const struct arm64_image_header *header, uint64_t kernel_bytes,
			uint64_t initramfs_bytes, uint64_t ram_bytes, struct place *place)
{
	struct place p = {0, 0, 0};

	if (kernel_bytes < sizeof(*header)) {
		return "the kernel is shorter than an arm64 Image header";
	}
	if (header->magic != ARM64_IMAGE_MAGIC) {
		return "the kernel is not an arm64 Image (a compressed one must be unpacked)";
	}
	uint64_t text_offset = header->text_offset;
	uint64_t image_bytes = header->image_size;
	if (image_bytes == 0) {
		text_offset = ARM64_IMAGE_OLD_TEXT_OFFSET;
		image_bytes = ARM64_IMAGE_OLD_SIZE;
	} else if ((header->flags & ARM64_IMAGE_FLAG_BE) != 0) {
		return "the kernel is big-endian";
	}
	if (image_bytes < kernel_bytes) {
		image_bytes = kernel_bytes;
	}
	if ((text_offset & 3) != 0) {
		return "the kernel's text_offset is not a multiple of 4";
	}
	if (text_offset >= ram_bytes || image_bytes >= ram_bytes) {
		return "the kernel does not fit into the guest's memory";
	}
	uint64_t at = PLACE_KERNEL_BASE + text_offset;
	if (!take(&at, image_bytes, 1, ram_bytes, &p.kernel_offset)) {
		return "the kernel does not fit into the guest's memory";
	}
	if (!take(&at, initramfs_bytes, PAGE_BYTES, ram_bytes, &p.initramfs_offset)) {
		return "the initramfs does not fit into the guest's memory behind the kernel";
	}
	if (!take(&at, PLACE_DTB_MAX_BYTES, ARM64_IMAGE_ALIGN, ram_bytes, &p.dtb_offset)) {
		return "the device tree does not fit into the guest's memory behind kernel and "
		       "initramfs";
	}
	*place = p;
	return NULL;
}
