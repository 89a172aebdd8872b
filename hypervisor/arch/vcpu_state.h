/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A vCPU's system registers: in the hardware while it is loaded, in struct arch_vcpu while it is not. */
#include <stdbool.h>
#include <stdint.h>

#include "core/vcpu.h"
#include "core/vgic.h"

#define ARCH_BREAKPOINT_MAX 16u
#define ARCH_PMU_COUNTER_MAX 31u

/* Registers that are switched for every vCPU, X(field, register). */
#define ARCH_EL1_REGISTERS(X)                                                                      \
	X(sctlr, sctlr_el1)                                                                        \
	X(cpacr, cpacr_el1)                                                                        \
	X(ttbr0, ttbr0_el1)                                                                        \
	X(ttbr1, ttbr1_el1)                                                                        \
	X(esr, esr_el1)                                                                            \
	X(afsr0, afsr0_el1)                                                                        \
	X(afsr1, afsr1_el1)                                                                        \
	X(far, far_el1)                                                                            \
	X(mair, mair_el1)                                                                          \
	X(amair, amair_el1)                                                                        \
	X(vbar, vbar_el1)                                                                          \
	X(contextidr, contextidr_el1)                                                              \
	X(tpidr_el0, tpidr_el0)                                                                    \
	X(tpidrro, tpidrro_el0)                                                                    \
	X(tpidr_el1, tpidr_el1)                                                                    \
	X(cntkctl, cntkctl_el1)                                                                    \
	X(par, par_el1)                                                                            \
	X(sp_el0, sp_el0)                                                                          \
	X(sp_el1, sp_el1)                                                                          \
	X(elr, elr_el1)                                                                            \
	X(spsr, spsr_el1)                                                                          \
	X(csselr, csselr_el1)                                                                      \
	X(mdscr, mdscr_el1)                                                                        \
	X(cntv_cval, cntv_cval_el0)                                                                \
	X(cntp_cval, cntp_cval_el0)

/* Pointer authentication keys (FEAT_PAuth), two registers a key. */
#define ARCH_PAUTH_REGISTERS(X)                                                                    \
	X(0, S3_0_C2_C1_0)                                                                         \
	X(1, S3_0_C2_C1_1)                                                                         \
	X(2, S3_0_C2_C1_2)                                                                         \
	X(3, S3_0_C2_C1_3)                                                                         \
	X(4, S3_0_C2_C2_0)                                                                         \
	X(5, S3_0_C2_C2_1)                                                                         \
	X(6, S3_0_C2_C2_2)                                                                         \
	X(7, S3_0_C2_C2_3)                                                                         \
	X(8, S3_0_C2_C3_0)                                                                         \
	X(9, S3_0_C2_C3_1)

struct arch_debug {
	uint64_t bvr[ARCH_BREAKPOINT_MAX], bcr[ARCH_BREAKPOINT_MAX];
	uint64_t wvr[ARCH_BREAKPOINT_MAX], wcr[ARCH_BREAKPOINT_MAX];
	uint64_t mdccint, claim;
	bool is_os_locked;
};

struct arch_pmu {
	uint64_t pmcr, cnten, inten, ovs, selr, userenr, ccntr, ccfiltr;
	uint64_t evcntr[ARCH_PMU_COUNTER_MAX], evtyper[ARCH_PMU_COUNTER_MAX];
};

struct arch_vcpu {
	uint64_t vfp[64]; /* Q0..Q31 */
	uint64_t fpcr, fpsr;
#define X(field, register) uint64_t field;
	ARCH_EL1_REGISTERS(X)
#undef X
	uint64_t tcr; /* apart from the others: see vcpu_state.c */
	uint64_t actlr;
	uint64_t cntv_ctl, cntp_ctl;
	uint64_t scxtnum_el0, scxtnum_el1, vdisr;
	uint64_t pauth[10];
	uint64_t hcr;
	bool has_debug; /* has touched its debug registers: they are switched from then on */
	bool has_pmu;
	bool traps_memory_control;
	struct arch_debug debug;
	struct arch_pmu pmu;
};

/* Once on each CPU: the controls that are the same for every vCPU. */
void vcpu_state_init_cpu(void);
/* Once, on the boot CPU: what this machine's CPUs have that must be switched. */
void vcpu_state_init(void);

/* Another VM's stage 2 in VTTBR_EL2 for TLB maintenance by VMID, with the current context kept from walking it. */
struct stage2_visit {
	uint64_t vttbr;
	uint64_t tcr;
};
void vcpu_state_visit_stage2(struct stage2_visit *visit, uint64_t vttbr);
void vcpu_state_leave_stage2(const struct stage2_visit *visit);

/* debug_state.c */
void debug_state_reset(struct arch_vcpu *arch);
void debug_state_save(struct arch_debug *debug);
void debug_state_restore(const struct arch_debug *debug);
void pmu_state_save(struct arch_pmu *pmu);
void pmu_state_restore(const struct arch_pmu *pmu);
/* What MDCR_EL2 holds for this vCPU. */
uint64_t debug_state_mdcr(const struct arch_vcpu *arch);
