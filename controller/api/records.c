/* SPDX-License-Identifier: Apache-2.0 */
/* What is written down: events, rules, settings, the release. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/inside.h"
#include "base/clock.h"

enum { INTERVAL_LEAST_MS = 250, INTERVAL_MOST_MS = 60000, RULE_COUNT_MOST = 10000 };

/* --- events, the newest first: `next` leads to older ones --- */
struct events {
	const char *node; /* NULL: of all */
	int64_t before;
	unsigned limit;
	struct text *to;
	char next[24];
};

static void put_event(struct sql_row *row, struct text *to)
{
	struct json json = {.to = to};
	const char *data = sql_text(row, 7);

	json_begin_object(&json, NULL);
	json_i64(&json, "index", sql_i64(row, 0));
	json_time(&json, "time", sql_i64(row, 1));
	json_text(&json, "kind", sql_text(row, 2));
	json_text(&json, "node", sql_text(row, 3));
	json_text(&json, "actor", sql_text(row, 4));
	json_text(&json, "request", sql_text(row, 5));
	json_text(&json, "text", sql_text(row, 6));
	json_raw(&json, "data", data, strlen(data));
	json_end_object(&json);
}

static bool read_events(struct sql *sql, void *argument, struct fail *fail)
{
	struct events *events = argument;
	struct sql_row row;
	unsigned count = 0;
	int64_t last = 0;

	if (events->node != NULL) {
		sql_query(sql, &row,
			  "SELECT idx, at_ms, kind, node, actor, request, text, data FROM event "
			  "WHERE node = ? AND idx < ? "
			  "ORDER BY idx DESC LIMIT ?",
			  "tii", events->node, events->before, (int64_t)events->limit + 1);
	} else {
		sql_query(sql, &row,
			  "SELECT idx, at_ms, kind, node, actor, request, text, data FROM event "
			  "WHERE idx < ? ORDER BY idx DESC LIMIT ?",
			  "ii", events->before, (int64_t)events->limit + 1);
	}
	while (sql_next(&row)) {
		if (count++ == events->limit) {
			snprintf(events->next, sizeof(events->next), "%lld", (long long)last);
			break;
		}
		if (count > 1) {
			text_puts(events->to, ",");
		}
		last = sql_i64(&row, 0);
		put_event(&row, events->to);
	}
	return sql_end(&row, fail);
}

bool api_events_list(void *app, const struct http_request *request, struct http_reply *reply,
		     struct fail *fail)
{
	struct api *api = app;
	struct events events = {.node = http_query(request, "node"), .to = &reply->body};
	uint64_t limit;
	uint64_t before;

	if (!http_query_u64(request, "limit", 1, 1000, 100, &limit, fail) ||
	    !http_query_u64(request, "after", 1, INT64_MAX, INT64_MAX, &before, fail)) {
		return false;
	}
	if (events.node != NULL && !id_is_valid('n', events.node)) {
		return fail_set(fail, FAIL_INVALID, "node is to be the id of a node");
	}
	events.limit = (unsigned)limit;
	events.before = (int64_t)before;
	api_begin_list(reply);
	if (!store_read(api->options.store, read_events, &events, fail)) {
		return false;
	}
	api_end_list(reply, events.next);
	return true;
}

/* --- rules --- */
bool api_rules_list(void *app, const struct http_request *request, struct http_reply *reply,
		    struct fail *fail)
{
	struct api *api = app;

	(void)request;
	return fleet_rules(api->options.fleet, &reply->body, fail);
}

static bool take_match(const json_t *matches, const char *name, char *to, size_t room,
		       struct fail *fail)
{
	const json_t *value = json_object_get(matches, name);

	if (value == NULL) {
		return true;
	}
	if (!json_is_string(value) || json_string_length(value) >= room) {
		return fail_set(fail, FAIL_INVALID,
				"\"matches\": \"%s\" is to be a text of at most %zu bytes", name,
				room - 1);
	}
	memcpy(to, json_string_value(value), json_string_length(value) + 1);
	return true;
}

static bool take_matches(const json_t *matches, struct fleet_rule *rule, struct fail *fail)
{
	const char *key;
	json_t *value;

	if (!json_is_object(matches)) {
		return fail_set(fail, FAIL_INVALID,
				"\"matches\" is to be an object; {} means every node");
	}
	json_object_foreach((json_t *)(uintptr_t)matches, key, value)
	{
		if (strcmp(key, "arch") != 0 && strcmp(key, "network") != 0 &&
		    strcmp(key, "serial") != 0 && strcmp(key, "mac") != 0) {
			return fail_set(
				fail, FAIL_INVALID,
				"\"matches\" knows arch, network, serial and mac, not \"%.40s\"",
				key);
		}
	}
	return take_match(matches, "arch", rule->arch, sizeof(rule->arch), fail) &&
	       take_match(matches, "network", rule->network, sizeof(rule->network), fail) &&
	       take_match(matches, "serial", rule->serial, sizeof(rule->serial), fail) &&
	       take_match(matches, "mac", rule->mac, sizeof(rule->mac), fail);
}

static bool take_labels(const json_t *labels, struct fleet_rule *rule, struct fail *fail)
{
	if (labels == NULL) {
		return true;
	}
	char *text =
		json_is_object(labels) ? json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	const bool ok = text != NULL && strlen(text) < sizeof(rule->labels);
	if (ok) {
		memcpy(rule->labels, text, strlen(text) + 1);
	}
	free(text);
	return ok ||
	       fail_set(fail, FAIL_INVALID, "\"labels\" is to be an object of at most %zu bytes",
			sizeof(rule->labels) - 1);
}

