/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Rollback without the node: how often a node loaded a release and did not say hello, and what follows from it. Pure:
 * no thread, no clock, no files; who calls it holds the lock of what it passes.
 *
 * An attempt begins with the question of a boot loader for an address, and is one once a whole boot file followed (the
 * image; no script, no firmware's helper). Until then it may ask and probe as often as it likes. It is over
 * - with a hello: nothing of what was counted before matters any more;
 * - with the next question: it failed, and is counted;
 * - when no hello came for ATTEMPTS_HELLO_MS behind the first whole boot file: it hangs.
 * Three counted ones, or one that hangs, and the release is remembered as failed on that node: from then on
 * attempts_serve() gives it the last stable one, until somebody forces the release.
 *
 * Whoever is not heard may be healthy. So an attempt is held against its release only if from its boot file to its end
 * something else was heard on that network (struct attempts_witness) without a gap: an outage of the network or of the
 * controller, or a clock that jumps, excuses it. A node that stays silent behind an outage is reset, or shown, and
 * keeps its release.
 *
 * Sightings are made by anybody on the wire: a beat of the boot that they would have ended takes them back, and while
 * that boot is not suspect yet nothing is counted. What they can do is bounded: to have one node get a release that
 * ran on it before.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ATTEMPTS_MOST = 3, /* counted, and the release has failed */
	ATTEMPTS_HELLO_MS = 120000,
	/* A question so soon behind a whole boot file is of the same attempt: told late, or a loader that tries its
	 * next way. No machine is back in its loader by then. */
	ATTEMPTS_SAME_MS = 1000,
	ATTEMPTS_RESETS = 2, /* by the power driver, between two hellos: a third would not help either */
	ATTEMPTS_RESETS_USED_UP = ATTEMPTS_RESETS + 1,
	ATTEMPTS_RELEASE_BYTES = 32, /* SHA-256 of its manifest */
	ATTEMPTS_FAILED = 4, /* releases remembered for one node; the oldest is forgotten for a fifth */
};

/* --- one a network, in memory alone --- */
struct attempts_witness {
	uint64_t run; /* another one behind each gap; never 0 */
	uint32_t interval_ms; /* of what is heard: beats, or the controller's own probe when that is shorter */
	bool is_heard; /* within the window */
	int64_t since_ms, heard_ms; /* first and newest of this run */
	int64_t now_ms; /* newest time that it was given */
};
/* What is missing for so long is an outage: as a node is suspected then (fleet/contact.h). */
enum { ATTEMPTS_GAP_TENTHS = 25, ATTEMPTS_GAP_LEAST_MS = 2000 };

/* `network`: another number for each. */
void attempts_watch(struct attempts_witness *witness, uint32_t network, uint32_t interval_ms, int64_t now_ms);
/* A beat of any node came over that network, or the answer to the controller's own probe. (A node that waits for its
 * hello sends no beat, so what is heard behind its boot file is another's.) Repeated and recorded ones are no beats. */
void attempts_heard(struct attempts_witness *witness, int64_t now_ms);

/* --- one a node --- */
/* X(symbol, word in the database) */
#define ATTEMPTS_AT(X)                                                                             \
	X(IDLE, "idle") /* nothing, or it said hello */                                            \
	X(ASKED, "asked") /* for an address */                                                     \
	X(LOADED, "loaded") /* the boot file, and is to say hello */                               \
	X(HUNG, "hung") /* it did not, and that was decided on */

enum attempts_at {
#define X(symbol, word) ATTEMPTS_AT_##symbol,
	ATTEMPTS_AT(X)
#undef X
		ATTEMPTS_AT_COUNT
};

struct attempts {
	/* durable: struct attempts_row */
	enum attempts_at at;
	uint8_t counted; /* attempts of `release` that failed since the last hello */
	uint8_t resets; /* that were asked for since the last hello, or ATTEMPTS_RESETS_USED_UP */
	bool is_told; /* that there is no other release; until the next hello */
	uint64_t boot; /* the newest that said hello; 0: none yet */
	bool has_release;
	uint8_t release[ATTEMPTS_RELEASE_BYTES]; /* of the newest boot file */
	uint8_t failed_count;
	uint8_t failed[ATTEMPTS_FAILED][ATTEMPTS_RELEASE_BYTES]; /* newest first */
	/* while LOADED, in memory alone */
	uint64_t run; /* of the witness, in which since_ms was taken; 0: of none */
	int64_t since_ms; /* its first whole boot file; behind an outage, the moment from which it is waited for anew */
	bool is_intact; /* no outage since that boot file */
	/* in memory alone */
	uint64_t beat_run; /* of the witness, at the newest beat of `boot`; 0: none */
	int64_t beat_ms;
};

struct attempts_release {
	uint8_t key[ATTEMPTS_RELEASE_BYTES];
	const char *name; /* for people; cleaned */
};

/* What is known of the node at the moment of a call. */
struct attempts_facts {
	const struct attempts_release *wanted; /* NULL: none */
	const struct attempts_release *stable; /* the last one that was stable on it; NULL: none */
	bool has_power; /* a driver can reset it */
};

