/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of virtual machines (the diagram is in core/vm.h).
 *
 * Each long operation is a state with a list of phases, most of them over the VM's RAM (core/vm_memory.h); `phase` and
 * `cursor` say how far it is, so it can stop for an interrupt or at the end of its caller's slice and go on, for the
 * instance of the service that began it or for a later one.
 *
 * Invariants: (1) RAM that the service has mapped is LOADING, RAM that the guest has is VM. (2) No
 * vCPU is loaded on any CPU in a state other than RUNNING, STOPPING or a PAUSED that is not complete. (3) extents[]
 * never change between create and destroy.
 */
#include "core/vm.h"

#include "core/check.h"
#include "core/console.h"
#include "core/hal.h"
#include "core/percpu.h"
#include "core/sched.h"
#include "core/vm_memory.h"
#include "lib/bits.h"
#include "lib/string.h"

#include "hal_fast.h"

struct vm vms[VM_COUNT];

static struct vcpu guest_vcpus[AETHER_VM_MAX][AETHER_VCPU_MAX];
struct vm_host vm_host;

static enum aether_vm_state state_of(const struct vm *vm)
{
	return (enum aether_vm_state)atomic_load_explicit(&vm->state, memory_order_acquire);
}

static void set_state(struct vm *vm, enum aether_vm_state state)
{
	trace_note(&hal_this_cpu()->trace, TRACE_VM, vm->id << 8, vm->id, state);
	vm->phase = 0;
	vm->cursor = 0;
	atomic_store_explicit(&vm->state, state, memory_order_release);
}

void vm_module_init(unsigned gic_version, unsigned lr_count, unsigned cpu_count)
{
	vm_host = (struct vm_host){gic_version, lr_count, cpu_count};
	for (unsigned i = 0; i < VM_COUNT; i++) {
		vms[i].id = i;
	}
	for (unsigned i = 0; i < AETHER_VM_MAX * AETHER_VCPU_MAX; i++) {
		guest_vcpus[i / AETHER_VCPU_MAX][i % AETHER_VCPU_MAX].vm = &vms[i / AETHER_VCPU_MAX];
	}
}

/* --- the phases of the long operations --- */

/* First state of everything that a guest can see, at creation and at each reset. */
static void reset_machine(struct vm *vm)
{
	vgic_init(&vm->gic, vm_host.gic_version, vm->vcpu_count, vm_host.lr_count);
	vuart_init(&vm->uart, vm->id);
	vrtc_init(&vm->rtc, vm->id);
	psci_init(&vm->psci, vm->vcpu_count, AETHER_GUEST_RAM_BASE, vm->ram_bytes);
	atomic_store(&vm->stop_reason, AETHER_STOP_NONE);
	atomic_store(&vm->stop_detail, 0);
	atomic_store(&vm->is_event_due, false); /* of an earlier stop, which the service knows of */
}

static void add_vcpus(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *vcpu = &guest_vcpus[vm->id][i];
		/* Another CPU may still look at the slot that it was in last: whose it is never changes. */
		memset(vcpu, 0, offsetof(struct vcpu, vm));
		memset(&vcpu->is_service, 0, sizeof(*vcpu) - offsetof(struct vcpu, is_service));
		vm->vcpus[i] = vcpu;
		/* Spread: the first vCPUs of two guests do not share a CPU where there is more than one. */
		vcpu_init(vcpu, vm, i, (i + vm->id) % vm_host.cpu_count);
		sched_add(vcpu);
	}
}

/* What a guest has and a store has not. */
static enum hv_err make_machine(struct vm *vm)
{
	if (!vm_is_store(vm)) {
		vm->vttbr = vm->stage2.root.v | ((uint64_t)vm->stage2.vmid << 48);
		vm->vcpu_count = vm->wanted_vcpus;
		vm->gic_version = (uint8_t)vm_host.gic_version;
		memset(&vm->gic, 0, sizeof(vm->gic));
		reset_machine(vm);
		add_vcpus(vm);
		console_set_lines(vm->id, (vm->flags & AETHER_VM_CONSOLE_LINES) != 0);
	}
	return HV_OK;
}

