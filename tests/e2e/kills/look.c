/* SPDX-License-Identifier: Apache-2.0 */
/* What is there, against what was acknowledged. All writers pause between two whole things: so it must be the same. */
#include <arpa/inet.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "e2e/kills/kills.h"

enum { LEASE_MS = 5000, STEP_MS = 50 };

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

/* Of 52:54:00:00:hh:ll; NODES: another one. */
static unsigned number_of(const json_t *node)
{
	const char *mac = json_string_value(json_array_get(json_object_get(node, "macs"), 0));
	unsigned high;
	unsigned low;

	return mac != NULL && sscanf(mac, "52:54:00:00:%x:%x", &high, &low) == 2 && (high << 8 | low) < NODES
		       ? high << 8 | low
		       : NODES;
}

static json_t *list(struct kills *kills)
{
	json_t *page = ask(kills, "GET", "/api/v1/nodes?limit=1000", NULL);

	if (page == NULL) {
		complain(kills, "the list of nodes cannot be read");
	}
	return page;
}

static void look_at_node(struct kills *kills, unsigned number, const json_t *node)
{
	const struct node_claim *claim = &kills->nodes[number];
	const char *id = text_of(node, "id");
	char name[48] = "";
	char value[16] = "";
	char boot[32];

	snprintf(boot, sizeof(boot), "%016llx", (unsigned long long)kills->beats.nodes[number].boot_id);
	if (strcmp(text_of(json_object_get(node, "boot"), "id"), boot) != 0) {
		complain(kills, "%s has the boot '%s', not %s", id, text_of(json_object_get(node, "boot"), "id"), boot);
	}
	if (number >= STEADY) {
		return;
	}
	if (claim->value.is != 0) {
		snprintf(name, sizeof(name), "k%u-%u", number, claim->value.is);
		snprintf(value, sizeof(value), "%u", claim->value.is);
	}
	if (strcmp(id, claim->id) != 0) {
		complain(kills, "node %u is %s and was %s", number, id, claim->id);
	}
	if (strcmp(text_of(node, "name"), name) != 0 ||
	    strcmp(text_of(json_object_get(node, "labels"), "v"), value) != 0 ||
	    json_is_true(json_object_get(node, "cordoned")) != (claim->value.is % 2 != 0)) {
		complain(kills, "%s has the name '%s', the label '%s', is %scordoned; acknowledged was change %u", id,
			 text_of(node, "name"), text_of(json_object_get(node, "labels"), "v"),
			 json_is_true(json_object_get(node, "cordoned")) ? "" : "not ", claim->value.is);
	}
	if (strcmp(text_of(node, "admission"), admitted_text(claim->admission.is)) != 0) {
		complain(kills, "%s is %s; acknowledged was %s", id, text_of(node, "admission"),
			 admitted_text(claim->admission.is));
	}
}

static void look_at_nodes(struct kills *kills)
{
	static unsigned seen[NODES];
	json_t *page = list(kills);
	size_t i;
	json_t *node;

	memset(seen, 0, sizeof(seen));
	json_array_foreach(json_object_get(page, "items"), i, node)
	{
		const unsigned number = number_of(node);
		if (number < NODES) {
			seen[number]++;
			look_at_node(kills, number, node);
		}
	}
	for (unsigned number = 0; page != NULL && number < NODES; number++) {
		const bool is_there = number < STEADY || kills->nodes[number].is_late_there;
		if (seen[number] > 1 || (is_there && seen[number] == 0)) {
			complain(kills, "node %u is there %u times", number, seen[number]);
		}
	}
	json_decref(page);
}

static struct rule_claim *find_rule(struct kills *kills, unsigned serial)
{
	for (unsigned i = 0; i < RULES; i++) {
		if (kills->rules[i].serial == serial && serial != 0) {
			return &kills->rules[i];
		}
	}
	return NULL;
}

