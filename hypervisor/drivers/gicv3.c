/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv3 and later with system registers (IHI 0069H): distributor GICD, redistributors GICR, CPU interface ICC_*,
 * hypervisor control ICH_*. Interrupts are Non-secure group 1, affinity routing is on, EOImode is 1.
 */
#include "arch/sysreg.h"
#include "core/hal.h"
#include "drivers/gic.h"
#include "lib/bits.h"

#define GICD_CTLR 0x0000
#define GICD_CTLR_GRP1 (BIT(0) | BIT(1))
#define GICD_CTLR_ARE BIT(4)
#define GICD_CTLR_RWP BIT(31)
#define GICD_TYPER 0x0004
#define GICD_IGROUPR 0x0080
#define GICD_ISENABLER 0x0100
#define GICD_ICENABLER 0x0180
#define GICD_ICPENDR 0x0280
#define GICD_ISACTIVER 0x0300
#define GICD_ICACTIVER 0x0380
#define GICD_IPRIORITYR 0x0400
#define GICD_IROUTER 0x6000

#define GICR_CTLR 0x0000
#define GICR_CTLR_RWP BIT(3)
#define GICR_TYPER 0x0008
#define GICR_TYPER_VLPIS BIT(1)
#define GICR_TYPER_LAST BIT(4)
#define GICR_WAKER 0x0014
#define GICR_WAKER_SLEEP BIT(1)
#define GICR_WAKER_ASLEEP BIT(2)
#define GICR_SGI 0x10000 /* the SGI and PPI frame behind the control frame */

#define PRIORITY 0x80u
#define WAIT_LIMIT 1000000u

static uintptr_t gicd;
static uintptr_t redist[AETHER_PCPU_MAX];
static uint64_t sgi_target[AETHER_PCPU_MAX]; /* ICC_SGI1R_EL1 that reaches each CPU */
static uint64_t boot_affinity;
static uint64_t hcr_always; /* ICH_HCR_EL2.TDIR where there is one */
static unsigned priority_registers; /* of ICH_AP0R, ICH_AP1R */

static void wait_clear(uintptr_t address, uint64_t bit)
{
	for (unsigned i = 0; i < WAIT_LIMIT && (mmio_read32(address) & bit) != 0; i++) {
	}
}

static void init_dist(const struct gic_config *config)
{
	gicd = config->dist;
	mmio_write32(gicd + GICD_CTLR, 0);
	wait_clear(gicd + GICD_CTLR, GICD_CTLR_RWP);
	const unsigned count = 32 * ((mmio_read32(gicd + GICD_TYPER) & 0x1f) + 1);
	for (unsigned i = 32; i < count; i += 32) {
		mmio_write32(gicd + GICD_ICENABLER + i / 8, UINT32_MAX);
		mmio_write32(gicd + GICD_ICPENDR + i / 8, UINT32_MAX);
		mmio_write32(gicd + GICD_ICACTIVER + i / 8, UINT32_MAX);
		mmio_write32(gicd + GICD_IGROUPR + i / 8, UINT32_MAX);
	}
	wait_clear(gicd + GICD_CTLR, GICD_CTLR_RWP);
	mmio_write32(gicd + GICD_CTLR, (uint32_t)(GICD_CTLR_ARE | GICD_CTLR_GRP1));
	wait_clear(gicd + GICD_CTLR, GICD_CTLR_RWP);
}

/* The redistributor frame whose GICR_TYPER names this CPU's affinity, 0 if there is none. */
static uintptr_t find_redist(const struct gic_config *config, uint64_t mpidr)
{
	const uint64_t affinity = (mpidr & 0xffffff) | (mpidr >> 8 & 0xff000000);
	uint64_t offset = 0;
	while (offset + 2 * 0x10000 <= config->redist_bytes) {
		const uintptr_t frame = config->redist + offset;
		const uint64_t type = mmio_read64(frame + GICR_TYPER);
		if (type >> 32 == affinity) {
			return frame;
		}
		if (type & GICR_TYPER_LAST) {
			break;
		}
		offset += type & GICR_TYPER_VLPIS ? 0x40000 : 0x20000;
	}
	return 0;
}

static void init_cpu_interface(void)
{
	/* System registers on, the guests' access to ICC_SRE_EL1 trapped (Enable stays 0). */
	write_sysreg_x(ICC_SRE_EL2, 7);
	isb();
	write_sysreg_x(ICC_SRE_EL1, 7);
	isb();
	write_sysreg_x(ICC_PMR_EL1, 0xff);
	write_sysreg_x(ICC_BPR1_EL1, 0);
	write_sysreg_x(ICC_CTLR_EL1, BIT(1)); /* EOImode */
	write_sysreg_x(ICC_IGRPEN1_EL1, 1);
	write_sysreg_x(ICH_HCR_EL2, 0);
	write_sysreg_x(ICH_VMCR_EL2, 0);
	isb();
}

