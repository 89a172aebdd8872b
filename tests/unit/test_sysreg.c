/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/sysreg.c: every encoding of a trapped system register gets the answer that it has in the list below, the rest is
 * undefined; and ID registers are trapped exactly where something must be hidden.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/esr.h"
#include "core/hal.h"
#include "core/sysreg.h"
#include "core/vcpu.h"

#define READ 1u
#define WRITE 0u
#define VALUE(i) (UINT64_C(0x1111111111111111) * ((i) % 15 + 1))

/* As QEMU 10.0's models with `-M virt,virtualization=on` show them to EL1, CRm 1 to 7 a line each. */
static const struct model {
	const char *name;
	unsigned gic_version;
	bool must_hide;
	uint64_t id[SYSREG_ID_COUNT];
} models[] = {
	{
		"cortex-a53",
		2,
		false,
		{
		0x131, 0x11001, 0x3000006, 0x0, 0x10101105, 0x40000000, 0x1260000, 0x2102211,
		0x2101110, 0x13112111, 0x21232042, 0x1112131, 0x11142, 0x11121, 0x0, 0x0,
		0x10110222, 0x12111111, 0x43, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x222, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x10305106, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x11120, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x1122, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		},
	},
	{
		"cortex-a53",
		3,
		false,
		{
		0x131, 0x10011001, 0x3000006, 0x0, 0x10101105, 0x40000000, 0x1260000, 0x2102211,
		0x2101110, 0x13112111, 0x21232042, 0x1112131, 0x11142, 0x11121, 0x0, 0x0,
		0x10110222, 0x12111111, 0x43, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x1000222, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x10305106, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x11120, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x1122, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		},
	},
	{
		"cortex-a72",
		2,
		false,
		{
		0x131, 0x11001, 0x3000006, 0x0, 0x10201105, 0x40000000, 0x1260000, 0x2102211,
		0x2101110, 0x13112111, 0x21232042, 0x1112131, 0x11142, 0x11121, 0x0, 0x0,
		0x10110222, 0x12111111, 0x43, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x222, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x10305106, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x11120, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x1124, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		},
	},
	{
		"cortex-a72",
		3,
		false,
		{
		0x131, 0x10011001, 0x3000006, 0x0, 0x10201105, 0x40000000, 0x1260000, 0x2102211,
		0x2101110, 0x13112111, 0x21232042, 0x1112131, 0x11142, 0x11121, 0x0, 0x0,
		0x10110222, 0x12111111, 0x43, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x1000222, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x10305106, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x11120, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x1124, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		},
	},
	{
		"cortex-a76",
		2,
		false,
		{
		0x10010131, 0x10000, 0x4000008, 0x0, 0x10201105, 0x40000000, 0x1260000, 0x2122211,
		0x2101110, 0x13112111, 0x21232042, 0x1112131, 0x10142, 0x1011121, 0x21110, 0x10,
		0x10110222, 0x13211111, 0x43, 0x0, 0x11, 0x0, 0x0, 0x0,
		0x1100000010110112, 0x10, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x10305408, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x100010211120, 0x100001, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x101122, 0x10212122, 0x1011, 0x0, 0x0, 0x0, 0x0, 0x0,
		},
	},
	{
		"cortex-a76",
		3,
		false,
		{
		0x10010131, 0x10010000, 0x4000008, 0x0, 0x10201105, 0x40000000, 0x1260000, 0x2122211,
		0x2101110, 0x13112111, 0x21232042, 0x1112131, 0x10142, 0x1011121, 0x21110, 0x10,
		0x10110222, 0x13211111, 0x43, 0x0, 0x11, 0x0, 0x0, 0x0,
		0x1100000011110112, 0x10, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x10305408, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x100010211120, 0x100001, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x101122, 0x10212122, 0x1011, 0x0, 0x0, 0x0, 0x0, 0x0,
		},
	},
	{
		"max",
		2,
		true,
		{
		0x11020131, 0x11001, 0x600000a, 0x0, 0x10101105, 0x40000000, 0x1260000, 0x2122211,
		0x2101110, 0x13112111, 0x21232042, 0x1112131, 0x11142, 0x11011121, 0x20021110, 0x1111111,
		0x10110222, 0x13211111, 0x43, 0x0, 0x11, 0x10, 0x2, 0x0,
		0x1301001120110222, 0x1001000121, 0x0, 0x0, 0x110110100210021, 0x80f100fd00000000, 0x0, 0x0,
		0x100000001030560a, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x1221111110212120, 0x111211110211502, 0x110012, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x2100032310201126, 0x110112010312122, 0x1221011112011011, 0x1000000000000000, 0x0, 0x0, 0x0, 0x0,
		},
	},
	{
		"max",
		3,
		true,
		{
		0x11020131, 0x10011001, 0x600000a, 0x0, 0x10101105, 0x40000000, 0x1260000, 0x2122211,
		0x2101110, 0x13112111, 0x21232042, 0x1112131, 0x11142, 0x11011121, 0x20021110, 0x1111111,
		0x10110222, 0x13211111, 0x43, 0x0, 0x11, 0x10, 0x2, 0x0,
		0x1301001121110222, 0x1001000121, 0x0, 0x0, 0x110110100210021, 0x80f100fd00000000, 0x0, 0x0,
		0x100000001030560a, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x1221111110212120, 0x111211110211502, 0x110012, 0x0, 0x0, 0x0, 0x0, 0x0,
		0x2100032310201126, 0x110112010312122, 0x1221011112011011, 0x1000000000000000, 0x0, 0x0, 0x0, 0x0,
		},
	},
};

