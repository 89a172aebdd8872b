/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which vCPU a physical CPU runs. Each CPU schedules its own vCPUs, without a lock; other CPUs only set requests and
 * kick. The service has a budget (core/sched_service.h), guests have reservations and weights (core/sched_share.h).
 * With one vCPU ready there is no slice and no timer: it keeps its CPU, and its WFI is the hardware's own. With none
 * the CPU sleeps.
 */
#include "core/percpu.h"

#define SCHED_BACKSTOP_HZ 2000u

/* It could run now. */
static inline bool sched_is_ready(const struct vcpu *vcpu)
{
	return (vcpu->state == VCPU_RUNNABLE || vcpu->state == VCPU_RUNNING) && !vcpu->share.is_paused;
}

/* Makes `vcpu` one of its CPU's. At a time when it is OFF and nobody kicks it. */
void sched_add(struct vcpu *vcpu);
void sched_remove(struct vcpu *vcpu);
/* On the vCPU's own CPU. */
void sched_wake(struct vcpu *vcpu);
void sched_block(struct vcpu *vcpu);
void sched_turn_off(struct vcpu *vcpu);
/* A choice is due: who is ready, or a time at which something is to happen, has changed. On that CPU. */
void sched_look_again(struct percpu *cpu);
/* The loaded vCPU lets others go before it, this once. */
void sched_give_way(struct vcpu *vcpu);
/* Off its CPU whatever its state, and on again. */
void sched_pause(struct vcpu *vcpu, bool is_paused);
/* A guest's timer interrupt was taken: where hal_irq_needs_backstop(), this CPU takes an interrupt of its own soon
 * after. */
void sched_backstop(struct percpu *cpu);
/* The CPU's EL2 timer fired. */
void sched_timer(struct percpu *cpu);
/* The vCPU to run next, loaded; serves requests first; sleeps while there is none. */
struct vcpu *sched_next(struct percpu *cpu);
