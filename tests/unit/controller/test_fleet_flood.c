/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds: floods of strangers, and many at once. */
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

static bool is_trusted(uint64_t boot_id)
{
	fleet_lock(bed.fleet);
	const struct node *node = node_by_boot(bed.fleet, boot_id);
	const bool is = node != NULL && node_is_trusted(node);

	fleet_unlock(bed.fleet);
	return is;
}

/* --- floods --- */

static void events_are_bounded(void **state)
{
	struct fail why;

	(void)state;
	assert_true(bed_change("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 102000) "
			       "INSERT INTO event (idx, at_ms, kind, text) SELECT i, 0, 'old', '' FROM n",
			       &why));
	assert_true(bed_change("UPDATE event SET kind = 'deed', actor = 'admin' WHERE idx IN (1, 7, 1900)", &why));
	for (unsigned i = 0; i < FLEET_EVENTS_TURN + 10; i++) {
		fleet_tell(bed.fleet, "new", "", NULL, "It happened.");
	}
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'new'"), FLEET_EVENTS_TURN + 10);
	assert_true(bed_count("SELECT count(*) FROM event") <= FLEET_EVENTS_KEPT + FLEET_EVENTS_TURN);
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE idx <= 2000 AND kind <> 'deed'"), 0);
	/* Who approved what is not pushed out by strangers. */
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'deed'"), 3);
}

static void deeds_are_bounded_too(void **state)
{
	struct fail why;

	(void)state;
	assert_true(bed_change("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 102000) "
			       "INSERT INTO event (idx, at_ms, kind, actor, text) "
			       "SELECT i, 0, 'old', 'admin', '' FROM n",
			       &why));
	for (unsigned i = 0; i < 2 * FLEET_EVENTS_TURN; i++) {
		fleet_tell(bed.fleet, "new", "", NULL, "It happened.");
	}
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'old'"), FLEET_DEEDS_KEPT);
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE idx <= 2000"), 0);
}

static void strangers_are_bounded(void **state)
{
	struct machine mine;
	struct machine waiting;
	struct machine stranger;
	struct hello_answer answer;
	struct fail why;

	(void)state;
	machine_make(&mine, 1, 0x1001);
	machine_run(&mine);
	machine_make(&waiting, 2, 0x1002);
	for (unsigned i = 0; i < FLEET_STRANGERS_MAX + 100; i++) {
		machine_make(&stranger, 100 + i, 0x10000 + i);
		assert_true(machine_hello(&stranger, &answer, &why));
		if (i % 100 == 0) {
			bed_pass(500);
			assert_true(machine_hello(&waiting, &answer, &why)); /* as it does every few seconds */
		}
	}
	assert_int_equal(bed_count("SELECT count(*) FROM node WHERE admission = 'pending'"), FLEET_STRANGERS_MAX);
	assert_int_equal(bed.fleet->count, FLEET_STRANGERS_MAX + 1);
	assert_int_equal(bed.fleet->leaving, 0);
	assert_true(bed_see(0x1002).is_there);
	assert_false(bed_see(0x10000).is_there); /* the oldest that fell silent */
	assert_true(bed_see(stranger.boot_id).is_there);
	assert_true(is_trusted(0x1001));
	/* What is gone may come again. */
	bed_pass(1000);
	machine_make(&stranger, 100, 0x10000);
	assert_true(machine_hello(&stranger, &answer, &why));
	bed_restart(1000);
	assert_int_equal(bed.fleet->count, FLEET_STRANGERS_MAX + 1);
}

static void a_clash_without_room_takes_the_trust(void **state)
{
	struct machine real;
	struct machine liar;
	struct hello_answer answer;
	struct fail why;
	char id[ID_BYTES];

	(void)state;
	machine_make(&real, 1, 0x1001);
	machine_run(&real);
	memcpy(id, bed_see(0x1001).id, sizeof(id));
	fleet_lock(bed.fleet);
	while (bed.fleet->count < FLEET_NODES_MAX) {
		char other[ID_BYTES];

		id_make('n', other);
		struct node *node = node_new(bed.fleet, other);

		assert_non_null(node);
		node->rev = 0; /* in memory alone */
	}
	fleet_unlock(bed.fleet);
	bed_pass(20000);
	machine_make(&liar, 1, 0x1002);
	assert_true(machine_hello(&liar, &answer, &why));
	bed_pass(2000);
	assert_true(machine_beat(&real, WIRE_GUEST_RUNNING));
	assert_int_equal(bed_see_id(id).shown, SHOWN_CLASH);
	assert_false(is_trusted(0x1002));
	bed_restart(1000);
	assert_int_equal(bed_see_id(id).shown, SHOWN_CLASH);
	assert_true(fleet_admit(bed.fleet, id, ACT_APPROVE, 0, &bed_who, &why));
	assert_true(is_trusted(0x1002));
}

