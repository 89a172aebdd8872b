/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing, at most half full; what is taken out is closed by moving back who probed
 * over it. */
#include "fleet/index.h"

#include <stdlib.h>
#include <sys/random.h>

bool index_make(struct index *index)
{
	*index = (struct index){.room = 0};
	return getrandom(&index->secret, sizeof(index->secret), 0) == sizeof(index->secret);
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

uint64_t index_mix(const struct index *index, uint64_t key)
{
	return mix(key ^ index->secret);
}

static size_t place_of(const struct index *index, uint64_t key)
{
	return (size_t)index_mix(index, key) & (index->room - 1);
}

static size_t probe(const struct index *index, uint64_t key)
{
	size_t at = place_of(index, key);

	while (index->slots[at].key != 0 && index->slots[at].key != key) {
		at = (at + 1) & (index->room - 1);
	}
	return at;
}

void *index_find(const struct index *index, uint64_t key)
{
	return key == 0 || index->room == 0 ? NULL : index->slots[probe(index, key)].value;
}

static bool grow(struct index *index)
{
	struct index larger = {.room = index->room == 0 ? 64 : 2 * index->room, .secret = index->secret};

	larger.slots = calloc(larger.room, sizeof(*larger.slots));
	if (larger.slots == NULL) {
		return false;
	}
	for (size_t i = 0; i < index->room; i++) {
		if (index->slots[i].key != 0) {
			larger.slots[probe(&larger, index->slots[i].key)] = index->slots[i];
			larger.count++;
		}
	}
	free(index->slots);
	*index = larger;
	return true;
}

bool index_put(struct index *index, uint64_t key, void *value)
{
	if (key == 0) {
		return true;
	}
	if (2 * (index->count + 1) > index->room && !grow(index)) {
		return false;
	}
	struct index_slot *slot = &index->slots[probe(index, key)];

	index->count += slot->key == 0;
	*slot = (struct index_slot){.key = key, .value = value};
	return true;
}

void index_drop(struct index *index, uint64_t key, const void *value)
{
	if (key == 0 || index->room == 0) {
		return;
	}
	const size_t mask = index->room - 1;
	size_t hole = probe(index, key);

	if (index->slots[hole].key == 0 || index->slots[hole].value != value) {
		return;
	}
	index->count--;
	for (size_t at = (hole + 1) & mask; index->slots[at].key != 0; at = (at + 1) & mask) {
		const size_t home = place_of(index, index->slots[at].key);

		/* It may move into the hole unless its home lies behind the hole. */
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			index->slots[hole] = index->slots[at];
			hole = at;
		}
	}
	index->slots[hole] = (struct index_slot){.key = 0};
}

void index_free(struct index *index)
{
	free(index->slots);
	index->slots = NULL;
	index->room = index->count = 0;
}

uint64_t index_of_mac(const uint8_t mac[6])
{
	uint64_t key = 0;

	for (unsigned i = 0; i < 6; i++) {
		key = key << 8 | mac[i];
	}
	return key;
}

uint64_t index_of_text(const struct index *index, const char *text)
{
	uint64_t hash = index->secret;

	if (text[0] == '\0') {
		return 0;
	}
	for (const char *c = text; *c != '\0'; c++) {
		hash = mix(hash ^ (uint8_t)*c) + UINT64_C(0x9e3779b97f4a7c15);
	}
	return hash | 1;
}
