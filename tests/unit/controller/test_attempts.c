/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts to boot, case by case: what is one, each decision with its words, what is served then and remembered.
 * test_attempts_excused.c has what excuses one, tests/model/model_attempts.c random orders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "attempts_bed.h"

/* --- what an attempt is --- */

static void three_attempts(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	bed_try(&bed);
	bed_try(&bed);
	bed_try(&bed);
	assert_int_equal(bed.node.counted, 2); /* the third may still say hello */
	assert_ptr_equal(bed_served(&bed), &bad);
	bed_ask(&bed);
	assert_int_equal(bed.decisions, 1);
	assert_int_equal(bed.decision.kind, ATTEMPTS_LOOP);
	assert_true(bed.decision.reverts);
	assert_int_equal(bed.decision.power, ATTEMPTS_POWER_LEAVE);
	assert_memory_equal(bed.decision.release, bad.key, sizeof(bad.key));
	assert_string_equal(bed.decision.why, "It loaded release 1.1 three times and never said hello.");
	assert_string_equal(bed.decision.next, "It gets release 1.0 from now on. Look at its serial console before the "
					       "release is forced.");
	assert_ptr_equal(bed_served(&bed), &good); /* this very boot */
	bed_load(&bed);
	bed_hello(&bed);
	bed_wait(&bed, 300000);
	assert_int_equal(bed.decisions, 1);
	assert_ptr_equal(bed_served(&bed), &good); /* remembered */
}

static void a_hello_clears(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		bed_try(&bed);
		bed_try(&bed);
		bed_try(&bed);
		bed_hello(&bed);
		assert_int_equal(bed.node.counted, 0);
		bed_wait(&bed, 130000);
	}
	assert_int_equal(bed.decisions, 0);
	assert_ptr_equal(bed_served(&bed), &bad);
}

/* What is told late: a hello behind the next question, whose boot is then not judged; a file behind its hello. */
static void told_late(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	bed_try(&bed);
	bed_ask(&bed);
	assert_int_equal(bed.node.counted, 1);
	bed_hello(&bed);
	assert_int_equal(bed.node.counted, 0);
	bed_load(&bed);
	bed_wait(&bed, 200000);
	assert_int_equal(bed.decisions, 0);
	bed_ask(&bed);
	bed_hello(&bed);
	bed_load(&bed);
	bed_wait(&bed, 200000);
	assert_int_equal(bed.decisions, 0);
	bed_ask(&bed);
	bed_load(&bed);
	bed_wait(&bed, 1000);
	assert_false(attempts_hello(&bed.node, bed.boot)); /* once more, of the boot before */
	assert_int_equal(bed.node.at, ATTEMPTS_AT_LOADED);
	bed_wait(&bed, ATTEMPTS_HELLO_MS);
	assert_int_equal(bed.decision.kind, ATTEMPTS_HANG);
}

/* A firmware that asks for an address again before it has all, and loads the file twice: one attempt. */
static void probes_count_once(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < 6; k++) {
			bed_ask(&bed);
			bed_wait(&bed, 5000);
		}
		bed_load(&bed);
		bed_load(&bed);
		bed.now_ms += ATTEMPTS_SAME_MS - 1; /* the loader's next way */
		attempts_heard(&bed.witness, bed.now_ms);
		bed_ask(&bed);
		bed_load(&bed);
		bed_wait(&bed, 10000);
		bed_load(&bed);
	}
	bed_ask(&bed);
	assert_int_equal(bed.node.counted, 2);
	assert_int_equal(bed.decisions, 0);
}

static void no_whole_file(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		bed_ask(&bed);
		bed_wait(&bed, 10000);
	}
	assert_int_equal(bed.node.counted, 0);
	bed_hello(&bed);
	bed_load(&bed); /* nobody asked for an address: somebody reads the file */
	bed_wait(&bed, 200000);
	assert_int_equal(bed.decisions, 0);
}

/* A release that is given between attempts begins at nothing. */
static void another_release(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	bed_try(&bed);
	bed_try(&bed);
	bed.facts.wanted = &third;
	bed_try(&bed);
	bed_ask(&bed);
	assert_int_equal(bed.node.counted, 1);
	assert_int_equal(bed.decisions, 0);
}

