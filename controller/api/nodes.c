/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes: lists, one node, and what may be done to it. An action is answered when it is durable, with the
 * node as it is then; one that takes longer (reboot, power) with an operation to look at.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "api/inside.h"
#include "fleet/shown.h"

enum { APPROVE_MANY_MOST = 1000, APPROVE_THREADS = 8, LABELS_MOST = 32, LABEL_BYTES = 63 };

static const char *const nothing[] = {NULL};

/* The node as it is now. */
static bool show(const struct api *api, const char *id, bool whole, struct http_reply *reply,
		 struct fail *fail)
{
	uint64_t rev;

	if (!fleet_show(api->options.fleet, id, whole, &reply->body, &rev)) {
		return fail_set(fail, FAIL_NOT_FOUND,
				"there is no node %s; the list: GET /api/v1/nodes", id);
	}
	text_printf(&reply->headers, "ETag: \"%llu\"\n", (unsigned long long)rev);
	return true;
}

/* "" as if it were not there. What is misspelt would else be an empty list. */
static bool check_filter(struct fleet_filter *filter, struct fail *fail)
{
	enum admission admission;
	unsigned state = 0;

	filter->admission = filter->admission != NULL && filter->admission[0] != '\0' ? filter->admission : NULL;
	filter->state = filter->state != NULL && filter->state[0] != '\0' ? filter->state : NULL;
	filter->text = filter->text != NULL && filter->text[0] != '\0' ? filter->text : NULL;
	while (filter->state != NULL && state < SHOWN_COUNT &&
	       strcmp(filter->state, shown_text((enum shown_state)state)) != 0) {
		state++;
	}
	if (state == SHOWN_COUNT) {
		return fail_set(fail, FAIL_INVALID,
				"there is no state \"%.40s\"; openapi.json has those that there are", filter->state);
	}
	if (filter->admission != NULL && !admission_parse(filter->admission, &admission)) {
		return fail_set(fail, FAIL_INVALID,
				"there is no admission \"%.40s\"; openapi.json has those that there are",
				filter->admission);
	}
	return (filter->text == NULL || strlen(filter->text) <= 64) ||
	       fail_set(fail, FAIL_INVALID, "q has more than 64 bytes");
}

bool api_nodes_list(void *app, const struct http_request *request, struct http_reply *reply,
		    struct fail *fail)
{
	struct api *api = app;
	char next[ID_BYTES] = "";
	struct fleet_filter filter = {.admission = http_query(request, "admission"),
				      .state = http_query(request, "state"),
				      .text = http_query(request, "q")};

	if (!api_page(request, &filter.most, &filter.after, fail) || !check_filter(&filter, fail)) {
		return false;
	}
	api_begin_list(reply);
	fleet_list(api->options.fleet, &filter, &reply->body, next);
	api_end_list(reply, next);
	return true;
}

bool api_node_show(void *app, const struct http_request *request, struct http_reply *reply,
		   struct fail *fail)
{
	const char *id;
	const char *whole = http_query(request, "whole");

	return api_id(request, 'n', &id, fail) &&
	       show(app, id, whole == NULL || strcmp(whole, "0") != 0, reply, fail);
}

static bool labels_are_right(const json_t *labels, struct fail *fail)
{
	const char *key;
	json_t *value;

	if (!json_is_object(labels) || json_object_size(labels) > LABELS_MOST) {
		return fail_set(fail, FAIL_INVALID,
				"\"labels\" is to be an object of at most %d texts", LABELS_MOST);
	}
	json_object_foreach((json_t *)(uintptr_t)labels, key, value)
	{
		const size_t length = strlen(key);
		if (length == 0 || length > LABEL_BYTES ||
		    strspn(key,
			   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-") !=
			    length) {
			return fail_set(
				fail, FAIL_INVALID,
				"the label \"%.40s\" is to have 1 to 63 letters, digits or . _ / -",
				key);
		}
		if (!json_is_string(value) || json_string_length(value) > LABEL_BYTES) {
			return fail_set(fail, FAIL_INVALID,
					"the label \"%.40s\" is to have a text of at most 63 bytes",
					key);
		}
	}
	return true;
}

bool api_node_change(void *app, const struct http_request *request, struct http_reply *reply,
		     struct fail *fail)
{
	static const char *const names[] = {"name", "labels", "cordoned", NULL};
	struct api *api = app;
	const struct fleet_who who = api_who(request);
	const char *id;
	const char *name;
	bool cordoned = false;
	uint64_t rev;

	if (!api_id(request, 'n', &id, fail) || !api_body(request, names, fail) ||
	    !api_if_match(request, &rev, fail) ||
	    !api_text(request, "name", NODE_NAME_BYTES - 1, false, &name, fail)) {
		return false;
	}
	const json_t *labels = json_object_get(request->json, "labels");
	const bool has_cordoned = json_object_get(request->json, "cordoned") != NULL;
	if ((labels != NULL && !labels_are_right(labels, fail)) ||
	    (has_cordoned && !api_bool(request, "cordoned", &cordoned, fail))) {
		return false;
	}
	char *text = labels != NULL ? json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	if (labels != NULL && text == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE, "no memory for the labels; try again");
	}
	const struct fleet_edit edit = {
		.name = name, .labels = text, .cordoned = has_cordoned ? &cordoned : NULL};
	const bool ok = fleet_edit(api->options.fleet, id, &edit, rev, &who, fail);
	free(text);
	return ok && show(api, id, false, reply, fail);
}

