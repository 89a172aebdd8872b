/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interrupts of one VM in software: what is pending, enabled, active, and whose it is.
 *
 * Each interrupt belongs to one vCPU, its owner: a private one to its vCPU for good, an SPI to the vCPU that the
 * guest routes it to, but while it is in a list register or active it stays where it is and only then moves.
 * Whoever changes an interrupt marks it (`todo` in its bank, a bit of `work` at the owner) and kicks the owner;
 * all else, list registers above all, is the owner's own business at its next flush (vgic_lr.c).
 *
 * Invariants: (1) owner[i] == v exactly if bit i is set in v's `mine`. (2) `in_lr` implies that the owner is
 * loaded. (3) An interrupt whose owner should do something has its `todo` bit, and the owner's `work` has the
 * bank's, before the owner is kicked. (4) SGI: `latched` exactly if `sources` is not zero.
 * Locks: the VM's vgic lock; vgic_kick is called under it.
 */
#include "core/check.h"
#include "core/hal.h"
#include "core/vgic_int.h"
#include "lib/string.h"

void vgic_mark(struct vgic *gic, unsigned vcpu, unsigned intid, uint32_t bits)
{
	if (bits == 0) {
		return;
	}
	const unsigned word = intid / 32;
	vgic_bank_of(gic, vcpu, intid)->todo |= bits;
	if (word == 0) {
		vgic_add_work(&gic->cpu[vcpu], 1);
		vgic_kick(gic, vcpu);
		return;
	}
	for (unsigned v = 0; v < gic->vcpu_count; v++) {
		if ((gic->cpu[v].mine[word] & bits) != 0) {
			vgic_add_work(&gic->cpu[v], UINT32_C(1) << word);
			vgic_kick(gic, v);
		}
	}
}

void vgic_mark_irq(struct vgic *gic, unsigned vcpu, unsigned intid)
{
	struct vgic_bank *bank = vgic_bank_of(gic, vcpu, intid);
	const unsigned owner = bank->owner[intid % 32];
	bank->todo |= vgic_bit(intid);
	if (owner != VGIC_NOBODY) {
		vgic_add_work(&gic->cpu[owner], UINT32_C(1) << (intid / 32));
		vgic_kick(gic, owner);
	}
}

void vgic_reroute(struct vgic *gic, unsigned intid)
{
	struct vgic_bank *bank = vgic_bank_of(gic, 0, intid);
	const uint32_t bit = vgic_bit(intid);
	const unsigned owner = bank->owner[intid % 32];
	const unsigned target = gic->ops->route(gic, intid);

	if (target == owner) {
		if ((bank->moving & bit) != 0) {
			bank->moving &= ~bit; /* `rare` stays set: its owner's flush clears it */
			vgic_mark_irq(gic, 0, intid);
		}
		return;
	}
	if ((bank->in_lr & bit) != 0 || ((bank->active & bit) != 0 && owner != VGIC_NOBODY)) {
		bank->moving |= bit;
		bank->rare |= bit;
		vgic_mark_irq(gic, 0, intid);
		return;
	}
	bank->moving &= ~bit;
	bank->rare &= ~bit;
	if (owner != VGIC_NOBODY) {
		gic->cpu[owner].mine[intid / 32] &= ~bit;
	}
	bank->owner[intid % 32] = (uint8_t)target;
	if (target != VGIC_NOBODY) {
		gic->cpu[target].mine[intid / 32] |= bit;
		if ((vgic_wanted(bank) & bit) != 0) {
			vgic_mark_irq(gic, 0, intid);
		}
	}
}

void vgic_update_deliverable(struct vgic *gic, unsigned vcpu, unsigned intid)
{
	struct vgic_bank *bank = vgic_bank_of(gic, vcpu, intid);
	const uint32_t group0 = (gic->ctlr & BIT(0)) != 0 ? ~bank->group1 : 0;
	const uint32_t group1 = (gic->ctlr & BIT(1)) != 0 ? bank->group1 : 0;
	const uint32_t deliverable = bank->enabled & (group0 | group1);
	const uint32_t changed = deliverable ^ bank->deliverable;

	bank->deliverable = deliverable;
	vgic_mark(gic, vcpu, intid, changed & (bank->in_lr | vgic_pending(bank)));
}

static void reset_private(struct vgic *gic, unsigned vcpu)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];

	memset(&cpu->bank, 0, sizeof(cpu->bank));
	memset(cpu->bank.owner, (int)vcpu, sizeof(cpu->bank.owner));
	cpu->bank.edge = BITS(15, 0); /* SGIs */
	cpu->bank.group1 = gic->ops->reset_group1;
	cpu->bank.enabled = gic->ops->fixed_enabled;
	cpu->mine[0] = ~UINT32_C(0);
	atomic_store_explicit(&cpu->work, 0, memory_order_relaxed);
	cpu->is_waker_asleep = true;
	cpu->asked = 0;
	hal_vgic_reset_state(&cpu->hw);
	vgic_update_deliverable(gic, vcpu, 0);
}

