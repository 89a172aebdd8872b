/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sign-in links, sessions and tokens.
 *
 * Invariants: (1) what is in memory is in the database; a change is made there first. (2) No secret is kept,
 * only its hash. (3) A hash is compared in constant time. (4) A grant number is never used twice, so an
 * ended one stays ended. One lock, never held over a statement. Hostile input: every secret, token and name.
 */
#include "http/auth.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "http/auth_store.h"

enum {
	LINKS = 8,
	LIMIT_SLOTS = 256,
	LIMIT_TRIES = 10,
	LIMIT_MS = 60 * 1000,
	USED_EVERY_MS = 60 * 1000
};

struct link {
	uint8_t hash[AUTH_HASH_BYTES];
	int64_t ends_ms; /* 0: none */
	bool is_taken; /* by a sign-in that is not durable yet */
};

/* Wrong attempts of the addresses that share a slot, since when. */
struct limit {
	int64_t since_ms;
	unsigned tries;
};

struct http_auth {
	struct store *store;
	int64_t (*wall_ms)(void);
	pthread_mutex_t lock;
	uint64_t next_grant;
	struct link links[LINKS];
	unsigned next_link;
	struct limit limits[LIMIT_SLOTS];
	struct auth_session sessions[AUTH_SESSIONS_MAX];
	unsigned session_count;
	struct auth_token tokens[AUTH_TOKENS_MAX]; /* in order of id */
	unsigned token_count;
};

static void make_secret(char secret[AUTH_SECRET_BYTES], uint8_t hash[AUTH_HASH_BYTES])
{
	uint8_t random[32];

	randombytes_buf(random, sizeof(random));
	hex_print(random, sizeof(random), secret);
	crypto_generichash(hash, AUTH_HASH_BYTES, random, sizeof(random), NULL, 0);
	sodium_memzero(random, sizeof(random));
}

static bool hash_secret(const char *secret, uint8_t hash[AUTH_HASH_BYTES])
{
	uint8_t random[32];

	if (strnlen(secret, AUTH_SECRET_BYTES) != AUTH_SECRET_BYTES - 1 ||
	    !hex_parse(secret, random, sizeof(random))) {
		return false;
	}
	return crypto_generichash(hash, AUTH_HASH_BYTES, random, sizeof(random), NULL, 0) == 0;
}

static bool is_over(const struct auth_session *session, int64_t now)
{
	return now >= session->ends_ms || now - session->used_ms >= AUTH_IDLE_MS;
}

struct http_auth *http_auth_new(struct store *store, int64_t (*wall_ms)(void), struct fail *fail)
{
	struct http_auth *auth = calloc(1, sizeof(*auth));

	if (auth == NULL || sodium_init() < 0) {
		free(auth);
		fail_set(fail, FAIL_INTERNAL, "no memory for the sessions");
		return NULL;
	}
	auth->store = store;
	auth->wall_ms = wall_ms != NULL ? wall_ms : clock_wall_ms;
	struct auth_loaded loaded = {
		.now_ms = auth->wall_ms(), .sessions = auth->sessions, .tokens = auth->tokens};
	if (!auth_store_load(store, &loaded, fail)) {
		free(auth);
		return NULL;
	}
	auth->session_count = loaded.session_count;
	auth->token_count = loaded.token_count;
	for (unsigned i = 0; i < auth->session_count; i++) {
		auth->sessions[i].grant = ++auth->next_grant;
	}
	for (unsigned i = 0; i < auth->token_count; i++) {
		auth->tokens[i].grant = ++auth->next_grant;
	}
	pthread_mutex_init(&auth->lock, NULL);
	return auth;
}

void http_auth_free(struct http_auth *auth)
{
	if (auth != NULL) {
		pthread_mutex_destroy(&auth->lock);
		free(auth);
	}
}

bool http_auth_make_link(struct http_auth *auth, char secret[AUTH_SECRET_BYTES], int64_t *ends_ms,
			 struct fail *fail)
{
	struct link link = {.ends_ms = auth->wall_ms() + AUTH_LINK_MS};

	(void)fail;
	make_secret(secret, link.hash);
	*ends_ms = link.ends_ms;
	pthread_mutex_lock(&auth->lock);
	auth->links[auth->next_link++ % LINKS] = link;
	pthread_mutex_unlock(&auth->lock);
	return true;
}

