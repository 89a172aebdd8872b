/* SPDX-License-Identifier: Apache-2.0 */
/* The service's budget and what it steals, reservations of guests (core/vm_reserve.c), pauses (core/vm_pause.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/smccc.h"
#include "core/esr.h"
#include "core/hal.h"
#include "core/sched.h"
#include "core/sched_service.h"
#include "core/telemetry.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "small_node.h"

#define ESR(class) ((uint64_t)ESR_EC_##class << 26 | ESR_IL)
#define US(n) ((uint64_t)(n) * FAKE_TICKS_PER_SECOND / 1000000)
#define BUDGET US(SCHED_SERVICE_BUDGET_US)
#define PERIOD US(SCHED_SERVICE_PERIOD_US)
#define MARGIN (BUDGET / 16)
#define SERVICE_PC (AETHER_IPA_SERVICE + 0x104)

static struct vm *a, *b;
static struct vcpu *service;
static struct aether_telemetry telemetry;

static void setup_cpus(unsigned cpus)
{
	node_start(2, cpus, NODE_RAM_MIB * MIB);
	fake_set_ticks(US(1000000));
	a = node_enter(4 * MIB, cpus);
	b = node_enter(4 * MIB, 1);
	service = node_service();
	memset(&telemetry, 0, sizeof(telemetry));
	node_rest();
	fake_advance(2 * PERIOD); /* what that took of its budget is back */
	fake_set_cpu(0);
	fake_irq_push(HAL_IRQ_TIMER, 26);
	(void)node_irq(0);
}

static int setup(void **state)
{
	(void)state;
	setup_cpus(1);
	return 0;
}

static struct vcpu *timer_fires(void)
{
	assert_true(fake_timer_deadline(0) != FAKE_NEVER);
	fake_set_ticks(fake_timer_deadline(0));
	fake_irq_script_clear();
	fake_irq_push(HAL_IRQ_TIMER, 26);
	return percpu[0].current != NULL ? node_irq(0) : node_schedule(0);
}

static struct vcpu *wfi(struct vcpu *vcpu)
{
	return node_trap(vcpu, ESR(WFX), 0);
}

static struct vcpu *event(void)
{
	vcpu_request(service, VCPU_REQUEST_WAKE);
	return node_schedule(0);
}

static struct vcpu *wait_for_event(void)
{
	service->x[0] = AETHER_HVC_EVENT_WAIT;
	service->x[1] = UINT64_MAX;
	return node_trap(service, ESR(HVC64), 0);
}

static int64_t call(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3, uint64_t x4)
{
	assert_ptr_equal(percpu[0].current, service);
	service->pc = SERVICE_PC;
	service->x[0] = function;
	service->x[1] = x1;
	service->x[2] = x2;
	service->x[3] = x3;
	service->x[4] = x4;
	(void)node_trap(service, ESR(HVC64), 0);
	return (int64_t)service->x[0];
}

static const struct aether_telemetry *measured(void)
{
	sched_fill_telemetry(&telemetry);
	return &telemetry;
}

/* Everybody but the service sleeps, without a timer. */
static void let_guests_sleep(void)
{
	fake_set_unload_deadline(FAKE_NEVER);
	while (percpu[0].current != NULL) {
		(void)wfi(percpu[0].current);
	}
}

/* --- the service's budget --- */

static void it_goes_first_until_its_budget_is_used_up(void **state)
{
	(void)state;
	const uint64_t start = hal_ticks();
	const uint64_t throttled = measured()->service_throttled;
	fake_advance(US(500));
	assert_ptr_equal(event(), service);
	assert_int_equal(fake_timer_deadline(0), start + US(500) + BUDGET - MARGIN);
	assert_false(timer_fires()->is_service);
	assert_int_equal(service->state, VCPU_RUNNABLE);
	assert_int_equal(measured()->service_throttled, throttled + 1);
	/* Not sooner than a period after it began. */
	while (percpu[0].current != service) {
		assert_in_range(hal_ticks(), 0, start + US(500) + PERIOD - 1);
		(void)timer_fires();
	}
	assert_int_equal(hal_ticks(), start + US(500) + PERIOD);
	assert_int_equal(measured()->service_throttled, throttled + 1);
	node_check();
}