static void floods_are_slowed(void **state)
{
	struct fleet_sighting sighting;
	struct machine mine;
	struct machine stranger;
	struct hello_answer answer;
	struct fail why;
	unsigned taken = 0;

	(void)state;
	machine_make(&mine, 1, 0x1001);
	machine_run(&mine);
	for (unsigned i = 0; i < 1000; i++) {
		bed_sighting(&sighting, 100 + i);
		(void)snprintf(sighting.circuit, sizeof(sighting.circuit), "port %u", i);
		fleet_see(bed.fleet, &sighting);
	}
	assert_int_equal(bed_count("SELECT count(*) FROM node WHERE admission = 'discovered'"), FLOW_BURST);
	for (unsigned i = 0; i < 1000; i++) {
		machine_make(&stranger, 2000 + i, 0x10000 + i);
		taken += machine_hello(&stranger, &answer, &why);
	}
	assert_int_equal(taken, FLOW_BURST);
	assert_int_equal(why.kind, FAIL_LIMIT);
	machine_make(&mine, 1, 0x1002); /* ours goes on */
	assert_true(machine_hello(&mine, &answer, &why));
	assert_int_equal(answer.status, HELLO_APPROVED);
	bed_pass(1000);
	for (unsigned i = 0; i < 1000; i++) {
		bed_sighting(&sighting, 5000 + i);
		(void)snprintf(sighting.circuit, sizeof(sighting.circuit), "port %u", i);
		fleet_see(bed.fleet, &sighting);
	}
	assert_int_equal(bed_count("SELECT count(*) FROM node WHERE admission = 'discovered'"),
			 FLOW_BURST + FLOW_A_SECOND);
}

/* Made-up nodes from one address, as many as it can. What a full table does is above. */
static void flood(unsigned *number, uint64_t ms)
{
	struct machine liar;
	struct hello_answer answer;
	struct fail why;

	for (uint64_t passed = 0; passed < ms; passed += 100) {
		for (unsigned i = 0; i < 60; i++) {
			*number += 1;
			machine_make(&liar, *number, UINT64_C(0x100000) + *number);
			liar.from = 0x0a4d00c8;
			(void)machine_hello(&liar, &answer, &why);
		}
		bed_pass(100);
	}
}

static void a_flood_keeps_nobody_out(void **state)
{
	struct machine fresh;
	struct hello_answer answer;
	struct fail why;
	unsigned number = 1000;

	(void)state;
	flood(&number, 3000);
	/* New ones get in at their first hello each, however the flood goes on. */
	for (unsigned i = 1; i <= 5; i++) {
		flood(&number, 200);
		machine_make(&fresh, i, 0x1000 + i);
		assert_true(machine_hello(&fresh, &answer, &why));
		assert_true(bed_see(0x1000 + i).is_there);
	}
	/* Sightings: by the port that they come in at. */
	struct fleet_sighting sighting;
	for (unsigned i = 0; i < 1000; i++) {
		bed_sighting(&sighting, 20000 + i);
		(void)snprintf(sighting.circuit, sizeof(sighting.circuit), "port 7");
		fleet_see(bed.fleet, &sighting);
	}
	bed_sighting(&sighting, 7);
	(void)snprintf(sighting.circuit, sizeof(sighting.circuit), "port 8");
	fleet_see(bed.fleet, &sighting);
	assert_true(fleet_knows(bed.fleet, sighting.mac));
}

static void a_strangers_crash_record_is_not_kept(void **state)
{
	struct machine machine;
	struct hello_answer answer;
	struct fail why;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine.has_crash = true;
	for (unsigned i = 0; i < 3; i++) {
		assert_true(machine_hello(&machine, &answer, &why));
		assert_false(answer.is_crash_taken);
	}
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'node.hello'"), 1);
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE crash IS NOT NULL"), 0);
	assert_true(fleet_admit(bed.fleet, bed_see(0x1001).id, ACT_APPROVE, 0, &bed_who, &why));
	assert_true(machine_hello(&machine, &answer, &why));
	assert_true(answer.is_crash_taken);
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE crash IS NOT NULL"), 1);
}

