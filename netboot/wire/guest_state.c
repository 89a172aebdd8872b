/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a guest's state. */
#include "wire/guest_state.h"

static const char *const state_words[] = {
#define X(number, symbol, words) [number] = (words),
	WIRE_GUEST_STATES(X)
#undef X
};

static const char *const reason_words[] = {
#define X(number, symbol, words) [number] = (words),
	WIRE_GUEST_REASONS(X)
#undef X
};

const char *wire_guest_state_text(unsigned int state)
{
	return state < WIRE_GUEST_STATE_COUNT ? state_words[state] : "in a state that this version does not know";
}

const char *wire_guest_reason_text(unsigned int reason)
{
	return reason < WIRE_GUEST_REASON_COUNT ? reason_words[reason] : "a reason that this version does not know";
}
