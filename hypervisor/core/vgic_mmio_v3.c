/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GICv3 distributor and redistributors (IHI 0069 s12.9 to s12.11) with one security state (GICD_CTLR.DS) and
 * affinity routing always on (ARE), without LPIs, extended INTIDs and 1-of-N routing; and the system registers
 * that send SGIs.
 *
 * vCPU n has affinity 0.0.0.n. A redistributor is two frames of 64 KiB: RD_base, then SGI_base with the private
 * interrupts; any vCPU may use any of them. An SPI whose affinity is no vCPU stays pending. Interrupts start in
 * group 1, as under a firmware that leaves them to the normal world.
 */
#include "core/vgic_int.h"

#define GICD_CTLR 0x0000u
#define GICD_TYPER 0x0004u
#define GICD_IIDR 0x0008u
#define GICD_IROUTER 0x6000u
#define GICD_IROUTER_END 0x8000u
#define GICD_ID 0xff80u /* the 128 bytes that end in the identification registers */
#define ID_PIDR2 0x68u	/* there */

#define CTLR_ENABLES BITS(1, 0)
#define CTLR_ARE BIT(4)
#define CTLR_DS BIT(6)
#define TYPER_IDBITS BITS(23, 19)
#define TYPER_NO1N BIT(25)

#define GICR_IIDR 0x04u
#define GICR_TYPER 0x08u
#define GICR_WAKER 0x14u
#define GICR_SGI_BASE 0x10000u
#define GICR_TYPER_LAST BIT(4)
#define GICR_TYPER_PROCESSOR BITS(23, 8)
#define GICR_TYPER_AFFINITY BITS(63, 32)
#define WAKER_PROCESSOR_SLEEP BIT(1)
#define WAKER_CHILDREN_ASLEEP BIT(2)

#define IIDR_VALUE 0x4100043bu /* product 'A', implementer Arm: no quirk of a real controller applies */
#define PIDR2_ARCH_REV_3 0x30u

#define AFFINITY_MASK BITS(23, 0) /* Aff2 to Aff0: GICD_TYPER.A3V is 0 */

static unsigned route(const struct vgic *gic, unsigned intid)
{
	const uint32_t affinity = gic->route[intid - VGIC_PRIVATE_COUNT];
	return affinity < gic->vcpu_count ? affinity : VGIC_NOBODY;
}

static uint64_t read_control(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	(void)vcpu;
	(void)bytes;
	switch (at) {
	case GICD_CTLR: /* RWP reads as 0: a write has taken effect when the guest goes on */
		return gic->ctlr | CTLR_ARE | CTLR_DS;
	case GICD_TYPER:
		return TYPER_NO1N | FIELD_PREP(TYPER_IDBITS, 10 - 1) | (VGIC_BANK_COUNT - 1);
	case GICD_IIDR:
		return IIDR_VALUE;
	default:
		return 0;
	}
}

static void write_control(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes,
			  uint64_t value)
{
	(void)vcpu;
	(void)bytes;
	if (at == GICD_CTLR) {
		vgic_write_enables(gic, (uint32_t)value);
	}
}

static uint64_t read_router(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	const unsigned intid = at / 8;

	(void)vcpu;
	(void)bytes;
	if (at % 8 != 0 || intid < VGIC_PRIVATE_COUNT || intid >= AETHER_GUEST_INTID_COUNT) {
		return 0;
	}
	return gic->route[intid - VGIC_PRIVATE_COUNT];
}

static void write_router(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes,
			 uint64_t value)
{
	const unsigned intid = at / 8;

	(void)vcpu;
	(void)bytes;
	if (at % 8 != 0 || intid < VGIC_PRIVATE_COUNT || intid >= AETHER_GUEST_INTID_COUNT) {
		return;
	}
	gic->route[intid - VGIC_PRIVATE_COUNT] = (uint32_t)(value & AFFINITY_MASK);
	vgic_reroute(gic, intid);
}

static uint64_t read_id(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	(void)gic;
	(void)vcpu;
	(void)bytes;
	return at == ID_PIDR2 ? PIDR2_ARCH_REV_3 : 0;
}

static uint64_t read_redist(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	const uint64_t typer = FIELD_PREP(GICR_TYPER_AFFINITY, vcpu) |
			       FIELD_PREP(GICR_TYPER_PROCESSOR, vcpu) |
			       (vcpu + 1 == gic->vcpu_count ? GICR_TYPER_LAST : 0);

	switch (at) {
	case GICR_IIDR:
		return IIDR_VALUE;
	case GICR_TYPER:
		return bytes == 8 ? typer : typer & BITS(31, 0);
	case GICR_TYPER + 4:
		return typer >> 32;
	case GICR_WAKER:
		return gic->cpu[vcpu].is_waker_asleep ?
			       WAKER_PROCESSOR_SLEEP | WAKER_CHILDREN_ASLEEP :
			       0;
	default:
		return 0;
	}
}

