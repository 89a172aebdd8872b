/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread that makes all changes. It takes what waits (at most GROUP_MOST), makes it in one transaction, each change
 * in a savepoint, commits, and only then tells: so the cost of a commit is shared by those who wait, and nobody waits
 * for more.
 *
 * Invariants: (1) a change is told as done only after COMMIT succeeded. (2) Told in the order of submission, each once.
 * (3) A group begins with no transaction open. (4) Nobody else checkpoints or writes.
 *
 * What fails: a change by itself (undone by its savepoint); or the transaction, by the disk or memory, which SQLite may
 * have rolled back by itself (sqlite3_get_autocommit() tells): then all of the group failed, and the next group tries
 * anew.
 */
#include "store/writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	GROUP_MOST = 256,
	WAITING_MOST = 65536,
	CHECKPOINT_PAGES = 1000,
};

struct waiter {
	pthread_cond_t told;
	bool is_told;
};

struct change {
	store_work *work;
	store_done *done;
	void *argument;
	struct change *next;
	struct waiter *waiter; /* NULL: the change is ours to free */
	bool has_failed;
	struct fail fail;
};

static int note_wal_pages(void *argument, sqlite3 *db, const char *name, int pages)
{
	struct writer *writer = argument;
	(void)db;
	(void)name;
	writer->wal_pages = pages;
	return SQLITE_OK;
}

static bool is_open(const struct writer *writer)
{
	return sqlite3_get_autocommit(writer->sql->db) == 0;
}

static void fail_all(struct change *first, const struct fail *why)
{
	for (struct change *change = first; change != NULL; change = change->next) {
		if (!change->has_failed) {
			change->has_failed = true;
			change->fail = *why;
		}
	}
}

/* False: the transaction is lost, *why. */
static bool run_change(struct writer *writer, struct change *change, struct fail *why)
{
	struct sql *sql = writer->sql;

	if (!sql_run(sql, why, "SAVEPOINT change", "")) {
		return false;
	}
	(void)fail_set(&change->fail, FAIL_INTERNAL, "The change failed and did not say why; the log of aetherd may");
	const bool is_made = change->work(sql, change->argument, &change->fail);
	if (!is_open(writer)) {
		if (is_made) {
			return fail_set(why, FAIL_UNAVAILABLE,
					"The disk or memory gave out, nothing was changed: try again");
		}
		change->has_failed = true;
		*why = change->fail;
		return false;
	}
	if (!is_made) {
		change->has_failed = true;
		if (!sql_run(sql, why, "ROLLBACK TO change", "")) {
			return false;
		}
	}
	return sql_run(sql, why, "RELEASE change", "");
}

static bool run_group(struct writer *writer, struct change *first, struct fail *why)
{
	/* A group that failed without memory may not even have been able to roll back. */
	if (is_open(writer) && !sql_run(writer->sql, why, "ROLLBACK", "")) {
		return false;
	}
	if (!sql_run(writer->sql, why, "BEGIN IMMEDIATE", "")) {
		return false;
	}
	for (struct change *change = first; change != NULL; change = change->next) {
		if (!run_change(writer, change, why)) {
			return false;
		}
	}
	return sql_run(writer->sql, why, "COMMIT", "");
}

static void say_whether_it_works(struct writer *writer, bool works, const struct fail *why)
{
	if (!works && !writer->is_failing) {
		log_error("store", "changes fail until this is mended: %s", why->text);
	} else if (works && writer->is_failing) {
		log_info("store", "changes are made again");
	}
	writer->is_failing = !works;
}

static void measure_files(struct sql *sql, struct store_figures *figures)
{
	static const int which[] = { SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER };
	uint64_t *const sizes[] = { &figures->file_bytes, &figures->wal_bytes };
	for (unsigned i = 0; i < 2; i++) {
		sqlite3_file *file = NULL;
		sqlite3_int64 bytes = 0;
		(void)sqlite3_file_control(sql->db, "main", which[i], (void *)&file);
		if (file != NULL && file->pMethods != NULL && file->pMethods->xFileSize(file, &bytes) == SQLITE_OK) {
			*sizes[i] = (uint64_t)bytes;
		}
	}
}

static void commit_group(struct writer *writer, struct change *first)
{
	struct fail why;
	const uint64_t start = clock_us();
	const bool is_committed = run_group(writer, first, &why);
	if (!is_committed) {
		if (is_open(writer)) {
			(void)sql_run(writer->sql, NULL, "ROLLBACK", "");
		}
		fail_all(first, &why);
	}
	const uint64_t took = clock_us() - start;
	say_whether_it_works(writer, is_committed, &why);

	struct store_figures sizes = { 0 };
	measure_files(writer->sql, &sizes);
	pthread_mutex_lock(&writer->lock);
	struct store_figures *figures = &writer->figures;
	for (struct change *change = first; change != NULL; change = change->next) {
		figures->changes += change->has_failed ? 0 : 1;
		figures->failures += change->has_failed ? 1 : 0;
	}
	figures->commits += is_committed ? 1 : 0;
	figures->commit_us_last = took;
	figures->commit_us_longest = took > figures->commit_us_longest ? took : figures->commit_us_longest;
	figures->file_bytes = sizes.file_bytes;
	figures->wal_bytes = sizes.wal_bytes;
	pthread_mutex_unlock(&writer->lock);
}

