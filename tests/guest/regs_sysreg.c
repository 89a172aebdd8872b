/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System registers that a hypervisor has to keep apart for each vCPU, identification registers, and whether the two
 * agree. Registers are named by encoding where an assembler for Armv8.0 does not know the name.
 */
#include "guest/regs_sysreg.h"

#include <stddef.h>

#include "guest/lib/cpu.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"
#include "guest/lib/uart.h"

/* X(name, bits that every CPU keeps as written) */
#define KEPT_SYSREGS(X)                                                                            \
	X(tpidr_el0, ~UINT64_C(0))                                                                 \
	X(tpidrro_el0, ~UINT64_C(0))                                                               \
	X(tpidr_el1, ~UINT64_C(0))                                                                 \
	X(contextidr_el1, UINT64_C(0xffffffff))                                                    \
	X(far_el1, ~UINT64_C(0))                                                                   \
	X(elr_el1, ~UINT64_C(0))                                                                   \
	X(esr_el1, UINT64_C(0xffffffff))                                                           \
	X(spsr_el1, UINT64_C(0xf0000000))                                                          \
	X(sp_el0, ~UINT64_C(0))                                                                    \
	X(par_el1, UINT64_C(0xfffff000))                                                           \
	X(ttbr1_el1, UINT64_C(0x00000ffffffff000))                                                 \
	X(csselr_el1, UINT64_C(0x1))                                                               \
	X(cntkctl_el1, UINT64_C(0x303))                                                            \
	X(cntv_cval_el0, ~UINT64_C(0))                                                             \
	X(cntp_cval_el0, ~UINT64_C(0))                                                             \
	X(mdscr_el1, UINT64_C(0x1000))                                                             \
	X(dbgbvr0_el1, UINT64_C(0x0000fffffffffffc))                                               \
	X(dbgbvr1_el1, UINT64_C(0x0000fffffffffffc))                                               \
	X(dbgwvr0_el1, UINT64_C(0x0000fffffffffffc))                                               \
	X(dbgwvr1_el1, UINT64_C(0x0000fffffffffffc))                                               \
	X(pmuserenr_el0, UINT64_C(0xf))                                                            \
	X(pmselr_el0, UINT64_C(0x3))                                                               \
	X(pmccntr_el0, UINT64_C(0xffffffff))                                                       \
	X(pmintenset_el1, UINT64_C(0))

struct kept {
	const char *name;
	uint64_t mask;
	uint64_t (*read)(void);
	void (*write)(uint64_t value);
};

#define X(name, mask)                                                                              \
	static uint64_t read_##name(void)                                                          \
	{                                                                                          \
		return read_sysreg(name);                                                          \
	}                                                                                          \
	static void write_##name(uint64_t value)                                                   \
	{                                                                                          \
		write_sysreg(name, value);                                                         \
	}
KEPT_SYSREGS(X)
#undef X

static const struct kept kept[] = {
#define X(name, mask) {#name, mask, read_##name, write_##name},
	KEPT_SYSREGS(X)
#undef X
};
#define KEPT_COUNT (sizeof(kept) / sizeof(kept[0]))

static uint64_t pattern(uint64_t seed, unsigned i)
{
	return ((seed + i) * UINT64_C(0x9e3779b97f4a7c15) ^ UINT64_C(0x00005a5a5a5a5a5a)) &
	       kept[i].mask;
}

static bool has_pmu(void)
{
	const uint64_t version = read_sysreg(id_aa64dfr0_el1) >> 8 & 0xf;
	return version != 0 && version != 0xf;
}

static bool is_usable(unsigned i)
{
	return kept[i].name[0] != 'p' || kept[i].name[1] != 'm' || has_pmu();
}

void sysreg_fill(uint64_t seed)
{
	for (unsigned i = 0; i < KEPT_COUNT; i++) {
		if (is_usable(i)) {
			kept[i].write(pattern(seed, i));
		}
	}
	isb();
}

unsigned sysreg_count_changed(uint64_t seed)
{
	unsigned count = 0;
	for (unsigned i = 0; i < KEPT_COUNT; i++) {
		const uint64_t value =
			is_usable(i) ? kept[i].read() & kept[i].mask : pattern(seed, i);
		if (value != pattern(seed, i) && count++ == 0) {
			report_note("%s: 0x%lx became 0x%lx", kept[i].name, pattern(seed, i),
				    value);
		}
	}
	return count;
}

