/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pausing a VM: each vCPU leaves its CPU with whatever state it has, and takes no turn until the VM is resumed. What
 * happens to it meanwhile (interrupts, a CPU_ON) is noted as ever and shows afterwards. The service alone calls; its
 * calls are the only ones that change is_pausing.
 *
 * Invariant: while pause_pending is not 0 the VM is PAUSED, or it has been stopped since and the number is of no
 * meaning.
 */
#include "core/sched.h"
#include "core/vm.h"

static void ask(struct vm *vm, uint32_t request)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		vcpu_request(vm->vcpus[i], request);
	}
}

/* PAUSED, and every vCPU off its CPU. */
static enum hv_err pause_state(const struct vm *vm)
{
	if (atomic_load(&vm->state) != AETHER_VM_PAUSED) {
		return HV_ESTATE;
	}
	return atomic_load_explicit(&vm->pause_pending, memory_order_acquire) == 0 ? HV_OK : HV_AGAIN;
}

enum hv_err vm_pause(struct vm *vm)
{
	uint32_t expected = AETHER_VM_RUNNING;
	/* Before the state: a vCPU that is stopped now has no part in it. */
	if (atomic_load(&vm->state) == AETHER_VM_RUNNING) {
		atomic_store(&vm->pause_pending, vm->vcpu_count);
	}
	if (atomic_compare_exchange_strong(&vm->state, &expected, AETHER_VM_PAUSED)) {
		vm->is_pausing = true;
		ask(vm, VCPU_REQUEST_PAUSE);
		return HV_AGAIN;
	}
	const enum hv_err err = vm->is_pausing ? pause_state(vm) : HV_ESTATE;
	vm->is_pausing = err == HV_AGAIN;
	return err;
}

enum hv_err vm_resume(struct vm *vm)
{
	uint32_t expected = AETHER_VM_PAUSED;
	const enum hv_err err = pause_state(vm);
	if (err != HV_OK) {
		return err; /* HV_AGAIN: an earlier instance of the service ended in the middle of a pause */
	}
	vm->is_pausing = false;
	if (!atomic_compare_exchange_strong(&vm->state, &expected, AETHER_VM_RUNNING)) {
		return HV_ESTATE;
	}
	ask(vm, VCPU_REQUEST_RESUME);
	return HV_OK;
}

void vm_vcpu_serve(struct vcpu *vcpu, uint32_t requests)
{
	struct vm *vm = vcpu->vm;
	if (requests & VCPU_REQUEST_RESERVE) {
		vm_apply_reservation(vcpu);
	}
	if ((requests & VCPU_REQUEST_PAUSE) && atomic_load(&vm->state) == AETHER_VM_PAUSED) {
		sched_pause(vcpu, true);
		/* Release: who sees it complete sees the vCPU's state. */
		atomic_fetch_sub_explicit(&vm->pause_pending, 1, memory_order_release);
	} else if (requests & VCPU_REQUEST_RESUME) {
		sched_pause(vcpu, false);
	}
}
