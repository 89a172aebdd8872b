/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The record of one boot: steps from wherever they were seen (observer, dnsmasq's log, node listener, beats),
 * merged into one waterfall of at most BOOT_STEPS_MAX; and what went wrong, by name. What a step says was cleaned
 * and bounded by who brought it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/json.h"

/* X(symbol, name, ends the boot, sentence, next step). %s of the sentence is the step's detail. */
#define BOOT_PROBLEMS(X)                                                                           \
	X(NONE, "", false, "", "")                                                                 \
	X(NO_OFFER, "no-offer", true, "It asked for an address and got no offer.",                 \
	  "See whether its network is configured, has free addresses, and takes unknown nodes.")   \
	X(NO_FILE, "no-file", true, "It has an address and never asked for its boot file.",        \
	  "See that it boots from the network, and that no firewall stops TFTP (UDP port 69).")    \
	X(FILE_MISSING, "file-missing", true,                                                      \
	  "It asked for the file %s, which the TFTP folder does not have.",                        \
	  "Build the image and import the release again, or set the board's boot file name.")      \
	X(TRANSFER_CUT, "transfer-cut", true, "The transfer of %s was cut off.",                   \
	  "Look at the cable and the switch port; it tries again by itself.")                      \
	X(TRANSFER_STALLED, "transfer-stalled", true,                                              \
	  "The transfer of %s has stood still for 10 seconds.",                                    \
	  "Look at the cable and the switch port, or power the node off and on.")                  \
	X(NO_HELLO, "no-hello", true, "It loaded the image and did not say hello.",                \
	  "Look at its serial console: the core stops there when a board is not supported.")       \
	X(NO_BEAT, "no-beat", true, "It was approved, and no beat of it has come.",                \
	  "See that no firewall stops the controller's UDP port.")                                 \
	X(HASH_MISMATCH, "hash-mismatch", true,                                                    \
	  "A blob came with another SHA-256 than the manifest says: %s.",                          \
	  "Import the release again; if it stays, the network or the disk damages data.")          \
	X(BLOB_MISSING, "blob-missing", true,                                                      \
	  "It asked for a blob that the controller does not have: %s.",                            \
	  "Import the release again.")                                                             \
	X(BLOB_STALLED, "blob-stalled", false, "It fetches and got nothing for 20 seconds: %s.",   \
	  "Look at the network between controller and node; it tries again by itself.")            \
	X(GUEST_FAILED, "guest-failed", true, "A guest failed: %s.",                               \
	  "Read its console, then restart its guests or give the node another release.")           \
	X(BOOT_LOOP, "boot-loop", true,                                                            \
	  "It has begun to boot again and again without getting to run: %s.",                      \
	  "Look at its serial console and its crash record.")                                      \
	X(CRASHED, "crashed", false,                                                               \
	  "The core stopped in the boot before this one and left a crash record.",                 \
	  "Read the crash record on the node's page.")

enum boot_problem {
#define X(symbol, name, ends, sentence, next) BOOT_##symbol,
	BOOT_PROBLEMS(X)
#undef X
		BOOT_PROBLEM_COUNT
};

const char *boot_problem_name(enum boot_problem problem);
bool boot_problem_parse(const char *name, enum boot_problem *problem);
bool boot_problem_ends(enum boot_problem problem);

enum { BOOT_STEPS_MAX = 64, BOOT_DETAIL_BYTES = 128 };

/* The detail for people: of a digest its first digits. Returns to. */
const char *boot_short_detail(const char *detail, char to[BOOT_DETAIL_BYTES]);
/* The sentence with its detail, made short. Returns text. */
const char *boot_problem_sentence(enum boot_problem problem, const char *detail, char *text,
				  size_t size);
const char *boot_problem_next(enum boot_problem problem);

/* X(symbol, name, words) in the order of a boot. */
#define BOOT_STEP_KINDS(X)                                                                         \
	X(DISCOVER, "discover", "asks for an address")                                             \
	X(OFFER, "offer", "was offered an address")                                                \
	X(FILE, "file", "loads")                                                                   \
	X(HELLO, "hello", "said hello")                                                            \
	X(MANIFEST, "manifest", "reads the manifest")                                              \
	X(BLOB, "blob", "fetches")                                                                 \
	X(GUEST, "guest", "starts its guest")

enum boot_step_kind {
#define X(symbol, name, words) BOOT_STEP_##symbol,
	BOOT_STEP_KINDS(X)
#undef X
		BOOT_STEP_KIND_COUNT
};
bool boot_step_parse(const char *name, enum boot_step_kind *kind);
const char *boot_step_words(enum boot_step_kind kind);
const char *boot_step_name(enum boot_step_kind kind);

struct boot_step {
	enum boot_step_kind kind;
	enum boot_problem problem;
	int64_t start_ms, end_ms; /* wall clock; end 0: still going */
	int64_t moved_ms; /* when its bytes last rose */
	uint64_t bytes, total; /* total 0: not known */
	char *detail; /* owned; never NULL */
};

struct boot {
	int64_t started_ms; /* wall clock, of its first step; 0: there is no boot */
	int64_t changed_ms; /* of the newest step */
	unsigned count, room, lost; /* steps; those that found no place */
	struct boot_step *steps; /* in order of their start */
	enum boot_problem problem;
	char detail[BOOT_DETAIL_BYTES]; /* of the problem */
	char id[ID_BYTES]; /* of ours, for a boot that is stored and never said hello; "" */
	char vendor[64]; /* class of the DHCP client that began it; "" */
	bool is_said; /* said hello */
	bool is_up; /* reached running */
};

/* Takes a step, or more of one that it has (same kind and detail, not ended). Returns the place, NULL without
 * memory or room. */
struct boot_step *boot_add(struct boot *boot, enum boot_step_kind kind, const char *detail,
			   int64_t start_ms);
/* The step that it is at: the newest that has not ended, else the newest; NULL: none. */
const struct boot_step *boot_at(const struct boot *boot);
void boot_set_problem(struct boot *boot, enum boot_problem problem, const char *detail);
void boot_clear(struct boot *boot); /* frees the steps */
/* Steps as a JSON array. */
void boot_steps_json(const struct boot *boot, struct json *json, const char *key);

/* What time makes of it: the problem that is due, BOOT_NONE. */
enum boot_problem boot_overdue(const struct boot *boot, int64_t now_ms,
			       char detail[BOOT_DETAIL_BYTES]);
/* Milliseconds. */
enum {
	BOOT_NO_OFFER_MS = 10000,
	BOOT_NO_FILE_MS = 20000,
	BOOT_STALLED_MS = 10000,
	BOOT_NO_HELLO_MS = 30000,
	BOOT_BLOB_STALLED_MS = 20000,
	BOOT_NO_BEAT_MS = 15000,
	BOOT_LOOP_WINDOW_MS = 300000,
};
enum { BOOT_LOOP_BOOTS = 3 }; /* so many begun within the window, and none got to run */
