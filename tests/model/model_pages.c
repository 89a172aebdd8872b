/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/pages.c against an array with one owner a page. Exhaustive: every owner that a page can
 * have, every change from every owner to every owner, on a page, a block and ranges over edges of
 * blocks. Then random sequences of all operations.
 */
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
#include "model/random.h"

/* The bank starts and ends inside a block; in between are three whole ones. */
#define FIRST 1000u
#define COUNT (24u + 3 * 512 + 100)
#define BASE (FIRST * PAGE_BYTES)
#define VMS 2u

static uint8_t page_table[PAGES_TABLE_BYTES(COUNT * PAGE_BYTES)];
static struct page_owner shadow[COUNT];

static const struct page_owner owners[] = {
	{PAGE_NONE, PAGE_NOBODY},
	{PAGE_DIRTY, PAGE_NOBODY},
	{PAGE_FREE, PAGE_NOBODY},
	{PAGE_CORE, PAGE_NOBODY},
	{PAGE_SERVICE, PAGE_NOBODY},
	{PAGE_DMA, PAGE_NOBODY},
	{PAGE_DIRTY, 0},
	{PAGE_DIRTY, 1},
	{PAGE_LOADING, 0},
	{PAGE_LOADING, 1},
	{PAGE_VM, 0},
	{PAGE_VM, 1},
};

static bool is_same(struct page_owner a, struct page_owner b)
{
	return a.state == b.state && a.vm == b.vm;
}

/* Every edge of the diagram, written out; ANY is a VM, the same on both sides. */
enum { ANY = 100, NOBODY = PAGE_NOBODY };
static const struct {
	enum page_state from;
	unsigned from_vm;
	enum page_state to;
	unsigned to_vm;
} edges[] = {
	{PAGE_DIRTY, NOBODY, PAGE_DIRTY, ANY},	   {PAGE_DIRTY, ANY, PAGE_LOADING, ANY},
	{PAGE_DIRTY, ANY, PAGE_FREE, NOBODY},	   {PAGE_FREE, NOBODY, PAGE_LOADING, ANY},
	{PAGE_LOADING, ANY, PAGE_VM, ANY},	   {PAGE_LOADING, ANY, PAGE_DIRTY, ANY},
	{PAGE_VM, ANY, PAGE_DIRTY, ANY},	   {PAGE_FREE, NOBODY, PAGE_CORE, NOBODY},
	{PAGE_FREE, NOBODY, PAGE_SERVICE, NOBODY}, {PAGE_FREE, NOBODY, PAGE_DMA, NOBODY},
	{PAGE_DIRTY, NOBODY, PAGE_CORE, NOBODY},   {PAGE_DIRTY, NOBODY, PAGE_SERVICE, NOBODY},
	{PAGE_DIRTY, NOBODY, PAGE_DMA, NOBODY},
};

static bool is_edge(struct page_owner from, struct page_owner to)
{
	for (size_t i = 0; i < ARRAY_COUNT(edges); i++) {
		const bool is_from =
			edges[i].from_vm == ANY ? from.vm < VMS : from.vm == edges[i].from_vm;
		const bool is_to = edges[i].to_vm == ANY ? to.vm < VMS : to.vm == edges[i].to_vm;
		const bool is_one_vm = from.vm == to.vm || from.vm == NOBODY || to.vm == NOBODY;
		if (edges[i].from == from.state && edges[i].to == to.state && is_from && is_to &&
		    is_one_vm) {
			return true;
		}
	}
	return false;
}

static void start(void)
{
	memset(page_table, 0xa7, sizeof(page_table));
	pages_init();
	assert_int_equal(pages_add_bank(PA(BASE), COUNT * PAGE_BYTES, page_table), HV_OK);
	for (unsigned i = 0; i < COUNT; i++) {
		shadow[i] = owners[1];
	}
}

static void assert_as_shadow(void)
{
	for (unsigned i = 0; i < COUNT; i++) {
		const struct page_owner found = pages_owner(PA(BASE + i * PAGE_BYTES));
		if (!is_same(found, shadow[i])) {
			fail_msg("page %u is %d/%d, not %d/%d", i, found.state, found.vm,
				 shadow[i].state, shadow[i].vm);
		}
	}
}

/* One change in both; the model decides what the answer has to be. */
static enum hv_err change(unsigned first, unsigned count, struct page_owner from,
			  struct page_owner to)
{
	enum hv_err expected = is_edge(from, to) ? HV_OK : HV_ESTATE;

