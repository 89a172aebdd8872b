/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of self-approval. Memory has a copy to find the rule by; whether one is left is decided by the database, in
 * one statement, so that two nodes never share the last one.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "fleet/own.h"

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool has_mac(const struct node *node, const char *with)
{
	char text[13];

	for (unsigned i = 0; i < node->mac_count; i++) {
		if (begins(hex_print(node->macs[i], 6, text), with)) {
			return true;
		}
	}
	return false;
}

/* The architectures of DHCP's option 93 that we boot: all are arm64. */
static const char *arch_of(const struct node *node)
{
	return node->arch == 11 || node->arch == 22 || node->arch == 0 ? "arm64" : "other";
}

static bool takes(const struct fleet_rule *rule, const struct node *node)
{
	return (rule->arch[0] == '\0' || strcmp(rule->arch, arch_of(node)) == 0) &&
	       (rule->network[0] == '\0' || strcmp(rule->network, node->network) == 0) &&
	       (rule->serial[0] == '\0' || begins(node->serial, rule->serial)) &&
	       (rule->mac[0] == '\0' || has_mac(node, rule->mac));
}

const struct fleet_rule *rules_find(struct fleet *fleet, const struct node *node, int64_t wall_ms)
{
	for (unsigned i = 0; i < fleet->rule_count; i++) {
		const struct fleet_rule *rule = &fleet->rules[i];

		if (rule->count > 0 && rule->ends_ms > wall_ms && node->clash[0] == '\0' && takes(rule, node)) {
			return rule;
		}
	}
	return NULL;
}

bool rules_use(struct sql *sql, const char *rule, const char *node, int64_t wall_ms, bool *is_used, struct fail *fail)
{
	static const char approve[] =
		"UPDATE node SET admission = 'approved', rev = rev + 1, generation = generation + 1, admitted_ms = ?, "
		"labels = CASE WHEN labels = '{}' THEN (SELECT labels FROM rule WHERE id = ?) ELSE labels END, "
		"changed_ms = ? WHERE id = ? AND admission IN ('discovered', 'pending') AND clash = '' AND "
		"EXISTS (SELECT 1 FROM rule WHERE id = ? AND left_count > 0 AND ends_ms > ?)";

	*is_used = false;
	if (!sql_run(sql, fail, approve, "ititti", wall_ms, rule, wall_ms, node, rule, wall_ms)) {
		return false;
	}
	*is_used = sql_changes(sql) == 1;
	return !*is_used ||
	       sql_run(sql, fail, "UPDATE rule SET left_count = left_count - 1, rev = rev + 1 WHERE id = ?", "t", rule);
}

static struct fleet_rule *find(struct fleet *fleet, const char *id)
{
	for (unsigned i = 0; i < fleet->rule_count; i++) {
		if (strcmp(fleet->rules[i].id, id) == 0) {
			return &fleet->rules[i];
		}
	}
	return NULL;
}

void rules_used(struct fleet *fleet, struct node *node, const char *id)
{
	struct fleet_rule *rule = find(fleet, id);

	if (rule != NULL && rule->count > 0) {
		rule->count--;
	}
	node->rev++;
	node->generation++;
	node->admitted_ms = clock_wall_ms();
	if (rule != NULL && strcmp(node->labels, "{}") == 0 && rule->labels[0] != '\0') {
		node_set_text(&node->labels, rule->labels);
	}
	node_set_admission(fleet, node, ADMISSION_APPROVED);
	want_make(fleet, node);
}

/* --- one that waits already --- */

struct attempt {
	struct fleet *fleet;
	char rule[ID_BYTES], node[ID_BYTES];
	bool is_used;
	struct happening happening;
};

static bool attempt_work(struct sql *sql, void *argument, struct fail *fail)
{
	struct attempt *attempt = argument;

	return rules_use(sql, attempt->rule, attempt->node, attempt->happening.at_ms, &attempt->is_used, fail) &&
	       (!attempt->is_used || happening_store(sql, &attempt->happening, fail));
}

