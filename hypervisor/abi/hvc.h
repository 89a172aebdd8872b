/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The service's hypercalls: HVC #0 with an SMC Calling Convention fast call in the vendor-specific
 * hypervisor range. Only the service may make them; a guest gets NOT_SUPPORTED.
 *
 * x0 holds the identifier, x1.. the arguments. On return x0 is 0 or a negative AETHER_E*, and x1..x3 are
 * results where the call has some, else unchanged; all other registers are preserved. A call whose work is
 * long (it scrubs or cleans memory) is interrupted and continued without the caller seeing it.
 */
#include <stdint.h>

#define AETHER_HVC(n) (UINT32_C(0xc6000100) + (n))

/* x1 RAM in bytes (multiple of 2 MiB), x2 vCPUs, x3 AETHER_VM_* flags -> x1 VM. The RAM comes scrubbed, stands
 * read-write at AETHER_IPA_LOAD(VM), and the VM is LOADING. ENOMEM, EINVAL (size, count, flags), EBUSY (no VM
 * free) */
#define AETHER_HVC_VM_CREATE AETHER_HVC(0)
/* x1 VM (LOADING), x2 entry IPA, x3 value of x0 at entry. Takes the RAM from the service, cleans it to the point of
 * coherency and starts vCPU 0. ESTATE (not LOADING), EINVAL (entry outside its RAM) */
#define AETHER_HVC_VM_START AETHER_HVC(1)
/* x1 VM (STOPPED). Scrubs its RAM and makes it LOADING again, every vCPU in its first state. ESTATE */
#define AETHER_HVC_VM_RESET AETHER_HVC(2)
/* x1 VM (STOPPED or LOADING). Scrubs and frees all it has. ESTATE */
#define AETHER_HVC_VM_DESTROY AETHER_HVC(3)
/* x1 VM (RUNNING). Ends it; an event tells when no CPU runs it any more. ESTATE */
#define AETHER_HVC_VM_STOP AETHER_HVC(4)
/* x1 VM -> x1 enum aether_vm_state, x2 enum aether_stop_reason, x3 detail of the stop (an ESR, or 0) */
#define AETHER_HVC_VM_INFO AETHER_HVC(5)
/* Sleeps until a VM has stopped -> x1 enum aether_event, x2 VM, x3 enum aether_stop_reason. Each stop is told
 * once. */
#define AETHER_HVC_EVENT_WAIT AETHER_HVC(6)
/* x1 number of bytes (1..48), x2..x7 the bytes, first in the lowest byte of x2: text for the node's console.
 * EAGAIN: full */
#define AETHER_HVC_LOG AETHER_HVC(7)
/* x1 enum aether_counter, x2 VM or CPU, x3 enum aether_exit_cause -> x1 value */
#define AETHER_HVC_COUNTER AETHER_HVC(8)
/* Ends the node once the console has drained: x1 0 power off, 1 reset. Does not return. */
#define AETHER_HVC_NODE_OFF AETHER_HVC(9)
#define AETHER_HVC_COUNT 10u

#define AETHER_ENOSYS INT64_C(-1) /* no such call: SMCCC NOT_SUPPORTED */
#define AETHER_EINVAL INT64_C(-2)
#define AETHER_ENOMEM INT64_C(-3)
#define AETHER_ESTATE INT64_C(-4)
#define AETHER_EBUSY INT64_C(-5)
#define AETHER_EAGAIN INT64_C(-6)

#define AETHER_VM_CONSOLE_LINES                                                                    \
	UINT64_C(1) /* console output goes out in whole lines, each with the VM's number */
#define AETHER_VM_FLAGS_ALL AETHER_VM_CONSOLE_LINES

enum aether_vm_state {
	AETHER_VM_NONE = 0,
	AETHER_VM_CREATING = 1, /* being scrubbed */
	AETHER_VM_LOADING = 2, /* RAM mapped in the service */
	AETHER_VM_STARTING = 3, /* RAM leaving the service */
	AETHER_VM_RUNNING = 4,
	AETHER_VM_STOPPING = 5, /* some vCPU is still on a CPU */
	AETHER_VM_STOPPED = 6,
	AETHER_VM_DESTROYING = 7,
	AETHER_VM_RESETTING = 8, /* being scrubbed for a new start */
};

enum aether_event {
	AETHER_EVENT_VM_STOPPED = 1,
};

enum aether_counter {
	AETHER_COUNTER_EXITS = 0, /* of VM x2 by cause x3, number */
	AETHER_COUNTER_EXIT_TICKS = 1, /* of VM x2 by cause x3, counter ticks spent in the core */
	AETHER_COUNTER_GUEST_TICKS = 2, /* of VM x2, counter ticks spent in the guest */
	AETHER_COUNTER_LONGEST_TICKS =
		3, /* of CPU x2: longest stretch in the core without taking an interrupt */
	AETHER_COUNTER_SCRUB_TICKS = 4, /* of VM x2: scrubbing and cleaning its memory */
};
