/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's console. Output comes in datagrams that may be lost, doubled and out of order. Only the bytes that are
 * due are taken; the node sends again from where the acknowledgements say, so a gap closes within its 300 ms. It is a
 * hole when it stays open although the node's ring can no longer have the bytes, or when it stays open for very long.
 * At most CONSOLE_CONSOLES_MAX are kept: the one that was not used for longest makes room, if nobody watches it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "link/own.h"

enum {
	NODE_RING_BYTES = 65536, /* what a node keeps of a console */
	STUCK_MS = 400,
	GIVE_UP_MS = 10000,
};

void console_changed(struct link *link, struct console *console)
{
	console->is_changed = true;
	link->has_changed = true;
}

void consoles_tell(struct link *link)
{
	if (!link->has_changed) {
		return;
	}
	link->has_changed = false;
	for (struct console *console = link->consoles; console != NULL; console = console->next) {
		for (struct console_watch *watch = console->watches; console->is_changed && watch != NULL;
		     watch = watch->next) {
			watch->changed(watch->argument);
		}
		console->is_changed = false;
	}
}

bool console_is_wanted(const struct console *console, uint64_t now_ms)
{
	return console->watches != NULL || console->wanted_until_ms > now_ms;
}

void console_begin(struct link *link, struct console *console, uint64_t boot_id)
{
	console->boot_id = boot_id;
	console->is_fresh = true;
	console->start = 0;
	console->have = 0;
	console->head = 0;
	console->gap_ms = 0;
	console->hole_count = 0;
	console->dropped += console->queued;
	console->queued = 0;
	console->flying = 0;
	console_changed(link, console);
}

void console_attach(struct link *link, struct console *console, struct peer *peer)
{
	struct console *other = peer->consoles[console->slot];

	if (console->peer != NULL) {
		console->peer->consoles[console->slot] = NULL;
	}
	if (other != NULL) {
		other->peer = NULL;
	}
	console->peer = peer;
	peer->consoles[console->slot] = console;
	if (console->boot_id != peer->boot_id) {
		console_begin(link, console, peer->boot_id);
	}
	if (peer->output_said[console->slot] > console->head) {
		console->head = peer->output_said[console->slot]; /* the node has a backlog to send */
	}
}

/* --- output --- */

static void drop_first_hole(struct console *console)
{
	console->hole_count--;
	memmove(console->holes, console->holes + 1, console->hole_count * sizeof(console->holes[0]));
}

/* What is before `start` is not kept, its holes neither. */
static void set_start(struct console *console, uint64_t start)
{
	console->start = start;
	while (console->hole_count > 0 && console->holes[0].end <= start) {
		drop_first_hole(console);
	}
}

static void add_hole(struct console *console, uint64_t end)
{
	if (console->have == console->start) {
		console->start = end; /* there is nothing before it */
	} else {
		if (console->hole_count == CONSOLE_HOLES_MAX) {
			set_start(console, console->holes[0].end);
		}
		console->holes[console->hole_count++] = (struct console_hole){.first = console->have, .end = end};
	}
	console->have = end;
}

/* What is between `have` and `offset` will never come. */
static bool is_hole(struct console *console, const struct console_chunk *chunk, uint64_t now_ms)
{
	if (console->gap_ms == 0) {
		console->gap_ms = now_ms;
	}
	const uint64_t stuck_ms = now_ms - console->gap_ms;

	return stuck_ms >= STUCK_MS && (chunk->head - console->have > NODE_RING_BYTES || stuck_ms >= GIVE_UP_MS);
}

static void keep(struct console *console, const uint8_t *bytes, uint64_t count)
{
	const uint64_t at = console->have % CONSOLE_RING_BYTES;
	const uint64_t first = count < CONSOLE_RING_BYTES - at ? count : CONSOLE_RING_BYTES - at;

	memcpy(console->ring + at, bytes, first);
	memcpy(console->ring, bytes + first, count - first);
	console->have += count;
	if (console->have - console->start > CONSOLE_RING_BYTES) {
		set_start(console, console->have - CONSOLE_RING_BYTES);
	}
}

bool console_take(struct link *link, struct console *console, const struct console_chunk *chunk, uint64_t now_ms)
{
	const uint64_t end = chunk->offset + chunk->count;

	if (end < chunk->offset || chunk->head < end || chunk->head > INT64_MAX) {
		return false;
	}
	if (console->ring == NULL) {
		console->ring = malloc(CONSOLE_RING_BYTES);
	}
	if (console->ring == NULL) {
		return true; /* it comes again */
	}
	console->head = chunk->head > console->head ? chunk->head : console->head;
	if (console->is_fresh) {
		const uint64_t oldest = chunk->head > NODE_RING_BYTES ? chunk->head - NODE_RING_BYTES : 0;

		console->is_fresh = false;
		if (oldest > console->have) {
			add_hole(console, oldest < chunk->offset ? oldest : chunk->offset);
		}
	}
	if (chunk->offset > console->have) {
		if (!is_hole(console, chunk, now_ms)) {
			return true;
		}
		add_hole(console, chunk->offset);
	}
	if (end <= console->have) {
		return true;
	}
	const uint64_t known = console->have - chunk->offset;

	keep(console, chunk->bytes + known, chunk->count - known);
	console->gap_ms = 0;
	console->moved_ms = now_ms;
	console->used_ms = now_ms;
	console_changed(link, console);
	return true;
}

