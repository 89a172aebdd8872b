/* SPDX-License-Identifier: Apache-2.0 */
#include "model/rollout_judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void judge_fail(const struct world *world, int node, const char *what)
{
	const struct rollout *rollout = &world->rollout;

	printf("# BROKEN: %s\n# rollout %s (%s), wave %u, clock %" PRIu64 " ms, %u nodes\n", what,
	       rollout_state_text((enum rollout_state)rollout->state), rollout_why_text((enum rollout_why)rollout->why),
	       rollout->wave, rollout->clock_ms, rollout->count);
	for (unsigned i = 0; i < rollout->count; i++) {
		const struct rollout_cell *cell = &rollout->cells[i];

		if (node >= 0 ? (int)i != node : i >= 8) {
			continue;
		}
		printf("# %c %s %s wave %u goal %u assigned %u off %02x/%02x contact %u ready %x: %s\n",
		       (int)i == node ? '>' : ' ', cell->node, rollout_cell_text((enum rollout_cell_state)cell->state),
		       cell->wave, cell->goal, cell->assigned, cell->off_target, cell->off_stable, cell->contact,
		       cell->ready, rollout_why_text((enum rollout_why)cell->why));
	}
	(void)fflush(stdout);
	abort();
}

void judge_begin(struct judge *judge, struct world *world)
{
	judge->world = world;
	memset(judge->nodes, 0, sizeof(judge->nodes));
	judge->wave = judge->waves_passed = 0;
	judge->has_stopped = false;
	judge->last_state = world->rollout.state;
}

void judge_join(struct judge *judge, unsigned node)
{
	judge->nodes[node] = (struct judged){.is_new = true};
}

void judge_restart(struct judge *judge)
{
	for (unsigned i = 0; i < WORLD_NODES; i++) {
		judge->nodes[i].good_ms = judge->nodes[i].amiss_ms = 0;
	}
}

/* --- what was told --- */

static bool is_told_alive(const struct world_node *node)
{
	return node->is_told && node->told.contact == NODE_ALIVE;
}

static bool is_told_serving(const struct world_node *node)
{
	return is_told_alive(node) && (node->told.wanted & ~node->told.ready) == 0;
}

static bool is_told_on(const struct world *world, unsigned i, unsigned place)
{
	const struct world_node *node = &world->nodes[i];
	const struct rollout_release *release = &world->rollout.releases[place];
	unsigned guests = 0;

	for (unsigned g = 0; g < ROLLOUT_GUESTS_MAX; g++) {
		guests |= release->parts.guests[g][0] != 0 ? 1u << g : 0;
	}
	return is_told_alive(node) && memcmp(&node->told.parts, &release->parts, sizeof(release->parts)) == 0 &&
	       (node->told.ready & guests) == guests;
}

static bool is_told_assigned(const struct world *world, unsigned i, unsigned place)
{
	return world->nodes[i].is_told &&
	       memcmp(world->nodes[i].told.assigned, world->rollout.releases[place].id, ROLLOUT_HASH_BYTES) == 0;
}

static bool is_member(const struct world *world, unsigned i)
{
	return world->rollout.cells[i].state != CELL_SKIPPED;
}

/* --- who proved, who failed, who is on its way --- */

static void watch_target(struct judge *judge, unsigned i)
{
	const struct world *world = judge->world;
	const struct rollout_policy *policy = &world->rollout.policy;
	struct judged *own = &judge->nodes[i];
	const uint64_t clock = world->rollout.clock_ms;
	const bool is_good = is_told_on(world, i, 0) && (own->is_proven || is_told_assigned(world, i, 0));

	if (!own->is_ordered || own->has_failed || !is_member(world, i)) {
		return;
	}
	own->good_ms = !is_good ? 0 : own->good_ms == 0 ? clock : own->good_ms;
	own->amiss_ms = is_good ? 0 : own->amiss_ms == 0 ? clock : own->amiss_ms;
	if (world->nodes[i].is_told && world->nodes[i].told.trouble_index > own->trouble_before) {
		own->has_failed = true;
	} else if (!own->is_proven) {
		own->is_proven = is_good && clock - own->good_ms >= policy->healthy_ms;
		own->has_failed = !own->is_proven && clock - own->ordered_ms >= policy->healthy_deadline_ms;
		own->amiss_ms = 0;
	} else if (own->amiss_ms != 0 && clock - own->amiss_ms >= policy->healthy_deadline_ms) {
		own->has_failed = is_told_alive(&world->nodes[i]) || own->wave == judge->wave;
	}
}

