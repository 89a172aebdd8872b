/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actions that take longer than a request: power, and reboots, which are over when the node has another boot
 * than before.
 *
 *   running -> succeeded | failed   [work]
 *   running -> failed               [operations_new: the controller was started again meanwhile]
 *
 * A row is durable before the request is answered. One thread does them: power one after the other, since a
 * driver may take seconds; reboots are looked at twice a second. Lock: the queue's, never held over a driver
 * or a statement.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/inside.h"
#include "base/clock.h"
#include "base/log.h"

enum {
	QUEUE_MOST = 256,
	LOOK_MS = 500,
	REBOOT_MS = 5 * 60 * 1000,
	LIST_DAYS = 30,
	SWEEP_EVERY = 64,
	BOOT_BYTES = 40
};

struct operation {
	char id[ID_BYTES];
	char node[ID_BYTES];
	const char *kind; /* a literal */
	const char *action; /* a literal; NULL: reboot */
	int64_t created_ms;
	uint64_t deadline_ms; /* monotonic */
	char boot[BOOT_BYTES]; /* the node's before */
	char actor[HTTP_ACTOR_BYTES]; /* who asked for it */
	char request[HTTP_REQUEST_ID_BYTES];
	/* how it ended */
	bool ok;
	struct fail fail;
	int64_t ended_ms;
};

struct operations {
	struct api *api;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool is_ending;
	struct operation queue[QUEUE_MOST];
	unsigned count;
};

static void boot_of(const struct api *api, const char *node, char boot[BOOT_BYTES])
{
	struct text text = {0};
	uint64_t rev;

	boot[0] = '\0';
	if (fleet_show(api->options.fleet, node, false, &text, &rev) && text.bytes != NULL) {
		json_t *json = json_loadb(text.bytes, text.length, 0, NULL);
		const char *id =
			json_string_value(json_object_get(json_object_get(json, "boot"), "id"));
		if (id != NULL && strlen(id) < BOOT_BYTES) {
			memcpy(boot, id, strlen(id) + 1);
		}
		json_decref(json);
	}
	text_free(&text);
}

static void put(struct text *to, const char *id, const char *kind, const char *node,
		const char *state, const char *text, int64_t created_ms, int64_t ended_ms)
{
	struct json json = {.to = to};

	json_begin_object(&json, NULL);
	json_text(&json, "id", id);
	json_text(&json, "kind", kind);
	json_text(&json, "node", node);
	json_text(&json, "state", state);
	json_text(&json, "text", text);
	json_time(&json, "created", created_ms);
	json_time(&json, "ended", ended_ms);
	json_end_object(&json);
}

static bool forget_old(struct sql *sql, int64_t now_ms, struct fail *fail)
{
	return sql_run(sql, fail, "DELETE FROM operation WHERE created_ms < ?", "i",
		       now_ms - (int64_t)LIST_DAYS * 24 * 3600 * 1000);
}

static bool save_new(struct sql *sql, void *argument, struct fail *fail)
{
	const struct operation *o = argument;
	static unsigned saved; /* by the writer's thread alone; of all stores: a turn may be late */

	return (saved++ % SWEEP_EVERY != 0 || forget_old(sql, o->created_ms, fail)) &&
	       sql_run(sql, fail,
		       "INSERT INTO operation (id, kind, node, state, created_ms) VALUES (?, ?, ?, "
		       "'running', ?)",
		       "ttti", o->id, o->kind, o->node, o->created_ms);
}

static bool save_end(struct sql *sql, void *argument, struct fail *fail)
{
	const struct operation *o = argument;

	return sql_run(sql, fail,
		       "UPDATE operation SET state = ?, text = ?, ended_ms = ? WHERE id = ?",
		       "ttit", o->ok ? "succeeded" : "failed", o->ok ? "" : o->fail.text,
		       o->ended_ms, o->id);
}

static bool clean_up(struct sql *sql, void *argument, struct fail *fail)
{
	const int64_t now = *(const int64_t *)argument;

	return sql_run(sql, fail,
		       "UPDATE operation SET state = 'failed', ended_ms = ?, "
		       "text = 'the controller was started again before it knew how this ended' "
		       "WHERE state = 'running'",
		       "i", now) &&
	       forget_old(sql, now, fail);
}

