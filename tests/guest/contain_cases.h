/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A hostile guest: the parts of its program. Each reports that it is still alive, and what it was answered. */
#include <stdbool.h>
#include <stdint.h>

/* A small generator, the same numbers on every run. */
static inline uint32_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

void check_stray(void); /* contain_memory.c: reads, writes and fetches that lead nowhere */
void check_no_syndrome(void);
void check_own_tables(void);
void check_set_way(void);
void check_calls(void); /* contain_calls.c: HVC, SMC, every system register and instruction */
void check_encodings(void);
void check_garbage(void); /* contain_devices.c: any value to any register */
void check_storms(void); /* contain_storm.c: all CPUs at once */
void check_el0(void); /* contain_el0.c: what a program of the guest can do */
