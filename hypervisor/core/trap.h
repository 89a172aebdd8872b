/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where every exit from a vCPU ends up. The entry code calls trap_sync, trap_irq, trap_fiq or trap_serror with
 * the vCPU that was running; each returns the one to run next. None of them can reach a stop of the node through
 * anything that a guest does (core/crash.h).
 */
#include "core/percpu.h"

struct vcpu *trap_sync(struct vcpu *vcpu);
struct vcpu *trap_irq(struct vcpu *vcpu);
struct vcpu *trap_fiq(struct vcpu *vcpu);
struct vcpu *trap_serror(struct vcpu *vcpu);
/* Takes every physical interrupt that is pending, on this CPU. The number of the first, for the trace. */
unsigned trap_take_interrupts(struct percpu *cpu);

/* Long work has looked for interrupts: the stretch without taking one ends, and the next begins. */
void trap_note_poll(struct percpu *cpu);
