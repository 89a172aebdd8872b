/* SPDX-License-Identifier: Apache-2.0 */
/* A node's life in a fleet on a real store, under a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "unit/controller/fleet_bed.h"

static void says(const struct seen *seen, const char *key, const char *text)
{
	json_t *json = json_loads(seen->json, 0, NULL);
	const char *value = json_string_value(json_object_get(json, key));

	if (value == NULL || strstr(value, text) == NULL) {
		print_error("%s is \"%s\", not \"%s\"\n", key, value == NULL ? "(null)" : value, text);
		fail();
	}
	json_decref(json);
}

static void set_release(void)
{
	uint8_t manifest[32];
	struct fail fail;

	memset(manifest, 0xab, sizeof(manifest));
	assert_true(fleet_set_release(bed.fleet, manifest, &fail));
}

static void appears_is_approved_and_runs(void **state)
{
	struct machine machine;
	struct hello_answer answer;
	struct fail fail;

	(void)state;
	set_release();
	machine_make(&machine, 1, 0x1001);
	assert_true(machine_hello(&machine, &answer, &fail));
	assert_int_equal(answer.status, HELLO_PENDING);
	assert_int_equal(answer.udp_port, 7480);
	struct seen seen = bed_see(0x1001);

	assert_int_equal(seen.admission, ADMISSION_PENDING);
	says(&seen, "state", "pending");
	says(&seen, "serial", "SN-000001-abc");
	assert_int_equal(bed_count("SELECT count(*) FROM node WHERE admission = 'pending'"), 1);
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE length(key) = 32"), 1);
	assert_true(fleet_admit(bed.fleet, seen.id, ACT_APPROVE, seen.rev, &bed_who, &fail));
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'node.approved' AND actor = 'admin'"), 1);
	assert_int_equal(machine_says_hello(&machine), HELLO_APPROVED);
	assert_true(machine_beat(&machine, WIRE_GUEST_EMPTY));
	bed_settle();
	seen = bed_see(0x1001);
	says(&seen, "state", "booting");
	bed_pass(1000);
	assert_true(machine_beat(&machine, WIRE_GUEST_FETCHING));
	seen = bed_see(0x1001);
	says(&seen, "state", "booting");
	bed_pass(1000);
	assert_true(machine_beat(&machine, WIRE_GUEST_RUNNING));
	seen = bed_see(0x1001);
	says(&seen, "state", "running");
	says(&seen, "why", "All its guests run.");
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE outcome = 'running'"), 1);
	assert_true(bed.wakes > 0);
}

/* --- keys and restarts --- */

static void another_key_is_refused(void **state)
{
	struct machine machine;
	struct machine liar;
	struct hello_answer answer;
	struct fail why;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	liar = machine;
	liar.key++;
	assert_false(machine_hello(&liar, &answer, &why));
	assert_int_equal(why.kind, FAIL_FORBIDDEN);
	const struct seen seen = bed_see(0x1001);
	assert_int_equal(seen.shown, SHOWN_RUNNING);
	says(&seen, "why", "It runs"); /* anybody can send that: it says nothing of the node */
	says(&seen, "state", "running");
	/* Also when memory has forgotten the boot: the row decides. */
	bed_restart(1000);
	assert_false(machine_hello(&liar, &answer, &why));
	assert_int_equal(machine_says_hello(&machine), HELLO_APPROVED);
}

static void an_old_boot_keeps_its_key(void **state)
{
	struct machine machine;
	struct hello_answer answer;
	struct fail why;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	machine_make(&machine, 1, 0x1002);
	machine_says_hello(&machine);
	bed_pass(700000); /* the ghost is gone */
	machine.boot_id = 0x1001;
	machine.key = 99;
	assert_false(machine_hello(&machine, &answer, &why));
	assert_int_equal(why.kind, FAIL_FORBIDDEN);
	assert_int_equal(bed_count("SELECT count(*) FROM node"), 1);
}

