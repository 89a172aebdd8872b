/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's memory, from the pristine image, part by part.
 *
 * Invariants: (1) the memory is PAGE_SERVICE from boot on and belongs to nobody else, so a reload changes no owner;
 * (2) no page of it is ever writable and executable; (3) it is written only while the service's vCPU is off.
 *
 * Hostile: everything in that memory. An image's header is checked before it is used.
 */
#include "core/reload.h"

#include "abi/bootinfo.h"
#include "core/check.h"
#include "core/hal.h"
#include "core/pages.h"
#include "core/pgtable.h"
#include "lib/bits.h"
#include "lib/string.h"

#ifdef AETHER_SIMULATION
#define ROOM_BYTES UINT64_C(0x40000) /* a newer image may need more than the first */
#else
#define ROOM_BYTES UINT64_C(0)
#endif
#define BOUNCE_BYTES 1024u

static struct {
	const struct service_image *image;
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
	       is_page_count(header->file_bytes) && is_page_count(header->total_bytes) && header->text_bytes != 0 &&
	       header->text_bytes <= header->file_bytes && header->file_bytes <= byte_count &&
	       header->file_bytes < header->total_bytes && header->total_bytes <= most &&
	       header->entry_offset < header->text_bytes && is_aligned(header->entry_offset, 4) &&
	       header->chaos_offset < header->text_bytes && is_aligned(header->chaos_offset, 4);
}

/* [from, to) of the memory, to which nothing is mapped. Each turn does an entry at least. */
static enum hv_err map(uint64_t from, uint64_t to, unsigned attributes)
{
	enum hv_err err = HV_AGAIN;
	while (from < to && err == HV_AGAIN) {
		uint64_t done = 0;
		err = pgtable_map(reload.stage2, AETHER_IPA_SERVICE + from, pa_add(reload.base, from), to - from,
				  attributes, &done);
		from += done;
	}
	return err;
}

static enum hv_err map_code(uint64_t from, uint64_t to)
{
	return map(from, to, PGTABLE_READ | PGTABLE_EXEC);
}

static enum hv_err map_data(uint64_t from, uint64_t to)
{
	return map(from, to, PGTABLE_READ | PGTABLE_WRITE);
}

enum hv_err reload_init(const struct service_image *boot, struct pgtable *stage2)
{
	if (!reload_is_image(&boot->header, boot->byte_count, UINT64_MAX - ROOM_BYTES)) {
		return HV_EINVAL;
	}
	reload.stage2 = stage2;
	reload.bytes = boot->header.total_bytes + ROOM_BYTES;
	reload.text_bytes = boot->header.text_bytes;
	enum hv_err err = pages_take(reload.bytes, PAGE_BYTES, PAGE_SERVICE, &reload.base);
	if (err == HV_OK) {
		err = map_code(0, reload.text_bytes);
	}
	if (err == HV_OK) {
		err = map_data(reload.text_bytes, reload.bytes);
	}
	return err;
}

/* Another image may have more code or less. The tables exist, since both sides of the border stay mapped. */
static void move_border(uint64_t text_bytes)
{
	const bool is_more = text_bytes > reload.text_bytes;
	const uint64_t from = is_more ? reload.text_bytes : text_bytes;
	const uint64_t to = is_more ? text_bytes : reload.text_bytes;
	enum hv_err err = HV_AGAIN;
	for (uint64_t at = from; at < to && err == HV_AGAIN;) {
		uint64_t done = 0;
		err = pgtable_unmap(reload.stage2, AETHER_IPA_SERVICE + at, to - at, &done);
		at += done;
	}
	CHECK(err == HV_OK);
	err = is_more ? map_code(from, to) : map_data(from, to);
	CHECK(err == HV_OK);
	reload.text_bytes = text_bytes;
}

void reload_begin(const struct service_image *image)
{
	reload.image = image;
	reload.cursor = 0;
	if (image->header.text_bytes != reload.text_bytes) {
		move_border(image->header.text_bytes);
	}
	/* What a CPU remembers of the last instance's own tables, if it made any, is of no use to the next. */
	hal_stage2_invalidate_all(reload.stage2->vmid, reload.stage2->root);
}

/* How much from the cursor one part does: not over `end`, nor over a block of 2 MiB. */
static uint64_t part_bytes(uint64_t end)
{
	const uint64_t pa = reload.base.v + reload.cursor;
	const uint64_t in_block = align_down(pa, BLOCK_2M_BYTES) + BLOCK_2M_BYTES - pa;
	uint64_t bytes = end - reload.cursor;
	bytes = bytes < RELOAD_PART_BYTES ? bytes : RELOAD_PART_BYTES;
	return bytes < in_block ? bytes : in_block;
}

static void copy(pa_t to, uint64_t bytes)
{
	if (reload.image->bytes != NULL) {
		hal_copy_to(to, reload.image->bytes + reload.cursor, bytes);
		return;
	}
	/* From pages that the core does not map: through a buffer that divides them. */
	for (uint64_t at = 0; at < bytes; at += BOUNCE_BYTES) {
		static uint8_t bounce[BOUNCE_BYTES];
		hal_copy_from(bounce, pa_add(reload.image->pa, reload.cursor + at), sizeof(bounce));
		hal_copy_to(pa_add(to, at), bounce, sizeof(bounce));
	}
}

bool reload_part(void)
{
	const pa_t at = pa_add(reload.base, reload.cursor);
	const uint64_t file_bytes = reload.image->header.file_bytes;
	const bool is_file = reload.cursor < file_bytes;
	if (reload.cursor < reload.bytes) {
		const uint64_t bytes = part_bytes(is_file ? file_bytes : reload.bytes);
		if (is_file) {
			copy(at, bytes);
		} else {
			hal_scrub(at, bytes);
		}
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
	return AETHER_IPA_SERVICE + reload.image->header.entry_offset;
}

uint64_t reload_chaos_entry(void)
{
	const uint64_t offset = reload.image->header.chaos_offset;
	return offset != 0 ? AETHER_IPA_SERVICE + offset : 0;
}

bool reload_find_writable(uint64_t ipa, uint64_t bytes, pa_t *pa)
{
	const uint64_t offset = ipa - AETHER_IPA_SERVICE;
	if (offset < reload.text_bytes || offset > reload.bytes || bytes > reload.bytes - offset) {
		return false;
	}
	*pa = pa_add(reload.base, offset);
	return true;
}

uint64_t reload_memory_bytes(void)
{
	return reload.bytes;
}
