/* SPDX-License-Identifier: Apache-2.0 */
/* core/pages.c and core/pages_pool.c: banks, ownership at the edges of blocks and banks, claims,
 * and the pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pages.h"
#include "hal_fake.h"
#include "lib/bits.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static uint8_t *tables[2 * PAGES_BANK_MAX];
static unsigned table_count;

static struct page_owner owner(enum page_state state, uint8_t vm)
{
	return (struct page_owner){state, vm};
}

static const struct page_owner none = {PAGE_NONE, PAGE_NOBODY};
static const struct page_owner dirty = {PAGE_DIRTY, PAGE_NOBODY};
static const struct page_owner clean = {PAGE_FREE, PAGE_NOBODY};
static const struct page_owner core = {PAGE_CORE, PAGE_NOBODY};

/* A bank whose table starts with any content, at an odd address, and is exactly as long as
 * promised. */
static enum hv_err add_bank(uint64_t base, uint64_t bytes)
{
	const size_t size = PAGES_TABLE_BYTES(bytes);
	uint8_t *table = malloc(size);

	assert_non_null(table);
	memset(table, 0x5a, size);
	tables[table_count++] = table;
	return pages_add_bank(PA(base), bytes, table);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	pages_init();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (table_count != 0) {
		free(tables[--table_count]);
	}
	return 0;
}

static void assert_owner(uint64_t page, struct page_owner expected)
{
	const struct page_owner found = pages_owner(PA(page));

	if (found.state != expected.state || found.vm != expected.vm) {
		fail_msg("page %#llx is %d/%d, not %d/%d", (unsigned long long)page, found.state,
			 found.vm, expected.state, expected.vm);
	}
}

static void change(uint64_t base, uint64_t bytes, struct page_owner from, struct page_owner to)
{
	assert_int_equal(pages_change(PA(base), bytes, from, to), HV_OK);
}

/* DIRTY(nobody) memory becomes FREE the only way there is. */
static void make_free(uint64_t base, uint64_t bytes)
{
	change(base, bytes, dirty, owner(PAGE_DIRTY, 9));
	change(base, bytes, owner(PAGE_DIRTY, 9), clean);
}

/* --- banks --- */

static void banks_are_checked(void **state)
{
	(void)state;
	assert_int_equal(add_bank(0x1001, PAGE_BYTES), HV_EINVAL);
	assert_int_equal(add_bank(0x1000, PAGE_BYTES + 1), HV_EINVAL);
	assert_int_equal(add_bank(0x1000, 0), HV_EINVAL);
	assert_int_equal(add_bank(UINT64_MAX - 0xfff, 2 * PAGE_BYTES), HV_EINVAL);
	assert_int_equal(pages_ram_bytes(), 0);
	assert_int_equal(add_bank(0x100000, 0x10000), HV_OK);
	assert_int_equal(add_bank(0x10f000, 0x1000), HV_EINVAL);
	assert_int_equal(add_bank(0xff000, 0x2000), HV_EINVAL);
	assert_int_equal(add_bank(0x80000, 0x100000), HV_EINVAL);
	assert_int_equal(add_bank(0xff000, 0x1000), HV_OK);
	assert_int_equal(add_bank(0x110000, 0x1000), HV_OK);
	assert_int_equal(pages_ram_bytes(), 0x12000);
	for (unsigned i = 3; i < PAGES_BANK_MAX; i++) {
		assert_int_equal(add_bank(i * GIB, PAGE_BYTES), HV_OK);
	}
	assert_int_equal(add_bank(9 * GIB, PAGE_BYTES), HV_ENOMEM);
	pages_init();
	assert_int_equal(pages_ram_bytes(), 0);
	assert_owner(0x100000, none);
}

static void a_fresh_bank_is_nobodys(void **state)
{
	(void)state;
	assert_int_equal(add_bank(0x1ff000, 4 * MIB + 2 * PAGE_BYTES), HV_OK);
	assert_owner(0x1fe000, none);
	assert_owner(0x1ff000, dirty);
	assert_owner(0x600fff, dirty);
	assert_owner(0x601000, none);
	assert_int_equal(pages_count(dirty), 1026);
	assert_true(pages_are(PA(0x1ff000), 4 * MIB + 2 * PAGE_BYTES, dirty));
	assert_false(pages_are(PA(0x1ff000), 4 * MIB + 3 * PAGE_BYTES, dirty));
	assert_false(pages_are(PA(0x1ff000), 0, dirty));
	assert_false(pages_are(PA(0x1ff000), PAGE_BYTES, clean));
}

