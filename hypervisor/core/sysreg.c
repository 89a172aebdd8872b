/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is trapped, and the answer. One default: what no rule names is undefined at EL1, as on a CPU without it.
 * That is the answer for the registers of features that are hidden, for implementation defined ones
 * (HCR_EL2.TIDCP), and for every encoding that somebody will invent.
 *
 * The value of a physical address never leaks: MDRAR_EL1 says that there is no memory-mapped debug ROM.
 *
 * Debug and PMU registers are granted at the first touch (arch/debug_state.c). Every Linux clears PMUSERENR_EL0
 * while it boots, whether it will use the PMU or not; that one write changes nothing and is not taken for a touch.
 */
#include "core/sysreg.h"

#include <assert.h>

#include "core/esr.h"
#include "core/hal.h"
#include "core/vcpu.h"
#include "lib/bits.h"

enum action {
	RAZ_WI,
	RAZ, /* read only */
	GRANT_DEBUG,
	GRANT_PMU,
	PMUSERENR,
	DEACTIVATE,
	SGI_GROUP0,
	SGI_GROUP1,
	SET_WAY,
	VM_REGISTER,
};

struct rule {
	uint32_t mask; /* of the encoding's bits that count */
	uint32_t encoding;
	enum action action;
};

#define ONE(op0, op1, crn, crm, op2, action)                                                       \
	{                                                                                          \
		(uint32_t)ESR_SYSREG_MASK, ESR_SYSREG(op0, op1, crn, crm, op2), action             \
	}
#define ANY_OP2 ((uint32_t)ESR_ISS_SYS_OP2_MASK)
#define ANY_CRM ((uint32_t)ESR_ISS_SYS_CRM_MASK)
/* All that are equal but for the bits `any`. */
#define EACH(op0, op1, crn, crm, op2, any, action)                                                 \
	{                                                                                          \
		(uint32_t)ESR_SYSREG_MASK & ~(any), ESR_SYSREG(op0, op1, crn, crm, op2), action    \
	}