static enum hv_err map_interrupt_interface(struct vm *vm)
{
	pa_t gicv;
	uint64_t done = 0;
	if (!hal_vgic_cpu_interface(&gicv)) {
		return HV_OK; /* GICv3: system registers */
	}
	/* Not its second page: GICC_DIR is carried out by vcpu_deactivate(). */
	return pgtable_map(&vm->stage2, AETHER_GUEST_GICC_BASE, gicv, PAGE_BYTES,
			   PGTABLE_READ | PGTABLE_WRITE | PGTABLE_DEVICE, &done);
}

enum { PHASE_MOST = 5 };

/* Of each long state; NULL ends the list. */
static enum hv_err (*const phases[][PHASE_MOST + 1])(struct vm *vm) = {
	[AETHER_VM_CREATING] = {make_machine, vm_phase_scrub, vm_phase_lend},
	/* Out of the service's reach on every CPU before anything is cleaned; and a guest starts with its caches off
	 * and must find what the service wrote. */
	[AETHER_VM_STARTING] = {vm_phase_withdraw, vm_phase_clean, vm_phase_give, vm_phase_map_guest,
				map_interrupt_interface},
	[AETHER_VM_RESETTING] = {vm_phase_withdraw, vm_phase_dirty, vm_phase_scrub, vm_phase_lend},
	[AETHER_VM_DESTROYING] = {vm_phase_withdraw, vm_phase_dirty, vm_phase_scrub},
};

/* A part of the phase in hand, in a long state. HV_OK: it was the end of the last one. */
static enum hv_err step(struct vm *vm)
{
	enum hv_err (*const *phase)(struct vm *) = &phases[state_of(vm)][vm->phase];
	const enum hv_err err = phase[0](vm);
	if (err != HV_OK) {
		return err;
	}
	vm->phase++;
	vm->cursor = 0;
	return phase[1] == NULL ? HV_OK : HV_AGAIN;
}

/* --- creation --- */

static bool is_same(const struct vm *vm, uint64_t ram_bytes, uint64_t vcpu_count, uint64_t flags, uint64_t tag)
{
	return vm->ram_bytes == ram_bytes && vm->wanted_vcpus == vcpu_count && vm->flags == flags && vm->tag == tag;
}

/* The creation of such a VM is under way, or is being undone because it failed. */
static bool is_begun(const struct vm *vm)
{
	return state_of(vm) == AETHER_VM_CREATING ||
	       (state_of(vm) == AETHER_VM_DESTROYING && vm->create_error != HV_OK);
}

/* A guest gets the number that it asks for if that one is free. */
static struct vm *find_unused(bool is_store, unsigned wanted)
{
	const unsigned first = is_store ? AETHER_STORE_FIRST : 0;
	const unsigned end = is_store ? AETHER_STORE_FIRST + AETHER_STORE_MAX : AETHER_VM_MAX;
	if (!is_store && wanted < end && state_of(&vms[wanted]) == AETHER_VM_NONE) {
		return &vms[wanted];
	}
	for (unsigned i = first; i < end; i++) {
		if (state_of(&vms[i]) == AETHER_VM_NONE) {
			return &vms[i];
		}
	}
	return NULL;
}

static bool is_create_valid(uint64_t ram_bytes, uint64_t vcpu_count, uint64_t flags)
{
	const bool is_store = (flags & AETHER_VM_STORE) != 0;
	return ram_bytes != 0 && is_aligned(ram_bytes, BLOCK_2M_BYTES) && ram_bytes <= AETHER_IPA_LOAD_STRIDE &&
	       (flags & ~AETHER_VM_FLAGS_ALL) == 0 &&
	       (is_store ? vcpu_count == 0 : vcpu_count != 0 && vcpu_count <= AETHER_VCPU_MAX);
}