static bool admit(struct api *api, const struct http_request *request, enum admission_act act,
		  struct http_reply *reply, struct fail *fail)
{
	const struct fleet_who who = api_who(request);
	const char *id;
	uint64_t rev;

	return api_id(request, 'n', &id, fail) &&
	       (request->json == NULL || api_body(request, nothing, fail)) &&
	       api_if_match(request, &rev, fail) &&
	       fleet_admit(api->options.fleet, id, act, rev, &who, fail) &&
	       show(api, id, false, reply, fail);
}

bool api_node_approve(void *app, const struct http_request *request, struct http_reply *reply,
		      struct fail *fail)
{
	return admit(app, request, ACT_APPROVE, reply, fail);
}

bool api_node_reject(void *app, const struct http_request *request, struct http_reply *reply,
		     struct fail *fail)
{
	return admit(app, request, ACT_REJECT, reply, fail);
}

bool api_node_retire(void *app, const struct http_request *request, struct http_reply *reply,
		     struct fail *fail)
{
	return admit(app, request, ACT_RETIRE, reply, fail);
}

/* Many at once: each waits for its commit, so that a few threads make one group of them. */
struct many {
	struct api *api;
	struct fleet_who who;
	const json_t *ids;
	struct fail *fails;
	atomic_uint next;
};

static void *approve_some(void *argument)
{
	struct many *many = argument;
	const unsigned count = (unsigned)json_array_size(many->ids);

	for (unsigned i = atomic_fetch_add(&many->next, 1); i < count;
	     i = atomic_fetch_add(&many->next, 1)) {
		const char *id = json_string_value(json_array_get(many->ids, i));
		many->fails[i].kind = FAIL_NONE;
		if (id == NULL || !id_is_valid('n', id)) {
			fail_set(&many->fails[i], FAIL_NOT_FOUND, "that is not the id of a node");
		} else {
			struct fail fail = {0};
			if (!fleet_admit(many->api->options.fleet, id, ACT_APPROVE, 0, &many->who,
					 &fail)) {
				many->fails[i] = fail;
			}
		}
	}
	return NULL;
}

static void approve_all(struct many *many)
{
	pthread_t threads[APPROVE_THREADS];
	unsigned count = 0;

	while (count < APPROVE_THREADS && count + 1 < json_array_size(many->ids) &&
	       pthread_create(&threads[count], NULL, approve_some, many) == 0) {
		count++;
	}
	approve_some(many);
	while (count > 0) {
		pthread_join(threads[--count], NULL);
	}
}

static void put_results(const struct many *many, struct text *to)
{
	struct json json = {.to = to};

	json_begin_object(&json, NULL);
	json_begin_array(&json, "results");
	for (unsigned i = 0; i < json_array_size(many->ids); i++) {
		const struct fail *fail = &many->fails[i];
		json_begin_object(&json, NULL);
		json_text(&json, "id", json_string_value(json_array_get(many->ids, i)));
		json_bool(&json, "ok", fail->kind == FAIL_NONE);
		if (fail->kind != FAIL_NONE) {
			json_begin_object(&json, "problem");
			json_text(&json, "title", fail_title(fail->kind));
			json_u64(&json, "status", fail_status(fail->kind));
			json_text(&json, "detail", fail->text);
			json_end_object(&json);
		}
		json_end_object(&json);
	}
	json_end_array(&json);
	json_end_object(&json);
}