/* The first that fits decides; those that come in numbers stand first. */
static const struct rule rules[] = {
	ONE(3, 0, 12, 11, 1, DEACTIVATE), /* ICC_DIR_EL1 (ICH_HCR_EL2.TDIR) */
	ONE(3, 0, 12, 11, 5, SGI_GROUP1), /* ICC_SGI1R_EL1 */
	ONE(1, 0, 7, 6, 2, SET_WAY),	  /* DC ISW */
	ONE(1, 0, 7, 10, 2, SET_WAY),	  /* DC CSW */
	ONE(1, 0, 7, 14, 2, SET_WAY),	  /* DC CISW */
	ONE(3, 0, 1, 0, 0, VM_REGISTER),  /* SCTLR_EL1 */
	ONE(3, 0, 2, 0, 0, VM_REGISTER),  /* TTBR0_EL1 */
	ONE(3, 0, 2, 0, 1, VM_REGISTER),  /* TTBR1_EL1 */
	ONE(3, 0, 2, 0, 2, VM_REGISTER),  /* TCR_EL1 */
	ONE(3, 0, 5, 1, 0, VM_REGISTER),  /* AFSR0_EL1 */
	ONE(3, 0, 5, 1, 1, VM_REGISTER),  /* AFSR1_EL1 */
	ONE(3, 0, 5, 2, 0, VM_REGISTER),  /* ESR_EL1 */
	ONE(3, 0, 6, 0, 0, VM_REGISTER),  /* FAR_EL1 */
	ONE(3, 0, 10, 2, 0, VM_REGISTER), /* MAIR_EL1 */
	ONE(3, 0, 10, 3, 0, VM_REGISTER), /* AMAIR_EL1 */
	ONE(3, 0, 13, 0, 1, VM_REGISTER), /* CONTEXTIDR_EL1 */

	/* MDCR_EL2.TDA: breakpoints, watchpoints, MDSCR_EL1, the debug communication channel. TDOSA: OS lock. */
	EACH(2, 0, 0, 0, 4, ANY_CRM | ESR_SYSREG(0, 0, 0, 0, 3), GRANT_DEBUG), /* DBG{B,W}{V,C}R<n>_EL1 */
	ONE(2, 0, 0, 0, 2, GRANT_DEBUG),				       /* OSDTRRX_EL1 */
	ONE(2, 0, 0, 2, 0, GRANT_DEBUG),				       /* MDCCINT_EL1 */
	ONE(2, 0, 0, 2, 2, GRANT_DEBUG),				       /* MDSCR_EL1 */
	ONE(2, 0, 0, 3, 2, GRANT_DEBUG),				       /* OSDTRTX_EL1 */
	ONE(2, 0, 0, 6, 2, GRANT_DEBUG),				       /* OSECCR_EL1 */
	ONE(2, 3, 0, 1, 0, GRANT_DEBUG),				       /* MDCCSR_EL0 */
	ONE(2, 3, 0, 4, 0, GRANT_DEBUG),				       /* DBGDTR_EL0 */
	ONE(2, 3, 0, 5, 0, GRANT_DEBUG),				       /* DBGDTR{R,T}X_EL0 */
	ONE(2, 0, 7, 8, 6, GRANT_DEBUG),				       /* DBGCLAIMSET_EL1 */
	ONE(2, 0, 7, 9, 6, GRANT_DEBUG),				       /* DBGCLAIMCLR_EL1 */
	ONE(2, 0, 7, 14, 6, GRANT_DEBUG),				       /* DBGAUTHSTATUS_EL1 */
	ONE(2, 0, 1, 0, 4, GRANT_DEBUG),				       /* OSLAR_EL1 */
	ONE(2, 0, 1, 1, 4, GRANT_DEBUG),				       /* OSLSR_EL1 */
	/* OSDLR_EL1, DBGPRCR_EL1: the double lock and power requests are the machine's. MDRAR_EL1. */
	ONE(2, 0, 1, 3, 4, RAZ_WI),
	ONE(2, 0, 1, 4, 4, RAZ_WI),
	ONE(2, 0, 1, 0, 0, RAZ),

	/* MDCR_EL2.TPM, TPMCR */
	ONE(3, 3, 9, 14, 0, PMUSERENR),					     /* PMUSERENR_EL0 */
	EACH(3, 3, 9, 12, 0, ANY_OP2, GRANT_PMU),			     /* PMCR_EL0 and what it governs */
	EACH(3, 3, 9, 13, 0, ESR_SYSREG(0, 0, 0, 0, 3), GRANT_PMU),	     /* PMCCNTR, PMXEVTYPER, PMXEVCNTR */
	ONE(3, 3, 9, 14, 3, GRANT_PMU),					     /* PMOVSSET_EL0 */
	ONE(3, 0, 9, 14, 1, GRANT_PMU),					     /* PMINTENSET_EL1 */
	ONE(3, 0, 9, 14, 2, GRANT_PMU),					     /* PMINTENCLR_EL1 */
	ONE(3, 0, 9, 14, 6, GRANT_PMU),					     /* PMMIR_EL1 */
	EACH(3, 3, 14, 8, 0, ESR_SYSREG(0, 0, 0, 7, 7), GRANT_PMU), /* PMEVCNTR<n>, PMEVTYPER<n>, PMCCFILTR */

	ONE(3, 0, 1, 0, 1, RAZ_WI),	 /* ACTLR_EL1: the CPU's own switches are not a guest's (HCR_EL2.TACR) */
	ONE(3, 0, 12, 11, 6, SGI_GROUP0), /* ICC_ASGI1R_EL1: with one security state, group 0 */
	ONE(3, 0, 12, 11, 7, SGI_GROUP0), /* ICC_SGI0R_EL1 */
	/* ICC_SRE_EL1 of a CPU whose GICv3 registers are not used: SRE stays 0, and a guest sees that. */
	ONE(3, 0, 12, 12, 5, RAZ_WI),

	/* LORegions (HCR_EL2.TLOR): LORID_EL1 says that there are none, the others are RES0 then. */
	ONE(3, 0, 10, 4, 0, RAZ_WI), /* LORSA_EL1 */
	ONE(3, 0, 10, 4, 1, RAZ_WI), /* LOREA_EL1 */
	ONE(3, 0, 10, 4, 2, RAZ_WI), /* LORN_EL1 */
	ONE(3, 0, 10, 4, 3, RAZ_WI), /* LORC_EL1 */
	ONE(3, 0, 10, 4, 7, RAZ),    /* LORID_EL1 */

	/* RAS error records (HCR_EL2.TERR, FIEN): ERRIDR_EL1 says that there are none. */
	ONE(3, 0, 5, 3, 0, RAZ),	     /* ERRIDR_EL1 */
	ONE(3, 0, 5, 3, 1, RAZ_WI),	     /* ERRSELR_EL1 */
	EACH(3, 0, 5, 4, 0, ANY_OP2, RAZ_WI), /* ERXFR, ERXCTLR, ERXSTATUS, ERXADDR, ERXPFG* */
	EACH(3, 0, 5, 5, 0, ANY_OP2, RAZ_WI), /* ERXMISC<n> */
};

