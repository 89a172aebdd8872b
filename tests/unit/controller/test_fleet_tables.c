/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pure parts of a node's life: each table in every cell, the shown state over every combination, the record of
 * a boot, the index and the ring against naive models.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/diag.h"
#include "fleet/cpu.h"
#include "fleet/index.h"
#include "fleet/ring.h"
#include "fleet/shown.h"
#include "model/random.h"

/* --- admission --- */

/* One letter a cell: the state behind it, '-' for no. */
static void every_admission(void **state)
{
	static const char *const expected[] = {
		/* HELLO APPROVE REJECT RETIRE */
		"par-", /* discovered */
		"par-", /* pending */
		"aa-t", /* approved */
		"rar-", /* rejected */
		"tart", /* retired */
	};
	static const char letters[] = "dpart";

	(void)state;
	for (unsigned from = 0; from < ADMISSION_COUNT; from++) {
		for (unsigned act = 0; act < ACT_COUNT; act++) {
			enum admission to = ADMISSION_COUNT;
			const char *why = NULL;
			const bool may = admission_after((enum admission)from, (enum admission_act)act, &to, &why);

			assert_int_equal(may ? letters[to] : '-', expected[from][act]);
			assert_true(may == (why == NULL));
			assert_true(may || why[strlen(why) - 1] == '.');
		}
		enum admission parsed;
		assert_true(admission_parse(admission_text((enum admission)from), &parsed));
		assert_int_equal(parsed, from);
	}
	enum admission none;
	assert_false(admission_parse("APPROVED", &none));
	assert_false(admission_parse(NULL, &none));
}

/* --- stage --- */

static void every_stage(void **state)
{
	static const char *const expected[] = {
		/* DHCP FILE HELLO BUSY UP GUEST PROBLEM POWER */
		"bbbbrfoo", /* off */
		"bbbbrffo", /* booting */
		"bbbbrfro", /* running: a problem that is told late does not end it */
		"bbbbrffo", /* failed */
	};
	static const char letters[] = "obrf";

	(void)state;
	for (unsigned from = 0; from < STAGE_COUNT; from++) {
		for (unsigned event = 0; event < STAGE_EVENT_COUNT; event++) {
			assert_int_equal(letters[stage_after((enum stage)from, (enum stage_event)event)],
					 expected[from][event]);
		}
	}
}

/* --- contact --- */

static void silence_makes_suspect_then_down(void **state)
{
	struct contact_track track = {.state = CONTACT_NEVER};

	(void)state;
	for (unsigned interval = 100; interval <= 60000; interval *= 2) {
		const uint64_t at = 1000;

		contact_begin(&track);
		assert_false(contact_pass(&track, at + 1000000, interval));
		assert_int_equal(track.state, CONTACT_NEVER);
		assert_true(contact_beat(&track, at, interval));
		assert_false(contact_pass(&track, at + interval * 5 / 2, interval));
		assert_true(contact_pass(&track, at + interval * 5 / 2 + 1, interval));
		assert_int_equal(track.state, CONTACT_SUSPECT);
		assert_false(contact_pass(&track, at + 8 * interval, interval));
		assert_true(contact_pass(&track, at + 8 * interval + 1, interval));
		assert_int_equal(track.state, CONTACT_DOWN);
	}
}

static void one_beat_ends_a_suspicion(void **state)
{
	struct contact_track track = {.state = CONTACT_NEVER};

	(void)state;
	(void)contact_beat(&track, 1000, 1000);
	(void)contact_pass(&track, 4000, 1000);
	assert_int_equal(track.state, CONTACT_SUSPECT);
	assert_true(contact_beat(&track, 4100, 1000));
	assert_int_equal(track.state, CONTACT_ALIVE);
	assert_int_equal(track.falls, 0);
}

