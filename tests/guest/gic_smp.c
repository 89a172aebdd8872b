/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts between CPUs: SGIs to one, to some, to all others, with their source; SPIs routed and moved. */
#include "guest/gic_cases.h"
#include "guest/lib/cpu.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"

#define SPI GIC_FREE_SPI
#define SGI 5u
#define PING_ROUNDS 200u

/* What the other CPUs have seen; each writes its own element. */
static volatile uint32_t taken[GUEST_CPU_MAX];
static volatile uint32_t last_iar[GUEST_CPU_MAX];
static volatile uint32_t ready;
static volatile bool shall_end;

static void count(uint32_t intid, uint32_t iar)
{
	(void)intid;
	last_iar[cpu_index()] = iar;
	taken[cpu_index()]++;
}

/* Sleeps and takes interrupts by vector until it is told to end. */
static void listen(void *arg)
{
	(void)arg;
	gic_init_cpu();
	prepare(SGI, 0x80);
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&shall_end, __ATOMIC_ACQUIRE)) {
		/* Masked while it looks and sleeps: an interrupt between the two is not lost, it ends the WFI. */
		wfi();
		irq_enable();
		isb();
		irq_disable();
	}
}

static bool start_listeners(void)
{
	ready = 0;
	shall_end = false;
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		if (!smp_start(cpu, listen, (void *)0)) {
			return false;
		}
	}
	return wait_for(ready == cpu_count() - 1, 10000);
}

static bool stop_listeners(void)
{
	__atomic_store_n(&shall_end, true, __ATOMIC_RELEASE);
	gic_send_sgi_others(SGI);
	bool ok = true;
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		ok = smp_join(cpu) && ok;
	}
	return ok;
}

static void forget(void)
{
	for (unsigned cpu = 0; cpu < GUEST_CPU_MAX; cpu++) {
		taken[cpu] = 0;
	}
	dsb();
}

static void check_sgi_targets(void)
{
	bool ok = true;
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		forget();
		gic_send_sgi(SGI, 1u << cpu);
		ok = wait_for(taken[cpu] == 1, 5000) && ok;
		for (unsigned other = 1; other < cpu_count(); other++) {
			ok = taken[other] == (other == cpu) && ok;
		}
		ok = gic_intid(last_iar[cpu]) == SGI && ok;
		ok = (gic_version() == 3 || gic_source(last_iar[cpu]) == 0) && ok;
	}
	report(ok, "an SGI reaches the one CPU that it names, with its source");
	forget();
	gic_send_sgi_others(SGI);
	ok = true;
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		ok = wait_for(taken[cpu] == 1, 5000) && ok;
	}
	report(ok && is_quiet(), "an SGI to all but itself reaches them and not the sender");
	forget();
	prepare(SGI, 0x80);
	gic_send_sgi(SGI, (1u << cpu_count()) - 1);
	uint32_t iar = 0;
	report(take(&iar) == SGI && (gic_version() == 3 || gic_source(iar) == 0),
	       "an SGI to all reaches the sender too");
	gic_end(iar);
	ok = true;
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		ok = wait_for(taken[cpu] == 1, 5000) && ok;
	}
	report(ok, "and every other");
}

static void check_wake(void)
{
	forget();
	bool ok = true;
	for (unsigned round = 1; ok && round <= PING_ROUNDS; round++) {
		gic_send_sgi(SGI, 2);
		ok = wait_for(taken[1] == round, 5000);
	}
	report(ok, "%u SGIs wake a CPU from WFI, each once", PING_ROUNDS);
}

static void check_spi_routes(void)
{
	bool ok = true;
	prepare(SPI, 0x80);
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		forget();
		gic_set_target(SPI, cpu);
		gic_set_pending(SPI, true);
		ok = wait_for(taken[cpu] == 1, 5000) && gic_intid(last_iar[cpu]) == SPI && ok;
		ok = wait_for(!gic_is_active(SPI), 5000) && ok;
	}
	report(ok && is_quiet(), "an SPI reaches the CPU that it is routed to");
	gic_set_target(SPI, 0);
	gic_set_pending(SPI, true);
	report_equal(take_and_end(), SPI, "and comes back to this one");
}

/* GICv2: an SGI is pending once for each CPU that sent it. */
static void send_to_boot_cpu(void *arg)
{
	(void)arg;
	gic_send_sgi(SGI, 1);
}

static void check_sources(void)
{
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		if (!smp_start(cpu, send_to_boot_cpu, (void *)0) || !smp_join(cpu)) {
			report(false, "cpu %u sends an SGI", cpu);
		}
	}
	uint32_t sources = 0;
	unsigned number = 0;
	uint32_t iar = 0;
	while (number < cpu_count() && is_irq_signalled() && take(&iar) == SGI) {
		sources |= 1u << gic_source(iar);
		gic_end(iar);
		number++;
	}
	if (gic_version() == 2) {
		report(number == cpu_count() - 1 && sources == (1u << cpu_count()) - 2,
		       "one SGI from each other CPU: each is taken, with its source");
		return;
	}
	report(number == 1 && sources == 1, "SGIs of several CPUs are one pending SGI");
}

/* An SPI that waits for a CPU that does not take it can be moved to another. */
static void check_move(void)
{
	prepare(SPI, 0x80);
	gic_set_target(SPI, 1);
	gic_set_pending(SPI, true);
	report(is_quiet() && gic_is_pending(SPI), "an SPI for a CPU that is off waits");
	gic_set_target(SPI, 0);
	report_equal(take_and_end(), SPI, "and can be moved");
}

static void take_one(void *arg)
{
	uint32_t *const iar = arg;
	gic_init_cpu();
	take(iar);
}

static void check_private_state(void)
{
	prepare(SGI, 0x30);
	report(gic_is_enabled(SGI) && gic_get_priority(SGI) == 0x30,
	       "private interrupts of this CPU");
	/* The other CPU writes its own registers, acknowledges its own SGI, and goes off with it active. */
	static uint32_t iar;
	iar = 0;
	smp_start(1, take_one, &iar);
	report(smp_join(1), "a CPU goes off");
	report(gic_is_enabled(SGI) && gic_get_priority(SGI) == 0x30,
	       "are not touched by another CPU's");
	forget();
	report(start_listeners(), "every CPU listens again");
	gic_send_sgi_others(SGI);
	bool ok = true;
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		ok = wait_for(taken[cpu] >= 1, 5000) && ok;
	}
	report(ok, "and hears");
	report(stop_listeners(), "every CPU is off");
}

void check_cpus(void)
{
	uint32_t iar = 0;
	prepare(SGI, 0x80);
	gic_send_sgi(SGI, 1);
	report(take(&iar) == SGI && (gic_version() == 3 || gic_source(iar) == 0),
	       "an SGI to itself");
	gic_end(iar);
	gic_send_sgi_others(SGI);
	report(is_quiet(), "to all but itself: not to itself");
	if (cpu_count() == 1) {
		return;
	}
	irq_set_handler(count);
	report(start_listeners(), "every CPU listens");
	check_sgi_targets();
	check_wake();
	check_spi_routes();
	report(stop_listeners(), "every CPU is off again");
	gic_init();
	prepare(SGI, 0x80);
	check_sources();
	check_move();
	check_private_state();
	irq_set_handler(0);
}
