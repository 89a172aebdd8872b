/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation tables as core/pgtable.h says. Map and unmap go in steps: one walk from the root,
 * then a run of at most STEP_ENTRIES entries of one table. A step is complete in itself (tables
 * linked or given back, TLBs clean), so the work may stop behind any of them, and it does when an
 * interrupt is pending.
 *
 * A step that maps allocates every table it needs before it changes anything, fills them from the
 * bottom up, and makes them reachable by one store at the end: there is nothing to roll back. A
 * step that unmaps clears the run, then the entries of the tables that this left empty, then
 * invalidates the TLBs of all that at once, and only then gives the tables back. Splitting a block
 * is break-before-make: the entry is invalid, and known so everywhere, before it becomes a table. A
 * vCPU that runs meanwhile may take a stage 2 fault on the block: its owner lets it retry.
 *
 * Nothing in here is a guest's choice: addresses and attributes come from the core's own map of a
 * VM.
 */
#include "core/pgtable.h"

#include <stdbool.h>
#include <stddef.h>

#include "core/check.h"
#include "core/hal.h"
#include "core/pages.h"
#include "core/pgtable_bits.h"

enum { STEP_ENTRIES = 64, FIRST_LEVEL = 1, LEVELS = DESC_LAST_LEVEL + 1, ROOT_PAGES = 2 };

#define ADDRESS_LIMIT (UINT64_C(1) << 40)
#define ROOT_PAGE_COVERS (ADDRESS_LIMIT / ROOT_PAGES)

/* --- geometry --- */

static unsigned level_shift(unsigned level)
{
	return PAGE_SHIFT + DESC_INDEX_BITS * (DESC_LAST_LEVEL - level);
}

/* What one entry of a level covers. */
static uint64_t level_bytes(unsigned level)
{
	return UINT64_C(1) << level_shift(level);
}

static unsigned entry_index(uint64_t addr, unsigned level)
{
	return (unsigned)(addr >> level_shift(level)) & (DESC_ENTRIES - 1);
}

/* --- descriptors --- */

