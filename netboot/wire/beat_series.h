/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The table of a beat's series: what each field is, and how wide. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/beat.h"

enum beat_kind {
	BEAT_COUNTER, /* uint64_t; cumulative modulo its width */
	BEAT_VALUE, /* uint64_t; as it is now */
	BEAT_RAW, /* uint8_t; as it is now */
};

struct beat_field {
	uint16_t offset; /* in the series' struct */
	uint8_t width; /* bytes on the wire */
	uint8_t count; /* of an array */
	uint8_t kind; /* enum beat_kind */
	bool is_by_cause; /* only the first exit_causes of the array are there */
};

struct beat_series {
	const char *name;
	const struct beat_field *fields;
	size_t field_count;
	bool has_causes; /* the body begins with a byte: how many exit causes */
};

/* Series 0 to BEAT_SERIES_COUNT - 1; its TLV's type is one more than its number. */
const struct beat_series *beat_series(uint32_t series);
/* Where the struct of a series stands in struct beat_counters. */
size_t beat_series_offset(uint32_t series);
/* Elements of a field. */
size_t beat_field_count(const struct beat_field *field, uint32_t exit_causes);
/* Bytes of a series' TLV body. */
size_t beat_series_bytes(const struct beat_series *series, uint32_t exit_causes);
