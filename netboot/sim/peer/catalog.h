/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What is served, by its SHA-256: whole files, and the manifest and the blobs of bundles. The operator names the
 * files; nothing that a node sends adds to it or is taken for a path.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CATALOG_MAX 256u
#define SHA256_BYTES 32u

struct catalog_entry {
	uint8_t sha256[SHA256_BYTES];
	int fd; /* the file that holds it; whoever reads on for longer than a call duplicates it */
	uint64_t offset;
	uint64_t size_bytes;
};

struct catalog {
	struct catalog_entry entries[CATALOG_MAX];
	size_t count;
};

/* Adds what `path` is: a folder (its regular files), a bundle (its manifest and blobs), else the file itself. `sha256`
 * (may be NULL) becomes the bundle's manifest's, or the file's. False: `why` (256 bytes) says why. */
bool catalog_add(struct catalog *catalog, const char *path, uint8_t *sha256, char *why);
/* NULL: not there. */
const struct catalog_entry *catalog_find(const struct catalog *catalog, const uint8_t *sha256);