static void write_redist(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes,
			 uint64_t value)
{
	(void)bytes;
	if (at == GICR_WAKER) {
		gic->cpu[vcpu].is_waker_asleep = (value & WAKER_PROCESSOR_SLEEP) != 0;
	}
}

static const struct vgic_region reserved = VGIC_REGION_ZERO;
static const struct vgic_region identification =
	VGIC_REGION_REGS(read_id, vgic_write_ignored, 0x80);

/* With ARE, the private interrupts' registers of the distributor and GICD_ITARGETSR and SGIR are reserved. */
static const struct vgic_region dist[VGIC_FRAME_REGIONS] = {
	[0] = VGIC_REGION_REGS(read_control, write_control, 0x80),
	VGIC_REGIONS_COMMON(VGIC_PRIVATE_COUNT, VGIC_SPI_COUNT),
	[16 ... 23] = {.read = vgic_read_zero, .write = vgic_write_ignored, .widths = 1 | 4,
		       .bits_log2 = VGIC_NOT_PER_IRQ},
	[24 ... 25] = VGIC_REGION_IRQS(vgic_read_config, vgic_write_config, 1, 0x100, 4,
				       VGIC_PRIVATE_COUNT, VGIC_SPI_COUNT, false),
	[26 ... 31] = VGIC_REGION_ZERO,
};

static const struct vgic_region *dist_high(uint64_t offset)
{
	static const struct vgic_region router = {.read = read_router, .write = write_router,
						  .widths = 4 | 8, .bits_log2 = VGIC_NOT_PER_IRQ,
						  .mask = 0x1fff};

	if (offset >= GICD_IROUTER && offset < GICD_IROUTER_END) {
		return &router;
	}
	return offset / 0x80 == GICD_ID / 0x80 ? &identification : &reserved;
}

static const struct vgic_region *redist(uint64_t offset)
{
	static const struct vgic_region rd_base = {.read = read_redist, .write = write_redist,
						   .widths = 4 | 8, .bits_log2 = VGIC_NOT_PER_IRQ,
						   .mask = 0x7f};
	static const struct vgic_region sgi_base[VGIC_FRAME_REGIONS] = {
		[0] = VGIC_REGION_ZERO,
		VGIC_REGIONS_COMMON(0, VGIC_PRIVATE_COUNT),
		[16 ... 23] = VGIC_REGION_ZERO,
		[24 ... 25] = VGIC_REGION_IRQS(vgic_read_config, vgic_write_config, 1, 0x100, 4, 0,
					       VGIC_PRIVATE_COUNT, false),
		[26 ... 31] = VGIC_REGION_ZERO,
	};

	if (offset < 0x80) {
		return &rd_base;
	}
	if (offset >= GICR_SGI_BASE &&
	    offset - GICR_SGI_BASE < VGIC_FRAME_REGIONS << VGIC_REGION_SHIFT) {
		return &sgi_base[(offset - GICR_SGI_BASE) >> VGIC_REGION_SHIFT];
	}
	return offset % GICR_SGI_BASE / 0x80 == GICD_ID / 0x80 ? &identification : &reserved;
}

const struct vgic_ops vgic_v3_ops = {
	.dist = dist,
	.dist_high = dist_high,
	.redist = redist,
	.route = route,
	.reset_group1 = ~UINT32_C(0),
	.reset_route = 0,
	.fixed_enabled = 0,
	.pend_by_register = ~UINT32_C(0),
};

/* ICC_SGI1R_EL1 (IHI 0069 s12.2.14; the others are laid out alike). */
#define SGIR_TARGETS BITS(15, 0)
#define SGIR_INTID BITS(27, 24)
#define SGIR_IRM BIT(40)
/* Aff3, RS, Aff2, Aff1: no vCPU has one of these but zero. */
#define SGIR_AFFINITY (BITS(55, 48) | BITS(47, 44) | BITS(39, 32) | BITS(23, 16))

void vgic_sgi_register(struct vgic *gic, unsigned vcpu, uint64_t value, bool is_group1)
{
	const uint32_t all = (UINT32_C(1) << gic->vcpu_count) - 1;
	const unsigned sgi = (unsigned)FIELD_GET(SGIR_INTID, value);
	uint32_t targets;

	if ((value & SGIR_IRM) != 0) {
		targets = all & ~(UINT32_C(1) << vcpu);
	} else if ((value & SGIR_AFFINITY) != 0) {
		return;
	} else {
		targets = (uint32_t)(value & SGIR_TARGETS) & all;
	}
	spin_lock(&gic->lock);
	if (!is_group1) {
		/* A register of group 0 does not send an SGI that its target has in group 1. */
		for (unsigned v = 0; v < gic->vcpu_count; v++) {
			if ((gic->cpu[v].bank.group1 & vgic_bit(sgi)) != 0) {
				targets &= ~(UINT32_C(1) << v);
			}
		}
	}
	vgic_send_sgi(gic, vcpu, sgi, targets, 0);
	spin_unlock(&gic->lock);
}
