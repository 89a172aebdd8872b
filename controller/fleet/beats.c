/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A beat whose tag was right: contact, stage, readings. It comes once a second from each of 10,000 nodes: nothing
 * here allocates (but a node's first), prints or publishes unless something that is shown has changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/own.h"

static void take_heard(struct node_heard *heard, const struct beat *beat, uint64_t now_ms)
{
	heard->at_ms = now_ms;
	heard->sequence = beat->sequence;
	heard->heard_sequence = beat->heard_sequence;
	heard->uptime_us = beat->uptime_us;
	heard->node_generation = beat->node_generation;
	heard->dropped = beat->dropped;
	heard->flags = beat->flags;
	heard->cpu_count = beat->cpu_count;
	memcpy(heard->guests, beat->guests, sizeof(heard->guests));
}

static bool is_shown_change(const struct node_heard *heard, const struct beat *beat)
{
	for (unsigned i = 0; i < WIRE_GUEST_MAX; i++) {
		const struct beat_guest *a = &heard->guests[i];
		const struct beat_guest *b = &beat->guests[i];

		if (a->state != b->state || a->reason != b->reason || a->percent != b->percent ||
		    a->restarts != b->restarts) {
			return true;
		}
	}
	return false;
}

/* A guest that powered off is no failure of the node, and will not come back by itself. */
static bool has_ended_by_itself(const struct node *node, unsigned slot)
{
	const struct beat_guest *have = &node->heard.guests[slot];

	return have->state == WIRE_GUEST_STOPPED && have->reason == WIRE_REASON_POWER_OFF;
}

/* What its guests make of the stage; *failed is the slot of one that failed. */
static enum stage_event stage_of_guests(const struct node *node, unsigned *failed)
{
	enum stage_event event = STAGE_EVENT_GUESTS_UP;

	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		const struct ack_guest *want = &node->want.guests[slot];
		const struct beat_guest *have = &node->heard.guests[slot];

		if (want->generation == 0 || want->want != ACK_WANT_RUN) {
			continue;
		}
		if (have->generation == want->generation && have->state == WIRE_GUEST_FAILED) {
			*failed = slot;
			return STAGE_EVENT_GUEST_FAILED;
		}
		if (have->generation != want->generation ||
		    (have->state != WIRE_GUEST_RUNNING && !has_ended_by_itself(node, slot))) {
			event = STAGE_EVENT_GUESTS_BUSY;
		}
	}
	/* Nothing was told it yet: what it has from before counts. */
	return node->want.is_seeded && node->want.node.generation != 0 ? event : STAGE_EVENT_GUESTS_BUSY;
}

static void step_of_guest(struct fleet *fleet, struct node *node, unsigned slot, int64_t wall_ms)
{
	const struct beat_guest *guest = &node->heard.guests[slot];
	struct fleet_step step = {.kind = "guest", .start_ms = wall_ms};

	(void)snprintf(step.detail, sizeof(step.detail), "vm%u", slot);
	if (guest->state == WIRE_GUEST_RUNNING || has_ended_by_itself(node, slot)) {
		step.end_ms = wall_ms;
	} else if (guest->state == WIRE_GUEST_FAILED) {
		step.end_ms = wall_ms;
		step.problem = guest->reason == WIRE_REASON_HASH ? "hash-mismatch" : "guest-failed";
	} else if (guest->state != WIRE_GUEST_LOADING) {
		return;
	}
	boots_step(fleet, node, &step);
}

static void fail_of_guest(struct fleet *fleet, struct node *node, unsigned slot)
{
	const struct beat_guest *guest = &node->heard.guests[slot];
	char detail[BOOT_DETAIL_BYTES];

	(void)snprintf(detail, sizeof(detail), "vm%u, %s", slot, wire_guest_reason_text(guest->reason));
	boots_fail(fleet, node, guest->reason == WIRE_REASON_HASH ? BOOT_HASH_MISMATCH : BOOT_GUEST_FAILED, detail);
}

static void take_stage(struct fleet *fleet, struct node *node, uint32_t changed, int64_t wall_ms)
{
	unsigned failed = 0;
	const enum stage before = node->stage;

	for (unsigned slot = 0; slot < WIRE_GUEST_MAX && !node->boot.is_up; slot++) {
		if ((changed & 1u << slot) != 0) {
			step_of_guest(fleet, node, slot, wall_ms);
		}
	}
	const enum stage_event event = stage_of_guests(node, &failed);

	if (event == STAGE_EVENT_GUEST_FAILED) {
		if (before != STAGE_FAILED || node->boot.problem == BOOT_NONE) {
			fail_of_guest(fleet, node, failed);
		}
	}
	boots_stage(fleet, node, event);
}

static uint32_t changed_guests(const struct node_heard *heard, const struct beat *beat)
{
	uint32_t changed = 0;

	for (unsigned i = 0; i < WIRE_GUEST_MAX; i++) {
		changed |= heard->guests[i].state != beat->guests[i].state ? 1u << i : 0;
	}
	return changed;
}

static void take_contact(struct fleet *fleet, struct node *node, uint64_t now_ms)
{
	const enum contact before = node->contact.state;

	if (contact_beat(&node->contact, now_ms, fleet->options.interval_ms)) {
		node_dirty(fleet, node);
		if (before == CONTACT_DOWN) {
			happening_submit(fleet, "node.back", node->id, "%s beats again.", node_name(node));
		}
		node->is_mass_loss = false;
	} else if (node->contact.state == CONTACT_DOWN) {
		node_dirty(fleet, node); /* so many of so many good beats */
	}
}

void node_beat(struct fleet *fleet, struct node *node, const struct beat *beat)
{
	const uint64_t now_ms = clock_ms();
	const int64_t wall_ms = clock_wall_ms();

	if (node->is_ghost) {
		clash_declare(fleet, node);
		return;
	}
	if (node->is_doubted && wall_ms - node->boot.started_ms >= FLEET_CLASH_SLACK_MS) {
		boots_return(fleet, node);
	}
	const bool is_first = node->heard.at_ms == 0;
	const bool is_change = is_first || is_shown_change(&node->heard, beat);
	const uint32_t changed = changed_guests(&node->heard, beat);

	take_heard(&node->heard, beat, now_ms);
	node->contact_wall_ms = wall_ms;
	take_contact(fleet, node, now_ms);
	rates_take(node, beat, now_ms, wall_ms);
	if (!node_is_trusted(node)) {
		return;
	}
	if (node->address.sin_port != 0) {
		node_set_peer(fleet, node, PEER_OF_DATAGRAM, node->address.sin_addr);
	}
	if (!node->want.is_seeded) {
		want_seed(fleet, node);
	}
	if (is_change || node->stage != STAGE_RUNNING) {
		take_stage(fleet, node, changed, wall_ms);
	}
	if (is_change) {
		node_dirty(fleet, node);
	}
}