/* --- hanging --- */

static void hangs(void **state)
{
	struct bed bed = bed_make();
	char why[ATTEMPTS_WHY_BYTES], next[ATTEMPTS_NEXT_BYTES];

	(void)state;
	bed.facts.has_power = true;
	bed_ask(&bed);
	bed_load(&bed);
	bed_wait(&bed, ATTEMPTS_HELLO_MS - 500);
	assert_int_equal(bed.decisions, 0);
	bed_wait(&bed, 500);
	assert_int_equal(bed.decisions, 1);
	assert_int_equal(bed.decision.kind, ATTEMPTS_HANG);
	assert_true(bed.decision.reverts);
	assert_int_equal(bed.decision.power, ATTEMPTS_POWER_RESET);
	assert_string_equal(bed.decision.why, "It loaded release 1.1 and did not say hello for 120 seconds.");
	assert_string_equal(bed.decision.next, "It is being reset. It gets release 1.0 from now on. Look at its serial "
					       "console before the release is forced.");
	assert_true(attempts_show(&bed.node, &bed.facts, why, next));
	assert_string_equal(why, "It loaded release 1.1 and hung before its hello.");
	assert_string_equal(next, "It was reset: should it not ask for an address, power-cycle it. It then gets "
				  "release 1.0.");
	bed_wait(&bed, 1000000);
	assert_int_equal(bed.decisions, 1);
	assert_true(attempts_not_reset(&bed.node));
	assert_false(attempts_not_reset(&bed.node));
	assert_true(attempts_show(&bed.node, &bed.facts, why, next));
	assert_string_equal(next, "Hung: power-cycle it. Its next boot gets release 1.0.");
	bed_try(&bed);
	bed_hello(&bed);
	assert_true(attempts_show(&bed.node, &bed.facts, why, next));
	assert_string_equal(why, "It gets its last stable release: release 1.1 failed on it.");
	assert_string_equal(next, "Give it another release, or force release 1.1 once its cause is gone.");
	bed.facts.wanted = &good;
	assert_false(attempts_show(&bed.node, &bed.facts, why, next));
}

static void hangs_without_a_driver(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	bed_ask(&bed);
	bed_load(&bed);
	bed_wait(&bed, ATTEMPTS_HELLO_MS);
	assert_int_equal(bed.decision.power, ATTEMPTS_POWER_BY_HAND);
	assert_string_equal(bed.decision.next, "Hung: power-cycle it. It gets release 1.0 from now on. Look at its "
					       "serial console before the release is forced.");
	bed.facts.wanted = &third; /* not known by name any more */
	bed.facts.stable = NULL;
	char why[ATTEMPTS_WHY_BYTES], next[ATTEMPTS_NEXT_BYTES];
	assert_true(attempts_show(&bed.node, &bed.facts, why, next));
	assert_string_equal(why, "It loaded release bb0200000000 and hung before its hello.");
	assert_string_equal(next, "Hung: power-cycle it. Its next boot gets release 1.2.");
}

/* Nothing to go back to: told once, reset twice, no release is marked. */
static void nothing_to_go_back_to(void **state)
{
	for (unsigned has_stable = 0; has_stable < 2; has_stable++) {
		struct bed bed = bed_make();

		(void)state;
		bed.facts = (struct attempts_facts){.wanted = &good, .stable = has_stable ? &good : NULL,
						    .has_power = true};
		for (unsigned i = 0; i < 9; i++) {
			bed_try(&bed);
		}
		assert_int_equal(bed.decisions, 1);
		assert_int_equal(bed.decision.kind, ATTEMPTS_LOOP_STABLE);
		assert_false(bed.decision.reverts);
		assert_false(attempts_has_failed(&bed.node, good.key));
		for (unsigned i = 0; i < 4; i++) {
			bed_ask(&bed);
			bed_load(&bed);
			bed_wait(&bed, ATTEMPTS_HELLO_MS);
			assert_int_equal(bed.decisions, 2 + i);
			assert_int_equal(bed.decision.kind, ATTEMPTS_HANG_STABLE);
			assert_int_equal(bed.decision.power, i < ATTEMPTS_RESETS ? ATTEMPTS_POWER_RESET
										  : ATTEMPTS_POWER_BY_HAND);
		}
		assert_int_equal(bed.node.failed_count, 0);
		assert_ptr_equal(bed_served(&bed), &good);
		bed_hello(&bed);
		bed_ask(&bed);
		bed_load(&bed);
		bed_wait(&bed, ATTEMPTS_HELLO_MS);
		assert_int_equal(bed.decision.power, ATTEMPTS_POWER_RESET); /* forgiven */
	}
}

