/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rollout's tick: what time and facts make of every node, what that makes of the wave, its gate and the rollout, and
 * then what may be ordered.
 *
 * Invariants: a wave begins only when the one before passed its gate; orders of the release are given in
 * ROLLOUT_RUNNING with an open wave, or to late nodes in ROLLOUT_DONE, and nowhere else. Time is what the controller
 * was there for: a gap between two ticks counts as ROLLOUT_TICK_MOST_MS at most, and none counts while it doubts its
 * own network.
 */
#include "rollout/own.h"

enum { CLOCK_STORED_MS = 5000 }; /* at least so often, while it ticks */

void engine_why(struct rollout *rollout, enum rollout_why why)
{
	rollout->is_dirty = rollout->is_dirty || rollout->why != why;
	rollout->why = (uint8_t)why;
}

void engine_to(struct rollout *rollout, enum rollout_state state, enum rollout_why why)
{
	rollout->state = (uint8_t)state;
	rollout->why = (uint8_t)why;
	rollout->idle_ms = 0;
	rollout->blocked_ms = 0;
	rollout->is_floor_waived = false;
	rollout->is_dirty = true;
}

bool rollout_has_ended(const struct rollout *rollout)
{
	static const bool ends[] = {
#define X(symbol, word, ends) (ends),
		ROLLOUT_STATES(X)
#undef X
	};
	return ends[rollout->state];
}

static void skip_waiting(struct rollout *rollout, enum rollout_why why)
{
	for (unsigned i = 0; i < rollout->count; i++) {
		struct rollout_cell *cell = &rollout->cells[i];

		if (cell->state == CELL_WAITING ||
		    (cell->state == CELL_DEFERRED && cell->goal == ROLLOUT_NO_GOAL)) {
			cell->wave = 0;
			cell_to(cell, CELL_SKIPPED, why);
		}
	}
}

void engine_end(struct rollout *rollout, enum rollout_state state, enum rollout_why why)
{
	if (state != ROLLOUT_DONE) {
		skip_waiting(rollout, WHY_ENDED);
	}
	rollout->is_wave_open = false;
	rollout->end_why = (uint8_t)why;
	engine_to(rollout, state, why);
}

void engine_return(struct rollout *rollout, enum rollout_why why)
{
	rollout->end_why = (uint8_t)why;
	rollout->is_wave_open = false;
	skip_waiting(rollout, WHY_ENDED);
	engine_to(rollout, ROLLOUT_RETURNING, why);
}

static struct rollout_decision *tell(const struct rollout *rollout, enum rollout_decision_kind kind,
				     const struct census *census, struct rollout_decisions *decisions)
{
	struct rollout_decision *decision = &decisions->list[decisions->count++];

	*decision = (struct rollout_decision){
		.kind = kind,
		.wave = rollout->wave,
		.members = census->members,
		.count = rollout->wave_count,
		.state = (enum rollout_state)rollout->state,
		.why = (enum rollout_why)rollout->why,
	};
	return decision;
}

static void end(struct rollout *rollout, enum rollout_state state, enum rollout_why why, const struct census *census,
		struct rollout_decisions *decisions)
{
	engine_end(rollout, state, why);
	(void)tell(rollout, DECIDE_ENDS, census, decisions);
}

/* The gate failed: the release is remembered, if any node had got it. */
static void fail_gate(struct rollout *rollout, enum rollout_why why, const struct census *census,
		      struct rollout_decisions *decisions)
{
	rollout->is_release_failed = census->attempted > 0;
	if (rollout->policy.is_auto_return && census->attempted > 0) {
		engine_return(rollout, why);
	} else {
		end(rollout, ROLLOUT_FAILED, why, census, decisions);
	}
}

