/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page table oracle. It knows each page of a watched table as it was at the last operation of
 * the hardware layer, and what each entry means to a walker and to the TLBs:
 *
 *     GONE --written--> FRESH --published--> SEEN
 *     SEEN or FRESH --cleared--> CLEARED --published--> STALE --invalidated in full--> GONE
 *
 * An entry may be written again only when it is GONE. A page that a CLEARED or STALE entry led to
 * is still within reach of a walker: in it entries may only be cleared, until it is forgotten with
 * the entry. Freed pages of the pool carry a pattern of valid descriptors (core/pages_pool.c),
 * which is seen here.
 *
 * Written without a look at core/pgtable.c: the numbers are the Arm ARM's.
 */
#include <stdlib.h>
#include <string.h>

#include "core/vcpu.h"
#include "fake_private.h"

#define POISON UINT64_C(0xa5a5a5a5a5a5a5a5)
#define OUTPUT UINT64_C(0x0000fffffffff000)
#define FIRMWARE (UINT32_C(1) << 31)
#define SCRUBBED (UINT32_C(1) << 31) /* in owner.writers: the firmware is none of them any more */

enum { ENTRIES = 512, TABLE_MAX = 16, LAST_LEVEL = 3, ROOT_PAGES = 2, NO_PARENT = -1 };
enum { RAM_PAGES = FAKE_RAM_BYTES / PAGE_BYTES };

enum slot_state { GONE, FRESH, SEEN, CLEARED, STALE };

struct watched_page {
	pa_t pa;
	unsigned table;
	unsigned level;
	uint64_t addr; /* what its first entry translates */
	int parent; /* page and entry that lead here; NO_PARENT: root */
	unsigned parent_slot;
	bool is_dead; /* to be forgotten */
	unsigned unsettled; /* entries that are FRESH, CLEARED or STALE: an upper bound */
	uint64_t shadow[ENTRIES];
	uint64_t old[ENTRIES]; /* of CLEARED and STALE entries: the last valid value */
	uint8_t state[ENTRIES];
};

struct owner {
	/* Bit v: VMID v could write it since the last scrub; SCRUBBED. All zero: the firmware alone could. */
	uint32_t writers;
	uint16_t vmid; /* who reaches it, if count is not 0 */
	uint16_t count; /* entries through which it is reached */
};

static struct {
	struct watched_table {
		bool is_used;
		uint16_t vmid;
		pa_t root;
	} tables[TABLE_MAX];
	struct watched_page *pages;
	size_t count, room;
	uint64_t clock, last_publish;
	uint64_t *handed_out; /* by page: clock of its last hal_core_page() */
	struct owner *owners;
	uint16_t service_vmid;
	pa_t service_base;
	uint64_t service_bytes;
} watch;

void fake_tables_reset(void)
{
	free(watch.pages);
	free(watch.owners);
	free(watch.handed_out);
	memset(&watch, 0, sizeof(watch));
	/* Both tables are large and zero: a page of them exists once it is touched. */
	watch.handed_out = calloc(RAM_PAGES, sizeof(*watch.handed_out));
	if (watch.handed_out == NULL) {
		abort();
	}
}

static uint64_t slot_bytes(unsigned level)
{
	return UINT64_C(1) << (12 + 9 * (LAST_LEVEL - level));
}

static uint64_t slot_addr(const struct watched_page *page, unsigned slot)
{
	return page->addr + slot * slot_bytes(page->level);
}

static bool is_table(uint64_t descriptor, unsigned level)
{
	return level < LAST_LEVEL && (descriptor & 3) == 3;
}

_Noreturn static void fail_at(const char *what, const struct watched_page *page, unsigned slot)
{
	fake_fail("%s: VMID %u, address %#llx, level %u, table page %#llx entry %u: %#llx -> %#llx",
		  what, watch.tables[page->table].vmid, (unsigned long long)slot_addr(page, slot),
		  page->level, (unsigned long long)page->pa.v, slot,
		  (unsigned long long)(page->state[slot] >= CLEARED ? page->old[slot]
								    : page->shadow[slot]),
		  (unsigned long long)((uint64_t *)fake_ram(page->pa))[slot]);
}

/* --- ownership --- */

static struct owner *owner_at(uint64_t pa)
{
	if (watch.owners == NULL || pa < FAKE_RAM_BASE || pa - FAKE_RAM_BASE >= FAKE_RAM_BYTES) {
		return NULL; /* a device, or nobody asked */
	}
	return &watch.owners[(pa - FAKE_RAM_BASE) / PAGE_BYTES];
}

