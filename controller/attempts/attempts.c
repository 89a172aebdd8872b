/* SPDX-License-Identifier: Apache-2.0 */
/*
 *          asked            loaded             silent for 120 s
 *   IDLE ---------> ASKED ---------> LOADED -------------------> HUNG
 *    ^                ^                | |                         |
 *    |                '----- asked ----' |                         |
 *    |                '------------------------------ asked -------'
 *    '--- hello, or a beat; excused ----- from any ----------------'
 *
 * Invariants: (1) a decision is given only on leaving LOADED, so never two for one attempt; (2) one that reverts only
 * while is_intact: since the boot file the run of the witness is the same, and something was heard behind that file;
 * (3) counted is of `release`, below ATTEMPTS_MOST unless is_told, and both are 0 behind a decision that reverts; (4)
 * no release is in `failed` twice; (5) resets never exceeds ATTEMPTS_RESETS_USED_UP. Hostile input: sightings, see the
 * header; all that comes is of a fixed size.
 */
#include "attempts/attempts.h"

#include <stdio.h>
#include <string.h>

_Static_assert(ATTEMPTS_MOST == 3, "the sentences say three");
_Static_assert(ATTEMPTS_HELLO_MS == 120000, "the sentences say 120 seconds");

/* --- the witness --- */

enum { RUN_NETWORK_SHIFT = 32 };

static int64_t gap_ms(const struct attempts_witness *witness)
{
	const int64_t gap = (int64_t)witness->interval_ms * ATTEMPTS_GAP_TENTHS / 10;

	return gap > ATTEMPTS_GAP_LEAST_MS ? gap : ATTEMPTS_GAP_LEAST_MS;
}

void attempts_watch(struct attempts_witness *witness, uint32_t network, uint32_t interval_ms, int64_t now_ms)
{
	*witness = (struct attempts_witness){
		.run = (uint64_t)network << RUN_NETWORK_SHIFT | 1,
		.interval_ms = interval_ms,
		.now_ms = now_ms,
	};
}

/* A gap, or a clock that went back, ends the run. */
static void witness_settle(struct attempts_witness *witness, int64_t now_ms)
{
	if (now_ms < witness->now_ms || (witness->is_heard && now_ms - witness->heard_ms > gap_ms(witness))) {
		witness->is_heard = false;
		witness->run++;
	}
	witness->now_ms = now_ms;
}

void attempts_heard(struct attempts_witness *witness, int64_t now_ms)
{
	witness_settle(witness, now_ms);
	if (!witness->is_heard) {
		witness->is_heard = true;
		witness->since_ms = now_ms;
	}
	witness->heard_ms = now_ms;
}

/* --- small steps --- */

static void settle(struct attempts *attempts, struct attempts_witness *witness, int64_t now_ms)
{
	witness_settle(witness, now_ms);
	if (attempts->at == ATTEMPTS_AT_LOADED && attempts->run != witness->run) {
		attempts->is_intact = false;
		attempts->run = witness->run;
		attempts->since_ms = now_ms;
	}
}

static void move_to(struct attempts *attempts, enum attempts_at at)
{
	attempts->at = at;
	attempts->run = 0;
	attempts->since_ms = 0;
	attempts->is_intact = false;
}

static bool is_same(const uint8_t *release, const uint8_t *other)
{
	return memcmp(release, other, ATTEMPTS_RELEASE_BYTES) == 0;
}

static unsigned find_failed(const struct attempts *attempts, const uint8_t *release)
{
	unsigned place = 0;

	while (place < attempts->failed_count && !is_same(attempts->failed[place], release)) {
		place++;
	}
	return place;
}

bool attempts_has_failed(const struct attempts *attempts, const uint8_t release[ATTEMPTS_RELEASE_BYTES])
{
	return find_failed(attempts, release) < attempts->failed_count;
}

static void remember(struct attempts *attempts, const uint8_t *release)
{
	if (attempts_has_failed(attempts, release)) {
		return;
	}
	if (attempts->failed_count < ATTEMPTS_FAILED) {
		attempts->failed_count++;
	}
	memmove(attempts->failed[1], attempts->failed[0],
		(size_t)(attempts->failed_count - 1) * ATTEMPTS_RELEASE_BYTES);
	memcpy(attempts->failed[0], release, ATTEMPTS_RELEASE_BYTES);
}

