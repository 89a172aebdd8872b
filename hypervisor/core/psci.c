/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual PSCI 1.1: the power state of each vCPU of one VM (DEN0022).
 *
 *   OFF -> PENDING   CPU_ON of another vCPU, or psci_boot()
 *   PENDING -> ON    psci_enter(), on the target's own CPU
 *   ON -> OFF        CPU_OFF, by the vCPU itself
 *
 * Invariants: (1) `entry` and `context_id` are what the one successful CPU_ON said, and are read only while PENDING.
 * (2) Once is_stopping is set no vCPU leaves OFF or PENDING. (3) A VM that is not stopping has a vCPU that is not OFF:
 * the last one that turns itself off ends the VM, since nobody is left to turn one on again.
 *
 * The topology that guests see is one level: MPIDR_EL1.Aff0 is the vCPU's index, Aff1 to Aff3 are zero.
 * Hostile input: every argument register. Locks: the VM's psci lock, for every look at a state.
 */
#include "core/psci.h"

#include "abi/smccc.h"
#include "lib/addr.h"
#include "lib/bits.h"

/* CPU_SUSPEND's power_state, original format (DEN0022 s5.4), which PSCI_FEATURES announces. */
#define POWER_STATE_IS_POWERDOWN BIT(16)
#define POWER_STATE_RESERVED (BITS(31, 26) | BITS(23, 17))

#define AFFINITY_LEVEL_MAX 3u
#define AFFINITY_LEVEL_BITS 8u

#define RESET2_WARM 0u /* SYSTEM_RESET2: the one architectural type */

static enum exit_action answer(uint64_t *x, int64_t result)
{
	x[0] = (uint64_t)result;
	return EXIT_RESUME;
}

void psci_init(struct psci *psci, unsigned vcpu_count, uint64_t ram_base, uint64_t ram_bytes)
{
	*psci = (struct psci){
		.vcpu_count = vcpu_count,
		.ram_base = ram_base,
		.ram_bytes = ram_bytes,
	};
}

/* With the lock held, of a vCPU that is OFF. */
static void make_pending(struct psci *psci, unsigned vcpu, uint64_t entry, uint64_t context_id)
{
	psci->cpu[vcpu] = (struct psci_cpu){
		.state = PSCI_CPU_IS_PENDING,
		.entry = entry,
		.context_id = context_id,
	};
	psci_wake(psci, vcpu);
}

void psci_boot(struct psci *psci, uint64_t entry, uint64_t context_id)
{
	spin_lock(&psci->lock);
	make_pending(psci, 0, entry, context_id);
	spin_unlock(&psci->lock);
}

bool psci_enter(struct psci *psci, unsigned vcpu, uint64_t *entry, uint64_t *context_id)
{
	struct psci_cpu *cpu = &psci->cpu[vcpu];
	spin_lock(&psci->lock);
	const bool may_enter = cpu->state == PSCI_CPU_IS_PENDING && !psci->is_stopping;
	if (may_enter) {
		cpu->state = PSCI_CPU_IS_ON;
		*entry = cpu->entry;
		*context_id = cpu->context_id;
	}
	spin_unlock(&psci->lock);
	return may_enter;
}

void psci_stop(struct psci *psci)
{
	spin_lock(&psci->lock);
	psci->is_stopping = true;
	spin_unlock(&psci->lock);
}

static bool is_entry_valid(const struct psci *psci, uint64_t entry)
{
	return is_aligned(entry, 4) && entry >= psci->ram_base && entry - psci->ram_base < psci->ram_bytes;
}

static int64_t cpu_on(struct psci *psci, uint64_t target, uint64_t entry, uint64_t context_id)
{
	/* One comparison for all of it: no such index, Aff1 to Aff3 not zero, a reserved bit set. */
	if (target >= psci->vcpu_count) {
		return PSCI_INVALID_PARAMETERS;
	}
	if (!is_entry_valid(psci, entry)) {
		return PSCI_INVALID_ADDRESS;
	}
	int64_t result = PSCI_SUCCESS;
	spin_lock(&psci->lock);
	if (psci->is_stopping) {
		result = PSCI_INTERNAL_FAILURE;
	} else if (psci->cpu[target].state == PSCI_CPU_IS_ON) {
		result = PSCI_ALREADY_ON;
	} else if (psci->cpu[target].state == PSCI_CPU_IS_PENDING) {
		result = PSCI_ON_PENDING;
	} else {
		make_pending(psci, (unsigned)target, entry, context_id);
	}
	spin_unlock(&psci->lock);
	return result;
}

/* Fields of the target below `level` do not count (DEN0022 s5.7). */
static int64_t affinity_info(struct psci *psci, uint64_t target, uint32_t level)
{
	if (level > AFFINITY_LEVEL_MAX ||
	    (level == 0 ? target >= psci->vcpu_count : target >> (level * AFFINITY_LEVEL_BITS) != 0)) {
		return PSCI_INVALID_PARAMETERS;
	}
	const unsigned first = level == 0 ? (unsigned)target : 0;
	const unsigned end = level == 0 ? first + 1 : psci->vcpu_count;
	int64_t result = PSCI_AFFINITY_OFF;
	spin_lock(&psci->lock);
	for (unsigned i = first; i < end; i++) {
		if (psci->cpu[i].state == PSCI_CPU_IS_ON) {
			result = PSCI_AFFINITY_ON;
		} else if (psci->cpu[i].state == PSCI_CPU_IS_PENDING && result == PSCI_AFFINITY_OFF) {
			result = PSCI_AFFINITY_ON_PENDING;
		}
	}
	spin_unlock(&psci->lock);
	return result;
}

