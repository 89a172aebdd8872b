/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The host's interrupt controller: physical interrupts for EL2 and the virtual CPU interface for guests. One
 * table of operations a version; hal_gic.c picks one at boot and hal.h's functions go through it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/vgic.h"
#include "lib/addr.h"

#define GIC_KICK_SGI 0u
#define GIC_SPURIOUS 1023u

/* Where it is, and the PPIs that the core uses: from the device tree. */
struct gic_config {
	unsigned version;
	uintptr_t dist, cpu_interface, hyp_interface; /* v2: GICD, GICC, GICH as mapped */
	pa_t guest_interface; /* v2: GICV */
	uintptr_t redist; /* v3: GICR, as mapped */
	uint64_t redist_bytes;
	uint32_t maintenance, hyp_timer, virtual_timer, physical_timer; /* INTIDs */
};

struct gic_ops {
	void (*init_dist)(const struct gic_config *config);
	bool (*init_cpu)(const struct gic_config *config, unsigned cpu);
	void (*enable_spi)(unsigned intid);
	void (*disable_spi)(unsigned intid);
	bool (*loses_levels)(void); /* hal_irq_needs_backstop() */
	uint32_t (*acknowledge)(void); /* GIC_SPURIOUS or more: nothing; else the whole IAR */
	void (*drop_priority)(uint32_t iar);
	void (*deactivate)(uint32_t iar);
	void (*send_kick)(unsigned cpu);
	void (*set_active)(unsigned intid, bool is_active);
	unsigned (*lr_count)(void);
	uint64_t (*read_lr)(unsigned lr);
	void (*write_lr)(unsigned lr, uint64_t value);
	uint64_t (*empty_lrs)(void);
	uint64_t (*read_hcr)(void);
	void (*write_hcr)(uint64_t value);
	void (*save)(struct vgic_hw_state *state);
	void (*restore)(const struct vgic_hw_state *state);
	void (*reset_state)(struct vgic_hw_state *state);
};

extern const struct gic_ops gicv2_ops, gicv3_ops;

/* Chooses the version and starts the distributor. Boot CPU. */
void gic_init(const struct gic_config *config);
/* This CPU's interface and PPIs; false: it has no redistributor. Each CPU. */
bool gic_init_cpu(unsigned cpu);
void gic_enable_console(unsigned intid);
/* The network card's interrupt: hal_nic_interrupt_enable() turns it on. */
void gic_set_nic(unsigned intid);
