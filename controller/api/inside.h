/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the API share. */
#include "api/api.h"

struct hub;
struct operations;
struct idempotency;

struct api {
	struct api_options options;
	struct hub *hub;
	struct operations *operations;
	struct idempotency *idempotency;
	struct http_server *server;
	int64_t started_ms; /* wall clock */
};

extern const char api_openapi[];
extern const uint32_t api_openapi_bytes;

/* --- bodies and parameters --- */
/* The body has no member beside those of `names` (NULL ends it), and there is one. */
bool api_body(const struct http_request *request, const char *const *names, struct fail *fail);
/*
 * A text of the body of at most `most` bytes without control characters; absent: NULL, which is refused when
 * it is needed.
 */
bool api_text(const struct http_request *request, const char *name, size_t most, bool is_needed,
	      const char **text, struct fail *fail);
bool api_bool(const struct http_request *request, const char *name, bool *value, struct fail *fail);
/* RFC 3339 in UTC ("...Z"); NULL or another form: false. */
bool api_parse_time(const char *text, int64_t *wall_ms);
/* ?limit= and ?after= of lists. */
bool api_page(const struct http_request *request, unsigned *limit, const char **after,
	      struct fail *fail);
/* If-Match: "7"; absent: 0. */
bool api_if_match(const struct http_request *request, uint64_t *rev, struct fail *fail);
/* The first parameter as an id of that kind. */
bool api_id(const struct http_request *request, char kind, const char **id, struct fail *fail);
struct fleet_who api_who(const struct http_request *request);
/* {"items":[...],"next":...} around what was put between. */
void api_begin_list(struct http_reply *reply);
void api_end_list(struct http_reply *reply, const char *next);

/* --- operations.c --- */
struct operations *operations_new(struct api *api, struct fail *fail);
void operations_free(struct operations *operations);
/* Starts one: reply is 202 with its place. `action` NULL: a reboot, which is over when the node has another boot. */
bool operations_start(struct api *api, const char *kind, const char *node, const char *action,
		      const struct fleet_who *who, struct http_reply *reply, struct fail *fail);

/* --- idempotency.c --- */
struct idempotency *idempotency_new(void);
void idempotency_free(struct idempotency *idempotency);

/* --- hub.c --- */
struct hub *hub_new(struct api *api, struct fail *fail);
void hub_free(struct hub *hub);
void hub_console_changed(struct hub *hub);

/* --- the handlers, in the files that their routes are named after --- */
#define API_HANDLERS(X)                                                                            \
	X(api_health)                                                                              \
	X(api_ready)                                                                               \
	X(api_openapi_show)                                                                        \
	X(api_session_make)                                                                        \
	X(api_session_show)                                                                        \
	X(api_session_end)                                                                         \
	X(api_link_make)                                                                           \
	X(api_nodes_list)                                                                          \
	X(api_nodes_approve)                                                                       \
	X(api_node_show)                                                                           \
	X(api_node_change)                                                                         \
	X(api_node_approve)                                                                        \
	X(api_node_reject)                                                                         \
	X(api_node_retire)                                                                         \
	X(api_node_reboot)                                                                         \
	X(api_node_restart_guests)                                                                 \
	X(api_node_locate)                                                                         \
	X(api_node_power)                                                                          \
	X(api_node_boots)                                                                          \
	X(api_node_telemetry)                                                                      \
	X(api_console_show)                                                                        \
	X(api_console_type)                                                                        \
	X(api_events_list)                                                                         \
	X(api_rules_list)                                                                          \
	X(api_rules_add)                                                                           \
	X(api_rules_drop)                                                                          \
	X(api_settings_show)                                                                       \
	X(api_settings_change)                                                                     \
	X(api_tokens_list)                                                                         \
	X(api_tokens_make)                                                                         \
	X(api_tokens_end)                                                                          \
	X(api_operation_show)                                                                      \
	X(api_release_show)                                                                        \
	X(api_system_show)                                                                         \
	X(api_stream_open)                                                                         \
	X(api_stream_change)
#define X(name)                                                                                    \
	bool name(void *app, const struct http_request *request, struct http_reply *reply,         \
		  struct fail *fail);
API_HANDLERS(X)
#undef X
