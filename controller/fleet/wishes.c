/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people decide about a node, and what they have it do (its name and the like: edit.c). Each is one change:
 * checked under the lock against what is in memory, decided by the condition in its statement, copied into memory when
 * it is durable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/own.h"

struct change {
	struct fleet *fleet;
	char id[ID_BYTES];
	uint64_t rev; /* 0: whatever it is */
	int64_t at_ms;
	struct happening happening;
	void (*apply)(struct fleet *fleet, struct node *node, const struct change *change);
	/* of one kind or the other */
	enum admission from, to;
	char other[ID_BYTES]; /* of a clash that is decided */
	char winner[ID_BYTES], loser[ID_BYTES];
	uint8_t macs[2 * NODE_MACS_MAX][6];
	unsigned mac_count;
	bool is_on;
	char boot[17];
	uint64_t boot_id;
};

struct node *node_to_change(struct fleet *fleet, const char *id, uint64_t rev, struct fail *fail)
{
	struct node *node = id_is_valid('n', id) ? node_by_id(fleet, id) : NULL;

	if (node == NULL || node->rev == 0) {
		(void)fail_set(fail, FAIL_NOT_FOUND, "There is no node of that id: `aetherctl node list` shows all.");
		return NULL;
	}
	if (rev != 0 && node->rev != rev) {
		(void)fail_set(fail, FAIL_STALE, "%s has changed since it was read: read it again.", node->id);
		return NULL;
	}
	return node;
}

static bool is_one(struct sql *sql, const struct change *change, struct fail *fail)
{
	return sql_changes(sql) == 1 ||
	       fail_set(fail, FAIL_STALE, "%s has changed in the meantime: read it again.", change->id);
}

static void done(void *argument, const struct fail *fail)
{
	struct change *change = argument;
	struct fleet *fleet = change->fleet;

	if (fail != NULL) {
		return;
	}
	fleet_lock(fleet);
	struct node *node = node_by_id(fleet, change->id);

	if (node != NULL) {
		node->rev++;
		change->apply(fleet, node, change);
		node_dirty(fleet, node);
	}
	happening_publish(fleet, &change->happening);
	fleet_unlock(fleet);
}

static void begin(struct change *change, struct fleet *fleet, const struct node *node, uint64_t rev)
{
	*change = (struct change){.fleet = fleet, .rev = rev, .at_ms = clock_wall_ms()};
	memcpy(change->id, node->id, sizeof(change->id));
}

/* --- admission --- */

/* Who won a clash has the evidence from now on. */
static bool move_macs(struct sql *sql, const struct change *change, struct fail *fail)
{
	char text[13];

	for (unsigned i = 0; i < change->mac_count; i++) {
		if (!sql_run(sql, fail, "UPDATE mac SET node = ? WHERE mac = ?", "tt", change->winner,
			     hex_print(change->macs[i], 6, text))) {
			return false;
		}
	}
	return true;
}

static bool admit_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct change *change = argument;
	const int64_t admitted_ms = change->to == ADMISSION_APPROVED ? change->at_ms : 0;

	if (!sql_run(sql, fail,
		     "UPDATE node SET admission = ?, clash = '', generation = generation + 1, rev = rev + 1, "
		     "admitted_ms = NULLIF(?, 0), changed_ms = ? WHERE id = ? AND admission = ? AND (? = 0 OR rev = ?)",
		     "tiittii", admission_text(change->to), admitted_ms, change->at_ms, change->id,
		     admission_text(change->from), (int64_t)change->rev, (int64_t)change->rev) ||
	    !is_one(sql, change, fail)) {
		return false;
	}
	if (change->other[0] != '\0' &&
	    !(sql_run(sql, fail,
		      "UPDATE node SET clash = '', rev = rev + 1, changed_ms = ?, "
		      "admission = CASE id WHEN ? THEN 'rejected' ELSE admission END WHERE id = ?",
		      "itt", change->at_ms, change->loser, change->other) &&
	      move_macs(sql, change, fail))) {
		return false;
	}
	return happening_store(sql, &change->happening, fail);
}

