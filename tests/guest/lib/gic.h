/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Driver of the interrupt controller that the device tree names: GICv2 (IHI 0048) or GICv3 with affinity routing
 * (IHI 0069). A guest sees one security state, so it uses what Linux uses: group 0 on a GICv2, group 1 on a GICv3.
 *
 * Private interrupts (INTID below 32) are those of the calling CPU.
 */
#include <stdbool.h>
#include <stdint.h>

#define GIC_INTID_SPURIOUS 1023u
#define GIC_INTID_SPECIAL 1020u
/* SPIs that have no device on the machine: free for tests that make them pending by hand. */
#define GIC_FREE_SPI 80u
#define GIC_FREE_SPI_COUNT 32u

/* By encoding, because assemblers want a newer architecture for the names. */
#define ICC_PMR_EL1 S3_0_C4_C6_0
#define ICC_DIR_EL1 S3_0_C12_C11_1
#define ICC_RPR_EL1 S3_0_C12_C11_3
#define ICC_SGI1R_EL1 S3_0_C12_C11_5
#define ICC_IAR1_EL1 S3_0_C12_C12_0
#define ICC_EOIR1_EL1 S3_0_C12_C12_1
#define ICC_HPPIR1_EL1 S3_0_C12_C12_2
#define ICC_BPR1_EL1 S3_0_C12_C12_3
#define ICC_CTLR_EL1 S3_0_C12_C12_4
#define ICC_SRE_EL1 S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7

enum gicd_register {
	GICD_CTLR = 0x000,
	GICD_TYPER = 0x004,
	GICD_IIDR = 0x008,
	GICD_IGROUPR = 0x080,
	GICD_ISENABLER = 0x100,
	GICD_ICENABLER = 0x180,
	GICD_ISPENDR = 0x200,
	GICD_ICPENDR = 0x280,
	GICD_ISACTIVER = 0x300,
	GICD_ICACTIVER = 0x380,
	GICD_IPRIORITYR = 0x400,
	GICD_ITARGETSR = 0x800,
	GICD_ICFGR = 0xc00,
	GICD_SGIR = 0xf00,
	GICD_CPENDSGIR = 0xf10,
	GICD_SPENDSGIR = 0xf20,
	GICD_IROUTER = 0x6000,
	GICD_V2_PIDR2 = 0xfe8,
	GICD_V3_PIDR2 = 0xffe8,
};

enum gicr_register {
	GICR_CTLR = 0x00000,
	GICR_TYPER = 0x00008,
	GICR_WAKER = 0x00014,
	GICR_PIDR2 = 0x0ffe8,
	GICR_SGI_BASE =
		0x10000, /* the second frame: GICD_IGROUPR .. GICD_ICFGR of private interrupts */
};

enum gicc_register {
	GICC_CTLR = 0x00,
	GICC_PMR = 0x04,
	GICC_BPR = 0x08,
	GICC_IAR = 0x0c,
	GICC_EOIR = 0x10,
	GICC_RPR = 0x14,
	GICC_HPPIR = 0x18,
	GICC_APR = 0xd0,
	GICC_NSAPR = 0xe0,
	GICC_IIDR = 0xfc,
	GICC_DIR = 0x1000,
};

/* Reads the device tree. No register is written. */
void gic_find(void);
unsigned gic_version(void);
uint64_t gic_dist_base(void);
/* The distributor on, every interrupt disabled, idle, priority 0xa0; then this CPU by gic_init_cpu(). */
void gic_init(void);
void gic_init_cpu(void);

uint32_t gicd_read(uint32_t offset);
void gicd_write(uint32_t offset, uint32_t value);
uint8_t gicd_read8(uint32_t offset);
void gicd_write8(uint32_t offset, uint8_t value);
/* GICv2 only */
uint32_t gicc_read(uint32_t offset);
void gicc_write(uint32_t offset, uint32_t value);
/* GICv3 only: this CPU's redistributor, and the one with that index */
uint64_t gicr_base(unsigned cpu);
uint32_t gicr_read(uint32_t offset);
void gicr_write(uint32_t offset, uint32_t value);
/* The word of a register array that holds an interrupt's field, wherever it is (distributor or redistributor). */
volatile uint32_t *gic_word(enum gicd_register array, unsigned intid, unsigned bits_each);

void gic_set_enabled(unsigned intid, bool is_enabled);
bool gic_is_enabled(unsigned intid);
/* SGIs of a GICv2 become pending as from this CPU. */
void gic_set_pending(unsigned intid, bool is_pending);
bool gic_is_pending(unsigned intid);
void gic_set_active(unsigned intid, bool is_active);
bool gic_is_active(unsigned intid);
void gic_set_priority(unsigned intid, uint8_t priority);
uint8_t gic_get_priority(unsigned intid);
void gic_set_edge(unsigned intid, bool is_edge);
/* Routes an SPI to one CPU. */
void gic_set_target(unsigned intid, unsigned cpu);

/* To the CPUs of a mask; to all but this one. */
void gic_send_sgi(unsigned sgi, unsigned cpu_mask);
void gic_send_sgi_others(unsigned sgi);

/* The interface of this CPU. gic_acknowledge returns what IAR held. */
uint32_t gic_acknowledge(void);
void gic_end(uint32_t iar);
void gic_deactivate(uint32_t iar);
unsigned gic_intid(uint32_t iar);
unsigned gic_source(uint32_t iar); /* GICv2: the CPU that sent an SGI */
void gic_set_mask(uint8_t priority_mask);
void gic_set_binary_point(unsigned binary_point);
unsigned gic_running_priority(void);
unsigned gic_highest_pending(void);
/* True: the end of an interrupt drops its priority only, gic_deactivate does the rest. */
void gic_set_split_end(bool is_split);
void gic_set_interface_enabled(bool is_enabled);