	for (unsigned i = first; i < first + count && expected == HV_OK; i++) {
		expected = is_same(shadow[i], from) ? HV_OK : HV_EPERM;
	}
	for (unsigned i = first; i < first + count && expected == HV_OK; i++) {
		shadow[i] = to;
	}
	assert_int_equal(pages_change(PA(BASE + first * PAGE_BYTES), count * PAGE_BYTES, from, to),
			 expected);
	return expected;
}

/* Brings a range of a fresh bank to `target`, along the edges. */
static void bring(unsigned first, unsigned count, struct page_owner target)
{
	const struct page_owner dirty = {PAGE_DIRTY, target.vm};
	const struct page_owner loading = {PAGE_LOADING, target.vm};
	const struct page_owner dirty0 = {PAGE_DIRTY, 0};

	if (target.state == PAGE_NONE) {
		pages_reserve(PA(BASE + first * PAGE_BYTES), count * PAGE_BYTES);
		for (unsigned i = first; i < first + count; i++) {
			shadow[i] = target;
		}
	} else if (target.state == PAGE_FREE) {
		assert_int_equal(change(first, count, owners[1], dirty0), HV_OK);
		assert_int_equal(change(first, count, dirty0, target), HV_OK);
	} else if (target.vm == PAGE_NOBODY) {
		if (target.state != PAGE_DIRTY) {
			assert_int_equal(change(first, count, owners[1], target), HV_OK);
		}
	} else {
		assert_int_equal(change(first, count, owners[1], dirty), HV_OK);
		if (target.state != PAGE_DIRTY) {
			assert_int_equal(change(first, count, dirty, loading), HV_OK);
		}
		if (target.state == PAGE_VM) {
			assert_int_equal(change(first, count, loading, target), HV_OK);
		}
	}
}

static void every_change_of_every_owner(void **state)
{
	/* A page in a partial block, a page, a block, a block and a page, over a whole block from
	 * both sides, all. */
	static const struct {
		unsigned first, count;
	} ranges[] = {{3, 1}, {500, 1}, {24, 512}, {24, 513}, {30, 1100}, {0, COUNT}};
	unsigned allowed = 0;

	(void)state;
	for (size_t r = 0; r < ARRAY_COUNT(ranges); r++) {
		for (size_t actual = 0; actual < ARRAY_COUNT(owners); actual++) {
			for (size_t c = 0; c < ARRAY_COUNT(owners) * ARRAY_COUNT(owners); c++) {
				start();
				bring(ranges[r].first, ranges[r].count, owners[actual]);
				const enum hv_err err = change(ranges[r].first, ranges[r].count,
							       owners[c / ARRAY_COUNT(owners)],
							       owners[c % ARRAY_COUNT(owners)]);
				allowed += err == HV_OK ? 1 : 0;
				if (err == HV_OK || c % 29 == 0) {
					assert_as_shadow();
				}
			}
		}
	}
	/* 9 edges with one VM on a side or on both, for each of 2 VMs, and 6 without. */
	assert_int_equal(allowed, ARRAY_COUNT(ranges) * (7 * VMS + 6));
}

/* --- random sequences --- */

static bool is_claimable(unsigned block_first, struct page_owner *as)
{
	if (block_first + 512 > COUNT) {
		return false;
	}
	*as = shadow[block_first];
	for (unsigned i = block_first; i < block_first + 512; i++) {
		if (!is_same(shadow[i], *as)) {
			return false;
		}
	}
	return is_same(*as, owners[1]) || is_same(*as, owners[2]);
}

static void random_claim(void)
{
	struct page_extent extents[PAGES_EXTENT_MAX];
	unsigned extent_count, claimable = 0;
	const unsigned vm = (unsigned)random_below(VMS);
	const unsigned blocks = 1 + (unsigned)random_below(3);
	struct page_owner as;
	uint64_t got = 0;

	for (unsigned first = 24; first < COUNT; first += 512) {
		claimable += is_claimable(first, &as) ? 1 : 0;
	}
	const enum hv_err err =
		pages_claim_blocks(blocks * BLOCK_2M_BYTES, vm, extents, &extent_count);
	assert_int_equal(err, blocks <= claimable ? HV_OK : HV_ENOMEM);
	for (unsigned e = 0; err == HV_OK && e < extent_count; e++) {
		assert_true(is_aligned(extents[e].base.v | extents[e].bytes, BLOCK_2M_BYTES));
		got += extents[e].bytes;
		for (uint64_t at = 0; at < extents[e].bytes; at += BLOCK_2M_BYTES) {
			const unsigned first =
				(unsigned)((extents[e].base.v + at - BASE) / PAGE_BYTES);
			assert_true(is_claimable(first, &as));
			const enum page_state to =
				as.state == PAGE_FREE ? PAGE_LOADING : PAGE_DIRTY;
			for (unsigned i = first; i < first + 512; i++) {
				shadow[i] = (struct page_owner){to, (uint8_t)vm};
			}
		}
	}
	assert_true(err != HV_OK || got == blocks * BLOCK_2M_BYTES);
}

