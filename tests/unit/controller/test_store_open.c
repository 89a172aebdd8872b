/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the store: what is refused and why (a second controller, a newer, foreign or damaged file), and migrations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "store/connection.h"
#include "store/migrate.h"
#include "unit/controller/small_store.h"

static void a_second_controller_is_refused(void **state)
{
	(void)state;
	const pid_t pid = fork();
	if (pid == 0) {
		struct fail fail;
		log_set_level(LOG_ERROR);
		struct store *second = small_store_open(&fail);
		_exit(second == NULL && fail.kind == FAIL_CONFLICT && strstr(fail.text, "another aetherd") != NULL ? 0
														   : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void run_on_file(const char *text)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(small_path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_newer_database_is_refused_and_kept(void **state)
{
	struct put put = { .name = "a", .value = "1" };
	struct fail fail;
	char text[64];

	assert_true(store_change(*state, put_setting, NULL, &put, &fail));
	store_close(*state);
	run_on_file("PRAGMA user_version = 1000");
	*state = small_store_open(&fail);
	assert_null(*state);
	assert_int_equal(fail.kind, FAIL_CONFLICT);
	assert_non_null(strstr(fail.text, "newer aetherd (schema 1000"));
	(void)snprintf(text, sizeof(text), "PRAGMA user_version = %u", migration_count);
	run_on_file(text);
	*state = small_store_open(&fail);
	assert_non_null(*state);
	assert_int_equal(rows_of(*state), 1);
}

static void a_database_of_another_program_is_refused(void **state)
{
	struct fail fail;

	store_close(*state);
	*state = NULL;
	assert_int_equal(unlink(small_path), 0);
	run_on_file("CREATE TABLE theirs (x)");
	assert_null(small_store_open(&fail));
	assert_non_null(strstr(fail.text, "another program"));
	run_on_file("INSERT INTO theirs VALUES (1)");
	FILE *file = fopen(small_path, "w");
	assert_non_null(file);
	(void)fputs("not a database at all, but some text that is longer than the header of one, which has 100 bytes",
		    file);
	(void)fputs("                                ", file);
	(void)fclose(file);
	assert_null(small_store_open(&fail));
	assert_non_null(strstr(fail.text, "damaged"));
}

static void a_damaged_database_is_refused_after_a_crash(void **state)
{
	struct fail fail;
	char wal[160];

	for (int i = 0; i < 20; i++) {
		assert_true(store_change(*state, put_large, NULL, NULL, &fail));
	}
	store_close(*state);
	*state = NULL;
	const int fd = open(small_path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	char junk[4096];
	memset(junk, 0x5a, sizeof(junk));
	/* Pages in the middle, which opening alone would not read; a WAL that is there says: not closed. */
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 10 * 4096), sizeof(junk));
	assert_int_equal(close(fd), 0);
	(void)snprintf(wal, sizeof(wal), "%s-wal", small_path);
	const int wal_fd = open(wal, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(wal_fd, "cut", 3), 3);
	assert_int_equal(close(wal_fd), 0);
	assert_null(small_store_open(&fail));
	assert_int_equal(fail.kind, FAIL_INTERNAL);
	assert_non_null(strstr(fail.text, "damaged"));
}

static void a_folder_that_is_not_there(void **state)
{
	(void)state;
	struct fail fail;
	const struct store_options options = { .path = "/nonexistent/aether.db" };
	assert_null(store_open(&options, &fail));
	assert_non_null(strstr(fail.text, "/nonexistent/aether.db"));
	assert_non_null(strstr(fail.text, "No such file"));
}

/* --- migrations --- */

static void migrations_stand_alone_or_not_at_all(void **state)
{
	(void)state;
	static const struct migration list[] = {
		{ 1, "one", "CREATE TABLE one (x)" },
		{ 2, "two", "CREATE TABLE two (x); INSERT INTO two VALUES (1); INSERT INTO missing VALUES (1)" },
	};
	static const struct migration mended[] = {
		{ 1, "one", "this is not run again" },
		{ 2, "two", "CREATE TABLE two (x); INSERT INTO two VALUES (1); INSERT INTO two SELECT x FROM two" },
	};
	struct fail fail;
	struct sql sql;
	struct sql_row row;

	assert_true(sql_open(&sql, ":memory:", NULL, SQLITE_OPEN_READWRITE, &fail));
	assert_false(migrate(&sql, list, 2, &fail));
	assert_non_null(strstr(fail.text, "0002_two"));
	assert_non_null(strstr(fail.text, "missing"));
	sql_query(&sql, &row, "SELECT count(*) FROM sqlite_master", "");
	assert_true(sql_next(&row));
	assert_int_equal(sql_i64(&row, 0), 1); /* the first stands, nothing of the second */
	assert_true(sql_end(&row, &fail));
	assert_true(migrate(&sql, mended, 2, &fail));
	assert_true(migrate(&sql, mended, 2, &fail));
	assert_false(migrate(&sql, mended, 1, &fail));
	sql_query(&sql, &row, "SELECT count(*) FROM two", "");
	assert_true(sql_next(&row));
	assert_int_equal(sql_i64(&row, 0), 2);
	assert_true(sql_end(&row, &fail));
	sql_close(&sql);
	for (unsigned i = 0; i < migration_count; i++) {
		assert_int_equal(migrations[i].number, i + 1);
	}
}

int main(void)
{
#define in_folder(test) cmocka_unit_test_setup_teardown(test, small_store_make, small_store_remove)
	const struct CMUnitTest tests[] = {
		in_folder(a_second_controller_is_refused),
		in_folder(a_newer_database_is_refused_and_kept),
		in_folder(a_database_of_another_program_is_refused),
		in_folder(a_damaged_database_is_refused_after_a_crash),
		cmocka_unit_test(a_folder_that_is_not_there),
		cmocka_unit_test(migrations_stand_alone_or_not_at_all),
	};
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
