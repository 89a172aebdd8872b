/* SPDX-License-Identifier: Apache-2.0 */
#include "model/attempts_naive.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

void naive_put(struct naive_net *net, int64_t now_ms, int node, bool is_heard)
{
	assert_true(net->count < NAIVE_LOG);
	net->log[net->count++] = (struct naive_entry){.now_ms = now_ms, .node = node, .is_heard = is_heard};
}

void naive_restart(struct naive_node *node)
{
	node->loaded = SIZE_MAX;
	node->beat = 0;
}

/* What the whole log says of the attempt that began at `loaded`. */
struct view {
	bool is_intact, is_heard;
	bool is_heard_since; /* behind the boot file */
	int64_t from_ms; /* from where the node is waited for */
	bool is_living; /* a beat of it came shortly before */
	int64_t silent_ms; /* so long something else was heard, and this node was not */
};

static struct view look(const struct naive_net *net, const struct naive_node *node, int self)
{
	const size_t loaded = node->loaded;
	struct view view = {.is_intact = loaded != SIZE_MAX};
	int64_t first_ms = 0, last_ms = 0;
	bool is_waited = false;

	for (size_t i = 0; i < net->count; i++) {
		const struct naive_entry *entry = &net->log[i];
		const bool is_back = i > 0 && entry->now_ms < net->log[i - 1].now_ms;
		const bool is_gap = view.is_heard && entry->now_ms - last_ms > 2500;

		if (is_back || is_gap) {
			view.is_heard = false;
			view.is_living = false;
			if (loaded == SIZE_MAX || i > loaded) {
				view.is_intact = false;
				is_waited = false;
			}
		}
		if (entry->is_heard) {
			first_ms = view.is_heard ? first_ms : entry->now_ms;
			last_ms = entry->now_ms;
			view.is_heard = true;
		}
		if (i + 1 == node->beat) {
			view.is_living = true;
		}
		if (i == loaded && !view.is_heard) {
			view.is_intact = false;
		}
		/* Waited for from its file on, and anew from its own first word, or look at it, behind an outage. */
		if (!is_waited && entry->node == self && (loaded == SIZE_MAX || i >= loaded)) {
			is_waited = true;
			view.from_ms = entry->now_ms;
		}
	}
	view.is_living = view.is_living && net->log[net->count - 1].now_ms - net->log[node->beat - 1].now_ms <= 2500;
	view.is_heard_since = last_ms > view.from_ms;
	view.silent_ms = view.is_heard ? last_ms - (view.from_ms > first_ms ? view.from_ms : first_ms) : 0;
	return view;
}

static bool has_failed(const struct naive_node *node, int release)
{
	const unsigned first = node->failed_count > ATTEMPTS_FAILED ? node->failed_count - ATTEMPTS_FAILED : 0;

	for (unsigned i = first; i < node->failed_count; i++) {
		if (node->failed[i] == release) {
			return true;
		}
	}
	return false;
}

static bool can_go_back(const struct naive_node *node, const struct naive_facts *facts)
{
	return facts->stable != 0 && facts->stable != node->release && !has_failed(node, facts->stable);
}

static void give_up(struct naive_node *node)
{
	if (!has_failed(node, node->release)) {
		assert_true(node->failed_count < sizeof(node->failed) / sizeof(node->failed[0]));
		node->failed[node->failed_count++] = node->release;
	}
	node->failures = 0;
	node->is_told = false;
}

static int64_t now_of(const struct naive_net *net)
{
	return net->log[net->count - 1].now_ms;
}

enum attempts_kind naive_asked(struct naive_node *node, const struct naive_net *net, int self,
			       const struct naive_facts *facts)
{
	if (node->at != ATTEMPTS_AT_LOADED) {
		node->at = ATTEMPTS_AT_ASKED;
		return ATTEMPTS_NONE;
	}
	const struct view view = look(net, node, self);

	if (view.is_intact && now_of(net) - view.from_ms < 1000) {
		return ATTEMPTS_NONE;
	}
	node->at = ATTEMPTS_AT_ASKED;
	if (!view.is_intact || !view.is_heard_since || view.is_living || has_failed(node, node->release)) {
		return ATTEMPTS_NONE;
	}
	node->failures++;
	if (node->failures < 3) {
		return ATTEMPTS_NONE;
	}
	if (can_go_back(node, facts)) {
		give_up(node);
		return ATTEMPTS_LOOP;
	}
	const bool was_told = node->is_told;
	node->is_told = true;
	return was_told ? ATTEMPTS_NONE : ATTEMPTS_LOOP_STABLE;
}

enum attempts_kind naive_passed(struct naive_node *node, const struct naive_net *net, int self,
				const struct naive_facts *facts, enum attempts_power *power)
{
	if (node->at != ATTEMPTS_AT_LOADED) {
		return ATTEMPTS_NONE;
	}
	const struct view view = look(net, node, self);

	if (view.silent_ms < 120000) {
		return ATTEMPTS_NONE;
	}
	node->at = ATTEMPTS_AT_HUNG;
	*power = facts->has_power && node->resets < 2 ? ATTEMPTS_POWER_RESET : ATTEMPTS_POWER_BY_HAND;
	node->resets += *power == ATTEMPTS_POWER_RESET;
	if (!view.is_intact) {
		return ATTEMPTS_SILENT;
	}
	if (!can_go_back(node, facts)) {
		return ATTEMPTS_HANG_STABLE;
	}
	give_up(node);
	return ATTEMPTS_HANG;
}

void naive_loaded(struct naive_node *node, const struct naive_net *net, int release)
{
	if (node->at != ATTEMPTS_AT_ASKED) {
		return;
	}
	if (node->release != release) {
		node->failures = 0;
		node->is_told = false;
	}
	node->release = release;
	node->at = ATTEMPTS_AT_LOADED;
	node->loaded = net->count - 1;
}

static void forgive(struct naive_node *node)
{
	node->failures = 0;
	node->resets = 0;
	node->is_told = false;
}

void naive_hello(struct naive_node *node, uint64_t boot)
{
	if (boot != node->boot) {
		node->boot = boot;
		node->at = ATTEMPTS_AT_IDLE;
		forgive(node);
	}
}

void naive_beat(struct naive_node *node, const struct naive_net *net, int self, uint64_t boot, int release)
{
	if (boot != node->boot) {
		if (release != 0 && release == node->release) {
			naive_hello(node, boot);
		}
		return;
	}
	node->beat = net->count;
	if (node->at == ATTEMPTS_AT_LOADED) {
		const struct view view = look(net, node, self);

		if (now_of(net) - view.from_ms < 1000) {
			return;
		}
	}
	node->at = node->at == ATTEMPTS_AT_ASKED ? ATTEMPTS_AT_ASKED : ATTEMPTS_AT_IDLE;
	forgive(node);
}

void naive_force(struct naive_node *node, int release)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < node->failed_count; i++) {
		if (node->failed[i] != release) {
			node->failed[kept++] = node->failed[i];
		}
	}
	node->failed_count = kept;
	if (node->release == release) {
		node->failures = 0;
		node->is_told = false;
	}
}

int naive_serve(const struct naive_node *node, const struct naive_facts *facts)
{
	return has_failed(node, facts->wanted) && facts->stable != 0 && !has_failed(node, facts->stable) ?
		       facts->stable :
		       facts->wanted;
}
