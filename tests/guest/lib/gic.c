/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distributor, redistributors and the two kinds of CPU interface. On a GICv3 the private interrupts' registers stand
 * in the second frame of the redistributor, at the offsets that they have in a GICv2's distributor.
 */
#include "guest/lib/gic.h"

#include "guest/lib/cpu.h"
#include "guest/lib/dt.h"
#include "guest/lib/report.h"

#define PRIVATE_COUNT 32u
#define REDIST_STRIDE 0x20000u
#define REDIST_LAST 0x10u
#define CTLR_RWP UINT32_C(0x80000000)
#define WAKER_SLEEP 2u
#define WAKER_ASLEEP 4u
#define ICC_CTLR_EOIMODE 2u
#define GICC_CTLR_EOIMODE UINT32_C(0x200)
#define DEFAULT_PRIORITY 0xa0a0a0a0u

static unsigned version;
static uint64_t dist_base, iface_base; /* iface: GICC, or the first redistributor */
static uint64_t redist_base[GUEST_CPU_MAX];

static volatile uint32_t *word_at(uint64_t address)
{
	return (volatile uint32_t *)address;
}

static void find_redistributors(void)
{
	uint64_t base = iface_base;
	uint64_t type;
	do {
		type = *(volatile uint64_t *)(base + GICR_TYPER);
		const uint64_t cpu = type >> 32 & 0xff;
		if (cpu < GUEST_CPU_MAX) {
			redist_base[cpu] = base;
		}
		base += REDIST_STRIDE;
	} while ((type & REDIST_LAST) == 0);
}

void gic_find(void)
{
	int node = dt_find_compatible(-1, "arm,gic-v3");
	version = 3;
	if (node < 0) {
		node = dt_find_compatible(-1, "arm,cortex-a15-gic");
		version = 2;
	}
	if (node < 0) {
		report_abort("the device tree names no interrupt controller");
	}
	dist_base = dt_cell64(node, "reg", 0);
	iface_base = dt_cell64(node, "reg", 4);
	if (version == 3) {
		find_redistributors();
	}
}

unsigned gic_version(void)
{
	return version;
}

uint64_t gic_dist_base(void)
{
	return dist_base;
}

uint32_t gicd_read(uint32_t offset)
{
	return *word_at(dist_base + offset);
}

void gicd_write(uint32_t offset, uint32_t value)
{
	*word_at(dist_base + offset) = value;
	dsb();
}

uint8_t gicd_read8(uint32_t offset)
{
	return *(volatile uint8_t *)(dist_base + offset);
}

void gicd_write8(uint32_t offset, uint8_t value)
{
	*(volatile uint8_t *)(dist_base + offset) = value;
	dsb();
}

uint32_t gicc_read(uint32_t offset)
{
	return *word_at(iface_base + offset);
}

void gicc_write(uint32_t offset, uint32_t value)
{
	*word_at(iface_base + offset) = value;
	dsb();
}

uint64_t gicr_base(unsigned cpu)
{
	return redist_base[cpu];
}

uint32_t gicr_read(uint32_t offset)
{
	return *word_at(redist_base[cpu_index()] + offset);
}

void gicr_write(uint32_t offset, uint32_t value)
{
	*word_at(redist_base[cpu_index()] + offset) = value;
	dsb();
}

volatile uint32_t *gic_word(enum gicd_register array, unsigned intid, unsigned bits_each)
{
	const bool is_redist = version == 3 && intid < PRIVATE_COUNT;
	const uint64_t base = is_redist ? redist_base[cpu_index()] + GICR_SGI_BASE : dist_base;
	return word_at(base + array + (uint64_t)(intid * bits_each / 32) * 4);
}

/* RWP: a change of enables or of CTLR has reached the CPU interfaces (IHI 0069 s12.9.4, s12.11.4 UWP aside). */
static void wait_written(void)
{
	if (version != 3) {
		return;
	}
	dsb();
	wait_for((gicd_read(GICD_CTLR) & CTLR_RWP) == 0, 1000);
	wait_for((gicr_read(GICR_CTLR) & 8) == 0, 1000);
}

static bool read_bit(enum gicd_register array, unsigned intid)
{
	return (*gic_word(array, intid, 1) >> (intid % 32) & 1) != 0;
}

