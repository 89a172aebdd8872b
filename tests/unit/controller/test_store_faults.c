/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The n-th allocation fails, the n-th call of the disk fails, n counting up until nothing failed: while the store is
 * opened, in the first change (statements are prepared), in a later one, in a read, in a checkpoint. Each time: a
 * change that failed says so and left nothing, one that succeeded is there whole, the store goes on when the fault is
 * gone, and what was acknowledged is still there when it was opened again.
 *
 * Each of the first places, of the others a random sample, one in four: N=1 takes each of them, SEED= the same ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "model/random.h"
#include "store/store.h"
#include "unit/controller/vfs_shim.h"
#include "unit/controller/place.h"

enum { TRIES_MOST = 5000, ONE_IN = 4, EACH_UP_TO = 12 };

static char folder[64];
static char path[96];

/* --- allocations --- */

static sqlite3_mem_methods system_memory;
static _Atomic unsigned alloc_fail_from, alloc_fail_to, alloc_count;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool is_alloc_due(void)
{
	const unsigned count = ++alloc_count;
	return alloc_fail_from != 0 && count >= alloc_fail_from && count <= alloc_fail_to;
}

static void *failing_malloc(int bytes)
{
	return is_alloc_due() ? NULL : system_memory.xMalloc(bytes);
}

static void *failing_realloc(void *old, int bytes)
{
	return is_alloc_due() ? NULL : system_memory.xRealloc(old, bytes);
}

/* The store's own. */
void *__wrap_calloc(size_t count, size_t size)
{
	return is_alloc_due() ? NULL : __real_calloc(count, size);
}

/* --- faults --- */

struct fault {
	const char *name;
	void (*arm)(unsigned n); /* 0: none */
	unsigned (*count)(void);
};

static void arm_alloc(unsigned n)
{
	alloc_fail_from = 0;
	alloc_count = 0;
	alloc_fail_to = n;
	alloc_fail_from = n;
}

/* Memory does not come back before the change is over. */
static void arm_all_allocs_from(unsigned n)
{
	alloc_fail_from = 0;
	alloc_count = 0;
	alloc_fail_to = UINT32_MAX;
	alloc_fail_from = n;
}

static unsigned count_allocs(void)
{
	return alloc_count;
}

static void arm_io(unsigned n)
{
	shim_fail_at(n, 0, SQLITE_IOERR);
}

static void arm_all_io_from(unsigned n)
{
	shim_fail_at(n, 1u << 30, SQLITE_IOERR);
}

static void arm_full_disk(unsigned n)
{
	shim_fail_at(n, 1u << 30, SQLITE_FULL);
}

static const struct fault faults[] = {
	{ "one allocation", arm_alloc, count_allocs },	{ "all allocations", arm_all_allocs_from, count_allocs },
	{ "one call of the disk", arm_io, shim_count }, { "the disk from then on", arm_all_io_from, shim_count },
	{ "a full disk", arm_full_disk, shim_count },
};
enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

static uint64_t one_in;

/* How far it is to the next place that is tried. */
static unsigned to_next(unsigned n)
{
	return n < EACH_UP_TO ? 1 : 1 + (unsigned)random_below(2 * one_in - 1);
}

/* --- the store --- */

static struct store *open_store(struct fail *fail)
{
	const struct store_options options = { .path = path, .vfs = SHIM_VFS, .checkpoint_pages = 8 };
	return store_open(&options, fail);
}

static bool add_pair(struct sql *sql, void *argument, struct fail *fail)
{
	const int64_t *number = argument;
	char name[24];
	(void)snprintf(name, sizeof(name), "%06lld", (long long)*number);
	return sql_run(sql, fail, "INSERT INTO setting (name, value) VALUES (?, hex(zeroblob(3000)))", "t", name) &&
	       sql_run(sql, fail, "INSERT INTO event (idx, at_ms, kind, text) VALUES (?, 1, 'test', ?)", "it", *number,
		       name);
}

struct found {
	int64_t settings, events, sum;
	bool is_sound;
};

