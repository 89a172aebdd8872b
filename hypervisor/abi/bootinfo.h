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
#define AETHER_IPA_TELEMETRY UINT64_C(0x00120000) /* struct aether_telemetry, read-only */
#define AETHER_IPA_CRASH UINT64_C(0x00130000) /* the last boot's crash record (abi/crash.h), read-only; if bytes != 0 */
#define AETHER_IPA_CONSOLE_HEADS UINT64_C(0x00140000) /* struct aether_console_heads, read-only */
#define AETHER_IPA_CONSOLE(vm) (UINT64_C(0x00150000) + (vm) * AETHER_CONSOLE_RING_BYTES) /* read-only */
#define AETHER_IPA_SERVICE UINT64_C(0x00200000) /* the service's image and memory */
#define AETHER_IPA_NIC UINT64_C(0x0a000000) /* the card's own registers: not mapped, the core answers (abi/nic.h) */
#define AETHER_IPA_NIC_USED UINT64_C(0x0a010000) /* its used rings, a page each, read-only */
#define AETHER_IPA_NIC_BUFFERS UINT64_C(0x0a100000) /* its buffers, read-write */
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
#define AETHER_GUEST_RTC_BASE UINT64_C(0x09010000) /* PL031 */
#define AETHER_GUEST_RTC_INTID 34u
#define AETHER_GUEST_VTIMER_INTID 27u
#define AETHER_GUEST_PTIMER_INTID 30u
#define AETHER_GUEST_INTID_COUNT 256u /* SGIs, PPIs and SPIs 32 to 255 */

#define AETHER_VM_MAX 4u /* guests at a time: VMs 0 to 3 */
#define AETHER_STORE_MAX 4u /* stores at a time: VMs 5 to 8 (4 is the service) */
#define AETHER_STORE_FIRST 5u
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
	char board[64]; /* the machine's `compatible`; printable, NUL terminated, "" where firmware says none */
	uint8_t entropy[32]; /* from the machine's entropy source; zero if entropy_bytes is 0 */
	uint32_t entropy_bytes;
	uint32_t instance; /* 1 at boot, rises with every restart of the service */
	uint32_t nic_kind; /* enum aether_nic_kind (abi/nic.h) */
	uint32_t nic_header_bytes; /* in front of each frame in a buffer */
	uint64_t boot_id; /* random, or of the counter where there is no entropy; never 0 */
	uint64_t crash_bytes; /* 0: the last boot left no record */
	uint32_t crash_streak; /* boots in a row that left one */
	uint32_t is_simulation; /* 1: a build for simulation */
	uint64_t boot_ticks[8]; /* physical counter at enum aether_boot_stage */
	uint8_t service_sha256[32]; /* of the running service image */
	uint8_t core_build_id[32]; /* names the core's build: its linker's build id, the rest zero */
	uint64_t restart_ticks; /* instance > 1: when the core saw that the last one had failed */
	uint32_t restart_cause; /* enum aether_service_failure (abi/diag.h) of the last one */
	uint32_t reserved;
	char serial[64]; /* the machine's `serial-number`, as `board` */
};
static_assert(sizeof(struct aether_bootinfo) == 432, "fixed layout");

/* Moments of the core's own start, in boot_ticks. */
enum aether_boot_stage {
	AETHER_BOOT_ENTRY = 0, /* first instruction */
	AETHER_BOOT_MACHINE = 1, /* device tree read, console open */
	AETHER_BOOT_DMA = 2, /* devices reset */
	AETHER_BOOT_MEMORY = 3,
	AETHER_BOOT_CPUS = 4, /* others are up */
	AETHER_BOOT_SERVICE = 5, /* first entry of the service */
};

/* Each guest's console output since boot, in a ring: byte n stands at n modulo the ring's size. head is the number of
 * bytes so far, written after them (release); what is older than the ring is gone, and the offset says how much. */
#define AETHER_CONSOLE_RING_BYTES UINT64_C(0x10000)
struct aether_console_heads {
	uint64_t head[AETHER_VM_MAX];
	uint64_t input_due[AETHER_VM_MAX]; /* offset of the input byte that is due (AETHER_HVC_CONSOLE_INPUT) */
};
