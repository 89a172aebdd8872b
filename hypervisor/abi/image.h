/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The two image formats that the core reads or is.
 *
 * `aether.img` starts with the arm64 `Image` header (Linux, Documentation/arch/arm64/booting.rst).
 * `image_size` covers the whole file and what the core needs behind it, so a boot loader that moves
 * the image moves the configuration trailer too:
 *
 *     +-------------------+ 0
 *     | header, core      |
 *     | service image     |
 *     +-------------------+ trailer offset (res2)
 *     | trailer: one FDT  |   appended after the build, at most AETHER_TRAILER_MAX_BYTES
 *     +-------------------+ trailer offset + AETHER_TRAILER_MAX_BYTES
 *     | zeroed memory     |   not in the file
 *     +-------------------+
 *     | left alone        |
 *     +-------------------+ AETHER_CRASH_OFFSET
 *     | crash record      |   not in the file, kept from one boot to the next (abi/crash.h)
 *     +-------------------+ image_size
 *
 * The service image is a flat binary that begins with `struct aether_service_header`.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define ARM64_IMAGE_MAGIC 0x644d5241u /* "ARM\x64", little-endian, at offset 56 */
#define ARM64_IMAGE_FLAG_BE (UINT64_C(1) << 0)
#define ARM64_IMAGE_ALIGN UINT64_C(0x200000)
/* What booting.rst says to assume for an image whose image_size is zero (before Linux v3.17). */
#define ARM64_IMAGE_OLD_TEXT_OFFSET UINT64_C(0x80000)
#define ARM64_IMAGE_OLD_SIZE UINT64_C(0x1000000)

struct arm64_image_header {
	uint32_t code0;
	uint32_t code1;
	uint64_t text_offset; /* bytes from a 2 MiB aligned base */
	uint64_t image_size; /* bytes that the image needs from its base + text_offset */
	uint64_t flags;
	uint64_t res2; /* aether.img: offset of the configuration trailer */
	uint64_t res3;
	uint64_t res4;
	uint32_t magic;
	uint32_t res5;
};
static_assert(sizeof(struct arm64_image_header) == 64, "booting.rst: the header is 64 bytes");
static_assert(offsetof(struct arm64_image_header, magic) == 56, "booting.rst: magic at 56");

#define AETHER_TRAILER_MAX_BYTES 0x4000u

#define AETHER_SERVICE_MAGIC UINT64_C(0x3156535248544541) /* "AETHRSV1" */

/*
 * Layout of the service image, all offsets page aligned. Bytes [0, text_bytes) are mapped read and
 * execute, [text_bytes, total_bytes) read and write; the file holds [0, file_bytes), the rest is zero.
 */
struct aether_service_header {
	uint64_t magic;
	uint64_t entry_offset;
	uint64_t text_bytes;
	uint64_t file_bytes;
	uint64_t total_bytes;
	uint64_t stack_top_offset;
	uint64_t chaos_offset; /* where a test makes it misbehave (abi/chaos.h): x0 is the kind; 0: nowhere */
	uint64_t reserved;
};
static_assert(sizeof(struct aether_service_header) == 64, "fixed layout");
