/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The service's hypercalls: HVC #0 with an SMC Calling Convention fast call in the vendor-specific
 * hypervisor range. Only the service may make them; a guest gets NOT_SUPPORTED.
 *
 * x0 holds the identifier, x1.. the arguments. On return x0 is 0 or a negative AETHER_E*, and x1..x3 are
 * results where the call has some, else unchanged; all other registers are preserved.
 *
 * VM_CREATE, VM_START, VM_RESET and VM_DESTROY are long: they scrub or clean memory. They are interrupted and continued
 * without the caller seeing it, but after about a millisecond they return EAGAIN with all arguments as they were: the
 * same call goes on, now or after whatever else the service has to do. How far it is stands in the VM, whose state says
 * what is under way; so a later instance of the service can go on too.
 */
#include <stdint.h>

#define AETHER_HVC(n) (UINT32_C(0xc6000100) + (n))

/* --- guests and stores --- */
/* x1 RAM in bytes (multiple of 2 MiB), x2 vCPUs, x3 AETHER_VM_* flags, x4 tag -> x1 VM. The RAM comes scrubbed, stands
 * read-write at AETHER_IPA_LOAD(VM), and the VM is LOADING. With AETHER_VM_STORE it has no vCPU (x2 is 0) and is never
 * started: it is memory in which the service keeps payloads over a guest's reset. The tag is the service's own, and
 * told again by VM_INFO. x5 is the number that a guest gets if that one is free, else it gets the lowest that is.
 * If a VM with the same x1 to x4 is CREATING, the call goes on with that one.
 * EAGAIN, ENOMEM, EINVAL (size, count, flags), EBUSY (no VM of that kind free) */
#define AETHER_HVC_VM_CREATE AETHER_HVC(0)
/* x1 VM (LOADING), x2 entry IPA, x3 value of x0 at entry. Takes the RAM from the service, cleans it to the point of
 * coherency and starts vCPU 0. EAGAIN, ESTATE (not LOADING, a store), EINVAL (entry outside its RAM), ENOMEM (it is
 * STOPPED). A STARTING VM goes on as was wanted when that began, perhaps by an earlier instance of the service. */
#define AETHER_HVC_VM_START AETHER_HVC(1)
/* x1 VM (STOPPED, LOADING or RESETTING). Scrubs its RAM and makes it LOADING again, every vCPU in its first state.
 * EAGAIN, ESTATE */
#define AETHER_HVC_VM_RESET AETHER_HVC(2)
/* x1 VM (STOPPED, LOADING, CREATING or DESTROYING). Scrubs and frees all it has. EAGAIN, ESTATE */
#define AETHER_HVC_VM_DESTROY AETHER_HVC(3)
/* x1 VM (RUNNING or PAUSED). Ends it; an event tells when no CPU runs it any more. ESTATE */
#define AETHER_HVC_VM_STOP AETHER_HVC(4)
/* x1 VM -> x1 enum aether_vm_state | flags << 32, x2 enum aether_stop_reason, x3 detail of the stop (an ESR, or 0),
 * x4 tag, x5 RAM in bytes */
#define AETHER_HVC_VM_INFO AETHER_HVC(5)
/* x1 deadline (physical counter; ~0: none, but see AETHER_HVC_ALIVE). Sleeps until something has happened or the
 * deadline has passed -> x1 AETHER_EVENT_* bits, 0 at the deadline; with VM_STOPPED x2 VM, x3 enum aether_stop_reason.
 * Each stop is told once; a new instance looks at VM_INFO instead. */
#define AETHER_HVC_EVENT_WAIT AETHER_HVC(6)
/* x1 number of bytes (1..48), x2..x7 the bytes, first in the lowest byte of x2: text for the node's console.
 * EAGAIN: full */
#define AETHER_HVC_LOG AETHER_HVC(7)
/* x1 enum aether_counter, x2 VM or CPU, x3 enum aether_exit_cause -> x1 value */
#define AETHER_HVC_COUNTER AETHER_HVC(8)
/* Ends the node once the console has drained: x1 0 power off, 1 reset. Does not return. */
#define AETHER_HVC_NODE_OFF AETHER_HVC(9)
/* x1 VM: no vCPU of it runs until it is resumed. ESTATE (pause: not RUNNING; resume: not PAUSED). A pause is complete
 * when the call returns. */
#define AETHER_HVC_VM_PAUSE AETHER_HVC(10)
#define AETHER_HVC_VM_RESUME AETHER_HVC(11)
/* x1 VM (LOADING, RUNNING or PAUSED), x2 budget and x3 period in microseconds, x4 weight (1..10000): what each of its
 * vCPUs is sure to get on its CPU, and its share of what is left. Budget 0: no reservation. EINVAL, EBUSY (the CPU's
 * reservations would be more than 90 % of it) */
#define AETHER_HVC_VM_RESERVE AETHER_HVC(12)

/* --- consoles: output is read from the rings at AETHER_IPA_CONSOLE --- */
/* x1 VM, x2 offset of the first byte, x3 number of bytes (1..32), x4..x7 the bytes. Input has an offset too, which
 * begins at 0 at boot and never goes back: bytes before the one that is due are dropped, so that repeating a call
 * gives the guest nothing twice. -> x1 offset of the byte that is due now; it stays behind x2 + x3 when the guest has
 * no room. EINVAL (also: x2 is beyond what is due, x1 says what is), ESTATE (the VM does not run) */
