/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU's registers in and out of the hardware.
 *
 * While no vCPU is loaded, VTTBR_EL2 points at an empty table under VMID 0, so that nothing the CPU speculates
 * can walk the tables of a VM that is being taken apart. A switch follows Cortex-A72 erratum 1319367 and its kin:
 * stage 1 walks are
 * off (TCR_EL1.EPD0/EPD1 with the MMU on) from before VTTBR_EL2 changes until every register of the new context
 * stands.
 *
 * Debug and PMU registers are switched only for a vCPU that has touched them: until then they trap, and the first
 * access grants them (debug_state.c). A guest that never does pays nothing for them.
 */
#include "arch/vcpu_state.h"

#include "arch/mmu.h"
#include "arch/offsets.h"
#include "arch/sysreg.h"
#include "core/check.h"
#include "core/crash.h"
#include "core/hal.h"
#include "core/percpu.h"
#include "core/sysreg.h"
#include "lib/bits.h"
#include "lib/string.h"

static_assert(offsetof(struct vcpu, pc) == VCPU_PC, "arch/offsets.h");
static_assert(offsetof(struct vcpu, pstate) == VCPU_PSTATE, "arch/offsets.h");
static_assert(offsetof(struct vcpu, host_sp) == VCPU_HOST_SP, "arch/offsets.h");
static_assert(sizeof(struct percpu) == PERCPU_BYTES, "arch/offsets.h");
static_assert(offsetof(struct percpu, fault_sp) == PERCPU_FAULT_SP, "arch/offsets.h");
static_assert(offsetof(struct percpu, fault_scratch) == PERCPU_SCRATCH, "arch/offsets.h");
static_assert(sizeof(struct fault_frame) == FAULT_FRAME_BYTES, "arch/offsets.h");
static_assert(offsetof(struct fault_frame, sp) == FAULT_FRAME_SP, "arch/offsets.h");

#define TCR_EL1_EPD0 BIT(7)
#define TCR_EL1_EPD1 BIT(23)
#define SCTLR_EL1_M BIT(0)
#define SCTLR_EL1_C BIT(2)

/*
 * Not FB and BSU: a vCPU stays on its CPU, so its local TLB and cache maintenance and its barriers mean what they
 * say. Where two vCPUs of one VM share a CPU, what one left in the TLB is dropped for the other (hal_vcpu_load).
 */
#define HCR_ALL_GUESTS                                                                             \
	(HCR_EL2_RW | HCR_EL2_VM | HCR_EL2_SWIO | HCR_EL2_PTW | HCR_EL2_FMO | HCR_EL2_IMO |        \
	 HCR_EL2_AMO | HCR_EL2_TSC | HCR_EL2_TIDCP | HCR_EL2_TACR | HCR_EL2_TSW |                  \
	 BIT(HCR_EL2_TLOR_SHIFT) | BIT(HCR_EL2_TERR_SHIFT))

void fp_save(uint64_t q[64]);
void fp_restore(const uint64_t q[64]);

static struct arch_vcpu guest_storage[AETHER_VM_MAX][AETHER_VCPU_MAX];
static struct arch_vcpu service_storage;
/* Two pages: stage 2 starts at level 1 with two concatenated tables. */
static uint64_t empty_stage2[1024] __attribute__((aligned(8192), section(".bss.pages")));

static struct {
	bool has_pauth, has_scxtnum, has_pan, has_ras;
	uint64_t hcr; /* for guests */
	uint64_t vttbr; /* the empty table */
} machine;

struct arch_vcpu *hal_vcpu_storage(unsigned vm, unsigned index)
{
	return vm == VM_SERVICE ? &service_storage : &guest_storage[vm][index];
}