static struct vcpu vcpu;
static const uint64_t *id_registers = models[0].id;

/* What the callbacks were asked for last. */
static struct {
	unsigned debug_grants, pmu_grants, sgis, deactivations, set_ways, writes;
	uint64_t value;
	bool is_group1;
	unsigned crn, crm, op2;
	enum exit_action answer;
} seen;

uint64_t hal_read_id_register(unsigned index)
{
	assert_in_range(index, 0, SYSREG_ID_COUNT - 1);
	return id_registers[index];
}

void vcpu_grant_debug(struct vcpu *of)
{
	assert_ptr_equal(of, &vcpu);
	seen.debug_grants++;
}

void vcpu_grant_pmu(struct vcpu *of)
{
	assert_ptr_equal(of, &vcpu);
	seen.pmu_grants++;
}

void vcpu_sgi(struct vcpu *of, uint64_t value, bool is_group1)
{
	assert_ptr_equal(of, &vcpu);
	seen.sgis++;
	seen.value = value;
	seen.is_group1 = is_group1;
}

enum exit_action vcpu_deactivate(struct vcpu *of, uint32_t intid)
{
	assert_ptr_equal(of, &vcpu);
	seen.deactivations++;
	seen.value = intid;
	return EXIT_ADVANCE;
}

enum exit_action vcpu_set_way(struct vcpu *of)
{
	assert_ptr_equal(of, &vcpu);
	seen.set_ways++;
	return seen.answer;
}

enum exit_action vcpu_write_vm_register(struct vcpu *of, unsigned crn, unsigned crm, unsigned op2, uint64_t value)
{
	assert_ptr_equal(of, &vcpu);
	seen.writes++;
	seen.crn = crn;
	seen.crm = crm;
	seen.op2 = op2;
	seen.value = value;
	return seen.answer;
}

static int setup(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.answer = EXIT_ADVANCE;
	for (unsigned i = 0; i < 31; i++) {
		vcpu.x[i] = VALUE(i);
	}
	id_registers = models[0].id;
	sysreg_init(3);
	return 0;
}

static uint64_t syndrome(uint32_t encoding, unsigned is_read, unsigned rt)
{
	return (uint64_t)ESR_EC_SYS64 << 26 | ESR_IL | encoding | rt << 5 | is_read;
}

