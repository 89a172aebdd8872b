/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idempotency-Key: a POST that is sent again with the same key gets the first one's answer, and nothing is
 * done again. Keys belong to who sends them and are kept for a day. A refusal is not kept: what was refused
 * was not done. An answer with a secret is kept without it. Invariant: the key is in the database before anything is
 * done, so a kill in between makes no second time of it.
 */
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "api/inside.h"
#include "base/clock.h"
#include "base/log.h"

enum {
	RUNNING_MOST = 64,
	SWEEP_EVERY = 64,
	KEY_BYTES = 81,
	FULL_KEY_BYTES = KEY_BYTES + HTTP_ACTOR_BYTES,
	HASH_BYTES = 32,
	ANSWER_MOST = 64 << 10
};
static const int64_t kept_ms = 24LL * 3600 * 1000;

struct idempotency {
	pthread_mutex_t lock;
	char running[RUNNING_MOST][FULL_KEY_BYTES]; /* "": free */
	unsigned kept;
};

struct keyed {
	char key[FULL_KEY_BYTES];
	uint8_t hash[HASH_BYTES];
	int64_t now_ms;
	bool is_known, is_same;
	bool sweeps; /* those of yesterday go, too */
	unsigned status;
	struct text *body;
};

struct idempotency *idempotency_new(void)
{
	struct idempotency *idempotency = calloc(1, sizeof(*idempotency));

	if (idempotency != NULL) {
		pthread_mutex_init(&idempotency->lock, NULL);
	}
	return idempotency;
}

void idempotency_free(struct idempotency *idempotency)
{
	if (idempotency != NULL) {
		pthread_mutex_destroy(&idempotency->lock);
		free(idempotency);
	}
}

/* The place that is held while it runs; NULL: *fail. */
static char *begin(struct idempotency *idempotency, const char *key, bool *sweeps,
		   struct fail *fail)
{
	char *place = NULL;

	pthread_mutex_lock(&idempotency->lock);
	for (unsigned i = 0; i < RUNNING_MOST; i++) {
		if (strcmp(idempotency->running[i], key) == 0) {
			pthread_mutex_unlock(&idempotency->lock);
			fail_set(fail, FAIL_CONFLICT,
				 "the first request with this Idempotency-Key still runs; ask "
				 "again");
			return NULL;
		}
		place = idempotency->running[i][0] == '\0' ? idempotency->running[i] : place;
	}
	if (place != NULL) {
		memcpy(place, key, strlen(key) + 1);
		*sweeps = idempotency->kept++ % SWEEP_EVERY == 0;
	} else {
		fail_set(fail, FAIL_LIMIT,
			 "too many requests with an Idempotency-Key run at once; ask again");
	}
	pthread_mutex_unlock(&idempotency->lock);
	return place;
}

static void end(struct idempotency *idempotency, char *place)
{
	pthread_mutex_lock(&idempotency->lock);
	place[0] = '\0';
	pthread_mutex_unlock(&idempotency->lock);
}

static bool find(struct sql *sql, void *argument, struct fail *fail)
{
	struct keyed *keyed = argument;
	struct sql_row row;
	size_t count;

	sql_query(sql, &row,
		  "SELECT request_hash, status, body FROM idempotency WHERE key = ? AND created_ms "
		  "> ?",
		  "ti", keyed->key, keyed->now_ms - kept_ms);
	if (sql_next(&row)) {
		const void *hash = sql_blob(&row, 0, &count);
		keyed->is_known = true;
		keyed->is_same = count == HASH_BYTES && memcmp(hash, keyed->hash, HASH_BYTES) == 0;
		keyed->status = (unsigned)sql_i64(&row, 1);
		text_puts(keyed->body, sql_text(&row, 2));
	}
	return sql_end(&row, fail);
}

/* Before it is done; status 0 says that it runs, and of an earlier process, that nobody knows how far it came. */
static bool announce(struct sql *sql, void *argument, struct fail *fail)
{
	const struct keyed *keyed = argument;

	return sql_run(sql, fail, "DELETE FROM idempotency WHERE key = ?", "t", keyed->key) &&
	       sql_run(sql, fail,
		       "INSERT INTO idempotency (key, request_hash, status, body, created_ms) "
		       "VALUES (?, ?, 0, '', ?)",
		       "tbi", keyed->key, keyed->hash, (size_t)HASH_BYTES, keyed->now_ms);
}

static bool withdraw(struct sql *sql, void *argument, struct fail *fail)
{
	const struct keyed *keyed = argument;

	return sql_run(sql, fail, "DELETE FROM idempotency WHERE key = ?", "t", keyed->key);
}

static bool keep(struct sql *sql, void *argument, struct fail *fail)
{
	const struct keyed *keyed = argument;

	if (keyed->sweeps && !sql_run(sql, fail, "DELETE FROM idempotency WHERE created_ms <= ?",
				      "i", keyed->now_ms - kept_ms)) {
		return false;
	}
	return sql_run(sql, fail, "DELETE FROM idempotency WHERE key = ?", "t", keyed->key) &&
	       sql_run(sql, fail,
		       "INSERT INTO idempotency (key, request_hash, status, body, created_ms) "
		       "VALUES (?, ?, ?, ?, ?)",
		       "tbiti", keyed->key, keyed->hash, (size_t)HASH_BYTES, (int64_t)keyed->status,
		       keyed->body->bytes != NULL ? keyed->body->bytes : "", keyed->now_ms);
}

