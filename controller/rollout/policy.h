/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a person decides about a rollout before it starts: waves, gates, limits, deadlines. A plain value. */
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"

enum { ROLLOUT_PLANNED_MAX = 16, ROLLOUT_DAY_MINUTES = 24 * 60, ROLLOUT_ALL_DAYS = 0x7f };
#define ROLLOUT_DEADLINE_MOST_MS (UINT32_C(7) * 24 * 3600 * 1000)

struct rollout_wave {
	uint16_t count; /* nodes; 0: percent counts */
	uint8_t percent; /* 1 to 100, of the members when the wave begins, rounded up */
};

struct rollout_policy {
	uint16_t canary; /* nodes of the first wave; 0: there is no canary */
	uint8_t wave_count; /* planned behind the canary; whoever is left makes one more wave */
	struct rollout_wave waves[ROLLOUT_PLANNED_MAX];
	bool is_spread; /* no rack goes whole in one wave */
	uint16_t in_flight_most; /* nodes between their order and being healthy, 1 and up; returns count too */
	uint32_t soak_ms; /* a wave that is through must stay healthy so long before its gate is judged */
	uint32_t healthy_ms; /* min_healthy_time: a node must stay healthy so long before it counts */
	uint32_t healthy_deadline_ms; /* from its order; then the node failed */
	uint32_t progress_deadline_ms; /* no node became healthy for so long: the rollout failed */
	uint8_t success_percent; /* of a wave's nodes that must be healthy at its gate */
	uint8_t failure_percent; /* of a wave's nodes, and of all so far, that may fail; more is the emergency stop */
	uint16_t failure_most; /* nodes that may fail in the whole rollout */
	uint8_t min_healthy_percent; /* of the nodes that are not off: no order of ours takes it below; 0 to 99 */
	bool is_auto_return; /* to the last stable release, when the gate fails */
	bool is_forced; /* although the release is remembered as failed */
	/* Maintenance window, UTC. Orders of the release are given inside it alone; a return is never held up by it. */
	uint8_t window_days; /* bit 0: Sunday; days on which it begins */
	uint16_t window_begin; /* minute of the day */
	uint16_t window_minutes; /* 0: there is none, orders at any time */
};

/* One canary, then a tenth, half and the rest; ten in flight; the first failure stops it and returns. */
void rollout_policy_default(struct rollout_policy *policy);
/* False: *fail names the field, why not, and what would do. */
bool rollout_policy_check(const struct rollout_policy *policy, struct fail *fail);
bool rollout_policy_is_open(const struct rollout_policy *policy, int64_t wall_ms);
/* That many nodes failed of so many: more than allowed? */
bool rollout_policy_is_over(const struct rollout_policy *policy, unsigned failed, unsigned of);
bool rollout_policy_is_success(const struct rollout_policy *policy, unsigned healthy, unsigned of);
/* Nodes that wave `wave` (1 and up) may have of so many members; no limit behind the planned ones. */
unsigned rollout_policy_size(const struct rollout_policy *policy, unsigned wave, unsigned members);
