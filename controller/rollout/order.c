/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is ordered what, within the limits.
 *
 * Invariants: an order that makes a node leave its place takes a place in flight (in_flight_most), returns too. A node
 * that serves is taken only while those that serve without it are min_healthy or more; who is in flight never counts
 * as serving. What is assigned to a node that is off takes no place: nothing restarts.
 */
#include "rollout/own.h"

enum { ROOM_KEPT = 2 }; /* for what a tick tells of waves and the end */

static bool has_room(const struct rollout_decisions *decisions)
{
	return decisions->count < ROLLOUT_DECISIONS_MAX - ROOM_KEPT;
}

static struct rollout_decision *emit(const struct rollout *rollout, const struct rollout_cell *cell, uint8_t parts,
				     struct rollout_decisions *decisions)
{
	struct rollout_decision *decision = &decisions->list[decisions->count++];

	*decision = (struct rollout_decision){
		.kind = cell->goal == 0 ? DECIDE_ASSIGN : DECIDE_RETURN,
		.cell = (unsigned)(cell - rollout->cells),
		.release = cell->goal,
		.parts = (parts & PART_CORE) != 0 ? PART_CORE : parts,
		.wave = cell->wave,
		.state = (enum rollout_state)rollout->state,
		.why = (enum rollout_why)cell->why,
	};
	return decision;
}

static bool may_try_again(const struct rollout *rollout, const struct rollout_cell *cell)
{
	return cell_is_alive(cell) && cell->off_stable != 0 &&
	       (cell->tries < ROLLOUT_RETURN_TRIES ||
		rollout->clock_ms - cell->ordered_ms >= rollout->policy.progress_deadline_ms);
}

static bool is_returning_all(const struct rollout *rollout)
{
	return rollout->state == ROLLOUT_RETURNING || rollout->state == ROLLOUT_RETURNED;
}

static bool is_returning_any(const struct rollout *rollout)
{
	return is_returning_all(rollout) || (rollout->policy.is_auto_return &&
					     (rollout->state == ROLLOUT_RUNNING || rollout->state == ROLLOUT_SOAKING ||
					      rollout->state == ROLLOUT_DONE));
}

bool order_is_return_due(const struct rollout *rollout, const struct rollout_cell *cell)
{
	if (cell->stable == 0 || !is_returning_any(rollout)) {
		return false;
	}
	switch ((enum rollout_cell_state)cell->state) {
	case CELL_ORDERED:
	case CELL_RESTARTING:
	case CELL_PROVING:
	case CELL_HEALTHY:
		return is_returning_all(rollout);
	case CELL_FAILED:
		return cell->goal != cell->stable || may_try_again(rollout, cell);
	case CELL_DEFERRED:
		return cell->goal == cell->stable && may_try_again(rollout, cell);
	case CELL_RETURNED:
		return may_try_again(rollout, cell);
	default:
		return false;
	}
}

/*
 * Takes a place in flight for the cell, which may have one. False: there is none, or min_healthy holds it back
 * (*is_blocked): it serves, and those that serve without it are too few.
 */
static bool take_place(const struct rollout *rollout, const struct rollout_cell *cell, uint8_t parts, bool is_waived,
		       struct census *census, bool *is_blocked)
{
	const bool is_in_flight = cell_is_in_flight(cell);
	const bool is_serving = cell_is_serving(cell) && (!is_in_flight || cell->state == CELL_PROVING);
	const unsigned others = census->serving - (is_serving && !is_in_flight);

	if (!is_in_flight && census->in_flight >= rollout->policy.in_flight_most) {
		return false;
	}
	if (is_serving && parts != 0 && others < census_floor(rollout, census) &&
	    !(is_waived && census->in_flight == is_in_flight)) {
		*is_blocked = true;
		return false;
	}
	census->in_flight += !is_in_flight;
	census->serving = others;
	return true;
}

/* What the cell is assigned from now on is its stable release. */
static void give_stable(const struct rollout *rollout, struct rollout_cell *cell, bool may_restart)
{
	cell->goal = cell->stable;
	cell->asked_ms = rollout->clock_ms;
	cell->hold_ms = may_restart ? rollout->clock_ms + ROLLOUT_SETTLE_MS : 0;
}

