/* SPDX-License-Identifier: Apache-2.0 */
/* Who may pretend what: takeovers of a silent node's name, replays, forged packets, floods. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/own.h"
#include "unit/controller/fleet_bed.h"

static bool is_trusted(uint64_t boot_id)
{
	fleet_lock(bed.fleet);
	const struct node *node = node_by_boot(bed.fleet, boot_id);
	const bool is = node != NULL && node_is_trusted(node);

	fleet_unlock(bed.fleet);
	return is;
}

/* As the link does it: a datagram of an unknown boot asks for its key, the next one is checked with that. */
static void beat_of_unknown(struct machine *machine)
{
	assert_false(machine_beat(machine, WIRE_GUEST_RUNNING));
	fleet_unknown_boot(bed.fleet, machine->boot_id);
	bed_settle();
	assert_true(machine_beat(machine, WIRE_GUEST_RUNNING));
	bed_settle();
}

/* --- takeovers --- */

static void a_takeover_behind_a_silence_is_a_clash(void **state)
{
	struct machine real;
	struct machine liar;
	struct hello_answer answer;
	struct fail why;

	(void)state;
	machine_make(&real, 1, 0x1001);
	machine_run(&real);
	bed_pass(60000); /* its switch restarts */
	machine_make(&liar, 1, 0x1002);
	assert_true(machine_hello(&liar, &answer, &why));
	assert_int_equal(answer.status, HELLO_APPROVED); /* as a power cycle looks */
	bed_pass(5000);
	assert_true(machine_beat(&real, WIRE_GUEST_RUNNING));
	assert_int_equal(bed_see(0x1001).shown, SHOWN_CLASH);
	assert_int_equal(bed_see(0x1002).shown, SHOWN_CLASH);
	assert_false(is_trusted(0x1002));
	assert_true(machine_hello(&liar, &answer, &why));
	assert_int_equal(answer.status, HELLO_PENDING);
}

static void a_takeover_is_seen_when_memory_forgot_the_boot(void **state)
{
	struct machine real;
	struct machine liar;
	struct hello_answer answer;
	struct fail why;

	(void)state;
	machine_make(&real, 1, 0x1001);
	machine_run(&real);
	bed_pass(60000);
	/* More than one hello, the ghost's time, and a restart of the controller. */
	for (uint64_t boot = 0x1002; boot < 0x1020; boot++) {
		machine_make(&liar, 1, boot);
		assert_true(machine_hello(&liar, &answer, &why));
		bed_pass(100);
	}
	bed_pass(700000);
	bed_restart(1000);
	fleet_unknown_boot(bed.fleet, 0x9999); /* nobody's */
	beat_of_unknown(&real);
	assert_int_equal(bed_see(0x1001).shown, SHOWN_CLASH);
	assert_int_equal(bed_see(liar.boot_id).shown, SHOWN_CLASH);
	assert_false(is_trusted(liar.boot_id));
	assert_int_equal(bed_count("SELECT count(*) FROM node"), 2);
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE id = '0000000000001001' AND ended_ms IS NULL"), 1);
}

static void a_power_cycle_keeps_the_approval(void **state)
{
	struct machine machine;
	struct hello_answer answer;
	struct fail why;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	const struct seen before = bed_see(0x1001);
	bed_pass(60000);
	machine_make(&machine, 1, 0x1002);
	assert_true(machine_hello(&machine, &answer, &why));
	assert_int_equal(answer.status, HELLO_APPROVED);
	for (unsigned i = 0; i < 5; i++) {
		bed_pass(1000);
		assert_true(machine_beat(&machine, WIRE_GUEST_RUNNING));
	}
	assert_string_equal(bed_see(0x1002).id, before.id);
	assert_true(is_trusted(0x1002));
	assert_int_equal(bed_count("SELECT count(*) FROM node"), 1);
	/* What ran, and how it ended, stays in its row. */
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE id = '0000000000001001' AND outcome = 'running' "
				   "AND ended_ms IS NOT NULL"),
			 1);
	assert_int_equal(bed_count("SELECT count(*) FROM boot"), 2);
}

static void the_links_part_ends_with_the_boot(void **state)
{
	struct machine machine;
	struct hello_answer answer;
	struct fail why;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	fleet_lock(bed.fleet);
	node_by_boot(bed.fleet, 0x1001)->link = strdup("peer");
	fleet_unlock(bed.fleet);
	machine_make(&machine, 1, 0x1002);
	assert_true(machine_hello(&machine, &answer, &why));
	assert_int_equal(bed.frees, 1);
	fleet_lock(bed.fleet);
	assert_null(node_by_boot(bed.fleet, 0x1001)->link);
	fleet_unlock(bed.fleet);
}

/* --- forged sightings --- */

static void a_sighting_ends_no_boot(void **state)
{
	struct machine machine;
	struct fleet_sighting sighting;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	bed_sighting(&sighting, 1);
	fleet_see(bed.fleet, &sighting);
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE length(key) = 32 AND ended_ms IS NULL"), 1);
	bed_restart(1000); /* its key is still known */
	assert_true(machine_beat(&machine, WIRE_GUEST_RUNNING));
	assert_int_equal(bed_see(0x1001).contact, CONTACT_ALIVE);
	fleet_see(bed.fleet, &sighting);
	assert_int_equal(bed_see(0x1001).shown, SHOWN_BOOTING);
	for (unsigned i = 0; i < 3; i++) {
		bed_pass(1000);
		assert_true(machine_beat(&machine, WIRE_GUEST_RUNNING));
	}
	assert_int_equal(bed_see(0x1001).shown, SHOWN_RUNNING); /* it was not its own */
	assert_int_equal(bed_count("SELECT count(*) FROM boot"), 1);
}

static void a_beat_opens_a_boot_that_was_marked_ended(void **state)
{
	struct machine machine;
	struct fail why;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	assert_true(bed_change("UPDATE boot SET ended_ms = 1", &why)); /* an earlier version's */
	bed_restart(1000);
	beat_of_unknown(&machine);
	assert_true(is_trusted(0x1001));
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE ended_ms IS NULL"), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, bed_make, bed_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_takeover_behind_a_silence_is_a_clash),
		CASE(a_takeover_is_seen_when_memory_forgot_the_boot),
		CASE(a_power_cycle_keeps_the_approval),
		CASE(the_links_part_ends_with_the_boot),
		CASE(a_sighting_ends_no_boot),
		CASE(a_beat_opens_a_boot_that_was_marked_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
