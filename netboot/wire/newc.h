/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Writes a cpio archive of the form "newc", which Linux unpacks as an initramfs
 * (Documentation/driver-api/early-userspace/ buffer-format.rst). A kernel takes several, one behind the other, each
 * from a multiple of four bytes on; a later one's file takes the place of an earlier one's.
 *
 * The same entries in the same order give the same bytes: inodes are numbered from 1, every owner is root, every time
 * is the one that was given. Parents come before what is in them, as the kernel makes none by itself.
 */
#include <stddef.h>
#include <stdint.h>

#define NEWC_ALIGN 4u

struct newc {
	void (*put)(void *argument, const void *bytes, size_t count);
	void *argument;
	uint32_t mtime; /* of every entry, seconds */
	uint64_t written; /* this and the next begin as zero */
	uint32_t entries;
};

struct newc_entry {
	const char *name; /* a path without a leading '/'; never "TRAILER!!!", which ends an archive */
	uint32_t mode; /* type and permissions, as stat() has them */
	uint32_t device_major; /* of a device node */
	uint32_t device_minor;
	const void *bytes; /* a file's content, a link's target; NULL with size 0 */
	uint32_t size;
};

void newc_put(struct newc *newc, const struct newc_entry *entry);
/* The trailer, and zeros up to a multiple of `align` bytes. */
void newc_finish(struct newc *newc, uint32_t align);
