/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hello, from anybody who reaches the node listener. The wire's decoder has checked its form; here it is decided
 * whose it is. Invariants: a boot id has one key for ever; what is answered is in the database; a repeated hello
 * costs no statement.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fleet/facts.h"

enum { RETRY_LEAST_MS = 150, RETRY_MOST_MS = 5000, RETRY_REJECTED_MS = 10000 };

struct change {
	struct fleet *fleet;
	const struct hello *hello;
	struct in_addr from;
	char id[ID_BYTES], boot[17], uuid[37];
	char stub[ID_BYTES]; /* a discovered node that turns out to be this one; "" */
	char rule[ID_BYTES]; /* "": none takes it */
	char address[INET_ADDRSTRLEN];
	struct text facts;
	int64_t at_ms;
	bool is_approved; /* by the rule */
	struct happening said, approved;
};

/* --- in the writer's thread --- */

static bool put_node(struct sql *sql, const struct change *change, struct fail *fail)
{
	static const char put[] =
		"INSERT INTO node (id, admission, serial, uuid, facts, created_ms, changed_ms) "
		"VALUES (?, 'pending', ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
		"admission = CASE node.admission WHEN 'discovered' THEN 'pending' ELSE node.admission END, "
		"serial = CASE excluded.serial WHEN '' THEN node.serial ELSE excluded.serial END, "
		"uuid = CASE excluded.uuid WHEN '' THEN node.uuid ELSE excluded.uuid END, "
		"facts = excluded.facts, rev = node.rev + 1, changed_ms = excluded.changed_ms";

	return sql_run(sql, fail, put, "ttttii", change->id, change->hello->serial, change->uuid, change->facts.bytes,
		       change->at_ms, change->at_ms);
}

static bool put_stub(struct sql *sql, const struct change *change, struct fail *fail)
{
	return change->stub[0] == '\0' ||
	       (sql_run(sql, fail, "UPDATE mac SET node = ? WHERE node = ?", "tt", change->id, change->stub) &&
		sql_run(sql, fail, "UPDATE boot SET node = ? WHERE node = ?", "tt", change->id, change->stub) &&
		sql_run(sql, fail, "DELETE FROM node WHERE id = ? AND admission = 'discovered'", "t", change->stub));
}

static bool put_macs(struct sql *sql, const struct change *change, struct fail *fail)
{
	static const char put[] = "INSERT INTO mac (mac, node, seen_ms) VALUES (?, ?, ?) "
				  "ON CONFLICT (mac) DO UPDATE SET seen_ms = excluded.seen_ms";
	char text[13];

	for (uint32_t i = 0; i < change->hello->mac_count; i++) {
		if (!sql_run(sql, fail, put, "tti", hex_print(change->hello->macs[i], 6, text), change->id,
			     change->at_ms)) {
			return false;
		}
	}
	return true;
}

static bool put_boot(struct sql *sql, const struct change *change, struct fail *fail)
{
	static const char put[] =
		"INSERT INTO boot (id, node, key, address, started_ms, facts, crash) VALUES (?, ?, ?, ?, ?, ?, ?) "
		"ON CONFLICT (id) DO UPDATE SET address = excluded.address, ended_ms = NULL, facts = excluded.facts, "
		"crash = COALESCE(excluded.crash, boot.crash) WHERE boot.key = excluded.key";
	const struct hello *hello = change->hello;

	if (!sql_run(sql, fail, put, "ttbtitb", change->boot, change->id, (const void *)hello->boot_key,
		     (size_t)SEAL_KEY_BYTES, change->address, change->at_ms, change->facts.bytes,
		     hello->crash_bytes > 0 ? (const void *)hello->crash : NULL, (size_t)hello->crash_bytes)) {
		return false;
	}
	if (sql_changes(sql) != 1) {
		return fail_set(fail, FAIL_FORBIDDEN, "another key for this boot");
	}
	return sql_run(sql, fail, "UPDATE boot SET ended_ms = ? WHERE node = ? AND id <> ? AND ended_ms IS NULL",
		       "itt", change->at_ms, change->id, change->boot);
}

