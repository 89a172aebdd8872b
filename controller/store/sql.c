/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements: a cache by the address of their literal, binding by kind, and the one place where SQLite's codes become
 * ours.
 *
 * Invariants: (1) a cached statement that is in use (between sql_query and sql_end) is not handed out again; a second
 * user gets one of its own. (2) A statement that is not in use is reset and holds no parameter. Values may be hostile:
 * they are bound, never part of a text.
 */
#include "store/sql.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "store/connection.h"

struct sql_statement {
	const char *text; /* NULL: not in the cache, ends with its use */
	sqlite3_stmt *prepared;
	bool is_used;
};

static const char *name_of(int status)
{
	return sqlite3_errstr(status & 0xff);
}

bool sql_failed(struct sql *sql, int status, struct fail *fail)
{
	const char *detail = sql->db != NULL ? sqlite3_errmsg(sql->db) : name_of(status);
	switch (status & 0xff) {
	case SQLITE_FULL:
		return fail_set(fail, FAIL_UNAVAILABLE,
				"The disk that holds %s is full, nothing was changed: free some space", sql->path);
	case SQLITE_IOERR:
		return fail_set(
			fail, FAIL_UNAVAILABLE,
			"Reading or writing %s failed (%s, %d), nothing was changed: look at the disk and its log",
			sql->path, detail, status);
	case SQLITE_NOMEM:
		return fail_set(fail, FAIL_UNAVAILABLE, "Memory is short, nothing was changed: try again");
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return fail_set(fail, FAIL_UNAVAILABLE,
				"%s is held by another program, nothing was changed: end that program", sql->path);
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return fail_set(fail, FAIL_UNAVAILABLE,
				"%s cannot be opened for this (%s): look at its owner, its mode and its folder's",
				sql->path, detail);
	case SQLITE_CONSTRAINT:
		return fail_set(fail, FAIL_CONFLICT, "That would break a rule of the database: %s", detail);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return fail_set(fail, FAIL_INTERNAL, "%s is damaged (%s): restore it from a backup", sql->path, detail);
	default:
		return fail_set(fail, FAIL_INTERNAL, "%s: %s (%d)", sql->path, detail, status);
	}
}

