/* SPDX-License-Identifier: Apache-2.0 */
/* core/sched.c and the requests of core/vcpu.c: who runs, for how long, who wakes whom, and when the CPU sleeps. */
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
#include "hal_fake.h"
#include "lib/bits.h"
#include "small_node.h"

#define ESR(class, iss) ((uint64_t)ESR_EC_##class << 26 | ESR_IL | (iss))
#define SLICE_TICKS (FAKE_TICKS_PER_SECOND / SCHED_SLICE_HZ)
#define SPI 40u

static struct vm *a, *b;

static void setup_cpus(unsigned cpus)
{
	node_start(2, cpus, NODE_RAM_MIB * MIB);
	a = node_enter(4 * MIB, 2);
	b = node_enter(4 * MIB, 2);
	node_rest();
	fake_set_cpu(0);
}

static int setup(void **state)
{
	(void)state;
	setup_cpus(1);
	return 0;
}

static bool is_wfi_trapped(void)
{
	size_t at = SIZE_MAX;
	for (size_t i = fake_log_find(FAKE_OP_TRAP_WFI, 0); i != SIZE_MAX;
	     i = fake_log_find(FAKE_OP_TRAP_WFI, i + 1)) {
		at = i;
	}
	assert_int_not_equal(at, SIZE_MAX);
	return fake_log_at(at)->a == 1;
}

/* The CPU's EL2 timer fires at its deadline. */
static struct vcpu *timer_fires(unsigned cpu)
{
	const uint64_t deadline = fake_timer_deadline(cpu);
	assert_true(deadline != FAKE_NEVER);
	fake_set_ticks(deadline);
	fake_irq_push(HAL_IRQ_TIMER, 26);
	return percpu[cpu].current != NULL ? node_irq(cpu) : node_schedule(cpu);
}

static struct vcpu *wfi(struct vcpu *vcpu)
{
	return node_trap(vcpu, ESR(WFX, 0), 0);
}

static struct vcpu *call(struct vcpu *vcpu, uint64_t function, uint64_t x1, uint64_t x2)
{
	vcpu->x[0] = function;
	vcpu->x[1] = x1;
	vcpu->x[2] = x2;
	return node_trap(vcpu, ESR(HVC64, 0), 0);
}

/* An interrupt of the guest is pending from now on, for vCPU 0: an SPI that it has enabled and let through. */
static void enable_spi(struct vm *vm)
{
	uint64_t one = 1;
	uint64_t bit = UINT64_C(1) << (SPI % 32);
	uint64_t target = 1;
	assert_int_equal(vgic_dist_access(&vm->gic, 0, 0, 4, true, &one), EXIT_ADVANCE);
	assert_int_equal(vgic_dist_access(&vm->gic, 0, 0x100 + SPI / 32 * 4, 4, true, &bit),
			 EXIT_ADVANCE);
	assert_int_equal(vgic_dist_access(&vm->gic, 0, 0x800 + SPI, 1, true, &target),
			 EXIT_ADVANCE);
	fake_gic_set_enable(3);
	fake_gic_set_pmr(0xff);
}

/* --- turns and slices --- */

static void turns_go_round(void **state)
{
	(void)state;
	struct vcpu *seen[9];
	for (unsigned i = 0; i < ARRAY_COUNT(seen); i++) {
		seen[i] = percpu[0].current;
		assert_int_equal(seen[i]->state, VCPU_RUNNING);
		node_check();
		if (i == 2) { /* three take turns from here on */
			assert_ptr_equal(call(seen[i], PSCI_CPU_ON_64, 1, NODE_ENTRY), seen[i]);
			assert_int_equal(seen[i]->vm->vcpus[1]->state, VCPU_RUNNABLE);
		}
		(void)timer_fires(0);
	}
	assert_ptr_not_equal(seen[0], seen[1]);
	assert_ptr_equal(seen[0], seen[2]);
	assert_ptr_not_equal(seen[3], seen[4]);
	assert_ptr_not_equal(seen[3], seen[5]);
	assert_ptr_not_equal(seen[4], seen[5]);
	assert_memory_equal(&seen[3], &seen[6], 3 * sizeof(seen[0]));
}

