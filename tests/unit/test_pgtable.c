/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/pgtable.c: descriptors bit by bit, block sizes, edges of every level, splits, refusals,
 * interruption, and failure of every allocation. The fake machine checks order and extent of what
 * the hardware is told in each of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/pages.h"
#include "core/pgtable.h"
#include "hal_fake.h"
#include "lib/bits.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define LIMIT (UINT64_C(1) << 40)
#define POOL_PAGES 64u
#define VMID 7u
#define RW (PGTABLE_READ | PGTABLE_WRITE)

static struct pgtable table;
static uint64_t done;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	pages_pool_init(PA(FAKE_RAM_BASE), POOL_PAGES * PAGE_BYTES);
	assert_int_equal(pgtable_init(&table, PGTABLE_STAGE2, VMID), HV_OK);
	fake_watch_table(&table);
	return 0;
}

/* Every test ends here: all is published and invalidated, and destroy gives every page back. */
static int teardown(void **state)
{
	(void)state;
	fake_watch_check();
	assert_int_equal(fake_watched_pages(), table.table_count);
	assert_int_equal(pages_pool_free_count(), POOL_PAGES - table.table_count);
	pgtable_destroy(&table);
	fake_watch_check();
	assert_int_equal(fake_watched_pages(), 0);
	assert_int_equal(pages_pool_free_count(), POOL_PAGES);
	return 0;
}

static void map(uint64_t addr, uint64_t pa, uint64_t bytes, unsigned attributes)
{
	assert_int_equal(pgtable_map(&table, addr, PA(pa), bytes, attributes, &done), HV_OK);
	assert_int_equal(done, bytes);
	fake_watch_check();
}

static void unmap(uint64_t addr, uint64_t bytes)
{
	assert_int_equal(pgtable_unmap(&table, addr, bytes, &done), HV_OK);
	assert_int_equal(done, bytes);
	fake_watch_check();
}

static void assert_maps(uint64_t addr, uint64_t pa, unsigned attributes, uint64_t block_bytes)
{
	pa_t found;
	unsigned found_attributes;
	uint64_t found_bytes;

	if (pgtable_lookup(&table, addr, &found, &found_attributes, &found_bytes) != HV_OK) {
		fail_msg("nothing at %#llx", (unsigned long long)addr);
	}
	assert_int_equal(found.v, pa);
	assert_int_equal(found_attributes, attributes);
	assert_int_equal(found_bytes, block_bytes);
}

static void assert_hole(uint64_t addr)
{
	pa_t pa;
	unsigned attributes;
	uint64_t bytes;

	assert_int_equal(pgtable_lookup(&table, addr, &pa, &attributes, &bytes), HV_EINVAL);
}

/* The raw descriptor that translates addr, by the Arm ARM's walk for a 40-bit IPA and a 4 KiB
 * granule. */
static uint64_t raw(uint64_t addr)
{
	uint64_t page = table.root.v + (addr >> 39) * PAGE_BYTES;

	for (unsigned shift = 30;; shift -= 9) {
		const uint64_t *entries = fake_ram(PA(page));
		const uint64_t descriptor = entries[addr >> shift & 511];
		if (shift == 12 || (descriptor & 3) != 3) {
			return descriptor;
		}
		page = descriptor & UINT64_C(0xfffffffff000);
	}
}

static void descriptors_are_the_architectures(void **state)
{
	(void)state;
	/* Normal write-back 0b1111 in 5:2, S2AP 7:6, SH inner 0b11 in 9:8, AF 10, XN 54. */
	map(0x1000, 0x90001000, 0x1000, PGTABLE_READ | PGTABLE_WRITE | PGTABLE_EXEC);
	assert_int_equal(raw(0x1000), UINT64_C(0x900017ff));
	map(0x2000, 0x90002000, 0x1000, PGTABLE_READ);
	assert_int_equal(raw(0x2000), UINT64_C(0x4000009000277f));
	map(2 * MIB, 0x90200000, 2 * MIB, PGTABLE_READ | PGTABLE_EXEC);
	assert_int_equal(raw(2 * MIB), UINT64_C(0x9020077d));
	map(GIB, 4 * GIB, GIB, RW);
	assert_int_equal(raw(GIB), UINT64_C(0x400001000007fd));
	/* Device-nGnRE 0b0001. */
	map(0x8010000, 0x8040000, 0x1000, RW | PGTABLE_DEVICE);
	assert_int_equal(raw(0x8010000), UINT64_C(0x400000080407c7));
	assert_maps(0x1000, 0x90001000, PGTABLE_GUEST_RAM, PAGE_BYTES);
	assert_maps(0x2fff, 0x90002fff, PGTABLE_READ, PAGE_BYTES);
	assert_maps(2 * MIB + 5, 0x90200005, PGTABLE_READ | PGTABLE_EXEC, 2 * MIB);
	assert_maps(2 * GIB - 1, 5 * GIB - 1, RW, GIB);
	assert_maps(0x8010abc, 0x8040abc, RW | PGTABLE_DEVICE, PAGE_BYTES);
	assert_int_equal(table.mapped_bytes, 3 * 0x1000 + 2 * MIB + GIB);
}

