/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Virtual PSCI 1.1 (DEN0022): the power state of each vCPU of one VM.
 *
 *         cpu_on             first entry
 *   OFF ----------> PENDING -------------> ON
 *    ^                                     |
 *    '--------------- cpu_off -------------'
 *
 * The lock covers every state of the VM, so two callers that race CPU_ON on one target are decided by it: one gets
 * SUCCESS, the other ON_PENDING or ALREADY_ON.
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/bootinfo.h"
#include "abi/diag.h"
#include "core/exit_action.h"
#include "core/spinlock.h"

enum psci_state { PSCI_CPU_IS_OFF, PSCI_CPU_IS_PENDING, PSCI_CPU_IS_ON };

struct psci_cpu {
	enum psci_state state;
	uint64_t entry;
	uint64_t context_id;
};

struct psci {
	struct spinlock lock;
	uint32_t vcpu_count;
	uint64_t ram_base; /* entry points must lie in [ram_base, ram_base + ram_bytes) */
	uint64_t ram_bytes;
	bool is_stopping; /* the VM is going down: no vCPU comes on any more */
	struct psci_cpu cpu[AETHER_VCPU_MAX];
};

/* All vCPUs OFF. */
void psci_init(struct psci *psci, unsigned vcpu_count, uint64_t ram_base, uint64_t ram_bytes);
/* vCPU 0 OFF -> PENDING at `entry` with x0 = context_id: how a VM starts. */
void psci_boot(struct psci *psci, uint64_t entry, uint64_t context_id);
/* PENDING -> ON on the vCPU's own CPU, before its first instruction: where to enter. False if it is not PENDING. */
bool psci_enter(struct psci *psci, unsigned vcpu, uint64_t *entry, uint64_t *context_id);
/* No CPU_ON succeeds from here on. */
void psci_stop(struct psci *psci);

/*
 * One call of vCPU `caller`: x[0] the function identifier, x[1..3] the arguments; x[0] becomes the result. The
 * caller has seen that the function belongs to PSCI's range. Returns EXIT_RESUME (result in x[0]), EXIT_BLOCK
 * (CPU_SUSPEND: SUCCESS in x[0] when it wakes), EXIT_OFF (CPU_OFF, and SYSTEM_OFF, SYSTEM_RESET, SYSTEM_RESET2, for
 * which *stop is set to the reason, else it is left alone).
 */
enum exit_action psci_call(struct psci *psci, unsigned caller, uint64_t *x,
			   enum aether_stop_reason *stop);
/* True for every identifier that psci_call carries out (PSCI_FEATURES, and the table test). */
bool psci_is_implemented(uint32_t function);

/* Provided by the vCPU's owner: `vcpu` has become PENDING; its CPU shall enter it. Called with the lock held. */
void psci_wake(struct psci *psci, unsigned vcpu);
