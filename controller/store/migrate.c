/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings a database to this program's schema. The migration, its number and our mark are one transaction: a power cut
 * leaves the schema before or after, never between. The file may be anybody's: one that is not ours is refused and not
 * touched, one of a newer program too, since nobody knows what its columns mean.
 */
#include "store/migrate.h"

#include "base/log.h"
#include "store/connection.h"

enum { APPLICATION_ID = 0x41657468 }; /* "Aeth" */

static bool read_number(struct sql *sql, const char *text, int64_t *number, struct fail *fail)
{
	struct sql_row row;
	sql_query(sql, &row, text, "");
	*number = sql_next(&row) ? sql_i64(&row, 0) : 0;
	return sql_end(&row, fail);
}

static bool run_one(struct sql *sql, const struct migration *migration, struct fail *fail)
{
	char mark[96];

	(void)sqlite3_snprintf(sizeof(mark), mark, "PRAGMA application_id = %d; PRAGMA user_version = %d",
			       APPLICATION_ID, migration->number);
	struct fail why;
	if (sql_execute(sql, "BEGIN IMMEDIATE", &why) && sql_execute(sql, migration->text, &why) &&
	    sql_execute(sql, mark, &why) && sql_execute(sql, "COMMIT", &why)) {
		log_info("store", "%s: migration %04d_%s done", sql->path, migration->number, migration->name);
		return true;
	}
	if (sqlite3_get_autocommit(sql->db) == 0) {
		(void)sql_execute(sql, "ROLLBACK", NULL);
	}
	return fail_set(fail, why.kind, "%s: migration %04d_%s was undone: %s", sql->path, migration->number,
			migration->name, why.text);
}

bool migrate(struct sql *sql, const struct migration *list, unsigned count, struct fail *fail)
{
	int64_t have = 0;
	int64_t mark = 0;
	int64_t tables = 0;

	if (!read_number(sql, "PRAGMA user_version", &have, fail) ||
	    !read_number(sql, "PRAGMA application_id", &mark, fail) ||
	    !read_number(sql, "SELECT count(*) FROM sqlite_master", &tables, fail)) {
		return false;
	}
	if (mark != APPLICATION_ID && (mark != 0 || have != 0 || tables != 0)) {
		return fail_set(
			fail, FAIL_CONFLICT,
			"%s is a database of another program; name another state directory, or move the file away",
			sql->path);
	}
	if (have < 0 || have > (int64_t)count) {
		return fail_set(
			fail, FAIL_CONFLICT,
			"%s was written by a newer aetherd (schema %lld, this one knows %u): install that version, or "
			"restore a backup made before it",
			sql->path, (long long)have, count);
	}
	for (unsigned i = (unsigned)have; i < count; i++) {
		if (!run_one(sql, &list[i], fail)) {
			return false;
		}
	}
	return true;
}