static bool init_cpu(const struct gic_config *config, unsigned cpu)
{
	const uint64_t mpidr = read_sysreg(mpidr_el1);
	const uintptr_t frame = find_redist(config, mpidr);
	const uint32_t enabled =
		(uint32_t)(BIT(GIC_KICK_SGI) | BIT(config->maintenance) | BIT(config->hyp_timer) |
			   BIT(config->virtual_timer) | BIT(config->physical_timer));
	if (frame == 0) {
		return false;
	}
	redist[cpu] = frame;
	if (cpu == 0) {
		boot_affinity = mpidr & UINT64_C(0xff00ffffff);
	}
	sgi_target[cpu] = FIELD_PREP(BITS(55, 48), mpidr >> 32) |
			  FIELD_PREP(BITS(39, 32), mpidr >> 16) |
			  FIELD_PREP(BITS(23, 16), mpidr >> 8) |
			  FIELD_PREP(BITS(47, 44), (mpidr & 0xff) >> 4) | BIT(mpidr & 0xf) |
			  (GIC_KICK_SGI << 24);
	mmio_write32(frame + GICR_WAKER,
		     mmio_read32(frame + GICR_WAKER) & ~(uint32_t)GICR_WAKER_SLEEP);
	wait_clear(frame + GICR_WAKER, GICR_WAKER_ASLEEP);
	const uintptr_t sgi = frame + GICR_SGI;
	mmio_write32(sgi + GICD_ICENABLER, UINT32_MAX);
	mmio_write32(sgi + GICD_ICACTIVER, UINT32_MAX);
	mmio_write32(sgi + GICD_ICPENDR, UINT32_MAX);
	mmio_write32(sgi + GICD_IGROUPR, UINT32_MAX);
	for (unsigned i = 0; i < 32; i += 4) {
		mmio_write32(sgi + GICD_IPRIORITYR + i, PRIORITY * 0x01010101u);
	}
	mmio_write32(sgi + GICD_ISENABLER, enabled);
	wait_clear(frame + GICR_CTLR, GICR_CTLR_RWP);
	init_cpu_interface();
	/* ICH_VTR_EL2.PREbits: 5 bits of priority need one active-priority register a group, 6 two, 7 four. */
	const uint64_t bits = FIELD_GET(BITS(28, 26), read_sysreg_x(ICH_VTR_EL2)) + 1;
	hcr_always = read_sysreg_x(ICH_VTR_EL2) & BIT(19) ? BIT(14) : 0; /* TDS: TDIR is implemented */
	priority_registers = bits <= 5 ? 1 : bits == 6 ? 2 : 4;
	return true;
}

static void enable_spi(unsigned intid)
{
	mmio_write8(gicd + GICD_IPRIORITYR + intid, PRIORITY);
	mmio_write64(gicd + GICD_IROUTER + intid * 8, boot_affinity);
	mmio_write32(gicd + GICD_ISENABLER + intid / 32 * 4, (uint32_t)BIT(intid % 32));
}

static void disable_spi(unsigned intid)
{
	mmio_write32(gicd + GICD_ICENABLER + intid / 32 * 4, (uint32_t)BIT(intid % 32));
}

static bool loses_levels(void)
{
	return false;
}

static uint32_t acknowledge(void)
{
	const uint64_t iar = read_sysreg_x(ICC_IAR1_EL1);
	dsb(sy); /* the acknowledgement has reached the redistributor before the handler acts on it */
	return (uint32_t)iar;
}

static void drop_priority(uint32_t iar)
{
	write_sysreg_x(ICC_EOIR1_EL1, iar);
	isb();
}

static void deactivate(uint32_t iar)
{
	write_sysreg_x(ICC_DIR_EL1, iar);
	isb();
}

static void send_kick(unsigned cpu)
{
	/* What the kick is about is in memory before the other CPU takes it. */
	dsb(ishst);
	write_sysreg_x(ICC_SGI1R_EL1, sgi_target[cpu]);
	isb();
}

/* PPIs only: what the core does with SPIs needs no such thing. */
static void set_active(unsigned intid, bool is_active)
{
	const uintptr_t frame = redist[hal_cpu_index()];
	mmio_write32(frame + GICR_SGI + (is_active ? GICD_ISACTIVER : GICD_ICACTIVER),
		     (uint32_t)BIT(intid % 32));
}