/* More failures than allowed, or no progress. */
static bool is_stopped(struct rollout *rollout, const struct census *census, struct rollout_decisions *decisions)
{
	const struct rollout_policy *policy = &rollout->policy;
	const bool is_wave_bad = rollout_policy_is_over(policy, census->wave_failed, census->wave_attempted);

	if (is_wave_bad) {
		fail_gate(rollout, WHY_FAILURES_WAVE, census, decisions);
	} else if (census->failed > policy->failure_most ||
		   rollout_policy_is_over(policy, census->failed, census->attempted)) {
		fail_gate(rollout, WHY_FAILURES_ALL, census, decisions);
	} else if (rollout->idle_ms >= policy->progress_deadline_ms) {
		fail_gate(rollout, census->attempted > 0 ? WHY_NO_PROGRESS : WHY_NOBODY, census, decisions);
	} else {
		return false;
	}
	return true;
}

/* No cell waits: the end, or nobody was reached yet. */
static void finish(struct rollout *rollout, const struct census *census, struct rollout_decisions *decisions)
{
	if (census->in_flight > 0 || census->due > 0) {
		engine_why(rollout, WHY_RETURNS);
	} else if (census->healthy > 0) {
		end(rollout, ROLLOUT_DONE, WHY_ALL_DONE, census, decisions);
	} else if (census->attempted > 0) {
		fail_gate(rollout, WHY_NO_PROGRESS, census, decisions);
	} else if (census->deferred > 0) {
		engine_why(rollout, WHY_REACH);
	} else {
		end(rollout, ROLLOUT_FAILED, WHY_EMPTY, census, decisions);
	}
}

static void begin_wave(struct rollout *rollout, struct census *census, struct rollout_decisions *decisions)
{
	const unsigned wave = rollout->wave + 1u;
	unsigned count = 0;

	if (census->waiting == 0 || wave > ROLLOUT_WAVES_MAX) {
		finish(rollout, census, decisions);
		return;
	}
	count = plan_pick(rollout->cells, rollout->count, &rollout->policy, wave, census->members);
	if (count == 0) {
		engine_why(rollout, WHY_REACH);
		return;
	}
	rollout->wave = (uint8_t)wave;
	rollout->is_wave_open = true;
	rollout->wave_members = (uint16_t)census->members;
	rollout->wave_count = (uint16_t)count;
	rollout->idle_ms = 0;
	rollout->soaked_ms = 0;
	engine_why(rollout, WHY_WAVE);
	rollout->is_dirty = true;
	(void)tell(rollout, DECIDE_WAVE_BEGINS, census, decisions);
	census_take(rollout, census);
}

static void run(struct rollout *rollout, const struct rollout_time *now, uint32_t passed_ms, struct census *census,
		struct rollout_decisions *decisions)
{
	const bool is_open = rollout->is_forced_on || rollout_policy_is_open(&rollout->policy, now->wall_ms);

	if (is_stopped(rollout, census, decisions)) {
		return;
	}
	if (!rollout->is_wave_open && !is_open && census->waiting > 0) {
		engine_why(rollout, WHY_WINDOW);
		return;
	}
	if (!rollout->is_wave_open) {
		begin_wave(rollout, census, decisions);
	} else if (census->wave_open == 0) {
		rollout->soaked_ms = 0;
		engine_to(rollout, ROLLOUT_SOAKING, WHY_SOAKS);
		return;
	}
	if (rollout->state != ROLLOUT_RUNNING) {
		return;
	}
	if (rollout->is_wave_open) {
		engine_why(rollout, is_open ? order_wave(rollout, census, rollout->wave, decisions) : WHY_WINDOW);
	}
	/* Returns of single nodes have deadlines of their own; a closed window is nobody's fault. */
	if (rollout->is_wave_open ? (is_open || census->in_flight > 0) : (census->in_flight == 0 && census->due == 0)) {
		rollout->idle_ms += passed_ms;
	}
}