/* The newest entry of that kind in the CPU's ring; NULL: none. */
static const struct trace_entry *traced(enum trace_event wanted)
{
	const struct trace_ring *ring = &percpu[0].trace;
	for (uint64_t i = 1; i <= TRACE_ENTRIES; i++) {
		const uint64_t at = (ring->next / sizeof(ring->entries[0]) + TRACE_ENTRIES - i) % TRACE_ENTRIES;
		if (ring->entries[at].who >> 32 == wanted) {
			return &ring->entries[at];
		}
	}
	return NULL;
}

static void the_trace_says_when_it_has_to_wait(void **state)
{
	(void)state;
	memset(&percpu[0].trace, 0, sizeof(percpu[0].trace));
	assert_ptr_equal(event(), service);
	assert_null(traced(TRACE_SERVICE_THROTTLED));
	assert_false(timer_fires()->is_service);
	const struct trace_entry *entry = traced(TRACE_SERVICE_THROTTLED);
	assert_non_null(entry);
	assert_int_equal(entry->who & 0xffffffff, service->who);
	assert_int_equal(entry->a, BUDGET - MARGIN);
	assert_int_equal(entry->b, measured()->service_throttled);
	/* One line each time, and the next is another. */
	(void)event();
	assert_ptr_equal(traced(TRACE_SERVICE_THROTTLED), entry);
	while (percpu[0].current != service) {
		(void)timer_fires();
	}
	(void)timer_fires();
	assert_ptr_not_equal(traced(TRACE_SERVICE_THROTTLED), entry);
	assert_int_equal(traced(TRACE_SERVICE_THROTTLED)->b, entry->b + 1);
}

static void an_event_without_budget_waits(void **state)
{
	(void)state;
	(void)event();
	(void)timer_fires();
	while (percpu[0].current != service) {
		(void)timer_fires();
	}
	(void)timer_fires();
	assert_int_equal(service->state, VCPU_RUNNABLE);
	while (percpu[0].current != service) {
		(void)timer_fires();
	}
	fake_advance(BUDGET - MARGIN);
	assert_false(wait_for_event()->is_service);
	const uint64_t throttled = measured()->service_throttled;
	assert_false(event()->is_service);
	assert_false(event()->is_service);
	assert_int_equal(measured()->service_throttled, throttled + 1);
}

static void it_needs_no_budget_while_no_guest_could_run(void **state)
{
	(void)state;
	let_guests_sleep();
	assert_ptr_equal(event(), service);
	for (unsigned i = 0; i < 20; i++) {
		assert_ptr_equal(timer_fires(), service); /* its supervision's looks */
	}
	/* From now on a guest waits. */
	vcpu_request(a->vcpus[0], VCPU_REQUEST_SYNC);
	sched_wake(a->vcpus[0]);
	assert_ptr_equal(node_schedule(0), service);
	assert_int_equal(fake_timer_deadline(0), hal_ticks() + BUDGET - MARGIN);
	assert_ptr_equal(timer_fires(), a->vcpus[0]);
	/* It sleeps again: the service goes on at once, although it has no budget. */
	fake_advance(US(10));
	assert_ptr_equal(wfi(a->vcpus[0]), service);
	for (unsigned i = 0; i < 20; i++) {
		assert_ptr_equal(timer_fires(), service);
	}
	assert_int_equal(measured()->steal_longest_ns, (BUDGET - MARGIN) * 16);
}

