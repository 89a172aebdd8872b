/* SPDX-License-Identifier: Apache-2.0 */
/* Events, as a list and as they come: the oldest first, as a log reads. */
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/find.h"
#include "ctl/follow.h"
#include "ctl/show.h"

struct following {
	struct ctl *ctl;
	const char *node; /* ""; all */
	double newest; /* index that was printed */
};

static void print_event(const struct ctl *ctl, const json_t *event)
{
	char line[900];
	char clean[900];
	const char *node = show_text(event, "node");
	const char *actor = show_text(event, "actor");

	if (ctl_has(ctl, OPT_JSON)) {
		ctl_print_json(ctl, event);
		return;
	}
	snprintf(line, sizeof(line), "%.19sZ  %-12s  %s%s%s%s", show_text(event, "time"),
		 node[0] == '\0' ? "-" : node, show_text(event, "text"),
		 actor[0] == '\0' ? "" : " (by ", actor, actor[0] == '\0' ? "" : ")");
	show_clean(clean, sizeof(clean), line);
	fprintf(ctl->out, "%s\n", clean);
	fflush(ctl->out);
}

static enum ctl_exit read_events(const struct ctl *ctl, const char *node, json_t **events)
{
	char query[128] = "";
	const char *limit = ctl->values[OPT_LIMIT];
	const unsigned long most = limit == NULL ? 50 : strtoul(limit, NULL, 10);

	*events = NULL;
	if (most < 1 || most > 10000) {
		return ctl_say(ctl, CTL_USAGE, "--limit takes a number from 1 to 10000");
	}
	ctl_add_query(query, sizeof(query), "node", node[0] == '\0' ? NULL : node);
	return ctl_list(ctl, "/api/v1/events", query, (unsigned)most, events);
}

static enum ctl_exit print_kept(struct following *following)
{
	const struct ctl *ctl = following->ctl;
	json_t *events;
	const enum ctl_exit how = read_events(ctl, following->node, &events);

	if (how != CTL_OK) {
		return how;
	}
	if (ctl_has(ctl, OPT_JSON) && !ctl_has(ctl, OPT_WATCH)) {
		json_t *json = json_pack("{sO}", "items", events);
		ctl_print_json(ctl, json);
		json_decref(json);
	} else {
		for (size_t i = json_array_size(events); i > 0; i--) {
			print_event(ctl, json_array_get(events, i - 1));
		}
	}
	following->newest = show_number(json_array_get(events, 0), "index");
	json_decref(events);
	return CTL_OK;
}

static enum follow_act heard(void *argument, const char *type, json_t *json)
{
	struct following *following = argument;
	const double index = show_number(json, "index");

	if (strcmp(type, "resync") == 0) {
		ctl_say(following->ctl, CTL_OK,
			"some events were too old to be told again; `aetherctl event list` has "
			"them");
	} else if (strcmp(type, "event") == 0 && index > following->newest &&
		   (following->node[0] == '\0' ||
		    strcmp(following->node, show_text(json, "node")) == 0)) {
		following->newest = index;
		print_event(following->ctl, json);
	}
	return ferror(following->ctl->out) ? FOLLOW_END : FOLLOW_ON;
}

/* Once; what came while the stream was away comes with it. */
static enum ctl_exit opened(void *argument)
{
	struct following *following = argument;

	return following->newest == 0 && ctl_has(following->ctl, OPT_WATCH) ? print_kept(following)
									    : CTL_OK;
}

static enum ctl_exit run(struct ctl *ctl, bool follows)
{
	char id[FIND_ID_BYTES] = "";
	struct following following = {.ctl = ctl, .node = id};
	const struct follow follow = {
		.topics = "events", .heard = heard, .opened = opened, .argument = &following};
	const enum ctl_exit how =
		ctl_has(ctl, OPT_NODE) ? find_node(ctl, ctl->values[OPT_NODE], id) : CTL_OK;

	if (how != CTL_OK) {
		return how;
	}
	return follows ? follow_run(ctl, &follow) : print_kept(&following);
}

enum ctl_exit event_list(struct ctl *ctl)
{
	return run(ctl, ctl_has(ctl, OPT_WATCH));
}

enum ctl_exit event_follow(struct ctl *ctl)
{
	return run(ctl, true);
}
