/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One VM's virtual GIC on the fake machine, vCPU n on CPU n, for test_vgic.c and test_vgic_registers.c. */
#include <stdbool.h>
#include <stdint.h>

#include "core/vgic.h"
#include "hal_fake.h"
#include "lib/bits.h"

enum {
	GICD_CTLR = 0x000, GICD_TYPER = 0x004, GICD_IIDR = 0x008, GICD_IGROUPR = 0x080,
	GICD_ISENABLER = 0x100, GICD_ICENABLER = 0x180, GICD_ISPENDR = 0x200, GICD_ICPENDR = 0x280,
	GICD_ISACTIVER = 0x300, GICD_ICACTIVER = 0x380, GICD_IPRIORITYR = 0x400,
	GICD_ITARGETSR = 0x800, GICD_ICFGR = 0xc00, GICD_NSACR = 0xe00, GICD_SGIR = 0xf00,
	GICD_CPENDSGIR = 0xf10, GICD_SPENDSGIR = 0xf20, GICD_ICPIDR2 = 0xfe8,
	GICD_IROUTER = 0x6000, GICD_PIDR2 = 0xffe8,
	SGIR_TO_LIST = 0, SGIR_TO_OTHERS = 1u << 24, SGIR_TO_SELF = 2u << 24,
	LR_STATE_SHIFT = 62,
};

extern struct vgic machine;
extern bool was_kicked[AETHER_VCPU_MAX];

/* Every vCPU loaded, its CPU interface open, the distributor on. */
void machine_start(unsigned version, unsigned vcpu_count, unsigned lr_count);
/* The same, but nothing is set up but vCPU 0, which is loaded. */
void machine_start_cold(unsigned version, unsigned vcpu_count, unsigned lr_count);

/* An access of vCPU v, which must succeed; its core flushes behind it. */
uint64_t dist_read(unsigned v, uint64_t offset, unsigned bytes);
void dist_write(unsigned v, uint64_t offset, unsigned bytes, uint64_t value);
/* The same to the SGI frame of vCPU `whose` (GICv3), or to the banked registers of v itself. */
uint64_t private_read(unsigned v, unsigned whose, uint64_t offset, unsigned bytes);
void private_write(unsigned v, unsigned whose, uint64_t offset, unsigned bytes, uint64_t value);
/* Interrupt `intid` of vCPU v, enabled with that priority; an SPI goes to v. */
void open_irq(unsigned v, unsigned intid, unsigned priority);

/* vCPU v's CPU goes on: it takes what is asked of it. */
void enter(unsigned v);
/* Acknowledges on vCPU v, and ends, after entering; FAKE_GIC_SPURIOUS if nothing is signalled. */
uint32_t ack(unsigned v);
void eoi(unsigned v, uint32_t value);
void fire_timer(unsigned v, unsigned intid);
