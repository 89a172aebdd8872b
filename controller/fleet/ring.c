/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows lie at their second modulo RING_SECONDS. A gap longer than the ring empties it. Readings come from what a
 * node counted, so every number may be anything: packing bounds it.
 */
#include "fleet/ring.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_HAS = 1, GUEST_UNITS = 4096 };

struct ring_row {
	uint16_t cpu[3], net[3], exits, irq;
	uint16_t guests[WIRE_GUEST_MAX]; /* of a CPU, 1 / GUEST_UNITS */
	uint16_t has;
};

/* What changes slowly, or is a part of something. */
struct ring_slow {
	uint16_t memory[4];
	uint8_t causes[RING_CAUSES]; /* parts of 255 */
};

struct ring_rows {
	struct ring_row rows[RING_SECONDS];
	struct ring_slow slow[RING_SECONDS / RING_SLOW_EVERY];
};

static const char *const causes[] = {"irq",  "hvc",   "smc", "wfx",   "sysreg", "gic",
				     "uart", "abort", "fp",  "other", "rtc"};

const char *ring_cause_name(unsigned cause)
{
	return cause < sizeof(causes) / sizeof(causes[0]) ? causes[cause] : NULL;
}

/* 5 bits of exponent, 11 of mantissa: up to 2047 << 31. */
uint16_t ring_pack(double value)
{
	unsigned exponent = 0;

	if (!isfinite(value) || value <= 0) {
		return 0;
	}
	while (value > 2047 && exponent < 31) {
		value /= 2;
		exponent++;
	}
	const unsigned mantissa = value >= 2047 ? 2047 : (unsigned)(value + 0.5);

	return (uint16_t)(exponent << 11 | mantissa);
}

double ring_unpack(uint16_t packed)
{
	return (double)((uint64_t)(packed & 2047u) << (packed >> 11));
}

static uint16_t pack_part(float part)
{
	return part > 0 ? part < 1 ? (uint16_t)(part * 65535.0f + 0.5f) : 65535 : 0;
}

static uint8_t pack_byte(double value)
{
	return value > 0 ? value < 255 ? (uint8_t)(value + 0.5) : 255 : 0;
}

static size_t place_of(int64_t second)
{
	return (size_t)(((second % RING_SECONDS) + RING_SECONDS) % RING_SECONDS);
}

static void forget(struct ring *ring, int64_t to)
{
	const int64_t gap = to - ring->newest_s;

	if (gap >= RING_SECONDS || gap < 0) { /* or the clock went back */
		memset(ring->rows, 0, sizeof(*ring->rows));
		ring->count = 0;
		return;
	}
	for (int64_t second = ring->newest_s + 1; second < to; second++) {
		ring->rows->rows[place_of(second)] = (struct ring_row){.has = 0};
	}
	ring->count += (unsigned)gap;
	ring->count = ring->count < RING_SECONDS ? ring->count : RING_SECONDS;
}

bool ring_put(struct ring *ring, int64_t second, const struct ring_reading *reading)
{
	if (ring->rows == NULL) {
		ring->rows = calloc(1, sizeof(*ring->rows));
		if (ring->rows == NULL) {
			return false;
		}
		ring->newest_s = second;
	}
	forget(ring, second);
	ring->newest_s = second;
	ring->count = ring->count > 0 ? ring->count : 1;
	struct ring_row *row = &ring->rows->rows[place_of(second)];

	*row = (struct ring_row){
		.cpu = {pack_part(reading->cpu_guest), pack_part(reading->cpu_service), pack_part(reading->cpu_core)},
		.net = {ring_pack(reading->rx_bps), ring_pack(reading->tx_bps), ring_pack(reading->rx_drop)},
		.exits = ring_pack(reading->exits),
		.irq = ring_pack(reading->irq),
		.has = ROW_HAS,
	};
	for (unsigned i = 0; i < WIRE_GUEST_MAX; i++) {
		const float units = reading->guests[i] * (float)GUEST_UNITS;

		row->guests[i] = units > 0 ? units < 65535 ? (uint16_t)(units + 0.5f) : 65535 : 0;
	}
	struct ring_slow *slow = &ring->rows->slow[place_of(second) / RING_SLOW_EVERY];

	*slow = (struct ring_slow){
		.memory = {ring_pack(reading->memory_guest), ring_pack(reading->memory_service),
			   ring_pack(reading->memory_core), ring_pack(reading->memory_free)},
	};
	for (unsigned i = 0; i < RING_CAUSES; i++) {
		const double part = reading->exits > 0 ? (double)reading->causes[i] / reading->exits : 0;

		slow->causes[i] = pack_byte(255.0 * part);
	}
	return true;
}

bool ring_copy(struct ring *to, const struct ring *from)
{
	*to = *from;
	to->rows = from->rows != NULL ? malloc(sizeof(*to->rows)) : NULL;
	if (to->rows != NULL) {
		memcpy(to->rows, from->rows, sizeof(*to->rows));
	}
	return (to->rows != NULL) == (from->rows != NULL);
}

void ring_free(struct ring *ring)
{
	free(ring->rows);
	*ring = (struct ring){.count = 0};
}

