/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Desired state: each part of an acknowledgement has a generation; one that is not higher than what the core keeps was
 * carried out already, by this instance or an earlier one. A higher one is kept first.
 */
#include "service/agent.h"
#include "service/hvcall.h"
#include "service/log.h"

static void take_node(struct agent *agent, const struct ack_node *wish, uint64_t now)
{
	if (wish->generation <= agent->node.generation) {
		return;
	}
	agent->node.generation = wish->generation;
	agent->node.interval_ms = wish->interval_ms;
	(void)keep_set(KEEP_NODE, &agent->node);
	agent->next_beat = now; /* the new interval begins with a beat */
}

static void take_image(struct agent *agent, const struct ack_service *wish)
{
	struct keep_image kept;

	(void)keep_get(KEEP_IMAGE, &kept);
	if (wish->generation <= kept.generation || wish->generation <= agent->image.generation) {
		return;
	}
	if (!agent->info->is_simulation) {
		log_line(LOG_ERROR, "agent: a newer service image is refused: there is no signature yet");
		agent->image.generation = wish->generation; /* said once */
		agent->image.size_bytes = 0;
		return;
	}
	agent->image = *wish;
}

void agent_take_ack(struct agent *agent, const struct ack *ack, uint64_t now)
{
	agent_take_clock(agent, ack->wall_clock_ns, now);
	if ((ack->flags & ACK_CRASH_TAKEN) != 0) {
		agent_take_crash(agent);
	}
	if (ack->reboot_boot_id != 0 && ack->reboot_boot_id == agent->info->boot_id) {
		log_line(LOG_WARN, "agent: the controller wants this boot to end; resetting");
		hvcall_node_off(1);
		return;
	}
	take_node(agent, &ack->node, now);
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		if (ack->guests[i].generation != 0) {
			guests_wish(agent->guests, i, &ack->guests[i]);
		}
	}
	if (ack->console.generation != 0) {
		agent_relay_watch(agent, &ack->console, now);
	}
	if (ack->service.generation != 0) {
		take_image(agent, &ack->service);
	}
	if (ack->acked_sequence == 0) {
		agent->is_beat_due = true;
	}
}
