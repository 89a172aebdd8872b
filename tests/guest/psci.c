/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSCI 1.1 (DEN0022): every call, every answer that the specification knows for it, and races of several CPUs for
 * one target. QEMU's own PSCI, on which this runs bare, has neither SYSTEM_RESET2 nor address checks, takes SMC as
 * undefined, and does not know ON_PENDING (a target is "off" until it runs, so that two CPU_ON can both win); what it
 * lacks is asked of our hypervisor only.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/dt.h"
#include "guest/lib/gic.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/timer.h"
#include "guest/lib/trap.h"
#include "guest/psci_smccc.h"

#define RACE_ROUNDS 25u
#define CYCLE_ROUNDS 25u
#define SCTLR_M_C UINT64_C(0x5)

static void nothing(void *arg)
{
	(void)arg;
}

static void spin_until(void *arg)
{
	volatile bool *const flag = arg;
	while (!*flag) {
	}
}

static const struct {
	uint32_t id;
	const char *name;
	bool is_ours_only; /* QEMU's PSCI lacks it */
} present[] = {
	{PSCI_VERSION, "VERSION", false},
	{PSCI_CPU_SUSPEND, "CPU_SUSPEND", false},
	{PSCI_CPU_SUSPEND_64, "CPU_SUSPEND_64", false},
	{PSCI_CPU_OFF, "CPU_OFF", false},
	{PSCI_CPU_ON, "CPU_ON", false},
	{PSCI_CPU_ON_64, "CPU_ON_64", false},
	{PSCI_AFFINITY_INFO, "AFFINITY_INFO", false},
	{PSCI_AFFINITY_INFO_64, "AFFINITY_INFO_64", false},
	{PSCI_MIGRATE_INFO_TYPE, "MIGRATE_INFO_TYPE", false},
	{PSCI_SYSTEM_OFF, "SYSTEM_OFF", false},
	{PSCI_SYSTEM_RESET, "SYSTEM_RESET", false},
	{PSCI_FEATURES, "FEATURES", false},
	{SMCCC_VERSION, "SMCCC_VERSION", true},
	{PSCI_SYSTEM_RESET2, "SYSTEM_RESET2", true},
	{PSCI_SYSTEM_RESET2_64, "SYSTEM_RESET2_64", true},
};

static bool is_present(uint32_t id)
{
	for (unsigned i = 0; i < sizeof(present) / sizeof(present[0]); i++) {
		if (present[i].id == id) {
			return true;
		}
	}
	return false;
}

/* FEATURES tells the truth both ways: what is there is announced, what is not announced is not there. */
static void check_features(void)
{
	for (unsigned i = 0; i < sizeof(present) / sizeof(present[0]); i++) {
		if (!present[i].is_ours_only || is_under_aether()) {
			report(psci_call(PSCI_FEATURES, present[i].id, 0, 0) >= 0, "FEATURES(%s)",
			       present[i].name);
		}
	}
	unsigned announced = 0;
	unsigned answered = 0;
	for (uint32_t n = 0; n < 0x40; n++) {
		for (uint32_t base = PSCI_VERSION; base != 0;
		     base = base == PSCI_VERSION ? PSCI_VERSION | SMCCC_64 : 0) {
			const uint32_t id = base + n;
			if (is_present(id)) {
				continue;
			}
			const bool is_announced =
				psci_call(PSCI_FEATURES, id, 0, 0) != PSCI_NOT_SUPPORTED;
			const bool is_answered = psci_call(id, 0, 0, 0) != PSCI_NOT_SUPPORTED;
			if (is_announced || is_answered) {
				report_note("id 0x%x: announced %d, answered %d", id, is_announced,
					    is_answered);
			}
			announced += is_announced;
			answered += is_answered;
		}
	}
	report_equal(announced, 0, "FEATURES announces nothing that is not in the table");
	report_equal(answered, 0, "what is not announced is NOT_SUPPORTED");
}