bool sql_open(struct sql *sql, const char *path, const char *vfs, int flags, struct fail *fail)
{
	memset(sql, 0, sizeof(*sql));
	sql->path = path;
	int status = sqlite3_open_v2(path, &sql->db, flags | SQLITE_OPEN_NOMUTEX, vfs);
	if (status == SQLITE_OK) {
		(void)sqlite3_extended_result_codes(sql->db, 1);
		(void)sqlite3_busy_timeout(sql->db, 5000);
		status = sqlite3_db_config(sql->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	}
	if (status != SQLITE_OK) {
		(void)sql_failed(sql, status, fail);
		sql_close(sql);
		return false;
	}
	return true;
}

static void drop(struct sql_statement *statement)
{
	(void)sqlite3_finalize(statement->prepared);
	free(statement);
}

void sql_close(struct sql *sql)
{
	for (unsigned i = 0; i < SQL_STATEMENTS_MOST; i++) {
		if (sql->statements[i] != NULL) {
			drop(sql->statements[i]);
			sql->statements[i] = NULL;
		}
	}
	sql->statement_count = 0;
	(void)sqlite3_close(sql->db);
	sql->db = NULL;
}

bool sql_execute(struct sql *sql, const char *text, struct fail *fail)
{
	const int status = sqlite3_exec(sql->db, text, NULL, NULL, NULL);
	return status == SQLITE_OK || sql_failed(sql, status, fail);
}

static unsigned place_of(const struct sql *sql, const char *text)
{
	unsigned at = (unsigned)(((uintptr_t)text * UINT64_C(0x9e3779b97f4a7c15)) >> 56) % SQL_STATEMENTS_MOST;
	for (unsigned i = 0; i < SQL_STATEMENTS_MOST; i++) {
		if (sql->statements[at] == NULL || sql->statements[at]->text == text) {
			return at;
		}
		at = (at + 1) % SQL_STATEMENTS_MOST;
	}
	return SQL_STATEMENTS_MOST;
}

/* A statement that nobody uses, marked as used. NULL: *status. */
static struct sql_statement *take(struct sql *sql, const char *text, int *status)
{
	const unsigned place = place_of(sql, text);
	struct sql_statement *kept = place < SQL_STATEMENTS_MOST ? sql->statements[place] : NULL;
	if (kept != NULL && !kept->is_used) {
		kept->is_used = true;
		return kept;
	}
	/* The cache keeps an empty place, so that a search always ends early. */
	const bool can_keep =
		kept == NULL && place < SQL_STATEMENTS_MOST && sql->statement_count + 1 < SQL_STATEMENTS_MOST;
	struct sql_statement *statement = calloc(1, sizeof(*statement));
	if (statement == NULL) {
		*status = SQLITE_NOMEM;
		return NULL;
	}
	const unsigned flags = can_keep ? SQLITE_PREPARE_PERSISTENT : 0;
	*status = sqlite3_prepare_v3(sql->db, text, -1, flags, &statement->prepared, NULL);
	if (*status != SQLITE_OK || statement->prepared == NULL) {
		*status = *status == SQLITE_OK ? SQLITE_MISUSE : *status;
		drop(statement);
		return NULL;
	}
	statement->is_used = true;
	if (can_keep) {
		statement->text = text;
		sql->statements[place] = statement;
		sql->statement_count++;
	}
	return statement;
}

static void give_back(struct sql_statement *statement)
{
	(void)sqlite3_reset(statement->prepared);
	(void)sqlite3_clear_bindings(statement->prepared);
	statement->is_used = false;
	if (statement->text == NULL) {
		drop(statement);
	}
}

static int bind_text(sqlite3_stmt *prepared, int at, const char *value, sqlite3_destructor_type keep)
{
	return value == NULL ? sqlite3_bind_null(prepared, at)
			     : sqlite3_bind_text64(prepared, at, value, strlen(value), keep, SQLITE_UTF8);
}

static int bind_blob(sqlite3_stmt *prepared, int at, const void *value, size_t count, sqlite3_destructor_type keep)
{
	return value == NULL ? sqlite3_bind_null(prepared, at) : sqlite3_bind_blob64(prepared, at, value, count, keep);
}

static int bind_all(sqlite3_stmt *prepared, const char *kinds, va_list arguments, sqlite3_destructor_type keep)
{
	if (strlen(kinds) != (size_t)sqlite3_bind_parameter_count(prepared)) {
		return SQLITE_MISUSE;
	}
	int status = SQLITE_OK;
	for (int i = 0; kinds[i] != '\0' && status == SQLITE_OK; i++) {
		switch (kinds[i]) {
		case 'i':
			status = sqlite3_bind_int64(prepared, i + 1, va_arg(arguments, int64_t));
			break;
		case 'u':
			status = sqlite3_bind_int64(prepared, i + 1, (int64_t)va_arg(arguments, unsigned));
			break;
		case 'd':
			status = sqlite3_bind_double(prepared, i + 1, va_arg(arguments, double));
			break;
		case 't':
			status = bind_text(prepared, i + 1, va_arg(arguments, const char *), keep);
			break;
		case 'b': {
			const void *value = va_arg(arguments, const void *);
			status = bind_blob(prepared, i + 1, value, va_arg(arguments, size_t), keep);
			break;
		}
		default:
			status = SQLITE_MISUSE;
		}
	}
	return status;
}

bool sql_run(struct sql *sql, struct fail *fail, const char *text, const char *kinds, ...)
{
	int status = SQLITE_OK;
	va_list arguments;

	sql->changes = 0;
	struct sql_statement *statement = take(sql, text, &status);
	if (statement == NULL) {
		return sql_failed(sql, status, fail);
	}
	va_start(arguments, kinds);
	status = bind_all(statement->prepared, kinds, arguments, SQLITE_STATIC);
	va_end(arguments);
	const int before = sqlite3_total_changes(sql->db);
	if (status == SQLITE_OK) {
		do {
			status = sqlite3_step(statement->prepared);
		} while (status == SQLITE_ROW);
	}
	const bool is_done = status == SQLITE_DONE || sql_failed(sql, status, fail);
	if (is_done && sqlite3_total_changes(sql->db) != before) {
		sql->changes = (uint64_t)sqlite3_changes(sql->db);
	}
	give_back(statement);
	return is_done;
}

uint64_t sql_changes(const struct sql *sql)
{
	return sql->changes;
}

void sql_query(struct sql *sql, struct sql_row *row, const char *text, const char *kinds, ...)
{
	va_list arguments;

	row->sql = sql;
	row->status = SQLITE_OK;
	row->statement = take(sql, text, &row->status);
	if (row->statement == NULL) {
		return;
	}
	va_start(arguments, kinds);
	row->status = bind_all(row->statement->prepared, kinds, arguments, SQLITE_TRANSIENT);
	va_end(arguments);
}

bool sql_next(struct sql_row *row)
{
	if (row->statement == NULL || (row->status != SQLITE_OK && row->status != SQLITE_ROW)) {
		return false;
	}
	row->status = sqlite3_step(row->statement->prepared);
	return row->status == SQLITE_ROW;
}

bool sql_end(struct sql_row *row, struct fail *fail)
{
	const int status = row->status;
	const bool is_good = status == SQLITE_OK || status == SQLITE_ROW || status == SQLITE_DONE ||
			     sql_failed(row->sql, status, fail);
	if (row->statement != NULL) {
		give_back(row->statement);
		row->statement = NULL;
	}
	return is_good;
}

bool sql_is_null(struct sql_row *row, int column)
{
	return sqlite3_column_type(row->statement->prepared, column) == SQLITE_NULL;
}

int64_t sql_i64(struct sql_row *row, int column)
{
	return sqlite3_column_int64(row->statement->prepared, column);
}

double sql_double(struct sql_row *row, int column)
{
	return sqlite3_column_double(row->statement->prepared, column);
}

/* Without memory a column that is not NULL reads as NULL: the row then ends with that failure, and nobody sees a NULL.
 */
static bool is_lost(struct sql_row *row, const void *value, int column)
{
	if (value == NULL && sqlite3_errcode(row->sql->db) == SQLITE_NOMEM &&
	    sqlite3_column_type(row->statement->prepared, column) != SQLITE_NULL) {
		row->status = SQLITE_NOMEM;
		return true;
	}
	return false;
}

const char *sql_text(struct sql_row *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row->statement->prepared, column);
	return is_lost(row, text, column) ? "" : text;
}

const void *sql_blob(struct sql_row *row, int column, size_t *count)
{
	const void *blob = sqlite3_column_blob(row->statement->prepared, column);
	*count = (size_t)sqlite3_column_bytes(row->statement->prepared, column);
	if (is_lost(row, blob, column)) {
		*count = 0;
	}
	return blob;
}