static void reserve_takes_every_page_it_touches(void **state)
{
	(void)state;
	assert_int_equal(add_bank(16 * MIB, 4 * MIB), HV_OK);
	assert_int_equal(add_bank(32 * MIB, 4 * MIB), HV_OK);
	pages_reserve(PA(17 * MIB + 0xfff), 2);
	assert_owner(17 * MIB - 1, dirty);
	assert_owner(17 * MIB, none);
	assert_owner(17 * MIB + 0x1000, none);
	assert_owner(17 * MIB + 0x2000, dirty);
	assert_int_equal(pages_count(none), 2);
	pages_reserve(PA(17 * MIB), 0);
	assert_int_equal(pages_count(none), 2);
	/* From the end of one bank over the hole into the next. */
	pages_reserve(PA(20 * MIB - 0x1000), 12 * MIB + 0x2000);
	assert_owner(20 * MIB - 0x1000, none);
	assert_owner(32 * MIB, none);
	assert_owner(32 * MIB + 0x1000, dirty);
	assert_int_equal(pages_count(none), 4);
	/* A size that wraps, and one that touches no RAM. */
	pages_reserve(PA(36 * MIB), GIB);
	assert_int_equal(pages_count(none), 4);
	pages_reserve(PA(34 * MIB), UINT64_MAX);
	assert_int_equal(pages_count(none), 4 + 512);
	pages_reserve(PA(0), UINT64_MAX);
	assert_int_equal(pages_count(dirty), 0);
	assert_int_equal(pages_ram_bytes(), 8 * MIB);
}

/* --- change --- */

static void a_change_is_all_or_nothing(void **state)
{
	(void)state;
	assert_int_equal(add_bank(16 * MIB, 8 * MIB), HV_OK);
	change(16 * MIB, 8 * MIB, dirty, owner(PAGE_DIRTY, 1));
	change(19 * MIB, PAGE_BYTES, owner(PAGE_DIRTY, 1), clean);
	assert_int_equal(
		pages_change(PA(16 * MIB), 8 * MIB, owner(PAGE_DIRTY, 1), owner(PAGE_LOADING, 1)),
		HV_EPERM);
	assert_int_equal(pages_count(owner(PAGE_DIRTY, 1)), 2047);
	assert_int_equal(pages_count(clean), 1);
	/* Around it, on both sides. */
	change(16 * MIB, 3 * MIB, owner(PAGE_DIRTY, 1), owner(PAGE_LOADING, 1));
	change(19 * MIB + PAGE_BYTES, 5 * MIB - PAGE_BYTES, owner(PAGE_DIRTY, 1),
	       owner(PAGE_LOADING, 1));
	assert_owner(19 * MIB, clean);
	change(19 * MIB, PAGE_BYTES, clean, owner(PAGE_LOADING, 1));
	/* The block in the middle is all one owner's again, page by page. */
	assert_true(pages_are(PA(16 * MIB), 8 * MIB, owner(PAGE_LOADING, 1)));
	change(16 * MIB, 8 * MIB, owner(PAGE_LOADING, 1), owner(PAGE_VM, 1));
	assert_int_equal(pages_count(owner(PAGE_VM, 1)), 2048);
}

