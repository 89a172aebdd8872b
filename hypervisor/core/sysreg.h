/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Trapped system registers and instructions: what a guest that reaches for one gets. The policy is two tables: the
 * rules in sysreg.c, and the ID registers below, which say what of the CPU a guest may see. Hostile input: the
 * encoding and the value.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/exit_action.h"

struct vcpu;

/* Register n of them has op0 3, op1 0, CRn 0, CRm 1 + n / 8 and op2 n % 8. */
#define SYSREG_ID_COUNT 56u

/*
 * The ID registers in that order: X(CRm, op2, name, fields that guests may see). Every field has four bits, so a
 * digit is a field, CSV3 of PFR0 the leftmost. What stands as 0, with it what later architectures put there, is hidden.
 *
 * A field is visible if a guest can use what it announces in safety and find its state unchanged behind a switch:
 * because it has none but the general registers, PSTATE, memory and the vCPU's saved registers (arch/vcpu_state.h), or
 * because it is a matter of EL2 and EL3 alone. Hidden is what has other state at EL1 or EL0, and what needs an enable
 * that the core leaves zero (HCRX_EL2) or is kept from guests by a trap (CPTR_EL2, MDCR_EL2):
 *
 *   PFR0    AMU, MPAM, SVE: not switched, trapped. GIC: with a GICv2 (sysreg_init). RAS stays: HCR_EL2.TERR is set and
 *           ERRIDR_EL1 reads as no error record at all, which the architecture has; ESB and DISR_EL1 are the CPU's.
 *   PFR1    MTE, MTE_frac, MTEX, SME, GCS, THE, MPAM_frac: not switched. NMI, DF2, PFAR: need HCRX_EL2.
 *           SSBS and BT stay: in PSTATE. CSV2_frac too: SCXTNUM_ELx, switched.
 *   PFR2, ZFR0, SMFR0, FPFR0  all: they tell more of what is hidden (MTE, SVE, SME, FP8 with its FPMR).
 *   DFR0    ExtTrcBuff, BRBE, TraceBuffer, TraceFilt, PMSVer, TraceVer, SEBEP, PMSS: not switched, trapped.
 *           Debug and PMU stay, up to the versions named in sysreg.c: switched.
 *   DFR1, DFR2  all: extensions of later versions of the debug architecture and the PMU.
 *   AFR0, AFR1  all: of what is implementation defined, which is trapped (HCR_EL2.TIDCP).
 *   ISAR0   TME: needs HCR_EL2.TME.
 *   ISAR1   LS64: needs HCRX_EL2. Pointer authentication stays (so in ISAR2): its keys are switched.
 *   ISAR2   MOPS: needs HCRX_EL2.MSCEn. SYSREG_128, SYSINSTR_128: halves that are not switched. PCDPHINT: Armv9.6.
 *   ISAR3   all: Armv9.5 on.
 *   MMFR0   nothing: ExS is in SCTLR_EL1, ECV adds views of the counters, FGT is EL2's.
 *   MMFR1   nothing but HAFDBS from 3 on: AFP is in FPCR, for LO see LORID_EL1, HCX, VH, XNX are EL2's.
 *   MMFR2   nothing: NV, EVT, FWB, TTL are EL2's, the others have no state.
 *   MMFR3   all but Spec_FPACC: TCR2_EL1, SCTLR2_EL1, PIR_EL1, POR_EL1, 128-bit TTBRs are not switched.
 *   MMFR4   all: needs TCR2_EL1, or is EL2's.
 *
 * Those of AArch32, which EL0 alone can use: the same. On cortex-a53, a72 and a76 nothing of it all is there to hide.
 */