/* Carries one access out; registers but x<rt> keep their values, and x<rt> too unless it was read. */
static enum exit_action access(uint32_t encoding, unsigned is_read, unsigned rt)
{
	for (unsigned i = 0; i < 31; i++) {
		vcpu.x[i] = VALUE(i);
	}
	const enum exit_action action = sysreg_trap(&vcpu, syndrome(encoding, is_read, rt));
	for (unsigned i = 0; i < 31; i++) {
		if (i != rt || !is_read || action != EXIT_ADVANCE) {
			assert_int_equal(vcpu.x[i], VALUE(i));
		}
	}
	return action;
}

enum answer { UNDEF, DIR, RAZ_WI, RAZ, DEBUG, PMU, PMU_USERENR, SGI0, SGI1, SET_WAY, MEMORY, ID };

/* By name and one register a line, unlike the rules of the code: op0, op1, CRn, CRm, op2 as the Arm ARM lists them. */
static const struct {
	uint8_t op0, op1, crn, crm, op2;
	enum answer answer;
} named[] = {
	{1, 0, 7, 6, 2, SET_WAY},      /* DC ISW */
	{1, 0, 7, 10, 2, SET_WAY},     /* DC CSW */
	{1, 0, 7, 14, 2, SET_WAY},     /* DC CISW */
	{2, 0, 0, 0, 2, DEBUG},	       /* OSDTRRX_EL1 */
	{2, 0, 0, 2, 0, DEBUG},	       /* MDCCINT_EL1 */
	{2, 0, 0, 2, 2, DEBUG},	       /* MDSCR_EL1 */
	{2, 0, 0, 3, 2, DEBUG},	       /* OSDTRTX_EL1 */
	{2, 0, 0, 6, 2, DEBUG},	       /* OSECCR_EL1 */
	{2, 0, 1, 0, 0, RAZ},	       /* MDRAR_EL1 */
	{2, 0, 1, 0, 4, DEBUG},	       /* OSLAR_EL1 */
	{2, 0, 1, 1, 4, DEBUG},	       /* OSLSR_EL1 */
	{2, 0, 1, 3, 4, RAZ_WI},       /* OSDLR_EL1 */
	{2, 0, 1, 4, 4, RAZ_WI},       /* DBGPRCR_EL1 */
	{2, 0, 7, 8, 6, DEBUG},	       /* DBGCLAIMSET_EL1 */
	{2, 0, 7, 9, 6, DEBUG},	       /* DBGCLAIMCLR_EL1 */
	{2, 0, 7, 14, 6, DEBUG},       /* DBGAUTHSTATUS_EL1 */
	{2, 3, 0, 1, 0, DEBUG},	       /* MDCCSR_EL0 */
	{2, 3, 0, 4, 0, DEBUG},	       /* DBGDTR_EL0 */
	{2, 3, 0, 5, 0, DEBUG},	       /* DBGDTRRX_EL0, DBGDTRTX_EL0 */
	{3, 0, 1, 0, 0, MEMORY},       /* SCTLR_EL1 */
	{3, 0, 1, 0, 1, RAZ_WI},       /* ACTLR_EL1 */
	{3, 0, 2, 0, 0, MEMORY},       /* TTBR0_EL1 */
	{3, 0, 2, 0, 1, MEMORY},       /* TTBR1_EL1 */
	{3, 0, 2, 0, 2, MEMORY},       /* TCR_EL1 */
	{3, 0, 5, 1, 0, MEMORY},       /* AFSR0_EL1 */
	{3, 0, 5, 1, 1, MEMORY},       /* AFSR1_EL1 */
	{3, 0, 5, 2, 0, MEMORY},       /* ESR_EL1 */
	{3, 0, 5, 3, 0, RAZ},	       /* ERRIDR_EL1 */
	{3, 0, 5, 3, 1, RAZ_WI},       /* ERRSELR_EL1 */
	{3, 0, 6, 0, 0, MEMORY},       /* FAR_EL1 */
	{3, 0, 9, 14, 1, PMU},	       /* PMINTENSET_EL1 */
	{3, 0, 9, 14, 2, PMU},	       /* PMINTENCLR_EL1 */
	{3, 0, 9, 14, 6, PMU},	       /* PMMIR_EL1 */
	{3, 0, 10, 2, 0, MEMORY},      /* MAIR_EL1 */
	{3, 0, 10, 3, 0, MEMORY},      /* AMAIR_EL1 */
	{3, 0, 10, 4, 0, RAZ_WI},      /* LORSA_EL1 */
	{3, 0, 10, 4, 1, RAZ_WI},      /* LOREA_EL1 */
	{3, 0, 10, 4, 2, RAZ_WI},      /* LORN_EL1 */
	{3, 0, 10, 4, 3, RAZ_WI},      /* LORC_EL1 */
	{3, 0, 10, 4, 7, RAZ},	       /* LORID_EL1 */
	{3, 0, 12, 11, 1, DIR},	       /* ICC_DIR_EL1 */
	{3, 0, 12, 11, 5, SGI1},       /* ICC_SGI1R_EL1 */
	{3, 0, 12, 11, 6, SGI0},       /* ICC_ASGI1R_EL1 */
	{3, 0, 12, 11, 7, SGI0},       /* ICC_SGI0R_EL1 */
	{3, 0, 12, 12, 5, RAZ_WI},     /* ICC_SRE_EL1 */
	{3, 0, 13, 0, 1, MEMORY},      /* CONTEXTIDR_EL1 */
	{3, 3, 9, 13, 0, PMU},	       /* PMCCNTR_EL0 */
	{3, 3, 9, 13, 1, PMU},	       /* PMXEVTYPER_EL0 */
	{3, 3, 9, 13, 2, PMU},	       /* PMXEVCNTR_EL0 */
	{3, 3, 9, 13, 3, PMU},	       /* not allocated */
	{3, 3, 9, 14, 0, PMU_USERENR}, /* PMUSERENR_EL0 */
	{3, 3, 9, 14, 3, PMU},	       /* PMOVSSET_EL0 */
};

