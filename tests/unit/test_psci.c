/* SPDX-License-Identifier: Apache-2.0 */
/* core/psci.c: every function in every state, every way to get an argument wrong, and what FEATURES says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/smccc.h"
#include "core/psci.h"
#include "lib/bits.h"

#define VCPUS 3u
#define RAM_BASE UINT64_C(0x40000000)
#define RAM_BYTES UINT64_C(0x10000000)
#define ENTRY (RAM_BASE + 0x200000)
#define UNTOUCHED AETHER_STOP_SERROR /* a reason that PSCI never gives */

static struct psci psci;
static uint64_t x[18];
static enum aether_stop_reason stop;
static unsigned wakes[AETHER_VCPU_MAX];

void psci_wake(struct psci *of, unsigned vcpu)
{
	assert_ptr_equal(of, &psci);
	assert_int_equal(psci.cpu[vcpu].state, PSCI_CPU_IS_PENDING);
	wakes[vcpu]++;
}

/* One call of vCPU `caller`; nothing but x0 changes, whatever the call. */
static int64_t call_as(unsigned caller, uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3,
		       enum exit_action expected)
{
	for (unsigned i = 0; i < 18; i++) {
		x[i] = UINT64_C(0x5151515100000000) + i;
	}
	x[0] = function;
	x[1] = a1;
	x[2] = a2;
	x[3] = a3;
	uint64_t before[18];
	memcpy(before, x, sizeof(x));
	stop = UNTOUCHED;
	assert_int_equal(psci_call(&psci, caller, x, &stop), expected);
	assert_memory_equal(&before[1], &x[1], sizeof(x) - sizeof(x[0]));
	return (int64_t)x[0];
}

static int64_t call(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3)
{
	const int64_t result = call_as(0, function, a1, a2, a3, EXIT_RESUME);
	assert_int_equal(stop, UNTOUCHED);
	return result;
}

static void enter(unsigned vcpu)
{
	uint64_t entry = 0;
	uint64_t context = 0;
	assert_true(psci_enter(&psci, vcpu, &entry, &context));
}

/* vCPU 0 runs, the others are off. */
static int setup(void **state)
{
	(void)state;
	memset(wakes, 0, sizeof(wakes));
	psci_init(&psci, VCPUS, RAM_BASE, RAM_BYTES);
	psci_boot(&psci, ENTRY, 0x4444);
	enter(0);
	return 0;
}

static void put(unsigned vcpu, enum psci_state state)
{
	if (state != PSCI_CPU_IS_OFF) {
		assert_int_equal(call(PSCI_CPU_ON_64, vcpu, ENTRY, 7), PSCI_SUCCESS);
	}
	if (state == PSCI_CPU_IS_ON) {
		enter(vcpu);
	}
	assert_int_equal(psci.cpu[vcpu].state, state);
}

static void a_vm_starts_at_its_entry(void **state)
{
	(void)state;
	uint64_t entry = 0;
	uint64_t context = 0;
	psci_init(&psci, VCPUS, RAM_BASE, RAM_BYTES);
	for (unsigned i = 0; i < VCPUS; i++) {
		assert_false(psci_enter(&psci, i, &entry, &context));
	}
	wakes[0] = 0;
	psci_boot(&psci, ENTRY, 0x4444);
	assert_int_equal(wakes[0], 1);
	assert_true(psci_enter(&psci, 0, &entry, &context));
	assert_int_equal(entry, ENTRY);
	assert_int_equal(context, 0x4444);
	assert_false(psci_enter(&psci, 0, &entry, &context));
}

static void constants(void **state)
{
	(void)state;
	assert_int_equal(call(PSCI_VERSION, 9, 9, 9), 0x10001);
	assert_int_equal(call(PSCI_MIGRATE_INFO_TYPE, 9, 9, 9), 2);
	assert_int_equal(call(PSCI_MIGRATE, 0, 0, 0), PSCI_NOT_SUPPORTED);
	assert_int_equal(call(PSCI_MIGRATE_64, 0, 0, 0), PSCI_NOT_SUPPORTED);
	assert_int_equal(call(PSCI_MIGRATE_INFO_UP_CPU, 0, 0, 0), PSCI_NOT_SUPPORTED);
	assert_int_equal(call(PSCI_MIGRATE_INFO_UP_CPU_64, 0, 0, 0), PSCI_NOT_SUPPORTED);
	assert_int_equal(x[0], UINT64_MAX); /* -1 of 64 bits */
}

