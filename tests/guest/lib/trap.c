/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions: the expected are recorded and stepped over, IRQs go to the test's handler, the rest ends the guest. */
#include "guest/lib/trap.h"

#include <stddef.h>

#include "guest/lib/cpu.h"
#include "guest/lib/gic.h"
#include "guest/lib/report.h"

#define VECTOR_SYNC 4u
#define VECTOR_IRQ 5u
#define VECTOR_SERROR 7u
/* A guest that faults again and again while it expects faults goes nowhere. */
#define TRAPS_MAX 100000u

extern uint8_t trap_vectors[];

static struct {
	bool is_expecting;
	struct trap_record record;
} traps[GUEST_CPU_MAX];
static irq_handler *handler_now;
volatile uint32_t irq_count[8];
volatile uint32_t irq_spurious_count[8];

void trap_init_cpu(void)
{
	write_sysreg(vbar_el1, trap_vectors);
	isb();
}

void trap_expect(void)
{
	const unsigned cpu = cpu_index();
	traps[cpu].record = (struct trap_record){0};
	__asm__ volatile("" ::: "memory");
	traps[cpu].is_expecting = true;
	dsb();
	isb();
}

struct trap_record trap_taken(void)
{
	/* What the test did last has ended, and an SError that it caused has been taken. */
	dsb();
	isb();
	const unsigned cpu = cpu_index();
	traps[cpu].is_expecting = false;
	__asm__ volatile("" ::: "memory");
	return traps[cpu].record;
}

void irq_set_handler(irq_handler *handler)
{
	handler_now = handler;
	for (unsigned cpu = 0; cpu < GUEST_CPU_MAX; cpu++) {
		irq_count[cpu] = 0;
		irq_spurious_count[cpu] = 0;
	}
	dsb();
}

static _Noreturn void unexpected(const struct trap_frame *frame)
{
	report_note("cpu %u: x0 %lx x1 %lx x2 %lx x3 %lx x30 %lx spsr %lx", cpu_index(),
		    frame->x[0], frame->x[1], frame->x[2], frame->x[3], frame->x[30], frame->spsr);
	report_abort(
		"unexpected exception: vector %lu esr 0x%lx elr 0x%lx (image + 0x%lx) far 0x%lx",
		frame->vector, frame->esr, frame->elr, frame->elr - (uint64_t)image_start,
		frame->far);
}

static void take_irq(const struct trap_frame *frame)
{
	const unsigned cpu = cpu_index();
	const uint32_t iar = gic_acknowledge();
	const uint32_t intid = gic_intid(iar);
	if (intid >= GIC_INTID_SPECIAL) {
		irq_spurious_count[cpu]++;
		return;
	}
	if (handler_now == NULL) {
		unexpected(frame);
	}
	irq_count[cpu]++;
	handler_now(intid, iar);
	gic_end(iar);
}

void trap_handle(struct trap_frame *frame)
{
	if (frame->vector == VECTOR_IRQ) {
		take_irq(frame);
		return;
	}
	struct trap_record *record = &traps[cpu_index()].record;
	if (!traps[cpu_index()].is_expecting || record->count >= TRAPS_MAX ||
	    (frame->vector != VECTOR_SYNC && frame->vector != VECTOR_SERROR)) {
		unexpected(frame);
	}
	record->count++;
	record->vector = (unsigned)frame->vector;
	record->esr = frame->esr;
	record->far = frame->far;
	record->elr = frame->elr;
	if (frame->vector == VECTOR_SERROR) {
		return;
	}
	frame->elr = ESR_EC(frame->esr) == ESR_EC_IABORT ? frame->x[30] : frame->elr + 4;
}