void vcpu_state_init(void)
{
	const uint64_t isar1 = read_sysreg(id_aa64isar1_el1);
	const uint64_t isar2 = read_sysreg(S3_0_C0_C6_2);
	const uint64_t pfr0 = read_sysreg(id_aa64pfr0_el1);
	machine.has_pauth =
		(isar1 & (BITS(7, 4) | BITS(11, 8) | BITS(27, 24) | BITS(31, 28))) != 0 ||
		(isar2 & (BITS(11, 8) | BITS(15, 12))) != 0;
	const uint64_t pfr1 = read_sysreg(id_aa64pfr1_el1);
	machine.has_scxtnum =
		FIELD_GET(BITS(59, 56), pfr0) >= 2 ||
		(FIELD_GET(BITS(59, 56), pfr0) == 1 && FIELD_GET(BITS(35, 32), pfr1) >= 2);
	machine.has_ras = FIELD_GET(BITS(31, 28), pfr0) != 0;
	machine.has_pan = FIELD_GET(BITS(23, 20), read_sysreg(id_aa64mmfr1_el1)) != 0;
	machine.hcr = HCR_ALL_GUESTS;
	if (machine.has_pauth) {
		machine.hcr |= BIT(HCR_EL2_APK_SHIFT) | BIT(HCR_EL2_API_SHIFT);
	}
	if (machine.has_scxtnum) {
		machine.hcr |= BIT(HCR_EL2_ENSCXT_SHIFT);
	}
	if (sysreg_must_hide()) {
		machine.hcr |= HCR_EL2_TID3;
	}
	machine.vttbr = mmu_image_pa(empty_stage2).v;
}

static void clear_newer_controls(void)
{
	const uint64_t pfr0 = read_sysreg(id_aa64pfr0_el1);
	const uint64_t pfr1 = read_sysreg(id_aa64pfr1_el1);
	const uint64_t mmfr0 = read_sysreg(id_aa64mmfr0_el1);
	const uint64_t mmfr1 = read_sysreg(id_aa64mmfr1_el1);
	if (FIELD_GET(BITS(43, 40), pfr0) != 0 || FIELD_GET(BITS(19, 16), pfr1) != 0) {
		/* MPAM2_EL2: TRAPMPAM0EL1, TRAPMPAM1EL1; accesses from EL1 come here and are undefined there. */
		write_sysreg(S3_4_C10_C5_0, BIT(49) | BIT(48));
	}
	if (FIELD_GET(BITS(43, 40), mmfr1) != 0) {
		write_sysreg(S3_4_C1_C2_2, 0); /* HCRX_EL2: what it enables stays trapped */
	}
	if (FIELD_GET(BITS(59, 56), mmfr0) != 0) {
		/* Fine-grained traps: none. HFGRTR, HFGWTR, HFGITR, HDFGRTR, HDFGWTR. Their reset values are
		 * unknown. The fields of negative polarity (nX) trap when 0, which is right for what is hidden.
		 * */
		write_sysreg(S3_4_C1_C1_4, 0);
		write_sysreg(S3_4_C1_C1_5, 0);
		write_sysreg(S3_4_C1_C1_6, 0);
		write_sysreg(S3_4_C3_C1_4, 0);
		write_sysreg(S3_4_C3_C1_5, 0);
	}
}

void vcpu_state_init_cpu(void)
{
	struct arch_debug debug;
	uint64_t range = FIELD_GET(BITS(3, 0), read_sysreg(id_aa64mmfr0_el1));
	range = range > 5 ? 5 : range;
	CHECK(range >= 2); /* 40 bits of PA, which every ARMv8-A server or board CPU has */
	write_sysreg(vtcr_el2, VTCR_EL2_BASE | (range << VTCR_EL2_PS_SHIFT));
	write_sysreg(vttbr_el2, machine.vttbr);
	write_sysreg(cptr_el2,
		     CPTR_EL2_RES1 | CPTR_EL2_TZ | CPTR_EL2_TSM | CPTR_EL2_TTA | CPTR_EL2_TAM);
	write_sysreg(hstr_el2, 0);
	write_sysreg(cnthctl_el2, CNTHCTL_EL2_EL1PCTEN | CNTHCTL_EL2_EL1PCEN);
	write_sysreg(cnthp_ctl_el2, 0);
	write_sysreg(cntv_ctl_el0, 0);
	write_sysreg(cntp_ctl_el0, 0);
	write_sysreg(vpidr_el2, read_sysreg(midr_el1));
	clear_newer_controls();
	/* Nothing of the firmware's breakpoints and counters stays armed. */
	memset(&debug, 0, sizeof(debug));
	debug_state_restore(&debug);
	write_sysreg(mdcr_el2, debug_state_mdcr(&service_storage));
	write_sysreg(hcr_el2, HCR_EL2_RW | HCR_EL2_IMO | HCR_EL2_FMO | HCR_EL2_AMO);
	isb();
}

