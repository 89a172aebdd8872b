/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the core measured, as one page that AETHER_HVC_TELEMETRY brings up to date. Every counter is cumulative since
 * boot (a guest's: since the VM was created) and wraps at its width; ticks are the physical counter's.
 *
 * A CPU's time is divided without rest: guest and service are the time that a vCPU of theirs was loaded, exits
 * included; core is what the core did with no vCPU loaded; idle only the time asleep with no vCPU loaded. A guest that
 * has its CPU to itself sleeps in its own WFI: that is guest time here, and not idle.
 */
#include <assert.h>
#include <stdint.h>

#include "abi/bootinfo.h"
#include "abi/diag.h"

#define AETHER_STEAL_BUCKETS 24u

struct aether_telemetry_cpu {
	uint64_t guest_ticks;
	uint64_t service_ticks;
	uint64_t core_ticks;
	uint64_t idle_ticks;
	uint64_t interrupts; /* physical ones taken */
	uint64_t longest_ticks; /* longest stretch in the core without taking an interrupt */
};

struct aether_telemetry_vm {
	uint32_t state; /* enum aether_vm_state */
	uint32_t stop_reason; /* enum aether_stop_reason */
	uint64_t stop_detail;
	uint64_t tag;
	uint64_t ram_bytes;
	uint64_t starts; /* since boot, of this VM number */
	uint64_t guest_ticks; /* in the guest itself, without exits */
	uint64_t stolen_ticks; /* it could run and the service had its CPU */
	uint64_t interrupts; /* injected */
	uint64_t exits[AETHER_EXIT_COUNT];
	uint64_t exit_ticks[AETHER_EXIT_COUNT];
};

struct aether_telemetry {
	uint64_t ticks; /* of this reading */
	uint64_t readings;
	uint64_t restarts; /* of the service */
	uint64_t service_throttled; /* times its budget was used up while a guest could run */
	uint64_t nic_interrupts;
	uint64_t nic_refused; /* writes to the card's registers that were dropped, posts refused */
	uint64_t pages[8]; /* by enum page_state's order: none, dirty, free, core, service, dma, loading, vm; 4 KiB */
	/* How long guests were held up each time the service took a CPU from one: bucket n counts 2^n to 2^(n+1) - 1
	 * nanoseconds. */
	uint64_t steal[AETHER_STEAL_BUCKETS];
	uint64_t steal_longest_ns;
	uint64_t steal_window_ns; /* most that the service took from guests of one CPU in any 10 ms */
	struct aether_telemetry_cpu cpus[AETHER_PCPU_MAX];
	struct aether_telemetry_vm vms[AETHER_VM_MAX + 1u]; /* the last is the service */
};
static_assert(sizeof(struct aether_telemetry) <= 4096, "one page");
