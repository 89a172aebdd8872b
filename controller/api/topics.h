/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a stream carries: "nodes,events,boots,system,telemetry[:ID+ID...],console:ID:SLOT". The text is hostile. */
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/id.h"

enum { TOPICS_NODES_MOST = 1024, TOPICS_CONSOLES_MOST = 8, TOPICS_SLOT_MOST = 15 };

struct topics {
	unsigned bits; /* BUS_... */
	bool has_telemetry;
	unsigned node_count; /* of telemetry; 0: a summary of all */
	char (*nodes)[ID_BYTES]; /* owned, in order, none twice */
	unsigned console_count;
	struct {
		char node[ID_BYTES];
		unsigned slot;
	} consoles[TOPICS_CONSOLES_MOST];
};

/* Adds one topic. False: *fail; topics may hold a part of it and is to be freed. */
bool topics_add(struct topics *topics, const char *text, struct fail *fail);
/* Adds those of a list with commas. */
bool topics_parse(struct topics *topics, const char *list, struct fail *fail);
void topics_free(struct topics *topics);
/* The telemetry of both is the same. */
bool topics_same_telemetry(const struct topics *a, const struct topics *b);
