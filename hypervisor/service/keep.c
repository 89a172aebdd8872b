/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes the core's records. The core's generations only order writes of this node; those of the controller
 * are inside the records. What comes back was written by an instance of the service, perhaps one that was failing: its
 * readers check it like any input.
 */
#include "service/keep.h"

#include <string.h>

#include "service/hvcall.h"
#include "service/log.h"

bool keep_get(enum keep_record record, void *value)
{
	struct hvcall_kept kept = {.generation = 0};

	memset(value, 0, AETHER_KEEP_BYTES);
	if (hvcall_keep_get(record, &kept) != 0 || kept.generation == 0) {
		return false;
	}
	memcpy(value, kept.bytes, AETHER_KEEP_BYTES);
	return true;
}

bool keep_set(enum keep_record record, const void *value)
{
	struct hvcall_kept kept = {.generation = 0};

	if (hvcall_keep_get(record, &kept) == 0) {
		if (kept.generation != 0 && memcmp(kept.bytes, value, AETHER_KEEP_BYTES) == 0) {
			return true;
		}
		kept.generation++;
		memcpy(kept.bytes, value, AETHER_KEEP_BYTES);
		if (hvcall_keep_set(record, &kept) == 0) {
			return true;
		}
	}
	log_line(LOG_ERROR, "agent: the core does not keep record %u", record);
	return false;
}
