/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More interrupts than list registers (LRs): which of them a vCPU's CPU holds, and how the rest follow.
 *
 * All LRs come back to the model, and the most urgent interrupts are placed, active before pending at the same
 * priority. (1) What the guest can acknowledge next is always in a LR: at least one holds an interrupt that is
 * only pending, if there is one; NPIE tells when the last of them was taken, and the group maintenance interrupts
 * when the guest's CPU interface begins to let through, or to hold back, the interrupts of a group. (2) Active ones
 * that do not fit are the least urgent, so the guest ends them last; LRENPIE tells that it did, EOIcount how often,
 * and the most urgent of those outside are the ones that ended. Deactivation apart from the end, which may be in
 * any order, comes to the core by name (vcpu_deactivate()).
 *
 * Each maintenance interrupt asked for here has a cause that the next refill removes, so none repeats without the
 * guest doing something in between. Locks: the VM's vgic lock; all runs on the CPU that runs the vCPU.
 */
#include "core/hal.h"
#include "core/vgic_int.h"

/* An interrupt's urgency and itself in one number, the most urgent the lowest. */
#define KEY_CLOSED (UINT32_C(1) << 25) /* pending in a group that the guest's CPU interface has disabled */
#define KEY_PRIORITY_SHIFT 17
#define KEY_PENDING (UINT32_C(1) << 16) /* pending and not active */
#define KEY_INTID UINT32_C(0xffff)

struct choice {
	uint32_t key[VGIC_LR_MAX]; /* most urgent first */
	unsigned count, limit;
	uint32_t closed_groups; /* bit n: group n is disabled in the CPU interface */
	uint32_t first_pending; /* key of the most urgent one that is only pending */
	unsigned pending_count; /* of all that is wanted: only pending; active, and maybe pending */
	unsigned active_count;
};

COLD void vgic_end_spilled(struct vgic *gic, unsigned vcpu)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];

	if ((cpu->spilled & VGIC_HCR_LRENPIE) == 0) {
		return;
	}
	unsigned count = (unsigned)(hal_vgic_read_hcr() >> VGIC_HCR_EOICOUNT_SHIFT & 31);
	if (count != 0) {
		cpu->hcr = VGIC_HCR_EN | cpu->spilled;
		hal_vgic_write_hcr(cpu->hcr); /* and with it the count is zero */
		vgic_add_work(cpu, VGIC_WORK_REFILL);
	}
	for (; count != 0; count--) {
		unsigned best = AETHER_GUEST_INTID_COUNT;
		unsigned best_priority = VGIC_NOT_ACKNOWLEDGED;
		for (unsigned word = 0; word < VGIC_BANK_COUNT; word++) {
			const struct vgic_bank *bank = vgic_bank_of(gic, vcpu, word * 32);
			uint32_t bits = bank->active & ~bank->in_lr & cpu->mine[word];
			for (; bits != 0; bits &= bits - 1) {
				const unsigned i = (unsigned)__builtin_ctz(bits);
				if (bank->ack_priority[i] < best_priority) {
					best = word * 32 + i;
					best_priority = bank->ack_priority[i];
				}
			}
		}
		if (best == AETHER_GUEST_INTID_COUNT) {
			return;
		}
		struct vgic_bank *bank = vgic_bank_of(gic, vcpu, best);
		const uint32_t bit = vgic_bit(best);
		bank->latched &= ~(bank->hw & bit);
		bank->clear_active |= bit;
		vgic_absorb_writes(bank, bit, best % 32);
		if ((bank->moving & bit) != 0) {
			vgic_reroute(gic, best);
		}
	}
}

static void consider(struct choice *choice, const struct vgic_bank *bank, unsigned intid)
{
	const uint32_t bit = vgic_bit(intid);
	uint32_t priority = bank->priority[intid % 32];
	uint32_t key = intid;

	if ((bank->active & bit) != 0) {
		priority = bank->ack_priority[intid % 32];
		choice->active_count++;
	} else {
		key |= KEY_PENDING;
		if ((choice->closed_groups & ((bank->group1 & bit) != 0 ? 2 : 1)) != 0) {
			key |= KEY_CLOSED;
		}
		choice->pending_count++;
	}
	key |= priority << KEY_PRIORITY_SHIFT;
	if ((key & KEY_PENDING) != 0) {
		choice->first_pending = key < choice->first_pending ? key : choice->first_pending;
	}
	unsigned at = choice->count;
	if (at == choice->limit) {
		if (key > choice->key[at - 1]) {
			return;
		}
		at--;
	} else {
		choice->count++;
	}
	for (; at > 0 && key < choice->key[at - 1]; at--) {
		choice->key[at] = choice->key[at - 1];
	}
	choice->key[at] = key;
}

