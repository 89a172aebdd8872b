/* SPDX-License-Identifier: Apache-2.0 */
/* The fake machine's memory for the crash record: what the core sees, and what has been cleaned and would be there
 * after a reset. */
#include <string.h>

#include "fake_private.h"

static struct {
	struct aether_crash seen, durable;
	void (*on_clean)(void);
} crash;

void fake_crash_reset(void)
{
	memset(&crash, 0, sizeof(crash));
}

void fake_warm_reset(void)
{
	crash.seen = crash.durable;
}

struct aether_crash *fake_durable_crash(void)
{
	return &crash.durable;
}

void fake_set_crash_clean(void (*on_clean)(void))
{
	crash.on_clean = on_clean;
}

struct aether_crash *hal_crash_memory(void)
{
	return &crash.seen;
}

void hal_crash_clean(void)
{
	if (crash.on_clean != NULL) {
		crash.on_clean();
	}
	crash.durable = crash.seen;
}

void hal_build_id(uint8_t id[32])
{
	for (unsigned i = 0; i < 32; i++) {
		id[i] = i < 20 ? (uint8_t)(0xa0 + i) : 0;
	}
}

void hal_crash_describe(struct aether_crash *record)
{
	hal_build_id(record->build_id);
	record->image_va = FAKE_IMAGE_VA;
	record->image_pa = FAKE_RAM_BASE;
	record->hcr = 0x80000000;
	record->vttbr = 0x1000000000000;
}
