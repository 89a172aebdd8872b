/* SPDX-License-Identifier: Apache-2.0 */
/* Identity: who is who, two that claim to be one, and rules that race for the last node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/own.h"
#include "unit/controller/fleet_bed.h"

/* --- clash --- */

struct pair {
	struct machine old, fresh;
	struct seen old_node, fresh_node;
};

/* A machine runs; another one with its MAC address and serial says hello; the first goes on beating. */
static void make_clash(struct pair *pair)
{

	machine_make(&pair->old, 1, 0x1001);
	machine_make(&pair->fresh, 1, 0x1002);
	machine_run(&pair->old);
	assert_int_equal(machine_says_hello(&pair->fresh), HELLO_APPROVED); /* as yet it is a reboot */
	assert_true(machine_beat(&pair->old, WIRE_GUEST_RUNNING)); /* was under way */
	bed_pass(500);
	assert_true(machine_beat(&pair->old, WIRE_GUEST_RUNNING));
	assert_int_equal(bed_count("SELECT count(*) FROM node"), 1);
	bed_pass(1500);
	assert_true(machine_beat(&pair->old, WIRE_GUEST_RUNNING));
	pair->old_node = bed_see(0x1001);
	pair->fresh_node = bed_see(0x1002);
	assert_true(pair->old_node.is_there && pair->fresh_node.is_there);
}

static bool is_trusted(uint64_t boot_id)
{
	fleet_lock(bed.fleet);
	const bool is = node_is_trusted(node_by_boot(bed.fleet, boot_id));

	fleet_unlock(bed.fleet);
	return is;
}

static void a_reboot_is_no_clash(void **state)
{
	struct machine machine;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	const struct seen before = bed_see(0x1001);
	for (uint64_t boot = 0x1002; boot < 0x1008; boot++) {
		machine_make(&machine, 1, boot);
		machine_run(&machine);
		assert_string_equal(bed_see(boot).id, before.id);
	}
	assert_int_equal(bed_count("SELECT count(*) FROM node"), 1);
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE ended_ms IS NULL"), 1);
}

static void two_live_boots_are_both_shown_and_not_trusted(void **state)
{
	struct pair pair;
	struct fail why;

	(void)state;
	make_clash(&pair);
	assert_string_not_equal(pair.old_node.id, pair.fresh_node.id);
	assert_string_equal(pair.old_node.clash, pair.fresh_node.id);
	assert_string_equal(pair.fresh_node.clash, pair.old_node.id);
	assert_int_equal(pair.old_node.shown, SHOWN_CLASH);
	assert_int_equal(pair.fresh_node.shown, SHOWN_CLASH);
	assert_false(is_trusted(0x1001));
	assert_false(is_trusted(0x1002));
	assert_int_equal(machine_says_hello(&pair.fresh), HELLO_PENDING);
	assert_int_equal(machine_says_hello(&pair.old), HELLO_PENDING);
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'node.clash'"), 1);
	/* A restart of the controller trusts neither. */
	bed_restart(100);
	assert_int_equal(bed_see(0x1001).shown, SHOWN_CLASH);
	assert_int_equal(bed_see(0x1002).shown, SHOWN_CLASH);
	assert_false(is_trusted(0x1001));
	assert_false(fleet_reboot(bed.fleet, pair.old_node.id, &bed_who, &why));
}

static void approving_one_decides(void **state)
{
	struct pair pair;
	struct fail why;
	struct machine next;

	(void)state;
	make_clash(&pair);
	assert_true(fleet_admit(bed.fleet, pair.fresh_node.id, ACT_APPROVE, 0, &bed_who, &why));
	assert_true(is_trusted(0x1002));
	assert_false(is_trusted(0x1001));
	assert_int_equal(bed_see(0x1001).shown, SHOWN_REJECTED);
	assert_int_equal(bed_count("SELECT count(*) FROM node WHERE clash <> ''"), 0);
	/* The evidence is the winner's from now on. */
	bed_pass(20000);
	machine_make(&next, 1, 0x1003);
	machine_says_hello(&next);
	assert_string_equal(bed_see(0x1003).id, pair.fresh_node.id);
	bed_restart(100);
	machine_make(&next, 1, 0x1004);
	bed_pass(20000);
	machine_says_hello(&next);
	assert_string_equal(bed_see(0x1004).id, pair.fresh_node.id);
	assert_int_equal(bed_count("SELECT count(*) FROM node"), 2);
}

static void rejecting_one_decides(void **state)
{
	struct pair pair;
	struct fail why;

	(void)state;
	make_clash(&pair);
	assert_true(fleet_admit(bed.fleet, pair.fresh_node.id, ACT_REJECT, 0, &bed_who, &why));
	assert_true(is_trusted(0x1001));
	assert_int_equal(bed_see(0x1002).shown, SHOWN_REJECTED);
	assert_true(machine_beat(&pair.old, WIRE_GUEST_RUNNING));
	assert_int_equal(bed_see(0x1001).admission, ADMISSION_APPROVED);
}

static void pending_ones_clash_by_their_hellos(void **state)
{
	struct machine a;
	struct machine b;

	(void)state;
	machine_make(&a, 1, 0x1001);
	machine_make(&b, 1, 0x1002);
	for (unsigned i = 0; i < 6; i++) {
		machine_says_hello(&a);
		bed_pass(300);
		machine_says_hello(&b);
		bed_pass(300);
	}
	assert_int_equal(bed_see(0x1001).shown, SHOWN_CLASH);
	assert_int_equal(bed_see(0x1002).shown, SHOWN_CLASH);
	assert_int_equal(bed_count("SELECT count(*) FROM node"), 2);
}

