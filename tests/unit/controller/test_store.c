/* SPDX-License-Identifier: Apache-2.0 */
/* The store: statements, groups, order, readers, failures of one change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "unit/controller/small_store.h"

static void a_change_is_read_back_after_reopening(void **state)
{
	struct put put = { .name = "a", .value = "1" };
	struct fail fail;

	assert_true(store_change(*state, put_setting, note_told, &put, &fail));
	assert_int_equal(put.told, 1);
	assert_true(put.was_durable);
	assert_int_equal(rows_of(*state), 1);
	store_close(*state);
	*state = small_store_open(&fail);
	assert_non_null(*state);
	assert_int_equal(rows_of(*state), 1);

	char wal[160];
	(void)snprintf(wal, sizeof(wal), "%s-wal", small_path);
	store_close(*state);
	*state = NULL;
	assert_int_equal(access(wal, F_OK), -1); /* closed cleanly */
	struct stat seen;
	assert_int_equal(stat(small_path, &seen), 0);
	assert_int_equal(seen.st_mode & 0777, 0600);
}

static void a_refused_change_leaves_nothing(void **state)
{
	struct put good = { .name = "a", .value = "1" };
	struct put refused = { .name = "b", .value = "1", .is_refused = true };
	struct put twice = { .name = "a", .value = "2" };
	struct fail fail;

	assert_true(store_change(*state, put_setting, NULL, &good, &fail));
	assert_false(store_change(*state, put_setting, note_told, &refused, &fail));
	assert_int_equal(fail.kind, FAIL_CONFLICT);
	assert_string_equal(fail.text, "no b");
	assert_false(refused.was_durable);
	assert_false(store_change(*state, put_setting, NULL, &twice, &fail));
	assert_int_equal(fail.kind, FAIL_CONFLICT);
	assert_non_null(strstr(fail.text, "setting.name"));
	assert_int_equal(rows_of(*state), 1);
	struct store_figures figures;
	store_figures(*state, &figures);
	assert_int_equal(figures.changes, 1);
	assert_int_equal(figures.failures, 2);
	assert_true(figures.file_bytes + figures.wal_bytes > 4096);
}

/* --- order and groups --- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static bool wait_at_gate(struct sql *sql, void *argument, struct fail *fail)
{
	(void)sql;
	(void)argument;
	(void)fail;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	return true;
}

static void those_who_wait_commit_together_in_order(void **state)
{
	enum { COUNT = 200 };
	struct put puts[COUNT];
	char names[COUNT][16];
	struct fail fail;
	struct store_figures before;
	struct store_figures after;

	memset(puts, 0, sizeof(puts));
	told_count = 0;
	pthread_mutex_lock(&gate);
	assert_true(store_submit(*state, wait_at_gate, NULL, NULL, &fail));
	do {
		store_figures(*state, &before);
	} while (before.waiting != 0); /* the writer stands at the gate */
	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%03d", i);
		puts[i] = (struct put){ .name = names[i], .value = "", .is_refused = i % 10 == 3 };
		assert_true(store_submit(*state, put_setting, note_told, &puts[i], &fail));
	}
	pthread_mutex_unlock(&gate);
	assert_true(store_change(*state, wait_at_gate, NULL, NULL, &fail));
	store_figures(*state, &after);
	assert_true(after.commits - before.commits <= 3);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(puts[i].told, 1);
		assert_int_equal(puts[i].order, i);
		assert_int_equal(puts[i].was_durable, i % 10 != 3);
	}
	assert_int_equal(rows_of(*state), COUNT - COUNT / 10);
}

static void too_many_that_wait_are_refused(void **state)
{
	struct fail fail;
	struct store_figures figures;

	store_close(*state);
	const struct store_options options = { .path = small_path, .waiting_most = 4 };
	*state = store_open(&options, &fail);
	assert_non_null(*state);
	pthread_mutex_lock(&gate);
	assert_true(store_submit(*state, wait_at_gate, NULL, NULL, &fail));
	do {
		store_figures(*state, &figures);
	} while (figures.waiting != 0);
	for (int i = 0; i < 4; i++) {
		assert_true(store_submit(*state, wait_at_gate, NULL, NULL, &fail));
	}
	assert_false(store_submit(*state, wait_at_gate, NULL, NULL, &fail));
	assert_int_equal(fail.kind, FAIL_UNAVAILABLE);
	assert_false(store_change(*state, wait_at_gate, NULL, NULL, &fail));
	pthread_mutex_unlock(&gate);
}

