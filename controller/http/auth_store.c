/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and tokens in the database: the statements, and nothing else. */
#include "http/auth_store.h"

#include <stdlib.h>
#include <string.h>

static bool load_sessions(struct sql *sql, struct auth_loaded *loaded, struct fail *fail)
{
	struct sql_row row;

	sql_query(sql, &row,
		  "SELECT hash, created_ms, used_ms, ends_ms FROM session WHERE ends_ms > ? AND "
		  "used_ms > ? ORDER BY used_ms DESC LIMIT ?",
		  "iii", loaded->now_ms, loaded->now_ms - AUTH_IDLE_MS, (int64_t)AUTH_SESSIONS_MAX);
	while (sql_next(&row)) {
		struct auth_session *session = &loaded->sessions[loaded->session_count];
		size_t count;
		const void *hash = sql_blob(&row, 0, &count);
		if (count != AUTH_HASH_BYTES) {
			continue;
		}
		memcpy(session->hash, hash, AUTH_HASH_BYTES);
		session->created_ms = sql_i64(&row, 1);
		session->used_ms = session->saved_ms = sql_i64(&row, 2);
		session->ends_ms = sql_i64(&row, 3);
		loaded->session_count++;
	}
	return sql_end(&row, fail);
}

static bool load_tokens(struct sql *sql, struct auth_loaded *loaded, struct fail *fail)
{
	struct sql_row row;

	sql_query(sql, &row,
		  "SELECT id, name, hash, created_ms, used_ms, ends_ms FROM token ORDER BY id "
		  "LIMIT ?",
		  "i", (int64_t)AUTH_TOKENS_MAX);
	while (sql_next(&row)) {
		struct auth_token *token = &loaded->tokens[loaded->token_count];
		const char *id = sql_text(&row, 0);
		const char *name = sql_text(&row, 1);
		size_t count;
		const void *hash = sql_blob(&row, 2, &count);
		if (count != AUTH_HASH_BYTES || strlen(id) >= ID_BYTES ||
		    strlen(name) >= AUTH_NAME_BYTES) {
			continue;
		}
		memcpy(token->id, id, strlen(id) + 1);
		memcpy(token->name, name, strlen(name) + 1);
		memcpy(token->hash, hash, AUTH_HASH_BYTES);
		token->created_ms = sql_i64(&row, 3);
		token->used_ms = token->saved_ms = sql_i64(&row, 4);
		token->ends_ms = sql_i64(&row, 5);
		loaded->token_count++;
	}
	return sql_end(&row, fail);
}

static bool load(struct sql *sql, void *argument, struct fail *fail)
{
	return load_sessions(sql, argument, fail) && load_tokens(sql, argument, fail);
}

bool auth_store_load(struct store *store, struct auth_loaded *loaded, struct fail *fail)
{
	return store_read(store, load, loaded, fail);
}

struct add_session {
	const struct auth_session *session;
	int64_t idle_before_ms;
};

static bool add_session(struct sql *sql, void *argument, struct fail *fail)
{
	const struct add_session *add = argument;
	const struct auth_session *s = add->session;

	return sql_run(sql, fail, "DELETE FROM session WHERE ends_ms <= ? OR used_ms <= ?", "ii",
		       s->created_ms, add->idle_before_ms) &&
	       sql_run(sql, fail,
		       "INSERT INTO session (hash, created_ms, used_ms, ends_ms) VALUES (?, ?, ?, "
		       "?)",
		       "biii", s->hash, (size_t)AUTH_HASH_BYTES, s->created_ms, s->used_ms,
		       s->ends_ms);
}

bool auth_store_add_session(struct store *store, const struct auth_session *session,
			    int64_t idle_before_ms, struct fail *fail)
{
	struct add_session add = {session, idle_before_ms};

	return store_change(store, add_session, NULL, &add, fail);
}

static bool end_session(struct sql *sql, void *argument, struct fail *fail)
{
	return sql_run(sql, fail, "DELETE FROM session WHERE hash = ?", "b", argument,
		       (size_t)AUTH_HASH_BYTES);
}

bool auth_store_end_session(struct store *store, const uint8_t hash[AUTH_HASH_BYTES],
			    struct fail *fail)
{
	uint8_t copy[AUTH_HASH_BYTES];

	memcpy(copy, hash, sizeof(copy));
	return store_change(store, end_session, NULL, copy, fail);
}

static bool add_token(struct sql *sql, void *argument, struct fail *fail)
{
	const struct auth_token *t = argument;

	return sql_run(sql, fail,
		       "INSERT INTO token (id, name, hash, created_ms, ends_ms) VALUES (?, ?, ?, "
		       "?, nullif(?, 0))",
		       "ttbii", t->id, t->name, t->hash, (size_t)AUTH_HASH_BYTES, t->created_ms,
		       t->ends_ms);
}

bool auth_store_add_token(struct store *store, const struct auth_token *token, struct fail *fail)
{
	struct auth_token copy = *token;

	return store_change(store, add_token, NULL, &copy, fail);
}

static bool end_token(struct sql *sql, void *argument, struct fail *fail)
{
	const char *id = argument;

	return sql_run(sql, fail, "DELETE FROM token WHERE id = ?", "t", id) &&
	       (sql_changes(sql) == 1 ||
		fail_set(fail, FAIL_NOT_FOUND,
			 "there is no token %.16s; the list: GET /api/v1/tokens", id));
}

bool auth_store_end_token(struct store *store, const char *id, struct fail *fail)
{
	char copy[ID_BYTES];

	if (strlen(id) >= sizeof(copy)) {
		return fail_set(fail, FAIL_NOT_FOUND,
				"there is no token %.16s; the list: GET /api/v1/tokens", id);
	}
	memcpy(copy, id, strlen(id) + 1);
	return store_change(store, end_token, NULL, copy, fail);
}

struct use {
	uint8_t hash[AUTH_HASH_BYTES];
	char id[ID_BYTES]; /* "": a session's */
	int64_t used_ms;
};

static bool use(struct sql *sql, void *argument, struct fail *fail)
{
	const struct use *u = argument;

	if (u->id[0] != '\0') {
		return sql_run(sql, fail, "UPDATE token SET used_ms = ? WHERE id = ?", "it",
			       u->used_ms, u->id);
	}
	return sql_run(sql, fail, "UPDATE session SET used_ms = ? WHERE hash = ?", "ib", u->used_ms,
		       u->hash, sizeof(u->hash));
}

static void used(void *argument, const struct fail *fail)
{
	(void)fail;
	free(argument);
}

static void submit_use(struct store *store, const struct use *what)
{
	struct use *copy = malloc(sizeof(*copy));

	if (copy == NULL) {
		return;
	}
	*copy = *what;
	if (!store_submit(store, use, used, copy, NULL)) {
		free(copy);
	}
}

void auth_store_use_session(struct store *store, const uint8_t hash[AUTH_HASH_BYTES],
			    int64_t used_ms)
{
	struct use what = {.used_ms = used_ms};

	memcpy(what.hash, hash, sizeof(what.hash));
	submit_use(store, &what);
}

void auth_store_use_token(struct store *store, const char *id, int64_t used_ms)
{
	struct use what = {.used_ms = used_ms};

	memcpy(what.id, id, ID_BYTES);
	submit_use(store, &what);
}
