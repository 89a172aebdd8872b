/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv2 (IHI 0048B; GIC-400): distributor GICD, CPU interface GICC, hypervisor control GICH. GICV goes to the guests.
 *
 * The core is Non-secure, or on a GIC without the Security Extensions: offsets and bits used here mean the same
 * in both views. EOImode is 1, so that ending an interrupt (priority drop) and deactivating it are two steps.
 */
#include "arch/sysreg.h"
#include "drivers/gic.h"
#include "lib/bits.h"

#define GICD_CTLR 0x000
#define GICD_TYPER 0x004
#define GICD_IIDR 0x008
#define GICD_IIDR_QEMU 0x0000043bu /* no product: QEMU's model; a GIC-400 reads 0x0200143b */
#define GICD_ISENABLER 0x100
#define GICD_ICENABLER 0x180
#define GICD_ICPENDR 0x280
#define GICD_ISACTIVER 0x300
#define GICD_ICACTIVER 0x380
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR 0x800
#define GICD_ICFGR 0xc00
#define GICD_SGIR 0xf00

#define GICC_CTLR 0x000
#define GICC_CTLR_ENABLE BIT(0)
#define GICC_CTLR_EOIMODE BIT(9)
#define GICC_PMR 0x004
#define GICC_BPR 0x008
#define GICC_IAR 0x00c
#define GICC_EOIR 0x010
#define GICC_DIR 0x1000

#define GICH_HCR 0x000
#define GICH_VTR 0x004
#define GICH_VMCR 0x008
#define GICH_ELRSR0 0x030
#define GICH_APR 0x0f0
#define GICH_LR 0x100

#define GICH_LR_PINTID_SHIFT 10
#define GICH_LR_EOI BIT(19)
#define GICH_LR_PRIORITY_SHIFT 23
#define GICH_LR_STATE_SHIFT 28
#define GICH_LR_GROUP1 BIT(30)
#define GICH_LR_HW BIT(31)

#define PRIORITY 0x80u

static uintptr_t gicd, gicc, gich;
static uint8_t interface_mask[AETHER_PCPU_MAX]; /* GICD_ITARGETSR0 as each CPU reads it */

static void init_dist(const struct gic_config *config)
{
	gicd = config->dist;
	gicc = config->cpu_interface;
	gich = config->hyp_interface;
	mmio_write32(gicd + GICD_CTLR, 0);
	const unsigned count = 32 * ((mmio_read32(gicd + GICD_TYPER) & 0x1f) + 1);
	for (unsigned i = 32; i < count; i += 32) {
		mmio_write32(gicd + GICD_ICENABLER + i / 8, UINT32_MAX);
		mmio_write32(gicd + GICD_ICPENDR + i / 8, UINT32_MAX);
		mmio_write32(gicd + GICD_ICACTIVER + i / 8, UINT32_MAX);
	}
	mmio_write32(gicd + GICD_CTLR, 1);
}

static bool init_cpu(const struct gic_config *config, unsigned cpu)
{
	const uint32_t enabled =
		(uint32_t)(BIT(GIC_KICK_SGI) | BIT(config->maintenance) | BIT(config->hyp_timer) |
			   BIT(config->virtual_timer) | BIT(config->physical_timer));
	interface_mask[cpu] = mmio_read8(gicd + GICD_ITARGETSR);
	mmio_write32(gicd + GICD_ICENABLER, UINT32_MAX);
	mmio_write32(gicd + GICD_ICACTIVER, UINT32_MAX);
	mmio_write32(gicd + GICD_ICPENDR, 0xffff0000u);
	for (unsigned i = 0; i < 32; i += 4) {
		mmio_write32(gicd + GICD_IPRIORITYR + i, PRIORITY * 0x01010101u);
	}
	mmio_write32(gicd + GICD_ISENABLER, enabled);
	mmio_write32(gich + GICH_HCR, 0);
	mmio_write32(gicc + GICC_PMR, 0xff);
	mmio_write32(gicc + GICC_BPR, 0);
	mmio_write32(gicc + GICC_CTLR, (uint32_t)(GICC_CTLR_ENABLE | GICC_CTLR_EOIMODE));
	return true;
}

static void enable_spi(unsigned intid)
{
	mmio_write8(gicd + GICD_IPRIORITYR + intid, PRIORITY);
	mmio_write8(gicd + GICD_ITARGETSR + intid, interface_mask[0]);
	mmio_write32(gicd + GICD_ISENABLER + intid / 32 * 4, (uint32_t)BIT(intid % 32));
}

static void disable_spi(unsigned intid)
{
	mmio_write32(gicd + GICD_ICENABLER + intid / 32 * 4, (uint32_t)BIT(intid % 32));
}

/*
 * QEMU's model (10.0): when a guest ends an interrupt that is tied to a physical one, the physical one is
 * deactivated but not looked at again, so a level that is still high is not signalled until something else
 * happens in the GIC.
 */