static void blocks_are_as_large_as_can_be(void **state)
{
	(void)state;
	/* One page, 511 pages to 2 MiB, blocks to 1 GiB, a 1 GiB block, and down again. */
	const uint64_t start = GIB - 4 * MIB - PAGE_BYTES;
	const uint64_t bytes = PAGE_BYTES + 4 * MIB + GIB + 2 * MIB + 3 * PAGE_BYTES;

	map(start, start + 8 * GIB, bytes, RW);
	assert_maps(start, start + 8 * GIB, RW, PAGE_BYTES);
	assert_maps(GIB - 4 * MIB, 9 * GIB - 4 * MIB, RW, 2 * MIB);
	assert_maps(GIB, 9 * GIB, RW, GIB);
	assert_maps(2 * GIB, 10 * GIB, RW, 2 * MIB);
	assert_maps(2 * GIB + 2 * MIB + 0x2000, 10 * GIB + 2 * MIB + 0x2000, RW, PAGE_BYTES);
	assert_hole(start - 1);
	assert_hole(start + bytes);
	assert_int_equal(table.mapped_bytes, bytes);
	assert_int_equal(table.table_count, 2 + 2 + 2);
	unmap(0, LIMIT);
	assert_int_equal(table.table_count, 2);
	assert_int_equal(table.mapped_bytes, 0);
	/* What the PA's alignment allows counts too. */
	map(2 * GIB, GIB + 2 * MIB, 4 * MIB, RW);
	assert_maps(2 * GIB, GIB + 2 * MIB, RW, 2 * MIB);
	map(3 * GIB, GIB + 0x1000, 2 * MIB, RW);
	assert_maps(3 * GIB + 2 * MIB - 1, GIB + 2 * MIB + 0xfff, RW, PAGE_BYTES);
}

static void both_pages_of_the_root_and_the_last_address_work(void **state)
{
	(void)state;
	map(512 * GIB - PAGE_BYTES, 0x90000000, 2 * PAGE_BYTES, RW);
	assert_maps(512 * GIB - PAGE_BYTES, 0x90000000, RW, PAGE_BYTES);
	assert_maps(512 * GIB, 0x90001000, RW, PAGE_BYTES);
	map(LIMIT - PAGE_BYTES, (UINT64_C(1) << 48) - PAGE_BYTES, PAGE_BYTES, RW);
	assert_maps(LIMIT - 1, (UINT64_C(1) << 48) - 1, RW, PAGE_BYTES);
	assert_hole(LIMIT);
	assert_hole(UINT64_MAX);
	map(LIMIT - 2 * GIB, 0, GIB, RW);
	map(0, 512 * GIB, GIB, RW);
	assert_int_equal(table.table_count, 2 + 6);
	unmap(0, LIMIT);
	assert_int_equal(table.table_count, 2);
}