static void attempt_done(void *argument, const struct fail *fail)
{
	struct attempt *attempt = argument;

	fleet_lock(attempt->fleet);
	struct node *node = node_by_id(attempt->fleet, attempt->node);

	if (fail == NULL && attempt->is_used && node != NULL) {
		rules_used(attempt->fleet, node, attempt->rule);
		happening_publish(attempt->fleet, &attempt->happening);
	}
	fleet_unlock(attempt->fleet);
	free(attempt);
}

void rules_try(struct fleet *fleet, struct node *node)
{
	const struct fleet_rule *rule = rules_find(fleet, node, clock_wall_ms());
	struct attempt *attempt = rule == NULL ? NULL : calloc(1, sizeof(*attempt));
	struct fail fail;

	if (attempt == NULL) {
		return;
	}
	attempt->fleet = fleet;
	memcpy(attempt->rule, rule->id, sizeof(attempt->rule));
	memcpy(attempt->node, node->id, sizeof(attempt->node));
	happening_make(fleet, &attempt->happening, "node.approved", node->id, NULL, "%s was approved by the rule %s.",
		       node_name(node), rule->id);
	if (!store_submit(fleet->options.store, attempt_work, attempt_done, attempt, &fail)) {
		free(attempt);
	}
}

/* --- adding, dropping, showing --- */

struct change {
	struct fleet *fleet;
	struct fleet_rule *rule;
	const char *id;
	struct text matches;
	const char *actor;
	int64_t at_ms;
	struct happening happening;
};

static bool add_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct change *change = argument;
	const struct fleet_rule *rule = change->rule;

	return sql_run(sql, fail,
		       "INSERT INTO rule (id, matches, labels, left_count, ends_ms, created_ms, created_by) "
		       "VALUES (?, ?, ?, ?, ?, ?, ?)",
		       "tttuiit", rule->id, change->matches.bytes, rule->labels, rule->count, rule->ends_ms,
		       change->at_ms, change->actor) &&
	       happening_store(sql, &change->happening, fail);
}

static void add_done(void *argument, const struct fail *fail)
{
	struct change *change = argument;
	struct fleet *fleet = change->fleet;

	if (fail != NULL) {
		return;
	}
	fleet_lock(fleet);
	fleet->rules[fleet->rule_count++] = *change->rule;
	happening_publish(fleet, &change->happening);
	for (size_t i = 0; i < fleet->count; i++) {
		if (fleet->nodes[i]->admission == ADMISSION_PENDING) {
			rules_try(fleet, fleet->nodes[i]);
		}
	}
	fleet_unlock(fleet);
}

static void put_matches(struct text *text, const struct fleet_rule *rule)
{
	struct json json = {.to = text};

	json_begin_object(&json, NULL);
	if (rule->arch[0] != '\0') {
		json_text(&json, "arch", rule->arch);
	}
	if (rule->network[0] != '\0') {
		json_text(&json, "network", rule->network);
	}
	if (rule->serial[0] != '\0') {
		json_text(&json, "serial", rule->serial);
	}
	if (rule->mac[0] != '\0') {
		json_text(&json, "mac", rule->mac);
	}
	json_end_object(&json);
}

/* Rules that are used up or over make room. */
static void sweep(struct fleet *fleet, int64_t wall_ms)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < fleet->rule_count; i++) {
		if (fleet->rules[i].count > 0 && fleet->rules[i].ends_ms > wall_ms) {
			fleet->rules[kept++] = fleet->rules[i];
		}
	}
	fleet->rule_count = kept;
}

