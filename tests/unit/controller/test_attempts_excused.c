/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to boot: what excuses one (outages, a controller that was away, clocks, people); the row of the database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "attempts_bed.h"

/* --- what excuses --- */

/* Nobody else is heard: nothing is ever held against anything. */
static void alone(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	bed.is_quiet = true;
	bed_wait(&bed, 10000);
	for (unsigned i = 0; i < 20; i++) {
		bed_try(&bed);
		bed_wait(&bed, 200000);
	}
	assert_int_equal(bed.decisions, 0);
	assert_int_equal(bed.node.counted, 0);
}

/* What was heard before the boot file may have been the node itself. */
static void heard_only_before(void **state)
{
	struct bed bed = bed_make();
	struct attempts_decision decision;

	(void)state;
	attempts_watch(&bed.witness, NETWORK, 60000, bed.now_ms);
	attempts_heard(&bed.witness, bed.now_ms);
	for (unsigned i = 0; i < 6; i++) {
		bed_ask(&bed);
		bed_load(&bed);
		bed.now_ms += 5000;
	}
	(void)attempts_asked(&bed.node, &bed.witness, &bed.facts, bed.now_ms, &decision);
	assert_int_equal(bed.node.counted, 0);
}

static void an_outage_excuses(void **state)
{
	(void)state;
	/* At the file's end, between file and next question, and over that question. */
	for (unsigned begin = 0; begin < 3; begin++) {
		struct bed bed = bed_make();

		bed_try(&bed);
		bed_try(&bed);
		bed_ask(&bed);
		bed.is_quiet = begin == 0;
		bed_wait(&bed, 3000);
		bed_load(&bed);
		bed.is_quiet = begin == 1;
		bed_wait(&bed, 4000);
		bed.is_quiet = begin == 2;
		bed_wait(&bed, 3000);
		bed_ask(&bed);
		bed.is_quiet = false;
		assert_int_equal(bed.decisions, 0);
		assert_int_equal(bed.node.counted, 2);
		bed_wait(&bed, 1000);
		bed_load(&bed);
		bed_wait(&bed, 5000);
		bed_ask(&bed); /* this one counts again */
		assert_int_equal(bed.decision.kind, ATTEMPTS_LOOP);
	}
}

/* A node that an outage caught between file and hello is waited for anew, then reset, and keeps its release. */
static void silent_behind_an_outage(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	bed.facts.has_power = true;
	bed_ask(&bed);
	bed_load(&bed);
	bed_wait(&bed, ATTEMPTS_HELLO_MS - 1000);
	bed.is_quiet = true;
	bed_wait(&bed, 1000000);
	assert_int_equal(bed.decisions, 0);
	bed.is_quiet = false;
	bed_wait(&bed, ATTEMPTS_HELLO_MS);
	assert_int_equal(bed.decisions, 0);
	bed_wait(&bed, 500); /* the first word came half a second behind its begin */
	assert_int_equal(bed.decision.kind, ATTEMPTS_SILENT);
	assert_false(bed.decision.reverts);
	assert_int_equal(bed.decision.power, ATTEMPTS_POWER_RESET);
	assert_ptr_equal(bed_served(&bed), &bad);
}

static void the_controller_was_away(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	for (unsigned i = 0; i < 9; i++) { /* each attempt ends while nobody listens */
		bed_ask(&bed);
		bed_load(&bed);
		bed_wait(&bed, 2000);
		bed_restart(&bed);
		bed_ask(&bed);
		bed_wait(&bed, 2000);
	}
	assert_int_equal(bed.node.counted, 0);
	bed_try(&bed);
	bed_ask(&bed);
	bed_restart(&bed);
	bed_wait(&bed, 2000);
	assert_int_equal(bed.node.counted, 1); /* survives */
	bed_load(&bed);
	bed_wait(&bed, 5000);
	bed_try(&bed);
	bed_ask(&bed);
	assert_int_equal(bed.decision.kind, ATTEMPTS_LOOP);
	bed_restart(&bed);
	assert_ptr_equal(bed_served(&bed), &good);
}

static void the_clock_jumps(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		bed_ask(&bed);
		bed_load(&bed);
		bed_wait(&bed, 3000);
		bed.now_ms += i % 2 != 0 ? 3600000 : -4000;
		bed_wait(&bed, 6000);
		bed_ask(&bed);
		bed_wait(&bed, 1000);
	}
	assert_int_equal(bed.decisions, 0);
	assert_int_equal(bed.node.counted, 0);
}

/* Somebody reset it, or switched it off. */
static void excused(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	assert_false(attempts_excuse(&bed.node));
	for (unsigned i = 0; i < 9; i++) {
		bed_try(&bed);
		assert_true(attempts_excuse(&bed.node));
		bed_wait(&bed, i == 5 ? 500000 : 1000);
	}
	bed_ask(&bed);
	assert_int_equal(bed.decisions, 0);
	assert_int_equal(bed.node.counted, 0);
}

