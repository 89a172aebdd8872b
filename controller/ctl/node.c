/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at nodes: list, show, boots. */
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/find.h"
#include "ctl/show.h"
#include "ctl/watch.h"

enum { QUERY_ROOM = 1200, PATH_ROOM = 128 };

static void count_guests(const json_t *node, unsigned *running, unsigned *all)
{
	const json_t *guests = json_object_get(node, "guests");
	size_t i;
	json_t *guest;

	*running = 0;
	*all = (unsigned)json_array_size(guests);
	json_array_foreach(guests, i, guest)
	{
		*running += strcmp(show_text(guest, "state"), "running") == 0;
	}
}

static void put_node(struct table *table, const json_t *node)
{
	const char *state = show_text(node, "state");
	char ago[40];
	unsigned running;
	unsigned all;

	count_guests(node, &running, &all);
	show_ago(ago, sizeof(ago), show_text(node, "last_contact"));
	table_put(table, SHOW_PLAIN, "%s", show_text(node, "id"));
	table_put(table, SHOW_STRONG, "%s", show_text(node, "name"));
	table_put(table, show_state_color(state), "%s%s", state,
		  json_is_true(json_object_get(node, "cordoned")) ? ", cordoned" : "");
	table_put(table, SHOW_PLAIN, "%s", show_text(node, "address"));
	if (all > 0) {
		table_put(table, SHOW_PLAIN, "%u/%u", running, all);
	} else {
		table_put(table, SHOW_PLAIN, "-");
	}
	table_put(table, SHOW_PLAIN, "%s", ago);
	table_put(table, SHOW_FAINT, "%s", show_text(node, "why"));
}

static int by_name(const void *a, const void *b)
{
	const json_t *const one = *(json_t *const *)a;
	const json_t *const other = *(json_t *const *)b;
	const bool one_waits = strcmp(show_text(one, "state"), "pending") == 0;
	const bool other_waits = strcmp(show_text(other, "state"), "pending") == 0;

	if (one_waits != other_waits) {
		return one_waits ? -1 : 1;
	}
	const int names = strcmp(show_text(one, "name"), show_text(other, "name"));
	return names != 0 ? names : strcmp(show_text(one, "id"), show_text(other, "id"));
}

/* Those that wait for a person come first. */
static void draw_nodes(const struct ctl *ctl, const json_t *nodes)
{
	static const char *const heads[] = {"ID",     "NAME",	 "STATE", "ADDRESS",
					    "GUESTS", "CONTACT", "WHY"};
	const size_t count = json_array_size(nodes);
	json_t **sorted = calloc(count + 1, sizeof(json_t *));
	struct table table;

	if (count == 0) {
		fputs("no nodes; one appears when a machine on a network of the controller starts "
		      "by its network\n",
		      ctl->out);
	}
	if (count == 0 || sorted == NULL) {
		free(sorted);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		sorted[i] = json_array_get(nodes, i);
	}
	qsort(sorted, count, sizeof(json_t *), by_name);
	table_begin(&table, 7, heads);
	for (size_t i = 0; i < count; i++) {
		put_node(&table, sorted[i]);
	}
	table_end(&table, ctl);
	free(sorted);
}

static enum ctl_exit read_nodes(const struct ctl *ctl, json_t **nodes)
{
	char query[QUERY_ROOM] = "";
	const char *limit = ctl->values[OPT_LIMIT];
	const unsigned long most = limit == NULL ? 0 : strtoul(limit, NULL, 10);

	*nodes = NULL;
	if (limit != NULL && (most < 1 || most > 100000)) {
		return ctl_say(ctl, CTL_USAGE, "--limit takes a number from 1 to 100000");
	}
	if (!ctl_add_query(query, sizeof(query), "state", ctl->values[OPT_STATE]) ||
	    !ctl_add_query(query, sizeof(query), "admission", ctl->values[OPT_ADMISSION]) ||
	    !ctl_add_query(query, sizeof(query), "q", ctl->values[OPT_MATCH])) {
		return ctl_say(ctl, CTL_USAGE, "the filters are too long");
	}
	return ctl_list(ctl, "/api/v1/nodes", query, (unsigned)most, nodes);
}

