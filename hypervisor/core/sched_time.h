/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A CPU's time, divided without rest. Each owner's is a sum that its CPU alone writes and any CPU may read in one word:
 * while it goes on, the time at which it began has been taken from it, so that it is negative, and to be read with
 * the present time added.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum sched_owner {
	SCHED_CORE, /* no vCPU loaded */
	SCHED_GUEST,
	SCHED_SERVICE,
	SCHED_IDLE, /* asleep, no vCPU loaded */
	SCHED_OWNER_COUNT
};

struct sched_time {
	_Atomic uint64_t ticks[SCHED_OWNER_COUNT];
	enum sched_owner owner;
	bool has_begun;
};

static inline void sched_sum_begin(_Atomic uint64_t *sum, uint64_t now)
{
	atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) - now, memory_order_relaxed);
}

static inline void sched_sum_end(_Atomic uint64_t *sum, uint64_t now)
{
	atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + now, memory_order_relaxed);
}

static inline uint64_t sched_sum_read(const _Atomic uint64_t *sum, uint64_t now)
{
	const uint64_t ticks = atomic_load_explicit(sum, memory_order_relaxed);
	const uint64_t sum_now = ticks >> 63 != 0 ? ticks + now : ticks;
	return sum_now >> 63 != 0 ? 0 : sum_now; /* it began after `now` was read */
}

/* From now on the CPU's time is `owner`'s. */
static inline void sched_time_pass(struct sched_time *time, enum sched_owner owner, uint64_t now)
{
	if (time->has_begun) {
		sched_sum_end(&time->ticks[time->owner], now);
	}
	time->has_begun = true;
	time->owner = owner;
	sched_sum_begin(&time->ticks[owner], now);
}
