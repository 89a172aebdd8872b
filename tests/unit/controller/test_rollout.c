/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rollout's ways, one by one: who is ordered what and when, what counts as healthy and as failed, what becomes of
 * nodes that are off, and how nodes return. tests/model/model_rollout.c has the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/controller/rollout_bed.h"

static void canary_first_then_the_rest(void **state)
{
	(void)state;
	start(5);
	run_ms(200, 0);
	assert_int_equal(all.count, 2);
	assert_int_equal(all.list[0].kind, DECIDE_WAVE_BEGINS);
	assert_int_equal(all.list[0].members, 5);
	assert_int_equal(all.list[0].count, 1);
	assert_int_equal(all.list[1].kind, DECIDE_ASSIGN);
	be(0, &target);
	run_ms(100, 0);
	CELL_IS(0, PROVING);
	run_ms(300, 0);
	CELL_IS(0, PROVING);
	run_ms(300, 0);
	CELL_IS(0, HEALTHY);
	STATE_IS(SOAKING);
	run_ms(700, 0);
	STATE_IS(SOAKING);
	assert_int_equal(assigns, 1);
	run_ms(600, 5);
	assert_int_equal(assigns, 5);
	run_ms(3000, 5);
	ENDED_BY(DONE, ALL_DONE);
	assert_false(rollout.is_release_failed);
	assert_true(cells[0].took_ms >= 700 && cells[0].took_ms <= 1000);
}

static void smallest_thing_restarts(void **state)
{
	static const struct {
		unsigned core, service, guest, parts;
	} cases[] = {
		{1, 1, 2, 1}, {1, 2, 1, PART_SERVICE}, {1, 2, 2, PART_SERVICE | 1}, {2, 1, 1, PART_CORE},
		{2, 2, 2, PART_CORE}, {1, 1, 1, 0},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_release(&target, 9, cases[i].core, cases[i].service, cases[i].guest);
		start(1);
		run_ms(200, 1);
		assert_int_equal(all.list[1].kind, DECIDE_ASSIGN);
		assert_int_equal(all.list[1].parts, cases[i].parts);
		run_ms(3000, 1);
		STATE_IS(DONE);
	}
}

/* Its hostname is in its guest's initramfs, and so in the hash. */
static void a_node_has_values_of_its_own(void **state)
{
	struct rollout_release own_target = target;
	struct rollout_release own_stable = stable;

	(void)state;
	own_target.parts.guests[0][5] = 42;
	own_stable.parts.guests[0][5] = 42;
	policy.soak_ms = 60000;
	plan(1);
	facts[0].on_target = &own_target.parts;
	facts[0].on_stable = &own_stable.parts;
	be(0, &own_stable);
	say(COMMAND_START);
	run_ms(200, 0);
	be(0, &target); /* another's */
	run_ms(2000, 0);
	CELL_IS(0, ORDERED);
	be(0, &own_target);
	run_ms(2000, 0);
	CELL_IS(0, HEALTHY);
	say(COMMAND_RETURN);
	run_ms(200, 0);
	assert_int_equal(all.list[0].parts, 1);
	be(0, &own_stable);
	run_ms(200, 0);
	CELL_IS(0, RETURNED);
}

static void never_ready_returns_by_itself(void **state)
{
	(void)state;
	start(3);
	run_ms(200, 1);
	facts[0].ready = 1; /* of two */
	tell(0);
	run_ms(19000, 0);
	STATE_IS(RUNNING);
	CELL_IS(0, RESTARTING);
	run_ms(2000, 0);
	assert_int_equal(returns, 1);
	assert_int_equal(cells[0].failed_why, WHY_NOT_READY);
	assert_int_equal(all.list[0].parts, 1); /* back the same way: the guest alone */
	be(0, &stable);
	run_ms(11000, 0);
	ENDED_BY(RETURNED, FAILURES_WAVE);
	assert_true(rollout.is_release_failed);
	assert_int_equal(assigns, 1);
	CELL_IS(0, RETURNED);
	CELL_IS(1, SKIPPED);
	assert_int_equal(cells[1].why, WHY_ENDED);
}

static void trouble_counts_from_the_order_on(void **state)
{
	(void)state;
	plan(2);
	befall(0, TROUBLE_CRASH); /* the day before */
	say(COMMAND_START);
	run_ms(300, 2);
	CELL_IS(0, PROVING);
	befall(0, TROUBLE_LOOP);
	run_ms(200, 2);
	assert_int_equal(cells[0].failed_why, WHY_TROUBLE);
	assert_int_equal(cells[0].trouble, TROUBLE_LOOP);
	run_ms(200, 2);
	ENDED_BY(RETURNED, FAILURES_WAVE);
}

