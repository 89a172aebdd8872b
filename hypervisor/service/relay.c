/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console output to a controller where somebody watches, and input from there. The bytes stand in the core's rings at
 * fixed offsets (abi/bootinfo.h), so nothing is lost with an instance of the service: what is sent is what the
 * controller does not have yet. A ring is written while it is read: the head is looked at again behind each copy.
 */
#include <string.h>

#include "abi/hvc.h"
#include "service/agent.h"
#include "service/clock.h"
#include "service/hvcall.h"

enum {
	LOOK_MS = 10,
	RESEND_MS = 300,
	WINDOW_BYTES = 0x8000, /* sent and not yet taken */
	CHUNKS_A_TURN = 4,
	ANSWER_MS = 10, /* at least so long between beats that say how far input is */
};

/* The bytes that the ring has, or its newest: all but the one that may just be written. */
static uint64_t oldest_of(uint64_t head)
{
	return head >= AETHER_CONSOLE_RING_BYTES ? head + 1 - AETHER_CONSOLE_RING_BYTES : 0;
}

static uint64_t head_of(uint32_t vm)
{
	const uint64_t head = hvcall_console_heads()->head[vm];

	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* the head is written behind its bytes */
	return head;
}

/* What fell out of the ring before it was sent is a hole, and counted. */
static void skip_lost(struct agent *agent, struct relay *relay, uint64_t head)
{
	const uint64_t oldest = oldest_of(head);

	if (relay->sent > head) {
		relay->sent = head; /* another VM's offsets */
	}
	if (relay->sent < oldest) {
		agent->console_lost += oldest - relay->sent;
		relay->sent = oldest;
	}
	if (relay->taken < oldest) {
		relay->taken = oldest;
	}
	if (relay->taken > relay->sent) {
		relay->taken = relay->sent;
	}
}

static bool send_chunk(struct agent *agent, uint32_t slot, struct relay *relay, uint64_t head)
{
	uint8_t text[CONSOLE_OUTPUT_MAX_BYTES];
	uint8_t bytes[DATAGRAM_MAX_BYTES];
	const uint32_t vm = guests_console(agent->guests, slot);
	const volatile uint8_t *ring = hvcall_console_ring(vm);
	const uint64_t rest = head - relay->sent;
	const uint16_t count = (uint16_t)(rest < sizeof(text) ? rest : sizeof(text));

	for (uint16_t i = 0; i < count; i++) {
		text[i] = ring[(relay->sent + i) % AETHER_CONSOLE_RING_BYTES];
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* the bytes were read before the head is */
	if (oldest_of(head_of(vm)) > relay->sent) {
		return true; /* overwritten while it was read: the next turn counts what is lost */
	}
	const struct console_chunk chunk = {
		.boot_id = agent->info->boot_id,
		.instance = agent->info->instance,
		.sequence = ++agent->sequence,
		.type = DATAGRAM_CONSOLE_OUTPUT,
		.slot = (uint8_t)slot,
		.offset = relay->sent,
		.head = head,
		.count = count,
		.bytes = text,
	};
	const size_t size = console_encode(&chunk, bytes, sizeof(bytes));
	if (size == 0) {
		return false;
	}
	seal_put(&agent->key, bytes, size);
	if (net_udp_send(agent->controller.address, agent->node.udp_port, bytes, size) != NET_OK) {
		return false;
	}
	relay->sent += count;
	return true;
}

void agent_relay_turn(struct agent *agent, uint64_t now)
{
	uint32_t left = CHUNKS_A_TURN;

	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		struct relay *relay = &agent->relays[i];
		/* A new instance first hears up to where the controller has all. */
		if (!relay->is_watched || agent->replay.highest == 0) {
			continue;
		}
		const uint64_t head = head_of(guests_console(agent->guests, i));
		skip_lost(agent, relay, head);
		if (relay->taken < relay->sent &&
		    now - relay->taken_at > clock_ticks(RESEND_MS, agent->info->counter_hz)) {
			relay->sent = relay->taken;
			relay->taken_at = now;
		}
		while (left != 0 && relay->sent < head && relay->sent - relay->taken < WINDOW_BYTES) {
			left--;
			if (relay->sent == relay->taken) {
				relay->taken_at = now; /* nothing was under way: the wait begins here */
			}
			if (!send_chunk(agent, i, relay, head)) {
				return;
			}
			skip_lost(agent, relay, head);
		}
	}
}

uint64_t agent_relay_wait(const struct agent *agent, uint64_t now)
{
	(void)now;
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		if (agent->relays[i].is_watched) {
			return clock_ticks(LOOK_MS, agent->info->counter_hz);
		}
	}
	return UINT64_MAX;
}

void agent_relay_watch(struct agent *agent, const struct ack_console *console, uint64_t now)
{
	const bool is_new = console->generation > agent->console.generation;

	if (console->generation < agent->console.generation) {
		return;
	}
	if (is_new) {
		agent->console.generation = console->generation;
		agent->console.slots = console->slots;
		memcpy(agent->console.offsets, console->offsets, sizeof(agent->console.offsets));
		(void)keep_set(KEEP_CONSOLE, &agent->console);
	}
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		struct relay *relay = &agent->relays[i];
		const uint64_t offset = console->offsets[i];
		if (is_new) {
			*relay = (struct relay){
				.is_watched = (console->slots >> i & 1) != 0,
				.sent = offset,
				.taken = offset,
				.taken_at = now,
			};
		} else if (offset > relay->taken) {
			relay->taken = offset;
			relay->sent = relay->sent < offset ? offset : relay->sent;
			relay->taken_at = now;
		}
	}
}

void agent_relay_input(struct agent *agent, const struct console_chunk *chunk)
{
	const struct guest *guest = &agent->guests->slots[chunk->slot];
	const uint64_t soon = agent->last_beat + clock_ticks(ANSWER_MS, agent->info->counter_hz);
	size_t at = 0;

	if (!guest->has_vm) {
		return;
	}
	while (at < chunk->count) {
		const size_t rest = chunk->count - at;
		const size_t count = rest < HVCALL_INPUT_MAX_BYTES ? rest : HVCALL_INPUT_MAX_BYTES;
		uint64_t due = 0;
		const int64_t status =
			hvcall_console_input(guest->vm, chunk->offset + at, chunk->bytes + at, count, &due);
		if (status != 0 || due < chunk->offset + at + count) {
			break; /* no room, or not this one's turn: the controller says it again */
		}
		at += count;
	}
	/* The controller waits to hear how far it is. */
	beat_rotation_want(&agent->rotation, BEAT_BIT(BEAT_CONSOLE));
	agent->next_beat = soon < agent->next_beat ? soon : agent->next_beat;
}