/* What happens to power is an event each: asked for, and how it ended. */
static void tell_power(const struct api *api, const struct operation *operation, bool is_over)
{
	static const struct {
		const char *action, *infinitive, *participle;
	} words[] = {{"on", "switch it on", "switched it on"},
		     {"off", "switch it off", "switched it off"},
		     {"reset", "reset it", "reset it"}};
	const struct fleet_who who = {.actor = operation->actor, .request = operation->request};
	char kind[32];
	char text[FAIL_TEXT_BYTES + 64];

	for (size_t i = 0; operation->action != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].action, operation->action) != 0) {
			continue;
		}
		if (!is_over) {
			snprintf(text, sizeof(text), "The power driver is asked to %s.", words[i].infinitive);
		} else if (operation->ok) {
			snprintf(text, sizeof(text), "The power driver has %s.", words[i].participle);
		} else {
			snprintf(text, sizeof(text), "The power driver did not %s: %s", words[i].infinitive,
				 operation->fail.text);
		}
		snprintf(kind, sizeof(kind), "%s%s", operation->kind,
			 !is_over	 ? ""
			 : operation->ok ? ".done"
					 : ".failed");
		fleet_tell(api->options.fleet, kind, operation->node, &who, text);
	}
}

static void end(struct operations *operations, struct operation *operation)
{
	struct api *api = operations->api;
	struct text text = {0};
	struct fail fail;

	operation->ended_ms = clock_wall_ms();
	tell_power(api, operation, true); /* in the database not later than the end */
	if (!store_change(api->options.store, save_end, NULL, operation, &fail)) {
		log_error("api", "the end of operation %s was not written down: %s", operation->id,
			  fail.text);
	}
	put(&text, operation->id, operation->kind, operation->node,
	    operation->ok ? "succeeded" : "failed", operation->ok ? "" : operation->fail.text,
	    operation->created_ms, operation->ended_ms);
	if (!text.is_broken) {
		bus_publish(api->options.bus, BUS_SYSTEM, "operation", 0, text.bytes, text.length);
	}
	text_free(&text);
}

/* True: it is over. */
static bool work(struct operations *operations, struct operation *operation)
{
	struct api *api = operations->api;
	char boot[BOOT_BYTES];

	if (operation->action != NULL) {
		operation->ok =
			api->options.outside.power_act(api->options.outside.power, operation->node,
						       operation->action, &operation->fail);
		return true;
	}
	boot_of(api, operation->node, boot);
	if (boot[0] != '\0' && strcmp(boot, operation->boot) != 0) {
		operation->ok = true;
		return true;
	}
	if (clock_ms() >= operation->deadline_ms) {
		return !fail_set(&operation->fail, FAIL_UNAVAILABLE,
				 "%s has not said hello within five minutes; its page shows how "
				 "far its boot came",
				 operation->node);
	}
	return false;
}

static void *run(void *argument)
{
	struct operations *operations = argument;

	pthread_mutex_lock(&operations->lock);
	while (!operations->is_ending) {
		for (unsigned i = 0; i < operations->count && !operations->is_ending;) {
			struct operation now = operations->queue[i];
			pthread_mutex_unlock(&operations->lock);
			const bool is_over = work(operations, &now);
			if (is_over) {
				end(operations, &now);
			}
			pthread_mutex_lock(&operations->lock);
			if (is_over) { /* only this thread takes out, others put behind */
				operations->count--;
				memmove(&operations->queue[i], &operations->queue[i + 1],
					(operations->count - i) * sizeof(operations->queue[0]));
			} else {
				i++;
			}
		}
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += LOOK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		if (!operations->is_ending) {
			if (operations->count == 0) {
				pthread_cond_wait(&operations->changed, &operations->lock);
			} else {
				pthread_cond_timedwait(&operations->changed, &operations->lock,
						       &until);
			}
		}
	}
	pthread_mutex_unlock(&operations->lock);
	return NULL;
}

struct operations *operations_new(struct api *api, struct fail *fail)
{
	struct operations *operations = calloc(1, sizeof(*operations));
	pthread_condattr_t attributes;
	int64_t now = clock_wall_ms();