/* --- what is remembered --- */

static void forced(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		bed_try(&bed);
		bed_try(&bed);
		bed_try(&bed);
		bed_ask(&bed);
		assert_int_equal(bed.decisions, round + 1);
		bed_load(&bed);
		bed_hello(&bed);
		assert_ptr_equal(bed_served(&bed), &good);
		assert_true(attempts_force(&bed.node, bad.key));
		assert_false(attempts_force(&bed.node, bad.key));
		assert_ptr_equal(bed_served(&bed), &bad);
	}
	bed_try(&bed);
	bed_ask(&bed);
	assert_true(attempts_force(&bed.node, bad.key));
	assert_int_equal(bed.node.counted, 0);
}

/* The failed release once more, because it was on its way: nothing new, but a node that hangs in it is reset. */
static void failed_and_loaded(void **state)
{
	struct bed bed = bed_make();

	(void)state;
	bed_try(&bed);
	bed_try(&bed);
	bed_try(&bed);
	for (unsigned i = 0; i < 5; i++) {
		bed_ask(&bed);
		(void)attempts_loaded(&bed.node, &bed.witness, bad.key, bed.now_ms);
		bed_wait(&bed, 5000);
	}
	assert_int_equal(bed.decisions, 1);
	bed_wait(&bed, ATTEMPTS_HELLO_MS);
	assert_int_equal(bed.decisions, 2);
	assert_int_equal(bed.decision.kind, ATTEMPTS_HANG);
	assert_int_equal(bed.node.failed_count, 1);
}

static void remembers_four(void **state)
{
	struct bed bed = bed_make();
	struct attempts_release tried = {.name = "x"};

	(void)state;
	bed.facts.wanted = &tried;
	for (uint8_t i = 1; i <= ATTEMPTS_FAILED + 2; i++) {
		tried.key[31] = i;
		bed_ask(&bed);
		bed_load(&bed);
		bed_wait(&bed, ATTEMPTS_HELLO_MS);
	}
	assert_int_equal(bed.node.failed_count, ATTEMPTS_FAILED);
	for (uint8_t i = 1; i <= ATTEMPTS_FAILED + 2; i++) {
		tried.key[31] = i;
		assert_int_equal(attempts_has_failed(&bed.node, tried.key), i > 2);
	}
	tried.key[31] = 4;
	assert_true(attempts_force(&bed.node, tried.key));
	tried.key[31] = 3;
	assert_true(attempts_has_failed(&bed.node, tried.key));
	assert_int_equal(bed.node.failed_count, ATTEMPTS_FAILED - 1);
}

static void names(void **state)
{
	(void)state;
	for (unsigned i = 1; i < ATTEMPTS_KIND_COUNT; i++) {
		assert_true(strlen(attempts_kind_name((enum attempts_kind)i)) > 0);
	}
	assert_string_equal(attempts_kind_name(ATTEMPTS_KIND_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_attempts),
		cmocka_unit_test(a_hello_clears),
		cmocka_unit_test(told_late),
		cmocka_unit_test(probes_count_once),
		cmocka_unit_test(no_whole_file),
		cmocka_unit_test(another_release),
		cmocka_unit_test(hangs),
		cmocka_unit_test(hangs_without_a_driver),
		cmocka_unit_test(nothing_to_go_back_to),
		cmocka_unit_test(forced),
		cmocka_unit_test(failed_and_loaded),
		cmocka_unit_test(remembers_four),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests_name("attempts", tests, NULL, NULL);
}
