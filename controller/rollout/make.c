/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a rollout comes to be, who is a member, and what is told of members.
 *
 * Invariants: a cell keeps its place for ever, so that a place names a node; a node has one cell. Facts are a level:
 * those older than what was told already change nothing.
 */
#include "rollout/own.h"

#include <string.h>

bool rollout_init(struct rollout *rollout, const struct rollout_policy *policy, const struct rollout_release *target,
		  bool is_failed, struct rollout_cell *cells, unsigned room, struct fail *fail)
{
	if (!rollout_policy_check(policy, fail)) {
		return false;
	}
	if (is_failed && !policy->is_forced) {
		return fail_set(fail, FAIL_CONFLICT, "this release failed in an earlier rollout: make another one, or "
			"force it");
	}
	memset(rollout, 0, sizeof(*rollout));
	rollout->policy = *policy;
	rollout->state = ROLLOUT_PLANNED;
	rollout->why = WHY_STARTS;
	rollout->releases[0] = *target;
	rollout->release_count = 1;
	rollout->cells = cells;
	rollout->room = room < ROLLOUT_NODES_MAX ? room : ROLLOUT_NODES_MAX;
	rollout->clock_ms = ROLLOUT_ORDER_MS; /* so that zero is long ago */
	rollout->resumed_ms = rollout->clock_ms;
	rollout->is_dirty = true;
	return true;
}

/* The release's place, 0: it is none to return to; ROLLOUT_NO_GOAL: there is no room for one more. */
static uint8_t place_of_stable(struct rollout *rollout, const struct rollout_release *stable)
{
	if (stable == NULL || memcmp(stable->id, rollout->releases[0].id, ROLLOUT_HASH_BYTES) == 0) {
		return 0;
	}
	for (uint8_t i = 1; i < rollout->release_count; i++) {
		if (memcmp(stable->id, rollout->releases[i].id, ROLLOUT_HASH_BYTES) == 0) {
			return i;
		}
	}
	if (rollout->release_count == ROLLOUT_RELEASES_MAX) {
		return ROLLOUT_NO_GOAL;
	}
	rollout->releases[rollout->release_count] = *stable;
	rollout->is_dirty = true;
	return rollout->release_count++;
}

static unsigned find(const struct rollout *rollout, const char *node)
{
	unsigned i = 0;

	while (i < rollout->count && strcmp(rollout->cells[i].node, node) != 0) {
		i++;
	}
	return i;
}

bool rollout_join(struct rollout *rollout, const char *node, uint16_t rack, const struct rollout_release *stable,
		  unsigned *cell, struct fail *fail)
{
	const unsigned at = find(rollout, node);
	struct rollout_cell *own = &rollout->cells[at];

	*cell = at;
	if (rollout->state == ROLLOUT_RETURNING || (rollout_has_ended(rollout) && rollout->state != ROLLOUT_DONE)) {
		return fail_set(fail, FAIL_CONFLICT, "the rollout is %s: %s joins the next one",
			rollout_state_text((enum rollout_state)rollout->state), node);
	}
	if (at < rollout->count && (own->state != CELL_SKIPPED || own->why != WHY_LEFT)) {
		return true;
	}
	if (at == rollout->room || node[0] == '\0' || strlen(node) >= ID_BYTES || rack >= ROLLOUT_RACKS_MAX) {
		return fail_set(fail, FAIL_LIMIT, "%s cannot join: a rollout has %u nodes and %u racks at most; select "
			"fewer", node, rollout->room, (unsigned)ROLLOUT_RACKS_MAX - 1);
	}
	const uint8_t place = place_of_stable(rollout, stable);

	if (place == ROLLOUT_NO_GOAL) {
		return fail_set(fail, FAIL_LIMIT, "%s cannot join: the nodes have more than %u stable releases; roll "
			"out to fewer at once", node, (unsigned)ROLLOUT_RELEASES_MAX - 1);
	}
	*own = (struct rollout_cell){.rack = rack,
				     .state = CELL_WAITING,
				     .why = WHY_TURN,
				     .stable = place,
				     .goal = ROLLOUT_NO_GOAL,
				     .assigned = ROLLOUT_NO_GOAL,
				     .is_dirty = true};
	memcpy(own->node, node, strlen(node) + 1);
	rollout->count += at == rollout->count;
	return true;
}

void rollout_leave(struct rollout *rollout, unsigned cell)
{
	if (cell < rollout->count && rollout->cells[cell].state != CELL_SKIPPED) {
		rollout->cells[cell].wave = 0;
		cell_to(&rollout->cells[cell], CELL_SKIPPED, WHY_LEFT);
	}
}

static uint8_t differences(const struct rollout_parts *parts, const struct rollout_parts *of)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < ROLLOUT_GUESTS_MAX; i++) {
		bits |= memcmp(parts->guests[i], of->guests[i], ROLLOUT_HASH_BYTES) != 0 ? 1u << i : 0;
	}
	bits |= memcmp(parts->service, of->service, ROLLOUT_HASH_BYTES) != 0 ? PART_SERVICE : 0u;
	bits |= memcmp(parts->core, of->core, ROLLOUT_HASH_BYTES) != 0 ? PART_CORE : 0u;
	return (uint8_t)bits;
}

/* Slots that the release fills. */
static uint8_t guests_of(const struct rollout_release *release)
{
	unsigned slots = 0;

	for (unsigned i = 0; i < ROLLOUT_GUESTS_MAX; i++) {
		for (unsigned byte = 0; byte < ROLLOUT_HASH_BYTES; byte++) {
			if (release->parts.guests[i][byte] != 0) {
				slots |= 1u << i;
				break;
			}
		}
	}
	return (uint8_t)slots;
}

static bool is_ready_for(const struct rollout *rollout, const struct rollout_cell *cell, unsigned release)
{
	const uint8_t guests = guests_of(&rollout->releases[release]);

	return (cell->ready & guests) == guests;
}

void rollout_feed(struct rollout *rollout, unsigned cell, const struct rollout_facts *facts)
{
	if (cell >= rollout->count || facts->index < rollout->cells[cell].index) {
		return;
	}
	struct rollout_cell *own = &rollout->cells[cell];

	own->index = facts->index;
	own->told_ms = rollout->clock_ms;
	own->contact = facts->contact < NODE_CONTACT_COUNT ? (uint8_t)facts->contact : NODE_UNKNOWN;
	own->wanted = facts->wanted & PART_GUESTS;
	own->ready = facts->ready & PART_GUESTS;
	own->assigned = ROLLOUT_NO_GOAL;
	for (uint8_t i = 0; i < rollout->release_count; i++) {
		if (memcmp(facts->assigned, rollout->releases[i].id, ROLLOUT_HASH_BYTES) == 0) {
			own->assigned = i;
		}
	}
	own->off_target = differences(&facts->parts, facts->on_target != NULL ? facts->on_target :
										&rollout->releases[0].parts);
	own->off_stable = differences(&facts->parts, facts->on_stable != NULL ? facts->on_stable :
										&rollout->releases[own->stable].parts);
	own->runs_target = own->off_target == 0 && is_ready_for(rollout, own, 0);
	own->runs_stable = own->off_stable == 0 && is_ready_for(rollout, own, own->stable);
	if (facts->trouble_index > own->trouble_index && facts->trouble < TROUBLE_COUNT) {
		own->trouble_index = facts->trouble_index;
		own->told_trouble = (uint8_t)facts->trouble;
	}
}