void console_taken(struct link *link, struct console *console, uint64_t count, uint64_t now_ms)
{
	const uint32_t taken = count < console->flying ? (uint32_t)count : console->flying;

	if (taken == 0) {
		return;
	}
	console->queued -= taken;
	console->flying -= taken;
	memmove(console->queue, console->queue + taken, console->queued);
	console->queued_ms = now_ms;
	console->sent_ms = 0; /* the next goes out at once */
	console_changed(link, console);
}

/* --- the table --- */

static void console_free(struct link *link, struct console **at)
{
	struct console *console = *at;

	if (console->peer != NULL) {
		console->peer->consoles[console->slot] = NULL;
	}
	*at = console->next;
	link->console_count--;
	free(console->ring);
	free(console);
}

void consoles_free(struct link *link)
{
	while (link->consoles != NULL) {
		console_free(link, &link->consoles);
	}
}

static bool make_room(struct link *link, uint64_t now_ms)
{
	struct console **oldest = NULL;

	if (link->console_count < CONSOLE_CONSOLES_MAX) {
		return true;
	}
	for (struct console **at = &link->consoles; *at != NULL; at = &(*at)->next) {
		if (!console_is_wanted(*at, now_ms) && (*at)->queued == 0 &&
		    (oldest == NULL || (*at)->used_ms < (*oldest)->used_ms)) {
			oldest = at;
		}
	}
	if (oldest != NULL) {
		console_free(link, oldest);
	}
	return oldest != NULL;
}

static struct console *console_find(struct link *link, const char *id, unsigned slot)
{
	for (struct console *console = link->consoles; console != NULL; console = console->next) {
		if (console->slot == slot && strcmp(console->id, id) == 0) {
			return console;
		}
	}
	return NULL;
}

static struct console *console_new(struct link *link, const char *id, unsigned slot, struct fail *fail)
{
	const uint64_t now_ms = clock_ms();

	if (!make_room(link, now_ms)) {
		fail_set(fail, FAIL_LIMIT, "%d consoles are watched, which is the most; close one first",
			 CONSOLE_CONSOLES_MAX);
		return NULL;
	}
	struct console *console = calloc(1, sizeof(*console));

	if (console == NULL) {
		fail_set(fail, FAIL_UNAVAILABLE, "no memory for the console of %s; try again later", id);
		return NULL;
	}
	memcpy(console->id, id, sizeof(console->id));
	console->slot = slot;
	console->used_ms = now_ms;
	console->next = link->consoles;
	link->consoles = console;
	link->console_count++;
	return console;
}

/*
 * Takes `lock` and returns the console, made when there is none; with the fleet's lock held it has its peer, too.
 * NULL: *fail, and `lock` is not held.
 */
static struct console *console_hold(struct link *link, const char *id, unsigned slot, struct fail *fail)
{
	if (slot >= WIRE_GUEST_MAX || !id_is_valid('n', id)) {
		fail_set(fail, FAIL_NOT_FOUND,
			 "there is no console %u of a node with that name; a node has slots 0 to %d", slot,
			 WIRE_GUEST_MAX - 1);
		return NULL;
	}
	if (node_by_id(link->fleet, id) == NULL) {
		fail_set(fail, FAIL_NOT_FOUND, "there is no node %s", id);
		return NULL;
	}
	pthread_mutex_lock(&link->lock);
	struct console *console = console_find(link, id, slot);

	if (console == NULL) {
		console = console_new(link, id, slot, fail);
	}
	if (console == NULL) {
		pthread_mutex_unlock(&link->lock);
		return NULL;
	}
	if (console->peer == NULL) {
		peers_attach(link);
	}
	return console;
}

/* --- who reads and types --- */

struct console_watch *console_watch(struct link *link, const char *id, unsigned slot, void (*changed)(void *argument),
				    void *argument, struct fail *fail)
{
	struct console_watch *watch = malloc(sizeof(*watch));

	if (watch == NULL) {
		fail_set(fail, FAIL_UNAVAILABLE, "no memory to watch a console; try again later");
		return NULL;
	}
	fleet_lock(link->fleet);
	struct console *console = console_hold(link, id, slot, fail);

	fleet_unlock(link->fleet);
	if (console == NULL) {
		free(watch);
		return NULL;
	}
	if (link->watch_count == CONSOLE_WATCHES_MAX) {
		pthread_mutex_unlock(&link->lock);
		free(watch);
		fail_set(fail, FAIL_LIMIT, "consoles are watched %d times, which is the most; close one first",
			 CONSOLE_WATCHES_MAX);
		return NULL;
	}
	*watch = (struct console_watch){
		.console = console, .changed = changed, .argument = argument, .next = console->watches};
	console->watches = watch;
	console->used_ms = clock_ms();
	link->watch_count++;
	console_changed(link, console);
	pthread_mutex_unlock(&link->lock);
	link_poke(link);
	return watch;
}

