/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What changes between two releases, in sentences, and what each change restarts on a node: nothing, one guest, the
 * service under running guests, or the node. Guests are compared by their place, which is their slot on a node. A pure
 * function.
 */
#include <stdbool.h>

#include "base/text.h"
#include "release/document.h"

/* Ordered: the later contains the earlier. */
enum diff_restart { DIFF_RESTARTS_NOTHING, DIFF_RESTARTS_GUEST, DIFF_RESTARTS_SERVICE, DIFF_RESTARTS_NODE };

enum { DIFF_LINES_MAX = 192, DIFF_LINE_BYTES = 256 };

struct diff_line {
	enum diff_restart restart;
	unsigned slot; /* with DIFF_RESTARTS_GUEST; and whose the line is when is_guest */
	bool is_guest;
	char text[DIFF_LINE_BYTES]; /* one sentence with its full stop */
};

struct diff {
	unsigned count;
	struct diff_line lines[DIFF_LINES_MAX];
	unsigned guests; /* a bit for each slot that restarts; all of them restart with the node */
	unsigned starting; /* those of them that are new */
	unsigned ending; /* and those that are gone */
	bool restarts_service;
	bool restarts_node;
};

/* From `old` to `new`. The count is 0 if and only if they are the same release. */
void diff_make(struct diff *diff, const struct release_document *old, const struct release_document *new);
/* The sentences, each with what it restarts; then what restarts altogether. */
void diff_print(const struct diff *diff, struct text *to);