static void page_reached(uint64_t pa, uint16_t vmid, bool is_writable)
{
	struct owner *owner = owner_at(pa);

	if (owner == NULL) {
		return;
	}
	uint32_t harmless = (UINT32_C(1) << vmid) | (UINT32_C(1) << watch.service_vmid);
	harmless |= vmid == watch.service_vmid ? FIRMWARE : 0;
	const uint32_t writers = owner->writers ^ FIRMWARE;
	if ((writers & ~harmless) != 0) {
		fake_fail("page %#llx reaches VMID %u unscrubbed: writers so far %#x",
			  (unsigned long long)pa, vmid, writers);
	}
	if (owner->count != 0 && owner->vmid != vmid) {
		fake_fail("page %#llx reaches VMID %u while VMID %u has it", (unsigned long long)pa,
			  vmid, owner->vmid);
	}
	owner->vmid = vmid;
	owner->count++;
	owner->writers |= is_writable ? UINT32_C(1) << vmid : 0;
}

static void leaf_added(const struct watched_page *page, unsigned slot, uint64_t descriptor)
{
	const uint64_t pa = descriptor & OUTPUT;
	const uint64_t bytes = slot_bytes(page->level);

	if (!is_aligned(pa, bytes)) {
		fail_at("block at an unaligned address", page, slot);
	}
	for (size_t i = 0; i < watch.count; i++) {
		if (watch.pages[i].pa.v >= pa && watch.pages[i].pa.v - pa < bytes) {
			fail_at("a VM reaches a translation table", page, slot);
		}
	}
	for (uint64_t at = 0; watch.owners != NULL && at < bytes; at += PAGE_BYTES) {
		page_reached(pa + at, watch.tables[page->table].vmid, (descriptor & 0x80) != 0);
	}
}

static void leaf_gone(const struct watched_page *page, uint64_t descriptor)
{
	for (uint64_t at = 0; watch.owners != NULL && at < slot_bytes(page->level);
	     at += PAGE_BYTES) {
		struct owner *owner = owner_at((descriptor & OUTPUT) + at);
		if (owner != NULL) {
			owner->count--;
		}
	}
}

void fake_watch_ownership(uint16_t service_vmid)
{
	if (service_vmid > 30) {
		fake_fail("VMID %u: the oracle knows 0 to 30", service_vmid);
	}
	watch.service_vmid = service_vmid;
	watch.owners = calloc(RAM_PAGES, sizeof(*watch.owners));
	if (watch.owners == NULL) {
		abort();
	}
}

void fake_watch_service_memory(pa_t base, uint64_t bytes)
{
	watch.service_base = base;
	watch.service_bytes = bytes;
}

/* The service's own memory is made new without being unmapped, while no CPU runs the service. */
static bool is_service_at_rest(pa_t pa)
{
	for (unsigned cpu = 0; cpu < FAKE_CPU_MAX; cpu++) {
		const struct vcpu *vcpu = fake_loaded_vcpu(cpu);
		if (vcpu != NULL && vcpu->is_service) {
			return false;
		}
	}
	return pa.v - watch.service_base.v < watch.service_bytes;
}

void fake_tables_scrubbed(pa_t pa, uint64_t bytes)
{
	for (size_t i = 0; i < watch.count; i++) {
		if (watch.pages[i].pa.v >= pa.v && watch.pages[i].pa.v - pa.v < bytes) {
			fake_fail("scrub of %#llx, a translation table of VMID %u",
				  (unsigned long long)pa.v,
				  watch.tables[watch.pages[i].table].vmid);
		}
	}
	for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) {
		struct owner *owner = owner_at(pa.v + at);
		if (owner != NULL && owner->count != 0 && !is_service_at_rest(pa_add(pa, at))) {
			fake_fail("scrub of page %#llx while VMID %u reaches it",
				  (unsigned long long)(pa.v + at), owner->vmid);
		}
		if (owner != NULL) {
			owner->writers = SCRUBBED;
		}
	}
}

/* --- pages under watch --- */

static void add_page(pa_t pa, unsigned table, unsigned level, uint64_t addr, int parent,
		     unsigned parent_slot)
{
	for (size_t i = 0; i < watch.count; i++) {
		if (watch.pages[i].pa.v == pa.v) {
			fake_fail("table page %#llx linked at address %#llx is in use already",
				  (unsigned long long)pa.v, (unsigned long long)addr);
		}
	}
	if (watch.count == watch.room) {
		watch.room = watch.room == 0 ? 16 : 2 * watch.room;
		watch.pages = realloc(watch.pages, watch.room * sizeof(*watch.pages));
		if (watch.pages == NULL) {
			abort();
		}
	}
	struct watched_page *page = &watch.pages[watch.count++];
	memset(page, 0, sizeof(*page));
	page->pa = pa;
	page->table = table;
	page->level = level;
	page->addr = addr;
	page->parent = parent;
	page->parent_slot = parent_slot;
}

