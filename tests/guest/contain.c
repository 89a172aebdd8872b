/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containment: whatever a guest does, the core goes on, and the guest gets the architecture's answer. The same program
 * runs bare, where QEMU's CPU is the reference for the answers.
 */
#include "guest/contain_cases.h"
#include "guest/lib/cpu.h"
#include "guest/lib/gic.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/timer.h"
#include "guest/lib/trap.h"

static volatile bool has_fired;

static void on_timer(uint32_t intid, uint32_t iar)
{
	(void)iar;
	has_fired = intid == timer_intid(TIMER_VIRTUAL);
	timer_stop(TIMER_VIRTUAL);
}

/* After all that: calls, interrupts, timers and the other CPUs still work. */
static void nothing(void *arg)
{
	(void)arg;
}

static void check_alive(void)
{
	gic_init();
	irq_set_handler(on_timer);
	gic_set_enabled(timer_intid(TIMER_VIRTUAL), true);
	timer_start(TIMER_VIRTUAL, ticks_now() + ticks_from_ms(2));
	irq_enable();
	const bool is_in_time = wait_for(has_fired, 5000);
	irq_disable();
	report(is_in_time && psci_call(PSCI_VERSION, 0, 0, 0) == (int32_t)PSCI_VERSION_1_1,
	       "after all that, timer, interrupts and calls work");
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		report(smp_start(cpu, nothing, (void *)0) && smp_join(cpu), "and so does cpu %u",
		       cpu);
	}
}

void guest_main(void)
{
	gic_init();
	check_stray();
	check_no_syndrome();
	check_own_tables();
	check_set_way();
	check_calls();
	check_encodings();
	check_el0();
	check_garbage();
	check_storms();
	check_alive();
}
