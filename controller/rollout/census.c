/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over all cells, whose sums every judgement and every limit is taken from. */
#include "rollout/own.h"

static void count_update(const struct rollout *rollout, const struct rollout_cell *cell, struct census *census)
{
	const bool is_open = cell->state == CELL_WAITING || (cell_is_in_flight(cell) && cell->state != CELL_RETURNING);

	census->attempted++;
	census->failed += cell->has_failed && cell->wave != ROLLOUT_WAVE_LATE;
	census->late_failed += cell->has_failed && cell->wave == ROLLOUT_WAVE_LATE;
	if (cell->wave == rollout->wave) {
		const bool is_good = cell->state == CELL_HEALTHY && cell_is_good(cell);

		census->wave_attempted++;
		census->wave_open += is_open;
		census->wave_failed += cell->has_failed;
		census->wave_good += is_good;
		census->wave_unsure += cell->state == CELL_HEALTHY && !is_good;
	}
}

static void count_cell(const struct rollout *rollout, const struct rollout_cell *cell, struct census *census)
{
	const bool is_due = order_is_return_due(rollout, cell);
	const bool is_in_flight = cell_is_in_flight(cell);
	const bool is_off = (cell->state == CELL_SKIPPED || cell->state == CELL_DEFERRED) && !cell_is_alive(cell);

	/* Who was skipped serves on, and so counts; who has left does not. */
	if (!is_off && !(cell->state == CELL_SKIPPED && cell->why == WHY_LEFT)) {
		census->base++;
		census->serving += !is_in_flight && cell_is_serving(cell);
	}
	if (cell->state == CELL_SKIPPED) {
		return;
	}
	census->members += !is_off;
	census->in_flight += is_in_flight;
	census->waiting += cell->state == CELL_WAITING;
	census->healthy += cell->state == CELL_HEALTHY;
	census->deferred += cell->state == CELL_DEFERRED && cell->goal == ROLLOUT_NO_GOAL;
	census->due += is_due && cell->tries < ROLLOUT_RETURN_TRIES;
	census->unconfirmed += cell->stable != 0 && cell->goal == cell->stable && cell->assigned != cell->goal;
	if (cell->wave != 0) {
		count_update(rollout, cell, census);
	}
}

void census_take(const struct rollout *rollout, struct census *census)
{
	*census = (struct census){.members = 0};
	for (unsigned i = 0; i < rollout->count; i++) {
		count_cell(rollout, &rollout->cells[i], census);
	}
}

unsigned census_floor(const struct rollout *rollout, const struct census *census)
{
	return census->base * rollout->policy.min_healthy_percent / 100;
}
