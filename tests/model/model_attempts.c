/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts to boot against a naive reference, in a world of machines that really load releases which start, crash or
 * hang. What is seen of them is late, doubled, lost and out of order; the controller is killed, networks are cut,
 * clocks jump, strangers make things up, people switch off what does not answer. Each decision and all that is kept is
 * as the reference says it, and, by what really happened: nothing is given up that starts, nor over an outage; one
 * decision at most for an attempt; three whole attempts are always enough.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/attempts_naive.h"
#include "model/random.h"

enum { NETS = 2, NODES = 5, TICK_MS = 250, QUEUE = 4096, SLOW_MS = 2500, RELEASES = 4, EPISODE_TICKS = 4000 };

enum event { ASK, LOAD };
enum quality { STARTS, CRASHES, HANGS }; /* of a release on a node */
enum phase { OFF, ASKING, LOADING, ENTERED, RUNNING, STUCK };

struct machine {
	enum phase phase;
	int64_t until_ms; /* the phase ends then */
	enum quality quality[RELEASES];
	int release; /* that it loads or runs */
	uint64_t boot;
	bool is_known; /* its hello was taken */
	unsigned loads; /* of the release wanted, whole, one behind the other, in a quiet world */
	/* what the controller was told, and what came of it */
	unsigned attempts, decisions;
	int64_t told_ms; /* true time of the newest boot file that was told */
	struct attempts_facts facts;
};

struct pending {
	int64_t at_ms;
	enum event event;
	int node, release;
};

static struct world {
	int64_t ms, offset_ms; /* true time; the controller's clock is ahead of it */
	bool is_clean; /* every sighting comes once and at once, and nothing goes wrong but releases */
	bool is_net_up[NETS], has_probe[NETS];
	int64_t net_until_ms[NETS], away_until_ms; /* outages, of networks and of the controller */
	int64_t cut_ms[NETS]; /* true time of the newest moment in an outage of either, */
	int64_t fine_ms[NETS]; /* and outside of one */
	struct machine machines[NODES];
	struct attempts nodes[NODES];
	struct attempts_witness witnesses[NETS];
	struct naive_node naive[NODES];
	struct naive_net nets[NETS];
	struct pending queue[QUEUE];
	unsigned queued;
	uint64_t boots;
	struct attempts_release releases[RELEASES];
} w;

static uint64_t reverts, clean_reverts, silents, stables; /* that the run is not an idle one */

static int net_of(int node)
{
	return node % NETS;
}

static bool chance(unsigned per_mille)
{
	return random_below(1000) < per_mille;
}

static bool is_away(void)
{
	return w.ms < w.away_until_ms;
}

static bool is_reached(int node)
{
	return !is_away() && w.is_net_up[net_of(node)];
}

static int64_t now(void)
{
	return w.ms + w.offset_ms;
}

static const uint8_t *key(int release)
{
	return w.releases[release].key;
}

static int number(const struct attempts_release *release)
{
	return release == NULL ? 0 : release->key[0];
}

static struct naive_facts facts_of(int node)
{
	const struct attempts_facts *facts = &w.machines[node].facts;

	return (struct naive_facts){number(facts->wanted), number(facts->stable), facts->has_power};
}

/* --- what the controller is told --- */

static void compare(int node)
{
	const struct attempts *is = &w.nodes[node];
	const struct naive_node *as = &w.naive[node];
	const struct naive_facts facts = facts_of(node);

	assert_int_equal(is->at, as->at);
	assert_int_equal(is->counted, as->failures < 3 ? as->failures : 3);
	assert_int_equal(is->is_told, as->is_told);
	assert_int_equal(is->resets < ATTEMPTS_RESETS ? is->resets : ATTEMPTS_RESETS, as->resets);
	assert_int_equal(is->failed_count, as->failed_count < ATTEMPTS_FAILED ? as->failed_count : ATTEMPTS_FAILED);
	assert_int_equal(number(attempts_serve(is, &w.machines[node].facts)), naive_serve(as, &facts));
}

static void start_over(struct machine *machine)
{
	machine->phase = OFF;
	machine->until_ms = w.ms + 500 + (int64_t)random_below(5000);
}