void vgic_init(struct vgic *gic, unsigned version, unsigned vcpu_count, unsigned lr_count)
{
	CHECK((version == 2 || version == 3) && lr_count > 0);
	CHECK(vcpu_count > 0 && vcpu_count <= AETHER_VCPU_MAX);

	uint64_t injected[AETHER_VCPU_MAX]; /* a count of the VM's life, whatever resets its machine */
	for (unsigned v = 0; v < AETHER_VCPU_MAX; v++) {
		injected[v] = gic->cpu[v].injected;
	}
	memset(gic, 0, sizeof(*gic));
	for (unsigned v = 0; v < AETHER_VCPU_MAX; v++) {
		gic->cpu[v].injected = injected[v];
	}
	gic->version = (uint8_t)version;
	gic->vcpu_count = (uint8_t)vcpu_count;
	gic->lr_count = (uint8_t)(lr_count < VGIC_LR_MAX ? lr_count : VGIC_LR_MAX);
	gic->lr_missing = ~(uint32_t)BITS(gic->lr_count - 1u, 0);
	gic->ops = version == 2 ? &vgic_v2_ops : &vgic_v3_ops;
	for (unsigned i = 0; i < VGIC_SPI_COUNT; i++) {
		gic->route[i] = gic->ops->reset_route;
	}
	const unsigned owner = gic->ops->route(gic, VGIC_PRIVATE_COUNT); /* of all: their routes are the same */
	for (unsigned n = 0; n < ARRAY_COUNT(gic->spi); n++) {
		gic->spi[n].group1 = gic->ops->reset_group1;
		memset(gic->spi[n].owner, (int)owner, sizeof(gic->spi[n].owner));
		if (owner != VGIC_NOBODY) {
			gic->cpu[owner].mine[n + 1] = ~UINT32_C(0);
		}
	}
	for (unsigned v = 0; v < vcpu_count; v++) {
		reset_private(gic, v);
	}
}

void vgic_reset_vcpu(struct vgic *gic, unsigned vcpu)
{
	CHECK(vcpu < gic->vcpu_count);
	spin_lock(&gic->lock);
	CHECK(!gic->cpu[vcpu].is_loaded);
	reset_private(gic, vcpu);
	spin_unlock(&gic->lock);
}

void vgic_set_level(struct vgic *gic, unsigned vcpu, unsigned intid, bool is_high)
{
	CHECK(vcpu < gic->vcpu_count && intid >= 16 && intid < AETHER_GUEST_INTID_COUNT);
	struct vgic_bank *bank = vgic_bank_of(gic, vcpu, intid);
	const uint32_t bit = vgic_bit(intid);

	spin_lock(&gic->lock);
	const bool was_high = (bank->line & bit) != 0;
	if (was_high != is_high) {
		bank->line ^= bit;
		if ((bank->edge & bit) != 0) {
			bank->latched |= is_high ? bit : 0;
		}
		/* A level that drops concerns the owner only if a LR says that it is high. */
		const uint32_t concerns = is_high ? bank->deliverable | bank->in_lr : bank->in_lr;
		if ((concerns & bit) != 0) {
			vgic_mark_irq(gic, vcpu, intid);
		}
	}
	spin_unlock(&gic->lock);
}

void vgic_raise_hw(struct vgic *gic, unsigned vcpu, unsigned intid, unsigned pintid)
{
	CHECK(vcpu < gic->vcpu_count && intid >= 16 && intid < VGIC_PRIVATE_COUNT);
	struct vgic_cpu *cpu = &gic->cpu[vcpu];
	const uint32_t bit = vgic_bit(intid);

	spin_lock(&gic->lock);
	if (cpu->bank.pintid[intid % 16] != pintid ||
	    !vgic_repeat(cpu, intid, VGIC_LR_PENDING | VGIC_LR_HW)) {
		cpu->bank.pintid[intid % 16] = (uint16_t)pintid;
		cpu->bank.hw |= bit;
		cpu->bank.latched |= bit;
		cpu->bank.todo |= bit;
		vgic_add_work(cpu, 1);
	}
	spin_unlock(&gic->lock);
}

void vgic_lower_hw(struct vgic *gic, unsigned vcpu, unsigned intid)
{
	CHECK(vcpu < gic->vcpu_count && intid >= 16 && intid < VGIC_PRIVATE_COUNT);
	struct vgic_cpu *cpu = &gic->cpu[vcpu];
	const uint32_t bit = vgic_bit(intid);

	spin_lock(&gic->lock);
	if ((cpu->bank.hw & bit) != 0) {
		vgic_take_from_lr(gic, vcpu, intid);
		cpu->bank.latched &= ~bit;
		if ((cpu->bank.active & bit) == 0) {
			cpu->bank.hw &= ~bit;
			if (cpu->is_loaded) {
				hal_irq_set_active(cpu->bank.pintid[intid % 16], false);
			}
		}
	}
	spin_unlock(&gic->lock);
}

