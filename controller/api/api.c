/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the API's routes, and its start and end. Every route stands in openapi.json too: a test
 * compares them.
 */
#include "api/api.h"

#include <stdlib.h>

#include "api/inside.h"
#include "base/clock.h"

#define V1 "/api/v1"

const struct http_route api_routes[] = {
	{"GET", "/healthz", api_health, HTTP_OPEN, 0},
	{"GET", "/readyz", api_ready, HTTP_OPEN, 0},
	{"GET", V1 "/openapi.json", api_openapi_show, HTTP_OPEN, 0},
	{"POST", V1 "/session", api_session_make, HTTP_OPEN | HTTP_JSON | HTTP_SECRET, 4096},
	{"GET", V1 "/session", api_session_show, 0, 0},
	{"DELETE", V1 "/session", api_session_end, 0, 0},
	{"POST", V1 "/sign-in-links", api_link_make, HTTP_SOCKET | HTTP_JSON | HTTP_SECRET, 0},
	{"GET", V1 "/nodes", api_nodes_list, 0, 0},
	{"POST", V1 "/nodes/approve", api_nodes_approve, HTTP_JSON, 0},
	{"GET", V1 "/nodes/{id}", api_node_show, 0, 0},
	{"PATCH", V1 "/nodes/{id}", api_node_change, HTTP_JSON, 0},
	{"POST", V1 "/nodes/{id}/approve", api_node_approve, HTTP_JSON, 0},
	{"POST", V1 "/nodes/{id}/reject", api_node_reject, HTTP_JSON, 0},
	{"POST", V1 "/nodes/{id}/retire", api_node_retire, HTTP_JSON, 0},
	{"POST", V1 "/nodes/{id}/reboot", api_node_reboot, HTTP_JSON, 0},
	{"POST", V1 "/nodes/{id}/restart-guests", api_node_restart_guests, HTTP_JSON, 0},
	{"POST", V1 "/nodes/{id}/locate", api_node_locate, HTTP_JSON, 0},
	{"POST", V1 "/nodes/{id}/power", api_node_power, HTTP_JSON, 0},
	{"GET", V1 "/nodes/{id}/boots", api_node_boots, 0, 0},
	{"GET", V1 "/nodes/{id}/telemetry", api_node_telemetry, 0, 0},
	{"GET", V1 "/nodes/{id}/consoles/{slot}", api_console_show, 0, 0},
	{"POST", V1 "/nodes/{id}/consoles/{slot}", api_console_type, HTTP_JSON, 0},
	{"GET", V1 "/events", api_events_list, 0, 0},
	{"GET", V1 "/rules", api_rules_list, 0, 0},
	{"POST", V1 "/rules", api_rules_add, HTTP_JSON, 0},
	{"DELETE", V1 "/rules/{id}", api_rules_drop, 0, 0},
	{"GET", V1 "/settings", api_settings_show, 0, 0},
	{"PATCH", V1 "/settings", api_settings_change, HTTP_JSON, 0},
	{"GET", V1 "/tokens", api_tokens_list, 0, 0},
	{"POST", V1 "/tokens", api_tokens_make, HTTP_JSON | HTTP_SECRET, 0},
	{"DELETE", V1 "/tokens/{id}", api_tokens_end, 0, 0},
	{"GET", V1 "/operations/{id}", api_operation_show, 0, 0},
	{"GET", V1 "/release", api_release_show, 0, 0},
	{"GET", V1 "/system", api_system_show, 0, 0},
	{"GET", V1 "/stream", api_stream_open, 0, 0},
	{"POST", V1 "/stream/{stream}", api_stream_change, HTTP_JSON, 0},
};
const size_t api_route_count = sizeof(api_routes) / sizeof(api_routes[0]);

struct api *api_new(const struct api_options *options, struct fail *fail)
{
	struct api *api = calloc(1, sizeof(*api));

	if (api == NULL) {
		fail_set(fail, FAIL_INTERNAL, "no memory for the API");
		return NULL;
	}
	api->options = *options;
	api->started_ms = clock_wall_ms();
	api->idempotency = idempotency_new();
	if (api->idempotency == NULL) {
		fail_set(fail, FAIL_INTERNAL, "no memory for the API");
	} else if ((api->operations = operations_new(api, fail)) != NULL &&
		   (api->hub = hub_new(api, fail)) != NULL) {
		return api;
	}
	api_free(api);
	return NULL;
}

void api_free(struct api *api)
{
	if (api != NULL) {
		hub_free(api->hub);
		operations_free(api->operations);
		idempotency_free(api->idempotency);
		free(api);
	}
}

void api_set_server(struct api *api, struct http_server *server)
{
	api->server = server;
}

void api_console_changed(struct api *api)
{
	hub_console_changed(api->hub);
}
