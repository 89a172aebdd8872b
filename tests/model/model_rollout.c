/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rollout engine against its promises, in random fleets with random policies and faults: never more in flight than
 * allowed, never a wave past a failed gate, min_healthy never undercut by an order of ours, it always ends and says
 * why, a controller that is killed repeats nothing that was done, and behind a return every node that can be reached
 * runs its stable release. N= is the number of ticks of all worlds together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/random.h"
#include "model/rollout_judge.h"
#include "rollout/plan.h"
#include "rollout/view.h"

static struct world world;
static struct judge judge;
static uint64_t steps_most, steps, worlds, kills;

static bool chance(unsigned of, unsigned in)
{
	return random_below(in) < of;
}

static void command(enum rollout_command word)
{
	struct fail fail;

	(void)rollout_command(&world.rollout, word, (unsigned)random_below(world.count + 1), &fail);
}

static void people(void)
{
	if (chance(1, 150)) {
		command(chance(1, 2) ? COMMAND_SKIP : COMMAND_PAUSE);
	}
	if (world.rollout.state == ROLLOUT_PAUSED && chance(1, 20)) {
		command(COMMAND_RESUME);
	}
	if (chance(1, 1500)) {
		command(chance(1, 2) ? COMMAND_ABORT : COMMAND_RETURN);
	}
	if (world.fault_rate > 0 && chance(1, 400)) {
		world_disaster(&world);
	}
	if (chance(1, 600)) {
		command(COMMAND_FORCE);
	}
	if (chance(1, 600)) {
		rollout_leave(&world.rollout, (unsigned)random_below(world.count));
	}
	if (chance(1, 150)) {
		const unsigned node = world_join(&world);

		if (node < world.count) {
			judge_join(&judge, node);
		}
	}
	if ((world.rollout.state == ROLLOUT_ABORTED || world.rollout.state == ROLLOUT_FAILED) && chance(1, 10)) {
		command(COMMAND_RETURN);
	}
}

static void killed(void)
{
	kills++;
	world_restart(&world);
	judge_restart(&judge);
	world_tell(&world, true);
}

static void view_is_sane(void)
{
	struct rollout_view view;
	unsigned sum = 0;

	rollout_view(&world.rollout, 0, &view);
	for (unsigned i = 0; i < CELL_STATE_COUNT; i++) {
		sum += view.states[i];
	}
	assert_int_equal(sum, world.rollout.count);
	assert_true(view.median_ms <= view.longest_ms);
}

static void step(void)
{
	static struct rollout_decisions decisions;
	const uint64_t passed_ms = chance(1, 200) ? random_below(60000) : 1 + random_below(world.is_calm ? 3000 : 1500);
	struct rollout_time now;

	steps++;
	world_pass(&world, passed_ms);
	world_tell(&world, false);
	now = (struct rollout_time){world.now_ms, world.wall_ms, !world.is_calm && chance(1, 100)};
	rollout_tick(&world.rollout, &now, &decisions);
	if (!world.is_calm && chance(1, 200)) {
		killed(); /* before anything was stored: it did not happen */
		return;
	}
	judge_tick(&judge, &decisions, now.is_blind);
	world_store(&world);
	if (chance(1, 10) && !world_is_stored(&world)) {
		judge_fail(&world, -1, "something changed that was not said to be dirty");
	}
	if (!world.is_calm && chance(1, 200)) {
		killed(); /* before anything was carried out */
		return;
	}
	for (unsigned i = 0; i < decisions.count; i++) {
		if (decisions.list[i].kind == DECIDE_ASSIGN || decisions.list[i].kind == DECIDE_RETURN) {
			world_take(&world, &decisions.list[i]);
		}
	}
	if (chance(1, 50)) {
		view_is_sane();
	}
}

/* Time that it may take at most, once nobody disturbs it any more. */
static uint64_t bound_ms(void)
{
	const struct rollout_policy *policy = &world.rollout.policy;

	return (uint64_t)(world.count + ROLLOUT_WAVES_MAX + 4) *
	       (policy->progress_deadline_ms + policy->soak_ms + 5000) * 2;
}

static void calm_down(void)
{
	world.is_calm = true;
	world.loss_percent = 0;
	command(COMMAND_RESUME);
	world_tell(&world, true);
}

static void until_it_ends(void)
{
	const uint64_t begun = world.rollout.clock_ms;

	while (!rollout_has_ended(&world.rollout)) {
		if (world.rollout.why == WHY_WINDOW) {
			world.wall_ms += 900000;
		} else if (world.rollout.clock_ms - begun > bound_ms()) {
			judge_fail(&world, -1, "it does not end");
		}
		step();
	}
}

static void until_it_rests(void)
{
	const uint64_t begun = world.rollout.clock_ms;

	world_power_all(&world);
	world_tell(&world, true);
	while (judge_rest(&judge) != NULL || world.order_count > 0) {
		if (world.rollout.clock_ms - begun > bound_ms()) {
			judge_fail(&world, -1, judge_rest(&judge));
		}
		if (!rollout_policy_is_open(&world.rollout.policy, world.wall_ms)) {
			world.wall_ms += 900000;
		}
		step();
		if (chance(1, 100)) {
			world_power_all(&world); /* who hangs waits for that */
		}
	}
}

static void plan_is_what_happens_first(void)
{
	static struct rollout_cell scratch[WORLD_NODES];
	struct rollout_plan plan;
	unsigned sum = 0;

	rollout_plan(&world.rollout, scratch, &plan);
	for (unsigned i = 0; i < plan.wave_count; i++) {
		sum += plan.waves[i].nodes;
	}
	assert_int_equal(sum + plan.deferred + plan.skipped, world.count);
}

static void one_world(void)
{
	unsigned disturbed = (unsigned)random_below(600);
	struct fail fail;

	worlds++;
	world_make(&world);
	judge_begin(&judge, &world);
	plan_is_what_happens_first();
	assert_true(rollout_command(&world.rollout, COMMAND_START, 0, &fail));
	world_store(&world);
	for (; disturbed > 0; disturbed--) {
		people();
		step();
		if (rollout_has_ended(&world.rollout) && disturbed > 30) {
			disturbed = 30;
		}
	}
	calm_down();
	until_it_ends();
	until_it_rests();
}

static void promises_hold(void **state)
{
	(void)state;
	memset(&judge, 0, sizeof(judge));
	while (steps < steps_most) {
		one_world();
	}
	print_message(
		"# %u worlds, %u ticks, %u kills: %u orders, %u returns (%u with min_healthy waived), %u repeated; "
		"%u waves; ended done %u, failed %u, returned %u\n",
		(unsigned)worlds, (unsigned)steps, (unsigned)kills, judge.assigns, judge.returns, judge.waived,
		judge.agains, judge.waves, judge.ends[ROLLOUT_DONE], judge.ends[ROLLOUT_FAILED],
		judge.ends[ROLLOUT_RETURNED]);
	if (steps_most >= 100000) { /* else a run may have missed some */
		assert_true(judge.agains > 0 && judge.ends[ROLLOUT_DONE] > 0 && judge.ends[ROLLOUT_FAILED] > 0 &&
			    judge.ends[ROLLOUT_RETURNED] > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(promises_hold)};

	steps_most = random_init("model_rollout", 100000);
	return cmocka_run_group_tests_name("rollout model", tests, NULL, NULL);
}
