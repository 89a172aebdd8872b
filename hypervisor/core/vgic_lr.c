/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list registers (LRs) of the CPU that runs a vCPU, and the model: what the guest did there comes back
 * (fold), what it should see goes there (place).
 *
 * An interrupt that is ended keeps its LR in our books until somebody needs it, so the ordinary interrupt costs
 * one read and one write of its LR when it comes again, and nothing when it ends. Maintenance interrupts are asked
 * for only where the guest's end of an interrupt must be seen at once: a level that is still high, a GICv2 SGI
 * that is pending from another source too, an SPI that moves to another vCPU.
 *
 * What happens when more is wanted than there are LRs stands in vgic_overflow.c.
 *
 * Locks: the VM's vgic lock. All here runs on the CPU that runs the vCPU.
 */
#include "core/check.h"
#include "core/hal.h"
#include "core/vgic_int.h"

#define LR_STATE (VGIC_LR_PENDING | VGIC_LR_ACTIVE)

static uint64_t compose_sgi(const struct vgic_bank *bank, unsigned intid, uint64_t lr)
{
	const uint32_t bit = vgic_bit(intid);
	const uint32_t sources = (bank->deliverable & bit) != 0 ? bank->sources[intid] : 0;
	uint32_t source;

	if ((bank->active & bit) != 0) {
		source = bank->active_source[intid];
	} else {
		source = (uint32_t)__builtin_ctz(sources);
	}
	lr |= FIELD_PREP(VGIC_LR_SOURCE, source);
	if ((sources >> source & 1) != 0) {
		lr |= VGIC_LR_PENDING;
	}
	/* One LR holds one source: the next one follows when this one has ended. */
	if ((sources & ~(UINT32_C(1) << source)) != 0) {
		lr |= VGIC_LR_EOI;
	}
	return lr;
}

/* What a LR should hold for a wanted interrupt that is in none. */
static inline uint64_t compose(const struct vgic_bank *bank, unsigned intid)
{
	const unsigned i = intid % 32;
	const uint32_t bit = vgic_bit(intid);
	uint64_t lr = intid | (uint64_t)bank->priority[i] << FIELD_SHIFT(VGIC_LR_PRIORITY);

	if ((bank->group1 & bit) != 0) {
		lr |= VGIC_LR_GROUP1;
	}
	if ((bank->active & bit) != 0) {
		lr |= VGIC_LR_ACTIVE;
	}
	if (intid < 16) {
		return compose_sgi(bank, intid, lr);
	}
	const uint32_t level = bank->line & ~bank->edge;
	const bool is_pending = ((bank->latched | level) & bank->deliverable & bit) != 0;
	if ((bank->hw & bit) != 0) {
		/* While it is active so is its physical twin, and the device asks again when it has ended. */
		lr |= VGIC_LR_HW | FIELD_PREP(VGIC_LR_PINTID, bank->pintid[i % 16]);
		return is_pending && (bank->active & bit) == 0 ? lr | VGIC_LR_PENDING : lr;
	}
	if (!is_pending) {
		return lr;
	}
	if ((bank->moving & bit) != 0) {
		return lr | VGIC_LR_EOI;
	}
	return lr | VGIC_LR_PENDING | ((level & bit) != 0 ? VGIC_LR_EOI : 0);
}

/*
 * Puts a wanted interrupt into LR n. is_tight: others found no LR, and what becomes pending by an end must not do so
 * unseen, for NPIE would not tell any more that it was the last.
 */
