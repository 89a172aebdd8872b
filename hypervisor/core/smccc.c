/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One dispatcher for what guests ask by HVC #0 and SMC #0: architecture calls, PSCI, TRNG and the queries that name
 * the hypervisor. What is not here is NOT_SUPPORTED, whichever owner it is for: no guest's call reaches EL3 but the
 * two speculation workarounds below, which take no argument and keep no state.
 *
 * The answers about workarounds are the machine's own. Linux makes an ARCH_WORKAROUND_1 call around every entry to
 * its kernel for as long as ARCH_FEATURES says 0, so a needless 0 is paid for in every system call of the guest.
 *
 * Hostile input: every register. A 32-bit call has 32-bit arguments, whatever the upper halves hold (DEN0028 s3).
 * Results are written to x0 and, where the call has more, to x1 to x3; all else is preserved. The state here is
 * written once, by smccc_init().
 */
#include "core/smccc.h"

#include "abi/smccc.h"
#include "core/hal.h"
#include "lib/bits.h"

/* ARCH_FEATURES: the call is there, but this CPU does not need it (DEN0028 s7). */
#define WORKAROUND_UNAFFECTED INT64_C(1)

/* Function numbers 0 to 0x1f of the standard services are PSCI's, in both widths (DEN0028 s6). */
#define PSCI_RANGE UINT32_C(0x1f)

#define TRNG_INVALID_PARAMETERS INT64_C(-2)
#define TRNG_WORDS 3u

#define REVISION_MAJOR 1u
#define REVISION_MINOR 0u

static struct {
	bool has_entropy;
	int64_t workaround_1, workaround_2, workaround_3; /* what ARCH_FEATURES answers */
} machine = {
	.workaround_1 = SMCCC_NOT_SUPPORTED,
	.workaround_2 = SMCCC_NOT_SUPPORTED,
	.workaround_3 = SMCCC_NOT_SUPPORTED,
};

static int64_t probe_workaround(uint32_t function)
{
	if (hal_workaround_not_required(function)) {
		return WORKAROUND_UNAFFECTED;
	}
	const int64_t answer = hal_firmware_call(SMCCC_ARCH_FEATURES, function, 0, 0);
	return answer >= 0 ? answer : SMCCC_NOT_SUPPORTED;
}

/*
 * The mitigation of CVE-2018-3639 is a switch of the CPU that firmware turns on at boot. A guest that could turn it
 * off would do so for whoever runs on that CPU after it; here it stays on, so nothing dynamic is asked of a guest.
 */
static int64_t probe_workaround_2(void)
{
	if (hal_workaround_not_required(SMCCC_ARCH_WORKAROUND_2)) {
		return SMCCC_NOT_REQUIRED;
	}
	const int64_t answer = hal_firmware_call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_WORKAROUND_2, 0, 0);
	return answer >= 0 || answer == SMCCC_NOT_REQUIRED ? SMCCC_NOT_REQUIRED : SMCCC_NOT_SUPPORTED;
}

void smccc_init(void)
{
	uint64_t probe;
	machine.has_entropy = hal_entropy(&probe, sizeof(probe));
	machine.workaround_1 = probe_workaround(SMCCC_ARCH_WORKAROUND_1);
	machine.workaround_2 = probe_workaround_2();
	machine.workaround_3 = probe_workaround(SMCCC_ARCH_WORKAROUND_3);
}

static enum exit_action answer(uint64_t *x, int64_t result)
{
	x[0] = (uint64_t)result;
	return EXIT_RESUME;
}

static int64_t arch_features(uint32_t function)
{
	switch (function) {
	case SMCCC_VERSION:
	case SMCCC_ARCH_FEATURES:
		return SMCCC_SUCCESS;
	case SMCCC_ARCH_WORKAROUND_1:
		return machine.workaround_1;
	case SMCCC_ARCH_WORKAROUND_2:
		return machine.workaround_2;
	case SMCCC_ARCH_WORKAROUND_3:
		return machine.workaround_3;
	default:
		return SMCCC_NOT_SUPPORTED;
	}
}

