/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people want of a node. Each is one change: checked under the lock against what is in memory, decided by the
 * condition in its statement, copied into memory when it is durable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

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
	const char *text;
	bool is_on;
	char boot[17];
	uint64_t boot_id;
};

/* The node as it is now, or why not. With the lock held. */
static struct node *find(struct fleet *fleet, const char *id, uint64_t rev, struct fail *fail)
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

/* With the lock held. */
static void make_known(struct fleet *fleet, const struct change *change)
{
	struct node *node = node_by_id(fleet, change->id);

	if (node != NULL) {
		node->rev++;
		change->apply(fleet, node, change);
		node_dirty(fleet, node);
	}
	happening_publish(fleet, &change->happening);
}

static void done(void *argument, const struct fail *fail)
{
	const struct change *change = argument;

	if (fail == NULL) {
		fleet_lock(change->fleet);
		make_known(change->fleet, change);
		fleet_unlock(change->fleet);
	}
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
	struct node *node = find(fleet, id, rev, fail);

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

/* --- one column --- */

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

static bool rename_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct change *change = argument;

	/* Two that ask for one name at once: the condition decides. */
	if (!sql_run(sql, fail,
		     "UPDATE node SET name = ?, rev = rev + 1, changed_ms = ? WHERE id = ? AND (? = 0 OR rev = ?) AND "
		     "(? = '' OR NOT EXISTS (SELECT 1 FROM node AS other WHERE other.id <> ? AND "
		     "(other.name = ? OR (other.name = '' AND other.id = ?))))",
		     "titiitttt", change->text, change->at_ms, change->id, (int64_t)change->rev, (int64_t)change->rev,
		     change->text, change->id, change->text, change->text)) {
		return false;
	}
	if (sql_changes(sql) != 1) {
		return fail_set(fail, FAIL_CONFLICT, "%s has changed in the meantime, or another node has the name %s.",
				change->id, change->text);
	}
	return happening_store(sql, &change->happening, fail);
}

static void rename_apply(struct fleet *fleet, struct node *node, const struct change *change)
{
	(void)fleet;
	(void)snprintf(node->name, sizeof(node->name), "%s", change->text);
}

static bool is_name(const char *name, struct fail *fail)
{
	static const char may[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (strlen(name) >= NODE_NAME_BYTES || strspn(name, may) != strlen(name)) {
		return fail_set(fail, FAIL_INVALID, "A name has up to %d letters, digits, '.', '_' or '-'.",
				NODE_NAME_BYTES - 1);
	}
	return true;
}

static bool is_taken(const struct fleet *fleet, const struct node *node, const char *name)
{
	for (size_t i = 0; i < fleet->count && name[0] != '\0'; i++) {
		if (fleet->nodes[i] != node && strcmp(node_name(fleet->nodes[i]), name) == 0) {
			return true;
		}
	}
	return false;
}

static bool plan_name(struct fleet *fleet, const struct node *node, const char *name, const struct fleet_who *who,
		      struct change *change, struct fail *fail)
{
	if (is_taken(fleet, node, name)) {
		return fail_set(fail, FAIL_CONFLICT, "Another node has the name %s: choose another one.", name);
	}
	change->text = name;
	change->apply = rename_apply;
	happening_make(fleet, &change->happening, "node.renamed", node->id, who, "%s is now called %s.",
		       node_name(node), name[0] != '\0' ? name : node->id);
	return true;
}

static bool label_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct change *change = argument;

	return SET("labels = ?", "t", change->text);
}

static void label_apply(struct fleet *fleet, struct node *node, const struct change *change)
{
	(void)fleet;
	node_set_text(&node->labels, change->text);
}

static bool is_label(const char *key, const json_t *value)
{
	static const char may[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
	const size_t length = strlen(key);

	return length > 0 && length < 64 && strspn(key, may) == length && json_is_string(value) &&
	       json_string_length(value) < 128;
}

bool fleet_check_labels(const char *text, char labels[NODE_LABELS_BYTES], struct fail *fail)
{
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	bool is_good = json_is_object(object) && json_object_size(object) <= 32;
	const char *key;
	json_t *value;

	if (is_good) {
		json_object_foreach(object, key, value) {
			is_good = is_good && is_label(key, value);
		}
	}
	char *dump = is_good ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	is_good = dump != NULL && strlen(dump) < NODE_LABELS_BYTES;
	if (is_good) {
		memcpy(labels, dump, strlen(dump) + 1);
	}
	free(dump);
	json_decref(object);
	return is_good || fail_set(fail, FAIL_INVALID,
				   "Labels are an object of up to 32 strings, 1023 bytes in all: names of letters, "
				   "digits and \"._-/\", values of up to 127 bytes.");
}

static void plan_labels(struct fleet *fleet, const struct node *node, const char *labels, const struct fleet_who *who,
			struct change *change)
{
	change->text = labels;
	change->apply = label_apply;
	happening_make(fleet, &change->happening, "node.labelled", node->id, who, "%s has the labels %s.",
		       node_name(node), labels);
}

static bool cordon_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct change *change = argument;

	return SET("cordoned = ?, generation = generation + 1", "u", (unsigned)change->is_on);
}

