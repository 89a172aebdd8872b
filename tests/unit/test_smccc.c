/* SPDX-License-Identifier: Apache-2.0 */
/* core/smccc.c: who gets an answer, what it says of the machine, and which registers it leaves alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/smccc.h"
#include "core/smccc.h"
#include "hal_fake.h"
#include "lib/bits.h"

#define UNAFFECTED INT64_C(1)
#define TRNG_INVALID_PARAMETERS INT64_C(-2)
#define REGISTERS 31u

static struct psci psci;
static uint64_t x[REGISTERS];

void psci_wake(struct psci *of, unsigned vcpu)
{
	(void)of;
	(void)vcpu;
}

static uint64_t pattern(unsigned i)
{
	return UINT64_C(0x9e3779b97f4a7c15) * (i + 1);
}

/* Calls; x0 and the first `results` registers behind it may change, no other. */
static int64_t call(uint64_t function, uint64_t a1, unsigned results)
{
	enum aether_stop_reason stop = AETHER_STOP_NONE;
	for (unsigned i = 0; i < REGISTERS; i++) {
		x[i] = pattern(i);
	}
	x[0] = function;
	x[1] = a1;
	assert_int_equal(smccc_call(&psci, 0, x, &stop), EXIT_RESUME);
	assert_int_equal(stop, AETHER_STOP_NONE);
	for (unsigned i = 1 + results; i < REGISTERS; i++) {
		assert_int_equal(x[i], i == 1 ? a1 : pattern(i));
	}
	return (int64_t)x[0];
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	psci_init(&psci, 2, 0x40000000, 0x1000000);
	smccc_init();
	return 0;
}

static void with_entropy(void)
{
	fake_set_entropy(true, 42);
	smccc_init();
}

static void psci_is_reached(void **state)
{
	(void)state;
	assert_int_equal(call(PSCI_VERSION, 0, 0), PSCI_VERSION_1_1);
	assert_int_equal(call(UINT64_C(0xfeedface00000000) | PSCI_VERSION, 0, 0), PSCI_VERSION_1_1);
	assert_int_equal(call(PSCI_FEATURES, SMCCC_VERSION, 0), PSCI_SUCCESS);
	assert_int_equal(call(PSCI_AFFINITY_INFO_64, 2, 0), PSCI_INVALID_PARAMETERS);
}

static void discovery(void **state)
{
	(void)state;
	assert_int_equal(call(SMCCC_VERSION, 0, 0), 0x10002);
	assert_int_equal(call(SMCCC_ARCH_FEATURES, SMCCC_VERSION, 0), SMCCC_SUCCESS);
	assert_int_equal(call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_FEATURES, 0), SMCCC_SUCCESS);
	assert_int_equal(call(SMCCC_ARCH_FEATURES, UINT64_C(0xff00000000) | SMCCC_VERSION, 0), SMCCC_SUCCESS);
	assert_int_equal(call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_SOC_ID, 0), SMCCC_NOT_SUPPORTED);
	assert_int_equal(call(SMCCC_ARCH_SOC_ID, 0, 0), SMCCC_NOT_SUPPORTED);
	assert_int_equal(call(SMCCC_ARCH_FEATURES, PSCI_VERSION, 0), SMCCC_NOT_SUPPORTED);
	assert_int_equal(call(SMCCC_VERSION | SMCCC_64, 0, 0), SMCCC_NOT_SUPPORTED);
	assert_int_equal(call(SMCCC_HYP_CALL_COUNT, 0, 0), 0);
	assert_int_equal(call(SMCCC_HYP_UID, 0, 3), AETHER_UID_0);
	assert_int_equal(x[1], AETHER_UID_1);
	assert_int_equal(x[2], AETHER_UID_2);
	assert_int_equal(x[3], AETHER_UID_3);
	assert_int_equal(call(SMCCC_HYP_REVISION, 0, 1), 1);
	assert_int_equal(x[1], 0);
}

