/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program of the guest at EL0, in AArch64 and, where the CPU has it, in AArch32: what it does wrong comes to the
 * guest's own EL1, never further. EL0 sees RAM through a window of its own: memory that EL0 may write is never
 * executable at EL1 (Arm ARM D8.4), so it cannot be the map that this kernel runs in.
 */
#include "guest/contain_cases.h"
#include "guest/el0.h"
#include "guest/lib/cpu.h"
#include "guest/lib/dt.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"

#define EL0_GIB UINT64_C(3) /* 3 GiB: an address that AArch32 has too */
#define EL0_BLOCK UINT64_C(0x745)
#define SPSR_A32 UINT64_C(0x3d0) /* user mode, A32, masked */
#define SPSR_T32 UINT64_C(0x3f0)
#define SPSR_A64 UINT64_C(0x3c0)
#define EC_SVC_A32 0x11u
#define EC_SVC_A64 0x15u

static uint32_t code[64] __attribute__((aligned(4096)));

struct program {
	const char *name;
	uint64_t spsr;
	uint32_t words[3]; /* the last before the end is an SVC that comes back */
	bool must_be_undefined;
};

/* Each is one instruction and then SVC #0. */
static const struct program programs[] = {
	{"hvc", SPSR_A64, {0xd4000002, 0xd4000001, 0}, true},
	{"smc", SPSR_A64, {0xd4000003, 0xd4000001, 0}, true},
	{"eret", SPSR_A64, {0xd69f03e0, 0xd4000001, 0}, true},
	{"mrs sctlr_el1", SPSR_A64, {0xd5381000, 0xd4000001, 0}, true},
	{"mrs hcr_el2", SPSR_A64, {0xd53c1100, 0xd4000001, 0}, true},
	{"dc cisw", SPSR_A64, {0xd5087e40, 0xd4000001, 0}, true},
	{"tlbi vmalle1", SPSR_A64, {0xd508871f, 0xd4000001, 0}, true},
	{"mrs of an implementation-defined register", SPSR_A64, {0xd53bb000, 0xd4000001, 0}, false},
	{"A32 hvc", SPSR_A32, {0xe1400070, 0xef000000, 0}, true},
	{"A32 smc", SPSR_A32, {0xe1600070, 0xef000000, 0}, true},
	{"A32 mrc p15 SCTLR", SPSR_A32, {0xee110f10, 0xef000000, 0}, true},
	{"A32 mcr p15 implementation-defined", SPSR_A32, {0xee0f0f10, 0xef000000, 0}, false},
	{"A32 mrc p15 c9 lockdown", SPSR_A32, {0xee190f10, 0xef000000, 0}, false},
	{"A32 mrc p15 PMCR", SPSR_A32, {0xee190f1c, 0xef000000, 0}, false},
	{"A32 mrc p14 DBGDSCR", SPSR_A32, {0xee100e11, 0xef000000, 0}, false},
	{"A32 mrrc p15 CNTVCT", SPSR_A32, {0xec510f1e, 0xef000000, 0}, false},
	{"A32 ldc p14", SPSR_A32, {0xed900e00, 0xef000000, 0}, false},
	{"A32 vmrs", SPSR_A32, {0xeef10a10, 0xef000000, 0}, false},
	{"A32 wfi", SPSR_A32, {0xe320f003, 0xef000000, 0}, false},
	{"A32 wfe", SPSR_A32, {0xe320f002, 0xef000000, 0}, false},
	{"A32 undefined", SPSR_A32, {0xe7f000f0, 0xef000000, 0}, true},
	{"T32 it; mrc p15; svc", SPSR_T32, {0xee11bf08, 0xdf000f10, 0}, false},
};

static bool is_svc(uint64_t esr)
{
	return ESR_EC(esr) == EC_SVC_A32 || ESR_EC(esr) == EC_SVC_A64;
}

static void run(const struct program *program)
{
	code[0] = program->words[0];
	code[1] = program->words[1];
	__asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ialluis\n\tdsb ish\n\tisb" ::"r"(code)
			 : "memory");
	const uint64_t entry = (EL0_GIB << 30) + ((uint64_t)(uintptr_t)code - dt_ram_base());
	const uint64_t esr = el0_run(entry, program->spsr);
	/* An SVC: it was done. Anything else that arrived here is an exception that belongs to EL1. */
	report(program->must_be_undefined ? !is_svc(esr) : esr != ~UINT64_C(0),
	       "EL0: %s %s (esr 0x%lx)", program->name, is_svc(esr) ? "is done" : "ends at EL1",
	       esr);
}

void check_el0(void)
{
	const bool has_aarch32 = (read_sysreg(id_aa64pfr0_el1) & 0xf) == 2;
	/* A program that sleeps in WFI is the kernel's to allow (SCTLR_EL1.nTWI): here it is trapped. */
	const uint64_t saved = mmu_table[EL0_GIB];
	((volatile uint64_t *)mmu_table)[EL0_GIB] = dt_ram_base() | EL0_BLOCK;
	dsb();
	__asm__ volatile("tlbi vmalle1\n\tdsb ish\n\tisb" ::: "memory");
	for (unsigned i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (programs[i].spsr == SPSR_A64 || has_aarch32) {
			run(&programs[i]);
		}
	}
	((volatile uint64_t *)mmu_table)[EL0_GIB] = saved;
	dsb();
	__asm__ volatile("tlbi vmalle1\n\tdsb ish\n\tisb" ::: "memory");
}