static void submit_from_done(void *argument, const struct fail *fail)
{
	struct store *store = argument;
	static struct put next = { .name = "next", .value = "" };
	struct fail why;

	assert_null(fail);
	assert_false(store_change(store, put_setting, NULL, &next, &why)); /* would wait for itself */
	assert_int_equal(why.kind, FAIL_INTERNAL);
	assert_true(store_submit(store, put_setting, NULL, &next, &why));
}

static void done_may_submit_but_not_wait(void **state)
{
	struct fail fail;

	assert_true(store_change(*state, wait_at_gate, submit_from_done, *state, &fail));
	assert_true(store_change(*state, wait_at_gate, NULL, NULL, &fail));
	assert_int_equal(rows_of(*state), 1);
}

static void what_was_submitted_is_kept_by_close(void **state)
{
	static struct put puts[100];
	char names[100][16];
	struct fail fail;

	for (int i = 0; i < 100; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%03d", i);
		puts[i] = (struct put){ .name = names[i], .value = "" };
		assert_true(store_submit(*state, put_setting, note_told, &puts[i], &fail));
	}
	store_close(*state);
	for (int i = 0; i < 100; i++) {
		assert_true(puts[i].was_durable);
	}
	*state = small_store_open(&fail);
	assert_non_null(*state);
	assert_int_equal(rows_of(*state), 100);
}

/* --- statements --- */

static bool use_every_kind(struct sql *sql, void *argument, struct fail *fail)
{
	(void)argument;
	struct sql_row row;
	size_t count = 0;

	sql_query(sql, &row, "SELECT ?, ?, ?, ?, ?, ?, ?", "iudtbtb", INT64_MIN, 4000000000u, 0.5, "t\xc3\xbc", "a\0b",
		  (size_t)3, NULL, NULL, (size_t)0);
	assert_true(sql_next(&row));
	assert_int_equal(sql_i64(&row, 0), INT64_MIN);
	assert_int_equal(sql_i64(&row, 1), 4000000000);
	assert_true(sql_double(&row, 2) > 0.49 && sql_double(&row, 2) < 0.51);
	assert_string_equal(sql_text(&row, 3), "t\xc3\xbc");
	assert_memory_equal(sql_blob(&row, 4, &count), "a\0b", 3);
	assert_int_equal(count, 3);
	assert_true(sql_is_null(&row, 5));
	assert_null(sql_text(&row, 5));
	assert_null(sql_blob(&row, 6, &count));
	assert_false(sql_is_null(&row, 0));
	assert_false(sql_next(&row));
	return sql_end(&row, fail);
}

static const char numbers[] =
	"WITH RECURSIVE n(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM n WHERE x < ?) SELECT x FROM n";

static bool nest_one_statement(struct sql *sql, void *argument, struct fail *fail)
{
	(void)argument;
	struct sql_row outer;
	struct sql_row inner;
	int64_t sum = 0;

	sql_query(sql, &outer, numbers, "i", INT64_C(10));
	while (sql_next(&outer)) {
		sql_query(sql, &inner, numbers, "i", sql_i64(&outer, 0));
		while (sql_next(&inner)) {
			sum += sql_i64(&inner, 0);
		}
		assert_true(sql_end(&inner, fail));
	}
	assert_int_equal(sum, 220);
	return sql_end(&outer, fail);
}

static bool make_mistakes(struct sql *sql, void *argument, struct fail *fail)
{
	(void)argument;
	struct sql_row row;

	assert_false(sql_run(sql, fail, "SELECT x FROM nowhere", ""));
	assert_int_equal(fail->kind, FAIL_INTERNAL);
	assert_non_null(strstr(fail->text, "nowhere"));
	assert_false(sql_run(sql, fail, "SELECT ?", "")); /* a kind is missing */
	assert_false(sql_run(sql, fail, "SELECT ?", "x", 1));
	sql_query(sql, &row, "SELECT * FROM nowhere", "");
	assert_false(sql_next(&row));
	assert_false(sql_end(&row, fail));
	return true;
}

static bool write_in_a_read(struct sql *sql, void *argument, struct fail *fail)
{
	(void)argument;
	return sql_run(sql, fail, "INSERT INTO setting (name, value) VALUES ('x', 'y')", "");
}