static void check_constants(void)
{
	report_equal((uint32_t)psci_call(PSCI_VERSION, 0, 0, 0), PSCI_VERSION_1_1,
		     "VERSION is 1.1");
	report_equal((uint32_t)psci_call(PSCI_MIGRATE_INFO_TYPE, 0, 0, 0), PSCI_TOS_NOT_PRESENT_MP,
		     "MIGRATE_INFO_TYPE: no Trusted OS to migrate");
	report(psci_call(PSCI_MIGRATE, 0, 0, 0) == PSCI_NOT_SUPPORTED, "MIGRATE is NOT_SUPPORTED");
	report(psci_call(PSCI_MIGRATE_INFO_UP_CPU_64, 0, 0, 0) == PSCI_NOT_SUPPORTED,
	       "MIGRATE_INFO_UP_CPU is NOT_SUPPORTED");
}

static void check_cpu_on_arguments(void)
{
	static const uint64_t absent[] = {GUEST_CPU_MAX, 0x100, 0x10000, 0xffffff,
					  UINT64_C(1) << 32};
	const uint64_t entry = (uint64_t)smp_entry;
	for (unsigned i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		report(psci_call(PSCI_CPU_ON_64, absent[i], entry, 0) == PSCI_INVALID_PARAMETERS,
		       "CPU_ON of MPIDR 0x%lx is INVALID_PARAMETERS", absent[i]);
	}
	report(psci_call(PSCI_CPU_ON_64, cpu_count(), entry, 0) == PSCI_INVALID_PARAMETERS,
	       "CPU_ON of the first index that does not exist is INVALID_PARAMETERS");
	report(psci_call(PSCI_CPU_ON_64, 0, entry, 0) == PSCI_ALREADY_ON,
	       "CPU_ON of itself is ALREADY_ON");
	report(psci_call(PSCI_CPU_ON, 0, entry, 0) == PSCI_ALREADY_ON, "the same by the 32-bit id");
	if (!is_under_aether() || cpu_count() == 1) {
		return;
	}
	const uint64_t outside[] = {0,
				    dt_ram_base() - 4,
				    0x09000000,
				    dt_ram_base() + dt_ram_bytes(),
				    UINT64_C(1) << 40,
				    ~UINT64_C(3)};
	for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		report(psci_call(PSCI_CPU_ON_64, 1, outside[i], 0) == PSCI_INVALID_ADDRESS,
		       "CPU_ON at 0x%lx is INVALID_ADDRESS", outside[i]);
	}
	report(psci_call(PSCI_AFFINITY_INFO_64, 1, 0, 0) == PSCI_AFFINITY_OFF,
	       "the target of a refused CPU_ON is still off");
}

static void check_affinity_info(void)
{
	report(psci_call(PSCI_AFFINITY_INFO_64, 0, 0, 0) == PSCI_AFFINITY_ON,
	       "AFFINITY_INFO: this CPU is on");
	report(psci_call(PSCI_AFFINITY_INFO, 0, 0, 0) == PSCI_AFFINITY_ON,
	       "the same by the 32-bit id");
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		report(psci_call(PSCI_AFFINITY_INFO_64, cpu, 0, 0) == PSCI_AFFINITY_OFF,
		       "AFFINITY_INFO: cpu %u is off", cpu);
	}
	report(psci_call(PSCI_AFFINITY_INFO_64, 0, 1, 0) == PSCI_AFFINITY_ON,
	       "AFFINITY_INFO of level 1: a CPU of that cluster is on");
	report(psci_call(PSCI_AFFINITY_INFO_64, cpu_count(), 0, 0) == PSCI_INVALID_PARAMETERS,
	       "AFFINITY_INFO of no CPU is INVALID_PARAMETERS");
	if (is_under_aether()) {
		report(psci_call(PSCI_AFFINITY_INFO_64, 0, 4, 0) == PSCI_INVALID_PARAMETERS,
		       "AFFINITY_INFO of level 4 is INVALID_PARAMETERS");
	}
}