static void cpu_on_by_state(void **state)
{
	static const int64_t expected[] = {
		[PSCI_CPU_IS_OFF] = PSCI_SUCCESS,
		[PSCI_CPU_IS_PENDING] = PSCI_ON_PENDING,
		[PSCI_CPU_IS_ON] = PSCI_ALREADY_ON,
	};
	(void)state;
	for (enum psci_state s = PSCI_CPU_IS_OFF; s <= PSCI_CPU_IS_ON; s++) {
		setup(NULL);
		put(1, s);
		const unsigned before = wakes[1];
		assert_int_equal(call(PSCI_CPU_ON_64, 1, ENTRY + 4, 8), expected[s]);
		assert_int_equal(wakes[1] - before, s == PSCI_CPU_IS_OFF);
	}
	assert_int_equal(call(PSCI_CPU_ON_64, 0, ENTRY, 0), PSCI_ALREADY_ON);
}

static void the_one_who_won_says_where(void **state)
{
	(void)state;
	uint64_t entry = 0;
	uint64_t context = 0;
	put(1, PSCI_CPU_IS_ON);
	assert_int_equal(call_as(1, PSCI_CPU_ON_64, 2, ENTRY + 0x100, UINT64_MAX, EXIT_RESUME), PSCI_SUCCESS);
	assert_int_equal(call_as(0, PSCI_CPU_ON_64, 2, ENTRY + 0x200, 5, EXIT_RESUME), PSCI_ON_PENDING);
	assert_true(psci_enter(&psci, 2, &entry, &context));
	assert_int_equal(entry, ENTRY + 0x100);
	assert_int_equal(context, UINT64_MAX);
	/* Off and on again: nothing is left of the first time. */
	call_as(2, PSCI_CPU_OFF, 0, 0, 0, EXIT_OFF);
	assert_int_equal(stop, UNTOUCHED);
	assert_int_equal(call(PSCI_CPU_ON_64, 2, ENTRY + 0x300, 6), PSCI_SUCCESS);
	assert_true(psci_enter(&psci, 2, &entry, &context));
	assert_int_equal(entry, ENTRY + 0x300);
	assert_int_equal(context, 6);
}

