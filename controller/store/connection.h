/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A connection to the database, for the store alone: what sql.h hides. One thread at a time. */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "store/sql.h"

enum { SQL_STATEMENTS_MOST = 256 };

struct sql {
	sqlite3 *db;
	const char *path; /* for sentences; the store's */
	uint64_t changes; /* of the last sql_run() */
	unsigned statement_count;
	struct sql_statement *statements[SQL_STATEMENTS_MOST]; /* by a hash of their text's address */
};

/* `flags` are sqlite3_open_v2()'s. False: *fail, nothing stays open. */
bool sql_open(struct sql *sql, const char *path, const char *vfs, int flags, struct fail *fail);
/* Also of one that is not open. */
void sql_close(struct sql *sql);
/* A text of one or more statements without parameters, not kept. */
bool sql_execute(struct sql *sql, const char *text, struct fail *fail);
/* Fills *fail from SQLite's status; false. */
bool sql_failed(struct sql *sql, int status, struct fail *fail);
