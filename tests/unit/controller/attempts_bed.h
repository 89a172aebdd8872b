/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One node and what is kept of its attempts, for the tests of controller/attempts. */
#include "attempts/attempts.h"

enum { INTERVAL_MS = 1000, NETWORK = 7 };

/* `good` is stable, `bad` is wanted. */
extern const struct attempts_release good, bad, third;

/* One node, and a neighbour on its network that beats unless the network is away. */
struct bed {
	struct attempts node;
	struct attempts_witness witness;
	struct attempts_facts facts;
	struct attempts_decision decision; /* the newest that is one */
	unsigned decisions;
	int64_t now_ms;
	uint64_t boot;
	bool is_quiet;
};

struct bed bed_make(void);
/* Time goes by in halves of a second. */
void bed_wait(struct bed *bed, int64_t ms);
void bed_ask(struct bed *bed);
/* What it gets is what is served. */
void bed_load(struct bed *bed);
/* A boot that gets as far as the whole file, and takes ten seconds. */
void bed_try(struct bed *bed);
void bed_hello(struct bed *bed);
/* The controller is away for three seconds. */
void bed_restart(struct bed *bed);
const struct attempts_release *bed_served(const struct bed *bed);