/* Each function number of interest, of all owners, widths and kinds: what is not in the list is not there. */
static void all_else_is_not_supported(void **state)
{
	static const uint32_t known[] = {SMCCC_VERSION,	     SMCCC_ARCH_FEATURES, SMCCC_HYP_CALL_COUNT,
					 SMCCC_HYP_UID,	     SMCCC_HYP_REVISION,  TRNG_VERSION,
					 TRNG_FEATURES,	     TRNG_GET_UUID,	  TRNG_RND,
					 TRNG_RND_64};
	static const uint32_t numbers[] = {0,      1,      2,      3,      0x1f,   0x20,   0x50,
					   0x51,   0x52,   0x53,   0x54,   0x100,  0x3fff, 0x7fff,
					   0x8000, 0xff00, 0xff01, 0xff02, 0xff03, 0xff04, 0xffff};
	(void)state;
	with_entropy();
	for (uint32_t top = 0; top < 256; top++) {
		for (unsigned i = 0; i < ARRAY_COUNT(numbers); i++) {
			const uint32_t function = top << 24 | numbers[i];
			bool is_known = (function & ~(SMCCC_64 | 0x1fu)) == PSCI_VERSION;
			for (unsigned k = 0; k < ARRAY_COUNT(known); k++) {
				is_known = is_known || function == known[k];
			}
			if (!is_known) {
				assert_int_equal(call(function, pattern(1), 0), SMCCC_NOT_SUPPORTED);
			}
		}
		/* Bits 23 to 16 are zero in every call (DEN0028): set, it is another. */
		assert_int_equal(call(top << 24 | 0x10000, 0, 0), SMCCC_NOT_SUPPORTED);
	}
	assert_int_equal(call(PSCI_VERSION | 0x10000, 0, 0), SMCCC_NOT_SUPPORTED);
}

static int64_t firmware_answer[4]; /* of ARCH_WORKAROUND_1 to 3 */

static int64_t firmware(uint32_t function, uint64_t a1, uint64_t a2, uint64_t a3)
{
	(void)a2;
	(void)a3;
	if (function != SMCCC_ARCH_FEATURES) {
		return SMCCC_SUCCESS;
	}
	return firmware_answer[a1 == SMCCC_ARCH_WORKAROUND_1 ? 1 : a1 == SMCCC_ARCH_WORKAROUND_2 ? 2 : 3];
}

static void check_forwarded(uint32_t function, bool is_there, bool is_forwarded)
{
	fake_log_clear();
	assert_int_equal(call(function, 77, 0), is_there ? SMCCC_SUCCESS : SMCCC_NOT_SUPPORTED);
	assert_int_equal(fake_log_count_of(FAKE_OP_FIRMWARE_CALL), is_forwarded);
	if (is_forwarded) {
		assert_int_equal(fake_log_at(0)->a, function);
		assert_int_equal(fake_log_at(0)->b, 0); /* nothing of the guest's goes to EL3 */
	}
}

static void workarounds_1_and_3(void **state)
{
	static const uint32_t functions[] = {SMCCC_ARCH_WORKAROUND_1, SMCCC_ARCH_WORKAROUND_3};
	static const int64_t answers[] = {0, 1, -1, -2};
	(void)state;
	for (unsigned w = 0; w < 2; w++) {
		for (unsigned i = 0; i < ARRAY_COUNT(answers); i++) {
			for (unsigned is_unaffected = 0; is_unaffected < 2; is_unaffected++) {
				fake_reset();
				firmware_answer[1] = answers[i];
				firmware_answer[3] = answers[i];
				fake_set_firmware(firmware);
				fake_set_workaround_not_required(functions[w], is_unaffected != 0);
				smccc_init();
				const int64_t expected = is_unaffected ? UNAFFECTED :
							 answers[i] >= 0 ? answers[i] :
									   SMCCC_NOT_SUPPORTED;
				fake_log_clear();
				assert_int_equal(call(SMCCC_ARCH_FEATURES, functions[w], 0), expected);
				assert_int_equal(fake_log_count(), 0); /* known since smccc_init() */
				check_forwarded(functions[w], expected >= 0, expected == 0);
			}
		}
	}
}

/* One guest's switch would be every guest's: it stays on, and none is told to use it. */
static void workaround_2_is_never_a_guests(void **state)
{
	static const int64_t expected[] = {SMCCC_NOT_REQUIRED, SMCCC_NOT_REQUIRED, SMCCC_NOT_REQUIRED,
					   SMCCC_NOT_SUPPORTED};
	static const int64_t answers[] = {0, 1, SMCCC_NOT_REQUIRED, SMCCC_NOT_SUPPORTED};
	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(answers); i++) {
		fake_reset();
		firmware_answer[2] = answers[i];
		fake_set_firmware(firmware);
		smccc_init();
		assert_int_equal(call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_WORKAROUND_2, 0), expected[i]);
		check_forwarded(SMCCC_ARCH_WORKAROUND_2, false, false);
	}
	fake_set_workaround_not_required(SMCCC_ARCH_WORKAROUND_2, true);
	smccc_init();
	assert_int_equal(call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_WORKAROUND_2, 0), SMCCC_NOT_REQUIRED);
}

