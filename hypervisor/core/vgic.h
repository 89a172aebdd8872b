/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The virtual interrupt controller of one VM: GICv2 (IHI 0048) or GICv3 (IHI 0069) with affinity routing,
 * whichever the host has. The model holds every interrupt in software; the list registers (LRs) of the CPU that
 * runs a vCPU hold the most urgent ones while it runs, so the guest acknowledges and ends interrupts without an
 * exit. What does not fit stays in software and follows by maintenance interrupt.
 *
 * Threads: every function takes the VM's vgic lock itself. vgic_load/unload/sync/flush are called only on the
 * CPU that runs that vCPU. Hostile input: every register offset, width and value; the contents of LRs never.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/bootinfo.h"
#include "core/exit_action.h"
#include "core/spinlock.h"

#define VGIC_PRIVATE_COUNT 32u
#define VGIC_SPI_COUNT (AETHER_GUEST_INTID_COUNT - VGIC_PRIVATE_COUNT)
#define VGIC_BANK_COUNT (AETHER_GUEST_INTID_COUNT / 32)
#define VGIC_LR_MAX 16u
#define VGIC_NOBODY 0xffu /* an SPI that is routed to no vCPU */

struct vgic_ops;

/* An LR in the core's own form: the layout of ICH_LR<n>_EL2, with a GICv2 SGI's source CPU in bits 12:10. */
#define VGIC_LR_VINTID UINT64_C(0x3ff)
#define VGIC_LR_SOURCE UINT64_C(0x1c00)
#define VGIC_LR_PINTID (UINT64_C(0x1fff) << 32)
#define VGIC_LR_EOI (UINT64_C(1) << 41) /* with HW clear: maintenance interrupt on end */
#define VGIC_LR_PRIORITY (UINT64_C(0xff) << 48)
#define VGIC_LR_GROUP1 (UINT64_C(1) << 60)
#define VGIC_LR_HW (UINT64_C(1) << 61)
#define VGIC_LR_PENDING (UINT64_C(1) << 62)
#define VGIC_LR_ACTIVE (UINT64_C(1) << 63)

/* Hypervisor control and status of the CPU interface, in ICH_HCR_EL2's layout (GICH_HCR has the same bits 0..7). */
#define VGIC_HCR_EN (UINT64_C(1) << 0)
#define VGIC_HCR_UIE (UINT64_C(1) << 1)	   /* maintenance when at most one LR is valid */
#define VGIC_HCR_LRENPIE (UINT64_C(1) << 2) /* maintenance when an end found no LR */
#define VGIC_HCR_NPIE (UINT64_C(1) << 3)   /* maintenance when no LR is pending */
/* maintenance while the guest's CPU interface has group 0, group 1 enabled; disabled */
#define VGIC_HCR_VGRP0EIE (UINT64_C(1) << 4)
#define VGIC_HCR_VGRP0DIE (UINT64_C(1) << 5)
#define VGIC_HCR_VGRP1EIE (UINT64_C(1) << 6)
#define VGIC_HCR_VGRP1DIE (UINT64_C(1) << 7)
#define VGIC_HCR_EOICOUNT_SHIFT 27

/* The CPU interface's state that stands beside the LRs: kept with the vCPU while it is not loaded. */
struct vgic_hw_state {
	uint64_t hcr;
	uint64_t vmcr;	    /* GICH_VMCR or ICH_VMCR_EL2, as the hardware has it */
	uint64_t apr[2][4]; /* [0] is GICH_APR or ICH_AP0Rn, [1] is ICH_AP1Rn */
	uint64_t sre;	    /* ICC_SRE_EL1 (v3) */
};

/*
 * Thirty-two interrupts, one bit each: the private ones of a vCPU, or 32 SPIs. An interrupt belongs to one vCPU
 * at a time (`owner`). While `in_lr` is set, what is pending and active of it stands in that vCPU's LR, and
 * `latched` and `line` hold only what has come since the LR was written.
 */
struct vgic_bank {
	uint32_t enabled;
	uint32_t deliverable; /* enabled, and the distributor forwards its group */
	uint32_t group1;
	uint32_t edge; /* configuration; else level */
	uint32_t line; /* the device's line */
	uint32_t latched; /* pending by an edge, a write to ISPENDR, an SGI, or a hardware-tied device */
	uint32_t active;
	uint32_t hw; /* tied: ends the physical interrupt `pintid` with it */
	uint32_t in_lr;
	uint32_t todo;	 /* changed since the owner's last flush */
	uint32_t moving; /* goes to another vCPU as soon as its owner has ended it */
	/* Written by the guest to an interrupt in a LR: carried out by the owner's next flush. */
	uint32_t clear_pending;
	uint32_t clear_active;
	uint32_t set_active;
	uint32_t rare; /* moving, or one of these three */
	uint32_t reserved;
	union {
		uint8_t priority[32];
		uint32_t priority_word[8];
	};
	uint8_t lr[32]; /* which LR, while in_lr */
	uint8_t owner[32];
	uint8_t sources[16];	   /* SGI: pending sources, one bit a vCPU (GICv3: always bit 0) */
	uint8_t active_source[16]; /* SGI */
	uint8_t ack_priority[32];  /* active: at which the guest acknowledged it, 0xff: it did not */
	uint16_t pintid[16];	   /* of INTIDs 16..31 */
};

static_assert(sizeof(struct vgic_bank) == 256, "an index is a shift");

