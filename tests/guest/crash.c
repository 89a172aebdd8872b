/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that cannot go on: bootarg how=. Each way ends in exceptions that the core gives back and that lead to the
 * same exception again. It must be stopped alone, with a line that says why; another guest beside it goes on.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/dt.h"
#include "guest/lib/gic.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"

#define NOWHERE UINT64_C(0x400000000)

/* Vectors where there is nothing: taking any exception fails to fetch, which is an exception. */
static void lose_vectors(void)
{
	/* The window is normal memory that may be executed, so that stage 1 lets the fetch through. */
	((volatile uint64_t *)mmu_table)[NOWHERE >> 30] = NOWHERE | 0x705;
	dsb();
	__asm__ volatile("tlbi vmalle1\n\tdsb ish\n\tisb" ::: "memory");
	write_sysreg(vbar_el1, NOWHERE);
	isb();
	__asm__ volatile("brk #0");
}

/* A stack where there is nothing: the vectors cannot save a register. */
static void lose_stack(void)
{
	__asm__ volatile("mov sp, %0\n\tbrk #0" ::"r"(NOWHERE));
}

/* Translation tables where there is nothing: no instruction can be fetched any more. */
static void lose_tables(void)
{
	__asm__ volatile("msr ttbr0_el1, %0\n\tisb\n\ttlbi vmalle1\n\tdsb ish\n\tisb" ::"r"(NOWHERE)
			 : "memory");
}

/* No CPU left that could start another. */
static void go_off(void)
{
	psci_call(PSCI_CPU_OFF, 0, 0, 0);
}

void guest_main(void)
{
	report(true, "it runs");
	report_plan();
	switch (dt_bootarg("how")) {
	case 'v':
		lose_vectors();
		break;
	case 's':
		lose_stack();
		break;
	case 't':
		lose_tables();
		break;
	case 'o':
		go_off();
		break;
	default:
		report_abort("no bootarg how=");
	}
	report_abort("it still runs");
}
