/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The service's one loop: network, agent, guests, then sleep until something is due. */
#include <stdbool.h>
#include <stdint.h>

#include "abi/bootinfo.h"
#include "service/agent.h"
#include "service/config.h"
#include "service/guests.h"

#define SERVICE_GUARD UINT64_C(0x6165746865722121)

struct service_inputs {
	const struct aether_bootinfo *info;
	const void *trailer; /* info->trailer_bytes of it */
	const uint8_t *bundle; /* info->bundle_bytes of it */
	const uint8_t *crash; /* info->crash_bytes of it */
};

struct service {
	uint64_t first_guard; /* SERVICE_GUARD, like last_guard: else its memory was overwritten */
	const struct aether_bootinfo *info;
	struct config config;
	struct guests guests;
	struct agent agent;
	bool has_bundle; /* a sound one */
	uint64_t last_guard;
};

/* Begins: what is kept, the bundle's guests, the card. */
void service_start(struct service *service, const struct service_inputs *inputs);
/* One turn, with at most one sleep. False: nothing is left to do, the node may go off; the console was told why. */
bool service_turn(struct service *service);