/* Beats until it is alive, from *now on; how many it took. */
static unsigned beats_to_return(struct contact_track *track, uint64_t *now)
{
	unsigned beats = 0;

	while (track->state == CONTACT_DOWN && beats < 1000) {
		*now += 1000;
		(void)contact_pass(track, *now, 1000);
		(void)contact_beat(track, *now, 1000);
		beats++;
	}
	return beats;
}

static void who_keeps_falling_needs_more(void **state)
{
	static const unsigned needed[] = {3, 6, 12, 24, 48, 48, 48};
	struct contact_track track = {.state = CONTACT_NEVER};
	uint64_t now = 1000;

	(void)state;
	(void)contact_beat(&track, now, 1000);
	for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		now += 9000;
		(void)contact_pass(&track, now, 1000);
		assert_int_equal(track.state, CONTACT_DOWN);
		assert_int_equal(contact_good_needed(&track), needed[i]);
		assert_int_equal(beats_to_return(&track, &now), needed[i]);
	}
	/* An hour without a fall forgives. */
	for (unsigned i = 0; i < 3601; i++) {
		now += 1000;
		(void)contact_beat(&track, now, 1000);
	}
	assert_int_equal(track.falls, 0);
	now += 9000;
	(void)contact_pass(&track, now, 1000);
	assert_int_equal(beats_to_return(&track, &now), 3);
}

static void a_gap_on_the_way_back_counts_anew(void **state)
{
	struct contact_track track = {.state = CONTACT_NEVER};
	uint64_t now = 1000;

	(void)state;
	(void)contact_beat(&track, now, 1000);
	now += 9000;
	(void)contact_pass(&track, now, 1000);
	(void)contact_beat(&track, now += 1000, 1000);
	(void)contact_beat(&track, now += 1000, 1000);
	assert_int_equal(track.good, 2);
	(void)contact_beat(&track, now += 3000, 1000);
	assert_int_equal(track.good, 1);
	(void)contact_pass(&track, now + 3000, 1000);
	assert_int_equal(track.good, 0);
	assert_int_equal(track.state, CONTACT_DOWN);
}

static void grace_holds_back(void **state)
{
	struct contact_track track;

	(void)state;
	contact_resume(&track, 5000, 10000);
	assert_false(contact_pass(&track, 15000, 1000));
	assert_false(contact_pass(&track, 17500, 1000));
	assert_true(contact_pass(&track, 17501, 1000));
	assert_int_equal(track.state, CONTACT_SUSPECT);
	contact_resume(&track, 5000, 10000);
	assert_true(contact_beat(&track, 6000, 1000));
	assert_int_equal(track.state, CONTACT_ALIVE);
}

static void many_at_once_is_the_network(void **state)
{
	(void)state;
	assert_false(contact_is_mass_loss(2, 2));
	assert_true(contact_is_mass_loss(3, 3));
	assert_false(contact_is_mass_loss(3, 10)); /* 30 % is not more than 30 % */
	assert_true(contact_is_mass_loss(4, 10));
	assert_false(contact_is_mass_loss(0, 0));
	assert_true(contact_is_mass_loss(4000000000u, 4000000000u));
}

/* --- shown --- */

static bool has_word(const char *text, const char *word)
{
	return strstr(text, word) != NULL;
}

static void check_shown(const struct shown_facts *facts)
{
	struct shown shown;

	shown_make(facts, &shown);
	assert_true(shown.why[0] != '\0' && shown.next[0] != '\0');
	assert_int_equal(shown.why[strlen(shown.why) - 1], '.');
	assert_int_equal(shown.next[strlen(shown.next) - 1], '.');
	assert_false(has_word(shown.why, "dead") || has_word(shown.why, "died"));
	assert_true((facts->clash != NULL) == (shown.state == SHOWN_CLASH));
	if (shown.state == SHOWN_SUSPECT || shown.state == SHOWN_DOWN) {
		assert_int_equal(facts->admission, ADMISSION_APPROVED);
		assert_true(has_word(shown.why, "still run") || has_word(shown.why, "beats again"));
	}
	if (facts->admission == ADMISSION_PENDING && facts->clash == NULL) {
		assert_int_equal(shown.state, SHOWN_PENDING);
	}
	if (shown.state == SHOWN_RUNNING) {
		assert_true(facts->stage == STAGE_RUNNING && facts->contact <= CONTACT_ALIVE);
	}
}

