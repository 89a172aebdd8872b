/* SPDX-License-Identifier: Apache-2.0 */
/* core/esr.h: every combination of the fields in use comes back from its encoding; real syndromes are read right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/esr.h"

/* Bits above and below the ISS that decoding must not look at: IL, and ISS2 in bits 55 to 32 (FEAT_LS64 and later). */
#define NOISE (ESR_IL | UINT64_C(0x00a5a5a500000000))

static void classes(void **state)
{
	(void)state;
	unsigned named = 0;
	for (unsigned ec = 0; ec < 64; ec++) {
		assert_int_equal(ESR_EC(NOISE | (uint64_t)ec << 26 | ESR_ISS_MASK), ec);
		named += strcmp(esr_class_name(ec), "reserved class") != 0;
	}
	assert_int_equal(named, 40);
	assert_string_equal(esr_class_name(ESR_EC_HVC64), "HVC");
	assert_string_equal(esr_class_name(ESR_EC_UNKNOWN), "unknown reason");
	assert_string_equal(esr_class_name(0x3f), "reserved class");
	assert_string_equal(esr_class_name(UINT32_MAX), "reserved class");
}

static void system_registers(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 1u << 22; n++) {
		const uint32_t op0 = n & 3, op1 = n >> 2 & 7, crn = n >> 5 & 15, crm = n >> 9 & 15;
		const uint32_t op2 = n >> 13 & 7, rt = n >> 16 & 31, is_read = n >> 21;
		const uint64_t esr = NOISE | (uint64_t)ESR_EC_SYS64 << 26 |
				     (op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | rt << 5 | crm << 1 | is_read);
		if (FIELD_GET(ESR_ISS_SYS_OP0_MASK, esr) != op0 || FIELD_GET(ESR_ISS_SYS_OP1_MASK, esr) != op1 ||
		    FIELD_GET(ESR_ISS_SYS_CRN_MASK, esr) != crn || FIELD_GET(ESR_ISS_SYS_CRM_MASK, esr) != crm ||
		    FIELD_GET(ESR_ISS_SYS_OP2_MASK, esr) != op2 || esr_sysreg_rt(esr) != rt ||
		    ((esr & ESR_ISS_SYS_IS_READ) != 0) != is_read ||
		    (esr & ESR_SYSREG_MASK) != ESR_SYSREG(op0, op1, crn, crm, op2)) {
			fail_msg("syndrome %lx", esr);
		}
	}
}

static void data_aborts(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 1u << 21; n++) {
		const uint32_t fsc = n & 63, flags = n >> 6 & 15, ar = n >> 10 & 1, sf = n >> 11 & 1;
		const uint32_t srt = n >> 12 & 31, sse = n >> 17 & 1, sas = n >> 18 & 3, isv = n >> 20;
		const uint64_t esr = NOISE | (uint64_t)ESR_EC_DATA_ABORT_LOWER << 26 | isv << 24 | sas << 22 |
				     sse << 21 | srt << 16 | sf << 15 | ar << 14 | (flags & 3) << 6 |
				     flags >> 2 << 8 | fsc;
		/* Translation, access flag and address size faults of levels 0 to 3 leave the address. */
		const bool has_ipa = fsc < 12;
		if (((esr & ESR_ISS_ISV) != 0) != isv || esr_access_bytes(esr) != 1u << sas || esr_srt(esr) != srt ||
		    ((esr & ESR_ISS_SSE) != 0) != sse || ((esr & ESR_ISS_SF) != 0) != sf ||
		    ((esr & ESR_ISS_AR) != 0) != ar || ((esr & ESR_ISS_WNR) != 0) != (flags & 1) ||
		    ((esr & ESR_ISS_S1PTW) != 0) != (flags >> 1 & 1) || ((esr & ESR_ISS_CM) != 0) != (flags >> 2 & 1) ||
		    ((esr & ESR_ISS_EA) != 0) != flags >> 3 || ESR_FSC(esr) != fsc ||
		    esr_is_stage2_fault(esr) != has_ipa) {
			fail_msg("syndrome %lx", esr);
		}
	}
}

