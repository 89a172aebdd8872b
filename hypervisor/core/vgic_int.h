/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of the virtual interrupt controller share. Every function here is called with the VM's vgic
 * lock held.
 *
 *     vgic.c       the model: interrupts become pending, change owner, wake a vCPU
 *     vgic_lr.c    model <-> list registers (LRs) of this CPU
 *     vgic_overflow.c  when there are more interrupts than LRs
 *     vgic_mmio.c  register dispatcher and the registers that both versions have
 *     vgic_mmio_v2.c, vgic_mmio_v3.c  the rest, each behind its `struct vgic_ops`
 */
#include "core/hal.h"
#include "core/vgic.h"
#include "lib/bits.h"

/* Kept out of the paths that are counted in instructions; kept in them. */
#define COLD __attribute__((noinline, cold))
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* vgic_cpu.work beside one bit a bank */
#define VGIC_WORK_BANKS ((UINT32_C(1) << VGIC_BANK_COUNT) - 1)
#define VGIC_WORK_REFILL (UINT32_C(1) << 16) /* choose anew what stands in the LRs */
#define VGIC_WORK_CLEAN (UINT32_C(1) << 17)  /* LRs hold something that counts no more */
#define VGIC_WORK_SYNC (UINT32_C(1) << 18)   /* another vCPU waits for what stands in the LRs */

/*
 * A region of registers. With bits_log2 the register at `offset` (counted from the region's first byte, which is
 * aligned to its size) describes interrupts from offset * 8 >> bits_log2; those outside [first, first + count)
 * read as zero and ignore writes. Else `read` and `write` get the offset.
 */
struct vgic_region {
	uint64_t (*read)(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes);
	void (*write)(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value);
	uint8_t widths;	   /* 1 | 2 | 4 | 8: access sizes that exist */
	uint8_t bits_log2; /* VGIC_NOT_PER_IRQ, or log2 of the bits an interrupt has */
	uint16_t mask;	   /* offset & mask: from the region's first byte */
	uint16_t first;
	uint16_t count;
	bool is_live; /* a read has to see what stands in LRs now */
};
#define VGIC_NOT_PER_IRQ 0xffu

#define VGIC_REGION_SHIFT 7u /* regions of the first 4 KiB of a frame, by offset >> 7 */
#define VGIC_FRAME_REGIONS 32u

struct vgic_ops {
	/* The distributor's first 4 KiB, and the rest of its 64 KiB (0: reads as zero, ignores writes). */
	const struct vgic_region *dist;
	const struct vgic_region *(*dist_high)(uint64_t offset);
	/* The registers at `offset` of a redistributor's 128 KiB; 0: there are none. */
	const struct vgic_region *(*redist)(uint64_t offset);
	/* The vCPU that SPI `intid` is routed to, or VGIC_NOBODY. */
	unsigned (*route)(const struct vgic *gic, unsigned intid);
	uint32_t reset_group1;
	uint32_t reset_route;
	uint32_t fixed_enabled;	   /* private interrupts that are always enabled */
	uint32_t pend_by_register; /* private interrupts whose pending state ISPENDR and ICPENDR change */
};
extern const struct vgic_ops vgic_v2_ops;
extern const struct vgic_ops vgic_v3_ops;

static inline struct vgic_bank *vgic_bank_of(struct vgic *gic, unsigned vcpu, unsigned intid)
{
	return intid < VGIC_PRIVATE_COUNT ? &gic->cpu[vcpu].bank : &gic->spi[intid / 32 - 1];
}

static inline uint32_t vgic_bit(unsigned intid)
{
	return UINT32_C(1) << (intid % 32);
}

static inline uint32_t vgic_pending(const struct vgic_bank *bank)
{
	return bank->latched | (bank->line & ~bank->edge);
}

/* What should stand in a LR of the owner. */
static inline uint32_t vgic_wanted(const struct vgic_bank *bank)
{
	return (vgic_pending(bank) & bank->deliverable) | bank->active;
}

static inline void vgic_add_work(struct vgic_cpu *cpu, uint32_t work)
{
	const uint32_t old = atomic_load_explicit(&cpu->work, memory_order_relaxed);
	atomic_store_explicit(&cpu->work, old | work, memory_order_relaxed);
}

/* Interrupts `bits` of one bank (vCPU's own, or SPIs) changed: their owners look at them at their next flush. */
void vgic_mark(struct vgic *gic, unsigned vcpu, unsigned intid, uint32_t bits);
/* The same for one interrupt. */
void vgic_mark_irq(struct vgic *gic, unsigned vcpu, unsigned intid);
/* Gives SPI `intid` to the vCPU that it is routed to, now or when its owner has ended it. */
void vgic_reroute(struct vgic *gic, unsigned intid);
/* Recomputes `deliverable` and wakes whom it concerns. */
void vgic_update_deliverable(struct vgic *gic, unsigned vcpu, unsigned intid);
/* Makes SGI `sgi` pending at each vCPU of `targets`. */
void vgic_send_sgi(struct vgic *gic, unsigned sender, unsigned sgi, uint32_t targets, unsigned source);

/*
 * The same again, the ordinary case of a timer or an SGI: the interrupt was pending in a LR of this CPU as `lr` (its
 * state, EOI, HW and source bits), the guest has ended it, and nothing of it has changed. True: pending once more.
 */
