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

enum { RETRY_LEAST_MS = 150, RETRY_MOST_MS = 5000, RETRY_REJECTED_MS = 10000, TELL_MS = 1000 };

struct change {
	struct fleet *fleet;
	const struct hello *hello;
	struct in_addr from;
	char id[ID_BYTES], boot[17], uuid[37];
	char stub[ID_BYTES]; /* a discovered node that turns out to be this one; "" */
	char rule[ID_BYTES]; /* "": none takes it */
	struct place place;
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

#define STUB "(SELECT 1 FROM node WHERE id = ? AND admission = 'discovered')"

static bool put_stub(struct sql *sql, const struct change *change, struct fail *fail)
{
	return change->stub[0] == '\0' ||
	       (sql_run(sql, fail, "UPDATE mac SET node = ? WHERE node = ? AND EXISTS " STUB, "ttt", change->id,
			change->stub, change->stub) &&
		sql_run(sql, fail, "UPDATE boot SET node = ? WHERE node = ? AND EXISTS " STUB, "ttt", change->id,
			change->stub, change->stub) &&
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
	/*
	 * A boot that was followed by another has ended: its hello, sent again by whoever kept it, opens nothing. Crash
	 * records are large: only nodes that are ours have one kept.
	 */
	static const char put[] =
		"INSERT INTO boot (id, node, key, address, started_ms, facts, crash) VALUES (?, ?, ?, ?, ?, ?, "
		"CASE (SELECT admission FROM node WHERE id = ?) WHEN 'approved' THEN ? END) "
		"ON CONFLICT (id) DO UPDATE SET address = excluded.address, ended_ms = NULL, facts = excluded.facts, "
		"crash = COALESCE(excluded.crash, boot.crash) WHERE boot.key = excluded.key AND "
		"boot.node = excluded.node AND (boot.ended_ms IS NULL OR NOT EXISTS (SELECT 1 FROM boot AS other "
		"WHERE other.node = boot.node AND other.id <> boot.id AND length(other.key) > 0 AND "
		"(other.started_ms > boot.started_ms OR other.ended_ms IS NULL)))";
	const struct hello *hello = change->hello;

	if (!sql_run(sql, fail, put, "ttbtittb", change->boot, change->id, (const void *)hello->boot_key,
		     (size_t)SEAL_KEY_BYTES, change->address, change->at_ms, change->facts.bytes, change->id,
		     hello->crash_bytes > 0 ? (const void *)hello->crash : NULL, (size_t)hello->crash_bytes)) {
		return false;
	}
	if (sql_changes(sql) != 1) {
		return fail_set(fail, FAIL_FORBIDDEN, "this boot has ended, or has another key");
	}
	return sql_run(sql, fail, "UPDATE boot SET ended_ms = ? WHERE node = ? AND id <> ? AND ended_ms IS NULL",
		       "itt", change->at_ms, change->id, change->boot);
}

static bool work(struct sql *sql, void *argument, struct fail *fail)
{
	struct change *change = argument;

	change->is_approved = false;
	if (!place_work(sql, &change->place, fail) || !put_node(sql, change, fail) || !put_stub(sql, change, fail) ||
	    !put_macs(sql, change, fail) || !happening_store(sql, &change->said, fail)) {
		return false;
	}
	if (change->rule[0] != '\0' &&
	    (!rules_use(sql, change->rule, change->id, change->at_ms, &change->is_approved, fail) ||
	     (change->is_approved && !happening_store(sql, &change->approved, fail)))) {
		return false;
	}
	return put_boot(sql, change, fail);
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
	node_set_peer(fleet, node, PEER_OF_DATAGRAM, (struct in_addr){.s_addr = 0});
	node->key_instance = 0;
	node->replay = (struct replay){.instance = 0};
	node->sequence = 0;
	node->is_proven = true;
	node->asked = 0;
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
		place_gone(fleet, stub);
	}
	if (node == NULL) { /* gave its place meanwhile: its row is a new one */
		node = node_new(fleet, change->id);
		if (node == NULL) {
			log_error("fleet", "the node %s has no room in memory: start the controller again", change->id);
			return;
		}
		node->rev = 0;
	}
	node->seen_ms = clock_ms();
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
	happening_publish(fleet, &change->said);
	if (change->is_approved) {
		rules_used(fleet, node, change->rule);
		happening_publish(fleet, &change->approved);
	}
	node->is_crash_taken = node->is_crash_taken || (change->hello->crash_bytes > 0 &&
							 node->admission == ADMISSION_APPROVED);
	node_dirty(fleet, node);
}

/* Nothing was stored: who was made room for never was, and who was to give it stays. */
static void let_go(struct change *change)
{
	struct node *node = node_by_id(change->fleet, change->id);

	place_done(change->fleet, &change->place, false);
	change->place.drop[0] = '\0';
	if (node != NULL && node->rev == 0) {
		node_free(change->fleet, node);
	}
}

static void done(void *argument, const struct fail *fail)
{
	struct change *change = argument;

	fleet_lock(change->fleet);
	if (fail == NULL) {
		place_done(change->fleet, &change->place, true);
		apply(change);
	} else {
		let_go(change);
	}
	fleet_unlock(change->fleet);
}

/* --- whose is it? --- */

/* A serial or a UUID alone claims no node whose MAC addresses are known and all others: anybody can say one, and
 * firmware gives many boards the same. Who waits is shown whose it says (fleet/show.c). */
static struct node *with_mac(struct node *node, const struct hello *hello)
{
	for (unsigned i = 0; node != NULL && i < node->mac_count; i++) {
		for (uint32_t k = 0; k < hello->mac_count; k++) {
			if (memcmp(node->macs[i], hello->macs[k], 6) == 0) {
				return node;
			}
		}
	}
	return node == NULL || node->mac_count > 0 ? NULL : node;
}

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
	found[count] = found[count] != NULL && strcmp(found[count]->uuid, uuid) == 0 ? with_mac(found[count], hello) :
										     NULL;
	count++;
	found[count] = index_find(&fleet->by_serial, index_of_text(&fleet->by_serial, hello->serial));
	found[count] = found[count] != NULL && strcmp(found[count]->serial, hello->serial) == 0 ?
			       with_mac(found[count], hello) :
			       NULL;
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
		.is_crash_taken = hello->crash_bytes > 0 && node->is_crash_taken,
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

static void answer_known(struct fleet *fleet, struct node *node, const struct hello *hello, struct in_addr from,
			 struct hello_answer *answer)
{
	if (node->is_ghost) {
		clash_declare(fleet, node);
	} else {
		node->hello_last_ms = node->seen_ms = clock_ms();
		node->hello_instance = hello->instance;
	}
	fill_answer(fleet, node, hello, answer);
	/* A connection from there shows whose the address is now. */
	struct node *owner = index_find(&fleet->by_peer, from.s_addr);

