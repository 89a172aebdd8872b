/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The pool of read-only connections, for the store alone. Opened when first needed, kept until the end. */
#include <pthread.h>
#include <stdbool.h>

#include "store/connection.h"
#include "store/store.h"

enum { READERS_MOST = 8 };

struct readers {
	const char *path;
	const char *vfs;
	pthread_mutex_t lock;
	pthread_cond_t returned;
	unsigned used; /* bits: in someone's hands */
	struct sql connections[READERS_MOST]; /* db NULL: not open yet */
};

void readers_start(struct readers *readers, const char *path, const char *vfs);
void readers_stop(struct readers *readers); /* nobody reads any more */
bool readers_read(struct readers *readers, store_work *work, void *argument, struct fail *fail);
