/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What people are shown of a node: one state, one sentence of why, one next step. A pure function of the three axes
 * and a few facts.
 * A silent node is never called dead: nothing is known of it but the silence.
 */
#include <stdbool.h>
#include <stdint.h>

#include "fleet/admission.h"
#include "fleet/boot.h"
#include "fleet/contact.h"
#include "fleet/stage.h"

/* X(symbol, word) */
#define SHOWN_STATES(X)                                                                            \
	X(DISCOVERED, "discovered")                                                                \
	X(PENDING, "pending")                                                                      \
	X(BOOTING, "booting")                                                                      \
	X(RUNNING, "running")                                                                      \
	X(FAILED, "failed")                                                                        \
	X(SUSPECT, "suspect")                                                                      \
	X(DOWN, "down")                                                                            \
	X(REJECTED, "rejected")                                                                    \
	X(RETIRED, "retired")                                                                      \
	X(CLASH, "clash")                                                                          \
	X(OFF, "off")

enum shown_state {
#define X(symbol, word) SHOWN_##symbol,
	SHOWN_STATES(X)
#undef X
		SHOWN_COUNT
};

struct shown_facts {
	enum admission admission;
	enum stage stage;
	enum contact contact;
	bool is_cordoned;
	bool is_closed; /* where it was seen last only approved nodes are answered */
	bool is_resumed; /* known from before the controller was started again, and not heard since */
	bool is_mass_loss; /* it went silent together with many others */
	bool has_guests; /* it is wanted to run some */
	unsigned ended_guests; /* that are wanted and powered off by themselves */
	const char *twin; /* id of the node that has its serial or UUID; NULL: none, or it is not pending */
	const char *clash; /* id of the other one; NULL: none */
	uint64_t silent_s; /* since the newest beat */
	unsigned good, good_needed; /* beats on its way back from down */
	unsigned falls; /* times it went down lately */
	enum boot_problem problem;
	const char *detail; /* of the problem, or of the step that it is at; cleaned; "" */
	const char *step; /* that the boot is at; "" */
	unsigned percent; /* of that step, 0 to 100; above: not known */
};

enum { SHOWN_WHY_BYTES = 240, SHOWN_NEXT_BYTES = 200 };
struct shown {
	enum shown_state state;
	char why[SHOWN_WHY_BYTES];
	char next[SHOWN_NEXT_BYTES];
};

void shown_make(const struct shown_facts *facts, struct shown *shown);
enum shown_state shown_state_of(const struct shown_facts *facts);
const char *shown_text(enum shown_state state);
