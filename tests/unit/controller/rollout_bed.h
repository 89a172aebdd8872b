/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A rollout under a test's hand: nodes that do at once what they are ordered, or nothing, and a clock that stands
 * unless run_ms() moves it, 100 ms a tick. After each tick the invariants are checked.
 */
#include "rollout/rollout.h"

enum { NODES = 200 };

extern struct rollout_policy policy;
extern struct rollout rollout;
extern struct rollout_cell cells[NODES];
extern struct rollout_facts facts[NODES];
extern struct rollout_release target, stable; /* they differ in guest 0 */
extern struct rollout_time now;
extern unsigned node_count;
extern unsigned assigns, returns, agains, ends; /* since plan(); the first two without repeated ones */
extern unsigned decided_most; /* in one tick */
extern struct rollout_decisions all; /* the first of a run_ms() */
extern struct rollout_decision last_end;

int quick(void **state); /* a test's set-up: one canary and the rest, deadlines of seconds */
void make_release(struct rollout_release *release, unsigned id, unsigned core, unsigned service, unsigned guest);
void plan(unsigned count); /* nodes that run `stable` */
void start(unsigned count); /* and begins */
void say(enum rollout_command command);
void run_ms(unsigned ms, unsigned obedient); /* nodes below `obedient` do what they are told */
/* News of a node: it is told as it is; it runs a release with all guests ready; something befell it; it is not heard;
 * no guest is ready. */
void tell(unsigned node);
void tell_all(void);
void be(unsigned node, const struct rollout_release *release);
void befall(unsigned node, enum rollout_trouble trouble);
void silent(unsigned node, enum rollout_contact contact);
void sick(unsigned node);
void kill_controller(void); /* what was stored comes back, what was told does not */

#define STATE_IS(word) assert_int_equal(rollout.state, ROLLOUT_##word)
#define CELL_IS(i, word) assert_int_equal(cells[i].state, CELL_##word)
#define ENDED_BY(word, why_)                                                                       \
	do {                                                                                       \
		STATE_IS(word);                                                                    \
		assert_int_equal(ends, 1);                                                         \
		assert_int_equal(last_end.state, ROLLOUT_##word);                                  \
		assert_int_equal(last_end.why, WHY_##why_);                                        \
	} while (0)