static bool work(struct sql *sql, void *argument, struct fail *fail)
{
	struct change *change = argument;

	change->is_approved = false;
	if (!put_node(sql, change, fail) || !put_stub(sql, change, fail) || !put_macs(sql, change, fail) ||
	    !put_boot(sql, change, fail) || !happening_store(sql, &change->said, fail)) {
		return false;
	}
	return change->rule[0] == '\0' ||
	       (rules_use(sql, change->rule, change->id, change->at_ms, &change->is_approved, fail) &&
		(!change->is_approved || happening_store(sql, &change->approved, fail)));
}

/* --- into memory --- */

static void begin_boot(struct fleet *fleet, struct node *node, const struct change *change)
{
	const struct hello *hello = change->hello;
	const struct fleet_step step = {.kind = "hello", .start_ms = change->at_ms, .end_ms = change->at_ms};

	/* The boot before is stored under its id: before the ghost takes that. */
	if (node->boot.started_ms == 0 || node->boot.is_said) {
		boots_begin(fleet, node, change->at_ms, true);
	}
	node->is_doubted = false;
	clash_keep_ghost(fleet, node);
	rates_free(node);
	node->heard = (struct node_heard){.at_ms = 0};
	node->want = (struct node_want){.is_seeded = false};
	node->address = (struct sockaddr_in){.sin_port = 0};
	node->key_instance = 0;
	node->replay = (struct replay){.instance = 0};
	node->sequence = 0;
	node->told_ms = 0;
	node->is_crash_taken = false;
	contact_begin(&node->contact);
	node->boot_id = hello->boot_id;
	memcpy(node->boot_key, hello->boot_key, sizeof(node->boot_key));
	node->hello_ms = node->hello_last_ms = clock_ms();
	node->hello_wall_ms = change->at_ms;
	(void)index_put(&fleet->by_boot, node->boot_id, node);
	node->boot.is_said = true;
	boots_step(fleet, node, &step);
}

static void apply(struct change *change)
{
	struct fleet *fleet = change->fleet;
	struct node *node = node_by_id(fleet, change->id);
	struct node *stub = change->stub[0] == '\0' ? NULL : node_by_id(fleet, change->stub);
	enum admission admission;
	const char *why;

	if (stub != NULL && stub->admission == ADMISSION_DISCOVERED) {
		char gone[64];
		const int length = snprintf(gone, sizeof(gone), "{\"id\":\"%s\"}", stub->id);

		node_free(fleet, stub);
		(void)bus_publish(fleet->options.bus, BUS_NODES, "node.gone", 0, gone, (size_t)length);
	}
	if (node == NULL) {
		log_error("fleet", "the node %s went away while its hello was stored", change->id);
		return;
	}
	if (node->rev == 0) {
		node->created_ms = change->at_ms;
	}
	node->rev++;
	node_set_evidence(fleet, node, change->hello->serial, change->uuid);
	for (uint32_t i = 0; i < change->hello->mac_count; i++) {
		node_add_mac(fleet, node, change->hello->macs[i]);
	}
	node_set_text(&node->facts, change->facts.bytes);
	facts_take(node, change->hello);
	node_set_ip(fleet, node, change->from);
	if (admission_after(node->admission, ACT_HELLO, &admission, &why)) {
		node_set_admission(fleet, node, admission);
	}
	if (node->boot_id != change->hello->boot_id) {
		begin_boot(fleet, node, change);
	}
	node->hello_instance = change->hello->instance;
	node->is_crash_taken = node->is_crash_taken || change->hello->crash_bytes > 0;
	happening_publish(fleet, &change->said);
	if (change->is_approved) {
		rules_used(fleet, node, change->rule);
		happening_publish(fleet, &change->approved);
	}
	node_dirty(fleet, node);
}

