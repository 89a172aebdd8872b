/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be done to a node, and --wait: the command asks again, a few times a second, until the node is where it was
 * to come, until it clearly does not come there, or until the time is over.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ctl/command.h"
#include "ctl/find.h"
#include "ctl/show.h"

enum { PATH_ROOM = 160, LOOK_MS = 250, APPROVE_AT_ONCE = 1000, BOOT_ID_BYTES = 32 };

enum goal { GOAL_RUNNING, GOAL_OFF, GOAL_NEW_BOOT, GOAL_GUESTS };

/* What the node was before the command. */
struct before {
	char boot[BOOT_ID_BYTES];
	double restarts; /* of its guests, together */
};

static enum ctl_exit read_node(const struct ctl *ctl, const char *id, json_t **node)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "/api/v1/nodes/%s?whole=0", id);
	return ctl_ask(ctl, "GET", path, NULL, node);
}

static double restarts_of(const json_t *node)
{
	double sum = 0;
	size_t i;
	json_t *guest;

	json_array_foreach(json_object_get(node, "guests"), i, guest)
	{
		sum += show_number(guest, "restarts");
	}
	return sum;
}

static enum ctl_exit look_before(const struct ctl *ctl, const char *id, struct before *before)
{
	json_t *node;
	const enum ctl_exit how = read_node(ctl, id, &node);

	if (how == CTL_OK) {
		snprintf(before->boot, sizeof(before->boot), "%s",
			 show_text(json_object_get(node, "boot"), "id"));
		before->restarts = restarts_of(node);
		json_decref(node);
	}
	return how;
}

/* 1: there; 0: not yet; -1: it will not come there. */
static int is_there(const json_t *node, enum goal goal, const struct before *before)
{
	const char *state = show_text(node, "state");
	const char *boot = show_text(json_object_get(node, "boot"), "id");
	const bool is_running = strcmp(state, "running") == 0;
	const bool is_new = boot[0] != '\0' && strcmp(boot, before->boot) != 0;

	switch (goal) {
	case GOAL_OFF:
		return strcmp(show_text(node, "stage"), "off") == 0;
	case GOAL_NEW_BOOT:
		return is_running && is_new ? 1 : is_new && strcmp(state, "failed") == 0 ? -1 : 0;
	case GOAL_GUESTS:
		return is_running && restarts_of(node) > before->restarts ? 1
		       : strcmp(state, "failed") == 0			  ? -1
									  : 0;
	default:
		return is_running						     ? 1
		       : strcmp(state, "failed") == 0 || strcmp(state, "clash") == 0 ? -1
										     : 0;
	}
}

static void look_later(void)
{
	nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
}

/* *node is the node as it was seen last. */
static enum ctl_exit wait_for(const struct ctl *ctl, const char *id, enum goal goal,
			      const struct before *before, uint64_t until_ms, json_t **node)
{
	for (;; look_later()) {
		json_decref(*node);
		*node = NULL;
		const enum ctl_exit how = read_node(ctl, id, node);
		if (how != CTL_OK) {
			return how;
		}
		const int there = is_there(*node, goal, before);
		if (there > 0) {
			return CTL_OK;
		}
		if (there < 0) {
			return ctl_say(ctl, CTL_FAILED, "%s is %s: %s Next step: %s", id,
				       show_text(*node, "state"), show_text(*node, "why"),
				       show_text(*node, "next"));
		}
		if (clock_ms() >= until_ms) {
			return ctl_say(ctl, CTL_TIMED_OUT,
				       "%s is %s after %llu s: %s --timeout gives it longer", id,
				       show_text(*node, "state"),
				       (unsigned long long)(ctl_wait_ms(ctl) / 1000),
				       show_text(*node, "why"));
		}
	}
}

