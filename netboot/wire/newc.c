/* SPDX-License-Identifier: Apache-2.0 */
/* The archive's writer: headers of 110 characters, hexadecimal; names and contents padded to four bytes. Used by tools
 * and the controller, never on a node. What comes in was checked by the caller. */
#include "wire/newc.h"

#include <stdio.h>
#include <string.h>

enum { HEADER_BYTES = 6 + 13 * 8, PADDING_MOST = 512 };

static void put(struct newc *newc, const void *bytes, size_t count)
{
	if (count != 0) {
		newc->put(newc->argument, bytes, count);
		newc->written += count;
	}
}

static void put_padding(struct newc *newc, uint32_t align)
{
	static const uint8_t zeros[PADDING_MOST];
	uint32_t left = align == 0 ? 0 : (uint32_t)((align - newc->written % align) % align);

	while (left != 0) {
		const uint32_t count = left < PADDING_MOST ? left : PADDING_MOST;
		put(newc, zeros, count);
		left -= count;
	}
}

static void put_header(struct newc *newc, uint32_t inode, const struct newc_entry *entry)
{
	char header[HEADER_BYTES + 1];
	const uint32_t name_bytes = (uint32_t)strlen(entry->name) + 1;

	/* inode, mode, user, group, links, time, size, the file system's device, the node's device, name's size,
	 * checksum */
	(void)snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", inode,
		       entry->mode, 0u, 0u, 1u, newc->mtime, entry->size, 0u, 0u, entry->device_major,
		       entry->device_minor, name_bytes, 0u);
	put(newc, header, HEADER_BYTES);
	put(newc, entry->name, name_bytes);
	put_padding(newc, NEWC_ALIGN);
}

void newc_put(struct newc *newc, const struct newc_entry *entry)
{
	put_header(newc, ++newc->entries, entry);
	put(newc, entry->bytes, entry->size);
	put_padding(newc, NEWC_ALIGN);
}

void newc_finish(struct newc *newc, uint32_t align)
{
	newc_put(newc, &(struct newc_entry){.name = "TRAILER!!!"});
	put_padding(newc, align);
}
