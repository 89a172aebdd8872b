/* SPDX-License-Identifier: Apache-2.0 */
/* Differences of a beat's counters, on the controller's side. */
#include <string.h>

#include "wire/beat.h"
#include "wire/beat_series.h"

uint64_t beat_difference(uint64_t before, uint64_t now, size_t bytes)
{
	const uint64_t mask = bytes < 8 ? (UINT64_C(1) << (8 * bytes)) - 1 : UINT64_MAX;

	return (now - before) & mask;
}

static void add_field(const struct beat_field *field, size_t count, uint8_t *total, uint8_t *last, const uint8_t *now)
{
	if (field->kind == BEAT_RAW) {
		memcpy(total, now, count);
		memcpy(last, now, count);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t t, l, n;
		memcpy(&t, total + 8 * i, 8);
		memcpy(&l, last + 8 * i, 8);
		memcpy(&n, now + 8 * i, 8);
		t = field->kind == BEAT_COUNTER ? t + beat_difference(l, n, field->width) : n;
		memcpy(total + 8 * i, &t, 8);
		memcpy(last + 8 * i, &n, 8);
	}
}

/* What a guest counted before its counters began anew is in the total; the new ones began at 0. */
static void begin_life(struct beat_vm *last, const struct beat_vm *now)
{
	if (last->lives != now->lives) {
		memset(last, 0, sizeof(*last));
	}
}

static void add_series(struct beat_track *track, const struct beat *beat, uint32_t series)
{
	const struct beat_series *s = beat_series(series);
	const size_t at = beat_series_offset(series);

	if (s->has_causes) {
		begin_life(&track->last.vms[series - BEAT_VM_0], &beat->counters.vms[series - BEAT_VM_0]);
		track->last.exit_causes = beat->counters.exit_causes;
		track->total.exit_causes = beat->counters.exit_causes;
	}
	for (size_t i = 0; i < s->field_count; i++) {
		const struct beat_field *field = &s->fields[i];
		add_field(field, beat_field_count(field, beat->counters.exit_causes),
			  (uint8_t *)&track->total + at + field->offset, (uint8_t *)&track->last + at + field->offset,
			  (const uint8_t *)&beat->counters + at + field->offset);
	}
	track->seen |= BEAT_BIT(series);
	track->uptime_us[series] = beat->uptime_us;
}

bool beat_track_add(struct beat_track *track, const struct beat *beat)
{
	if (beat->instance < track->instance ||
	    (beat->instance == track->instance && beat->sequence <= track->sequence)) {
		return false;
	}
	track->instance = beat->instance;
	track->sequence = beat->sequence;
	for (uint32_t i = 0; i < BEAT_SERIES_COUNT; i++) {
		if ((beat->present & BEAT_BIT(i)) != 0) {
			add_series(track, beat, i);
		}
	}
	return true;
}