struct vgic_cpu {
	struct vgic_bank bank; /* INTID 0..31 */
	/* What the next flush has to look at: bit n bank n, and VGIC_WORK_*. Set under the lock. */
	_Atomic uint32_t work;
	uint32_t mine[VGIC_BANK_COUNT]; /* interrupts that this vCPU owns */
	uint32_t lr_used;		/* LRs that hold an interrupt of this vCPU, ended or not */
	uint32_t lr_latch;		/* of those: the pending bit came of `latched` */
	uint32_t lr_stale;		/* LRs with contents that count no more */
	bool is_loaded;
	bool is_waker_asleep; /* GICR_WAKER.ProcessorSleep */
	uint8_t pcpu;	      /* that it is loaded on */
	uint8_t spilled; /* not everything found a LR: what of VGIC_HCR_* is asked for */
	uint16_t lr_intid[VGIC_LR_MAX];
	uint64_t lr[VGIC_LR_MAX];      /* as last written */
	uint64_t lr_seen[VGIC_LR_MAX]; /* as last read, if that was later */
	uint64_t hcr;		  /* as last written */
	uint64_t injected; /* times that one became pending in a LR */
	/* Reads of what stands in other CPUs' LRs: who was asked, at which count, for which register. */
	uint32_t sync_count;
	uint32_t asked;
	uint32_t asked_count[AETHER_VCPU_MAX];
	uint64_t asked_offset;
	struct vgic_hw_state hw;
};

struct vgic {
	struct spinlock lock;
	uint8_t version; /* 2 or 3 */
	uint8_t vcpu_count;
	uint8_t lr_count;
	uint32_t lr_missing; /* bit n: there is no LR n */
	uint32_t ctlr; /* GICD_CTLR: EnableGrp0, EnableGrp1 */
	const struct vgic_ops *ops;
	struct vgic_bank spi[VGIC_BANK_COUNT - 1];
	uint32_t route[VGIC_SPI_COUNT]; /* GICv2: mask of vCPUs; GICv3: low half of GICD_IROUTER */
	struct vgic_cpu cpu[AETHER_VCPU_MAX];
};

/* First state, as after reset. version 2 or 3, vcpu_count 1..AETHER_VCPU_MAX, lr_count what the host's CPUs have. */
void vgic_init(struct vgic *gic, unsigned version, unsigned vcpu_count, unsigned lr_count);
/* First state of one vCPU's private part (PSCI CPU_ON): private interrupts, CPU interface. It is not loaded. */
void vgic_reset_vcpu(struct vgic *gic, unsigned vcpu);

/* The level of a device's line: PPI (16..31, of that vCPU) or SPI (32.., vcpu ignored). Kicks whom it wakes. */
void vgic_set_level(struct vgic *gic, unsigned vcpu, unsigned intid, bool is_high);
/* A timer's physical PPI fired on the CPU that runs `vcpu`: makes virtual `intid` pending, tied to `pintid`, whose
 * physical state stays active until the guest ends the interrupt. */
void vgic_raise_hw(struct vgic *gic, unsigned vcpu, unsigned intid, unsigned pintid);
/* The device that is tied to `intid` no longer asserts it and the guest has not acknowledged it: withdraw it. */
void vgic_lower_hw(struct vgic *gic, unsigned vcpu, unsigned intid);
/* True while a hardware-tied interrupt is pending or active in the model or an LR: its physical twin must be
 * active. */
bool vgic_is_hw_in_flight(struct vgic *gic, unsigned vcpu, unsigned intid);

/* Takes the CPU interface for the vCPU (registers and LRs); gives it back, all state into the model. */
void vgic_load(struct vgic *gic, unsigned vcpu);
void vgic_unload(struct vgic *gic, unsigned vcpu);
/*
 * sync: what the guest has ended comes back to the model; for a maintenance interrupt. flush: what has changed in the
 * model, by anybody, goes to the LRs, with maintenance asked for if something did not fit; before every entry to the
 * guest, since without a change it takes a few instructions and no lock.
 */
void vgic_sync(struct vgic *gic, unsigned vcpu);
void vgic_flush(struct vgic *gic, unsigned vcpu);
/* True if an interrupt would be signalled to this vCPU now (PSTATE masks and running priority apart): it wakes
 * from WFI.
 * One that is loaded on another CPU is said to have one. */
bool vgic_has_pending(struct vgic *gic, unsigned vcpu);

/* One access of a loaded vCPU to the distributor or to the redistributor frames. `offset` from the region's base,
 * `bytes` 1, 2, 4 or 8; a read fills *value. EXIT_ADVANCE, EXIT_INJECT_ABORT (alignment or width that the
 * architecture does not have), or EXIT_RETRY (the state of another CPU had to be asked for). */
enum exit_action vgic_dist_access(struct vgic *gic, unsigned vcpu, uint64_t offset, unsigned bytes,
				  bool is_write, uint64_t *value);
enum exit_action vgic_redist_access(struct vgic *gic, unsigned vcpu, uint64_t offset,
				    unsigned bytes, bool is_write, uint64_t *value);
/* A trapped write of ICC_SGI1R_EL1, ICC_ASGI1R_EL1 or ICC_SGI0R_EL1 (IHI 0069 s12.11). */
void vgic_sgi_register(struct vgic *gic, unsigned vcpu, uint64_t value, bool is_group1);

/* Provided by the vCPU's owner (core/vcpu.c; a fake in tests): called with the vgic lock held when `vcpu` has got
 * an interrupt that it may not have seen: if it runs elsewhere, interrupt that CPU; if it sleeps, make it runnable.
 * On the caller's own loaded vCPU it is a no-op. */
void vgic_kick(struct vgic *gic, unsigned vcpu);
/* Likewise: vCPU is loaded on another CPU; have that CPU run vgic_flush soon, which answers (used for reads of
 * pending and active state). */
void vgic_request_sync(struct vgic *gic, unsigned vcpu);