enum hv_err vm_create(uint64_t ram_bytes, uint64_t vcpu_count, uint64_t flags, uint64_t tag, unsigned *id)
{
	const bool is_store = (flags & AETHER_VM_STORE) != 0;
	if (!is_create_valid(ram_bytes, vcpu_count, flags)) {
		return HV_EINVAL;
	}
	for (unsigned i = 0; i < VM_COUNT; i++) {
		if (is_begun(&vms[i]) && is_same(&vms[i], ram_bytes, vcpu_count, flags, tag)) {
			*id = i;
			return HV_OK;
		}
	}
	struct vm *vm = find_unused(is_store, *id);
	if (vm == NULL) {
		return HV_EBUSY;
	}
	enum hv_err err = is_store ? HV_OK : pgtable_init(&vm->stage2, PGTABLE_STAGE2, (uint16_t)(vm->id + 1));
	if (err != HV_OK) {
		return err;
	}
	err = pages_claim_blocks(ram_bytes, vm->id, vm->extents, &vm->extent_count);
	if (err != HV_OK) {
		if (!is_store) {
			pgtable_destroy(&vm->stage2);
		}
		return err;
	}
	vm->ram_bytes = ram_bytes;
	vm->wanted_vcpus = (uint8_t)vcpu_count;
	vm->flags = (uint32_t)flags;
	vm->tag = tag;
	vm->told_guest_ticks = 0;
	atomic_store(&vm->reservation, 0);
	vm->scrub_ticks = 0;
	vm->create_error = HV_OK;
	set_state(vm, AETHER_VM_CREATING);
	*id = vm->id;
	return HV_OK;
}

static void release(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		sched_remove(vm->vcpus[i]);
		vm->vcpus[i] = NULL;
	}
	if (!vm_is_store(vm)) {
		pgtable_destroy(&vm->stage2);
	}
	vm->vcpu_count = 0;
	vm->tag = 0;
	vm->extent_count = 0;
	vm->ram_bytes = 0;
	atomic_store(&vm->is_event_due, false);
	set_state(vm, AETHER_VM_NONE);
}

static enum hv_err destroy_step(struct vm *vm)
{
	const enum hv_err err = step(vm);
	if (err == HV_OK) {
		release(vm);
	}
	return err;
}

enum hv_err vm_create_step(struct vm *vm)
{
	if (!is_begun(vm)) {
		return HV_ESTATE;
	}
	if (state_of(vm) == AETHER_VM_DESTROYING) {
		const enum hv_err err = destroy_step(vm);
		return err == HV_OK ? vm->create_error : err;
	}
	const enum hv_err err = step(vm);
	if (err == HV_OK) {
		set_state(vm, AETHER_VM_LOADING);
	} else if (err != HV_AGAIN) {
		/* No table for the service's map: it goes again from here. */
		vm->create_error = err;
		vm->was_loading = true;
		set_state(vm, AETHER_VM_DESTROYING);
		return HV_AGAIN;
	}
	return err;
}

/* --- start --- */

static void run(struct vm *vm)
{
	vm->starts++;
	vm->counter_offset = hal_ticks();
	set_state(vm, AETHER_VM_RUNNING);
	psci_boot(&vm->psci, vm->start_entry, vm->start_argument);
}

enum hv_err vm_start(struct vm *vm, uint64_t entry, uint64_t argument)
{
	if (state_of(vm) == AETHER_VM_LOADING && !vm_is_store(vm)) {
		if (entry < AETHER_GUEST_RAM_BASE ||
		    entry - AETHER_GUEST_RAM_BASE >= vm->ram_bytes || !is_aligned(entry, 4)) {
			return HV_EINVAL;
		}
		vm->start_entry = entry;
		vm->start_argument = argument;
		vm->was_loading = true;
		set_state(vm, AETHER_VM_STARTING);
	}
	if (state_of(vm) != AETHER_VM_STARTING) {
		return HV_ESTATE;
	}
	const enum hv_err err = step(vm);
	if (err == HV_OK) {
		hal_invalidate_icache();
		run(vm);
	} else if (err != HV_AGAIN) {
		/* No table for the guest's map: the RAM is the guest's, which never ran. */
		set_state(vm, AETHER_VM_STOPPED);
	}
	return err;
}