static void watch_flight(struct judge *judge, unsigned i)
{
	const struct world *world = judge->world;
	struct judged *own = &judge->nodes[i];
	const bool is_there = is_told_on(world, i, own->flies_to) && is_told_assigned(world, i, own->flies_to);

	if (is_there || !is_member(world, i) || (own->flies_to == 0 && own->has_failed) ||
	    world->rollout.clock_ms - own->flies_ms >= world->rollout.policy.healthy_deadline_ms) {
		own->is_flying = false;
	}
}

static unsigned flying(const struct judge *judge)
{
	unsigned count = 0;

	for (unsigned i = 0; i < judge->world->count; i++) {
		count += judge->nodes[i].is_flying;
	}
	return count;
}

static void check_floor(const struct judge *judge, const struct rollout_decision *decision)
{
	const struct world *world = judge->world;
	unsigned members = 0;
	unsigned serving = 0;

	for (unsigned i = 0; i < world->count; i++) {
		const struct rollout_cell *cell = &world->rollout.cells[i];
		const bool is_left = cell->state == CELL_SKIPPED && cell->why == WHY_LEFT;
		const bool is_off = (cell->state == CELL_DEFERRED || cell->state == CELL_SKIPPED) &&
				    !is_told_alive(&world->nodes[i]);

		members += !is_left && !is_off;
		serving += !is_left && !judge->nodes[i].is_flying && is_told_serving(&world->nodes[i]);
	}
	const unsigned floor = members * world->rollout.policy.min_healthy_percent / 100;

	if (judge->nodes[decision->cell].is_flying || !is_told_serving(&world->nodes[decision->cell]) ||
	    decision->parts == 0 || serving > floor) {
		return;
	}
	if (!decision->is_waived || decision->kind != DECIDE_RETURN) {
		judge_fail(world, (int)decision->cell, "an order takes the healthy nodes below min_healthy");
	}
	if (flying(judge) != 0) {
		judge_fail(world, (int)decision->cell, "min_healthy is waived while another node is on its way");
	}
}

static void fly(struct judge *judge, const struct rollout_decision *decision)
{
	const struct world *world = judge->world;
	struct judged *own = &judge->nodes[decision->cell];

	own->is_flying = true;
	own->flies_to = decision->release;
	own->flies_ms = world->rollout.clock_ms;
	if (flying(judge) > world->rollout.policy.in_flight_most) {
		judge_fail(world, (int)decision->cell, "more in flight than allowed");
	}
}

/* By the truth: busy by an order of ours that is not too late. Who gets no news believes in the past. */
static void check_busy(const struct judge *judge)
{
	const struct world *world = judge->world;
	const struct rollout_policy *policy = &world->rollout.policy;
	unsigned busy = 0;

	for (unsigned i = 0; i < world->count && world->loss_percent == 0; i++) {
		const struct judged *own = &judge->nodes[i];

		busy += world->nodes[i].is_ours && is_member(world, i) && !(own->flies_to == 0 && own->has_failed) &&
			world->rollout.clock_ms - world->nodes[i].ours_ms < policy->healthy_deadline_ms;
	}
	if (busy > policy->in_flight_most) {
		judge_fail(world, -1, "more nodes restart by our orders than may be in flight");
	}
}

static unsigned failures(const struct judge *judge)
{
	unsigned failed = 0;

	for (unsigned i = 0; i < judge->world->count; i++) {
		failed += judge->nodes[i].has_failed && !judge->nodes[i].is_late && is_member(judge->world, i);
	}
	return failed;
}

