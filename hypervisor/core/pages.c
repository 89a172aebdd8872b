/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The owner of every page of RAM: which changes of hands there are, and who gets what memory. How a
 * bank keeps its owners is core/pages_bank.h's; a page's byte there is `state | vm << 3`.
 *
 * Invariants: banks stand in ascending order, do not overlap, and do not change after start of day,
 * so only their content is under the lock.
 *
 * Callers are the core itself: addresses and owners reach here checked against what a VM has, and
 * everything is checked again, because this table is what isolation rests on.
 */
#include "core/pages.h"

#include "core/check.h"
#include "core/pages_bank.h"
#include "core/spinlock.h"
#include "lib/string.h"

enum { GIB_BLOCKS = 512 };

static struct {
	struct spinlock lock;
	unsigned bank_count;
	struct bank banks[PAGES_BANK_MAX];
	uint64_t counts[PAGES_STATE_COUNT]; /* pages of all banks, by state */
} ram;

/* --- owners --- */

static uint8_t encode(struct page_owner owner)
{
	return (uint8_t)(owner.state | (unsigned)owner.vm << 3);
}

static struct page_owner decode(uint8_t byte)
{
	return (struct page_owner){.state = (enum page_state)(byte & 7), .vm = byte >> 3};
}

static bool is_owner_valid(struct page_owner owner)
{
	if (owner.vm > PAGE_NOBODY || owner.state > PAGE_VM) {
		return false;
	}
	switch (owner.state) {
	case PAGE_DIRTY:
		return true;
	case PAGE_LOADING:
	case PAGE_VM:
		return owner.vm != PAGE_NOBODY;
	default:
		return owner.vm == PAGE_NOBODY;
	}
}

/* The edges of the diagram in core/pages.h. */
static bool is_edge(struct page_owner from, struct page_owner to)
{
	const bool is_nobodys = from.vm == PAGE_NOBODY;

	switch (to.state) {
	case PAGE_DIRTY:
		if (from.state == PAGE_DIRTY) {
			return is_nobodys && to.vm != PAGE_NOBODY;
		}
		return (from.state == PAGE_LOADING || from.state == PAGE_VM) && to.vm == from.vm;
	case PAGE_FREE:
		return from.state == PAGE_DIRTY && !is_nobodys;
	case PAGE_LOADING:
		return from.state == PAGE_FREE || (from.state == PAGE_DIRTY && to.vm == from.vm);
	case PAGE_VM:
		return from.state == PAGE_LOADING && to.vm == from.vm;
	case PAGE_CORE:
	case PAGE_SERVICE:
	case PAGE_DMA:
		return from.state == PAGE_FREE || (from.state == PAGE_DIRTY && is_nobodys);
	case PAGE_NONE:
		break;
	}
	return false;
}

/* `count` pages go from one state to another. With the lock held, or at start of day. */
static void recount(enum page_state from, enum page_state to, uint64_t count)
{
	ram.counts[from] -= count;
	ram.counts[to] += count;
}

static const struct page_owner nobodys_dirty = {PAGE_DIRTY, PAGE_NOBODY};
static const struct page_owner free_page = {PAGE_FREE, PAGE_NOBODY};

/* The bank that holds the whole range, or NULL. */
static struct bank *bank_of(uint64_t page, uint64_t count)
{
	for (unsigned i = 0; i < ram.bank_count; i++) {
		struct bank *bank = &ram.banks[i];
		if (page >= bank->first &&
		    range_ok(page - bank->first, count, bank->end - bank->first)) {
			return bank;
		}
	}
	return NULL;
}

static bool is_range_valid(pa_t base, uint64_t bytes)
{
	return bytes != 0 && is_aligned(base.v | bytes, PAGE_BYTES);
}

/* --- the table --- */

void pages_init(void)
{
	memset(&ram, 0, sizeof(ram));
}

enum hv_err pages_add_bank(pa_t base, uint64_t bytes, uint8_t *table)
{
	const uint64_t first = base.v >> PAGE_SHIFT;
	const uint64_t end = first + (bytes >> PAGE_SHIFT);
	unsigned at = 0;

	if (!is_range_valid(base, bytes) || !range_ok(base.v, bytes, UINT64_MAX)) {
		return HV_EINVAL;
	}
	if (ram.bank_count == PAGES_BANK_MAX) {
		return HV_ENOMEM;
	}
	while (at < ram.bank_count && ram.banks[at].end <= first) {
		at++;
	}
	if (at < ram.bank_count && ram.banks[at].first < end) {
		return HV_EINVAL;
	}
	for (unsigned i = ram.bank_count++; i > at; i--) {
		ram.banks[i] = ram.banks[i - 1];
	}
	bank_init(&ram.banks[at], first, end, table, encode(nobodys_dirty));
	ram.counts[PAGE_DIRTY] += end - first;
	return HV_OK;
}