static ALWAYS_INLINE void place(struct vgic_cpu *cpu, struct vgic_bank *bank, unsigned intid,
				unsigned n, bool is_tight)
{
	const unsigned i = intid % 32;
	const uint32_t bit = vgic_bit(intid);
	const uint32_t lr_bit = UINT32_C(1) << n;
	uint64_t lr = compose(bank, intid);

	ASSERT((lr & LR_STATE) != 0);
	if (is_tight && (lr & LR_STATE) == LR_STATE) {
		lr = (lr & ~VGIC_LR_PENDING) | VGIC_LR_EOI;
	}
	if ((lr & VGIC_LR_HW) != 0 && (lr & VGIC_LR_ACTIVE) != 0) {
		bank->latched &= ~bit;
	}
	cpu->lr_latch &= ~lr_bit;
	if ((lr & VGIC_LR_PENDING) != 0 && (bank->latched & bit) != 0) {
		cpu->lr_latch |= lr_bit;
		bank->latched &= ~bit;
		if (intid < 16) {
			const unsigned source = (unsigned)FIELD_GET(VGIC_LR_SOURCE, lr);
			bank->sources[intid] &= (uint8_t)~(1u << source);
			bank->latched |= bank->sources[intid] != 0 ? bit : 0;
		}
	}
	/* A LR that came back unchanged still holds this. */
	if ((cpu->lr_stale & lr_bit) == 0 || cpu->lr[n] != lr) {
		hal_vgic_write_lr(n, lr);
		cpu->lr[n] = lr;
	}
	cpu->injected += (lr & VGIC_LR_PENDING) != 0 ? 1 : 0;
	cpu->lr_seen[n] = lr;
	cpu->lr_stale &= ~lr_bit;
	cpu->lr_used |= lr_bit;
	cpu->lr_intid[n] = (uint16_t)intid;
	bank->lr[i] = (uint8_t)n;
	bank->in_lr |= bit;
}

COLD void vgic_absorb_writes(struct vgic_bank *bank, uint32_t bit, unsigned i)
{
	if ((bank->set_active & ~bank->active & bit) != 0) {
		bank->active |= bit;
		bank->ack_priority[i] = VGIC_NOT_ACKNOWLEDGED;
	}
	if ((bank->clear_active & bit) != 0) {
		bank->active &= ~bit;
	}
	bank->clear_pending &= ~bit;
	bank->clear_active &= ~bit;
	bank->set_active &= ~bit;
	bank->rare = (bank->rare & ~bit) | (bank->moving & bit);
	if ((bank->hw & ~bank->active & ~bank->latched & bit) != 0) {
		bank->hw &= ~bit;
		hal_irq_set_active(bank->pintid[i % 16], false);
	}
}

void vgic_place_free(struct vgic *gic, unsigned vcpu, unsigned intid)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];

	place(cpu, vgic_bank_of(gic, vcpu, intid), intid,
	      (unsigned)__builtin_ctz(~cpu->lr_used), cpu->spilled != 0);
}

/* Takes the interrupt out of LR n, which holds `lr`, into the model. */
static void fold(struct vgic_cpu *cpu, struct vgic_bank *bank, unsigned intid, unsigned n,
			uint64_t lr)
{
	const unsigned i = intid % 32;
	const uint32_t bit = vgic_bit(intid);
	const uint32_t lr_bit = UINT32_C(1) << n;

	const uint64_t placed = cpu->lr[n];
	cpu->lr_used &= ~lr_bit;
	cpu->lr[n] = lr;
	bank->in_lr &= ~bit;
	if ((lr & (LR_STATE | VGIC_LR_EOI)) == 0) {
		bank->active &= ~bit;
		bank->hw &= ~bit | bank->latched;
	} else {
		cpu->lr_stale |= lr_bit;
		if ((lr & VGIC_LR_ACTIVE) != 0) {
			bank->active |= bit;
			if ((placed & ~lr & VGIC_LR_PENDING) != 0) {
				bank->ack_priority[i] = (uint8_t)FIELD_GET(VGIC_LR_PRIORITY, lr);
			}
			if (intid < 16) {
				bank->active_source[i] = (uint8_t)FIELD_GET(VGIC_LR_SOURCE, lr);
			}
		} else {
			bank->active &= ~bit;
		}
		if ((lr & VGIC_LR_PENDING) != 0 && (cpu->lr_latch & lr_bit) != 0 &&
		    (bank->clear_pending & bit) == 0) {
			bank->latched |= bit;
			if (intid < 16) {
				bank->sources[i] |= (uint8_t)(1u << FIELD_GET(VGIC_LR_SOURCE, lr));
			}
		}
		if ((lr & LR_STATE) == 0) {
			bank->hw &= ~bit | bank->latched;
		}
	}
}

