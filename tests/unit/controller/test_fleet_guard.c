/* SPDX-License-Identifier: Apache-2.0 */
/* Who may pretend what: takeovers of a silent node's name, replays, forged packets. */
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

	(void)state;
	machine_make(&real, 1, 0x1001);
	machine_run(&real);
	bed_pass(60000); /* its switch restarts */
	machine_make(&liar, 1, 0x1002);
	assert_int_equal(machine_says_hello(&liar), HELLO_APPROVED); /* as a power cycle looks */
	bed_pass(5000);
	assert_true(machine_beat(&real, WIRE_GUEST_RUNNING));
	assert_int_equal(bed_see(0x1001).shown, SHOWN_CLASH);
	assert_int_equal(bed_see(0x1002).shown, SHOWN_CLASH);
	assert_false(is_trusted(0x1002));
	assert_int_equal(machine_says_hello(&liar), HELLO_PENDING);
}

static void a_takeover_is_seen_when_memory_forgot_the_boot(void **state)
{
	struct machine real;
	struct machine liar;

	(void)state;
	machine_make(&real, 1, 0x1001);
	machine_run(&real);
	bed_pass(60000);
	/* More than one hello, the ghost's time, and a restart of the controller. */
	for (uint64_t boot = 0x1002; boot < 0x1020; boot++) {
		machine_make(&liar, 1, boot);
		machine_says_hello(&liar);
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

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	const struct seen before = bed_see(0x1001);
	bed_pass(60000);
	machine_make(&machine, 1, 0x1002);
	assert_int_equal(machine_says_hello(&machine), HELLO_APPROVED);
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

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	fleet_lock(bed.fleet);
	node_by_boot(bed.fleet, 0x1001)->link = strdup("peer");
	fleet_unlock(bed.fleet);
	machine_make(&machine, 1, 0x1002);
	machine_says_hello(&machine);
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

/* --- replays, keys --- */

static void an_ended_boots_hello_opens_nothing(void **state)
{
	struct machine machine;
	struct machine captured;
	struct hello_answer answer;
	struct fail why;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	captured = machine;
	bed_pass(30000);
	machine_make(&machine, 1, 0x1002);
	machine_says_hello(&machine);
	bed_pass(700000); /* no ghost any more */
	assert_false(machine_hello(&captured, &answer, &why));
	assert_int_equal(why.kind, FAIL_FORBIDDEN);
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE ended_ms IS NULL AND id = '0000000000001002'"), 1);
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE ended_ms IS NULL"), 1);
	/* The newest is the node's own, whatever its row says. */
	bed_settle();
	assert_true(bed_change("UPDATE boot SET ended_ms = started_ms + 1", &why));
	bed_restart(1000);
	assert_false(machine_hello(&captured, &answer, &why));
	assert_int_equal(machine_says_hello(&machine), HELLO_APPROVED);
}

static void a_wrong_key_is_counted(void **state)
{
	struct machine machine;
	struct machine liar;
	struct hello_answer answer;
	struct fail why;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	const int64_t events = bed_count("SELECT count(*) FROM event");

	liar = machine;
	liar.key++;
	for (unsigned i = 0; i < 5; i++) {
		assert_false(machine_hello(&liar, &answer, &why));
	}
	assert_int_equal(bed.fleet->keys_refused, 5);
	assert_int_equal(bed_count("SELECT count(*) FROM event"), events);
	assert_non_null(strstr(bed_see(0x1001).json, "\"problem\":null"));
}

static void a_serial_alone_claims_no_node(void **state)
{
	struct machine machine;
	struct machine other;
	char id[ID_BYTES];

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	memcpy(id, bed_see(0x1001).id, sizeof(id));
	bed_pass(30000);
	machine_make(&other, 1, 0x1002);
	other.is_other_mac = true;
	assert_int_equal(machine_says_hello(&other), HELLO_PENDING);
	const struct seen seen = bed_see(0x1002);

	assert_string_not_equal(seen.id, id);
	assert_non_null(strstr(seen.json, "with the serial or UUID of"));
	assert_non_null(strstr(seen.json, id));
	assert_true(is_trusted(0x1001));
	assert_true(node_is_junk("03000200-0400-0500-0006-000700080009"));
	assert_true(node_is_junk("ffffffff-ffff-ffff-ffff-ffffffffffff"));
}

static void a_decision_behind_a_restart_moves_the_evidence(void **state)
{
	struct machine old;
	struct machine fresh;
	struct fail why;
	char id[ID_BYTES];

	(void)state;
	machine_make(&old, 1, 0x1001);
	machine_run(&old);
	machine_make(&fresh, 1, 0x1002);
	machine_says_hello(&fresh);
	bed_pass(2000);
	assert_true(machine_beat(&old, WIRE_GUEST_RUNNING));
	assert_int_equal(bed_see(0x1002).shown, SHOWN_CLASH);
	memcpy(id, bed_see(0x1002).id, sizeof(id));
	bed_restart(1000);
	assert_true(fleet_admit(bed.fleet, id, ACT_APPROVE, 0, &bed_who, &why));
	machine_make(&fresh, 1, 0x1003);
	assert_int_equal(machine_says_hello(&fresh), HELLO_APPROVED);
	assert_string_equal(bed_see(0x1003).id, id);
	bed_restart(1000);
	machine_make(&fresh, 1, 0x1004);
	machine_says_hello(&fresh);
	assert_string_equal(bed_see(0x1004).id, id);
}

/* --- who may fetch --- */

static void a_forged_offer_lets_nobody_fetch(void **state)
{
	struct machine mine;
	struct machine stranger;
	struct fleet_sighting sighting;
	const uint8_t mac[6] = {0x52, 0x54, 0, 0, 0, 1};
	const struct fleet_step offer = {.kind = "offer", .detail = "10.77.0.250", .start_ms = clock_wall_ms()};
	struct in_addr forged;
	const struct in_addr own = {.s_addr = htonl(0x0a4d0000u + 101)};
	const struct in_addr strangers = {.s_addr = htonl(0x0a4d0000u + 102)};

	(void)state;
	assert_int_equal(inet_pton(AF_INET, "10.77.0.250", &forged), 1);
	machine_make(&mine, 1, 0x1001);
	machine_run(&mine);
	machine_make(&stranger, 2, 0x1002);
	machine_says_hello(&stranger);
	bed_sighting(&sighting, 1);
	fleet_see(bed.fleet, &sighting);
	fleet_step_by_mac(bed.fleet, mac, &offer);
	assert_false(fleet_may_fetch(bed.fleet, forged));
	assert_false(fleet_may_fetch(bed.fleet, strangers));
	assert_true(fleet_may_fetch(bed.fleet, own));
	bed_restart(1000); /* before its first beat, too */
	assert_true(fleet_may_fetch(bed.fleet, own));
	/* A datagram whose tag was right shows another. */
	fleet_lock(bed.fleet);
	node_by_boot(bed.fleet, 0x1001)->address = (struct sockaddr_in){.sin_port = 1, .sin_addr = forged};
	fleet_unlock(bed.fleet);
	assert_true(machine_beat(&mine, WIRE_GUEST_RUNNING));
	assert_true(fleet_may_fetch(bed.fleet, forged));
	assert_true(fleet_may_fetch(bed.fleet, own)); /* of its hello */
	/* A stranger that has the address now, by its own connection. */
	fleet_lock(bed.fleet);
	node_by_boot(bed.fleet, 0x1001)->address.sin_addr = strangers;
	fleet_unlock(bed.fleet);
	assert_true(machine_beat(&mine, WIRE_GUEST_RUNNING));
	assert_true(fleet_may_fetch(bed.fleet, strangers));
	machine_says_hello(&stranger);
	assert_false(fleet_may_fetch(bed.fleet, strangers));
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
		CASE(an_ended_boots_hello_opens_nothing),
		CASE(a_wrong_key_is_counted),
		CASE(a_serial_alone_claims_no_node),
		CASE(a_decision_behind_a_restart_moves_the_evidence),
		CASE(a_forged_offer_lets_nobody_fetch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