static void show_rule(const struct fleet_rule *rule, const json_t *matches, struct text *to)
{
	struct json json = {.to = to};
	char *text = json_dumps(matches, JSON_COMPACT);

	json_begin_object(&json, NULL);
	json_text(&json, "id", rule->id);
	if (text != NULL) {
		json_raw(&json, "matches", text, strlen(text));
	}
	json_raw(&json, "labels", rule->labels, strlen(rule->labels));
	json_u64(&json, "count", rule->count);
	json_time(&json, "ends", rule->ends_ms);
	json_end_object(&json);
	free(text);
}

bool api_rules_add(void *app, const struct http_request *request, struct http_reply *reply,
		   struct fail *fail)
{
	static const char *const names[] = {"matches", "labels", "count", "ends", NULL};
	struct api *api = app;
	const struct fleet_who who = api_who(request);
	struct fleet_rule rule = {.labels = "{}"};
	const char *ends;

	if (!api_body(request, names, fail) || !api_text(request, "ends", 30, true, &ends, fail) ||
	    !take_matches(json_object_get(request->json, "matches"), &rule, fail) ||
	    !take_labels(json_object_get(request->json, "labels"), &rule, fail)) {
		return false;
	}
	const json_t *count = json_object_get(request->json, "count");
	if (!json_is_integer(count) || json_integer_value(count) < 1 ||
	    json_integer_value(count) > RULE_COUNT_MOST) {
		return fail_set(fail, FAIL_INVALID,
				"\"count\" is to be from 1 to %d: how many nodes it may approve",
				RULE_COUNT_MOST);
	}
	rule.count = (uint32_t)json_integer_value(count);
	if (!api_parse_time(ends, &rule.ends_ms) || rule.ends_ms <= clock_wall_ms()) {
		return fail_set(fail, FAIL_INVALID,
				"\"ends\" is to be a time to come, like 2027-01-31T12:00:00Z");
	}
	if (!fleet_add_rule(api->options.fleet, &rule, &who, fail)) {
		return false;
	}
	show_rule(&rule, json_object_get(request->json, "matches"), &reply->body);
	reply->status = 201;
	return true;
}

bool api_rules_drop(void *app, const struct http_request *request, struct http_reply *reply,
		    struct fail *fail)
{
	struct api *api = app;
	const struct fleet_who who = api_who(request);
	const char *id;

	(void)reply;
	return api_id(request, 'r', &id, fail) &&
	       fleet_drop_rule(api->options.fleet, id, &who, fail);
}

/* --- settings --- */
bool api_settings_show(void *app, const struct http_request *request, struct http_reply *reply,
		       struct fail *fail)
{
	struct api *api = app;
	struct json json = {.to = &reply->body};

	(void)request, (void)fail;
	json_begin_object(&json, NULL);
	json_u64(&json, "interval_ms", fleet_interval(api->options.fleet));
	json_end_object(&json);
	return true;
}

bool api_settings_change(void *app, const struct http_request *request, struct http_reply *reply,
			 struct fail *fail)
{
	static const char *const names[] = {"interval_ms", NULL};
	struct api *api = app;
	const struct fleet_who who = api_who(request);

	if (!api_body(request, names, fail)) {
		return false;
	}
	const json_t *interval = json_object_get(request->json, "interval_ms");
	if (interval != NULL) {
		const json_int_t value = json_integer_value(interval);
		if (!json_is_integer(interval) || value < INTERVAL_LEAST_MS ||
		    value > INTERVAL_MOST_MS) {
			return fail_set(fail, FAIL_INVALID,
					"\"interval_ms\" is to be from %d to %d", INTERVAL_LEAST_MS,
					INTERVAL_MOST_MS);
		}
		if (!fleet_set_interval(api->options.fleet, (uint32_t)value, &who, fail)) {
			return false;
		}
	}
	return api_settings_show(app, request, reply, fail);
}

/* --- the release --- */
static bool read_release(struct sql *sql, void *argument, struct fail *fail)
{
	struct json json = {.to = argument};
	struct sql_row row;
	bool found = false;

	sql_query(sql, &row,
		  "SELECT manifest, name, version, created_ms FROM release WHERE is_builtin = 1 "
		  "ORDER BY created_ms DESC LIMIT 1",
		  "");
	if (sql_next(&row)) {
		found = true;
		json_begin_object(&json, NULL);
		json_text(&json, "manifest", sql_text(&row, 0));
		json_text(&json, "name", sql_text(&row, 1));
		json_text(&json, "version", sql_text(&row, 2));
		json_time(&json, "created", sql_i64(&row, 3));
	}
	if (!sql_end(&row, fail)) {
		return false;
	}
	if (!found) {
		return fail_set(fail, FAIL_NOT_FOUND,
				"there is no release yet; name the bundle in the configuration "
				"file and start again");
	}
	json_begin_array(&json, "blobs");
	sql_query(sql, &row, "SELECT sha256, bytes, kind FROM blob ORDER BY kind, sha256 LIMIT 100",
		  "");
	while (sql_next(&row)) {
		json_begin_object(&json, NULL);
		json_text(&json, "sha256", sql_text(&row, 0));
		json_i64(&json, "bytes", sql_i64(&row, 1));
		json_text(&json, "kind", sql_text(&row, 2));
		json_end_object(&json);
	}
	json_end_array(&json);
	json_end_object(&json);
	return sql_end(&row, fail);
}

bool api_release_show(void *app, const struct http_request *request, struct http_reply *reply,
		      struct fail *fail)
{
	struct api *api = app;

	(void)request;
	return store_read(api->options.store, read_release, &reply->body, fail);
}