static void take(int node, const struct attempts_decision *decision, enum attempts_kind expected)
{
	struct machine *machine = &w.machines[node];

	assert_int_equal(decision->kind, expected);
	compare(node);
	if (decision->kind == ATTEMPTS_NONE) {
		return;
	}
	machine->decisions++;
	assert_true(machine->decisions <= machine->attempts);
	machine->decisions = 0;
	machine->attempts = 0; /* each attempt pays for one decision */
	stables += decision->kind == ATTEMPTS_LOOP_STABLE || decision->kind == ATTEMPTS_HANG_STABLE;
	silents += decision->kind == ATTEMPTS_SILENT;
	if (decision->reverts) {
		const int release = decision->release[0];

		reverts++;
		clean_reverts += w.is_clean;
		assert_int_not_equal(machine->quality[release], STARTS);
		assert_true(w.cut_ms[net_of(node)] < machine->told_ms);
		assert_true(decision->kind == ATTEMPTS_LOOP || is_reached(node));
		assert_int_not_equal(number(attempts_serve(&w.nodes[node], &machine->facts)), release);
	}
	if (decision->power == ATTEMPTS_POWER_RESET) {
		if (chance(200)) {
			assert_true(attempts_not_reset(&w.nodes[node]));
			w.naive[node].resets = 2;
		} else {
			start_over(machine);
		}
	}
}

static void tell(int node, enum event event, int release)
{
	struct machine *machine = &w.machines[node];
	struct attempts_witness *witness = &w.witnesses[net_of(node)];
	struct naive_net *net = &w.nets[net_of(node)];
	const struct naive_facts facts = facts_of(node);
	struct attempts_decision decision;

	naive_put(net, now(), node, false);
	if (event == ASK) {
		(void)attempts_asked(&w.nodes[node], witness, &machine->facts, now(), &decision);
		take(node, &decision, naive_asked(&w.naive[node], net, node, &facts));
		return;
	}
	if (attempts_loaded(&w.nodes[node], witness, key(release), now())) {
		machine->attempts++;
		machine->told_ms = w.ms;
	}
	naive_loaded(&w.naive[node], net, release);
	compare(node);
}

static void queue(int64_t late_ms, int node, enum event event, int release)
{
	if (w.queued < QUEUE) {
		w.queue[w.queued++] = (struct pending){w.ms + late_ms, event, node, release};
	}
}

/* Somebody sees it: once and at once, or otherwise. */
static void seen(int node, enum event event, int release)
{
	if (is_away() || !w.is_net_up[net_of(node)]) {
		return;
	}
	if (w.is_clean) {
		tell(node, event, release);
		return;
	}
	for (unsigned copies = chance(50) ? 0 : chance(150) ? 2 : 1; copies > 0; copies--) {
		queue(chance(300) ? (int64_t)random_below(SLOW_MS) : 0, node, event, release);
	}
}

static void deliver(void)
{
	for (unsigned i = 0; i < w.queued;) {
		const struct pending pending = w.queue[i];

		if (pending.at_ms > w.ms) {
			i++;
			continue;
		}
		w.queue[i] = w.queue[--w.queued];
		if (!is_away()) {
			tell(pending.node, pending.event, pending.release);
		}
	}
}

static void heard(int net)
{
	naive_put(&w.nets[net], now(), NAIVE_NOBODY, true);
	attempts_heard(&w.witnesses[net], now());
}

/* --- machines --- */

static void entered(int node)
{
	struct machine *machine = &w.machines[node];

	switch (machine->quality[machine->release]) {
	case STARTS:
		machine->phase = RUNNING;
		machine->boot = ++w.boots;
		machine->is_known = false;
		machine->until_ms = w.ms + 2000 + (int64_t)random_below(40000);
		break;
	case CRASHES:
		start_over(machine);
		break;
	default:
		machine->phase = STUCK;
		machine->until_ms = w.ms + 150000 + (int64_t)random_below(60000); /* then somebody comes */
		break;
	}
}

static void running(int node)
{
	struct machine *machine = &w.machines[node];

	machine->loads = 0;
	if (!is_reached(node) || w.ms % 1000 != 0 || (!w.is_clean && chance(100))) {
		return;
	}
	if (!w.is_clean && !machine->is_known && machine->boot % 4 != 0 && chance(100)) {
		machine->is_known = true; /* its hello is not told: its beats will do */
	} else if (!machine->is_known || chance(20)) {
		(void)attempts_hello(&w.nodes[node], machine->boot);
		naive_hello(&w.naive[node], machine->boot);
		machine->is_known = true;
	} else {
		/* Of some boots the release is not known. */
		const int release = machine->boot % 4 == 0 ? 0 : machine->release;

		heard(net_of(node));
		naive_put(&w.nets[net_of(node)], now(), node, false);
		naive_beat(&w.naive[node], &w.nets[net_of(node)], node, machine->boot, release);
		(void)attempts_beat(&w.nodes[node], &w.witnesses[net_of(node)], machine->boot,
				    release == 0 ? NULL : key(release), now());
	}
	compare(node);
}