	if (owner != NULL && owner != node) {
		index_drop(&fleet->by_peer, from.s_addr, owner);
	}
	if (!node->is_ghost) {
		node_set_peer(fleet, node, PEER_OF_HELLO, from);
	}
	if (answer->status == HELLO_APPROVED && node->told_ms == 0) {
		node->told_ms = clock_ms();
	}
}

/* Anybody can send that with a boot id that went by in the clear: it is no fact of the node's. */
static bool refuse(struct fleet *fleet, const struct change *change, struct fail *fail)
{
	const uint64_t now_ms = clock_ms();

	fleet->keys_refused++;
	if (fleet->keys_told_ms == 0 || now_ms - fleet->keys_told_ms >= TELL_MS) {
		log_warn("fleet", "refused a hello from %s for the boot %s: it has another key (%llu refused so far)",
			 change->address, change->boot, (unsigned long long)fleet->keys_refused);
		fleet->keys_told_ms = now_ms;
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
	if ((node == NULL || node->admission != ADMISSION_APPROVED) &&
	    !crowd_take(&fleet->hellos, index_mix(&fleet->by_ip, change->from.s_addr), clock_ms())) {
		return fail_set(fail, FAIL_LIMIT, "too many nodes say hello at once: try again");
	}
	if (node == NULL && place_make(fleet, &change->place)) {
		node = reserve(fleet, hello, change->uuid);
		if (node == NULL) {
			place_done(fleet, &change->place, false);
		}
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
	if (!change->facts.is_broken) {
		return true;
	}
	let_go(change);
	return fail_set(fail, FAIL_UNAVAILABLE, "out of memory");
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
		is_good = refuse(fleet, &change, fail);
	} else if (node != NULL && (node->is_ghost || hello->crash_bytes == 0 || node->is_crash_taken ||
				    node->admission != ADMISSION_APPROVED)) {
		answer_known(fleet, node, hello, from->sin_addr, answer);
	} else {
		is_good = is_planned = plan(fleet, node, &change, fail);
	}
	fleet_unlock(fleet);
	if (is_planned) {
		is_good = store_change(fleet->options.store, work, done, &change, fail);
		fleet_lock(fleet);
		if (!is_good) { /* perhaps not even queued */
			let_go(&change);
		}
		node = node_by_boot(fleet, hello->boot_id);
		if (is_good && node == NULL) {
			is_good = fail_set(fail, FAIL_UNAVAILABLE, "try again");
		} else if (is_good) {
			answer_known(fleet, node, hello, from->sin_addr, answer);
		}
		fleet_unlock(fleet);
	}
	text_free(&change.facts);
	return is_good;
}