static void cordon_apply(struct fleet *fleet, struct node *node, const struct change *change)
{
	node->is_cordoned = change->is_on;
	node->generation++;
	want_make(fleet, node);
}

static void plan_cordon(struct fleet *fleet, const struct node *node, bool on, const struct fleet_who *who,
			struct change *change)
{
	change->is_on = on;
	change->apply = cordon_apply;
	happening_make(fleet, &change->happening, on ? "node.cordoned" : "node.uncordoned", node->id, who,
		       "%s was %s.", node_name(node), on ? "cordoned" : "uncordoned");
}

/* --- several columns, all or none --- */

struct edit {
	unsigned count;
	struct change changes[3];
	store_work *works[3];
};

static struct change *add(struct edit *edit, struct fleet *fleet, const struct node *node, uint64_t rev,
			  store_work *work)
{
	/* The first holds the rev; those behind it follow on what it makes in the same transaction. */
	begin(&edit->changes[edit->count], fleet, node, edit->count == 0 ? rev : 0);
	edit->works[edit->count] = work;
	return &edit->changes[edit->count++];
}

static bool edit_work(struct sql *sql, void *argument, struct fail *fail)
{
	struct edit *edit = argument;

	for (unsigned i = 0; i < edit->count; i++) {
		if (!edit->works[i](sql, &edit->changes[i], fail)) {
			return false;
		}
	}
	return true;
}

static void edit_done(void *argument, const struct fail *fail)
{
	const struct edit *edit = argument;

	if (fail != NULL) {
		return;
	}
	struct fleet *fleet = edit->changes[0].fleet;

	fleet_lock(fleet);
	for (unsigned i = 0; i < edit->count; i++) {
		make_known(fleet, &edit->changes[i]);
	}
	fleet_unlock(fleet);
}

bool fleet_edit(struct fleet *fleet, const char *id, const struct fleet_edit *wanted, uint64_t rev,
		const struct fleet_who *who, struct fail *fail)
{
	struct edit edit = {.count = 0};
	char labels[NODE_LABELS_BYTES];

	if ((wanted->name != NULL && !is_name(wanted->name, fail)) ||
	    (wanted->labels != NULL && !fleet_check_labels(wanted->labels, labels, fail))) {
		return false;
	}
	fleet_lock(fleet);
	const struct node *node = find(fleet, id, rev, fail);

	if (node != NULL && wanted->name != NULL &&
	    !plan_name(fleet, node, wanted->name, who, add(&edit, fleet, node, rev, rename_work), fail)) {
		node = NULL;
	}
	if (node != NULL && wanted->labels != NULL) {
		plan_labels(fleet, node, labels, who, add(&edit, fleet, node, rev, label_work));
	}
	if (node != NULL && wanted->cordoned != NULL && node->is_cordoned != *wanted->cordoned) {
		plan_cordon(fleet, node, *wanted->cordoned, who, add(&edit, fleet, node, rev, cordon_work));
	}
	fleet_unlock(fleet);
	return node != NULL &&
	       (edit.count == 0 || store_change(fleet->options.store, edit_work, edit_done, &edit, fail));
}

bool fleet_rename(struct fleet *fleet, const char *id, const char *name, uint64_t rev, const struct fleet_who *who,
		  struct fail *fail)
{
	return fleet_edit(fleet, id, &(struct fleet_edit){.name = name}, rev, who, fail);
}

bool fleet_label(struct fleet *fleet, const char *id, const char *labels_json, uint64_t rev,
		 const struct fleet_who *who, struct fail *fail)
{
	return fleet_edit(fleet, id, &(struct fleet_edit){.labels = labels_json}, rev, who, fail);
}

bool fleet_cordon(struct fleet *fleet, const char *id, bool on, uint64_t rev, const struct fleet_who *who,
		  struct fail *fail)
{
	return fleet_edit(fleet, id, &(struct fleet_edit){.cordoned = &on}, rev, who, fail);
}

/* --- orders --- */

/* A node that can be told something. */
static struct node *find_heard(struct fleet *fleet, const char *id, const char *what, struct fail *fail)
{
	struct node *node = find(fleet, id, 0, fail);
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
	struct node *node = find(fleet, id, 0, fail);

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
