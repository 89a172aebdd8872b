/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes at a rollout from outside: a controller that is killed, clocks, people's words, members that come and go,
 * news that are old, more than fits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/controller/rollout_bed.h"

static void killed_before_it_was_carried_out(void **state)
{
	(void)state;
	start(3);
	run_ms(200, 0); /* decided, stored, lost */
	assert_int_equal(assigns, 1);
	kill_controller();
	run_ms(3000, 0);
	assert_int_equal(assigns, 1); /* nothing is known yet */
	tell_all();
	run_ms(100, 0);
	assert_int_equal(agains, 1);
	assert_true(all.list[0].is_again);
	assert_int_equal(all.list[0].cell, 0);
	assert_int_equal(all.list[0].parts, 1);
	be(0, &target);
	run_ms(5000, 3);
	STATE_IS(DONE);
	assert_int_equal(assigns, 3);
	assert_int_equal(agains, 1);
}

static void killed_in_every_phase_repeats_nothing(void **state)
{
	(void)state;
	policy.wave_count = 1;
	policy.waves[0] = (struct rollout_wave){.count = 2};
	start(6);
	for (unsigned i = 0; i < 200 && !rollout_has_ended(&rollout); i++) {
		kill_controller();
		tell_all();
		run_ms(700 + 100 * (i % 3), 6);
	}
	ENDED_BY(DONE, ALL_DONE);
	assert_int_equal(assigns, 6);
	assert_int_equal(agains, 0);
}

static void time_without_the_controller_does_not_count(void **state)
{
	(void)state;
	start(1);
	run_ms(200, 0);
	for (unsigned i = 0; i < 3; i++) {
		now.mono_ms += 3600000; /* suspended: counts as one tick of five seconds */
		run_ms(100, 0);
	}
	STATE_IS(RUNNING);
	now.is_blind = true;
	run_ms(60000, 0);
	STATE_IS(RUNNING);
	now.is_blind = false;
	run_ms(6000, 1);
	assert_int_equal(cells[0].failed_why, WHY_NOT_ASSIGNED);
}

static void clock_is_stored_as_it_goes(void **state)
{
	(void)state;
	start(1);
	run_ms(200, 0);
	rollout.is_dirty = false;
	run_ms(5000, 0);
	assert_true(rollout.is_dirty);
}

static void pause_orders_nothing(void **state)
{
	(void)state;
	policy.canary = 0;
	policy.in_flight_most = 1;
	start(3);
	run_ms(200, 3);
	say(COMMAND_PAUSE);
	run_ms(5000, 3);
	assert_int_equal(assigns, 1);
	CELL_IS(0, HEALTHY); /* looked at all the same */
	befall(0, TROUBLE_CRASH);
	run_ms(5000, 3);
	assert_int_equal(returns, 0);
	STATE_IS(PAUSED);
	say(COMMAND_RESUME);
	run_ms(200, 3);
	assert_int_equal(returns, 1);
	run_ms(200, 3);
	ENDED_BY(RETURNED, FAILURES_WAVE);
	assert_int_equal(assigns, 1);
}

static void window_holds_back_and_force_opens(void **state)
{
	(void)state;
	policy.window_days = ROLLOUT_ALL_DAYS;
	policy.window_begin = 60;
	policy.window_minutes = 60;
	start(2);
	run_ms(90000, 2);
	assert_int_equal(assigns, 0);
	assert_int_equal(rollout.why, WHY_WINDOW);
	STATE_IS(RUNNING);
	now.wall_ms = 3600000;
	run_ms(200, 2);
	assert_int_equal(assigns, 1);
	now.wall_ms = 2 * 3600000;
	run_ms(5000, 2);
	assert_int_equal(assigns, 1);
	say(COMMAND_FORCE);
	run_ms(200, 2);
	assert_int_equal(assigns, 2);
}

static void force_ends_the_soak_and_passes_no_gate(void **state)
{
	(void)state;
	policy.soak_ms = 600000;
	start(2);
	run_ms(5000, 2);
	STATE_IS(SOAKING);
	facts[0].ready = 0;
	tell(0);
	say(COMMAND_FORCE);
	run_ms(1000, 2);
	STATE_IS(SOAKING);
	assert_int_equal(assigns, 1);
	facts[0].ready = 3;
	tell(0);
	run_ms(300, 2);
	assert_int_equal(assigns, 2);
}

