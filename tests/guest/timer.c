/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both EL1 timers on every CPU: registers, the moment of the interrupt (never early; late by no more than a loaded
 * host explains), masks, WFI, and counters that agree between CPUs.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/gic.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/timer.h"
#include "guest/lib/trap.h"

#define DELAY_MS 3u
#define LATE_MS 2000u
#define ROUNDS 20u
#define PASSES 500u

static const char *const names[] = {"virtual", "physical"};

static void check_registers(enum timer timer)
{
	const char *name = names[timer];
	timer_stop(timer);
	timer_set_cval(timer, UINT64_C(0x123456789abcdef0));
	report_equal(timer_get_cval(timer), UINT64_C(0x123456789abcdef0), "%s: CVAL keeps 64 bits",
		     name);
	const uint64_t before = timer_count(timer);
	timer_set_tval(timer, -1000);
	const uint64_t after = timer_count(timer);
	const uint64_t cval = timer_get_cval(timer);
	report(cval + 1000 >= before && cval + 1000 <= after, "%s: TVAL is signed and relative",
	       name);
	timer_set_cval(timer, timer_count(timer) + 0x10000000);
	const int32_t left = timer_get_tval(timer);
	report(left > 0 && left <= 0x10000000, "%s: TVAL counts down", name);
	timer_set_cval(timer, 0);
	timer_set_ctl(timer, TIMER_CTL_ENABLE | TIMER_CTL_MASK);
	report_equal(timer_get_ctl(timer), TIMER_CTL_ENABLE | TIMER_CTL_MASK | TIMER_CTL_STATUS,
		     "%s: a time that has passed sets ISTATUS", name);
	timer_set_cval(timer, ~UINT64_C(0));
	report_equal(timer_get_ctl(timer), TIMER_CTL_ENABLE | TIMER_CTL_MASK,
		     "%s: a time to come clears it", name);
	timer_stop(timer);
}

/*
 * A level that has fallen. A hypervisor ties a timer's interrupt to a list register, which keeps it pending until the
 * next exit: reading the pending bit is one.
 */
static bool is_withdrawn(unsigned intid)
{
	return wait_for(!gic_is_pending(intid) && !is_irq_signalled(), 1000);
}

static bool is_in_time(uint64_t due, uint64_t now)
{
	if (now >= due && now <= due + ticks_from_ms(LATE_MS)) {
		return true;
	}
	report_note("cpu %u: due %lu, seen %lu", cpu_index(), due, now);
	return false;
}

/* Polled, with the interrupt masked at the CPU: the level of the timer through the GIC. */
static void check_level(enum timer timer)
{
	const char *name = names[timer];
	const unsigned intid = timer_intid(timer);
	gic_set_enabled(intid, true);
	timer_start(timer, ~UINT64_C(0));
	report(!is_irq_signalled(), "%s: no interrupt before its time", name);
	const uint64_t due = timer_count(timer) + ticks_from_ms(DELAY_MS);
	timer_set_cval(timer, due);
	const bool has_come = wait_for(is_irq_signalled(), 5000);
	report(has_come && is_in_time(due, timer_count(timer)), "%s: an interrupt at its time",
	       name);
	const uint32_t iar = gic_acknowledge();
	report_equal(gic_intid(iar), intid, "%s: it is PPI %u", name, intid - 16);
	gic_end(iar);
	report(wait_for(is_irq_signalled(), 1000), "%s: it stays while the timer is due", name);
	timer_set_ctl(timer, TIMER_CTL_ENABLE | TIMER_CTL_MASK);
	report(is_withdrawn(intid), "%s: IMASK withdraws it", name);
	timer_set_ctl(timer, TIMER_CTL_ENABLE);
	report(wait_for(is_irq_signalled(), 1000), "%s: and lets it through", name);
	timer_set_cval(timer, ~UINT64_C(0));
	report(is_withdrawn(intid), "%s: a later time withdraws it", name);
	gic_set_enabled(intid, false);
	timer_set_cval(timer, 0);
	report(wait_for(gic_is_pending(intid), 1000) && !is_irq_signalled(),
	       "%s: disabled in the GIC it is pending and not signalled", name);
	gic_set_enabled(intid, true);
	report(wait_for(is_irq_signalled(), 1000), "%s: enabled it is signalled", name);
	timer_stop(timer);
	report(is_withdrawn(intid), "%s: a stopped timer signals nothing", name);
}

/* What the handler saw, by CPU and timer. */
static volatile struct {
	uint64_t when;
	uint32_t count;
	bool is_other;
} fired[GUEST_CPU_MAX][2];

static void on_timer(uint32_t intid, uint32_t iar)
{
	(void)iar;
	const unsigned cpu = cpu_index();
	for (unsigned timer = 0; timer < 2; timer++) {
		if (intid == timer_intid((enum timer)timer)) {
			fired[cpu][timer].when = timer_count((enum timer)timer);
			fired[cpu][timer].count++;
			timer_set_ctl((enum timer)timer, 0);
			return;
		}
	}
	fired[cpu][0].is_other = true;
}