/* An interrupt has left its LR outside a flush's own walk: the next walk looks whether it is wanted again. */
static COLD void retire(struct vgic *gic, unsigned vcpu, unsigned n, uint64_t lr)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];
	const unsigned intid = cpu->lr_intid[n];
	struct vgic_bank *bank = vgic_bank_of(gic, vcpu, intid);
	const uint32_t bit = vgic_bit(intid);

	fold(cpu, bank, intid, n, lr);
	if ((bank->rare & bit) != 0) {
		vgic_absorb_writes(bank, bit, intid % 32);
	}
	if ((bank->moving & ~bank->active & bit) != 0) {
		vgic_reroute(gic, intid);
	} else if ((vgic_wanted(bank) & bit) != 0) {
		bank->todo |= bit;
		vgic_add_work(cpu, UINT32_C(1) << (intid / 32));
	}
}

COLD void vgic_take_all(struct vgic *gic, unsigned vcpu)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];

	for (uint32_t used = cpu->lr_used; used != 0; used &= used - 1) {
		const unsigned n = (unsigned)__builtin_ctz(used);
		retire(gic, vcpu, n, hal_vgic_read_lr(n));
	}
}

/* Books the LRs that the hardware reports empty as free. */
static COLD void reap(struct vgic *gic, unsigned vcpu)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];

	for (uint32_t ended = cpu->lr_used & (uint32_t)hal_vgic_empty_lrs(); ended != 0;
	     ended &= ended - 1) {
		retire(gic, vcpu, (unsigned)__builtin_ctz(ended), 0);
	}
}

/* Brings one marked interrupt up to date, while all that is wanted fits. False: it wants a LR and there is none. */
static COLD bool settle(struct vgic *gic, unsigned vcpu, struct vgic_bank *bank, unsigned intid)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];
	const unsigned i = intid % 32;
	const uint32_t bit = vgic_bit(intid);
	unsigned n = VGIC_LR_MAX;

	if ((bank->in_lr & bit) != 0) {
		n = bank->lr[i];
		fold(cpu, bank, intid, n, hal_vgic_read_lr(n));
	}
	if ((bank->rare & bit) != 0) {
		vgic_absorb_writes(bank, bit, i);
		if ((bank->moving & ~bank->active & bit) != 0) {
			vgic_reroute(gic, intid);
			return true;
		}
	}
	if ((vgic_wanted(bank) & bit) == 0) {
		return true;
	}
	if (n == VGIC_LR_MAX) {
		if ((cpu->lr_used | gic->lr_missing) == ~UINT32_C(0)) {
			reap(gic, vcpu);
			if ((cpu->lr_used | gic->lr_missing) == ~UINT32_C(0)) {
				return false;
			}
		}
		n = (unsigned)__builtin_ctz(~cpu->lr_used);
	}
	place(cpu, bank, intid, n, false);
	return true;
}

/* Clears what is left in LRs that nobody uses any more. */
static COLD void clean(struct vgic_cpu *cpu)
{
	for (; cpu->lr_stale != 0; cpu->lr_stale &= cpu->lr_stale - 1) {
		hal_vgic_write_lr((unsigned)__builtin_ctz(cpu->lr_stale), 0);
	}
}

void vgic_read_lrs(struct vgic_cpu *cpu)
{
	for (uint32_t used = cpu->lr_used; used != 0; used &= used - 1) {
		const unsigned n = (unsigned)__builtin_ctz(used);
		cpu->lr_seen[n] = hal_vgic_read_lr(n);
	}
}