static void decide(struct fleet *fleet, const struct change *change)
{
	struct node *other = node_by_id(fleet, change->other);
	struct node *winner = node_by_id(fleet, change->winner);

	if (other != NULL) {
		other->clash[0] = '\0';
		other->rev++;
		if (strcmp(other->id, change->loser) == 0) {
			node_set_admission(fleet, other, ADMISSION_REJECTED);
		}
		want_make(fleet, other);
		node_dirty(fleet, other);
	}
	for (unsigned i = 0; winner != NULL && i < change->mac_count; i++) {
		node_take_mac(fleet, winner, change->macs[i]);
	}
}

static void admit_apply(struct fleet *fleet, struct node *node, const struct change *change)
{
	/* Nobody was to answer what it asked until now: its boot begins with its next question. */
	if (change->to == ADMISSION_APPROVED && node->admission != ADMISSION_APPROVED && node->is_closed &&
	    !node->boot.is_said) {
		boot_clear(&node->boot);
		if (node->stage == STAGE_FAILED) {
			boots_stage(fleet, node, STAGE_EVENT_DHCP);
		}
	}
	node->clash[0] = '\0';
	node->generation++;
	node->admitted_ms = change->to == ADMISSION_APPROVED ? change->at_ms : 0;
	node_set_admission(fleet, node, change->to);
	if (change->other[0] != '\0') {
		decide(fleet, change);
	}
	want_make(fleet, node);
}

static void plan_clash(struct fleet *fleet, const struct node *node, enum admission_act act, struct change *change)
{
	const struct node *other = node_by_id(fleet, node->clash);

	if (other == NULL || other == node) { /* there was no room for the other one */
		return;
	}
	const struct node *winner = act == ACT_APPROVE ? node : other;
	const struct node *loser = act == ACT_APPROVE ? other : node;

	memcpy(change->other, other->id, sizeof(change->other));
	memcpy(change->winner, winner->id, sizeof(change->winner));
	memcpy(change->loser, loser->id, sizeof(change->loser));
	/* Of both: behind a restart of the controller the newcomer's stand with the other one alone. */
	memcpy(change->macs, winner->macs, winner->mac_count * sizeof(change->macs[0]));
	memcpy(change->macs[winner->mac_count], loser->macs, loser->mac_count * sizeof(change->macs[0]));
	change->mac_count = winner->mac_count + loser->mac_count;
}

bool fleet_admit(struct fleet *fleet, const char *id, enum admission_act act, uint64_t rev, const struct fleet_who *who,
		 struct fail *fail)
{
	struct change change;
	const char *why = NULL;
	bool is_needed = false;

	fleet_lock(fleet);
	struct node *node = node_to_change(fleet, id, rev, fail);

	if (node != NULL) {
		begin(&change, fleet, node, rev);
		change.from = node->admission;
		change.apply = admit_apply;
		if (!admission_after(node->admission, act, &change.to, &why)) {
			(void)fail_set(fail, FAIL_CONFLICT, "%s cannot be %s: %s", node_name(node),
				       admission_act_done(act), why);
			node = NULL;
		} else if (change.to != change.from || node->clash[0] != '\0') {
			is_needed = true;
			plan_clash(fleet, node, act, &change);
			char kind[32];
			(void)snprintf(kind, sizeof(kind), "node.%s", admission_act_done(act));
			happening_make(fleet, &change.happening, kind, node->id, who, "%s was %s.", node_name(node),
				       admission_act_done(act));
		}
	}
	fleet_unlock(fleet);
	return node != NULL &&
	       (!is_needed || store_change(fleet->options.store, admit_work, done, &change, fail));
}

/* --- orders --- */

static bool finish(struct sql *sql, const struct change *change, struct fail *fail)
{
	return is_one(sql, change, fail) && happening_store(sql, &change->happening, fail);
}

#define SET(column, kinds, ...)                                                                    \
	(sql_run(sql, fail,                                                                        \
		 "UPDATE node SET " column ", rev = rev + 1, changed_ms = ? WHERE id = ? AND (? = 0 OR rev = ?)",  \
		 kinds "itii", __VA_ARGS__, change->at_ms, change->id, (int64_t)change->rev,       \
		 (int64_t)change->rev) &&                                                          \
	 finish(sql, change, fail))