/* Walkers read entries at any time: each is read and written once, whole. */
static uint64_t entry_read(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static void entry_write(uint64_t *entry, uint64_t descriptor)
{
	__atomic_store_n(entry, descriptor, __ATOMIC_RELAXED);
}

static bool is_valid(uint64_t descriptor)
{
	return (descriptor & DESC_VALID) != 0;
}

static bool is_table(uint64_t descriptor, unsigned level)
{
	return level < DESC_LAST_LEVEL && is_valid(descriptor) && (descriptor & DESC_TABLE) != 0;
}

static uint64_t table_descriptor(pa_t page)
{
	return page.v | DESC_VALID | DESC_TABLE;
}

/* Everything of a block or page descriptor but its address; the level decides block or page. */
static uint64_t leaf_bits(unsigned attributes)
{
	const unsigned memory =
		(attributes & PGTABLE_DEVICE) != 0 ? DESC_MEMORY_DEVICE : DESC_MEMORY_NORMAL;

	return DESC_VALID | DESC_AF | DESC_SH_INNER | FIELD_PREP(DESC_MEMATTR, memory) |
	       ((attributes & PGTABLE_READ) != 0 ? DESC_READ : 0) |
	       ((attributes & PGTABLE_WRITE) != 0 ? DESC_WRITE : 0) |
	       ((attributes & PGTABLE_EXEC) != 0 ? 0 : DESC_XN);
}

static unsigned leaf_attributes(uint64_t descriptor)
{
	const bool is_device = FIELD_GET(DESC_MEMATTR, descriptor) == DESC_MEMORY_DEVICE;

	return ((descriptor & DESC_READ) != 0 ? PGTABLE_READ : 0) |
	       ((descriptor & DESC_WRITE) != 0 ? PGTABLE_WRITE : 0) |
	       ((descriptor & DESC_XN) != 0 ? 0 : PGTABLE_EXEC) | (is_device ? PGTABLE_DEVICE : 0);
}

static uint64_t leaf_descriptor(uint64_t bits, uint64_t pa, unsigned level)
{
	return bits | pa | (level == DESC_LAST_LEVEL ? DESC_TABLE : 0);
}

/* --- walks --- */

/* Where an address stands: path[l] is the entry of level l that translates it, down to `level`,
 * which is no table. */
struct walk {
	unsigned level;
	uint64_t *path[LEVELS];
};

static uint64_t *entry_at(pa_t page, uint64_t addr, unsigned level)
{
	uint64_t *entries = hal_core_page(page);

	return &entries[entry_index(addr, level)];
}

static struct walk walk_to(const struct pgtable *table, uint64_t addr)
{
	struct walk walk = {.level = FIRST_LEVEL};
	pa_t page = pa_add(table->root, addr / ROOT_PAGE_COVERS * PAGE_BYTES);

	for (;;) { /* ends at the last level, where nothing is a table */
		walk.path[walk.level] = entry_at(page, addr, walk.level);
		const uint64_t descriptor = entry_read(walk.path[walk.level]);
		if (!is_table(descriptor, walk.level)) {
			return walk;
		}
		page = PA(descriptor & DESC_ADDRESS);
		walk.level++;
	}
}

static bool is_request_valid(uint64_t addr, uint64_t bytes)
{
	return bytes != 0 && is_aligned(addr | bytes, PAGE_BYTES) &&
	       range_ok(addr, bytes, ADDRESS_LIMIT);
}

enum hv_err pgtable_init(struct pgtable *table, enum pgtable_kind kind, uint16_t vmid)
{
	pa_t root;

	if (kind != PGTABLE_STAGE2) {
		return HV_EINVAL;
	}
	const enum hv_err err = pages_pool_alloc(ROOT_PAGES, &root);
	if (err != HV_OK) {
		return err;
	}
	*table = (struct pgtable){
		.kind = kind, .vmid = vmid, .root = root, .table_count = ROOT_PAGES};
	hal_tables_publish();
	return HV_OK;
}

/* --- map --- */

/* The largest block that may stand at addr, with its level. */
static unsigned leaf_level(uint64_t addr, uint64_t pa, uint64_t bytes)
{
	unsigned level = 1;

	while (level < DESC_LAST_LEVEL &&
	       (bytes < level_bytes(level) || !is_aligned(addr | pa, level_bytes(level)))) {
		level++;
	}
	return level;
}

/* Takes the tables of levels (from, to], or none. */
static enum hv_err allocate_tables(struct pgtable *table, unsigned from, unsigned to,
				   pa_t pages[LEVELS])
{
	CHECK(from <= to && to <= DESC_LAST_LEVEL);
	for (unsigned level = from + 1; level <= to; level++) {
		const enum hv_err err = pages_pool_alloc(1, &pages[level]);
		if (err != HV_OK) {
			while (--level > from) {
				pages_pool_free(pages[level], 1);
			}
			return err;
		}
	}
	table->table_count += to - from;
	return HV_OK;
}

/* How many invalid entries stand at `entry`, at most `limit`. */
static unsigned count_invalid(const uint64_t *entry, unsigned limit)
{
	unsigned count = 0;

	while (count < limit && !is_valid(entry_read(&entry[count]))) {
		count++;
	}
	return count;
}

static enum hv_err map_step(struct pgtable *table, uint64_t addr, uint64_t pa, uint64_t bytes,
			    uint64_t bits, uint64_t *mapped)
{
	const struct walk walk = walk_to(table, addr);
	const unsigned level = leaf_level(addr, pa, bytes);
	const unsigned to_end = DESC_ENTRIES - entry_index(addr, level);
	const uint64_t wanted = bytes >> level_shift(level);
	unsigned count = to_end < STEP_ENTRIES ? to_end : STEP_ENTRIES;
	uint64_t *entry = walk.path[walk.level];
	pa_t pages[LEVELS];

	/* Something is mapped there, or a table with something in it stands where a block would
	 * go. */
	if (walk.level > level || is_valid(entry_read(entry))) {
		return HV_ESTATE;
	}
	const enum hv_err err = allocate_tables(table, walk.level, level, pages);
	if (err != HV_OK) {
		return err;
	}
	count = wanted < count ? (unsigned)wanted : count;
	if (level == walk.level) {
		count = count_invalid(entry, count);
	} else {
		entry = entry_at(pages[level], addr, level);
	}
	for (unsigned i = 0; i < count; i++) {
		const uint64_t at = pa + ((uint64_t)i << level_shift(level));
		entry_write(&entry[i], leaf_descriptor(bits, at, level));
	}
	for (unsigned l = level; l > walk.level + 1; l--) {
		entry_write(entry_at(pages[l - 1], addr, l - 1), table_descriptor(pages[l]));
	}
	if (level != walk.level) {
		hal_tables_publish(); /* what the link leads to is seen before the link */
		entry_write(walk.path[walk.level], table_descriptor(pages[walk.level + 1]));
	}
	*mapped = (uint64_t)count << level_shift(level);
	table->mapped_bytes += *mapped;
	return HV_OK;
}

static bool are_attributes_valid(unsigned attributes)
{
	const unsigned all = PGTABLE_READ | PGTABLE_WRITE | PGTABLE_EXEC | PGTABLE_DEVICE;
	const unsigned device_exec = PGTABLE_DEVICE | PGTABLE_EXEC;

	return (attributes & PGTABLE_READ) != 0 && (attributes & ~all) == 0 &&
	       (attributes & device_exec) != device_exec;
}

enum hv_err pgtable_map(struct pgtable *table, uint64_t addr, pa_t pa, uint64_t bytes,
			unsigned attributes, uint64_t *done)
{
	enum hv_err err = HV_OK;

	*done = 0;
	if (!is_request_valid(addr, bytes) || !is_aligned(pa.v, PAGE_BYTES) ||
	    !range_ok(pa.v, bytes, DESC_PA_LIMIT) || !are_attributes_valid(attributes)) {
		return HV_EINVAL;
	}
	const uint64_t bits = leaf_bits(attributes);
	while (*done < bytes && err == HV_OK) {
		uint64_t mapped = 0;
		err = map_step(table, addr + *done, pa.v + *done, bytes - *done, bits, &mapped);
		*done += mapped;
		if (err == HV_OK && *done < bytes && hal_is_interrupt_pending()) {
			err = HV_AGAIN;
		}
	}
	hal_tables_publish();
	return err;
}

/* --- unmap --- */

/* Replaces the block at `walk` by a table that maps the same. */
static enum hv_err split(struct pgtable *table, uint64_t addr, const struct walk *walk)
{
	uint64_t *entry = walk->path[walk->level];
	const uint64_t block = entry_read(entry);
	const unsigned level = walk->level + 1;
	const uint64_t bits = block & ~DESC_ADDRESS;
	const uint64_t covered = level_bytes(walk->level);
	pa_t page;

	CHECK(walk->level <
	      DESC_LAST_LEVEL); /* ranges are page aligned: no page stands out of one */
	const enum hv_err err = pages_pool_alloc(1, &page);
	if (err != HV_OK) {
		return err;
	}
	uint64_t *entries = hal_core_page(page);
	for (unsigned i = 0; i < DESC_ENTRIES; i++) {
		const uint64_t pa = (block & DESC_ADDRESS) + ((uint64_t)i << level_shift(level));
		entry_write(&entries[i], leaf_descriptor(bits, pa, level));
	}
	entry_write(entry, 0);
	hal_tables_publish();
	hal_stage2_invalidate(table->vmid, table->root, IPA(align_down(addr, covered)), covered);
	entry_write(entry, table_descriptor(page));
	hal_tables_publish();
	table->table_count++;
	return HV_OK;
}

static bool is_table_empty(const uint64_t *entry)
{
	const uint64_t *entries =
		(const uint64_t *)((uintptr_t)entry & ~(uintptr_t)(PAGE_BYTES - 1));

	return count_invalid(entries, DESC_ENTRIES) == DESC_ENTRIES;
}

/* Unlinks the tables above the run that are empty now, from the bottom up. Returns the level of the
 * last entry that was cleared (walk->level: none); pages[l] is the table of level l for every l
 * above it. */
static unsigned unlink_empty(const struct walk *walk, pa_t pages[LEVELS])
{
	unsigned level = walk->level;

	while (level > FIRST_LEVEL && is_table_empty(walk->path[level])) {
		uint64_t *parent = walk->path[level - 1];
		pages[level] = PA(entry_read(parent) & DESC_ADDRESS);
		entry_write(parent, 0);
		level--;
	}
	return level;
}

/* Clears the entries from that of `addr` on which lie within [addr, end) in whole, or are invalid;
 * stops at the first other one, and after STEP_ENTRIES. Returns the address where it stopped;
 * *cleared counts valid entries. */
static uint64_t clear_run(const struct walk *walk, uint64_t addr, uint64_t end, unsigned *cleared)
{
	const uint64_t size = level_bytes(walk->level);
	const unsigned to_end = DESC_ENTRIES - entry_index(addr, walk->level);
	const unsigned limit = to_end < STEP_ENTRIES ? to_end : STEP_ENTRIES;
	uint64_t *entry = walk->path[walk->level];

	for (unsigned i = 0; i < limit && addr < end; i++) {
		const uint64_t descriptor = entry_read(&entry[i]);
		if (is_table(descriptor, walk->level)) {
			break;
		}
		if (is_valid(descriptor)) {
			if (!is_aligned(addr, size) || end - addr < size) {
				break;
			}
			entry_write(&entry[i], 0);
			(*cleared)++;
		}
		addr = align_down(addr, size) + size;
	}
	return addr;
}

/* One step from `addr` towards `end`; *next says how far it came. */
static enum hv_err unmap_step(struct pgtable *table, uint64_t addr, uint64_t end, uint64_t *next)
{
	const struct walk walk = walk_to(table, addr);
	const uint64_t size = level_bytes(walk.level);
	unsigned cleared = 0;
	pa_t pages[LEVELS];

	*next = clear_run(&walk, addr, end, &cleared);
	if (*next == addr) { /* a block that stands out of the range: the next step finds a table */
		return split(table, addr, &walk);
	}
	/* A table is looked through once, when the range leaves it. */
	const bool is_leaving = *next >= end || is_aligned(*next, size * DESC_ENTRIES);
	const unsigned top = is_leaving ? unlink_empty(&walk, pages) : walk.level;
	if (cleared == 0 && top == walk.level) {
		return HV_OK;
	}
	const uint64_t from = align_down(addr, level_bytes(top));
	const uint64_t covered = top == walk.level ? *next - from : level_bytes(top);
	hal_tables_publish();
	hal_stage2_invalidate(table->vmid, table->root, IPA(from), covered);
	for (unsigned level = walk.level; level > top; level--) {
		pages_pool_free(pages[level], 1);
	}
	table->table_count -= walk.level - top;
	table->mapped_bytes -= cleared * size;
	return HV_OK;
}

enum hv_err pgtable_unmap(struct pgtable *table, uint64_t addr, uint64_t bytes, uint64_t *done)
{
	const uint64_t end = addr + bytes;
	uint64_t at = addr;
	enum hv_err err = HV_OK;

	*done = 0;
	if (!is_request_valid(addr, bytes)) {
		return HV_EINVAL;
	}
	while (at < end && err == HV_OK) {
		const uint64_t before = at;
		err = unmap_step(table, at, end, &at);
		/* A split is no progress that *done could tell: the step that it made room for
		 * follows. */
		if (err == HV_OK && at != before && at < end && hal_is_interrupt_pending()) {
			err = HV_AGAIN;
		}
	}
	*done = (at < end ? at : end) - addr;
	return err;
}

/* --- the rest --- */

enum hv_err pgtable_lookup(const struct pgtable *table, uint64_t addr, pa_t *pa,
			   unsigned *attributes, uint64_t *block_bytes)
{
	if (addr >= ADDRESS_LIMIT) {
		return HV_EINVAL;
	}
	const struct walk walk = walk_to(table, addr);
	const uint64_t descriptor = entry_read(walk.path[walk.level]);
	const uint64_t size = level_bytes(walk.level);
	if (!is_valid(descriptor)) {
		return HV_EINVAL;
	}
	*pa = PA((descriptor & DESC_ADDRESS) + (addr & (size - 1)));
	*attributes = leaf_attributes(descriptor);
	*block_bytes = size;
	return HV_OK;
}

/* Frees a table of level 2 and those of level 3 below it. */
static void free_level2(pa_t page)
{
	const uint64_t *entries = hal_core_page(page);

	for (unsigned i = 0; i < DESC_ENTRIES; i++) {
		if (is_table(entries[i], 2)) {
			pages_pool_free(PA(entries[i] & DESC_ADDRESS), 1);
		}
	}
	pages_pool_free(page, 1);
}

void pgtable_destroy(struct pgtable *table)
{
	uint64_t *entries[ROOT_PAGES];

	for (unsigned i = 0; i < ROOT_PAGES; i++) {
		entries[i] = hal_core_page(pa_add(table->root, i * PAGE_BYTES));
		for (unsigned j = 0; j < DESC_ENTRIES; j++) {
			entry_write(&entries[i][j], entry_read(&entries[i][j]) & ~DESC_VALID);
		}
	}
	hal_tables_publish();
	hal_stage2_invalidate_all(table->vmid, table->root);
	for (unsigned i = 0; i < ROOT_PAGES; i++) {
		for (unsigned j = 0; j < DESC_ENTRIES; j++) {
			if ((entries[i][j] & DESC_TABLE) != 0) { /* the valid bit is gone */
				free_level2(PA(entries[i][j] & DESC_ADDRESS));
			}
		}
	}
	pages_pool_free(table->root, ROOT_PAGES);
	*table = (struct pgtable){.kind = table->kind};
}