/* --- stop --- */

void vm_stop(struct vm *vm, enum aether_stop_reason reason, uint64_t detail)
{
	uint32_t expected = AETHER_VM_RUNNING;
	/* One of several CPUs that want it down at once wins, and its reason stands. */
	if (!atomic_compare_exchange_strong(&vm->state, &expected, AETHER_VM_STOPPING)) {
		expected = AETHER_VM_PAUSED;
		if (!atomic_compare_exchange_strong(&vm->state, &expected, AETHER_VM_STOPPING)) {
			return;
		}
	}
	trace_note(&hal_this_cpu()->trace, TRACE_VM, vm->id << 8, vm->id, AETHER_VM_STOPPING);
	psci_stop(&vm->psci);
	atomic_store(&vm->stop_pending, vm->vcpu_count);
	atomic_store(&vm->stop_detail, detail);
	atomic_store(&vm->stop_reason, reason);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		vcpu_request(vm->vcpus[i], VCPU_REQUEST_STOP);
	}
}

void vm_vcpu_stopped(struct vm *vm)
{
	if (atomic_fetch_sub_explicit(&vm->stop_pending, 1, memory_order_acq_rel) != 1) {
		return;
	}
	console_vm_ended(vm->id);
	set_state(vm, AETHER_VM_STOPPED);
	atomic_store_explicit(&vm->is_event_due, true, memory_order_release);
	vcpu_request(vms[VM_SERVICE].vcpus[0], VCPU_REQUEST_WAKE);
}

struct vm *vm_take_event(void)
{
	for (unsigned i = 0; i < AETHER_VM_MAX; i++) {
		if (atomic_exchange_explicit(&vms[i].is_event_due, false, memory_order_acq_rel)) {
			return &vms[i];
		}
	}
	return NULL;
}

/* --- reset and destruction --- */

enum hv_err vm_reset(struct vm *vm)
{
	const enum aether_vm_state state = state_of(vm);
	uint64_t done = 0;
	if (state == AETHER_VM_STOPPED) {
		if (pgtable_unmap(&vm->stage2, AETHER_GUEST_GICC_BASE, PAGE_BYTES, &done) ==
		    HV_ENOMEM) {
			return HV_ENOMEM;
		}
	}
	if (state == AETHER_VM_STOPPED || state == AETHER_VM_LOADING) {
		vm->was_loading = state == AETHER_VM_LOADING;
		set_state(vm, AETHER_VM_RESETTING);
	}
	if (state_of(vm) != AETHER_VM_RESETTING) {
		return HV_ESTATE;
	}
	const enum hv_err err = step(vm);
	if (err == HV_OK || (err != HV_AGAIN && phases[AETHER_VM_RESETTING][vm->phase] == vm_phase_lend)) {
		/* Without a table for all of the map, what is left to do with it is to destroy it. */
		if (!vm_is_store(vm)) {
			reset_machine(vm);
		}
		set_state(vm, AETHER_VM_LOADING);
	}
	return err;
}

enum hv_err vm_destroy(struct vm *vm)
{
	const enum aether_vm_state state = state_of(vm);
	if (state == AETHER_VM_STOPPED || state == AETHER_VM_LOADING || state == AETHER_VM_CREATING) {
		vm->was_loading = state != AETHER_VM_STOPPED;
		set_state(vm, AETHER_VM_DESTROYING);
	}
	if (state_of(vm) != AETHER_VM_DESTROYING) {
		return HV_ESTATE;
	}
	return destroy_step(vm);
}
