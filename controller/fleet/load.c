/* SPDX-License-Identifier: Apache-2.0 */
/* What the database knows of an earlier run: nodes, their addresses, the keys of boots that may still live,
 * rules, settings. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fleet/facts.h"

static void put_text(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from == NULL ? "" : from);
}

static bool load_node(struct fleet *fleet, struct sql_row *row)
{
	const char *id = sql_text(row, 0);
	struct node *node = id_is_valid('n', id) ? node_new(fleet, id) : NULL;
	enum admission admission;

	if (node == NULL) {
		return false;
	}
	node->rev = (uint64_t)sql_i64(row, 1);
	put_text(node->name, sizeof(node->name), sql_text(row, 2));
	node_set_text(&node->labels, sql_text(row, 3));
	if (admission_parse(sql_text(row, 4), &admission)) {
		node_set_admission(fleet, node, admission);
	}
	node->is_cordoned = sql_i64(row, 5) != 0;
	put_text(node->clash, sizeof(node->clash), sql_text(row, 6));
	node_set_evidence(fleet, node, sql_text(row, 7), sql_text(row, 8));
	node_set_text(&node->facts, sql_text(row, 9));
	facts_read(fleet, node, node->facts);
	node->has_manifest = hex_parse(sql_text(row, 10), node->manifest, sizeof(node->manifest));
	node->is_to_run = sql_i64(row, 11) != 0;
	node->generation = (uint32_t)sql_i64(row, 12);
	node->restart_generation = (uint32_t)sql_i64(row, 13);
	node->created_ms = sql_i64(row, 14);
	node->admitted_ms = sql_i64(row, 15);
	return true;
}

static bool load_nodes(struct fleet *fleet, struct sql *sql, struct fail *fail)
{
	struct sql_row row;

	sql_query(sql, &row,
		  "SELECT id, rev, name, labels, admission, cordoned, clash, serial, uuid, facts, manifest, run, "
		  "generation, restart_generation, created_ms, admitted_ms FROM node ORDER BY created_ms, id",
		  "");
	while (sql_next(&row)) {
		if (!load_node(fleet, &row)) {
			(void)sql_end(&row, NULL);
			return fail_set(fail, FAIL_UNAVAILABLE,
					"The nodes of the database do not fit: %d are the most, or memory is short.",
					FLEET_NODES_MAX);
		}
	}
	return sql_end(&row, fail);
}

static bool load_macs(struct fleet *fleet, struct sql *sql, struct fail *fail)
{
	struct sql_row row;
	uint8_t mac[6];

	sql_query(sql, &row, "SELECT mac, node FROM mac ORDER BY seen_ms DESC", "");
	while (sql_next(&row)) {
		struct node *node = node_by_id(fleet, sql_text(&row, 1));

		if (node != NULL && hex_parse(sql_text(&row, 0), mac, sizeof(mac))) {
			node_add_mac(fleet, node, mac);
		}
	}
	return sql_end(&row, fail);
}

static void load_boot(struct fleet *fleet, struct sql_row *row)
{
	struct node *node = node_by_id(fleet, sql_text(row, 1));
	size_t key_bytes;
	const void *key = sql_blob(row, 2, &key_bytes);
	const uint64_t boot_id = strtoull(sql_text(row, 0), NULL, 16);
	enum boot_problem problem;
	struct in_addr peer; /* of its hello */

	if (node == NULL || node->boot_id != 0 || boot_id == 0 || key_bytes != SEAL_KEY_BYTES) {
		return;
	}
	node->boot_id = boot_id;
	memcpy(node->boot_key, key, SEAL_KEY_BYTES);
	(void)index_put(&fleet->by_boot, boot_id, node);
	node->hello_wall_ms = sql_i64(row, 3);
	node->hello_ms = node->hello_last_ms = clock_ms();
	node->boot.started_ms = node->hello_wall_ms;
	node->boot.is_said = true;
	node->is_crash_taken = sql_i64(row, 5) != 0;
	node->stage = STAGE_BOOTING;
	if (strcmp(sql_text(row, 4), "running") == 0) {
		node->stage = STAGE_RUNNING;
		node->boot.is_up = true;
	} else if (boot_problem_parse(sql_text(row, 4), &problem)) {
		boot_set_problem(&node->boot, problem, "");
		node->stage = boot_problem_ends(problem) ? STAGE_FAILED : STAGE_BOOTING;
	}
	if (node->admission == ADMISSION_APPROVED) {
		contact_resume(&node->contact, clock_ms(), FLEET_GRACE_MS);
	}
	if (inet_pton(AF_INET, sql_text(row, 7), &peer) == 1) {
		node_set_peer(fleet, node, PEER_OF_HELLO, peer);
	}
	if (strcmp(sql_text(row, 6), sql_text(row, 0)) == 0) {
		node->want.reboot_boot_id = boot_id;
	}
}