static void write_bit(enum gicd_register array, unsigned intid)
{
	*gic_word(array, intid, 1) = UINT32_C(1) << (intid % 32);
	dsb();
}

void gic_set_enabled(unsigned intid, bool is_enabled)
{
	write_bit(is_enabled ? GICD_ISENABLER : GICD_ICENABLER, intid);
	wait_written();
}

bool gic_is_enabled(unsigned intid)
{
	return read_bit(GICD_ISENABLER, intid);
}

void gic_set_pending(unsigned intid, bool is_pending)
{
	if (version == 2 && intid < 16) {
		gicd_write8((is_pending ? GICD_SPENDSGIR : GICD_CPENDSGIR) + intid,
			    (uint8_t)(1u << cpu_index()));
		return;
	}
	write_bit(is_pending ? GICD_ISPENDR : GICD_ICPENDR, intid);
}

bool gic_is_pending(unsigned intid)
{
	return read_bit(GICD_ISPENDR, intid);
}

void gic_set_active(unsigned intid, bool is_active)
{
	write_bit(is_active ? GICD_ISACTIVER : GICD_ICACTIVER, intid);
}

bool gic_is_active(unsigned intid)
{
	return read_bit(GICD_ISACTIVER, intid);
}

void gic_set_priority(unsigned intid, uint8_t priority)
{
	*((volatile uint8_t *)gic_word(GICD_IPRIORITYR, intid, 8) + intid % 4) = priority;
	dsb();
}

uint8_t gic_get_priority(unsigned intid)
{
	return *((volatile uint8_t *)gic_word(GICD_IPRIORITYR, intid, 8) + intid % 4);
}

void gic_set_edge(unsigned intid, bool is_edge)
{
	volatile uint32_t *const word = gic_word(GICD_ICFGR, intid, 2);
	const uint32_t bit = UINT32_C(2) << (intid % 16 * 2);
	*word = is_edge ? *word | bit : *word & ~bit;
	dsb();
}

void gic_set_target(unsigned intid, unsigned cpu)
{
	if (version == 2) {
		gicd_write8(GICD_ITARGETSR + intid, (uint8_t)(1u << cpu));
		return;
	}
	*(volatile uint64_t *)(dist_base + GICD_IROUTER + (uint64_t)intid * 8) = cpu;
	dsb();
}

void gic_send_sgi(unsigned sgi, unsigned cpu_mask)
{
	dsb(); /* what the sender wrote before is seen by whoever takes the interrupt */
	if (version == 2) {
		gicd_write(GICD_SGIR, cpu_mask << 16 | sgi);
		return;
	}
	write_sysreg(ICC_SGI1R_EL1, (uint64_t)sgi << 24 | cpu_mask);
	isb();
}

void gic_send_sgi_others(unsigned sgi)
{
	dsb();
	if (version == 2) {
		gicd_write(GICD_SGIR, UINT32_C(1) << 24 | sgi);
		return;
	}
	write_sysreg(ICC_SGI1R_EL1, UINT64_C(1) << 40 | (uint64_t)sgi << 24);
	isb();
}

uint32_t gic_acknowledge(void)
{
	if (version == 2) {
		return gicc_read(GICC_IAR);
	}
	const uint32_t iar = (uint32_t)read_sysreg(ICC_IAR1_EL1);
	dsb(); /* the acknowledge is complete before the device is touched */
	return iar;
}

void gic_end(uint32_t iar)
{
	dsb(); /* the device's write that lowers a level reaches the GIC first */
	if (version == 2) {
		gicc_write(GICC_EOIR, iar);
		return;
	}
	write_sysreg(ICC_EOIR1_EL1, iar);
	isb();
}

void gic_deactivate(uint32_t iar)
{
	if (version == 2) {
		gicc_write(GICC_DIR, iar);
		return;
	}
	write_sysreg(ICC_DIR_EL1, iar);
	isb();
}

unsigned gic_intid(uint32_t iar)
{
	return version == 2 ? iar & 0x3ff : iar & 0xffffff;
}

unsigned gic_source(uint32_t iar)
{
	return iar >> 10 & 7;
}

void gic_set_mask(uint8_t priority_mask)
{
	if (version == 2) {
		gicc_write(GICC_PMR, priority_mask);
		return;
	}
	write_sysreg(ICC_PMR_EL1, priority_mask);
	isb();
	dsb();
}