void fake_watch_table(const struct pgtable *table)
{
	unsigned i = 0;

	fake_tables_observe(); /* the last watch of these pages may end only now */
	while (i < TABLE_MAX && watch.tables[i].is_used) {
		i++;
	}
	if (i == TABLE_MAX) {
		fake_fail("more than %d tables under watch", TABLE_MAX);
	}
	watch.tables[i] = (struct watched_table){true, table->vmid, table->root};
	for (unsigned page = 0; page < ROOT_PAGES; page++) {
		add_page(pa_add(table->root, page * PAGE_BYTES), i, 1,
			 page * ENTRIES * slot_bytes(1), NO_PARENT, 0);
	}
	fake_tables_observe();
}

size_t fake_watched_pages(void)
{
	return watch.count;
}

/* A walker that started before the entry above was cleared and invalidated may still be in this
 * page. */
static bool is_cut_off(const struct watched_page *page)
{
	while (page->parent != NO_PARENT) {
		const struct watched_page *parent = &watch.pages[page->parent];
		if (parent->state[page->parent_slot] >= CLEARED) {
			return true;
		}
		page = parent;
	}
	return false;
}

static void entry_added(size_t index, unsigned slot, uint64_t descriptor)
{
	struct watched_page *page = &watch.pages[index];
	const pa_t child = PA(descriptor & OUTPUT);

	if (page->state[slot] != GONE) {
		fail_at("break-before-make: valid again before it was published and invalidated",
			page, slot);
	}
	if (is_cut_off(page)) {
		fail_at("written in a table that is unlinked but not invalidated", page, slot);
	}
	page->state[slot] = FRESH;
	page->unsettled++;
	if (!is_table(descriptor, page->level)) {
		if (page->level == LAST_LEVEL && (descriptor & 2) == 0) {
			fail_at("reserved descriptor", page, slot);
		}
		leaf_added(page, slot, descriptor);
		return;
	}
	(void)fake_ram(child);
	if (watch.handed_out[(child.v - FAKE_RAM_BASE) / PAGE_BYTES] >= watch.last_publish) {
		fail_at("a table is linked before its content is published", page, slot);
	}
	add_page(child, page->table, page->level + 1, slot_addr(page, slot), (int)index, slot);
}

static void entry_changed(size_t index, unsigned slot, uint64_t from, uint64_t to)
{
	struct watched_page *page = &watch.pages[index];

	if ((from & 1) == 0 && (to & 1) == 0) {
		return; /* not the hardware's business */
	}
	if (to == POISON) {
		fail_at("table page freed while a walker reaches it", page, slot);
	}
	if ((from & 1) != 0 && (to & 1) != 0) {
		fail_at("break-before-make: valid to valid", page, slot);
	}
	if ((to & 1) != 0) {
		entry_added(index, slot, to);
		return;
	}
	page->old[slot] = from;
	page->state[slot] = CLEARED;
	page->unsettled++;
}

/* --- the end of a table --- */

static bool is_settled_empty(const struct watched_page *page)
{
	for (unsigned slot = 0; slot < ENTRIES; slot++) {
		if (page->state[slot] != GONE) {
			return false;
		}
	}
	return true;
}

/* Forgets what is dead, and what only dead pages lead to. Parents stand before children. */
static void sweep(void)
{
	int *moved = calloc(watch.count + 1, sizeof(*moved));
	size_t kept = 0;

	if (moved == NULL) {
		abort();
	}
	for (size_t i = 0; i < watch.count; i++) {
		struct watched_page *page = &watch.pages[i];
		const int parent = page->parent;
		if (parent != NO_PARENT) {
			page->is_dead |= moved[parent] < 0;
		}
		moved[i] = page->is_dead ? -1 : (int)kept;
		if (page->is_dead) {
			continue;
		}
		page->parent = parent == NO_PARENT ? NO_PARENT : moved[parent];
		if (kept != i) {
			watch.pages[kept] = *page;
		}
		kept++;
	}
	watch.count = kept;
	free(moved);
}

/* A root page was given back: nothing may hang on it, and no TLB may remember it. */
static void root_ended(struct watched_page *page)
{
	if (!is_settled_empty(page)) {
		fake_fail("root page %#llx of VMID %u freed while it is not empty and invalidated",
			  (unsigned long long)page->pa.v, watch.tables[page->table].vmid);
	}
	page->is_dead = true;
	watch.tables[page->table].is_used = false;
}

