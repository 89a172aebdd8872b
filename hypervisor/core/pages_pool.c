/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of the core's own pages that translation tables are made of: a bitmap, one bit a page,
 * set while the page is out. It is filled once at boot and never grows, so what VMs cost is known.
 *
 * Giving back a page that is not out, or not the pool's, is a broken invariant of the core: two
 * owners of one table page would be the end of isolation.
 */
#include "core/check.h"
#include "core/hal.h"
#include "core/pages.h"
#include "core/spinlock.h"
#include "lib/string.h"

enum { WORD_BITS = 64, POISON = 0xa5 };

static struct {
	struct spinlock lock;
	uint64_t first; /* page number: physical address >> PAGE_SHIFT */
	uint64_t count;
	uint64_t free_count;
	uint64_t hint; /* word of the bitmap where the last page was found */
	uint64_t taken[PAGES_POOL_MAX_BYTES / PAGE_BYTES / WORD_BITS];
} pool;

void pages_pool_init(pa_t base, uint64_t bytes)
{
	CHECK(is_aligned(base.v | bytes, 2 * PAGE_BYTES) && bytes <= PAGES_POOL_MAX_BYTES);
	memset(&pool, 0, sizeof(pool));
	pool.first = base.v >> PAGE_SHIFT;
	pool.count = bytes >> PAGE_SHIFT;
	pool.free_count = pool.count;
}

/* The lowest bit of the word where `contiguous_count` pages start that are free and in the pool;
 * WORD_BITS if none. */
static unsigned find_in_word(uint64_t word, unsigned contiguous_count)
{
	uint64_t usable = ~pool.taken[word];

	if ((word + 1) * WORD_BITS > pool.count) {
		usable &= ~(~UINT64_C(0) << (pool.count % WORD_BITS));
	}
	if (contiguous_count == 2) {
		usable &= (usable >> 1) & UINT64_C(0x5555555555555555);
	}
	return usable == 0 ? WORD_BITS : (unsigned)__builtin_ctzll(usable);
}

static uint64_t bits_of(uint64_t index, unsigned contiguous_count)
{
	return ((UINT64_C(1) << contiguous_count) - 1) << (index % WORD_BITS);
}

enum hv_err pages_pool_alloc(unsigned contiguous_count, pa_t *base)
{
	const uint64_t word_count = (pool.count + WORD_BITS - 1) / WORD_BITS;
	uint64_t index = UINT64_MAX;

	CHECK(contiguous_count == 1 || contiguous_count == 2);
	spin_lock(&pool.lock);
	for (uint64_t i = 0; i < word_count; i++) {
		const uint64_t word = (pool.hint + i) % word_count;
		const unsigned bit = find_in_word(word, contiguous_count);
		if (bit != WORD_BITS) {
			index = word * WORD_BITS + bit;
			pool.taken[word] |= bits_of(index, contiguous_count);
			pool.free_count -= contiguous_count;
			pool.hint = word;
			break;
		}
	}
	spin_unlock(&pool.lock);
	if (index == UINT64_MAX) {
		return HV_ENOMEM;
	}
	*base = PA((pool.first + index) << PAGE_SHIFT);
	for (unsigned i = 0; i < contiguous_count; i++) {
		memset(hal_core_page(pa_add(*base, i * PAGE_BYTES)), 0, PAGE_BYTES);
	}
	return HV_OK;
}

static bool is_taken(uint64_t index)
{
	return (pool.taken[index / WORD_BITS] >> (index % WORD_BITS) & 1) != 0;
}

/* The first of the lowest `count` free pages in a row, or UINT64_MAX. */
static uint64_t find_run(uint64_t count)
{
	uint64_t length = 0;
	for (uint64_t index = 0; index < pool.count; index++) {
		length = is_taken(index) ? 0 : length + 1;
		if (length == count) {
			return index + 1 - count;
		}
	}
	return UINT64_MAX;
}

enum hv_err pages_pool_alloc_run(uint64_t count, pa_t *base)
{
	CHECK(count != 0);
	spin_lock(&pool.lock);
	const uint64_t first = find_run(count);
	for (uint64_t i = 0; first != UINT64_MAX && i < count; i++) {
		pool.taken[(first + i) / WORD_BITS] |= bits_of(first + i, 1);
		pool.free_count--;
	}
	spin_unlock(&pool.lock);
	if (first == UINT64_MAX) {
		return HV_ENOMEM;
	}
	*base = PA((pool.first + first) << PAGE_SHIFT);
	for (uint64_t i = 0; i < count; i++) {
		memset(hal_core_page(pa_add(*base, i * PAGE_BYTES)), 0, PAGE_BYTES);
	}
	return HV_OK;
}

/* In debug and tests: what a walker that still reaches the page would find is a valid descriptor to
 * nowhere. */
static __attribute__((unused)) bool poison(pa_t base, unsigned contiguous_count)
{
	for (unsigned i = 0; i < contiguous_count; i++) {
		memset(hal_core_page(pa_add(base, i * PAGE_BYTES)), POISON, PAGE_BYTES);
	}
	return true;
}

void pages_pool_free(pa_t base, unsigned contiguous_count)
{
	const uint64_t index = (base.v >> PAGE_SHIFT) - pool.first;

	CHECK(contiguous_count == 1 || contiguous_count == 2);
	CHECK(is_aligned(base.v, contiguous_count * PAGE_BYTES) &&
	      range_ok(index, contiguous_count, pool.count));
	ASSERT(poison(base, contiguous_count));
	spin_lock(&pool.lock);
	const uint64_t bits = bits_of(index, contiguous_count);
	CHECK((pool.taken[index / WORD_BITS] & bits) == bits);
	pool.taken[index / WORD_BITS] &= ~bits;
	pool.free_count += contiguous_count;
	spin_unlock(&pool.lock);
}

uint64_t pages_pool_free_count(void)
{
	spin_lock(&pool.lock);
	const uint64_t count = pool.free_count;
	spin_unlock(&pool.lock);
	return count;
}