static void a_machine_without_firmware_has_no_workaround(void **state)
{
	(void)state;
	assert_int_equal(call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_WORKAROUND_1, 0), SMCCC_NOT_SUPPORTED);
	assert_int_equal(call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_WORKAROUND_2, 0), SMCCC_NOT_SUPPORTED);
	assert_int_equal(call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_WORKAROUND_3, 0), SMCCC_NOT_SUPPORTED);
	check_forwarded(SMCCC_ARCH_WORKAROUND_1, false, false);
	check_forwarded(SMCCC_ARCH_WORKAROUND_3, false, false);
}

static void no_entropy_no_trng(void **state)
{
	static const uint32_t functions[] = {TRNG_VERSION, TRNG_FEATURES, TRNG_GET_UUID, TRNG_RND, TRNG_RND_64};
	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(functions); i++) {
		assert_int_equal(call(functions[i], 32, 0), SMCCC_NOT_SUPPORTED);
	}
}

static void trng_discovery(void **state)
{
	static const uint32_t there[] = {TRNG_VERSION, TRNG_FEATURES, TRNG_GET_UUID, TRNG_RND, TRNG_RND_64};
	(void)state;
	with_entropy();
	assert_int_equal(call(TRNG_VERSION, 9, 3), 0x10000);
	assert_int_equal(x[1] | x[2] | x[3], 0);
	for (unsigned i = 0; i < ARRAY_COUNT(there); i++) {
		assert_int_equal(call(TRNG_FEATURES, UINT64_C(0xff00000000) | there[i], 3), SMCCC_SUCCESS);
	}
	assert_int_equal(call(TRNG_FEATURES, TRNG_VERSION | SMCCC_64, 3), SMCCC_NOT_SUPPORTED);
	assert_int_equal(call(TRNG_FEATURES, PSCI_VERSION, 3), SMCCC_NOT_SUPPORTED);
	const uint32_t first = (uint32_t)call(TRNG_GET_UUID, 9, 3);
	assert_int_not_equal(first, UINT32_MAX);
	assert_int_equal((x[0] | x[1] | x[2] | x[3]) >> 32, 0);
}

/* Each count of bits: exactly so many can be other than zero, and over many tries each of them is. */
static void check_random(uint32_t function, unsigned word_bits)
{
	for (unsigned bits = 1; bits <= 3 * word_bits; bits++) {
		uint64_t seen[3] = {0};
		for (unsigned n = 0; n < 64; n++) {
			assert_int_equal(call(function, bits, 3), SMCCC_SUCCESS);
			for (unsigned w = 0; w < 3; w++) {
				seen[w] |= x[3 - w]; /* lowest bits first */
			}
		}
		for (unsigned w = 0; w < 3; w++) {
			const unsigned below = w * word_bits;
			const unsigned left = bits > below ? bits - below : 0;
			const unsigned here = left > word_bits ? word_bits : left;
			assert_int_equal(seen[w], here == 0 ? 0 : BITS(here - 1, 0));
		}
	}
	static const uint64_t bad[] = {0, UINT32_MAX};
	for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(call(function, bad[i], 3), TRNG_INVALID_PARAMETERS);
		assert_int_equal(x[1] | x[2] | x[3], 0);
	}
	assert_int_equal(call(function, 3 * word_bits + 1, 3), TRNG_INVALID_PARAMETERS);
}

static void random_bits(void **state)
{
	(void)state;
	with_entropy();
	check_random(TRNG_RND, 32);
	check_random(TRNG_RND_64, 64);
	assert_int_equal(call(TRNG_RND, UINT64_C(0x100000020), 3), SMCCC_SUCCESS);
	assert_int_equal(call(TRNG_RND_64, UINT64_C(0x100000020), 3), TRNG_INVALID_PARAMETERS);
	fake_set_entropy(false, 0); /* the source runs dry */
	assert_int_equal(call(TRNG_RND_64, 64, 3), TRNG_NO_ENTROPY);
	assert_int_equal(x[1] | x[2] | x[3], 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		T(psci_is_reached),
		T(discovery),
		T(all_else_is_not_supported),
		T(workarounds_1_and_3),
		T(workaround_2_is_never_a_guests),
		T(a_machine_without_firmware_has_no_workaround),
		T(no_entropy_no_trng),
		T(trng_discovery),
		T(random_bits),
	};

	return cmocka_run_group_tests_name("smccc", tests, NULL, NULL);
}