/*
 * Every power-down state is entered as standby: the implementation may always choose a shallower state than the one
 * asked for, and the caller then sees SUCCESS, as from any standby (DEN0022 s5.4). The entry point of such a request
 * is checked all the same.
 */
static enum exit_action cpu_suspend(const struct psci *psci, uint64_t *x, uint64_t entry)
{
	const uint32_t power_state = (uint32_t)x[1];
	if ((power_state & POWER_STATE_RESERVED) != 0) {
		return answer(x, PSCI_INVALID_PARAMETERS);
	}
	if ((power_state & POWER_STATE_IS_POWERDOWN) != 0 && !is_entry_valid(psci, entry)) {
		return answer(x, PSCI_INVALID_ADDRESS);
	}
	x[0] = (uint64_t)PSCI_SUCCESS;
	return EXIT_BLOCK;
}

/* With the lock held. */
static bool is_any_alive(const struct psci *psci)
{
	for (unsigned i = 0; i < psci->vcpu_count; i++) {
		if (psci->cpu[i].state != PSCI_CPU_IS_OFF) {
			return true;
		}
	}
	return false;
}

static enum exit_action cpu_off(struct psci *psci, unsigned caller, enum aether_stop_reason *stop)
{
	spin_lock(&psci->lock);
	psci->cpu[caller].state = PSCI_CPU_IS_OFF;
	if (!is_any_alive(psci)) {
		psci->is_stopping = true;
		*stop = AETHER_STOP_POWER_OFF;
	}
	spin_unlock(&psci->lock);
	return EXIT_OFF;
}

static enum exit_action system_end(struct psci *psci, enum aether_stop_reason reason, enum aether_stop_reason *stop)
{
	psci_stop(psci);
	*stop = reason;
	return EXIT_OFF;
}

bool psci_is_implemented(uint32_t function)
{
	switch (function) {
	case PSCI_VERSION:
	case PSCI_CPU_SUSPEND:
	case PSCI_CPU_SUSPEND_64:
	case PSCI_CPU_OFF:
	case PSCI_CPU_ON:
	case PSCI_CPU_ON_64:
	case PSCI_AFFINITY_INFO:
	case PSCI_AFFINITY_INFO_64:
	case PSCI_MIGRATE_INFO_TYPE:
	case PSCI_SYSTEM_OFF:
	case PSCI_SYSTEM_RESET:
	case PSCI_FEATURES:
	case PSCI_SYSTEM_RESET2:
	case PSCI_SYSTEM_RESET2_64:
		return true;
	default:
		return false;
	}
}

/*
 * Zero says all there is to say of each function: for CPU_SUSPEND, power_state in the original format and no
 * OS-initiated mode. SMCCC_VERSION is asked for here by whoever has not found SMCCC yet (DEN0028, discovery).
 */
static int64_t features(uint32_t function)
{
	return function == SMCCC_VERSION || psci_is_implemented(function) ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
}

/* Out of line, so that psci_call() needs no stack frame. */
static __attribute__((noinline)) enum exit_action call(struct psci *psci, unsigned caller, uint64_t *x,
						       enum aether_stop_reason *stop)
{
	const uint32_t function = (uint32_t)x[0];
	switch (function) {
	case PSCI_CPU_SUSPEND:
		return cpu_suspend(psci, x, (uint32_t)x[2]);
	case PSCI_CPU_SUSPEND_64:
		return cpu_suspend(psci, x, x[2]);
	case PSCI_CPU_OFF:
		return cpu_off(psci, caller, stop);
	case PSCI_CPU_ON:
		return answer(x, cpu_on(psci, (uint32_t)x[1], (uint32_t)x[2], (uint32_t)x[3]));
	case PSCI_CPU_ON_64:
		return answer(x, cpu_on(psci, x[1], x[2], x[3]));
	case PSCI_AFFINITY_INFO:
		return answer(x, affinity_info(psci, (uint32_t)x[1], (uint32_t)x[2]));
	case PSCI_AFFINITY_INFO_64:
		return answer(x, affinity_info(psci, x[1], (uint32_t)x[2]));
	case PSCI_MIGRATE_INFO_TYPE:
		return answer(x, PSCI_TOS_NOT_PRESENT_MP);
	case PSCI_SYSTEM_OFF:
		return system_end(psci, AETHER_STOP_POWER_OFF, stop);
	case PSCI_SYSTEM_RESET:
		return system_end(psci, AETHER_STOP_RESET, stop);
	case PSCI_SYSTEM_RESET2:
	case PSCI_SYSTEM_RESET2_64:
		/* Vendor-defined types have bit 31 set: there are none. */
		if ((uint32_t)x[1] != RESET2_WARM) {
			return answer(x, PSCI_INVALID_PARAMETERS);
		}
		return system_end(psci, AETHER_STOP_RESET, stop);
	case PSCI_FEATURES:
		return answer(x, features((uint32_t)x[1]));
	default:
		return answer(x, PSCI_NOT_SUPPORTED);
	}
}

enum exit_action psci_call(struct psci *psci, unsigned caller, uint64_t *x, enum aether_stop_reason *stop)
{
	/* What a hypervisor is measured by comes first; it takes no lock. */
	if (__builtin_expect((uint32_t)x[0] == PSCI_VERSION, 1)) {
		return answer(x, PSCI_VERSION_1_1);
	}
	return call(psci, caller, x, stop);
}
