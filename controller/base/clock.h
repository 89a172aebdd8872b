/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Two clocks: one that only rises, for intervals; one that people read, for records. */
#include <stdint.h>

uint64_t clock_ms(void); /* CLOCK_MONOTONIC */
uint64_t clock_us(void);
int64_t clock_wall_ms(void); /* since 1970 UTC */
enum { CLOCK_TEXT_BYTES = 25 };
/* "2026-01-02T03:04:05.678Z" (RFC 3339). Returns text. */
const char *clock_print(int64_t wall_ms, char text[CLOCK_TEXT_BYTES]);
