/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/psci.c against the specification's state machine, exhaustively: a breadth-first search over everything that
 * three vCPUs can bring about. In each state every vCPU that is on makes every call there is, and every vCPU that is
 * pending is entered; each answer is compared with one computed from the model alone, which keeps no lock and no
 * structure of the code's: a letter a vCPU.
 *
 * What is told apart: each vCPU off, pending for one of three callers (each names its own entry point and context), or
 * on; the VM stopping or not.
 *
 * Then two threads race CPU_ON on one target, with the real lock.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/smccc.h"
#include "core/psci.h"

#define VCPUS 3u
#define RAM_BASE UINT64_C(0x40000000)
#define RAM_BYTES UINT64_C(0x1000000)
#define RACES 3000u

/* 'o' off; 'n' on; '0' to '2': pending, by that vCPU's CPU_ON. */
struct model {
	char cpu[VCPUS];
	bool is_stopping;
};

struct node {
	struct psci psci;
	struct model model;
};

#define STATES_MAX (125u * 2u)

static struct node queue[STATES_MAX];
static unsigned queue_count;
static unsigned transition_count;
static unsigned wakes[AETHER_VCPU_MAX];

void psci_wake(struct psci *psci, unsigned vcpu)
{
	assert_int_equal(psci->cpu[vcpu].state, PSCI_CPU_IS_PENDING);
	/* Called under the lock: a thread that reads the state behind the wake-up sees all of it. */
	assert_int_equal(atomic_load(&psci->lock.is_held), 1);
	wakes[vcpu]++;
}

static uint64_t entry_of(unsigned caller)
{
	return RAM_BASE + 0x1000 * (caller + 1);
}

static uint64_t context_of(unsigned caller)
{
	return UINT64_C(0xc0ffee0000000000) + caller;
}

/* --- the specification --- */

static int64_t expected_cpu_on(const struct model *model, unsigned target)
{
	if (model->is_stopping) {
		return PSCI_INTERNAL_FAILURE;
	}
	return model->cpu[target] == 'n' ? PSCI_ALREADY_ON :
	       model->cpu[target] == 'o' ? PSCI_SUCCESS :
					   PSCI_ON_PENDING;
}

static int64_t expected_affinity(char cpu)
{
	return cpu == 'n' ? PSCI_AFFINITY_ON : cpu == 'o' ? PSCI_AFFINITY_OFF : PSCI_AFFINITY_ON_PENDING;
}

static bool is_any(const struct model *model, char a, char b)
{
	for (unsigned i = 0; i < VCPUS; i++) {
		if (model->cpu[i] >= a && model->cpu[i] <= b) {
			return true;
		}
	}
	return false;
}

/* --- the search --- */

static void check_node(const struct node *node)
{
	const struct psci *psci = &node->psci;
	assert_int_equal(atomic_load(&psci->lock.is_held), 0);
	assert_int_equal(psci->is_stopping, node->model.is_stopping);
	for (unsigned i = 0; i < VCPUS; i++) {
		const char cpu = node->model.cpu[i];
		assert_int_equal(psci->cpu[i].state, cpu == 'n' ? PSCI_CPU_IS_ON :
						     cpu == 'o' ? PSCI_CPU_IS_OFF :
								  PSCI_CPU_IS_PENDING);
		if (cpu >= '0' && cpu <= '2') {
			assert_int_equal(psci->cpu[i].entry, entry_of((unsigned)(cpu - '0')));
			assert_int_equal(psci->cpu[i].context_id, context_of((unsigned)(cpu - '0')));
		}
	}
	/* Nobody is left who could turn one on: then it must be at its end. */
	assert_true(node->model.is_stopping || is_any(&node->model, 'n', 'n') || is_any(&node->model, '0', '2'));
}

static void reach(const struct node *node)
{
	check_node(node);
	transition_count++;
	for (unsigned i = 0; i < queue_count; i++) {
		if (memcmp(queue[i].model.cpu, node->model.cpu, VCPUS) == 0 &&
		    queue[i].model.is_stopping == node->model.is_stopping) {
			return;
		}
	}
	assert_in_range(queue_count, 0, STATES_MAX - 1);
	queue[queue_count++] = *node;
}

