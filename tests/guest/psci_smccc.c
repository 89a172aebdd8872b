/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMCCC: both conduits, registers that a call must leave alone, discovery that tells the truth. An emulated CPU is not
 * affected by the speculation errata, so "implemented" (0) for an ARCH_WORKAROUND would be a needless cost.
 */
#include "guest/psci_smccc.h"

#include "guest/lib/cpu.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"

#define UNKNOWN_ID UINT32_C(0x8600ff7f)
#define PATTERN(i) (UINT64_C(0xa5c3000000000000) + (uint64_t)(i)*UINT64_C(0x0000000100010001))
#define TRIES 1000u

typedef void conduit(struct smccc_regs *regs);

static void fill(struct smccc_regs *regs)
{
	for (unsigned i = 0; i < 31; i++) {
		regs->x[i] = PATTERN(i);
	}
}

/* The number of registers from x4 up that are not what they were. */
static unsigned changed(const struct smccc_regs *regs)
{
	unsigned count = regs->x[30] != 0;
	for (unsigned i = 4; i < 30; i++) {
		count += regs->x[i] != PATTERN(i);
	}
	return count;
}

static void check_conduit(const char *name, conduit *call)
{
	struct smccc_regs regs;
	fill(&regs);
	regs.x[0] = PSCI_VERSION;
	call(&regs);
	report_equal((uint32_t)regs.x[0], PSCI_VERSION_1_1, "%s: PSCI_VERSION", name);
	report_equal(changed(&regs), 0, "%s: x4 to x30 are preserved", name);
	fill(&regs);
	regs.x[0] = UNKNOWN_ID;
	call(&regs);
	report((int32_t)regs.x[0] == SMCCC_NOT_SUPPORTED, "%s: an unknown id is NOT_SUPPORTED",
	       name);
	report_equal(changed(&regs), 0, "%s: and x4 to x30 are preserved", name);
	if (!is_under_aether()) {
		return;
	}
	fill(&regs);
	regs.x[0] = PATTERN(0) << 32 | PSCI_AFFINITY_INFO;
	regs.x[1] = PATTERN(1) << 32;
	regs.x[2] = PATTERN(2) << 32;
	call(&regs);
	report_equal((uint32_t)regs.x[0], PSCI_AFFINITY_ON,
		     "%s: a 32-bit call ignores the upper halves", name);
	report_equal((uint32_t)regs.x[0], regs.x[0],
		     "%s: the upper half of a 32-bit result is zero", name);
}

/* Every owner: what nobody implements is NOT_SUPPORTED, whatever the other registers hold. */
static void check_unknown_ids(void)
{
	unsigned wrong = 0;
	for (uint32_t owner = 0; owner < 64; owner++) {
		for (uint32_t kind = 0; kind < 4; kind++) {
			struct smccc_regs regs;
			fill(&regs);
			const uint32_t id = kind << 30 | owner << 24 | 0x7e5a;
			regs.x[0] = id;
			smccc_hvc(&regs);
			if ((int32_t)regs.x[0] != SMCCC_NOT_SUPPORTED || changed(&regs) != 0) {
				report_note("id 0x%x answers 0x%lx", id, regs.x[0]);
				wrong++;
			}
		}
	}
	report_equal(wrong, 0,
		     "ids of all 64 owners, fast and yielding, 32 and 64 bits, are NOT_SUPPORTED");
}

static void check_workaround(uint32_t id, const char *name)
{
	const int32_t answer = psci_call(SMCCC_ARCH_FEATURES, id, 0, 0);
	report(answer == SMCCC_NOT_SUPPORTED || answer == 1 || answer == SMCCC_NOT_REQUIRED,
	       "%s is not supported or not required (%d)", name, answer);
}

static void check_discovery(void)
{
	const int32_t version = psci_call(SMCCC_VERSION, 0, 0, 0);
	report(version >= 0x10001, "SMCCC_VERSION is at least 1.1 (0x%x)", version);
	report(psci_call(SMCCC_ARCH_FEATURES, SMCCC_VERSION, 0, 0) >= 0, "ARCH_FEATURES(VERSION)");
	report(psci_call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_FEATURES, 0, 0) >= 0,
	       "ARCH_FEATURES(ARCH_FEATURES)");
	report(psci_call(SMCCC_ARCH_FEATURES, 0x80000042, 0, 0) == SMCCC_NOT_SUPPORTED,
	       "ARCH_FEATURES of an unknown id is NOT_SUPPORTED");
	check_workaround(SMCCC_ARCH_WORKAROUND_1, "ARCH_WORKAROUND_1");
	check_workaround(SMCCC_ARCH_WORKAROUND_2, "ARCH_WORKAROUND_2");
	check_workaround(SMCCC_ARCH_WORKAROUND_3, "ARCH_WORKAROUND_3");
	const bool has_soc_id = psci_call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_SOC_ID, 0, 0) >= 0;
	report(has_soc_id == (psci_call(SMCCC_ARCH_SOC_ID, 0, 0, 0) != SMCCC_NOT_SUPPORTED),
	       "ARCH_SOC_ID is announced if and only if it answers");
}

