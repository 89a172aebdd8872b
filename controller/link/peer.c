/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link's part of a node that speaks: which of its consoles are wanted, and the input that it has to take.
 *
 * A beat does not say which console generation is in force. Ours begin with the wall clock's seconds, so that they
 * are above what an earlier run of the controller said; where a node shows that they are not (it has output and sends
 * none, or sends what nobody watches), they rise by RAISE_BY, less and less often. Hostile: what beats and output
 * say.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "link/own.h"

enum {
	SAID_FIRST = 3, /* acknowledgements that say what is watched even when nothing ever was */
	ACK_DELAY_MS = 4, /* of output: one acknowledgement for several datagrams */
	AGAIN_MS = 60, /* input is said again, then half as often each time */
	AGAIN_MOST_MS = 1000,
	RAISE_BY = 4096,
	RAISE_MS = 3000,
	RAISE_MOST_MS = 60000,
	UNWANTED_MS = 1000,
};

static void leave_busy(struct peer *peer)
{
	if (peer->at_busy != NULL) {
		*peer->at_busy = peer->next_busy;
		if (peer->next_busy != NULL) {
			peer->next_busy->at_busy = peer->at_busy;
		}
		peer->at_busy = NULL;
		peer->next_busy = NULL;
	}
}

static void join_busy(struct link *link, struct peer *peer)
{
	if (peer->at_busy == NULL) {
		peer->next_busy = link->busy;
		if (peer->next_busy != NULL) {
			peer->next_busy->at_busy = &peer->next_busy;
		}
		peer->at_busy = &link->busy;
		link->busy = peer;
	}
}

static void peer_end(struct peer *peer)
{
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		if (peer->consoles[slot] != NULL) {
			peer->consoles[slot]->peer = NULL;
		}
	}
	leave_busy(peer);
	*peer->at = peer->next;
	if (peer->next != NULL) {
		peer->next->at = peer->at;
	}
	free(peer);
}

void peer_free(void *argument, void *peer)
{
	struct link *link = argument;

	pthread_mutex_lock(&link->lock);
	peer_end(peer);
	pthread_mutex_unlock(&link->lock);
}

static struct peer *peer_new(struct link *link, struct node *node)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (peer == NULL) {
		return NULL;
	}
	peer->boot_id = node->boot_id;
	memcpy(peer->id, node->id, sizeof(peer->id));
	peer->next = link->peers;
	peer->at = &link->peers;
	if (peer->next != NULL) {
		peer->next->at = &peer->next;
	}
	link->peers = peer;
	node->link = peer;
	for (struct console *console = link->consoles; console != NULL; console = console->next) {
		if (strcmp(console->id, node->id) == 0) {
			console_attach(link, console, peer);
			join_busy(link, peer);
		}
	}
	return peer;
}

static bool is_of(const struct peer *peer, const struct node *node)
{
	return peer->boot_id == node->boot_id && strcmp(peer->id, node->id) == 0;
}

struct peer *peer_of(struct link *link, struct node *node)
{
	struct peer *peer = node->link;

	if (peer != NULL && !is_of(peer, node)) {
		peer_end(peer);
		node->link = NULL;
		peer = NULL;
	}
	return peer != NULL || !node_is_trusted(node) ? peer : peer_new(link, node);
}

void peers_attach(struct link *link)
{
	for (struct console *console = link->consoles; console != NULL; console = console->next) {
		struct node *node = console->peer == NULL ? node_by_id(link->fleet, console->id) : NULL;
		struct peer *peer = node != NULL && node->link != NULL ? peer_of(link, node) : NULL;

		if (peer != NULL && console->peer == NULL) {
			console_attach(link, console, peer);
			join_busy(link, peer);
		}
	}
}

/* --- what is watched --- */

static uint32_t wanted_slots(const struct peer *peer, uint64_t now_ms)
{
	uint32_t slots = 0;

	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		if (peer->consoles[slot] != NULL && console_is_wanted(peer->consoles[slot], now_ms)) {
			slots |= UINT32_C(1) << slot;
		}
	}
	return slots;
}