bool fleet_add_rule(struct fleet *fleet, struct fleet_rule *rule, const struct fleet_who *who, struct fail *fail)
{
	struct change change = {.fleet = fleet, .rule = rule, .actor = who->actor, .at_ms = clock_wall_ms()};

	if (rule->count == 0 || rule->count > FLEET_NODES_MAX) {
		return fail_set(fail, FAIL_INVALID, "A rule approves 1 to %d nodes, not %u.", FLEET_NODES_MAX,
				rule->count);
	}
	if (rule->ends_ms <= change.at_ms) {
		return fail_set(fail, FAIL_INVALID, "A rule's end lies in the future: give it a later one.");
	}
	if (rule->labels[0] == '\0') {
		(void)snprintf(rule->labels, sizeof(rule->labels), "{}");
	}
	if (!fleet_check_labels(rule->labels, rule->labels, fail)) {
		return false;
	}
	id_make('r', rule->id);
	fleet_lock(fleet);
	sweep(fleet, change.at_ms);
	const bool has_room = fleet->rule_count + fleet->rules_coming < FLEET_RULES_MAX;

	fleet->rules_coming += has_room;
	happening_make(fleet, &change.happening, "rule.added", "", who, "The rule %s approves up to %u nodes.",
		       rule->id, rule->count);
	fleet_unlock(fleet);
	if (!has_room) {
		return fail_set(fail, FAIL_LIMIT, "There are %d rules: drop one first.", FLEET_RULES_MAX);
	}
	put_matches(&change.matches, rule);
	const bool is_done = change.matches.is_broken ?
				     fail_set(fail, FAIL_UNAVAILABLE, "Out of memory: try again.") :
				     store_change(fleet->options.store, add_work, add_done, &change, fail);

	fleet_lock(fleet);
	fleet->rules_coming--;
	fleet_unlock(fleet);
	text_free(&change.matches);
	return is_done;
}

static bool drop_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct change *change = argument;

	if (!sql_run(sql, fail, "DELETE FROM rule WHERE id = ?", "t", change->id)) {
		return false;
	}
	if (sql_changes(sql) != 1) {
		return fail_set(fail, FAIL_NOT_FOUND, "There is no rule of that id.");
	}
	return happening_store(sql, &change->happening, fail);
}

static void drop_done(void *argument, const struct fail *fail)
{
	struct change *change = argument;
	struct fleet *fleet = change->fleet;

	if (fail != NULL) {
		return;
	}
	fleet_lock(fleet);
	struct fleet_rule *rule = find(fleet, change->id);

	if (rule != NULL) {
		const size_t behind = (size_t)(&fleet->rules[--fleet->rule_count] - rule);

		memmove(rule, rule + 1, behind * sizeof(*rule)); /* the first that takes a node is used: in order */
	}
	happening_publish(fleet, &change->happening);
	fleet_unlock(fleet);
}

bool fleet_drop_rule(struct fleet *fleet, const char *id, const struct fleet_who *who, struct fail *fail)
{
	struct change change = {.fleet = fleet, .id = id};

	if (!id_is_valid('r', id)) {
		return fail_set(fail, FAIL_NOT_FOUND, "There is no rule of that id.");
	}
	happening_make(fleet, &change.happening, "rule.dropped", "", who, "The rule %s was dropped.", id);
	return store_change(fleet->options.store, drop_work, drop_done, &change, fail);
}

static bool list_work(struct sql *sql, void *argument, struct fail *fail)
{
	struct json json = {.to = argument};
	struct sql_row row;

	json_begin_object(&json, NULL);
	json_begin_array(&json, "items");
	sql_query(sql, &row,
		  "SELECT id, matches, labels, left_count, ends_ms, created_ms, created_by FROM rule "
		  "ORDER BY created_ms DESC LIMIT 1000",
		  "");
	while (sql_next(&row)) {
		json_begin_object(&json, NULL);
		json_text(&json, "id", sql_text(&row, 0));
		json_raw(&json, "matches", sql_text(&row, 1), strlen(sql_text(&row, 1)));
		json_raw(&json, "labels", sql_text(&row, 2), strlen(sql_text(&row, 2)));
		json_i64(&json, "count", sql_i64(&row, 3));
		json_time(&json, "ends", sql_i64(&row, 4));
		json_time(&json, "created", sql_i64(&row, 5));
		json_text(&json, "created_by", sql_text(&row, 6));
		json_end_object(&json);
	}
	json_end_array(&json);
	json_text(&json, "next", NULL);
	json_end_object(&json);
	return sql_end(&row, fail);
}

bool fleet_rules(struct fleet *fleet, struct text *to, struct fail *fail)
{
	return store_read(fleet->options.store, list_work, to, fail);
}