static void a_slice_is_ten_milliseconds(void **state)
{
	(void)state;
	const uint64_t now = hal_ticks();
	struct vcpu *first = percpu[0].current;
	assert_int_equal(fake_timer_deadline(0), now + SLICE_TICKS);
	assert_true(is_wfi_trapped());
	/* What interrupts it meanwhile neither ends nor prolongs it. */
	fake_advance(SLICE_TICKS / 2);
	fake_irq_push(HAL_IRQ_KICK, 0);
	assert_ptr_equal(node_irq(0), first);
	assert_int_equal(fake_timer_deadline(0), now + SLICE_TICKS);
	struct vcpu *second = timer_fires(0);
	assert_ptr_not_equal(second, first);
	assert_int_equal(fake_timer_deadline(0), now + 2 * SLICE_TICKS);
}

static void alone_there_is_no_slice_and_no_trap(void **state)
{
	(void)state;
	struct vcpu *first = percpu[0].current;
	assert_true(is_wfi_trapped());
	struct vcpu *second = wfi(first);
	assert_ptr_equal(second->vm, first->vm == a ? b : a);
	assert_false(is_wfi_trapped());
	assert_int_equal(fake_timer_deadline(0), FAKE_NEVER);
	/* A second vCPU of its own comes on: somebody waits again. */
	assert_ptr_equal(call(second, PSCI_CPU_ON_64, 1, NODE_ENTRY), second);
	assert_true(is_wfi_trapped());
	assert_int_equal(fake_timer_deadline(0), hal_ticks() + SLICE_TICKS);
	node_check();
}

static void a_sleepers_timer_wakes_it(void **state)
{
	(void)state;
	struct vcpu *first = percpu[0].current;
	fake_set_unload_deadline(hal_ticks() + SLICE_TICKS / 2);
	struct vcpu *second = wfi(first);
	assert_int_equal(first->state, VCPU_BLOCKED);
	assert_int_equal(fake_timer_deadline(0), hal_ticks() + SLICE_TICKS / 2);
	fake_set_unload_deadline(FAKE_NEVER);
	assert_ptr_equal(timer_fires(0), first);
	assert_int_equal(second->state, VCPU_RUNNABLE);
	assert_true(is_wfi_trapped());
	node_check();
}

static void the_cpu_sleeps_until_the_first_deadline(void **state)
{
	(void)state;
	struct vcpu *first = percpu[0].current;
	const uint64_t now = hal_ticks();
	fake_set_unload_deadline(now + 300);
	struct vcpu *second = wfi(first);
	fake_set_unload_deadline(now + 200);
	assert_null(wfi(second));
	assert_null(percpu[0].current);
	assert_int_equal(fake_timer_deadline(0), now + 200);
	assert_ptr_equal(timer_fires(0), second);
	assert_int_equal(fake_timer_deadline(0), now + 300);
	fake_set_unload_deadline(FAKE_NEVER);
	assert_null(wfi(second));
	assert_ptr_equal(timer_fires(0), first);
	assert_int_equal(fake_timer_deadline(0), FAKE_NEVER);
	node_check();
}

static void a_deadline_that_has_passed_is_no_sleep(void **state)
{
	(void)state;
	struct vcpu *first = percpu[0].current;
	fake_set_unload_deadline(FAKE_NEVER);
	struct vcpu *second = wfi(first);
	fake_set_unload_deadline(hal_ticks());
	fake_log_clear();
	assert_ptr_equal(wfi(second), second);
	assert_int_equal(fake_log_count_of(FAKE_OP_WAIT), 0);
}

static void a_backstop_ends_no_slice(void **state)
{
	(void)state;
	struct vcpu *first = percpu[0].current;
	const uint64_t deadline = fake_timer_deadline(0);
	uint64_t bit = UINT64_C(1) << AETHER_GUEST_VTIMER_INTID;
	enable_spi(first->vm);
	assert_int_equal(vgic_dist_access(&first->vm->gic, 0, 0x100, 4, true, &bit), EXIT_ADVANCE);
	fake_set_backstop(true);
	fake_irq_push(HAL_IRQ_VTIMER, AETHER_GUEST_VTIMER_INTID);
	assert_ptr_equal(node_irq(0), first);
	assert_true(fake_timer_deadline(0) < deadline);
	assert_ptr_equal(timer_fires(0), first);
	assert_true(fake_timer_deadline(0) < deadline); /* the guest has not ended it yet */
	assert_int_equal(fake_gic_ack(), AETHER_GUEST_VTIMER_INTID);
	fake_gic_eoi(AETHER_GUEST_VTIMER_INTID);
	assert_ptr_equal(timer_fires(0), first);
	assert_int_equal(fake_timer_deadline(0), deadline);
	assert_ptr_not_equal(timer_fires(0), first);
}

/* --- requests --- */

