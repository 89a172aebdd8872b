/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a node says about a guest. Numbers are part of the wire: append only. */

/* X(number, symbol, words) */
#define WIRE_GUEST_STATES(X)                                                                       \
	X(0, EMPTY, "no guest")                                                                    \
	X(1, WAITING, "waits for the controller")                                                  \
	X(2, FETCHING, "fetches")                                                                  \
	X(3, LOADING, "is being loaded")                                                           \
	X(4, RUNNING, "runs")                                                                      \
	X(5, PAUSED, "is paused")                                                                  \
	X(6, STOPPING, "is being stopped")                                                         \
	X(7, STOPPED, "is stopped")                                                                \
	X(8, FAILED, "failed")

/* Why it does not run: of WAITING, STOPPED and FAILED; of FETCHING why the last try failed. X(number, symbol, words) */
#define WIRE_GUEST_REASONS(X)                                                                      \
	X(0, NONE, "no reason")                                                                    \
	X(1, POWER_OFF, "it powered off")                                                          \
	X(2, RESET, "it asked for a reset")                                                        \
	X(3, WANTED, "the controller wants it so")                                                 \
	X(4, SERROR, "it took a system error")                                                     \
	X(5, BAD_STATE, "it left a state that the architecture does not have")                     \
	X(6, EXIT_STORM, "it made no progress")                                                    \
	X(7, UNREACHABLE, "the blob server does not answer")                                       \
	X(8, NOT_FOUND, "the blob server does not have it")                                        \
	X(9, HTTP, "the blob server's answer is not HTTP that a node takes")                       \
	X(10, LENGTH, "a blob has another length than the manifest says")                          \
	X(11, HASH, "a blob has another SHA-256 than the manifest says")                           \
	X(12, MANIFEST, "the manifest was refused")                                                \
	X(13, NO_PLACE, "the manifest has no guest for this slot")                                 \
	X(14, NO_MEMORY, "the node has no memory for it")                                          \
	X(15, NOT_A_KERNEL, "its kernel is no arm64 Image that fits")                              \
	X(16, NOT_CREATED, "the core refused to make it")                                          \
	X(17, OTHER, "another reason")

enum wire_guest_state {
#define X(number, symbol, words) WIRE_GUEST_##symbol = number,
	WIRE_GUEST_STATES(X)
#undef X
		WIRE_GUEST_STATE_COUNT
};

enum wire_guest_reason {
#define X(number, symbol, words) WIRE_REASON_##symbol = number,
	WIRE_GUEST_REASONS(X)
#undef X
		WIRE_GUEST_REASON_COUNT
};

/* Words, also for a number that this version does not know. */
const char *wire_guest_state_text(unsigned int state);
const char *wire_guest_reason_text(unsigned int reason);
