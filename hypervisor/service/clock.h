/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Ticks of the physical counter as time, and back. Whole seconds apart, so that no product can wrap. */
#include <stdint.h>

static inline uint64_t clock_scale(uint64_t ticks, uint64_t hz, uint64_t per_second)
{
	return ticks / hz * per_second + ticks % hz * per_second / hz;
}

static inline uint64_t clock_us(uint64_t ticks, uint64_t hz)
{
	return clock_scale(ticks, hz, 1000000);
}

static inline uint64_t clock_ns(uint64_t ticks, uint64_t hz)
{
	return clock_scale(ticks, hz, 1000000000);
}

static inline uint64_t clock_ticks(uint64_t ms, uint64_t hz)
{
	return clock_scale(ms, 1000, hz);
}