static void an_interrupt_wakes_who_sleeps(void **state)
{
	(void)state;
	enable_spi(a);
	while (percpu[0].current != NULL) {
		(void)wfi(percpu[0].current);
	}
	node_check();
	vgic_set_level(&a->gic, 0, SPI, true);
	assert_true(percpu[0].must_reschedule);
	assert_ptr_equal(node_schedule(0), a->vcpus[0]);
	node_check();
}

static void a_pending_interrupt_is_no_sleep(void **state)
{
	(void)state;
	enable_spi(a);
	struct vcpu *vcpu = a->vcpus[0];
	while (percpu[0].current != vcpu) {
		(void)timer_fires(0);
	}
	vgic_set_level(&a->gic, 0, SPI, true);
	assert_ptr_equal(wfi(vcpu), vcpu);
	assert_int_equal(vcpu->state, VCPU_RUNNING);
}

/* The other CPU's interrupt arrives between the vCPU's decision to sleep and its leaving the CPU. */
static void an_interrupt_between_block_and_unload_is_not_lost(void **state)
{
	(void)state;
	setup_cpus(2);
	enable_spi(a);
	struct vcpu *vcpu = a->vcpus[0];
	(void)node_schedule(0);
	assert_ptr_equal(percpu[0].current, vcpu);
	sched_block(vcpu);
	fake_set_cpu(1);
	vgic_set_level(&a->gic, 0, SPI, true);
	assert_int_equal(fake_log_count_of(FAKE_OP_KICK_CPU) > 0, true);
	assert_ptr_equal(node_schedule(0), vcpu);
	node_check();
}

static void a_request_from_another_cpu_kicks(void **state)
{
	(void)state;
	setup_cpus(2);
	assert_int_equal(b->vcpus[0]->cpu, 1);
	(void)node_schedule(1);
	const unsigned kicks = fake_kick_count(1);
	fake_set_cpu(0);
	vcpu_request(b->vcpus[0], VCPU_REQUEST_INTERRUPT);
	assert_int_equal(fake_kick_count(1), kicks + 1);
	assert_int_equal(fake_kick_count(0), 0);
	assert_false(percpu[0].must_reschedule);
	fake_irq_push(HAL_IRQ_KICK, 0);
	assert_ptr_equal(node_irq(1), b->vcpus[0]);
	assert_int_equal(percpu[1].pending, 0);
	assert_int_equal(b->vcpus[0]->requests, 0);
}

static void cpu_on_reaches_another_cpu(void **state)
{
	(void)state;
	setup_cpus(2);
	(void)node_schedule(0);
	struct vcpu *first = a->vcpus[0], *second = a->vcpus[1];
	assert_int_equal(second->cpu, 1);
	first->x[3] = 0x77;
	(void)call(first, PSCI_CPU_ON_64, 1, NODE_ENTRY + 8);
	assert_int_equal(first->x[0], PSCI_SUCCESS);
	assert_int_equal(second->state, VCPU_OFF); /* its own CPU turns it on */
	(void)node_schedule(1);
	assert_int_not_equal(second->state, VCPU_OFF);
	assert_int_equal(second->pc, NODE_ENTRY + 8);
	assert_int_equal(second->x[0], 0x77);
	node_check();
}

static void a_stop_wins_over_all_other_requests(void **state)
{
	(void)state;
	struct vcpu *vcpu = b->vcpus[0];
	vcpu_request(vcpu, VCPU_REQUEST_INTERRUPT | VCPU_REQUEST_ENTER | VCPU_REQUEST_SYNC |
				   VCPU_REQUEST_WAKE);
	vm_stop(b, AETHER_STOP_SERVICE, 0);
	(void)node_schedule(0);
	assert_int_equal(vcpu->state, VCPU_OFF);
	assert_int_equal(node_state(b), AETHER_VM_STOPPED);
	node_check();
}

/* The last vCPU's stop asks the service's CPU, which is this one, while requests are being served. */
static void a_request_made_while_requests_are_served_is_served(void **state)
{
	(void)state;
	struct vcpu *service = node_service();
	assert_int_equal(service->state, VCPU_BLOCKED);
	while (percpu[0].current->vm != a) {
		(void)timer_fires(0);
	}
	/* b runs on, and never leaves the CPU by itself: the service has to get its turn all the same. */
	struct vcpu *next = call(a->vcpus[0], PSCI_SYSTEM_OFF, 0, 0);
	assert_int_equal(node_state(a), AETHER_VM_STOPPED);
	assert_int_equal(percpu[0].pending, 0);
	assert_int_not_equal(service->state, VCPU_BLOCKED);
	assert_true(next == service || fake_timer_deadline(0) <= hal_ticks() + SLICE_TICKS);
	node_check();
}