static void check_entry_state(unsigned cpu, const struct smp_slot *slot)
{
	report_equal(slot->x0, (uint64_t)slot, "cpu %u: x0 is the context identifier", cpu);
	report_equal(slot->current_el, 4, "cpu %u: EL1", cpu);
	report(slot->spsel == 1 && (slot->daif & 0x3c0) == 0x3c0 && (slot->sctlr & SCTLR_M_C) == 0,
	       "cpu %u: own stack pointer, D A I F masked, MMU and cache off", cpu);
	report_equal(slot->mpidr, UINT64_C(0x80000000) | cpu, "cpu %u: MPIDR_EL1", cpu);
	if (is_under_aether()) {
		report_equal(slot->x1, 0, "cpu %u: x1 holds nothing of anybody else", cpu);
	}
}

static void check_pending(unsigned cpu)
{
	const int32_t early = psci_call(PSCI_AFFINITY_INFO_64, cpu, 0, 0);
	report(early == PSCI_AFFINITY_ON || early == PSCI_AFFINITY_ON_PENDING,
	       "cpu %u is on or pending at once", cpu);
	const int32_t again = psci_call(PSCI_CPU_ON_64, cpu, (uint64_t)smp_entry, 0);
	report(again == PSCI_ALREADY_ON || again == PSCI_ON_PENDING,
	       "a second CPU_ON is ALREADY_ON or ON_PENDING");
}

static void check_cpu_on(void)
{
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		volatile bool may_end = false;
		report(smp_start(cpu, spin_until, (void *)(uintptr_t)&may_end), "CPU_ON of cpu %u",
		       cpu);
		if (is_under_aether()) {
			check_pending(cpu);
		}
		report(wait_for(__atomic_load_n(&smp_slot_of(cpu)->has_arrived, __ATOMIC_ACQUIRE),
				10000),
		       "cpu %u runs", cpu);
		report(psci_call(PSCI_AFFINITY_INFO_64, cpu, 0, 0) == PSCI_AFFINITY_ON,
		       "AFFINITY_INFO: cpu %u is on", cpu);
		report(psci_call(PSCI_CPU_ON_64, cpu, (uint64_t)smp_entry, 0) == PSCI_ALREADY_ON,
		       "CPU_ON of a running CPU is ALREADY_ON");
		check_entry_state(cpu, smp_slot_of(cpu));
		may_end = true;
		report(smp_join(cpu), "CPU_OFF: cpu %u is off", cpu);
	}
}

static void check_cycles(void)
{
	bool ok = true;
	for (unsigned round = 0; round < CYCLE_ROUNDS; round++) {
		for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
			ok = ok && smp_start(cpu, nothing, (void *)0);
		}
		for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
			ok = ok && smp_join(cpu) && smp_slot_of(cpu)->has_arrived;
		}
	}
	if (cpu_count() > 1) {
		report(ok, "every CPU goes on and off %u times", CYCLE_ROUNDS);
	}
}

static struct {
	volatile bool go;
	volatile uint32_t ready;
	volatile uint32_t entered;
	volatile int32_t answer[2];
} race;

static void race_target(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&race.entered, 1, __ATOMIC_SEQ_CST);
}

static void racer(void *arg)
{
	const unsigned number = (unsigned)(uintptr_t)arg;
	__atomic_add_fetch(&race.ready, 1, __ATOMIC_SEQ_CST);
	while (!race.go) {
	}
	race.answer[number] = psci_call(PSCI_CPU_ON_64, cpu_count() - 1, (uint64_t)smp_entry,
					(uint64_t)smp_slot_of(cpu_count() - 1));
}