static void look_at_rules(struct kills *kills)
{
	unsigned found[RULES] = {0};
	json_t *page = ask(kills, "GET", "/api/v1/rules", NULL);
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(page, "items"), i, item)
	{
		unsigned serial = 0;
		(void)sscanf(text_of(json_object_get(item, "matches"), "serial"), "kill-%u", &serial);
		struct rule_claim *rule = find_rule(kills, serial);
		if (rule == NULL) {
			complain(kills, "the rule of kill-%u was dropped and is there", serial);
			continue;
		}
		found[rule - kills->rules]++;
		snprintf(rule->id, sizeof(rule->id), "%s", text_of(item, "id"));
	}
	for (i = 0; i < RULES; i++) {
		struct rule_claim *rule = &kills->rules[i];
		if (found[i] > 1 || (rule->is_sure && found[i] == 0)) {
			complain(kills, "the rule of kill-%u is there %u times", rule->serial, found[i]);
		}
		rule->is_sure = found[i] > 0;
		if (found[i] == 0) {
			*rule = (struct rule_claim){.serial = 0};
		}
	}
	json_decref(page);
}

static void look_at_rest(struct kills *kills)
{
	json_t *settings = ask(kills, "GET", "/api/v1/settings", NULL);
	const json_int_t interval = json_integer_value(json_object_get(settings, "interval_ms"));
	struct client_answer answer;
	char header[200];

	if (interval != kills->interval.is) {
		complain(kills, "the interval is %d ms; acknowledged was %u", (int)interval, kills->interval.is);
	}
	json_decref(settings);
	snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", kills->token);
	client_ask(PEOPLE_PORT, "GET", "/api/v1/settings", header, NULL, &answer);
	if (answer.status != 200) {
		complain(kills, "the token is answered with %u", answer.status);
	}
	client_free(&answer);
}

/* --- the database, read beside its owner --- */
static sqlite3 *open_file(struct kills *kills)
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(kills->database, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
		complain(kills, "%s: %s", kills->database, sqlite3_errmsg(db));
		sqlite3_close(db);
		return NULL;
	}
	sqlite3_busy_timeout(db, 2000);
	return db;
}

/* How many acknowledged leases are not in the table; `says`: a line for each. */
static unsigned leases_missing(struct kills *kills, bool says)
{
	sqlite3 *db = open_file(kills);
	sqlite3_stmt *statement = NULL;
	unsigned missing = 0;

	if (db == NULL ||
	    sqlite3_prepare_v2(db, "SELECT address FROM lease WHERE mac = ?", -1, &statement, NULL) != SQLITE_OK) {
		complain(kills, "the leases cannot be read");
		sqlite3_close(db);
		return 0;
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		const struct in_addr address = {.s_addr = htonl(kills->leases[i].address)};
		char mac[16];
		char want[INET_ADDRSTRLEN];
		if (kills->leases[i].address == 0) {
			continue;
		}
		snprintf(mac, sizeof(mac), "52540100%04x", i);
		inet_ntop(AF_INET, &address, want, sizeof(want));
		sqlite3_bind_text(statement, 1, mac, -1, SQLITE_TRANSIENT);
		const char *have = sqlite3_step(statement) == SQLITE_ROW
					   ? (const char *)sqlite3_column_text(statement, 0)
					   : "none";
		if (strcmp(have, want) != 0) {
			if (kills->leases[i].may_be_lost) {
				atomic_fetch_add(&kills->leases_lost, says);
				kills->leases[i].address = says ? 0 : kills->leases[i].address;
			} else if (says) {
				complain(kills, "client %u was acknowledged %s; the table has %s", i, want, have);
			} else {
				missing++;
			}
		}
		sqlite3_reset(statement);
	}
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return missing;
}

static void look_at_leases(struct kills *kills)
{
	const uint64_t until_ms = clock_ms() + LEASE_MS;

	/* The script follows the ACK. */
	while (leases_missing(kills, false) > 0 && clock_ms() < until_ms) {
		pause_ms(STEP_MS);
	}
	(void)leases_missing(kills, true);
	for (unsigned i = 0; i < CLIENTS; i++) {
		for (unsigned j = i + 1; j < CLIENTS; j++) {
			if (kills->leases[i].address != 0 && kills->leases[i].address == kills->leases[j].address) {
				complain(kills, "clients %u and %u have one address", i, j);
			}
		}
	}
}

