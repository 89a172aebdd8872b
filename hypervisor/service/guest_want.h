/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is wanted of a slot, for guests.c, which does it. guests_wish() and guests_set_origin() are here too. */
#include <stdbool.h>

#include "service/guests.h"
#include "wire/manifest.h"

bool guest_want_is_sane(const struct keep_slot *wish);
/* Into the core's records. An instance whose memory was overwritten fails: it must not leave nonsense to the next. */
void guest_want_keep(const struct guest *guest);
/* The bundle's guests are wanted where no controller has said anything else. */
void guest_want_bundle(struct guests *guests);

bool guest_is_wanted(const struct guest *guest);
/* The manifest of the wish; asked for if that is to run. NULL: there is no room for it, or it is not there. */
struct release *guest_release(struct guests *guests, const struct guest *guest);
/* What the slot should run, or NULL: nothing, or not known yet; guest->reason says why. */
const struct manifest_guest *guest_definition(struct guests *guests, struct guest *guest);
/* The manifest is on its way: what the slot should run is not decided. */
bool guest_is_undecided(struct guests *guests, const struct guest *guest);
