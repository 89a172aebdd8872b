/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The second axis: how far the node's boot is, by what was seen of it. A pure table of stage and event; time-outs
 * and beats become events in stage_of_beat() and fleet/boot.h.
 */
#include <stdbool.h>

/* X(symbol, word) */
#define STAGES(X)                                                                                  \
	X(OFF, "off") /* nothing was seen of it, or its power is known to be off */                \
	X(BOOTING, "booting")                                                                      \
	X(RUNNING, "running") /* all that it is to run runs */                                     \
	X(FAILED, "failed") /* its boot ended, or a guest failed: the problem has a name */

enum stage {
#define X(symbol, word) STAGE_##symbol,
	STAGES(X)
#undef X
		STAGE_COUNT
};

/* X(symbol, what) */
#define STAGE_EVENTS(X)                                                                            \
	X(DHCP, "a DHCP client's packet of a boot loader")                                         \
	X(FILE, "a file is asked for by TFTP")                                                     \
	X(HELLO, "the first hello of a boot")                                                      \
	X(GUESTS_BUSY, "a beat: a guest is still on its way")                                      \
	X(GUESTS_UP, "a beat: every guest that is wanted runs, or none is wanted")                 \
	X(GUEST_FAILED, "a beat: a guest that is wanted failed")                                   \
	X(PROBLEM, "the boot has a named problem that ends it")                                    \
	X(POWER_OFF, "its power is off")

enum stage_event {
#define X(symbol, what) STAGE_EVENT_##symbol,
	STAGE_EVENTS(X)
#undef X
		STAGE_EVENT_COUNT
};

enum stage stage_after(enum stage from, enum stage_event event);
const char *stage_text(enum stage stage);
