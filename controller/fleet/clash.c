/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two boots that live on one evidence. A hello with a new boot id is a reboot as a rule: the boot before falls
 * silent. It is kept as a ghost for a while, with its key, however long it was silent before: when it still speaks,
 * there are two machines. Later, and behind a restart of the controller, its row has the key: a datagram of a boot
 * that memory does not know brings it back. The newcomer then becomes a node of its own, the older boot gets its node
 * back, each names the other one, and neither is trusted until a person decides.
 * Hostile: anybody can send boot ids, so rows are asked for at a bounded rate; and datagrams that were recorded, whose
 * tag is right: a boot counts as live only when it answers what this run of the controller asked it (link/receive.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fleet/own.h"

enum { GHOST_MS = 600000 };

static void free_link(struct fleet *fleet, struct node *node)
{
	if (node->link != NULL && fleet->link.free != NULL) {
		fleet->link.free(fleet->link.argument, node->link);
	}
	node->link = NULL;
}

/* What belongs to a boot, not to a node, goes from one to the other. */
static void move_boot(struct fleet *fleet, struct node *from, struct node *to)
{
	to->boot_id = from->boot_id;
	memcpy(to->boot_key, from->boot_key, sizeof(to->boot_key));
	to->hello_instance = from->hello_instance;
	to->hello_wall_ms = from->hello_wall_ms;
	to->hello_ms = from->hello_ms;
	to->hello_last_ms = from->hello_last_ms;
	to->told_ms = from->told_ms;
	to->is_crash_taken = from->is_crash_taken;
	to->heard = from->heard;
	to->address = from->address;
	to->key_instance = from->key_instance;
	to->key = from->key;
	to->replay = from->replay;
	to->sequence = from->sequence;
	to->is_proven = from->is_proven;
	to->asked = from->asked;
	/* The link's part names the node that it was made for: each makes its own anew. */
	free_link(fleet, to);
	free_link(fleet, from);
	from->boot_id = 0;
	if (to->boot_id != 0) {
		(void)index_put(&fleet->by_boot, to->boot_id, to);
	}
}

void clash_drop_ghost(struct fleet *fleet, struct node *node)
{
	if (node->ghost != NULL) {
		node_free(fleet, node->ghost);
		node->ghost = NULL;
	}
}

static struct node *ghost_of(struct node *node, uint64_t created_ms)
{
	struct node *ghost = calloc(1, sizeof(*ghost));

	if (ghost != NULL) {
		ghost->is_ghost = true;
		ghost->of = node;
		ghost->created_ms = (int64_t)created_ms;
		memcpy(ghost->id, node->id, sizeof(ghost->id));
	}
	return ghost;
}

void clash_keep_ghost(struct fleet *fleet, struct node *node)
{
	clash_drop_ghost(fleet, node);
	if (node->boot_id == 0) {
		return;
	}
	struct node *ghost = ghost_of(node, clock_ms());

	if (ghost == NULL) { /* its row still has the key */
		index_drop(&fleet->by_boot, node->boot_id, node);
		free_link(fleet, node);
		node->boot_id = 0;
		return;
	}
	move_boot(fleet, node, ghost);
	/* From now on it counts only by what it answers. */
	ghost->is_proven = false;
	ghost->asked = 0;
	node->ghost = ghost;
}

void clash_tick(struct fleet *fleet, struct node *node, uint64_t now_ms)
{
	if (node->ghost != NULL && now_ms - (uint64_t)node->ghost->created_ms > GHOST_MS) {
		clash_drop_ghost(fleet, node);
	}
}

/* --- two nodes of one --- */

struct split {
	struct fleet *fleet;
	char old[ID_BYTES], fresh[ID_BYTES]; /* the same when there is no room for another node */
	uint64_t old_boot, fresh_boot;
	char serial[HELLO_SERIAL_BYTES], uuid[37];
	char *facts;
	int64_t at_ms;
	struct happening happening;
};

static bool split_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct split *split = argument;
	char boot[17];
	char old_boot[17];

	(void)snprintf(boot, sizeof(boot), "%016llx", (unsigned long long)split->fresh_boot);
	(void)snprintf(old_boot, sizeof(old_boot), "%016llx", (unsigned long long)split->old_boot);
	if (!sql_run(sql, fail, "UPDATE node SET clash = ?, rev = rev + 1, changed_ms = ? WHERE id = ? AND clash = ''",
		     "tit", split->fresh, split->at_ms, split->old)) {
		return false;
	}
	if (sql_changes(sql) != 1) {
		return fail_set(fail, FAIL_CONFLICT, "The node %s is in a clash already.", split->old);
	}
	if (strcmp(split->fresh, split->old) == 0) {
		return happening_store(sql, &split->happening, fail);
	}
	return sql_run(sql, fail,
		       "INSERT INTO node (id, admission, clash, serial, uuid, facts, created_ms, changed_ms) "
		       "VALUES (?, 'pending', ?, ?, ?, ?, ?, ?)",
		       "tttttii", split->fresh, split->old, split->serial, split->uuid, split->facts, split->at_ms,
		       split->at_ms) &&
	       sql_run(sql, fail, "UPDATE boot SET node = ? WHERE id = ?", "tt", split->fresh, boot) &&
	       sql_run(sql, fail, "UPDATE boot SET ended_ms = NULL WHERE id = ?", "t", old_boot) &&
	       happening_store(sql, &split->happening, fail);
}

