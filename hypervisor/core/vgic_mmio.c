/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers of distributor and redistributor: one dispatcher, and the per-interrupt registers that GICv2
 * (IHI 0048 s4.3) and GICv3 (IHI 0069 s12.9, s12.11) have in common.
 *
 * A frame's first 4 KiB is a table of 32 regions of 128 bytes, so finding a register is one index. The dispatcher
 * checks width, alignment and INTID; a handler sees only accesses that its register has. What a guest writes to an
 * interrupt that stands in a LR is noted in its bank and carried out by the owner's next flush; a read of what may
 * stand in another CPU's LR makes that CPU say so first, and the guest's instruction is run again.
 *
 * Hostile input: offset, width, value. Locks: takes the VM's vgic lock around every access.
 */
#include "core/hal.h"
#include "core/vgic_int.h"

uint64_t vgic_read_zero(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	(void)gic;
	(void)vcpu;
	(void)at;
	(void)bytes;
	return 0;
}

void vgic_write_ignored(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value)
{
	(void)gic;
	(void)vcpu;
	(void)at;
	(void)bytes;
	(void)value;
}

uint64_t vgic_read_group(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	(void)bytes;
	return vgic_bank_of(gic, vcpu, at)->group1;
}

void vgic_write_group(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value)
{
	struct vgic_bank *bank = vgic_bank_of(gic, vcpu, at);
	const uint32_t changed = bank->group1 ^ (uint32_t)value;

	(void)bytes;
	bank->group1 = (uint32_t)value;
	vgic_update_deliverable(gic, vcpu, at);
	vgic_mark(gic, vcpu, at, changed & (bank->in_lr | vgic_wanted(bank)));
}

uint64_t vgic_read_enable(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	(void)bytes;
	return vgic_bank_of(gic, vcpu, at)->enabled;
}

void vgic_write_senable(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value)
{
	(void)bytes;
	vgic_bank_of(gic, vcpu, at)->enabled |= (uint32_t)value;
	vgic_update_deliverable(gic, vcpu, at);
}

void vgic_write_cenable(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value)
{
	const uint32_t fixed = at < VGIC_PRIVATE_COUNT ? gic->ops->fixed_enabled : 0;

	(void)bytes;
	vgic_bank_of(gic, vcpu, at)->enabled &= ~(uint32_t)value | fixed;
	vgic_update_deliverable(gic, vcpu, at);
}

/* The bits of `state` that interrupts in LRs had when their LR was last read or written. */
static uint32_t in_lrs(const struct vgic *gic, const struct vgic_bank *bank, uint64_t state)
{
	uint32_t found = 0;

	for (uint32_t bits = bank->in_lr; bits != 0; bits &= bits - 1) {
		const unsigned i = (unsigned)__builtin_ctz(bits);
		if ((gic->cpu[bank->owner[i]].lr_seen[bank->lr[i]] & state) != 0) {
			found |= UINT32_C(1) << i;
		}
	}
	return found;
}

uint64_t vgic_read_pending(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	const struct vgic_bank *bank = vgic_bank_of(gic, vcpu, at);

	(void)bytes;
	return vgic_pending(bank) | in_lrs(gic, bank, VGIC_LR_PENDING);
}

uint64_t vgic_read_active(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	const struct vgic_bank *bank = vgic_bank_of(gic, vcpu, at);

	(void)bytes;
	return (bank->active & ~bank->in_lr) | in_lrs(gic, bank, VGIC_LR_ACTIVE);
}

/* A write to the pending or active state of `bits`: which of them are the owner's next flush's business. */
static uint32_t deferred_of(const struct vgic *gic, const struct vgic_bank *bank, unsigned vcpu,
			    unsigned at, uint32_t bits)
{
	const bool has_twins = at < VGIC_PRIVATE_COUNT && gic->cpu[vcpu].is_loaded;

	return bits & (bank->in_lr | (has_twins ? bank->hw : 0));
}

void vgic_write_spending(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes,
			 uint64_t value)
{
	struct vgic_bank *bank = vgic_bank_of(gic, vcpu, at);
	uint32_t bits = (uint32_t)value;

	(void)bytes;
	if (at < VGIC_PRIVATE_COUNT) {
		bits &= gic->ops->pend_by_register;
		for (uint32_t sgis = bits & 0xffff; sgis != 0; sgis &= sgis - 1) {
			bank->sources[__builtin_ctz(sgis)] = 1;
		}
	}
	bank->latched |= bits;
	vgic_mark(gic, vcpu, at, bits & (bank->deliverable | bank->in_lr));
}

