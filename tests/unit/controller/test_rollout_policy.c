/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a rollout that are numbers: policy, window, sizes of waves, the plan, sums, rows, words. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rollout/codec.h"
#include "rollout/plan.h"
#include "rollout/view.h"

enum { NODES = 12 };

static struct rollout rollout;
static struct rollout_cell cells[NODES];

static void hash(uint8_t to[ROLLOUT_HASH_BYTES], unsigned value)
{
	memset(to, 0, ROLLOUT_HASH_BYTES);
	to[31] = (uint8_t)value;
}

static struct rollout_release release(unsigned id, unsigned core, unsigned service, unsigned guest)
{
	struct rollout_release made = {.id = {0}};

	hash(made.id, id);
	hash(made.parts.core, core);
	hash(made.parts.service, service);
	hash(made.parts.guests[0], guest);
	return made;
}

/* Nodes 0 to 11 in racks 1 to 3 by turns, alive, and different from the target in what `parts` says. */
static void make(const struct rollout_policy *policy, const struct rollout_release *stable)
{
	const struct rollout_release target = release(9, 2, 2, 2);
	struct fail fail;

	assert_true(rollout_init(&rollout, policy, &target, false, cells, NODES, &fail));
	for (unsigned i = 0; i < NODES; i++) {
		struct rollout_facts facts = {
			.index = 1, .contact = NODE_ALIVE, .parts = stable->parts, .wanted = 1, .ready = 1};
		char name[ID_BYTES];
		unsigned cell = 0;

		(void)snprintf(name, sizeof(name), "n-%u", i);
		memcpy(facts.assigned, stable->id, sizeof(facts.assigned));
		assert_true(rollout_join(&rollout, name, (uint16_t)(1 + i % 3), stable, &cell, &fail));
		assert_int_equal(cell, i);
		rollout_feed(&rollout, i, &facts);
	}
}

static void default_is_sound_and_each_bound_is_checked(void **state)
{
	struct rollout_policy good;
	struct fail fail;

	(void)state;
	rollout_policy_default(&good);
	assert_true(rollout_policy_check(&good, &fail));
	assert_true(good.is_auto_return);
#define REFUSED(change, word)                                                                      \
	do {                                                                                       \
		struct rollout_policy policy = good;                                               \
		policy.change;                                                                     \
		assert_false(rollout_policy_check(&policy, &fail));                                \
		assert_int_equal(fail.kind, FAIL_INVALID);                                         \
		assert_non_null(strstr(fail.text, word));                                          \
	} while (0)
	REFUSED(wave_count = ROLLOUT_PLANNED_MAX + 1, "waves");
	REFUSED(waves[0].count = 3, "wave 1");
	REFUSED(waves[1].percent = 0, "wave 2");
	REFUSED(waves[1].percent = 101, "wave 2");
	REFUSED(in_flight_most = 0, "in_flight_most");
	REFUSED(success_percent = 101, "success_percent");
	REFUSED(failure_percent = 101, "failure_percent");
	REFUSED(min_healthy_percent = 100, "min_healthy_percent");
	REFUSED(healthy_ms = good.healthy_deadline_ms, "healthy_ms");
	REFUSED(progress_deadline_ms = good.healthy_deadline_ms, "progress_deadline_ms");
	REFUSED(soak_ms = ROLLOUT_DEADLINE_MOST_MS + 1, "soak_ms");
	REFUSED(window_minutes = 60, "window");
	REFUSED(window_begin = ROLLOUT_DAY_MINUTES, "window");
#undef REFUSED
}