bool ring_get(const struct ring *ring, int64_t second, struct ring_reading *reading)
{
	if (ring->rows == NULL || second > ring->newest_s || second <= ring->newest_s - (int64_t)ring->count) {
		return false;
	}
	const struct ring_row *row = &ring->rows->rows[place_of(second)];
	const struct ring_slow *slow = &ring->rows->slow[place_of(second) / RING_SLOW_EVERY];

	if (row->has == 0) {
		return false;
	}
	*reading = (struct ring_reading){
		.cpu_guest = (float)row->cpu[0] / 65535.0f,
		.cpu_service = (float)row->cpu[1] / 65535.0f,
		.cpu_core = (float)row->cpu[2] / 65535.0f,
		.memory_guest = ring_unpack(slow->memory[0]),
		.memory_service = ring_unpack(slow->memory[1]),
		.memory_core = ring_unpack(slow->memory[2]),
		.memory_free = ring_unpack(slow->memory[3]),
		.rx_bps = ring_unpack(row->net[0]),
		.tx_bps = ring_unpack(row->net[1]),
		.rx_drop = ring_unpack(row->net[2]),
		.exits = ring_unpack(row->exits),
		.irq = ring_unpack(row->irq),
	};
	reading->cpu_idle = 1.0f - reading->cpu_guest - reading->cpu_service - reading->cpu_core;
	reading->cpu_idle = reading->cpu_idle > 0 ? reading->cpu_idle : 0;
	for (unsigned i = 0; i < WIRE_GUEST_MAX; i++) {
		reading->guests[i] = (float)row->guests[i] / (float)GUEST_UNITS;
	}
	for (unsigned i = 0; i < RING_CAUSES; i++) {
		reading->causes[i] = (float)(reading->exits * slow->causes[i] / 255.0);
	}
	return true;
}

/* --- JSON --- */

/* X(group, name, field, factor to whole thousandths kept) */
#define COLUMNS(X)                                                                                 \
	X("cpu", "guest", cpu_guest)                                                               \
	X("cpu", "service", cpu_service)                                                           \
	X("cpu", "core", cpu_core)                                                                 \
	X("cpu", "idle", cpu_idle)                                                                 \
	X("memory", "guest", memory_guest)                                                         \
	X("memory", "service", memory_service)                                                     \
	X("memory", "core", memory_core)                                                           \
	X("memory", "free", memory_free)                                                           \
	X("net", "rx_bps", rx_bps)                                                                 \
	X("net", "tx_bps", tx_bps)                                                                 \
	X("net", "rx_drop", rx_drop)                                                               \
	X("total", "exits", exits)                                                                 \
	X("total", "irq", irq)

static double round_to(double value)
{
	return floor(value * 1000 + 0.5) / 1000;
}

static void put_number(struct json *json, bool has, double value)
{
	if (has) {
		json_double(json, NULL, round_to(value));
	} else {
		json_nil(json, NULL);
	}
}

static void put_column(const struct ring *ring, struct json *json, const char *name, size_t offset, bool is_float)
{
	json_begin_array(json, name);
	for (int64_t s = ring->newest_s - (int64_t)ring->count + 1; s <= ring->newest_s; s++) {
		struct ring_reading reading;
		const bool has = ring_get(ring, s, &reading);
		double value = 0;

		if (has && is_float) {
			float part;
			memcpy(&part, (const char *)&reading + offset, sizeof(part));
			value = (double)part;
		} else if (has) {
			memcpy(&value, (const char *)&reading + offset, sizeof(value));
		}
		put_number(json, has, value);
	}
	json_end_array(json);
}

static void put_groups(const struct ring *ring, struct json *json)
{
	const char *open = "";

#define X(group, name, field)                                                                      \
	if (strcmp(open, group) != 0) {                                                            \
		if (open[0] != '\0') {                                                             \
			json_end_object(json);                                                     \
		}                                                                                  \
		json_begin_object(json, group);                                                    \
		open = group;                                                                      \
	}                                                                                          \
	put_column(ring, json, name, offsetof(struct ring_reading, field),                         \
		   sizeof(((struct ring_reading *)NULL)->field) == sizeof(float));
	COLUMNS(X)
#undef X
	json_end_object(json);
}

void ring_json(const struct ring *ring, struct json *json, const char *key)
{
	const int64_t first = ring->newest_s - (int64_t)ring->count + 1;

	json_begin_object(json, key);
	json_time(json, "start", ring->count > 0 ? first * 1000 : 0);
	json_u64(json, "step_s", 1);
	json_u64(json, "count", ring->count);
	put_groups(ring, json);
	json_begin_object(json, "exits");
	for (unsigned i = 0; ring_cause_name(i) != NULL; i++) {
		put_column(ring, json, ring_cause_name(i), offsetof(struct ring_reading, causes) + i * sizeof(float),
			   true);
	}
	json_end_object(json);
	json_begin_array(json, "guests");
	for (unsigned i = 0; i < WIRE_GUEST_MAX; i++) {
		put_column(ring, json, NULL, offsetof(struct ring_reading, guests) + i * sizeof(float), true);
	}
	json_end_array(json);
	json_end_object(json);
}
