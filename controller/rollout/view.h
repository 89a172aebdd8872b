/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Sums, medians and the time that is left, for whoever shows a rollout. */
#include "rollout/rollout.h"

struct rollout_view {
	unsigned states[CELL_STATE_COUNT];
	unsigned failed; /* cells that failed, returned or not */
	/* Of one wave: */
	unsigned wave_nodes, wave_healthy, wave_failed, wave_open;
	bool has_median, has_eta;
	uint32_t median_ms, wave_median_ms, longest_ms; /* from order to healthy */
	uint64_t eta_ms; /* should all go well: until the last gate */
};

/* wave 0: the current one. */
void rollout_view(const struct rollout *rollout, unsigned wave, struct rollout_view *view);
/* Until the node is healthy, by the median. False: not on its way there, or there is no median yet. */
bool rollout_cell_eta(const struct rollout *rollout, const struct rollout_view *view, unsigned cell, uint64_t *eta_ms);
