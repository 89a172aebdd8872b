/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GICv2 distributor (IHI 0048 s4.3) without Security Extensions: both groups can be used, GICD_NSACR is
 * reserved, and each vCPU sees its own copy of the registers of INTIDs 0 to 31.
 *
 * An SPI that the guest targets at several vCPUs goes to the first of them. SGIs are always enabled. With one vCPU
 * every SPI goes to it and GICD_ITARGETSR says so, whatever is written.
 */
#include "core/vgic_int.h"

#define GICD_CTLR 0x000u
#define GICD_TYPER 0x004u
#define GICD_IIDR 0x008u
#define GICD_SGIR 0x00u	     /* in its region, 0xf00 */
#define GICD_CPENDSGIR 0x10u /* four registers, a byte an SGI */
#define GICD_SPENDSGIR 0x20u
#define GICD_ICPIDR2 0x68u /* in its region, 0xf80 */

#define IIDR_VALUE 0x4100043bu /* product 'A', implementer Arm: no quirk of a real controller applies */
#define ICPIDR2_ARCH_REV_2 0x20u

static unsigned route(const struct vgic *gic, unsigned intid)
{
	const uint32_t mask = gic->route[intid - VGIC_PRIVATE_COUNT];

	if (gic->vcpu_count == 1) {
		return 0;
	}
	return mask == 0 ? VGIC_NOBODY : (unsigned)__builtin_ctz(mask);
}

static uint64_t read_control(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	(void)vcpu;
	(void)bytes;
	switch (at) {
	case GICD_CTLR:
		return gic->ctlr;
	case GICD_TYPER: /* CPUNumber, ITLinesNumber */
		return FIELD_PREP(BITS(7, 5), gic->vcpu_count - 1u) | (VGIC_BANK_COUNT - 1);
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

static uint64_t read_targets(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned n = 0; n < bytes; n++) {
		uint64_t mask = BIT(vcpu);
		if (at >= VGIC_PRIVATE_COUNT && gic->vcpu_count > 1) {
			mask = gic->route[at + n - VGIC_PRIVATE_COUNT];
		}
		value |= mask << 8 * n;
	}
	return value;
}

static void write_targets(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes,
			  uint64_t value)
{
	const uint32_t all = (UINT32_C(1) << gic->vcpu_count) - 1;

	(void)vcpu;
	if (at < VGIC_PRIVATE_COUNT) {
		return;
	}
	for (unsigned n = 0; n < bytes; n++) {
		gic->route[at + n - VGIC_PRIVATE_COUNT] = (uint32_t)(value >> 8 * n) & all;
		vgic_reroute(gic, at + n);
	}
}

static void write_sgir(struct vgic *gic, unsigned vcpu, uint64_t value)
{
	const uint32_t all = (UINT32_C(1) << gic->vcpu_count) - 1;
	const uint32_t self = UINT32_C(1) << vcpu;
	const unsigned sgi = value & 15;
	uint32_t targets;

	switch (FIELD_GET(BITS(25, 24), value)) { /* TargetListFilter */
	case 0:
		targets = (uint32_t)FIELD_GET(BITS(23, 16), value) & all;
		break;
	case 1:
		targets = all & ~self;
		break;
	case 2:
		targets = self;
		break;
	default: /* reserved */
		return;
	}
	vgic_send_sgi(gic, vcpu, sgi, targets, vcpu);
}

static uint64_t read_sgis(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	const struct vgic_cpu *cpu = &gic->cpu[vcpu];
	uint64_t value = 0;

	if (at < GICD_CPENDSGIR || at >= GICD_SPENDSGIR + 16) {
		return 0;
	}
	for (unsigned n = 0; n < bytes; n++) {
		const unsigned sgi = (at + n) % 16;
		/* The reader is the owner: out of the LR, it is all in the model. */
		vgic_take_from_lr(gic, vcpu, sgi);
		value |= (uint64_t)cpu->bank.sources[sgi] << 8 * n;
	}
	return value;
}

static void write_sgis(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes, uint64_t value)
{
	struct vgic_bank *bank = &gic->cpu[vcpu].bank;
	const uint32_t all = (UINT32_C(1) << gic->vcpu_count) - 1;

	if (at == GICD_SGIR) {
		if (bytes == 4) {
			write_sgir(gic, vcpu, value);
		}
		return;
	}
	if (at < GICD_CPENDSGIR || at >= GICD_SPENDSGIR + 16) {
		return;
	}
	for (unsigned n = 0; n < bytes; n++) {
		const unsigned sgi = (at + n) % 16;
		const uint32_t bit = vgic_bit(sgi);
		const uint8_t sources = (uint8_t)(value >> 8 * n & all);
		vgic_take_from_lr(gic, vcpu, sgi);
		if (at >= GICD_SPENDSGIR) {
			bank->sources[sgi] |= sources;
		} else {
			bank->sources[sgi] &= (uint8_t)~sources;
		}
		bank->latched = bank->sources[sgi] != 0 ? bank->latched | bit : bank->latched & ~bit;
		vgic_mark(gic, vcpu, sgi, vgic_wanted(bank) & bit);
	}
}

static uint64_t read_id(struct vgic *gic, unsigned vcpu, unsigned at, unsigned bytes)
{
	(void)gic;
	(void)vcpu;
	(void)bytes;
	return at == GICD_ICPIDR2 ? ICPIDR2_ARCH_REV_2 : 0;
}

#define TARGETS                                                                                    \
	VGIC_REGION_IRQS(read_targets, write_targets, 3, 0x400, 1 | 4, 0, AETHER_GUEST_INTID_COUNT, \
			 false)
#define CONFIG                                                                                     \
	VGIC_REGION_IRQS(vgic_read_config, vgic_write_config, 1, 0x100, 4, 0,                      \
			 AETHER_GUEST_INTID_COUNT, false)

static const struct vgic_region dist[VGIC_FRAME_REGIONS] = {
	[0] = VGIC_REGION_REGS(read_control, write_control, 0x80),
	VGIC_REGIONS_COMMON(0, AETHER_GUEST_INTID_COUNT),
	[16 ... 23] = TARGETS,
	[24 ... 25] = CONFIG,
	[26 ... 29] = VGIC_REGION_ZERO,
	[30] = {.read = read_sgis, .write = write_sgis, .widths = 1 | 4,
		.bits_log2 = VGIC_NOT_PER_IRQ, .mask = 0x7f},
	[31] = VGIC_REGION_REGS(read_id, vgic_write_ignored, 0x80),
};

static const struct vgic_region *dist_high(uint64_t offset)
{
	static const struct vgic_region reserved = VGIC_REGION_ZERO;

	(void)offset;
	return &reserved;
}

const struct vgic_ops vgic_v2_ops = {
	.dist = dist,
	.dist_high = dist_high,
	.route = route,
	.reset_group1 = 0,
	.reset_route = 0,
	.fixed_enabled = BITS(15, 0),
	.pend_by_register = BITS(31, 16),
};