bool api_nodes_approve(void *app, const struct http_request *request, struct http_reply *reply,
		       struct fail *fail)
{
	static const char *const names[] = {"ids", NULL};
	struct many many = {.api = app, .who = api_who(request)};

	if (!api_body(request, names, fail)) {
		return false;
	}
	many.ids = json_object_get(request->json, "ids");
	const size_t count = json_array_size(many.ids);
	if (count == 0 || count > APPROVE_MANY_MOST) {
		return fail_set(fail, FAIL_INVALID, "\"ids\" is to be an array of 1 to %d ids",
				APPROVE_MANY_MOST);
	}
	many.fails = calloc(count, sizeof(*many.fails));
	if (many.fails == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE, "no memory for so many; try fewer");
	}
	approve_all(&many);
	put_results(&many, &reply->body);
	free(many.fails);
	return true;
}

bool api_node_reboot(void *app, const struct http_request *request, struct http_reply *reply,
		     struct fail *fail)
{
	struct api *api = app;
	const struct fleet_who who = api_who(request);
	const char *id;

	return api_id(request, 'n', &id, fail) &&
	       (request->json == NULL || api_body(request, nothing, fail)) &&
	       fleet_reboot(api->options.fleet, id, &who, fail) &&
	       operations_start(api, "reboot", id, NULL, &who, reply, fail);
}

bool api_node_restart_guests(void *app, const struct http_request *request,
			     struct http_reply *reply, struct fail *fail)
{
	struct api *api = app;
	const struct fleet_who who = api_who(request);
	const char *id;

	return api_id(request, 'n', &id, fail) &&
	       (request->json == NULL || api_body(request, nothing, fail)) &&
	       fleet_restart_guests(api->options.fleet, id, &who, fail) &&
	       show(api, id, false, reply, fail);
}

bool api_node_locate(void *app, const struct http_request *request, struct http_reply *reply,
		     struct fail *fail)
{
	static const char *const names[] = {"on", NULL};
	struct api *api = app;
	const struct fleet_who who = api_who(request);
	const char *id;
	bool on;

	return api_id(request, 'n', &id, fail) && api_body(request, names, fail) &&
	       api_bool(request, "on", &on, fail) &&
	       fleet_locate(api->options.fleet, id, on, &who, fail) &&
	       show(api, id, false, reply, fail);
}

bool api_node_power(void *app, const struct http_request *request, struct http_reply *reply,
		    struct fail *fail)
{
	static const char *const names[] = {"action", NULL};
	static const struct {
		const char *action, *kind;
	} actions[] = {{"on", "power.on"}, {"off", "power.off"}, {"reset", "power.reset"}};
	struct api *api = app;
	const struct fleet_who who = api_who(request);
	const char *id;
	const char *action;
	struct text node = {0};
	uint64_t rev;

	if (!api_id(request, 'n', &id, fail) || !api_body(request, names, fail) ||
	    !api_text(request, "action", 8, true, &action, fail)) {
		return false;
	}
	if (api->options.outside.power_act == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE,
				"no power driver is configured; name one in the configuration file "
				"(power)");
	}
	const bool is_there = fleet_show(api->options.fleet, id, false, &node, &rev);
	text_free(&node);
	if (!is_there) {
		return fail_set(fail, FAIL_NOT_FOUND,
				"there is no node %s; the list: GET /api/v1/nodes", id);
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].action, action) == 0) {
			return operations_start(api, actions[i].kind, id, actions[i].action, &who,
						reply, fail);
		}
	}
	return fail_set(fail, FAIL_INVALID, "\"action\" is to be on, off or reset");
}

bool api_node_boots(void *app, const struct http_request *request, struct http_reply *reply,
		    struct fail *fail)
{
	struct api *api = app;
	const char *id;
	uint64_t limit;

	return api_id(request, 'n', &id, fail) &&
	       http_query_u64(request, "limit", 1, 100, 20, &limit, fail) &&
	       fleet_boots(api->options.fleet, id, (unsigned)limit, &reply->body, fail);
}

bool api_node_telemetry(void *app, const struct http_request *request, struct http_reply *reply,
			struct fail *fail)
{
	struct api *api = app;
	const char *id;

	return api_id(request, 'n', &id, fail) &&
	       (fleet_history(api->options.fleet, id, &reply->body) ||
		fail_set(fail, FAIL_NOT_FOUND, "there is no node %s; the list: GET /api/v1/nodes",
			 id));
}
