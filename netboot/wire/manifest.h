/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The manifest: what a node runs, as a device tree blob that names every blob of its bundle.
 *
 *     / {
 *         compatible = "aether,manifest-v1";
 *         name = "debian";
 *         version = "6.12.117-1";
 *         guests {
 *             #address-cells = <1>; #size-cells = <0>;
 *             guest@0 {
 *                 reg = <0>;                       // its place: 0, 1, ...
 *                 name = "linux";
 *                 vcpus = <2>;                     // 1 to 8
 *                 memory-mib = <512>;              // even
 *                 bootargs = "console=ttyAMA0";    // optional
 *                 reset = "retain";                // or "fetch"; without it "retain"
 *                 kernel { sha256 = [32 bytes]; size = /bits/ 64 <n>; version = "..."; };
 *                 initramfs { sha256; size; version; };    // optional
 *             };
 *         };
 *         service { sha256 = [32 bytes]; size = /bits/ 64 <n>; };    // optional
 *     };
 *
 * A guest that resets starts again from the same blobs: with "retain" the node keeps them in memory of its own beside
 * the guest's, with "fetch" it fetches them again and waits while it cannot. `service` is a service image that a node
 * fetches and starts; only a build for simulation looks at it. It is not in the bundle.
 *
 * Properties and nodes that are not named here are ignored, so that a later manifest can add some.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/bundle.h"
#include "wire/error.h"

#define MANIFEST_COMPATIBLE "aether,manifest-v1"

enum {
	MANIFEST_GUEST_MAX = 4,
	MANIFEST_VCPU_MAX = 8,
	MANIFEST_MEMORY_MIB_MAX = 65536,
	MANIFEST_NAME_BYTES = 32, /* all three with the NUL */
	MANIFEST_VERSION_BYTES = 64,
	MANIFEST_BOOTARGS_BYTES = 2048, /* arm64 Linux' COMMAND_LINE_SIZE */
};
#define MANIFEST_BLOB_MAX_BYTES (UINT64_C(1) << 32)
#define MANIFEST_SERVICE_MAX_BYTES (UINT64_C(16) << 20)

enum manifest_reset { MANIFEST_RETAIN = 0, MANIFEST_FETCH = 1 };

/* Names are letters, digits, '.', '_' and '-'; versions and bootargs printable ASCII. */
struct manifest_blob {
	uint64_t offset; /* in the bundle; set by manifest_locate_blobs */
	uint64_t size_bytes;
	uint8_t sha256[BUNDLE_SHA256_BYTES];
	char version[MANIFEST_VERSION_BYTES]; /* "" when the manifest gives none */
};

struct manifest_guest {
	char name[MANIFEST_NAME_BYTES];
	uint32_t vcpu_count;
	uint32_t memory_mib;
	char bootargs[MANIFEST_BOOTARGS_BYTES];
	enum manifest_reset reset;
	bool has_initramfs;
	struct manifest_blob kernel;
	struct manifest_blob initramfs;
};

struct manifest_service {
	uint64_t size_bytes;
	uint8_t sha256[BUNDLE_SHA256_BYTES];
};

struct manifest {
	char name[MANIFEST_NAME_BYTES];
	char version[MANIFEST_VERSION_BYTES];
	uint32_t guest_count; /* 1 to MANIFEST_GUEST_MAX */
	struct manifest_guest guests[MANIFEST_GUEST_MAX];
	bool has_service;
	struct manifest_service service;
};

/* Reads the manifest of fdt_bytes bytes at fdt (8-byte aligned). Every field is then within the limits above.
 * False: *error says why, and *manifest means nothing. */
bool manifest_decode(const void *fdt, size_t fdt_bytes, struct manifest *manifest,
		     struct wire_error *error);

/* Gives every blob its offset. False: the blobs do not end where the bundle ends. */
bool manifest_locate_blobs(struct manifest *manifest, const struct bundle_header *header,
			   struct wire_error *error);

/* Writes a manifest that is within the limits (not checked here) as a device tree blob of *fdt_bytes bytes;
 * blob offsets are not part of it. False: it does not fit into size bytes. */
bool manifest_encode(const struct manifest *manifest, void *fdt, size_t size, size_t *fdt_bytes,
		     struct wire_error *error);
