/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The manifests that the slots want, by their SHA-256: one came with the bundle, others are fetched from the
 * controller, one at a time, and kept while a slot wants them. A manifest never changes, nor does what is wrong with
 * one.
 */
#include <stdbool.h>
#include <stdint.h>

#include "service/digest.h"
#include "service/fill.h"
#include "service/http.h"
#include "wire/datagram.h"
#include "wire/guest_state.h"
#include "wire/manifest.h"

enum { RELEASES_MAX = 1 + WIRE_GUEST_MAX, RELEASE_WHY_BYTES = 256 };

enum release_state {
	RELEASE_NONE = 0,
	RELEASE_DUE, /* to be fetched */
	RELEASE_KNOWN,
	RELEASE_REFUSED, /* it is what it should be, and no good */
};

struct release {
	enum release_state state;
	uint8_t sha256[DIGEST_BYTES];
	const uint8_t *bundle; /* its blobs are here too, at their offsets; NULL: the controller has them */
	enum wire_guest_reason reason; /* REFUSED; DUE: why the last try failed */
	uint32_t failures;
	uint64_t retry_at;
	struct manifest manifest; /* KNOWN */
};

struct releases {
	struct release entries[RELEASES_MAX]; /* the first is the bundle's or not used */
	uint64_t counter_hz;
	struct release *fetching;
	uint32_t http_id;
	char path[HTTP_PATH_MAX_BYTES];
	uint32_t body_bytes;
	bool is_too_long;
	uint8_t body[BUNDLE_MANIFEST_MAX_BYTES] __attribute__((aligned(8)));
};

/* Takes the bundle of `received` bytes. False: `why` says in words what is wrong. */
bool releases_open_bundle(struct releases *releases, const uint8_t *bytes, uint64_t received,
			  char why[RELEASE_WHY_BYTES]);
/* The one with that hash, if it is there already. */
struct release *releases_find(struct releases *releases, const uint8_t sha256[DIGEST_BYTES]);
/* The same; if it is not there, it replaces one that is none of the `wanted` ones. */
struct release *releases_want(struct releases *releases, const uint8_t sha256[DIGEST_BYTES],
			      const uint8_t *wanted[WIRE_GUEST_MAX]);
/* Fetches what is due. */
void releases_turn(struct releases *releases, const struct origin *origin, uint64_t now);
/* In how many ticks releases_turn() has to be called. */
uint64_t releases_wait(const struct releases *releases, uint64_t now);
