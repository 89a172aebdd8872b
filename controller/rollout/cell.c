/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One node's way through a rollout: the table of its states, and what facts and time make of each.
 *
 * Invariants: a state changes in cell_to() alone, along the table. Whoever is in flight has a goal, and a deadline that
 * ends it. Facts are a node's own words and may be wrong: they move its own cell alone.
 */
#include "rollout/own.h"

#include <assert.h>

enum rollout_contact cell_contact(const struct rollout *rollout, const struct rollout_cell *cell)
{
	if (cell->contact == NODE_UNKNOWN &&
	    rollout->clock_ms - rollout->resumed_ms >= rollout->policy.healthy_deadline_ms) {
		return NODE_OFF; /* nobody has told of it for so long */
	}
	return (enum rollout_contact)cell->contact;
}

bool cell_is_alive(const struct rollout_cell *cell)
{
	return cell->contact == NODE_ALIVE;
}

bool cell_is_in_flight(const struct rollout_cell *cell)
{
	return cell->state == CELL_ORDERED || cell->state == CELL_RESTARTING || cell->state == CELL_PROVING ||
	       cell->state == CELL_RETURNING;
}

bool cell_is_serving(const struct rollout_cell *cell)
{
	return cell_is_alive(cell) && (cell->ready & cell->wanted) == cell->wanted;
}

bool cell_is_good(const struct rollout_cell *cell)
{
	return cell_is_alive(cell) && cell->runs_target;
}

bool cell_is_back(const struct rollout_cell *cell)
{
	return cell_is_alive(cell) && cell->stable != 0 && cell->runs_stable;
}

bool cell_may(enum rollout_cell_state from, enum rollout_cell_state to)
{
#define TO(state) (1u << CELL_##state)
	static const uint16_t table[CELL_STATE_COUNT] = {
		[CELL_WAITING] = TO(DEFERRED) | TO(ORDERED) | TO(SKIPPED),
		[CELL_SKIPPED] = TO(WAITING),
		[CELL_DEFERRED] = TO(WAITING) | TO(RETURNING) | TO(RETURNED) | TO(SKIPPED),
		[CELL_ORDERED] = TO(RESTARTING) | TO(PROVING) | TO(FAILED) | TO(RETURNING) | TO(SKIPPED),
		[CELL_RESTARTING] = TO(PROVING) | TO(FAILED) | TO(RETURNING) | TO(SKIPPED),
		[CELL_PROVING] = TO(RESTARTING) | TO(HEALTHY) | TO(FAILED) | TO(RETURNING) | TO(SKIPPED),
		[CELL_HEALTHY] = TO(FAILED) | TO(RETURNING) | TO(DEFERRED) | TO(SKIPPED),
		[CELL_FAILED] = TO(RETURNING) | TO(DEFERRED) | TO(RETURNED) | TO(SKIPPED),
		[CELL_RETURNING] = TO(RETURNED) | TO(DEFERRED) | TO(FAILED) | TO(SKIPPED),
		[CELL_RETURNED] = TO(RETURNING) | TO(SKIPPED),
	};
#undef TO
	return (table[from] >> to & 1) != 0;
}

void cell_to(struct rollout_cell *cell, enum rollout_cell_state state, enum rollout_why why)
{
	assert(cell_may((enum rollout_cell_state)cell->state, state));
	cell->state = (uint8_t)state;
	cell->why = (uint8_t)why;
	cell->since_ms = 0;
	cell->is_dirty = true;
}

static void fail(struct rollout_cell *cell, enum rollout_why why)
{
	if (!cell->has_failed) {
		cell->has_failed = true;
		cell->failed_why = (uint8_t)why;
		cell->trouble = why == WHY_TROUBLE ? cell->told_trouble : TROUBLE_NONE;
	}
	cell_to(cell, CELL_FAILED, why);
}

/* How long it has not been as it should be. */
static uint64_t amiss_ms(const struct rollout *rollout, struct rollout_cell *cell, bool is_amiss)
{
	if (!is_amiss) {
		cell->since_ms = 0;
	} else if (cell->since_ms == 0) {
		cell->since_ms = rollout->clock_ms;
	}
	return is_amiss ? rollout->clock_ms - cell->since_ms : 0;
}

static void pass_waiting(const struct rollout *rollout, struct rollout_cell *cell)
{
	const uint64_t away_ms = amiss_ms(rollout, cell, !cell_is_alive(cell));

	if (cell_contact(rollout, cell) == NODE_OFF || away_ms >= rollout->policy.healthy_deadline_ms) {
		cell->wave = 0;
		cell_to(cell, CELL_DEFERRED, WHY_OFF);
	}
}

