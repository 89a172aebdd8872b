/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What one node gets: a release, the node's assignment and the overlays, laid over one another in this order, the
 * later over the earlier: board, role, node.
 *
 *   board   device tree overlays of the release that are for the node's board, in the release's order
 *   role    file overlays of the release, in the release's order: files, and bootargs behind the release's
 *   node    the assignment: its file overlay, its bootargs behind all others, its hostname (as /etc/hostname, and as
 *           the kernel's hostname=)
 *
 * A file that a later one has, too, is the later one's. Pure: no clock, no file; what it needs is given to it.
 *
 * Files reach a guest as a second archive behind its initramfs: the blob is the release's initramfs, zeros up to a
 * multiple of four bytes, then the archive. Its hash is known here already, so that it can be put whole under its
 * name.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/text.h"
#include "release/assignment.h"
#include "release/document.h"
#include "release/files.h"
#include "release/tree.h"
#include "wire/manifest.h"

enum { EFFECTIVE_FILES_MAX = 512, EFFECTIVE_ARCHIVE_MAX_BYTES = 16 << 20 };

struct effective_input {
	const struct release_document *release;
	const struct assignment *assignment; /* NULL: the release as it is */
	const char *board; /* as the node says it; "": it is not known */
	const struct file_overlay *const *files; /* those that are named have to be here */
	size_t file_count;
	const struct tree_overlay *const *trees;
	size_t tree_count;
	/* Reads all `count` bytes at `offset` of a blob, or fails. Called for an initramfs that files are laid over. */
	bool (*read)(void *argument, const char *sha256, uint64_t offset, void *to, size_t count, struct fail *fail);
	void *argument;
};

enum effective_layer { EFFECTIVE_RELEASE, EFFECTIVE_BOARD, EFFECTIVE_ROLE, EFFECTIVE_NODE };

/* A file of the archive; its content is the overlay's, which has to live as long. */
struct effective_file {
	char path[FILES_PATH_BYTES];
	bool is_directory;
	uint32_t mode;
	const uint8_t *bytes;
	size_t size;
	enum effective_layer layer; /* EFFECTIVE_RELEASE: a directory that is there for what is in it */
	const char *overlay; /* its name, or what else it comes from */
};

struct effective_guest {
	unsigned tree_count;
	const struct tree_overlay *trees[RELEASE_OVERLAY_MAX];
	unsigned file_count;
	struct effective_file *files; /* sorted by path: parents first. Owned */
	struct text archive; /* with the zeros before it; empty: the initramfs is the release's */
};

struct effective {
	struct manifest manifest; /* of the node, as netboot/wire has it */
	size_t fdt_bytes;
	uint8_t *fdt; /* the same as it is served. Owned */
	char fdt_sha256[MEMBER_SHA256_BYTES];
	struct effective_guest guests[RELEASE_GUEST_MAX];
};

/* False: *fail says what does not fit together; there is nothing to free then. What was accepted a node accepts. */
bool effective_make(struct effective *effective, const struct effective_input *input, struct fail *fail);
void effective_free(struct effective *effective);
/* For people: what the node will boot, and where each part of it comes from. */
void effective_print(const struct effective *effective, const struct effective_input *input, struct text *to);

/* The overlays of an input, by id; NULL: it is not there. */
const struct file_overlay *effective_find_files(const struct effective_input *input, const char *sha256);
const struct tree_overlay *effective_find_tree(const struct effective_input *input, const char *sha256);