static void random_take(void)
{
	static const enum page_state states[] = {PAGE_CORE, PAGE_SERVICE, PAGE_DMA};
	const unsigned count = 1 + (unsigned)random_below(random_below(4) == 0 ? 600 : 6);
	const unsigned align = 1u << random_below(5);
	const struct page_owner to = {states[random_below(3)], PAGE_NOBODY};
	unsigned expected = COUNT;
	pa_t base;

	/* The highest fit, by trying every page from the top. */
	for (unsigned first = COUNT - count + 1; first-- > 0 && expected == COUNT;) {
		unsigned run = 0;
		while ((FIRST + first) % align == 0 && run < count &&
		       (is_same(shadow[first + run], owners[1]) ||
			is_same(shadow[first + run], owners[2]))) {
			run++;
		}
		expected = run == count ? first : expected;
	}
	const enum hv_err err = pages_take(count * PAGE_BYTES, align * PAGE_BYTES, to.state, &base);
	assert_int_equal(err, expected == COUNT ? HV_ENOMEM : HV_OK);
	if (err == HV_OK) {
		assert_int_equal(base.v, BASE + expected * PAGE_BYTES);
		for (unsigned i = expected; i < expected + count; i++) {
			shadow[i] = to;
		}
	}
}

static void random_change(void)
{
	static const unsigned borders[] = {0, 24, 24 + 512, 24 + 1024, 24 + 1536, COUNT};
	unsigned first = (unsigned)random_below(COUNT);
	unsigned count = 1 + (unsigned)random_below(COUNT - first);

	if (random_below(2) == 0) { /* whole blocks meet */
		const unsigned border = (unsigned)random_below(5);
		first = borders[border];
		count = borders[border + 1 + random_below(5 - border)] - first;
	}
	/* Mostly from what is there, else hardly anything would succeed. */
	const struct page_owner from =
		random_below(8) == 0 ? owners[random_below(ARRAY_COUNT(owners))] : shadow[first];
	(void)change(first, count, from, owners[random_below(ARRAY_COUNT(owners))]);
}

static void random_sequences(void **state)
{
	const uint64_t steps = random_init("model_pages", 100000);
	uint64_t kinds[2] = {0};

	(void)state;
	for (uint64_t step = 0; step < steps; step++) {
		if (step % 100 == 0) { /* CORE, SERVICE and DMA have no way back */
			start();
		}
		const uint64_t kind = random_below(20);
		if (kind == 0) {
			random_take();
		} else if (kind == 1) {
			random_claim();
		} else {
			random_change();
		}
		if (step % 10 == 9) {
			assert_as_shadow();
		}
		const unsigned first = (unsigned)random_below(COUNT);
		unsigned last = first;
		while (last < COUNT && is_same(shadow[last], shadow[first])) {
			last++;
		}
		assert_true(pages_are(PA(BASE + first * PAGE_BYTES), (last - first) * PAGE_BYTES,
				      shadow[first]));
		const bool is_more = last < COUNT;
		assert_false(is_more && pages_are(PA(BASE + first * PAGE_BYTES),
						  (last - first + 1) * PAGE_BYTES, shadow[first]));
		kinds[is_more ? 1 : 0]++;
	}
	assert_true(steps < 1000 || (kinds[0] != 0 && kinds[1] != 0));
	for (size_t o = 0; o < ARRAY_COUNT(owners); o++) {
		uint64_t count = 0;
		for (unsigned i = 0; i < COUNT; i++) {
			count += is_same(shadow[i], owners[o]) ? 1 : 0;
		}
		assert_int_equal(pages_count(owners[o]), count);
	}
	uint64_t tally[PAGES_STATE_COUNT], counts[PAGES_STATE_COUNT] = {0};
	pages_tally(tally);
	for (unsigned i = 0; i < COUNT; i++) {
		counts[shadow[i].state]++;
	}
	assert_memory_equal(tally, counts, sizeof(tally));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_change_of_every_owner),
		cmocka_unit_test(random_sequences),
	};

	fake_reset();
	return cmocka_run_group_tests_name("model_pages", tests, NULL, NULL);
}