/* By vector; every second round the CPU sleeps in WFI until then. */
static void check_vector(enum timer timer)
{
	const unsigned cpu = cpu_index();
	bool ok = true;
	irq_disable();
	for (unsigned round = 0; ok && round < ROUNDS; round++) {
		const uint32_t before = fired[cpu][timer].count;
		const uint64_t due = timer_count(timer) + ticks_from_ms(1);
		timer_start(timer, due);
		while (round % 2 == 1 && !is_irq_signalled()) {
			wfi();
		}
		irq_enable();
		ok = wait_for(fired[cpu][timer].count == before + 1, 5000) &&
		     is_in_time(due, fired[cpu][timer].when);
		irq_disable();
	}
	report(ok && !fired[cpu][0].is_other,
	       "cpu %u: %s timer by vector, spinning and from WFI, %u times", cpu, names[timer],
	       ROUNDS);
}

static void check_both(void)
{
	const unsigned cpu = cpu_index();
	const uint32_t before[] = {fired[cpu][0].count, fired[cpu][1].count};
	timer_start(TIMER_VIRTUAL, timer_count(TIMER_VIRTUAL) + ticks_from_ms(DELAY_MS));
	timer_start(TIMER_PHYSICAL, timer_count(TIMER_PHYSICAL) + ticks_from_ms(DELAY_MS));
	irq_enable();
	const bool ok = wait_for(
		fired[cpu][0].count == before[0] + 1 && fired[cpu][1].count == before[1] + 1, 5000);
	irq_disable();
	report(ok, "cpu %u: both timers at once, each fires once", cpu);
}

static void check_expired_wfi(void)
{
	timer_start(TIMER_VIRTUAL, 0);
	wfi(); /* with an interrupt pending this returns at once, else the guest hangs here */
	report(is_irq_signalled(), "cpu %u: WFI returns when the interrupt is already there",
	       cpu_index());
	timer_stop(TIMER_VIRTUAL);
}

static uint64_t offset_of_cpu[GUEST_CPU_MAX];
static uint64_t frequency_of_cpu[GUEST_CPU_MAX];

/* CNTPCT - CNTVCT, as nearly as two reads can say: the smallest of many. */
static void measure_offset(void)
{
	uint64_t least = ~UINT64_C(0);
	for (unsigned i = 0; i < 100; i++) {
		const uint64_t virtual = timer_count(TIMER_VIRTUAL);
		const uint64_t difference = timer_count(TIMER_PHYSICAL) - virtual;
		least = difference < least ? difference : least;
	}
	offset_of_cpu[cpu_index()] = least;
	frequency_of_cpu[cpu_index()] = read_sysreg(cntfrq_el0);
}

static void on_each_cpu(void *arg)
{
	(void)arg;
	const bool is_off =
		(timer_get_ctl(TIMER_VIRTUAL) & 1) == 0 && (timer_get_ctl(TIMER_PHYSICAL) & 1) == 0;
	report(is_off, "cpu %u: both timers are off when it starts", cpu_index());
	gic_init_cpu();
	gic_set_enabled(timer_intid(TIMER_VIRTUAL), true);
	gic_set_enabled(timer_intid(TIMER_PHYSICAL), true);
	measure_offset();
	check_vector(TIMER_VIRTUAL);
	check_vector(TIMER_PHYSICAL);
	check_both();
	check_expired_wfi();
}

/* Two CPUs hand a time stamp to and fro: neither ever reads less than the other has read before. */
static volatile struct {
	uint64_t stamp;
	uint32_t turn;
	bool went_back;
} pass;

static void pass_stamps(unsigned me)
{
	for (unsigned i = 0; i < PASSES; i++) {
		if (!wait_for(__atomic_load_n(&pass.turn, __ATOMIC_ACQUIRE) == me, 10000)) {
			pass.went_back = true;
			return;
		}
		const uint64_t now = ticks_now();
		if (now < pass.stamp) {
			pass.went_back = true;
		}
		pass.stamp = now;
		__atomic_store_n(&pass.turn, !me, __ATOMIC_RELEASE);
	}
}

static void pass_second(void *arg)
{
	(void)arg;
	pass_stamps(1);
}

static void check_counters(void)
{
	uint64_t last = 0;
	bool ok = true;
	for (unsigned i = 0; i < 10000; i++) {
		const uint64_t now = ticks_now();
		ok = now >= last && ok;
		last = now;
	}
	report(ok, "the counter never goes back on one CPU");
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		const uint64_t a = offset_of_cpu[0];
		const uint64_t b = offset_of_cpu[cpu];
		report(frequency_of_cpu[cpu] == frequency_of_cpu[0] &&
			       (a > b ? a - b : b - a) < ticks_from_ms(5),
		       "cpu %u: same frequency and same virtual offset", cpu);
		pass.stamp = 0;
		pass.turn = 0;
		ok = smp_start(cpu, pass_second, (void *)0);
		if (ok) {
			pass_stamps(0);
		}
		report(ok && smp_join(cpu) && !pass.went_back,
		       "the counter never goes back between cpu 0 and %u", cpu);
	}
}

void guest_main(void)
{
	gic_init();
	check_registers(TIMER_VIRTUAL);
	check_registers(TIMER_PHYSICAL);
	check_level(TIMER_VIRTUAL);
	check_level(TIMER_PHYSICAL);
	irq_set_handler(on_timer);
	on_each_cpu((void *)0);
	/* One after the other, then all at once. */
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		report(smp_start(cpu, on_each_cpu, (void *)0) && smp_join(cpu), "cpu %u has ended",
		       cpu);
	}
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		smp_start(cpu, on_each_cpu, (void *)0);
	}
	if (cpu_count() > 1) {
		on_each_cpu((void *)0);
	}
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		report(smp_join(cpu), "cpu %u has ended again", cpu);
	}
	check_counters();
}
