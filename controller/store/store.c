/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing, and the settings that durability rests on; the writer and the readers do the rest.
 *
 * The file may be damaged, of another program, or in use by another controller: each is refused with what to do. Two
 * controllers on one database would be two writers; a lock beside the file keeps the second out. (Not on the file:
 * closing any descriptor of it would drop SQLite's own locks.)
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/migrate.h"
#include "store/readers.h"
#include "store/writer.h"

enum { PATH_BYTES = 1024 };

struct store {
	char path[PATH_BYTES];
	int lock_fd; /* -1: none */
	struct sql sql; /* the writer's */
	struct writer writer;
	struct readers readers;
};

static bool take_lock(struct store *store, struct fail *fail)
{
	char path[PATH_BYTES + 8];

	(void)snprintf(path, sizeof(path), "%s-lock", store->path);
	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (store->lock_fd < 0) {
		return fail_set(fail, FAIL_UNAVAILABLE, "%s: %s; look at the folder's owner and mode", path,
				strerror(errno));
	}
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		return fail_set(fail, FAIL_CONFLICT, "%s is in use by another aetherd: end that one first",
				store->path);
	}
	/* SQLite would make it readable for all. It holds the keys of boots. */
	const int fd = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		return fail_set(fail, FAIL_UNAVAILABLE, "%s: %s; look at its owner and mode", store->path,
				strerror(errno));
	}
	(void)close(fd);
	return true;
}

/* The last to close a database removes its WAL: one that is there was left by a crash or a power cut. */
static bool was_left_open(const char *path, const char *vfs_name)
{
	char full[PATH_BYTES];
	char wal[PATH_BYTES + 8];
	int is_there = 0;
	sqlite3_vfs *vfs = sqlite3_vfs_find(vfs_name);

	if (vfs == NULL || vfs->xFullPathname(vfs, path, (int)sizeof(full), full) != SQLITE_OK) {
		return false;
	}
	(void)snprintf(wal, sizeof(wal), "%s-wal", full);
	return vfs->xAccess(vfs, wal, SQLITE_ACCESS_EXISTS, &is_there) == SQLITE_OK && is_there != 0;
}

static bool set_up(struct sql *sql, const char *synchronous, struct fail *fail)
{
	char pragma[64];
	struct sql_row row;

	sql_query(sql, &row, "PRAGMA journal_mode = WAL", "");
	const bool is_wal = sql_next(&row) && strcmp(sql_text(&row, 0), "wal") == 0;
	if (!sql_end(&row, fail)) {
		return false;
	}
	if (!is_wal) {
		return fail_set(fail, FAIL_UNAVAILABLE,
				"%s cannot be in WAL mode: its file system has no shared memory; use a local one",
				sql->path);
	}
	(void)snprintf(pragma, sizeof(pragma), "PRAGMA synchronous = %s", synchronous);
	return sql_execute(sql, pragma, fail) &&
	       sql_execute(sql,
			   "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0;"
			   "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 16777216;"
			   "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY",
			   fail);
}

static bool check_integrity(struct sql *sql, struct fail *fail)
{
	struct sql_row row;
	struct fail why;
	char problem[160] = "nothing was read";
	const uint64_t start = clock_ms();

	sql_query(sql, &row, "PRAGMA integrity_check(1)", "");
	if (sql_next(&row)) {
		(void)snprintf(problem, sizeof(problem), "%s", sql_text(&row, 0));
	}
	if (!sql_end(&row, &why)) {
		return fail_set(fail, why.kind, "%s", why.text);
	}
	if (strcmp(problem, "ok") != 0) {
		return fail_set(fail, FAIL_INTERNAL,
				"%s is damaged (%.100s): restore a backup, or move it away to begin anew", sql->path,
				problem);
	}
	log_info("store", "%s was not closed: checked in %llu ms, it is sound", sql->path,
		 (unsigned long long)(clock_ms() - start));
	return true;
}

static bool open_parts(struct store *store, const struct store_options *options, struct fail *fail)
{
	/* Tests' file systems are not where a lock could be. */
	if (options->vfs == NULL && !take_lock(store, fail)) {
		return false;
	}
	const bool is_unclean = was_left_open(store->path, options->vfs);
	if (!sql_open(&store->sql, store->path, options->vfs, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, fail)) {
		return false;
	}
	const char *synchronous = options->synchronous != NULL ? options->synchronous : "FULL";
	return set_up(&store->sql, synchronous, fail) && (!is_unclean || check_integrity(&store->sql, fail)) &&
	       migrate(&store->sql, migrations, migration_count, fail) &&
	       writer_start(&store->writer, &store->sql, options, fail);
}

struct store *store_open(const struct store_options *options, struct fail *fail)
{
	struct store *store = calloc(1, sizeof(*store));
	if (store == NULL) {
		(void)fail_set(fail, FAIL_UNAVAILABLE, "Memory is short: the store cannot be opened");
		return NULL;
	}
	store->lock_fd = -1;
	const int length = snprintf(store->path, sizeof(store->path), "%s", options->path);
	if (length <= 0 || (size_t)length >= sizeof(store->path)) {
		(void)fail_set(fail, FAIL_INVALID, "The path of the database is empty or too long: name another");
	} else if (open_parts(store, options, fail)) {
		readers_start(&store->readers, store->path, options->vfs);
		return store;
	}
	sql_close(&store->sql);
	if (store->lock_fd >= 0) {
		(void)close(store->lock_fd);
	}
	free(store);
	return NULL;
}

void store_close(struct store *store)
{
	if (store == NULL) {
		return;
	}
	writer_stop(&store->writer);
	readers_stop(&store->readers);
	(void)sql_execute(&store->sql, "PRAGMA optimize", NULL);
	sql_close(&store->sql); /* the last one: checkpoints, and removes the WAL */
	if (store->lock_fd >= 0) {
		(void)close(store->lock_fd);
	}
	free(store);
}

bool store_change(struct store *store, store_work *work, store_done *done, void *argument, struct fail *fail)
{
	return writer_change(&store->writer, work, done, argument, fail);
}

bool store_submit(struct store *store, store_work *work, store_done *done, void *argument, struct fail *fail)
{
	return writer_submit(&store->writer, work, done, argument, fail);
}

bool store_read(struct store *store, store_work *work, void *argument, struct fail *fail)
{
	return readers_read(&store->readers, work, argument, fail);
}

void store_figures(struct store *store, struct store_figures *figures)
{
	writer_figures(&store->writer, figures);
}
