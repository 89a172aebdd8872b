/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One list of fields for both directions, so that they cannot come apart. Hostile: rows, which a disk may have damaged.
 * A field out of its table is found by rollout_check(), a row of another length here.
 */
#include "rollout/codec.h"

#include <assert.h>
#include <string.h>

#include "rollout/own.h"

struct coder {
	uint8_t *to; /* NULL: reading */
	const uint8_t *from;
	size_t at, size;
	bool is_broken;
};

static void put_or_get(struct coder *coder, void *field, size_t bytes)
{
	if (coder->is_broken || coder->size - coder->at < bytes) {
		coder->is_broken = true;
		return;
	}
	if (coder->to != NULL) {
		memcpy(coder->to + coder->at, field, bytes);
	} else {
		memcpy(field, coder->from + coder->at, bytes);
	}
	coder->at += bytes;
}

static void number(struct coder *coder, uint64_t *value, size_t bytes)
{
	uint8_t field[8] = {0};

	for (size_t i = 0; i < bytes; i++) {
		field[i] = (uint8_t)(*value >> (8 * i));
	}
	put_or_get(coder, field, bytes);
	*value = 0;
	for (size_t i = 0; i < bytes; i++) {
		*value |= (uint64_t)field[i] << (8 * i);
	}
}

static void u8(struct coder *coder, uint8_t *value)
{
	put_or_get(coder, value, 1);
}

static void u16(struct coder *coder, uint16_t *value)
{
	uint64_t wide = *value;

	number(coder, &wide, 2);
	*value = (uint16_t)wide;
}

static void u32(struct coder *coder, uint32_t *value)
{
	uint64_t wide = *value;

	number(coder, &wide, 4);
	*value = (uint32_t)wide;
}

static void u64(struct coder *coder, uint64_t *value)
{
	number(coder, value, 8);
}

static void flag(struct coder *coder, bool *value)
{
	uint8_t byte = *value ? 1 : 0;

	u8(coder, &byte);
	coder->is_broken = coder->is_broken || byte > 1;
	*value = byte == 1;
}

static void version(struct coder *coder)
{
	uint8_t number = ROLLOUT_VERSION;

	u8(coder, &number);
	coder->is_broken = coder->is_broken || number != ROLLOUT_VERSION;
}

static void policy_fields(struct coder *coder, struct rollout_policy *policy)
{
	u16(coder, &policy->canary);
	u8(coder, &policy->wave_count);
	for (unsigned i = 0; i < ROLLOUT_PLANNED_MAX; i++) {
		u16(coder, &policy->waves[i].count);
		u8(coder, &policy->waves[i].percent);
	}
	flag(coder, &policy->is_spread);
	u16(coder, &policy->in_flight_most);
	u32(coder, &policy->soak_ms);
	u32(coder, &policy->healthy_ms);
	u32(coder, &policy->healthy_deadline_ms);
	u32(coder, &policy->progress_deadline_ms);
	u8(coder, &policy->success_percent);
	u8(coder, &policy->failure_percent);
	u16(coder, &policy->failure_most);
	u8(coder, &policy->min_healthy_percent);
	flag(coder, &policy->is_auto_return);
	flag(coder, &policy->is_forced);
	u8(coder, &policy->window_days);
	u16(coder, &policy->window_begin);
	u16(coder, &policy->window_minutes);
}

static void rollout_fields(struct coder *coder, struct rollout *rollout)
{
	version(coder);
	policy_fields(coder, &rollout->policy);
	u8(coder, &rollout->state);
	u8(coder, &rollout->paused);
	u8(coder, &rollout->why);
	u8(coder, &rollout->end_why);
	u8(coder, &rollout->wave);
	u8(coder, &rollout->release_count);
	flag(coder, &rollout->is_wave_open);
	flag(coder, &rollout->is_forced_on);
	flag(coder, &rollout->is_release_failed);
	flag(coder, &rollout->is_floor_waived);
	flag(coder, &rollout->is_late_closed);
	u16(coder, &rollout->wave_members);
	u16(coder, &rollout->wave_count);
	u32(coder, &rollout->soaked_ms);
	u32(coder, &rollout->idle_ms);
	u32(coder, &rollout->blocked_ms);
	u64(coder, &rollout->clock_ms);
	for (unsigned i = 0; i < rollout->release_count && i < ROLLOUT_RELEASES_MAX; i++) {
		struct rollout_release *release = &rollout->releases[i];

		put_or_get(coder, release->id, sizeof(release->id));
		put_or_get(coder, release->parts.core, sizeof(release->parts.core));
		put_or_get(coder, release->parts.service, sizeof(release->parts.service));
		put_or_get(coder, release->parts.guests, sizeof(release->parts.guests));
	}
}