#define AETHER_HVC_CONSOLE_INPUT AETHER_HVC(13)

/* --- what survives the service: 48 opaque bytes a record, with a generation that only rises --- */
/* x1 record | generation << 8, x2..x7 the bytes. ESTATE: the record's generation is that or higher already (the same
 * with the same bytes is a no-op and succeeds). EINVAL */
#define AETHER_HVC_KEEP_SET AETHER_HVC(14)
/* x1 record -> x1 generation (0: never set), x2..x7. EINVAL */
#define AETHER_HVC_KEEP_GET AETHER_HVC(15)
/* x1..x4 the boot's key, 32 bytes. Once a boot: then ESTATE. */
#define AETHER_HVC_KEY_SET AETHER_HVC(16)
/* -> x1..x4 this instance's key: HMAC-SHA-256(boot's key, "aether instance" || instance as u32 LE). ESTATE: not set */
#define AETHER_HVC_KEY_GET AETHER_HVC(17)
/* x1 nanoseconds since 1970 UTC, x2 physical counter at that moment: the clock of all guests' PL031. EINVAL (x2 is in
 * the future) */
#define AETHER_HVC_TIME_SET AETHER_HVC(18)

/* --- measurement and supervision --- */
/* Brings the page at AETHER_IPA_TELEMETRY up to date. */
#define AETHER_HVC_TELEMETRY AETHER_HVC(19)
/* "I live": at least once each AETHER_ALIVE_MS; EVENT_WAIT and a long call in progress count as well, and an
 * EVENT_WAIT ends after AETHER_ALIVE_MS / 2 at the latest (with no event). */
#define AETHER_HVC_ALIVE AETHER_HVC(20)
/* x1 ESR, x2 ELR, x3 FAR, or 0s: the service cannot go on. The core starts a new instance. Does not return. */
#define AETHER_HVC_FAIL AETHER_HVC(21)
/* The controller has the crash record at AETHER_IPA_CRASH: it is told no more. */
#define AETHER_HVC_CRASH_DONE AETHER_HVC(22)
/* x1 IPA (page aligned, in the service's writable memory), x2 bytes: a newer service image, copied out of the
 * service's reach. The running instance ends and the new one starts; a failure within its first 60 s brings the
 * boot-time image back. EPERM: not a build for simulation. EINVAL: not a service image, or too large. Does not return
 * on success. */
#define AETHER_HVC_SERVICE_UPDATE AETHER_HVC(23)

/* --- the network card (abi/nic.h) --- */
/* x1 count (1..12), x2..x7 two posts in each, the first in the lower half: buffer | bytes << 16. A receive buffer's
 * bytes are ignored: it is always whole. EINVAL: a number or length out of range (nothing was posted) */
#define AETHER_HVC_NIC_POST AETHER_HVC(24)

/* Only in a build for simulation: see tests. x1 what, x2..x4 as abi/chaos.h says. ENOSYS elsewhere. */
#define AETHER_HVC_CHAOS AETHER_HVC(25)
#define AETHER_HVC_COUNT 26u

#define AETHER_ENOSYS INT64_C(-1) /* no such call: SMCCC NOT_SUPPORTED */
#define AETHER_EINVAL INT64_C(-2)
#define AETHER_ENOMEM INT64_C(-3)
#define AETHER_ESTATE INT64_C(-4)
#define AETHER_EBUSY INT64_C(-5)
#define AETHER_EAGAIN INT64_C(-6)
#define AETHER_EPERM INT64_C(-7)

#define AETHER_ALIVE_MS 1000u
#define AETHER_KEEP_RECORDS 16u
#define AETHER_KEEP_BYTES 48u

#define AETHER_VM_CONSOLE_LINES                                                                    \
	UINT64_C(1) /* console output goes out in whole lines, each with the VM's number */
#define AETHER_VM_STORE UINT64_C(2) /* memory of the service's, not a guest */
#define AETHER_VM_FLAGS_ALL (AETHER_VM_CONSOLE_LINES | AETHER_VM_STORE)

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
	AETHER_VM_PAUSED = 9, /* runs on when it is resumed */
};

/* Of EVENT_WAIT, bits. */
#define AETHER_EVENT_VM_STOPPED UINT64_C(1)
#define AETHER_EVENT_NIC UINT64_C(2) /* the card has used buffers */

enum aether_counter {
	AETHER_COUNTER_EXITS = 0, /* of VM x2 by cause x3, number */
	AETHER_COUNTER_EXIT_TICKS = 1, /* of VM x2 by cause x3, counter ticks spent in the core */
	AETHER_COUNTER_GUEST_TICKS = 2, /* of VM x2, counter ticks spent in the guest */
	AETHER_COUNTER_LONGEST_TICKS =
		3, /* of CPU x2: longest stretch in the core without taking an interrupt */
	AETHER_COUNTER_SCRUB_TICKS = 4, /* of VM x2: scrubbing and cleaning its memory */
};
