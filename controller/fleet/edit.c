/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people write down of a node: name, labels, cordon. Several fields are one change: one statement, one revision,
 * all or nothing; each is an event of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "fleet/own.h"

enum { FIELDS = 3 };

struct edit {
	struct fleet *fleet;
	char id[ID_BYTES];
	uint64_t rev; /* 0: whatever it is */
	int64_t at_ms;
	const char *name, *labels; /* NULL: as it is */
	bool is_cordon, is_on; /* is_cordon: it changes to is_on */
	struct happening happenings[FIELDS];
	unsigned count;
};

static bool work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct edit *edit = argument;

	/* Two that ask for one name at once: the condition decides. */
	if (!sql_run(sql, fail,
		     "UPDATE node SET name = COALESCE(?1, name), labels = COALESCE(?2, labels), "
		     "cordoned = CASE WHEN ?3 THEN ?4 ELSE cordoned END, generation = generation + ?3, "
		     "rev = rev + 1, changed_ms = ?5 WHERE id = ?6 AND (?7 = 0 OR rev = ?7) AND "
		     "(COALESCE(?1, '') = '' OR NOT EXISTS (SELECT 1 FROM node AS other WHERE other.id <> ?6 AND "
		     "(other.name = ?1 OR (other.name = '' AND other.id = ?1))))",
		     "ttuuiti", edit->name, edit->labels, (unsigned)edit->is_cordon, (unsigned)edit->is_on,
		     edit->at_ms, edit->id, (int64_t)edit->rev)) {
		return false;
	}
	if (sql_changes(sql) != 1) {
		return edit->name == NULL ? fail_set(fail, FAIL_STALE,
						     "%s has changed in the meantime: read it again.", edit->id)
					  : fail_set(fail, FAIL_CONFLICT,
						     "%s has changed in the meantime, or another node has the name %s.",
						     edit->id, edit->name);
	}
	for (unsigned i = 0; i < edit->count; i++) {
		if (!happening_store(sql, &edit->happenings[i], fail)) {
			return false;
		}
	}
	return true;
}

static void done(void *argument, const struct fail *fail)
{
	struct edit *edit = argument;
	struct fleet *fleet = edit->fleet;

	if (fail != NULL) {
		return;
	}
	fleet_lock(fleet);
	struct node *node = node_by_id(fleet, edit->id);

	if (node != NULL) {
		node->rev++;
		if (edit->name != NULL) {
			(void)snprintf(node->name, sizeof(node->name), "%s", edit->name);
		}
		if (edit->labels != NULL) {
			node_set_text(&node->labels, edit->labels);
		}
		if (edit->is_cordon) {
			node->is_cordoned = edit->is_on;
			node->generation++;
			want_make(fleet, node);
		}
		node_dirty(fleet, node);
	}
	for (unsigned i = 0; i < edit->count; i++) {
		happening_publish(fleet, &edit->happenings[i]);
	}
	fleet_unlock(fleet);
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

/* The node as it is now, with the lock held; NULL: *fail. */
static const struct node *find(struct fleet *fleet, const char *id, const char *name, uint64_t rev, struct fail *fail)
{
	const struct node *node = node_to_change(fleet, id, rev, fail);

	if (node != NULL && name != NULL && is_taken(fleet, node, name)) {
		(void)fail_set(fail, FAIL_CONFLICT, "Another node has the name %s: choose another one.", name);
		return NULL;
	}
	return node;
}

static void tell(struct edit *edit, const struct node *node, const struct fleet_who *who)
{
	const char *was = node_name(node);

	if (edit->name != NULL) {
		happening_make(edit->fleet, &edit->happenings[edit->count++], "node.renamed", node->id, who,
			       "%s is now called %s.", was, edit->name[0] != '\0' ? edit->name : node->id);
	}
	if (edit->labels != NULL) {
		happening_make(edit->fleet, &edit->happenings[edit->count++], "node.labelled", node->id, who,
			       "%s has the labels %s.", was, edit->labels);
	}
	if (edit->is_cordon) {
		happening_make(edit->fleet, &edit->happenings[edit->count++],
			       edit->is_on ? "node.cordoned" : "node.uncordoned", node->id, who, "%s was %s.", was,
			       edit->is_on ? "cordoned" : "uncordoned");
	}
}

bool fleet_edit(struct fleet *fleet, const char *id, const struct fleet_edit *wish, uint64_t rev,
		const struct fleet_who *who, struct fail *fail)
{
	struct edit edit = {.fleet = fleet, .rev = rev, .at_ms = clock_wall_ms(), .name = wish->name};
	char labels[NODE_LABELS_BYTES];

	if ((wish->name != NULL && !is_name(wish->name, fail)) ||
	    (wish->labels != NULL && !fleet_check_labels(wish->labels, labels, fail))) {
		return false;
	}
	edit.labels = wish->labels != NULL ? labels : NULL;
	fleet_lock(fleet);
	const struct node *node = find(fleet, id, wish->name, rev, fail);

	if (node != NULL) {
		memcpy(edit.id, node->id, sizeof(edit.id));
		edit.is_cordon = wish->cordoned != NULL && *wish->cordoned != node->is_cordoned;
		edit.is_on = edit.is_cordon && *wish->cordoned;
		tell(&edit, node, who);
	}
	fleet_unlock(fleet);
	return node != NULL && (edit.count == 0 || store_change(fleet->options.store, work, done, &edit, fail));
}