static void calls_and_waits(void **state)
{
	(void)state;
	for (uint64_t immediate = 0; immediate < 0x10000; immediate++) {
		assert_int_equal(ESR_ISS_IMM16(NOISE | (uint64_t)ESR_EC_HVC64 << 26 | immediate), immediate);
	}
	assert_false(ESR_WFX_IS_WFE(0x07e00000) || ESR_WFX_HAS_TIMEOUT(0x07e00000));
	assert_true(ESR_WFX_IS_WFE(0x07e00001) && !ESR_WFX_HAS_TIMEOUT(0x07e00001));
	assert_true(!ESR_WFX_IS_WFE(0x07e00002) && ESR_WFX_HAS_TIMEOUT(0x07e00002));
	assert_true(ESR_WFX_IS_WFE(0x07e00003) && ESR_WFX_HAS_TIMEOUT(0x07e00003));
}

/* Syndromes as hardware gives them for known instructions. */
static void real_syndromes(void **state)
{
	(void)state;
	assert_int_equal(ESR_EC(0x5a000000), ESR_EC_HVC64); /* HVC #0 */
	assert_int_equal(ESR_EC(0x5e000000), ESR_EC_SMC64); /* SMC #0 */
	assert_int_equal(ESR_EC(0x07e00000), ESR_EC_WFX);
	/* ICC_SGI1R_EL1 is 0x3a3016 in a trap's ISS. */
	assert_int_equal(ESR_SYSREG(3, 0, 12, 11, 5), 0x3a3016);
	assert_int_equal(0x623a3036 & ESR_SYSREG_MASK, ESR_SYSREG(3, 0, 12, 11, 5)); /* MSR ICC_SGI1R_EL1, X1 */
	assert_int_equal(esr_sysreg_rt(0x623a3036), 1);
	/* LDR W0, [X1] from a page that is not mapped: level 3 translation fault. */
	const uint64_t load = 0x93800007;
	assert_int_equal(ESR_EC(load), ESR_EC_DATA_ABORT_LOWER);
	assert_true((load & ESR_ISS_ISV) != 0 && (load & ESR_ISS_WNR) == 0 && esr_is_stage2_fault(load));
	assert_int_equal(esr_access_bytes(load), 4);
	/* STRB WZR, [X1] to one: level 2. */
	const uint64_t store = 0x931f0046;
	assert_true((store & ESR_ISS_WNR) != 0 && esr_is_stage2_fault(store));
	assert_int_equal(esr_access_bytes(store), 1);
	assert_int_equal(esr_srt(store), 31);
	assert_false(esr_is_stage2_fault(0x9380000f)); /* permission: no address */
	assert_false(esr_is_stage2_fault(0x93800010)); /* external abort */
	assert_false(esr_is_stage2_fault(0x93800021)); /* alignment */
}

/* The slow way: a bit at a time. */
static uint64_t naive_result(unsigned bytes, bool is_signed, bool is_64, uint64_t value)
{
	uint64_t result = 0;
	for (unsigned bit = 0; bit < (is_64 ? 64u : 32u); bit++) {
		const unsigned from = bit < bytes * 8 ? bit : bytes * 8 - 1;
		const bool is_set = (value >> from & 1) != 0 && (bit < bytes * 8 || is_signed);
		result |= (uint64_t)is_set << bit;
	}
	return result;
}

static void loads_are_extended(void **state)
{
	static const uint64_t values[] = {0,
					  1,
					  0x7f,
					  0x80,
					  0x7fff,
					  0x8000,
					  0x7fffffff,
					  0x80000000,
					  UINT64_C(0x7fffffffffffffff),
					  UINT64_C(0x8000000000000000),
					  UINT64_C(0x8123456789abcdef),
					  UINT64_MAX};
	(void)state;
	for (unsigned n = 0; n < 16; n++) {
		const uint64_t esr = (uint64_t)(n & 3) << 22 | (uint64_t)(n >> 2 & 1) << 21 | (uint64_t)(n >> 3) << 15;
		for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			assert_int_equal(esr_mmio_result(esr, values[i]),
					 naive_result(1u << (n & 3), (n & 4) != 0, n >= 8, values[i]));
		}
	}
	assert_int_equal(esr_mmio_result(ESR_ISS_SSE, 0x80), 0xffffff80); /* LDRSB Wt */
	assert_int_equal(esr_mmio_result(ESR_ISS_SSE | ESR_ISS_SF, 0x80), UINT64_C(0xffffffffffffff80)); /* LDRSB Xt */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes),
		cmocka_unit_test(system_registers),
		cmocka_unit_test(data_aborts),
		cmocka_unit_test(calls_and_waits),
		cmocka_unit_test(real_syndromes),
		cmocka_unit_test(loads_are_extended),
	};

	return cmocka_run_group_tests_name("esr", tests, NULL, NULL);
}