static enum ctl_exit watch_read(struct watch *watch)
{
	json_t *nodes;
	const enum ctl_exit how = read_nodes(watch->ctl, &nodes);

	if (how == CTL_OK) {
		json_decref(watch->json);
		watch->json = nodes;
	}
	return how;
}

static bool watch_heard(struct watch *watch, const char *type, json_t *json)
{
	const bool is_gone = strcmp(type, "node.gone") == 0;
	size_t i;
	json_t *node;

	if (ctl_has(watch->ctl, OPT_JSON)) {
		ctl_print_json(watch->ctl, json);
	}
	if (watch->reads_again) {
		return true;
	}
	json_array_foreach(watch->json, i, node)
	{
		if (strcmp(show_text(node, "id"), show_text(json, "id")) == 0) {
			return (is_gone ? json_array_remove(watch->json, i)
					: json_array_set(watch->json, i, json)) == 0;
		}
	}
	return !is_gone && json_array_append(watch->json, json) == 0;
}

static void watch_draw(struct watch *watch)
{
	if (!ctl_has(watch->ctl, OPT_JSON)) {
		draw_nodes(watch->ctl, watch->json);
		fputs(watch->ctl->is_terminal ? "" : "\n", watch->ctl->out);
	} else if (watch->drawn_ms == 0) {
		size_t i;
		json_t *node;
		json_array_foreach(watch->json, i, node)
		{
			ctl_print_json(watch->ctl, node);
		}
	}
}

static void print_ids(const struct ctl *ctl, const json_t *nodes)
{
	size_t i;
	json_t *node;

	json_array_foreach(nodes, i, node)
	{
		const char *name = show_text(node, "name");
		fprintf(ctl->out, "%s\n", show_text(node, "id"));
		if (name[0] != '\0') {
			fprintf(ctl->out, "%s\n", name);
		}
	}
}

enum ctl_exit node_list(struct ctl *ctl)
{
	json_t *nodes;

	if (ctl_has(ctl, OPT_WATCH)) {
		struct watch watch = {
			.ctl = ctl,
			.topics = "nodes",
			.heard = watch_heard,
			.read = watch_read,
			.draw = watch_draw,
			.reads_again = ctl_has(ctl, OPT_STATE) || ctl_has(ctl, OPT_ADMISSION) ||
				       ctl_has(ctl, OPT_MATCH) || ctl_has(ctl, OPT_LIMIT)};
		return watch_run(&watch);
	}
	const enum ctl_exit how = read_nodes(ctl, &nodes);
	if (how != CTL_OK) {
		return how;
	}
	if (ctl_has(ctl, OPT_JSON)) {
		json_t *json = json_pack("{sO}", "items", nodes);
		ctl_print_json(ctl, json);
		json_decref(json);
	} else if (ctl_has(ctl, OPT_IDS)) {
		print_ids(ctl, nodes);
	} else {
		draw_nodes(ctl, nodes);
	}
	json_decref(nodes);
	return CTL_OK;
}

/* --- one node --- */

static void join(char *to, size_t room, const json_t *texts)
{
	size_t i;
	json_t *text;

	to[0] = '\0';
	json_array_foreach(texts, i, text)
	{
		const size_t at = strlen(to);
		snprintf(to + at, room - at, "%s%s", at == 0 ? "" : ", ",
			 json_is_string(text) ? json_string_value(text) : "?");
	}
}