static bool change_by_condition(struct sql *sql, void *argument, struct fail *fail)
{
	(void)argument;
	assert_true(sql_run(sql, fail, "INSERT INTO setting (name, value) VALUES ('x', 'y')", ""));
	assert_int_equal(sql_changes(sql), 1);
	assert_true(sql_run(sql, fail, "UPDATE setting SET value = 'z' WHERE name = ?", "t", "x"));
	assert_int_equal(sql_changes(sql), 1);
	assert_true(sql_run(sql, fail, "UPDATE setting SET value = 'z' WHERE name = ?", "t", "w"));
	assert_int_equal(sql_changes(sql), 0);
	assert_true(sql_run(sql, fail, "DELETE FROM setting", ""));
	assert_true(sql_run(sql, fail, "SELECT 1", ""));
	assert_int_equal(sql_changes(sql), 0);
	/* A key that refers to nothing. */
	assert_false(sql_run(sql, fail, "INSERT INTO mac (mac, node, seen_ms) VALUES ('00', 'n-none', 0)", ""));
	assert_int_equal(fail->kind, FAIL_CONFLICT);
	return true;
}

static void statements(void **state)
{
	struct fail fail;

	for (int i = 0; i < 3; i++) {
		assert_true(store_read(*state, use_every_kind, NULL, &fail));
		assert_true(store_read(*state, nest_one_statement, NULL, &fail));
		assert_true(store_read(*state, make_mistakes, NULL, &fail));
		assert_true(store_change(*state, nest_one_statement, NULL, NULL, &fail));
		assert_true(store_change(*state, change_by_condition, NULL, NULL, &fail));
	}
	assert_false(store_read(*state, write_in_a_read, NULL, &fail));
	assert_int_equal(rows_of(*state), 0);
}

/* --- readers in parallel with the writer --- */

struct reading {
	struct store *store;
	_Atomic bool is_over;
	uint64_t reads;
};

static void *read_all_the_time(void *argument)
{
	struct reading *reading = argument;
	int64_t last = 0;
	struct count count;
	struct fail fail;

	while (!reading->is_over) {
		if (!store_read(reading->store, count_settings, &count, &fail) || count.rows < last) {
			return argument;
		}
		last = count.rows;
		reading->reads++;
	}
	return NULL;
}

static void many_read_while_one_writes(void **state)
{
	enum { READERS = 12, CHANGES = 100 };
	struct reading readings[READERS];
	pthread_t threads[READERS];
	struct fail fail;

	for (int i = 0; i < READERS; i++) {
		readings[i] = (struct reading){ .store = *state };
		assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, &readings[i]), 0);
	}
	for (int i = 0; i < CHANGES; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "%03d", i);
		struct put put = { .name = name, .value = "" };
		assert_true(store_change(*state, put_setting, NULL, &put, &fail));
	}
	for (int i = 0; i < READERS; i++) {
		void *failed = NULL;
		readings[i].is_over = true;
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(rows_of(*state), CHANGES);
}

static void the_wal_begins_anew(void **state)
{
	struct fail fail;
	struct store_figures figures;

	for (int i = 0; i < 200; i++) { /* 160 MB in all */
		assert_true(store_change(*state, put_large, NULL, NULL, &fail));
	}
	store_figures(*state, &figures);
	assert_true(figures.wal_bytes < 20u << 20);
}

/* --- how fast; printed, not judged --- */

enum { CHANGES_EACH = 200 };

static void *change_many(void *argument)
{
	struct fail fail;
	for (int i = 0; i < CHANGES_EACH; i++) {
		static _Atomic unsigned next;
		char name[32];
		(void)snprintf(name, sizeof(name), "%u", next++);
		struct put put = { .name = name, .value = "" };
		if (!store_change(argument, put_setting, NULL, &put, &fail)) {
			return argument;
		}
	}
	return NULL;
}

static void throughput(void **state)
{
	enum { THREADS = 16 };
	pthread_t threads[THREADS];

	for (int count = 1; count <= THREADS; count *= 16) {
		const uint64_t start = clock_us();
		for (int i = 0; i < count; i++) {
			assert_int_equal(pthread_create(&threads[i], NULL, change_many, *state), 0);
		}
		for (int i = 0; i < count; i++) {
			void *failed = NULL;
			pthread_join(threads[i], &failed);
			assert_null(failed);
		}
		const double seconds = (double)(clock_us() - start) / 1e6;
		print_message("# %d threads: %.0f durable changes/s\n", count, count * CHANGES_EACH / seconds);
	}
}

int main(void)
{
#define in_folder(test) cmocka_unit_test_setup_teardown(test, small_store_make, small_store_remove)
	const struct CMUnitTest tests[] = {
		in_folder(a_change_is_read_back_after_reopening),
		in_folder(a_refused_change_leaves_nothing),
		in_folder(those_who_wait_commit_together_in_order),
		in_folder(too_many_that_wait_are_refused),
		in_folder(done_may_submit_but_not_wait),
		in_folder(what_was_submitted_is_kept_by_close),
		in_folder(statements),
		in_folder(many_read_while_one_writes),
		in_folder(the_wal_begins_anew),
		in_folder(throughput),
	};
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
