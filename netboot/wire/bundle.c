/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bundle's header and the places of its blobs.
 *
 * All input is hostile: it came over a network that anybody may speak on. Every size is compared with
 * what was received before it is used, sums are formed only of values whose limits make them fit into
 * 64 bits (BUNDLE_MAX_BYTES), and a bundle has exactly one valid length.
 */
#include "wire/bundle.h"

#include <string.h>

#include "wire/refuse.h"

enum {
	AT_VERSION = 8,
	AT_HEADER_SIZE = 12,
	AT_TOTAL_SIZE = 16,
	AT_MANIFEST_SIZE = 24,
	AT_RESERVED = 28,
	AT_MANIFEST_SHA256 = 32,
};

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get_u64(const uint8_t *p)
{
	return (uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

static void put_u32(uint8_t *p, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++) {
		p[i] = (uint8_t)(value >> (8 * i));
	}
}

static void put_u64(uint8_t *p, uint64_t value)
{
	put_u32(p, (uint32_t)value);
	put_u32(p + 4, (uint32_t)(value >> 32));
}

static bool check_sizes(uint64_t total, uint32_t manifest, uint64_t received,
			struct wire_error *error)
{
	if (total > BUNDLE_MAX_BYTES) {
		return wire_refuse(error, WIRE_BUNDLE_TOO_LARGE, total, BUNDLE_MAX_BYTES, NULL,
				   NULL);
	}
	if (total > received) {
		return wire_refuse(error, WIRE_BUNDLE_TRUNCATED, total, received, NULL, NULL);
	}
	if (total < received) {
		return wire_refuse(error, WIRE_BUNDLE_TRAILING, total, received, NULL, NULL);
	}
	if (manifest < BUNDLE_MANIFEST_MIN_BYTES || manifest > BUNDLE_MANIFEST_MAX_BYTES) {
		return wire_refuse(error, WIRE_BUNDLE_MANIFEST_SIZE, manifest,
				   BUNDLE_MANIFEST_MAX_BYTES, NULL, NULL);
	}
	if (manifest > total - BUNDLE_HEADER_BYTES) {
		return wire_refuse(error, WIRE_BUNDLE_MANIFEST_END, BUNDLE_HEADER_BYTES + manifest,
				   total, NULL, NULL);
	}
	return true;
}

bool bundle_decode_header(const uint8_t *bytes, uint64_t received, struct bundle_header *header,
			  struct wire_error *error)
{
	if (received < BUNDLE_HEADER_BYTES) {
		return wire_refuse(error, WIRE_BUNDLE_SHORT_HEADER, received, BUNDLE_HEADER_BYTES,
				   NULL, NULL);
	}
	if (memcmp(bytes, BUNDLE_MAGIC, sizeof(BUNDLE_MAGIC) - 1) != 0) {
		return wire_refuse(error, WIRE_BUNDLE_MAGIC, 0, 0, NULL, NULL);
	}
	const uint32_t version = get_u32(bytes + AT_VERSION);
	if (version != BUNDLE_VERSION) {
		return wire_refuse(error, WIRE_BUNDLE_VERSION, version, BUNDLE_VERSION, NULL, NULL);
	}
	const uint32_t header_size = get_u32(bytes + AT_HEADER_SIZE);
	if (header_size != BUNDLE_HEADER_BYTES) {
		return wire_refuse(error, WIRE_BUNDLE_HEADER_SIZE, header_size, BUNDLE_HEADER_BYTES,
				   NULL, NULL);
	}
	const uint32_t reserved = get_u32(bytes + AT_RESERVED);
	if (reserved != 0) {
		return wire_refuse(error, WIRE_BUNDLE_RESERVED, reserved, 0, NULL, NULL);
	}
	const uint64_t total = get_u64(bytes + AT_TOTAL_SIZE);
	const uint32_t manifest = get_u32(bytes + AT_MANIFEST_SIZE);
	if (!check_sizes(total, manifest, received, error)) {
		return false;
	}
	header->total_bytes = total;
	header->manifest_bytes = manifest;
	memcpy(header->manifest_sha256, bytes + AT_MANIFEST_SHA256, BUNDLE_SHA256_BYTES);
	return true;
}

void bundle_encode_header(const struct bundle_header *header, uint8_t bytes[BUNDLE_HEADER_BYTES])
{
	memset(bytes, 0, BUNDLE_HEADER_BYTES);
	memcpy(bytes, BUNDLE_MAGIC, sizeof(BUNDLE_MAGIC) - 1);
	put_u32(bytes + AT_VERSION, BUNDLE_VERSION);
	put_u32(bytes + AT_HEADER_SIZE, BUNDLE_HEADER_BYTES);
	put_u64(bytes + AT_TOTAL_SIZE, header->total_bytes);
	put_u32(bytes + AT_MANIFEST_SIZE, header->manifest_bytes);
	memcpy(bytes + AT_MANIFEST_SHA256, header->manifest_sha256, BUNDLE_SHA256_BYTES);
}

void bundle_walk_start(struct bundle_walk *walk, const struct bundle_header *header)
{
	walk->end_bytes = (uint64_t)BUNDLE_HEADER_BYTES + header->manifest_bytes;
	walk->total_bytes = header->total_bytes;
}

bool bundle_walk_next(struct bundle_walk *walk, uint64_t size_bytes, const char *name,
		      uint64_t *offset, struct wire_error *error)
{
	const uint64_t start = (walk->end_bytes + BUNDLE_BLOB_ALIGN - 1) & ~(BUNDLE_BLOB_ALIGN - 1);

	if (size_bytes > BUNDLE_MAX_BYTES || start + size_bytes > walk->total_bytes) {
		return wire_refuse(error, WIRE_BUNDLE_BLOB_END, start + size_bytes,
				   walk->total_bytes, NULL, name);
	}
	walk->end_bytes = start + size_bytes;
	*offset = start;
	return true;
}

bool bundle_walk_finish(const struct bundle_walk *walk, struct wire_error *error)
{
	if (walk->end_bytes != walk->total_bytes) {
		return wire_refuse(error, WIRE_BUNDLE_UNCLAIMED, walk->end_bytes, walk->total_bytes,
				   NULL, NULL);
	}
	return true;
}
