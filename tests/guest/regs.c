/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No exit changes a register that it has no business with: general, SIMD, floating point, and the system registers
 * that are the guest's own. Then every identification register goes to the console as `# id NAME VALUE`: the runner
 * compares them with those of a run without a hypervisor.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/gic.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/timer.h"
#include "guest/lib/trap.h"
#include "guest/lib/uart.h"
#include "guest/regs_fill.h"
#include "guest/regs_sysreg.h"

#define SPINS 2000000u

static void check_exits(void)
{
	struct all_regs before;
	struct all_regs after;
	regs_fill(&before, 1);
	before.x[0] = PSCI_VERSION;
	regs_around_hvc(&before, &after);
	report_equal(regs_count_changed(&before, &after, 4), 0, "HVC");
	regs_fill(&before, 2);
	before.x[0] = gic_dist_base() + GICD_ISENABLER;
	regs_around_read(&before, &after);
	report_equal(regs_count_changed(&before, &after, 2) + (before.x[0] != after.x[0]), 0,
		     "read of the distributor");
	regs_fill(&before, 3);
	before.x[0] = (uint64_t)uart_base + UART_ICR;
	before.x[1] = 0x7ff;
	regs_around_write(&before, &after);
	report_equal(regs_count_changed(&before, &after, 0), 0, "write to the UART");
	regs_fill(&before, 4);
	before.x[0] = 0;
	regs_around_set_way(&before, &after);
	report_equal(regs_count_changed(&before, &after, 0), 0, "cache maintenance by set and way");
	regs_fill(&before, 5);
	timer_start(TIMER_VIRTUAL, ticks_now() + ticks_from_ms(5));
	regs_around_wfi(&before, &after);
	report_equal(regs_count_changed(&before, &after, 0), 0, "WFI");
	timer_stop(TIMER_VIRTUAL);
	regs_fill(&before, 6);
	before.x[0] = SPINS;
	timer_start(TIMER_PHYSICAL, timer_count(TIMER_PHYSICAL) + ticks_from_ms(1));
	regs_around_spin(&before, &after);
	report_equal(regs_count_changed(&before, &after, 1), 0,
		     "a timer of its own while it spins");
	timer_stop(TIMER_PHYSICAL);
	regs_fill(&before, 7);
	trap_expect();
	regs_around_undefined(&before, &after);
	const struct trap_record record = trap_taken();
	report(record.count == 1 && ESR_EC(record.esr) == ESR_EC_UNKNOWN &&
		       regs_count_changed(&before, &after, 0) == 0,
	       "an undefined instruction");
	regs_fill(&before, 8);
	before.x[0] = UINT64_C(0x400000000);
	trap_expect();
	regs_around_read(&before, &after);
	report(trap_taken().count == 1 && regs_count_changed(&before, &after, 0) == 0,
	       "a read of nothing");
}

static bool is_vector_armed;

static void on_irq(uint32_t intid, uint32_t iar)
{
	(void)intid;
	(void)iar;
	timer_start(TIMER_VIRTUAL, ticks_now() + ticks_from_ms(1));
	if (!is_vector_armed) {
		timer_stop(TIMER_VIRTUAL);
	}
}

/* Interrupts by vector, many of them, under live registers. */
static void check_interrupts(void)
{
	struct all_regs before;
	struct all_regs after;
	irq_set_handler(on_irq);
	is_vector_armed = true;
	timer_start(TIMER_VIRTUAL, ticks_now() + ticks_from_ms(1));
	irq_enable();
	bool ok = true;
	for (unsigned round = 0; round < 10; round++) {
		regs_fill(&before, 20 + round);
		before.x[0] = SPINS;
		regs_around_spin(&before, &after);
		ok = regs_count_changed(&before, &after, 1) == 0 && ok;
	}
	irq_disable();
	is_vector_armed = false;
	timer_stop(TIMER_VIRTUAL);
	report(ok && irq_count[0] > 0, "interrupts by vector while it spins (%u)", irq_count[0]);
	irq_set_handler((irq_handler *)0);
}

static void on_other_cpu(void *arg)
{
	struct all_regs before;
	struct all_regs after;
	(void)arg;
	write_sysreg(cpacr_el1, UINT64_C(3) << 20);
	isb();
	bool ok = sysreg_check(cpu_index() + 7, false);
	for (unsigned round = 0; round < 50; round++) {
		regs_fill(&before, 100 * cpu_index() + round);
		before.x[0] = PSCI_VERSION;
		regs_around_hvc(&before, &after);
		ok = regs_count_changed(&before, &after, 4) == 0 && ok;
	}
	report(ok, "cpu %u keeps its registers while all CPUs run", cpu_index());
}

void guest_main(void)
{
	gic_init();
	gic_set_enabled(timer_intid(TIMER_VIRTUAL), true);
	gic_set_enabled(timer_intid(TIMER_PHYSICAL), true);
	write_sysreg(cpacr_el1, UINT64_C(3) << 20);
	isb();
	check_exits();
	gic_set_enabled(timer_intid(TIMER_PHYSICAL), false);
	check_interrupts();
	sysreg_check(1, true);
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		smp_start(cpu, on_other_cpu, (void *)0);
	}
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		report(smp_join(cpu), "cpu %u has ended", cpu);
	}
	sysreg_check_features();
	sysreg_check_debug();
	sysreg_print_ids();
}