static void a_restart_keeps_keys_and_waits(void **state)
{
	struct machine machine;

	(void)state;
	set_release();
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	bed_restart(3000);
	struct seen seen = bed_see(0x1001);
	assert_true(seen.is_there);
	assert_int_equal(seen.contact, CONTACT_NEVER);
	assert_int_equal(seen.shown, SHOWN_RUNNING);
	says(&seen, "why", "before the controller was started again");
	bed_pass(9000);
	seen = bed_see(0x1001);
	assert_int_equal(seen.contact, CONTACT_NEVER); /* grace */
	assert_true(machine_beat(&machine, WIRE_GUEST_RUNNING));
	seen = bed_see(0x1001);
	assert_int_equal(seen.contact, CONTACT_ALIVE);
	says(&seen, "why", "All its guests run.");
	bed_restart(3000);
	bed_pass(21000);
	seen = bed_see(0x1001);
	assert_int_equal(seen.contact, CONTACT_DOWN);
}

/* Generations never go back, and an unchanged wish is not a new one. */
static void wishes_survive_a_restart(void **state)
{
	struct machine machine;
	struct fail why;
	struct ack ack = {.boot_id = 0};

	(void)state;
	set_release();
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	const uint32_t generation = machine.beat.guests[0].generation;
	assert_true(generation > 0);
	struct seen seen = bed_see(0x1001);
	assert_true(fleet_restart_guests(bed.fleet, seen.id, &bed_who, &why));
	bed_restart(1000); /* before it was told */
	assert_true(machine_beat(&machine, WIRE_GUEST_RUNNING));
	bed_settle();
	fleet_lock(bed.fleet);
	node_wishes(node_by_boot(bed.fleet, 0x1001), &ack);
	fleet_unlock(bed.fleet);
	assert_true(ack.guests[0].generation > generation);
	assert_int_equal(ack.guests[0].restart_generation, 1);
	assert_true(machine_beat(&machine, WIRE_GUEST_RUNNING));
	bed_restart(1000);
	assert_true(machine_beat(&machine, WIRE_GUEST_RUNNING));
	bed_settle();
	fleet_lock(bed.fleet);
	node_wishes(node_by_boot(bed.fleet, 0x1001), &ack);
	fleet_unlock(bed.fleet);
	assert_int_equal(ack.guests[0].generation, 0); /* all of it is in force */
	assert_int_equal(ack.node.generation, 0);
}

/* The database was put back, or another controller was there before. */
static void a_higher_generation_is_topped(void **state)
{
	struct machine machine;
	struct ack ack;

	(void)state;
	set_release();
	machine_make(&machine, 1, 0x1001);
	machine.beat.node_generation = 70;
	machine.beat.guests[0] = (struct beat_guest){
		.state = WIRE_GUEST_RUNNING, .generation = 90, .restart_generation = 4};
	machine_run(&machine);
	assert_int_equal(machine.beat.guests[0].generation, 91);
	assert_int_equal(machine.beat.guests[0].restart_generation, 4);
	assert_int_equal(bed_count("SELECT generation FROM node"), 91);
	fleet_lock(bed.fleet);
	node_wishes(node_by_boot(bed.fleet, 0x1001), &ack);
	fleet_unlock(bed.fleet);
	assert_int_equal(ack.guests[0].generation, 0);
}

static void a_reboot_is_not_forgotten(void **state)
{
	struct machine machine;
	struct seen seen;
	struct fail why;
	struct ack ack = {.boot_id = 0};

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	seen = bed_see(0x1001);
	assert_true(fleet_reboot(bed.fleet, seen.id, &bed_who, &why));
	bed_restart(500);
	fleet_lock(bed.fleet);
	node_wishes(node_by_boot(bed.fleet, 0x1001), &ack);
	fleet_unlock(bed.fleet);
	assert_int_equal(ack.reboot_boot_id, 0x1001);
	machine_make(&machine, 1, 0x1002);
	machine_run(&machine);
	fleet_lock(bed.fleet);
	node_wishes(node_by_boot(bed.fleet, 0x1002), &ack);
	fleet_unlock(bed.fleet);
	assert_int_equal(ack.reboot_boot_id, 0);
}

