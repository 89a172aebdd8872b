/* SPDX-License-Identifier: Apache-2.0 */
/* What the guests' states are in the words of the wire. */
#include "service/guests.h"

static bool is_pending(const struct guest *guest)
{
	return guest->wish.want == ACK_WANT_RUN && guest->wish.ended == WIRE_REASON_NONE;
}

bool guests_any(const struct guests *guests)
{
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		const struct guest *guest = &guests->slots[i];
		if (guest->state != GUEST_EMPTY || is_pending(guest)) {
			return true;
		}
	}
	return false;
}

static enum wire_guest_state state_of(const struct guest *guest)
{
	switch (guest->state) {
	case GUEST_RUNNING:
		return WIRE_GUEST_RUNNING;
	case GUEST_STOPPING:
		return WIRE_GUEST_STOPPING;
	case GUEST_LOADED:
		return WIRE_GUEST_LOADING;
	case GUEST_FILLING:
		return guest->fill.sources[0] != NULL ? WIRE_GUEST_LOADING : WIRE_GUEST_FETCHING;
	default:
		break;
	}
	if (!is_pending(guest)) {
		switch (guest->reason) {
		case WIRE_REASON_NONE:
			return WIRE_GUEST_EMPTY;
		case WIRE_REASON_WANTED:
		case WIRE_REASON_POWER_OFF:
			return WIRE_GUEST_STOPPED;
		default:
			return WIRE_GUEST_FAILED;
		}
	}
	switch (guest->reason) {
	case WIRE_REASON_HASH:
	case WIRE_REASON_LENGTH:
	case WIRE_REASON_MANIFEST:
	case WIRE_REASON_NO_PLACE:
	case WIRE_REASON_NO_MEMORY:
		return WIRE_GUEST_FAILED;
	default:
		return WIRE_GUEST_WAITING;
	}
}

enum wire_guest_state guests_state(const struct guests *guests, uint32_t slot)
{
	return state_of(&guests->slots[slot]);
}

uint32_t guests_console(const struct guests *guests, uint32_t slot)
{
	const struct guest *guest = &guests->slots[slot];

	return guest->has_vm && guest->vm < AETHER_VM_MAX ? guest->vm : slot;
}

bool guests_is_waiting(const struct guests *guests)
{
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		const struct guest *guest = &guests->slots[i];
		if (is_pending(guest) && guest->reason != WIRE_REASON_NONE) {
			return true;
		}
	}
	return false;
}

void guests_report(const struct guests *guests, uint32_t slot, struct beat_guest *report)
{
	const struct guest *guest = &guests->slots[slot];
	const bool is_filling = guest->state == GUEST_FILLING;

	report->state = (uint8_t)state_of(guest);
	report->reason = (uint8_t)guest->reason;
	report->percent = is_filling ? fill_percent(&guest->fill) : guest->state == GUEST_RUNNING ? 100 : 0;
	report->flags = guest->is_retained ? BEAT_GUEST_RETAIN : 0;
	report->generation = guest->wish.generation;
	report->restart_generation = guest->wish.restart_generation - (guest->wish.is_restart_due ? 1 : 0);
	report->restarts = guest->wish.starts > 1 ? guest->wish.starts - 1u : 0;
}