void gic_set_binary_point(unsigned binary_point)
{
	if (version == 2) {
		gicc_write(GICC_BPR, binary_point);
		return;
	}
	write_sysreg(ICC_BPR1_EL1, binary_point);
	isb();
}

unsigned gic_running_priority(void)
{
	return version == 2 ? gicc_read(GICC_RPR) & 0xff
			    : (unsigned)read_sysreg(ICC_RPR_EL1) & 0xff;
}

unsigned gic_highest_pending(void)
{
	isb();
	return version == 2 ? gicc_read(GICC_HPPIR) & 0x3ff
			    : (unsigned)read_sysreg(ICC_HPPIR1_EL1) & 0xffffff;
}

void gic_set_split_end(bool is_split)
{
	if (version == 2) {
		const uint32_t ctlr = gicc_read(GICC_CTLR) & ~GICC_CTLR_EOIMODE;
		gicc_write(GICC_CTLR, is_split ? ctlr | GICC_CTLR_EOIMODE : ctlr);
		return;
	}
	const uint64_t ctlr = read_sysreg(ICC_CTLR_EL1) & ~(uint64_t)ICC_CTLR_EOIMODE;
	write_sysreg(ICC_CTLR_EL1, is_split ? ctlr | ICC_CTLR_EOIMODE : ctlr);
	isb();
}

void gic_set_interface_enabled(bool is_enabled)
{
	if (version == 2) {
		const uint32_t ctlr = gicc_read(GICC_CTLR) & ~1u;
		gicc_write(GICC_CTLR, ctlr | (is_enabled ? 1u : 0u));
		return;
	}
	write_sysreg(ICC_IGRPEN1_EL1, is_enabled ? 1 : 0);
	isb();
}

/* One 32-interrupt word of everything: disabled, idle, default priority; all but the private ones edge and to us. */
static void quiet_word(unsigned first)
{
	*gic_word(GICD_ICENABLER, first, 1) = ~0u;
	*gic_word(GICD_ICPENDR, first, 1) = ~0u;
	*gic_word(GICD_ICACTIVER, first, 1) = ~0u;
	*gic_word(GICD_IGROUPR, first, 1) = version == 3 ? ~0u : 0;
	for (unsigned intid = first; intid < first + 32; intid += 4) {
		*gic_word(GICD_IPRIORITYR, intid, 8) = DEFAULT_PRIORITY;
	}
}

void gic_init(void)
{
	gicd_write(GICD_CTLR, 0);
	wait_written();
	const unsigned count = ((gicd_read(GICD_TYPER) & 0x1f) + 1) * 32;
	for (unsigned first = PRIVATE_COUNT; first < count; first += 32) {
		quiet_word(first);
		for (unsigned intid = first; intid < first + 32; intid++) {
			gic_set_target(intid, 0);
		}
	}
	/* GICv3: affinity routing before the group, whichever order a reader of both bits expects. */
	if (version == 3) {
		gicd_write(GICD_CTLR, 0x10);
		wait_written();
	}
	gicd_write(GICD_CTLR, version == 3 ? 0x12 : 1);
	wait_written();
	gic_init_cpu();
}

void gic_init_cpu(void)
{
	if (version == 2) {
		quiet_word(0);
		for (unsigned sgi = 0; sgi < 16; sgi++) {
			gicd_write8(GICD_CPENDSGIR + sgi, 0xff);
		}
		gicc_write(GICC_PMR, 0xf0);
		gicc_write(GICC_BPR, 0);
		gicc_write(GICC_CTLR, 1);
		return;
	}
	gicr_write(GICR_WAKER, gicr_read(GICR_WAKER) & ~WAKER_SLEEP);
	if (!wait_for((gicr_read(GICR_WAKER) & WAKER_ASLEEP) == 0, 1000)) {
		report_abort("redistributor of cpu %u does not wake", cpu_index());
	}
	quiet_word(0);
	wait_written();
	write_sysreg(ICC_SRE_EL1, read_sysreg(ICC_SRE_EL1) | 1);
	isb();
	write_sysreg(ICC_PMR_EL1, 0xf0);
	write_sysreg(ICC_BPR1_EL1, 0);
	write_sysreg(ICC_CTLR_EL1, 0);
	write_sysreg(ICC_IGRPEN1_EL1, 1);
	isb();
}
