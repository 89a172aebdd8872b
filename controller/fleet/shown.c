/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of precedence: what a person has to decide, then whether it is ours, then whether it is heard, then how
 * far it is. Details come cleaned; they are cut to their place.
 */
#include "fleet/shown.h"

#include <stdarg.h>
#include <stdio.h>

const char *shown_text(enum shown_state state)
{
	static const char *const words[] = {
#define X(symbol, word) word,
		SHOWN_STATES(X)
#undef X
	};
	return (unsigned)state < SHOWN_COUNT ? words[state] : "?";
}

static enum shown_state of_stage(enum stage stage)
{
	static const enum shown_state states[STAGE_COUNT] = {
		[STAGE_OFF] = SHOWN_OFF,
		[STAGE_BOOTING] = SHOWN_BOOTING,
		[STAGE_RUNNING] = SHOWN_RUNNING,
		[STAGE_FAILED] = SHOWN_FAILED,
	};
	return states[stage];
}

enum shown_state shown_state_of(const struct shown_facts *facts)
{
	if (facts->clash != NULL) {
		return SHOWN_CLASH;
	}
	switch (facts->admission) {
	case ADMISSION_REJECTED:
		return SHOWN_REJECTED;
	case ADMISSION_RETIRED:
		return SHOWN_RETIRED;
	case ADMISSION_PENDING:
		return SHOWN_PENDING;
	case ADMISSION_DISCOVERED:
		return facts->stage == STAGE_FAILED ? SHOWN_FAILED : SHOWN_DISCOVERED;
	default:
		break;
	}
	/* What was heard last does not hold for a node that begins anew, or whose power is known to be off. */
	if (facts->stage == STAGE_OFF) {
		return SHOWN_OFF;
	}
	if (facts->contact == CONTACT_SUSPECT) {
		return SHOWN_SUSPECT;
	}
	return facts->contact == CONTACT_DOWN ? SHOWN_DOWN : of_stage(facts->stage);
}