	if (operations == NULL || !store_change(api->options.store, clean_up, NULL, &now, fail)) {
		if (operations == NULL) {
			fail_set(fail, FAIL_INTERNAL, "no memory for operations");
		}
		free(operations);
		return NULL;
	}
	operations->api = api;
	pthread_mutex_init(&operations->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&operations->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (pthread_create(&operations->thread, NULL, run, operations) != 0) {
		fail_set(fail, FAIL_INTERNAL, "no thread for operations");
		pthread_cond_destroy(&operations->changed);
		pthread_mutex_destroy(&operations->lock);
		free(operations);
		return NULL;
	}
	return operations;
}

void operations_free(struct operations *operations)
{
	if (operations == NULL) {
		return;
	}
	pthread_mutex_lock(&operations->lock);
	operations->is_ending = true;
	pthread_cond_signal(&operations->changed);
	pthread_mutex_unlock(&operations->lock);
	pthread_join(operations->thread, NULL);
	pthread_cond_destroy(&operations->changed);
	pthread_mutex_destroy(&operations->lock);
	free(operations);
}

bool operations_start(struct api *api, const char *kind, const char *node, const char *action,
		      const struct fleet_who *who, struct http_reply *reply, struct fail *fail)
{
	struct operations *operations = api->operations;
	struct operation new = {.kind = kind,
				.action = action,
				.created_ms = clock_wall_ms(),
				.deadline_ms = clock_ms() + REBOOT_MS};

	id_make('o', new.id);
	snprintf(new.actor, sizeof(new.actor), "%s", who->actor);
	snprintf(new.request, sizeof(new.request), "%s", who->request);
	memcpy(new.node, node, strlen(node) + 1);
	boot_of(api, node, new.boot);
	pthread_mutex_lock(&operations->lock);
	const bool is_full = operations->count >= QUEUE_MOST;
	pthread_mutex_unlock(&operations->lock);
	if (is_full) {
		return fail_set(fail, FAIL_LIMIT,
				"%d operations run already; wait for some of them", QUEUE_MOST);
	}
	if (!store_change(api->options.store, save_new, NULL, &new, fail)) {
		return false;
	}
	tell_power(api, &new, false); /* before it can end */
	pthread_mutex_lock(&operations->lock);
	const bool has_room = operations->count < QUEUE_MOST;
	if (has_room) {
		operations->queue[operations->count++] = new;
		pthread_cond_signal(&operations->changed);
	}
	pthread_mutex_unlock(&operations->lock);
	if (!has_room) { /* somebody was faster */
		(void)fail_set(&new.fail, FAIL_LIMIT, "too many operations ran");
		end(operations, &new);
		return fail_set(fail, FAIL_LIMIT,
				"%d operations run already; wait for some of them", QUEUE_MOST);
	}
	put(&reply->body, new.id, new.kind, new.node, "running", "", new.created_ms, 0);
	reply->status = 202;
	text_printf(&reply->headers, "Location: /api/v1/operations/%s\n", new.id);
	return true;
}

struct asked {
	const char *id;
	struct text *to;
};

static bool read_one(struct sql *sql, void *argument, struct fail *fail)
{
	const struct asked *asked = argument;
	struct sql_row row;
	bool found = false;

	sql_query(sql, &row,
		  "SELECT id, kind, node, state, text, created_ms, ended_ms FROM operation WHERE "
		  "id = ?",
		  "t", asked->id);
	if (sql_next(&row)) {
		found = true;
		put(asked->to, sql_text(&row, 0), sql_text(&row, 1), sql_text(&row, 2),
		    sql_text(&row, 3), sql_text(&row, 4), sql_i64(&row, 5),
		    sql_is_null(&row, 6) ? 0 : sql_i64(&row, 6));
	}
	return sql_end(&row, fail) &&
	       (found || fail_set(fail, FAIL_NOT_FOUND,
				  "there is no operation %s; they are kept for %d days", asked->id,
				  LIST_DAYS));
}

bool api_operation_show(void *app, const struct http_request *request, struct http_reply *reply,
			struct fail *fail)
{
	struct api *api = app;
	struct asked asked = {.to = &reply->body};

	return api_id(request, 'o', &asked.id, fail) &&
	       store_read(api->options.store, read_one, &asked, fail);
}