static void bad_ranges_and_owners_are_refused(void **state)
{
	const struct page_owner vm = owner(PAGE_DIRTY, 0);

	(void)state;
	assert_int_equal(add_bank(16 * MIB, 4 * MIB), HV_OK);
	assert_int_equal(add_bank(20 * MIB, 4 * MIB), HV_OK);
	assert_int_equal(pages_change(PA(16 * MIB), 0, dirty, vm), HV_EINVAL);
	assert_int_equal(pages_change(PA(16 * MIB + 1), PAGE_BYTES, dirty, vm), HV_EINVAL);
	assert_int_equal(pages_change(PA(16 * MIB), PAGE_BYTES - 1, dirty, vm), HV_EINVAL);
	assert_int_equal(pages_change(PA(15 * MIB), 2 * MIB, dirty, vm), HV_EINVAL);
	assert_int_equal(pages_change(PA(18 * MIB), 4 * MIB, dirty, vm), HV_EINVAL);
	assert_int_equal(pages_change(PA(23 * MIB), 2 * MIB, dirty, vm), HV_EINVAL);
	assert_int_equal(pages_change(PA(16 * MIB), ~UINT64_C(0xfff), dirty, vm), HV_EINVAL);
	assert_int_equal(pages_change(PA(16 * MIB), PAGE_BYTES, dirty, owner(PAGE_FREE, 1)),
			 HV_EINVAL);
	assert_int_equal(pages_change(PA(16 * MIB), PAGE_BYTES, dirty, owner(PAGE_VM, 31)),
			 HV_EINVAL);
	assert_int_equal(pages_change(PA(16 * MIB), PAGE_BYTES, owner(PAGE_DIRTY, 32), vm),
			 HV_EINVAL);
	assert_int_equal(pages_change(PA(16 * MIB), PAGE_BYTES, owner((enum page_state)8, 31), vm),
			 HV_EINVAL);
	assert_int_equal(pages_change(PA(16 * MIB), PAGE_BYTES, dirty, clean), HV_ESTATE);
	assert_int_equal(pages_count(dirty), 2048);
}

/* --- claims --- */

static struct page_extent extents[PAGES_EXTENT_MAX];
static unsigned extent_count;

static void a_claim_keeps_free_and_dirty_apart(void **state)
{
	(void)state;
	assert_int_equal(add_bank(16 * MIB, 16 * MIB), HV_OK);
	make_free(18 * MIB, 4 * MIB);
	assert_int_equal(pages_claim_blocks(8 * MIB, 3, extents, &extent_count), HV_OK);
	assert_int_equal(extent_count, 1);
	assert_int_equal(extents[0].base.v, 16 * MIB);
	assert_int_equal(extents[0].bytes, 8 * MIB);
	assert_true(pages_are(PA(16 * MIB), 2 * MIB, owner(PAGE_DIRTY, 3)));
	assert_true(pages_are(PA(18 * MIB), 4 * MIB, owner(PAGE_LOADING, 3)));
	assert_true(pages_are(PA(22 * MIB), 2 * MIB, owner(PAGE_DIRTY, 3)));
	assert_true(pages_are(PA(24 * MIB), 8 * MIB, dirty));
}

static void bad_claims_are_refused(void **state)
{
	(void)state;
	assert_int_equal(add_bank(16 * MIB, 16 * MIB), HV_OK);
	assert_int_equal(pages_claim_blocks(0, 0, extents, &extent_count), HV_EINVAL);
	assert_int_equal(pages_claim_blocks(MIB, 0, extents, &extent_count), HV_EINVAL);
	assert_int_equal(pages_claim_blocks(2 * MIB, 31, extents, &extent_count), HV_EINVAL);
	assert_int_equal(pages_claim_blocks(18 * MIB, 0, extents, &extent_count), HV_ENOMEM);
	assert_int_equal(pages_count(dirty), 4096);
	assert_int_equal(pages_claim_blocks(16 * MIB, 30, extents, &extent_count), HV_OK);
	assert_int_equal(pages_claim_blocks(2 * MIB, 0, extents, &extent_count), HV_ENOMEM);
}

static void a_claim_prefers_whole_gigabytes(void **state)
{
	(void)state;
	/* The bank starts and ends in the middle of a GiB; one page spoils the GiB at 2. */
	assert_int_equal(add_bank(GIB / 2, 5 * GIB), HV_OK);
	pages_reserve(PA(2 * GIB + GIB / 2), 1);
	assert_int_equal(pages_claim_blocks(3 * GIB + 2 * MIB, 0, extents, &extent_count), HV_OK);
	assert_int_equal(extent_count, 3);
	assert_int_equal(extents[0].base.v, GIB);
	assert_int_equal(extents[0].bytes, GIB);
	assert_int_equal(extents[1].base.v, 3 * GIB);
	assert_int_equal(extents[1].bytes, 2 * GIB);
	assert_int_equal(extents[2].base.v, GIB / 2);
	assert_int_equal(extents[2].bytes, 2 * MIB);
	assert_int_equal(pages_count(owner(PAGE_DIRTY, 0)), (3 * GIB + 2 * MIB) / PAGE_BYTES);
	/* No whole GiB is left: two halves, cut at the spoilt block. */
	assert_int_equal(pages_claim_blocks(GIB, 1, extents, &extent_count), HV_OK);
	assert_int_equal(extent_count, 2);
	assert_int_equal(extents[0].base.v + extents[0].bytes, 2 * GIB + GIB / 2);
	assert_int_equal(extents[0].base.v, 2 * GIB);
}