void hal_vcpu_reset(struct vcpu *vcpu)
{
	struct arch_vcpu *arch = vcpu->arch;
	memset(arch, 0, sizeof(*arch));
	memset(vcpu->x, 0, sizeof(vcpu->x));
	vcpu->pc = 0;
	vcpu->pstate = SPSR_EL1H | SPSR_DAIF;
	arch->sctlr = SCTLR_EL1_RESET;
	arch->hcr = machine.hcr;
	if (vcpu->vm->is_service || vcpu->vm->id == VM_SERVICE) {
		arch->hcr |= HCR_EL2_DC; /* stage 1 off and cacheable: stage 2 is its only map */
	}
	debug_state_reset(arch);
}

static void save_el1(struct arch_vcpu *arch)
{
#define X(field, register) arch->field = read_sysreg(register);
	ARCH_EL1_REGISTERS(X)
#undef X
	arch->tcr = read_sysreg(tcr_el1);
	if (machine.has_pauth) {
#define X(n, register) arch->pauth[n] = read_sysreg(register);
		ARCH_PAUTH_REGISTERS(X)
#undef X
	}
	if (machine.has_ras) {
		arch->vdisr = read_sysreg(S3_4_C12_C1_1);
	}
	if (machine.has_scxtnum) {
		arch->scxtnum_el0 = read_sysreg(S3_3_C13_C0_7);
		arch->scxtnum_el1 = read_sysreg(S3_0_C13_C0_7);
	}
}

static void restore_el1(const struct arch_vcpu *arch)
{
#define X(field, register) write_sysreg(register, arch->field);
	ARCH_EL1_REGISTERS(X)
#undef X
	if (machine.has_pauth) {
#define X(n, register) write_sysreg(register, arch->pauth[n]);
		ARCH_PAUTH_REGISTERS(X)
#undef X
	}
	if (machine.has_ras) {
		write_sysreg(S3_4_C12_C1_1, arch->vdisr); /* what it reads as DISR_EL1 */
	}
	if (machine.has_scxtnum) {
		write_sysreg(S3_3_C13_C0_7, arch->scxtnum_el0);
		write_sysreg(S3_0_C13_C0_7, arch->scxtnum_el1);
	}
}

/* No stage 1 walk starts from here on, speculative ones included. */
static void forbid_walks(void)
{
	write_sysreg(tcr_el1, read_sysreg(tcr_el1) | TCR_EL1_EPD0 | TCR_EL1_EPD1);
	isb();
	write_sysreg(sctlr_el1, read_sysreg(sctlr_el1) | SCTLR_EL1_M);
	isb();
}

/*
 * vCPUs of one VM have one VMID, and may use one ASID for different tables, as CPUs may: an entry that another of
 * them left on this CPU must not serve this one.
 */
static void forget_sibling(const struct vcpu *vcpu)
{
	static uint8_t last[AETHER_PCPU_MAX][VM_COUNT]; /* 1 + index of the vCPU that was loaded last */
	uint8_t *of = &last[hal_cpu_index()][vcpu->vm->id];
	if (*of != 0 && *of != vcpu->index + 1) {
		tlbi(vmalle1);
		__asm__ volatile("ic iallu" ::: "memory");
		dsb(nsh);
		isb();
	}
	*of = (uint8_t)(vcpu->index + 1);
}

void hal_vcpu_load(struct vcpu *vcpu)
{
	struct arch_vcpu *arch = vcpu->arch;
	forbid_walks();
	write_sysreg(vttbr_el2, vcpu->vm->vttbr);
	write_sysreg(vmpidr_el2, UINT64_C(0x80000000) | vcpu->index);
	write_sysreg(mdcr_el2, debug_state_mdcr(arch));
	write_sysreg(hcr_el2, arch->hcr);
	isb(); /* stage 2 and its VMID are in force before the walks' own registers are */
	forget_sibling(vcpu);
	restore_el1(arch);
	isb();
	write_sysreg(sctlr_el1, arch->sctlr);
	write_sysreg(tcr_el1, arch->tcr);
	fp_restore(arch->vfp);
	write_sysreg(S3_3_C4_C4_0, arch->fpcr);
	write_sysreg(S3_3_C4_C4_1, arch->fpsr);
	if (arch->has_debug) {
		debug_state_restore(&arch->debug);
	}
	if (arch->has_pmu) {
		pmu_state_restore(&arch->pmu);
	}
	/* Last: a timer that is due fires as soon as interrupts can be taken. */
	write_sysreg(cntvoff_el2, vcpu->vm->counter_offset);
	isb();
	write_sysreg(cntv_ctl_el0, arch->cntv_ctl);
	write_sysreg(cntp_ctl_el0, arch->cntp_ctl);
}