void vgic_write_cpending(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes,
			 uint64_t value)
{
	struct vgic_bank *bank = vgic_bank_of(gic, vcpu, at);
	uint32_t bits = (uint32_t)value;

	(void)bytes;
	if (at < VGIC_PRIVATE_COUNT) {
		bits &= gic->ops->pend_by_register;
		for (uint32_t sgis = bits & 0xffff; sgis != 0; sgis &= sgis - 1) {
			bank->sources[__builtin_ctz(sgis)] = 0;
		}
	}
	const uint32_t deferred = deferred_of(gic, bank, vcpu, at, bits);
	bank->latched &= ~bits;
	bank->hw &= ~bits | deferred | bank->active;
	bank->clear_pending |= deferred;
	bank->rare |= deferred;
	vgic_mark(gic, vcpu, at, deferred);
}

void vgic_write_sactive(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value)
{
	struct vgic_bank *bank = vgic_bank_of(gic, vcpu, at);
	const uint32_t bits = (uint32_t)value;

	(void)bytes;
	bank->set_active |= bits & bank->in_lr;
	bank->rare |= bits & bank->in_lr;
	bank->clear_active &= ~bits;
	for (uint32_t set = bits & ~bank->in_lr & ~bank->active; set != 0; set &= set - 1) {
		bank->ack_priority[__builtin_ctz(set)] = VGIC_NOT_ACKNOWLEDGED;
	}
	bank->active |= bits & ~bank->in_lr;
	vgic_mark(gic, vcpu, at, bits);
}

void vgic_write_cactive(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value)
{
	struct vgic_bank *bank = vgic_bank_of(gic, vcpu, at);
	const uint32_t bits = (uint32_t)value;
	const uint32_t deferred = deferred_of(gic, bank, vcpu, at, bits);

	(void)bytes;
	bank->clear_active |= deferred;
	bank->rare |= deferred;
	bank->set_active &= ~bits;
	bank->active &= ~bits | deferred;
	bank->hw &= ~bits | deferred | bank->latched;
	vgic_mark(gic, vcpu, at, bits & (deferred | (vgic_pending(bank) & bank->deliverable)));
	for (uint32_t moving = bank->moving & bits & ~deferred; moving != 0; moving &= moving - 1) {
		vgic_reroute(gic, at + (unsigned)__builtin_ctz(moving));
	}
}

/* The virtual CPU interface has 32 levels (ICH_VTR_EL2.PRIbits is at least 4; GICH_LR has five bits). */
#define PRIORITY_MASK 0xf8u

uint64_t vgic_read_priority(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	const struct vgic_bank *bank = vgic_bank_of(gic, vcpu, at);

	return bytes == 1 ? bank->priority[at % 32] : bank->priority_word[at % 32 / 4];
}

void vgic_write_priority(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes,
			 uint64_t value)
{
	struct vgic_bank *bank = vgic_bank_of(gic, vcpu, at);
	uint32_t changed = 0;

	for (unsigned n = 0; n < bytes; n++) {
		const unsigned i = at % 32 + n;
		const uint8_t priority = value >> 8 * n & PRIORITY_MASK;
		if (bank->priority[i] != priority) {
			bank->priority[i] = priority;
			changed |= vgic_bit(i);
		}
	}
	vgic_mark(gic, vcpu, at, changed & (bank->in_lr | vgic_wanted(bank)));
}

uint64_t vgic_read_config(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	const uint32_t edge = vgic_bank_of(gic, vcpu, at)->edge >> at % 32;
	uint64_t value = 0;

	(void)bytes;
	for (unsigned n = 0; n < 16; n++) {
		value |= (uint64_t)(edge >> n & 1) << (2 * n + 1);
	}
	return value;
}

void vgic_write_config(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value)
{
	/* SGIs are edge-triggered; for PPIs it is ours to say, and what stands behind them are levels. */
	if (at < VGIC_PRIVATE_COUNT) {
		return;
	}
	struct vgic_bank *bank = vgic_bank_of(gic, vcpu, at);
	const uint32_t old = bank->edge;

	(void)bytes;
	for (unsigned n = 0; n < 16; n++) {
		const uint32_t bit = vgic_bit(at + n);
		bank->edge = (value >> (2 * n + 1) & 1) != 0 ? bank->edge | bit : bank->edge & ~bit;
	}
	vgic_mark(gic, vcpu, at, (old ^ bank->edge) & (bank->in_lr | vgic_wanted(bank)));
}

