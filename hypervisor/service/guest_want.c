/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wanted of a slot: the controller's wish, or the bundle's, and what of a manifest it comes to.
 *
 * Invariant: a wish is in the core's records before anything follows from it. Wishes come from acknowledgements, whose
 * form and tag were checked; a kept one was written by an instance that may have been failing.
 */
#include "service/guest_want.h"

#include <string.h>

#include "service/guest_vm.h"
#include "service/hvcall.h"

bool guest_want_is_sane(const struct keep_slot *wish)
{
	return wish->want <= ACK_WANT_RUN && wish->place < MANIFEST_GUEST_MAX &&
	       wish->ended < WIRE_GUEST_REASON_COUNT && wish->is_restart_due <= 1;
}

void guest_want_keep(const struct guest *guest)
{
	if (guest->slot >= WIRE_GUEST_MAX || !guest_want_is_sane(&guest->wish)) {
		hvcall_fail(0, 0, 0);
		return;
	}
	(void)keep_set(KEEP_SLOT_0 + guest->slot, &guest->wish);
}

bool guest_is_wanted(const struct guest *guest)
{
	return guest->wish.want == ACK_WANT_RUN && guest->wish.ended == WIRE_REASON_NONE;
}

struct release *guest_release(struct guests *guests, const struct guest *guest)
{
	const uint8_t *wanted[WIRE_GUEST_MAX];

	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		const struct guest *other = &guests->slots[i];
		wanted[i] = other->wish.want == ACK_WANT_RUN ? other->wish.manifest : NULL;
	}
	return guest->wish.want == ACK_WANT_RUN ? releases_want(&guests->releases, guest->wish.manifest, wanted) :
						  releases_find(&guests->releases, guest->wish.manifest);
}

const struct manifest_guest *guest_definition(struct guests *guests, struct guest *guest)
{
	const struct release *release = guest_release(guests, guest);

	if (!guest_is_wanted(guest)) {
		guest->reason = guest->wish.want == ACK_WANT_EMPTY ? WIRE_REASON_NONE :
				guest->wish.want == ACK_WANT_STOP  ? WIRE_REASON_WANTED :
								     guest->wish.ended;
		return NULL;
	}
	if (release == NULL || release->state != RELEASE_KNOWN) {
		guest->reason = release != NULL ? release->reason : WIRE_REASON_OTHER;
		return NULL;
	}
	if (guest->wish.place >= release->manifest.guest_count) {
		guest->reason = WIRE_REASON_NO_PLACE;
		return NULL;
	}
	const struct manifest_guest *definition = &release->manifest.guests[guest->wish.place];
	memcpy(guest->name, definition->name, sizeof(guest->name));
	guest->is_retained = definition->reset == MANIFEST_RETAIN;
	if (!guest->has_want_tags) {
		guest->want_tag = guest_vm_tag(definition, guest->slot);
		guest->want_store_tag = guest_vm_store_tag(definition, guest->slot);
		guest->has_want_tags = true;
	}
	return definition;
}

bool guest_is_undecided(struct guests *guests, const struct guest *guest)
{
	const struct release *release = guest_release(guests, guest);

	return guest_is_wanted(guest) && release != NULL && release->state == RELEASE_DUE;
}

void guests_wish(struct guests *guests, uint32_t slot, const struct ack_guest *wish)
{
	struct guest *guest = &guests->slots[slot];
	struct keep_slot *kept = &guest->wish;

	if (wish->generation <= kept->generation) {
		return;
	}
	const bool is_other = wish->want != kept->want || wish->place != kept->place ||
			      !digest_is_equal(wish->manifest, kept->manifest);
	const bool is_restart = wish->restart_generation > kept->restart_generation;
	const bool is_under_way = guest->state == GUEST_FILLING || guest->state == GUEST_LOADED;

	guest->is_settled = false;
	guest->is_wish_lost = false;
	kept->generation = wish->generation;
	kept->want = (uint8_t)wish->want;
	kept->place = wish->place;
	memcpy(kept->manifest, wish->manifest, DIGEST_BYTES);
	if (is_restart) {
		kept->restart_generation = wish->restart_generation;
		kept->is_restart_due = guest->state == GUEST_RUNNING || guest->state == GUEST_STOPPING;
	}
	if (is_restart || is_other) {
		kept->ended = WIRE_REASON_NONE;
		guest->retry_at = 0;
		guest->failures = 0;
		guest->said = WIRE_REASON_NONE;
		guest->reason = WIRE_REASON_NONE;
	}
	guest_want_keep(guest);
	if (is_other && is_under_way) {
		fill_cancel(&guest->fill);
		guest->state = guest->has_vm ? GUEST_HELD : GUEST_EMPTY;
	}
	if (is_other) {
		guest->is_checked = false;
		guest->has_want_tags = false;
		(void)guest_release(guests, guest); /* the manifest is asked for at once */
	}
}

void guests_set_origin(struct guests *guests, struct origin origin)
{
	if (guests->origin.address == origin.address && guests->origin.port == origin.port) {
		return;
	}
	guests->origin = origin;
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		struct guest *guest = &guests->slots[i];
		if (guest->state == GUEST_FILLING) {
			fill_cancel(&guest->fill);
			guest->state = guest->has_vm ? GUEST_HELD : GUEST_EMPTY;
		}
		guest->retry_at = 0;
	}
	for (uint32_t i = 0; i < RELEASES_MAX; i++) {
		guests->releases.entries[i].retry_at = 0;
	}
}

void guest_want_bundle(struct guests *guests)
{
	const struct release *bundle = &guests->releases.entries[0];

	for (uint32_t i = 0; i < bundle->manifest.guest_count; i++) {
		struct guest *guest = &guests->slots[i];
		if (guest->wish.generation == 0 && guest->wish.want == ACK_WANT_EMPTY) {
			guest->is_wish_lost = false;
			guest->wish.want = ACK_WANT_RUN;
			guest->wish.place = (uint8_t)i;
			memcpy(guest->wish.manifest, bundle->sha256, DIGEST_BYTES);
			guest_want_keep(guest);
		}
	}
}