/* A store that takes nothing: the disk is full, say. */
static void a_sighting_that_was_not_stored_is_forgotten(void **state)
{
	struct fleet_sighting sighting;
	struct fail why;

	(void)state;
	assert_true(bed_change("ALTER TABLE mac RENAME TO mac_away", &why));
	bed_sighting(&sighting, 1);
	fleet_see(bed.fleet, &sighting);
	bed_settle();
	assert_int_equal(bed.fleet->count, 0);
	assert_true(bed_change("ALTER TABLE mac_away RENAME TO mac", &why));
	fleet_see(bed.fleet, &sighting);
	assert_int_equal(bed_count("SELECT count(*) FROM mac"), 1);
	assert_int_equal(bed.fleet->count, 1);
}

/* --- at once --- */

struct renaming {
	char id[ID_BYTES];
	bool is_done;
};

static void *rename_it(void *argument)
{
	struct renaming *renaming = argument;
	struct fail why;

	renaming->is_done = bed_rename(renaming->id, "gate", 0, &why);
	return NULL;
}

static void one_name_goes_to_one(void **state)
{
	enum { THREADS = 8 };
	struct renaming renamings[THREADS];
	pthread_t threads[THREADS];
	struct machine machine;
	struct hello_answer answer;
	struct fail why;
	unsigned done = 0;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		machine_make(&machine, i + 1, 0x1001 + i);
		assert_true(machine_hello(&machine, &answer, &why));
		memcpy(renamings[i].id, bed_see(0x1001 + i).id, sizeof(renamings[i].id));
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, rename_it, &renamings[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		done += renamings[i].is_done;
	}
	assert_int_equal(done, 1);
	assert_int_equal(bed_count("SELECT count(*) FROM node WHERE name = 'gate'"), 1);
	/* What memory lets through, the statement still refuses. */
	assert_true(bed_change("UPDATE node SET name = 'hidden' WHERE name = 'gate'", &why));
	assert_false(bed_rename(renamings[0].id, "hidden", 0, &why) &&
		     bed_rename(renamings[1].id, "hidden", 0, &why));
	assert_int_equal(why.kind, FAIL_CONFLICT);
}

static void *add_rule(void *argument)
{
	struct fleet_rule rule = {.count = 1, .ends_ms = clock_wall_ms() + 3600000};
	struct fail why;

	*(bool *)argument = fleet_add_rule(bed.fleet, &rule, &bed_who, &why);
	return NULL;
}

