/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The widths of all that a beat counts. This table is the wire: a line may be added at a series' end, none may change.
 *
 * A counter comes round after 256 ^ width: microseconds in 6 bytes after 8.9 years, in 5 after 12.7 days; 4 bytes
 * of events at a million a second after 71 minutes, 6 bytes of bytes at 1 Gbit/s after 26 days.
 */
#include "wire/beat_series.h"

#define COUNTER(type, member, bytes) {.offset = offsetof(struct type, member), .width = (bytes), .count = 1}
#define COUNTERS(type, member, bytes, n) {.offset = offsetof(struct type, member), .width = (bytes), .count = (n)}
#define BY_CAUSE(type, member, bytes)                                                                                  \
	{                                                                                                              \
		.offset = offsetof(struct type, member), .width = (bytes), .count = BEAT_EXIT_CAUSES,                  \
		.is_by_cause = true                                                                                    \
	}
#define VALUE(type, member, bytes)                                                                                     \
	{.offset = offsetof(struct type, member), .width = (bytes), .count = 1, .kind = BEAT_VALUE}
#define VALUES(type, member, bytes, n)                                                                                 \
	{.offset = offsetof(struct type, member), .width = (bytes), .count = (n), .kind = BEAT_VALUE}
#define RAW(type, member, n)                                                                                           \
	{.offset = offsetof(struct type, member), .width = 1, .count = (n), .kind = BEAT_RAW}

static const struct beat_field cpu_fields[] = {
	COUNTER(beat_cpu, guest_us, 6),
	COUNTER(beat_cpu, service_us, 6),
	COUNTER(beat_cpu, core_us, 6),
	COUNTER(beat_cpu, idle_us, 6),
	COUNTER(beat_cpu, interrupts, 4),
	VALUE(beat_cpu, longest_ns, 4),
};

static const struct beat_field vm_fields[] = {
	VALUE(beat_vm, lives, 4),
	COUNTER(beat_vm, guest_us, 6),
	COUNTER(beat_vm, stolen_us, 6),
	COUNTER(beat_vm, interrupts, 4),
	VALUE(beat_vm, ram_mib, 4),
	BY_CAUSE(beat_vm, exits, 4),
	BY_CAUSE(beat_vm, exit_us, 5),
};

static const struct beat_field release_fields[] = {
	RAW(beat_release, manifest, BEAT_SHA256_BYTES),
};

static const struct beat_field memory_fields[] = {
	VALUES(beat_memory, pages, 4, BEAT_PAGE_OWNERS),
};

static const struct beat_field nic_fields[] = {
	COUNTER(beat_nic, rx_frames, 4),
	COUNTER(beat_nic, rx_bytes, 6),
	COUNTER(beat_nic, tx_frames, 4),
	COUNTER(beat_nic, tx_bytes, 6),
	COUNTER(beat_nic, rx_dropped, 4),
	COUNTER(beat_nic, tx_dropped, 4),
	COUNTER(beat_nic, bad, 4),
	COUNTER(beat_nic, refused, 4),
	COUNTER(beat_nic, interrupts, 4),
};

static const struct beat_field service_fields[] = {
	COUNTER(beat_service, restarts, 4),
	VALUE(beat_service, restart_cause, 1),
	VALUE(beat_service, restart_us, 4),
	COUNTER(beat_service, throttled, 4),
	VALUE(beat_service, steal_longest_ns, 4),
	VALUE(beat_service, steal_window_ns, 4),
	COUNTER(beat_service, bad_tags, 4),
	COUNTER(beat_service, replays, 4),
	COUNTER(beat_service, malformed, 4),
	COUNTER(beat_service, exhausted, 4),
	COUNTER(beat_service, http_failures, 4),
	COUNTER(beat_service, console_lost, 4),
};

static const struct beat_field steal_fields[] = {
	COUNTERS(beat_steal, buckets, 4, BEAT_STEAL_BUCKETS),
};

static const struct beat_field console_fields[] = {
	VALUES(beat_console, output, 8, WIRE_GUEST_MAX),
	VALUES(beat_console, input, 8, WIRE_GUEST_MAX),
};

#define SERIES(text, array) .name = (text), .fields = (array), .field_count = sizeof(array) / sizeof((array)[0])
#define IN(member) offsetof(struct beat_counters, member)

/* Series of one kind: numbers from `first` on, and where their structs stand in struct beat_counters. */
static const struct group {
	uint32_t first;
	struct beat_series series;
	size_t offset, stride;
} groups[] = {
	{BEAT_CPU_0, {SERIES("beat cpu", cpu_fields)}, IN(cpus), sizeof(struct beat_cpu)},
	{BEAT_VM_0, {SERIES("beat vm", vm_fields), .has_causes = true}, IN(vms), sizeof(struct beat_vm)},
	{BEAT_RELEASE_0, {SERIES("beat release", release_fields)}, IN(releases), sizeof(struct beat_release)},
	{BEAT_MEMORY, {SERIES("beat memory", memory_fields)}, IN(memory), 0},
	{BEAT_NIC, {SERIES("beat nic", nic_fields)}, IN(nic), 0},
	{BEAT_SERVICE, {SERIES("beat service", service_fields)}, IN(service), 0},
	{BEAT_STEAL, {SERIES("beat steal", steal_fields)}, IN(steal), 0},
	{BEAT_CONSOLE, {SERIES("beat console", console_fields)}, IN(console), 0},
};

static const struct group *group_of(uint32_t series)
{
	size_t at = sizeof(groups) / sizeof(groups[0]) - 1;

	while (series < groups[at].first) {
		at--;
	}
	return &groups[at];
}

const struct beat_series *beat_series(uint32_t series)
{
	return &group_of(series)->series;
}

size_t beat_series_offset(uint32_t series)
{
	const struct group *group = group_of(series);

	return group->offset + (series - group->first) * group->stride;
}

size_t beat_field_count(const struct beat_field *field, uint32_t exit_causes)
{
	return field->is_by_cause ? exit_causes : field->count;
}

size_t beat_series_bytes(const struct beat_series *series, uint32_t exit_causes)
{
	size_t bytes = series->has_causes ? 1 : 0;

	for (size_t i = 0; i < series->field_count; i++) {
		bytes += series->fields[i].width * beat_field_count(&series->fields[i], exit_causes);
	}
	return bytes;
}