static void a_serial_that_all_boards_share_is_no_evidence(void **state)
{
	(void)state;
	assert_true(node_is_junk("0000000000000000"));
	assert_true(node_is_junk("To be filled by O.E.M."));
	assert_true(node_is_junk("00000000-0000-0000-0000-000000000000"));
	assert_true(node_is_junk("abc"));
	assert_false(node_is_junk("10000000a3b4c5d6"));
}

static void machines_without_a_serial_are_told_by_mac(void **state)
{
	struct machine machines[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		machine_make(&machines[i], i + 1, 0x1001 + i);
		machines[i].has_no_serial = true;
		machine_says_hello(&machines[i]);
	}
	assert_int_equal(bed_count("SELECT count(*) FROM node"), 3);
	assert_int_equal(bed_count("SELECT count(*) FROM mac"), 3);
}

/* --- many hellos at once --- */

enum { THREADS = 8, EACH = 12 };

static void *say_hello(void *argument)
{
	const unsigned first = *(unsigned *)argument;

	/* Every machine's hello comes from two threads at once, as when a node asks again while it is being stored. */
	for (unsigned i = 0; i < EACH; i++) {
		struct machine machine;

		machine_make(&machine, first + i, 0x5000 + first + i);
		machine_says_hello(&machine);
	}
	return NULL;
}

static void hellos_of_one_from_many_threads_make_one(void **state)
{
	pthread_t threads[THREADS];
	unsigned firsts[THREADS];

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		firsts[i] = i / 2 * EACH;
		assert_int_equal(pthread_create(&threads[i], NULL, say_hello, &firsts[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_int_equal(bed_count("SELECT count(*) FROM node"), THREADS / 2 * EACH);
	assert_int_equal(bed_count("SELECT count(*) FROM boot"), THREADS / 2 * EACH);
}

/* --- rules --- */

static void add_rule(struct fleet_rule *rule, unsigned count)
{
	struct fail why;

	rule->count = count;
	rule->ends_ms = clock_wall_ms() + 60000;
	assert_true(fleet_add_rule(bed.fleet, rule, &bed_who, &why));
}

static void a_rule_approves_what_it_matches(void **state)
{
	struct fleet_rule rule = {.serial = "SN-0000", .labels = "{\"by\":\"rule\"}"};
	struct machine machine;
	struct hello_answer answer;
	struct fail why;

	(void)state;
	machine_make(&machine, 3, 0x1003); /* waits already */
	machine_says_hello(&machine);
	add_rule(&rule, 2);
	assert_int_equal(bed_see(0x1003).admission, ADMISSION_APPROVED);
	machine_make(&machine, 1, 0x1001);
	machine.has_no_serial = true;
	assert_int_equal(machine_says_hello(&machine), HELLO_PENDING);
	machine_make(&machine, 2, 0x1002);
	assert_true(machine_hello(&machine, &answer, &why));
	assert_int_equal(answer.status, HELLO_APPROVED); /* with the first answer */
	assert_non_null(strstr(bed_see(0x1002).json, "\"by\":\"rule\""));
	machine_make(&machine, 4, 0x1004);
	assert_int_equal(machine_says_hello(&machine), HELLO_PENDING); /* used up */
	assert_int_equal(bed_count("SELECT left_count FROM rule"), 0);
	assert_int_equal(bed_count("SELECT rev FROM node WHERE serial = 'SN-000002-abc'"),
			 (int64_t)bed_see(0x1002).rev);
}

static void a_rule_ends(void **state)
{
	struct fleet_rule rule = {.network = ""};
	struct machine machine;
	struct fail why;

	(void)state;
	add_rule(&rule, 10);
	bed_pass(60100);
	machine_make(&machine, 1, 0x1001);
	assert_int_equal(machine_says_hello(&machine), HELLO_PENDING);
	rule.ends_ms = clock_wall_ms();
	assert_false(fleet_add_rule(bed.fleet, &rule, &bed_who, &why));
	assert_int_equal(why.kind, FAIL_INVALID);
	assert_false(fleet_drop_rule(bed.fleet, "r-0000000000", &bed_who, &why));
	assert_int_equal(why.kind, FAIL_NOT_FOUND);
}

static void the_last_of_a_rule_goes_to_one(void **state)
{
	struct fleet_rule rule = {.mac = "5254"};
	pthread_t threads[THREADS];
	unsigned firsts[THREADS];

	(void)state;
	add_rule(&rule, 7);
	for (unsigned i = 0; i < THREADS; i++) {
		firsts[i] = i * EACH;
		assert_int_equal(pthread_create(&threads[i], NULL, say_hello, &firsts[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_int_equal(bed_count("SELECT count(*) FROM node WHERE admission = 'approved'"), 7);
	assert_int_equal(bed_count("SELECT left_count FROM rule"), 0);
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'node.approved'"), 7);
	bed_restart(1);
	assert_int_equal(bed_count("SELECT count(*) FROM node WHERE admission = 'approved'"), 7);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, bed_make, bed_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_reboot_is_no_clash),
		CASE(two_live_boots_are_both_shown_and_not_trusted),
		CASE(approving_one_decides),
		CASE(rejecting_one_decides),
		CASE(pending_ones_clash_by_their_hellos),
		CASE(a_serial_that_all_boards_share_is_no_evidence),
		CASE(machines_without_a_serial_are_told_by_mac),
		CASE(hellos_of_one_from_many_threads_make_one),
		CASE(a_rule_approves_what_it_matches),
		CASE(a_rule_ends),
		CASE(the_last_of_a_rule_goes_to_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