/* What is granted is in force: none is in the database alone. */
static void the_last_room_for_a_rule_goes_to_one(void **state)
{
	enum { THREADS = 8 };
	pthread_t threads[THREADS];
	bool has[THREADS];
	unsigned added = 0;

	(void)state;
	for (unsigned i = 0; i < FLEET_RULES_MAX - 1; i++) {
		(void)add_rule(&has[0]);
		assert_true(has[0]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, add_rule, &has[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		added += has[i];
	}
	assert_int_equal(added, 1);
	assert_int_equal(bed_count("SELECT count(*) FROM rule"), FLEET_RULES_MAX);
	assert_int_equal(bed.fleet->rule_count, FLEET_RULES_MAX);
	assert_int_equal(bed.fleet->rules_coming, 0);
}

static bool drop_it(struct sql *sql, void *argument, struct fail *fail)
{
	return place_work(sql, argument, fail);
}

static void who_was_approved_meanwhile_keeps_its_place(void **state)
{
	struct machine machine;
	struct hello_answer answer;
	struct fail why;
	struct place place = {.went = true};

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	memcpy(place.drop, bed_see(0x1001).id, sizeof(place.drop));
	fleet_lock(bed.fleet);
	node_by_boot(bed.fleet, 0x1001)->is_leaving = true;
	bed.fleet->leaving++;
	fleet_unlock(bed.fleet);
	assert_true(store_change(bed.store, drop_it, NULL, &place, &why));
	assert_false(place.went);
	fleet_lock(bed.fleet);
	place_done(bed.fleet, &place, true);
	fleet_unlock(bed.fleet);
	assert_int_equal(bed.fleet->leaving, 0);
	assert_int_equal(bed_count("SELECT count(*) FROM mac"), 1);
	assert_int_equal(bed_count("SELECT count(*) FROM boot"), 1);
	assert_true(machine_hello(&machine, &answer, &why));
	assert_int_equal(answer.status, HELLO_APPROVED);
}

static void rules_keep_their_order(void **state)
{
	struct fleet_rule rules[3];
	struct fail why;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		rules[i] = (struct fleet_rule){.count = 1, .ends_ms = clock_wall_ms() + 60000};
		assert_true(fleet_add_rule(bed.fleet, &rules[i], &bed_who, &why));
	}
	assert_true(fleet_drop_rule(bed.fleet, rules[0].id, &bed_who, &why));
	assert_int_equal(bed.fleet->rule_count, 2);
	assert_string_equal(bed.fleet->rules[0].id, rules[1].id);
	assert_string_equal(bed.fleet->rules[1].id, rules[2].id);
}

static void a_generation_does_not_begin_anew(void **state)
{
	struct machine machine;
	struct hello_answer answer;
	struct fail why;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	machine_make(&machine, 1, 0x1002);
	assert_true(machine_hello(&machine, &answer, &why));
	machine.beat.node_generation = UINT32_MAX;
	assert_true(machine_beat(&machine, WIRE_GUEST_RUNNING));
	assert_int_equal(bed_count("SELECT generation FROM node"), UINT32_MAX);
}

static void a_setting_reaches_all_in_turns(void **state)
{
	enum { COUNT = 2 * FLEET_RENDER_MAX + 10 };
	struct machine machine;
	struct hello_answer answer;
	struct fail why;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		machine_make(&machine, i + 1, 0x1001 + i);
		assert_true(machine_hello(&machine, &answer, &why));
		bed_pass(100);
	}
	assert_true(bed_change("UPDATE node SET admission = 'approved', generation = 7", &why));
	bed_restart(1000);
	assert_true(fleet_set_interval(bed.fleet, 2000, &bed_who, &why));
	assert_int_equal(bed_count("SELECT count(*) FROM node WHERE generation = 8"), COUNT);
	fleet_lock(bed.fleet);
	for (size_t i = 0; i < bed.fleet->count; i++) {
		assert_int_equal(bed.fleet->nodes[i]->generation, 8);
		assert_int_equal(bed.fleet->nodes[i]->want.node.interval_ms, 2000);
	}
	fleet_unlock(bed.fleet);
	/* All fall silent at once: the sentences of so many a tick are made anew, and all of them in the end. */
	bed_pass(30000);
	fleet_lock(bed.fleet);
	for (size_t i = 0; i < bed.fleet->count; i++) {
		assert_true(bed.fleet->nodes[i]->told_silent >= 10);
	}
	fleet_unlock(bed.fleet);
}

/* --- what is published --- */

static void a_failed_node_is_told_once(void **state)
{
	struct machine machine;
	uint8_t manifest[32] = {1};
	struct fail why;

	(void)state;
	assert_true(fleet_set_release(bed.fleet, manifest, &why));
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	for (unsigned i = 0; i < 3; i++) {
		machine.beat.guests[0].reason = WIRE_REASON_NO_MEMORY;
		assert_true(machine_beat(&machine, WIRE_GUEST_FAILED));
		bed_pass(1000);
		bed_settle();
	}
	assert_int_equal(bed_see(0x1001).shown, SHOWN_FAILED);
	const uint64_t before = bus_take_index(bed.bus);

	for (unsigned i = 0; i < 10; i++) {
		assert_true(machine_beat(&machine, WIRE_GUEST_FAILED));
		bed_pass(1000);
		bed_settle();
	}
	assert_int_equal(bus_take_index(bed.bus), before + 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, bed_make, bed_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(events_are_bounded),
		CASE(deeds_are_bounded_too),
		CASE(strangers_are_bounded),
		CASE(a_clash_without_room_takes_the_trust),
		CASE(floods_are_slowed),
		CASE(a_flood_keeps_nobody_out),
		CASE(a_strangers_crash_record_is_not_kept),
		CASE(a_sighting_that_was_not_stored_is_forgotten),
		CASE(one_name_goes_to_one),
		CASE(who_was_approved_meanwhile_keeps_its_place),
		CASE(rules_keep_their_order),
		CASE(the_last_room_for_a_rule_goes_to_one),
		CASE(a_generation_does_not_begin_anew),
		CASE(a_setting_reaches_all_in_turns),
		CASE(a_failed_node_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
