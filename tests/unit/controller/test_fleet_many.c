/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten thousand nodes: what a list, a beat and a tick cost. And a random life of a few, killed and started again at
 * random: what was acknowledged is there, generations only rise, nobody becomes trusted by himself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/random.h"
#include "unit/controller/fleet_bed.h"

enum { MANY = 10000 };

static bool insert_many(struct sql *sql, void *argument, struct fail *fail)
{
	const uint8_t key[32] = {7};
	char id[ID_BYTES];
	char mac[13];
	char boot[17];

	(void)argument;
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(id, sizeof(id), "n-%010u", i);
		(void)snprintf(mac, sizeof(mac), "52540000%04x", i);
		(void)snprintf(boot, sizeof(boot), "%016x", 0x10000 + i);
		if (!sql_run(sql, fail,
			     "INSERT INTO node (id, admission, serial, facts, generation, created_ms, changed_ms) "
			     "VALUES (?, 'approved', ?, '{\"board\":\"linux,dummy-virt\",\"cpus\":4}', 1, 1, 1)",
			     "tt", id, id) ||
		    !sql_run(sql, fail, "INSERT INTO mac (mac, node, seen_ms) VALUES (?, ?, 1)", "tt", mac, id) ||
		    !sql_run(sql, fail, "INSERT INTO boot (id, node, key, started_ms) VALUES (?, ?, ?, 1)", "ttb", boot,
			     id, (const void *)key, sizeof(key))) {
			return false;
		}
	}
	return true;
}

static double now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void ten_thousand(void **state)
{
	static struct machine machines[MANY];
	struct text text = {.bytes = NULL};
	struct fail why;
	char next[ID_BYTES];
	unsigned pages = 0;
	unsigned total = 0;
	char after[ID_BYTES] = "";

	(void)state;
	assert_true(store_change(bed.store, insert_many, NULL, NULL, &why));
	bed_restart(1);
	for (unsigned i = 0; i < MANY; i++) {
		machine_make(&machines[i], i, 0x10000 + i);
	}
	double start = now_s();
	machines_beat(machines, MANY, 1);
	double end = now_s();
	print_message("a first beat each and ten ticks: %.0f ms\n", (end - start) * 1e3);
	bed_settle();
	start = now_s();
	for (unsigned i = 0; i < MANY; i++) {
		(void)machine_beat(&machines[i], WIRE_GUEST_EMPTY);
	}
	end = now_s();
	print_message("10,000 beats: %.1f us each\n", (end - start) * 1e6 / (double)MANY);
	start = now_s();
	for (unsigned i = 0; i < 10; i++) {
		(void)fleet_tick(bed.fleet);
	}
	end = now_s();
	print_message("a tick: %.2f ms\n", (end - start) * 1e2);
	start = now_s();
	while (pages == 0 || next[0] != '\0') {
		const struct fleet_filter filter = {.after = after, .most = 1000};

		total += fleet_list(bed.fleet, &filter, &text, next);
		memcpy(after, next, sizeof(after));
		pages++;
		assert_true(pages <= 10);
	}
	end = now_s();
	print_message("a list of 10,000 in pages of 1,000: %.1f ms, %zu bytes\n", (end - start) * 1e3,
		      text.length);
	assert_int_equal(total, MANY);
	assert_int_equal(pages, 10);
	text_free(&text);
	machines_beat(machines, MANY, 2);
	text_puts(&text, "");
	fleet_summary(bed.fleet, &text);
	assert_non_null(strstr(text.bytes, "\"running\":10000"));
	text_free(&text);
}

/* --- a random life --- */

enum { MACHINES = 6, STEPS = 600 };

struct known {
	char id[ID_BYTES];
	enum admission admission; /* as acknowledged */
	char name[16];
	uint64_t rev;
	uint32_t generation;
};

static struct known known[MACHINES];
static struct machine machines[MACHINES];
static uint64_t next_boot;

static struct node *node_of(unsigned i)
{
	return known[i].id[0] == '\0' ? NULL : node_by_id(bed.fleet, known[i].id);
}