#define SYSREG_ID_REGISTERS(X)                                                                     \
	X(1, 0, ID_PFR0, 0x00000000ff0fffff)                                                       \
	X(1, 1, ID_PFR1, 0x00000000ffffffff)                                                       \
	X(1, 2, ID_DFR0, 0x000000000fff0fff)                                                       \
	X(1, 3, ID_AFR0, 0)                                                                        \
	X(1, 4, ID_MMFR0, 0x00000000ffffffff)                                                      \
	X(1, 5, ID_MMFR1, 0x00000000ffffffff)                                                      \
	X(1, 6, ID_MMFR2, 0x00000000ffffffff)                                                      \
	X(1, 7, ID_MMFR3, 0x00000000ffffffff)                                                      \
	X(2, 0, ID_ISAR0, 0x00000000ffffffff)                                                      \
	X(2, 1, ID_ISAR1, 0x00000000ffffffff)                                                      \
	X(2, 2, ID_ISAR2, 0x00000000ffffffff)                                                      \
	X(2, 3, ID_ISAR3, 0x00000000ffffffff)                                                      \
	X(2, 4, ID_ISAR4, 0x00000000ffffffff)                                                      \
	X(2, 5, ID_ISAR5, 0x00000000ffffffff)                                                      \
	X(2, 6, ID_MMFR4, 0x00000000ffffffff)                                                      \
	X(2, 7, ID_ISAR6, 0x00000000ffffffff)                                                      \
	X(3, 0, MVFR0, 0x00000000ffffffff)                                                         \
	X(3, 1, MVFR1, 0x00000000ffffffff)                                                         \
	X(3, 2, MVFR2, 0x00000000ffffffff)                                                         \
	X(3, 3, RESERVED_3_3, 0)                                                                   \
	X(3, 4, ID_PFR2, 0x0000000000000fff)                                                       \
	X(3, 5, ID_DFR1, 0x00000000000000ff)                                                       \
	X(3, 6, ID_MMFR5, 0x00000000000000ff)                                                      \
	X(3, 7, RESERVED_3_7, 0)                                                                   \
	X(4, 0, ID_AA64PFR0, 0xffff00f0ffffffff)                                                   \
	X(4, 1, ID_AA64PFR1, 0x0000000ff000f0ff)                                                   \
	X(4, 2, ID_AA64PFR2, 0)                                                                    \
	X(4, 3, RESERVED_4_3, 0)                                                                   \
	X(4, 4, ID_AA64ZFR0, 0)                                                                    \
	X(4, 5, ID_AA64SMFR0, 0)                                                                   \
	X(4, 6, RESERVED_4_6, 0)                                                                   \
	X(4, 7, ID_AA64FPFR0, 0)                                                                   \
	X(5, 0, ID_AA64DFR0, 0xf00f00f0f0f0ff0f)                                                   \
	X(5, 1, ID_AA64DFR1, 0)                                                                    \
	X(5, 2, ID_AA64DFR2, 0)                                                                    \
	X(5, 3, RESERVED_5_3, 0)                                                                   \
	X(5, 4, ID_AA64AFR0, 0)                                                                    \
	X(5, 5, ID_AA64AFR1, 0)                                                                    \
	X(5, 6, RESERVED_5_6, 0)                                                                   \
	X(5, 7, RESERVED_5_7, 0)                                                                   \
	X(6, 0, ID_AA64ISAR0, 0xfffffffff0fffff0)                                                  \
	X(6, 1, ID_AA64ISAR1, 0x0fffffffffffffff)                                                  \
	X(6, 2, ID_AA64ISAR2, 0xffff0f00fff0ffff)                                                  \
	X(6, 3, ID_AA64ISAR3, 0)                                                                   \
	X(6, 4, RESERVED_6_4, 0)                                                                   \
	X(6, 5, RESERVED_6_5, 0)                                                                   \
	X(6, 6, RESERVED_6_6, 0)                                                                   \
	X(6, 7, RESERVED_6_7, 0)                                                                   \
	X(7, 0, ID_AA64MMFR0, 0xff00ffffffffffff)                                                  \
	X(7, 1, ID_AA64MMFR1, 0xffffffffffffffff)                                                  \
	X(7, 2, ID_AA64MMFR2, 0xffff0fffffffffff)                                                  \
	X(7, 3, ID_AA64MMFR3, 0xf000000000000000)                                                  \
	X(7, 4, ID_AA64MMFR4, 0)                                                                   \
	X(7, 5, RESERVED_7_5, 0)                                                                   \
	X(7, 6, RESERVED_7_6, 0)                                                                   \
	X(7, 7, RESERVED_7_7, 0)

/* Index of a register, as SYSREG_ID_AA64PFR0. */
enum sysreg_id {
#define X(crm, op2, name, visible) SYSREG_##name,
	SYSREG_ID_REGISTERS(X)
#undef X
};

/* Start of day, before all else here: the version of the guests' interrupt controller. */
void sysreg_init(unsigned gic_version);
/* What a guest reads from ID register `index` if the CPU's own has `hardware`. */
uint64_t sysreg_id_value(unsigned index, uint64_t hardware);
/* True if this CPU has something to hide: its ID registers must be trapped (HCR_EL2.TID3). */
bool sysreg_must_hide(void);

/* The exit of class ESR_EC_SYS64 with this syndrome; a register that is read is written to vcpu->x. */
enum exit_action sysreg_trap(struct vcpu *vcpu, uint64_t esr);

/*
 * Provided by the vCPU's owner; `vcpu` is loaded on this CPU.
 */
/* Gives it the real debug registers, or performance monitors, switched from now on: the access is then run again. */
void vcpu_grant_debug(struct vcpu *vcpu);
void vcpu_grant_pmu(struct vcpu *vcpu);
/* It sends a software generated interrupt (ICC_SGI1R_EL1: group 1; ICC_SGI0R_EL1, ICC_ASGI1R_EL1: group 0). */
void vcpu_sgi(struct vcpu *vcpu, uint64_t value, bool is_group1);
/* It deactivates an interrupt apart from ending it (ICC_DIR_EL1, GICC_DIR). EXIT_ADVANCE, or EXIT_RETRY to carry on. */
enum exit_action vcpu_deactivate(struct vcpu *vcpu, uint32_t intid);
/* A cache operation by set and way: EXIT_ADVANCE once its VM's memory is clean, EXIT_RETRY to carry on. */
enum exit_action vcpu_set_way(struct vcpu *vcpu);
/* A write of a register that HCR_EL2.TVM traps (op0 3, op1 0). */
enum exit_action vcpu_write_vm_register(struct vcpu *vcpu, unsigned crn, unsigned crm, unsigned op2, uint64_t value);
