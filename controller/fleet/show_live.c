/* SPDX-License-Identifier: Apache-2.0 */
/* Readings, and all of one node: its facts and its boots come from the database, without the lock. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/own.h"

enum { WHOLE_BOOTS = 5 };

static double rounded(double value, double unit)
{
	return floor(value / unit + 0.5) * unit;
}

static void put_part(struct json *json, const char *key, double value)
{
	json_double(json, key, rounded(value, 0.0001));
}

static void put_whole(struct json *json, const char *key, double value)
{
	json_u64(json, key, value > 0 && value < 1e15 ? (uint64_t)(value + 0.5) : 0);
}

static void put_mib(struct json *json, const char *key, double value)
{
	json_double(json, key, rounded(value, 0.001));
}

static void put_exits(struct json *json, const float exits[BEAT_EXIT_CAUSES])
{
	json_begin_object(json, "exits");
	for (unsigned i = 0; ring_cause_name(i) != NULL; i++) {
		if (exits[i] > 0) {
			put_whole(json, ring_cause_name(i), (double)exits[i]);
		}
	}
	json_end_object(json);
}

static void put_reading(struct json *json, const char *key, const struct node *node)
{
	const struct node_readings *r = node->readings;
	const struct ring_reading *now = &r->now;

	json_begin_object(json, key);
	json_begin_object(json, "cpu");
	put_part(json, "guest", (double)now->cpu_guest);
	put_part(json, "service", (double)now->cpu_service);
	put_part(json, "core", (double)now->cpu_core);
	put_part(json, "idle", (double)now->cpu_idle);
	json_end_object(json);
	json_begin_object(json, "memory");
	put_mib(json, "guest", now->memory_guest);
	put_mib(json, "service", now->memory_service);
	put_mib(json, "core", now->memory_core);
	put_mib(json, "free", now->memory_free);
	json_end_object(json);
	json_begin_object(json, "net");
	put_whole(json, "rx_bps", now->rx_bps);
	put_whole(json, "tx_bps", now->tx_bps);
	put_whole(json, "rx_drop", now->rx_drop);
	json_end_object(json);
	put_exits(json, r->exits);
	put_whole(json, "irq", now->irq);
	json_u64(json, "restarts", r->track.total.service.restarts);
	json_begin_array(json, "guests");
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		if ((r->track.seen & BEAT_BIT(BEAT_VM_0 + slot)) != 0) {
			json_begin_object(json, NULL);
			json_u64(json, "slot", slot);
			put_part(json, "cpu", (double)r->vm_cpu[slot]);
			put_exits(json, r->vm_exits[slot]);
			json_end_object(json);
		}
	}
	json_end_array(json);
	json_end_object(json);
}

/* Only a node that is heard has readings of now. */
static bool has_reading(const struct node *node)
{
	return node != NULL && node->rev != 0 && node->readings != NULL && node->contact.state == CONTACT_ALIVE;
}

static void put_all(struct fleet *fleet, struct json *json)
{
	unsigned nodes = 0;
	double guest = 0, service = 0, core = 0, idle = 0, rx = 0, tx = 0;

	fleet_lock(fleet);
	for (size_t i = 0; i < fleet->count; i++) {
		const struct node *node = fleet->nodes[i];

		if (has_reading(node)) {
			const struct ring_reading *now = &node->readings->now;
			const double cpus = node->cpu_count > 0 ? node->cpu_count : 1;

			guest += cpus * (double)now->cpu_guest;
			service += cpus * (double)now->cpu_service;
			core += cpus * (double)now->cpu_core;
			idle += cpus * (double)now->cpu_idle;
			rx += now->rx_bps;
			tx += now->tx_bps;
			nodes++;
		}
	}
	fleet_unlock(fleet);
	json_begin_object(json, "all"); /* CPUs, not parts of one */
	json_u64(json, "nodes", nodes);
	json_begin_object(json, "cpu");
	put_part(json, "guest", guest);
	put_part(json, "service", service);
	put_part(json, "core", core);
	put_part(json, "idle", idle);
	json_end_object(json);
	json_begin_object(json, "net");
	put_whole(json, "rx_bps", rx);
	put_whole(json, "tx_bps", tx);
	json_end_object(json);
	json_end_object(json);
}

void fleet_telemetry(struct fleet *fleet, const char ids[][ID_BYTES], unsigned count, struct text *to)
{
	struct json json = {.to = to};

	json_begin_object(&json, NULL);
	json_time(&json, "time", clock_wall_ms());
	if (count == 0) {
		put_all(fleet, &json);
	}
	json_begin_object(&json, "nodes");
	for (unsigned i = 0; i < count; i++) {
		fleet_lock(fleet);
		const struct node *node = node_by_id(fleet, ids[i]);

		if (has_reading(node)) {
			put_reading(&json, node->id, node);
		}
		fleet_unlock(fleet);
	}
	json_end_object(&json);
	json_end_object(&json);
}

bool fleet_history(struct fleet *fleet, const char *id, struct text *to)
{
	struct json json = {.to = to};
	struct ring ring = {.count = 0};

	/* Thousands of numbers are printed: not under the lock. */
	fleet_lock(fleet);
	const struct node *node = node_by_id(fleet, id);
	const bool has = node != NULL && node->rev != 0;

	if (has && node->readings != NULL && !ring_copy(&ring, &node->readings->ring)) {
		ring = (struct ring){.count = 0};
		to->is_broken = true; /* out of memory */
	}
	fleet_unlock(fleet);
	if (has) {
		ring_json(&ring, &json, NULL);
	}
	ring_free(&ring);
	return has;
}

