/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The loader: from a bundle in memory to running guests, until the last of them is gone. */
#include <stdbool.h>
#include <stdint.h>

#include "abi/bootinfo.h"
#include "service/load.h"
#include "service/payload.h"

struct loader_inputs {
	const struct aether_bootinfo *info;
	const void *trailer; /* info->trailer_bytes of it */
	const uint8_t *bundle; /* info->bundle_bytes of it */
};

enum loader_guest_state {
	LOADER_GUEST_ABSENT, /* has no VM: not created, refused, or ended for good */
	LOADER_GUEST_LOADED,
	LOADER_GUEST_RUNNING,
};

struct loader_guest {
	enum loader_guest_state state;
	uint32_t vm; /* valid unless ABSENT */
	uint32_t start_count;
	struct load_entry entry;
};

struct loader {
	const struct aether_bootinfo *info;
	struct payload payload;
	struct loader_guest guests[MANIFEST_GUEST_MAX];
	uint64_t verify_ticks; /* spent on hashes */
	uint64_t copy_ticks; /* spent on filling guests' memory */
};

/* Runs the bundle's guests. Returns when none is left, or at once when none could be started: the node has nothing
 * more to do then. The console was told why. */
void loader_run(struct loader *loader, const struct loader_inputs *inputs);
