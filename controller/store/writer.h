/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The writer's thread and its queue, for the store alone; the contract stands in store.h. */
#include <pthread.h>
#include <stdbool.h>

#include "store/connection.h"
#include "store/store.h"

struct change;

struct writer {
	/* set before the thread starts */
	struct sql *sql;
	unsigned waiting_most;
	unsigned checkpoint_pages;
	pthread_t thread;
	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t submitted;
	struct change *first, **last;
	bool is_stopping;
	struct store_figures figures;
	/* the thread's own */
	int wal_pages;
	bool is_failing; /* the last commit failed: said once */
};

bool writer_start(struct writer *writer, struct sql *sql, const struct store_options *options, struct fail *fail);
/* Commits what waits, and ends the thread. */
void writer_stop(struct writer *writer);
bool writer_change(struct writer *writer, store_work *work, store_done *done, void *argument, struct fail *fail);
bool writer_submit(struct writer *writer, store_work *work, store_done *done, void *argument, struct fail *fail);
void writer_figures(struct writer *writer, struct store_figures *figures);
