/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/hvc.c: the calls as abi/hvc.h has them, and a service that calls anything with anything while guests run,
 * end and are destroyed: no invariant breaks, nothing of a guest that runs comes into its reach.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/smccc.h"
#include "core/console.h"
#include "core/esr.h"
#include "core/hal.h"
#include "core/sched.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "model/random.h"
#include "service_calls.h"

#define RAM_BYTES (4 * MIB)

static int setup(void **state)
{
	(void)state;
	node_start(2, 1, NODE_RAM_MIB * MIB);
	service_begin();
	return 0;
}

static unsigned create(void)
{
	assert_int_equal(service_call(AETHER_HVC_VM_CREATE, RAM_BYTES, 1, 0), 0);
	assert_in_range(service->x[1], 0, AETHER_VM_MAX - 1);
	fake_watch_table(&vms[service->x[1]].stage2);
	return (unsigned)service->x[1];
}

/* --- the calls --- */

static void a_guests_life_by_calls(void **state)
{
	(void)state;
	const struct node_account before = node_account();
	const unsigned id = create();
	assert_int_equal(service_call(AETHER_HVC_VM_INFO, id, 0, 0), 0);
	assert_int_equal(service->x[1], AETHER_VM_LOADING);
	assert_int_equal(service_call(AETHER_HVC_VM_START, id, NODE_ENTRY, 5), 0);
	assert_int_equal(service_call(AETHER_HVC_VM_STOP, id, 0, 0), 0);
	assert_true(service_call_to_the_end(AETHER_HVC_EVENT_WAIT, 0, 0, 0));
	assert_int_equal(service->x[0], 0);
	assert_int_equal(service->x[1], AETHER_EVENT_VM_STOPPED);
	assert_int_equal(service->x[2], id);
	assert_int_equal(service->x[3], AETHER_STOP_SERVICE);
	assert_int_equal(service_call(AETHER_HVC_VM_INFO, id, 0, 0), 0);
	assert_int_equal(service->x[1], AETHER_VM_STOPPED);
	assert_int_equal(service->x[2], AETHER_STOP_SERVICE);
	assert_int_equal(service_call(AETHER_HVC_VM_RESET, id, 0, 0), 0);
	assert_int_equal(service_call(AETHER_HVC_VM_START, id, NODE_ENTRY, 6), 0);
	assert_int_equal(service_call(AETHER_HVC_VM_STOP, id, 0, 0), 0);
	node_settle();
	assert_int_equal(service_call(AETHER_HVC_VM_DESTROY, id, 0, 0), 0);
	node_assert_account_but_for_scrubs(&before);
	node_check();
}

static void an_event_wakes_who_waits(void **state)
{
	(void)state;
	const unsigned id = create();
	assert_int_equal(service_call(AETHER_HVC_VM_START, id, NODE_ENTRY, 5), 0);
	assert_false(service_call_to_the_end(AETHER_HVC_EVENT_WAIT, UINT64_MAX, 2, 3));
	assert_int_equal(service->pc, PC - 4); /* asks again when it wakes */
	struct vcpu *guest = vms[id].vcpus[0];
	assert_ptr_equal(percpu[0].current, guest);
	guest->x[0] = PSCI_SYSTEM_RESET;
	assert_ptr_equal(node_trap(guest, HVC, 0), service);
	service->pc += 4;
	assert_ptr_equal(node_trap(service, HVC, 0), service);
	assert_int_equal(service->x[0], 0);
	assert_int_equal(service->x[2], id);
	assert_int_equal(service->x[3], AETHER_STOP_RESET);
}

static void wrong_numbers_are_refused(void **state)
{
	(void)state;
	static const uint64_t calls[] = {AETHER_HVC_VM_START, AETHER_HVC_VM_RESET,
					 AETHER_HVC_VM_DESTROY, AETHER_HVC_VM_STOP,
					 AETHER_HVC_VM_INFO};
	static const uint64_t bad[] = {VM_SERVICE, VM_COUNT,	      31,
				       UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};
	for (unsigned i = 0; i < ARRAY_COUNT(calls); i++) {
		for (unsigned k = 0; k < ARRAY_COUNT(bad); k++) {
			assert_int_equal(service_call(calls[i], bad[k], NODE_ENTRY, 0), AETHER_EINVAL);
		}
		assert_int_equal(service_call(calls[i], 0, NODE_ENTRY, 0),
				 calls[i] == AETHER_HVC_VM_INFO ? 0 : AETHER_ESTATE);
	}
	assert_int_equal(service_call(AETHER_HVC(AETHER_HVC_COUNT), 0, 0, 0), AETHER_ENOSYS);
	assert_int_equal(service_call(0, 0, 0, 0), AETHER_ENOSYS);
	assert_int_equal(service_call(AETHER_HVC_VM_CREATE | UINT64_C(1) << 32, RAM_BYTES, 1, 0),
			 AETHER_ENOSYS);
}