void pages_reserve(pa_t base, uint64_t bytes)
{
	const uint64_t last = bytes <= UINT64_MAX - base.v ? base.v + bytes : UINT64_MAX;
	const uint64_t first = base.v >> PAGE_SHIFT;
	/* Not align_up(): its sum would wrap at the top of the address space. */
	const uint64_t end = (last >> PAGE_SHIFT) + (is_aligned(last, PAGE_BYTES) ? 0 : 1);

	if (bytes == 0) {
		return;
	}
	for (unsigned i = 0; i < ram.bank_count; i++) {
		struct bank *bank = &ram.banks[i];
		const uint64_t from = first > bank->first ? first : bank->first;
		const uint64_t to = end < bank->end ? end : bank->end;
		if (from < to) {
			/* It is start of day: all that is not NONE is nobody's. */
			recount(PAGE_DIRTY, PAGE_NONE, bank_tally(bank, from, to, encode(nobodys_dirty)));
			bank_set(bank, from, to, encode((struct page_owner){PAGE_NONE, PAGE_NOBODY}));
		}
	}
}

enum hv_err pages_change(pa_t base, uint64_t bytes, struct page_owner from, struct page_owner to)
{
	const uint64_t first = base.v >> PAGE_SHIFT;
	const uint64_t count = bytes >> PAGE_SHIFT;
	enum hv_err err = HV_EPERM;

	if (!is_range_valid(base, bytes) || !is_owner_valid(from) || !is_owner_valid(to)) {
		return HV_EINVAL;
	}
	struct bank *bank = bank_of(first, count);
	if (bank == NULL) {
		return HV_EINVAL;
	}
	if (!is_edge(from, to)) {
		return HV_ESTATE;
	}
	spin_lock(&ram.lock);
	if (bank_is(bank, first, first + count, encode(from))) {
		bank_set(bank, first, first + count, encode(to));
		recount(from.state, to.state, count);
		err = HV_OK;
	}
	spin_unlock(&ram.lock);
	return err;
}

struct page_owner pages_owner(pa_t page)
{
	const uint64_t number = page.v >> PAGE_SHIFT;
	const struct bank *bank = bank_of(number, 1);

	if (bank == NULL) {
		return (struct page_owner){PAGE_NONE, PAGE_NOBODY};
	}
	spin_lock(&ram.lock);
	const uint8_t byte = bank_byte(bank, number);
	spin_unlock(&ram.lock);
	return decode(byte);
}

bool pages_are(pa_t base, uint64_t bytes, struct page_owner owner)
{
	const uint64_t first = base.v >> PAGE_SHIFT;
	const uint64_t count = bytes >> PAGE_SHIFT;
	const struct bank *bank = bank_of(first, count);

	if (!is_range_valid(base, bytes) || !is_owner_valid(owner) || bank == NULL) {
		return false;
	}
	spin_lock(&ram.lock);
	const bool is_all = bank_is(bank, first, first + count, encode(owner));
	spin_unlock(&ram.lock);
	return is_all;
}

/* Nobody's page: a claim or a taking may have it. */
static bool can_take(uint8_t byte)
{
	return byte == encode(nobodys_dirty) || byte == encode(free_page);
}

/* --- claims: whole blocks for a VM --- */

/* DIRTY(nobody) or FREE if block `i` is whole and all of that, else BANK_MIXED. */
static uint8_t claimable(const struct bank *bank, uint64_t i)
{
	const uint8_t byte = bank_block(bank, i);

	return can_take(byte) ? byte : BANK_MIXED;
}

/* How many blocks from block `i` on can be claimed, at most `limit`. */
static uint64_t claimable_run(const struct bank *bank, uint64_t i, uint64_t limit)
{
	const uint64_t left = bank->block_count - i;
	const uint64_t start = i;
	const uint64_t end = i + (left < limit ? left : limit);

	while (i < end) {
		const uint8_t byte = claimable(bank, i);
		if (byte == BANK_MIXED) {
			break;
		}
		/* The last block may be partial: it is looked at on its own. */
		const uint64_t run = bank_block_run(bank, i, end - 1 - i, byte);
		i += run != 0 ? run : 1;
	}
	return i - start;
}