static void tell(const struct ctl *ctl, const json_t *node, const char *what)
{
	const char *name = show_text(node, "name");
	char clean[600];
	char text[600];

	if (ctl_has(ctl, OPT_JSON)) {
		ctl_print_json(ctl, node);
		return;
	}
	snprintf(text, sizeof(text), "%s%s%s%s: %s", show_text(node, "id"),
		 name[0] == '\0' ? "" : " (", name, name[0] == '\0' ? "" : ")", what);
	show_clean(clean, sizeof(clean), text);
	fprintf(ctl->out, "%s\n", clean);
}

static enum ctl_exit post(const struct ctl *ctl, const char *id, const char *action, json_t *body,
			  json_t **answer)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "/api/v1/nodes/%s/%s", id, action);
	return ctl_ask(ctl, "POST", path, body, answer);
}

/* An action that is over when it is answered. */
static enum ctl_exit act(struct ctl *ctl, const char *action, const char *what, json_t *body)
{
	char id[FIND_ID_BYTES];
	json_t *node = NULL;
	enum ctl_exit how = find_node(ctl, ctl->arguments[0], id);

	if (how == CTL_OK) {
		how = post(ctl, id, action, body, &node);
	}
	if (how == CTL_OK) {
		tell(ctl, node, what);
	}
	json_decref(node);
	json_decref(body);
	return how;
}

static enum ctl_exit patch(struct ctl *ctl, const char *id, json_t *body, const char *what)
{
	char path[PATH_ROOM];
	json_t *node = NULL;

	snprintf(path, sizeof(path), "/api/v1/nodes/%s", id);
	const enum ctl_exit how = ctl_ask(ctl, "PATCH", path, body, &node);
	if (how == CTL_OK) {
		tell(ctl, node, what);
	}
	json_decref(node);
	json_decref(body);
	return how;
}

enum ctl_exit node_reject(struct ctl *ctl)
{
	return act(ctl, "reject", "rejected", NULL);
}

enum ctl_exit node_retire(struct ctl *ctl)
{
	char question[400];
	char clean[400];

	snprintf(question, sizeof(question), "Retire %s for good?", ctl->arguments[0]);
	show_clean(clean, sizeof(clean), question);
	const enum ctl_exit how = ctl_confirm(ctl, clean);
	return how == CTL_OK ? act(ctl, "retire", "retired", NULL) : how;
}

enum ctl_exit node_locate(struct ctl *ctl)
{
	const bool is_off = ctl_has(ctl, OPT_OFF);

	return act(ctl, "locate", is_off ? "is looked for no more" : "is looked for",
		   json_pack("{sb}", "on", is_off ? 0 : 1));
}

static enum ctl_exit set_cordon(struct ctl *ctl, bool on)
{
	char id[FIND_ID_BYTES];
	const enum ctl_exit how = find_node(ctl, ctl->arguments[0], id);

	return how != CTL_OK ? how
			     : patch(ctl, id, json_pack("{sb}", "cordoned", on ? 1 : 0),
				     on ? "cordoned" : "not cordoned");
}

enum ctl_exit node_cordon(struct ctl *ctl)
{
	return set_cordon(ctl, true);
}

enum ctl_exit node_uncordon(struct ctl *ctl)
{
	return set_cordon(ctl, false);
}

enum ctl_exit node_rename(struct ctl *ctl)
{
	char id[FIND_ID_BYTES];
	const enum ctl_exit how = find_node(ctl, ctl->arguments[0], id);

	return how != CTL_OK
		       ? how
		       : patch(ctl, id, json_pack("{ss}", "name", ctl->arguments[1]), "renamed");
}

/* KEY=VALUE sets, KEY- takes away. */
static enum ctl_exit change_label(const struct ctl *ctl, json_t *labels, const char *word)
{
	char key[CTL_WORD_MOST + 1];
	const char *equals = strchr(word, '=');
	const size_t count = equals != NULL ? (size_t)(equals - word) : strlen(word);

