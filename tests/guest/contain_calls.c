/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that nobody answers, and every encoding of a system register and system instruction that there is: reads,
 * writes of zero, operations on a scratch buffer. Undefined is the one answer besides doing it.
 */
#include "guest/contain_cases.h"
#include "guest/lib/cpu.h"
#include "guest/lib/gic.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"

#define RANDOM_CALLS 2000u
#define SERVICE_CALLS 64u

static bool is_refused(void (*conduit)(struct smccc_regs *regs), uint64_t id, uint64_t *random)
{
	struct smccc_regs regs;
	for (unsigned i = 0; i < 31; i++) {
		regs.x[i] = (uint64_t)next_random(random) << 32 | next_random(random);
	}
	regs.x[0] = id;
	conduit(&regs);
	if ((int32_t)regs.x[0] != SMCCC_NOT_SUPPORTED) {
		report_note("id 0x%lx answers 0x%lx", id, regs.x[0]);
		return false;
	}
	return true;
}

/* Ids that exist would be carried out: power off, for one. */
static bool is_harmless(uint32_t id)
{
	const uint32_t owner = SMCCC_OWNER(id);
	return owner != SMCCC_OWNER_ARCH && owner != SMCCC_OWNER_STANDARD &&
	       owner != SMCCC_OWNER_VENDOR_HYP;
}

void check_calls(void)
{
	uint64_t random = 7;
	unsigned answered = 0;
	for (unsigned i = 0; i < RANDOM_CALLS; i++) {
		const uint32_t id = next_random(&random) << 1 | (next_random(&random) & 1);
		if (is_harmless(id)) {
			answered += !is_refused(smccc_hvc, id, &random);
			answered += is_under_aether() && !is_refused(smccc_smc, id, &random);
		}
	}
	report_equal(answered, 0, "%u random calls are NOT_SUPPORTED", RANDOM_CALLS);
	answered = 0;
	for (uint32_t i = 0; i < SERVICE_CALLS; i++) {
		answered += !is_refused(smccc_hvc, 0xc6000100 + i, &random);
		answered += !is_refused(smccc_hvc, 0x86000100 + i, &random);
		answered += is_under_aether() && !is_refused(smccc_smc, 0xc6000100 + i, &random);
	}
	report_equal(answered, 0, "the calls of the service are NOT_SUPPORTED for a guest");
}

static uint32_t code[1024] __attribute__((aligned(4096)));
static uint8_t scratch[4096] __attribute__((aligned(4096)));

struct outcome {
	unsigned total, refused, strange;
	uint64_t strange_esr;
};

static void run_one(uint32_t instruction, struct outcome *outcome)
{
	code[0] = instruction;
	code[1] = UINT32_C(0xd65f03c0); /* ret */
	__asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb" ::"r"(code)
			 : "memory");
	trap_expect();
	__asm__ volatile("mov x0, %0\n\tblr %1" ::"r"(scratch), "r"(code)
			 : "x0", "x1", "x30", "memory");
	const struct trap_record record = trap_taken();
	/* FEAT_IDST: what is undefined among the identification registers is told as a trapped access. */
	const bool has_idst = (read_sysreg(S3_0_C0_C7_2) >> 36 & 0xf) != 0;
	const unsigned ec = ESR_EC(record.esr);
	outcome->total++;
	outcome->refused += record.count != 0;
	/* FP, SVE and SME registers may be trapped by our own CPACR_EL1. */
	if (record.count > 1 ||
	    (record.count == 1 && ec != ESR_EC_UNKNOWN && ec != ESR_EC_FP && ec != ESR_EC_SVE &&
	     ec != ESR_EC_SME && !(has_idst && ec == ESR_EC_SYSREG))) {
		outcome->strange++;
		outcome->strange_esr = record.esr;
		report_note("instruction 0x%x: esr 0x%lx", instruction, record.esr);
	}
}