static void a_fifth_guest_is_one_too_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < AETHER_VM_MAX; i++) {
		(void)create();
	}
	assert_int_equal(service_call(AETHER_HVC_VM_CREATE, RAM_BYTES, 1, 0), AETHER_EBUSY);
	assert_int_equal(service_call(AETHER_HVC_VM_CREATE, 1, 1, 0), AETHER_EINVAL);
	node_check();
}

static void a_creation_that_fails_is_undone_before_the_answer(void **state)
{
	(void)state;
	const struct node_account before = node_account();
	int64_t answer = AETHER_ENOMEM;
	unsigned failures = 0;
	for (unsigned left = 0; answer != 0; left++) {
		node_starve(left);
		fake_interrupt_every(3);
		answer = service_call(AETHER_HVC_VM_CREATE, RAM_BYTES, 1, 0);
		fake_interrupt_after(FAKE_NEVER);
		node_feed();
		if (answer != 0) {
			assert_int_equal(answer, AETHER_ENOMEM);
			node_assert_account_but_for_scrubs(&before);
			assert_int_equal(node_state(&vms[0]), AETHER_VM_NONE);
			failures++;
		}
		node_check();
	}
	assert_in_range(failures, 2, 16);
}

static void logs_are_bounded(void **state)
{
	(void)state;
	service_bring();
	memcpy(&service->x[2], "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL", 48);
	service->x[0] = AETHER_HVC_LOG;
	service->x[1] = 48;
	service->pc = PC;
	(void)node_trap(service, HVC, 0);
	assert_int_equal(service->x[0], 0);
	assert_string_equal(fake_console_output(),
			    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL");
	assert_int_equal(service_call(AETHER_HVC_LOG, 0, 0, 0), AETHER_EINVAL);
	assert_int_equal(service_call(AETHER_HVC_LOG, 49, 0, 0), AETHER_EINVAL);
	assert_int_equal(service_call(AETHER_HVC_LOG, UINT64_MAX, 0, 0), AETHER_EINVAL);
	fake_console_set_room(0);
	while (service_call(AETHER_HVC_LOG, 16, 0x4141414141414141, 0x4141414141414141) == 0) {
		assert_false(console_is_drained());
	}
	assert_int_equal((int64_t)service->x[0], AETHER_EAGAIN);
	fake_console_set_room(SIZE_MAX);
	console_interrupt();
}

static void counters_are_bounded(void **state)
{
	(void)state;
	const unsigned id = create();
	for (uint64_t which = 0; which <= AETHER_COUNTER_SCRUB_TICKS; which++) {
		assert_int_equal(service_call(AETHER_HVC_COUNTER, which, id, AETHER_EXIT_HVC), 0);
		assert_int_equal(service_call(AETHER_HVC_COUNTER, which, UINT64_MAX, 0), AETHER_EINVAL);
		assert_int_equal(service_call(AETHER_HVC_COUNTER, which, VM_COUNT, 0), AETHER_EINVAL);
	}
	assert_int_equal(service_call(AETHER_HVC_COUNTER, AETHER_COUNTER_SCRUB_TICKS + 1, 0, 0),
			 AETHER_EINVAL);
	assert_int_equal(service_call(AETHER_HVC_COUNTER, AETHER_COUNTER_LONGEST_TICKS, AETHER_PCPU_MAX, 0),
			 AETHER_EINVAL);
	assert_int_equal(service_call(AETHER_HVC_COUNTER, UINT64_MAX, 0, 0), AETHER_EINVAL);
	assert_int_equal(service_call(AETHER_HVC_COUNTER, AETHER_COUNTER_EXITS, id, AETHER_EXIT_COUNT),
			 AETHER_EINVAL);
	assert_int_equal(
		service_call(AETHER_HVC_COUNTER, AETHER_COUNTER_EXITS, VM_SERVICE, AETHER_EXIT_HVC), 0);
	assert_true(service->x[1] > 10);
}

static void the_time_is_of_a_moment_that_has_been(void **state)
{
	(void)state;
	struct vm *vm = node_run(4 * MIB, 1);
	uint64_t value = 0;
	service_bring();
	assert_int_equal(service_call(AETHER_HVC_TIME_SET, 77 * UINT64_C(1000000000), hal_ticks() + 1, 0),
			 AETHER_EINVAL);
	assert_int_equal(service_call(AETHER_HVC_TIME_SET, 77 * UINT64_C(1000000000), hal_ticks(), 0), 0);
	assert_int_equal(vrtc_access(&vm->rtc, 0, 4, false, &value), EXIT_ADVANCE);
	assert_int_equal(value, 77);
	/* An alarm that the new time has passed. */
	value = 100;
	assert_int_equal(vrtc_access(&vm->rtc, 4, 4, true, &value), EXIT_ADVANCE);
	assert_int_not_equal(vrtc_alarm(&vm->rtc), UINT64_MAX);
	assert_int_equal(service_call(AETHER_HVC_TIME_SET, UINT64_MAX, 0, 0), 0);
	assert_int_equal(vrtc_alarm(&vm->rtc), UINT64_MAX);
	assert_true(vm->rtc.is_raw);
}

static void a_guest_that_always_prints_keeps_no_node_up(void **state)
{
	(void)state;
	service_bring();
	fake_console_set_room(0);
	assert_true(console_write("x", 1));
	service->x[0] = AETHER_HVC_NODE_OFF;
	service->x[1] = 0;
	service->pc = PC;
	assert_ptr_equal(node_trap(service, HVC, 0), service);
	fake_set_ticks(hal_ticks() + hal_ticks_per_second());
	service->pc = PC;
	assert_check_fails((void)node_trap(service, HVC, 0));
	assert_string_equal(check_fake.text, "hal_node_off");
	fake_console_set_room(SIZE_MAX);
	console_interrupt();
}

static void the_node_goes_down_when_its_console_has_drained(void **state)
{
	(void)state;
	service_bring();
	fake_console_set_room(0);
	assert_true(console_write("x", 1));
	service->x[0] = AETHER_HVC_NODE_OFF;
	service->x[1] = 1;
	service->pc = PC;
	assert_ptr_equal(node_trap(service, HVC, 0), service);
	assert_int_equal(service->pc, PC - 4);
	fake_console_set_room(SIZE_MAX);
	console_interrupt();
	service->pc = PC;
	assert_check_fails((void)node_trap(service, HVC, 0));
	assert_string_equal(check_fake.text, "hal_node_off");
	assert_int_equal(fake_log_at(fake_log_find(FAKE_OP_NODE_OFF, 0))->a, 1);
}

/* --- anything --- */

static uint64_t absurd(void)
{
	static const uint64_t values[] = {
		0,
		1,
		2,
		3,
		4,
		5,
		31,
		UINT64_MAX,
		INT64_MAX,
		UINT32_MAX,
		UINT64_C(1) << 32,
		UINT64_C(1) << 63,
		2 * MIB,
		4 * MIB,
		64 * MIB,
		GIB,
		2 * MIB + 1,
		AETHER_IPA_LOAD_STRIDE,
		NODE_ENTRY,
		AETHER_GUEST_RAM_BASE - 4,
		AETHER_IPA_SERVICE,
	};
	switch (random_below(4)) {
	case 0:
		return random_u64() >> random_below(64);
	case 1:
		return random_below(5);
	default:
		return values[random_below(ARRAY_COUNT(values))];
	}
}

/* A guest that runs, if there is one. */
static uint64_t running_guest(void)
{
	for (unsigned i = 0; i < AETHER_VM_MAX; i++) {
		if (node_state(&vms[i]) == AETHER_VM_RUNNING) {
			return i;
		}
	}
	return absurd();
}

static void absurd_call(void)
{
	uint64_t function = AETHER_HVC(random_below(AETHER_HVC_COUNT + 1));
	const uint64_t x1 = random_below(2) == 0 ? random_below(VM_COUNT) : absurd();
	const bool is_sane = random_below(2) == 0;
	if (function == AETHER_HVC_NODE_OFF || function == AETHER_HVC_FAIL) {
		function = random_below(2) == 0 ? random_u64() : AETHER_HVC_VM_PAUSE; /* often enough to be seen */
	} else if (function == AETHER_HVC_VM_CREATE && is_sane) {
		const uint64_t flags = random_below(4);
		(void)service_call_to_the_end(function, 2 * MIB * (1 + random_below(6)),
					      (flags & AETHER_VM_STORE) != 0 ? 0 : 1 + random_below(AETHER_VCPU_MAX),
					      flags);
		return;
	} else if (function == AETHER_HVC_VM_START && is_sane) {
		(void)service_call_to_the_end(function, x1, AETHER_GUEST_RAM_BASE, absurd());
		return;
	}
	service_bring();
	if (function == AETHER_HVC_VM_PAUSE && is_sane) {
		(void)service_call_to_the_end(function, running_guest(), absurd(), absurd());
		return;
	}
	if (function == AETHER_HVC_VM_RESERVE && is_sane) {
		service->x[4] = 1 + random_below(10000);
		(void)service_call_to_the_end(function, x1, random_below(2000), random_below(1000000));
		return;
	}
	for (unsigned i = 4; i < 31; i++) {
		service->x[i] = absurd();
	}
	if (service_call_to_the_end(function, x1, absurd(), absurd())) {
		const int64_t result = (int64_t)service->x[0];
		assert_true(result <= 0 && result >= AETHER_EPERM);
	}
}

/* A guest that runs ends, sometimes. */
static void guest_ends(void)
{
	struct vm *vm = &vms[random_below(AETHER_VM_MAX)];
	if (node_state(vm) == AETHER_VM_RUNNING || node_state(vm) == AETHER_VM_PAUSED) {
		vm_stop(vm, AETHER_STOP_POWER_OFF, 0);
	}
}

static bool is_all_seen(const unsigned *seen)
{
	return seen[AETHER_VM_NONE] && seen[AETHER_VM_LOADING] && seen[AETHER_VM_RUNNING] && seen[AETHER_VM_STOPPED] &&
	       seen[AETHER_VM_PAUSED];
}

static void a_hostile_service_breaks_nothing(void **state)
{
	(void)state;
	const struct node_account before = node_account();
	const uint64_t steps = random_init("test_hvc", 4000);
	unsigned stores = 0;
	unsigned seen[AETHER_VM_PAUSED + 1] = {0};
	bool is_watched[VM_COUNT] = {false};
	fake_interrupt_every(2);
	/* Some worlds come late to a state: those go on, but not for ever. */
	for (uint64_t step = 0; step < steps || (!is_all_seen(seen) && step < 20 * steps); step++) {
		absurd_call();
		for (unsigned i = 0; i < VM_COUNT; i++) {
			const enum aether_vm_state now = node_state(&vms[i]);
			if (now == AETHER_VM_LOADING && !is_watched[i] && !vm_is_store(&vms[i])) {
				fake_watch_table(&vms[i].stage2);
			}
			is_watched[i] = now != AETHER_VM_NONE;
			seen[now]++;
			stores += vm_is_store(&vms[i]) && now == AETHER_VM_LOADING ? 1 : 0;
		}
		if (random_below(4) == 0) {
			guest_ends();
		}
		if (step % 4 == 0) {
			node_check();
		}
	}
	assert_true(is_all_seen(seen));
	assert_true(stores > 10);
	for (unsigned i = 0; i < VM_COUNT; i++) {
		if (i == VM_SERVICE) {
			continue;
		}
		if (node_state(&vms[i]) == AETHER_VM_RUNNING || node_state(&vms[i]) == AETHER_VM_PAUSED) {
			vm_stop(&vms[i], AETHER_STOP_SERVICE, 0);
		}
		node_settle();
		if (node_state(&vms[i]) != AETHER_VM_NONE) {
			assert_int_equal(service_call(AETHER_HVC_VM_DESTROY, i, 0, 0), 0);
		}
	}
	node_assert_account_but_for_scrubs(&before);
	node_check();
	fake_console_set_room(SIZE_MAX);
	console_interrupt();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, node_teardown)
		TEST(a_guests_life_by_calls),
		TEST(an_event_wakes_who_waits),
		TEST(wrong_numbers_are_refused),
		TEST(a_fifth_guest_is_one_too_many),
		TEST(a_creation_that_fails_is_undone_before_the_answer),
		TEST(logs_are_bounded),
		TEST(counters_are_bounded),
		TEST(the_time_is_of_a_moment_that_has_been),
		TEST(a_guest_that_always_prints_keeps_no_node_up),
		TEST(the_node_goes_down_when_its_console_has_drained),
		TEST(a_guest_that_always_prints_keeps_no_node_up),
		TEST(a_hostile_service_breaks_nothing),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
