/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room for strangers. Anybody on the wire can make nodes that are discovered or pending: they are bounded, and the one
 * that was silent the longest gives its place, in memory only once its rows are gone. One that waits says hello again
 * every few seconds, so that a flood of made-up addresses pushes out itself. Approved nodes, and those that a clash
 * makes, have room behind that bound.
 */
#include <stdio.h>
#include <string.h>

#include "fleet/own.h"

static uint64_t heard_of(const struct node *node)
{
	return node->seen_ms > node->heard.at_ms ? node->seen_ms : node->heard.at_ms;
}

static bool may_leave(const struct node *node)
{
	return (node->admission == ADMISSION_DISCOVERED || node->admission == ADMISSION_PENDING) && node->rev != 0 &&
	       node->clash[0] == '\0' && !node->is_leaving && !node->is_splitting;
}

static bool is_full(const struct fleet *fleet)
{
	return fleet->discovered + fleet->pending - fleet->leaving >= FLEET_STRANGERS_MAX ||
	       fleet->count - fleet->leaving >= FLEET_NODES_MAX - FLEET_CLASH_ROOM;
}

/* The oldest, newest of them first. */
static void collect(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->count; i++) {
		const struct node *node = fleet->nodes[i];
		const uint64_t at_ms = heard_of(node);
		unsigned at = fleet->stale_count;

		if (!may_leave(node) || (at == FLEET_STALE_MAX && at_ms >= fleet->stale[0].at_ms)) {
			continue;
		}
		if (at == FLEET_STALE_MAX) {
			memmove(&fleet->stale[0], &fleet->stale[1], (--at) * sizeof(fleet->stale[0]));
		}
		fleet->stale_count = at + 1;
		while (at > 0 && fleet->stale[at - 1].at_ms < at_ms) {
			fleet->stale[at] = fleet->stale[at - 1];
			at--;
		}
		fleet->stale[at].at_ms = at_ms;
		memcpy(fleet->stale[at].id, node->id, sizeof(fleet->stale[at].id));
	}
}

/* One look at all nodes serves for many. */
static struct node *oldest(struct fleet *fleet)
{
	for (unsigned turn = 0; turn < 2; turn++) {
		while (fleet->stale_count > 0) {
			const struct stale *stale = &fleet->stale[--fleet->stale_count];
			struct node *node = node_by_id(fleet, stale->id);

			if (node != NULL && may_leave(node) && heard_of(node) == stale->at_ms) {
				return node;
			}
		}
		if (turn == 0) {
			collect(fleet);
		}
	}
	return NULL;
}

bool place_make(struct fleet *fleet, struct place *place)
{
	*place = (struct place){.went = false};
	if (!is_full(fleet)) {
		return true;
	}
	struct node *node = oldest(fleet);

	if (node == NULL) {
		return false;
	}
	node->is_leaving = true;
	fleet->leaving++;
	memcpy(place->drop, node->id, sizeof(place->drop));
	return true;
}

#define WAITS "(SELECT 1 FROM node WHERE id = ? AND admission IN ('discovered', 'pending') AND clash = '')"

bool place_work(struct sql *sql, struct place *place, struct fail *fail)
{
	place->went = false;
	if (place->drop[0] == '\0') {
		return true;
	}
	if (!sql_run(sql, fail, "DELETE FROM mac WHERE node = ? AND EXISTS " WAITS, "tt", place->drop, place->drop) ||
	    !sql_run(sql, fail, "DELETE FROM boot WHERE node = ? AND EXISTS " WAITS, "tt", place->drop, place->drop) ||
	    !sql_run(sql, fail,
		     "DELETE FROM node WHERE id = ? AND admission IN ('discovered', 'pending') AND clash = ''", "t",
		     place->drop)) {
		return false;
	}
	place->went = sql_changes(sql) == 1;
	return true;
}

void place_done(struct fleet *fleet, const struct place *place, bool is_stored)
{
	struct node *node = place->drop[0] == '\0' ? NULL : node_by_id(fleet, place->drop);

	if (node == NULL) {
		return;
	}
	if (is_stored && place->went) {
		place_gone(fleet, node);
	} else {
		node->is_leaving = false;
		fleet->leaving--;
	}
}

void place_gone(struct fleet *fleet, struct node *node)
{
	char gone[64];
	const int length = snprintf(gone, sizeof(gone), "{\"id\":\"%s\"}", node->id);

	node_free(fleet, node);
	(void)bus_publish(fleet->options.bus, BUS_NODES, "node.gone", 0, gone, (size_t)length);
}
