/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-hosted debug registers and the performance monitors (Arm ARM D2, D13): switched for the vCPUs that use them.
 * A vCPU starts without; its first access traps, grants them, and is run again on the real registers.
 */
#include "arch/sysreg.h"
#include "arch/vcpu_state.h"
#include "core/hal.h"
#include "core/sysreg.h"
#include "lib/bits.h"
#include "lib/string.h"

/* Calls one of sixteen numbered register accesses; the number is part of the instruction. */
#define EACH_16(DO)                                                                                \
	DO(0)                                                                                      \
	DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14)   \
		DO(15)

static unsigned breakpoint_count(void)
{
	return (unsigned)FIELD_GET(BITS(15, 12), read_sysreg(id_aa64dfr0_el1)) + 1;
}

static unsigned watchpoint_count(void)
{
	return (unsigned)FIELD_GET(BITS(23, 20), read_sysreg(id_aa64dfr0_el1)) + 1;
}

static bool has_pmu(void)
{
	const uint64_t version = FIELD_GET(BITS(11, 8), read_sysreg(id_aa64dfr0_el1));
	return version != 0 && version != 0xf;
}

static unsigned pmu_counter_count(void)
{
	return has_pmu() ? (unsigned)FIELD_GET(BITS(15, 11), read_sysreg(pmcr_el0)) : 0;
}

void debug_state_reset(struct arch_vcpu *arch)
{
	arch->debug.is_os_locked = true; /* OSLSR_EL1.OSLK resets to 1 */
}

uint64_t debug_state_mdcr(const struct arch_vcpu *arch)
{
	uint64_t mdcr = pmu_counter_count() | MDCR_EL2_TDRA | MDCR_EL2_TPMS | MDCR_EL2_HPMD |
			MDCR_EL2_TTRF | MDCR_EL2_HCCD;
	if (!arch->has_debug) {
		mdcr |= MDCR_EL2_TDA | MDCR_EL2_TDOSA;
	}
	if (!arch->has_pmu) {
		mdcr |= MDCR_EL2_TPM | MDCR_EL2_TPMCR;
	}
	return mdcr;
}

void debug_state_save(struct arch_debug *debug)
{
	const unsigned breakpoints = breakpoint_count();
	const unsigned watchpoints = watchpoint_count();
#define SAVE(n)                                                                                    \
	if ((n) < breakpoints) {                                                                   \
		debug->bvr[n] = read_sysreg(dbgbvr##n##_el1);                                      \
		debug->bcr[n] = read_sysreg(dbgbcr##n##_el1);                                      \
		write_sysreg(dbgbcr##n##_el1, 0);                                                  \
	}                                                                                          \
	if ((n) < watchpoints) {                                                                   \
		debug->wvr[n] = read_sysreg(dbgwvr##n##_el1);                                      \
		debug->wcr[n] = read_sysreg(dbgwcr##n##_el1);                                      \
		write_sysreg(dbgwcr##n##_el1, 0);                                                  \
	}
	EACH_16(SAVE)
#undef SAVE
	debug->mdccint = read_sysreg(mdccint_el1);
	debug->is_os_locked = (read_sysreg(oslsr_el1) & BIT(1)) != 0;
	debug->claim = read_sysreg(dbgclaimclr_el1);
}

void debug_state_restore(const struct arch_debug *debug)
{
	const unsigned breakpoints = breakpoint_count();
	const unsigned watchpoints = watchpoint_count();
#define RESTORE(n)                                                                                 \
	if ((n) < breakpoints) {                                                                   \
		write_sysreg(dbgbvr##n##_el1, debug->bvr[n]);                                      \
		write_sysreg(dbgbcr##n##_el1, debug->bcr[n]);                                      \
	}                                                                                          \
	if ((n) < watchpoints) {                                                                   \
		write_sysreg(dbgwvr##n##_el1, debug->wvr[n]);                                      \
		write_sysreg(dbgwcr##n##_el1, debug->wcr[n]);                                      \
	}
	EACH_16(RESTORE)
#undef RESTORE
	write_sysreg(mdccint_el1, debug->mdccint);
	write_sysreg(dbgclaimclr_el1, 0xff);
	write_sysreg(dbgclaimset_el1, debug->claim);
	write_sysreg(osdlr_el1, 0); /* the double lock does not outlast a switch */
	write_sysreg(oslar_el1, debug->is_os_locked ? 1 : 0);
	isb();
}

/* Event counters are reached by number through PMSELR_EL0. */
static void select_counter(unsigned n)
{
	write_sysreg(pmselr_el0, n);
	isb();
}

void pmu_state_save(struct arch_pmu *pmu)
{
	const unsigned count = pmu_counter_count();
	pmu->pmcr = read_sysreg(pmcr_el0);
	write_sysreg(pmcr_el0, 0); /* everything stands still while it is read */
	isb();
	pmu->cnten = read_sysreg(pmcntenset_el0);
	pmu->inten = read_sysreg(pmintenset_el1);
	pmu->ovs = read_sysreg(pmovsset_el0);
	pmu->selr = read_sysreg(pmselr_el0);
	pmu->userenr = read_sysreg(pmuserenr_el0);
	pmu->ccntr = read_sysreg(pmccntr_el0);
	pmu->ccfiltr = read_sysreg(pmccfiltr_el0);
	for (unsigned i = 0; i < count; i++) {
		select_counter(i);
		pmu->evcntr[i] = read_sysreg(pmxevcntr_el0);
		pmu->evtyper[i] = read_sysreg(pmxevtyper_el0);
	}
	write_sysreg(pmcntenclr_el0, UINT32_MAX);
	write_sysreg(pmintenclr_el1, UINT32_MAX);
	write_sysreg(pmovsclr_el0, UINT32_MAX);
	write_sysreg(pmuserenr_el0, 0);
}

void pmu_state_restore(const struct arch_pmu *pmu)
{
	const unsigned count = pmu_counter_count();
	for (unsigned i = 0; i < count; i++) {
		select_counter(i);
		write_sysreg(pmxevcntr_el0, pmu->evcntr[i]);
		write_sysreg(pmxevtyper_el0, pmu->evtyper[i]);
	}
	write_sysreg(pmccntr_el0, pmu->ccntr);
	write_sysreg(pmccfiltr_el0, pmu->ccfiltr);
	write_sysreg(pmselr_el0, pmu->selr);
	write_sysreg(pmuserenr_el0, pmu->userenr);
	write_sysreg(pmcntenclr_el0, UINT32_MAX);
	write_sysreg(pmintenclr_el1, UINT32_MAX);
	write_sysreg(pmovsclr_el0, UINT32_MAX);
	write_sysreg(pmovsset_el0, pmu->ovs);
	write_sysreg(pmintenset_el1, pmu->inten);
	write_sysreg(pmcntenset_el0, pmu->cnten);
	write_sysreg(pmcr_el0, pmu->pmcr);
}

void vcpu_grant_debug(struct vcpu *vcpu)
{
	vcpu->arch->has_debug = true;
	debug_state_restore(&vcpu->arch->debug);
	write_sysreg(mdcr_el2, debug_state_mdcr(vcpu->arch));
	isb();
}

void vcpu_grant_pmu(struct vcpu *vcpu)
{
	vcpu->arch->has_pmu = has_pmu();
	if (vcpu->arch->has_pmu) {
		pmu_state_restore(&vcpu->arch->pmu);
	}
	write_sysreg(mdcr_el2, debug_state_mdcr(vcpu->arch));
	isb();
}