static void a_long_call_ends_with_the_budget_and_goes_on_later(void **state)
{
	(void)state;
	assert_ptr_equal(event(), service);
	fake_set_ticks(fake_timer_deadline(0));
	fake_irq_push(HAL_IRQ_TIMER, 26);
	fake_interrupt_after(0);
	(void)call(AETHER_HVC_VM_CREATE, 4 * MIB, 1, 0, 0);
	assert_int_equal(service->pc, SERVICE_PC - 4); /* it would run again, but the interrupt comes first */
	struct vcpu *next = node_irq(0);
	assert_false(next->is_service);
	fake_interrupt_after(FAKE_NEVER);
	while (percpu[0].current != service) {
		(void)timer_fires();
	}
	unsigned parts = 0;
	while (call(AETHER_HVC_VM_CREATE, 4 * MIB, 1, 0, 0) != 0) {
		assert_true(service->pc == SERVICE_PC - 4 || (int64_t)service->x[0] == AETHER_EAGAIN);
		assert_in_range(++parts, 1, 10);
	}
	assert_int_equal(node_state(&vms[2]), AETHER_VM_LOADING);
}

/* --- what is measured --- */

static void what_it_takes_is_measured(void **state)
{
	(void)state;
	const uint64_t stolen = measured()->vms[a->id].stolen_ticks;
	const uint64_t taken = measured()->steal[16];
	const uint64_t of_service = measured()->cpus[0].service_ticks;
	(void)event();
	fake_advance(US(100));
	assert_false(wait_for_event()->is_service);
	assert_int_equal(measured()->steal[16], taken + 1); /* 65,536 to 131,071 ns */
	assert_int_equal(measured()->vms[a->id].stolen_ticks, stolen + US(100));
	assert_int_equal(measured()->cpus[0].service_ticks, of_service + US(100));
	assert_int_equal(measured()->steal_longest_ns, 100000);
	assert_int_equal(measured()->steal_window_ns, 100000);
	/* Two in one window add up, the third comes when the first is out of it. */
	fake_advance(US(9000));
	(void)event();
	fake_advance(US(50));
	(void)wait_for_event();
	assert_int_equal(measured()->steal_window_ns, 150000);
	fake_advance(US(1000));
	(void)event();
	fake_advance(US(60));
	(void)wait_for_event();
	assert_int_equal(measured()->steal_window_ns, 150000);
	assert_int_equal(measured()->steal_longest_ns, 100000);
}

static uint64_t all_ticks(const struct aether_telemetry_cpu *cpu)
{
	return cpu->guest_ticks + cpu->service_ticks + cpu->core_ticks + cpu->idle_ticks;
}

static void time_is_divided_without_rest(void **state)
{
	(void)state;
	const struct aether_telemetry before = *measured();
	const uint64_t start = hal_ticks();
	fake_advance(US(70));
	(void)event();
	fake_advance(US(30));
	assert_int_equal(measured()->cpus[0].service_ticks - before.cpus[0].service_ticks, US(30)); /* while it runs */
	(void)wait_for_event();
	let_guests_sleep();
	fake_advance(US(4000));
	assert_int_equal(measured()->cpus[0].idle_ticks - before.cpus[0].idle_ticks, US(4000));
	assert_int_equal(all_ticks(&measured()->cpus[0]) - all_ticks(&before.cpus[0]), hal_ticks() - start);
	assert_int_equal(measured()->cpus[0].guest_ticks - before.cpus[0].guest_ticks, US(70));
}

/* --- reservations --- */

static void numbers_are_checked(void **state)
{
	(void)state;
	static const struct {
		uint64_t budget, period, weight;
		enum hv_err err;
	} cases[] = {
		{0, 0, 1, HV_OK},
		{0, UINT64_MAX, 10000, HV_OK},
		{0, 0, 0, HV_EINVAL},
		{0, 0, 10001, HV_EINVAL},
		{50, 1000, 100, HV_OK},
		{49, 1000, 100, HV_EINVAL},
		{50, 999, 100, HV_EINVAL},
		{1001, 1000, 100, HV_EINVAL},
		{1000, 1000001, 100, HV_EINVAL},
		{50, 0, 100, HV_EINVAL},
		{UINT64_MAX, UINT64_MAX, 100, HV_EINVAL},
		{1000, 1000, 100, HV_EBUSY},
		{875000, 1000000, 100, HV_OK}, /* and 2.5 % of the service's */
		{875001, 1000000, 100, HV_EBUSY},
		{1300, 2000, 100, HV_OK}, /* the service may come once in each of these periods: 12.5 % */
		{1551, 2000, 100, HV_EBUSY},
	};
	for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
		assert_int_equal(vm_reserve(a, cases[i].budget, cases[i].period, cases[i].weight), cases[i].err);
	}
	assert_int_equal(vm_reserve(&vms[3], 0, 0, 100), HV_ESTATE);
}

