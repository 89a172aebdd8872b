/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Bit and field arithmetic. Fields are masks; FIELD_GET and FIELD_PREP shift by the mask's lowest set bit. */
#include <stdint.h>

#define BIT(n) (UINT64_C(1) << (n))
/* Bits high to low, both included: the notation of the Arm manuals. */
#define BITS(high, low) ((~UINT64_C(0) >> (63 - (high))) & (~UINT64_C(0) << (low)))
#define FIELD_SHIFT(mask) ((unsigned)__builtin_ctzll(mask))
#define FIELD_GET(mask, value) (((uint64_t)(value) & (mask)) >> FIELD_SHIFT(mask))
#define FIELD_PREP(mask, field) (((uint64_t)(field) << FIELD_SHIFT(mask)) & (mask))

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
