/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The parts of the interrupt controller's test, and what they share. Interrupts are masked unless a case says so. */
#include <stdbool.h>
#include <stdint.h>

#include "guest/lib/gic.h"

/* Enabled, edge, to this CPU, idle. */
static inline void prepare(unsigned intid, uint8_t priority)
{
	if (intid >= 32) {
		gic_set_edge(intid, true);
	}
	gic_set_priority(intid, priority);
	gic_set_enabled(intid, true);
}

/* Waits up to a second for an interrupt and acknowledges it; the spurious INTID if none came. */
unsigned take(uint32_t *iar);
/* Acknowledges and ends; the INTID. */
unsigned take_and_end(void);
/* True if nothing is signalled and an acknowledge finds nothing. */
bool is_quiet(void);

void check_identity(void); /* gic_registers.c */
void check_registers(void);
void check_delivery(void); /* gic_delivery.c */
void check_priorities(void); /* gic_priority.c */
void check_overflow(void);
void check_cpus(void); /* gic_smp.c */
