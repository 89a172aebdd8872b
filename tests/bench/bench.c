/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures what a guest pays for what it does: one line `# bench NAME ROUNDS TICKS` for each row. Under QEMU's
 * `-icount shift=0` with a counter of 1 GHz a tick is an instruction, at EL1 and EL2 together, and every run gives the
 * same numbers. The same image runs with and without a hypervisor.
 */
#include "bench/measure.h"
#include "guest/lib/cpu.h"
#include "guest/lib/gic.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/timer.h"
#include "guest/lib/trap.h"
#include "guest/lib/uart.h"

#define ROUNDS 1000u
#define EVENTS 100u
#define NOWHERE UINT64_C(0x400000000)
#define SGI 1u
#define AHEAD 50000u /* ticks from arming a timer to its time */

static void print(const char *name, uint64_t rounds, uint64_t ticks)
{
	report_note("bench %s %lu %lu", name, rounds, ticks);
}

static void measure_calls(void)
{
	measure_hvc(10, PSCI_VERSION);
	print("hvc", ROUNDS, measure_hvc(ROUNDS, PSCI_VERSION));
	measure_read(10, gic_dist_base() + GICD_TYPER);
	print("dist-typer", ROUNDS, measure_read(ROUNDS, gic_dist_base() + GICD_TYPER));
	measure_read(10, gic_dist_base() + GICD_ISENABLER + 4);
	print("dist-enable", ROUNDS, measure_read(ROUNDS, gic_dist_base() + GICD_ISENABLER + 4));
	measure_abort(10, NOWHERE);
	print("abort", ROUNDS, measure_abort(ROUNDS, NOWHERE));
	measure_id(10);
	print("id", ROUNDS, measure_id(ROUNDS));
}

static void measure_output(void)
{
	measure_console(8, (uint64_t)uart_base, '#');
	const uint64_t ticks = measure_console(100, (uint64_t)uart_base, '.');
	uart_put('\r');
	uart_put('\n');
	print("console", 100, ticks);
}

static void end_interrupt(void)
{
	const uint32_t iar = gic_acknowledge();
	if (gic_intid(iar) < GIC_INTID_SPECIAL) {
		gic_end(iar);
	}
}

static void measure_timers(void)
{
	uint64_t spinning = 0;
	uint64_t asleep = 0;
	gic_set_enabled(timer_intid(TIMER_VIRTUAL), true);
	for (unsigned i = 0; i < EVENTS + 2; i++) {
		const uint64_t ticks = measure_timer_spin(ticks_now() + AHEAD);
		spinning += i < 2 ? 0 : ticks;
		end_interrupt();
	}
	print("timer-spin", EVENTS, spinning);
	for (unsigned i = 0; i < EVENTS + 2; i++) {
		const uint64_t ticks = measure_timer_wfi(ticks_now() + AHEAD);
		asleep += i < 2 ? 0 : ticks;
		end_interrupt();
	}
	print("timer-wfi", EVENTS, asleep);
	gic_set_enabled(timer_intid(TIMER_VIRTUAL), false);
}

static void measure_sgis(void)
{
	uint64_t sent = 0;
	uint64_t ended = 0;
	uint64_t nothing = 0;
	gic_set_enabled(SGI, true);
	for (unsigned i = 0; i < EVENTS + 2; i++) {
		const uint64_t to_vector =
			gic_version() == 2
				? measure_sgi_v2(gic_dist_base() + GICD_SGIR, 1u << 16 | SGI)
				: measure_sgi_v3(SGI << 24 | 1);
		const uint32_t iar = gic_acknowledge();
		const uint64_t end = gic_version() == 2
					     ? measure_eoi_v2(gic_dist_base() + 0x10010, iar)
					     : measure_eoi_v3(iar);
		sent += i < 2 ? 0 : to_vector;
		ended += i < 2 ? 0 : end;
		nothing += i < 2 ? 0 : measure_nothing();
	}
	print("sgi-self", EVENTS, sent);
	print("eoi", EVENTS, ended - nothing);
}

/* One SGI each way a round, both CPUs asleep in WFI in between. */
static void wait_for_sgi(void)
{
	while (!is_irq_signalled()) {
		wfi();
	}
	end_interrupt();
}

static void answer(void *arg)
{
	(void)arg;
	gic_init_cpu();
	gic_set_enabled(SGI, true);
	gic_send_sgi(SGI, 1);
	for (unsigned i = 0; i < EVENTS + 2; i++) {
		wait_for_sgi();
		gic_send_sgi(SGI, 1);
	}
}

static void measure_ping_pong(void)
{
	uint64_t start = 0;
	if (!smp_start(1, answer, (void *)0)) {
		report_abort("cpu 1 does not start");
	}
	wait_for_sgi();
	for (unsigned i = 0; i < EVENTS + 2; i++) {
		if (i == 2) {
			start = ticks_now();
		}
		gic_send_sgi(SGI, 2);
		wait_for_sgi();
	}
	print("ping-pong", EVENTS, ticks_now() - start);
	smp_join(1);
}

void guest_main(void)
{
	print("first", 1, boot_regs.cntpct);
	print("hz", 1, read_sysreg(cntfrq_el0));
	gic_init();
	if (cpu_count() > 1) {
		gic_set_enabled(SGI, true);
		measure_ping_pong();
		report(true, "measured");
		return;
	}
	write_sysreg(vbar_el1, measure_vectors);
	isb();
	measure_calls();
	measure_output();
	measure_timers();
	measure_sgis();
	report(true, "measured");
}