static const uint64_t id_visible[SYSREG_ID_COUNT] = {
#define X(crm, op2, name, visible) [((crm) - 1) * 8 + (op2)] = UINT64_C(visible),
	SYSREG_ID_REGISTERS(X)
#undef X
};

#define X(crm, op2, name, visible) static_assert(SYSREG_##name == ((crm) - 1) * 8 + (op2), "order of " #name);
SYSREG_ID_REGISTERS(X)
#undef X

/*
 * Fields that are visible up to a version: what the next ones add is not switched.
 *   DebugVer   9.0 (11) adds banks of breakpoints (MDSELR_EL1).
 *   PMUVer     3.9 (9) adds PMUACR_EL1 and PMICNTR_EL0. 15 is no PMUv3 at all.
 *   HAFDBS     3 is enabled in TCR2_EL1.
 */
static const struct {
	uint8_t index;
	uint8_t shift;
	uint8_t max;
	uint8_t none; /* a value above max that is no version; 0: there is none */
} id_limits[] = {
	{SYSREG_ID_AA64DFR0, 0, 10, 0}, {SYSREG_ID_AA64DFR0, 8, 8, 15}, {SYSREG_ID_AA64MMFR1, 0, 2, 0},
	{SYSREG_ID_DFR0, 0, 10, 0},	{SYSREG_ID_DFR0, 24, 8, 15},
};

#define ID_PFR1_GIC BITS(31, 28)
#define ID_AA64PFR0_GIC BITS(27, 24)
#define ID_AA64PFR0_EL0 BITS(3, 0)
#define EL0_HAS_AARCH32 2u

static unsigned guest_gic_version = 3;

void sysreg_init(unsigned gic_version)
{
	guest_gic_version = gic_version;
}

uint64_t sysreg_id_value(unsigned index, uint64_t hardware)
{
	uint64_t value = hardware & id_visible[index];
	for (unsigned i = 0; i < ARRAY_COUNT(id_limits); i++) {
		const uint64_t field = value >> id_limits[i].shift & 0xf;
		if (id_limits[i].index == index && field > id_limits[i].max &&
		    (id_limits[i].none == 0 || field != id_limits[i].none)) {
			value &= ~(UINT64_C(0xf) << id_limits[i].shift);
			value |= (uint64_t)id_limits[i].max << id_limits[i].shift;
		}
	}
	if (guest_gic_version == 2) {
		value &= index == SYSREG_ID_AA64PFR0 ? ~ID_AA64PFR0_GIC : ~UINT64_C(0);
		value &= index == SYSREG_ID_PFR1 ? ~ID_PFR1_GIC : ~UINT64_C(0);
	}
	return value;
}

/* Where no exception level has AArch32 its ID registers have unknown values (Arm ARM D24.2): nothing to hide. */
static unsigned first_known_id(void)
{
	const uint64_t pfr0 = hal_read_id_register(SYSREG_ID_AA64PFR0);
	return FIELD_GET(ID_AA64PFR0_EL0, pfr0) == EL0_HAS_AARCH32 ? 0 : SYSREG_ID_AA64PFR0;
}

bool sysreg_must_hide(void)
{
	for (unsigned i = first_known_id(); i < SYSREG_ID_COUNT; i++) {
		const uint64_t hardware = hal_read_id_register(i);
		if (sysreg_id_value(i, hardware) != hardware) {
			return true;
		}
	}
	return false;
}