static bool look(struct sql *sql, void *argument, struct fail *fail)
{
	struct found *found = argument;
	struct sql_row row;

	memset(found, 0, sizeof(*found));
	sql_query(sql, &row, "SELECT name FROM setting", "");
	while (sql_next(&row)) {
		found->settings++;
		found->sum += strtoll(sql_text(&row, 0), NULL, 10);
	}
	if (!sql_end(&row, fail)) {
		return false;
	}
	sql_query(sql, &row, "SELECT idx FROM event", "");
	while (sql_next(&row)) {
		found->events++;
		found->sum -= sql_i64(&row, 0);
	}
	return sql_end(&row, fail);
}

static bool check_sound(struct sql *sql, void *argument, struct fail *fail)
{
	struct sql_row row;
	bool *is_sound = argument;
	sql_query(sql, &row, "PRAGMA integrity_check(1)", "");
	*is_sound = sql_next(&row) && strcmp(sql_text(&row, 0), "ok") == 0;
	return sql_end(&row, fail);
}

/* Exactly `count` pairs are there. */
static void check_count(struct store *store, int64_t count)
{
	struct found found;
	struct fail fail;
	bool is_sound = false;
	assert_true(store_read(store, look, &found, &fail));
	assert_int_equal(found.settings, count);
	assert_int_equal(found.events, count);
	assert_int_equal(found.sum, 0);
	assert_true(store_read(store, check_sound, &is_sound, &fail));
	assert_true(is_sound);
}

