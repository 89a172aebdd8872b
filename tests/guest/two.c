/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of several guests that share CPUs. Each fills registers, system registers and memory with patterns of its own
 * (bootarg id=LETTER), runs under its own timer, sleeps now and then, and finds everything as it left it. It goes on
 * for a fixed time, so that guests that are started together do run together; the runner looks at the order of lines.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/dt.h"
#include "guest/lib/gic.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/timer.h"
#include "guest/lib/trap.h"
#include "guest/regs_fill.h"
#include "guest/regs_sysreg.h"

#define RUN_MS 4000u
#define LONG_RUN_MS 15000u /* bootarg run=l: others are started meanwhile, in the service's budget beside this one */
#define NOTE_MS 100u
#define SPINS 300000u
#define TICK_MS 4u
#define MEMORY_WORDS (UINT64_C(4) << 17) /* 4 MiB */
#define MEMORY_OFFSET (UINT64_C(16) << 20)

static uint64_t identity;
static volatile uint32_t ticks[GUEST_CPU_MAX];

static volatile uint64_t *own_memory(void)
{
	return (volatile uint64_t *)(((uint64_t)image_end & ~UINT64_C(0x1fffff)) + MEMORY_OFFSET);
}

static void on_tick(uint32_t intid, uint32_t iar)
{
	(void)intid;
	(void)iar;
	ticks[cpu_index()]++;
	timer_set_ctl(TIMER_VIRTUAL, TIMER_CTL_ENABLE | TIMER_CTL_MASK);
}

/* One round of one CPU: true if nothing changed that it did not change itself. */
static bool run_round(uint64_t seed, bool shall_sleep)
{
	struct all_regs before;
	struct all_regs after;
	regs_fill(&before, seed);
	/* Interrupts are masked around the system registers: taking one would change ESR, ELR and SPSR. */
	sysreg_fill(seed);
	before.x[0] = SPINS;
	before.sp_el0 = read_sysreg(sp_el0);
	regs_around_spin(&before, &after);
	bool ok = regs_count_changed(&before, &after, 1) == 0;
	ok = sysreg_count_changed(seed) == 0 && ok;
	const uint32_t before_ticks = ticks[cpu_index()];
	timer_start(TIMER_VIRTUAL, ticks_now() + ticks_from_ms(TICK_MS));
	while (shall_sleep && !is_irq_signalled()) {
		regs_fill(&before, ~seed);
		regs_around_wfi(&before, &after);
		ok = regs_count_changed(&before, &after, 0) == 0 && ok;
	}
	irq_enable();
	ok = wait_for(ticks[cpu_index()] != before_ticks, 10000) && ok;
	irq_disable();
	timer_stop(TIMER_VIRTUAL);
	return ok;
}

static void run(void *arg)
{
	(void)arg;
	const unsigned cpu = cpu_index();
	gic_init_cpu();
	gic_set_enabled(timer_intid(TIMER_VIRTUAL), true);
	write_sysreg(cpacr_el1, UINT64_C(3) << 20);
	isb();
	const uint64_t end = ticks_now() + ticks_from_ms(dt_bootarg("run") == 'l' ? LONG_RUN_MS : RUN_MS);
	uint64_t next_note = 0;
	unsigned rounds = 0;
	bool ok = true;
	while (ok && ticks_now() < end) {
		if (ticks_now() >= next_note) {
			report_note("%c %u.%u", (char)identity, cpu, rounds);
			next_note = ticks_now() + ticks_from_ms(NOTE_MS);
		}
		ok = run_round(identity << 32 | cpu << 16 | rounds, rounds % 3 == 2);
		rounds++;
	}
	report(ok && rounds > 3, "%c: cpu %u kept its registers in %u rounds", (char)identity, cpu,
	       rounds);
}

static void fill_memory(void)
{
	volatile uint64_t *const memory = own_memory();
	bool is_clear = true;
	for (uint64_t i = 0; i < MEMORY_WORDS; i++) {
		is_clear = memory[i] == 0 && is_clear;
		memory[i] = i * identity;
	}
	report(is_clear || !is_under_aether(), "%c: memory came without traces of another",
	       (char)identity);
}

static void check_memory(void)
{
	volatile uint64_t *const memory = own_memory();
	uint64_t wrong = 0;
	for (uint64_t i = 0; i < MEMORY_WORDS; i++) {
		wrong += memory[i] != i * identity;
	}
	report_equal(wrong, 0, "%c: memory holds what it put there", (char)identity);
}

void guest_main(void)
{
	identity = (uint64_t)dt_bootarg("id");
	if (identity == 0) {
		identity = 'z';
	}
	fill_memory();
	gic_init();
	irq_set_handler(on_tick);
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		report(smp_start(cpu, run, (void *)0), "%c: cpu %u starts", (char)identity, cpu);
	}
	run((void *)0);
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		report(smp_join(cpu), "%c: cpu %u has ended", (char)identity, cpu);
	}
	check_memory();
}
