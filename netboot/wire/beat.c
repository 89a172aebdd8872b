/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes and reads beats. Hostile input of beat_decode: all of it, also behind a right tag (a node may be broken).
 * Every length is checked by wire/tlv.h, the number of series by their bits, every state by its reader.
 */
#include "wire/beat.h"

#include <string.h>

#include "wire/beat_series.h"
#include "wire/message.h"
#include "wire/refuse.h"

/* --- encoder --- */

static void put_field(struct wire_writer *w, const struct beat_field *field, const void *at, uint32_t exit_causes)
{
	const size_t count = beat_field_count(field, exit_causes);

	if (field->kind == BEAT_RAW) {
		wire_put_bytes(w, at, count);
		return;
	}
	const uint64_t *values = at;
	for (size_t i = 0; i < count; i++) {
		wire_put(w, values[i], field->width);
	}
}

static void put_series(struct wire_writer *w, const struct beat_counters *counters, uint32_t series)
{
	const struct beat_series *s = beat_series(series);
	const uint8_t *from = (const uint8_t *)counters + beat_series_offset(series);
	const size_t begin = tlv_begin(w, (uint16_t)(series + 1));

	if (s->has_causes) {
		wire_put(w, counters->exit_causes, 1);
	}
	for (size_t i = 0; i < s->field_count; i++) {
		put_field(w, &s->fields[i], from + s->fields[i].offset, counters->exit_causes);
	}
	tlv_end(w, begin);
}

static void put_fixed(struct wire_writer *w, const struct beat *beat)
{
	wire_put_bytes(w, beat->mac, sizeof(beat->mac));
	wire_put(w, beat->flags, 1);
	wire_put(w, beat->cpu_count, 1);
	wire_put(w, beat->uptime_us, 8);
	wire_put(w, beat->heard_sequence, 8);
	wire_put(w, beat->node_generation, 4);
	wire_put(w, beat->dropped, 4);
	for (size_t i = 0; i < WIRE_GUEST_MAX; i++) {
		const struct beat_guest *guest = &beat->guests[i];
		wire_put(w, guest->state, 1);
		wire_put(w, guest->reason, 1);
		wire_put(w, guest->percent, 1);
		wire_put(w, guest->flags, 1);
		wire_put(w, guest->generation, 4);
		wire_put(w, guest->restart_generation, 4);
		wire_put(w, guest->restarts, 4);
	}
}

/* The series that has waited longest (urgent ones first) of those in `from`, which is not 0. */
static uint32_t oldest(const struct beat_rotation *rotation, uint32_t from)
{
	uint32_t best = BEAT_SERIES_COUNT;
	const uint32_t among = (from & rotation->urgent) != 0 ? from & rotation->urgent : from;

	for (uint32_t i = 0; i < BEAT_SERIES_COUNT; i++) {
		if ((among & BEAT_BIT(i)) != 0 &&
		    (best == BEAT_SERIES_COUNT || rotation->age[i] > rotation->age[best])) {
			best = i;
		}
	}
	return best;
}

static uint32_t sendable(const struct beat *beat)
{
	uint32_t series = beat->present & (BEAT_BIT(BEAT_SERIES_COUNT) - 1);

	for (uint32_t i = beat->cpu_count; i < WIRE_CPU_MAX; i++) {
		series &= ~BEAT_BIT(BEAT_CPU_0 + i);
	}
	return series;
}

/* So many bytes of series make a whole round in BEAT_SERIES_BEATS - 1 beats; one is left for what fits unevenly. */
static size_t share(const struct beat_counters *counters, uint32_t series)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < BEAT_SERIES_COUNT; i++) {
		if ((series & BEAT_BIT(i)) != 0) {
			bytes += TLV_HEADER_BYTES + beat_series_bytes(beat_series(i), counters->exit_causes);
		}
	}
	return (bytes + BEAT_SERIES_BEATS - 2) / (BEAT_SERIES_BEATS - 1);
}

/* Writes whole series, the oldest first, until this beat's share is done; never behind `end`. What does not fit stays
 * the oldest, so the next beat has it first. */
static void put_turns(struct wire_writer *w, size_t end, const struct beat *beat, struct beat_rotation *rotation)
{
	uint32_t left = sendable(beat);
	const size_t enough = w->at + share(&beat->counters, left);

	for (uint32_t i = 0; i < BEAT_SERIES_COUNT; i++) {
		if ((left & BEAT_BIT(i)) != 0 && rotation->age[i] < UINT8_MAX) {
			rotation->age[i]++;
		}
	}
	while (left != 0 && (w->at < enough || (left & rotation->urgent) != 0)) {
		const uint32_t i = oldest(rotation, left);
		const size_t bytes = beat_series_bytes(beat_series(i), beat->counters.exit_causes);
		left &= ~BEAT_BIT(i);
		if (w->at + TLV_HEADER_BYTES + bytes <= end) {
			put_series(w, &beat->counters, i);
			rotation->age[i] = 0;
			rotation->urgent &= ~BEAT_BIT(i);
		}
	}
}

void beat_rotation_want(struct beat_rotation *rotation, uint32_t series)
{
	rotation->urgent |= series;
}

