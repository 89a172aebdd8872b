/* SPDX-License-Identifier: Apache-2.0 */
/* All CPUs at once, for a bounded time: interrupts to each other, PSCI calls about each other, hints, TLB
 * operations. */
#include "guest/contain_cases.h"
#include "guest/lib/cpu.h"
#include "guest/lib/dt.h"
#include "guest/lib/gic.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"

#define STORM_MS 250u
#define SGI_STORM 2u

static uint64_t storm_end;

static void ignore(uint32_t intid, uint32_t iar)
{
	(void)intid;
	(void)iar;
}

static void send_sgis(void *arg)
{
	(void)arg;
	gic_init_cpu();
	gic_set_enabled(SGI_STORM, true);
	irq_enable();
	while (ticks_now() < storm_end) {
		gic_send_sgi(SGI_STORM, (1u << cpu_count()) - 1);
		gic_send_sgi_others(SGI_STORM);
		/* To CPUs that do not exist, too. */
		gic_send_sgi(SGI_STORM, 0xff);
	}
	irq_disable();
}

/* A CPU of this storm: starts, asks and ends at random, until the time is over. */
static void abuse_psci(void *arg)
{
	uint64_t random = (uint64_t)(uintptr_t)arg + ticks_now();
	while (ticks_now() < storm_end) {
		const uint32_t dice = next_random(&random);
		const uint64_t cpu = next_random(&random) % (cpu_count() + 1);
		switch (dice % 6) {
		case 0:
		case 1:
			/* The slots were filled before the storm; everybody starts everybody with the same. */
			psci_call(PSCI_CPU_ON_64, cpu == 0 ? 1 : cpu, (uint64_t)smp_entry,
				  (uint64_t)smp_slot_of((unsigned)(cpu == 0 ? 1 : cpu) %
							GUEST_CPU_MAX));
			break;
		case 2:
			psci_call(PSCI_AFFINITY_INFO_64, cpu, dice >> 8 & 3, 0);
			break;
		case 3:
			psci_call(PSCI_CPU_ON_64, (uint64_t)dice << 8, ~(uint64_t)dice, dice);
			break;
		case 4:
			psci_call(PSCI_FEATURES, dice, 0, 0);
			break;
		default:
			if (cpu_index() != 0 && (dice >> 8 & 7) == 0) {
				return; /* CPU_OFF */
			}
		}
	}
}

/* Instructions that other CPUs, or a hypervisor, have to hear of. */
static void send_hints(void *arg)
{
	(void)arg;
	while (ticks_now() < storm_end) {
		__asm__ volatile("sev\n\tsevl\n\twfe\n\tyield\n\ttlbi vmalle1is\n\tdsb ish\n\t"
				 "ic ialluis\n\tdsb ish\n\tisb" ::
					 : "memory");
	}
}

static bool is_any_on(void)
{
	bool is_on = false;
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		is_on = !wait_for(psci_call(PSCI_AFFINITY_INFO_64, cpu, 0, 0) == PSCI_AFFINITY_OFF,
				  20000) ||
			is_on;
	}
	return is_on;
}

static void storm(void (*run)(void *arg), const char *what)
{
	bool ok = true;
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		*smp_slot_of(cpu) = (struct smp_slot){.run = run, .arg = (void *)(uintptr_t)cpu};
	}
	storm_end = ticks_now() + ticks_from_ms(STORM_MS);
	dsb();
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		/* Those that are up already may have been faster. */
		const int32_t answer = psci_call(PSCI_CPU_ON_64, cpu, (uint64_t)smp_entry,
						 (uint64_t)smp_slot_of(cpu));
		ok = (answer == PSCI_SUCCESS || answer == PSCI_ALREADY_ON ||
		      answer == PSCI_ON_PENDING) &&
		     ok;
	}
	run((void *)0);
	irq_disable();
	/*
	 * Twice: who was seen off may have been started by one who had not seen yet that the time was over. That run
	 * ends at once and starts nobody, so the second look is the last.
	 */
	ok = !is_any_on() && !is_any_on() && ok;
	report(ok, "%s: %u ms of it from %u CPUs", what, STORM_MS, cpu_count());
}

void check_storms(void)
{
	irq_set_handler(ignore);
	gic_init();
	gic_set_enabled(SGI_STORM, true);
	storm(send_sgis, "an SGI storm");
	storm(send_hints, "TLB, cache and event instructions");
	/* QEMU's own PSCI lets two CPU_ON of one target win, and a CPU would run on another's stack. */
	if (is_under_aether()) {
		storm(abuse_psci, "PSCI abuse");
	}
	irq_set_handler((irq_handler *)0);
	gic_init();
}