static void report_outcome(const struct outcome *outcome, const char *what)
{
	report(outcome->strange == 0, "%u %s: %u undefined, the others done", outcome->total, what,
	       outcome->refused);
}

#define FIELD_OP0(instruction) ((instruction) >> 19 & 3)
#define FIELD_OP1(instruction) ((instruction) >> 16 & 7)
#define FIELD_CRN(instruction) ((instruction) >> 12 & 15)
#define FIELD_CRM(instruction) ((instruction) >> 8 & 15)
#define FIELD_OP2(instruction) ((instruction) >> 5 & 7)

/* Writing zero there takes away what this program stands on: its own translation, vectors, stack and masks. */
static bool is_vital(uint32_t instruction)
{
	const unsigned op0 = FIELD_OP0(instruction);
	const unsigned op1 = FIELD_OP1(instruction);
	const unsigned crn = FIELD_CRN(instruction);
	if (op0 == 2) {
		return false;
	}
	if (op1 == 0) {
		return (crn == 1 && FIELD_CRM(instruction) == 0) || crn == 2 || crn == 4 ||
		       crn == 10 || (crn == 12 && FIELD_CRM(instruction) == 0);
	}
	/* CNTFRQ_EL0 belongs to the highest exception level: without a hypervisor that is this program. */
	return op1 == 3 && (crn == 4 || (crn == 14 && FIELD_CRM(instruction) == 0));
}

static bool is_sys_vital(uint32_t instruction)
{
	/* DC ISW and IVAC throw dirty lines away: by set and way not only ours. */
	return FIELD_CRN(instruction) == 7 && FIELD_CRM(instruction) == 6 &&
	       FIELD_OP1(instruction) == 0;
}

/* o0, op1, CRn, CRm, op2: 15 bits. */
#define SPACE 0x8000u

void check_encodings(void)
{
	struct outcome reads = {0};
	struct outcome writes = {0};
	struct outcome operations = {0};
	for (uint32_t i = 0; i < SPACE; i++) {
		const uint32_t fields = i << 5;
		const uint32_t read = UINT32_C(0xd5300000) | fields | 1; /* mrs x1, op0 = 2 or 3 */
		const uint32_t write = UINT32_C(0xd5100000) | fields | 31; /* msr .., xzr */
		run_one(read, &reads);
		if (!is_vital(write)) {
			run_one(write, &writes);
		}
	}
	report_outcome(&reads, "reads of system registers");
	report_outcome(&writes, "writes of system registers");
	for (uint32_t i = 0; i < SPACE / 2; i++) {
		const uint32_t sys = UINT32_C(0xd5080000) | i << 5; /* sys .., x0 */
		if (!is_sys_vital(sys)) {
			run_one(sys, &operations);
		}
		run_one(sys | UINT32_C(0x200000) | 1, &operations); /* sysl x1, .. */
	}
	report_outcome(&operations, "system instructions");
	/* EL2's and EL3's registers, by name, are undefined without exception. */
	struct outcome higher = {0};
	static const uint32_t registers[] = {
		0xd53c1101, /* HCR_EL2 */
		0xd53c1001, /* SCTLR_EL2 */
		0xd53c2101, /* VTTBR_EL2 */
		0xd53c2001, /* TTBR0_EL2 */
		0xd53cc001, /* VBAR_EL2 */
		0xd53c5201, /* ESR_EL2 */
		0xd53ccc81, /* ICH_LR0_EL2 */
		0xd53ccb01, /* ICH_HCR_EL2 */
		0xd53ce101, /* CNTHCTL_EL2 */
		0xd53ce061, /* CNTVOFF_EL2 */
		0xd53e1101, /* SCR_EL3 */
		0xd53e1001, /* SCTLR_EL3 */
	};
	for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		run_one(registers[i], &higher);
		run_one(registers[i] & ~UINT32_C(0x200000), &higher);
	}
	report_equal(higher.refused, higher.total, "registers of EL2 and EL3 are undefined");
	gic_init();
}