/* With the lock. NULL: there is none that is good. */
static struct link *find_link(struct http_auth *auth, const uint8_t hash[AUTH_HASH_BYTES], int64_t now)
{
	for (unsigned i = 0; i < LINKS; i++) {
		struct link *link = &auth->links[i];
		if (link->ends_ms > now && sodium_memcmp(link->hash, hash, AUTH_HASH_BYTES) == 0) {
			return link;
		}
	}
	return NULL;
}

/* The sign-in that took it has ended: it is used up, or as good as before. */
static void end_link(struct http_auth *auth, const uint8_t hash[AUTH_HASH_BYTES], bool is_used)
{
	pthread_mutex_lock(&auth->lock);
	struct link *link = find_link(auth, hash, 0);
	if (link != NULL && is_used) {
		memset(link, 0, sizeof(*link));
	} else if (link != NULL) {
		link->is_taken = false;
	}
	pthread_mutex_unlock(&auth->lock);
}

/* With the lock. */
static struct limit *limit_of(struct http_auth *auth, uint32_t address, int64_t now)
{
	struct limit *limit =
		&auth->limits[(address ^ address >> 8 ^ address >> 16 ^ address >> 24) %
			      LIMIT_SLOTS];

	if (now - limit->since_ms >= LIMIT_MS || now < limit->since_ms) {
		limit->since_ms = now;
		limit->tries = 0;
	}
	return limit;
}

/*
 * Only what is wrong is counted, and never in the way of what is right: behind one address, 127.0.0.1 above all, there
 * may be others.
 */
static bool take_link(struct http_auth *auth, const char *secret, uint8_t hash[AUTH_HASH_BYTES],
		      uint32_t address, int64_t now, struct fail *fail)
{
	const bool is_secret = hash_secret(secret, hash);

	pthread_mutex_lock(&auth->lock);
	struct link *link = is_secret ? find_link(auth, hash, now) : NULL;
	if (link != NULL && !link->is_taken) {
		link->is_taken = true;
		pthread_mutex_unlock(&auth->lock);
		return true;
	}
	struct limit *limit = limit_of(auth, address, now);
	const bool is_too_much = limit->tries >= LIMIT_TRIES;
	limit->tries += !is_too_much;
	pthread_mutex_unlock(&auth->lock);
	return is_too_much
		       ? fail_set(fail, FAIL_LIMIT,
				  "too many wrong sign-in links from this address; wait a minute")
		       : fail_set(fail, FAIL_UNAUTHORIZED,
				  "the sign-in link is wrong, used or older than 15 minutes; a new "
				  "one: aetherctl sign-in on the controller");
}

/* With the lock: out with those that are over, or with the one that was used longest ago. */
static void make_room(struct http_auth *auth, int64_t now)
{
	unsigned kept = 0;
	unsigned oldest = 0;

	for (unsigned i = 0; i < auth->session_count; i++) {
		if (!is_over(&auth->sessions[i], now)) {
			auth->sessions[kept++] = auth->sessions[i];
		}
	}
	auth->session_count = kept;
	if (kept < AUTH_SESSIONS_MAX) {
		return;
	}
	for (unsigned i = 1; i < kept; i++) {
		oldest = auth->sessions[i].used_ms < auth->sessions[oldest].used_ms ? i : oldest;
	}
	auth->sessions[oldest] = auth->sessions[--auth->session_count];
}

bool http_auth_sign_in(struct http_auth *auth, const char *link, uint32_t address,
		       char session[AUTH_SECRET_BYTES], struct fail *fail)
{
	const int64_t now = auth->wall_ms();
	struct auth_session new = {.created_ms = now,
				   .used_ms = now,
				   .saved_ms = now,
				   .ends_ms = now + AUTH_SESSION_MS};

	uint8_t hash[AUTH_HASH_BYTES];
	if (!take_link(auth, link, hash, address, now, fail)) {
		return false;
	}
	make_secret(session, new.hash);
	const bool is_stored = auth_store_add_session(auth->store, &new, now - AUTH_IDLE_MS, fail);
	end_link(auth, hash, is_stored);
	if (!is_stored) {
		return false;
	}
	pthread_mutex_lock(&auth->lock);
	make_room(auth, now);
	new.grant = ++auth->next_grant;
	auth->sessions[auth->session_count++] = new;
	pthread_mutex_unlock(&auth->lock);
	return true;
}

