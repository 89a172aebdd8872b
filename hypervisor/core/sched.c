/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who runs on a CPU, and when it looks again. Everything here is the CPU's own; what other CPUs ask for comes as bits
 * in percpu.pending, which are served before each choice. A choice is made only when must_choose says that something
 * has changed, so an interrupt that changes nothing costs nothing here.
 *
 * Order: the service while it may (core/sched_service.c), then the guests (core/sched_share.c), then the service again
 * if no guest could run.
 *
 * Invariants: (1) percpu.current is the vCPU whose registers are in the hardware, or NULL. (2) At most one vCPU of
 * a CPU is RUNNING, and it is the current one. (3) WFI is trapped exactly while another vCPU is ready. (4) The
 * service holds taken time open exactly while it has the CPU and a guest could run.
 */
#include "core/sched.h"

#include "core/check.h"
#include "core/hal.h"
#include "core/sched_service.h"
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
			if (vcpu->is_service) {
				sched_service_init();
			}
			/* Whoever sees it there sees whose it is. */
			__atomic_store_n(&cpu->slots[i], vcpu, __ATOMIC_RELEASE);
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

void sched_look_again(struct percpu *cpu)
{
	cpu->must_choose = true;
	cpu->must_reschedule = true;
}

void sched_wake(struct vcpu *vcpu)
{
	struct percpu *cpu = &percpu[vcpu->cpu];
	if (vcpu->state == VCPU_OFF) {
		vcpu->share.pass = cpu->turns.floor; /* it has earned nothing */
	} else if (vcpu->state != VCPU_BLOCKED) {
		return;
	}
	vcpu->state = VCPU_RUNNABLE;
	if (vcpu->is_event_waiter && vcpu->is_service) {
		supervise_alive(); /* it was silent because it slept, as it may */
	}
	vcpu->is_event_waiter = false;
	vcpu->share.is_woken = true;
	sched_look_again(cpu);
}

void sched_block(struct vcpu *vcpu)
{
	vcpu->state = VCPU_BLOCKED;
	sched_look_again(&percpu[vcpu->cpu]);
}

void sched_give_way(struct vcpu *vcpu)
{
	struct percpu *cpu = &percpu[vcpu->cpu];
	vcpu->state = VCPU_RUNNABLE;
	cpu->turns.yielder = vcpu;
	sched_look_again(cpu);
}

/* Out of the hardware, if it is there. */
static void take_off(struct percpu *cpu, struct vcpu *vcpu)
{
	if (vcpu == NULL || cpu->current != vcpu) {
		return;
	}
	vcpu_unload(vcpu);
	cpu->current = NULL;
	sched_time_pass(&cpu->time, SCHED_CORE, hal_fast_ticks());
}

static void put_on(struct percpu *cpu, struct vcpu *vcpu)
{
	sched_time_pass(&cpu->time, vcpu->is_service ? SCHED_SERVICE : SCHED_GUEST, hal_fast_ticks());
	vcpu_load(vcpu);
	cpu->current = vcpu;
}

void sched_turn_off(struct vcpu *vcpu)
{
	struct percpu *cpu = &percpu[vcpu->cpu];
	take_off(cpu, vcpu);
	vcpu->state = VCPU_OFF;
	vcpu->share.is_paused = false;
	if (cpu->turns.turn == vcpu) {
		cpu->turns.turn = NULL;
	}
	if (cpu->turns.yielder == vcpu) {
		cpu->turns.yielder = NULL;
	}
	sched_look_again(cpu);
}

void sched_pause(struct vcpu *vcpu, bool is_paused)
{
	struct percpu *cpu = &percpu[vcpu->cpu];
	take_off(cpu, vcpu);
	if (vcpu->state == VCPU_RUNNING) {
		vcpu->state = VCPU_RUNNABLE;
	}
	vcpu->share.is_paused = is_paused;
	vcpu->share.is_woken = true;
	sched_look_again(cpu);
}