static void partial_blocks_are_not_claimed(void **state)
{
	(void)state;
	assert_int_equal(add_bank(15 * MIB, 4 * MIB), HV_OK); /* blocks 16 alone is whole */
	assert_int_equal(pages_claim_blocks(4 * MIB, 0, extents, &extent_count), HV_ENOMEM);
	assert_int_equal(pages_claim_blocks(2 * MIB, 0, extents, &extent_count), HV_OK);
	assert_int_equal(extents[0].base.v, 16 * MIB);
	assert_int_equal(pages_count(dirty), 512);
}

/* Only every second block can be had: as many extents as blocks. */
static void a_claim_has_few_extents_or_fails_whole(void **state)
{
	const unsigned pairs = PAGES_EXTENT_MAX + 1;

	(void)state;
	assert_int_equal(add_bank(0, pairs * 4 * MIB), HV_OK);
	for (unsigned i = 0; i < pairs; i++) {
		pages_reserve(PA(i * 4 * MIB), 1);
	}
	make_free(2 * MIB, 2 * MIB);
	make_free(6 * MIB, MIB); /* neither FREE nor DIRTY as a whole */
	assert_int_equal(pages_claim_blocks(pairs * 2 * MIB, 0, extents, &extent_count), HV_ENOMEM);
	assert_int_equal(pages_count(clean), 512 + 256);
	make_free(7 * MIB, MIB);
	assert_int_equal(pages_claim_blocks(pairs * 2 * MIB, 0, extents, &extent_count), HV_ENOMEM);
	assert_int_equal(pages_count(clean), 1024);
	assert_int_equal(pages_count(owner(PAGE_DIRTY, 0)), 0);
	assert_int_equal(pages_claim_blocks((pairs - 1) * 2 * MIB, 0, extents, &extent_count),
			 HV_OK);
	assert_int_equal(extent_count, PAGES_EXTENT_MAX);
	assert_int_equal(pages_count(owner(PAGE_LOADING, 0)), 1024);
	for (unsigned i = 0; i < extent_count; i++) {
		assert_int_equal(extents[i].base.v, i * 4 * MIB + 2 * MIB);
		assert_int_equal(extents[i].bytes, 2 * MIB);
	}
}

static void a_claim_takes_the_first_run_that_is_long_enough(void **state)
{
	(void)state;
	assert_int_equal(add_bank(0, 32 * MIB), HV_OK);
	pages_reserve(PA(4 * MIB), 1); /* 4 MiB, then 10 MiB, then 14 MiB */
	pages_reserve(PA(16 * MIB), 1);
	assert_int_equal(pages_claim_blocks(6 * MIB, 0, extents, &extent_count), HV_OK);
	assert_int_equal(extent_count, 1);
	assert_int_equal(extents[0].base.v, 6 * MIB);
	assert_int_equal(pages_claim_blocks(16 * MIB, 0, extents, &extent_count), HV_OK);
	assert_int_equal(extent_count, 2);
	assert_int_equal(extents[0].base.v, 18 * MIB);
	assert_int_equal(extents[0].bytes, 14 * MIB);
	assert_int_equal(extents[1].base.v, 0);
	assert_int_equal(extents[1].bytes, 2 * MIB);
}

/* --- take --- */

static void pages_are_taken_from_the_top(void **state)
{
	pa_t base = PA(1);

	(void)state;
	assert_int_equal(add_bank(16 * MIB, 8 * MIB), HV_OK);
	assert_int_equal(add_bank(8 * MIB, 4 * MIB), HV_OK);
	make_free(23 * MIB, MIB);
	assert_int_equal(pages_take(PAGE_BYTES, PAGE_BYTES, PAGE_CORE, &base), HV_OK);
	assert_int_equal(base.v, 24 * MIB - PAGE_BYTES);
	assert_int_equal(pages_take(2 * PAGE_BYTES, 2 * PAGE_BYTES, PAGE_DMA, &base), HV_OK);
	assert_int_equal(base.v, 24 * MIB - 4 * PAGE_BYTES);
	assert_owner(24 * MIB - 2 * PAGE_BYTES, clean);
	assert_int_equal(pages_take(2 * MIB, 2 * MIB, PAGE_SERVICE, &base), HV_OK);
	assert_int_equal(base.v, 20 * MIB);
	/* What is left of the top block is too small, the next is taken, the one below is spoilt by
	 * a page. */
	pages_reserve(PA(18 * MIB), 1);
	assert_int_equal(pages_take(2 * MIB, PAGE_BYTES, PAGE_CORE, &base), HV_OK);
	assert_int_equal(base.v, 16 * MIB);
	assert_int_equal(pages_take(2 * MIB, PAGE_BYTES, PAGE_CORE, &base), HV_OK);
	assert_int_equal(base.v, 10 * MIB);
	assert_true(pages_are(base, 2 * MIB, core));
	assert_int_equal(pages_take(PAGE_BYTES, PAGE_BYTES, PAGE_CORE, &base), HV_OK);
	assert_int_equal(base.v, 24 * MIB - 2 * PAGE_BYTES);
}