static void return_one(struct rollout *rollout, struct rollout_cell *cell, struct census *census,
		       bool *is_blocked, struct rollout_decisions *decisions)
{
	const enum rollout_contact contact = cell_contact(rollout, cell);
	const bool is_in_flight = cell_is_in_flight(cell);
	/* It looks as before: what it was ordered may still be about to happen. */
	const bool may_restart =
		cell->state == CELL_ORDERED || cell->state == CELL_RESTARTING || cell->off_stable == 0;
	const bool was_serving = cell_is_serving(cell) && cell->off_stable != 0;

	if (contact == NODE_UNKNOWN) {
		return; /* it is told of soon, or counts as off */
	}
	if (contact != NODE_ALIVE && !is_in_flight) {
		give_stable(rollout, cell, true);
		cell_to(cell, CELL_DEFERRED, WHY_OFF);
		(void)emit(rollout, cell, 0, decisions);
		return;
	}
	if (!take_place(rollout, cell, cell->off_stable, rollout->is_floor_waived, census, is_blocked)) {
		return;
	}
	give_stable(rollout, cell, may_restart);
	if (rollout->state == ROLLOUT_RETURNING) {
		rollout->idle_ms = 0; /* it is given up only when nothing can be ordered any more */
	}
	cell->ordered_ms = rollout->clock_ms;
	cell->tries = (uint8_t)(cell->tries < UINT8_MAX ? cell->tries + 1 : UINT8_MAX);
	cell_to(cell, CELL_RETURNING, WHY_RETURNS);
	emit(rollout, cell, cell->off_stable, decisions)->is_waived =
		rollout->is_floor_waived && was_serving && census->serving < census_floor(rollout, census);
}

void order_returns(struct rollout *rollout, struct census *census, uint32_t passed_ms,
		   struct rollout_decisions *decisions)
{
	bool is_blocked = false;

	/* Those that serve on the release come last. */
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < rollout->count && has_room(decisions); i++) {
			struct rollout_cell *cell = &rollout->cells[i];

			if ((cell->state == CELL_HEALTHY) == (pass == 1) && order_is_return_due(rollout, cell)) {
				return_one(rollout, cell, census, &is_blocked, decisions);
			}
		}
	}
	if (!is_blocked) {
		rollout->blocked_ms = 0;
	} else if (census->in_flight == 0) {
		rollout->blocked_ms += passed_ms;
	}
	if (rollout->blocked_ms >= rollout->policy.progress_deadline_ms && !rollout->is_floor_waived) {
		rollout->is_floor_waived = true;
		rollout->is_dirty = true;
	}
}

enum rollout_why order_wave(struct rollout *rollout, struct census *census, unsigned wave,
			    struct rollout_decisions *decisions)
{
	bool is_blocked = false;

	for (unsigned i = 0; i < rollout->count && has_room(decisions); i++) {
		struct rollout_cell *cell = &rollout->cells[i];

		if (cell->state != CELL_WAITING || !cell_is_alive(cell) ||
		    (wave != ROLLOUT_WAVE_LATE && cell->wave != wave) ||
		    !take_place(rollout, cell, cell->off_target, false, census, &is_blocked)) {
			continue;
		}
		cell->wave = (uint8_t)wave;
		cell->goal = 0;
		cell->ordered_ms = rollout->clock_ms;
		cell->asked_ms = rollout->clock_ms;
		cell->trouble_before = cell->trouble_index;
		cell_to(cell, CELL_ORDERED, WHY_ASSIGNED);
		(void)emit(rollout, cell, cell->off_target, decisions);
	}
	return is_blocked && census->in_flight == 0 ? WHY_FLOOR : WHY_WAVE;
}

void order_again(struct rollout *rollout, struct rollout_decisions *decisions)
{
	const bool may_update = rollout->state == ROLLOUT_RUNNING || rollout->state == ROLLOUT_SOAKING ||
				rollout->state == ROLLOUT_DONE;

	for (unsigned i = 0; i < rollout->count && has_room(decisions); i++) {
		struct rollout_cell *cell = &rollout->cells[i];
		const bool is_update = cell->goal == 0 && cell_is_in_flight(cell) && may_update;
		const bool is_return = cell->stable != 0 && cell->goal == cell->stable && cell->state != CELL_SKIPPED &&
				       (is_returning_any(rollout) || may_update);

		if ((!is_update && !is_return) || cell->assigned == cell->goal || cell->told_ms == 0 ||
		    rollout->clock_ms < cell->asked_ms + ROLLOUT_ORDER_MS) {
			continue;
		}
		cell->asked_ms = rollout->clock_ms;
		emit(rollout, cell,
		     is_update ? cell->off_target : cell->state == CELL_RETURNING ? cell->off_stable : 0,
		     decisions)->is_again = true;
	}
}