/* --- decisions --- */

static void check_again(const struct judge *judge, const struct rollout_decision *decision)
{
	if (is_told_assigned(judge->world, decision->cell, decision->release)) {
		judge_fail(judge->world, (int)decision->cell, "an order is repeated that was carried out");
	}
}

static void see_assign(struct judge *judge, const struct rollout_decision *decision)
{
	const struct world *world = judge->world;
	const struct rollout *rollout = &world->rollout;
	struct judged *own = &judge->nodes[decision->cell];
	const bool is_late = decision->wave == ROLLOUT_WAVE_LATE;

	judge->assigns++;
	if (decision->is_again) {
		judge->agains++;
		check_again(judge, decision);
		return;
	}
	if (own->is_ordered || !is_told_alive(&world->nodes[decision->cell])) {
		judge_fail(world, (int)decision->cell, "ordered twice, or while it was off");
	}
	if (is_late ? rollout->state != ROLLOUT_DONE :
		      judge->has_stopped || rollout->state != ROLLOUT_RUNNING || decision->wave != judge->wave) {
		judge_fail(world, (int)decision->cell, "an order outside the wave that is open");
	}
	if (!is_late && (failures(judge) > rollout->policy.failure_most ||
			 (rollout->policy.failure_percent == 0 && failures(judge) > 0))) {
		judge_fail(world, (int)decision->cell, "an order although more failed than allowed");
	}
	if (!rollout->is_forced_on && !rollout_policy_is_open(&rollout->policy, world->wall_ms)) {
		judge_fail(world, (int)decision->cell, "an order outside the maintenance window");
	}
	check_floor(judge, decision);
	*own = (struct judged){.is_new = own->is_new,
			       .is_ordered = true,
			       .is_late = is_late,
			       .wave = decision->wave,
			       .ordered_ms = rollout->clock_ms,
			       .trouble_before = world->nodes[decision->cell].told.trouble_index};
	fly(judge, decision);
}

static void see_return(struct judge *judge, const struct rollout_decision *decision)
{
	const struct world *world = judge->world;
	const struct rollout *rollout = &world->rollout;
	struct judged *own = &judge->nodes[decision->cell];
	const struct rollout_release *stable = &world->releases[world->nodes[decision->cell].stable];

	judge->returns++;
	judge->waived += decision->is_waived;
	if (memcmp(rollout->releases[decision->release].id, stable->id, ROLLOUT_HASH_BYTES) != 0) {
		judge_fail(world, (int)decision->cell, "returned to another release than its stable one");
	}
	if (!own->is_ordered) {
		judge_fail(world, (int)decision->cell, "a node returns that was not given the release");
	}
	if (decision->is_again) {
		judge->agains++;
		check_again(judge, decision);
		return;
	}
	if (rollout->state != ROLLOUT_RETURNING && rollout->state != ROLLOUT_RETURNED &&
	    !(own->has_failed && rollout->policy.is_auto_return)) {
		judge_fail(world, (int)decision->cell, "a node returns that has not failed");
	}
	check_floor(judge, decision);
	if (own->is_flying || is_told_alive(&world->nodes[decision->cell])) {
		fly(judge, decision);
	}
}

static void check_gate(const struct judge *judge, unsigned wave)
{
	const struct world *world = judge->world;
	const struct rollout_policy *policy = &world->rollout.policy;
	unsigned of = 0;
	unsigned good = 0;
	unsigned failed = 0;
	unsigned of_all = 0;

	for (unsigned i = 0; i < world->count; i++) {
		const struct judged *own = &judge->nodes[i];

		if (own->is_ordered && !own->is_late && is_member(world, i)) {
			of_all++;
			of += own->wave == wave;
			failed += own->wave == wave && own->has_failed;
			good += own->wave == wave && own->is_proven && !own->has_failed && is_told_on(world, i, 0);
		}
	}
	if (good * 100 < of * policy->success_percent || failed * 100 > of * policy->failure_percent ||
	    failures(judge) > policy->failure_most || failures(judge) * 100 > of_all * policy->failure_percent) {
		judge_fail(world, -1, "a gate was passed that failed");
	}
}