static void pass_deferred(const struct rollout *rollout, struct rollout_cell *cell)
{
	if (!cell_is_alive(cell)) {
		return;
	}
	if (cell->goal == ROLLOUT_NO_GOAL) {
		cell_to(cell, CELL_WAITING, WHY_TURN);
	} else if (cell_is_back(cell) && rollout->clock_ms >= cell->hold_ms) {
		cell_to(cell, CELL_RETURNED, WHY_BACK);
	}
}

static enum rollout_why too_late_for(const struct rollout_cell *cell)
{
	if (cell->assigned != 0) {
		return WHY_NOT_ASSIGNED;
	}
	return !cell_is_alive(cell) ? WHY_SILENT : cell->off_target != 0 ? WHY_OTHER_HASHES : WHY_NOT_READY;
}

static void pass_update(struct rollout *rollout, struct rollout_cell *cell)
{
	const bool is_good = cell->assigned == 0 && cell_is_good(cell);
	const uint64_t spent_ms = rollout->clock_ms - cell->ordered_ms;

	if (cell->trouble_index > cell->trouble_before) {
		fail(cell, WHY_TROUBLE);
		return;
	}
	if (is_good && cell->state != CELL_PROVING) {
		cell_to(cell, CELL_PROVING, WHY_PROVES);
		cell->since_ms = rollout->clock_ms;
	} else if (is_good && cell->since_ms == 0) {
		cell->since_ms = rollout->clock_ms; /* proved anew behind a restart of the controller */
	} else if (!is_good && (cell->state == CELL_PROVING || (cell->state == CELL_ORDERED && cell->assigned == 0 &&
								!cell_is_serving(cell)))) {
		cell_to(cell, CELL_RESTARTING, WHY_CHANGES);
	}
	if (is_good && rollout->clock_ms - cell->since_ms >= rollout->policy.healthy_ms) {
		cell->took_ms = spent_ms > 0 && spent_ms < UINT32_MAX ? (uint32_t)spent_ms : 1;
		cell->has_proved = true;
		cell_to(cell, CELL_HEALTHY, WHY_PROVED);
		rollout->idle_ms = 0;
		rollout->is_dirty = true;
	} else if (spent_ms >= rollout->policy.healthy_deadline_ms) {
		fail(cell, too_late_for(cell));
	}
}

/*
 * Whoever had proved healthy is judged while the rollout goes on: by what it says, always; by silence in its own wave
 * alone. People switch nodes off, and a rollout of days would not survive that.
 */
static void pass_healthy(const struct rollout *rollout, struct rollout_cell *cell)
{
	if (rollout->state != ROLLOUT_RUNNING && rollout->state != ROLLOUT_SOAKING &&
	    rollout->state != ROLLOUT_PAUSED) {
		return;
	}
	const uint64_t away_ms = amiss_ms(rollout, cell, !cell_is_good(cell));

	if (cell->trouble_index > cell->trouble_before) {
		fail(cell, WHY_TROUBLE);
	} else if (away_ms >= rollout->policy.healthy_deadline_ms) {
		if (cell_is_alive(cell)) {
			fail(cell, WHY_FELL_SICK);
		} else if (cell->wave == rollout->wave) {
			fail(cell, WHY_FELL_SILENT);
		}
	}
}

static void pass_returning(struct rollout *rollout, struct rollout_cell *cell)
{
	if (cell->assigned == cell->stable && cell_is_back(cell) && rollout->clock_ms >= cell->hold_ms) {
		cell_to(cell, CELL_RETURNED, WHY_BACK);
		rollout->idle_ms = 0;
		rollout->is_dirty = true;
	} else if (rollout->clock_ms - cell->ordered_ms >= rollout->policy.healthy_deadline_ms) {
		if (!cell_is_alive(cell)) {
			cell_to(cell, CELL_DEFERRED, WHY_NOT_BACK);
		} else {
			fail(cell, cell->off_stable == 0 ? WHY_NOT_READY : WHY_NOT_BACK);
		}
	}
}

void cell_pass(struct rollout *rollout, struct rollout_cell *cell)
{
	switch ((enum rollout_cell_state)cell->state) {
	case CELL_WAITING:
		pass_waiting(rollout, cell);
		break;
	case CELL_DEFERRED:
		pass_deferred(rollout, cell);
		break;
	case CELL_ORDERED:
	case CELL_RESTARTING:
	case CELL_PROVING:
		pass_update(rollout, cell);
		break;
	case CELL_HEALTHY:
		pass_healthy(rollout, cell);
		break;
	case CELL_RETURNING:
		pass_returning(rollout, cell);
		break;
	case CELL_FAILED:
		if (cell->stable != 0 && cell->goal == cell->stable && cell_is_back(cell)) {
			cell_to(cell, CELL_RETURNED, WHY_BACK);
		}
		break;
	default: /* skipped and returned ones: order_is_return_due() looks at the latter */
		break;
	}
}