static enum answer expected_answer(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2)
{
	if (op0 == 3 && op1 == 0 && crn == 0 && crm >= 1 && crm <= 7) {
		return ID;
	}
	if (op0 == 2 && op1 == 0 && crn == 0 && op2 >= 4) {
		return DEBUG; /* DBGBVR<m>, DBGBCR<m>, DBGWVR<m>, DBGWCR<m> */
	}
	if (op0 == 3 && op1 == 0 && crn == 5 && (crm == 4 || crm == 5)) {
		return RAZ_WI; /* ERX<name> */
	}
	if (op0 == 3 && op1 == 3 && ((crn == 9 && crm == 12) || (crn == 14 && crm >= 8))) {
		return PMU; /* PMCR_EL0 to PMCEID1_EL0; PMEVCNTR<n>, PMEVTYPER<n>, PMCCFILTR */
	}
	for (unsigned i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (named[i].op0 == op0 && named[i].op1 == op1 && named[i].crn == crn && named[i].crm == crm &&
		    named[i].op2 == op2) {
			return named[i].answer;
		}
	}
	return UNDEF;
}

static void check_access(uint32_t encoding, enum answer answer, unsigned is_read, unsigned rt)
{
	memset(&seen, 0, sizeof(seen));
	seen.answer = EXIT_RETRY;
	const enum exit_action action = access(encoding, is_read, rt);
	const uint64_t written = is_read || rt == 31 ? 0 : VALUE(rt);
	const bool is_zero_read = is_read != 0 && (rt == 31 || vcpu.x[rt == 31 ? 0 : rt] == 0);
	switch (answer) {
	case UNDEF:
		assert_int_equal(action, EXIT_INJECT_UNDEF);
		break;
	case ID:
		assert_int_equal(action, is_read ? EXIT_ADVANCE : EXIT_INJECT_UNDEF);
		break;
	case RAZ_WI:
		assert_int_equal(action, EXIT_ADVANCE);
		assert_true(!is_read || is_zero_read);
		break;
	case RAZ:
		assert_int_equal(action, is_read ? EXIT_ADVANCE : EXIT_INJECT_UNDEF);
		assert_true(!is_read || is_zero_read);
		break;
	case DEBUG:
	case PMU:
		assert_int_equal(action, EXIT_RETRY);
		break;
	case PMU_USERENR:
		assert_int_equal(action, is_read || written != 0 ? EXIT_RETRY : EXIT_ADVANCE);
		break;
	case DIR:
	case SGI0:
	case SGI1:
		assert_int_equal(action, is_read ? EXIT_INJECT_UNDEF : EXIT_ADVANCE);
		break;
	case SET_WAY:
	case MEMORY:
		assert_int_equal(action, is_read ? EXIT_INJECT_UNDEF : EXIT_RETRY); /* what the callback says */
		break;
	}
	assert_int_equal(seen.debug_grants, answer == DEBUG);
	assert_int_equal(seen.pmu_grants, answer == PMU || (answer == PMU_USERENR && (is_read || written != 0)));
	assert_int_equal(seen.sgis, (answer == SGI0 || answer == SGI1) && !is_read);
	assert_int_equal(seen.deactivations, answer == DIR && !is_read);
	if (seen.deactivations != 0) {
		assert_int_equal(seen.value, (uint32_t)written & 0xffffff);
	}
	assert_int_equal(seen.set_ways, answer == SET_WAY && !is_read);
	assert_int_equal(seen.writes, answer == MEMORY && !is_read);
	assert_int_equal(seen.is_group1, answer == SGI1 && !is_read);
	if (seen.sgis != 0 || seen.writes != 0) {
		assert_int_equal(seen.value, written);
	}
}