static bool race_once(void)
{
	const unsigned target = cpu_count() - 1;
	race.go = false;
	race.ready = 0;
	race.entered = 0;
	*smp_slot_of(target) = (struct smp_slot){.run = race_target};
	dsb();
	if (!smp_start(1, racer, (void *)0) || !smp_start(2, racer, (void *)1) ||
	    !wait_for(race.ready == 2, 10000)) {
		return false;
	}
	race.go = true;
	const bool has_ended = smp_join(1) && smp_join(2) && wait_for(race.entered != 0, 10000) &&
			       smp_join(target);
	const int32_t a = race.answer[0];
	const int32_t b = race.answer[1];
	const bool is_a_winner = a == PSCI_SUCCESS;
	const int32_t loser = is_a_winner ? b : a;
	/* A third answer is right too: the target came on, went off, and the slower CPU_ON won again. */
	const bool is_twice = a == PSCI_SUCCESS && b == PSCI_SUCCESS && race.entered == 2;
	const bool is_once = (is_a_winner || b == PSCI_SUCCESS) && race.entered == 1 &&
			     (loser == PSCI_ALREADY_ON || loser == PSCI_ON_PENDING);
	if (!has_ended || !(is_once || is_twice)) {
		report_note("answers %d and %d, entered %u times", a, b, race.entered);
		return false;
	}
	return true;
}

static void check_race(void)
{
	if (cpu_count() < 4 || !is_under_aether()) {
		return;
	}
	bool ok = true;
	for (unsigned round = 0; ok && round < RACE_ROUNDS; round++) {
		ok = race_once();
	}
	report(ok, "two CPUs race CPU_ON on a third: one wins");
}

static void check_suspend(void)
{
	gic_init();
	gic_set_enabled(timer_intid(TIMER_VIRTUAL), true);
	for (unsigned i = 0; i < 2; i++) {
		const uint64_t due = ticks_now() + ticks_from_ms(20);
		timer_start(TIMER_VIRTUAL, due);
		const int32_t answer = psci_call(i == 0 ? PSCI_CPU_SUSPEND_64 : PSCI_CPU_SUSPEND, 0,
						 (uint64_t)smp_entry, 0);
		const uint64_t woke = ticks_now();
		report(answer == PSCI_SUCCESS && woke >= due && is_irq_signalled(),
		       "CPU_SUSPEND (%u bits) to standby until the timer", i == 0 ? 64 : 32);
		timer_stop(TIMER_VIRTUAL);
		/* The pending bit is read because that exit lets a hypervisor see that the level has fallen. */
		wait_for(!gic_is_pending(timer_intid(TIMER_VIRTUAL)) && !is_irq_signalled(), 1000);
	}
	report(psci_call(PSCI_CPU_SUSPEND_64, 0x80000000, (uint64_t)smp_entry, 0) ==
		       PSCI_INVALID_PARAMETERS,
	       "CPU_SUSPEND with a reserved bit is INVALID_PARAMETERS");
	gic_set_enabled(timer_intid(TIMER_VIRTUAL), false);
}

/* The part that the boot CPU runs after it has been off and was started by another. */
static volatile bool is_last_spin_over;

static void after_return(void *arg)
{
	(void)arg;
	report(true, "the boot CPU went off and cpu 1 started it again");
	check_entry_state(0, smp_slot_of(0));
	report(smp_join(1), "cpu 1 is off");
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++) {
		smp_start(cpu, spin_until, (void *)(uintptr_t)&is_last_spin_over);
	}
	report_note("SYSTEM_OFF while %u CPUs spin", cpu_count() - 1);
	report_finish();
}

static void start_boot_cpu(void *arg)
{
	(void)arg;
	if (!wait_for(psci_call(PSCI_AFFINITY_INFO_64, 0, 0, 0) == PSCI_AFFINITY_OFF, 10000) ||
	    !smp_start(0, after_return, (void *)0)) {
		report_abort("cpu 1 could not start the boot CPU");
	}
}

void guest_main(void)
{
	check_constants();
	check_features();
	check_smccc();
	check_trng();
	check_cpu_on_arguments();
	check_affinity_info();
	check_cpu_on();
	check_cycles();
	check_race();
	check_suspend();
	if (cpu_count() > 1) {
		smp_start(1, start_boot_cpu, (void *)0);
		psci_call(PSCI_CPU_OFF, 0, 0, 0);
		report(false, "CPU_OFF returned");
	}
}