static void done(void *argument, const struct fail *fail)
{
	struct change *change = argument;

	fleet_lock(change->fleet);
	if (fail == NULL) {
		apply(change);
	} else {
		struct node *node = node_by_id(change->fleet, change->id);

		if (node != NULL && node->rev == 0) {
			node_free(change->fleet, node); /* it never was */
		}
	}
	fleet_unlock(change->fleet);
}

/* --- whose is it? --- */

static struct node *by_evidence(struct fleet *fleet, const struct hello *hello, const char *uuid, struct node **stub)
{
	struct node *found[HELLO_MAC_MAX + 2];
	unsigned count = 0;
	struct node *best = NULL;

	*stub = NULL;
	for (uint32_t i = 0; i < hello->mac_count; i++) {
		found[count++] = index_find(&fleet->by_mac, index_of_mac(hello->macs[i]));
	}
	found[count] = index_find(&fleet->by_uuid, index_of_text(&fleet->by_uuid, uuid));
	found[count] = found[count] != NULL && strcmp(found[count]->uuid, uuid) == 0 ? found[count] : NULL;
	count++;
	found[count] = index_find(&fleet->by_serial, index_of_text(&fleet->by_serial, hello->serial));
	found[count] = found[count] != NULL && strcmp(found[count]->serial, hello->serial) == 0 ? found[count] : NULL;
	count++;
	/* The first that is more than a sighting; a sighting of its MAC address alone is the same machine's. */
	for (unsigned i = 0; i < count; i++) {
		if (found[i] != NULL && (best == NULL || (best->admission == ADMISSION_DISCOVERED &&
							   found[i]->admission != ADMISSION_DISCOVERED))) {
			*stub = best;
			best = found[i];
		} else if (found[i] != NULL && found[i] != best && found[i]->admission == ADMISSION_DISCOVERED) {
			*stub = found[i];
		}
	}
	return best;
}

/* The node as it is to be, in memory before it is in the database, so that a second hello of it finds it. rev 0:
 * not shown. */
static struct node *reserve(struct fleet *fleet, const struct hello *hello, const char *uuid)
{
	char id[ID_BYTES];

	id_make('n', id);
	struct node *node = node_new(fleet, id);

	if (node == NULL) {
		return NULL;
	}
	node->rev = 0;
	for (uint32_t i = 0; i < hello->mac_count; i++) {
		node_add_mac(fleet, node, hello->macs[i]);
	}
	node_set_evidence(fleet, node, hello->serial, uuid);
	return node;
}

static void fill_answer(const struct fleet *fleet, const struct node *node, const struct hello *hello,
			struct hello_answer *answer)
{
	uint32_t retry_ms = RETRY_LEAST_MS + 5 * fleet->pending;

	*answer = (struct hello_answer){
		.boot_id = hello->boot_id,
		.instance = hello->instance,
		.status = HELLO_PENDING,
		.is_crash_taken = hello->crash_bytes > 0,
		.retry_ms = retry_ms < RETRY_MOST_MS ? retry_ms : RETRY_MOST_MS,
		.wall_clock_ns = (uint64_t)clock_wall_ms() * 1000000u,
		.interval_ms = fleet->options.interval_ms,
		.udp_port = fleet->options.udp_port,
	};
	const char *reason = "waits to be approved";

	if (node->is_ghost || node->clash[0] != '\0') {
		reason = "another node has the same serial, UUID or MAC address";
	} else if (node->admission == ADMISSION_APPROVED) {
		answer->status = HELLO_APPROVED;
		reason = "";
	} else if (node->admission == ADMISSION_REJECTED || node->admission == ADMISSION_RETIRED) {
		answer->status = HELLO_REJECTED;
		answer->retry_ms = RETRY_REJECTED_MS;
		reason = node->admission == ADMISSION_REJECTED ? "rejected" : "retired";
	}
	(void)snprintf(answer->reason, sizeof(answer->reason), "%s", reason);
}