static void every_encoding_has_its_answer(void **state)
{
	static const unsigned targets[] = {0, 17, 30, 31};
	(void)state;
	unsigned answered = 0;
	for (uint32_t n = 0; n < 1u << 16; n++) {
		const unsigned op0 = n & 3, op1 = n >> 2 & 7, crn = n >> 5 & 15, crm = n >> 9 & 15, op2 = n >> 13;
		const uint32_t encoding = ESR_SYSREG(op0, op1, crn, crm, op2);
		const enum answer answer = expected_answer(op0, op1, crn, crm, op2);
		answered += answer != UNDEF;
		for (unsigned i = 0; i < 4; i++) {
			check_access(encoding, answer, READ, targets[i]);
			check_access(encoding, answer, WRITE, targets[i]);
			if (answer == MEMORY) {
				assert_int_equal(ESR_SYSREG(3, 0, seen.crn, seen.crm, seen.op2), encoding);
			}
		}
	}
	/* 56 ID registers, 64 of breakpoints, 16 of error records, 8 + 64 of the PMU, and the named ones. */
	assert_int_equal(answered, 56 + 64 + 16 + 72 + sizeof(named) / sizeof(named[0]));
}

static void sgis_need_a_gicv3(void **state)
{
	(void)state;
	sysreg_init(2);
	for (unsigned op2 = 5; op2 <= 7; op2++) {
		assert_int_equal(access(ESR_SYSREG(3, 0, 12, 11, op2), WRITE, 1), EXIT_INJECT_UNDEF);
	}
	assert_int_equal(seen.sgis, 0);
}

static void id_registers_are_trapped_where_they_must(void **state)
{
	(void)state;
	for (unsigned m = 0; m < sizeof(models) / sizeof(models[0]); m++) {
		id_registers = models[m].id;
		sysreg_init(models[m].gic_version);
		assert_int_equal(sysreg_must_hide(), models[m].must_hide);
		for (unsigned i = 0; i < SYSREG_ID_COUNT; i++) {
			const uint64_t value = sysreg_id_value(i, models[m].id[i]);
			assert_int_equal(sysreg_id_value(i, value), value);
			if (!models[m].must_hide) {
				assert_int_equal(value, models[m].id[i]);
			}
		}
	}
}

static unsigned field(uint64_t value, unsigned shift)
{
	return (unsigned)(value >> shift & 0xf);
}

