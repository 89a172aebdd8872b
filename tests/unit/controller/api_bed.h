/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Store, bus, fleet, API and server in this process, on a port and a Unix socket of their own; power and
 * consoles are made up.
 */
#include "api/api.h"
#include "unit/controller/client.h"

enum { API_ROUTES_MOST = 128 };

struct api_bed {
	char folder[64], database[96], socket[96];
	uint16_t port;
	struct store *store;
	struct bus *bus;
	struct fleet *fleet;
	struct http_auth *auth;
	struct api *api;
	struct http_server *server;
	char token[160]; /* a header line */
	char token_id[ID_BYTES];
	char cookie[160]; /* the same, of a session */
	char node[ID_BYTES]; /* one that was seen */
	/* the made-up console: what was written by the guest, and typed */
	char output[8192];
	size_t output_bytes;
	unsigned output_late; /* so often it is asked for before it has come from the node */
	char typed[128];
	int watchers;
	unsigned power_acts;
	bool power_fails;
};
extern struct api_bed bed;
extern struct client_answer answer;

int api_bed_make(void **state);
int api_bed_remove(void **state);
/* A machine on the wire: its node's id. */
void api_bed_see(unsigned number, char id[ID_BYTES]);
/* The machine's boot says hello. */
void api_bed_hello(unsigned number, uint64_t boot_id);
/* The same; false: it was refused. */
bool api_bed_try_hello(unsigned number, uint64_t boot_id, struct fail *fail);
/* Asks with the token, checks a success against openapi.json. `format` makes the target. */
unsigned api_ask(const char *method, const char *target, const char *headers, const char *body);
/* The answer's member of a dotted path, as a text ("true", "null", digits); static. */
const char *api_member(const char *path);
/* The description, parsed. */
json_t *api_description(void);
/* Checks what a route answered against its schema. */
void api_check(const char *method, const char *target, const struct client_answer *reply);
/* A success of that route of api_routes was checked. */
bool api_was_answered(size_t route);
void api_console_say(const char *text);
