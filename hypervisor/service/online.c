/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams from the controller. Anybody can send some: what does not come from the controller's address is dropped
 * unread, what has no header of this boot and instance before any hash is made, and only what has a good tag and a
 * sequence that rises is decoded.
 */
#include <string.h>

#include "service/agent.h"
#include "service/clock.h"
#include "service/hvcall.h"
#include "service/log.h"

enum { INTERVAL_DEFAULT_MS = 1000, CLOCK_SLACK_MS = 20, NEWS_MS = 50 };

void agent_take_clock(struct agent *agent, uint64_t wall_clock_ns, uint64_t now)
{
	const uint64_t since_zero = clock_ns(now, agent->info->counter_hz);
	const uint64_t offset = wall_clock_ns - since_zero;
	const uint64_t slack = CLOCK_SLACK_MS * UINT64_C(1000000);

	/* The offset moves with the network's delay: small steps are not worth a jump in every guest. */
	if (wall_clock_ns == 0 || (agent->has_clock && offset - agent->clock_offset_ns + slack <= 2 * slack)) {
		return;
	}
	if (hvcall_time_set(wall_clock_ns, now) == 0) {
		agent->has_clock = true;
		agent->clock_offset_ns = offset;
	}
}

void agent_take_crash(struct agent *agent)
{
	if (agent->info->crash_bytes != 0 && !agent->node.is_crash_taken && hvcall_crash_done() == 0) {
		agent->node.is_crash_taken = 1;
		(void)keep_set(KEEP_NODE, &agent->node);
	}
}

/* One key serves both directions: our own datagram, sent back to us, must not come as far as the replay check. */
static void take_datagram(void *context, uint32_t from, uint16_t from_port, const uint8_t *bytes, size_t count)
{
	struct agent *agent = context;
	struct datagram_header header;
	struct console_chunk chunk;
	struct wire_error error;
	static struct ack ack;

	if (from != agent->controller.address || from_port != agent->node.udp_port ||
	    !datagram_decode_header(bytes, count, &header, &error) || header.boot_id != agent->info->boot_id ||
	    header.instance != agent->info->instance || ((unsigned)header.type & DATAGRAM_FROM_CONTROLLER) == 0) {
		agent->drops.malformed++;
		return;
	}
	if (!seal_check(&agent->key, bytes, count)) {
		agent->drops.bad_tags++;
		return;
	}
	if (!replay_accept_rising(&agent->replay, &header)) {
		agent->drops.replays++;
		return;
	}
	if (header.type == DATAGRAM_ACK && ack_decode(bytes, count, &ack, &error)) {
		agent_take_ack(agent, &ack, hvcall_ticks());
	} else if (header.type == DATAGRAM_CONSOLE_INPUT && console_decode(bytes, count, &chunk, &error)) {
		agent_relay_input(agent, &chunk);
	} else {
		agent->drops.malformed++;
	}
}

bool agent_go_online(struct agent *agent, uint64_t now)
{
	uint8_t key[HVCALL_KEY_BYTES];

	if (hvcall_key_get(key) != 0 || net_udp_open(0, take_datagram, agent) != NET_OK) {
		log_line(LOG_ERROR, "agent: cannot go online: no key, or no socket");
		return false;
	}
	seal_set_key(&agent->key, key);
	memset(key, 0, sizeof(key));
	if (agent->node.interval_ms < ACK_INTERVAL_MIN_MS || agent->node.interval_ms > ACK_INTERVAL_MAX_MS) {
		agent->node.interval_ms = INTERVAL_DEFAULT_MS;
	}
	agent->state = AGENT_ONLINE;
	agent->next_beat = now;
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		agent->relays[i].is_watched = (agent->console.slots >> i & 1) != 0;
		agent->relays[i].sent = agent->console.offsets[i];
		agent->relays[i].taken = agent->console.offsets[i];
		agent->relays[i].taken_at = now;
	}
	/* The first beat goes out at once. */
	agent_online_turn(agent, now);
	return true;
}

/* A guest's new state is worth a beat of its own, soon. */
static void watch_guests(struct agent *agent)
{
	const uint64_t soon = agent->last_beat + clock_ticks(NEWS_MS, agent->info->counter_hz);

	for (uint32_t i = 0; i < WIRE_GUEST_MAX && agent->next_beat > soon; i++) {
		if (guests_state(agent->guests, i) != agent->told_states[i]) {
			agent->next_beat = soon;
		}
	}
}

void agent_online_turn(struct agent *agent, uint64_t now)
{
	guests_set_origin(agent->guests, agent->controller);
	watch_guests(agent);
	if (agent->is_beat_due || now >= agent->next_beat) {
		agent_beat(agent, now, agent->is_beat_due);
	}
	agent_relay_turn(agent, now);
	agent_update_turn(agent, now);
}
