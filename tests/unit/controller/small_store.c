/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/controller/small_store.h"
#include "unit/controller/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char small_folder[64];
char small_path[128];
int told_count;

struct store *small_store_open(struct fail *fail)
{
	const struct store_options options = { .path = small_path };
	return store_open(&options, fail);
}

int small_store_make(void **state)
{
	struct fail fail;

	place_template(small_folder, sizeof(small_folder), "store");
	if (mkdtemp(small_folder) == NULL) {
		return -1;
	}
	(void)snprintf(small_path, sizeof(small_path), "%s/aether.db", small_folder);
	*state = small_store_open(&fail);
	return *state == NULL ? -1 : 0;
}

int small_store_remove(void **state)
{
	static const char *const names[] = { "aether.db", "aether.db-wal", "aether.db-shm", "aether.db-lock" };
	store_close(*state);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char name[128];
		(void)snprintf(name, sizeof(name), "%s/%s", small_folder, names[i]);
		(void)unlink(name);
	}
	return rmdir(small_folder);
}

bool put_setting(struct sql *sql, void *argument, struct fail *fail)
{
	const struct put *put = argument;
	if (!sql_run(sql, fail, "INSERT INTO setting (name, value) VALUES (?, ?)", "tt", put->name, put->value)) {
		return false;
	}
	return !put->is_refused || fail_set(fail, FAIL_CONFLICT, "no %s", put->name);
}

void note_told(void *argument, const struct fail *fail)
{
	struct put *put = argument;
	put->told++;
	put->order = told_count++;
	put->was_durable = fail == NULL;
}

bool count_settings(struct sql *sql, void *argument, struct fail *fail)
{
	struct count *count = argument;
	struct sql_row row;

	count->rows = 0;
	sql_query(sql, &row, "SELECT name FROM setting ORDER BY name", "");
	while (sql_next(&row)) {
		count->rows++;
		(void)snprintf(count->last, sizeof(count->last), "%s", sql_text(&row, 0));
	}
	return sql_end(&row, fail);
}

int64_t rows_of(struct store *store)
{
	struct count count;
	struct fail fail;
	assert_true(store_read(store, count_settings, &count, &fail));
	return count.rows;
}

bool put_large(struct sql *sql, void *argument, struct fail *fail)
{
	(void)argument;
	return sql_run(sql, fail, "INSERT OR REPLACE INTO setting (name, value) VALUES ('large', hex(zeroblob(?)))",
		       "i", INT64_C(400000));
}
