/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/pgtable.c against one word a page: random maps and unmaps of all sizes and alignments, with
 * interrupts at random points and with a pool that runs dry, in three windows of the address space
 * that border on what is special: address 0, the middle, where the second page of the root begins,
 * and the end. After every operation the range it touched is looked up, and now and then an
 * independent walker compares the whole table. The fake machine watches the hardware's rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/pages.h"
#include "core/pgtable.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "model/random.h"

#define GIB (UINT64_C(1) << 30)
#define LIMIT (UINT64_C(1) << 40)
#define POOL_PAGES 128u
#define WINDOW_BYTES (2 * GIB)
#define WINDOW_PAGES (WINDOW_BYTES / PAGE_BYTES)
#define WINDOWS 3u
#define FULL_CHECK_EVERY 32u

static const uint64_t window_base[WINDOWS] = {0, LIMIT / 2 - GIB, LIMIT - WINDOW_BYTES};

/* 0: nothing; else physical address | attributes (never 0: READ is always there). */
static uint64_t shadow[WINDOWS][WINDOW_PAGES];
static uint64_t shadow_pages;
static struct pgtable table;
static uint64_t ended[2][8]; /* how often map [0] and unmap [1] ended with which -error */

/* --- independent walker --- */

static unsigned walked_tables;
static uint64_t walked_pages;

/* Stage 2 attributes by the Arm ARM D8.3: XN 54, SH 9:8, S2AP 7:6, MemAttr 5:2. */
static unsigned attributes_of(uint64_t descriptor)
{
	assert_int_equal(descriptor >> 8 & 7, 7); /* AF, inner shareable */
	assert_int_equal(descriptor >> 55, 0);
	assert_int_equal(descriptor >> 48 & 0x3f, 0);
	const uint64_t memory = descriptor >> 2 & 15;
	assert_true(memory == 15 || memory == 1);
	return (unsigned)((descriptor >> 6 & 1) * PGTABLE_READ |
			  (descriptor >> 7 & 1) * PGTABLE_WRITE |
			  ((descriptor >> 54 & 1) ^ 1) * PGTABLE_EXEC |
			  (memory == 1 ? 1u : 0u) * PGTABLE_DEVICE);
}

static const uint64_t *shadow_at(uint64_t addr)
{
	for (unsigned w = 0; w < WINDOWS; w++) {
		if (addr >= window_base[w] && addr - window_base[w] < WINDOW_BYTES) {
			return &shadow[w][(addr - window_base[w]) / PAGE_BYTES];
		}
	}
	fail_msg("%#llx is mapped, which is in no window", (unsigned long long)addr);
	return NULL;
}

static void walk_leaf(uint64_t addr, uint64_t descriptor, uint64_t bytes)
{
	const uint64_t value = (descriptor & UINT64_C(0xfffffffff000)) | attributes_of(descriptor);
	const uint64_t *expected = shadow_at(addr);

	for (uint64_t i = 0; i < bytes / PAGE_BYTES; i++) {
		if (expected[i] != value + i * PAGE_BYTES) {
			fail_msg("%#llx: %#llx, not %#llx",
				 (unsigned long long)(addr + i * PAGE_BYTES),
				 (unsigned long long)(value + i * PAGE_BYTES),
				 (unsigned long long)expected[i]);
		}
	}
	walked_pages += bytes / PAGE_BYTES;
}

/* A table page of the level whose entries cover 1 << shift bytes. Tests may recurse: three
 * levels. */
static void walk_page(uint64_t page, uint64_t addr, unsigned shift, bool may_be_empty)
{
	const uint64_t *entries = fake_ram(PA(page));
	bool is_empty = true;

	walked_tables++;
	for (uint64_t i = 0; i < 512; i++) {
		const uint64_t at = addr + (i << shift);
		if ((entries[i] & 1) == 0) {
			continue;
		}
		is_empty = false;
		if (shift > 12 && (entries[i] & 2) != 0) {
			walk_page(entries[i] & UINT64_C(0xfffffffff000), at, shift - 9, false);
		} else {
			assert_true(shift > 12 || (entries[i] & 2) != 0);
			walk_leaf(at, entries[i], UINT64_C(1) << shift);
		}
	}
	assert_true(may_be_empty || !is_empty);
}