	if (count == 0 || (equals == NULL && (count == 1 || word[count - 1] != '-'))) {
		return ctl_say(ctl, CTL_USAGE,
			       "\"%.80s\" is no label: KEY=VALUE sets one, KEY- takes it away",
			       word);
	}
	snprintf(key, sizeof(key), "%.*s", (int)(equals != NULL ? count : count - 1), word);
	if (equals == NULL) {
		(void)json_object_del(labels, key);
		return CTL_OK;
	}
	return json_object_set_new(labels, key, json_string(equals + 1)) == 0
		       ? CTL_OK
		       : ctl_say(ctl, CTL_USAGE, "the label \"%.80s\" is not UTF-8", word);
}

enum ctl_exit node_label(struct ctl *ctl)
{
	char id[FIND_ID_BYTES];
	json_t *node;
	enum ctl_exit how = find_node(ctl, ctl->arguments[0], id);

	how = how == CTL_OK ? read_node(ctl, id, &node) : how;
	if (how != CTL_OK) {
		return how;
	}
	json_t *labels = json_copy(json_object_get(node, "labels"));
	json_decref(node);
	for (unsigned i = 1; i < ctl->argument_count && how == CTL_OK; i++) {
		how = change_label(ctl, labels, ctl->arguments[i]);
	}
	if (how != CTL_OK) {
		json_decref(labels);
		return how;
	}
	return patch(ctl, id, json_pack("{so}", "labels", labels), "labelled");
}

/* --- approval --- */

static enum ctl_exit choose(struct ctl *ctl, json_t *ids)
{
	char id[FIND_ID_BYTES];
	json_t *nodes;
	size_t i;
	json_t *node;

	if (ctl_has(ctl, OPT_ALL_PENDING) == (ctl->argument_count > 0)) {
		return ctl_say(ctl, CTL_USAGE, "name nodes, or say --all-pending, and not both");
	}
	for (unsigned n = 0; n < ctl->argument_count; n++) {
		const enum ctl_exit how = find_node(ctl, ctl->arguments[n], id);
		if (how != CTL_OK) {
			return how;
		}
		json_array_append_new(ids, json_string(id));
	}
	if (ctl->argument_count > 0) {
		return CTL_OK;
	}
	const enum ctl_exit how = ctl_list(ctl, "/api/v1/nodes", "state=pending", 0, &nodes);
	if (how == CTL_OK) {
		json_array_foreach(nodes, i, node)
		{
			json_array_append(ids, json_object_get(node, "id"));
		}
		json_decref(nodes);
	}
	return how;
}

static enum ctl_exit tell_results(const struct ctl *ctl, const json_t *results)
{
	enum ctl_exit how = CTL_OK;
	size_t i;
	json_t *result;

	json_array_foreach(results, i, result)
	{
		if (json_is_true(json_object_get(result, "ok"))) {
			if (!ctl_has(ctl, OPT_JSON)) {
				fprintf(ctl->out, "%s: approved\n", show_text(result, "id"));
			}
			continue;
		}
		const json_t *problem = json_object_get(result, "problem");
		const double status = show_number(problem, "status");
		how = ctl_say(ctl,
			      status == 404   ? CTL_NOT_FOUND
			      : status == 409 ? CTL_CONFLICT
					      : CTL_FAILED,
			      "%s: %s", show_text(result, "id"), show_text(problem, "detail"));
	}
	return how;
}

static enum ctl_exit wait_for_all(const struct ctl *ctl, const json_t *ids)
{
	const uint64_t until_ms = clock_ms() + ctl_wait_ms(ctl);
	const struct before before = {0};
	enum ctl_exit worst = CTL_OK;
	size_t i;
	json_t *id;

	json_array_foreach(ids, i, id)
	{
		json_t *node = NULL;
		const enum ctl_exit how = wait_for(ctl, json_string_value(id), GOAL_RUNNING,
						   &before, until_ms, &node);
		if (how == CTL_OK) {
			tell(ctl, node, "runs");
		}
		worst = how != CTL_OK ? how : worst;
		json_decref(node);
	}
	return worst;
}