static int64_t call(struct node *node, unsigned caller, uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3,
		    enum exit_action action, enum aether_stop_reason reason)
{
	uint64_t x[18] = {function, a1, a2, a3};
	enum aether_stop_reason stop = AETHER_STOP_NONE;
	memset(wakes, 0, sizeof(wakes));
	assert_int_equal(psci_call(&node->psci, caller, x, &stop), action);
	assert_int_equal(stop, reason);
	return (int64_t)x[0];
}

static void try_cpu_on(const struct node *from, unsigned caller, unsigned target, uint32_t function)
{
	struct node node = *from;
	const int64_t expected = expected_cpu_on(&from->model, target);
	/* The 32-bit call cannot carry the whole context; it is tried where it changes nothing. */
	if (function == PSCI_CPU_ON && expected == PSCI_SUCCESS) {
		return;
	}
	assert_int_equal(call(&node, caller, function, target, entry_of(caller), context_of(caller), EXIT_RESUME,
			      AETHER_STOP_NONE),
			 expected);
	for (unsigned i = 0; i < VCPUS; i++) {
		assert_int_equal(wakes[i], i == target && expected == PSCI_SUCCESS);
	}
	if (expected == PSCI_SUCCESS) {
		node.model.cpu[target] = (char)('0' + caller);
	}
	reach(&node);
}

static void try_affinity_info(const struct node *from, unsigned caller)
{
	struct node node = *from;
	for (unsigned target = 0; target < VCPUS; target++) {
		assert_int_equal(call(&node, caller, PSCI_AFFINITY_INFO_64, target, 0, 0, EXIT_RESUME,
				      AETHER_STOP_NONE),
				 expected_affinity(node.model.cpu[target]));
	}
	for (unsigned level = 1; level <= 3; level++) {
		/* The caller is on, and in every cluster that there is. */
		assert_int_equal(call(&node, caller, PSCI_AFFINITY_INFO, 0, level, 0, EXIT_RESUME, AETHER_STOP_NONE),
				 PSCI_AFFINITY_ON);
	}
	reach(&node);
}

static void try_cpu_off(const struct node *from, unsigned caller)
{
	struct node node = *from;
	node.model.cpu[caller] = 'o';
	const bool is_last = !is_any(&node.model, 'n', 'n') && !is_any(&node.model, '0', '2');
	node.model.is_stopping = node.model.is_stopping || is_last;
	(void)call(&node, caller, PSCI_CPU_OFF, 0, 0, 0, EXIT_OFF, is_last ? AETHER_STOP_POWER_OFF : AETHER_STOP_NONE);
	reach(&node);
}

static void try_end(const struct node *from, unsigned caller, uint32_t function, enum aether_stop_reason reason)
{
	struct node node = *from;
	node.model.is_stopping = true;
	(void)call(&node, caller, function, 0, 0, 0, EXIT_OFF, reason);
	reach(&node);
}

static void try_enter(const struct node *from, unsigned vcpu)
{
	struct node node = *from;
	uint64_t entry = 1;
	uint64_t context = 2;
	const char cpu = from->model.cpu[vcpu];
	const bool may_enter = cpu >= '0' && cpu <= '2' && !from->model.is_stopping;
	assert_int_equal(psci_enter(&node.psci, vcpu, &entry, &context), may_enter);
	assert_int_equal(entry, may_enter ? entry_of((unsigned)(cpu - '0')) : 1);
	assert_int_equal(context, may_enter ? context_of((unsigned)(cpu - '0')) : 2);
	if (may_enter) {
		node.model.cpu[vcpu] = 'n';
	}
	reach(&node);
}