static void every_shown_state_is_explained(void **state)
{
	static const char *const clashes[] = {NULL, "n-0123456789"};
	static const unsigned choices[] = {ADMISSION_COUNT, STAGE_COUNT, CONTACT_COUNT, 2, 2, 2, 2, BOOT_PROBLEM_COUNT,
					   2, 2, 2};
	unsigned at[sizeof(choices) / sizeof(choices[0])] = {0};
	bool is_more = true;
	unsigned count = 0;

	(void)state;
	while (is_more) {
		const struct shown_facts facts = {
			.admission = (enum admission)at[0],
			.stage = (enum stage)at[1],
			.contact = (enum contact)at[2],
			.is_cordoned = at[3] == 1,
			.is_mass_loss = at[4] == 1,
			.has_guests = at[5] == 1,
			.clash = clashes[at[6]],
			.problem = (enum boot_problem)at[7],
			.good = at[8],
			.good_needed = 3,
			.falls = 1,
			.is_resumed = at[9] == 1,
			.silent_s = 42,
			.detail = at[10] == 1 ? "aether.img" : "",
			.step = at[10] == 1 ? "loads" : "",
			.percent = at[10] == 1 ? 50 : 255,
		};

		check_shown(&facts);
		count++;
		is_more = false;
		for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]) && !is_more; i++) {
			at[i] = (at[i] + 1) % choices[i];
			is_more = at[i] != 0;
		}
	}
	assert_true(count > 100000);
}

static void a_silent_node_is_told_so(void **state)
{
	struct shown_facts facts = {.admission = ADMISSION_APPROVED,
				    .stage = STAGE_RUNNING,
				    .contact = CONTACT_DOWN,
				    .has_guests = true,
				    .silent_s = 42,
				    .detail = "",
				    .step = "",
				    .percent = 255};
	struct shown shown;

	(void)state;
	shown_make(&facts, &shown);
	assert_string_equal(shown.why, "No contact for 42 s; its guests may still run.");
	facts.silent_s = 7300;
	shown_make(&facts, &shown);
	assert_string_equal(shown.why, "No contact for 2 h; its guests may still run.");
	facts.is_mass_loss = true;
	shown_make(&facts, &shown);
	assert_non_null(strstr(shown.why, "controller's network"));
}

/* --- the record of a boot --- */

static void each_problem_has_a_sentence(void **state)
{
	char text[300];
	enum boot_problem parsed;

	(void)state;
	for (unsigned i = 1; i < BOOT_PROBLEM_COUNT; i++) {
		const enum boot_problem problem = (enum boot_problem)i;

		assert_true(boot_problem_parse(boot_problem_name(problem), &parsed));
		assert_int_equal(parsed, problem);
		(void)boot_problem_sentence(problem, "x.img", text, sizeof(text));
		assert_int_equal(text[strlen(text) - 1], '.');
		assert_null(strchr(text, '%'));
		assert_true(strlen(boot_problem_next(problem)) > 10);
		char small[20];
		(void)boot_problem_sentence(problem, "%n%s%s", small, sizeof(small));
		assert_true(strlen(small) < sizeof(small));
	}
	assert_false(boot_problem_parse("", &parsed));
	assert_false(boot_problem_parse(NULL, &parsed));
}

