/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The database's side of http/auth.c alone. */
#include <stdint.h>

#include "http/auth.h"

enum { AUTH_HASH_BYTES = 32 };

struct auth_session {
	uint8_t hash[AUTH_HASH_BYTES];
	int64_t created_ms, used_ms, ends_ms;
	int64_t saved_ms; /* when used_ms went to the database */
	uint64_t grant;
};

struct auth_token {
	char id[ID_BYTES];
	char name[AUTH_NAME_BYTES];
	uint8_t hash[AUTH_HASH_BYTES];
	int64_t created_ms, used_ms, ends_ms;
	int64_t saved_ms;
	uint64_t grant;
};

struct auth_loaded {
	int64_t now_ms;
	struct auth_session *sessions; /* AUTH_SESSIONS_MAX */
	unsigned session_count;
	struct auth_token *tokens; /* AUTH_TOKENS_MAX */
	unsigned token_count;
};

bool auth_store_load(struct store *store, struct auth_loaded *loaded, struct fail *fail);
/* Takes those out that are over, or not used since `idle_before_ms`. */
bool auth_store_add_session(struct store *store, const struct auth_session *session,
			    int64_t idle_before_ms, struct fail *fail);
bool auth_store_end_session(struct store *store, const uint8_t hash[AUTH_HASH_BYTES],
			    struct fail *fail);
bool auth_store_add_token(struct store *store, const struct auth_token *token, struct fail *fail);
bool auth_store_end_token(struct store *store, const char *id, struct fail *fail);
/* Do not wait; lost when memory or the disk ends. */
void auth_store_use_session(struct store *store, const uint8_t hash[AUTH_HASH_BYTES],
			    int64_t used_ms);
void auth_store_use_token(struct store *store, const char *id, int64_t used_ms);