static uint64_t deadline_of(uint64_t control, uint64_t cval, uint64_t offset)
{
	if ((control & (CNT_CTL_ENABLE | CNT_CTL_IMASK)) != CNT_CTL_ENABLE ||
	    cval > UINT64_MAX - offset) {
		return UINT64_MAX;
	}
	return cval + offset;
}

uint64_t hal_vcpu_unload(struct vcpu *vcpu)
{
	struct arch_vcpu *arch = vcpu->arch;
	arch->cntv_ctl = read_sysreg(cntv_ctl_el0);
	arch->cntp_ctl = read_sysreg(cntp_ctl_el0);
	write_sysreg(cntv_ctl_el0, 0);
	write_sysreg(cntp_ctl_el0, 0);
	save_el1(arch);
	fp_save(arch->vfp);
	arch->fpcr = read_sysreg(S3_3_C4_C4_0);
	arch->fpsr = read_sysreg(S3_3_C4_C4_1);
	if (arch->has_debug) {
		debug_state_save(&arch->debug);
	}
	if (arch->has_pmu) {
		pmu_state_save(&arch->pmu);
	}
	forbid_walks();
	write_sysreg(vttbr_el2, machine.vttbr);
	isb();
	const uint64_t virtual = deadline_of(arch->cntv_ctl, arch->cntv_cval,
					     vcpu->vm->counter_offset);
	const uint64_t physical = deadline_of(arch->cntp_ctl, arch->cntp_cval, 0);
	return virtual < physical ? virtual : physical;
}

static bool asserts(uint64_t control)
{
	return (control & (CNT_CTL_ENABLE | CNT_CTL_IMASK | CNT_CTL_ISTATUS)) ==
	       (CNT_CTL_ENABLE | CNT_CTL_ISTATUS);
}

bool hal_vcpu_timer_asserts(const struct vcpu *vcpu, unsigned intid)
{
	return asserts(intid == AETHER_GUEST_VTIMER_INTID ? vcpu->arch->cntv_ctl
							  : vcpu->arch->cntp_ctl);
}

bool hal_timer_asserts(unsigned intid)
{
	return asserts(intid == AETHER_GUEST_VTIMER_INTID ? read_sysreg(cntv_ctl_el0)
							  : read_sysreg(cntp_ctl_el0));
}

void hal_vcpu_trap_wfi(bool is_trapped)
{
	const uint64_t hcr = read_sysreg(hcr_el2);
	write_sysreg(hcr_el2, is_trapped ? hcr | HCR_EL2_TWI : hcr & ~(uint64_t)HCR_EL2_TWI);
}

void hal_vcpu_trap_memory_control(struct vcpu *vcpu, bool is_trapped)
{
	const uint64_t hcr = read_sysreg(hcr_el2);
	vcpu->arch->hcr = is_trapped ? vcpu->arch->hcr | HCR_EL2_TVM
				     : vcpu->arch->hcr & ~(uint64_t)HCR_EL2_TVM;
	write_sysreg(hcr_el2, is_trapped ? hcr | HCR_EL2_TVM : hcr & ~(uint64_t)HCR_EL2_TVM);
}

void vcpu_state_visit_stage2(struct stage2_visit *visit, uint64_t vttbr)
{
	visit->vttbr = read_sysreg(vttbr_el2);
	visit->tcr = read_sysreg(tcr_el1);
	write_sysreg(tcr_el1, visit->tcr | TCR_EL1_EPD0 | TCR_EL1_EPD1);
	isb(); /* the loaded context's walks stop before its stage 2 is exchanged */
	write_sysreg(vttbr_el2, vttbr);
	isb(); /* TLBI below uses this VMID */
}

void vcpu_state_leave_stage2(const struct stage2_visit *visit)
{
	write_sysreg(vttbr_el2, visit->vttbr);
	isb(); /* the loaded context's own stage 2 is back before it may walk */
	write_sysreg(tcr_el1, visit->tcr);
	isb();
}

/* --- exceptions for the loaded vCPU: Arm ARM D1.3.2, AArch64.TakeException to EL1 --- */