static void steps_merge_into_a_waterfall(void **state)
{
	struct boot boot = {.started_ms = 0};
	char detail[BOOT_DETAIL_BYTES];

	(void)state;
	struct boot_step *file = boot_add(&boot, BOOT_STEP_FILE, "aether.img", 3000);
	assert_non_null(file);
	assert_non_null(boot_add(&boot, BOOT_STEP_DISCOVER, "", 1000)); /* told later, stands before */
	assert_non_null(boot_add(&boot, BOOT_STEP_DISCOVER, "", 1500));
	assert_int_equal(boot.count, 2);
	assert_int_equal(boot.steps[0].kind, BOOT_STEP_DISCOVER);
	assert_int_equal(boot.started_ms, 1000);
	file = boot_add(&boot, BOOT_STEP_FILE, "aether.img", 3500);
	assert_int_equal(boot.count, 2);
	assert_int_equal(file->start_ms, 3000);
	assert_int_equal(boot_overdue(&boot, 3000 + BOOT_STALLED_MS - 1, detail), BOOT_NONE);
	assert_int_equal(boot_overdue(&boot, 3000 + BOOT_STALLED_MS, detail), BOOT_TRANSFER_STALLED);
	assert_string_equal(detail, "aether.img");
	file->end_ms = 4000;
	assert_int_equal(boot_overdue(&boot, 4000 + BOOT_NO_HELLO_MS - 1, detail), BOOT_NONE);
	assert_int_equal(boot_overdue(&boot, 4000 + BOOT_NO_HELLO_MS, detail), BOOT_NO_HELLO);
	assert_non_null(boot_add(&boot, BOOT_STEP_FILE, "aether.img", 5000)); /* asked for again */
	assert_int_equal(boot.count, 3);
	boot.is_said = true;
	boot.steps[2].end_ms = 6000;
	assert_int_equal(boot_overdue(&boot, 9000000, detail), BOOT_NONE);
	assert_non_null(boot_add(&boot, BOOT_STEP_BLOB, "abc", 7000));
	assert_int_equal(boot_overdue(&boot, 7000 + BOOT_BLOB_STALLED_MS, detail), BOOT_BLOB_STALLED);
	boot_clear(&boot);
	assert_int_equal(boot.count, 0);
}

static void no_offer_and_no_file(void **state)
{
	struct boot boot = {.started_ms = 0};
	char detail[BOOT_DETAIL_BYTES];

	(void)state;
	assert_int_equal(boot_overdue(&boot, 1000000, detail), BOOT_NONE);
	assert_non_null(boot_add(&boot, BOOT_STEP_DISCOVER, "", 1000));
	assert_int_equal(boot_overdue(&boot, 1000 + BOOT_NO_OFFER_MS - 1, detail), BOOT_NONE);
	assert_int_equal(boot_overdue(&boot, 1000 + BOOT_NO_OFFER_MS, detail), BOOT_NO_OFFER);
	assert_non_null(boot_add(&boot, BOOT_STEP_OFFER, "10.77.0.5", 2000));
	assert_int_equal(boot_overdue(&boot, 2000 + BOOT_NO_FILE_MS - 1, detail), BOOT_NONE);
	assert_int_equal(boot_overdue(&boot, 2000 + BOOT_NO_FILE_MS, detail), BOOT_NO_FILE);
	boot_clear(&boot);
}

static void steps_are_bounded(void **state)
{
	struct boot boot = {.started_ms = 0};
	char name[300];

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "%03u%0250d", i, 0);
		(void)boot_add(&boot, BOOT_STEP_FILE, name, 1000 + (int64_t)random_below(100000));
	}
	assert_int_equal(boot.count, BOOT_STEPS_MAX);
	assert_int_equal(boot.lost, 500 - BOOT_STEPS_MAX);
	for (unsigned i = 1; i < boot.count; i++) {
		assert_true(boot.steps[i - 1].start_ms <= boot.steps[i].start_ms);
		assert_true(strlen(boot.steps[i].detail) < BOOT_DETAIL_BYTES);
	}
	boot_clear(&boot);
}

/* --- index --- */

