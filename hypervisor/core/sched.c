/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round robin over a CPU's vCPUs. Everything here is the CPU's own; what other CPUs ask for comes as bits in
 * percpu.pending, which are served before each choice.
 *
 * Invariants: (1) percpu.current is the vCPU whose registers are in the hardware, or NULL. (2) At most one vCPU of
 * a CPU is RUNNING, and it is the current one. (3) WFI is trapped exactly while another vCPU is RUNNABLE.
 */
#include "core/sched.h"

#include "core/check.h"
#include "core/hal.h"
#include "core/supervise.h"
#include "core/trap.h"

#include "hal_fast.h"

#define NEVER UINT64_MAX

void sched_add(struct vcpu *vcpu)
{
	struct percpu *cpu = &percpu[vcpu->cpu];
	for (unsigned i = 0; i < PERCPU_SLOTS; i++) {
		if (cpu->slots[i] == NULL) {
			vcpu->slot = i;
			cpu->slots[i] = vcpu;
			if (i >= cpu->slot_count) {
				cpu->slot_count = i + 1;
			}
			return;
		}
	}
	/* There are as many slots as vCPUs can exist. */
	CHECK(false);
}

void sched_remove(struct vcpu *vcpu)
{
	CHECK(vcpu->state == VCPU_OFF);
	percpu[vcpu->cpu].slots[vcpu->slot] = NULL;
}

void sched_wake(struct vcpu *vcpu)
{
	if (vcpu->state == VCPU_BLOCKED || vcpu->state == VCPU_OFF) {
		vcpu->state = VCPU_RUNNABLE;
		vcpu->is_event_waiter = false;
		percpu[vcpu->cpu].must_reschedule = true;
	}
}

void sched_block(struct vcpu *vcpu)
{
	vcpu->state = VCPU_BLOCKED;
	percpu[vcpu->cpu].must_reschedule = true;
}

void sched_turn_off(struct vcpu *vcpu)
{
	struct percpu *cpu = &percpu[vcpu->cpu];
	if (cpu->current == vcpu) {
		vcpu_unload(vcpu);
		cpu->current = NULL;
	}
	vcpu->state = VCPU_OFF;
	cpu->must_reschedule = true;
}

static bool has_service(const struct percpu *cpu)
{
	return cpu->index == 0 && vms[VM_SERVICE].vcpus[0] != NULL; /* other CPUs are up before it is made */
}

static void wake_expired(struct percpu *cpu)
{
	const uint64_t now = hal_ticks();
	for (unsigned i = 0; i < cpu->slot_count; i++) {
		struct vcpu *vcpu = cpu->slots[i];
		if (vcpu != NULL && vcpu->state == VCPU_BLOCKED && vcpu->wake_deadline <= now) {
			/* Its timer fires as soon as it is loaded. */
			sched_wake(vcpu);
		}
	}
}

/* Guests' real-time clocks: a VM's is looked after by the CPU of its vCPU 0. */
static void poll_clocks(struct percpu *cpu)
{
	for (unsigned i = 0; i < cpu->slot_count; i++) {
		struct vcpu *vcpu = cpu->slots[i];
		if (vcpu != NULL && vcpu->index == 0 && vrtc_alarm(&vcpu->vm->rtc) <= hal_ticks()) {
			vrtc_poll(&vcpu->vm->rtc);
		}
	}
}

static uint64_t clock_deadline(const struct vcpu *vcpu)
{
	return vcpu->index == 0 ? vrtc_alarm(&vcpu->vm->rtc) : NEVER;
}

static void program(const struct percpu *cpu)
{
	hal_timer_set(cpu->backstop != 0 && cpu->backstop < cpu->deadline ? cpu->backstop : cpu->deadline);
}

void sched_backstop(struct percpu *cpu)
{
	if (hal_irq_needs_backstop()) {
		cpu->backstop = hal_ticks() + hal_ticks_per_second() / SCHED_BACKSTOP_HZ;
		program(cpu);
	}
}

void sched_timer(struct percpu *cpu)
{
	if (cpu->backstop != 0) {
		cpu->backstop = 0;
		if (cpu->current != NULL && vcpu_has_timer_in_flight(cpu->current)) {
			sched_backstop(cpu); /* the guest has not ended it yet */
		}
	}
	if (hal_ticks() < cpu->deadline) {
		program(cpu); /* that was the backstop's: taking it was all there was to do */
		return;
	}
	cpu->deadline = NEVER;
	program(cpu);
	poll_clocks(cpu);
	wake_expired(cpu);
	if (has_service(cpu)) {
		supervise_check(hal_ticks());
	}
	if (cpu->current != NULL && cpu->current->state == VCPU_RUNNING) {
		cpu->current->state = VCPU_RUNNABLE;
	}
	cpu->must_reschedule = true;
}