enum ctl_exit node_approve(struct ctl *ctl)
{
	json_t *ids = json_array();
	json_t *all = json_array();
	enum ctl_exit how = choose(ctl, ids);

	for (size_t from = 0; how == CTL_OK && from < json_array_size(ids);
	     from += APPROVE_AT_ONCE) {
		json_t *some = json_array();
		json_t *answer;
		for (size_t i = from; i < json_array_size(ids) && i < from + APPROVE_AT_ONCE; i++) {
			json_array_append(some, json_array_get(ids, i));
		}
		json_t *body = json_pack("{so}", "ids", some);
		how = ctl_ask(ctl, "POST", "/api/v1/nodes/approve", body, &answer);
		json_decref(body);
		if (how == CTL_OK) {
			how = tell_results(ctl, json_object_get(answer, "results"));
			json_array_extend(all, json_object_get(answer, "results"));
			json_decref(answer);
		}
	}
	if (ctl_has(ctl, OPT_JSON) && json_array_size(all) > 0 && !ctl_has(ctl, OPT_WAIT)) {
		json_t *json = json_pack("{sO}", "results", all);
		ctl_print_json(ctl, json);
		json_decref(json);
	} else if (how == CTL_OK && json_array_size(ids) == 0 && !ctl_has(ctl, OPT_JSON)) {
		fputs("no node waits for approval\n", ctl->out);
	}
	if (how == CTL_OK && ctl_has(ctl, OPT_WAIT)) {
		how = wait_for_all(ctl, ids);
	}
	json_decref(ids);
	json_decref(all);
	return how;
}

/* --- actions that take longer --- */

static enum ctl_exit wait_for_operation(const struct ctl *ctl, const char *id, uint64_t until_ms,
					json_t **operation)
{
	char path[PATH_ROOM];

	if (strlen(id) > 40 || strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(id)) {
		return ctl_say(ctl, CTL_NOT_FOUND,
			       "\"%.60s\" is no operation; its id begins with o-", id);
	}
	for (;; look_later()) {
		json_decref(*operation);
		*operation = NULL;
		snprintf(path, sizeof(path), "/api/v1/operations/%s", id);
		const enum ctl_exit how = ctl_ask(ctl, "GET", path, NULL, operation);
		if (how != CTL_OK || strcmp(show_text(*operation, "state"), "running") != 0 ||
		    !ctl_has(ctl, OPT_WAIT)) {
			return how;
		}
		if (clock_ms() >= until_ms) {
			return ctl_say(ctl, CTL_TIMED_OUT, "operation %s still runs after %llu s",
				       id, (unsigned long long)(ctl_wait_ms(ctl) / 1000));
		}
	}
}

/* The operation, then the node. */
static enum ctl_exit wait_for_both(const struct ctl *ctl, const char *operation_id, const char *id,
				   enum goal goal, const struct before *before, json_t **node)
{
	const uint64_t until_ms = clock_ms() + ctl_wait_ms(ctl);
	json_t *operation = NULL;
	enum ctl_exit how = wait_for_operation(ctl, operation_id, until_ms, &operation);

	if (how == CTL_OK && strcmp(show_text(operation, "state"), "failed") == 0) {
		how = ctl_say(ctl, CTL_FAILED, "%s of %s failed: %s", show_text(operation, "kind"),
			      id, show_text(operation, "text"));
	}
	json_decref(operation);
	return how == CTL_OK ? wait_for(ctl, id, goal, before, until_ms, node) : how;
}

