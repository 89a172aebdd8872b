/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One bank of RAM as core/pages.c keeps it: what stands in its tables, not what it means. Private
 * to core/pages.c.
 *
 * One byte a block of 2 MiB says who owns all of it, and only where that byte is MIXED does one
 * byte a page count. Memory of VMs moves in blocks, so a claim or a hand-over of 1 GiB is 512 bytes
 * of work, and the tables of a fresh bank are filled as fast.
 *
 * Invariants: (1) where the block's byte is not MIXED, the page bytes under it mean nothing; (2)
 * blocks are counted from address 0, so the first and the last block of a bank may lie partly
 * outside of it: "all of a block" means what lies in the bank.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"

#define BANK_BLOCK_PAGES (BLOCK_2M_BYTES / PAGE_BYTES)
#define BANK_MIXED 0u /* NONE that belongs to VM 0: no owner's byte */

struct bank {
	uint64_t first, end; /* page numbers: physical address >> PAGE_SHIFT */
	uint64_t first_block; /* block number: page number / BANK_BLOCK_PAGES */
	uint64_t block_count; /* partial ones included */
	uint8_t *pages, *blocks; /* page `first` and block `first_block` first */
};

/* Pages [first, end), each `byte`; `table` has PAGES_TABLE_BYTES. */
void bank_init(struct bank *bank, uint64_t first, uint64_t end, uint8_t *table, uint8_t byte);
/* All of pages [page, end), which lie in the bank: are they `byte`; make them so. */
bool bank_is(const struct bank *bank, uint64_t page, uint64_t end, uint8_t byte);
void bank_set(struct bank *bank, uint64_t page, uint64_t end, uint8_t byte);
uint8_t bank_byte(const struct bank *bank, uint64_t page);
/* How many of pages [page, end) are `byte`. */
uint64_t bank_tally(const struct bank *bank, uint64_t page, uint64_t end, uint8_t byte);
/* What all pages of the index-th block are, if it lies in the bank in whole; else BANK_MIXED. */
uint8_t bank_block(const struct bank *bank, uint64_t index);
/* How many of the blocks from the index-th on, at most `limit`, have the byte `byte` (not
 * BANK_MIXED) without a gap. */
uint64_t bank_block_run(const struct bank *bank, uint64_t index, uint64_t limit, uint8_t byte);