/* --- wishes that are refused --- */

static void what_is_refused_says_why(void **state)
{
	struct machine machine;
	struct fail why;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_says_hello(&machine);
	const struct seen seen = bed_see(0x1001);
	assert_false(fleet_admit(bed.fleet, "n-0000000000", ACT_APPROVE, 0, &bed_who, &why));
	assert_int_equal(why.kind, FAIL_NOT_FOUND);
	assert_false(fleet_admit(bed.fleet, "'; DROP TABLE node", ACT_APPROVE, 0, &bed_who, &why));
	assert_int_equal(why.kind, FAIL_NOT_FOUND);
	assert_false(fleet_admit(bed.fleet, seen.id, ACT_RETIRE, 0, &bed_who, &why));
	assert_int_equal(why.kind, FAIL_CONFLICT);
	assert_non_null(strstr(why.text, "Reject it instead"));
	assert_false(fleet_admit(bed.fleet, seen.id, ACT_APPROVE, seen.rev + 1, &bed_who, &why));
	assert_int_equal(why.kind, FAIL_STALE);
	assert_false(fleet_reboot(bed.fleet, seen.id, &bed_who, &why));
	assert_int_equal(why.kind, FAIL_CONFLICT);
	assert_false(bed_rename(seen.id, "a b", 0, &why));
	assert_int_equal(why.kind, FAIL_INVALID);
	assert_false(bed_label(seen.id, "{\"a\":1}", 0, &why));
	assert_int_equal(why.kind, FAIL_INVALID);
	assert_false(fleet_set_interval(bed.fleet, 99, &bed_who, &why));
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE actor <> ''"), 0);
}

static void what_is_granted_is_durable(void **state)
{
	struct machine machine;
	struct fail why;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_says_hello(&machine);
	struct seen seen = bed_see(0x1001);
	assert_true(bed_rename(seen.id, "rack-1", seen.rev, &why));
	assert_true(bed_label(seen.id, "{\"zone\":\"a\",\"b\":\"1\"}", 0, &why));
	assert_true(bed_cordon(seen.id, true, 0, &why));
	assert_true(fleet_admit(bed.fleet, seen.id, ACT_APPROVE, 0, &bed_who, &why));
	assert_true(fleet_admit(bed.fleet, seen.id, ACT_RETIRE, 0, &bed_who, &why));
	const struct seen before = bed_see_id(seen.id);
	char json[4096];
	(void)strncpy(json, before.json, sizeof(json) - 1);
	const uint64_t rev = before.rev;
	bed_restart(1);
	seen = bed_see_id(seen.id);
	assert_int_equal(seen.rev, rev);
	assert_int_equal(seen.shown, SHOWN_RETIRED);
	says(&seen, "name", "rack-1");
	says(&seen, "hostname", "");
	says(&seen, "board", "linux,dummy-virt");
	assert_non_null(strstr(seen.json, "{\"b\":\"1\",\"zone\":\"a\"}"));
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE actor = 'admin' AND request = 'q-1'"), 5);
	assert_int_equal(bed_count("SELECT rev FROM node"), rev);
}

