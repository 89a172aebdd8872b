/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Statements with typed parameters. A kind string has a letter for each '?' in order: 'i' int64_t, 'u' unsigned, 't'
 * const char * (NULL: NULL), 'b' const void * and size_t (two arguments; a NULL pointer: NULL), 'd' double. A statement
 * is prepared once a connection and kept; its text must be a literal, one statement, with plain '?'s.
 *
 *     sql_run(sql, fail, "UPDATE node SET name = ? WHERE id = ?", "tt", name, id) && sql_changes(sql) == 1
 *
 *     struct sql_row row;
 *     sql_query(sql, &row, "SELECT id, rev FROM node WHERE admission = ?", "t", "pending");
 *     while (sql_next(&row)) { sql_text(&row, 0) ... }
 *     return sql_end(&row, fail);
 *
 * Failures: FAIL_CONFLICT for a constraint, FAIL_UNAVAILABLE where the disk or memory gave out (try again later),
 * FAIL_INTERNAL for everything that is a mistake of ours or a damaged file.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

struct sql;
struct sql_statement; /* sql.c's own */

struct sql_row {
	struct sql *sql;
	struct sql_statement *statement; /* NULL: it failed already, by `status` */
	int status; /* SQLite's */
};

bool sql_run(struct sql *sql, struct fail *fail, const char *text, const char *kinds, ...);
uint64_t sql_changes(const struct sql *sql); /* rows that the last sql_run changed */
void sql_query(struct sql *sql, struct sql_row *row, const char *text, const char *kinds, ...);
bool sql_next(struct sql_row *row);
bool sql_end(struct sql_row *row, struct fail *fail); /* also after a loop that was left early */
bool sql_is_null(struct sql_row *row, int column);
int64_t sql_i64(struct sql_row *row, int column);
double sql_double(struct sql_row *row, int column);
/* Until the next sql_next(). NULL alone where the column is NULL (memory is short: "", and sql_end() fails). */
const char *sql_text(struct sql_row *row, int column);
const void *sql_blob(struct sql_row *row, int column, size_t *count);
