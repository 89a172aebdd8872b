/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the core tells the service about the machine: one read-only page at AETHER_IPA_BOOTINFO.
 * The core fills it once; nothing in it changes while an instance of the service runs.
 */
#include <assert.h>
#include <stdint.h>

/* The service's address space. Stage 1 is off: an address is an IPA, and stage 2 holds W^X. */
#define AETHER_IPA_BOOTINFO UINT64_C(0x00100000)
#define AETHER_IPA_TRAILER UINT64_C(0x00110000) /* the configuration trailer, read-only */
#define AETHER_IPA_SERVICE UINT64_C(0x00200000) /* the service's image and memory */
#define AETHER_IPA_BUNDLE UINT64_C(0x100000000) /* the boot loader's initrd, read-only */
/* The memory of a VM that is loading appears here, its first byte of RAM first. */
#define AETHER_IPA_LOAD_STRIDE UINT64_C(0x1000000000)
#define AETHER_IPA_LOAD(vm) ((UINT64_C(1) + (vm)) * AETHER_IPA_LOAD_STRIDE)

/* The guest's address space: the map of QEMU's `virt` machine. */
#define AETHER_GUEST_RAM_BASE UINT64_C(0x40000000)
#define AETHER_GUEST_GICD_BASE UINT64_C(0x08000000)
#define AETHER_GUEST_GICC_BASE UINT64_C(0x08010000)
#define AETHER_GUEST_GICR_BASE UINT64_C(0x080a0000)
#define AETHER_GUEST_GICR_STRIDE UINT64_C(0x20000)
#define AETHER_GUEST_UART_BASE UINT64_C(0x09000000)
#define AETHER_GUEST_UART_INTID 33u
#define AETHER_GUEST_VTIMER_INTID 27u
#define AETHER_GUEST_PTIMER_INTID 30u
#define AETHER_GUEST_INTID_COUNT 256u /* SGIs, PPIs and SPIs 32 to 255 */

#define AETHER_VM_MAX 4u /* guests at a time */
#define AETHER_VCPU_MAX 8u /* vCPUs of one guest */
#define AETHER_PCPU_MAX 8u

#define AETHER_BOOTINFO_MAGIC UINT64_C(0x31464e4948544541) /* "AETHINF1" */

struct aether_bootinfo {
	uint64_t magic;
	uint32_t cpu_count;
	uint32_t gic_version; /* 2 or 3 */
	uint64_t midr; /* MIDR_EL1 of the boot CPU */
	uint64_t ram_bytes; /* all of it */
	uint64_t free_bytes; /* what guests can be given now */
	uint64_t bundle_bytes; /* 0: the boot loader passed no initrd */
	uint64_t trailer_bytes; /* 0: no trailer */
	uint64_t counter_hz; /* CNTFRQ_EL0 */
	uint64_t entry_ticks; /* physical counter at the core's first instruction */
	uint64_t core_ticks; /* physical counter when the service was entered */
	uint64_t core_bytes; /* memory that the core and its tables keep */
	char board[64]; /* the machine's `compatible`, NUL terminated; from firmware, unchecked */
	uint8_t entropy[32]; /* from the machine's entropy source; zero if entropy_bytes is 0 */
	uint32_t entropy_bytes;
	uint32_t instance; /* 1 at boot, rises with every restart of the service */
};
static_assert(sizeof(struct aether_bootinfo) == 192, "fixed layout");
