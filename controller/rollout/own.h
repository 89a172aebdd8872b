/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of this folder share. */
#include "rollout/rollout.h"

/* --- cell.c: one node --- */
enum rollout_contact cell_contact(const struct rollout *rollout, const struct rollout_cell *cell);
bool cell_is_alive(const struct rollout_cell *cell);
bool cell_is_in_flight(const struct rollout_cell *cell);
/* Whatever it runs, it does. */
bool cell_is_serving(const struct rollout_cell *cell);
bool cell_is_good(const struct rollout_cell *cell); /* on the target, guests ready */
bool cell_is_back(const struct rollout_cell *cell); /* the same of its stable release */
bool cell_may(enum rollout_cell_state from, enum rollout_cell_state to);
/* The only place that changes a cell's state. */
void cell_to(struct rollout_cell *cell, enum rollout_cell_state state, enum rollout_why why);
/* What facts and time make of it. */
void cell_pass(struct rollout *rollout, struct rollout_cell *cell);

/* --- census.c --- */
struct census {
	unsigned members; /* neither skipped nor off: what waves are a part of */
	unsigned base; /* those, and who was skipped and is not off: what min_healthy is a part of */
	unsigned serving; /* of the base, and not in flight */
	unsigned in_flight;
	unsigned waiting, deferred, healthy; /* deferred: for the target */
	unsigned attempted, failed; /* in all waves */
	unsigned wave_open, wave_attempted, wave_failed, wave_good, wave_unsure; /* in the current one */
	unsigned late_failed;
	unsigned due; /* returns that are to be ordered; not those that were tried often */
	unsigned unconfirmed; /* returns that facts do not show as assigned */
};
void census_take(const struct rollout *rollout, struct census *census);
unsigned census_floor(const struct rollout *rollout, const struct census *census);

/* --- order.c --- */
void order_returns(struct rollout *rollout, struct census *census, uint32_t passed_ms,
		   struct rollout_decisions *decisions);
/* Returns why not all that wait were ordered: WHY_WAVE, WHY_FLOOR. */
enum rollout_why order_wave(struct rollout *rollout, struct census *census, unsigned wave,
			    struct rollout_decisions *decisions);
void order_again(struct rollout *rollout, struct rollout_decisions *decisions);
bool order_is_return_due(const struct rollout *rollout, const struct rollout_cell *cell);

/* --- plan.c --- */
/* Gives cells that wait and are alive the number `wave`. Returns how many. */
unsigned plan_pick(struct rollout_cell *cells, unsigned count, const struct rollout_policy *policy, unsigned wave,
		   unsigned members);

/* --- engine.c --- */
void engine_to(struct rollout *rollout, enum rollout_state state, enum rollout_why why);
void engine_why(struct rollout *rollout, enum rollout_why why);
/* Everybody back to stable. */
void engine_return(struct rollout *rollout, enum rollout_why why);
/* To an end; who waits is skipped, unless it is done. */
void engine_end(struct rollout *rollout, enum rollout_state state, enum rollout_why why);