void check_smccc(void)
{
	check_conduit("HVC", smccc_hvc);
	check_unknown_ids();
	if (!is_under_aether()) {
		return;
	}
	check_conduit("SMC", smccc_smc);
	check_discovery();
	struct smccc_regs regs;
	fill(&regs);
	regs.x[0] = PSCI_VERSION;
	smccc_hvc_other(&regs);
	report((int32_t)regs.x[0] == SMCCC_NOT_SUPPORTED && changed(&regs) == 0,
	       "HVC with another immediate is NOT_SUPPORTED");
	fill(&regs);
	regs.x[0] = PSCI_VERSION;
	smccc_smc_other(&regs);
	report((int32_t)regs.x[0] == SMCCC_NOT_SUPPORTED && changed(&regs) == 0,
	       "SMC with another immediate is NOT_SUPPORTED");
}

/* Asks until there is entropy. The three words, most significant first, end in regs->x[1..3]. */
static int32_t random_bits(uint32_t id, uint64_t bits, struct smccc_regs *regs)
{
	for (unsigned i = 0; i < TRIES; i++) {
		fill(regs);
		regs->x[0] = id;
		regs->x[1] = bits;
		smccc_hvc(regs);
		if ((int32_t)regs->x[0] != TRNG_NO_ENTROPY) {
			break;
		}
	}
	return (int32_t)regs->x[0];
}

static void check_random(uint32_t id, unsigned word_bits, const char *name)
{
	struct smccc_regs a;
	struct smccc_regs b;
	const bool is_answered = random_bits(id, 3u * word_bits, &a) == SMCCC_SUCCESS &&
				 random_bits(id, 3u * word_bits, &b) == SMCCC_SUCCESS;
	report(is_answered && changed(&a) == 0 && changed(&b) == 0, "%s of %u bits", name,
	       3 * word_bits);
	report(a.x[1] != b.x[1] && a.x[2] != b.x[2] && a.x[3] != b.x[3] && a.x[1] != a.x[2],
	       "%s: words differ", name);
	report(random_bits(id, 5, &a) == SMCCC_SUCCESS && a.x[3] < 32 && a.x[1] == 0 && a.x[2] == 0,
	       "%s of 5 bits: the others are zero", name);
	if (word_bits == 32) {
		report((b.x[1] | b.x[2] | b.x[3]) >> 32 == 0, "%s: upper halves are zero", name);
	}
	report(random_bits(id, 3u * word_bits + 1, &a) == -2, "%s of one bit too many is refused",
	       name);
	report(random_bits(id, 0, &a) == -2, "%s of no bit is refused", name);
}

void check_trng(void)
{
	const int32_t version = psci_call(TRNG_VERSION, 0, 0, 0);
	if (version == SMCCC_NOT_SUPPORTED) {
		unsigned answered = 0;
		for (uint32_t id = TRNG_VERSION; id <= TRNG_RND; id++) {
			answered += psci_call(id, TRNG_RND, 0, 0) != SMCCC_NOT_SUPPORTED;
		}
		answered += psci_call(TRNG_RND_64, 64, 0, 0) != SMCCC_NOT_SUPPORTED;
		report_equal(answered, 0, "there is no TRNG: every call of it is NOT_SUPPORTED");
		return;
	}
	report_equal((uint32_t)version >> 16, 1, "TRNG_VERSION is 1.x");
	report(psci_call(TRNG_FEATURES, TRNG_VERSION, 0, 0) >= 0 &&
		       psci_call(TRNG_FEATURES, TRNG_FEATURES, 0, 0) >= 0 &&
		       psci_call(TRNG_FEATURES, TRNG_GET_UUID, 0, 0) >= 0 &&
		       psci_call(TRNG_FEATURES, TRNG_RND, 0, 0) >= 0 &&
		       psci_call(TRNG_FEATURES, TRNG_RND_64, 0, 0) >= 0,
	       "TRNG_FEATURES announces every call");
	report(psci_call(TRNG_FEATURES, 0x8400005f, 0, 0) == SMCCC_NOT_SUPPORTED,
	       "TRNG_FEATURES of an unknown id is NOT_SUPPORTED");
	struct smccc_regs regs;
	fill(&regs);
	regs.x[0] = TRNG_GET_UUID;
	smccc_hvc(&regs);
	report((uint32_t)regs.x[0] != 0xffffffff &&
		       (regs.x[0] | regs.x[1] | regs.x[2] | regs.x[3]) != 0,
	       "TRNG_GET_UUID");
	check_random(TRNG_RND, 32, "TRNG_RND");
	check_random(TRNG_RND_64, 64, "TRNG_RND_64");
}