/* No exception may come in between: it would change ESR, ELR, SPSR and FAR by itself. */
bool sysreg_check(uint64_t seed, bool is_reported)
{
	sysreg_fill(seed);
	const unsigned at_once = sysreg_count_changed(seed);
	unsigned later = 0;
	for (unsigned i = 0; i < 200; i++) {
		psci_call(PSCI_VERSION, 0, 0, 0);
		(void)uart_read(UART_FR);
		later += sysreg_count_changed(seed);
	}
	sysreg_fill(0);
	write_sysreg(cntkctl_el1, 0);
	write_sysreg(mdscr_el1, 0);
	write_sysreg(csselr_el1, 0);
	if (is_reported) {
		report_equal(at_once, 0, "%u system registers keep what is written",
			     (unsigned)KEPT_COUNT);
		report_equal(later, 0, "and keep it over exits");
	}
	return at_once + later == 0;
}

/* One feature: where it is announced (field of an identification register, least value), how to use it. */
struct feature {
	const char *name;
	uint64_t (*id)(void);
	unsigned shift;
	unsigned least;
	void (*use)(void);
};

#define ID_READER(name)                                                                            \
	static uint64_t id_##name(void)                                                            \
	{                                                                                          \
		return read_sysreg(name##_el1);                                                    \
	}
ID_READER(id_aa64pfr0)
ID_READER(id_aa64pfr1)
ID_READER(id_aa64dfr0)
ID_READER(id_aa64isar0)
ID_READER(id_aa64mmfr1)
ID_READER(id_aa64mmfr2)

/* Address or generic authentication by any algorithm: ISAR1.APA, API, GPA, GPI; one field is as good as another. */
static uint64_t id_pauth(void)
{
	const uint64_t isar1 = read_sysreg(id_aa64isar1_el1);
	const uint64_t isar2 = read_sysreg(S3_0_C0_C6_2);
	return (isar1 & UINT64_C(0xff000ff0)) != 0 || (isar2 & 0xff00) != 0;
}

#define USE_READ(what, name)                                                                       \
	static void use_##what(void)                                                               \
	{                                                                                          \
		(void)read_sysreg(name);                                                           \
	}
USE_READ(sve, S3_0_C1_C2_0) /* ZCR_EL1 */
USE_READ(sme, S3_3_C4_C2_2) /* SVCR */
USE_READ(mte, S3_0_C1_C0_6) /* GCR_EL1 */
USE_READ(pauth, S3_0_C2_C1_0) /* APIAKeyLo_EL1 */
USE_READ(pmu, pmcr_el0)
USE_READ(rndr, S3_3_C2_C4_0)
USE_READ(lor, S3_0_C10_C4_3) /* LORC_EL1 */
USE_READ(ras, S3_0_C5_C3_0) /* ERRIDR_EL1 */
USE_READ(pan, S3_0_C4_C2_3)
USE_READ(uao, S3_0_C4_C2_4)
USE_READ(spe, S3_0_C9_C9_0) /* PMSCR_EL1 */
USE_READ(trf, S3_0_C1_C2_1) /* TRFCR_EL1 */
USE_READ(icc, S3_0_C12_C12_5) /* ICC_SRE_EL1 */
USE_READ(trace, S2_1_C0_C8_7) /* TRCIDR0 */
USE_READ(csv2, S3_0_C13_C0_7) /* SCXTNUM_EL1 */
USE_READ(amu, S3_3_C13_C2_0) /* AMCR_EL0 */
USE_READ(mpam, S3_0_C10_C5_0) /* MPAM1_EL1 */

static const struct feature features[] = {
	{"SVE", id_id_aa64pfr0, 32, 1, use_sve},
	{"RAS", id_id_aa64pfr0, 28, 1, use_ras},
	{"the GIC's system registers", id_id_aa64pfr0, 24, 1, use_icc},
	{"AMU", id_id_aa64pfr0, 44, 1, use_amu},
	{"MPAM", id_id_aa64pfr0, 40, 1, use_mpam},
	{"CSV2_2", id_id_aa64pfr0, 56, 2, use_csv2},
	{"MTE", id_id_aa64pfr1, 8, 2, use_mte},
	{"SME", id_id_aa64pfr1, 24, 1, use_sme},
	{"PMU", id_id_aa64dfr0, 8, 1, use_pmu},
	{"trace registers", id_id_aa64dfr0, 4, 1, use_trace},
	{"SPE", id_id_aa64dfr0, 32, 1, use_spe},
	{"self-hosted trace", id_id_aa64dfr0, 40, 1, use_trf},
	{"RNDR", id_id_aa64isar0, 60, 1, use_rndr},
	{"PAuth", id_pauth, 0, 1, use_pauth},
	{"LOR", id_id_aa64mmfr1, 16, 1, use_lor},
	{"PAN", id_id_aa64mmfr1, 20, 1, use_pan},
	{"UAO", id_id_aa64mmfr2, 4, 1, use_uao},
};

void sysreg_check_features(void)
{
	/* ZEN, FPEN, SMEN: no trap of our own. */
	write_sysreg(cpacr_el1, UINT64_C(0x3330000));
	isb();
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		const struct feature *const feature = &features[i];
		const uint64_t value = feature->id() >> feature->shift & 0xf;
		const bool is_announced = value >= feature->least && value != 0xf;
		trap_expect();
		feature->use();
		const struct trap_record record = trap_taken();
		const bool is_undefined = record.count == 1 && ESR_EC(record.esr) == ESR_EC_UNKNOWN;
		report(is_announced ? record.count == 0 : is_undefined, "%s is %s", feature->name,
		       is_announced ? "announced and there" : "not announced and undefined");
		if (record.count != 0 && is_announced == is_undefined) {
			report_note("esr 0x%lx", record.esr);
		}
	}
}