/* Returns what of VGIC_HCR_* has to be asked for because of the interrupts that were not chosen. */
static uint8_t settle_choice(struct choice *choice)
{
	unsigned pending_chosen = 0;
	uint64_t spilled = 0;

	for (unsigned at = 0; at < choice->count; at++) {
		pending_chosen += (choice->key[at] & KEY_PENDING) != 0 ? 1 : 0;
	}
	if (choice->pending_count != 0 && pending_chosen == 0) {
		choice->key[choice->count - 1] = choice->first_pending;
		pending_chosen = 1;
	}
	if (choice->active_count > choice->count - pending_chosen) {
		spilled |= VGIC_HCR_LRENPIE;
	}
	if (choice->pending_count > pending_chosen) {
		const uint32_t closed = choice->closed_groups;
		spilled |= VGIC_HCR_NPIE;
		spilled |= (closed & 1) != 0 ? VGIC_HCR_VGRP0EIE : VGIC_HCR_VGRP0DIE;
		spilled |= (closed & 2) != 0 ? VGIC_HCR_VGRP1EIE : VGIC_HCR_VGRP1DIE;
	}
	return (uint8_t)spilled;
}

static void choose_most_urgent(struct vgic *gic, unsigned vcpu, struct choice *choice)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];

	/* The group enables are the same two bits in GICH_VMCR and ICH_VMCR_EL2. */
	hal_vgic_save(&cpu->hw);
	cpu->hcr = VGIC_HCR_UNKNOWN; /* saving may have turned the interface off */
	choice->closed_groups = ~(uint32_t)cpu->hw.vmcr & (uint32_t)BITS(1, 0);
	choice->first_pending = ~UINT32_C(0);
	choice->count = 0;
	for (unsigned word = 0; word < VGIC_BANK_COUNT; word++) {
		const struct vgic_bank *bank = vgic_bank_of(gic, vcpu, word * 32);
		for (uint32_t bits = vgic_wanted(bank) & cpu->mine[word]; bits != 0;
		     bits &= bits - 1) {
			consider(choice, bank, word * 32 + (unsigned)__builtin_ctz(bits));
		}
	}
	cpu->spilled = settle_choice(choice);
}

COLD void vgic_refill(struct vgic *gic, unsigned vcpu)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];
	struct choice choice = {.limit = gic->lr_count};
	bool fits = true;

	vgic_take_all(gic, vcpu);
	for (unsigned word = 0; word < VGIC_BANK_COUNT; word++) {
		struct vgic_bank *bank = vgic_bank_of(gic, vcpu, word * 32);
		bank->todo &= ~cpu->mine[word];
		for (uint32_t bits = bank->rare & cpu->mine[word]; bits != 0; bits &= bits - 1) {
			const unsigned i = (unsigned)__builtin_ctz(bits);
			vgic_absorb_writes(bank, vgic_bit(i), i);
		}
		for (uint32_t bits = vgic_wanted(bank) & cpu->mine[word]; bits != 0 && fits;
		     bits &= bits - 1) {
			fits = choice.count < choice.limit;
			if (fits) {
				choice.key[choice.count++] =
					word * 32 + (unsigned)__builtin_ctz(bits);
			}
		}
	}
	cpu->spilled = 0;
	if (!fits) {
		choose_most_urgent(gic, vcpu, &choice);
	}
	for (unsigned at = 0; at < choice.count; at++) {
		vgic_place_free(gic, vcpu, choice.key[at] & KEY_INTID);
	}
	if (cpu->hcr != (VGIC_HCR_EN | cpu->spilled)) {
		cpu->hcr = VGIC_HCR_EN | cpu->spilled;
		hal_vgic_write_hcr(cpu->hcr);
	}
}
