/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who asks: sign-in links, sessions, API tokens. One admin. Secrets are 256 random bits; what is kept of
 * them is a BLAKE2b hash, in the database and, so that a request costs no statement, in memory. Links live
 * in memory alone: a restart ends them.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/id.h"
#include "base/text.h"
#include "http/http.h"
#include "store/store.h"

struct http_auth;

enum {
	AUTH_SECRET_BYTES = 65, /* 64 hex digits and the NUL */
	AUTH_TOKEN_BYTES = 4 + ID_BYTES + AUTH_SECRET_BYTES, /* aec_<id>_<secret> */
	AUTH_NAME_BYTES = 41,
	AUTH_TOKENS_MAX = 256,
	AUTH_SESSIONS_MAX = 256,
	AUTH_LINK_MS = 15 * 60 * 1000,
	AUTH_IDLE_MS = 12 * 3600 * 1000,
	AUTH_SESSION_MS = 7 * 24 * 3600 * 1000,
};
#define AUTH_COOKIE "aether_session"

/* Reads tokens and sessions. NULL: *fail. `wall_ms` is the clock (NULL: the real one). */
struct http_auth *http_auth_new(struct store *store, int64_t (*wall_ms)(void), struct fail *fail);
void http_auth_free(struct http_auth *auth);

/* A link's secret, good once within 15 minutes. The eight newest are good. */
bool http_auth_make_link(struct http_auth *auth, char secret[AUTH_SECRET_BYTES], int64_t *ends_ms,
			 struct fail *fail);
/*
 * Takes a link's secret; the session's is for the cookie. `address` limits wrong attempts: 10 a minute each
 * (FAIL_LIMIT).
 */
bool http_auth_sign_in(struct http_auth *auth, const char *link, uint32_t address,
		       char session[AUTH_SECRET_BYTES], struct fail *fail);

/* Who a request is by. `grant` names the session or token while it is good. */
struct http_who {
	enum http_by by;
	uint64_t grant;
	int64_t ends_ms;
	char actor[HTTP_ACTOR_BYTES];
};
bool http_auth_by_session(struct http_auth *auth, const char *secret, struct http_who *who);
bool http_auth_by_token(struct http_auth *auth, const char *token, struct http_who *who);
bool http_auth_is_good(struct http_auth *auth, uint64_t grant);

/* When a session or token ends by itself; 0: never, or it is none. */
int64_t http_auth_ends_ms(struct http_auth *auth, uint64_t grant);
bool http_auth_end_session(struct http_auth *auth, uint64_t grant, struct fail *fail);
/* `ends_ms` 0: never. */
bool http_auth_make_token(struct http_auth *auth, const char *name, int64_t ends_ms,
			  char id[ID_BYTES], char token[AUTH_TOKEN_BYTES], struct fail *fail);
bool http_auth_end_token(struct http_auth *auth, const char *id, struct fail *fail);
/* Elements of a JSON array, in order of id, behind `after`. *next as fleet_list(). */
unsigned http_auth_list_tokens(struct http_auth *auth, const char *after, unsigned most,
			       struct text *to, char next[ID_BYTES]);