static void bad_requests_are_refused(void **state)
{
	static const struct {
		uint64_t addr, pa, bytes;
		unsigned attributes;
	} bad[] = {
		{0, 0, 0, RW},
		{1, 0, 0x1000, RW},
		{0x800, 0, 0x1000, RW},
		{0, 0x800, 0x1000, RW},
		{0, 0, 0x1001, RW},
		{LIMIT, 0, 0x1000, RW},
		{LIMIT - 0x1000, 0, 0x2000, RW},
		{0x1000, 0, UINT64_MAX - 0xfff, RW},
		{UINT64_MAX - 0xfff, 0, 0x1000, RW},
		{0, UINT64_C(1) << 48, 0x1000, RW},
		{0, (UINT64_C(1) << 48) - 0x1000, 0x2000, RW},
		{0, UINT64_MAX - 0xfff, 0x1000, RW},
		{0, 0, 0x1000, 0},
		{0, 0, 0x1000, PGTABLE_WRITE},
		{0, 0, 0x1000, PGTABLE_EXEC},
		{0, 0, 0x1000, RW | 16},
		{0, 0, 0x1000, PGTABLE_READ | PGTABLE_EXEC | PGTABLE_DEVICE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		if (pgtable_map(&table, bad[i].addr, PA(bad[i].pa), bad[i].bytes, bad[i].attributes,
				&done) != HV_EINVAL ||
		    done != 0) {
			fail_msg("case %zu", i);
		}
	}
	assert_int_equal(pgtable_unmap(&table, 0, 0, &done), HV_EINVAL);
	assert_int_equal(pgtable_unmap(&table, 0x800, 0x1000, &done), HV_EINVAL);
	assert_int_equal(pgtable_unmap(&table, 0, 0x800, &done), HV_EINVAL);
	assert_int_equal(pgtable_unmap(&table, LIMIT, 0x1000, &done), HV_EINVAL);
	assert_int_equal(pgtable_unmap(&table, 0x1000, UINT64_MAX - 0xfff, &done), HV_EINVAL);
	assert_int_equal(table.table_count, 2);
}

static void nothing_is_mapped_over(void **state)
{
	(void)state;
	map(GIB, 0, GIB, RW);
	map(2 * MIB, 0, 2 * MIB, RW);
	map(4 * MIB + 0x5000, 0, 0x1000, RW);
	/* Page, block and GiB over each of page, block and GiB. */
	const uint64_t targets[] = {GIB, 2 * MIB, 4 * MIB + 0x5000};
	const uint64_t sizes[] = {PAGE_BYTES, 2 * MIB, GIB};
	for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
		for (size_t j = 0; j < ARRAY_COUNT(sizes); j++) {
			const uint64_t addr = align_down(targets[i], sizes[j]);
			assert_int_equal(pgtable_map(&table, addr, PA(8 * GIB), sizes[j],
						     PGTABLE_READ, &done),
					 HV_ESTATE);
			assert_int_equal(done, 0);
		}
	}
	/* Up to it, page by page: what was mapped before stands. */
	assert_int_equal(pgtable_map(&table, 4 * MIB, PA(0x1000), 0x8000, RW, &done), HV_ESTATE);
	assert_int_equal(done, 0x5000);
	assert_maps(4 * MIB + 0x4000, 0x5000, RW, PAGE_BYTES);
	assert_maps(4 * MIB + 0x5000, 0, RW, PAGE_BYTES);
	assert_hole(4 * MIB + 0x6000);
	assert_int_equal(table.mapped_bytes, GIB + 2 * MIB + 0x6000);
}

static void a_gigabyte_is_split_where_a_page_goes(void **state)
{
	(void)state;
	map(4 * GIB, 16 * GIB, 3 * GIB, PGTABLE_GUEST_RAM);
	assert_int_equal(table.table_count, 2);
	unmap(5 * GIB + 4 * MIB + 0x3000, 0x1000);
	assert_int_equal(table.table_count, 4);
	assert_hole(5 * GIB + 4 * MIB + 0x3000);
	assert_maps(5 * GIB + 4 * MIB + 0x2fff, 17 * GIB + 4 * MIB + 0x2fff, PGTABLE_GUEST_RAM,
		    PAGE_BYTES);
	assert_maps(5 * GIB + 4 * MIB + 0x4000, 17 * GIB + 4 * MIB + 0x4000, PGTABLE_GUEST_RAM,
		    PAGE_BYTES);
	assert_maps(5 * GIB, 17 * GIB, PGTABLE_GUEST_RAM, 2 * MIB);
	assert_maps(6 * GIB - 1, 18 * GIB - 1, PGTABLE_GUEST_RAM, 2 * MIB);
	assert_maps(4 * GIB, 16 * GIB, PGTABLE_GUEST_RAM, GIB);
	assert_maps(6 * GIB, 18 * GIB, PGTABLE_GUEST_RAM, GIB);
	assert_int_equal(table.mapped_bytes, 3 * GIB - PAGE_BYTES);
	/* Across three blocks of different shape, standing out on both sides. */
	unmap(4 * GIB + 0x1000, 2 * GIB);
	assert_maps(4 * GIB, 16 * GIB, PGTABLE_GUEST_RAM, PAGE_BYTES);
	assert_hole(4 * GIB + 0x1000);
	assert_hole(6 * GIB);
	assert_maps(6 * GIB + 0x1000, 18 * GIB + 0x1000, PGTABLE_GUEST_RAM, PAGE_BYTES);
	assert_int_equal(table.mapped_bytes, GIB);
	unmap(0, LIMIT);
	assert_int_equal(table.table_count, 2);
}