static void a_cpu_promises_no_more_than_it_has(void **state)
{
	(void)state;
	setup_cpus(2);
	/* a has a vCPU on each CPU, b has one on CPU 1. */
	assert_int_equal(b->vcpus[0]->cpu, 1);
	assert_int_equal(vm_reserve(a, 50000, 100000, 100), HV_OK);
	assert_int_equal(vm_reserve(b, 40001, 100000, 100), HV_EBUSY);
	assert_int_equal(vm_reserve(b, 40000, 100000, 100), HV_OK);
	assert_int_equal(vm_reserve(a, 50001, 100000, 100), HV_EBUSY);
	/* What is gone promises nothing. */
	node_end(a);
	node_destroy(a);
	assert_int_equal(vm_reserve(b, 90000, 100000, 100), HV_OK);
	assert_int_equal(vm_reserve(b, 0, 0, 100), HV_OK);
}

static void a_reservation_goes_before_all_turns(void **state)
{
	(void)state;
	struct vcpu *first = percpu[0].current;
	struct vcpu *other = first->vm == a ? b->vcpus[0] : a->vcpus[0];
	assert_int_equal(vm_reserve(other->vm, 2000, 8000, 100), HV_OK);
	const uint64_t start = hal_ticks();
	assert_ptr_equal(node_schedule(0), other);
	assert_int_equal(fake_timer_deadline(0), start + US(2000));
	assert_ptr_equal(timer_fires(), first); /* and then by weight: that one's slice goes on */
	assert_int_equal(fake_timer_deadline(0), start + US(8000));
	assert_ptr_equal(timer_fires(), other);
	assert_int_equal(fake_timer_deadline(0), start + US(10000));
}

static void weights_share_what_is_left(void **state)
{
	(void)state;
	uint64_t had[2] = {0};
	assert_int_equal(vm_reserve(a, 0, 0, 300), HV_OK);
	(void)node_schedule(0);
	for (unsigned i = 0; i < 400; i++) {
		const struct vcpu *vcpu = percpu[0].current;
		const uint64_t now = hal_ticks();
		(void)timer_fires();
		had[vcpu->vm->id] += hal_ticks() - now;
	}
	assert_in_range(had[a->id] * 100 / had[b->id], 290, 310);
}

/* --- pauses --- */

static void a_paused_guest_does_not_run(void **state)
{
	(void)state;
	(void)event();
	assert_int_equal(call(AETHER_HVC_VM_PAUSE, b->id, 0, 0, 0), AETHER_HVC_VM_PAUSE); /* once more */
	assert_int_equal(service->pc, SERVICE_PC - 4);
	assert_int_equal(call(AETHER_HVC_VM_PAUSE, b->id, 0, 0, 0), 0);
	assert_int_equal(node_state(b), AETHER_VM_PAUSED);
	assert_int_equal(call(AETHER_HVC_VM_PAUSE, b->id, 0, 0, 0), AETHER_ESTATE);
	node_check();
	assert_ptr_equal(wait_for_event(), a->vcpus[0]);
	assert_int_equal(fake_timer_deadline(0), service->wake_deadline); /* alone, no slice */
	assert_null(wfi(a->vcpus[0]));
	node_check();
	(void)event();
	assert_int_equal(call(AETHER_HVC_VM_RESUME, b->id, 0, 0, 0), 0);
	assert_int_equal(call(AETHER_HVC_VM_RESUME, b->id, 0, 0, 0), AETHER_ESTATE);
	assert_int_equal(node_state(b), AETHER_VM_RUNNING);
	assert_ptr_equal(wait_for_event(), b->vcpus[0]);
	node_check();
}

