/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The attacks of a hostile service (hostile.c), by name, with how the instance has to end of each. */
#include <stdbool.h>
#include <stdint.h>

#define HOSTILE_GUEST 0u /* runs throughout */

struct hostile_attack {
	const char *name;
	void (*run)(void);
	uint32_t cause; /* enum aether_service_failure */
};

#define HOSTILE(name, cause) {#name, name, AETHER_SERVICE_##cause}

/* What it must not reach: each ends the instance. */
extern const struct hostile_attack hostile_reach[];
extern const uint64_t hostile_reach_count;
/* What it must not get by asking: the instance ends by its own hand, when it has said what came of it. */
extern const struct hostile_attack hostile_calls[];
extern const uint64_t hostile_calls_count;

/* Within any second: what takes long is not silence. */
void hostile_lives(void);
_Noreturn void hostile_end(void);