static void unmapping_nothing_tells_the_hardware_nothing(void **state)
{
	(void)state;
	map(2 * MIB, 0, 0x1000, RW);
	fake_log_clear();
	unmap(0, 2 * MIB);
	unmap(2 * MIB + 0x1000, 512 * GIB);
	assert_int_equal(fake_log_count(), 0);
	assert_maps(2 * MIB, 0, RW, PAGE_BYTES);
}

static void invalidation_covers_what_is_gone_and_no_more(void **state)
{
	(void)state;
	map(2 * MIB, 0, 2 * MIB, RW);
	map(4 * MIB, 0x1000, 0x9000, RW);
	fake_log_clear();
	unmap(4 * MIB + 0x2000, 0x3000);
	const size_t at = fake_log_find(FAKE_OP_STAGE2_INVALIDATE, 0);
	assert_int_equal(fake_log_count_of(FAKE_OP_STAGE2_INVALIDATE), 1);
	assert_int_equal(fake_log_at(at)->a, 4 * MIB + 0x2000);
	assert_int_equal(fake_log_at(at)->b, 0x3000);
	assert_int_equal(fake_log_at(at)->c, VMID);
	assert_int_equal(fake_log_at(at - 1)->kind, FAKE_OP_TABLES_PUBLISH);
	/* With its last page the table goes: all that it translated is invalidated. */
	fake_log_clear();
	unmap(4 * MIB, 0x9000);
	assert_int_equal(fake_log_count_of(FAKE_OP_STAGE2_INVALIDATE), 1);
	const struct fake_op *op = fake_log_at(fake_log_find(FAKE_OP_STAGE2_INVALIDATE, 0));
	assert_int_equal(op->a, 4 * MIB);
	assert_int_equal(op->b, 2 * MIB);
	assert_int_equal(fake_log_count_of(FAKE_OP_STAGE2_INVALIDATE_ALL), 0);
}

static void long_work_stops_for_interrupts_and_goes_on(void **state)
{
	const uint64_t bytes = 3 * 2 * MIB; /* 1536 pages, in three tables */
	uint64_t at = 0;
	unsigned calls = 0;
	enum hv_err err;

	(void)state;
	fake_interrupt_after(0);
	do {
		err = pgtable_map(&table, at, PA(GIB + 0x1000 + at), bytes - at, RW, &done);
		fake_watch_check();
		assert_in_range(done, PAGE_BYTES, 64 * PAGE_BYTES);
		at += done;
		calls++;
		assert_int_equal(table.mapped_bytes, at);
	} while (err == HV_AGAIN);
	assert_int_equal(err, HV_OK);
	assert_int_equal(at, bytes);
	assert_int_equal(calls, 24);
	for (at = 0, calls = 0, err = HV_AGAIN; err == HV_AGAIN; at += done, calls++) {
		err = pgtable_unmap(&table, at, LIMIT - at, &done);
		fake_watch_check();
		assert_true(done >= PAGE_BYTES);
	}
	assert_int_equal(err, HV_OK);
	assert_int_equal(at, LIMIT);
	assert_in_range(calls, 24, 24 + 32);
	assert_int_equal(table.table_count, 2);
	/* Nothing pending: one call, but it looks as often. */
	fake_interrupt_after(FAKE_NEVER);
	const uint64_t polls = fake_interrupt_polls();
	map(0, GIB + 0x1000, bytes, RW);
	assert_int_equal(fake_interrupt_polls() - polls, 23);
}

/* All of the pool's pages but `count`. */
static unsigned drain(pa_t *taken, unsigned count)
{
	unsigned n = 0;

	while (pages_pool_free_count() > count) {
		assert_int_equal(pages_pool_alloc(1, &taken[n++]), HV_OK);
	}
	return n;
}

static void refill(const pa_t *taken, unsigned n)
{
	while (n != 0) {
		pages_pool_free(taken[--n], 1);
	}
}

static void every_allocation_of_map_may_fail(void **state)
{
	/* A page, then a block, then a page: 2 tables, 0, and 2 in another GiB. */
	const uint64_t start = GIB - 2 * MIB - PAGE_BYTES;
	const uint64_t bytes = PAGE_BYTES + 2 * MIB + PAGE_BYTES;
	pa_t taken[POOL_PAGES];
	enum hv_err err = HV_ENOMEM;
	unsigned room;

	(void)state;
	for (room = 0; err == HV_ENOMEM; room++) {
		const unsigned n = drain(taken, room);
		err = pgtable_map(&table, start, PA(4 * GIB + start), bytes, RW, &done);
		fake_watch_check();
		assert_int_equal(done, room < 2 ? 0 : room < 4 ? bytes - PAGE_BYTES : bytes);
		assert_int_equal(table.mapped_bytes, done);
		assert_int_equal(pages_pool_free_count(), room - (table.table_count - 2));
		assert_int_equal(table.table_count, room < 2 ? 2 : room < 4 ? 4 : 6);
		refill(taken, n);
		unmap(start, bytes);
		assert_int_equal(pages_pool_free_count(), POOL_PAGES - 2);
	}
	assert_int_equal(err, HV_OK);
	assert_int_equal(room, 5);
}