void vgic_write_enables(struct vgic *gic, uint32_t ctlr)
{
	gic->ctlr = ctlr & (uint32_t)BITS(1, 0);
	for (unsigned v = 0; v < gic->vcpu_count; v++) {
		vgic_update_deliverable(gic, v, 0);
	}
	for (unsigned intid = VGIC_PRIVATE_COUNT; intid < AETHER_GUEST_INTID_COUNT; intid += 32) {
		vgic_update_deliverable(gic, 0, intid);
	}
}

/*
 * Before `vcpu` reads pending or active state of `bank`: true if vgic_cpu.lr_seen says for each of its interrupts in a
 * LR what that LR holds now. Else the CPUs concerned have been asked to read their LRs, and the access has to be
 * made again. It ends: who is asked reads its LRs before it runs its guest again.
 */
static COLD bool are_lrs_known(struct vgic *gic, unsigned vcpu, const struct vgic_bank *bank,
			  uint64_t offset)
{
	struct vgic_cpu *me = &gic->cpu[vcpu];
	uint32_t owners = 0;
	bool is_known = true;

	if (me->is_loaded) {
		vgic_end_spilled(gic, vcpu);
		vgic_flush_own(gic, vcpu);
		vgic_read_lrs(me);
	}
	for (uint32_t bits = bank->in_lr; bits != 0; bits &= bits - 1) {
		owners |= UINT32_C(1) << bank->owner[__builtin_ctz(bits)];
	}
	if (me->asked_offset != offset) {
		me->asked_offset = offset;
		me->asked = 0;
	}
	for (owners &= ~(UINT32_C(1) << vcpu); owners != 0; owners &= owners - 1) {
		const unsigned v = (unsigned)__builtin_ctz(owners);
		struct vgic_cpu *cpu = &gic->cpu[v];
		if ((me->asked & BIT(v)) == 0) {
			me->asked |= (uint32_t)BIT(v);
			me->asked_count[v] = cpu->sync_count;
			vgic_add_work(cpu, VGIC_WORK_SYNC);
			vgic_request_sync(gic, v);
			is_known = false;
		} else if (me->asked_count[v] == cpu->sync_count) {
			is_known = false;
		}
	}
	if (is_known) {
		me->asked = 0;
	}
	return is_known;
}

/* An access by `vcpu` to the registers of `whose` (the same but for redistributors). */
static ALWAYS_INLINE enum exit_action access(struct vgic *gic, unsigned vcpu, unsigned whose,
				      const struct vgic_region *region, uint64_t offset,
				      unsigned bytes, bool is_write, uint64_t *value)
{
	if ((region->widths & bytes) == 0 || (offset & (bytes - 1)) != 0) {
		return EXIT_INJECT_ABORT;
	}
	unsigned at = (unsigned)offset & region->mask;
	if (region->bits_log2 != VGIC_NOT_PER_IRQ) {
		at = at * 8 >> region->bits_log2;
		if (at - region->first >= region->count) {
			if (!is_write) {
				*value = 0;
			}
			return EXIT_ADVANCE;
		}
	}
	enum exit_action action = EXIT_ADVANCE;
	spin_lock(&gic->lock);
	if (is_write) {
		region->write(gic, whose, at, bytes, *value);
		vgic_flush_own(gic, vcpu);
	} else if (region->is_live &&
		   !are_lrs_known(gic, vcpu, vgic_bank_of(gic, whose, at), offset)) {
		action = EXIT_RETRY;
	} else {
		*value = region->read(gic, whose, at, bytes);
	}
	spin_unlock(&gic->lock);
	return action;
}

enum exit_action vgic_dist_access(struct vgic *gic, unsigned vcpu, uint64_t offset, unsigned bytes,
				  bool is_write, uint64_t *value)
{
	const struct vgic_region *region;

	if (offset < VGIC_FRAME_REGIONS << VGIC_REGION_SHIFT) {
		region = &gic->ops->dist[offset >> VGIC_REGION_SHIFT];
	} else {
		region = gic->ops->dist_high(offset);
	}
	return access(gic, vcpu, vcpu, region, offset, bytes, is_write, value);
}

enum exit_action vgic_redist_access(struct vgic *gic, unsigned vcpu, uint64_t offset,
				    unsigned bytes, bool is_write, uint64_t *value)
{
	if (offset >= gic->vcpu_count * AETHER_GUEST_GICR_STRIDE || gic->ops->redist == 0) {
		return EXIT_INJECT_ABORT;
	}
	const unsigned whose = (unsigned)(offset / AETHER_GUEST_GICR_STRIDE);
	const struct vgic_region *region = gic->ops->redist(offset % AETHER_GUEST_GICR_STRIDE);
	return access(gic, vcpu, whose, region, offset, bytes, is_write, value);
}