static unsigned lr_count(void)
{
	return (unsigned)(read_sysreg_x(ICH_VTR_EL2) & 0x1f) + 1;
}

#define EACH_LR(DO)                                                                                \
	DO(0, S3_4_C12_C12_0)                                                                      \
	DO(1, S3_4_C12_C12_1)                                                                      \
	DO(2, S3_4_C12_C12_2)                                                                      \
	DO(3, S3_4_C12_C12_3)                                                                      \
	DO(4, S3_4_C12_C12_4)                                                                      \
	DO(5, S3_4_C12_C12_5)                                                                      \
	DO(6, S3_4_C12_C12_6)                                                                      \
	DO(7, S3_4_C12_C12_7)                                                                      \
	DO(8, S3_4_C12_C13_0)                                                                      \
	DO(9, S3_4_C12_C13_1)                                                                      \
	DO(10, S3_4_C12_C13_2)                                                                     \
	DO(11, S3_4_C12_C13_3)                                                                     \
	DO(12, S3_4_C12_C13_4)                                                                     \
	DO(13, S3_4_C12_C13_5)                                                                     \
	DO(14, S3_4_C12_C13_6)                                                                     \
	DO(15, S3_4_C12_C13_7)

static uint64_t read_lr(unsigned lr)
{
	switch (lr) {
#define READ(n, register)                                                                          \
	case n:                                                                                    \
		return read_sysreg(register);
		EACH_LR(READ)
#undef READ
	default:
		return 0;
	}
}

static void write_lr(unsigned lr, uint64_t value)
{
	switch (lr) {
#define WRITE(n, register)                                                                         \
	case n:                                                                                    \
		write_sysreg(register, value);                                                     \
		break;
		EACH_LR(WRITE)
#undef WRITE
	default:
		break;
	}
}

static uint64_t empty_lrs(void)
{
	return read_sysreg_x(ICH_ELRSR_EL2);
}

static uint64_t read_hcr(void)
{
	return read_sysreg_x(ICH_HCR_EL2);
}

static void write_hcr(uint64_t value)
{
	write_sysreg_x(ICH_HCR_EL2, value | hcr_always);
}

static void save(struct vgic_hw_state *state)
{
	state->vmcr = read_sysreg_x(ICH_VMCR_EL2);
	state->apr[0][0] = read_sysreg(S3_4_C12_C8_0);
	state->apr[1][0] = read_sysreg(S3_4_C12_C9_0);
	if (priority_registers > 1) {
		state->apr[0][1] = read_sysreg(S3_4_C12_C8_1);
		state->apr[1][1] = read_sysreg(S3_4_C12_C9_1);
	}
	if (priority_registers > 2) {
		state->apr[0][2] = read_sysreg(S3_4_C12_C8_2);
		state->apr[1][2] = read_sysreg(S3_4_C12_C9_2);
		state->apr[0][3] = read_sysreg(S3_4_C12_C8_3);
		state->apr[1][3] = read_sysreg(S3_4_C12_C9_3);
	}
	write_sysreg_x(ICH_HCR_EL2, 0);
}

static void restore(const struct vgic_hw_state *state)
{
	write_sysreg_x(ICH_VMCR_EL2, state->vmcr);
	write_sysreg(S3_4_C12_C8_0, state->apr[0][0]);
	write_sysreg(S3_4_C12_C9_0, state->apr[1][0]);
	if (priority_registers > 1) {
		write_sysreg(S3_4_C12_C8_1, state->apr[0][1]);
		write_sysreg(S3_4_C12_C9_1, state->apr[1][1]);
	}
	if (priority_registers > 2) {
		write_sysreg(S3_4_C12_C8_2, state->apr[0][2]);
		write_sysreg(S3_4_C12_C9_2, state->apr[1][2]);
		write_sysreg(S3_4_C12_C8_3, state->apr[0][3]);
		write_sysreg(S3_4_C12_C9_3, state->apr[1][3]);
	}
	write_sysreg_x(ICH_HCR_EL2, state->hcr | hcr_always);
	isb();
}

static void reset_state(struct vgic_hw_state *state)
{
	/* ICH_VMCR_EL2.VFIQEn is RES1 with system registers; binary points at their minimum. */
	*state = (struct vgic_hw_state){.hcr = VGIC_HCR_EN, .vmcr = BIT(3), .sre = 7};
}

const struct gic_ops gicv3_ops = {
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
