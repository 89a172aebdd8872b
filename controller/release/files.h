/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A file overlay: files that are laid over a guest's initramfs, and parameters that are put behind its kernel's, for a
 * role (named by releases) or for one node (named by its assignment). Immutable; its id is the SHA-256 of its
 * canonical text.
 *
 *     {
 *       "name": "web",
 *       "bootargs": "quiet",
 *       "files": [
 *         {"path": "/etc/motd", "text": "hello\n"},                        // "mode": "0644" if not given
 *         {"path": "/usr/bin/tool", "mode": "0755", "base64": "f0VMRg=="},
 *         {"path": "/srv/data", "mode": "0750", "directory": true}        // "0755" if not given
 *       ],
 *       "notes": "..."
 *     }
 *
 * Files and directories, and nothing else: no links, no device nodes, no set-user-id. A path is absolute in the guest
 * and has no "." or ".."; it cannot be where the guest mounts something of its own (/dev, /proc, /run, /sys).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "release/member.h"
#include "wire/manifest.h"

enum {
	FILES_DOCUMENT_MAX_BYTES = 8 << 20,
	FILES_MAX = 256, /* of one overlay */
	FILES_CONTENT_MAX_BYTES = 4 << 20, /* of all files together */
	FILES_PATH_BYTES = 256,
	FILES_NOTES_BYTES = 1024,
};

struct file_entry {
	char path[FILES_PATH_BYTES]; /* with its leading '/' */
	bool is_directory;
	uint32_t mode; /* permissions alone */
	uint8_t *bytes; /* owned by the overlay; never NULL for a file */
	size_t size;
};

struct file_overlay {
	char id[MEMBER_SHA256_BYTES];
	char name[MANIFEST_NAME_BYTES];
	char bootargs[MANIFEST_BOOTARGS_BYTES];
	char notes[FILES_NOTES_BYTES];
	unsigned count;
	struct file_entry *files; /* sorted by path, each path once */
};

/* False: *fail names the member and says what would be right; there is nothing to free then. */
bool file_overlay_parse(struct file_overlay *overlay, const char *text, size_t bytes, struct fail *fail);
void file_overlay_free(struct file_overlay *overlay);
/* The canonical text, the caller's to free(); NULL: *fail. */
char *file_overlay_print(const struct file_overlay *overlay, struct fail *fail);

/* NULL, or what is wrong with the path and what would be right: the end of a sentence that begins with it. */
const char *file_path_problem(const char *path);