static void say(struct shown *shown, const char *next, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void say(struct shown *shown, const char *next, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(shown->why, sizeof(shown->why), format, arguments);
	va_end(arguments);
	(void)snprintf(shown->next, sizeof(shown->next), "%s", next);
}

/* In steps that grow, so that a long silence is not told anew each second. */
static const char *silence(uint64_t seconds, char text[24])
{
	if (seconds < 120) {
		(void)snprintf(text, 24, "%llu s", (unsigned long long)seconds);
	} else if (seconds < 7200) {
		(void)snprintf(text, 24, "%llu min", (unsigned long long)(seconds / 60));
	} else if (seconds < 172800) {
		(void)snprintf(text, 24, "%llu h", (unsigned long long)(seconds / 3600));
	} else {
		(void)snprintf(text, 24, "%llu days", (unsigned long long)(seconds / 86400));
	}
	return text;
}

static void say_silent(const struct shown_facts *facts, struct shown *shown)
{
	char text[24];
	const char *may = facts->has_guests ? "its guests may still run" : "it may still run";

	(void)silence(facts->silent_s, text);
	if (facts->contact == CONTACT_DOWN && facts->good > 0) {
		say(shown, "Nothing to do: it is watched until it is steady.",
		    "It beats again: %u of %u good beats, after it went silent%s.", facts->good, facts->good_needed,
		    facts->falls > 1 ? " several times" : "");
	} else if (facts->is_mass_loss) {
		say(shown, "Look at the controller's own network first: cable, switch, firewall.",
		    "No contact for %s, like many others at once: rather the controller's network; %s.", text, may);
	} else if (facts->contact == CONTACT_SUSPECT) {
		say(shown, "Wait a few seconds.", "No contact for %s; %s.", text, may);
	} else {
		say(shown, "Look at its power and its cable, or switch it off and on.", "No contact for %s; %s.", text,
		    may);
	}
}

static void say_problem(const struct shown_facts *facts, struct shown *shown)
{
	char text[SHOWN_WHY_BYTES];

	say(shown, boot_problem_next(facts->problem), "%s",
	    boot_problem_sentence(facts->problem, facts->detail, text, sizeof(text)));
}

static void say_booting(const struct shown_facts *facts, struct shown *shown)
{
	static const char wait[] = "Wait: it goes on by itself.";
	char detail[BOOT_DETAIL_BYTES];

	if (facts->problem != BOOT_NONE) {
		say_problem(facts, shown);
	} else if (facts->step[0] == '\0') {
		say(shown, wait, "It boots.");
	} else if (facts->percent <= 100) {
		say(shown, wait, "It %s%s%.80s: %u %%.", facts->step, facts->detail[0] != '\0' ? " " : "",
		    boot_short_detail(facts->detail, detail), facts->percent);
	} else {
		say(shown, wait, "It %s%s%.80s.", facts->step, facts->detail[0] != '\0' ? " " : "",
		    boot_short_detail(facts->detail, detail));
	}
}

static void say_running(const struct shown_facts *facts, struct shown *shown)
{
	char text[24];

	if (facts->is_resumed) {
		say(shown, "Wait a few seconds.",
		    "It ran before the controller was started again, %s ago; no beat has come since.",
		    silence(facts->silent_s, text));
	} else if (facts->problem != BOOT_NONE) {
		say_problem(facts, shown);
	} else if (facts->is_cordoned) {
		say(shown, "Uncordon it to have it take new guests.",
		    "It runs, and is cordoned: nothing new is started.");
	} else if (facts->ended_guests > 0) {
		say(shown, "Restart its guests if they are to run.", "It runs; %u of its guests powered off.",
		    facts->ended_guests);
	} else if (!facts->has_guests) {
		say(shown, "Import a release to give it guests.", "It runs; there is no guest for it.");
	} else {
		say(shown, "Nothing to do.", "All its guests run.");
	}
}

static void say_stage(const struct shown_facts *facts, struct shown *shown)
{
	switch (shown->state) {
	case SHOWN_OFF:
		if (facts->contact == CONTACT_NEVER) {
			say(shown, "Switch it on.",
			    "Nothing was seen of it since the controller started: it may be off.");
		} else {
			say(shown, "Switch it on.", "Its power was switched off.");
		}
		break;
	case SHOWN_BOOTING:
		say_booting(facts, shown);
		break;
	case SHOWN_FAILED:
		if (facts->problem != BOOT_NONE) {
			say_problem(facts, shown);
		} else {
			say(shown, "See which step of its boot was the last, and its guests' consoles.",
			    "Its boot failed.");
		}
		break;
	default:
		say_running(facts, shown);
		break;
	}
}

void shown_make(const struct shown_facts *facts, struct shown *shown)
{
	shown->state = shown_state_of(facts);
	switch (shown->state) {
	case SHOWN_CLASH:
		say(shown, "Approve the one that is yours (the other is then rejected), or reject one.",
		    "Two nodes with the same serial, UUID or MAC address live at once: the other one is %s. "
		    "Neither is trusted.",
		    facts->clash);
		break;
	case SHOWN_DISCOVERED:
		if (facts->is_closed) {
			say(shown, "Approve it by its MAC address if it is yours: then it is answered.",
			    "It asks for an address on a network where who is not approved is not answered.");
			break;
		}
		say(shown, "Wait until it says hello, or approve it now by its MAC address.",
		    facts->step[0] != '\0' ? "It was seen on the network and boots." :
					     "It was seen on the network and has not said hello.");
		break;
	case SHOWN_PENDING:
		if (facts->twin != NULL) {
			say(shown, "If its network card was changed, approve it and retire the other one.",
			    "It said hello with the serial or UUID of %s and from other MAC addresses.", facts->twin);
			break;
		}
		say(shown, "Approve or reject it.", "It said hello and waits for somebody to decide.");
		break;
	case SHOWN_REJECTED:
		say(shown, "Approve it if that was a mistake.",
		    "It was rejected: it gets nothing from this controller.");
		break;
	case SHOWN_RETIRED:
		say(shown, "Approve it to take it into service again.", "It was taken out of service.");
		break;
	case SHOWN_SUSPECT:
	case SHOWN_DOWN:
		say_silent(facts, shown);
		break;
	default:
		say_stage(facts, shown);
		break;
	}
}
