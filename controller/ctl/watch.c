/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/watch.h"

#include <string.h>

#include "base/clock.h"

enum { DRAW_MS = 250 };

static void draw(struct watch *watch)
{
	if (!watch->is_changed || clock_ms() < watch->drawn_ms + DRAW_MS) {
		return;
	}
	if (watch->reads_again && watch->drawn_ms != 0 && watch->read(watch) != CTL_OK) {
		return;
	}
	if (watch->ctl->is_terminal && !ctl_has(watch->ctl, OPT_JSON)) {
		fputs("\033[H\033[2J", watch->ctl->out);
	}
	watch->draw(watch);
	fflush(watch->ctl->out);
	watch->drawn_ms = clock_ms();
	watch->is_changed = false;
}

static enum follow_act heard(void *argument, const char *type, json_t *json)
{
	struct watch *watch = argument;

	if (strcmp(type, "resync") == 0) {
		watch->is_changed = watch->read(watch) == CTL_OK || watch->is_changed;
	} else if (strcmp(type, "hello") != 0) {
		watch->is_changed = watch->heard == NULL || watch->heard(watch, type, json) ||
				    watch->is_changed;
	}
	draw(watch);
	return ferror(watch->ctl->out) ? FOLLOW_END : FOLLOW_ON;
}

static enum ctl_exit opened(void *argument)
{
	struct watch *watch = argument;
	const enum ctl_exit how = watch->read(watch);

	watch->is_changed = how == CTL_OK;
	watch->drawn_ms = 0;
	draw(watch);
	return how;
}

static void idle(void *argument)
{
	draw(argument);
}

enum ctl_exit watch_run(struct watch *watch)
{
	const struct follow follow = {.topics = watch->topics,
				      .heard = heard,
				      .opened = opened,
				      .idle = idle,
				      .idle_ms = DRAW_MS,
				      .argument = watch};
	const enum ctl_exit how = follow_run(watch->ctl, &follow);

	json_decref(watch->json);
	return how;
}