static inline bool vgic_repeat(struct vgic_cpu *cpu, unsigned intid, uint64_t lr)
{
	const uint64_t mask = VGIC_LR_PENDING | VGIC_LR_ACTIVE | VGIC_LR_HW | VGIC_LR_EOI |
			      VGIC_LR_SOURCE;
	const struct vgic_bank *bank = &cpu->bank;
	const uint32_t bit = vgic_bit(intid);

	if ((bank->in_lr & ~bank->todo & ~bank->rare & bit) == 0 || cpu->spilled != 0) {
		return false;
	}
	const unsigned n = bank->lr[intid];
	const uint64_t last = cpu->lr[n];
	if ((last & mask) != lr ||
	    (hal_vgic_read_lr(n) & (VGIC_LR_PENDING | VGIC_LR_ACTIVE)) != 0) {
		return false;
	}
	hal_vgic_write_lr(n, last);
	cpu->injected++;
	return true;
}

/* vgic_flush under the lock, for a loaded vCPU. */
void vgic_flush_locked(struct vgic *gic, unsigned vcpu);
static inline void vgic_flush_own(struct vgic *gic, unsigned vcpu)
{
	const struct vgic_cpu *cpu = &gic->cpu[vcpu];

	if (atomic_load_explicit(&cpu->work, memory_order_relaxed) != 0 && cpu->is_loaded) {
		vgic_flush_locked(gic, vcpu);
	}
}
/* Reads the LRs in use of this CPU into vgic_cpu.lr_seen. */
void vgic_read_lrs(struct vgic_cpu *cpu);
/* Brings a loaded vCPU's LRs up to date and reads them and the CPU interface's registers (vgic_cpu.lr_seen, hw). */
void vgic_read_interface(struct vgic *gic, unsigned vcpu);
/* Takes a private interrupt of the loaded vCPU out of its LR. */
void vgic_take_from_lr(struct vgic *gic, unsigned vcpu, unsigned intid);

/* What the guest wrote to interrupt i of `bank` while it stood in a LR or was tied to a physical one: takes effect. */
void vgic_absorb_writes(struct vgic_bank *bank, uint32_t bit, unsigned i);
/* Every LR's interrupt comes back to the model. */
void vgic_take_all(struct vgic *gic, unsigned vcpu);
/* Puts a wanted interrupt into a free LR; there is one. */
void vgic_place_free(struct vgic *gic, unsigned vcpu, unsigned intid);
/* Chooses anew what stands in the LRs. */
void vgic_refill(struct vgic *gic, unsigned vcpu);
/* The guest ended active interrupts that were in no LR: finds which. Called before anything active leaves a LR. */
void vgic_end_spilled(struct vgic *gic, unsigned vcpu);

#define VGIC_NOT_ACKNOWLEDGED 0xffu /* vgic_bank.ack_priority */
#define VGIC_HCR_UNKNOWN (~UINT64_C(0)) /* vgic_cpu.hcr: has to be written */

/* Registers that both versions have (at: first INTID). */
uint64_t vgic_read_zero(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes);
void vgic_write_ignored(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value);
uint64_t vgic_read_group(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes);
void vgic_write_group(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value);
uint64_t vgic_read_enable(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes);
void vgic_write_senable(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value);
void vgic_write_cenable(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value);
uint64_t vgic_read_pending(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes);
void vgic_write_spending(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value);
void vgic_write_cpending(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value);
uint64_t vgic_read_active(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes);
void vgic_write_sactive(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value);
void vgic_write_cactive(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value);
uint64_t vgic_read_priority(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes);
void vgic_write_priority(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value);
uint64_t vgic_read_config(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes);
void vgic_write_config(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value);
/* GICD_CTLR's two enable bits. */
void vgic_write_enables(struct vgic *gic, uint32_t ctlr);

/* Regions that the tables of both versions and of the redistributor are made of. */
#define VGIC_REGION_IRQS(read_fn, write_fn, bits, region_bytes, widths_, first_, count_, live)      \
	{ .read = (read_fn), .write = (write_fn), .widths = (widths_), .bits_log2 = (bits),        \
	  .mask = (region_bytes) - 1, .first = (first_), .count = (count_), .is_live = (live) }
#define VGIC_REGION_REGS(read_fn, write_fn, region_bytes)                                           \
	{ .read = (read_fn), .write = (write_fn), .widths = 4, .bits_log2 = VGIC_NOT_PER_IRQ,      \
	  .mask = (region_bytes) - 1 }
#define VGIC_REGION_ZERO VGIC_REGION_REGS(vgic_read_zero, vgic_write_ignored, 0x80)

/* Entries 1 to 15 of a frame's table: IGROUPR to IPRIORITYR, which are the same everywhere. */
#define VGIC_REGIONS_COMMON(first, count)                                                           \
	[1] = VGIC_REGION_IRQS(vgic_read_group, vgic_write_group, 0, 0x80, 4, first, count, false), \
	[2] = VGIC_REGION_IRQS(vgic_read_enable, vgic_write_senable, 0, 0x80, 4, first, count,     \
			       false),                                                             \
	[3] = VGIC_REGION_IRQS(vgic_read_enable, vgic_write_cenable, 0, 0x80, 4, first, count,     \
			       false),                                                             \
	[4] = VGIC_REGION_IRQS(vgic_read_pending, vgic_write_spending, 0, 0x80, 4, first, count,   \
			       true),                                                              \
	[5] = VGIC_REGION_IRQS(vgic_read_pending, vgic_write_cpending, 0, 0x80, 4, first, count,   \
			       true),                                                              \
	[6] = VGIC_REGION_IRQS(vgic_read_active, vgic_write_sactive, 0, 0x80, 4, first, count,     \
			       true),                                                              \
	[7] = VGIC_REGION_IRQS(vgic_read_active, vgic_write_cactive, 0, 0x80, 4, first, count,     \
			       true),                                                              \
	[8 ... 15] = VGIC_REGION_IRQS(vgic_read_priority, vgic_write_priority, 3, 0x400, 5, first, \
				      count, false)
