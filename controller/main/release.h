/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The built-in release: brought in at the start, and what the fleet asks of it. */
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "blobs/blobs.h"
#include "store/store.h"
#include "wire/ack.h"

struct release {
	bool is_there;
	uint8_t manifest[ACK_SHA256_BYTES];
	unsigned guest_count;
};

/* Imports the bundle (NULL: the one of an earlier start stands, if there was one). */
bool release_start(struct release *release, struct store *store, struct blobs *blobs, const char *bundle,
		   struct fail *fail);
/* struct fleet_options's. */
unsigned release_guests(void *release, const uint8_t manifest[ACK_SHA256_BYTES]);