static void index_is_a_map(void **state)
{
	enum { KEYS = 300 };
	struct index index;
	void *model[KEYS + 1] = {NULL};
	static char values[KEYS + 1];
	unsigned count = 0;

	(void)state;
	assert_true(index_make(&index));
	assert_null(index_find(&index, 5));
	for (unsigned i = 0; i < 50000; i++) {
		const uint64_t key = random_below(KEYS + 1);
		void *value = &values[random_below(KEYS + 1)];

		if (random_below(2) == 0) {
			assert_true(index_put(&index, key, value));
			count += key != 0 && model[key] == NULL;
			model[key] = key == 0 ? NULL : value;
		} else if (model[key] != NULL) {
			index_drop(&index, key, &values[0] == model[key] ? &values[1] : &values[0]);
			assert_ptr_equal(index_find(&index, key), model[key]);
			index_drop(&index, key, model[key]);
			model[key] = NULL;
			count--;
		}
		const uint64_t other = random_below(KEYS + 1);
		assert_ptr_equal(index_find(&index, other), model[other]);
		assert_int_equal(index.count, count);
	}
	assert_int_equal(index_of_text(&index, ""), 0);
	assert_true(index_of_text(&index, "a") != index_of_text(&index, "b"));
	index_free(&index);
}

/* --- ring --- */

static void packed_numbers_keep_their_size(void **state)
{
	(void)state;
	for (double value = 1; value < 4e12; value *= 1.01) {
		const double back = ring_unpack(ring_pack(value));

		assert_true(fabs(back - value) <= (value < 2048 ? 0.5 : value / 1000));
	}
	assert_int_equal(ring_pack(-1), 0);
	assert_int_equal(ring_pack(NAN), 0);
	assert_int_equal(ring_pack(INFINITY), 0);
	assert_true(ring_unpack(ring_pack(1e300)) > 4e12);
}

static void ring_keeps_five_minutes(void **state)
{
	enum { SPAN = 4000 };
	static bool has[SPAN];
	struct ring ring = {.count = 0};
	struct ring_reading reading;
	int64_t now = 0;

	(void)state;
	assert_false(ring_get(&ring, 0, &reading));
	while (now + 700 < SPAN) {
		const struct ring_reading put = {.cpu_guest = 0.5f, .exits = (double)(now % 1000), .guests = {1.5f}};

		assert_true(ring_put(&ring, now, &put));
		has[now] = true;
		for (int64_t s = now > 700 ? now - 700 : 0; s <= now + 2; s++) {
			const bool expected = s <= now && s > now - RING_SECONDS && has[s];

			assert_true(ring_get(&ring, s, &reading) == expected);
			if (expected) {
				assert_true(fabs(reading.exits - (double)(s % 1000)) < 1);
				assert_true(fabsf(reading.cpu_guest - 0.5f) < 0.001f);
				assert_true(fabsf(reading.guests[0] - 1.5f) < 0.001f);
			}
		}
		now += random_below(20) == 0 ? 1 + (int64_t)random_below(400) : 1 + (int64_t)random_below(2);
	}
	ring_free(&ring);
}

static void ring_as_json(void **state)
{
	struct ring ring = {.count = 0};
	struct text text = {.bytes = NULL};
	struct json json = {.to = &text};
	const struct ring_reading put = {.cpu_guest = 0.25f, .exits = 100, .causes = {0, 50, 50}};

	(void)state;
	assert_true(ring_put(&ring, 1800000000, &put));
	assert_true(ring_put(&ring, 1800000003, &put));
	ring_json(&ring, &json, NULL);
	json_t *root = json_loads(text.bytes, 0, NULL);
	assert_non_null(root);
	json_t *guest = json_object_get(json_object_get(root, "cpu"), "guest");
	assert_int_equal(json_array_size(guest), 4);
	assert_true(json_is_null(json_array_get(guest, 1)));
	assert_true(fabs(json_real_value(json_array_get(guest, 3)) - 0.25) < 0.001);
	json_t *hvc = json_object_get(json_object_get(root, "exits"), "hvc");
	assert_true(fabs(json_number_value(json_array_get(hvc, 0)) - 50) < 1);
	json_decref(root);
	text_free(&text);
	ring_free(&ring);
}

