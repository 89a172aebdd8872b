/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The deaths of restart.c, by name. */
#include <stdint.h>

struct death {
	const char *name;
	void (*die)(void);
	uint32_t cause; /* enum aether_service_failure */
};

extern const struct death deaths[];
extern const uint32_t death_count;

_Noreturn void restart_fail(uint64_t esr, uint64_t elr, uint64_t far);
