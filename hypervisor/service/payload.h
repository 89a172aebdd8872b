/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The bundle that the boot loader left in memory. It is read-only to the service and belongs to no
 * guest, so what was checked once stays true: a guest that resets is loaded from it again.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/manifest.h"

enum { PAYLOAD_WHY_BYTES = 256 };

struct payload {
	const uint8_t *bytes;
	struct manifest manifest;
};

/* Checks header, manifest and the places of the blobs in the `received` bytes of a bundle (page aligned), not yet the
 * blobs' hashes. False: `why` says in words what is wrong. */
bool payload_open(struct payload *payload, const uint8_t *bytes, uint64_t received,
		  char why[PAYLOAD_WHY_BYTES]);

/* Compares the hashes of one guest's blobs with the manifest. False: `why` names the blob and both hashes. */
bool payload_verify_guest(const struct payload *payload, const struct manifest_guest *guest,
			  char why[PAYLOAD_WHY_BYTES]);