/* A node that can be told something. */
static struct node *find_heard(struct fleet *fleet, const char *id, const char *what, struct fail *fail)
{
	struct node *node = node_to_change(fleet, id, 0, fail);
	const char *why = NULL;

	if (node == NULL) {
		return NULL;
	}
	if (node->clash[0] != '\0') {
		why = "another node has the same identity: decide first which one is yours.";
	} else if (node->admission != ADMISSION_APPROVED) {
		why = "it is not approved.";
	} else if (node->boot_id == 0) {
		why = "it has not said hello: switch it on.";
	}
	if (why != NULL) {
		(void)fail_set(fail, FAIL_CONFLICT, "%s cannot %s: %s", node_name(node), what, why);
		return NULL;
	}
	return node;
}

static bool reboot_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct change *change = argument;

	return SET("reboot = ?", "t", change->boot);
}

static void reboot_apply(struct fleet *fleet, struct node *node, const struct change *change)
{
	if (node->boot_id == change->boot_id) {
		node->want.reboot_boot_id = change->boot_id;
		node_set_due(fleet, node);
	}
}

bool fleet_reboot(struct fleet *fleet, const char *id, const struct fleet_who *who, struct fail *fail)
{
	struct change change;

	fleet_lock(fleet);
	struct node *node = find_heard(fleet, id, "be told to reboot", fail);

	if (node != NULL) {
		begin(&change, fleet, node, 0);
		change.boot_id = node->boot_id;
		(void)snprintf(change.boot, sizeof(change.boot), "%016llx", (unsigned long long)node->boot_id);
		change.apply = reboot_apply;
		happening_make(fleet, &change.happening, "node.reboot", node->id, who, "%s is told to reboot.",
			       node_name(node));
	}
	fleet_unlock(fleet);
	return node != NULL && store_change(fleet->options.store, reboot_work, done, &change, fail);
}

static bool restart_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct change *change = argument;

	return SET("generation = generation + ?, restart_generation = restart_generation + 1", "u", 1u);
}

static void restart_apply(struct fleet *fleet, struct node *node, const struct change *change)
{
	(void)change;
	node->generation++;
	node->restart_generation++;
	want_make(fleet, node);
}

bool fleet_restart_guests(struct fleet *fleet, const char *id, const struct fleet_who *who, struct fail *fail)
{
	struct change change;

	fleet_lock(fleet);
	struct node *node = find_heard(fleet, id, "restart its guests", fail);

	if (node != NULL) {
		begin(&change, fleet, node, 0);
		change.apply = restart_apply;
		happening_make(fleet, &change.happening, "node.restart-guests", node->id, who,
			       "%s is told to restart its guests.", node_name(node));
	}
	fleet_unlock(fleet);
	return node != NULL && store_change(fleet->options.store, restart_work, done, &change, fail);
}

static bool locate_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct change *change = argument;

	return sql_run(sql, fail, "UPDATE node SET rev = rev + 1, changed_ms = ? WHERE id = ?", "it", change->at_ms,
		       change->id) &&
	       finish(sql, change, fail);
}

static void locate_apply(struct fleet *fleet, struct node *node, const struct change *change)
{
	(void)fleet;
	node->is_locating = change->is_on;
}

bool fleet_locate(struct fleet *fleet, const char *id, bool on, const struct fleet_who *who, struct fail *fail)
{
	struct change change;

	fleet_lock(fleet);
	struct node *node = node_to_change(fleet, id, 0, fail);

	if (node != NULL) {
		begin(&change, fleet, node, 0);
		change.is_on = on;
		change.apply = locate_apply;
		happening_make(fleet, &change.happening, "node.locate", node->id, who, "%s is %s.", node_name(node),
			       on ? "being looked for" : "found");
	}
	fleet_unlock(fleet);
	return node != NULL && store_change(fleet->options.store, locate_work, done, &change, fail);
}
