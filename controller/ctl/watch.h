/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A picture of something that is drawn again when it changed, at most four times a second. */
#include "ctl/follow.h"

struct watch {
	struct ctl *ctl;
	const char *topics;
	/* What `heard` keeps; true: the picture is another. NULL: every event makes it one. */
	bool (*heard)(struct watch *watch, const char *type, json_t *json);
	/* Reads anew. Said where it failed. */
	enum ctl_exit (*read)(struct watch *watch);
	void (*draw)(struct watch *watch);
	void *argument;
	json_t *json; /* what `read` and `heard` keep, and `draw` draws; owned */
	bool reads_again; /* a change is read, not kept */
	bool is_changed;
	uint64_t drawn_ms;
};

/* Until a signal, or the controller refuses. Frees watch->json. */
enum ctl_exit watch_run(struct watch *watch);