/* The stable release, when it is one to go back to. */
static const struct attempts_release *way_back(const struct attempts *attempts, const struct attempts_facts *facts)
{
	const struct attempts_release *stable = facts->stable;

	return stable == NULL || is_same(stable->key, attempts->release) || attempts_has_failed(attempts, stable->key) ?
		       NULL :
		       stable;
}

/* --- decisions --- */

enum { NAME_BYTES = 80, SHORT_DIGITS = 12 };

/* How people know it: by its name, else by the first digits. Returns name. */
static const char *name_of(const uint8_t *release, const struct attempts_facts *facts, char name[NAME_BYTES])
{
	const struct attempts_release *known[] = {facts->wanted, facts->stable};
	char digits[SHORT_DIGITS + 1];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i] != NULL && is_same(known[i]->key, release)) {
			(void)snprintf(name, NAME_BYTES, "release %s", known[i]->name);
			return name;
		}
	}
	for (size_t i = 0; i < SHORT_DIGITS / 2; i++) {
		(void)snprintf(digits + 2 * i, 3, "%02x", release[i]);
	}
	(void)snprintf(name, NAME_BYTES, "release %s", digits);
	return name;
}

/* `sentence` has one %s, or none. Formats are not computed: the one place is found and filled. */
static void fill(char *to, size_t size, const char *before, const char *sentence, const char *name)
{
	const char *place = strstr(sentence, "%s");

	if (place == NULL) {
		(void)snprintf(to, size, "%s%s", before, sentence);
	} else {
		(void)snprintf(to, size, "%s%.*s%s%s", before, (int)(place - sentence), sentence, name, place + 2);
	}
}

static const struct {
	const char *name;
	bool reverts;
	const char *why, *next;
} kinds[] = {
#define X(symbol, name, reverts, why, next) {name, reverts, why, next},
	ATTEMPTS_DECISIONS(X)
#undef X
};

static const char *const power_words[] = {
#define X(symbol, words) words,
	ATTEMPTS_POWERS(X)
#undef X
};

const char *attempts_kind_name(enum attempts_kind kind)
{
	return (unsigned)kind < ATTEMPTS_KIND_COUNT ? kinds[kind].name : "?";
}

static enum attempts_power take_reset(struct attempts *attempts, const struct attempts_facts *facts)
{
	if (!facts->has_power) {
		return ATTEMPTS_POWER_BY_HAND;
	}
	if (attempts->resets < ATTEMPTS_RESETS_USED_UP) {
		attempts->resets++;
	}
	return attempts->resets < ATTEMPTS_RESETS_USED_UP ? ATTEMPTS_POWER_RESET : ATTEMPTS_POWER_BY_HAND;
}

static void decide(struct attempts *attempts, const struct attempts_facts *facts, enum attempts_kind kind,
		   enum attempts_power power, struct attempts_decision *decision)
{
	char failed[NAME_BYTES], stable[NAME_BYTES];

	decision->kind = kind;
	decision->reverts = kinds[kind].reverts;
	decision->power = power;
	memcpy(decision->release, attempts->release, ATTEMPTS_RELEASE_BYTES);
	fill(decision->why, sizeof(decision->why), "", kinds[kind].why, name_of(attempts->release, facts, failed));
	fill(decision->next, sizeof(decision->next), power_words[power], kinds[kind].next,
	     facts->stable == NULL ? "none" : name_of(facts->stable->key, facts, stable));
	if (decision->reverts) {
		remember(attempts, attempts->release);
		attempts->counted = 0;
		attempts->is_told = false;
	}
}

/* --- what happened --- */

