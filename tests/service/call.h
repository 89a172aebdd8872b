/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Hypercalls and log lines of a service that is a test. */
#include <stdint.h>

#include "abi/hvc.h"
#include "lib/fmt.h"
#include "service/hvcall_registers.h"

/* Over all slices of a long one, which are the first four. */
static inline int64_t call(uint32_t id, struct hvcall_registers *c)
{
	int64_t status;
	do {
		status = hvcall(id, c);
	} while (status == AETHER_EAGAIN && id >= AETHER_HVC_VM_CREATE && id <= AETHER_HVC_VM_DESTROY);
	return status;
}

static inline int64_t call3(uint32_t id, uint64_t x1, uint64_t x2, uint64_t x3)
{
	struct hvcall_registers c = {.x = {0, x1, x2, x3}};
	return call(id, &c);
}

/* A line, once there is room. One of at most 48 bytes stays in one piece, whoever else writes to the console. */
#define SAY(...)                                                                                   \
	do {                                                                                       \
		char say_text[160];                                                                \
		say(say_text, fmt_string(say_text, sizeof(say_text), __VA_ARGS__));                \
	} while (0)

static inline void say(const char *text, uint64_t bytes)
{
	uint64_t done = 0;
	while (done < bytes) {
		struct hvcall_registers c = {.x = {0}};
		const uint64_t left = bytes - done;
		c.x[1] = left < 48 ? left : 48;
		for (uint64_t i = 0; i < c.x[1]; i++) {
			c.x[2 + i / 8] |= (uint64_t)(uint8_t)text[done + i] << (8 * (i % 8));
		}
		const uint64_t part = c.x[1];
		if (hvcall(AETHER_HVC_LOG, &c) == 0) {
			done += part;
		} else {
			(void)call3(AETHER_HVC_ALIVE, 0, 0, 0); /* the console is full */
		}
	}
}

static inline uint64_t ticks(void)
{
	uint64_t value;
	__asm__ volatile("isb\n\tmrs %0, cntpct_el0" : "=r"(value) : : "memory");
	return value;
}
