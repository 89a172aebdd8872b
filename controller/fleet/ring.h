/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Five minutes of a node's readings, one a second, in about 9 KiB. Amounts are kept as 16-bit numbers with an
 * 11-bit mantissa (one part in a thousand); memory and what exits were for are kept every fifth second.
 * Memory comes with the first reading.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "wire/beat.h"

enum { RING_SECONDS = 300, RING_SLOW_EVERY = 5, RING_CAUSES = 12 };

/* One reading as it is shown. */
struct ring_reading {
	float cpu_guest, cpu_service, cpu_core, cpu_idle; /* of all CPUs together, parts of one */
	double memory_guest, memory_service, memory_core, memory_free; /* MiB */
	double rx_bps, tx_bps, rx_drop; /* bits, frames a second */
	double exits, irq; /* a second */
	float guests[WIRE_GUEST_MAX]; /* CPUs' worth of each guest */
	float causes[RING_CAUSES]; /* exits a second by cause */
};

struct ring_rows;
struct ring {
	struct ring_rows *rows; /* owned; NULL: nothing was put */
	int64_t newest_s; /* wall clock, seconds */
	unsigned count; /* of rows that are there, gaps included */
};

/* Puts the reading of that second. A gap is kept as one. False: no memory. */
bool ring_put(struct ring *ring, int64_t second, const struct ring_reading *reading);
/* False: no memory; *to has no rows then. */
bool ring_copy(struct ring *to, const struct ring *from);
void ring_free(struct ring *ring);
/* The reading of a second. False: there is none. */
bool ring_get(const struct ring *ring, int64_t second, struct ring_reading *reading);
/* {"start":..., "step_s":1, "cpu":{"guest":[...],...},...}: columns, null where there is none. */
void ring_json(const struct ring *ring, struct json *json, const char *key);
/* Names of exit causes in the wire's order; NULL behind the last. */
const char *ring_cause_name(unsigned cause);

uint16_t ring_pack(double value); /* what is not finite or below zero: 0 */
double ring_unpack(uint16_t packed);