/* How many blocks to pass over from block `i` on, which cannot be claimed. A partial block may
 * carry the byte of the whole ones behind it. */
static uint64_t unclaimable_run(const struct bank *bank, uint64_t i)
{
	const uint8_t byte = bank->blocks[i];

	return byte == BANK_MIXED || can_take(byte) ? 1 : bank_block_run(bank, i, UINT64_MAX, byte);
}

struct run {
	struct bank *bank;
	uint64_t block, count;
};

/* The first run of `count` blocks; if there is none, the longest one. */
static struct run find_run(uint64_t count)
{
	struct run best = {0};

	for (unsigned i = 0; i < ram.bank_count; i++) {
		struct bank *bank = &ram.banks[i];
		for (uint64_t b = 0; b < bank->block_count;) {
			const uint64_t length = claimable_run(bank, b, count);
			if (length > best.count) {
				best = (struct run){bank, b, length};
			}
			if (best.count == count) {
				return best;
			}
			b += length;
			b += b < bank->block_count ? unclaimable_run(bank, b) : 0;
		}
	}
	return best;
}

/* The first run of 1 GiB at a multiple of 1 GiB; count is 0 if there is none. */
static struct run find_gib(void)
{
	for (unsigned i = 0; i < ram.bank_count; i++) {
		struct bank *bank = &ram.banks[i];
		uint64_t b = align_up(bank->first_block, GIB_BLOCKS) - bank->first_block;
		for (; b + GIB_BLOCKS <= bank->block_count; b += GIB_BLOCKS) {
			if (claimable_run(bank, b, GIB_BLOCKS) == GIB_BLOCKS) {
				return (struct run){bank, b, GIB_BLOCKS};
			}
		}
	}
	return (struct run){0};
}

/* Gives a claimable run to `vm`. */
static void run_claim(const struct run *run, unsigned vm)
{
	const uint8_t dirty = encode((struct page_owner){PAGE_DIRTY, (uint8_t)vm});
	const uint8_t loading = encode((struct page_owner){PAGE_LOADING, (uint8_t)vm});

	for (uint64_t i = run->block, n; i < run->block + run->count; i += n) {
		const uint64_t page = (run->bank->first_block + i) * BANK_BLOCK_PAGES;
		const bool is_free = bank_byte(run->bank, page) == encode(free_page);
		n = bank_block_run(run->bank, i, run->block + run->count - i,
				   encode(is_free ? free_page : nobodys_dirty));
		n = n != 0 ? n : 1; /* a block whose pages have bytes of their own */
		memset(&run->bank->blocks[i], is_free ? loading : dirty, n);
		if (is_free) {
			recount(PAGE_FREE, PAGE_LOADING, n * BANK_BLOCK_PAGES);
		}
	}
}

/* Takes a claim back: run_claim() is undone block by block. */
static void extent_release(const struct page_extent *extent)
{
	const uint64_t first = extent->base.v >> PAGE_SHIFT;
	struct bank *bank = bank_of(first, extent->bytes >> PAGE_SHIFT);

	CHECK(bank != NULL);
	uint8_t *blocks = &bank->blocks[first / BANK_BLOCK_PAGES - bank->first_block];
	for (uint64_t i = 0; i < extent->bytes / BLOCK_2M_BYTES; i++) {
		const bool was_free = decode(blocks[i]).state == PAGE_LOADING;
		blocks[i] = encode(was_free ? free_page : nobodys_dirty);
		if (was_free) {
			recount(PAGE_LOADING, PAGE_FREE, BANK_BLOCK_PAGES);
		}
	}
}

/* Appends the run, or lengthens the last extent if it goes on there. False: no room. */
static bool extents_append(struct page_extent *extents, unsigned *count, const struct run *run)
{
	const uint64_t base = (run->bank->first_block + run->block) * BLOCK_2M_BYTES;
	const uint64_t bytes = run->count * BLOCK_2M_BYTES;

	if (*count != 0 && extents[*count - 1].base.v + extents[*count - 1].bytes == base &&
	    bank_of(extents[*count - 1].base.v >> PAGE_SHIFT, 1) == run->bank) {
		extents[*count - 1].bytes += bytes;
		return true;
	}
	if (*count == PAGES_EXTENT_MAX) {
		return false;
	}
	extents[(*count)++] = (struct page_extent){PA(base), bytes};
	return true;
}

enum hv_err pages_claim_blocks(uint64_t bytes, unsigned vm,
			       struct page_extent extents[PAGES_EXTENT_MAX], unsigned *extent_count)
{
	struct page_extent found[PAGES_EXTENT_MAX];
	uint64_t left = bytes / BLOCK_2M_BYTES;
	unsigned count = 0;
	bool is_gib_left = true;