static void take_exception(struct vcpu *vcpu, uint64_t syndrome)
{
	uint64_t offset = 0;
	if (vcpu->pstate & SPSR_M_AARCH32) {
		offset = 0x600;
	} else if ((vcpu->pstate & SPSR_M) == 0) {
		offset = 0x400;
	} else if ((vcpu->pstate & SPSR_M) == SPSR_EL1H) {
		offset = 0x200;
	}
	write_sysreg(elr_el1, vcpu->pc);
	write_sysreg(spsr_el1, vcpu->pstate);
	write_sysreg(esr_el1, syndrome);
	vcpu->pc = read_sysreg(vbar_el1) + offset;
	const uint64_t sctlr = read_sysreg(sctlr_el1);
	uint64_t pstate = SPSR_EL1H | SPSR_DAIF;
	if ((sctlr & BIT(23)) == 0 && machine.has_pan) {
		pstate |= BIT(22); /* PAN, unless SCTLR_EL1.SPAN */
	} else {
		pstate |= vcpu->pstate & BIT(22);
	}
	if (sctlr & BIT(44)) {
		pstate |= BIT(12); /* SSBS as SCTLR_EL1.DSSBS */
	}
	vcpu->pstate = pstate | (vcpu->pstate & (UINT64_C(0xf) << 28)) |
		       (vcpu->pstate & BIT(24)); /* NZCV, DIT */
}

#define ESR_IL BIT(25)

void hal_inject_undef(struct vcpu *vcpu)
{
	take_exception(vcpu, ESR_IL); /* EC 0: unknown reason */
}

bool hal_inject_abort(struct vcpu *vcpu, uint64_t syndrome)
{
	const bool is_fetch = (syndrome >> 26 & 0x3f) == 0x20;
	const bool is_walk = (syndrome & BIT(7)) != 0;
	const bool is_from_el1 = (vcpu->pstate & (SPSR_M_AARCH32 | 0xc)) == 4;
	uint64_t ec = is_fetch ? 0x20 : 0x24;
	ec += is_from_el1 ? 1 : 0;
	/* Synchronous external abort, on the access or on the table walk at the level that faulted. */
	const uint64_t status = is_walk ? 0x14 | (syndrome & 3) : 0x10;
	const uint64_t write = is_fetch ? 0 : syndrome & BIT(6);
	const uint64_t esr = (ec << 26) | ESR_IL | write | status;
	/* Not FAR_EL1: a handler that pushes onto a stack that is not there faults a little lower each time. */
	const bool is_repeated = read_sysreg(elr_el1) == vcpu->pc && read_sysreg(esr_el1) == esr;
	write_sysreg(far_el1, read_sysreg(far_el2));
	take_exception(vcpu, esr);
	return is_repeated;
}

/* --- memory control registers, seen while a guest does set/way cache operations --- */

static bool is_cache_on(void)
{
	return (read_sysreg(sctlr_el1) & (SCTLR_EL1_M | SCTLR_EL1_C)) ==
	       (SCTLR_EL1_M | SCTLR_EL1_C);
}

#define MEMORY_CONTROL_REGISTERS(X)                                                                \
	X(1, 0, 0, sctlr_el1)                                                                      \
	X(2, 0, 0, ttbr0_el1)                                                                      \
	X(2, 0, 1, ttbr1_el1)                                                                      \
	X(2, 0, 2, tcr_el1)                                                                        \
	X(5, 1, 0, afsr0_el1)                                                                      \
	X(5, 1, 1, afsr1_el1)                                                                      \
	X(5, 2, 0, esr_el1)                                                                        \
	X(6, 0, 0, far_el1)                                                                        \
	X(10, 2, 0, mair_el1)                                                                      \
	X(10, 3, 0, amair_el1)                                                                     \
	X(13, 0, 1, contextidr_el1)

bool hal_vcpu_write_memory_control(struct vcpu *vcpu, unsigned crn, unsigned crm, unsigned op2,
				   uint64_t value, bool *is_on)
{
	(void)vcpu;
	const bool was_on = is_cache_on();
	switch (crn << 8 | crm << 4 | op2) {
#define X(n, m, o, register)                                                                       \
	case (n) << 8 | (m) << 4 | (o):                                                            \
		write_sysreg(register, value);                                                     \
		break;
		MEMORY_CONTROL_REGISTERS(X)
#undef X
	default:
		break;
	}
	*is_on = is_cache_on();
	return was_on != *is_on;
}