static void every_allocation_of_a_split_may_fail(void **state)
{
	pa_t taken[POOL_PAGES];
	enum hv_err err = HV_ENOMEM;
	unsigned room;

	(void)state;
	for (room = 0; err == HV_ENOMEM; room++) {
		map(GIB, 4 * GIB, 2 * GIB, RW);
		const unsigned n = drain(taken, room);
		/* Both ends stand out of the range: two splits each. */
		err = pgtable_unmap(&table, GIB + PAGE_BYTES, 2 * GIB - 2 * PAGE_BYTES, &done);
		fake_watch_check();
		/* With two tables the first GiB goes but for its first page, and the second
		 * stands. */
		assert_int_equal(done, room < 2	  ? 0
				       : room < 3 ? GIB - PAGE_BYTES
				       : room < 4 ? 2 * GIB - 2 * MIB - PAGE_BYTES
						  : 2 * GIB - 2 * PAGE_BYTES);
		assert_int_equal(table.mapped_bytes, 2 * GIB - done);
		assert_maps(GIB, 4 * GIB, RW, room == 0 ? GIB : room == 1 ? 2 * MIB : PAGE_BYTES);
		refill(taken, n);
		unmap(0, LIMIT);
		assert_int_equal(pages_pool_free_count(), POOL_PAGES - 2);
	}
	assert_int_equal(err, HV_OK);
	assert_int_equal(room, 5);
}

static void init_needs_two_pages_side_by_side(void **state)
{
	struct pgtable other = {.root = {1}};
	pa_t taken[POOL_PAGES];

	(void)state;
	const unsigned n = drain(taken, 1);
	assert_int_equal(pgtable_init(&other, PGTABLE_STAGE2, 1), HV_ENOMEM);
	assert_int_equal(other.root.v, 1);
	assert_int_equal(pages_pool_free_count(), 1);
	refill(taken, n);
}

static void destroy_gives_back_what_is_still_mapped(void **state)
{
	struct pgtable other;

	(void)state;
	assert_int_equal(pgtable_init(&other, PGTABLE_STAGE2, 3), HV_OK);
	fake_watch_table(&other);
	assert_int_equal(pgtable_map(&other, 0x1000, PA(GIB), 0x1000, RW, &done), HV_OK);
	assert_int_equal(pgtable_map(&other, 4 * GIB, PA(GIB), GIB, RW, &done), HV_OK);
	assert_int_equal(pgtable_map(&other, 700 * GIB, PA(2 * MIB), 2 * MIB, RW, &done), HV_OK);
	assert_int_equal(pgtable_map(&other, LIMIT - 0x1000, PA(GIB), 0x1000, RW, &done), HV_OK);
	fake_log_clear();
	pgtable_destroy(&other);
	assert_int_equal(fake_log_count_of(FAKE_OP_STAGE2_INVALIDATE_ALL), 1);
	assert_int_equal(fake_log_at(fake_log_find(FAKE_OP_STAGE2_INVALIDATE_ALL, 0))->c, 3);
	assert_int_equal(pages_pool_free_count(), POOL_PAGES - 2);
	assert_int_equal(other.table_count, 0);
	fake_watch_check();
	assert_int_equal(fake_watched_pages(), 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(descriptors_are_the_architectures),
		T(blocks_are_as_large_as_can_be),
		T(both_pages_of_the_root_and_the_last_address_work),
		T(bad_requests_are_refused),
		T(nothing_is_mapped_over),
		T(a_gigabyte_is_split_where_a_page_goes),
		T(unmapping_nothing_tells_the_hardware_nothing),
		T(invalidation_covers_what_is_gone_and_no_more),
		T(long_work_stops_for_interrupts_and_goes_on),
		T(every_allocation_of_map_may_fail),
		T(every_allocation_of_a_split_may_fail),
		T(init_needs_two_pages_side_by_side),
		T(destroy_gives_back_what_is_still_mapped),
	};

	return cmocka_run_group_tests_name("pgtable", tests, NULL, NULL);
}