bool http_auth_by_session(struct http_auth *auth, const char *secret, struct http_who *who)
{
	uint8_t hash[AUTH_HASH_BYTES];
	const int64_t now = auth->wall_ms();
	struct auth_session save = {0};
	bool found = false;

	if (!hash_secret(secret, hash)) {
		return false;
	}
	pthread_mutex_lock(&auth->lock);
	for (unsigned i = 0; i < auth->session_count && !found; i++) {
		struct auth_session *session = &auth->sessions[i];
		if (sodium_memcmp(session->hash, hash, AUTH_HASH_BYTES) != 0) {
			continue;
		}
		if (is_over(session, now)) {
			break;
		}
		found = true;
		session->used_ms = now;
		*who = (struct http_who){.by = HTTP_BY_SESSION,
					 .grant = session->grant,
					 .ends_ms = session->ends_ms,
					 .actor = "admin"};
		if (now - session->saved_ms >= USED_EVERY_MS) {
			session->saved_ms = now;
			save = *session;
		}
	}
	pthread_mutex_unlock(&auth->lock);
	if (save.used_ms != 0) {
		auth_store_use_session(auth->store, save.hash, now);
	}
	return found;
}

/* With the lock. The place of `id`, or where it would stand. */
static unsigned token_place(const struct http_auth *auth, const char *id, bool *found)
{
	unsigned low = 0;
	unsigned high = auth->token_count;

	while (low < high) {
		const unsigned middle = (low + high) / 2;
		if (strcmp(auth->tokens[middle].id, id) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	*found = low < auth->token_count && strcmp(auth->tokens[low].id, id) == 0;
	return low;
}

bool http_auth_by_token(struct http_auth *auth, const char *text, struct http_who *who)
{
	uint8_t hash[AUTH_HASH_BYTES];
	char id[ID_BYTES];
	const int64_t now = auth->wall_ms();
	bool ok = false;
	bool save = false;

	if (strnlen(text, AUTH_TOKEN_BYTES) != AUTH_TOKEN_BYTES - 1 ||
	    memcmp(text, "aec_", 4) != 0 || text[4 + ID_BYTES - 1] != '_' ||
	    !hash_secret(text + 4 + ID_BYTES, hash)) {
		return false;
	}
	memcpy(id, text + 4, ID_BYTES - 1);
	id[ID_BYTES - 1] = '\0';
	pthread_mutex_lock(&auth->lock);
	const unsigned place = token_place(auth, id, &ok);
	struct auth_token *token = &auth->tokens[place];
	if (ok && sodium_memcmp(token->hash, hash, AUTH_HASH_BYTES) == 0 &&
	    (token->ends_ms == 0 || now < token->ends_ms)) {
		*who = (struct http_who){.by = HTTP_BY_TOKEN,
					 .grant = token->grant,
					 .ends_ms = token->ends_ms,
					 .actor = "token:"};
		strncat(who->actor, token->name, sizeof(who->actor) - strlen(who->actor) - 1);
		token->used_ms = now;
		save = now - token->saved_ms >= USED_EVERY_MS;
		token->saved_ms = save ? now : token->saved_ms;
	} else {
		ok = false;
	}
	pthread_mutex_unlock(&auth->lock);
	if (save) {
		auth_store_use_token(auth->store, id, now);
	}
	return ok;
}

/* With the lock. *ends_ms as http_auth_ends_ms(). */
static bool find_grant(const struct http_auth *auth, uint64_t grant, int64_t now, int64_t *ends_ms)
{
	for (unsigned i = 0; i < auth->session_count; i++) {
		if (auth->sessions[i].grant == grant) {
			*ends_ms = auth->sessions[i].ends_ms;
			return !is_over(&auth->sessions[i], now);
		}
	}
	for (unsigned i = 0; i < auth->token_count; i++) {
		if (auth->tokens[i].grant == grant) {
			*ends_ms = auth->tokens[i].ends_ms;
			return *ends_ms == 0 || now < *ends_ms;
		}
	}
	return false;
}

bool http_auth_is_good(struct http_auth *auth, uint64_t grant)
{
	const int64_t now = auth->wall_ms();
	int64_t ends_ms;

	pthread_mutex_lock(&auth->lock);
	const bool good = find_grant(auth, grant, now, &ends_ms);
	pthread_mutex_unlock(&auth->lock);
	return good;
}

int64_t http_auth_ends_ms(struct http_auth *auth, uint64_t grant)
{
	int64_t ends_ms = 0;

	pthread_mutex_lock(&auth->lock);
	find_grant(auth, grant, 0, &ends_ms);
	pthread_mutex_unlock(&auth->lock);
	return ends_ms;
}

bool http_auth_end_session(struct http_auth *auth, uint64_t grant, struct fail *fail)
{
	struct auth_session found = {0};

	pthread_mutex_lock(&auth->lock);
	for (unsigned i = 0; i < auth->session_count; i++) {
		if (auth->sessions[i].grant == grant) {
			found = auth->sessions[i];
			auth->sessions[i] = auth->sessions[--auth->session_count];
			break;
		}
	}
	pthread_mutex_unlock(&auth->lock);
	if (found.grant == 0) {
		return fail_set(fail, FAIL_NOT_FOUND,
				"this request was not made with a session: nothing to sign out of");
	}
	return auth_store_end_session(auth->store, found.hash, fail);
}

bool http_auth_make_token(struct http_auth *auth, const char *name, int64_t ends_ms,
			  char id[ID_BYTES], char text[AUTH_TOKEN_BYTES], struct fail *fail)
{
	struct auth_token token = {.created_ms = auth->wall_ms(), .ends_ms = ends_ms};
	char secret[AUTH_SECRET_BYTES];
	bool found;

	if (name[0] == '\0' || strlen(name) >= AUTH_NAME_BYTES) {
		return fail_set(fail, FAIL_INVALID, "a token's name has 1 to %d bytes",
				AUTH_NAME_BYTES - 1);
	}
	pthread_mutex_lock(&auth->lock);
	const bool is_full = auth->token_count == AUTH_TOKENS_MAX;
	pthread_mutex_unlock(&auth->lock);
	if (is_full) {
		return fail_set(fail, FAIL_LIMIT, "there are %d tokens already; revoke one first",
				AUTH_TOKENS_MAX);
	}
	id_make('t', token.id);
	memcpy(token.name, name, strlen(name));
	make_secret(secret, token.hash);
	if (!auth_store_add_token(auth->store, &token, fail)) {
		return false;
	}
	pthread_mutex_lock(&auth->lock);
	const unsigned place = token_place(auth, token.id, &found);
	if (auth->token_count < AUTH_TOKENS_MAX) {
		memmove(&auth->tokens[place + 1], &auth->tokens[place],
			(auth->token_count - place) * sizeof(token));
		token.grant = ++auth->next_grant;
		auth->tokens[place] = token;
		auth->token_count++;
	}
	pthread_mutex_unlock(&auth->lock);
	memcpy(id, token.id, ID_BYTES);
	memcpy(text, "aec_", 4);
	memcpy(text + 4, token.id, ID_BYTES - 1);
	text[4 + ID_BYTES - 1] = '_';
	memcpy(text + 4 + ID_BYTES, secret, AUTH_SECRET_BYTES);
	sodium_memzero(secret, sizeof(secret));
	return true;
}

bool http_auth_end_token(struct http_auth *auth, const char *id, struct fail *fail)
{
	bool found;

	/* Out of memory first: from this moment it is refused, even if the disk fails. */
	pthread_mutex_lock(&auth->lock);
	const unsigned place = token_place(auth, id, &found);
	if (found) {
		auth->token_count--;
		memmove(&auth->tokens[place], &auth->tokens[place + 1],
			(auth->token_count - place) * sizeof(auth->tokens[0]));
	}
	pthread_mutex_unlock(&auth->lock);
	return auth_store_end_token(auth->store, id, fail);
}

unsigned http_auth_list_tokens(struct http_auth *auth, const char *after, unsigned most,
			       struct text *to, char next[ID_BYTES])
{
	struct json json = {.to = to};
	unsigned count = 0;

	next[0] = '\0';
	pthread_mutex_lock(&auth->lock);
	for (unsigned i = 0; i < auth->token_count; i++) {
		const struct auth_token *token = &auth->tokens[i];
		if (after != NULL && strcmp(token->id, after) <= 0) {
			continue;
		}
		if (count == most) {
			memcpy(next, auth->tokens[i - 1].id, ID_BYTES);
			break;
		}
		json_begin_object(&json, NULL);
		json_text(&json, "id", token->id);
		json_text(&json, "name", token->name);
		json_time(&json, "created", token->created_ms);
		json_time(&json, "used", token->used_ms);
		json_time(&json, "ends", token->ends_ms);
		json_end_object(&json);
		count++;
	}
	pthread_mutex_unlock(&auth->lock);
	return count;
}