static void soak(struct rollout *rollout, uint32_t passed_ms, const struct census *census,
		 struct rollout_decisions *decisions)
{
	if (is_stopped(rollout, census, decisions)) {
		return;
	}
	if (census->wave_unsure > 0) {
		rollout->idle_ms += passed_ms; /* not counted: it gets well, or fails by its own deadline */
		return;
	}
	rollout->soaked_ms += passed_ms;
	if (rollout->soaked_ms < rollout->policy.soak_ms && census->wave_attempted > 0) {
		return;
	}
	if (!rollout_policy_is_success(&rollout->policy, census->wave_good, census->wave_attempted)) {
		fail_gate(rollout, WHY_SUCCESS_FEW, census, decisions);
		return;
	}
	rollout->is_wave_open = false;
	engine_to(rollout, ROLLOUT_RUNNING, WHY_WAVE_DUE);
	tell(rollout, DECIDE_WAVE_ENDS, census, decisions)->count = census->wave_good;
}

static void go_back(struct rollout *rollout, uint32_t passed_ms, const struct census *census,
		    struct rollout_decisions *decisions)
{
	/* Neither is anything on its way nor does min_healthy hold anything back (which is waived in time). */
	const bool is_idle = census->in_flight == 0 && rollout->blocked_ms == 0;
	const bool is_given_up = is_idle && rollout->idle_ms >= rollout->policy.progress_deadline_ms;

	rollout->idle_ms += is_idle ? passed_ms : 0;
	if (census->in_flight == 0 && ((census->due == 0 && census->unconfirmed == 0) || is_given_up)) {
		end(rollout, ROLLOUT_RETURNED, (enum rollout_why)rollout->end_why, census, decisions);
	}
}

/* Nodes that were off, or joined late, get the release one after another. */
static void serve_late(struct rollout *rollout, const struct rollout_time *now, struct census *census,
		       struct rollout_decisions *decisions)
{
	if (!rollout->is_late_closed && census->late_failed > rollout->policy.failure_most) {
		rollout->is_late_closed = true;
		rollout->is_dirty = true;
	}
	if (rollout->is_late_closed) {
		skip_waiting(rollout, WHY_LATE_CLOSED);
	} else if (rollout->is_forced_on || rollout_policy_is_open(&rollout->policy, now->wall_ms)) {
		(void)order_wave(rollout, census, ROLLOUT_WAVE_LATE, decisions);
	}
}

static uint32_t pass_time(struct rollout *rollout, const struct rollout_time *now)
{
	const bool is_first = rollout->mono_ms == 0;
	uint64_t passed_ms = is_first || now->mono_ms < rollout->mono_ms ? 0 : now->mono_ms - rollout->mono_ms;

	passed_ms = passed_ms < ROLLOUT_TICK_MOST_MS ? passed_ms : ROLLOUT_TICK_MOST_MS;
	rollout->mono_ms = now->mono_ms;
	if (now->is_blind) {
		return 0;
	}
	/* Kills that follow each other must not stop the clock. */
	rollout->is_dirty = rollout->is_dirty ||
			    rollout->clock_ms / CLOCK_STORED_MS != (rollout->clock_ms + passed_ms) / CLOCK_STORED_MS;
	rollout->clock_ms += passed_ms;
	return (uint32_t)passed_ms;
}

void rollout_tick(struct rollout *rollout, const struct rollout_time *now, struct rollout_decisions *decisions)
{
	const uint32_t passed_ms = pass_time(rollout, now);
	struct census census;

	decisions->count = 0;
	if (now->is_blind || rollout->state == ROLLOUT_PLANNED) {
		return;
	}
	for (unsigned i = 0; i < rollout->count; i++) {
		cell_pass(rollout, &rollout->cells[i]);
	}
	if (rollout->state == ROLLOUT_PAUSED) {
		return;
	}
	census_take(rollout, &census);
	order_returns(rollout, &census, passed_ms, decisions);
	switch ((enum rollout_state)rollout->state) {
	case ROLLOUT_RUNNING:
		run(rollout, now, passed_ms, &census, decisions);
		break;
	case ROLLOUT_SOAKING:
		soak(rollout, passed_ms, &census, decisions);
		break;
	case ROLLOUT_RETURNING:
		go_back(rollout, passed_ms, &census, decisions);
		break;
	case ROLLOUT_DONE:
		serve_late(rollout, now, &census, decisions);
		break;
	default:
		break;
	}
	order_again(rollout, decisions);
}
