/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The order of a bounded number of places: found by hash, and the one that was not touched for longest is taken when
 * there is none left. The things themselves are the caller's, in an array by place.
 */
#include <stdbool.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

struct table_link {
	uint32_t hash, next; /* of the same chain */
	uint32_t newer, older;
};

struct table {
	uint32_t most, used;
	uint32_t newest, oldest;
	uint32_t *heads; /* most of them, a power of two */
	struct table_link *links;
};

/* `most` is a power of two. False: no memory. */
bool table_make(struct table *table, uint32_t most);
void table_free(struct table *table);
/* The first place of that hash; then the next one of it; TABLE_NONE: there is no more. */
uint32_t table_first(const struct table *table, uint32_t hash);
uint32_t table_next(const struct table *table, uint32_t place);
/* A place for a new thing of that hash, which is now the newest; what was there is gone. */
uint32_t table_take(struct table *table, uint32_t hash);
void table_touch(struct table *table, uint32_t place);
/* From the newest to the oldest. */
uint32_t table_older(const struct table *table, uint32_t place);

/* Mixes the bits of a key (splitmix64's end), so that clients who choose theirs do not choose their place lightly. */
uint32_t table_hash(uint64_t key);