static void cell_fields(struct coder *coder, struct rollout_cell *cell)
{
	version(coder);
	put_or_get(coder, cell->node, sizeof(cell->node));
	u16(coder, &cell->rack);
	u8(coder, &cell->state);
	u8(coder, &cell->why);
	u8(coder, &cell->trouble);
	u8(coder, &cell->failed_why);
	u8(coder, &cell->stable);
	u8(coder, &cell->goal);
	u8(coder, &cell->wave);
	u8(coder, &cell->tries);
	flag(coder, &cell->has_failed);
	flag(coder, &cell->has_proved);
	u64(coder, &cell->ordered_ms);
	u64(coder, &cell->hold_ms);
	u64(coder, &cell->trouble_before);
	u32(coder, &cell->took_ms);
}

size_t rollout_encode(const struct rollout *rollout, uint8_t row[ROLLOUT_ROW_BYTES])
{
	struct coder coder = {.to = row, .size = ROLLOUT_ROW_BYTES};
	struct rollout copy = *rollout;

	rollout_fields(&coder, &copy);
	assert(!coder.is_broken);
	return coder.at;
}

size_t rollout_encode_cell(const struct rollout_cell *cell, uint8_t row[ROLLOUT_CELL_ROW_BYTES])
{
	struct coder coder = {.to = row, .size = ROLLOUT_CELL_ROW_BYTES};
	struct rollout_cell copy = *cell;

	cell_fields(&coder, &copy);
	assert(!coder.is_broken);
	return coder.at;
}

bool rollout_decode(struct rollout *rollout, const uint8_t *row, size_t size, struct rollout_cell *cells, unsigned room,
		    struct fail *fail)
{
	struct coder coder = {.from = row, .size = size};

	memset(rollout, 0, sizeof(*rollout));
	rollout_fields(&coder, rollout);
	rollout->cells = cells;
	rollout->room = room < ROLLOUT_NODES_MAX ? room : ROLLOUT_NODES_MAX;
	rollout->resumed_ms = rollout->clock_ms;
	if (coder.is_broken || coder.at != size || rollout->clock_ms < ROLLOUT_ORDER_MS) {
		return fail_set(fail, FAIL_INTERNAL, "a rollout's row is damaged: restore the database, or abort the "
			"rollout");
	}
	return rollout_policy_check(&rollout->policy, fail);
}

bool rollout_decode_cell(struct rollout *rollout, const uint8_t *row, size_t size, struct fail *fail)
{
	struct coder coder = {.from = row, .size = size};
	struct rollout_cell *cell = &rollout->cells[rollout->count];

	if (rollout->count == rollout->room) {
		return fail_set(fail, FAIL_INTERNAL, "a rollout has more nodes than %u", rollout->room);
	}
	memset(cell, 0, sizeof(*cell));
	cell_fields(&coder, cell);
	cell->assigned = ROLLOUT_NO_GOAL;
	if (coder.is_broken || coder.at != size || memchr(cell->node, '\0', sizeof(cell->node)) == NULL ||
	    cell->ordered_ms > rollout->clock_ms) {
		return fail_set(fail, FAIL_INTERNAL,
				"the row of node %u of a rollout is damaged: restore the database, or "
				"abort the rollout",
				rollout->count);
	}
	/* An order was asked for before: it is again when facts of this run do not show it. */
	rollout->count++;
	return true;
}

bool rollout_decoded(struct rollout *rollout, struct fail *fail)
{
	const char *broken = rollout_check(rollout);

	if (broken != NULL) {
		return fail_set(fail, FAIL_INTERNAL,
				"a stored rollout does not fit together (%s): restore the database, "
				"or abort the rollout",
				broken);
	}
	return true;
}