static void raise_generation(struct peer *peer, uint32_t by)
{
	const int64_t seconds = clock_wall_ms() / 1000;
	const uint32_t least = seconds > 0 && seconds < UINT32_MAX ? (uint32_t)seconds : 1;
	uint32_t generation = peer->watch.generation;

	generation = UINT32_MAX - generation > by ? generation + by : UINT32_MAX;
	peer->watch.generation = generation < least ? least : generation;
}

static void set_slots(struct peer *peer, uint32_t slots, uint64_t now_ms)
{
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		if ((slots & ~peer->watch.slots) >> slot & 1) {
			peer->consoles[slot]->is_fresh = true;
			peer->consoles[slot]->moved_ms = now_ms;
			peer->consoles[slot]->gap_ms = 0;
		}
	}
	peer->watch.slots = slots;
	peer->is_watch_told = true;
	peer->raise_wait_ms = 0;
	raise_generation(peer, 1);
}

void peer_ack(struct peer *peer, struct ack *ack)
{
	const uint64_t now_ms = clock_ms();
	const uint32_t slots = wanted_slots(peer, now_ms);

	peer->ack_due_ms = 0;
	if (slots != peer->watch.slots) {
		set_slots(peer, slots, now_ms);
	}
	if (!peer->is_watch_told && peer->acks >= SAID_FIRST) {
		return;
	}
	if (peer->watch.generation == 0) {
		raise_generation(peer, 1);
	}
	peer->acks = (uint8_t)(peer->acks + (peer->acks < SAID_FIRST));
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		peer->watch.offsets[slot] = peer->consoles[slot] != NULL ? peer->consoles[slot]->have : 0;
	}
	ack->console = peer->watch;
}

/* --- what the node says --- */

static void take_heads(struct link *link, struct peer *peer, const struct beat_console *said, uint64_t now_ms)
{
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		struct console *console = peer->consoles[slot];
		const uint64_t due = said->input[slot];

		if (console != NULL && peer->is_console_known && due > peer->input_due[slot]) {
			console_taken(link, console, due - peer->input_due[slot], now_ms);
		}
		peer->input_due[slot] = due;
		if (said->output[slot] > INT64_MAX) {
			continue; /* no guest writes so much, and readers' numbers end there */
		}
		peer->output_said[slot] = said->output[slot];
		if (console == NULL) {
			continue;
		}
		if (said->output[slot] < console->have) {
			/* Another guest's, whose offsets began anew. */
			console_begin(link, console, peer->boot_id);
			peer->watch.slots &= ~(UINT32_C(1) << slot);
		}
		console->head = said->output[slot] > console->head ? said->output[slot] : console->head;
	}
	peer->is_console_known = true;
}

void peer_beat(struct link *link, struct peer *peer, const struct beat *beat)
{
	if ((beat->present & BEAT_BIT(BEAT_CONSOLE)) != 0) {
		take_heads(link, peer, &beat->counters.console, clock_ms());
	}
}

void peer_output(struct link *link, struct node *node, struct peer *peer, const struct console_chunk *chunk)
{
	const uint64_t now_ms = clock_ms();
	struct console *console = chunk->slot < WIRE_GUEST_MAX ? peer->consoles[chunk->slot] : NULL;

	if (console != NULL && (peer->watch.slots >> chunk->slot & 1) != 0) {
		if (!console_take(link, console, chunk, now_ms)) {
			count_up(&link->malformed, 1);
			return;
		}
		peer->ack_of = chunk->sequence;
		peer->ack_due_ms = peer->ack_due_ms == 0 ? now_ms + ACK_DELAY_MS : peer->ack_due_ms;
	} else if (now_ms - peer->raise_ms >= UNWANTED_MS) {
		/* It obeys a wish of an earlier run, or did not hear the newest yet. */
		peer->raise_ms = now_ms;
		peer->is_watch_told = true;
		raise_generation(peer, RAISE_BY);
		node_set_due(link->fleet, node);
	}
}

