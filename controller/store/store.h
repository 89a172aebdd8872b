/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The database: one SQLite file in WAL mode. One connection writes, in a thread of its own, and alone checkpoints
 * (SQLite before 3.51.3 can corrupt a WAL otherwise); every other connection is read-only. Changes that wait are
 * committed together, with synchronous=FULL: when store_change() returns true, or `done` is called without a failure,
 * the change survives a power cut. One that failed was not made, or (where the disk failed while it was written) may
 * still be found whole after a power cut: whoever repeats it must not mind.
 *
 * A change runs in the writer's thread inside a savepoint: when it returns false its own statements are undone and the
 * others of its group stand. When the disk or memory gives out, the whole group is undone and each of it fails. It must
 * not read and then write by what it read: conditions stand in the statement (UPDATE ... WHERE ... and sql_changes()).
 * Changes commit in the order of their submission, and their `done`s are called in that order. Memory follows the
 * database: what a change made durable is copied into the fleet by its `done`.
 *
 * After a failure of the disk the writer goes on: the next change succeeds as soon as the disk works again.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "store/sql.h"

struct store;

/* False: *fail says why. */
typedef bool store_work(struct sql *sql, void *argument, struct fail *fail);
/* In the writer's thread. `fail` is NULL when the change is durable. May submit, must not submit and wait. */
typedef void store_done(void *argument, const struct fail *fail);

struct store_options {
	const char *path;
	const char *vfs; /* NULL: SQLite's own; tests have others */
	const char *synchronous; /* NULL: "FULL"; a test proves that it is needed */
	unsigned waiting_most; /* changes that may wait; 0: 65536 */
	unsigned checkpoint_pages; /* of the WAL, from which on the writer checkpoints; 0: 1000 */
};

/*
 * Opens or makes the file (mode 0600), checks it when it was not closed cleanly, runs the migrations that it lacks,
 * starts the writer. NULL: *fail says why and what to do. A file that another process has open as its store is refused.
 */
struct store *store_open(const struct store_options *options, struct fail *fail);
/* What was submitted is committed first. NULL is allowed. */
void store_close(struct store *store);

/* Submits and waits. `done` (may be NULL) is called before it returns. */
bool store_change(struct store *store, store_work *work, store_done *done, void *argument, struct fail *fail);
/* Submits; `done` (may be NULL) always comes, unless false is returned: too many wait, or memory is short. */
bool store_submit(struct store *store, store_work *work, store_done *done, void *argument, struct fail *fail);
/* Reads in the calling thread, on a read-only connection from a pool, in one read transaction. */
bool store_read(struct store *store, store_work *work, void *argument, struct fail *fail);

struct store_figures {
	uint64_t changes, commits, failures, waiting; /* failures: changes that were not made */
	uint64_t commit_us_last, commit_us_longest;
	uint64_t file_bytes, wal_bytes;
};
void store_figures(struct store *store, struct store_figures *figures);