/* An operation's place stands in its answer. */
static void add_location(struct http_reply *reply)
{
	json_t *json = reply->status == 202
			       ? json_loadb(reply->body.bytes, reply->body.length, 0, NULL)
			       : NULL;
	const char *id = json_string_value(json_object_get(json, "id"));

	if (id != NULL) {
		text_printf(&reply->headers, "Location: /api/v1/operations/%s\n", id);
	}
	json_decref(json);
}

static bool repeat(const struct http_route *route, const struct keyed *keyed,
		   struct http_reply *reply, struct fail *fail)
{
	if (!keyed->is_same) {
		return fail_set(fail, FAIL_CONFLICT,
				"this Idempotency-Key was sent with another request; make a new "
				"key for each");
	}
	if (keyed->status == 0) {
		return fail_set(fail, FAIL_CONFLICT,
				"the first request with this Idempotency-Key was cut off and may "
				"have been done or not; look at the state of what it changes, and "
				"send it with a new key if it was not");
	}
	if ((route->flags & HTTP_SECRET) != 0) {
		return fail_set(fail, FAIL_CONFLICT,
				"this was done, and its answer's secret is shown once; revoke it "
				"and make another");
	}
	reply->status = keyed->status;
	add_location(reply);
	http_add_header(reply, "Idempotency-Replayed", "true");
	return true;
}

static bool run(struct api *api, struct keyed *keyed, const struct http_route *route,
		const struct http_request *request, struct http_reply *reply, struct fail *fail)
{
	struct text none = {0};
	struct fail not_kept;

	if (!store_read(api->options.store, find, keyed, fail)) {
		return false;
	}
	if (keyed->is_known) {
		return repeat(route, keyed, reply, fail);
	}
	if (!store_change(api->options.store, announce, NULL, keyed, fail)) {
		return false;
	}
	if (!route->handler(api, request, reply, fail)) {
		if (!store_change(api->options.store, withdraw, NULL, keyed, &not_kept)) {
			log_warn("api", "an Idempotency-Key stays in use: %s", not_kept.text);
		}
		return false;
	}
	keyed->status = reply->status != 0 ? reply->status : reply->body.length > 0 ? 200 : 204;
	if ((route->flags & HTTP_SECRET) != 0 || reply->body.length > ANSWER_MOST) {
		keyed->body = &none;
	}
	if (!store_change(api->options.store, keep, NULL, keyed, &not_kept)) {
		log_warn("api", "the answer for an Idempotency-Key was not kept: %s",
			 not_kept.text);
	}
	return true;
}

static bool take_key(const struct http_request *request, const char *key, struct keyed *keyed,
		     struct fail *fail)
{
	crypto_generichash_state state;
	const size_t length = strlen(key);

	for (size_t i = 0; i < length; i++) {
		if (key[i] <= ' ' || key[i] > '~') {
			return fail_set(
				fail, FAIL_INVALID,
				"an Idempotency-Key has printable characters without spaces");
		}
	}
	if (length == 0 || length >= KEY_BYTES) {
		return fail_set(fail, FAIL_INVALID, "an Idempotency-Key has 1 to %d characters",
				KEY_BYTES - 1);
	}
	memcpy(keyed->key, request->actor, strlen(request->actor));
	keyed->key[strlen(request->actor)] = ' ';
	memcpy(keyed->key + strlen(request->actor) + 1, key, length + 1);
	crypto_generichash_init(&state, NULL, 0, HASH_BYTES);
	crypto_generichash_update(&state, (const unsigned char *)request->path,
				  strlen(request->path) + 1);
	if (request->body_bytes > 0) {
		crypto_generichash_update(&state, (const unsigned char *)request->body,
					  request->body_bytes);
	}
	crypto_generichash_final(&state, keyed->hash, HASH_BYTES);
	return true;
}

bool api_around(void *app, const struct http_route *route, const struct http_request *request,
		struct http_reply *reply, struct fail *fail)
{
	struct api *api = app;
	const char *key = strcmp(request->method, "POST") == 0
				  ? http_header(request, "Idempotency-Key")
				  : NULL;
	struct keyed keyed = {.now_ms = clock_wall_ms(), .body = &reply->body};

	/* Nobody's keys would be everybody's. */
	if (key == NULL || request->by == HTTP_BY_NOBODY) {
		return route->handler(app, request, reply, fail);
	}
	if (!take_key(request, key, &keyed, fail)) {
		return false;
	}
	char *place = begin(api->idempotency, keyed.key, &keyed.sweeps, fail);
	if (place == NULL) {
		return false;
	}
	const bool ok = run(api, &keyed, route, request, reply, fail);
	end(api->idempotency, place);
	return ok;
}
