/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads in parallel. Each connection is one thread's at a time; it can neither write nor checkpoint, not even when it
 * is closed. The newest used is taken first, so that few are open where few read.
 */
#include "store/readers.h"

#include <string.h>

void readers_start(struct readers *readers, const char *path, const char *vfs)
{
	memset(readers, 0, sizeof(*readers));
	readers->path = path;
	readers->vfs = vfs;
	pthread_mutex_init(&readers->lock, NULL);
	pthread_cond_init(&readers->returned, NULL);
}

void readers_stop(struct readers *readers)
{
	for (unsigned i = 0; i < READERS_MOST; i++) {
		if (readers->connections[i].db != NULL) {
			sql_close(&readers->connections[i]);
		}
	}
	pthread_cond_destroy(&readers->returned);
	pthread_mutex_destroy(&readers->lock);
}

static unsigned take(struct readers *readers)
{
	unsigned at = READERS_MOST;

	pthread_mutex_lock(&readers->lock);
	while (at == READERS_MOST) {
		for (at = 0; at < READERS_MOST && (readers->used >> at & 1u) != 0; at++) {
		}
		if (at == READERS_MOST) {
			pthread_cond_wait(&readers->returned, &readers->lock);
		}
	}
	readers->used |= 1u << at;
	pthread_mutex_unlock(&readers->lock);
	return at;
}

static void give_back(struct readers *readers, unsigned at)
{
	pthread_mutex_lock(&readers->lock);
	readers->used &= ~(1u << at);
	pthread_cond_signal(&readers->returned);
	pthread_mutex_unlock(&readers->lock);
}

static bool open_reader(struct readers *readers, struct sql *sql, struct fail *fail)
{
	if (sql->db != NULL) {
		return true;
	}
	if (!sql_open(sql, readers->path, readers->vfs, SQLITE_OPEN_READONLY, fail)) {
		return false;
	}
	const int status = sqlite3_db_config(sql->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if ((status == SQLITE_OK || sql_failed(sql, status, fail)) &&
	    sql_execute(sql,
			"PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0; PRAGMA query_only = ON;"
			"PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON",
			fail)) {
		return true;
	}
	sql_close(sql);
	return false;
}

bool readers_read(struct readers *readers, store_work *work, void *argument, struct fail *fail)
{
	const unsigned at = take(readers);
	struct sql *sql = &readers->connections[at];
	bool is_read = open_reader(readers, sql, fail);

	if (is_read) {
		is_read = sql_run(sql, fail, "BEGIN", "") && work(sql, argument, fail);
		/* Nothing to keep; it may be over already where memory or the disk gave out. */
		if (sqlite3_get_autocommit(sql->db) == 0) {
			(void)sql_run(sql, NULL, "ROLLBACK", "");
		}
		if (sqlite3_get_autocommit(sql->db) == 0) {
			sql_close(sql); /* An old snapshot must not stay: the WAL could not begin anew. */
		}
	}
	give_back(readers, at);
	return is_read;
}