static void show_hardware(const struct ctl *ctl, const json_t *node)
{
	char text[256];

	join(text, sizeof(text), json_object_get(node, "macs"));
	show_field(ctl, "MAC", SHOW_PLAIN, "%s", text);
	show_field(ctl, "serial", SHOW_PLAIN, "%s", show_text(node, "serial"));
	show_field(ctl, "UUID", SHOW_PLAIN, "%s", show_text(node, "uuid"));
	show_field(ctl, "address", SHOW_PLAIN, "%s", show_text(node, "address"));
	show_field(ctl, "network", SHOW_PLAIN, "%s%s%s", show_text(node, "network"),
		   show_text(node, "port")[0] == '\0' ? "" : ", port ", show_text(node, "port"));
	show_field(ctl, "hostname", SHOW_PLAIN, "%s", show_text(node, "hostname"));
	if (show_number(node, "cpus") > 0) {
		show_field(ctl, "hardware", SHOW_PLAIN, "%s, %.0f CPU%s, %.0f MiB, GICv%.0f",
			   show_text(node, "board"), show_number(node, "cpus"),
			   show_number(node, "cpus") == 1 ? "" : "s",
			   show_number(node, "memory_mib"), show_number(node, "gic"));
	}
	show_field(ctl, "core", SHOW_PLAIN, "%s",
		   show_text(json_object_get(node, "facts"), "core_version"));
	show_field(ctl, "release", SHOW_PLAIN, "%.12s", show_text(node, "release"));
}

static void show_guests(const struct ctl *ctl, const json_t *node)
{
	static const char *const heads[] = {"GUEST", "STATE", "RESTARTS", "REASON"};
	const json_t *guests = json_object_get(node, "guests");
	struct table table;
	size_t i;
	json_t *guest;

	if (json_array_size(guests) == 0) {
		return;
	}
	fputc('\n', ctl->out);
	table_begin(&table, 4, heads);
	json_array_foreach(guests, i, guest)
	{
		const char *state = show_text(guest, "state");
		table_put(&table, SHOW_STRONG, "%s", show_text(guest, "name"));
		table_put(&table, show_state_color(state), "%s", state);
		table_put(&table, SHOW_PLAIN, "%.0f", show_number(guest, "restarts"));
		table_put(&table, SHOW_PLAIN, "%s", show_text(guest, "reason"));
	}
	table_end(&table, ctl);
}

static void show_steps(const struct ctl *ctl, const json_t *boot)
{
	static const char *const heads[] = {"STEP", "AFTER", "TOOK", "BYTES", "DETAIL"};
	const json_t *steps = json_object_get(boot, "steps");
	struct table table;
	int64_t started_ms;
	size_t i;
	json_t *step;

	if (json_array_size(steps) == 0 ||
	    !show_parse_time(show_text(boot, "started"), &started_ms)) {
		return;
	}
	table_begin(&table, 5, heads);
	json_array_foreach(steps, i, step)
	{
		int64_t start_ms = started_ms;
		int64_t end_ms;
		char bytes[32] = "";
		const char *problem = show_text(step, "problem");
		const bool has_end = show_parse_time(show_text(step, "end"), &end_ms);

		show_parse_time(show_text(step, "start"), &start_ms);
		if (show_number(step, "bytes") > 0) {
			show_bytes(bytes, sizeof(bytes), show_number(step, "bytes"));
		}
		table_put(&table, problem[0] != '\0' ? SHOW_BAD : SHOW_PLAIN, "%s",
			  show_text(step, "kind"));
		table_put(&table, SHOW_PLAIN, "%.2f s", (double)(start_ms - started_ms) / 1000);
		if (has_end) {
			table_put(&table, SHOW_PLAIN, "%.2f s", (double)(end_ms - start_ms) / 1000);
		} else {
			table_put(&table, SHOW_PLAIN, "-");
		}
		table_put(&table, SHOW_PLAIN, "%s", bytes);
		table_put(&table, SHOW_PLAIN, "%s%s%s", problem, problem[0] == '\0' ? "" : ": ",
			  show_text(step, "detail"));
	}
	table_end(&table, ctl);
}

static void show_boot(const struct ctl *ctl, const json_t *boot)
{
	char ago[40];
	const char *outcome = show_text(boot, "outcome");

	show_ago(ago, sizeof(ago), show_text(boot, "started"));
	fputc('\n', ctl->out);
	show_field(ctl, "boot", SHOW_STRONG, "%s, %s%s%s", ago,
		   outcome[0] == '\0' ? "on its way" : outcome,
		   show_text(boot, "text")[0] == '\0' ? "" : ": ", show_text(boot, "text"));
	show_steps(ctl, boot);
}