static void copy_learnt(struct fleet *fleet, const struct node *from, struct node *to)
{
	node_set_evidence(fleet, to, from->serial, from->uuid);
	for (unsigned i = 0; i < from->mac_count; i++) {
		node_add_mac(fleet, to, from->macs[i]);
	}
	node_set_text(&to->facts, from->facts);
	memcpy(to->network, from->network, sizeof(to->network));
	memcpy(to->port, from->port, sizeof(to->port));
	memcpy(to->hostname, from->hostname, sizeof(to->hostname));
	memcpy(to->vendor, from->vendor, sizeof(to->vendor));
	memcpy(to->board, from->board, sizeof(to->board));
	memcpy(to->release, from->release, sizeof(to->release));
	to->arch = from->arch;
	to->cpu_count = from->cpu_count;
	to->gic_version = from->gic_version;
	to->memory_mib = from->memory_mib;
}

/* The newcomer takes the boot that said hello last, with all that was seen of it. */
static void give_newcomer(struct fleet *fleet, struct node *old, struct node *fresh)
{
	struct node *ghost = old->ghost;

	move_boot(fleet, old, fresh);
	fresh->contact = old->contact;
	fresh->contact_wall_ms = old->contact_wall_ms;
	fresh->stage = old->stage;
	fresh->boot = old->boot;
	fresh->is_doubted = old->is_doubted;
	fresh->was_up = old->was_up;
	old->is_doubted = old->was_up = false;
	fresh->readings = old->readings;
	fresh->want.is_seeded = false;
	node_set_ip(fleet, fresh, old->ip);
	for (unsigned of = 0; of < PEER_COUNT; of++) {
		const struct in_addr peer = old->peers[of];

		node_set_peer(fleet, old, of, (struct in_addr){.s_addr = 0});
		node_set_peer(fleet, fresh, of, peer);
	}
	old->boot = (struct boot){.started_ms = ghost->hello_wall_ms, .is_said = true};
	old->readings = NULL;
	old->stage = STAGE_BOOTING;
	contact_begin(&old->contact);
	old->want = (struct node_want){.is_seeded = false};
	move_boot(fleet, ghost, old);
	node_free(fleet, ghost);
	old->ghost = NULL;
	if (old->address.sin_port != 0) {
		node_set_ip(fleet, old, old->address.sin_addr);
	}
}

static void split_apply(struct split *split)
{
	struct fleet *fleet = split->fleet;
	struct node *old = node_by_id(fleet, split->old);

	if (old != NULL && strcmp(split->fresh, split->old) == 0) {
		memcpy(old->clash, split->fresh, sizeof(old->clash));
		old->rev++;
		node_dirty(fleet, old);
		happening_publish(fleet, &split->happening);
		return;
	}
	struct node *fresh = node_new(fleet, split->fresh);

	if (old == NULL || fresh == NULL) {
		log_error("fleet", "the clash of %s and %s is in the database alone: start the controller again",
			  split->old, split->fresh);
		return;
	}
	fresh->created_ms = split->at_ms;
	copy_learnt(fleet, old, fresh);
	node_set_admission(fleet, fresh, ADMISSION_PENDING);
	memcpy(old->clash, split->fresh, sizeof(old->clash));
	memcpy(fresh->clash, split->old, sizeof(fresh->clash));
	old->rev++;
	if (old->boot_id == split->fresh_boot && old->ghost != NULL && old->ghost->boot_id == split->old_boot) {
		give_newcomer(fleet, old, fresh);
	}
	node_dirty(fleet, old);
	node_dirty(fleet, fresh);
	happening_publish(fleet, &split->happening);
}

static void split_done(void *argument, const struct fail *fail)
{
	struct split *split = argument;

	fleet_lock(split->fleet);
	struct node *old = node_by_id(split->fleet, split->old);

	if (old != NULL) {
		old->is_splitting = false;
	}
	if (fail == NULL) {
		split_apply(split);
	} else {
		log_error("fleet", "a clash was not stored: %s", fail->text);
	}
	fleet_unlock(split->fleet);
	free(split->facts);
	free(split);
}

