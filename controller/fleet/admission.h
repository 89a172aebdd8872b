/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The first axis of a node's life: whether it is ours. A pure table: what an act makes of a state, or why it
 * cannot be. */
#include <stdbool.h>

/* X(symbol, word): the word stands in the database and in the API. */
#define ADMISSIONS(X)                                                                              \
	X(DISCOVERED, "discovered") /* seen on the wire, has not said hello */                     \
	X(PENDING, "pending") /* said hello, waits for a person or a rule */                       \
	X(APPROVED, "approved")                                                                    \
	X(REJECTED, "rejected")                                                                    \
	X(RETIRED, "retired") /* was ours, is to be no more */

enum admission {
#define X(symbol, word) ADMISSION_##symbol,
	ADMISSIONS(X)
#undef X
		ADMISSION_COUNT
};

/* X(symbol, word, done): `word` as in "node approve", `done` as in the event "node.approved". */
#define ADMISSION_ACTS(X)                                                                          \
	X(HELLO, "hello", "hello")                                                                 \
	X(APPROVE, "approve", "approved")                                                          \
	X(REJECT, "reject", "rejected")                                                            \
	X(RETIRE, "retire", "retired")

enum admission_act {
#define X(symbol, word, done) ACT_##symbol,
	ADMISSION_ACTS(X)
#undef X
		ACT_COUNT
};

/* True: *to is the state behind the act, which may be the same. False: *why is one sentence that says why not
 * and what to do. */
bool admission_after(enum admission from, enum admission_act act, enum admission *to,
		     const char **why);
const char *admission_text(enum admission admission);
bool admission_parse(const char *text, enum admission *admission);
const char *admission_act_text(enum admission_act act); /* "approve" */
const char *admission_act_done(enum admission_act act); /* "approved" */