	if (bytes == 0 || !is_aligned(bytes, BLOCK_2M_BYTES) || vm >= PAGE_NOBODY) {
		return HV_EINVAL;
	}
	spin_lock(&ram.lock);
	while (left != 0) { /* each turn claims something or ends it */
		struct run run = {0};
		if (left >= GIB_BLOCKS && is_gib_left) {
			run = find_gib();
			is_gib_left = run.count != 0;
		}
		if (run.count == 0) {
			run = find_run(left);
		}
		if (run.count == 0 || !extents_append(found, &count, &run)) {
			break;
		}
		run_claim(&run, vm);
		left -= run.count;
	}
	for (unsigned i = 0; left != 0 && i < count; i++) {
		extent_release(&found[i]);
	}
	spin_unlock(&ram.lock);
	if (left != 0) {
		return HV_ENOMEM;
	}
	memcpy(extents, found, count * sizeof(found[0]));
	*extent_count = count;
	return HV_OK;
}

/* --- pages for the core, the service and devices --- */

/* Where the search goes on downwards: the start of the highest page, or whole block, of the range
 * that cannot be taken; `end` if all can. */
static uint64_t below_blocker(const struct bank *bank, uint64_t first, uint64_t end)
{
	for (uint64_t page = end; page-- > first;) {
		const uint64_t block = page / BANK_BLOCK_PAGES;
		if (!can_take(bank_byte(bank, page))) {
			const bool is_mixed = bank->blocks[block - bank->first_block] == BANK_MIXED;
			return is_mixed ? page : block * BANK_BLOCK_PAGES;
		}
	}
	return end;
}

/* The highest run of `count` pages at a multiple of `align`, or 0: page 0 is never given out. */
static uint64_t find_pages(const struct bank *bank, uint64_t count, uint64_t align)
{
	uint64_t top = bank->end;

	while (top >= count && align_down(top - count, align) >= bank->first) {
		const uint64_t first = align_down(top - count, align);
		const uint64_t below = below_blocker(bank, first, first + count);
		if (below == first + count) {
			return first;
		}
		top = below;
	}
	return 0;
}

enum hv_err pages_take(uint64_t bytes, uint64_t align, enum page_state state, pa_t *base)
{
	const struct page_owner owner = {state, PAGE_NOBODY};
	uint64_t first = 0;

	if (bytes == 0 || !is_aligned(bytes, PAGE_BYTES) || align < PAGE_BYTES ||
	    (align & (align - 1)) != 0 ||
	    (state != PAGE_CORE && state != PAGE_SERVICE && state != PAGE_DMA)) {
		return HV_EINVAL;
	}
	spin_lock(&ram.lock);
	for (unsigned i = ram.bank_count; i > 0 && first == 0; i--) {
		struct bank *bank = &ram.banks[i - 1];
		first = find_pages(bank, bytes >> PAGE_SHIFT, align >> PAGE_SHIFT);
		if (first != 0) {
			const uint64_t end = first + (bytes >> PAGE_SHIFT);
			const uint64_t was_free = bank_tally(bank, first, end, encode(free_page));
			recount(PAGE_FREE, state, was_free);
			recount(PAGE_DIRTY, state, end - first - was_free);
			bank_set(bank, first, end, encode(owner));
		}
	}
	spin_unlock(&ram.lock);
	if (first == 0) {
		return HV_ENOMEM;
	}
	*base = PA(first << PAGE_SHIFT);
	return HV_OK;
}

/* --- totals --- */

uint64_t pages_count(struct page_owner owner)
{
	uint64_t count = 0;

	spin_lock(&ram.lock);
	for (unsigned i = 0; i < ram.bank_count; i++) {
		const struct bank *bank = &ram.banks[i];
		count += bank_tally(bank, bank->first, bank->end, encode(owner));
	}
	spin_unlock(&ram.lock);
	return count;
}

void pages_tally(uint64_t counts[PAGES_STATE_COUNT])
{
	spin_lock(&ram.lock);
	memcpy(counts, ram.counts, sizeof(ram.counts));
	spin_unlock(&ram.lock);
}

uint64_t pages_ram_bytes(void)
{
	uint64_t pages = 0;

	for (unsigned i = 0; i < ram.bank_count; i++) {
		pages += ram.banks[i].end - ram.banks[i].first;
	}
	return pages << PAGE_SHIFT;
}