static void explore(const struct node *from)
{
	for (unsigned i = 0; i < VCPUS; i++) {
		try_enter(from, i);
		if (from->model.cpu[i] != 'n') {
			continue; /* it runs no instruction */
		}
		for (unsigned target = 0; target < VCPUS; target++) {
			try_cpu_on(from, i, target, PSCI_CPU_ON_64);
			try_cpu_on(from, i, target, PSCI_CPU_ON);
		}
		try_affinity_info(from, i);
		try_cpu_off(from, i);
		try_end(from, i, PSCI_SYSTEM_OFF, AETHER_STOP_POWER_OFF);
		try_end(from, i, PSCI_SYSTEM_RESET, AETHER_STOP_RESET);
		try_end(from, i, PSCI_SYSTEM_RESET2_64, AETHER_STOP_RESET);
	}
	struct node node = *from; /* another CPU, or the service, ends the VM */
	psci_stop(&node.psci);
	node.model.is_stopping = true;
	reach(&node);
}

static void every_state_that_can_be_reached(void **state)
{
	(void)state;
	struct node first = {.model = {.cpu = {'0', 'o', 'o'}}};
	psci_init(&first.psci, VCPUS, RAM_BASE, RAM_BYTES);
	psci_boot(&first.psci, entry_of(0), context_of(0));
	reach(&first);
	for (unsigned i = 0; i < queue_count; i++) {
		const struct node node = queue[i];
		explore(&node);
	}
	unsigned running = 0;
	for (unsigned i = 0; i < queue_count; i++) {
		running += !queue[i].model.is_stopping;
	}
	print_message("# %u states (%u not stopping), %u transitions\n", queue_count, running, transition_count);
	/*
	 * Counted by hand: 4 ^ 3 (each is off, on, or pending by one of the two others), but
	 *   - 1  all off: the VM is at its end;
	 *   - 8  all pending: who called last was on, and nobody could then have turned it on;
	 *   - 6  two pending by each other: neither could have run to call for the other;
	 *   + 1  the boot CPU pending, the others off: how it starts.
	 */
	assert_int_equal(running, 64 - 1 - 8 - 6 + 1);
	/* The same when it stops, and all off too. */
	assert_int_equal(queue_count - running, running + 1);
}

/* --- a race of threads --- */

struct racer {
	struct psci *psci;
	unsigned number;
	_Atomic unsigned *round;
	_Atomic unsigned *done;
	int64_t answer;
};

static void *race(void *argument)
{
	struct racer *racer = argument;
	for (unsigned round = 1; round <= RACES; round++) {
		while (atomic_load(racer->round) < round) {
			sched_yield();
		}
		uint64_t x[18] = {PSCI_CPU_ON_64, 2, entry_of(racer->number), context_of(racer->number)};
		enum aether_stop_reason stop = AETHER_STOP_NONE;
		(void)psci_call(racer->psci, racer->number, x, &stop);
		racer->answer = (int64_t)x[0];
		atomic_fetch_add(racer->done, 1);
	}
	return NULL;
}

static void one_of_two_racers_wins(void **state)
{
	(void)state;
	struct psci psci;
	_Atomic unsigned round = 0;
	_Atomic unsigned done = 0;
	struct racer racers[2] = {{&psci, 0, &round, &done, 0}, {&psci, 1, &round, &done, 0}};
	pthread_t threads[2];
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (unsigned n = 1; n <= RACES; n++) {
		uint64_t entry = 0;
		uint64_t context = 0;
		psci_init(&psci, VCPUS, RAM_BASE, RAM_BYTES);
		memset(wakes, 0, sizeof(wakes));
		atomic_store(&round, n);
		while (atomic_load(&done) < 2 * n) {
			sched_yield();
		}
		const unsigned winner = racers[0].answer == PSCI_SUCCESS ? 0 : 1;
		assert_int_equal(racers[winner].answer, PSCI_SUCCESS);
		assert_int_equal(racers[1 - winner].answer, PSCI_ON_PENDING);
		assert_int_equal(wakes[2], 1);
		assert_true(psci_enter(&psci, 2, &entry, &context));
		assert_int_equal(entry, entry_of(winner));
		assert_int_equal(context, context_of(winner));
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_that_can_be_reached),
		cmocka_unit_test(one_of_two_racers_wins),
	};

	return cmocka_run_group_tests_name("psci model", tests, NULL, NULL);
}