static void check_all(void)
{
	walked_tables = 0;
	walked_pages = 0;
	walk_page(table.root.v, 0, 30, true);
	walk_page(table.root.v + PAGE_BYTES, LIMIT / 2, 30, true);
	assert_int_equal(walked_pages, shadow_pages);
	assert_int_equal(walked_tables, table.table_count);
	assert_int_equal(fake_watched_pages(), table.table_count);
}

/* --- operations --- */

struct range {
	unsigned window;
	uint64_t first, count; /* pages in the window */
};

/* Page runs, runs around blocks, large parts of the window; ends at borders more often than chance
 * would have it. */
static struct range random_range(void)
{
	static const uint64_t grains[] = {1, 1, 64, 512, 512, 512 * 512};
	struct range range = {.window = (unsigned)random_below(WINDOWS)};
	const uint64_t grain = grains[random_below(ARRAY_COUNT(grains))];
	const uint64_t largest = random_below(3) == 0 ? WINDOW_PAGES : 2048;

	range.first = random_below(WINDOW_PAGES) / grain * grain;
	range.count = 1 + random_below(largest);
	range.count = range.count > grain ? range.count / grain * grain : grain;
	if (random_below(4) == 0) {
		range.first += random_below(3);
		range.count += random_below(3);
	}
	if (range.first >= WINDOW_PAGES) {
		range.first = WINDOW_PAGES - 1;
	}
	if (range.count > WINDOW_PAGES - range.first) {
		range.count = WINDOW_PAGES - range.first;
	}
	return range;
}

static uint64_t range_addr(const struct range *range)
{
	return window_base[range->window] + range->first * PAGE_BYTES;
}

/* What the table says of some pages of the range and of those beside it. */
static void check_range(const struct range *range)
{
	for (unsigned i = 0; i < 12; i++) {
		uint64_t page = range->first + random_below(range->count);
		page = i == 0 ? range->first : i == 1 ? range->first + range->count - 1 : page;
		page = i == 2 && range->first != 0 ? range->first - 1 : page;
		page = i == 3 && range->first + range->count < WINDOW_PAGES
			       ? range->first + range->count
			       : page;
		const uint64_t expected = shadow[range->window][page];
		pa_t pa = PA(0);
		unsigned attributes = 0;
		uint64_t bytes;
		const enum hv_err err =
			pgtable_lookup(&table, window_base[range->window] + page * PAGE_BYTES, &pa,
				       &attributes, &bytes);
		assert_int_equal(err, expected == 0 ? HV_EINVAL : HV_OK);
		assert_int_equal(pa.v | attributes, expected);
	}
}

static void random_map(const struct range *range)
{
	static const unsigned attributes[] = {PGTABLE_READ, PGTABLE_READ | PGTABLE_WRITE,
					      PGTABLE_GUEST_RAM, PGTABLE_READ | PGTABLE_EXEC,
					      PGTABLE_READ | PGTABLE_WRITE | PGTABLE_DEVICE};
	static const uint64_t shifts[] = {0, 0, 0, BLOCK_2M_BYTES, BLOCK_1G_BYTES, PAGE_BYTES};
	const unsigned attribute = attributes[random_below(ARRAY_COUNT(attributes))];
	const uint64_t bytes = range->count * PAGE_BYTES;
	uint64_t *pages = &shadow[range->window][range->first];
	/* Out of the way of RAM, with or without the alignment that blocks need. */
	const uint64_t pa =
		range_addr(range) + 2 * LIMIT + shifts[random_below(ARRAY_COUNT(shifts))];
	uint64_t at = 0, free_bytes = 0;
	enum hv_err err = HV_AGAIN;

	while (free_bytes < bytes && pages[free_bytes / PAGE_BYTES] == 0) {
		free_bytes += PAGE_BYTES;
	}
	while (err == HV_AGAIN) {
		uint64_t done = 0;
		err = pgtable_map(&table, range_addr(range) + at, PA(pa + at), bytes - at,
				  attribute, &done);
		fake_watch_check();
		assert_true(err != HV_AGAIN || done != 0);
		ended[0][-err]++;
		at += done;
	}
	assert_true(err == HV_OK || err == HV_ESTATE || err == HV_ENOMEM);
	assert_true((err == HV_OK) == (at == bytes));
	assert_true(at <= free_bytes);
	/* It stops at the block in which something is mapped, not before. */
	assert_true(err != HV_ESTATE || (free_bytes < bytes && free_bytes - at < BLOCK_1G_BYTES));
	for (uint64_t i = 0; i < at / PAGE_BYTES; i++) {
		pages[i] = (pa + i * PAGE_BYTES) | attribute;
	}
	shadow_pages += at / PAGE_BYTES;
}