static void causes_are_named_as_the_core_does(void **state)
{
	(void)state;
#define X(number, symbol, name) assert_string_equal(ring_cause_name(number), name);
	AETHER_EXIT_CAUSES(X)
#undef X
	assert_null(ring_cause_name(AETHER_EXIT_COUNT));
	assert_true((int)AETHER_EXIT_COUNT <= (int)RING_CAUSES);
}

static void digests_are_short_for_people(void **state)
{
	static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct shown_facts facts = {.admission = ADMISSION_APPROVED,
				    .stage = STAGE_BOOTING,
				    .contact = CONTACT_ALIVE,
				    .step = "fetches",
				    .detail = digest,
				    .percent = 255};
	struct shown shown;
	char text[BOOT_DETAIL_BYTES];

	(void)state;
	shown_make(&facts, &shown);
	assert_string_equal(shown.why, "It fetches 0123456789ab.");
	facts.percent = 40;
	shown_make(&facts, &shown);
	assert_string_equal(shown.why, "It fetches 0123456789ab: 40 %.");
	facts.problem = BOOT_HASH_MISMATCH;
	shown_make(&facts, &shown);
	assert_non_null(strstr(shown.why, "0123456789ab"));
	assert_null(strstr(shown.why, "0123456789abc"));
	assert_string_equal(boot_short_detail("vm0, dead beef.img", text), "vm0, dead beef.img");
	char longest[2 * BOOT_DETAIL_BYTES];
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(strlen(boot_short_detail(longest, text)), BOOT_DETAIL_BYTES - 1);
}

static void cpus_have_names(void **state)
{
	char text[CPU_NAME_BYTES];

	(void)state;
	assert_string_equal(cpu_name(0x410fd083, text), "Cortex-A72 r0p3");
	assert_string_equal(cpu_name(0x410fd034, text), "Cortex-A53 r0p4");
	assert_string_equal(cpu_name(0x413fd0c1, text), "Neoverse N1 r3p1");
	assert_string_equal(cpu_name(0x000f0510, text), "0x000f0510"); /* QEMU's "max" */
	assert_string_equal(cpu_name(0x610fd083, text), "0x610fd083"); /* the same part of another's */
	assert_string_equal(cpu_name(UINT64_MAX, text), "0xffffffffffffffff");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_short_for_people),
		cmocka_unit_test(cpus_have_names),
		cmocka_unit_test(every_admission),
		cmocka_unit_test(every_stage),
		cmocka_unit_test(silence_makes_suspect_then_down),
		cmocka_unit_test(one_beat_ends_a_suspicion),
		cmocka_unit_test(who_keeps_falling_needs_more),
		cmocka_unit_test(a_gap_on_the_way_back_counts_anew),
		cmocka_unit_test(grace_holds_back),
		cmocka_unit_test(many_at_once_is_the_network),
		cmocka_unit_test(every_shown_state_is_explained),
		cmocka_unit_test(a_silent_node_is_told_so),
		cmocka_unit_test(each_problem_has_a_sentence),
		cmocka_unit_test(steps_merge_into_a_waterfall),
		cmocka_unit_test(no_offer_and_no_file),
		cmocka_unit_test(steps_are_bounded),
		cmocka_unit_test(index_is_a_map),
		cmocka_unit_test(packed_numbers_keep_their_size),
		cmocka_unit_test(ring_keeps_five_minutes),
		cmocka_unit_test(ring_as_json),
		cmocka_unit_test(causes_are_named_as_the_core_does),
	};

	(void)random_init("test_fleet_tables", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