static void count(struct attempts *attempts, const struct attempts_facts *facts, struct attempts_decision *decision)
{
	/* One that has failed already is not served any more; this was on its way. */
	if (attempts_has_failed(attempts, attempts->release)) {
		return;
	}
	if (attempts->counted < ATTEMPTS_MOST) {
		attempts->counted++;
	}
	if (attempts->counted < ATTEMPTS_MOST) {
		return;
	}
	if (way_back(attempts, facts) != NULL) {
		decide(attempts, facts, ATTEMPTS_LOOP, ATTEMPTS_POWER_LEAVE, decision);
	} else if (!attempts->is_told) {
		attempts->is_told = true;
		decide(attempts, facts, ATTEMPTS_LOOP_STABLE, ATTEMPTS_POWER_LEAVE, decision);
	}
}

/* The boot that said hello may still run: it is not suspect yet. */
static bool is_living(const struct attempts *attempts, const struct attempts_witness *witness)
{
	return attempts->beat_run == witness->run && witness->now_ms - attempts->beat_ms <= gap_ms(witness);
}

bool attempts_asked(struct attempts *attempts, struct attempts_witness *witness, const struct attempts_facts *facts,
		    int64_t now_ms, struct attempts_decision *decision)
{
	*decision = (struct attempts_decision){.kind = ATTEMPTS_NONE};
	settle(attempts, witness, now_ms);
	if (attempts->at == ATTEMPTS_AT_ASKED) {
		return false;
	}
	if (attempts->at == ATTEMPTS_AT_LOADED) {
		if (attempts->is_intact && now_ms - attempts->since_ms < ATTEMPTS_SAME_MS) {
			return false;
		}
		if (attempts->is_intact && witness->heard_ms > attempts->since_ms && !is_living(attempts, witness)) {
			count(attempts, facts, decision);
		}
	}
	move_to(attempts, ATTEMPTS_AT_ASKED);
	return true;
}

bool attempts_loaded(struct attempts *attempts, struct attempts_witness *witness,
		     const uint8_t release[ATTEMPTS_RELEASE_BYTES], int64_t now_ms)
{
	settle(attempts, witness, now_ms);
	if (attempts->at != ATTEMPTS_AT_ASKED) {
		return false; /* once more within the attempt, or nobody asked */
	}
	if (!attempts->has_release || !is_same(attempts->release, release)) {
		attempts->has_release = true;
		memcpy(attempts->release, release, ATTEMPTS_RELEASE_BYTES);
		attempts->counted = 0;
		attempts->is_told = false;
	}
	attempts->at = ATTEMPTS_AT_LOADED;
	attempts->run = witness->run;
	attempts->since_ms = now_ms;
	attempts->is_intact = witness->is_heard;
	return true;
}

/* It lives. Returns whether that was news. */
static bool clear(struct attempts *attempts, enum attempts_at at)
{
	const bool was_clear = attempts->at == at && attempts->counted == 0 && attempts->resets == 0 &&
			       !attempts->is_told;

	attempts->counted = 0;
	attempts->resets = 0;
	attempts->is_told = false;
	move_to(attempts, at);
	return !was_clear;
}

bool attempts_hello(struct attempts *attempts, uint64_t boot)
{
	if (boot == attempts->boot) {
		return false;
	}
	attempts->boot = boot;
	/* Whatever is told of its boot file behind this is told late. */
	(void)clear(attempts, ATTEMPTS_AT_IDLE);
	return true;
}

bool attempts_beat(struct attempts *attempts, struct attempts_witness *witness, uint64_t boot,
		   const uint8_t *release, int64_t now_ms)
{
	settle(attempts, witness, now_ms);
	if (boot != attempts->boot) {
		return release != NULL && attempts->has_release && is_same(release, attempts->release) &&
		       attempts_hello(attempts, boot);
	}
	attempts->beat_run = witness->run;
	attempts->beat_ms = now_ms;
	/* A boot that goes on loaded nothing: somebody made that up. But its last beat may have been on its way. */
	if (attempts->at == ATTEMPTS_AT_LOADED && now_ms - attempts->since_ms < ATTEMPTS_SAME_MS) {
		return false;
	}
	return clear(attempts, attempts->at == ATTEMPTS_AT_ASKED ? ATTEMPTS_AT_ASKED : ATTEMPTS_AT_IDLE);
}