static void a_relapse_while_it_soaks_fails_the_gate(void **state)
{
	(void)state;
	policy.soak_ms = 60000;
	start(2);
	run_ms(5000, 2);
	STATE_IS(SOAKING);
	befall(0, TROUBLE_CRASH);
	run_ms(200, 2);
	assert_int_equal(rollout.end_why, WHY_FAILURES_WAVE);
	run_ms(11000, 2);
	ENDED_BY(RETURNED, FAILURES_WAVE);
}

static void without_auto_return_nodes_stay(void **state)
{
	(void)state;
	policy.is_auto_return = false;
	start(2);
	run_ms(300, 2);
	befall(0, TROUBLE_GUEST_FAILED);
	run_ms(30000, 2);
	ENDED_BY(FAILED, FAILURES_WAVE);
	assert_int_equal(returns, 0);
	CELL_IS(0, FAILED);
	say(COMMAND_RETURN); /* the red button is there all the same */
	run_ms(15000, 2);
	STATE_IS(RETURNED);
	CELL_IS(0, RETURNED);
}

static void a_failure_that_is_allowed_returns_alone(void **state)
{
	(void)state;
	policy.canary = 0;
	policy.failure_most = 1;
	policy.failure_percent = 50;
	policy.success_percent = 50;
	start(4);
	run_ms(300, 4);
	befall(2, TROUBLE_CRASH);
	run_ms(12000, 4);
	ENDED_BY(DONE, ALL_DONE);
	assert_int_equal(returns, 1);
	CELL_IS(2, RETURNED);
	CELL_IS(3, HEALTHY);
}

static void success_threshold_is_judged_at_the_gate(void **state)
{
	(void)state;
	policy.canary = 0;
	policy.failure_most = 9;
	policy.failure_percent = 100;
	policy.success_percent = 80;
	start(4);
	run_ms(300, 4);
	befall(2, TROUBLE_CRASH);
	run_ms(1500, 4);
	run_ms(15000, 4);
	ENDED_BY(RETURNED, SUCCESS_FEW);
	CELL_IS(3, RETURNED);
}

static void who_was_off_gets_it_later(void **state)
{
	(void)state;
	plan(3);
	silent(1, NODE_OFF);
	say(COMMAND_START);
	run_ms(6000, 3);
	ENDED_BY(DONE, ALL_DONE);
	CELL_IS(1, DEFERRED);
	assert_int_equal(assigns, 2);
	run_ms(50000, 3);
	be(1, &stable);
	run_ms(2000, 3);
	CELL_IS(1, HEALTHY);
	assert_int_equal(cells[1].wave, ROLLOUT_WAVE_LATE);
	assert_int_equal(ends, 1);
}

static void too_many_late_failures_close_it(void **state)
{
	(void)state;
	plan(5);
	for (unsigned i = 2; i < 5; i++) {
		silent(i, NODE_OFF);
	}
	say(COMMAND_START);
	run_ms(6000, 5);
	STATE_IS(DONE);
	be(2, &stable);
	run_ms(200, 5);
	befall(2, TROUBLE_CRASH);
	run_ms(12000, 5);
	CELL_IS(2, RETURNED);
	CELL_IS(3, SKIPPED);
	assert_int_equal(cells[3].why, WHY_LATE_CLOSED);
	STATE_IS(DONE);
	CELL_IS(0, HEALTHY);
}

static void nobody_there_is_no_failure_of_the_release(void **state)
{
	(void)state;
	plan(2);
	silent(0, NODE_OFF);
	silent(1, NODE_OFF);
	say(COMMAND_START);
	run_ms(39000, 2);
	STATE_IS(RUNNING);
	assert_int_equal(rollout.why, WHY_REACH);
	run_ms(3000, 2);
	ENDED_BY(FAILED, NOBODY);
	assert_false(rollout.is_release_failed);
}

static void min_healthy_holds_back(void **state)
{
	(void)state;
	policy.canary = 0;
	policy.min_healthy_percent = 75;
	start(4);
	run_ms(200, 0);
	assert_int_equal(assigns, 1); /* three of four serve on */
	be(0, &target);
	run_ms(700, 1);
	assert_int_equal(assigns, 2);
	silent(1, NODE_SILENT);
	silent(2, NODE_SILENT);
	run_ms(19000, 1);
	assert_int_equal(assigns, 2);
}

static void a_return_waits_for_min_healthy_and_then_goes_one_by_one(void **state)
{
	(void)state;
	policy.canary = 0;
	policy.min_healthy_percent = 60;
	policy.failure_most = 9;
	policy.failure_percent = 100;
	policy.soak_ms = 300000;
	start(5);
	run_ms(9000, 5);
	STATE_IS(SOAKING);
	sick(0);
	sick(1);
	say(COMMAND_RETURN);
	run_ms(100, 2);
	assert_int_equal(returns, 2); /* those two cost nothing, and get well no more */
	sick(0);
	sick(1);
	run_ms(30000, 0);
	assert_int_equal(returns, 2);
	CELL_IS(2, HEALTHY);
	run_ms(31000, 0);
	assert_int_equal(returns, 3);
	assert_true(all.list[0].is_waived);
	run_ms(4000, 0);
	assert_int_equal(returns, 3);
	be(2, &stable);
	run_ms(400, 0);
	assert_int_equal(returns, 4);
}

