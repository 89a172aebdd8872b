/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The schema's migrations: store/migrations/NNNN_name.sql, compiled in. The database carries the number of the last one
 * that it has (PRAGMA user_version), and this program's mark (PRAGMA application_id).
 */
#include <stdbool.h>

#include "base/fail.h"
#include "store/sql.h"

struct migration {
	int number; /* 1, 2, ... without a gap */
	const char *name;
	const char *text;
};

/* Made by the build from the .sql files. */
extern const struct migration migrations[];
extern const unsigned migration_count;

/* Runs those of `list` that the database lacks, each in one transaction. False: *fail; those before it stand. */
bool migrate(struct sql *sql, const struct migration *list, unsigned count, struct fail *fail);