static bool loses_levels(void)
{
	return mmio_read32(gicd + GICD_IIDR) == GICD_IIDR_QEMU;
}

static uint32_t acknowledge(void)
{
	return mmio_read32(gicc + GICC_IAR);
}

static void drop_priority(uint32_t iar)
{
	mmio_write32(gicc + GICC_EOIR, iar);
}

static void deactivate(uint32_t iar)
{
	mmio_write32(gicc + GICC_DIR, iar);
}

static void send_kick(unsigned cpu)
{
	/* What the kick is about is in memory before the other CPU takes it. */
	dsb(ishst);
	mmio_write32(gicd + GICD_SGIR, ((uint32_t)interface_mask[cpu] << 16) | GIC_KICK_SGI);
}

static void set_active(unsigned intid, bool is_active)
{
	const uintptr_t base = gicd + (is_active ? GICD_ISACTIVER : GICD_ICACTIVER);
	mmio_write32(base + intid / 32 * 4, (uint32_t)BIT(intid % 32));
}

static unsigned lr_count(void)
{
	return (mmio_read32(gich + GICH_VTR) & 0x3f) + 1;
}

static uint64_t read_lr(unsigned lr)
{
	const uint32_t hw = mmio_read32(gich + GICH_LR + lr * 4);
	uint64_t value = hw & VGIC_LR_VINTID;
	value |= (uint64_t)(hw >> GICH_LR_STATE_SHIFT & 3) << 62;
	value |= (uint64_t)(hw >> GICH_LR_PRIORITY_SHIFT & 0x1f) << 51;
	if (hw & GICH_LR_GROUP1) {
		value |= VGIC_LR_GROUP1;
	}
	if (hw & GICH_LR_HW) {
		value |=
			VGIC_LR_HW | FIELD_PREP(VGIC_LR_PINTID, hw >> GICH_LR_PINTID_SHIFT & 0x3ff);
	} else {
		value |= hw & VGIC_LR_SOURCE;
		value |= hw & GICH_LR_EOI ? VGIC_LR_EOI : 0;
	}
	return value;
}

static void write_lr(unsigned lr, uint64_t value)
{
	uint32_t hw = (uint32_t)(value & VGIC_LR_VINTID);
	hw |= (uint32_t)(value >> 62) << GICH_LR_STATE_SHIFT;
	hw |= (uint32_t)(value >> 51 & 0x1f) << GICH_LR_PRIORITY_SHIFT;
	if (value & VGIC_LR_GROUP1) {
		hw |= (uint32_t)GICH_LR_GROUP1;
	}
	if (value & VGIC_LR_HW) {
		hw |= (uint32_t)GICH_LR_HW;
		hw |= (uint32_t)FIELD_GET(VGIC_LR_PINTID, value) << GICH_LR_PINTID_SHIFT;
	} else {
		hw |= (uint32_t)(value & VGIC_LR_SOURCE);
		hw |= value & VGIC_LR_EOI ? (uint32_t)GICH_LR_EOI : 0;
	}
	mmio_write32(gich + GICH_LR + lr * 4, hw);
}

static uint64_t empty_lrs(void)
{
	/* ELRSR1 would follow for more than 32; no GICv2 has more than 16 that matter to VGIC_LR_MAX. */
	return mmio_read32(gich + GICH_ELRSR0);
}

static uint64_t read_hcr(void)
{
	return mmio_read32(gich + GICH_HCR);
}

static void write_hcr(uint64_t value)
{
	mmio_write32(gich + GICH_HCR, (uint32_t)value);
}

static void save(struct vgic_hw_state *state)
{
	state->vmcr = mmio_read32(gich + GICH_VMCR);
	state->apr[0][0] = mmio_read32(gich + GICH_APR);
	mmio_write32(gich + GICH_HCR, 0);
}

static void restore(const struct vgic_hw_state *state)
{
	mmio_write32(gich + GICH_VMCR, (uint32_t)state->vmcr);
	mmio_write32(gich + GICH_APR, (uint32_t)state->apr[0][0]);
	mmio_write32(gich + GICH_HCR, (uint32_t)state->hcr);
}

static void reset_state(struct vgic_hw_state *state)
{
	*state = (struct vgic_hw_state){.hcr = VGIC_HCR_EN};
}

const struct gic_ops gicv2_ops = {
	.init_dist = init_dist,
	.init_cpu = init_cpu,
	.enable_spi = enable_spi,
	.disable_spi = disable_spi,
	.loses_levels = loses_levels,
	.acknowledge = acknowledge,
	.drop_priority = drop_priority,
	.deactivate = deactivate,
	.send_kick = send_kick,
	.set_active = set_active,
	.lr_count = lr_count,
	.read_lr = read_lr,
	.write_lr = write_lr,
	.empty_lrs = empty_lrs,
	.read_hcr = read_hcr,
	.write_hcr = write_hcr,
	.save = save,
	.restore = restore,
	.reset_state = reset_state,
};