void look(struct kills *kills)
{
	look_at_nodes(kills);
	look_at_rules(kills);
	look_at_rest(kills);
	look_at_leases(kills);
}

/* --- contact --- */
static unsigned count_contacts(struct kills *kills, bool is_grace, const char **first)
{
	static char name[ID_ROOM + 64];
	json_t *page = list(kills);
	size_t i;
	json_t *node;
	unsigned bad = 0;

	json_array_foreach(json_object_get(page, "items"), i, node)
	{
		const unsigned number = number_of(node);
		const char *contact = text_of(node, "contact");
		if (number < FICKLE || number >= STEADY || strcmp(contact, "alive") == 0 ||
		    (is_grace && strcmp(contact, "never") == 0)) {
			continue;
		}
		bad++;
		snprintf(name, sizeof(name), "%s is %s", text_of(node, "id"), contact);
		*first = name;
	}
	json_decref(page);
	return bad;
}

void look_at_contact(struct kills *kills, bool is_grace)
{
	const char *first = "";
	const uint64_t until_ms = clock_ms() + PATIENCE_MS;
	unsigned bad = count_contacts(kills, is_grace, &first);

	while (!is_grace && bad > 0 && clock_ms() < until_ms) {
		pause_ms(STEP_MS);
		bad = count_contacts(kills, is_grace, &first);
	}
	/* Seen too late, the grace may have ended while the list was made. */
	if (bad > 0 && (!is_grace || clock_ms() - kills->ready_ms < GRACE_MS)) {
		complain(kills, is_grace ? "within the grace time %u nodes are shown as lost (%s)"
					 : "%u nodes do not come back (%s)",
			 bad, first);
	}
}

/* --- all of it, at the end --- */
static int64_t number_from(sqlite3 *db, const char *sql, const char *node)
{
	sqlite3_stmt *statement = NULL;
	int64_t number = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
	    (node == NULL || sqlite3_bind_text(statement, 1, node, -1, SQLITE_TRANSIENT) == SQLITE_OK) &&
	    sqlite3_step(statement) == SQLITE_ROW) {
		number = sqlite3_column_int64(statement, 0);
	}
	sqlite3_finalize(statement);
	return number;
}

static void look_at_counts(struct kills *kills, sqlite3 *db, const struct node_claim *claim)
{
	const int64_t approvals =
		number_from(db, "SELECT count(*) FROM event WHERE node = ? AND kind = 'node.approved'", claim->id);
	const int64_t restarts = number_from(
		db, "SELECT count(*) FROM event WHERE node = ? AND kind = 'node.restart-guests'", claim->id);
	const int64_t made = number_from(db, "SELECT restart_generation FROM node WHERE id = ?", claim->id);

	if (approvals != claim->approvals) {
		complain(kills, "%s was approved %d times; asked for and done were %u", claim->id, (int)approvals,
			 claim->approvals);
	}
	if (restarts != made || made < claim->restarts || made > claim->restarts + claim->restarts_unknown) {
		complain(kills, "%s was told to restart %d times, has %d events of it; done were %u, unknown %u",
			 claim->id, (int)made, (int)restarts, claim->restarts, claim->restarts_unknown);
	}
}

void look_at_file(struct kills *kills)
{
	sqlite3 *db = open_file(kills);

	if (db == NULL) {
		return;
	}
	if (number_from(db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check(1)", NULL) != 1) {
		complain(kills, "the database is damaged");
	}
	for (unsigned i = 0; i < STEADY; i++) {
		look_at_counts(kills, db, &kills->nodes[i]);
		const int64_t generation =
			number_from(db, "SELECT generation FROM node WHERE id = ?", kills->nodes[i].id);
		if (i >= FICKLE && kills->beats.nodes[i].guests[0].generation != (uint32_t)generation) {
			complain(kills, "%s follows wish %u; the last one is %d", kills->nodes[i].id,
				 kills->beats.nodes[i].guests[0].generation, (int)generation);
		}
	}
	sqlite3_close(db);
}
