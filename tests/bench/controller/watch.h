/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One client of the live stream that notes when nodes are shown as suspect and as down. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { WATCHER_MOST = 64 };

struct watcher {
	const char *socket;
	pthread_t thread;
	atomic_bool is_ending;
	pthread_mutex_t lock;
	unsigned count;
	struct {
		char id[32];
		uint64_t from_us; /* when it was told to stop */
		double suspect_ms, down_ms; /* after that; 0: not yet */
	} expected[WATCHER_MOST];
};

bool watcher_start(struct watcher *watcher);
/* The node's beats end now. */
void watcher_expect(struct watcher *watcher, const char *id);
void watcher_end(struct watcher *watcher);