static enum ctl_exit start(struct ctl *ctl, const char *action, json_t *body, enum goal goal,
			   const char *what)
{
	char id[FIND_ID_BYTES];
	char text[200];
	struct before before = {0};
	json_t *answer = NULL;
	json_t *node = NULL;
	enum ctl_exit how = find_node(ctl, ctl->arguments[0], id);

	how = how == CTL_OK && ctl_has(ctl, OPT_WAIT) ? look_before(ctl, id, &before) : how;
	how = how == CTL_OK ? post(ctl, id, action, body, &answer) : how;
	json_decref(body);
	if (how == CTL_OK && !ctl_has(ctl, OPT_WAIT)) {
		if (ctl_has(ctl, OPT_JSON)) {
			ctl_print_json(ctl, answer);
		} else {
			fprintf(ctl->out,
				"%s: %s; `aetherctl operation show %s` says how it stands\n", id,
				what, show_text(answer, "id"));
		}
	} else if (how == CTL_OK) {
		how = wait_for_both(ctl, show_text(answer, "id"), id, goal, &before, &node);
	}
	if (how == CTL_OK && node != NULL) {
		snprintf(text, sizeof(text), "%s, and is %s now", what, show_text(node, "state"));
		tell(ctl, node, text);
	}
	json_decref(answer);
	json_decref(node);
	return how;
}

enum ctl_exit node_reboot(struct ctl *ctl)
{
	return start(ctl, "reboot", NULL, GOAL_NEW_BOOT, "is told to reboot");
}

enum ctl_exit node_power(struct ctl *ctl)
{
	const char *action = ctl->arguments[1];
	const bool is_off = strcmp(action, "off") == 0;
	const bool is_reset = strcmp(action, "reset") == 0;

	if (!is_off && !is_reset && strcmp(action, "on") != 0) {
		return ctl_say(ctl, CTL_USAGE, "power is on, off or reset, not \"%.40s\"", action);
	}
	return start(ctl, "power", json_pack("{ss}", "action", action),
		     is_off	? GOAL_OFF
		     : is_reset ? GOAL_NEW_BOOT
				: GOAL_RUNNING,
		     is_off	? "is powered off"
		     : is_reset ? "is reset"
				: "is powered on");
}

enum ctl_exit node_restart_guests(struct ctl *ctl)
{
	char id[FIND_ID_BYTES];
	struct before before = {0};
	json_t *node = NULL;
	enum ctl_exit how = find_node(ctl, ctl->arguments[0], id);

	how = how == CTL_OK && ctl_has(ctl, OPT_WAIT) ? look_before(ctl, id, &before) : how;
	how = how == CTL_OK ? post(ctl, id, "restart-guests", NULL, &node) : how;
	if (how == CTL_OK && ctl_has(ctl, OPT_WAIT)) {
		how = wait_for(ctl, id, GOAL_GUESTS, &before, clock_ms() + ctl_wait_ms(ctl), &node);
	}
	if (how == CTL_OK) {
		tell(ctl, node,
		     ctl_has(ctl, OPT_WAIT) ? "its guests run again" : "its guests start again");
	}
	json_decref(node);
	return how;
}

enum ctl_exit operation_show(struct ctl *ctl)
{
	json_t *operation = NULL;
	enum ctl_exit how = wait_for_operation(ctl, ctl->arguments[0],
					       clock_ms() + ctl_wait_ms(ctl), &operation);

	if (how == CTL_OK && ctl_has(ctl, OPT_JSON)) {
		ctl_print_json(ctl, operation);
	} else if (how == CTL_OK) {
		const char *state = show_text(operation, "state");
		show_field(ctl, "operation", SHOW_PLAIN, "%s", show_text(operation, "id"));
		show_field(ctl, "kind", SHOW_PLAIN, "%s", show_text(operation, "kind"));
		show_field(ctl, "node", SHOW_PLAIN, "%s", show_text(operation, "node"));
		show_field(ctl, "state", show_state_color(state), "%s", state);
		show_field(ctl, "why", SHOW_PLAIN, "%s", show_text(operation, "text"));
		show_field(ctl, "created", SHOW_PLAIN, "%s", show_text(operation, "created"));
		show_field(ctl, "ended", SHOW_PLAIN, "%s", show_text(operation, "ended"));
	}
	how = how == CTL_OK && ctl_has(ctl, OPT_WAIT) &&
			      strcmp(show_text(operation, "state"), "failed") == 0
		      ? CTL_FAILED
		      : how;
	json_decref(operation);
	return how;
}
