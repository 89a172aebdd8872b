/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who owns each 4 KiB page of RAM. Every map and unmap goes through this table.
 *
 *          claim                 scrubbed              handed over
 *   DIRTY(nobody) --> DIRTY(vm) ----------> LOADING(vm) ----------> VM(vm)
 *                        ^                   ^    |                   |
 *                        |        claim      |    | unmapped and      | unmapped and
 *                        |   FREE -----------'    | invalidated       | invalidated
 *                        |    ^                   v                   v
 *                        |    '---- scrubbed -- DIRTY(vm) <-----------'
 *
 * FREE pages hold zeroes; DIRTY ones hold anything. CORE, SERVICE and DMA pages are taken from
 * DIRTY(nobody) or FREE, for good.
 *
 * Invariants: (1) a page has one owner; (2) a VM's page becomes anybody else's only through DIRTY
 * and a scrub; (3) an operation covers its whole range or changes nothing. Locks: its own.
 *
 * Cost: a byte a block of 2 MiB and at most 512 at each end of the range: 1 GiB changes hands in
 * some thousand instructions.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"

enum page_state {
	PAGE_NONE = 0, /* not RAM, or the firmware's: never anybody's */
	PAGE_DIRTY = 1,
	PAGE_FREE = 2,
	PAGE_CORE = 3,
	PAGE_SERVICE = 4,
	PAGE_DMA = 5,
	PAGE_LOADING = 6,
	PAGE_VM = 7,
};

#define PAGE_NOBODY 31u /* VM numbers are 0..30 */
#define PAGES_BANK_MAX 8u
#define PAGES_EXTENT_MAX 16u

struct page_owner {
	enum page_state state;
	uint8_t vm; /* PAGE_NOBODY unless the state has one */
};

struct page_extent {
	pa_t base;
	uint64_t bytes; /* multiple of 2 MiB */
};

/* Bytes of table that a bank of `bytes` needs: one a page, one a block of 2 MiB that it touches. */
#define PAGES_TABLE_BYTES(bytes) (((bytes) >> PAGE_SHIFT) + ((bytes) >> 21) + 2)

/* Forgets all banks (start of day, tests). */
void pages_init(void);
/* A bank of RAM, page aligned, not overlapping another, every page DIRTY(nobody). `table` has
 * PAGES_TABLE_BYTES(bytes) of any content and stays this module's for good. Start of day only.
 * HV_EINVAL, HV_ENOMEM (too many banks). */
enum hv_err pages_add_bank(pa_t base, uint64_t bytes, uint8_t *table) MUST_CHECK;
/* Pages touched by [base, base + bytes) become NONE; parts that are no RAM are passed over. Start
 * of day only. */
void pages_reserve(pa_t base, uint64_t bytes);
/* All pages of the range from one owner to another; HV_EPERM if any page is not `from`, HV_EINVAL
 * if the range is not page aligned, is empty or is not within one bank, or an owner is none that a
 * page can have; HV_ESTATE if the diagram above has no such edge. */
enum hv_err pages_change(pa_t base, uint64_t bytes, struct page_owner from,
			 struct page_owner to) MUST_CHECK;
struct page_owner pages_owner(pa_t page);
/* True if every page of the range is that owner's. */
bool pages_are(pa_t base, uint64_t bytes, struct page_owner owner);
/* Claims `bytes` (multiple of 2 MiB) of blocks, 2 MiB aligned, that are all DIRTY(nobody) or all
 * FREE, for `vm`: DIRTY -> DIRTY(vm), FREE -> LOADING(vm); a 1 GiB aligned run for each whole GiB
 * where there is one, then the first run that holds the rest, or the longest ones. An extent may
 * hold blocks of both states. HV_EINVAL; HV_ENOMEM changes nothing. */
enum hv_err pages_claim_blocks(uint64_t bytes, unsigned vm,
			       struct page_extent extents[PAGES_EXTENT_MAX],
			       unsigned *extent_count) MUST_CHECK;
/* Finds and takes `bytes` (multiple of 4 KiB) of DIRTY(nobody) or FREE pages for CORE, SERVICE or
 * DMA, highest address first, aligned to `align` (a power of two, 4 KiB or more). They are not
 * scrubbed. HV_EINVAL, HV_ENOMEM. */
enum hv_err pages_take(uint64_t bytes, uint64_t align, enum page_state state,
		       pa_t *base) MUST_CHECK;
uint64_t pages_count(struct page_owner owner); /* pages, by a walk: not for hot paths */
#define PAGES_STATE_COUNT 8u
void pages_tally(uint64_t counts[PAGES_STATE_COUNT]); /* pages of all banks by enum page_state; kept up to date */
uint64_t pages_ram_bytes(void);

/* The pool of CORE pages that page tables are made of: zeroed when given out. base and bytes are
 * multiples of 8 KiB. */
#define PAGES_POOL_MAX_BYTES (UINT64_C(16) << 20)
void pages_pool_init(pa_t base, uint64_t bytes);
/* 1 page, or 2 that are adjacent and aligned to 8 KiB. HV_ENOMEM. */
enum hv_err pages_pool_alloc(unsigned contiguous_count, pa_t *base) MUST_CHECK;
/* Any number that stand one behind the other: start of day, while the pool is in few pieces. HV_ENOMEM. */
enum hv_err pages_pool_alloc_run(uint64_t count, pa_t *base) MUST_CHECK;
/* No walker reaches it any more. */
void pages_pool_free(pa_t base, unsigned contiguous_count);
uint64_t pages_pool_free_count(void); /* pages */