static void loading(int node)
{
	struct machine *machine = &w.machines[node];

	if (machine->phase == ASKING) {
		seen(node, ASK, 0);
		if (w.is_clean || (w.is_net_up[net_of(node)] && !chance(250))) { /* else it asks once more */
			machine->phase = LOADING;
			machine->release = number(attempts_serve(&w.nodes[node], &machine->facts));
		}
		machine->until_ms = w.ms + 250 + (int64_t)random_below(2000);
		return;
	}
	if (!w.is_net_up[net_of(node)]) { /* its transfer is cut */
		machine->phase = ASKING;
		return;
	}
	seen(node, LOAD, machine->release);
	if (!w.is_clean && chance(100)) {
		seen(node, LOAD, machine->release); /* it takes it twice */
	}
	if (w.is_clean && machine->release == number(machine->facts.wanted)) {
		machine->loads++;
		/* The fourth boot of a release that does not start is none of it. */
		assert_true(machine->loads <= ATTEMPTS_MOST || machine->facts.wanted == machine->facts.stable);
	}
	machine->phase = ENTERED;
	machine->until_ms = w.ms + 1250 + (int64_t)random_below(20000);
}

static void step(int node)
{
	struct machine *machine = &w.machines[node];
	const bool is_due = w.ms >= machine->until_ms;

	if (machine->phase == RUNNING) {
		running(node);
	}
	if (!is_due) {
		return;
	}
	switch (machine->phase) {
	case OFF:
		machine->phase = ASKING;
		break;
	case ASKING:
	case LOADING:
		loading(node);
		break;
	case ENTERED:
		entered(node);
		break;
	default:
		start_over(machine);
		break;
	}
}

/* --- what goes wrong --- */

/* What nobody did, or did before: sightings of a node that runs, and the hello of a boot that is over. */
static void made_up(int node)
{
	const struct machine *machine = &w.machines[node];

	if (machine->phase == RUNNING && machine->is_known) {
		seen(node, ASK, 0);
		seen(node, LOAD, machine->release);
	} else if (machine->boot != 0 && machine->is_known && is_reached(node)) {
		(void)attempts_hello(&w.nodes[node], machine->boot);
		naive_hello(&w.naive[node], machine->boot);
		compare(node);
	}
}

static void restart(void)
{
	for (int node = 0; node < NODES; node++) {
		struct attempts_row row;

		attempts_write(&w.nodes[node], &row);
		assert_true(attempts_read(&row, &w.nodes[node]));
		naive_restart(&w.naive[node]);
		compare(node);
	}
	for (int net = 0; net < NETS; net++) {
		w.nets[net].count = 0;
		attempts_watch(&w.witnesses[net], (uint32_t)net, 1000, now());
	}
}

static void impatience(int net)
{
	/* While nothing answers, people switch things off and on. */
	for (int node = net; node < NODES; node += NETS) {
		if (chance(15)) {
			start_over(&w.machines[node]);
		}
	}
}

static void trouble(void)
{
	const bool was_away = is_away();

	if (!was_away && chance(2)) {
		w.away_until_ms = w.ms + 3000 + (int64_t)random_below(chance(200) ? 200000 : 20000);
		restart(); /* what it learns until then it does not: nothing is told */
	}
	if (!was_away && chance(1)) {
		w.offset_ms += (chance(500) ? 1 : -1) * (5000 + (int64_t)random_below(7200000));
		for (int net = 0; net < NETS; net++) {
			w.cut_ms[net] = w.ms - 1; /* what began before it was timed by another clock */
		}
	}
	for (int net = 0; net < NETS; net++) {
		if (w.is_net_up[net] && chance(2)) {
			w.is_net_up[net] = false;
			w.net_until_ms[net] = w.ms + 4000 + (int64_t)random_below(chance(200) ? 200000 : 20000);
		} else if (!w.is_net_up[net] && w.ms >= w.net_until_ms[net]) {
			w.is_net_up[net] = true;
		}
		if (!is_away() && w.is_net_up[net]) {
			w.fine_ms[net] = w.ms;
			continue;
		}
		impatience(net);
		if (w.ms - w.fine_ms[net] > SLOW_MS) { /* until then, what is told is of before it */
			w.cut_ms[net] = w.ms;
		}
	}
	const int node = (int)random_below(NODES);
	struct machine *machine = &w.machines[node];

	if (chance(1)) {
		const int release = 1 + (int)random_below(RELEASES - 1);

		naive_force(&w.naive[node], release);
		(void)attempts_force(&w.nodes[node], key(release));
	}
	if (chance(50)) {
		made_up(node);
	}
	if (chance(1)) {
		machine->facts.wanted = &w.releases[1 + random_below(RELEASES - 1)];
	}
	if (chance(1) && !is_away()) { /* an operator has it start again */
		(void)attempts_excuse(&w.nodes[node]);
		w.naive[node].at = ATTEMPTS_AT_IDLE;
		start_over(machine);
	}
	compare(node);
}