static void taking_too_much_changes_nothing(void **state)
{
	pa_t base = PA(1);

	(void)state;
	assert_int_equal(add_bank(0, 4 * MIB), HV_OK);
	assert_int_equal(pages_take(0, PAGE_BYTES, PAGE_CORE, &base), HV_EINVAL);
	assert_int_equal(pages_take(1, PAGE_BYTES, PAGE_CORE, &base), HV_EINVAL);
	assert_int_equal(pages_take(PAGE_BYTES, 1, PAGE_CORE, &base), HV_EINVAL);
	assert_int_equal(pages_take(PAGE_BYTES, 0, PAGE_CORE, &base), HV_EINVAL);
	assert_int_equal(pages_take(PAGE_BYTES, 3 * PAGE_BYTES, PAGE_CORE, &base), HV_EINVAL);
	assert_int_equal(pages_take(PAGE_BYTES, PAGE_BYTES, PAGE_FREE, &base), HV_EINVAL);
	assert_int_equal(pages_take(PAGE_BYTES, PAGE_BYTES, PAGE_VM, &base), HV_EINVAL);
	assert_int_equal(pages_take(5 * MIB, PAGE_BYTES, PAGE_CORE, &base), HV_ENOMEM);
	assert_int_equal(pages_take(MIB, 8 * MIB, PAGE_CORE, &base), HV_ENOMEM);
	assert_int_equal(base.v, 1);
	/* Address 0 is never given out. */
	assert_int_equal(pages_take(4 * MIB, PAGE_BYTES, PAGE_CORE, &base), HV_ENOMEM);
	assert_int_equal(pages_take(4 * MIB - PAGE_BYTES, PAGE_BYTES, PAGE_CORE, &base), HV_OK);
	assert_int_equal(base.v, PAGE_BYTES);
	assert_int_equal(pages_count(core), 1023);
}

/* --- pool --- */

#define POOL_PAGES 70u /* not a multiple of 64 */

static void pool_setup(void)
{
	memset(fake_ram(PA(FAKE_RAM_BASE)), 0xff, POOL_PAGES * PAGE_BYTES);
	pages_pool_init(PA(FAKE_RAM_BASE), POOL_PAGES * PAGE_BYTES);
}

static void pool_pages_are_zero_and_distinct(void **state)
{
	bool is_out[POOL_PAGES] = {false};
	pa_t page;

	(void)state;
	pool_setup();
	assert_int_equal(pages_pool_free_count(), POOL_PAGES);
	for (unsigned i = 0; i < POOL_PAGES; i++) {
		assert_int_equal(pages_pool_alloc(1, &page), HV_OK);
		const uint64_t index = (page.v - FAKE_RAM_BASE) / PAGE_BYTES;
		assert_true(index < POOL_PAGES && !is_out[index]);
		is_out[index] = true;
		const uint8_t *bytes = fake_ram(page);
		assert_true(bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_BYTES - 1) == 0);
	}
	assert_int_equal(pages_pool_free_count(), 0);
	assert_int_equal(pages_pool_alloc(1, &page), HV_ENOMEM);
	for (unsigned i = 0; i < POOL_PAGES; i++) {
		pages_pool_free(PA(FAKE_RAM_BASE + i * PAGE_BYTES), 1);
	}
	assert_int_equal(pages_pool_free_count(), POOL_PAGES);
}

