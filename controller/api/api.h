/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The HTTP API for people and programs (/api/v1): routes over the fleet, the store and the bus. What belongs
 * to parts that it does not know (power, consoles, networks) is reached through the functions of struct
 * api_outside.
 */
#include <stdint.h>

#include "base/json.h"
#include "bus/bus.h"
#include "fleet/fleet.h"
#include "http/auth.h"
#include "http/http.h"
#include "http/server.h"
#include "store/store.h"

struct api;

/* A piece of a console's output, and where it is. */
struct api_console {
	uint64_t from; /* in: what is asked for; out: of the piece, moved up to the oldest byte that is kept */
	size_t count;
	uint64_t oldest; /* that is kept */
	uint64_t ready; /* behind the last byte that can be read now */
	uint64_t newest; /* behind the last one that the guest is known to have written; `ready` or more */
	bool is_waiting; /* the node has output that is on its way, or may have */
};

/* Each may be NULL: what it would do is then refused with FAIL_UNAVAILABLE. Any thread calls them. */
struct api_outside {
	void *power;
	/* "on", "off" or "reset"; returns when the driver has done it. May take seconds. */
	bool (*power_act)(void *power, const char *node, const char *action, struct fail *fail);

	void *consoles;
	/* Output of a guest's console from offset part->from on, at most `room` bytes. Must not wait. */
	bool (*console_read)(void *consoles, const char *node, unsigned slot, struct api_console *part,
			     char *to, size_t room, struct fail *fail);
	bool (*console_write)(void *consoles, const char *node, unsigned slot, const char *bytes,
			      size_t count, struct fail *fail);
	/* Somebody looks at it (each `true` is followed by one `false`): its output is wanted at once. */
	void (*console_watch)(void *consoles, const char *node, unsigned slot, bool on);

	void *system;
	/* Adds members "networks" and "dhcp" to the object of GET /api/v1/system. */
	void (*system_show)(void *system, struct json *json);
};

struct api_options {
	struct store *store;
	struct fleet *fleet;
	struct bus *bus;
	struct http_auth *auth;
	const char *version;
	const char *base_url; /* of sign-in links: "http://127.0.0.1:8080" */
	struct api_outside outside;
};

/* Starts the threads of the stream and of operations. What is pointed to stays the caller's, and must outlive it. */
struct api *api_new(const struct api_options *options, struct fail *fail);
/* After the server was stopped. */
void api_free(struct api *api);

extern const struct http_route api_routes[];
extern const size_t api_route_count;
/* For struct http_server_options: Idempotency-Key. */
bool api_around(void *app, const struct http_route *route, const struct http_request *request,
		struct http_reply *reply, struct fail *fail);

/* The server that serves it, for GET /api/v1/system; NULL: none. */
void api_set_server(struct api *api, struct http_server *server);
/* A sign-in link as text, for the console: <base_url>/sign-in#<secret>. */
bool api_sign_in_link(struct api *api, struct text *to, int64_t *ends_ms, struct fail *fail);
/* A console has new output: whoever watches it is told. Does not wait. */
void api_console_changed(struct api *api);