static int make_folder(void **state)
{
	(void)state;
	place_template(folder, sizeof(folder), "faults");
	if (mkdtemp(folder) == NULL) {
		return -1;
	}
	(void)snprintf(path, sizeof(path), "%s/aether.db", folder);
	shim_watch(folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[128];
	shim_watch(NULL);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

static bool is_temporary(const struct fail *fail)
{
	return fail->kind == FAIL_UNAVAILABLE && fail->text[0] != '\0';
}

static void opening_fails_and_can_be_repeated(void **state)
{
	(void)state;
	for (unsigned f = 0; f < FAULTS; f++) {
		unsigned n = 1;
		for (bool is_over = false; !is_over; n += to_next(n)) {
			struct fail fail = { .text = "" };
			assert_true(n < TRIES_MOST);
			(void)unlink(path);
			faults[f].arm(n);
			struct store *store = open_store(&fail);
			is_over = faults[f].count() < n;
			faults[f].arm(0);
			if (store == NULL && !is_temporary(&fail)) {
				fail_msg("%s, the %u-th: %s", faults[f].name, n, fail.text);
			}
			assert_true(store != NULL || !is_over);
			/* Opening allocates thousands of times, in migrations above all: each of the first, some of the
			 * rest. */
			n += n > 30 && faults[f].count == count_allocs ? 30 * (unsigned)one_in : 0;
			store_close(store);
			store = open_store(&fail);
			if (store == NULL) {
				fail_msg("%s, the %u-th, then opened again: %s", faults[f].name, n, fail.text);
			}
			check_count(store, 0);
			store_close(store);
		}
		print_message("# opening: %s, up to the %u-th\n", faults[f].name, n);
	}
}

/* Small databases: each is looked at whole, a thousand times. */
static void remove_database(void)
{
	shim_watch(NULL);
	(void)unlink(path);
	shim_watch(folder);
}

/* Changes until one succeeded without a fault; each store is opened anew when `is_first`. */
static void fail_changes(const struct fault *fault, bool is_first)
{
	int64_t made = 0;
	struct fail fail = { .text = "" };
	struct store *store = open_store(&fail);
	unsigned n = 1;

	assert_non_null(store);
	for (bool is_over = false; !is_over; n += to_next(n)) {
		int64_t number = made;
		assert_true(n < TRIES_MOST);
		if (is_first) {
			store_close(store);
			store = open_store(&fail);
			assert_non_null(store);
		}
		fault->arm(n);
		const bool is_made = store_change(store, add_pair, NULL, &number, &fail);
		is_over = fault->count() < n;
		fault->arm(0);
		if (!is_made && !is_temporary(&fail)) {
			fail_msg("%s, the %u-th: %s", fault->name, n, fail.text);
		}
		made += is_made ? 1 : 0;
		check_count(store, made);
		number = made;
		if (!store_change(store, add_pair, NULL, &number, &fail)) {
			fail_msg("%s, the %u-th, then a change: %s", fault->name, n, fail.text);
		}
		made += 1;
	}
	store_close(store);
	store = open_store(&fail);
	assert_non_null(store);
	check_count(store, made);
	store_close(store);
	print_message("# %s: %s: up to the %u-th\n", is_first ? "first change" : "later change", fault->name, n);
}

static void a_change_is_whole_or_not_there(void **state)
{
	(void)state;
	for (unsigned f = 0; f < FAULTS; f++) {
		remove_database();
		fail_changes(&faults[f], true);
		remove_database();
		fail_changes(&faults[f], false);
	}
}

static bool change_nothing(struct sql *sql, void *argument, struct fail *fail)
{
	(void)argument;
	return sql_run(sql, fail, "SELECT 1", "");
}

struct tell {
	int64_t number;
	int told;
	bool is_made;
};

static bool add_told(struct sql *sql, void *argument, struct fail *fail)
{
	struct tell *tell = argument;
	return add_pair(sql, &tell->number, fail);
}

static void note(void *argument, const struct fail *fail)
{
	struct tell *tell = argument;
	tell->told++;
	tell->is_made = fail == NULL;
}

/* A group: each is told once what became of it, and that is what is there, also after a reopening. */
static void a_group_is_told_what_became_of_it(void **state)
{
	(void)state;
	enum { COUNT = 8 };
	struct fail fail = { .text = "" };

	for (unsigned f = 0; f < FAULTS; f++) {
		unsigned n = 1;
		for (bool is_over = false; !is_over; n += n < 60 ? to_next(n) : 4 * to_next(n)) {
			struct tell tells[COUNT] = { 0 };
			int64_t made = 0;
			remove_database();
			struct store *store = open_store(&fail);
			assert_non_null(store);
			assert_true(n < TRIES_MOST);
			faults[f].arm(n);
			for (int i = 0; i < COUNT; i++) {
				tells[i].number = i;
				if (!store_submit(store, add_told, note, &tells[i], &fail)) {
					assert_true(is_temporary(&fail));
					tells[i].told = 1; /* will not come */
				}
			}
			/* Behind the group; its own end does not matter. */
			(void)store_change(store, change_nothing, NULL, NULL, &fail);
			is_over = faults[f].count() < n;
			faults[f].arm(0);
			store_close(store);
			for (int i = 0; i < COUNT; i++) {
				assert_int_equal(tells[i].told, 1);
				made += tells[i].is_made ? 1 : 0;
			}
			store = open_store(&fail);
			assert_non_null(store);
			check_count(store, made);
			store_close(store);
		}
	}
}

static void a_read_fails_and_can_be_repeated(void **state)
{
	(void)state;
	struct fail fail = { .text = "" };
	struct store *store = open_store(&fail);

	assert_non_null(store);
	for (int64_t i = 0; i < 20; i++) {
		assert_true(store_change(store, add_pair, NULL, &i, &fail));
	}
	for (unsigned f = 0; f < FAULTS; f++) {
		unsigned n = 1;
		for (bool is_over = false; !is_over; n += to_next(n)) {
			struct found found;
			assert_true(n < TRIES_MOST);
			/* A reader that has read nothing yet. */
			store_close(store);
			store = open_store(&fail);
			assert_non_null(store);
			faults[f].arm(n);
			const bool is_read = store_read(store, look, &found, &fail);
			is_over = faults[f].count() < n;
			faults[f].arm(0);
			assert_true(is_read || is_temporary(&fail));
			assert_true(!is_read || (found.settings == 20 && found.events == 20 && found.sum == 0));
			check_count(store, 20);
		}
		assert_true(n > 3);
	}
	store_close(store);
}

int main(void)
{
#define in_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		in_folder(opening_fails_and_can_be_repeated),
		in_folder(a_change_is_whole_or_not_there),
		in_folder(a_group_is_told_what_became_of_it),
		in_folder(a_read_fails_and_can_be_repeated),
	};
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory) != SQLITE_OK) {
		return 1;
	}
	sqlite3_mem_methods failing = system_memory;
	failing.xMalloc = failing_malloc;
	failing.xRealloc = failing_realloc;
	/* Without the small blocks that a connection keeps, every allocation is one that may fail. */
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK ||
	    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK) {
		return 1;
	}
	one_in = random_init("test_store_faults", ONE_IN);
	if (one_in == 0 || one_in > 1000) {
		return 1;
	}
	log_set_level((enum log_level) - 1);
	shim_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
