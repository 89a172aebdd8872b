/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's memory, from the pristine image, part by part.
 *
 * Invariants: (1) the memory is PAGE_SERVICE from boot on and belongs to nobody else, so a reload changes no owner;
 * (2) no page of it is ever writable and executable; (3) it is written only while the service's vCPU is off.
 *
 * Hostile: everything in that memory, which is never read here. The image's header is checked before it is used.
 */
#include "core/reload.h"

#include "abi/bootinfo.h"
#include "core/check.h"
#include "core/hal.h"
#include "core/pages.h"
#include "core/pgtable.h"
#include "lib/bits.h"
#include "lib/string.h"

static struct {
	const struct service_image *image;
	struct aether_service_header header; /* of that image, checked */
	struct pgtable *stage2;
	pa_t base;
	uint64_t bytes; /* of memory, from base */
	uint64_t text_bytes; /* how much of it is mapped as code */
	uint64_t cursor;
} reload;

static bool is_page_count(uint64_t bytes)
{
	return is_aligned(bytes, PAGE_BYTES);
}

bool reload_is_image(const struct aether_service_header *header, uint64_t byte_count, uint64_t most)
{
	return header->magic == AETHER_SERVICE_MAGIC && is_page_count(header->text_bytes) &&
	       is_page_count(header->file_bytes) && is_page_count(header->total_bytes) &&
	       header->text_bytes != 0 && header->text_bytes <= header->file_bytes &&
	       header->file_bytes <= byte_count && header->file_bytes < header->total_bytes &&
	       header->total_bytes <= most && header->entry_offset < header->text_bytes &&
	       is_aligned(header->entry_offset, 4) && header->chaos_offset < header->text_bytes &&
	       is_aligned(header->chaos_offset, 4);
}

static struct aether_service_header header_of(const struct service_image *image)
{
	struct aether_service_header header;
	memcpy(&header, image->bytes, sizeof(header));
	return header;
}

/* [from, to) of the memory, which nothing is mapped to. Each call does an entry at least. */
static enum hv_err map(uint64_t from, uint64_t to, unsigned attributes)
{
	enum hv_err err = HV_OK;
	while (from < to && (err == HV_OK || err == HV_AGAIN)) {
		uint64_t done = 0;
		err = pgtable_map(reload.stage2, AETHER_IPA_SERVICE + from, pa_add(reload.base, from), to - from,
				  attributes, &done);
		from += done;
	}
	return err == HV_AGAIN ? HV_OK : err;
}

enum hv_err reload_init(const struct service_image *boot, struct pgtable *stage2)
{
	const struct aether_service_header header = header_of(boot);
	if (!reload_is_image(&header, boot->byte_count, UINT64_MAX)) {
		return HV_EINVAL;
	}
	reload.stage2 = stage2;
	reload.bytes = header.total_bytes;
	reload.text_bytes = header.text_bytes;
	enum hv_err err = pages_take(reload.bytes, PAGE_BYTES, PAGE_SERVICE, &reload.base);
	if (err == HV_OK) {
		err = map(0, reload.text_bytes, PGTABLE_READ | PGTABLE_EXEC);
	}
	if (err == HV_OK) {
		err = map(reload.text_bytes, reload.bytes, PGTABLE_READ | PGTABLE_WRITE);
	}
	return err;
}

void reload_begin(const struct service_image *image)
{
	reload.image = image;
	reload.header = header_of(image);
	reload.cursor = 0;
	/* What a CPU remembers of the last instance's own tables, if it made any, is of no use to the next. */
	hal_stage2_invalidate_all(reload.stage2->vmid, reload.stage2->root);
}

/* How much from the cursor one part does: not over the end of the image's file, nor over a block of 2 MiB. */
static uint64_t part_bytes(uint64_t end)
{
	const uint64_t pa = reload.base.v + reload.cursor;
	const uint64_t in_block = align_down(pa, BLOCK_2M_BYTES) + BLOCK_2M_BYTES - pa;
	uint64_t bytes = end - reload.cursor;
	bytes = bytes < RELOAD_PART_BYTES ? bytes : RELOAD_PART_BYTES;
	return bytes < in_block ? bytes : in_block;
}

bool reload_part(void)
{
	const pa_t at = pa_add(reload.base, reload.cursor);
	if (reload.cursor < reload.header.file_bytes) {
		const uint64_t bytes = part_bytes(reload.header.file_bytes);
		hal_copy_to(at, reload.image->bytes + reload.cursor, bytes);
		reload.cursor += bytes;
	} else if (reload.cursor < reload.bytes) {
		const uint64_t bytes = part_bytes(reload.bytes);
		hal_scrub(at, bytes);
		reload.cursor += bytes;
	}
	if (reload.cursor < reload.bytes) {
		return false;
	}
	hal_invalidate_icache();
	return true;
}

uint64_t reload_entry(void)
{
	return AETHER_IPA_SERVICE + reload.header.entry_offset;
}

uint64_t reload_chaos_entry(void)
{
	return reload.header.chaos_offset != 0 ? AETHER_IPA_SERVICE + reload.header.chaos_offset : 0;
}