/* Attempts that were made up, while the node runs. */
static void a_living_node(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	bed_try(&bed);
	bed_hello(&bed);
	for (unsigned i = 0; i < 9; i++) {
		bed_ask(&bed);
		bed_load(&bed);
		bed.now_ms += 500; /* on its way when it went down */
		assert_false(attempts_beat(&bed.node, &bed.witness, bed.boot, bad.key, bed.now_ms));
		assert_int_equal(bed.node.at, ATTEMPTS_AT_LOADED);
		bed_wait(&bed, 1000);
		(void)attempts_beat(&bed.node, &bed.witness, bed.boot, bad.key, bed.now_ms);
		assert_int_equal(bed.node.at, ATTEMPTS_AT_IDLE);
	}
	bed_ask(&bed);
	assert_int_equal(bed.node.counted, 0);
	/* A boot whose hello was not told: by the release it runs, or not at all. */
	bed_load(&bed);
	bed_wait(&bed, 1000);
	assert_false(attempts_beat(&bed.node, &bed.witness, 77, NULL, bed.now_ms));
	assert_false(attempts_beat(&bed.node, &bed.witness, 77, good.key, bed.now_ms));
	assert_int_equal(bed.node.at, ATTEMPTS_AT_LOADED);
	assert_true(attempts_beat(&bed.node, &bed.witness, 77, bad.key, bed.now_ms));
	assert_int_equal(bed.node.at, ATTEMPTS_AT_IDLE);
	assert_int_equal(bed.decisions, 0);
}

/* Faster than it beats: while it is not suspect, nothing counts. */
static void made_up_between_beats(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	bed_hello(&bed);
	for (unsigned i = 0; i < 9; i++) {
		(void)attempts_beat(&bed.node, &bed.witness, bed.boot, bad.key, bed.now_ms);
		bed_ask(&bed);
		bed_load(&bed);
		bed_wait(&bed, 2500);
		bed_ask(&bed);
		assert_int_equal(bed.node.counted, 0);
	}
	bed_load(&bed);
	bed_wait(&bed, 1000); /* three seconds and a half of silence */
	bed_ask(&bed);
	assert_int_equal(bed.node.counted, 1);
}

/* --- the row --- */

static void rows(void **state)
{
	struct bed bed = bed_make();
	struct attempts_row row, again;
	struct attempts node;

	(void)state;
	attempts_write(&bed.node, &row);
	assert_string_equal(row.at, "idle");
	assert_string_equal(row.boot, "0000000000000000");
	assert_string_equal(row.failed, "");
	bed.boot = UINT64_C(0xfedcba9876543210) - 1;
	bed_try(&bed);
	bed_hello(&bed);
	bed_ask(&bed);
	bed_load(&bed);
	bed_wait(&bed, ATTEMPTS_HELLO_MS);
	bed.facts.wanted = &third;
	bed_ask(&bed);
	bed_load(&bed);
	bed_wait(&bed, ATTEMPTS_HELLO_MS);
	bed_try(&bed);
	bed_ask(&bed);
	bed_load(&bed);
	attempts_write(&bed.node, &row);
	assert_string_equal(row.at, "loaded");
	assert_int_equal(row.counted, 1);
	assert_string_equal(row.boot, "fedcba9876543210");
	assert_int_equal(strlen(row.release), 64);
	assert_int_equal(strlen(row.failed), 129);
	assert_memory_equal(row.failed, "ccdef012345678", 14);
	assert_true(attempts_read(&row, &node));
	assert_int_equal(node.run, 0); /* excused */
	attempts_write(&node, &again);
	assert_memory_equal(&row, &again, sizeof(row));
}

static void refuses_rows(void **state)
{
	struct bed bed = bed_make();
	struct attempts_row whole, row;
	struct attempts node;
	const struct attempts fresh = {.at = ATTEMPTS_AT_IDLE};

	(void)state;
	bed_ask(&bed);
	bed_load(&bed);
	bed_wait(&bed, ATTEMPTS_HELLO_MS);
	attempts_write(&bed.node, &whole);
	for (unsigned i = 0; i < 12; i++) {
		row = whole;
		switch (i) {
		case 0: row.at = "loade"; break;
		case 1: row.at = NULL; break;
		case 2: row.counted = ATTEMPTS_MOST + 1; break;
		case 3: row.counted = ATTEMPTS_MOST; break; /* and was not told */
		case 4: row.resets = 256; break;
		case 5: row.boot[15] = '\0'; break;
		case 6: row.release[63] = '\0'; break;
		case 7: row.release[0] = '\0'; break; /* hung in none */
		case 8: row.failed[3] = 'x'; break;
		case 9: row.failed[64] = ' '; break;
		case 10: /* the same twice */
			row.failed[64] = ' ';
			memcpy(row.failed + 65, row.failed, 64);
			break;
		default: memset(row.failed, 'a', sizeof(row.failed)); break;
		}
		assert_false(attempts_read(&row, &node));
		assert_memory_equal(&node, &fresh, sizeof(node));
	}
	assert_true(attempts_read(&whole, &node));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone),
		cmocka_unit_test(heard_only_before),
		cmocka_unit_test(an_outage_excuses),
		cmocka_unit_test(silent_behind_an_outage),
		cmocka_unit_test(the_controller_was_away),
		cmocka_unit_test(the_clock_jumps),
		cmocka_unit_test(excused),
		cmocka_unit_test(a_living_node),
		cmocka_unit_test(made_up_between_beats),
		cmocka_unit_test(rows),
		cmocka_unit_test(refuses_rows),
	};
	return cmocka_run_group_tests_name("attempts that are excused", tests, NULL, NULL);
}
