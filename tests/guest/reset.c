/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SYSTEM_RESET, SYSTEM_RESET2 and SYSTEM_OFF: each boot finds the first state and nothing of the boot before. Memory is
 * scrubbed, so a guest cannot know which boot it is; the runner says on the console what to do next, and counts.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/dt.h"
#include "guest/lib/gic.h"
#include "guest/lib/prompt.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/timer.h"
#include "guest/lib/trap.h"
#include "guest/lib/uart.h"

#define MARK UINT64_C(0x6865726520776173)

static uint64_t left_behind[512] __attribute__((section(".noinit")));

static volatile uint64_t *top_of_ram(void)
{
	return (volatile uint64_t *)(dt_ram_base() + dt_ram_bytes() - 4096);
}

static void check_first_state(void)
{
	report_note("a boot");
	report_equal(boot_regs.sctlr & 5, 0, "MMU and cache are off");
	report_equal(boot_regs.mpidr, UINT64_C(0x80000000), "it is cpu 0 that boots");
	report((timer_get_ctl(TIMER_VIRTUAL) & 1) == 0 && (timer_get_ctl(TIMER_PHYSICAL) & 1) == 0,
	       "timers are off");
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		report(psci_call(PSCI_AFFINITY_INFO_64, cpu, 0, 0) == PSCI_AFFINITY_OFF,
		       "cpu %u is off", cpu);
	}
	report(!gic_is_enabled(GIC_FREE_SPI) && !gic_is_pending(GIC_FREE_SPI) &&
		       !gic_is_active(GIC_FREE_SPI) && (gicd_read(GICD_CTLR) & 3) == 0,
	       "the interrupt controller is as after power on");
	if (is_under_aether()) {
		report(left_behind[0] != MARK && left_behind[511] != MARK && *top_of_ram() != MARK,
		       "nothing is left in memory");
		report_equal(read_sysreg(tpidr_el1), 0, "nor in a register");
	}
}

static void leave_traces(void)
{
	left_behind[0] = MARK;
	left_behind[511] = MARK;
	*top_of_ram() = MARK;
	dsb();
	cache_clean_invalidate(left_behind, left_behind + 512);
	write_sysreg(tpidr_el1, MARK);
	gic_init();
	gic_set_enabled(GIC_FREE_SPI, true);
	gic_set_pending(GIC_FREE_SPI, true);
	gic_set_active(GIC_FREE_SPI, true);
	timer_start(TIMER_VIRTUAL, 0);
	timer_start(TIMER_PHYSICAL, 0);
}

static void spin(void *arg)
{
	(void)arg;
	for (;;) {
	}
}

static uint8_t ask(void)
{
	uint8_t byte = 0;
	report_note(PROMPT_LINE);
	if (!wait_for(uart_get(&byte), 20000)) {
		report_abort("no input within 20 s");
	}
	return byte;
}

void guest_main(void)
{
	check_first_state();
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		smp_start(cpu, spin, (void *)0);
	}
	leave_traces();
	const uint8_t order = ask();
	report_plan();
	switch (order) {
	case 'r':
		psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
		break;
	case '2':
	case 'w':
		/* QEMU's own PSCI has the older call only. */
		psci_call(is_under_aether()
				  ? (order == '2' ? PSCI_SYSTEM_RESET2_64 : PSCI_SYSTEM_RESET2)
				  : PSCI_SYSTEM_RESET,
			  0, 0, 0);
		break;
	case 'o':
		psci_system_off();
	default:
		report_abort("input 0x%x is no order", order);
	}
	report_abort("the call for a reset returned");
}