/* Carries out ARCH_WORKAROUND_1 or 3, of which ARCH_FEATURES says `features`. */
static enum exit_action workaround(uint64_t *x, uint32_t function, int64_t features)
{
	if (features == SMCCC_SUCCESS) {
		(void)hal_firmware_call(function, 0, 0, 0);
	}
	/* These calls return nothing; where the CPU is not affected they are safe and do nothing. */
	return answer(x, features >= 0 ? SMCCC_SUCCESS : SMCCC_NOT_SUPPORTED);
}

static enum exit_action answer_words(uint64_t *x, int64_t result, const uint64_t words[TRNG_WORDS])
{
	for (unsigned i = 0; i < TRNG_WORDS; i++) {
		x[1 + i] = words[i];
	}
	return answer(x, result);
}

static const uint64_t no_words[TRNG_WORDS];

/* `bits` random bits, in words of `word_bits`: the last word holds the lowest ones, what was not asked for is zero. */
static enum exit_action trng_random(uint64_t *x, uint64_t bits, unsigned word_bits)
{
	uint64_t words[TRNG_WORDS];
	if (bits == 0 || bits > (uint64_t)TRNG_WORDS * word_bits) {
		return answer_words(x, TRNG_INVALID_PARAMETERS, no_words);
	}
	if (!hal_entropy(words, sizeof(words))) {
		return answer_words(x, TRNG_NO_ENTROPY, no_words);
	}
	uint64_t left = bits;
	for (unsigned i = TRNG_WORDS; i-- > 0;) {
		const uint64_t take = left < word_bits ? left : word_bits;
		words[i] &= take == 0 ? 0 : BITS(take - 1, 0);
		left -= take;
	}
	return answer_words(x, SMCCC_SUCCESS, words);
}

static bool is_trng(uint32_t function)
{
	switch (function) {
	case TRNG_VERSION:
	case TRNG_FEATURES:
	case TRNG_GET_UUID:
	case TRNG_RND:
	case TRNG_RND_64:
		return machine.has_entropy;
	default:
		return false;
	}
}

static enum exit_action uid(uint64_t *x)
{
	static const uint64_t words[TRNG_WORDS] = {AETHER_UID_1, AETHER_UID_2, AETHER_UID_3};
	return answer_words(x, AETHER_UID_0, words);
}

/* DEN0098. x1 to x3 are results of every call, zero where there is nothing to say. */
static enum exit_action trng_call(uint64_t *x, uint32_t function)
{
	switch (function) {
	case TRNG_VERSION:
		return answer_words(x, TRNG_VERSION_1_0, no_words);
	case TRNG_FEATURES: {
		const bool is_there = is_trng((uint32_t)x[1]);
		return answer_words(x, is_there ? SMCCC_SUCCESS : SMCCC_NOT_SUPPORTED, no_words);
	}
	case TRNG_GET_UUID:
		return uid(x);
	case TRNG_RND:
		return trng_random(x, (uint32_t)x[1], 32);
	default:
		return trng_random(x, x[1], 64);
	}
}

/* Out of line, so that smccc_call() needs no stack frame. */
static __attribute__((noinline)) enum exit_action other_call(uint64_t *x, uint32_t function)
{
	switch (function) {
	case SMCCC_VERSION:
		return answer(x, SMCCC_VERSION_1_2);
	case SMCCC_ARCH_FEATURES:
		return answer(x, arch_features((uint32_t)x[1]));
	case SMCCC_ARCH_WORKAROUND_1:
		return workaround(x, function, machine.workaround_1);
	case SMCCC_ARCH_WORKAROUND_3:
		return workaround(x, function, machine.workaround_3);
	case SMCCC_HYP_CALL_COUNT:
		return answer(x, 0); /* besides these three queries */
	case SMCCC_HYP_UID:
		return uid(x);
	case SMCCC_HYP_REVISION:
		x[1] = REVISION_MINOR;
		return answer(x, REVISION_MAJOR);
	default:
		break;
	}
	if (is_trng(function)) {
		return trng_call(x, function);
	}
	return answer(x, SMCCC_NOT_SUPPORTED);
}

enum exit_action smccc_call(struct psci *psci, unsigned vcpu, uint64_t *x, enum aether_stop_reason *stop)
{
	const uint32_t function = (uint32_t)x[0];
	if (__builtin_expect((function & ~(SMCCC_64 | PSCI_RANGE)) == PSCI_VERSION, 1)) {
		return psci_call(psci, vcpu, x, stop);
	}
	return other_call(x, function);
}