static void what_max_has_and_guests_do_not(void **state)
{
	static const struct {
		unsigned index, shift, hardware, guest;
	} fields[] = {
		{SYSREG_ID_AA64PFR0, 32, 1, 0},	   /* SVE */
		{SYSREG_ID_AA64PFR1, 24, 1, 0},	   /* SME */
		{SYSREG_ID_AA64PFR1, 36, 1, 0},	   /* NMI */
		{SYSREG_ID_AA64PFR1, 8, 1, 0},	   /* MTE */
		{SYSREG_ID_AA64ZFR0, 0, 1, 0},	   /* SVEver */
		{SYSREG_ID_AA64SMFR0, 60, 8, 0},   /* FA64 */
		{SYSREG_ID_AA64ISAR2, 16, 1, 0},   /* MOPS */
		{SYSREG_ID_AA64PFR0, 28, 2, 2},	   /* RAS */
		{SYSREG_ID_AA64PFR0, 48, 1, 1},	   /* DIT */
		{SYSREG_ID_AA64PFR1, 4, 2, 2},	   /* SSBS */
		{SYSREG_ID_AA64PFR1, 0, 1, 1},	   /* BT */
		{SYSREG_ID_AA64ISAR0, 60, 1, 1},   /* RNDR */
		{SYSREG_ID_AA64ISAR1, 4, 0, 0},	   /* APA */
		{SYSREG_ID_AA64ISAR1, 8, 5, 5},	   /* API */
		{SYSREG_ID_AA64DFR0, 0, 10, 10},   /* DebugVer */
		{SYSREG_ID_AA64DFR0, 8, 6, 6},	   /* PMUVer */
		{SYSREG_ID_AA64MMFR1, 20, 3, 3},   /* PAN */
		{SYSREG_ID_AA64MMFR1, 0, 2, 2},	   /* HAFDBS */
	};
	(void)state;
	id_registers = models[6].id;
	assert_string_equal(models[6].name, "max");
	sysreg_init(2);
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const unsigned index = fields[i].index;
		assert_int_equal(field(id_registers[index], fields[i].shift), fields[i].hardware);
		const uint32_t encoding = ESR_SYSREG(3, 0, 0, 1 + index / 8, index % 8);
		assert_int_equal(access(encoding, READ, 5), EXIT_ADVANCE);
		assert_int_equal(field(vcpu.x[5], fields[i].shift), fields[i].guest);
	}
}

/* Each field of four bits alone, with each value: hidden whole, shown whole, or cut to what is supported. */
static void fields_are_whole(void **state)
{
	(void)state;
	unsigned cut = 0;
	for (unsigned index = 0; index < SYSREG_ID_COUNT; index++) {
		for (unsigned shift = 0; shift < 64; shift += 4) {
			unsigned shown = 0;
			for (uint64_t version = 1; version < 16; version++) {
				const uint64_t value = sysreg_id_value(index, version << shift);
				assert_int_equal(value & ~(UINT64_C(0xf) << shift), 0);
				shown += field(value, shift) == version;
				assert_true(field(value, shift) <= version);
				assert_true(field(value, shift) != 0 || shown == 0);
			}
			cut += shown != 0 && shown != 15;
		}
	}
	assert_int_equal(cut, 5);
	assert_int_equal(sysreg_id_value(SYSREG_ID_AA64DFR0, 0xb), 0xa);    /* Debug v8.9 -> v8.8 */
	assert_int_equal(sysreg_id_value(SYSREG_ID_AA64DFR0, 0x900), 0x800); /* PMUv3.9 -> 3.8 */
	assert_int_equal(sysreg_id_value(SYSREG_ID_AA64DFR0, 0xf00), 0xf00); /* no PMUv3 */
	assert_int_equal(sysreg_id_value(SYSREG_ID_AA64MMFR1, 3), 2);
}

static void the_gic_of_another_version_is_hidden(void **state)
{
	(void)state;
	uint64_t id[SYSREG_ID_COUNT];
	memcpy(id, models[3].id, sizeof(id)); /* cortex-a72 with a GICv3 */
	id_registers = id;
	sysreg_init(3);
	assert_false(sysreg_must_hide());
	sysreg_init(2);
	assert_true(sysreg_must_hide());
	assert_int_equal(field(sysreg_id_value(SYSREG_ID_AA64PFR0, id[SYSREG_ID_AA64PFR0]), 24), 0);
	assert_int_equal(field(sysreg_id_value(SYSREG_ID_PFR1, id[SYSREG_ID_PFR1]), 28), 0);
	id[SYSREG_ID_AA64PFR0] &= ~(UINT64_C(0xf) << 24);
	assert_true(sysreg_must_hide()); /* ID_PFR1 says it too */
	id[SYSREG_ID_PFR1] &= ~(UINT64_C(0xf) << 28);
	assert_false(sysreg_must_hide());
}

