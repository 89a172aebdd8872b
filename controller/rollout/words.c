/* SPDX-License-Identifier: Apache-2.0 */
/* Words and sentences of the tables in rollout.h, and the invariants of the whole value. */
#include <stddef.h>

#include "rollout/own.h"

#define WORD(symbol, word, ...) word,
#define TEXT_OF(words, value) ((size_t)(value) < sizeof(words) / sizeof((words)[0]) ? (words)[value] : "?")

const char *rollout_state_text(enum rollout_state state)
{
	static const char *const words[] = {ROLLOUT_STATES(WORD)};

	return TEXT_OF(words, state);
}

const char *rollout_cell_text(enum rollout_cell_state state)
{
	static const char *const words[] = {ROLLOUT_CELL_STATES(WORD)};

	return TEXT_OF(words, state);
}

const char *rollout_why_text(enum rollout_why why)
{
	static const char *const words[] = {ROLLOUT_WHYS(WORD)};

	return TEXT_OF(words, why);
}

const char *rollout_trouble_text(enum rollout_trouble trouble)
{
	static const char *const words[] = {ROLLOUT_TROUBLES(WORD)};

	return TEXT_OF(words, trouble);
}

const char *rollout_command_text(enum rollout_command command)
{
	static const char *const words[] = {ROLLOUT_COMMANDS(WORD)};

	return TEXT_OF(words, command);
}

const char *rollout_decision_text(enum rollout_decision_kind kind)
{
	static const char *const words[] = {ROLLOUT_DECISIONS(WORD)};

	return TEXT_OF(words, kind);
}

static const char *check_cell(const struct rollout *rollout, const struct rollout_cell *cell)
{
	const bool is_returned = cell->state == CELL_RETURNING || cell->state == CELL_RETURNED;

	if (cell->state >= CELL_STATE_COUNT || cell->why >= WHY_COUNT || cell->failed_why >= WHY_COUNT ||
	    cell->trouble >= TROUBLE_COUNT || cell->rack >= ROLLOUT_RACKS_MAX) {
		return "a cell has a number that there is not";
	}
	if (cell->stable >= rollout->release_count ||
	    (cell->goal != ROLLOUT_NO_GOAL && cell->goal != 0 && cell->goal != cell->stable)) {
		return "a cell names a release that it cannot have";
	}
	if (cell->wave > rollout->wave && cell->wave != ROLLOUT_WAVE_LATE) {
		return "a cell is in a wave that has not begun";
	}
	if (cell_is_in_flight(cell) && cell->goal != (is_returned ? cell->stable : 0)) {
		return "a node is on its way to another release than its state says";
	}
	if (is_returned && cell->stable == 0) {
		return "a node returns that has no stable release";
	}
	if ((cell->state == CELL_HEALTHY && !cell->has_proved) || (cell->state == CELL_FAILED && !cell->has_failed)) {
		return "a cell's record contradicts its state";
	}
	return cell->state == CELL_WAITING && cell->goal != ROLLOUT_NO_GOAL ? "a node waits that was ordered" : NULL;
}

const char *rollout_check(const struct rollout *rollout)
{
	unsigned in_flight = 0;

	if (rollout->state >= ROLLOUT_STATE_COUNT || rollout->paused >= ROLLOUT_STATE_COUNT ||
	    rollout->why >= WHY_COUNT || rollout->end_why >= WHY_COUNT || rollout->release_count == 0 ||
	    rollout->release_count > ROLLOUT_RELEASES_MAX || rollout->wave > ROLLOUT_WAVES_MAX ||
	    rollout->count > rollout->room) {
		return "the rollout has a number that there is not";
	}
	if (rollout->state == ROLLOUT_PAUSED && rollout->paused != ROLLOUT_RUNNING &&
	    rollout->paused != ROLLOUT_SOAKING) {
		return "it was paused in a state that cannot be";
	}
	if (rollout->is_wave_open && rollout->state != ROLLOUT_RUNNING && rollout->state != ROLLOUT_SOAKING &&
	    rollout->state != ROLLOUT_PAUSED) {
		return "a wave is open in a rollout that does not go on";
	}
	for (unsigned i = 0; i < rollout->count; i++) {
		const char *broken = check_cell(rollout, &rollout->cells[i]);

		if (broken != NULL) {
			return broken;
		}
		in_flight += cell_is_in_flight(&rollout->cells[i]);
	}
	return in_flight > rollout->policy.in_flight_most ? "more are in flight than allowed" : NULL;
}