static void several_fields_are_one_change(void **state)
{
	struct machine machines[2];
	struct hello_answer answer;
	struct fail why;
	const bool on = true;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		machine_make(&machines[i], i + 1, 0x1001 + i);
		assert_true(machine_hello(&machines[i], &answer, &why));
	}
	const struct seen one = bed_see(0x1001);
	const struct fleet_edit edit = {.name = "gate", .labels = "{\"a\":\"1\"}", .cordoned = &on};
	assert_true(fleet_edit(bed.fleet, one.id, &edit, one.rev, &bed_who, &why));
	struct seen seen = bed_see_id(one.id);
	assert_int_equal(seen.rev, one.rev + 1);
	says(&seen, "name", "gate");
	assert_non_null(strstr(seen.json, "\"cordoned\":true"));
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE actor = 'admin'"), 3);
	assert_int_equal(bed_count("SELECT count(*) FROM node WHERE name = 'gate' AND cordoned AND labels <> '{}'"), 1);
	/* A field that cannot be leaves the others as they were: refused by memory, then by the statement alone. */
	const struct seen two = bed_see(0x1002);
	assert_false(fleet_edit(bed.fleet, two.id, &edit, 0, &bed_who, &why));
	assert_int_equal(why.kind, FAIL_CONFLICT);
	assert_true(bed_change("UPDATE node SET name = 'hidden' WHERE name = 'gate'", &why));
	const struct fleet_edit other = {.name = "hidden", .labels = "{\"a\":\"1\"}", .cordoned = &on};
	assert_false(fleet_edit(bed.fleet, two.id, &other, 0, &bed_who, &why));
	assert_int_equal(why.kind, FAIL_CONFLICT);
	seen = bed_see_id(two.id);
	assert_int_equal(seen.rev, two.rev);
	says(&seen, "name", "");
	assert_non_null(strstr(seen.json, "\"labels\":{}"));
	assert_non_null(strstr(seen.json, "\"cordoned\":false"));
	assert_int_equal(bed_count("SELECT count(*) FROM node WHERE cordoned"), 1);
	/* Nothing to change is no change. */
	const struct fleet_edit none = {.cordoned = &on};
	assert_true(fleet_edit(bed.fleet, one.id, &none, 0, &bed_who, &why));
	assert_int_equal(bed_see_id(one.id).rev, one.rev + 1);
}

static void a_retired_node_gives_its_guests_back(void **state)
{
	struct machine machine;
	struct fail why;
	struct ack ack = {.boot_id = 0};
	struct in_addr address = {.s_addr = htonl(0x0a4d0000u + 101)};

	(void)state;
	set_release();
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	assert_true(fleet_may_fetch(bed.fleet, address));
	const struct seen seen = bed_see(0x1001);
	assert_true(fleet_admit(bed.fleet, seen.id, ACT_RETIRE, 0, &bed_who, &why));
	fleet_lock(bed.fleet);
	struct node *node = node_by_boot(bed.fleet, 0x1001);
	assert_true(node_is_trusted(node));
	node_wishes(node, &ack);
	fleet_unlock(bed.fleet);
	assert_true(ack.guests[0].generation > 0);
	assert_int_equal(ack.guests[0].want, ACK_WANT_EMPTY);
	assert_false(fleet_may_fetch(bed.fleet, address));
}

/* --- contact --- */

static void flapping_is_shown(void **state)
{
	struct machine machine;
	struct seen seen;

	(void)state;
	set_release();
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	for (unsigned fall = 1; fall <= 3; fall++) {
		bed_pass(2600);
		assert_int_equal(bed_see(0x1001).shown, SHOWN_SUSPECT);
		bed_pass(6000);
		seen = bed_see(0x1001);
		assert_int_equal(seen.shown, SHOWN_DOWN);
		says(&seen, "why", "its guests may still run");
		const unsigned needed = 3u << (fall - 1);
		for (unsigned beat = 1; beat <= needed; beat++) {
			assert_int_equal(bed_see(0x1001).shown, SHOWN_DOWN);
			bed_pass(beat == 1 ? 0 : 1000);
			(void)machine_beat(&machine, WIRE_GUEST_RUNNING);
		}
		assert_int_equal(bed_see(0x1001).shown, SHOWN_RUNNING);
	}
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'node.down'"), 3);
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'node.back'"), 3);
}

