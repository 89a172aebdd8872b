/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The naive reference for attempts to boot: it keeps all that a network's witness was told, in a list, and looks at all
 * of it whenever it is asked something. Releases are small numbers here; 0 is none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attempts/attempts.h"

enum { NAIVE_LOG = 40000, NAIVE_NOBODY = -1 };

struct naive_entry {
	int64_t now_ms;
	int node; /* whose, or NAIVE_NOBODY */
	bool is_heard;
};

/* One network, since the controller was last started. */
struct naive_net {
	struct naive_entry log[NAIVE_LOG];
	size_t count;
};

struct naive_node {
	enum attempts_at at;
	size_t loaded; /* place in the log of its boot file; SIZE_MAX: of an earlier run of the controller */
	size_t beat; /* of the newest beat of `boot` + 1; 0: none in this run */
	int release; /* of it */
	unsigned failures, resets; /* failures of that release since the last hello */
	bool is_told;
	uint64_t boot;
	int failed[64]; /* oldest first */
	unsigned failed_count;
};

struct naive_facts {
	int wanted, stable;
	bool has_power;
};

void naive_put(struct naive_net *net, int64_t now_ms, int node, bool is_heard);
void naive_restart(struct naive_node *node);
/* Each behind the naive_put() of the same call. They return what is to be decided. */
enum attempts_kind naive_asked(struct naive_node *node, const struct naive_net *net, int self,
			       const struct naive_facts *facts);
enum attempts_kind naive_passed(struct naive_node *node, const struct naive_net *net, int self,
				const struct naive_facts *facts, enum attempts_power *power);
void naive_loaded(struct naive_node *node, const struct naive_net *net, int release);
void naive_hello(struct naive_node *node, uint64_t boot);
void naive_beat(struct naive_node *node, const struct naive_net *net, int self, uint64_t boot, int release);
void naive_force(struct naive_node *node, int release);
int naive_serve(const struct naive_node *node, const struct naive_facts *facts);