bool attempts_excuse(struct attempts *attempts)
{
	if (attempts->at == ATTEMPTS_AT_IDLE) {
		return false;
	}
	move_to(attempts, ATTEMPTS_AT_IDLE);
	return true;
}

bool attempts_not_reset(struct attempts *attempts)
{
	const bool is_news = attempts->resets != ATTEMPTS_RESETS_USED_UP;

	attempts->resets = ATTEMPTS_RESETS_USED_UP;
	return is_news;
}

bool attempts_pass(struct attempts *attempts, struct attempts_witness *witness, const struct attempts_facts *facts,
		   int64_t now_ms, struct attempts_decision *decision)
{
	*decision = (struct attempts_decision){.kind = ATTEMPTS_NONE};
	settle(attempts, witness, now_ms);
	if (attempts->at != ATTEMPTS_AT_LOADED || !witness->is_heard) {
		return false;
	}
	/* Time without a word from anybody is no silence of this one. */
	const int64_t from_ms = attempts->since_ms > witness->since_ms ? attempts->since_ms : witness->since_ms;

	if (witness->heard_ms - from_ms < ATTEMPTS_HELLO_MS) {
		return false;
	}
	const enum attempts_kind kind = !attempts->is_intact				      ? ATTEMPTS_SILENT :
					way_back(attempts, facts) != NULL ? ATTEMPTS_HANG :
									    ATTEMPTS_HANG_STABLE;

	decide(attempts, facts, kind, take_reset(attempts, facts), decision);
	move_to(attempts, ATTEMPTS_AT_HUNG);
	return true;
}

/* --- what is served, and shown --- */

const struct attempts_release *attempts_serve(const struct attempts *attempts, const struct attempts_facts *facts)
{
	const struct attempts_release *stable = facts->stable;

	if (facts->wanted == NULL || !attempts_has_failed(attempts, facts->wanted->key)) {
		return facts->wanted;
	}
	return stable == NULL || attempts_has_failed(attempts, stable->key) ? facts->wanted : stable;
}

bool attempts_force(struct attempts *attempts, const uint8_t release[ATTEMPTS_RELEASE_BYTES])
{
	const unsigned place = find_failed(attempts, release);
	const bool is_counted = attempts->has_release && is_same(attempts->release, release) &&
				(attempts->counted != 0 || attempts->is_told);

	if (place < attempts->failed_count) {
		attempts->failed_count--;
		memmove(attempts->failed[place], attempts->failed[place + 1],
			(size_t)(attempts->failed_count - place) * ATTEMPTS_RELEASE_BYTES);
	} else if (!is_counted) {
		return false;
	}
	if (is_counted) {
		attempts->counted = 0;
		attempts->is_told = false;
	}
	return true;
}

bool attempts_show(const struct attempts *attempts, const struct attempts_facts *facts, char why[ATTEMPTS_WHY_BYTES],
		   char next[ATTEMPTS_NEXT_BYTES])
{
	const struct attempts_release *served = attempts_serve(attempts, facts);
	char name[NAME_BYTES], other[NAME_BYTES];

	if (attempts->at == ATTEMPTS_AT_HUNG) {
		const bool is_by_hand = !facts->has_power || attempts->resets == ATTEMPTS_RESETS_USED_UP;

		fill(why, ATTEMPTS_WHY_BYTES, "", "It loaded %s and hung before its hello.",
		     name_of(attempts->release, facts, name));
		fill(next, ATTEMPTS_NEXT_BYTES, is_by_hand ? power_words[ATTEMPTS_POWER_BY_HAND] : "",
		     is_by_hand ? "Its next boot gets %s." :
				  "It was reset: should it not ask for an address, power-cycle it. It then gets %s.",
		     served == NULL ? "nothing" : name_of(served->key, facts, other));
		return true;
	}
	if (served != NULL && served != facts->wanted) {
		fill(why, ATTEMPTS_WHY_BYTES, "", "It gets its last stable release: %s failed on it.",
		     name_of(facts->wanted->key, facts, name));
		fill(next, ATTEMPTS_NEXT_BYTES, "", "Give it another release, or force %s once its cause is gone.",
		     name_of(facts->wanted->key, facts, name));
		return true;
	}
	return false;
}