void clash_declare(struct fleet *fleet, struct node *ghost)
{
	struct node *node = ghost->of;
	struct split *split;
	struct fail fail;

	if (clock_ms() - (uint64_t)ghost->created_ms < FLEET_CLASH_SLACK_MS || node->is_splitting ||
	    node->clash[0] != '\0' || node->rev == 0) {
		return;
	}
	split = calloc(1, sizeof(*split));
	if (split == NULL) {
		return;
	}
	*split = (struct split){
		.fleet = fleet,
		.old_boot = ghost->boot_id,
		.fresh_boot = node->boot_id,
		.facts = strdup(node->facts),
		.at_ms = clock_wall_ms(),
	};
	memcpy(split->old, node->id, sizeof(split->old));
	memcpy(split->fresh, node->id, sizeof(split->fresh));
	if (fleet->count < FLEET_NODES_MAX) {
		id_make('n', split->fresh);
	}
	memcpy(split->serial, node->serial, sizeof(split->serial));
	memcpy(split->uuid, node->uuid, sizeof(split->uuid));
	happening_make(fleet, &split->happening, "node.clash", node->id, NULL,
		       "%s and %s live at once with the same serial, UUID or MAC address: neither is trusted.",
		       node_name(node), split->fresh);
	node->is_splitting = true;
	if (split->facts == NULL || !store_submit(fleet->options.store, split_work, split_done, split, &fail)) {
		node->is_splitting = false;
		free(split->facts);
		free(split);
	}
}

/* --- a boot that memory does not know --- */

struct lookup {
	struct fleet *fleet;
	uint64_t boot_id;
	char boot[17];
	char node[ID_BYTES]; /* "": there is no such boot */
	uint8_t key[SEAL_KEY_BYTES];
	int64_t started_ms;
	bool is_newest; /* of that node's that said hello */
};

static bool lookup_work(struct sql *sql, void *argument, struct fail *fail)
{
	struct lookup *lookup = argument;
	struct sql_row row;
	size_t key_bytes;

	lookup->node[0] = '\0';
	sql_query(sql, &row,
		  "SELECT node, key, started_ms, NOT EXISTS (SELECT 1 FROM boot AS other WHERE other.node = boot.node "
		  "AND other.started_ms > boot.started_ms AND length(other.key) > 0) FROM boot WHERE id = ?",
		  "t", lookup->boot);
	if (sql_next(&row)) {
		const void *key = sql_blob(&row, 1, &key_bytes);

		if (key_bytes == SEAL_KEY_BYTES) {
			(void)snprintf(lookup->node, sizeof(lookup->node), "%s", sql_text(&row, 0));
			memcpy(lookup->key, key, SEAL_KEY_BYTES);
			lookup->started_ms = sql_i64(&row, 2);
			lookup->is_newest = sql_i64(&row, 3) != 0;
		}
	}
	return sql_end(&row, fail);
}

static void bring_back(const struct lookup *lookup, struct node *node)
{
	node->boot_id = lookup->boot_id;
	memcpy(node->boot_key, lookup->key, sizeof(node->boot_key));
	node->hello_wall_ms = lookup->started_ms;
	node->is_proven = false;
	node->asked = 0;
	node->hello_ms = node->hello_last_ms = clock_ms();
	(void)index_put(&lookup->fleet->by_boot, node->boot_id, node);
}

static void lookup_done(void *argument, const struct fail *fail)
{
	struct lookup *lookup = argument;
	struct fleet *fleet = lookup->fleet;

	fleet_lock(fleet);
	struct node *node = fail != NULL || lookup->node[0] == '\0' ? NULL : node_by_id(fleet, lookup->node);

	if (node == NULL || node->is_splitting || node->clash[0] != '\0' ||
	    node_by_boot(fleet, lookup->boot_id) != NULL) {
		node = NULL;
	} else if (node->boot_id != 0) {
		struct node *ghost = ghost_of(node, clock_ms() - FLEET_CLASH_SLACK_MS);

		if (ghost != NULL) {
			clash_drop_ghost(fleet, node);
			bring_back(lookup, ghost);
			node->ghost = ghost;
		}
	} else if (lookup->is_newest) { /* nothing followed it: it lives */
		bring_back(lookup, node);
		node->is_doubted = true; /* until a beat of it comes: no tag was checked yet */
	}
	fleet_unlock(fleet);
	explicit_bzero(lookup, sizeof(*lookup));
	free(lookup);
}

void fleet_unknown_boot(struct fleet *fleet, uint64_t boot_id)
{
	struct lookup *lookup;
	struct fail fail;

	fleet_lock(fleet);
	if (boot_id != 0 && node_by_boot(fleet, boot_id) == NULL && flow_take(&fleet->lookups, clock_ms())) {
		lookup = calloc(1, sizeof(*lookup));
		if (lookup != NULL) {
			*lookup = (struct lookup){.fleet = fleet, .boot_id = boot_id};
			(void)snprintf(lookup->boot, sizeof(lookup->boot), "%016llx", (unsigned long long)boot_id);
			if (!store_submit(fleet->options.store, lookup_work, lookup_done, lookup, &fail)) {
				free(lookup);
			}
		}
	}
	fleet_unlock(fleet);
}