/* --- boots --- */

struct query {
	struct json json;
	const char *node;
	char live[17]; /* whose steps are in memory; "" */
	unsigned most;
};

static void put_row(struct json *json, struct sql_row *row)
{
	const char *steps = sql_text(row, 5);
	const char *outcome = sql_text(row, 4);
	enum boot_problem problem;
	const bool has_problem = boot_problem_parse(outcome, &problem);
	char sentence[SHOWN_WHY_BYTES];

	json_begin_object(json, NULL);
	json_text(json, "id", sql_text(row, 0));
	json_text(json, "address", sql_text(row, 1));
	json_time(json, "started", sql_i64(row, 2));
	json_time(json, "ended", sql_i64(row, 3));
	json_text(json, "outcome", outcome);
	json_text(json, "problem", has_problem ? outcome : NULL);
	json_text(json, "text", has_problem ? boot_problem_sentence(problem, "", sentence, sizeof(sentence)) : NULL);
	json_bool(json, "crash", sql_i64(row, 6) != 0);
	json_raw(json, "steps", steps, strlen(steps));
	json_end_object(json);
}

static bool boots_work(struct sql *sql, void *argument, struct fail *fail)
{
	struct query *query = argument;
	struct sql_row row;

	sql_query(sql, &row,
		  "SELECT id, address, started_ms, COALESCE(ended_ms, 0), outcome, steps, crash IS NOT NULL FROM boot "
		  "WHERE node = ? AND id <> ? ORDER BY started_ms DESC LIMIT ?",
		  "ttu", query->node, query->live, query->most);
	while (sql_next(&row)) {
		put_row(&query->json, &row);
	}
	return sql_end(&row, fail);
}

static void put_live(struct json *json, const struct node *node, const char *id)
{
	char address[INET_ADDRSTRLEN] = "";
	char sentence[SHOWN_WHY_BYTES];
	const enum boot_problem problem = node->boot.problem;

	(void)inet_ntop(AF_INET, &node->ip, address, sizeof(address));
	json_begin_object(json, NULL);
	json_text(json, "id", id);
	json_text(json, "address", address);
	json_time(json, "started", node->boot.started_ms);
	json_time(json, "ended", 0);
	json_text(json, "outcome",
		  problem != BOOT_NONE ? boot_problem_name(problem) :
		  node->boot.is_up     ? "running" :
					 "");
	json_text(json, "problem", problem != BOOT_NONE ? boot_problem_name(problem) : NULL);
	json_text(json, "text",
		  problem != BOOT_NONE ?
			  boot_problem_sentence(problem, node->boot.detail, sentence, sizeof(sentence)) :
			  NULL);
	json_bool(json, "crash", node->is_crash_taken);
	json_u64(json, "lost_steps", node->boot.lost);
	boot_steps_json(&node->boot, json, "steps");
	json_end_object(json);
}

/* False without *fail: there is no such node. */
static bool put_boots(struct fleet *fleet, const char *id, unsigned most, struct json *json, const char *key,
		      struct fail *fail)
{
	struct query query = {.json = *json, .node = id, .most = most};

	json_begin_array(&query.json, key);
	fleet_lock(fleet);
	const struct node *node = node_by_id(fleet, id);

	/* After a restart of the controller the steps of the live boot are in the database alone. */
	if (node != NULL && node->boot.started_ms != 0 && node->boot.count > 0) {
		if (node->boot.is_said) {
			(void)snprintf(query.live, sizeof(query.live), "%016llx", (unsigned long long)node->boot_id);
		} else {
			(void)snprintf(query.live, sizeof(query.live), "%s", node->boot.id);
		}
		put_live(&query.json, node, query.live);
	}
	fleet_unlock(fleet);
	const bool is_read = store_read(fleet->options.store, boots_work, &query, fail);

	json_end_array(&query.json);
	*json = query.json;
	return is_read;
}

bool fleet_boots(struct fleet *fleet, const char *id, unsigned most, struct text *to, struct fail *fail)
{
	struct json json = {.to = to};

	fleet_lock(fleet);
	const struct node *node = node_by_id(fleet, id);
	const bool has = node != NULL && node->rev != 0;

	fleet_unlock(fleet);
	if (!has) {
		return fail_set(fail, FAIL_NOT_FOUND, "There is no node of that id.");
	}
	json_begin_object(&json, NULL);
	const bool is_read = put_boots(fleet, id, most, &json, "items", fail);

	json_text(&json, "next", NULL);
	json_end_object(&json);
	return is_read;
}

/* --- one node --- */

bool fleet_show(struct fleet *fleet, const char *id, bool whole, struct text *to, uint64_t *rev)
{
	struct json json = {.to = to, .needs_comma = true};

	fleet_lock(fleet);
	const struct node *node = node_by_id(fleet, id);
	const bool has = node != NULL && node->rev != 0 && node->json != NULL;

	if (has) {
		*rev = node->rev;
		node_put_json(fleet, node, clock_ms(), whole, to);
		if (whole) {
			json_raw(&json, "facts", node->facts, strlen(node->facts));
			if (has_reading(node)) {
				put_reading(&json, "live", node);
			} else {
				json_nil(&json, "live");
			}
		}
	}
	fleet_unlock(fleet);
	if (has && whole) {
		struct fail fail;

		(void)put_boots(fleet, id, WHOLE_BOOTS, &json, "boots", &fail);
		text_puts(to, "}");
	}
	return has;
}