static void tell_group(struct writer *writer, struct change *first)
{
	while (first != NULL) {
		struct change *change = first;
		first = change->next; /* a waiter's change is gone as soon as it is told */
		if (change->done != NULL) {
			change->done(change->argument, change->has_failed ? &change->fail : NULL);
		}
		if (change->waiter == NULL) {
			free(change);
			continue;
		}
		pthread_mutex_lock(&writer->lock);
		change->waiter->is_told = true;
		pthread_cond_signal(&change->waiter->told);
		pthread_mutex_unlock(&writer->lock);
	}
}

/* A failure loses nothing: the WAL keeps it, and the next group tries again. */
static void checkpoint(struct writer *writer)
{
	if (writer->wal_pages < (int)writer->checkpoint_pages) {
		return;
	}
	int pages = 0;
	int moved = 0;
	const int status = sqlite3_wal_checkpoint_v2(writer->sql->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
	if (status == SQLITE_OK && moved == pages) {
		writer->wal_pages = 0;
	} else if (status != SQLITE_OK && !writer->is_failing) {
		struct fail why;
		(void)sql_failed(writer->sql, status, &why);
		log_warn("store", "checkpoint put off: %s", why.text);
	}
}

/* Waits for changes. NULL: the end. */
static struct change *take_group(struct writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	while (writer->first == NULL && !writer->is_stopping) {
		pthread_cond_wait(&writer->submitted, &writer->lock);
	}
	struct change *const first = writer->first;
	struct change *last = first;
	if (first != NULL) {
		unsigned count = 1;
		for (; count < GROUP_MOST && last->next != NULL; count++) {
			last = last->next;
		}
		writer->first = last->next;
		if (writer->first == NULL) {
			writer->last = &writer->first;
		}
		last->next = NULL;
		writer->figures.waiting -= count;
	}
	pthread_mutex_unlock(&writer->lock);
	return first;
}

static void *write_forever(void *argument)
{
	struct writer *writer = argument;

	for (struct change *group = take_group(writer); group != NULL; group = take_group(writer)) {
		commit_group(writer, group);
		tell_group(writer, group);
		checkpoint(writer);
	}
	return NULL;
}

bool writer_start(struct writer *writer, struct sql *sql, const struct store_options *options, struct fail *fail)
{
	memset(writer, 0, sizeof(*writer));
	writer->sql = sql;
	writer->waiting_most = options->waiting_most != 0 ? options->waiting_most : WAITING_MOST;
	writer->checkpoint_pages = options->checkpoint_pages != 0 ? options->checkpoint_pages : CHECKPOINT_PAGES;
	writer->last = &writer->first;
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->submitted, NULL);
	(void)sqlite3_wal_hook(sql->db, note_wal_pages, writer);
	measure_files(sql, &writer->figures);
	const int status = pthread_create(&writer->thread, NULL, write_forever, writer);
	if (status != 0) {
		return fail_set(fail, FAIL_UNAVAILABLE, "The store's thread cannot be started: %s", strerror(status));
	}
	return true;
}

void writer_stop(struct writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	writer->is_stopping = true;
	pthread_cond_signal(&writer->submitted);
	pthread_mutex_unlock(&writer->lock);
	pthread_join(writer->thread, NULL);
	pthread_cond_destroy(&writer->submitted);
	pthread_mutex_destroy(&writer->lock);
}

/* With the lock held. */
static bool enqueue(struct writer *writer, struct change *change, struct fail *fail)
{
	if (writer->figures.waiting >= writer->waiting_most) {
		return fail_set(fail, FAIL_UNAVAILABLE, "%u changes wait for the disk already: try again in a moment",
				writer->waiting_most);
	}
	*writer->last = change;
	writer->last = &change->next;
	writer->figures.waiting++;
	pthread_cond_signal(&writer->submitted);
	return true;
}

bool writer_change(struct writer *writer, store_work *work, store_done *done, void *argument, struct fail *fail)
{
	struct waiter waiter = { .is_told = false };
	struct change change = { .work = work, .done = done, .argument = argument, .waiter = &waiter };

	if (pthread_equal(pthread_self(), writer->thread)) {
		return fail_set(fail, FAIL_INTERNAL,
				"The store's own thread would wait for itself; this is a mistake of aetherd's");
	}
	pthread_cond_init(&waiter.told, NULL);
	pthread_mutex_lock(&writer->lock);
	const bool is_queued = enqueue(writer, &change, fail);
	while (is_queued && !waiter.is_told) {
		pthread_cond_wait(&waiter.told, &writer->lock);
	}
	pthread_mutex_unlock(&writer->lock);
	pthread_cond_destroy(&waiter.told);
	if (is_queued && change.has_failed && fail != NULL) {
		*fail = change.fail;
	}
	return is_queued && !change.has_failed;
}

bool writer_submit(struct writer *writer, store_work *work, store_done *done, void *argument, struct fail *fail)
{
	struct change *change = calloc(1, sizeof(*change));
	if (change == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE, "Memory is short, nothing was changed: try again");
	}
	change->work = work;
	change->done = done;
	change->argument = argument;
	pthread_mutex_lock(&writer->lock);
	const bool is_queued = enqueue(writer, change, fail);
	pthread_mutex_unlock(&writer->lock);
	if (!is_queued) {
		free(change);
	}
	return is_queued;
}

void writer_figures(struct writer *writer, struct store_figures *figures)
{
	pthread_mutex_lock(&writer->lock);
	*figures = writer->figures;
	pthread_mutex_unlock(&writer->lock);
}
