/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram counts only after its tag was right under the key of its boot and instance, and its sequence new; until
 * then nothing of it is believed or kept, its sender's address neither. A turn takes RECEIVE_MAX datagrams, so that a
 * flood does not keep HTTP waiting.
 */
#include "sim/peer/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sim/peer/event.h"
#include "sim/peer/flood.h"
#include "sim/peer/status.h"

#define RECEIVE_MAX 64u
#define ACK_DELAY_MS 4u /* of console output: one acknowledgement for several datagrams */
#define INPUT_AGAIN_MS 60u
#define BUFFER_BYTES (4 << 20)

bool link_open(struct link *link, const struct sockaddr_in *address, struct nodes *nodes)
{
	const int bytes = BUFFER_BYTES;

	*link = (struct link){.nodes = nodes};
	link->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0) {
		return false;
	}
	(void)setsockopt(link->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	(void)setsockopt(link->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return bind(link->fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
}

static bool is_mute(const struct link *link)
{
	return now_ms() < link->mute_until_ms;
}

static void transmit(struct link *link, const struct node *node, uint8_t *bytes, size_t count)
{
	if (link->bad_tag_count > 0) {
		link->bad_tag_count--;
		bytes[count - 1] ^= 1;
	}
	const struct sockaddr *to = (const struct sockaddr *)&node->address;
	(void)sendto(link->fd, bytes, count, 0, to, sizeof(node->address));
	if (link->replay_count > 0) {
		link->replay_count--;
		(void)sendto(link->fd, bytes, count, 0, to, sizeof(node->address));
		if (link->old_bytes > 0) {
			(void)sendto(link->fd, link->old, link->old_bytes, 0, to, sizeof(node->address));
		}
	}
	if (link->old_bytes == 0) {
		memcpy(link->old, bytes, count);
		link->old_bytes = count;
	}
}

static uint64_t wall_clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Something is wanted of the slot that is not in force. */
static bool is_wish(const struct ack_guest *want, const struct beat_guest *have)
{
	static const uint8_t none[ACK_SHA256_BYTES];

	return memcmp(want->manifest, none, sizeof(none)) != 0 &&
	       (want->generation != have->generation || want->restart_generation != have->restart_generation);
}

/* What the last beat says is in force need not be said (wire/ack.h). */
static void leave_out(const struct node *node, struct ack *ack)
{
	for (size_t slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		if (!is_wish(&ack->guests[slot], &node->beat.guests[slot])) {
			ack->guests[slot].generation = 0;
		}
	}
	if (ack->node.generation == node->beat.node_generation) {
		ack->node.generation = 0;
	}
	/* An earlier run of this program may have wanted to watch: said in the first few. */
	if (!node->is_watch_said && node->beats > 3) {
		ack->console.generation = 0;
	}
}

static void send_ack(struct link *link, struct node *node, uint64_t acked_sequence)
{
	uint8_t bytes[ACK_MAX_BYTES];
	struct ack ack = {
		.boot_id = node->hello.boot_id,
		.instance = node->key_instance,
		.sequence = ++node->sequence,
		.acked_sequence = acked_sequence,
		.wall_clock_ns = wall_clock_ns(),
		.flags = node->is_crash_taken ? ACK_CRASH_TAKEN : 0,
		.node = node->want,
		.console = node->watch,
		.service = node->service,
		.reboot_boot_id = node->reboot_boot_id,
	};

	memcpy(ack.guests, node->guests, sizeof(ack.guests));
	for (size_t slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		ack.console.offsets[slot] = node->consoles[slot].have;
	}
	leave_out(node, &ack);
	const size_t count = ack_encode(&ack, bytes, sizeof(bytes));
	if (count == 0) {
		event("error an acknowledgement cannot be encoded");
		return;
	}
	seal_put(&node->key, bytes, count);
	transmit(link, node, bytes, count);
	node->ack_due_ms = 0;
}

void link_send_now(struct link *link, struct node *node)
{
	node->is_told = false;
	if (node->is_seeded && node->has_address && !is_mute(link) && node->state == NODE_APPROVED) {
		send_ack(link, node, 0);
	}
}

static void take_beat(struct link *link, struct node *node, const uint8_t *bytes, size_t count, bool is_newest)
{
	static struct beat beat;
	struct wire_error error;
	char text[WIRE_ERROR_TEXT_BYTES];

	if (!beat_decode(bytes, count, &beat, &error)) {
		link->malformed++;
		event("beat node=%s malformed: %s", node->name, wire_error_text(&error, text, sizeof(text)));
		return;
	}
	node->beats++;
	if (!is_newest) {
		return;
	}
	beat_track_add(&node->track, &beat);
	if (!node->is_seeded) {
		node_seed(node, &beat);
	}
	if ((beat.present & BEAT_BIT(BEAT_CONSOLE)) != 0) {
		for (size_t slot = 0; slot < WIRE_GUEST_MAX; slot++) {
			console_input_due(&node->consoles[slot], beat.counters.console.input[slot]);
		}
	}
	/* A node that heard more than was sent: an earlier run of this program said it. */
	if (beat.heard_sequence > node->sequence) {
		node->sequence = beat.heard_sequence;
	}
	status_tell_beat(node, &beat);
	node->beat = beat;
	node->beat_ms = now_ms();
	node->is_told = false;
	send_ack(link, node, beat.sequence);
}

static void take_output(struct link *link, struct node *node, const uint8_t *bytes, size_t count)
{
	struct console_chunk chunk;
	struct wire_error error;
	char text[WIRE_ERROR_TEXT_BYTES];
	char who[48];

	if (!console_decode(bytes, count, &chunk, &error)) {
		link->malformed++;
		event("console node=%s malformed: %s", node->name, wire_error_text(&error, text, sizeof(text)));
		return;
	}
	console_output(&node->consoles[chunk.slot], &chunk, status_who(node, chunk.slot, who, sizeof(who)));
	node->ack_of = chunk.sequence;
	if (node->ack_due_ms == 0) {
		node->ack_due_ms = now_ms() + ACK_DELAY_MS;
	}
	node->is_told = false;
}

/* Tells of dropped datagrams, but not of each one in a flood. */
static void tell_dropped(struct link *link, const char *why, const struct sockaddr_in *from)
{
	if (link->told_ms == 0 || now_ms() - link->told_ms >= 1000) {
		link->told_ms = now_ms();
		event("dropped from=%s: %s (malformed=%llu unknown=%llu bad-tags=%llu replays=%llu)",
		      inet_ntoa(from->sin_addr), why, (unsigned long long)link->malformed,
		      (unsigned long long)link->unknown, (unsigned long long)link->bad_tags,
		      (unsigned long long)link->replays);
	}
}

/* The key for that instance: the node's, or `next` if it is a newer one's, which counts when the tag is right. */
static const struct seal_key *find_key(const struct node *node, uint32_t instance, struct seal_key *next)
{
	uint8_t key[SEAL_KEY_BYTES];

	if (instance == node->key_instance) {
		return &node->key;
	}
	if (instance < node->key_instance) {
		return NULL;
	}
	seal_derive(node->hello.boot_key, instance, key);
	seal_set_key(next, key);
	return next;
}

static void begin_instance(struct node *node, uint32_t instance, const struct seal_key *key)
{
	event("instance node=%s number=%u before=%u", node->name, instance, node->key_instance);
	node->key = *key;
	node->key_instance = instance;
	node->sequence = 0;
	node->ack_due_ms = 0;
}

static void take(struct link *link, const uint8_t *bytes, size_t count, const struct sockaddr_in *from)
{
	struct datagram_header header;
	struct wire_error error;
	struct seal_key next;
	bool is_newest = false;

	if (!datagram_decode_header(bytes, count, &header, &error) ||
	    ((unsigned)header.type & DATAGRAM_FROM_CONTROLLER) != 0) {
		link->malformed++;
		tell_dropped(link, "not a node's datagram", from);
		return;
	}
	struct node *node = node_find_boot(link->nodes, header.boot_id);
	if (node == NULL || node->state != NODE_APPROVED) {
		link->unknown++;
		tell_dropped(link, "no boot that is known and approved", from);
		return;
	}
	const struct seal_key *key = find_key(node, header.instance, &next);
	if (key == NULL) {
		link->replays++;
		tell_dropped(link, "an earlier instance", from);
		return;
	}
	if (!seal_check(key, bytes, count)) {
		link->bad_tags++;
		tell_dropped(link, "its tag is wrong", from);
		return;
	}
	if (!replay_accept(&node->replay, &header, &is_newest)) {
		node->repeated++;
		link->replays++;
		return;
	}
	if (key == &next) {
		begin_instance(node, header.instance, key);
	}
	node->address = *from;
	node->has_address = true;
	if (header.type == DATAGRAM_BEAT) {
		take_beat(link, node, bytes, count, is_newest);
	} else if (header.type == DATAGRAM_CONSOLE_OUTPUT) {
		take_output(link, node, bytes, count);
	}
}

void link_receive(struct link *link)
{
	static uint8_t bytes[2048];

	for (unsigned i = 0; i < RECEIVE_MAX; i++) {
		struct sockaddr_in from;
		socklen_t from_bytes = sizeof(from);
		const ssize_t count = recvfrom(link->fd, bytes, sizeof(bytes), MSG_TRUNC,
					       (struct sockaddr *)&from, &from_bytes);

		if (count < 0) {
			return;
		}
		if (!is_mute(link) && (size_t)count <= sizeof(bytes)) {
			take(link, bytes, (size_t)count, &from);
		}
	}
}

static void send_input(struct link *link, struct node *node, uint8_t slot)
{
	struct console *console = &node->consoles[slot];
	const bool is_short = console->input_bytes < CONSOLE_INPUT_MAX_BYTES;
	uint8_t bytes[DATAGRAM_MAX_BYTES];
	const struct console_chunk chunk = {
		.boot_id = node->hello.boot_id,
		.instance = node->key_instance,
		.sequence = ++node->sequence,
		.type = DATAGRAM_CONSOLE_INPUT,
		.slot = slot,
		.offset = console->input_due,
		.count = (uint16_t)(is_short ? console->input_bytes : CONSOLE_INPUT_MAX_BYTES),
		.bytes = console->input,
	};
	const size_t count = console_encode(&chunk, bytes, sizeof(bytes));

	console->input_sent_ms = now_ms();
	if (count > 0) {
		seal_put(&node->key, bytes, count);
		transmit(link, node, bytes, count);
	}
}

static void lower(int *wait_ms, uint64_t due_ms)
{
	const uint64_t now = now_ms();
	const int wait = due_ms > now ? (int)(due_ms - now < 1000 ? due_ms - now : 1000) : 0;

	*wait_ms = wait < *wait_ms ? wait : *wait_ms;
}

static void send_console(struct link *link, struct node *node, uint8_t slot, int *wait_ms)
{
	struct console *console = &node->consoles[slot];
	char who[48];

	if (console->stuck_ms != 0) {
		lower(wait_ms, now_ms() + 50);
		if (console_expire(console, status_who(node, slot, who, sizeof(who))) && node->ack_due_ms == 0) {
			node->ack_due_ms = now_ms();
		}
	}
	if (console->input_bytes == 0 || !console->is_input_known) {
		return;
	}
	if (console->input_sent_ms == 0 || now_ms() - console->input_sent_ms >= INPUT_AGAIN_MS) {
		send_input(link, node, slot);
	}
	lower(wait_ms, console->input_sent_ms + INPUT_AGAIN_MS);
}

void link_send(struct link *link, int *wait_ms)
{
	if (is_mute(link)) {
		lower(wait_ms, link->mute_until_ms);
		return;
	}
	flood_send(link, wait_ms);
	for (size_t i = 0; i < NODES_MAX; i++) {
		struct node *node = &link->nodes->nodes[i];

		if (node->name[0] == '\0' || node->key_instance == 0 || !node->has_address ||
		    node->state != NODE_APPROVED) {
			continue;
		}
		for (uint8_t slot = 0; slot < WIRE_GUEST_MAX; slot++) {
			send_console(link, node, slot, wait_ms);
		}
		if (node->ack_due_ms != 0 && now_ms() >= node->ack_due_ms) {
			send_ack(link, node, node->ack_of);
		}
		if (node->ack_due_ms != 0) {
			lower(wait_ms, node->ack_due_ms);
		}
	}
}