static void say_hello(unsigned i)
{
	struct hello_answer answer;
	struct fail why;

	assert_true(machine_hello(&machines[i], &answer, &why));
	const struct seen seen = bed_see(machines[i].boot_id);

	assert_true(seen.is_there);
	if (known[i].id[0] == '\0') {
		memcpy(known[i].id, seen.id, sizeof(known[i].id));
		known[i].admission = ADMISSION_PENDING;
	}
	assert_string_equal(seen.id, known[i].id);
	assert_int_equal(answer.status, known[i].admission == ADMISSION_APPROVED ? HELLO_APPROVED :
				       known[i].admission == ADMISSION_PENDING	 ? HELLO_PENDING :
										   HELLO_REJECTED);
}

static void decide(unsigned i)
{
	const enum admission_act act = (enum admission_act)(ACT_APPROVE + random_below(3));
	enum admission to;
	const char *text;
	struct fail why;

	if (known[i].id[0] == '\0') {
		return;
	}
	const bool may = admission_after(known[i].admission, act, &to, &text);

	assert_true(fleet_admit(bed.fleet, known[i].id, act, 0, &bed_who, &why) == may);
	known[i].admission = may ? to : known[i].admission;
}

static void call(unsigned i)
{
	struct fail why;
	char name[16];

	(void)snprintf(name, sizeof(name), "name-%u", (unsigned)random_below(1000));
	if (known[i].id[0] != '\0' && bed_rename(known[i].id, name, 0, &why)) {
		memcpy(known[i].name, name, sizeof(name));
	}
}

static void check(void)
{
	bed_settle();
	fleet_lock(bed.fleet);
	for (unsigned i = 0; i < MACHINES; i++) {
		const struct node *node = node_of(i);

		if (node == NULL) {
			assert_int_equal(known[i].id[0], '\0');
			continue;
		}
		assert_int_equal(node->admission, known[i].admission);
		assert_string_equal(node->name, known[i].name);
		assert_true(node->rev >= known[i].rev);
		assert_true(node->generation >= known[i].generation);
		assert_true(node->clash[0] == '\0');
		assert_true(!node_is_trusted(node) || known[i].admission == ADMISSION_APPROVED ||
			    known[i].admission == ADMISSION_RETIRED);
		known[i].rev = node->rev;
		known[i].generation = node->generation;
		json_t *json = json_loads(node->json, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(json);
		json_decref(json);
	}
	fleet_unlock(bed.fleet);
}

static void act_on(unsigned i)
{
	struct fail why;

	switch (random_below(10)) {
	case 0: /* it is switched off and on: silent for long enough to be one machine */
		bed_pass(2000);
		machine_make(&machines[i], i + 1, next_boot++);
		say_hello(i);
		break;
	case 1:
		say_hello(i);
		break;
	case 2:
		decide(i);
		break;
	case 3:
		call(i);
		break;
	case 4:
		if (known[i].id[0] != '\0') {
			(void)fleet_restart_guests(bed.fleet, known[i].id, &bed_who, &why);
		}
		break;
	case 5:
		if (known[i].id[0] != '\0') {
			assert_true(bed_cordon(known[i].id, random_below(2) == 0, 0, &why));
		}
		break;
	case 6:
		bed_pass(100 * random_below(30));
		break;
	default:
		(void)machine_beat(&machines[i], random_below(4) == 0 ? WIRE_GUEST_LOADING : WIRE_GUEST_RUNNING);
		break;
	}
}

static void a_random_life(void **state)
{
	const uint64_t steps = random_init("test_fleet_many", STEPS);
	uint8_t manifest[32] = {1};
	struct fail why;

	(void)state;
	assert_true(fleet_set_release(bed.fleet, manifest, &why));
	next_boot = 0x7000;
	memset(known, 0, sizeof(known));
	for (unsigned i = 0; i < MACHINES; i++) {
		machine_make(&machines[i], i + 1, next_boot++);
	}
	for (uint64_t step = 0; step < steps; step++) {
		act_on((unsigned)random_below(MACHINES));
		if (random_below(40) == 0) {
			bed_restart(100 * random_below(50));
		}
		check();
	}
	assert_int_equal(bed_count("SELECT count(*) FROM (SELECT node FROM boot WHERE ended_ms IS NOT NULL "
				   "GROUP BY node HAVING count(*) > 29)"),
			 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, bed_make, bed_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ten_thousand),
		CASE(a_random_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