static void look_at_all(void)
{
	for (int net = 0; net < NETS; net++) {
		if (w.has_probe[net] && w.is_net_up[net]) {
			heard(net);
		}
	}
	for (int node = 0; node < NODES; node++) {
		struct naive_net *net = &w.nets[net_of(node)];
		const struct naive_facts facts = facts_of(node);
		enum attempts_power power = ATTEMPTS_POWER_LEAVE;
		struct attempts_decision decision;

		naive_put(net, now(), node, false);
		(void)attempts_pass(&w.nodes[node], &w.witnesses[net_of(node)], &w.machines[node].facts, now(),
				    &decision);
		const enum attempts_kind expected = naive_passed(&w.naive[node], net, node, &facts, &power);
		assert_int_equal(decision.power, power);
		take(node, &decision, expected);
	}
}

static void begin(bool is_clean)
{
	memset(&w, 0, sizeof(w));
	w.is_clean = is_clean;
	w.ms = 10000000;
	for (int release = 0; release < RELEASES; release++) {
		w.releases[release] = (struct attempts_release){.key = {(uint8_t)release}, .name = "r"};
	}
	for (int net = 0; net < NETS; net++) {
		w.is_net_up[net] = true;
		w.has_probe[net] = is_clean || chance(700);
		attempts_watch(&w.witnesses[net], (uint32_t)net, 1000, now());
	}
	for (int node = 0; node < NODES; node++) {
		struct machine *machine = &w.machines[node];

		machine->until_ms = w.ms + 2000 + (int64_t)random_below(20000); /* somebody was heard by then */
		for (int release = 1; release < RELEASES; release++) {
			machine->quality[release] = (enum quality)random_below(3);
		}
		machine->quality[1] = chance(800) ? STARTS : machine->quality[1];
		machine->facts = (struct attempts_facts){
			.stable = chance(900) ? &w.releases[1] : NULL,
			.wanted = &w.releases[is_clean ? 2 : 1 + random_below(RELEASES - 1)],
			.has_power = chance(500),
		};
		if (is_clean) {
			machine->facts.stable = &w.releases[1];
			machine->quality[1] = STARTS;
		}
	}
}

static void episode(bool is_clean, unsigned ticks)
{
	begin(is_clean);
	for (unsigned tick = 0; tick < ticks; tick++) {
		w.ms += TICK_MS;
		if (!is_clean) {
			trouble();
			deliver();
		}
		for (int node = 0; node < NODES; node++) {
			step(node);
		}
		if (!is_away() && w.ms % 1000 == 0) {
			look_at_all();
		}
	}
	/* In a quiet world each node has ended on a release that starts. */
	for (int node = 0; is_clean && node < NODES; node++) {
		const struct machine *machine = &w.machines[node];

		assert_int_equal(number(attempts_serve(&w.nodes[node], &machine->facts)),
				 machine->quality[2] == STARTS ? 2 : 1);
	}
}

static void against_the_reference(void **state)
{
	uint64_t left = random_init("build/tests/model_attempts", 400000); /* ticks */

	(void)state;
	for (unsigned i = 0; left > 0; i++) {
		const unsigned ticks = left < EPISODE_TICKS ? (unsigned)left : EPISODE_TICKS;

		episode(i % 4 == 0 && ticks == EPISODE_TICKS, ticks);
		left -= ticks;
	}
	print_message("# %llu given up, %llu of them in a quiet world, %llu silent, %llu with nothing to go back to\n",
		      (unsigned long long)reverts, (unsigned long long)clean_reverts, (unsigned long long)silents,
		      (unsigned long long)stables);
	if (getenv("N") == NULL) {
		assert_true(reverts > clean_reverts && clean_reverts > 0 && silents > 0 && stables > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(against_the_reference)};

	return cmocka_run_group_tests_name("attempts against a naive reference", tests, NULL, NULL);
}