static void a_pause_waits_for_every_cpu(void **state)
{
	(void)state;
	setup_cpus(2);
	(void)node_schedule(1);
	assert_int_equal(vm_pause(b), HV_AGAIN);
	assert_int_equal(vm_pause(b), HV_AGAIN);
	assert_int_equal(vm_resume(b), HV_AGAIN);
	(void)node_schedule(1);
	fake_set_cpu(0);
	assert_int_equal(vm_pause(b), HV_OK);
	assert_ptr_not_equal(percpu[1].current, b->vcpus[0]);
	node_check();
}

static void what_happens_in_a_pause_shows_after_it(void **state)
{
	(void)state;
	let_guests_sleep();
	a->vcpus[0]->wake_deadline = hal_ticks() + US(100);
	assert_int_equal(vm_pause(a), HV_AGAIN);
	assert_null(node_schedule(0));
	assert_int_equal(vm_pause(a), HV_OK);
	assert_int_equal(fake_timer_deadline(0), service->wake_deadline); /* its timer wakes nobody */
	fake_advance(US(200));
	fake_irq_push(HAL_IRQ_KICK, 0);
	assert_null(node_schedule(0));
	assert_int_equal(a->vcpus[0]->state, VCPU_BLOCKED);
	assert_int_equal(vm_resume(a), HV_OK);
	assert_ptr_equal(node_schedule(0), a->vcpus[0]);
	node_check();
}

static void a_paused_guest_can_be_stopped(void **state)
{
	(void)state;
	assert_int_equal(vm_pause(a), HV_AGAIN);
	(void)node_schedule(0);
	assert_int_equal(vm_pause(a), HV_OK);
	(void)event();
	assert_int_equal(call(AETHER_HVC_VM_STOP, a->id, 0, 0, 0), 0);
	node_settle();
	assert_int_equal(node_state(a), AETHER_VM_STOPPED);
	assert_false(a->vcpus[0]->share.is_paused);
	node_check();
	node_destroy(a);
}

/* The guest stops before its CPU has seen that it is to pause. */
static void a_guest_that_stops_cannot_be_paused(void **state)
{
	(void)state;
	assert_int_equal(vm_pause(a), HV_AGAIN);
	vm_stop(a, AETHER_STOP_POWER_OFF, 0);
	node_settle();
	assert_int_equal(vm_pause(a), HV_ESTATE);
	assert_int_equal(vm_resume(a), HV_ESTATE);
	assert_int_equal(node_state(a), AETHER_VM_STOPPED);
	assert_int_equal(NODE_FINISH(vm_reset(a)), HV_OK);
	assert_int_equal(NODE_FINISH(vm_start(a, NODE_ENTRY, 0)), HV_OK);
	node_settle();
	assert_int_equal(vm_pause(a), HV_AGAIN);
	(void)node_schedule(0);
	assert_int_equal(vm_pause(a), HV_OK);
	node_check();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, node_teardown)
		TEST(it_goes_first_until_its_budget_is_used_up),
		TEST(the_trace_says_when_it_has_to_wait),
		TEST(an_event_without_budget_waits),
		TEST(it_needs_no_budget_while_no_guest_could_run),
		TEST(a_long_call_ends_with_the_budget_and_goes_on_later),
		TEST(what_it_takes_is_measured),
		TEST(time_is_divided_without_rest),
		TEST(numbers_are_checked),
		TEST(a_cpu_promises_no_more_than_it_has),
		TEST(a_reservation_goes_before_all_turns),
		TEST(weights_share_what_is_left),
		TEST(a_paused_guest_does_not_run),
		TEST(a_pause_waits_for_every_cpu),
		TEST(what_happens_in_a_pause_shows_after_it),
		TEST(a_paused_guest_can_be_stopped),
		TEST(a_guest_that_stops_cannot_be_paused),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
