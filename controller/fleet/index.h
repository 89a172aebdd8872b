/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A hash table of 64-bit keys to pointers, not owned. The key 0 is none: it is never found, and adding it does
 * nothing. Places are mixed with a secret of the table's own, since nodes choose most keys.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_slot {
	uint64_t key; /* 0: free */
	void *value;
};

struct index {
	struct index_slot *slots;
	size_t room; /* a power of two, or 0 */
	size_t count;
	uint64_t secret;
};

/* Draws its secret: before anything else. False: the system has no random numbers. */
bool index_make(struct index *index);
void *index_find(const struct index *index, uint64_t key);
/* Takes the place of what the key had. False: no memory, nothing has changed. */
bool index_put(struct index *index, uint64_t key, void *value);
/* Only if the key has that value. */
void index_drop(struct index *index, uint64_t key, const void *value);
void index_free(struct index *index);
/* The key mixed with the table's secret: evenly spread, and not to be foreseen. */
uint64_t index_mix(const struct index *index, uint64_t key);
uint64_t index_of_mac(const uint8_t mac[6]);
/* Of the table's secret and the text; "" is 0. Two texts may share one: compare what is found. */
uint64_t index_of_text(const struct index *index, const char *text);