static void many_lost_at_once_accuse_the_network(void **state)
{
	enum { COUNT = 8 };
	static struct machine machines[COUNT];

	(void)state;
	set_release();
	for (unsigned i = 0; i < COUNT; i++) {
		machine_make(&machines[i], i + 1, 0x2000 + i);
	}
	machines_run(machines, COUNT);
	machines_beat(machines, COUNT - 2, 4); /* two of eight: their own affair */
	struct seen seen = bed_see(0x2000 + COUNT - 1);
	assert_int_equal(seen.shown, SHOWN_SUSPECT);
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'system.mass-loss'"), 0);
	machines_beat(machines, COUNT, 12);
	assert_int_equal(bed_see(0x2000 + COUNT - 1).shown, SHOWN_RUNNING);
	machines_beat(machines, COUNT - 4, 4);
	seen = bed_see(0x2000 + COUNT - 1);
	says(&seen, "why", "controller's network");
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'system.mass-loss'"), 1);
	machines_beat(machines, COUNT, 60);
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'system.mass-loss-over'"), 1);
	assert_int_equal(bed_see(0x2000 + COUNT - 1).shown, SHOWN_RUNNING);
}

static void readings_are_kept(void **state)
{
	struct machine machine;
	struct text text = {.bytes = NULL};
	char ids[1][ID_BYTES];

	(void)state;
	set_release();
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	machines_beat(&machine, 1, 20);
	const struct seen seen = bed_see(0x1001);
	memcpy(ids[0], seen.id, sizeof(ids[0]));
	fleet_telemetry(bed.fleet, ids, 1, &text);
	json_t *root = json_loads(text.bytes, 0, NULL);
	json_t *node = json_object_get(json_object_get(root, "nodes"), seen.id);
	assert_true(json_number_value(json_object_get(json_object_get(node, "cpu"), "guest")) > 0.59);
	assert_int_equal(json_number_value(json_object_get(json_object_get(node, "net"), "rx_bps")), 8000);
	assert_int_equal(json_number_value(json_object_get(json_object_get(node, "memory"), "guest")), 512);
	assert_int_equal(json_number_value(json_object_get(json_object_get(node, "memory"), "core")), 7 + 4);
	assert_int_equal(json_number_value(json_object_get(json_object_get(node, "memory"), "free")), 100 + 11);
	assert_int_equal(json_number_value(json_object_get(json_object_get(node, "exits"), "smc")), 500);
	json_decref(root);
	text_reset(&text);
	assert_true(fleet_history(bed.fleet, seen.id, &text));
	root = json_loads(text.bytes, 0, NULL);
	json_t *guest = json_object_get(json_object_get(root, "cpu"), "guest");
	assert_true(json_array_size(guest) >= 20);
	assert_true(json_number_value(json_array_get(guest, json_array_size(guest) - 1)) > 0.59);
	json_decref(root);
	text_reset(&text);
	uint64_t rev;
	assert_true(fleet_show(bed.fleet, seen.id, true, &text, &rev));
	root = json_loads(text.bytes, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	assert_string_equal(json_string_value(json_object_get(json_object_get(root, "facts"), "core_version")),
			    "0.3.0");
	assert_string_equal(json_string_value(json_object_get(json_object_get(root, "facts"), "cpu")),
			    "Cortex-A72 r0p3");
	assert_true(json_is_object(json_object_get(root, "live")));
	assert_int_equal(json_array_size(json_object_get(root, "boots")), 1);
	assert_true(json_number_value(json_object_get(root, "uptime_s")) >= 20);
	json_decref(root);
	text_free(&text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, bed_make, bed_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(appears_is_approved_and_runs),
		CASE(another_key_is_refused),
		CASE(an_old_boot_keeps_its_key),
		CASE(a_restart_keeps_keys_and_waits),
		CASE(wishes_survive_a_restart),
		CASE(a_higher_generation_is_topped),
		CASE(a_reboot_is_not_forgotten),
		CASE(what_is_refused_says_why),
		CASE(what_is_granted_is_durable),
		CASE(several_fields_are_one_change),
		CASE(a_retired_node_gives_its_guests_back),
		CASE(flapping_is_shown),
		CASE(many_lost_at_once_accuse_the_network),
		CASE(readings_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