void vgic_read_interface(struct vgic *gic, unsigned vcpu)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];

	vgic_end_spilled(gic, vcpu);
	vgic_flush_own(gic, vcpu);
	vgic_read_lrs(cpu);
	hal_vgic_save(&cpu->hw);
	hal_vgic_write_hcr(cpu->hcr); /* saving may have turned the interface off */
}

void vgic_take_from_lr(struct vgic *gic, unsigned vcpu, unsigned intid)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];

	if ((cpu->bank.in_lr & vgic_bit(intid)) != 0) {
		const unsigned n = cpu->bank.lr[intid];
		vgic_end_spilled(gic, vcpu);
		retire(gic, vcpu, n, hal_vgic_read_lr(n));
		vgic_add_work(cpu, VGIC_WORK_CLEAN);
	}
}

/* settle() for all that is marked in the banks of `words`, up to the first that finds no LR: then false. */
static bool settle_marked(struct vgic *gic, unsigned vcpu, uint32_t words)
{
	const struct vgic_cpu *cpu = &gic->cpu[vcpu];

	for (; words != 0; words &= words - 1) {
		const unsigned word = (unsigned)__builtin_ctz(words);
		struct vgic_bank *bank = vgic_bank_of(gic, vcpu, word * 32);
		for (uint32_t bits = bank->todo & cpu->mine[word]; bits != 0; bits &= bits - 1) {
			const unsigned i = (unsigned)__builtin_ctz(bits);
			bank->todo &= ~vgic_bit(i);
			if (!settle(gic, vcpu, bank, word * 32 + i)) {
				return false;
			}
		}
	}
	return true;
}

/* Whatever settle_quickly() does not do. */
static COLD void flush_slowly(struct vgic *gic, unsigned vcpu)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];
	uint32_t work = atomic_load_explicit(&cpu->work, memory_order_relaxed);
	uint32_t seen = work;

	vgic_end_spilled(gic, vcpu);
	bool fits = cpu->spilled == 0 && (work & VGIC_WORK_REFILL) == 0;
	/* Reaping may find an interrupt that is wanted again: bounded by the LRs, then vgic_refill() decides. */
	while (fits && (work & VGIC_WORK_BANKS) != 0) {
		atomic_store_explicit(&cpu->work, 0, memory_order_relaxed);
		fits = settle_marked(gic, vcpu, work & VGIC_WORK_BANKS);
		work = atomic_load_explicit(&cpu->work, memory_order_relaxed);
		seen |= work;
	}
	if (!fits) {
		vgic_refill(gic, vcpu);
	}
	atomic_store_explicit(&cpu->work, 0, memory_order_relaxed);
	clean(cpu);
	if ((seen & VGIC_WORK_SYNC) != 0) {
		vgic_read_lrs(cpu);
		cpu->sync_count++;
	}
}

/*
 * The ordinary case of settle(): an interrupt that is in no LR while there is a free one, or whose LR says that the
 * guest has ended it. False if it is another case; then nothing has changed.
 */
static inline bool settle_quickly(const struct vgic *gic, struct vgic_cpu *cpu,
				  struct vgic_bank *bank, unsigned word, unsigned i)
{
	const uint32_t bit = UINT32_C(1) << i;
	const bool is_in_lr = (bank->in_lr & bit) != 0;
	unsigned n;

	if ((bank->rare & bit) != 0) {
		return false;
	}
	if (is_in_lr) {
		n = bank->lr[i];
		if ((hal_vgic_read_lr(n) & (LR_STATE | VGIC_LR_EOI)) != 0) {
			return false;
		}
		bank->active &= ~bit;
		bank->hw &= ~bit | bank->latched;
	} else {
		const uint32_t used = cpu->lr_used | gic->lr_missing;
		if (used == ~UINT32_C(0)) {
			return false;
		}
		n = (unsigned)__builtin_ctz(~used);
	}
	if ((vgic_wanted(bank) & bit) != 0) {
		place(cpu, bank, word * 32 + i, n, false);
	} else if (is_in_lr) {
		bank->in_lr &= ~bit;
		cpu->lr_used &= ~(UINT32_C(1) << n);
	}
	return true;
}

