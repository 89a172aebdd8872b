/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rollout/codec.h"
#include "unit/controller/rollout_bed.h"

enum { STEP_MS = 100 };

struct rollout_policy policy;
struct rollout rollout;
struct rollout_cell cells[NODES];
struct rollout_facts facts[NODES];
struct rollout_decisions all; /* the first of a run_ms() */
struct rollout_release target, stable;
struct rollout_time now;
unsigned node_count, assigns, returns, agains, ends, decided_most; /* the first two without repeated ones */
struct rollout_decision last_end;
static uint64_t news;

static void hash(uint8_t to[ROLLOUT_HASH_BYTES], unsigned value)
{
	memset(to, 0, ROLLOUT_HASH_BYTES);
	to[0] = (uint8_t)value;
}

void make_release(struct rollout_release *release, unsigned id, unsigned core, unsigned service, unsigned guest)
{
	memset(release, 0, sizeof(*release));
	hash(release->id, id);
	hash(release->parts.core, core);
	hash(release->parts.service, service);
	hash(release->parts.guests[0], guest);
	hash(release->parts.guests[1], 77); /* the same in all */
}

void tell(unsigned i)
{
	facts[i].index = ++news;
	rollout_feed(&rollout, i, &facts[i]);
}

/* The node carries out at once what it is ordered. */
void be(unsigned i, const struct rollout_release *release)
{
	facts[i].contact = NODE_ALIVE;
	facts[i].parts = release->parts;
	facts[i].wanted = facts[i].ready = 3;
	memcpy(facts[i].assigned, release->id, ROLLOUT_HASH_BYTES);
	tell(i);
}

void befall(unsigned i, enum rollout_trouble trouble)
{
	facts[i].trouble = trouble;
	facts[i].trouble_index = news + 1;
	tell(i);
}

void silent(unsigned i, enum rollout_contact contact)
{
	facts[i].contact = contact;
	facts[i].ready = 0;
	tell(i);
}

int quick(void **state)
{
	(void)state;
	rollout_policy_default(&policy);
	policy.canary = 1;
	policy.wave_count = 0;
	policy.is_spread = false;
	policy.soak_ms = 1000;
	policy.healthy_ms = 500;
	policy.healthy_deadline_ms = 20000;
	policy.progress_deadline_ms = 40000;
	make_release(&target, 9, 1, 1, 2);
	make_release(&stable, 1, 1, 1, 1);
	memset(facts, 0, sizeof(facts));
	news = 0;
	now = (struct rollout_time){.mono_ms = 1000};
	return 0;
}

void plan(unsigned count)
{
	struct fail fail;

	node_count = count;
	assigns = returns = agains = ends = 0;
	assert_true(rollout_init(&rollout, &policy, &target, false, cells, NODES, &fail));
	for (unsigned i = 0; i < count; i++) {
		char name[ID_BYTES];
		unsigned cell = 0;

		(void)snprintf(name, sizeof(name), "n-%u", i);
		assert_true(rollout_join(&rollout, name, 0, &stable, &cell, &fail));
		be(i, &stable);
	}
}

void say(enum rollout_command command)
{
	struct fail fail;

	assert_true(rollout_command(&rollout, command, 0, &fail));
}

void start(unsigned count)
{
	plan(count);
	say(COMMAND_START);
}

void sick(unsigned i)
{
	facts[i].ready = 0;
	tell(i);
}

/* Nodes below `obedient` do what they are told. */
void run_ms(unsigned ms, unsigned obedient)
{
	all.count = 0;
	for (unsigned passed = 0; passed < ms; passed += STEP_MS) {
		struct rollout_decisions decisions;

		now.mono_ms += STEP_MS;
		now.wall_ms += STEP_MS;
		rollout_tick(&rollout, &now, &decisions);
		assert_null(rollout_check(&rollout));
		decided_most = decisions.count > decided_most ? decisions.count : decided_most;
		for (unsigned i = 0; i < decisions.count; i++) {
			const struct rollout_decision *decision = &decisions.list[i];
			const bool is_order = decision->kind == DECIDE_ASSIGN || decision->kind == DECIDE_RETURN;

			assigns += decision->kind == DECIDE_ASSIGN && !decision->is_again;
			returns += decision->kind == DECIDE_RETURN && !decision->is_again;
			agains += decision->is_again;
			if (decision->kind == DECIDE_ENDS) {
				ends++;
				last_end = *decision;
			}
			if (all.count < ROLLOUT_DECISIONS_MAX) {
				all.list[all.count++] = *decision;
			}
			if (is_order && decision->cell < obedient) {
				be(decision->cell, &rollout.releases[decision->release]);
			}
		}
	}
}

/* Killed: what is dirty was stored, facts are told anew. */
void kill_controller(void)
{
	static uint8_t rows[NODES][ROLLOUT_CELL_ROW_BYTES];
	static size_t sizes[NODES];
	uint8_t row[ROLLOUT_ROW_BYTES];
	const size_t size = rollout_encode(&rollout, row);
	struct fail fail;

	for (unsigned i = 0; i < node_count; i++) {
		sizes[i] = rollout_encode_cell(&cells[i], rows[i]);
	}
	memset(cells, 0xee, sizeof(cells));
	assert_true(rollout_decode(&rollout, row, size, cells, NODES, &fail));
	for (unsigned i = 0; i < node_count; i++) {
		assert_true(rollout_decode_cell(&rollout, rows[i], sizes[i], &fail));
	}
	assert_true(rollout_decoded(&rollout, &fail));
	now.mono_ms = 5; /* another boot of the machine */
}

void tell_all(void)
{
	for (unsigned i = 0; i < node_count; i++) {
		tell(i);
	}
}