static void serve_requests(struct percpu *cpu)
{
	/* Acquire: a request's cause was written before its bit. */
	uint64_t pending = atomic_exchange_explicit(&cpu->pending, 0, memory_order_acquire);
	while (pending != 0) {
		const unsigned slot = (unsigned)__builtin_ctzll(pending);
		pending &= pending - 1;
		if (cpu->slots[slot] != NULL) {
			vcpu_serve_requests(cpu->slots[slot]);
		}
	}
}

/* A new instance of the service is made before anything else, in bursts that supervise_step() bounds. */
static struct vcpu *pick(struct percpu *cpu)
{
	struct vcpu *service = has_service(cpu) ? vms[VM_SERVICE].vcpus[0] : NULL;
	if (service != NULL && supervise_is_reloading() && service->state == VCPU_RUNNABLE) {
		return service;
	}
	for (unsigned i = 0; i < cpu->slot_count; i++) {
		const unsigned slot = (cpu->next_slot + i) % cpu->slot_count;
		struct vcpu *vcpu = cpu->slots[slot];
		if (vcpu != NULL && vcpu->state == VCPU_RUNNABLE) {
			cpu->next_slot = slot + 1;
			return vcpu;
		}
	}
	return NULL;
}

/* When the CPU must look again: a sleeper's timer, or the end of the slice if somebody else waits for it. */
static void set_timer(struct percpu *cpu, const struct vcpu *chosen)
{
	uint64_t deadline = NEVER;
	bool is_contended = false;
	for (unsigned i = 0; i < cpu->slot_count; i++) {
		const struct vcpu *vcpu = cpu->slots[i];
		if (vcpu != NULL && clock_deadline(vcpu) < deadline) {
			deadline = clock_deadline(vcpu);
		}
		if (vcpu == NULL || vcpu == chosen) {
			continue;
		}
		if (vcpu->state == VCPU_RUNNABLE) {
			is_contended = true;
		} else if (vcpu->state == VCPU_BLOCKED && vcpu->wake_deadline < deadline) {
			deadline = vcpu->wake_deadline;
		}
	}
	if (!is_contended) {
		cpu->slice_end = 0;
	} else if (cpu->slice_end == 0) {
		cpu->slice_end = hal_ticks() + hal_ticks_per_second() / SCHED_SLICE_HZ;
	}
	if (is_contended && cpu->slice_end < deadline) {
		deadline = cpu->slice_end;
	}
	if (has_service(cpu)) {
		const uint64_t check = supervise_deadline();
		deadline = check < deadline ? check : deadline;
	}
	cpu->deadline = deadline;
	program(cpu);
	if (chosen != NULL) {
		hal_vcpu_trap_wfi(is_contended);
	}
}

static void unload_current(struct percpu *cpu)
{
	if (cpu->current != NULL) {
		vcpu_unload(cpu->current);
		cpu->current = NULL;
	}
}

static void idle(struct percpu *cpu)
{
	unload_current(cpu);
	wake_expired(cpu);
	set_timer(cpu, NULL);
	/* Leaving a vCPU may have asked something of this CPU; other CPUs' requests come with a kick. */
	if (!cpu->must_reschedule &&
	    atomic_load_explicit(&cpu->pending, memory_order_relaxed) == 0) {
		const uint64_t start = hal_ticks();
		hal_wait_for_interrupt();
		cpu->idle_ticks += hal_ticks() - start;
	}
	(void)trap_take_interrupts(cpu);
}

struct vcpu *sched_next(struct percpu *cpu)
{
	for (;;) {
		const uint64_t start = hal_fast_ticks();
		/* What is served may ask something of this CPU, which nobody kicks for it. Each turn but the last
		 * wakes or ends a vCPU. */
		do {
			cpu->must_reschedule = false;
			serve_requests(cpu);
		} while (cpu->must_reschedule);
		if (cpu->current != NULL && cpu->current->state == VCPU_RUNNING) {
			cpu->current->state = VCPU_RUNNABLE;
			cpu->next_slot = cpu->current->slot; /* nobody asked it to give way */
		}
		struct vcpu *next = pick(cpu);
		if (next == NULL) {
			idle(cpu);
			continue;
		}
		if (next->is_service && supervise_is_reloading()) {
			unload_current(cpu);
			if (!supervise_step(next)) {
				if (hal_is_interrupt_pending()) {
					(void)trap_take_interrupts(cpu);
				}
				continue;
			}
		}
		if (next != cpu->current) {
			trace_write(&cpu->trace, TRACE_SWITCH, hal_fast_ticks(), next->who,
				    cpu->current != NULL ? cpu->current->who : UINT64_MAX, next->who);
			unload_current(cpu);
			vcpu_load(next);
			cpu->current = next;
			cpu->slice_end = 0;
		}
		next->state = VCPU_RUNNING;
		if (cpu->must_reschedule) {
			continue; /* taking the last one off gave somebody else on this CPU an interrupt */
		}
		set_timer(cpu, next);
		const uint64_t spent = hal_fast_ticks() - start;
		cpu->longest_ticks = spent > cpu->longest_ticks ? spent : cpu->longest_ticks;
		return next;
	}
}
