/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which vCPU a physical CPU runs. Each CPU schedules its own vCPUs, round robin in slices, without a lock; other CPUs
 * only set requests and kick. With one runnable vCPU there is no slice and no timer: it keeps its CPU, and its WFI is
 * the hardware's own. With none the CPU sleeps.
 */
#include "core/percpu.h"

#define SCHED_SLICE_HZ 100u /* 10 ms */
#define SCHED_BACKSTOP_HZ 2000u

/* Makes `vcpu` one of its CPU's. At a time when it is OFF and nobody kicks it. */
void sched_add(struct vcpu *vcpu);
void sched_remove(struct vcpu *vcpu);
/* On the vCPU's own CPU. */
void sched_wake(struct vcpu *vcpu);
void sched_block(struct vcpu *vcpu);
void sched_turn_off(struct vcpu *vcpu);
/* A guest's timer interrupt was taken: where hal_irq_needs_backstop(), this CPU takes an interrupt of its own soon
 * after. */
void sched_backstop(struct percpu *cpu);
/* The CPU's EL2 timer fired. */
void sched_timer(struct percpu *cpu);
/* The vCPU to run next, loaded; serves requests first; sleeps while there is none. */
struct vcpu *sched_next(struct percpu *cpu);