static void see_wave(struct judge *judge, const struct rollout_decision *decision)
{
	const struct world *world = judge->world;
	const struct rollout_policy *policy = &world->rollout.policy;
	unsigned reached[ROLLOUT_RACKS_MAX] = {0};
	unsigned taken[ROLLOUT_RACKS_MAX] = {0};
	unsigned count = 0;

	if (decision->wave != judge->wave + 1 || judge->waves_passed != judge->wave || judge->has_stopped) {
		judge_fail(world, -1, "a wave begins and the one before did not pass its gate");
	}
	judge->wave = decision->wave;
	judge->waves++;
	for (unsigned i = 0; i < world->count; i++) {
		const struct rollout_cell *cell = &world->rollout.cells[i];

		reached[cell->rack] += is_member(world, i) && is_told_alive(&world->nodes[i]);
		taken[cell->rack] += cell->wave == decision->wave;
		count += cell->wave == decision->wave;
	}
	for (unsigned rack = 1; rack < ROLLOUT_RACKS_MAX && policy->is_spread; rack++) {
		if (taken[rack] > 1 && taken[rack] >= reached[rack]) {
			judge_fail(world, -1, "a rack goes whole in one wave");
		}
	}
	if (count != decision->count || count > rollout_policy_size(policy, decision->wave, decision->members)) {
		judge_fail(world, -1, "a wave is larger than planned, or not what was said");
	}
}

/* Whoever had it was assigned its stable release, before it is said to have returned. */
static void check_returned(const struct world *world)
{
	for (unsigned i = 0; i < world->count; i++) {
		const struct rollout_cell *cell = &world->rollout.cells[i];

		if (is_member(world, i) && cell->stable != 0 && cell->goal != cell->stable) {
			judge_fail(world, (int)i, "it returned, and a node was not");
		}
	}
}

static void see(struct judge *judge, const struct rollout_decision *decision)
{
	if (decision->why >= WHY_COUNT) {
		judge_fail(judge->world, -1, "a decision has no reason");
	}
	switch (decision->kind) {
	case DECIDE_ASSIGN:
		see_assign(judge, decision);
		break;
	case DECIDE_RETURN:
		see_return(judge, decision);
		break;
	case DECIDE_WAVE_BEGINS:
		see_wave(judge, decision);
		break;
	case DECIDE_WAVE_ENDS:
		check_gate(judge, decision->wave);
		judge->waves_passed = decision->wave;
		break;
	default:
		if (decision->state == ROLLOUT_RETURNED) {
			check_returned(judge->world);
		}
		judge->ends[decision->state]++;
		if (decision->state == ROLLOUT_DONE && judge->waves_passed != judge->wave) {
			judge_fail(judge->world, -1, "it is done behind a gate that was not passed");
		}
		break;
	}
}

/* Nobody failed, and nobody proved, but by what was told. */
static void check_verdicts(const struct judge *judge)
{
	for (unsigned i = 0; i < judge->world->count; i++) {
		const struct rollout_cell *cell = &judge->world->rollout.cells[i];
		const bool is_return = cell->failed_why == WHY_NOT_BACK || cell->failed_why == WHY_NOT_READY;

		if (is_member(judge->world, i) && ((cell->has_failed && !is_return && !judge->nodes[i].has_failed) ||
						   (cell->has_proved && !judge->nodes[i].is_proven))) {
			judge_fail(judge->world, (int)i, "a verdict without what it follows from");
		}
	}
}