/* X(symbol, name, the release is given up, why, next step): %s is the release in `why`, the stable one in the step. */
#define ATTEMPTS_DECISIONS(X)                                                                      \
	X(NONE, "", false, "", "")                                                                 \
	X(LOOP, "boot-loop", true, "It loaded %s three times and never said hello.",               \
	  "It gets %s from now on. Look at its serial console before the release is forced.")       \
	X(HANG, "hang", true, "It loaded %s and did not say hello for 120 seconds.",               \
	  "It gets %s from now on. Look at its serial console before the release is forced.")       \
	X(LOOP_STABLE, "boot-loop-stable", false,                                                  \
	  "It loaded %s three times and never said hello, and there is no other release that ran " \
	  "on it.",                                                                                \
	  "Look at its serial console and its hardware, or give it another release.")              \
	X(HANG_STABLE, "hang-stable", false,                                                       \
	  "It loaded %s and did not say hello for 120 seconds, and there is no other release that "  \
	  "ran on it.",                                                                            \
	  "Look at its serial console and its hardware, or give it another release.")              \
	X(SILENT, "silent", false,                                                                 \
	  "It loaded %s, then the network or the controller was away, and it has said no hello since.", \
	  "Nothing is held against the release. Look at its cable and its power.")

enum attempts_kind {
#define X(symbol, name, reverts, why, next) ATTEMPTS_##symbol,
	ATTEMPTS_DECISIONS(X)
#undef X
		ATTEMPTS_KIND_COUNT
};

/* X(symbol, what is put before the next step) */
#define ATTEMPTS_POWERS(X)                                                                         \
	X(LEAVE, "") /* it starts again by itself */                                               \
	X(RESET, "It is being reset. ") /* by its power driver */                                  \
	X(BY_HAND, "Hung: power-cycle it. ") /* there is no driver, or its resets did not help */

enum attempts_power {
#define X(symbol, words) ATTEMPTS_POWER_##symbol,
	ATTEMPTS_POWERS(X)
#undef X
		ATTEMPTS_POWER_COUNT
};

enum { ATTEMPTS_WHY_BYTES = 240, ATTEMPTS_NEXT_BYTES = 240 };
struct attempts_decision {
	enum attempts_kind kind;
	bool reverts; /* serve the stable release, mark the node, tell the rollout */
	enum attempts_power power;
	uint8_t release[ATTEMPTS_RELEASE_BYTES]; /* that did not start */
	char why[ATTEMPTS_WHY_BYTES]; /* "" for ATTEMPTS_NONE */
	char next[ATTEMPTS_NEXT_BYTES];
};
const char *attempts_kind_name(enum attempts_kind kind);

/*
 * What happened. Each returns true when a durable field changed: store it, in one transaction with what follows from a
 * decision.
 * *decision is always filled. Times are milliseconds of whatever clock, of one for all calls of a run.
 */
/* A boot loader asks for an address (not what runs on the node later). Before it is answered: what attempts_serve()
 * says then is what it is to get. */
bool attempts_asked(struct attempts *attempts, struct attempts_witness *witness, const struct attempts_facts *facts,
		    int64_t now_ms, struct attempts_decision *decision);
/* It has the whole boot file, of that release. */
bool attempts_loaded(struct attempts *attempts, struct attempts_witness *witness,
		     const uint8_t release[ATTEMPTS_RELEASE_BYTES], int64_t now_ms);
/* A hello that was taken; of a boot that said one before it means nothing. */
bool attempts_hello(struct attempts *attempts, uint64_t boot);
/* A beat of its newest boot, which runs that release; NULL: not known which. */
bool attempts_beat(struct attempts *attempts, struct attempts_witness *witness, uint64_t boot,
		   const uint8_t *release, int64_t now_ms);
/* Its power was switched, or somebody had it start again: the attempt under way says nothing. */
bool attempts_excuse(struct attempts *attempts);
/* The driver could not reset it. */
bool attempts_not_reset(struct attempts *attempts);
/* Time went by: every second or so. */
bool attempts_pass(struct attempts *attempts, struct attempts_witness *witness, const struct attempts_facts *facts,
		   int64_t now_ms, struct attempts_decision *decision);

/* --- what is served --- */
bool attempts_has_failed(const struct attempts *attempts, const uint8_t release[ATTEMPTS_RELEASE_BYTES]);
/* Which of the two its next boot gets; NULL: there is none. */
const struct attempts_release *attempts_serve(const struct attempts *attempts, const struct attempts_facts *facts);
/* Somebody wants that release on it all the same: it is tried like a new one. */
bool attempts_force(struct attempts *attempts, const uint8_t release[ATTEMPTS_RELEASE_BYTES]);
/* What people see of it: false, there is nothing to say. */
bool attempts_show(const struct attempts *attempts, const struct attempts_facts *facts, char why[ATTEMPTS_WHY_BYTES],
		   char next[ATTEMPTS_NEXT_BYTES]);

/* --- the row of the database --- */
struct attempts_row {
	const char *at; /* a literal when it comes from here */
	unsigned counted, resets;
	bool is_told;
	char boot[17]; /* 16 hex digits */
	char release[2 * ATTEMPTS_RELEASE_BYTES + 1]; /* "": none */
	char failed[ATTEMPTS_FAILED * (2 * ATTEMPTS_RELEASE_BYTES + 1)]; /* with a space between; "": none */
};
void attempts_write(const struct attempts *attempts, struct attempts_row *row);
/* False: it is not a row that was written here, and *attempts is a node's of which nothing is known. An attempt that
 * was under way is excused: nobody listened meanwhile. */
bool attempts_read(const struct attempts_row *row, struct attempts *attempts);