/* --- what is due --- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Returns when it is to be looked at again. */
static uint64_t send_input(struct link *link, struct node *node, const struct peer *peer, struct console *console,
			   uint64_t now_ms)
{
	if (console->queued == 0) {
		return UINT64_MAX;
	}
	if (now_ms - console->queued_ms >= CONSOLE_INPUT_LIFE_MS) {
		console->dropped += console->queued;
		console->queued = 0;
		console->flying = 0;
		console_changed(link, console);
		return UINT64_MAX;
	}
	if (!peer->is_console_known) {
		return console->queued_ms + CONSOLE_INPUT_LIFE_MS; /* or the beat that says it */
	}
	if (console->sent_ms != 0 && now_ms - console->sent_ms < console->again_ms) {
		return console->sent_ms + console->again_ms;
	}
	const bool is_short = console->queued < CONSOLE_INPUT_MAX_BYTES;
	const struct console_chunk chunk = {
		.type = DATAGRAM_CONSOLE_INPUT,
		.slot = (uint8_t)console->slot,
		.offset = peer->input_due[console->slot],
		.count = (uint16_t)(is_short ? console->queued : CONSOLE_INPUT_MAX_BYTES),
		.bytes = console->queue,
	};

	if (!link_put_input(link, node, &chunk)) {
		return now_ms;
	}
	console->again_ms = console->sent_ms == 0 ? AGAIN_MS : console->again_ms * 2;
	console->again_ms = console->again_ms < AGAIN_MOST_MS ? console->again_ms : AGAIN_MOST_MS;
	console->flying = console->flying > chunk.count ? console->flying : chunk.count;
	console->sent_ms = now_ms;
	return now_ms + console->again_ms;
}

/* The node has output that it does not send: our generation is not above the one in force. */
static uint64_t check_silence(struct peer *peer, const struct console *console, uint64_t now_ms)
{
	const uint64_t wait_ms = peer->raise_wait_ms == 0 ? RAISE_MS : peer->raise_wait_ms;
	const uint64_t since = console->moved_ms > peer->raise_ms ? console->moved_ms : peer->raise_ms;

	if ((peer->watch.slots >> console->slot & 1) == 0 || console->head <= console->have) {
		return UINT64_MAX;
	}
	if (now_ms - since >= wait_ms) {
		peer->raise_ms = now_ms;
		peer->raise_wait_ms = 2 * wait_ms < RAISE_MOST_MS ? 2 * wait_ms : RAISE_MOST_MS;
		raise_generation(peer, RAISE_BY);
		peer->ack_due_ms = now_ms;
		return now_ms + wait_ms;
	}
	return since + wait_ms;
}

static uint64_t peer_turn(struct link *link, struct node *node, struct peer *peer, uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;

	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		struct console *console = peer->consoles[slot];

		if (console == NULL) {
			continue;
		}
		if (console->watches == NULL && console->wanted_until_ms > now_ms) {
			next_ms = earlier(next_ms, console->wanted_until_ms);
		}
		next_ms = earlier(next_ms, send_input(link, node, peer, console, now_ms));
		next_ms = earlier(next_ms, check_silence(peer, console, now_ms));
	}
	if (wanted_slots(peer, now_ms) != peer->watch.slots && peer->ack_due_ms == 0) {
		peer->ack_of = 0;
		peer->ack_due_ms = now_ms;
	}
	if (peer->ack_due_ms != 0 && peer->ack_due_ms <= now_ms && !link_put_ack(link, node, peer->ack_of)) {
		return now_ms;
	}
	return peer->ack_due_ms != 0 ? earlier(next_ms, peer->ack_due_ms) : next_ms;
}

uint64_t peers_turn(struct link *link, uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;

	for (struct peer *peer = link->busy; peer != NULL; peer = peer->next_busy) {
		struct node *node = node_by_boot(link->fleet, peer->boot_id);

		if (node != NULL && is_of(peer, node) && node_is_reachable(node)) {
			next_ms = earlier(next_ms, peer_turn(link, node, peer, now_ms));
		}
	}
	return next_ms;
}
