/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/controller/watch.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/call.h"
#include "ctl/follow.h"

static void note(struct watcher *watcher, const json_t *node)
{
	const char *id = json_string_value(json_object_get(node, "id"));
	const char *state = json_string_value(json_object_get(node, "state"));

	pthread_mutex_lock(&watcher->lock);
	for (unsigned i = 0; id != NULL && state != NULL && i < watcher->count; i++) {
		if (strcmp(watcher->expected[i].id, id) == 0) {
			const double ms =
				(double)(clock_us() - watcher->expected[i].from_us) / 1000;
			if (strcmp(state, "suspect") == 0 && watcher->expected[i].suspect_ms <= 0) {
				watcher->expected[i].suspect_ms = ms;
			} else if (strcmp(state, "down") == 0 &&
				   watcher->expected[i].down_ms <= 0) {
				watcher->expected[i].down_ms = ms;
			}
		}
	}
	pthread_mutex_unlock(&watcher->lock);
}

static void *run(void *argument)
{
	static struct call call;
	struct watcher *watcher = argument;
	struct follow_parser parser = {0};
	const struct place place = {.socket = watcher->socket, .token = ""};
	char bytes[65536];
	enum ctl_exit how = call_open(&call, &place, "GET", "/api/v1/stream?topics=nodes", "", NULL,
				      clock_ms() + 5000);

	while (how == CTL_OK && !atomic_load(&watcher->is_ending)) {
		call.deadline_ms = clock_ms() + 20000;
		const ssize_t count = call_read(&call, bytes, sizeof(bytes), &how);
		for (ssize_t at = 0; at < count;) {
			const ssize_t taken =
				follow_take(&parser, bytes + at, (size_t)(count - at));
			if (taken < 0) {
				how = CTL_FAILED;
				break;
			}
			at += taken;
			if (parser.is_done) {
				json_t *json =
					json_loadb(parser.data.bytes, parser.data.length, 0, NULL);
				note(watcher, json);
				json_decref(json);
				follow_next(&parser);
			}
		}
		if (count <= 0) {
			break;
		}
	}
	call_close(&call);
	follow_free(&parser);
	return NULL;
}

bool watcher_start(struct watcher *watcher)
{
	return pthread_mutex_init(&watcher->lock, NULL) == 0 &&
	       pthread_create(&watcher->thread, NULL, run, watcher) == 0;
}

void watcher_expect(struct watcher *watcher, const char *id)
{
	pthread_mutex_lock(&watcher->lock);
	if (watcher->count < WATCHER_MOST) {
		strncpy(watcher->expected[watcher->count].id, id,
			sizeof(watcher->expected[0].id) - 1);
		watcher->expected[watcher->count++].from_us = clock_us();
	}
	pthread_mutex_unlock(&watcher->lock);
}

void watcher_end(struct watcher *watcher)
{
	atomic_store(&watcher->is_ending, true);
	pthread_join(watcher->thread, NULL); /* the server says something every fifteen seconds */
	pthread_mutex_destroy(&watcher->lock);
}
