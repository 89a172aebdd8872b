/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two tables of a bank, core/pages_bank.h. A range of pages is worked on piece by piece: a
 * piece lies in one block. A piece that is a whole block is one byte; else the block's pages get
 * their own bytes first. Bytes are compared eight at a time.
 */
#include "core/pages_bank.h"

#include "core/check.h"
#include "lib/string.h"

enum { WORD_BYTES = 8 };

typedef uint64_t __attribute__((may_alias)) word_t;

/* How many of the first `count` bytes are `byte` without a gap. */
static uint64_t run_length(const uint8_t *bytes, uint64_t count, uint8_t byte)
{
	const word_t word = byte * UINT64_C(0x0101010101010101);
	uint64_t i = 0;

	while (i < count) {
		const bool is_word =
			count - i >= WORD_BYTES && is_aligned((uintptr_t)(bytes + i), WORD_BYTES);
		if (is_word && *(const word_t *)(const void *)(bytes + i) == word) {
			i += WORD_BYTES;
		} else if (bytes[i] == byte) {
			i++;
		} else {
			break;
		}
	}
	return i;
}

/* The part of a range of pages that lies in one block. */
struct piece {
	uint64_t page, count;
	uint8_t *block; /* the block's byte */
	uint64_t block_page, block_pages; /* what of the block lies in the bank */
};

static struct piece piece_at(const struct bank *bank, uint64_t page, uint64_t end)
{
	const uint64_t number = page / BANK_BLOCK_PAGES;
	const uint64_t from = number * BANK_BLOCK_PAGES;
	const uint64_t to = from + BANK_BLOCK_PAGES;
	const uint64_t block_page = from > bank->first ? from : bank->first;
	const uint64_t block_end = to < bank->end ? to : bank->end;

	ASSERT(page >= bank->first && page < end && end <= bank->end);
	return (struct piece){
		.page = page,
		.count = (end < block_end ? end : block_end) - page,
		.block = &bank->blocks[number - bank->first_block],
		.block_page = block_page,
		.block_pages = block_end - block_page,
	};
}

static uint8_t *page_bytes(const struct bank *bank, uint64_t page)
{
	return &bank->pages[page - bank->first];
}

void bank_init(struct bank *bank, uint64_t first, uint64_t end, uint8_t *table, uint8_t byte)
{
	bank->first = first;
	bank->end = end;
	bank->first_block = first / BANK_BLOCK_PAGES;
	bank->block_count = (end - 1) / BANK_BLOCK_PAGES - bank->first_block + 1;
	bank->pages = table;
	bank->blocks = table + (end - first);
	memset(bank->blocks, byte, bank->block_count);
}

static bool piece_is(const struct bank *bank, const struct piece *piece, uint8_t byte)
{
	if (*piece->block != BANK_MIXED) {
		return *piece->block == byte;
	}
	return run_length(page_bytes(bank, piece->page), piece->count, byte) == piece->count;
}

static void piece_set(const struct bank *bank, const struct piece *piece, uint8_t byte)
{
	if (piece->count == piece->block_pages) {
		*piece->block = byte;
		return;
	}
	if (*piece->block != BANK_MIXED) {
		memset(page_bytes(bank, piece->block_page), *piece->block, piece->block_pages);
		*piece->block = BANK_MIXED;
	}
	memset(page_bytes(bank, piece->page), byte, piece->count);
}

/* How many blocks of the range stand at `page` in whole. */
static uint64_t whole_blocks(uint64_t page, uint64_t end)
{
	return is_aligned(page, BANK_BLOCK_PAGES) ? (end - page) / BANK_BLOCK_PAGES : 0;
}

bool bank_is(const struct bank *bank, uint64_t page, uint64_t end, uint8_t byte)
{
	while (page < end) {
		const uint8_t *block = &bank->blocks[page / BANK_BLOCK_PAGES - bank->first_block];
		const uint64_t run = run_length(block, whole_blocks(page, end), byte);
		page += run * BANK_BLOCK_PAGES;
		if (run == 0) {
			const struct piece piece = piece_at(bank, page, end);
			if (!piece_is(bank, &piece, byte)) {
				return false;
			}
			page += piece.count;
		}
	}
	return true;
}

void bank_set(struct bank *bank, uint64_t page, uint64_t end, uint8_t byte)
{
	while (page < end) {
		const uint64_t run = whole_blocks(page, end);
		memset(&bank->blocks[page / BANK_BLOCK_PAGES - bank->first_block], byte, run);
		page += run * BANK_BLOCK_PAGES;
		if (run == 0) {
			const struct piece piece = piece_at(bank, page, end);
			piece_set(bank, &piece, byte);
			page += piece.count;
		}
	}
}

uint8_t bank_byte(const struct bank *bank, uint64_t page)
{
	const uint8_t block = bank->blocks[page / BANK_BLOCK_PAGES - bank->first_block];

	return block != BANK_MIXED ? block : *page_bytes(bank, page);
}

uint64_t bank_tally(const struct bank *bank, uint64_t page, uint64_t end, uint8_t byte)
{
	uint64_t count = 0;

	while (page < end) {
		const struct piece piece = piece_at(bank, page, end);
		if (*piece.block == byte) {
			count += piece.count;
		}
		for (uint64_t i = 0; *piece.block == BANK_MIXED && i < piece.count; i++) {
			count += *page_bytes(bank, page + i) == byte ? 1 : 0;
		}
		page += piece.count;
	}
	return count;
}

uint8_t bank_block(const struct bank *bank, uint64_t index)
{
	const uint64_t page = (bank->first_block + index) * BANK_BLOCK_PAGES;

	if (page < bank->first || bank->end - page < BANK_BLOCK_PAGES) {
		return BANK_MIXED;
	}
	const uint8_t byte = bank_byte(bank, page);
	return bank_is(bank, page, page + BANK_BLOCK_PAGES, byte) ? byte : BANK_MIXED;
}

uint64_t bank_block_run(const struct bank *bank, uint64_t index, uint64_t limit, uint8_t byte)
{
	const uint64_t left = bank->block_count - index;

	return run_length(&bank->blocks[index], left < limit ? left : limit, byte);
}