bool vgic_is_hw_in_flight(struct vgic *gic, unsigned vcpu, unsigned intid)
{
	CHECK(vcpu < gic->vcpu_count && intid >= 16 && intid < VGIC_PRIVATE_COUNT);
	struct vgic_cpu *cpu = &gic->cpu[vcpu];
	const uint32_t bit = vgic_bit(intid);

	spin_lock(&gic->lock);
	bool is_in_flight = (cpu->bank.hw & bit) != 0;
	if (is_in_flight && (cpu->bank.in_lr & bit) != 0 && (cpu->bank.latched & bit) == 0) {
		const unsigned n = cpu->bank.lr[intid];
		cpu->lr_seen[n] = hal_vgic_read_lr(n);
		is_in_flight = (cpu->lr_seen[n] & (VGIC_LR_PENDING | VGIC_LR_ACTIVE)) != 0;
	}
	spin_unlock(&gic->lock);
	return is_in_flight;
}

void vgic_send_sgi(struct vgic *gic, unsigned sender, unsigned sgi, uint32_t targets,
		   unsigned source)
{
	const uint32_t bit = vgic_bit(sgi);

	for (; targets != 0; targets &= targets - 1) {
		const unsigned v = (unsigned)__builtin_ctz(targets);
		struct vgic_cpu *cpu = &gic->cpu[v];
		if (v == sender &&
		    vgic_repeat(cpu, sgi, VGIC_LR_PENDING | FIELD_PREP(VGIC_LR_SOURCE, source))) {
			continue;
		}
		cpu->bank.sources[sgi] |= (uint8_t)(1u << source);
		cpu->bank.latched |= bit;
		if (((cpu->bank.deliverable | cpu->bank.in_lr) & bit) == 0) {
			continue;
		}
		cpu->bank.todo |= bit;
		vgic_add_work(cpu, 1);
		if (v != sender) {
			vgic_kick(gic, v);
		}
	}
}

/* One interrupt against what the CPU interface lets through: its group's enable and the priority mask. */
static bool is_signalled(const struct vgic_cpu *cpu, unsigned priority, bool is_group1)
{
	/* GICH_VMCR (IHI 0048 s5.3.6) has VMPriMask in 31:27, ICH_VMCR_EL2 (IHI 0069 s12.4) VPMR in 31:24; both have
	 * the group enables in bits 1:0. */
	const uint32_t mask = (uint32_t)FIELD_GET(BITS(31, 24), cpu->hw.vmcr);
	return (cpu->hw.vmcr & (is_group1 ? BIT(1) : BIT(0))) != 0 && priority < mask;
}

/* The same for what stands in the LRs, read before. */
static bool is_signalled_from_lrs(const struct vgic_cpu *cpu)
{
	for (uint32_t used = cpu->lr_used; used != 0; used &= used - 1) {
		const uint64_t lr = cpu->lr_seen[__builtin_ctz(used)];
		if ((lr & (VGIC_LR_PENDING | VGIC_LR_ACTIVE)) == VGIC_LR_PENDING &&
		    is_signalled(cpu, (unsigned)FIELD_GET(VGIC_LR_PRIORITY, lr),
				 (lr & VGIC_LR_GROUP1) != 0)) {
			return true;
		}
	}
	return false;
}

static bool is_signalled_from_model(struct vgic *gic, unsigned vcpu)
{
	const struct vgic_cpu *cpu = &gic->cpu[vcpu];

	for (unsigned word = 0; word < VGIC_BANK_COUNT; word++) {
		const struct vgic_bank *bank = vgic_bank_of(gic, vcpu, word * 32);
		uint32_t bits = vgic_pending(bank) & bank->deliverable & ~bank->active &
				~bank->in_lr & cpu->mine[word];
		for (; bits != 0; bits &= bits - 1) {
			const unsigned i = (unsigned)__builtin_ctz(bits);
			if (is_signalled(cpu, bank->priority[i], (bank->group1 & BIT(i)) != 0)) {
				return true;
			}
		}
	}
	return false;
}

bool vgic_has_pending(struct vgic *gic, unsigned vcpu)
{
	CHECK(vcpu < gic->vcpu_count);
	struct vgic_cpu *cpu = &gic->cpu[vcpu];
	bool has_pending = true;

	spin_lock(&gic->lock);
	/* One that is loaded elsewhere runs: what its LRs say now only its own CPU knows. */
	if (!cpu->is_loaded || cpu->pcpu == hal_cpu_index()) {
		if (cpu->is_loaded) {
			vgic_read_interface(gic, vcpu);
		}
		has_pending = is_signalled_from_lrs(cpu) || is_signalled_from_model(gic, vcpu);
	}
	spin_unlock(&gic->lock);
	return has_pending;
}