static void window_opens_and_closes(void **state)
{
	struct rollout_policy policy = {.window_days = 1 << 6, .window_begin = 23 * 60, .window_minutes = 120};
	const int64_t hour = 3600000;
	const int64_t saturday = 2 * 24 * hour; /* 1970-01-03 */

	(void)state;
	assert_false(rollout_policy_is_open(&policy, saturday + 23 * hour - 1));
	assert_true(rollout_policy_is_open(&policy, saturday + 23 * hour));
	assert_true(rollout_policy_is_open(&policy, saturday + 25 * hour - 1));
	assert_false(rollout_policy_is_open(&policy, saturday + 25 * hour));
	assert_false(rollout_policy_is_open(&policy, saturday + hour)); /* Friday's, had there been one */
	assert_false(rollout_policy_is_open(&policy, saturday + 47 * hour)); /* Sunday */
	assert_true(rollout_policy_is_open(&policy, saturday + 7 * 24 * hour + 23 * hour));
	policy.window_days = ROLLOUT_ALL_DAYS;
	policy.window_minutes = ROLLOUT_DAY_MINUTES;
	assert_true(rollout_policy_is_open(&policy, saturday + 5 * hour));
	policy.window_minutes = 0;
	assert_true(rollout_policy_is_open(&policy, saturday));
}

static void thresholds_are_exact(void **state)
{
	const struct rollout_policy policy = {.failure_percent = 10, .success_percent = 90};

	(void)state;
	assert_false(rollout_policy_is_over(&policy, 1, 10));
	assert_true(rollout_policy_is_over(&policy, 1, 9));
	assert_false(rollout_policy_is_over(&policy, 0, 0));
	assert_true(rollout_policy_is_success(&policy, 9, 10));
	assert_false(rollout_policy_is_success(&policy, 8, 9));
	assert_true(rollout_policy_is_success(&policy, 0, 0));
}

static void waves_have_their_sizes(void **state)
{
	struct rollout_policy policy = {.canary = 2, .wave_count = 2, .waves = {{.percent = 10}, {.count = 7}}};

	(void)state;
	assert_int_equal(rollout_policy_size(&policy, 1, 101), 2);
	assert_int_equal(rollout_policy_size(&policy, 2, 101), 11); /* rounded up: never none */
	assert_int_equal(rollout_policy_size(&policy, 3, 101), 7);
	assert_int_equal(rollout_policy_size(&policy, 4, 101), UINT_MAX);
	policy.canary = 0;
	assert_int_equal(rollout_policy_size(&policy, 1, 101), 11);
}

static void plan_spreads_over_racks(void **state)
{
	struct rollout_policy policy;
	static struct rollout_cell scratch[NODES];
	const struct rollout_release stable = release(1, 2, 2, 1);
	struct rollout_plan plan;

	(void)state;
	rollout_policy_default(&policy);
	policy.canary = 3;
	policy.wave_count = 0;
	make(&policy, &stable);
	rollout_plan(&rollout, scratch, &plan);
	/* One of each rack, then the rest: three of four are not the whole rack. */
	assert_int_equal(plan.wave_count, 2);
	assert_int_equal(plan.waves[0].nodes, 3);
	assert_int_equal(scratch[0].wave + scratch[1].wave + scratch[2].wave, 3);
	assert_int_equal(plan.waves[1].nodes, 9);
	assert_int_equal(plan.waves[1].guests, 9);
	policy.canary = 0; /* all at once would be whole racks: one of each is left */
	make(&policy, &stable);
	rollout_plan(&rollout, scratch, &plan);
	assert_int_equal(plan.wave_count, 2);
	assert_int_equal(plan.waves[0].nodes, 9);
	policy.is_spread = false;
	make(&policy, &stable);
	rollout_plan(&rollout, scratch, &plan);
	assert_int_equal(plan.wave_count, 1);
	assert_int_equal(rollout.cells[0].wave, 0); /* a preview changes nothing */
}