static void cpu_on_checks_its_target(void **state)
{
	(void)state;
	assert_int_equal(call(PSCI_CPU_ON_64, VCPUS, ENTRY, 0), PSCI_INVALID_PARAMETERS);
	for (unsigned bit = 2; bit < 64; bit++) { /* Aff0 from 4, Aff1 to Aff3, and all reserved bits */
		assert_int_equal(call(PSCI_CPU_ON_64, BIT(bit) | 1, ENTRY, 0), PSCI_INVALID_PARAMETERS);
	}
	for (unsigned bit = 2; bit < 32; bit++) {
		assert_int_equal(call(PSCI_CPU_ON, BIT(bit) | 1, ENTRY, 0), PSCI_INVALID_PARAMETERS);
	}
	/* The target is looked at first. */
	assert_int_equal(call(PSCI_CPU_ON_64, VCPUS, 1, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(psci.cpu[1].state, PSCI_CPU_IS_OFF);
}

static void cpu_on_checks_its_entry(void **state)
{
	static const uint64_t bad[] = {0, RAM_BASE - 4, RAM_BASE + RAM_BYTES, RAM_BASE + 1, RAM_BASE + 2, RAM_BASE + 3,
				       BIT(63) | RAM_BASE, ~UINT64_C(3)};
	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(call(PSCI_CPU_ON_64, 1, bad[i], 0), PSCI_INVALID_ADDRESS);
		assert_int_equal(call(PSCI_CPU_ON_64, 0, bad[i], 0), PSCI_INVALID_ADDRESS);
	}
	assert_int_equal(psci.cpu[1].state, PSCI_CPU_IS_OFF);
	assert_int_equal(call(PSCI_CPU_ON_64, 1, RAM_BASE, 0), PSCI_SUCCESS);
	assert_int_equal(call(PSCI_CPU_ON_64, 2, RAM_BASE + RAM_BYTES - 4, 0), PSCI_SUCCESS);
}

static void arguments_of_32_bit_calls_have_32_bits(void **state)
{
	(void)state;
	uint64_t entry = 0;
	uint64_t context = 0;
	const uint64_t junk = UINT64_C(0xabcdef0100000000);
	assert_int_equal(call(junk | PSCI_CPU_ON, junk | 1, junk | ENTRY, junk | 0x80000001), PSCI_SUCCESS);
	assert_true(psci_enter(&psci, 1, &entry, &context));
	assert_int_equal(entry, ENTRY);
	assert_int_equal(context, 0x80000001);
	assert_int_equal(call(PSCI_AFFINITY_INFO, junk | 1, junk, 0), PSCI_AFFINITY_ON);
	assert_int_equal(call(PSCI_FEATURES, junk | PSCI_CPU_ON, 0, 0), PSCI_SUCCESS);
	assert_int_equal(call_as(0, PSCI_CPU_SUSPEND, junk | 0x10000, junk | ENTRY, 0, EXIT_BLOCK), PSCI_SUCCESS);
	/* The same junk is meant by a 64-bit call. */
	assert_int_equal(call(junk | PSCI_CPU_ON_64, junk | 1, ENTRY, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(call(PSCI_CPU_ON_64, 1, junk | ENTRY, 0), PSCI_INVALID_ADDRESS);
	assert_int_equal(call(PSCI_AFFINITY_INFO_64, junk | 1, 0, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(call(PSCI_CPU_SUSPEND_64, 0x10000, junk | ENTRY, 0), PSCI_INVALID_ADDRESS);
}

static void affinity_info_by_state(void **state)
{
	static const int64_t expected[] = {
		[PSCI_CPU_IS_OFF] = PSCI_AFFINITY_OFF,
		[PSCI_CPU_IS_PENDING] = PSCI_AFFINITY_ON_PENDING,
		[PSCI_CPU_IS_ON] = PSCI_AFFINITY_ON,
	};
	(void)state;
	for (enum psci_state s = PSCI_CPU_IS_OFF; s <= PSCI_CPU_IS_ON; s++) {
		setup(NULL);
		put(2, s);
		assert_int_equal(call(PSCI_AFFINITY_INFO_64, 2, 0, 0), expected[s]);
		assert_int_equal(call(PSCI_AFFINITY_INFO, 2, 0, 0), expected[s]);
	}
}

static void affinity_info_of_a_level(void **state)
{
	(void)state;
	put(1, PSCI_CPU_IS_ON);
	for (uint64_t level = 1; level <= 3; level++) {
		const uint64_t below = BIT(level * 8) - 1;
		assert_int_equal(call(PSCI_AFFINITY_INFO_64, 0, level, 0), PSCI_AFFINITY_ON);
		assert_int_equal(call(PSCI_AFFINITY_INFO_64, below, level, 0), PSCI_AFFINITY_ON);
		for (unsigned bit = (unsigned)level * 8; bit < 64; bit++) {
			assert_int_equal(call(PSCI_AFFINITY_INFO_64, BIT(bit), level, 0), PSCI_INVALID_PARAMETERS);
		}
	}
	for (unsigned bit = 2; bit < 64; bit++) {
		assert_int_equal(call(PSCI_AFFINITY_INFO_64, BIT(bit), 0, 0), PSCI_INVALID_PARAMETERS);
	}
	assert_int_equal(call(PSCI_AFFINITY_INFO_64, 0, 4, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(call(PSCI_AFFINITY_INFO_64, 0, UINT32_MAX, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(call(PSCI_AFFINITY_INFO_64, VCPUS, 0, 0), PSCI_INVALID_PARAMETERS);
	/* One CPU is coming, others are on; then none is: nobody runs who could ask, but the answer is defined. */
	assert_int_equal(call(PSCI_CPU_ON_64, 2, ENTRY, 0), PSCI_SUCCESS);
	assert_int_equal(call(PSCI_AFFINITY_INFO_64, 0, 1, 0), PSCI_AFFINITY_ON);
	call_as(1, PSCI_CPU_OFF, 0, 0, 0, EXIT_OFF);
	call_as(0, PSCI_CPU_OFF, 0, 0, 0, EXIT_OFF);
	assert_int_equal(stop, UNTOUCHED);
	assert_int_equal(call(PSCI_AFFINITY_INFO_64, 0, 1, 0), PSCI_AFFINITY_ON_PENDING);
}

static void suspend_is_standby(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 32; bit++) {
		const bool is_reserved = bit >= 26 || (bit >= 17 && bit <= 23);
		const int64_t expected = is_reserved ? PSCI_INVALID_PARAMETERS : PSCI_SUCCESS;
		const enum exit_action action = is_reserved ? EXIT_RESUME : EXIT_BLOCK;
		assert_int_equal(call_as(0, PSCI_CPU_SUSPEND, BIT(bit), ENTRY, 0, action), expected);
		assert_int_equal(call_as(0, PSCI_CPU_SUSPEND_64, BIT(bit), ENTRY, 0, action), expected);
	}
	/* The entry point counts for power-down alone. */
	assert_int_equal(call_as(0, PSCI_CPU_SUSPEND_64, 0, 1, 0, EXIT_BLOCK), PSCI_SUCCESS);
	assert_int_equal(call(PSCI_CPU_SUSPEND_64, 0x10000, 1, 0), PSCI_INVALID_ADDRESS);
	assert_int_equal(psci.cpu[0].state, PSCI_CPU_IS_ON);
	assert_int_equal(stop, UNTOUCHED);
}

static void the_last_to_go_ends_the_vm(void **state)
{
	(void)state;
	put(1, PSCI_CPU_IS_ON);
	call_as(0, PSCI_CPU_OFF, 0, 0, 0, EXIT_OFF);
	assert_int_equal(stop, UNTOUCHED);
	assert_int_equal(call_as(1, PSCI_AFFINITY_INFO_64, 0, 0, 0, EXIT_RESUME), PSCI_AFFINITY_OFF);
	call_as(1, PSCI_CPU_OFF, 0, 0, 0, EXIT_OFF);
	assert_int_equal(stop, AETHER_STOP_POWER_OFF);
}

static void the_system_ends(void **state)
{
	static const struct {
		uint32_t function;
		uint64_t type;
		enum aether_stop_reason reason;
	} ends[] = {
		{PSCI_SYSTEM_OFF, 9, AETHER_STOP_POWER_OFF},
		{PSCI_SYSTEM_RESET, 9, AETHER_STOP_RESET},
		{PSCI_SYSTEM_RESET2, 0, AETHER_STOP_RESET},
		{PSCI_SYSTEM_RESET2_64, 0, AETHER_STOP_RESET},
		{PSCI_SYSTEM_RESET2_64, BIT(32), AETHER_STOP_RESET}, /* the type has 32 bits in both */
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(ends); i++) {
		setup(NULL);
		put(1, PSCI_CPU_IS_ON);
		assert_int_equal(call(PSCI_CPU_ON_64, 2, ENTRY, 0), PSCI_SUCCESS);
		call_as(1, ends[i].function, ends[i].type, 0, 0, EXIT_OFF);
		assert_int_equal(stop, ends[i].reason);
		/* Who was on its way does not arrive, and nobody sets out. */
		uint64_t entry = 0;
		uint64_t context = 0;
		assert_false(psci_enter(&psci, 2, &entry, &context));
		call_as(1, PSCI_CPU_OFF, 0, 0, 0, EXIT_OFF);
		assert_int_equal(call(PSCI_CPU_ON_64, 1, ENTRY, 0), PSCI_INTERNAL_FAILURE);
	}
	setup(NULL);
	for (unsigned bit = 0; bit < 32; bit++) {
		assert_int_equal(call(PSCI_SYSTEM_RESET2, BIT(bit), 0, 0), PSCI_INVALID_PARAMETERS);
		assert_int_equal(call(PSCI_SYSTEM_RESET2_64, BIT(bit), 0, 0), PSCI_INVALID_PARAMETERS);
	}
	psci_stop(&psci);
	assert_int_equal(call(PSCI_CPU_ON_64, 1, ENTRY, 0), PSCI_INTERNAL_FAILURE);
}

/* What FEATURES announces is carried out, what it does not is NOT_SUPPORTED, for each number of both widths. */
static void features_tell_the_truth(void **state)
{
	(void)state;
	unsigned announced = 0;
	for (uint32_t n = 0; n < 0x40; n++) {
		const uint32_t function = PSCI_VERSION | (n & 0x1f) | (n & 0x20 ? SMCCC_64 : 0);
		setup(NULL);
		const int64_t feature = call(PSCI_FEATURES, function, 0, 0);
		assert_true(feature == PSCI_SUCCESS || feature == PSCI_NOT_SUPPORTED);
		assert_int_equal(feature == PSCI_SUCCESS, psci_is_implemented(function));
		x[0] = function;
		x[1] = 1;
		x[2] = ENTRY;
		stop = UNTOUCHED;
		const enum exit_action action = psci_call(&psci, 0, x, &stop);
		const bool is_answered = action != EXIT_RESUME || (int64_t)x[0] != PSCI_NOT_SUPPORTED;
		/* FEATURES of what is no function identifier is itself NOT_SUPPORTED. */
		assert_int_equal(function == PSCI_FEATURES ? true : is_answered, feature == PSCI_SUCCESS);
		announced += feature == PSCI_SUCCESS;
	}
	assert_int_equal(announced, 14);
	assert_int_equal(call(PSCI_FEATURES, SMCCC_VERSION, 0, 0), PSCI_SUCCESS);
	assert_int_equal(call(PSCI_FEATURES, SMCCC_ARCH_FEATURES, 0, 0), PSCI_NOT_SUPPORTED);
	assert_false(psci_is_implemented(SMCCC_VERSION));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		T(a_vm_starts_at_its_entry),
		T(constants),
		T(cpu_on_by_state),
		T(the_one_who_won_says_where),
		T(cpu_on_checks_its_target),
		T(cpu_on_checks_its_entry),
		T(arguments_of_32_bit_calls_have_32_bits),
		T(affinity_info_by_state),
		T(affinity_info_of_a_level),
		T(suspend_is_standby),
		T(the_last_to_go_ends_the_vm),
		T(the_system_ends),
		T(features_tell_the_truth),
	};

	return cmocka_run_group_tests_name("psci", tests, NULL, NULL);
}