size_t beat_encode(const struct beat *beat, struct beat_rotation *rotation, uint8_t *bytes, size_t size)
{
	const struct datagram_header header = {
		.type = DATAGRAM_BEAT,
		.boot_id = beat->boot_id,
		.instance = beat->instance,
		.sequence = beat->sequence,
	};
	struct wire_writer w = {.bytes = bytes, .size = size < BEAT_MAX_BYTES ? size : BEAT_MAX_BYTES};

	if (w.size < BEAT_FIXED_BYTES + DATAGRAM_TAG_BYTES || beat->counters.exit_causes > BEAT_EXIT_CAUSES) {
		return 0;
	}
	datagram_begin(&w, &header);
	put_fixed(&w, beat);
	put_turns(&w, w.size - DATAGRAM_TAG_BYTES, beat, rotation);
	return datagram_end(&w);
}

/* --- decoder --- */

static void get_field(struct wire_reader *r, const struct beat_field *field, void *at, uint32_t exit_causes)
{
	const size_t count = beat_field_count(field, exit_causes);

	if (field->kind == BEAT_RAW) {
		wire_get_bytes(r, at, count);
		return;
	}
	uint64_t *values = at;
	for (size_t i = 0; i < count; i++) {
		values[i] = wire_get(r, field->width);
	}
}

/* All guests' series have the same number of causes, since they are of the same core. */
static bool get_causes(struct tlv *tlv, struct beat *beat, struct wire_error *error)
{
	const uint64_t causes = tlv_has(tlv, 1, error) ? wire_get(&tlv->body, 1) : UINT64_MAX;
	const uint32_t vms = ((1u << WIRE_GUEST_MAX) - 1) << BEAT_VM_0;

	if (causes == UINT64_MAX || !wire_in_range(causes, 0, BEAT_EXIT_CAUSES, "beat exit causes", error)) {
		return false;
	}
	if ((beat->present & vms) != 0 && beat->counters.exit_causes != causes) {
		return wire_refuse(error, WIRE_MESSAGE_VALUE, causes, beat->counters.exit_causes, NULL,
				   "beat exit causes");
	}
	beat->counters.exit_causes = (uint32_t)causes;
	return true;
}

static bool get_series(struct tlv *tlv, uint32_t series, struct beat *beat, struct wire_error *error)
{
	const struct beat_series *s = beat_series(series);
	uint8_t *to = (uint8_t *)&beat->counters + beat_series_offset(series);
	uint64_t seen = beat->present;

	tlv->name = s->name;
	if (!tlv_once(tlv, &seen, series, error) || (s->has_causes && !get_causes(tlv, beat, error)) ||
	    !tlv_has(tlv, beat_series_bytes(s, beat->counters.exit_causes), error)) {
		return false;
	}
	for (size_t i = 0; i < s->field_count; i++) {
		get_field(&tlv->body, &s->fields[i], to + s->fields[i].offset, beat->counters.exit_causes);
	}
	beat->present |= BEAT_BIT(series);
	return true;
}

static bool get_guests(struct wire_reader *r, struct beat *beat, struct wire_error *error)
{
	for (size_t i = 0; i < WIRE_GUEST_MAX; i++) {
		struct beat_guest *guest = &beat->guests[i];
		guest->state = (uint8_t)wire_get(r, 1);
		guest->reason = (uint8_t)wire_get(r, 1);
		guest->percent = (uint8_t)wire_get(r, 1);
		guest->flags = (uint8_t)(wire_get(r, 1) & BEAT_GUEST_FLAGS_ALL);
		guest->generation = (uint32_t)wire_get(r, 4);
		guest->restart_generation = (uint32_t)wire_get(r, 4);
		guest->restarts = (uint32_t)wire_get(r, 4);
		if (!wire_in_range(guest->percent, 0, 100, "beat percent", error)) {
			return false;
		}
	}
	return true;
}

static bool get_fixed(struct wire_reader *r, struct beat *beat, struct wire_error *error)
{
	wire_get_bytes(r, beat->mac, sizeof(beat->mac));
	beat->flags = (uint8_t)(wire_get(r, 1) & BEAT_FLAGS_ALL);
	beat->cpu_count = (uint8_t)wire_get(r, 1);
	beat->uptime_us = wire_get(r, 8);
	beat->heard_sequence = wire_get(r, 8);
	beat->node_generation = (uint32_t)wire_get(r, 4);
	beat->dropped = (uint32_t)wire_get(r, 4);
	return wire_in_range(beat->cpu_count, 1, WIRE_CPU_MAX, "beat CPUs", error) && get_guests(r, beat, error);
}

bool beat_decode(const uint8_t *bytes, size_t size, struct beat *beat, struct wire_error *error)
{
	struct datagram_header header;
	struct wire_reader r;
	struct tlv tlv;
	int more;

	memset(beat, 0, sizeof(*beat));
	if (!datagram_open(bytes, size, &header, DATAGRAM_BEAT, BEAT_FIXED_BYTES, "beat", &r, error)) {
		return false;
	}
	if (size > BEAT_MAX_BYTES) {
		return wire_refuse(error, WIRE_MESSAGE_LARGE, size, BEAT_MAX_BYTES, NULL, "beat");
	}
	beat->boot_id = header.boot_id;
	beat->instance = header.instance;
	beat->sequence = header.sequence;
	if (!get_fixed(&r, beat, error)) {
		return false;
	}
	while ((more = tlv_next(&r, &tlv, error)) > 0) {
		const uint32_t series = tlv.type - 1u; /* type 0 becomes one that is not known */
		if (series < BEAT_SERIES_COUNT && !get_series(&tlv, series, beat, error)) {
			return false;
		}
	}
	return more == 0;
}
