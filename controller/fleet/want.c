/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wanted of a node. One generation stands for all of a node's wishes, and only rises; it is in the database
 * before it is said. A node that has a higher one in force (another controller's, a database that was put back)
 * makes ours rise above it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fleet/own.h"

/* --- a generation that rose by itself --- */

struct rise {
	struct fleet *fleet;
	char id[ID_BYTES];
	uint32_t generation, restart_generation;
};

static bool rise_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct rise *rise = argument;

	return sql_run(sql, fail, "UPDATE node SET generation = ? WHERE id = ? AND generation < ?", "utu",
		       rise->generation, rise->id, rise->generation) &&
	       sql_run(sql, fail, "UPDATE node SET restart_generation = ? WHERE id = ? AND restart_generation < ?",
		       "utu", rise->restart_generation, rise->id, rise->restart_generation);
}

static void rise_done(void *argument, const struct fail *fail)
{
	struct rise *rise = argument;

	if (fail != NULL) {
		log_error("fleet", "the generation of %s was not stored: %s", rise->id, fail->text);
	} else {
		fleet_lock(rise->fleet);
		struct node *node = node_by_id(rise->fleet, rise->id);

		if (node != NULL) {
			node->generation = node->generation < rise->generation ? rise->generation : node->generation;
			node->restart_generation = node->restart_generation < rise->restart_generation ?
							   rise->restart_generation :
							   node->restart_generation;
			want_make(rise->fleet, node);
		}
		fleet_unlock(rise->fleet);
	}
	free(rise);
}

static void submit_rise(struct fleet *fleet, const struct node *node, uint32_t generation, uint32_t restart)
{
	struct rise *rise = malloc(sizeof(*rise));
	struct fail fail;

	if (rise == NULL) {
		return; /* the next first beat tries again */
	}
	*rise = (struct rise){.fleet = fleet, .generation = generation, .restart_generation = restart};
	memcpy(rise->id, node->id, sizeof(rise->id));
	if (!store_submit(fleet->options.store, rise_work, rise_done, rise, &fail)) {
		log_error("fleet", "the generation of %s was not stored: %s", node->id, fail.text);
		free(rise);
	}
}

/* --- the wishes --- */

static const uint8_t *manifest_of(const struct fleet *fleet, const struct node *node)
{
	return node->has_manifest ? node->manifest : fleet->has_release ? fleet->release : NULL;
}

static unsigned guests_of(const struct fleet *fleet, const uint8_t *manifest)
{
	unsigned count = 1;

	if (manifest == NULL) {
		return 0;
	}
	if (fleet->options.guests_of != NULL) {
		count = fleet->options.guests_of(fleet->options.argument, manifest);
	}
	return count < WIRE_GUEST_MAX ? count : WIRE_GUEST_MAX;
}

static void make_guest(struct fleet *fleet, struct node *node, unsigned slot)
{
	const uint8_t *manifest = manifest_of(fleet, node);
	const bool is_ours = node->admission == ADMISSION_APPROVED;
	struct ack_guest *guest = &node->want.guests[slot];

	guest->generation = node->generation;
	guest->restart_generation = node->restart_generation;
	if (node->is_cordoned && is_ours && guest->want != ACK_WANT_EMPTY) {
		return; /* it keeps what it has, under the new generation */
	}
	guest->place = 0;
	guest->want = ACK_WANT_EMPTY;
	memset(guest->manifest, 0, sizeof(guest->manifest));
	if (manifest != NULL) {
		memcpy(guest->manifest, manifest, sizeof(guest->manifest));
	}
	if (is_ours && slot < guests_of(fleet, manifest)) {
		guest->want = node->is_to_run ? ACK_WANT_RUN : ACK_WANT_STOP;
		guest->place = (uint8_t)slot;
	}
}

/* A slot that never had a guest is not told to have none, and a cordoned node is given nothing new. */
static bool is_unsaid(const struct node *node, unsigned slot)
{
	return node->heard.guests[slot].generation == 0 &&
	       (node->want.guests[slot].want == ACK_WANT_EMPTY || node->is_cordoned);
}

void want_make(struct fleet *fleet, struct node *node)
{
	if (node->is_ghost) {
		return;
	}
	node->want.node.interval_ms = fleet->options.interval_ms;
	if (!node->want.is_seeded || node->generation == 0) {
		return;
	}
	node->want.node.generation = node->generation;
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		struct ack_guest *guest = &node->want.guests[slot];

		make_guest(fleet, node, slot);
		if (is_unsaid(node, slot)) {
			guest->generation = 0;
		}
	}
	if (node_is_trusted(node)) {
		node_set_due(fleet, node);
	}
	node_dirty(fleet, node);
}

/* What it has in force under our generation is not what we want under it: the number is another one's. */
static bool is_foreign(const struct fleet *fleet, const struct node *node)
{
	const uint8_t *manifest = manifest_of(fleet, node);
	const struct beat_track *track = node->readings == NULL ? NULL : &node->readings->track;

	for (unsigned slot = 0; track != NULL && manifest != NULL && slot < guests_of(fleet, manifest); slot++) {
		static const uint8_t none[BEAT_SHA256_BYTES];
		const uint8_t *has = track->last.releases[slot].manifest;

		if ((track->seen & BEAT_BIT(BEAT_RELEASE_0 + slot)) != 0 && memcmp(has, none, sizeof(none)) != 0 &&
		    memcmp(has, manifest, sizeof(none)) != 0 &&
		    node->heard.guests[slot].generation == node->generation && !node->is_cordoned) {
			return true;
		}
	}
	return false;
}

/* A node may say any number: the highest stays, rather than begin anew. */
static uint32_t above(uint32_t generation)
{
	return generation < UINT32_MAX ? generation + 1 : UINT32_MAX;
}

void want_seed(struct fleet *fleet, struct node *node)
{
	uint32_t generation = node->generation;
	uint32_t restart = node->restart_generation;

	node->want.is_seeded = true;
	generation = node->heard.node_generation > generation ? above(node->heard.node_generation) : generation;
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		const struct beat_guest *guest = &node->heard.guests[slot];

		generation = guest->generation > generation ? above(guest->generation) : generation;
		restart = guest->restart_generation > restart ? guest->restart_generation : restart;
	}
	if (generation == node->generation && (generation == 0 || is_foreign(fleet, node))) {
		generation = above(generation);
	}
	if (generation != node->generation || restart != node->restart_generation) {
		submit_rise(fleet, node, generation, restart);
	} else {
		want_make(fleet, node);
	}
}

void node_wishes(const struct node *node, struct ack *ack)
{
	ack->node = node->want.node;
	if (ack->node.generation == node->heard.node_generation) {
		ack->node.generation = 0;
	}
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		const struct ack_guest *want = &node->want.guests[slot];
		const struct beat_guest *have = &node->heard.guests[slot];

		ack->guests[slot] = *want;
		if (want->generation == have->generation && want->restart_generation == have->restart_generation) {
			ack->guests[slot].generation = 0;
		}
	}
	ack->reboot_boot_id = node->want.reboot_boot_id;
	ack->flags = node->is_crash_taken ? ACK_CRASH_TAKEN : 0;
}
