/* SPDX-License-Identifier: Apache-2.0 */
/* The controller itself, and its release. */
#include <string.h>

#include "base/clock.h"
#include "ctl/command.h"
#include "ctl/show.h"
#include "ctl/watch.h"

static void show_nodes(const struct ctl *ctl, const json_t *nodes)
{
	char text[400] = "";
	const char *state;
	json_t *count;

	json_object_foreach((json_t *)(uintptr_t)nodes, state, count)
	{
		const size_t at = strlen(text);
		if (json_number_value(count) > 0) {
			snprintf(text + at, sizeof(text) - at, "%s%.0f %s", at == 0 ? "" : ", ",
				 json_number_value(count), state);
		}
	}
	show_field(ctl, "nodes", SHOW_STRONG, "%s", text[0] == '\0' ? "none" : text);
}

static void show_process(const struct ctl *ctl, const json_t *system)
{
	const json_t *process = json_object_get(system, "process");
	const json_t *database = json_object_get(system, "database");
	const json_t *http = json_object_get(system, "http");
	char memory[32];
	char bytes[32];

	show_bytes(memory, sizeof(memory), show_number(process, "rss_bytes"));
	show_bytes(bytes, sizeof(bytes),
		   show_number(database, "bytes") + show_number(database, "wal_bytes"));
	show_field(ctl, "daemon", SHOW_PLAIN, "%s of memory, %.1f s of CPU", memory,
		   show_number(process, "cpu_user_s") + show_number(process, "cpu_system_s"));
	show_field(ctl, "database", show_number(database, "failures") > 0 ? SHOW_BAD : SHOW_PLAIN,
		   "%s, %.0f changes in %.0f commits, %.0f failed, the longest commit %.1f ms",
		   bytes, show_number(database, "changes"), show_number(database, "commits"),
		   show_number(database, "failures"),
		   show_number(database, "commit_longest_us") / 1000);
	show_field(ctl, "HTTP", SHOW_PLAIN,
		   "%.0f requests, %.0f refused, %.0f failed, %.0f streams",
		   show_number(http, "requests"), show_number(http, "refused"),
		   show_number(http, "failed"), show_number(http, "streams"));
}

static void draw_system(const struct ctl *ctl, const json_t *system)
{
	char text[64];
	size_t i;
	json_t *network;
	const json_t *dhcp = json_object_get(system, "dhcp");

	show_field(ctl, "version", SHOW_PLAIN, "%s", show_text(system, "version"));
	show_ago(text, sizeof(text), show_text(system, "started"));
	show_field(ctl, "started", SHOW_PLAIN, "%s", text);
	show_nodes(ctl, json_object_get(system, "nodes"));
	show_field(ctl, "interval", SHOW_PLAIN, "%.0f ms between beats",
		   show_number(system, "interval_ms"));
	json_array_foreach(json_object_get(system, "networks"), i, network)
	{
		show_field(ctl, "network", SHOW_PLAIN, "%s, %s, %s, leases %s to %s, unknown: %s",
			   show_text(network, "interface"), show_text(network, "mode"),
			   show_text(network, "address"), show_text(network, "first"),
			   show_text(network, "last"), show_text(network, "unknown"));
	}
	if (json_is_object(dhcp)) {
		const char *state = show_text(dhcp, "state");
		show_field(ctl, "DHCP", strcmp(state, "up") == 0 ? SHOW_GOOD : SHOW_BAD, "%s%s%s",
			   state, show_text(dhcp, "why")[0] == '\0' ? "" : ": ",
			   show_text(dhcp, "why"));
	}
	show_field(ctl, "power", SHOW_PLAIN, "%s",
		   json_is_true(json_object_get(system, "power")) ? "by its driver"
								  : "no driver is configured");
	show_process(ctl, system);
}

static enum ctl_exit system_read(struct watch *watch)
{
	json_t *system;
	const enum ctl_exit how = ctl_ask(watch->ctl, "GET", "/api/v1/system", NULL, &system);

	if (how == CTL_OK) {
		json_decref(watch->json);
		watch->json = system;
	}
	return how;
}

static void system_draw(struct watch *watch)
{
	if (ctl_has(watch->ctl, OPT_JSON)) {
		ctl_print_json(watch->ctl, watch->json);
	} else {
		draw_system(watch->ctl, watch->json);
	}
}

enum ctl_exit system_show(struct ctl *ctl)
{
	/* The telemetry's frames are the second's tick. */
	struct watch watch = {.ctl = ctl,
			      .topics = "nodes,system,telemetry",
			      .read = system_read,
			      .draw = system_draw,
			      .reads_again = true};

	if (ctl_has(ctl, OPT_WATCH)) {
		return watch_run(&watch);
	}
	const enum ctl_exit how = system_read(&watch);
	if (how == CTL_OK) {
		system_draw(&watch);
	}
	json_decref(watch.json);
	return how;
}

enum ctl_exit release_show(struct ctl *ctl)
{
	static const char *const heads[] = {"KIND", "SIZE", "SHA-256"};
	struct table table;
	size_t i;
	json_t *blob;
	json_t *json = NULL;
	const enum ctl_exit how = ctl_ask(ctl, "GET", "/api/v1/release", NULL, &json);

	if (how != CTL_OK || ctl_has(ctl, OPT_JSON)) {
		if (how == CTL_OK) {
			ctl_print_json(ctl, json);
		}
		json_decref(json);
		return how;
	}
	show_field(ctl, "release", SHOW_STRONG, "%s %s", show_text(json, "name"),
		   show_text(json, "version"));
	show_field(ctl, "manifest", SHOW_PLAIN, "%s", show_text(json, "manifest"));
	table_begin(&table, 3, heads);
	json_array_foreach(json_object_get(json, "blobs"), i, blob)
	{
		char bytes[32];
		show_bytes(bytes, sizeof(bytes), show_number(blob, "bytes"));
		table_put(&table, SHOW_PLAIN, "%s", show_text(blob, "kind"));
		table_put(&table, SHOW_PLAIN, "%s", bytes);
		table_put(&table, SHOW_PLAIN, "%s", show_text(blob, "sha256"));
	}
	table_end(&table, ctl);
	json_decref(json);
	return CTL_OK;
}