static void plan_says_what_restarts(void **state)
{
	struct rollout_policy policy;
	static struct rollout_cell scratch[NODES];
	struct rollout_plan plan;

	(void)state;
	rollout_policy_default(&policy);
	policy.canary = policy.wave_count = 0;
	policy.is_spread = false;
#define PLAN(core, service, guest)                                                                 \
	do {                                                                                       \
		const struct rollout_release stable = release(1, core, service, guest);            \
		make(&policy, &stable);                                                            \
		rollout_plan(&rollout, scratch, &plan);                                            \
	} while (0)
	PLAN(1, 1, 1);
	assert_int_equal(plan.waves[0].cores, NODES);
	assert_int_equal(plan.waves[0].services + plan.waves[0].guests + plan.waves[0].nothing, 0);
	PLAN(2, 1, 1);
	assert_int_equal(plan.waves[0].services, NODES);
	PLAN(2, 2, 1);
	assert_int_equal(plan.waves[0].guests, NODES);
	PLAN(2, 2, 2);
	assert_int_equal(plan.waves[0].nothing, NODES);
#undef PLAN
	const struct rollout_facts off = {.index = 2, .contact = NODE_OFF};

	rollout_feed(&rollout, 3, &off);
	rollout_leave(&rollout, 4);
	rollout_plan(&rollout, scratch, &plan);
	assert_int_equal(plan.waves[0].nodes, NODES - 2);
	assert_int_equal(plan.deferred, 1);
	assert_int_equal(plan.skipped, 1);
}

static void medians_and_what_is_left(void **state)
{
	struct rollout_policy policy;
	const struct rollout_release stable = release(1, 1, 1, 1);
	struct rollout_view view;
	uint64_t eta_ms = 0;

	(void)state;
	rollout_policy_default(&policy);
	policy.canary = 4;
	policy.wave_count = 0;
	policy.in_flight_most = 3;
	policy.soak_ms = 7000;
	make(&policy, &stable);
	rollout_view(&rollout, 0, &view);
	assert_false(view.has_median || view.has_eta);
	rollout.state = ROLLOUT_SOAKING;
	rollout.wave = 1;
	rollout.is_wave_open = true;
	rollout.soaked_ms = 2000;
	for (unsigned i = 0; i < 4; i++) {
		cells[i].state = CELL_HEALTHY;
		cells[i].wave = 1;
		cells[i].took_ms = 1000 * (i + 1);
	}
	rollout_view(&rollout, 0, &view);
	assert_int_equal(view.median_ms, 2000);
	assert_int_equal(view.wave_median_ms, 2000);
	assert_int_equal(view.longest_ms, 4000);
	assert_int_equal(view.wave_healthy, 4);
	/* The rest of the soak; eight nodes, three at once; another soak. */
	assert_int_equal(view.eta_ms, 5000 + 3 * 2000 + 7000);
	cells[5].state = CELL_ORDERED;
	cells[5].ordered_ms = rollout.clock_ms - 500;
	assert_true(rollout_cell_eta(&rollout, &view, 5, &eta_ms));
	assert_int_equal(eta_ms, 1500);
	assert_false(rollout_cell_eta(&rollout, &view, 6, &eta_ms));
}

static void rows_come_back_as_they_were(void **state)
{
	struct rollout_policy policy;
	const struct rollout_release stable = release(1, 1, 1, 1);
	uint8_t row[ROLLOUT_ROW_BYTES];
	uint8_t again[ROLLOUT_ROW_BYTES];
	struct rollout_cell cell = {.node = "n-0123456789", .rack = 500, .state = CELL_RETURNING, .why = WHY_RETURNS,
				    .trouble = TROUBLE_LOOP, .failed_why = WHY_TROUBLE, .stable = 1, .goal = 1,
				    .wave = 255, .tries = 2, .has_failed = true, .has_proved = true,
				    .ordered_ms = 5000, .hold_ms = UINT64_MAX / 3, .trouble_before = UINT64_MAX - 5,
				    .took_ms = 0xfedcba98};
	struct rollout_cell room;
	struct rollout back;
	struct fail fail;

	(void)state;
	rollout_policy_default(&policy);
	make(&policy, &stable);
	const size_t size = rollout_encode(&rollout, row);

	assert_true(rollout_decode(&back, row, size, &room, 1, &fail));
	assert_memory_equal(&back.policy.window_minutes, &rollout.policy.window_minutes, 2);
	assert_memory_equal(&back.releases, &rollout.releases, sizeof(back.releases));
	assert_int_equal(rollout_encode(&back, again), size);
	assert_memory_equal(row, again, size);

	const size_t bytes = rollout_encode_cell(&cell, row);

	assert_true(rollout_decode_cell(&back, row, bytes, &fail));
	assert_string_equal(room.node, cell.node);
	assert_int_equal(rollout_encode_cell(&room, again), bytes);
	assert_memory_equal(row, again, bytes);
	assert_false(rollout_decode_cell(&back, row, bytes, &fail)); /* no room for one more */
}

