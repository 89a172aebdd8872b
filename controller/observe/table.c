/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/table.h"

#include <stdlib.h>

bool table_make(struct table *table, uint32_t most)
{
	*table = (struct table){.most = most, .newest = TABLE_NONE, .oldest = TABLE_NONE};
	table->heads = malloc(most * sizeof(*table->heads));
	table->links = calloc(most, sizeof(*table->links));
	if (table->heads == NULL || table->links == NULL) {
		table_free(table);
		return false;
	}
	for (uint32_t i = 0; i < most; i++) {
		table->heads[i] = TABLE_NONE;
	}
	return true;
}

void table_free(struct table *table)
{
	free(table->heads);
	free(table->links);
	table->heads = NULL;
	table->links = NULL;
}

static uint32_t skip(const struct table *table, uint32_t place, uint32_t hash)
{
	while (place != TABLE_NONE && table->links[place].hash != hash) {
		place = table->links[place].next;
	}
	return place;
}

uint32_t table_first(const struct table *table, uint32_t hash)
{
	return skip(table, table->heads[hash & (table->most - 1)], hash);
}

uint32_t table_next(const struct table *table, uint32_t place)
{
	return skip(table, table->links[place].next, table->links[place].hash);
}

uint32_t table_older(const struct table *table, uint32_t place)
{
	return table->links[place].older;
}

static void unlink_chain(struct table *table, uint32_t place)
{
	uint32_t *at = &table->heads[table->links[place].hash & (table->most - 1)];

	while (*at != place) {
		at = &table->links[*at].next;
	}
	*at = table->links[place].next;
}

static void unlink_order(struct table *table, uint32_t place)
{
	const struct table_link *link = &table->links[place];

	*(link->newer == TABLE_NONE ? &table->newest : &table->links[link->newer].older) = link->older;
	*(link->older == TABLE_NONE ? &table->oldest : &table->links[link->older].newer) = link->newer;
}

static void link_newest(struct table *table, uint32_t place)
{
	table->links[place].newer = TABLE_NONE;
	table->links[place].older = table->newest;
	*(table->newest == TABLE_NONE ? &table->oldest : &table->links[table->newest].newer) = place;
	table->newest = place;
}

uint32_t table_take(struct table *table, uint32_t hash)
{
	uint32_t place = table->used;

	if (place < table->most) {
		table->used++;
	} else {
		place = table->oldest;
		unlink_chain(table, place);
		unlink_order(table, place);
	}
	uint32_t *head = &table->heads[hash & (table->most - 1)];

	table->links[place] = (struct table_link){.hash = hash, .next = *head};
	*head = place;
	link_newest(table, place);
	return place;
}

void table_touch(struct table *table, uint32_t place)
{
	if (table->newest != place) {
		unlink_order(table, place);
		link_newest(table, place);
	}
}

uint32_t table_hash(uint64_t key)
{
	key = (key ^ key >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	key = (key ^ key >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(key ^ key >> 31);
}
