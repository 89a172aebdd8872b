/* SPDX-License-Identifier: Apache-2.0 */
#include "model/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t state;

uint64_t random_init(const char *program, uint64_t steps)
{
	const char *seed = getenv("SEED");
	const char *n = getenv("N");
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	state = seed != NULL ? strtoull(seed, NULL, 0)
			     : (uint64_t)now.tv_sec * 1000003 + (uint64_t)now.tv_nsec;
	steps = n != NULL ? strtoull(n, NULL, 0) : steps;
	printf("# to repeat: SEED=%" PRIu64 " N=%" PRIu64 " %s\n", state, steps, program);
	(void)fflush(stdout);
	return steps;
}

/* splitmix64, from its published description. */
uint64_t random_u64(void)
{
	state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t random_below(uint64_t limit)
{
	return random_u64() % limit;
}
