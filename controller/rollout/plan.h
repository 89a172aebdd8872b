/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a rollout would do, were it started now and did every node become healthy. */
#include "rollout/rollout.h"

struct rollout_plan_wave {
	unsigned nodes; /* in it */
	/* Of them: the node restarts; the service alone or with guests; guests alone. */
	unsigned cores, services, guests;
	unsigned nothing; /* of them: run the release already */
};

struct rollout_plan {
	unsigned wave_count;
	unsigned deferred, skipped; /* off now; no members */
	struct rollout_plan_wave waves[ROLLOUT_WAVES_MAX];
};

/* `scratch` has rollout->count cells; behind the call scratch[i].wave is the wave of cell i, 0: none. */
void rollout_plan(const struct rollout *rollout, struct rollout_cell *scratch, struct rollout_plan *plan);