static void a_wake_is_for_who_waits_for_an_event(void **state)
{
	(void)state;
	struct vcpu *service = node_service();
	vcpu_request(service, VCPU_REQUEST_INTERRUPT | VCPU_REQUEST_SYNC);
	(void)node_schedule(0);
	assert_int_equal(service->state, VCPU_BLOCKED);
	vcpu_request(service, VCPU_REQUEST_WAKE);
	(void)node_schedule(0);
	assert_int_not_equal(service->state, VCPU_BLOCKED);
	assert_false(service->is_event_waiter);
	vcpu_request(a->vcpus[1], VCPU_REQUEST_WAKE);
	(void)node_schedule(0);
	assert_int_equal(a->vcpus[1]->state, VCPU_OFF);
}

static void the_cpu_does_not_sleep_on_a_request(void **state)
{
	(void)state;
	while (percpu[0].current != NULL) {
		(void)wfi(percpu[0].current);
	}
	vcpu_request(node_service(), VCPU_REQUEST_WAKE);
	fake_log_clear();
	assert_ptr_equal(node_schedule(0), node_service());
	assert_int_equal(fake_log_count_of(FAKE_OP_WAIT), 0);
}

static void a_removed_vcpus_request_reaches_nobody(void **state)
{
	(void)state;
	vm_stop(b, AETHER_STOP_SERVICE, 0);
	node_settle();
	vcpu_request(b->vcpus[1], VCPU_REQUEST_ENTER | VCPU_REQUEST_INTERRUPT);
	assert_int_equal(NODE_FINISH(vm_destroy(b)), HV_OK);
	(void)node_schedule(0);
	assert_int_equal(percpu[0].pending, 0);
	node_check();
	b = node_enter(4 * MIB, 2);
	assert_int_equal(b->vcpus[1]->state, VCPU_OFF);
	node_check();
}

static void a_machine_that_is_made_anew_has_no_clock(void **state)
{
	(void)state;
	uint64_t value = 110;
	vrtc_set_time(UINT64_C(100) * 1000000000, hal_ticks());
	assert_int_equal(vrtc_access(&a->rtc, 4, 4, true, &value), EXIT_ADVANCE);
	const uint64_t alarm = vrtc_alarm(&a->rtc);
	assert_true(alarm != UINT64_MAX);
	atomic_store(&a->state, AETHER_VM_RESETTING);
	fake_set_ticks(alarm);
	percpu[0].deadline = alarm;
	sched_timer(&percpu[0]);
	assert_false(a->rtc.is_raw);
	atomic_store(&a->state, AETHER_VM_PAUSED);
	percpu[0].deadline = alarm;
	sched_timer(&percpu[0]);
	assert_true(a->rtc.is_raw);
	atomic_store(&a->state, AETHER_VM_RUNNING);
}

static void time_on_the_cpu_is_counted(void **state)
{
	(void)state;
	struct vcpu *first = percpu[0].current;
	const uint64_t loaded = sched_sum_read(&first->loaded_ticks, hal_ticks());
	fake_advance(1000);
	struct vcpu *second = wfi(first);
	assert_int_equal(sched_sum_read(&first->loaded_ticks, hal_ticks()), loaded + 1000);
	assert_null(wfi(second));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, node_teardown)
		TEST(turns_go_round),
		TEST(a_slice_is_ten_milliseconds),
		TEST(alone_there_is_no_slice_and_no_trap),
		TEST(a_sleepers_timer_wakes_it),
		TEST(the_cpu_sleeps_until_the_first_deadline),
		TEST(a_deadline_that_has_passed_is_no_sleep),
		TEST(a_backstop_ends_no_slice),
		TEST(an_interrupt_wakes_who_sleeps),
		TEST(a_pending_interrupt_is_no_sleep),
		TEST(an_interrupt_between_block_and_unload_is_not_lost),
		TEST(a_request_from_another_cpu_kicks),
		TEST(cpu_on_reaches_another_cpu),
		TEST(a_stop_wins_over_all_other_requests),
		TEST(a_request_made_while_requests_are_served_is_served),
		TEST(a_wake_is_for_who_waits_for_an_event),
		TEST(the_cpu_does_not_sleep_on_a_request),
		TEST(a_removed_vcpus_request_reaches_nobody),
		TEST(time_on_the_cpu_is_counted),
		TEST(a_machine_that_is_made_anew_has_no_clock),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