/* Every byte of both rows, in three wrong ways: refused, or a value that keeps all invariants. */
static void damaged_rows_are_refused(void **state)
{
	struct rollout_policy policy;
	const struct rollout_release stable = release(1, 1, 1, 1);
	uint8_t row[ROLLOUT_ROW_BYTES];
	uint8_t cell_row[ROLLOUT_CELL_ROW_BYTES];
	struct rollout_cell room;
	struct rollout back;
	struct fail fail;
	unsigned refused = 0;

	(void)state;
	rollout_policy_default(&policy);
	make(&policy, &stable);
	const size_t size = rollout_encode(&rollout, row);
	const size_t cell_size = rollout_encode_cell(&cells[0], cell_row);

	for (size_t i = 0; i < size + cell_size; i++) {
		uint8_t *at = i < size ? &row[i] : &cell_row[i - size];
		static const uint8_t wrong[] = {0xff, 0x01, 0x80};

		for (unsigned w = 0; w < sizeof(wrong); w++) {
			*at ^= wrong[w];
			if (rollout_decode(&back, row, size, &room, 1, &fail) &&
			    rollout_decode_cell(&back, cell_row, cell_size, &fail) && rollout_decoded(&back, &fail)) {
				assert_null(rollout_check(&back));
			} else {
				refused++;
			}
			*at ^= wrong[w];
		}
	}
	assert_true(refused > 100);
	for (size_t cut = 0; cut < size; cut++) {
		assert_false(rollout_decode(&back, row, cut, &room, 1, &fail));
	}
	assert_false(rollout_decode(&back, row, size + 1, &room, 1, &fail));
	row[0]++;
	assert_false(rollout_decode(&back, row, size, &room, 1, &fail));
	assert_non_null(strstr(fail.text, "damaged"));
}

static void every_number_has_its_word(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WHY_COUNT; i++) {
		const char *sentence = rollout_why_text((enum rollout_why)i);

		assert_true(strlen(sentence) > 10 && sentence[strlen(sentence) - 1] == '.');
	}
	assert_string_equal(rollout_state_text(ROLLOUT_RETURNED), "returned");
	assert_string_equal(rollout_cell_text(CELL_DEFERRED), "deferred");
	assert_string_equal(rollout_command_text(COMMAND_FORCE), "force");
	assert_string_equal(rollout_decision_text(DECIDE_WAVE_BEGINS), "wave-begins");
	assert_string_equal(rollout_why_text(WHY_COUNT), "?");
	assert_string_equal(rollout_trouble_text(TROUBLE_LOOP), "It restarts again and again.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_is_sound_and_each_bound_is_checked),
		cmocka_unit_test(window_opens_and_closes),
		cmocka_unit_test(thresholds_are_exact),
		cmocka_unit_test(waves_have_their_sizes),
		cmocka_unit_test(plan_spreads_over_racks),
		cmocka_unit_test(plan_says_what_restarts),
		cmocka_unit_test(medians_and_what_is_left),
		cmocka_unit_test(rows_come_back_as_they_were),
		cmocka_unit_test(damaged_rows_are_refused),
		cmocka_unit_test(every_number_has_its_word),
	};

	return cmocka_run_group_tests_name("rollout numbers", tests, NULL, NULL);
}