/* regs_switch.S: a NOP, which may be skipped, and a return. */
void break_here(void);

static void check_breakpoint(void)
{
	write_sysreg(S2_0_C1_C0_4, 0); /* OSLAR_EL1: unlocked */
	write_sysreg(dbgbvr0_el1, (uint64_t)(uintptr_t)break_here);
	write_sysreg(dbgbcr0_el1, UINT64_C(0x1e3)); /* linked to nothing, any byte, EL1, on */
	write_sysreg(mdscr_el1, UINT64_C(0xa000)); /* MDE, KDE */
	isb();
	trap_expect();
	__asm__ volatile("msr daifclr, #8" ::: "memory");
	psci_call(PSCI_VERSION, 0, 0, 0);
	break_here();
	__asm__ volatile("msr daifset, #8" ::: "memory");
	const struct trap_record record = trap_taken();
	write_sysreg(mdscr_el1, 0);
	write_sysreg(dbgbcr0_el1, 0);
	isb();
	report(record.count == 1 && ESR_EC(record.esr) == 0x31 &&
		       record.elr == (uint64_t)(uintptr_t)break_here,
	       "a hardware breakpoint fires after an exit");
}

void sysreg_check_debug(void)
{
	const uint64_t dfr0 = read_sysreg(id_aa64dfr0_el1);
	report((dfr0 & 0xf) >= 6, "debug architecture %lu, %lu breakpoints, %lu watchpoints",
	       dfr0 & 0xf, (dfr0 >> 12 & 0xf) + 1, (dfr0 >> 20 & 0xf) + 1);
	check_breakpoint();
	trap_expect();
	__asm__ volatile("brk #0x123");
	const struct trap_record record = trap_taken();
	report(record.count == 1 && ESR_EC(record.esr) == 0x3c && (record.esr & 0xffff) == 0x123,
	       "BRK is the guest's own");
	if (!has_pmu()) {
		return;
	}
	write_sysreg(pmcr_el0, UINT64_C(0x45)); /* enable, reset the cycle counter, 64 bits */
	write_sysreg(pmcntenset_el0, UINT64_C(0x80000000));
	isb();
	const uint64_t first = read_sysreg(pmccntr_el0);
	const bool is_counting = wait_for(read_sysreg(pmccntr_el0) != first, 1000);
	write_sysreg(pmcntenclr_el0, UINT64_C(0x80000000));
	write_sysreg(pmcr_el0, 0);
	report(is_counting, "the cycle counter counts");
}

void sysreg_print_ids(void)
{
#define PRINT(name) report_note("id %s 0x%lx", #name, read_sysreg(name));
#define PRINT_8(crm)                                                                               \
	PRINT(S3_0_C0_C##crm##_0)                                                                  \
	PRINT(S3_0_C0_C##crm##_1)                                                                  \
	PRINT(S3_0_C0_C##crm##_2)                                                                  \
	PRINT(S3_0_C0_C##crm##_3)                                                                  \
	PRINT(S3_0_C0_C##crm##_4)                                                                  \
	PRINT(S3_0_C0_C##crm##_5)                                                                  \
	PRINT(S3_0_C0_C##crm##_6)                                                                  \
	PRINT(S3_0_C0_C##crm##_7)
	PRINT(midr_el1)
	PRINT(mpidr_el1)
	PRINT(revidr_el1)
	PRINT(aidr_el1)
	PRINT(ctr_el0)
	PRINT(dczid_el0)
	PRINT(clidr_el1)
	PRINT_8(1)
	PRINT_8(2)
	PRINT_8(3)
	PRINT_8(4)
	PRINT_8(5)
	PRINT_8(6)
	PRINT_8(7)
	for (uint64_t level = 0; level < 4; level++) {
		write_sysreg(csselr_el1, level);
		isb();
		report_note("id ccsidr_el1.%lu 0x%lx", level, read_sysreg(ccsidr_el1));
	}
#undef PRINT_8
#undef PRINT
}
