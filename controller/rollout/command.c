/* SPDX-License-Identifier: Apache-2.0 */
/* What a person may say, and when. A command that is not possible changes nothing and says why. */
#include "rollout/own.h"

#define IN(state) (1u << ROLLOUT_##state)

/* The states that each is possible in. */
static const uint16_t possible[COMMAND_COUNT] = {
	[COMMAND_START] = IN(PLANNED),
	[COMMAND_PAUSE] = IN(RUNNING) | IN(SOAKING),
	[COMMAND_RESUME] = IN(PAUSED),
	[COMMAND_SKIP] = IN(PLANNED) | IN(RUNNING) | IN(SOAKING) | IN(PAUSED) | IN(DONE),
	[COMMAND_FORCE] = IN(RUNNING) | IN(SOAKING) | IN(PAUSED),
	[COMMAND_ABORT] = IN(PLANNED) | IN(RUNNING) | IN(SOAKING) | IN(PAUSED) | IN(RETURNING),
	[COMMAND_RETURN] = IN(RUNNING) | IN(SOAKING) | IN(PAUSED) | IN(ABORTED) | IN(FAILED),
};

static bool skip(struct rollout *rollout, unsigned cell, struct fail *fail)
{
	if (cell >= rollout->count) {
		return fail_set(fail, FAIL_NOT_FOUND, "the node is no member of the rollout");
	}
	struct rollout_cell *own = &rollout->cells[cell];

	if (own->state == CELL_SKIPPED) {
		return true;
	}
	if (own->state != CELL_WAITING && own->state != CELL_FAILED &&
	    (own->state != CELL_DEFERRED || own->goal != ROLLOUT_NO_GOAL)) {
		return fail_set(fail, FAIL_CONFLICT,
				"%s is %s: only a node that waits, is off or failed can be skipped; "
				"pause or abort the rollout",
				own->node, rollout_cell_text((enum rollout_cell_state)own->state));
	}
	own->wave = 0;
	cell_to(own, CELL_SKIPPED, WHY_PERSON);
	return true;
}

static bool start(struct rollout *rollout, struct fail *fail)
{
	if (rollout->count == 0) {
		return fail_set(fail, FAIL_CONFLICT, "no node is a member of the rollout: select some");
	}
	engine_to(rollout, ROLLOUT_RUNNING, WHY_WAVE_DUE);
	return true;
}

static void force(struct rollout *rollout)
{
	rollout->is_forced_on = true;
	if (rollout->state == ROLLOUT_SOAKING || rollout->paused == ROLLOUT_SOAKING) {
		rollout->soaked_ms = rollout->policy.soak_ms;
	}
	rollout->is_dirty = true;
}

static void pause(struct rollout *rollout)
{
	rollout->paused = rollout->state;
	engine_to(rollout, ROLLOUT_PAUSED, WHY_PERSON);
}

static void resume(struct rollout *rollout)
{
	const enum rollout_state state = (enum rollout_state)rollout->paused;

	rollout->paused = 0;
	engine_to(rollout, state, state == ROLLOUT_SOAKING ? WHY_SOAKS :
				  rollout->is_wave_open    ? WHY_WAVE :
							     WHY_WAVE_DUE);
}

bool rollout_command(struct rollout *rollout, enum rollout_command command, unsigned cell, struct fail *fail)
{
	if ((possible[command] >> rollout->state & 1) == 0) {
		return fail_set(fail, FAIL_CONFLICT, "%s is not possible: the rollout is %s. %s",
			rollout_command_text(command), rollout_state_text((enum rollout_state)rollout->state),
			rollout_why_text((enum rollout_why)rollout->why));
	}
	switch (command) {
	case COMMAND_START:
		return start(rollout, fail);
	case COMMAND_SKIP:
		return skip(rollout, cell, fail);
	case COMMAND_PAUSE:
		pause(rollout);
		break;
	case COMMAND_RESUME:
		resume(rollout);
		break;
	case COMMAND_FORCE:
		force(rollout);
		break;
	case COMMAND_ABORT:
		engine_end(rollout, ROLLOUT_ABORTED, WHY_PERSON);
		break;
	default:
		engine_return(rollout, WHY_PERSON);
		break;
	}
	return true;
}