static void draw_node(const struct ctl *ctl, const json_t *node)
{
	char text[600];
	const char *state = show_text(node, "state");

	show_field(ctl, "id", SHOW_PLAIN, "%s", show_text(node, "id"));
	show_field(ctl, "name", SHOW_STRONG, "%s", show_text(node, "name"));
	show_field(ctl, "state", show_state_color(state), "%s%s", state,
		   json_is_true(json_object_get(node, "cordoned")) ? ", cordoned" : "");
	show_field(ctl, "why", SHOW_PLAIN, "%s", show_text(node, "why"));
	show_field(ctl, "next step", SHOW_STRONG, "%s", show_text(node, "next"));
	show_labels(text, sizeof(text), json_object_get(node, "labels"));
	show_field(ctl, "labels", SHOW_PLAIN, "%s", text);
	show_ago(text, sizeof(text), show_text(node, "last_contact"));
	show_field(ctl, "contact", SHOW_PLAIN, "%s, %s", show_text(node, "contact"), text);
	show_hardware(ctl, node);
	show_guests(ctl, node);
	const json_t *boot = json_array_get(json_object_get(node, "boots"), 0);
	if (boot != NULL) {
		show_boot(ctl, boot);
	}
}

static enum ctl_exit show_read(struct watch *watch)
{
	char path[PATH_ROOM];
	json_t *node;

	snprintf(path, sizeof(path), "/api/v1/nodes/%s", (const char *)watch->argument);
	const enum ctl_exit how = ctl_ask(watch->ctl, "GET", path, NULL, &node);
	if (how == CTL_OK) {
		json_decref(watch->json);
		watch->json = node;
	}
	return how;
}

static bool show_heard(struct watch *watch, const char *type, json_t *json)
{
	return strcmp(show_text(json, strcmp(type, "step") == 0 ? "node" : "id"),
		      watch->argument) == 0;
}

static void show_draw(struct watch *watch)
{
	if (ctl_has(watch->ctl, OPT_JSON)) {
		ctl_print_json(watch->ctl, watch->json);
	} else {
		draw_node(watch->ctl, watch->json);
		fputs(watch->ctl->is_terminal ? "" : "\n", watch->ctl->out);
	}
}

enum ctl_exit node_show(struct ctl *ctl)
{
	char id[FIND_ID_BYTES];
	struct watch watch = {.ctl = ctl,
			      .topics = "nodes,boots",
			      .heard = show_heard,
			      .read = show_read,
			      .draw = show_draw,
			      .reads_again = true,
			      .argument = id};
	enum ctl_exit how = find_node(ctl, ctl->arguments[0], id);

	if (how != CTL_OK || ctl_has(ctl, OPT_WATCH)) {
		return how != CTL_OK ? how : watch_run(&watch);
	}
	how = show_read(&watch);
	if (how == CTL_OK) {
		show_draw(&watch);
	}
	json_decref(watch.json);
	return how;
}

enum ctl_exit node_boots(struct ctl *ctl)
{
	char id[FIND_ID_BYTES];
	char path[PATH_ROOM];
	const char *limit = ctl->values[OPT_LIMIT];
	const unsigned long most = limit == NULL ? 5 : strtoul(limit, NULL, 10);
	json_t *json;
	size_t i;
	json_t *boot;
	enum ctl_exit how = find_node(ctl, ctl->arguments[0], id);

	if (how == CTL_OK && (most < 1 || most > 100)) {
		how = ctl_say(ctl, CTL_USAGE, "--limit takes a number from 1 to 100");
	}
	if (how != CTL_OK) {
		return how;
	}
	snprintf(path, sizeof(path), "/api/v1/nodes/%s/boots?limit=%lu", id, most);
	how = ctl_ask(ctl, "GET", path, NULL, &json);
	if (how != CTL_OK) {
		return how;
	}
	const json_t *items = json_object_get(json, "items");
	if (ctl_has(ctl, OPT_JSON)) {
		ctl_print_json(ctl, json);
	} else if (json_array_size(items) == 0) {
		fputs("no boot was seen yet\n", ctl->out);
	} else {
		json_array_foreach(items, i, boot)
		{
			show_boot(ctl, boot);
		}
	}
	json_decref(json);
	return CTL_OK;
}