static enum exit_action answer(struct vcpu *vcpu, uint64_t esr, uint64_t value)
{
	const unsigned rt = esr_sysreg_rt(esr);
	if (rt != 31) {
		vcpu->x[rt] = value;
	}
	return EXIT_ADVANCE;
}

static enum exit_action send_sgi(struct vcpu *vcpu, uint64_t value, bool is_read, bool is_group1)
{
	if (is_read || guest_gic_version < 3) {
		return EXIT_INJECT_UNDEF;
	}
	vcpu_sgi(vcpu, value, is_group1);
	return EXIT_ADVANCE;
}

static enum exit_action carry_out(struct vcpu *vcpu, enum action action, uint64_t esr)
{
	const bool is_read = (esr & ESR_ISS_SYS_IS_READ) != 0;
	const unsigned rt = esr_sysreg_rt(esr);
	const uint64_t value = is_read || rt == 31 ? 0 : vcpu->x[rt];
	switch (action) {
	case RAZ_WI:
		return is_read ? answer(vcpu, esr, 0) : EXIT_ADVANCE;
	case RAZ:
		return is_read ? answer(vcpu, esr, 0) : EXIT_INJECT_UNDEF;
	case GRANT_DEBUG:
		vcpu_grant_debug(vcpu);
		return EXIT_RETRY;
	case PMUSERENR:
		if (!is_read && value == 0) {
			return EXIT_ADVANCE; /* not granted yet, so it is zero */
		}
		vcpu_grant_pmu(vcpu);
		return EXIT_RETRY;
	case GRANT_PMU:
		vcpu_grant_pmu(vcpu);
		return EXIT_RETRY;
	case DEACTIVATE:
		if (is_read || guest_gic_version < 3) {
			return EXIT_INJECT_UNDEF;
		}
		return vcpu_deactivate(vcpu, (uint32_t)value & 0xffffff);
	case SGI_GROUP0:
		return send_sgi(vcpu, value, is_read, false);
	case SGI_GROUP1:
		return send_sgi(vcpu, value, is_read, true);
	case SET_WAY:
		return is_read ? EXIT_INJECT_UNDEF : vcpu_set_way(vcpu);
	case VM_REGISTER:
		return is_read ? EXIT_INJECT_UNDEF :
				 vcpu_write_vm_register(vcpu, (unsigned)FIELD_GET(ESR_ISS_SYS_CRN_MASK, esr),
							(unsigned)FIELD_GET(ESR_ISS_SYS_CRM_MASK, esr),
							(unsigned)FIELD_GET(ESR_ISS_SYS_OP2_MASK, esr), value);
	}
	return EXIT_INJECT_UNDEF;
}

static enum exit_action read_id(struct vcpu *vcpu, uint64_t esr, unsigned crm)
{
	const unsigned index = (crm - 1) * 8 + (unsigned)FIELD_GET(ESR_ISS_SYS_OP2_MASK, esr);
	const bool is_unknown = index < SYSREG_ID_AA64PFR0 && index < first_known_id();
	const uint64_t value = is_unknown ? 0 : sysreg_id_value(index, hal_read_id_register(index));
	return answer(vcpu, esr, value);
}

enum exit_action sysreg_trap(struct vcpu *vcpu, uint64_t esr)
{
	const uint32_t encoding = (uint32_t)(esr & ESR_SYSREG_MASK);
	const unsigned crm = (unsigned)FIELD_GET(ESR_ISS_SYS_CRM_MASK, esr);
	const uint32_t any_id = ANY_OP2 | ANY_CRM;
	if ((encoding & ~any_id) == ESR_SYSREG(3, 0, 0, 0, 0) && crm >= 1 && crm <= 7) {
		return (esr & ESR_ISS_SYS_IS_READ) != 0 ? read_id(vcpu, esr, crm) : EXIT_INJECT_UNDEF;
	}
	for (unsigned i = 0; i < ARRAY_COUNT(rules); i++) {
		if ((encoding & rules[i].mask) == rules[i].encoding) {
			return carry_out(vcpu, rules[i].action, esr);
		}
	}
	return EXIT_INJECT_UNDEF;
}
