/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One watch of the link for each console that somebody looks at, counted. The API names a place by its offset alone:
 * when a node begins a new boot its offsets begin at 0 again, and a place behind the end is then of the boot before.
 */
#include "main/bridge.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/log.h"
#include "link/console.h"

struct watched {
	struct watched *next;
	char node[ID_BYTES];
	unsigned slot, count;
	struct console_watch *watch; /* NULL: there was no room for it */
};

struct bridge {
	struct link *link;
	struct api *api;
	pthread_mutex_t lock; /* of what is watched; never taken by on_change() */
	struct watched *first;
};

struct bridge *bridge_new(struct link *link, struct fail *fail)
{
	struct bridge *bridge = calloc(1, sizeof(*bridge));

	if (bridge == NULL) {
		fail_set(fail, FAIL_INTERNAL, "no memory for the consoles");
		return NULL;
	}
	bridge->link = link;
	pthread_mutex_init(&bridge->lock, NULL);
	return bridge;
}

void bridge_set_api(struct bridge *bridge, struct api *api)
{
	bridge->api = api;
}

void bridge_free(struct bridge *bridge)
{
	if (bridge == NULL) {
		return;
	}
	while (bridge->first != NULL) {
		struct watched *watched = bridge->first;

		bridge->first = watched->next;
		if (watched->watch != NULL) {
			console_unwatch(bridge->link, watched->watch);
		}
		free(watched);
	}
	pthread_mutex_destroy(&bridge->lock);
	free(bridge);
}

static void on_change(void *argument)
{
	api_console_changed(((struct bridge *)argument)->api);
}

/* The lock held. The place in the list, which ends in NULL. */
static struct watched **find(struct bridge *bridge, const char *node, unsigned slot)
{
	struct watched **at = &bridge->first;

	while (*at != NULL && ((*at)->slot != slot || strcmp((*at)->node, node) != 0)) {
		at = &(*at)->next;
	}
	return at;
}

static void begin(struct bridge *bridge, struct watched **at, const char *node, unsigned slot)
{
	struct watched *watched = calloc(1, sizeof(*watched));
	struct fail fail = {0};

	if (watched == NULL || strlen(node) >= ID_BYTES) {
		free(watched);
		return;
	}
	strcpy(watched->node, node);
	watched->slot = slot;
	watched->count = 1;
	watched->watch = console_watch(bridge->link, node, slot, on_change, bridge, &fail);
	if (watched->watch == NULL) {
		log_warn("console", "%s slot %u: %s", node, slot, fail.text);
	}
	*at = watched;
}

void bridge_watch(void *argument, const char *node, unsigned slot, bool on)
{
	struct bridge *bridge = argument;
	struct watched *gone = NULL;

	pthread_mutex_lock(&bridge->lock);
	struct watched **at = find(bridge, node, slot);
	if (*at == NULL && on) {
		begin(bridge, at, node, slot);
	} else if (*at != NULL && on) {
		(*at)->count++;
	} else if (*at != NULL && --(*at)->count == 0) {
		gone = *at;
		*at = gone->next;
	}
	pthread_mutex_unlock(&bridge->lock);
	if (gone != NULL && gone->watch != NULL) {
		console_unwatch(bridge->link, gone->watch);
	}
	free(gone);
}

bool bridge_read(void *argument, const char *node, unsigned slot, struct api_console *console, char *to, size_t room,
		 struct fail *fail)
{
	struct bridge *bridge = argument;
	struct console_place place = {0}, oldest = {0};
	struct console_part part = {0}, first = {0};
	uint8_t byte;

	if (!console_read(bridge->link, node, slot, &oldest, &byte, 1, &first, fail)) {
		return false;
	}
	/* Behind the end: of an earlier boot, so all of this one is new to the reader. */
	place.offset = console->from > first.head ? first.offset : console->from;
	if (place.offset == 0) {
		place.offset = first.offset;
	}
	if (!console_read(bridge->link, node, slot, &place, (uint8_t *)to, room, &part, fail)) {
		return false;
	}
	*console = (struct api_console){
		.from = part.count > 0 ? part.offset : place.offset,
		.count = part.count,
		.oldest = first.offset,
		.ready = part.have,
		.newest = part.head,
		.is_waiting = part.is_waiting,
	};
	return true;
}

bool bridge_write(void *argument, const char *node, unsigned slot, const char *bytes, size_t count,
		    struct fail *fail)
{
	struct bridge *bridge = argument;

	return console_type(bridge->link, node, slot, (const uint8_t *)bytes, count, fail);
}
