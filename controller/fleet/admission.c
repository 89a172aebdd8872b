/* SPDX-License-Identifier: Apache-2.0 */
/* One row a state, one column an act. Nothing here comes from a node but the act HELLO, which can only make it
 * pending. */
#include "fleet/admission.h"

#include <stddef.h>
#include <string.h>

struct step {
	enum admission to;
	const char *why; /* not NULL: not possible */
};
#define TO(state) {.to = ADMISSION_##state}
#define NOT(sentence) {.why = (sentence)}

static const struct step table[ADMISSION_COUNT][ACT_COUNT] = {
	[ADMISSION_DISCOVERED] =
		{
			[ACT_HELLO] = TO(PENDING),
			[ACT_APPROVE] = TO(APPROVED), /* ahead of its hello: known by its MAC address */
			[ACT_REJECT] = TO(REJECTED),
			[ACT_RETIRE] = NOT("It was never approved, so there is nothing to retire. Reject it instead."),
		},
	[ADMISSION_PENDING] =
		{
			[ACT_HELLO] = TO(PENDING),
			[ACT_APPROVE] = TO(APPROVED),
			[ACT_REJECT] = TO(REJECTED),
			[ACT_RETIRE] = NOT("It was never approved, so there is nothing to retire. Reject it instead."),
		},
	[ADMISSION_APPROVED] =
		{
			[ACT_HELLO] = TO(APPROVED),
			[ACT_APPROVE] = TO(APPROVED),
			[ACT_REJECT] = NOT("It is approved. Retire it to take it out of service."),
			[ACT_RETIRE] = TO(RETIRED),
		},
	[ADMISSION_REJECTED] =
		{
			[ACT_HELLO] = TO(REJECTED),
			[ACT_APPROVE] = TO(APPROVED),
			[ACT_REJECT] = TO(REJECTED),
			[ACT_RETIRE] = NOT("It is rejected already, and was not in service."),
		},
	[ADMISSION_RETIRED] =
		{
			[ACT_HELLO] = TO(RETIRED),
			[ACT_APPROVE] = TO(APPROVED),
			[ACT_REJECT] = TO(REJECTED),
			[ACT_RETIRE] = TO(RETIRED),
		},
};

bool admission_after(enum admission from, enum admission_act act, enum admission *to, const char **why)
{
	const struct step *step = &table[from][act];

	if (step->why != NULL) {
		*why = step->why;
		return false;
	}
	*to = step->to;
	return true;
}

const char *admission_text(enum admission admission)
{
	static const char *const words[] = {
#define X(symbol, word) word,
		ADMISSIONS(X)
#undef X
	};
	return (unsigned)admission < ADMISSION_COUNT ? words[admission] : "?";
}

bool admission_parse(const char *text, enum admission *admission)
{
	for (unsigned i = 0; i < ADMISSION_COUNT; i++) {
		if (text != NULL && strcmp(text, admission_text((enum admission)i)) == 0) {
			*admission = (enum admission)i;
			return true;
		}
	}
	return false;
}

const char *admission_act_text(enum admission_act act)
{
	static const char *const words[] = {
#define X(symbol, word, done) word,
		ADMISSION_ACTS(X)
#undef X
	};
	return words[act];
}

const char *admission_act_done(enum admission_act act)
{
	static const char *const words[] = {
#define X(symbol, word, done) done,
		ADMISSION_ACTS(X)
#undef X
	};
	return words[act];
}