/* Each state has reasons that it can have. */
static void check_reasons(const struct world *world)
{
	for (unsigned i = 0; i < world->rollout.count; i++) {
		const struct rollout_cell *cell = &world->rollout.cells[i];
		const unsigned why = cell->why;
		const bool is_right[CELL_STATE_COUNT] = {
			[CELL_WAITING] = why == WHY_TURN || why == WHY_WAVE,
			[CELL_SKIPPED] = why >= WHY_PERSON && why <= WHY_LATE_CLOSED,
			[CELL_DEFERRED] = why == WHY_OFF || why == WHY_NOT_BACK,
			[CELL_ORDERED] = why == WHY_ASSIGNED,
			[CELL_RESTARTING] = why == WHY_CHANGES,
			[CELL_PROVING] = why == WHY_PROVES,
			[CELL_HEALTHY] = why == WHY_PROVED,
			[CELL_FAILED] = why >= WHY_NOT_ASSIGNED && why <= WHY_NOT_BACK && why != WHY_BACK &&
					why != WHY_RETURNS,
			[CELL_RETURNING] = why == WHY_RETURNS,
			[CELL_RETURNED] = why == WHY_BACK,
		};
		if (!is_right[cell->state] ||
		    (why == WHY_TROUBLE && !cell->has_failed)) {
			judge_fail(world, (int)i, "a cell has a reason that is not one of its state");
		}
	}
}

static void check_end(const struct world *world)
{
	const unsigned why = world->rollout.why;
	const bool is_gate = (why >= WHY_FAILURES_WAVE && why <= WHY_EMPTY);
	const bool is_right[ROLLOUT_STATE_COUNT] = {
		[ROLLOUT_DONE] = why == WHY_ALL_DONE,
		[ROLLOUT_ABORTED] = why == WHY_PERSON,
		[ROLLOUT_FAILED] = is_gate,
		[ROLLOUT_RETURNING] = is_gate || why == WHY_PERSON,
		[ROLLOUT_RETURNED] = is_gate || why == WHY_PERSON,
	};
	const bool is_over = world->rollout.state >= ROLLOUT_RETURNING;

	if (is_over && !is_right[world->rollout.state]) {
		judge_fail(world, -1, "an end has a reason that is not one of its state");
	}
}

void judge_tick(struct judge *judge, const struct rollout_decisions *decisions, bool is_blind)
{
	const struct rollout *rollout = &judge->world->rollout;
	const char *broken = rollout_check(rollout);

	if (broken != NULL || decisions->count > ROLLOUT_DECISIONS_MAX || (is_blind && decisions->count > 0)) {
		judge_fail(judge->world, -1, broken != NULL ? broken : "decisions without a place");
	}
	check_reasons(judge->world);
	check_end(judge->world);
	for (unsigned i = 0; i < judge->world->count && !is_blind; i++) {
		watch_target(judge, i);
		watch_flight(judge, i);
	}
	check_verdicts(judge);
	check_busy(judge);
	for (unsigned i = 0; i < decisions->count; i++) {
		see(judge, &decisions->list[i]);
	}
	judge->has_stopped = judge->has_stopped || rollout->state >= ROLLOUT_RETURNING;
	judge->last_state = rollout->state;
}

const char *judge_rest(const struct judge *judge)
{
	const struct world *world = judge->world;
	const struct rollout *rollout = &world->rollout;

	for (unsigned i = 0; i < world->count; i++) {
		const struct rollout_cell *cell = &rollout->cells[i];
		const bool is_left = cell->state == CELL_SKIPPED && cell->why != WHY_ENDED;
		const unsigned stable = world->nodes[i].stable;

		if (is_left || cell->stable == 0 || (judge->nodes[i].is_new && !judge->nodes[i].is_ordered)) {
			continue;
		}
		if (rollout->state == ROLLOUT_RETURNED &&
		    (world->nodes[i].assigned != stable || !world_runs(world, i, stable))) {
			return "it returned, and a node that can be reached is not on its stable release";
		}
		if (rollout->state == ROLLOUT_DONE && cell->has_failed && rollout->policy.is_auto_return &&
		    (world->nodes[i].assigned != stable || !world_runs(world, i, stable))) {
			return "a node failed and is not on its stable release";
		}
		if (rollout->state == ROLLOUT_DONE && rollout->policy.min_healthy_percent == 0 &&
		    (cell->state == CELL_WAITING || cell->state == CELL_DEFERRED)) {
			return "a node that was off came back and was not given the release";
		}
	}
	return NULL;
}
