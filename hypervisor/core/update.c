/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps one newer service image in core memory, out of the service's reach; compiled only for simulation.
 *
 * Invariant: the image that was taken last is not written to. The next one is copied beside it, and takes its turn
 * only when it is whole and right; so what runs can always be loaded again.
 *
 * Hostile: address, length and every byte. The bytes are copied once and hashed on the way; the header is checked in
 * the copy. The copy is the whole and only source of the next instance.
 */
#include "core/update.h"

#ifdef AETHER_SIMULATION
#include "core/hal.h"
#include "core/pages.h"
#include "lib/sha256.h"
#include "lib/string.h"

#define PART_BYTES 1024u /* its hash takes some 20,000 instructions */

static struct {
	pa_t reserves[2];
	unsigned spare; /* the one that the image does not lie in */
	struct service_image image;
	bool is_copying;
	uint64_t cursor, bytes;
	pa_t from;
	struct aether_service_header header;
	struct sha256 hash;
	uint8_t part[PART_BYTES];
} update;

enum hv_err update_init(void)
{
	update.is_copying = false;
	update.spare = 0;
	const enum hv_err err = pages_take(UPDATE_MOST_BYTES, PAGE_BYTES, PAGE_CORE, &update.reserves[0]);
	return err == HV_OK ? pages_take(UPDATE_MOST_BYTES, PAGE_BYTES, PAGE_CORE, &update.reserves[1]) : err;
}

void update_died(void)
{
	update.is_copying = false;
}

static bool begin(uint64_t ipa, uint64_t bytes)
{
	if (bytes < sizeof(update.header) || bytes > UPDATE_MOST_BYTES || !is_aligned(ipa, PAGE_BYTES) ||
	    !reload_find_writable(ipa, bytes, &update.from)) {
		return false;
	}
	update.is_copying = true;
	update.cursor = 0;
	update.bytes = bytes;
	sha256_begin(&update.hash);
	return true;
}

/* A part never crosses a page, since both ends begin on one. */
static void copy_part(void)
{
	const uint64_t left = update.bytes - update.cursor;
	const uint64_t bytes = left < PART_BYTES ? left : PART_BYTES;
	hal_copy_from(update.part, pa_add(update.from, update.cursor), bytes);
	if (update.cursor == 0) {
		memcpy(&update.header, update.part, sizeof(update.header));
	}
	sha256_add(&update.hash, update.part, bytes);
	hal_copy_to(pa_add(update.reserves[update.spare], update.cursor), update.part, bytes);
	update.cursor += bytes;
}

enum exit_action update_call(struct vcpu *vcpu, const struct service_image **image)
{
	*image = NULL;
	if (!update.is_copying && !begin(vcpu->x[1], vcpu->x[2])) {
		vcpu->x[0] = (uint64_t)AETHER_EINVAL;
		return EXIT_RESUME;
	}
	while (update.cursor < update.bytes) {
		copy_part();
		if (hal_is_interrupt_pending()) {
			return EXIT_RETRY;
		}
	}
	update.is_copying = false;
	if (!reload_is_image(&update.header, update.bytes, reload_memory_bytes())) {
		vcpu->x[0] = (uint64_t)AETHER_EINVAL;
		return EXIT_RESUME;
	}
	update.image = (struct service_image){
		.pa = update.reserves[update.spare],
		.byte_count = update.bytes,
		.header = update.header,
	};
	sha256_end(&update.hash, update.image.sha256);
	update.spare ^= 1;
	*image = &update.image;
	return EXIT_RESUME;
}
#endif