static void answer_known(struct fleet *fleet, struct node *node, const struct hello *hello, struct hello_answer *answer)
{
	if (node->is_ghost) {
		clash_declare(fleet, node);
	} else {
		node->hello_last_ms = clock_ms();
		node->hello_instance = hello->instance;
	}
	fill_answer(fleet, node, hello, answer);
	if (answer->status == HELLO_APPROVED && node->told_ms == 0) {
		node->told_ms = clock_ms();
	}
}

static bool refuse(struct fleet *fleet, struct node *node, struct fail *fail)
{
	if (!node->is_ghost) {
		boots_fail(fleet, node, BOOT_KEY_REFUSED, "");
	}
	return fail_set(fail, FAIL_FORBIDDEN, "another key for this boot");
}

/* What is to be stored. False: *fail. */
static bool plan(struct fleet *fleet, struct node *node, struct change *change, struct fail *fail)
{
	struct node *stub = NULL;
	const struct hello *hello = change->hello;

	if (node == NULL) {
		node = by_evidence(fleet, hello, change->uuid, &stub);
	}
	if (node == NULL) {
		node = reserve(fleet, hello, change->uuid);
	}
	if (node == NULL) {
		return fail_set(fail, FAIL_LIMIT, "no room for another node");
	}
	if (stub != NULL && stub->rev != 0) {
		memcpy(change->stub, stub->id, sizeof(change->stub));
	}
	memcpy(change->id, node->id, sizeof(change->id));
	const struct in_addr before = node->ip;

	node->ip = change->from;
	facts_write(node, hello, &change->facts);
	node->ip = before;
	const struct fleet_rule *rule = node->admission == ADMISSION_DISCOVERED ||
							node->admission == ADMISSION_PENDING ?
						rules_find(fleet, node, change->at_ms) :
						NULL;
	if (rule != NULL) {
		memcpy(change->rule, rule->id, sizeof(change->rule));
		happening_make(fleet, &change->approved, "node.approved", node->id, NULL,
			       "%s was approved by the rule %s.", node_name(node), rule->id);
	}
	happening_make(fleet, &change->said, "node.hello", node->id, NULL, "%s said hello from %s.", node_name(node),
		       change->address);
	return !change->facts.is_broken || fail_set(fail, FAIL_UNAVAILABLE, "out of memory");
}

bool fleet_hello(struct fleet *fleet, const struct hello *hello, const struct sockaddr_in *from,
		 struct hello_answer *answer, struct fail *fail)
{
	struct change change = {
		.fleet = fleet,
		.hello = hello,
		.from = from->sin_addr,
		.at_ms = clock_wall_ms(),
		.facts = {.most = 16384},
	};
	bool is_planned = false;
	bool is_good = true;

	(void)snprintf(change.boot, sizeof(change.boot), "%016llx", (unsigned long long)hello->boot_id);
	(void)inet_ntop(AF_INET, &from->sin_addr, change.address, sizeof(change.address));
	if (hello->has_uuid) {
		(void)facts_uuid(hello->uuid, change.uuid);
	}
	fleet_lock(fleet);
	struct node *node = node_by_boot(fleet, hello->boot_id);

	if (node != NULL && memcmp(node->boot_key, hello->boot_key, SEAL_KEY_BYTES) != 0) {
		is_good = refuse(fleet, node, fail);
	} else if (node != NULL && (node->is_ghost || hello->crash_bytes == 0 || node->is_crash_taken)) {
		answer_known(fleet, node, hello, answer);
	} else {
		is_good = is_planned = plan(fleet, node, &change, fail);
	}
	fleet_unlock(fleet);
	if (is_planned) {
		is_good = store_change(fleet->options.store, work, done, &change, fail);
		fleet_lock(fleet);
		node = node_by_boot(fleet, hello->boot_id);
		if (is_good && node == NULL) {
			is_good = fail_set(fail, FAIL_UNAVAILABLE, "try again");
		} else if (is_good) {
			answer_known(fleet, node, hello, answer);
		}
		fleet_unlock(fleet);
	}
	text_free(&change.facts);
	return is_good;
}
