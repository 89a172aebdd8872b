/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants: a node goes down only through suspect or after a grace that ran out; `good` counts only while it is
 * down; falls only rise at a fall, and are forgiven an hour after the last one. A time in the future (a grace) is
 * silence of zero.
 */
#include "fleet/contact.h"

#include <stddef.h>

static uint64_t silent_ms(const struct contact_track *track, uint64_t now_ms)
{
	return now_ms > track->heard_ms ? now_ms - track->heard_ms : 0;
}

static bool is_longer(uint64_t silent, uint32_t interval_ms, uint32_t tenths)
{
	return silent * 10 > (uint64_t)interval_ms * tenths;
}

void contact_begin(struct contact_track *track)
{
	track->state = CONTACT_NEVER;
	track->heard_ms = 0;
	track->good = 0;
}

void contact_resume(struct contact_track *track, uint64_t now_ms, uint64_t grace_ms)
{
	*track = (struct contact_track){.state = CONTACT_NEVER, .heard_ms = now_ms + grace_ms};
}

unsigned contact_good_needed(const struct contact_track *track)
{
	unsigned needed = CONTACT_GOOD_BEATS;

	for (unsigned i = 1; i < track->falls && needed < CONTACT_GOOD_MOST; i++) {
		needed *= 2;
	}
	return needed < CONTACT_GOOD_MOST ? needed : CONTACT_GOOD_MOST;
}

static void forgive(struct contact_track *track, uint64_t now_ms)
{
	if (track->state == CONTACT_ALIVE && track->falls > 0 && now_ms - track->fell_ms >= CONTACT_FORGIVEN_MS) {
		track->falls = 0;
	}
}

bool contact_beat(struct contact_track *track, uint64_t now_ms, uint32_t interval_ms)
{
	const enum contact before = track->state;
	const bool is_gap = is_longer(silent_ms(track, now_ms), interval_ms, CONTACT_SUSPECT_TENTHS);

	track->heard_ms = now_ms;
	if (track->state != CONTACT_DOWN) {
		track->state = CONTACT_ALIVE;
	} else {
		track->good = (uint16_t)(is_gap ? 1 : track->good + 1);
		if (track->good >= contact_good_needed(track)) {
			track->state = CONTACT_ALIVE;
			track->good = 0;
		}
	}
	forgive(track, now_ms);
	return track->state != before;
}

static void fall(struct contact_track *track, uint64_t now_ms)
{
	track->state = CONTACT_DOWN;
	track->good = 0;
	track->fell_ms = now_ms;
	if (track->falls < CONTACT_FLAPS_MOST) {
		track->falls++;
	}
}

bool contact_pass(struct contact_track *track, uint64_t now_ms, uint32_t interval_ms)
{
	const enum contact before = track->state;

	if (track->heard_ms == 0) {
		return false;
	}
	const uint64_t silent = silent_ms(track, now_ms);

	if (track->state != CONTACT_DOWN && is_longer(silent, interval_ms, CONTACT_SUSPECT_TENTHS)) {
		track->state = CONTACT_SUSPECT;
	}
	if (track->state == CONTACT_SUSPECT && is_longer(silent, interval_ms, CONTACT_DOWN_TENTHS)) {
		fall(track, now_ms);
	}
	if (track->state == CONTACT_DOWN && is_longer(silent, interval_ms, CONTACT_SUSPECT_TENTHS)) {
		track->good = 0;
	}
	forgive(track, now_ms);
	return track->state != before;
}

const char *contact_text(enum contact contact)
{
	static const char *const words[] = {
#define X(symbol, word) word,
		CONTACTS(X)
#undef X
	};
	return (unsigned)contact < CONTACT_COUNT ? words[contact] : "?";
}

bool contact_is_mass_loss(unsigned lost, unsigned known)
{
	return lost >= CONTACT_MASS_LEAST && (uint64_t)lost * 100 > (uint64_t)known * CONTACT_MASS_PERCENT;
}
