/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Makes a bundle of what the command line names. */
#include "wire/manifest.h"

struct pack_guest {
	const char *name;
	const char *kernel_path;
	const char *initramfs_path; /* NULL: none */
	const char *initramfs_version; /* "": not told */
	const char *bootargs;
	uint32_t vcpu_count;
	uint32_t memory_mib;
	const char *reset; /* "retain" or "fetch" */
};

struct pack {
	const char *output_path;
	const char *name;
	const char *version; /* NULL: the first kernel's release */
	uint32_t guest_count;
	struct pack_guest guests[MANIFEST_GUEST_MAX];
};

/* Writes the bundle, or ends the program. */
void pack_bundle(const struct pack *pack);
