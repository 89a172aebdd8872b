/* SPDX-License-Identifier: Apache-2.0 */
/* Reads only. The median is found by halving the range of values: no copy, no sorting. */
#include "rollout/view.h"
#include "rollout/own.h"

/* Lower median of what nodes of the wave (0: any) took; 0: no node did. */
static uint32_t median(const struct rollout *rollout, unsigned wave)
{
	unsigned count = 0;
	uint32_t low = 1;
	uint32_t high = UINT32_MAX;

	for (unsigned i = 0; i < rollout->count; i++) {
		count += rollout->cells[i].took_ms > 0 && (wave == 0 || rollout->cells[i].wave == wave);
	}
	while (count > 0 && low < high) {
		const uint32_t middle = low + (high - low) / 2;
		unsigned below = 0;

		for (unsigned i = 0; i < rollout->count; i++) {
			const struct rollout_cell *cell = &rollout->cells[i];

			below += cell->took_ms > 0 && cell->took_ms <= middle && (wave == 0 || cell->wave == wave);
		}
		if (below >= (count + 1) / 2) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return count > 0 ? low : 0;
}

static uint64_t batches_ms(const struct rollout *rollout, unsigned nodes, uint32_t each_ms)
{
	const unsigned most = rollout->policy.in_flight_most;

	return (uint64_t)((nodes + most - 1) / most) * each_ms;
}

static uint64_t left_ms(const struct rollout *rollout, const struct census *census, uint32_t each_ms)
{
	const uint32_t soak_ms = rollout->policy.soak_ms;
	unsigned waiting = 0;
	uint64_t left = 0;

	for (unsigned i = 0; i < rollout->count; i++) {
		waiting += rollout->cells[i].state == CELL_WAITING && rollout->cells[i].wave == 0;
	}
	if (rollout->is_wave_open) {
		left = batches_ms(rollout, census->wave_open, each_ms) +
		       (soak_ms > rollout->soaked_ms ? soak_ms - rollout->soaked_ms : 0);
	}
	for (unsigned wave = rollout->wave + 1u; waiting > 0 && wave <= ROLLOUT_WAVES_MAX; wave++) {
		const unsigned size = rollout_policy_size(&rollout->policy, wave, census->members);
		const unsigned taken = size < waiting ? size : waiting;

		left += batches_ms(rollout, taken, each_ms) + soak_ms;
		waiting -= taken;
	}
	return left;
}

void rollout_view(const struct rollout *rollout, unsigned wave, struct rollout_view *view)
{
	const unsigned shown = wave == 0 ? rollout->wave : wave;
	struct census census;

	*view = (struct rollout_view){.failed = 0};
	census_take(rollout, &census);
	for (unsigned i = 0; i < rollout->count; i++) {
		const struct rollout_cell *cell = &rollout->cells[i];
		const bool is_open = cell->state == CELL_WAITING || cell_is_in_flight(cell);

		view->states[cell->state]++;
		view->failed += cell->has_failed && cell->state != CELL_SKIPPED;
		view->longest_ms = cell->took_ms > view->longest_ms ? cell->took_ms : view->longest_ms;
		if (cell->wave == shown && shown != 0) {
			view->wave_nodes++;
			view->wave_healthy += cell->state == CELL_HEALTHY;
			view->wave_failed += cell->has_failed;
			view->wave_open += is_open;
		}
	}
	view->median_ms = median(rollout, 0);
	view->wave_median_ms = shown != 0 ? median(rollout, shown) : 0;
	view->has_median = view->median_ms > 0;
	view->has_eta = view->has_median && (rollout->state == ROLLOUT_RUNNING || rollout->state == ROLLOUT_SOAKING);
	view->eta_ms = view->has_eta ? left_ms(rollout, &census, view->median_ms) : 0;
}

bool rollout_cell_eta(const struct rollout *rollout, const struct rollout_view *view, unsigned cell, uint64_t *eta_ms)
{
	const struct rollout_cell *own = &rollout->cells[cell];

	if (!view->has_median || !cell_is_in_flight(own) || own->state == CELL_RETURNING) {
		return false;
	}
	const uint64_t spent_ms = rollout->clock_ms - own->ordered_ms;

	*eta_ms = view->median_ms > spent_ms ? view->median_ms - spent_ms : 0;
	return true;
}