static bool load_boots(struct fleet *fleet, struct sql *sql, struct fail *fail)
{
	struct sql_row row;

	sql_query(sql, &row,
		  "SELECT boot.id, boot.node, boot.key, boot.started_ms, boot.outcome, boot.crash IS NOT NULL, "
		  "node.reboot, boot.address FROM boot JOIN node ON node.id = boot.node WHERE boot.ended_ms IS NULL "
		  "ORDER BY boot.started_ms DESC",
		  "");
	while (sql_next(&row)) {
		load_boot(fleet, &row);
	}
	return sql_end(&row, fail);
}

static void get(const json_t *object, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	facts_clean(to, size, text == NULL ? "" : text);
}

static bool load_rules(struct fleet *fleet, struct sql *sql, struct fail *fail)
{
	struct sql_row row;

	sql_query(sql, &row,
		  "SELECT id, matches, labels, left_count, ends_ms FROM rule WHERE left_count > 0 AND ends_ms > ? "
		  "ORDER BY created_ms LIMIT 256",
		  "i", clock_wall_ms());
	while (sql_next(&row) && fleet->rule_count < FLEET_RULES_MAX) {
		struct fleet_rule *rule = &fleet->rules[fleet->rule_count];
		json_t *matches = json_loads(sql_text(&row, 1), 0, NULL);

		if (matches == NULL) {
			log_error("fleet", "the rule %s is not readable and left out", sql_text(&row, 0));
			continue;
		}
		*rule = (struct fleet_rule){.count = (uint32_t)sql_i64(&row, 3), .ends_ms = sql_i64(&row, 4)};
		put_text(rule->id, sizeof(rule->id), sql_text(&row, 0));
		put_text(rule->labels, sizeof(rule->labels), sql_text(&row, 2));
		get(matches, "arch", rule->arch, sizeof(rule->arch));
		get(matches, "network", rule->network, sizeof(rule->network));
		get(matches, "serial", rule->serial, sizeof(rule->serial));
		get(matches, "mac", rule->mac, sizeof(rule->mac));
		json_decref(matches);
		fleet->rule_count++;
	}
	return sql_end(&row, fail);
}

static bool load_settings(struct fleet *fleet, struct sql *sql, struct fail *fail)
{
	struct sql_row row;

	sql_query(sql, &row, "SELECT name, value FROM setting WHERE name IN ('release.manifest', 'interval_ms')", "");
	while (sql_next(&row)) {
		const unsigned long number = strtoul(sql_text(&row, 1), NULL, 10);

		if (strcmp(sql_text(&row, 0), "release.manifest") == 0) {
			fleet->has_release = hex_parse(sql_text(&row, 1), fleet->release, sizeof(fleet->release));
		} else if (number >= ACK_INTERVAL_MIN_MS && number <= ACK_INTERVAL_MAX_MS) {
			fleet->options.interval_ms = (uint32_t)number;
		}
	}
	return sql_end(&row, fail);
}

static bool load(struct sql *sql, void *argument, struct fail *fail)
{
	struct fleet *fleet = argument;

	return load_settings(fleet, sql, fail) && load_nodes(fleet, sql, fail) && load_macs(fleet, sql, fail) &&
	       load_boots(fleet, sql, fail) && load_rules(fleet, sql, fail);
}

bool fleet_load(struct fleet *fleet, struct fail *fail)
{
	return store_read(fleet->options.store, load, fleet, fail);
}

static bool first_index(struct sql *sql, void *argument, struct fail *fail)
{
	uint64_t *index = argument;
	struct sql_row row;

	sql_query(sql, &row, "SELECT COALESCE(MAX(idx), 0) FROM event", "");
	if (sql_next(&row)) {
		*index = (uint64_t)sql_i64(&row, 0);
	}
	return sql_end(&row, fail);
}

/* Numbers that were given to what is not in the database are below the clock's, as long as fewer than a thousand
 * a second were given. */
bool fleet_first_index(struct store *store, uint64_t *index, struct fail *fail)
{
	const uint64_t now_ms = (uint64_t)clock_wall_ms();

	*index = 0;
	if (!store_read(store, first_index, index, fail)) {
		return false;
	}
	*index = *index >= now_ms ? *index + 1000000 : now_ms;
	return true;
}