/* It proves itself, and so serves: taking it away again is an order of ours, too. */
static void min_healthy_holds_back_the_return_of_who_proves(void **state)
{
	(void)state;
	policy.canary = 0;
	policy.in_flight_most = 1;
	policy.min_healthy_percent = 40;
	policy.healthy_ms = 15000;
	start(3);
	run_ms(400, 3);
	CELL_IS(0, PROVING);
	sick(1);
	sick(2);
	say(COMMAND_RETURN);
	run_ms(5000, 3);
	assert_int_equal(returns, 0);
	be(1, &stable);
	run_ms(200, 3);
	assert_int_equal(returns, 1);
	assert_false(all.list[0].is_waived);
}

static void each_returns_to_its_own_stable(void **state)
{
	struct rollout_release other;
	struct fail fail;
	unsigned cell = 0;

	(void)state;
	make_release(&other, 5, 1, 1, 5);
	policy.canary = 0;
	policy.soak_ms = 60000;
	plan(1);
	assert_true(rollout_join(&rollout, "n-other", 0, &other, &cell, &fail));
	assert_true(rollout_join(&rollout, "n-none", 0, NULL, &cell, &fail));
	node_count = 3;
	be(1, &other);
	be(2, &other);
	say(COMMAND_START);
	run_ms(2000, 3);
	say(COMMAND_RETURN);
	run_ms(15000, 3);
	STATE_IS(RETURNED);
	assert_memory_equal(facts[0].assigned, stable.id, ROLLOUT_HASH_BYTES);
	assert_memory_equal(facts[1].assigned, other.id, ROLLOUT_HASH_BYTES);
	assert_memory_equal(facts[2].assigned, target.id, ROLLOUT_HASH_BYTES);
}

static void a_pending_restart_is_waited_for(void **state)
{
	(void)state;
	start(1);
	run_ms(200, 0);
	memcpy(facts[0].assigned, target.id, ROLLOUT_HASH_BYTES);
	tell(0); /* assigned, and nothing of it seen: it may be about to restart */
	say(COMMAND_RETURN);
	run_ms(200, 0);
	memcpy(facts[0].assigned, stable.id, ROLLOUT_HASH_BYTES);
	tell(0);
	run_ms(ROLLOUT_SETTLE_MS - 1000, 0);
	CELL_IS(0, RETURNING);
	STATE_IS(RETURNING);
	run_ms(1200, 0);
	CELL_IS(0, RETURNED);
	STATE_IS(RETURNED);
	facts[0].parts = target.parts; /* came up with what it had fetched */
	tell(0);
	run_ms(200, 1);
	assert_int_equal(returns, 2);
	run_ms(200, 1);
	CELL_IS(0, RETURNED);
}

static void a_hanging_node_is_pointed_back(void **state)
{
	(void)state;
	make_release(&target, 9, 2, 2, 2);
	start(2);
	run_ms(200, 1);
	silent(0, NODE_OFF); /* never seen again */
	run_ms(20000, 0);
	assert_int_equal(cells[0].failed_why, WHY_SILENT);
	run_ms(400, 0);
	assert_int_equal(returns, 1);
	CELL_IS(0, DEFERRED);
	memcpy(facts[0].assigned, stable.id, ROLLOUT_HASH_BYTES);
	tell(0);
	run_ms(400, 0);
	ENDED_BY(RETURNED, FAILURES_WAVE); /* nobody waits for it */
	be(0, &stable); /* somebody power-cycles it */
	run_ms(ROLLOUT_SETTLE_MS, 0);
	CELL_IS(0, RETURNED);
	assert_int_equal(returns, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, quick)
	const struct CMUnitTest tests[] = {
		TEST(canary_first_then_the_rest),
		TEST(smallest_thing_restarts),
		TEST(a_node_has_values_of_its_own),
		TEST(never_ready_returns_by_itself),
		TEST(trouble_counts_from_the_order_on),
		TEST(a_relapse_while_it_soaks_fails_the_gate),
		TEST(without_auto_return_nodes_stay),
		TEST(a_failure_that_is_allowed_returns_alone),
		TEST(success_threshold_is_judged_at_the_gate),
		TEST(who_was_off_gets_it_later),
		TEST(too_many_late_failures_close_it),
		TEST(nobody_there_is_no_failure_of_the_release),
		TEST(min_healthy_holds_back),
		TEST(a_return_waits_for_min_healthy_and_then_goes_one_by_one),
		TEST(min_healthy_holds_back_the_return_of_who_proves),
		TEST(each_returns_to_its_own_stable),
		TEST(a_pending_restart_is_waited_for),
		TEST(a_hanging_node_is_pointed_back),
	};

	return cmocka_run_group_tests_name("rollout", tests, NULL, NULL);
}
