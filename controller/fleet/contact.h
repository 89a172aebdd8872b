/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The third axis: whether the node is heard. Suspect after 2.5 intervals without a beat, down after 8. A node that
 * was down is alive again only after CONTACT_GOOD_BEATS beats in a row without a gap, and one that keeps going down
 * after twice as many each time, up to CONTACT_GOOD_MOST; an hour without a fall forgives. Pure functions of the
 * state and the time that they are given.
 */
#include <stdbool.h>
#include <stdint.h>

/* X(symbol, word) */
#define CONTACTS(X)                                                                                \
	X(NEVER, "never") /* no beat of it since its hello, or ever */                             \
	X(ALIVE, "alive")                                                                          \
	X(SUSPECT, "suspect")                                                                      \
	X(DOWN, "down")

enum contact {
#define X(symbol, word) CONTACT_##symbol,
	CONTACTS(X)
#undef X
		CONTACT_COUNT
};

enum {
	CONTACT_SUSPECT_TENTHS = 25, /* of an interval */
	CONTACT_DOWN_TENTHS = 80,
	CONTACT_GOOD_BEATS = 3,
	CONTACT_GOOD_MOST = 48,
	CONTACT_FORGIVEN_MS = 3600000,
	CONTACT_FLAPS_MOST = 5,
};

struct contact_track {
	enum contact state;
	uint64_t heard_ms; /* monotonic, the newest beat; or what the grace counts from */
	uint64_t fell_ms; /* when it last went down */
	uint8_t falls; /* in a row, none forgiven */
	uint16_t good; /* beats in a row, while it is on its way back */
};

/* A node that was alive before the controller was started again: `grace_ms` from now on it is not suspected. */
void contact_resume(struct contact_track *track, uint64_t now_ms, uint64_t grace_ms);
/* A beat came. Returns true when the state changed. */
bool contact_beat(struct contact_track *track, uint64_t now_ms, uint32_t interval_ms);
/* Time went by. Returns true when the state changed. */
bool contact_pass(struct contact_track *track, uint64_t now_ms, uint32_t interval_ms);
/* A new boot: nothing of it was heard, its falls are remembered. */
void contact_begin(struct contact_track *track);
/* Beats that it needs before it is alive again. */
unsigned contact_good_needed(const struct contact_track *track);
const char *contact_text(enum contact contact);

/*
 * Many at once: of `known` nodes that were alive at the window's begin, `lost` went silent within it. True: rather
 * the controller's own network than the nodes.
 */
enum { CONTACT_MASS_PERCENT = 30, CONTACT_MASS_LEAST = 3 };
bool contact_is_mass_loss(unsigned lost, unsigned known);
