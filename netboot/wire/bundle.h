/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The boot bundle: one file that carries a manifest and the blobs it names. All numbers little-endian.
 *
 *      0  "AETHERBN"
 *      8  u32 version (1)        12  u32 header size (64)
 *     16  u64 total size         the end of the last blob, and the size of the file
 *     24  u32 manifest size      28  u32 zero
 *     32  SHA-256 of the manifest
 *     64  manifest: a device tree blob (wire/manifest.h)
 *      .  every blob in the manifest's order, each at the next multiple of 4096; zero between them
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/error.h"

#define BUNDLE_MAGIC "AETHERBN"
#define BUNDLE_VERSION UINT32_C(1)
#define BUNDLE_HEADER_BYTES UINT32_C(64)
#define BUNDLE_BLOB_ALIGN UINT64_C(4096)
#define BUNDLE_MANIFEST_MIN_BYTES UINT32_C(40) /* a device tree's own header */
#define BUNDLE_MANIFEST_MAX_BYTES UINT32_C(0x10000)
#define BUNDLE_MAX_BYTES (UINT64_C(1) << 34)
#define BUNDLE_SHA256_BYTES 32u

struct bundle_header {
	uint64_t total_bytes;
	uint32_t manifest_bytes;
	uint8_t manifest_sha256[BUNDLE_SHA256_BYTES];
};

/* Checks and decodes the header of a bundle of which `received` bytes stand at `bytes`. The sizes in *header are
 * consistent with `received`; the manifest's hash is not yet compared. False: *error says why, *header unchanged. */
bool bundle_decode_header(const uint8_t *bytes, uint64_t received, struct bundle_header *header,
			  struct wire_error *error);

void bundle_encode_header(const struct bundle_header *header, uint8_t bytes[BUNDLE_HEADER_BYTES]);

/* Walks the blobs: start, one next for each blob in order, finish. */
struct bundle_walk {
	uint64_t end_bytes; /* end of what was walked */
	uint64_t total_bytes;
};

void bundle_walk_start(struct bundle_walk *walk, const struct bundle_header *header);
/* Gives the offset of the next blob, which is size_bytes long. False: it would end behind the bundle's end;
 * `name` is what *error calls it. */
bool bundle_walk_next(struct bundle_walk *walk, uint64_t size_bytes, const char *name,
		      uint64_t *offset, struct wire_error *error);
/* False: bytes follow the last blob. */
bool bundle_walk_finish(const struct bundle_walk *walk, struct wire_error *error);