static void random_unmap(const struct range *range)
{
	/* Each end may stand in a GiB block: two splits there. */
	const bool may_fail = pages_pool_free_count() < 4;
	const uint64_t bytes = range->count * PAGE_BYTES;
	uint64_t *pages = &shadow[range->window][range->first];
	uint64_t at = 0;
	enum hv_err err = HV_AGAIN;

	while (err == HV_AGAIN) {
		uint64_t done = 0;
		err = pgtable_unmap(&table, range_addr(range) + at, bytes - at, &done);
		fake_watch_check();
		assert_true(err != HV_AGAIN || done != 0);
		ended[1][-err]++;
		at += done;
	}
	assert_true(err == HV_OK || (may_fail && err == HV_ENOMEM));
	assert_true((err == HV_OK) == (at == bytes));
	for (uint64_t i = 0; i < at / PAGE_BYTES; i++) {
		shadow_pages -= pages[i] != 0 ? 1 : 0;
		pages[i] = 0;
	}
}

static void random_operations_agree_with_the_shadow(void **state)
{
	const uint64_t steps = random_init("model_pgtable", 1000);

	(void)state;
	for (uint64_t step = 0; step < steps; step++) {
		const bool is_short = random_below(4) == 0;
		struct range range = random_range();
		pa_t taken[POOL_PAGES];
		unsigned count = 0;
		const uint64_t room = is_short ? random_below(4) : POOL_PAGES;
		while (pages_pool_free_count() > room) {
			assert_int_equal(pages_pool_alloc(1, &taken[count++]), HV_OK);
		}
		if (is_short &&
		    range.count > 2) { /* ends inside blocks: splits that have no room */
			range.first++;
			range.count -= 2;
		}
		fake_interrupt_every(random_below(3) == 0 ? 1 + random_below(20) : 0);
		if (random_below(5) < 3) {
			random_map(&range);
		} else {
			random_unmap(&range);
		}
		while (count != 0) {
			pages_pool_free(taken[--count], 1);
		}
		assert_int_equal(pages_pool_free_count(), POOL_PAGES - table.table_count);
		assert_int_equal(table.mapped_bytes, shadow_pages * PAGE_BYTES);
		check_range(&range);
		if (step % FULL_CHECK_EVERY == 0) {
			check_all();
			fake_log_clear();
		}
		if (table.table_count > POOL_PAGES / 2) { /* begin anew before it is full */
			const struct range all = {(unsigned)random_below(WINDOWS), 0, WINDOW_PAGES};
			random_unmap(&all);
		}
	}
	check_all();
	/* A run that did not meet the common answers would show nothing. */
	assert_true(steps < 1000 || (ended[0][-HV_OK] != 0 && ended[0][-HV_AGAIN] != 0));
	assert_true(steps < 1000 || (ended[0][-HV_ESTATE] != 0 && ended[0][-HV_ENOMEM] != 0));
	assert_true(steps < 1000 || (ended[1][-HV_OK] != 0 && ended[1][-HV_AGAIN] != 0));
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	pages_pool_init(PA(FAKE_RAM_BASE), POOL_PAGES * PAGE_BYTES);
	assert_int_equal(pgtable_init(&table, PGTABLE_STAGE2, 1), HV_OK);
	fake_watch_table(&table);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pgtable_destroy(&table);
	assert_int_equal(pages_pool_free_count(), POOL_PAGES);
	fake_watch_check();
	assert_int_equal(fake_watched_pages(), 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_operations_agree_with_the_shadow, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("model_pgtable", tests, NULL, NULL);
}