/* Every bit that is hidden makes the registers trapped, in whichever register it is. */
static void nothing_hidden_goes_unnoticed(void **state)
{
	(void)state;
	uint64_t id[SYSREG_ID_COUNT];
	id_registers = id;
	for (unsigned index = 0; index < SYSREG_ID_COUNT; index++) {
		for (unsigned bit = 0; bit < 64; bit++) {
			memset(id, 0, sizeof(id));
			id[SYSREG_ID_AA64PFR0] = 2; /* EL0 has AArch32 */
			id[index] |= UINT64_C(1) << bit;
			const bool is_hidden = sysreg_id_value(index, id[index]) != id[index];
			const bool has_aarch32 = (id[SYSREG_ID_AA64PFR0] & 0xf) == 2;
			assert_int_equal(sysreg_must_hide(), is_hidden && (has_aarch32 || index >= SYSREG_ID_AA64PFR0));
		}
	}
}

static void without_aarch32_its_registers_are_zero(void **state)
{
	(void)state;
	uint64_t id[SYSREG_ID_COUNT];
	memcpy(id, models[2].id, sizeof(id)); /* cortex-a72 */
	id_registers = id;
	sysreg_init(2);
	id[SYSREG_ID_AA64PFR0] = (id[SYSREG_ID_AA64PFR0] & ~UINT64_C(0xff)) | 0x11;
	for (unsigned i = 0; i < SYSREG_ID_AA64PFR0; i++) {
		id[i] = UINT64_C(0xdeadbeefdeadbeef); /* unknown values */
	}
	assert_false(sysreg_must_hide());
	for (unsigned i = 0; i < SYSREG_ID_AA64PFR0; i++) {
		assert_int_equal(access(ESR_SYSREG(3, 0, 0, 1 + i / 8, i % 8), READ, 3), EXIT_ADVANCE);
		assert_int_equal(vcpu.x[3], 0);
	}
	assert_int_equal(access(ESR_SYSREG(3, 0, 0, 4, 0), READ, 3), EXIT_ADVANCE);
	assert_int_equal(vcpu.x[3], id[SYSREG_ID_AA64PFR0]);
}

static void clearing_pmuserenr_is_no_touch(void **state)
{
	(void)state;
	const uint32_t pmuserenr = ESR_SYSREG(3, 3, 9, 14, 0);
	vcpu.x[2] = 0;
	assert_int_equal(sysreg_trap(&vcpu, syndrome(pmuserenr, WRITE, 2)), EXIT_ADVANCE);
	assert_int_equal(sysreg_trap(&vcpu, syndrome(pmuserenr, WRITE, 31)), EXIT_ADVANCE);
	assert_int_equal(seen.pmu_grants, 0);
	vcpu.x[2] = 1;
	assert_int_equal(sysreg_trap(&vcpu, syndrome(pmuserenr, WRITE, 2)), EXIT_RETRY);
	assert_int_equal(sysreg_trap(&vcpu, syndrome(pmuserenr, READ, 2)), EXIT_RETRY);
	assert_int_equal(seen.pmu_grants, 2);
	assert_int_equal(vcpu.x[2], 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		T(every_encoding_has_its_answer),
		T(sgis_need_a_gicv3),
		T(id_registers_are_trapped_where_they_must),
		T(what_max_has_and_guests_do_not),
		T(fields_are_whole),
		T(the_gic_of_another_version_is_hidden),
		T(nothing_hidden_goes_unnoticed),
		T(without_aarch32_its_registers_are_zero),
		T(clearing_pmuserenr_is_no_touch),
	};

	return cmocka_run_group_tests_name("sysreg", tests, NULL, NULL);
}