static void skipped_and_aborted(void **state)
{
	struct fail fail;

	(void)state;
	start(3);
	run_ms(200, 0);
	assert_false(rollout_command(&rollout, COMMAND_SKIP, 0, &fail)); /* on its way */
	assert_int_equal(fail.kind, FAIL_CONFLICT);
	assert_non_null(strstr(fail.text, "n-0 is ordered"));
	assert_true(rollout_command(&rollout, COMMAND_SKIP, 1, &fail));
	assert_false(rollout_command(&rollout, COMMAND_SKIP, 7, &fail));
	assert_int_equal(fail.kind, FAIL_NOT_FOUND);
	say(COMMAND_ABORT);
	be(0, &target);
	run_ms(5000, 3);
	STATE_IS(ABORTED);
	assert_int_equal(rollout.why, WHY_PERSON);
	CELL_IS(0, HEALTHY); /* it goes on to be looked at, and stays */
	CELL_IS(1, SKIPPED);
	assert_int_equal(cells[1].why, WHY_PERSON);
	assert_int_equal(cells[2].why, WHY_ENDED);
	assert_int_equal(assigns, 1);
	assert_false(rollout_command(&rollout, COMMAND_RESUME, 0, &fail));
	assert_non_null(strstr(fail.text, "aborted"));
	assert_false(rollout.is_release_failed);
}

static void members_are_counted_at_each_wave(void **state)
{
	struct fail fail;
	unsigned cell = 0;

	(void)state;
	start(3);
	run_ms(300, 3);
	rollout_leave(&rollout, 2);
	assert_true(rollout_join(&rollout, "n-new", 0, &stable, &cell, &fail));
	assert_true(rollout_join(&rollout, "n-new2", 0, &stable, &cell, &fail));
	node_count = 5;
	be(3, &stable);
	be(4, &stable);
	run_ms(2000, 5);
	assert_int_equal(all.list[0].kind, DECIDE_WAVE_ENDS);
	assert_int_equal(all.list[1].kind, DECIDE_WAVE_BEGINS);
	assert_int_equal(all.list[1].members, 4);
	assert_int_equal(all.list[1].count, 3);
	assert_true(rollout_join(&rollout, "n-2", 0, &stable, &cell, &fail)); /* back again */
	assert_int_equal(cell, 2);
	be(2, &stable);
	run_ms(6000, 5);
	STATE_IS(DONE);
	assert_int_equal(assigns, 5);
	assert_int_equal(rollout.wave, 3);
	assert_false(rollout_join(&rollout, "much-too-long-a-name", 0, &stable, &cell, &fail));
}

static void a_failed_release_is_refused_until_forced(void **state)
{
	struct fail fail;

	(void)state;
	assert_false(rollout_init(&rollout, &policy, &target, true, cells, NODES, &fail));
	assert_int_equal(fail.kind, FAIL_CONFLICT);
	policy.is_forced = true;
	assert_true(rollout_init(&rollout, &policy, &target, true, cells, NODES, &fail));
	assert_false(rollout_command(&rollout, COMMAND_START, 0, &fail)); /* nobody is selected */
}

static void stable_releases_are_bounded(void **state)
{
	struct rollout_release other;
	struct fail fail;
	unsigned cell = 0;

	(void)state;
	plan(1);
	for (unsigned i = 2; i <= ROLLOUT_RELEASES_MAX; i++) {
		char name[ID_BYTES];

		(void)snprintf(name, sizeof(name), "n-s%u", i);
		make_release(&other, i + 20, 1, 1, i + 20);
		assert_int_equal(rollout_join(&rollout, name, 0, &other, &cell, &fail), i < ROLLOUT_RELEASES_MAX);
	}
	assert_int_equal(fail.kind, FAIL_LIMIT);
	assert_int_equal(rollout.count, ROLLOUT_RELEASES_MAX - 1);
	assert_true(rollout_join(&rollout, "n-same", 0, &target, &cell, &fail)); /* nothing to return to */
	assert_int_equal(cells[cell].stable, 0);
}

static void old_news_change_nothing(void **state)
{
	struct rollout_facts old;

	(void)state;
	start(1);
	old = facts[0];
	run_ms(100, 1);
	CELL_IS(0, ORDERED);
	rollout_feed(&rollout, 0, &old);
	rollout_feed(&rollout, 9, &old); /* of nobody */
	run_ms(100, 1);
	CELL_IS(0, PROVING);
}

static void decisions_are_bounded(void **state)
{
	(void)state;
	policy.canary = 0;
	policy.in_flight_most = NODES;
	decided_most = 0;
	start(NODES);
	run_ms(1000, NODES);
	assert_int_equal(assigns, NODES);
	assert_true(decided_most >= ROLLOUT_DECISIONS_MAX - 2 && decided_most <= ROLLOUT_DECISIONS_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, quick)
	const struct CMUnitTest tests[] = {
		TEST(killed_before_it_was_carried_out),
		TEST(killed_in_every_phase_repeats_nothing),
		TEST(time_without_the_controller_does_not_count),
		TEST(clock_is_stored_as_it_goes),
		TEST(pause_orders_nothing),
		TEST(window_holds_back_and_force_opens),
		TEST(force_ends_the_soak_and_passes_no_gate),
		TEST(skipped_and_aborted),
		TEST(members_are_counted_at_each_wave),
		TEST(a_failed_release_is_refused_until_forced),
		TEST(stable_releases_are_bounded),
		TEST(old_news_change_nothing),
		TEST(decisions_are_bounded),
	};

	return cmocka_run_group_tests_name("rollout from outside", tests, NULL, NULL);
}
