/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A rollout: a selection of nodes is moved to one release, wave by wave, each wave behind the gate of the one before,
 * and back to the last stable release when a gate fails. Pure: no thread, clock, allocation or database. The state is
 * a plain value (struct rollout and its cells, whose memory is the caller's); what happens comes in by calls, what is
 * to be done comes out of rollout_tick(). README.md has the tables of states.
 *
 * All input is a level, not an edge: the caller tells what a node is like now, as often as it likes; what is lost or
 * comes twice changes nothing. An order is an assignment ("this node has release X, and these parts restart"), so that
 * carrying it out twice is once.
 *
 * The caller's duties, in this order, under one lock:
 *   1. rollout_feed() with what is known of each node when it changes, and of all nodes behind a restart;
 *   2. rollout_tick(), ten times a second;
 *   3. store in one change the cells that are dirty and, when it or a cell is, the rollout; wait until that is durable,
 *      and clear is_dirty;
 *   4. carry out the decisions.
 * Killed between 3 and 4: the facts say that the node is not assigned what its cell says, and the order is given again.
 * Killed between 2 and 3: nothing has happened yet, and it is decided anew.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "rollout/policy.h"

enum {
	ROLLOUT_NODES_MAX = 16384,
	ROLLOUT_WAVES_MAX = 64, /* planned ones, and those of who is left */
	ROLLOUT_WAVE_LATE = 255, /* of nodes that came when the rollout had ended */
	ROLLOUT_GUESTS_MAX = 4,
	ROLLOUT_RELEASES_MAX = 8, /* the target and different stable ones */
	ROLLOUT_RACKS_MAX = 512,
	ROLLOUT_HASH_BYTES = 32,
	ROLLOUT_DECISIONS_MAX = 64,
	ROLLOUT_RETURN_TRIES = 3,
	ROLLOUT_TICK_MOST_MS = 5000, /* a longer gap between ticks counts as so much: nobody looked */
	ROLLOUT_ORDER_MS = 5000, /* an order that facts do not show for so long is given again */
	ROLLOUT_SETTLE_MS = 10000, /* a return of a node that may still be about to restart is not believed before */
};

/* X(symbol, word, ends) */
#define ROLLOUT_STATES(X)                                                                          \
	X(PLANNED, "planned", false)                                                               \
	X(RUNNING, "running", false) /* a wave is on its way, or the next one is due */            \
	X(PAUSED, "paused", false) /* nothing is ordered, not even returns; nothing is judged */   \
	X(SOAKING, "soaking", false) /* the wave is through, its gate not judged */                \
	X(RETURNING, "returning", false) /* every node that has it gets its stable release */      \
	X(DONE, "done", true) /* who was off gets it when it comes back */                         \
	X(ABORTED, "aborted", true) /* by a person; nodes stay as they are */                      \
	X(FAILED, "failed", true) /* nodes stay as they are */                                     \
	X(RETURNED, "returned", true)

enum rollout_state {
#define X(symbol, word, ends) ROLLOUT_##symbol,
	ROLLOUT_STATES(X)
#undef X
		ROLLOUT_STATE_COUNT
};

/* X(symbol, word) */
#define ROLLOUT_CELL_STATES(X)                                                                     \
	X(WAITING, "waiting")                                                                      \
	X(SKIPPED, "skipped") /* gets no order any more */                                         \
	X(DEFERRED, "deferred") /* off: gets its release when it comes back */                     \
	X(ORDERED, "ordered") /* assigned; nothing of it is seen yet */                            \
	X(RESTARTING, "restarting")                                                                \
	X(PROVING, "proving") /* on the release with guests ready, not yet long enough */          \
	X(HEALTHY, "healthy")                                                                      \
	X(FAILED, "failed")                                                                        \
	X(RETURNING, "returning") /* assigned its stable release */                                \
	X(RETURNED, "returned")

enum rollout_cell_state {
#define X(symbol, word) CELL_##symbol,
	ROLLOUT_CELL_STATES(X)
#undef X
		CELL_STATE_COUNT
};

/* What befell a node, the newest; told by the fleet. X(symbol, sentence) */
#define ROLLOUT_TROUBLES(X)                                                                        \
	X(NONE, "Nothing befell it.")                                                              \
	X(CRASH, "The core stopped and left a crash record.")                                      \
	X(LOOP, "It restarts again and again.")                                                    \
	X(GUEST_FAILED, "A guest failed.")                                                         \
	X(SERVICE_REVERTED, "The core went back to the service before: the new one was not confirmed.") \
	X(BOOT_REVERTED, "Its boot attempts ended without a hello; it was served its stable release.") \
	X(CHECK_FAILED, "The optional health check failed.")

enum rollout_trouble {
#define X(symbol, sentence) TROUBLE_##symbol,
	ROLLOUT_TROUBLES(X)
#undef X
		TROUBLE_COUNT
};

/* Why a rollout or a cell is as it is. X(symbol, sentence); a cell that failed by a trouble has WHY_TROUBLE and it. */
#define ROLLOUT_WHYS(X)                                                                            \
	X(TURN, "Its turn has not come.")                                                          \
	X(WAVE, "It is in the wave that is on its way.")                                           \
	X(OFF, "It is off or silent; it gets its release when it comes back.")                     \
	X(PERSON, "A person said so.")                                                             \
	X(LEFT, "It is no member any more: retired, pinned, or taken by another rollout.")         \
	X(ENDED, "The rollout ended before its turn.")                                             \
	X(LATE_CLOSED, "Too many nodes that came late failed with the release.")                   \
	X(ASSIGNED, "The release is assigned; nothing is seen of it yet.")                         \
	X(CHANGES, "It is changing over to the release.")                                          \
	X(PROVES, "It runs the release with its guests ready, not yet long enough.")               \
	X(PROVED, "It runs the release and stayed healthy long enough.")                           \
	X(NOT_ASSIGNED, "The order could not be carried out before the deadline.")                 \
	X(SILENT, "It was not heard before the healthy deadline.")                                 \
	X(OTHER_HASHES, "It did not run the release before the healthy deadline.")                 \
	X(NOT_READY, "A guest was not ready before the healthy deadline.")                         \
	X(FELL_SILENT, "It had been healthy and was not heard for a healthy deadline.")            \
	X(FELL_SICK, "It had been healthy and was not for a healthy deadline.")                    \
	X(TROUBLE, "Something befell it on the release.")                                          \
	X(RETURNS, "Its stable release is assigned.")                                              \
	X(BACK, "It runs its stable release.")                                                     \
	X(NOT_BACK, "It did not come back on its stable release: power-cycle it, it boots that.")  \
	X(NO_STABLE, "There is no stable release that it could return to.")                        \
	X(STARTS, "It was not started yet.")                                                       \
	X(WAVE_DUE, "The next wave is due.")                                                       \
	X(WINDOW, "The maintenance window is closed.")                                             \
	X(FLOOR, "An order would take the healthy nodes below min_healthy.")                       \
	X(REACH, "No node that waits can be reached.")                                             \
	X(SOAKS, "The wave is through and must stay healthy.")                                     \
	X(ALL_DONE, "Every wave passed its gate.")                                                 \
	X(FAILURES_WAVE, "More nodes of the wave failed than failure_percent allows.")             \
	X(FAILURES_ALL, "More nodes failed than the policy allows.")                               \
	X(SUCCESS_FEW, "Fewer nodes of the wave were healthy at its gate than success_percent asks.") \
	X(NO_PROGRESS, "No node became healthy before the progress deadline.")                     \
	X(NOBODY, "No node could be reached before the progress deadline.")                        \
	X(EMPTY, "No node is left: all were skipped or have left.")

enum rollout_why {
#define X(symbol, sentence) WHY_##symbol,
	ROLLOUT_WHYS(X)
#undef X
		WHY_COUNT
};

/* By their hashes; zero: there is none. A guest's is over all that it runs by: kernel, initramfs, bootargs, size. */
struct rollout_parts {
	uint8_t core[ROLLOUT_HASH_BYTES];
	uint8_t service[ROLLOUT_HASH_BYTES];
	uint8_t guests[ROLLOUT_GUESTS_MAX][ROLLOUT_HASH_BYTES];
};

struct rollout_release {
	uint8_t id[ROLLOUT_HASH_BYTES]; /* of its manifest */
	struct rollout_parts parts;
};

/* Parts, as bits: what differs between a node and a release, and so what restarts. */
enum { PART_GUESTS = (1 << ROLLOUT_GUESTS_MAX) - 1, PART_SERVICE = 1 << 4, PART_CORE = 1 << 5 };

enum rollout_contact {
	NODE_UNKNOWN, /* not told since the start of the controller */
	NODE_OFF, /* down, or its power is known to be off */
	NODE_SILENT, /* suspect, or booting: no beat is due */
	NODE_ALIVE,
	NODE_CONTACT_COUNT
};

/* What is known of a node now. */
struct rollout_facts {
	uint64_t index; /* rises with each change: what is older than what was told already is passed over */
	enum rollout_contact contact;
	uint8_t assigned[ROLLOUT_HASH_BYTES]; /* release that it is assigned, as it is stored */
	struct rollout_parts parts; /* as reported; zero: not known */
	/* What the target and its stable release are on this node, if it has values of its own; NULL: as they are. */
	const struct rollout_parts *on_target, *on_stable;
	uint8_t wanted; /* slots that are to run a guest */
	uint8_t ready; /* slots whose guest is ready, and whose check (if there is one) passed */
	enum rollout_trouble trouble; /* the newest */
	uint64_t trouble_index; /* of its event; of a later one it is higher */
};

struct rollout_cell {
	/* --- stored --- */
	char node[ID_BYTES];
	uint16_t rack; /* 0: none; ROLLOUT_RACKS_MAX - 1 at most */
	uint8_t state; /* enum rollout_cell_state */
	uint8_t why; /* enum rollout_why */
	uint8_t trouble; /* enum rollout_trouble, with WHY_TROUBLE */
	uint8_t failed_why; /* why it failed, when has_failed: kept while it returns */
	uint8_t stable; /* place in releases; 0: none */
	uint8_t goal; /* place in releases of what we assigned it; ROLLOUT_NO_GOAL: nothing yet */
	uint8_t wave; /* 1 and up; 0: none yet */
	uint8_t tries; /* returns that were ordered */
	bool has_failed;
	bool has_proved; /* was healthy */
	uint64_t ordered_ms; /* the rollout's clock */
	uint64_t hold_ms; /* the return is not believed before */
	uint64_t trouble_before; /* index of the newest trouble when it was ordered */
	uint32_t took_ms; /* from the order to healthy; 0: was not */
	/* --- not stored: told anew behind a restart --- */
	uint64_t index;
	uint64_t told_ms, asked_ms; /* newest facts, newest order */
	uint64_t since_ms; /* proving since; or not as it should be since; 0: not */
	uint64_t trouble_index;
	uint8_t contact; /* enum rollout_contact */
	uint8_t assigned; /* place in releases, ROLLOUT_NO_GOAL: another */
	uint8_t off_target, off_stable; /* parts that differ */
	uint8_t wanted, ready, told_trouble;
	bool runs_target, runs_stable; /* with its guests ready */
	bool is_dirty;
};
enum { ROLLOUT_NO_GOAL = 255 };

struct rollout {
	/* --- stored --- */
	struct rollout_policy policy;
	uint8_t state; /* enum rollout_state */
	uint8_t paused; /* the state that it was paused in */
	uint8_t why; /* enum rollout_why */
	uint8_t end_why; /* what it returns for, and ends with */
	uint8_t wave; /* 1 and up; 0: none began */
	uint8_t release_count;
	bool is_wave_open; /* the wave has begun and its gate is not judged */
	bool is_forced_on; /* by a person: window and rest of the soak do not count */
	bool is_release_failed; /* to be remembered: refused until forced */
	bool is_floor_waived; /* see README.md, min_healthy and returns */
	bool is_late_closed;
	uint16_t wave_members, wave_count; /* members when the wave began, and how many it took */
	uint32_t soaked_ms, idle_ms, blocked_ms; /* of the wave; without progress; a return held up by min_healthy */
	uint64_t clock_ms; /* time in which the controller was there to look */
	struct rollout_release releases[ROLLOUT_RELEASES_MAX]; /* the first is the target */
	/* --- not stored --- */
	uint64_t resumed_ms;
	uint64_t mono_ms; /* of the last tick; 0: none in this run */
	bool is_dirty;
	unsigned count, room;
	struct rollout_cell *cells; /* the caller's */
};

/* X(symbol, word) */
#define ROLLOUT_DECISIONS(X)                                                                       \
	X(ASSIGN, "assign") /* the target */                                                       \
	X(RETURN, "return") /* the node's stable release */                                        \
	X(WAVE_BEGINS, "wave-begins")                                                              \
	X(WAVE_ENDS, "wave-ends") /* its gate was passed */                                        \
	X(ENDS, "ends")

enum rollout_decision_kind {
#define X(symbol, word) DECIDE_##symbol,
	ROLLOUT_DECISIONS(X)
#undef X
		DECISION_COUNT
};

struct rollout_decision {
	enum rollout_decision_kind kind;
	unsigned cell; /* ASSIGN, RETURN */
	uint8_t release; /* place in releases */
	uint8_t parts; /* PART_*: what restarts. CORE: the node, alone. 0: nothing, it is the next boot's */
	bool is_again; /* the same order as before: facts did not show it */
	bool is_waived; /* a return although healthy nodes are below min_healthy */
	uint8_t wave;
	unsigned members, count; /* WAVE_BEGINS: members now, and how many of them are in the wave */
	enum rollout_state state; /* ENDS */
	enum rollout_why why;
};

struct rollout_decisions {
	unsigned count;
	struct rollout_decision list[ROLLOUT_DECISIONS_MAX];
};

struct rollout_time {
	uint64_t mono_ms; /* only rises within a run */
	int64_t wall_ms; /* for the maintenance window alone */
	bool is_blind; /* the controller doubts its own network: time stands still, nothing is ordered */
};

/* X(symbol, word) */
#define ROLLOUT_COMMANDS(X)                                                                        \
	X(START, "start")                                                                          \
	X(PAUSE, "pause")                                                                          \
	X(RESUME, "resume")                                                                        \
	X(SKIP, "skip") /* a node that waits, is off, or failed and is not on its way */           \
	X(FORCE, "force") /* now: without the window and the rest of the soak; never past a gate */ \
	X(ABORT, "abort") /* nodes stay as they are */                                             \
	X(RETURN, "return") /* the red button: every node gets its stable release */

enum rollout_command {
#define X(symbol, word) COMMAND_##symbol,
	ROLLOUT_COMMANDS(X)
#undef X
		COMMAND_COUNT
};

/* --- make --- */
/* `is_failed`: the release is remembered as failed; refused unless the policy forces it. `cells` has `room`. */
bool rollout_init(struct rollout *rollout, const struct rollout_policy *policy, const struct rollout_release *target,
		  bool is_failed, struct rollout_cell *cells, unsigned room, struct fail *fail);
/* A node is a member from now on (again, if it had left); before the start, or at any time until the rollout ends: who
 * joins gets its turn in the next wave. `stable`: its last stable release; NULL: none. *cell is its place. */
bool rollout_join(struct rollout *rollout, const char *node, uint16_t rack, const struct rollout_release *stable,
		  unsigned *cell, struct fail *fail);
/* It is no member any more, and gets no order: retired, pinned, taken by another rollout. */
void rollout_leave(struct rollout *rollout, unsigned cell);

/* --- what happens --- */
void rollout_feed(struct rollout *rollout, unsigned cell, const struct rollout_facts *facts);
/* `cell`: for SKIP. False: not in this state; *fail says what can be done. */
bool rollout_command(struct rollout *rollout, enum rollout_command command, unsigned cell, struct fail *fail);
/* What is to be done now. At most ROLLOUT_DECISIONS_MAX; what found no room comes with the next tick. */
void rollout_tick(struct rollout *rollout, const struct rollout_time *now, struct rollout_decisions *decisions);

bool rollout_has_ended(const struct rollout *rollout);
/* NULL, or the invariant that is broken: for tests, and before a row is believed. */
const char *rollout_check(const struct rollout *rollout);
const char *rollout_state_text(enum rollout_state state);
const char *rollout_cell_text(enum rollout_cell_state state);
const char *rollout_why_text(enum rollout_why why);
const char *rollout_trouble_text(enum rollout_trouble trouble);
const char *rollout_command_text(enum rollout_command command);
const char *rollout_decision_text(enum rollout_decision_kind kind);
