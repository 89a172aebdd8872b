/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The promises of a rollout, judged from what the engine was told and what it decided: its own record of who was
 * ordered what, who proved healthy and who failed. Of the engine's cells it reads who is a member, and the reasons.
 */
#include "model/rollout_world.h"

struct judged {
	bool is_new; /* joined on the way: what it had before is not the rollout's doing */
	bool is_ordered, is_proven, has_failed, is_late; /* of the target */
	unsigned wave;
	uint64_t ordered_ms, good_ms, amiss_ms, trouble_before;
	bool is_flying; /* ordered something, and neither there nor too late */
	unsigned flies_to; /* place in the rollout's releases */
	uint64_t flies_ms;
};

struct judge {
	struct world *world;
	struct judged nodes[WORLD_NODES];
	unsigned wave, waves_passed;
	bool has_stopped; /* the update is over: no order of the target any more, but to late nodes */
	unsigned last_state;
	/* how often what was seen, so that a run shows that it tried things */
	unsigned assigns, returns, agains, waived, waves, ends[ROLLOUT_STATE_COUNT];
};

void judge_begin(struct judge *judge, struct world *world);
/* The node is a member from now on, whatever it was before. */
void judge_join(struct judge *judge, unsigned node);
/* Behind each tick. */
void judge_tick(struct judge *judge, const struct rollout_decisions *decisions, bool is_blind);
/* The controller was killed: what it was told is gone. */
void judge_restart(struct judge *judge);
/* Everybody is on and had time: each node runs what it must. NULL, or what is wrong. */
const char *judge_rest(const struct judge *judge);
_Noreturn void judge_fail(const struct world *world, int node, const char *what);