void console_unwatch(struct link *link, struct console_watch *watch)
{
	pthread_mutex_lock(&link->lock);
	struct console_watch **at = &watch->console->watches;

	while (*at != watch) {
		at = &(*at)->next;
	}
	*at = watch->next;
	watch->console->used_ms = clock_ms();
	link->watch_count--;
	pthread_mutex_unlock(&link->lock);
	free(watch);
	link_poke(link);
}

/* Where the reader goes on; *missing is what it cannot have. */
static uint64_t place_in(const struct console *console, struct console_place *place, struct console_part *part)
{
	uint64_t at = place->offset;

	part->is_other_boot = place->boot_id != 0 && (place->boot_id != console->boot_id || at > console->have);
	if (part->is_other_boot || at > console->have) {
		at = 0;
	}
	if (at < console->start) {
		part->missing = place->boot_id != 0 || place->offset != 0 ? console->start - at : 0;
		at = console->start;
	}
	return at;
}

static void read_part(const struct console *console, struct console_place *place, uint8_t *bytes, size_t room,
		      struct console_part *part)
{
	uint64_t at = place_in(console, place, part);
	uint64_t end = console->have;

	for (unsigned i = 0; i < console->hole_count; i++) {
		const struct console_hole *hole = &console->holes[i];

		if (at >= hole->first && at < hole->end) {
			part->missing += hole->end - at;
			at = hole->end;
		} else if (at < hole->first) {
			end = hole->first;
			break;
		}
	}
	part->count = end - at < room ? (size_t)(end - at) : room;
	part->offset = at;
	for (size_t done = 0; done < part->count;) {
		const size_t from = (at + done) % CONSOLE_RING_BYTES;
		const size_t left = part->count - done;
		const size_t count = left < CONSOLE_RING_BYTES - from ? left : CONSOLE_RING_BYTES - from;

		memcpy(bytes + done, console->ring + from, count);
		done += count;
	}
	if (part->count > 0 || part->is_other_boot) {
		*place = (struct console_place){.boot_id = console->boot_id, .offset = at + part->count};
	} else {
		part->missing = 0; /* it is told with the bytes behind it */
	}
}

bool console_read(struct link *link, const char *id, unsigned slot, struct console_place *place, uint8_t *bytes,
		  size_t room, struct console_part *part, struct fail *fail)
{
	*part = (struct console_part){.boot_id = 0};
	fleet_lock(link->fleet);
	struct console *console = console_hold(link, id, slot, fail);
	const struct node *node = console != NULL ? node_by_id(link->fleet, id) : NULL;
	const bool is_heard = node != NULL && node_is_reachable(node) && node->contact.state != CONTACT_DOWN;

	fleet_unlock(link->fleet);
	if (console == NULL) {
		return false;
	}
	const uint64_t now_ms = clock_ms();
	const bool is_new = !console_is_wanted(console, now_ms);

	console->wanted_until_ms = now_ms + CONSOLE_WANTED_MS;
	console->used_ms = now_ms;
	part->boot_id = console->boot_id;
	part->have = console->have;
	part->head = console->head > console->have ? console->head : console->have;
	part->is_waiting = is_heard && (console->peer == NULL || !console->peer->is_console_known ||
					console->head > console->have);
	part->input_waiting = console->queued;
	part->input_dropped = console->dropped;
	read_part(console, place, bytes, room, part);
	pthread_mutex_unlock(&link->lock);
	if (is_new) {
		link_poke(link);
	}
	return true;
}

static bool may_type(const struct node *node, struct fail *fail)
{
	if (node == NULL) {
		return true; /* console_hold() says it */
	}
	if (!node_is_reachable(node) || node->contact.state == CONTACT_DOWN) {
		return fail_set(fail, FAIL_UNAVAILABLE,
				"%s is not in contact, so nothing can be typed; wait until it is", node->id);
	}
	return true;
}

bool console_type(struct link *link, const char *id, unsigned slot, const uint8_t *bytes, size_t count,
		  struct fail *fail)
{
	struct console *console = NULL;

	fleet_lock(link->fleet);
	if (may_type(node_by_id(link->fleet, id), fail)) {
		console = console_hold(link, id, slot, fail);
	}
	fleet_unlock(link->fleet);
	if (console == NULL) {
		return false;
	}
	const bool has_room = count <= CONSOLE_QUEUE_BYTES - console->queued;

	if (has_room && count > 0) {
		if (console->queued == 0) {
			console->queued_ms = clock_ms();
			console->sent_ms = 0;
		}
		memcpy(console->queue + console->queued, bytes, count);
		console->queued += (uint32_t)count;
		console->used_ms = clock_ms();
	}
	const uint32_t waiting = console->queued;

	pthread_mutex_unlock(&link->lock);
	link_poke(link);
	return has_room || fail_set(fail, FAIL_LIMIT, "%u bytes typed wait for %s already, of at most %d; try again",
				    waiting, id, CONSOLE_QUEUE_BYTES);
}