/* The service's own CPU. */
static bool is_services(const struct percpu *cpu)
{
	const struct vcpu *service = vms[VM_SERVICE].vcpus[0];
	return service != NULL && &percpu[service->cpu] == cpu;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Its timer may wake it. */
static bool is_sleeper(const struct vcpu *vcpu)
{
	return vcpu != NULL && vcpu->state == VCPU_BLOCKED && !vcpu->share.is_paused;
}

static void wake_expired(struct percpu *cpu)
{
	const uint64_t now = hal_ticks();
	for (unsigned i = 0; i < cpu->slot_count; i++) {
		struct vcpu *vcpu = cpu->slots[i];
		if (is_sleeper(vcpu) && vcpu->wake_deadline <= now) {
			/* Its timer fires as soon as it is loaded. */
			sched_wake(vcpu);
		}
	}
}

/*
 * Guests' real-time clocks: a VM's is looked after by the CPU of its vCPU 0. NULL: this slot's has none. A VM comes
 * into any other state only when that CPU has taken its vCPU 0 down, and then its machine may be made anew.
 */
static struct vrtc *clock_of(const struct vcpu *vcpu)
{
	if (vcpu == NULL || vcpu->index != 0) {
		return NULL;
	}
	const uint32_t state = atomic_load_explicit(&vcpu->vm->state, memory_order_acquire);
	return state == AETHER_VM_RUNNING || state == AETHER_VM_PAUSED ? &vcpu->vm->rtc : NULL;
}

static void poll_clocks(struct percpu *cpu)
{
	for (unsigned i = 0; i < cpu->slot_count; i++) {
		struct vrtc *rtc = clock_of(cpu->slots[i]);
		if (rtc != NULL && vrtc_alarm(rtc) <= hal_ticks()) {
			vrtc_poll(rtc);
		}
	}
}

static uint64_t clock_deadline(const struct vcpu *vcpu)
{
	const struct vrtc *rtc = clock_of(vcpu);
	return rtc != NULL ? vrtc_alarm(rtc) : NEVER;
}

static void program(const struct percpu *cpu)
{
	hal_timer_set(cpu->backstop != 0 ? earlier(cpu->backstop, cpu->deadline) : cpu->deadline);
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
	if (is_services(cpu)) {
		supervise_check(hal_ticks());
	}
	sched_look_again(cpu);
}

static void serve_requests(struct percpu *cpu)
{
	/* Acquire: a request's cause was written before its bit. */
	uint64_t pending = atomic_exchange_explicit(&cpu->pending, 0, memory_order_acquire);
	while (pending != 0) {
		const unsigned slot = (unsigned)__builtin_ctzll(pending);
		pending &= pending - 1;
		/* Another CPU may clear it meanwhile. */
		struct vcpu *vcpu = __atomic_load_n(&cpu->slots[slot], __ATOMIC_RELAXED);
		if (vcpu != NULL) {
			vcpu_serve_requests(vcpu);
		}
	}
}

/* What a choice knows. */
struct choice {
	uint64_t now;
	struct vcpu *service; /* of this CPU, and ready; or NULL */
	bool is_reloading; /* it is, and is made anew: the core's work, in bursts that core/supervise.c bounds */
	unsigned ready_guests;
};

static struct vcpu *pick(struct percpu *cpu, const struct choice *choice)
{
	const bool has_guests = choice->ready_guests != 0;
	if (choice->is_reloading) {
		return choice->service;
	}
	if (choice->service != NULL && !(has_guests && cpu->turns.yielder == choice->service) &&
	    sched_service_may_run(choice->now, has_guests)) {
		cpu->turns.yielder = NULL;
		return choice->service;
	}
	return sched_share_pick(cpu);
}

static struct choice look(struct percpu *cpu, uint64_t now)
{
	struct vcpu *service = is_services(cpu) ? vms[VM_SERVICE].vcpus[0] : NULL;
	struct choice choice = {.now = now};
	if (cpu->current != NULL && cpu->current->state == VCPU_RUNNING) {
		cpu->current->state = VCPU_RUNNABLE;
	}
	choice.service = service != NULL && sched_is_ready(service) ? service : NULL;
	choice.is_reloading = choice.service != NULL && supervise_is_reloading();
	choice.ready_guests = sched_share_settle(cpu, now);
	return choice;
}

/* When the CPU must look again: a sleeper's timer, the end of a turn or a budget if somebody else waits for it. */
static void set_timer(struct percpu *cpu, const struct vcpu *chosen, const struct choice *choice)
{
	uint64_t deadline = sched_share_deadline(cpu, chosen, choice->now);
	for (unsigned i = 0; i < cpu->slot_count; i++) {
		const struct vcpu *vcpu = cpu->slots[i];
		deadline = earlier(deadline, clock_deadline(vcpu));
		if (is_sleeper(vcpu)) {
			deadline = earlier(deadline, vcpu->wake_deadline);
		}
	}
	if (is_services(cpu)) {
		if (choice->service != NULL && choice->ready_guests != 0) {
			deadline = earlier(deadline, sched_service_deadline());
		}
		deadline = earlier(deadline, supervise_deadline());
	}
	cpu->deadline = deadline;
	program(cpu);
	if (chosen != NULL) {
		hal_vcpu_trap_wfi(choice->ready_guests + (choice->service != NULL) > 1);
	}
}

static void idle(struct percpu *cpu, const struct choice *choice)
{
	take_off(cpu, cpu->current);
	wake_expired(cpu);
	set_timer(cpu, NULL, choice);
	/* Leaving a vCPU may have asked something of this CPU; other CPUs' requests come with a kick. */
	if (!cpu->must_reschedule &&
	    atomic_load_explicit(&cpu->pending, memory_order_relaxed) == 0) {
		sched_time_pass(&cpu->time, SCHED_IDLE, hal_ticks());
		hal_wait_for_interrupt();
		sched_time_pass(&cpu->time, SCHED_CORE, hal_ticks());
	}
	(void)trap_take_interrupts(cpu);
}

/* One part of making a new instance of the service. Whether it runs then is the next choice's, by its budget. */
static void reload_service(struct percpu *cpu, struct vcpu *service, const struct choice *choice)
{
	take_off(cpu, cpu->current);
	set_timer(cpu, NULL, choice);
	(void)supervise_step(service);
	if (hal_is_interrupt_pending()) {
		(void)trap_take_interrupts(cpu);
	}
}

static void switch_to(struct percpu *cpu, struct vcpu *next)
{
	trace_write(&cpu->trace, TRACE_SWITCH, hal_fast_ticks(), next->who,
		    cpu->current != NULL ? cpu->current->who : UINT64_MAX, next->who);
	take_off(cpu, cpu->current);
	put_on(cpu, next);
}

/* A guest has the CPU again: what it and the others waited for is over. */
static void give_back(struct percpu *cpu)
{
	const uint64_t since = sched_service_taken_since();
	if (since == NEVER) {
		return;
	}
	const uint64_t now = hal_fast_ticks();
	for (unsigned i = 0; i < cpu->slot_count; i++) {
		struct vcpu *vcpu = cpu->slots[i];
		if (vcpu != NULL && !vcpu->is_service && sched_is_ready(vcpu)) {
			vcpu->share.stolen_ticks += now - (vcpu->share.ready_at > since ? vcpu->share.ready_at : since);
		}
	}
	sched_service_give_back(now);
}

/* One choice carried out, or NULL: look again. */
static struct vcpu *choose(struct percpu *cpu, uint64_t now)
{
	const struct choice choice = look(cpu, now);
	struct vcpu *next = pick(cpu, &choice);
	const bool is_taken = next != NULL && next->is_service && choice.ready_guests != 0 && !choice.is_reloading;
	if (is_taken) {
		sched_service_take(now);
	} else if ((choice.ready_guests == 0 || choice.is_reloading) && is_services(cpu)) {
		sched_service_give_back(now);
	}
	if (next == NULL) {
		idle(cpu, &choice);
		return NULL;
	}
	if (choice.is_reloading && next->is_service) {
		reload_service(cpu, next, &choice);
		return NULL;
	}
	if (next != cpu->current) {
		switch_to(cpu, next);
	}
	next->state = VCPU_RUNNING;
	if (cpu->must_reschedule) {
		return NULL; /* taking the last one off gave somebody else on this CPU an interrupt */
	}
	if (!is_taken && is_services(cpu)) {
		give_back(cpu);
	}
	set_timer(cpu, next, &choice);
	cpu->must_choose = false;
	return next;
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
		if (!cpu->must_choose && cpu->current != NULL) {
			return cpu->current;
		}
		struct vcpu *next = choose(cpu, start);
		if (next != NULL) {
			const uint64_t spent = hal_fast_ticks() - start;
			cpu->longest_ticks = spent > cpu->longest_ticks ? spent : cpu->longest_ticks;
			return next;
		}
	}
}
