/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's memory over its own death (core/keep.h). A record is set in one piece, within one hypercall: whoever
 * reads it sees the old one or the new one. The boot's key stays in `boot_key`: it is neither told nor copied but by
 * lib/kdf.c, which leaves nothing of it on the stack.
 */
#include "core/keep.h"

#include <assert.h>
#include <stdbool.h>

#include "core/crash.h"
#include "lib/kdf.h"
#include "lib/string.h"

static struct {
	uint64_t generation;
	uint64_t words[KEEP_WORDS];
} records[AETHER_KEEP_RECORDS];

static uint64_t boot_key[KEEP_KEY_WORDS];
static bool has_key;
static uint32_t running_instance = 1;

static_assert(sizeof(boot_key) == KDF_KEY_BYTES, "a key");

void keep_init(void)
{
	memset(records, 0, sizeof(records));
	memset(boot_key, 0, sizeof(boot_key));
	has_key = false;
	running_instance = 1;
}

enum hv_err keep_set(uint64_t record, uint64_t generation, const uint64_t words[KEEP_WORDS])
{
	if (record >= AETHER_KEEP_RECORDS || generation == 0) {
		return HV_EINVAL;
	}
	if (generation < records[record].generation) {
		return HV_ESTATE;
	}
	if (generation == records[record].generation) {
		return memcmp(records[record].words, words, AETHER_KEEP_BYTES) == 0 ? HV_OK : HV_ESTATE;
	}
	records[record].generation = generation;
	memcpy(records[record].words, words, AETHER_KEEP_BYTES);
	return HV_OK;
}

enum hv_err keep_get(uint64_t record, uint64_t *generation, uint64_t words[KEEP_WORDS])
{
	if (record >= AETHER_KEEP_RECORDS) {
		return HV_EINVAL;
	}
	*generation = records[record].generation;
	memcpy(words, records[record].words, AETHER_KEEP_BYTES);
	return HV_OK;
}

void keep_new_instance(uint32_t instance)
{
	running_instance = instance;
}

enum hv_err keep_key_set(const uint64_t key[KEEP_KEY_WORDS])
{
	if (has_key) {
		return HV_ESTATE;
	}
	memcpy(boot_key, key, sizeof(boot_key));
	has_key = true;
	crash_hide(boot_key, sizeof(boot_key));
	return HV_OK;
}

enum hv_err keep_key_get(uint64_t key[KEEP_KEY_WORDS])
{
	if (!has_key) {
		return HV_ESTATE;
	}
	kdf_instance_key((const uint8_t *)boot_key, running_instance, (uint8_t *)key);
	return HV_OK;
}
