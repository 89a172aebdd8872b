/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts. While changes are made, the power is cut (vfs_shim.h) just before and just after each sync, and at each
 * acknowledgement; what the disk then has is opened as the next start would, and looked at:
 *
 *  - every change that was acknowledged is there ("lost" counts where not),
 *  - what is there is changes 0 to some n, each whole, in a sound database that takes the next change ("broken").
 *
 * SEED= makes other cuts, N= that many changes. With synchronous=FULL neither happens. With NORMAL and OFF the same
 * test must find a loss: else it could find none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "store/store.h"
#include "unit/controller/vfs_shim.h"
#include "unit/controller/place.h"

enum { CHANGES = 60, CHANGES_MOST = 1200, GROUP = 3, CHECKPOINT_PAGES = 24 };

static char before[64]; /* the folder in use */
static char after[64]; /* what a cut left */

struct cuts {
	_Atomic int64_t submitted; /* by the test's thread; all else by the writer's */
	int64_t acknowledged;
	uint64_t seed;
	unsigned count, lost, broken;
	unsigned at_sync; /* of those that were cut at a sync */
};

/* Two rows of one change: it is whole or not there. The sizes make some of them span pages. */
static bool add_pair(struct sql *sql, void *argument, struct fail *fail)
{
	const int64_t *number = argument;
	char name[24];

	(void)snprintf(name, sizeof(name), "%06lld", (long long)*number);
	return sql_run(sql, fail, "INSERT INTO setting (name, value) VALUES (?, hex(zeroblob(?)))", "ti", name,
		       *number % 7 * 700) &&
	       sql_run(sql, fail, "INSERT INTO event (idx, at_ms, kind, text) VALUES (?, 1, 'test', ?)", "it", *number,
		       name);
}

struct found {
	int64_t settings, events, most;
	bool is_sound;
};

static bool look(struct sql *sql, void *argument, struct fail *fail)
{
	struct found *found = argument;
	struct sql_row row;

	sql_query(sql, &row,
		  "SELECT (SELECT count(*) FROM setting), (SELECT count(*) FROM event), (SELECT coalesce(max(idx), -1) "
		  "FROM event)",
		  "");
	if (sql_next(&row)) {
		found->settings = sql_i64(&row, 0);
		found->events = sql_i64(&row, 1);
		found->most = sql_i64(&row, 2);
	}
	if (!sql_end(&row, fail)) {
		return false;
	}
	sql_query(sql, &row, "PRAGMA integrity_check(1)", "");
	found->is_sound = sql_next(&row) && strcmp(sql_text(&row, 0), "ok") == 0;
	return sql_end(&row, fail);
}

static void look_after_cut(struct cuts *cuts)
{
	char path[96];
	struct fail fail = { .text = "" };
	struct found found = { 0 };
	int64_t next = 900000;

	cuts->count++;
	(void)snprintf(path, sizeof(path), "%s/aether.db", after);
	const struct store_options options = { .path = path, .vfs = SHIM_VFS };
	struct store *store = store_open(&options, &fail);
	const bool is_read = store != NULL && store_read(store, look, &found, &fail) && found.is_sound &&
			     found.settings == found.events && found.most == found.events - 1 &&
			     found.events <= cuts->submitted && store_change(store, add_pair, NULL, &next, &fail);
	store_close(store);
	if (!is_read) {
		cuts->broken++;
	} else if (found.events < cuts->acknowledged) {
		cuts->lost++;
	}
}

static void cut_now(struct cuts *cuts, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		shim_cut(after, ++cuts->seed);
		look_after_cut(cuts);
	}
}

static void cut_at_sync(void *argument)
{
	struct cuts *cuts = argument;
	const unsigned count = cuts->count;
	cut_now(cuts, 2);
	cuts->at_sync += cuts->count - count;
}

struct one {
	int64_t number;
	struct cuts *cuts;
	bool is_last_of_group;
};

static bool add_one(struct sql *sql, void *argument, struct fail *fail)
{
	struct one *one = argument;
	return add_pair(sql, &one->number, fail);
}

static void acknowledge(void *argument, const struct fail *fail)
{
	struct one *one = argument;
	if (fail == NULL) {
		one->cuts->acknowledged = one->number + 1;
		if (one->is_last_of_group) {
			cut_now(one->cuts, 1);
		}
	}
}

static int changes = CHANGES;

static struct cuts run(const char *synchronous)
{
	static struct one ones[CHANGES_MOST];
	const char *seed = getenv("SEED");
	struct cuts cuts = { .seed = seed != NULL ? strtoull(seed, NULL, 10) : 1 };
	struct fail fail = { .text = "" };
	char path[96];

	place_template(before, sizeof(before), "before");
	place_template(after, sizeof(after), "after");
	assert_non_null(mkdtemp(before));
	assert_non_null(mkdtemp(after));
	(void)snprintf(path, sizeof(path), "%s/aether.db", before);
	shim_watch(before);
	shim_on_sync(cut_at_sync, &cuts);
	const struct store_options options = {
		.path = path, .vfs = SHIM_VFS, .synchronous = synchronous, .checkpoint_pages = CHECKPOINT_PAGES
	};
	struct store *store = store_open(&options, &fail);
	assert_non_null(store);
	for (int i = 0; i < changes; i++) {
		const bool is_last = i % GROUP == GROUP - 1;
		ones[i] = (struct one){ .number = i, .cuts = &cuts, .is_last_of_group = is_last };
		cuts.submitted = i + 1;
		assert_true(is_last ? store_change(store, add_one, acknowledge, &ones[i], &fail)
				    : store_submit(store, add_one, acknowledge, &ones[i], &fail));
	}
	store_close(store);
	assert_int_equal(cuts.acknowledged, changes);
	cut_now(&cuts, 3);
	shim_watch(NULL);
	shim_on_sync(NULL, NULL);
	char command[160];
	(void)snprintf(command, sizeof(command), "rm -rf '%s' '%s'", before, after);
	assert_int_equal(system(command), 0);
	print_message("# synchronous=%s: %u cuts (%u at syncs): %u lost something, %u left it broken\n", synchronous,
		      cuts.count, cuts.at_sync, cuts.lost, cuts.broken);
	return cuts;
}

static void full_loses_nothing(void **state)
{
	(void)state;
	const struct cuts cuts = run("FULL");
	assert_true(cuts.at_sync >= 2 * (unsigned)changes / GROUP);
	assert_int_equal(cuts.lost, 0);
	assert_int_equal(cuts.broken, 0);
}

static void normal_loses_but_does_not_break(void **state)
{
	(void)state;
	const struct cuts cuts = run("NORMAL");
	assert_true(cuts.lost > 0);
	assert_int_equal(cuts.broken, 0);
}

static void off_loses(void **state)
{
	(void)state;
	const struct cuts cuts = run("OFF");
	assert_true(cuts.lost + cuts.broken > 0);
	assert_true(cuts.lost > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_loses_nothing),
		cmocka_unit_test(normal_loses_but_does_not_break),
		cmocka_unit_test(off_loses),
	};
	const char *n = getenv("N");
	if (n != NULL) {
		/* Whole groups: the last one's end is waited for. */
		changes = (int)strtol(n, NULL, 10) / GROUP * GROUP;
		if (changes < GROUP || changes > CHANGES_MOST) {
			(void)fprintf(stderr, "N=%s: %d to %d\n", n, GROUP, CHANGES_MOST);
			return 1;
		}
	}
	log_set_level(LOG_ERROR);
	shim_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