void fake_tables_observe(void)
{
	bool has_ended = false;

	for (size_t i = 0; i < watch.count; i++) { /* pages may be added behind */
		const uint64_t *now = fake_ram(watch.pages[i].pa);
		if (memcmp(watch.pages[i].shadow, now, PAGE_BYTES) == 0) {
			continue;
		}
		if (now[0] == POISON && watch.pages[i].parent == NO_PARENT) {
			root_ended(&watch.pages[i]);
			has_ended = true;
			continue;
		}
		for (unsigned slot = 0; slot < ENTRIES; slot++) {
			const uint64_t from = watch.pages[i].shadow[slot];
			if (from != now[slot]) {
				entry_changed(i, slot, from, now[slot]);
				watch.pages[i].shadow[slot] = now[slot];
			}
		}
	}
	if (has_ended) {
		sweep();
	}
}

void fake_tables_note_core_page(pa_t pa)
{
	if (pa.v >= FAKE_RAM_BASE && pa.v - FAKE_RAM_BASE < FAKE_RAM_BYTES) {
		watch.handed_out[(pa.v - FAKE_RAM_BASE) / PAGE_BYTES] = ++watch.clock;
	}
}

/* --- publish and invalidate --- */

void fake_tables_published(void)
{
	watch.last_publish = ++watch.clock;
	for (size_t i = 0; i < watch.count; i++) {
		struct watched_page *page = &watch.pages[i];
		for (unsigned slot = 0; page->unsettled != 0 && slot < ENTRIES; slot++) {
			if (page->state[slot] == FRESH) {
				page->state[slot] = SEEN;
			} else if (page->state[slot] == CLEARED) {
				page->state[slot] = STALE;
			}
		}
	}
}

static void forget_slot(size_t index, unsigned slot)
{
	struct watched_page *page = &watch.pages[index];

	page->state[slot] = GONE;
	if (!is_table(page->old[slot], page->level)) {
		leaf_gone(page, page->old[slot]);
		return;
	}
	for (size_t i = index + 1; i < watch.count; i++) {
		if (watch.pages[i].parent == (int)index && watch.pages[i].parent_slot == slot) {
			watch.pages[i].is_dead = true;
		}
	}
}

/* The entries of a page that dies with the entry above it are out of the TLBs too. */
static void release_dead(void)
{
	for (size_t i = 0; i < watch.count; i++) {
		struct watched_page *page = &watch.pages[i];
		page->is_dead |= page->parent != NO_PARENT && watch.pages[page->parent].is_dead;
		for (unsigned slot = 0; page->is_dead && slot < ENTRIES; slot++) {
			const uint64_t last =
				page->state[slot] >= CLEARED ? page->old[slot] : page->shadow[slot];
			if (page->state[slot] != GONE && !is_table(last, page->level)) {
				leaf_gone(page, last);
			}
		}
	}
}

static void page_invalidated(size_t index, uint64_t addr, uint64_t bytes)
{
	struct watched_page *page = &watch.pages[index];
	unsigned unsettled = 0;

	for (unsigned slot = 0; page->unsettled != 0 && slot < ENTRIES; slot++) {
		const uint64_t at = slot_addr(page, slot);
		const bool is_covered =
			at >= addr && range_ok(at - addr, slot_bytes(page->level), bytes);
		if (is_covered && page->state[slot] == CLEARED) {
			fail_at("invalidated before it is published", page, slot);
		}
		if (is_covered && page->state[slot] == STALE) {
			forget_slot(index, slot);
		}
		const uint8_t state = page->state[slot];
		unsettled += state != GONE && state != SEEN ? 1 : 0;
	}
	page->unsettled = unsettled;
}

void fake_tables_invalidated(uint16_t vmid, pa_t root, uint64_t addr, uint64_t bytes)
{
	for (size_t i = 0; i < watch.count; i++) {
		const struct watched_table *table = &watch.tables[watch.pages[i].table];
		if (table->vmid != vmid) {
			continue;
		}
		if (table->root.v != root.v) {
			fake_fail("invalidate of VMID %u with table %#llx, which has %#llx", vmid,
				  (unsigned long long)root.v, (unsigned long long)table->root.v);
		}
		page_invalidated(i, addr, bytes);
	}
	release_dead();
	sweep();
}

void fake_watch_check(void)
{
	fake_tables_observe();
	for (size_t i = 0; i < watch.count; i++) {
		const struct watched_page *page = &watch.pages[i];
		for (unsigned slot = 0; page->unsettled != 0 && slot < ENTRIES; slot++) {
			if (page->state[slot] == FRESH) {
				fail_at("written and not published", page, slot);
			}
			if (page->state[slot] >= CLEARED) {
				fail_at("cleared and not invalidated", page, slot);
			}
		}
	}
}