void vgic_flush_locked(struct vgic *gic, unsigned vcpu)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];
	uint32_t work = atomic_load_explicit(&cpu->work, memory_order_relaxed);

	for (; ((work & ~VGIC_WORK_BANKS) | cpu->spilled) == 0; work &= work - 1) {
		atomic_store_explicit(&cpu->work, work, memory_order_relaxed);
		if (work == 0) {
			return;
		}
		const unsigned word = (unsigned)__builtin_ctz(work);
		struct vgic_bank *bank = vgic_bank_of(gic, vcpu, word * 32);
		for (uint32_t bits = bank->todo & cpu->mine[word]; bits != 0; bits &= bits - 1) {
			const unsigned i = (unsigned)__builtin_ctz(bits);
			if (!settle_quickly(gic, cpu, bank, word, i)) {
				flush_slowly(gic, vcpu);
				return;
			}
			bank->todo &= ~(UINT32_C(1) << i);
		}
	}
	flush_slowly(gic, vcpu);
}

void vgic_flush(struct vgic *gic, unsigned vcpu)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];

	/* Without the lock: whoever adds work kicks this CPU afterwards, and the kick brings it here again. */
	if (atomic_load_explicit(&cpu->work, memory_order_relaxed) == 0) {
		return;
	}
	spin_lock(&gic->lock);
	vgic_flush_own(gic, vcpu);
	spin_unlock(&gic->lock);
}

static void sync_locked(struct vgic *gic, unsigned vcpu)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];

	if (cpu->lr_used != 0) {
		reap(gic, vcpu);
		for (uint32_t used = cpu->lr_used; used != 0; used &= used - 1) {
			const unsigned n = (unsigned)__builtin_ctz(used);
			const uint64_t lr = hal_vgic_read_lr(n);
			if ((lr & LR_STATE) == 0) {
				retire(gic, vcpu, n, lr);
				vgic_add_work(cpu, VGIC_WORK_CLEAN);
			}
		}
	}
	if (cpu->spilled != 0) {
		vgic_add_work(cpu, VGIC_WORK_REFILL);
	}
}

void vgic_sync(struct vgic *gic, unsigned vcpu)
{
	spin_lock(&gic->lock);
	if (gic->cpu[vcpu].is_loaded) {
		sync_locked(gic, vcpu);
	}
	spin_unlock(&gic->lock);
}

void vgic_load(struct vgic *gic, unsigned vcpu)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];

	spin_lock(&gic->lock);
	CHECK(!cpu->is_loaded);
	cpu->is_loaded = true;
	cpu->pcpu = (uint8_t)hal_cpu_index();
	cpu->hw.hcr = VGIC_HCR_EN;
	cpu->hcr = VGIC_HCR_EN;
	hal_vgic_restore(&cpu->hw);
	atomic_store_explicit(&cpu->work, VGIC_WORK_REFILL, memory_order_relaxed);
	vgic_flush_locked(gic, vcpu);
	spin_unlock(&gic->lock);
}

void vgic_unload(struct vgic *gic, unsigned vcpu)
{
	struct vgic_cpu *cpu = &gic->cpu[vcpu];

	spin_lock(&gic->lock);
	CHECK(cpu->is_loaded);
	vgic_end_spilled(gic, vcpu);
	cpu->spilled = 0;
	vgic_take_all(gic, vcpu);
	clean(cpu);
	hal_vgic_save(&cpu->hw);
	hal_vgic_write_hcr(0);
	cpu->is_loaded = false;
	cpu->sync_count++;
	spin_unlock(&gic->lock);
}