static void pool_pairs_are_aligned(void **state)
{
	pa_t single, pair;

	(void)state;
	pool_setup();
	assert_int_equal(pages_pool_alloc(1, &single), HV_OK);
	for (unsigned i = 0; i < POOL_PAGES / 2 - 1; i++) {
		assert_int_equal(pages_pool_alloc(2, &pair), HV_OK);
		assert_true(is_aligned(pair.v, 2 * PAGE_BYTES));
		assert_true(pair.v + PAGE_BYTES < FAKE_RAM_BASE + POOL_PAGES * PAGE_BYTES);
		assert_int_not_equal(pair.v, align_down(single.v, 2 * PAGE_BYTES));
	}
	assert_int_equal(pages_pool_free_count(), 1);
	assert_int_equal(pages_pool_alloc(2, &pair), HV_ENOMEM);
	assert_int_equal(pages_pool_free_count(), 1);
	pages_pool_free(pair, 2);
	assert_int_equal(pages_pool_free_count(), 3);
	assert_int_equal(pages_pool_alloc(2, &pair), HV_OK);
}

static void pool_runs_are_in_one_piece(void **state)
{
	pa_t page, run;

	(void)state;
	pool_setup();
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pages_pool_alloc(1, &page), HV_OK);
	}
	pages_pool_free(PA(FAKE_RAM_BASE + PAGE_BYTES), 1); /* a hole of one */
	*(uint64_t *)hal_core_page(PA(FAKE_RAM_BASE + 4 * PAGE_BYTES)) = 1;
	assert_int_equal(pages_pool_alloc_run(POOL_PAGES - 2, &run), HV_ENOMEM);
	assert_int_equal(pages_pool_free_count(), POOL_PAGES - 2);
	assert_int_equal(pages_pool_alloc_run(POOL_PAGES - 3, &run), HV_OK);
	assert_int_equal(run.v, FAKE_RAM_BASE + 3 * PAGE_BYTES);
	assert_int_equal(*(uint64_t *)hal_core_page(PA(FAKE_RAM_BASE + 4 * PAGE_BYTES)), 0);
	assert_int_equal(pages_pool_free_count(), 1);
	assert_int_equal(pages_pool_alloc_run(1, &run), HV_OK);
	assert_int_equal(run.v, FAKE_RAM_BASE + PAGE_BYTES);
	assert_int_equal(pages_pool_alloc_run(1, &run), HV_ENOMEM);
}

static void pool_misuse_stops_the_core(void **state)
{
	pa_t page, pair;

	(void)state;
	pool_setup();
	assert_int_equal(pages_pool_alloc(1, &page), HV_OK);
	assert_int_equal(pages_pool_alloc(2, &pair), HV_OK);
	assert_check_fails(pages_pool_free(PA(FAKE_RAM_BASE - PAGE_BYTES), 1));
	assert_check_fails(pages_pool_free(PA(FAKE_RAM_BASE + POOL_PAGES * PAGE_BYTES), 1));
	assert_check_fails(pages_pool_free(PA(page.v + 8), 1));
	assert_check_fails(pages_pool_free(PA(pair.v + PAGE_BYTES), 2));
	assert_check_fails(pages_pool_free(page, 3));
	assert_check_fails((void)!pages_pool_alloc(3, &page));
	assert_check_fails(pages_pool_init(PA(FAKE_RAM_BASE + PAGE_BYTES), 2 * PAGE_BYTES));
	assert_check_fails(
		pages_pool_init(PA(FAKE_RAM_BASE), PAGES_POOL_MAX_BYTES + 2 * PAGE_BYTES));
	pages_pool_free(page, 1);
	assert_check_fails(pages_pool_free(page, 1)); /* last: the lock stays held */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(banks_are_checked),
		T(a_fresh_bank_is_nobodys),
		T(reserve_takes_every_page_it_touches),
		T(a_change_is_all_or_nothing),
		T(bad_ranges_and_owners_are_refused),
		T(a_claim_keeps_free_and_dirty_apart),
		T(bad_claims_are_refused),
		T(a_claim_prefers_whole_gigabytes),
		T(partial_blocks_are_not_claimed),
		T(a_claim_has_few_extents_or_fails_whole),
		T(a_claim_takes_the_first_run_that_is_long_enough),
		T(pages_are_taken_from_the_top),
		T(taking_too_much_changes_nothing),
		T(pool_pages_are_zero_and_distinct),
		T(pool_pairs_are_aligned),
		T(pool_runs_are_in_one_piece),
		T(pool_misuse_stops_the_core),
	};

	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
