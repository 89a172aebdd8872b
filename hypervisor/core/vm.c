/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of virtual machines (the diagram is in core/vm.h).
 *
 * A page changes hands in this order: the old owner's map goes, its TLB entries go on every CPU, it is scrubbed,
 * it is cleaned; then the new owner's map is made. Each long operation is a list of phases over the VM's RAM;
 * `phase` and `cursor` say how far it is, so it can stop at any chunk for an interrupt and go on, and a chunk is
 * small enough that
 * the interrupt does not wait long.
 *
 * Invariants: (1) RAM is LOADING exactly while the service has it mapped, VM exactly while the guest has. (2) No
 * vCPU is loaded on any CPU in a state other than RUNNING or STOPPING. (3) extents[] never change between create
 * and destroy.
 */
#include "core/vm.h"

#include "core/check.h"
#include "core/console.h"
#include "core/hal.h"
#include "core/sched.h"
#include "lib/bits.h"
#include "lib/string.h"

#define CHUNK_BYTES UINT64_C(0x10000)

struct vm vms[VM_COUNT];

static struct vcpu guest_vcpus[AETHER_VM_MAX][AETHER_VCPU_MAX];
struct vm_host vm_host;

static enum aether_vm_state state_of(const struct vm *vm)
{
	return (enum aether_vm_state)atomic_load_explicit(&vm->state, memory_order_acquire);
}

static void set_state(struct vm *vm, enum aether_vm_state state)
{
	vm->phase = 0;
	vm->cursor = 0;
	atomic_store_explicit(&vm->state, state, memory_order_release);
}

static struct page_owner owner(enum page_state state, unsigned vm)
{
	return (struct page_owner){state, (uint8_t)vm};
}

void vm_module_init(unsigned gic_version, unsigned lr_count, unsigned cpu_count)
{
	vm_host = (struct vm_host){gic_version, lr_count, cpu_count};
	for (unsigned i = 0; i < VM_COUNT; i++) {
		vms[i].id = i;
	}
}

/* Where the chunk at `offset` of the VM's RAM lies; at most CHUNK_BYTES, never over a 2 MiB boundary. */
static pa_t chunk_at(const struct vm *vm, uint64_t offset)
{
	for (unsigned i = 0; i < vm->extent_count; i++) {
		if (offset < vm->extents[i].bytes) {
			return pa_add(vm->extents[i].base, offset);
		}
		offset -= vm->extents[i].bytes;
	}
	CHECK(false); /* the caller's cursor is below ram_bytes, the sum of the extents */
	return PA(0);
}

/* Interrupts are looked for between chunks, and at least one chunk is done a call. */
static enum hv_err pause_point(void)
{
	return hal_is_interrupt_pending() ? HV_AGAIN : HV_OK;
}

/* --- phases: each goes on from vm->cursor and leaves it at ram_bytes --- */

/* Scrubs what is DIRTY; block by block it becomes `to`. */
static enum hv_err phase_scrub(struct vm *vm, struct page_owner to)
{
	const uint64_t start = hal_ticks();
	enum hv_err err = HV_OK;
	while (vm->cursor < vm->ram_bytes && err == HV_OK) {
		const pa_t pa = chunk_at(vm, vm->cursor);
		if (pages_owner(pa).state != PAGE_DIRTY) {
			vm->cursor = align_down(vm->cursor, BLOCK_2M_BYTES) + BLOCK_2M_BYTES;
			continue;
		}
		hal_scrub(pa, CHUNK_BYTES);
		vm->cursor += CHUNK_BYTES;
		if (is_aligned(vm->cursor, BLOCK_2M_BYTES)) {
			const pa_t block = PA(align_down(pa.v, BLOCK_2M_BYTES));
			err = pages_change(block, BLOCK_2M_BYTES, owner(PAGE_DIRTY, vm->id), to);
			CHECK(err == HV_OK);
		}
		err = pause_point();
	}
	vm->scrub_ticks += hal_ticks() - start;
	return err;
}

static enum hv_err phase_clean(struct vm *vm)
{
	const uint64_t start = hal_ticks();
	enum hv_err err = HV_OK;
	while (vm->cursor < vm->ram_bytes && err == HV_OK) {
		hal_clean_invalidate(chunk_at(vm, vm->cursor), CHUNK_BYTES);
		vm->cursor += CHUNK_BYTES;
		err = pause_point();
	}
	vm->scrub_ticks += hal_ticks() - start;
	return err;
}

static enum hv_err phase_change(struct vm *vm, struct page_owner from, struct page_owner to)
{
	enum hv_err err = HV_OK;
	while (vm->cursor < vm->ram_bytes && err == HV_OK) {
		const pa_t block = chunk_at(vm, vm->cursor);
		err = pages_change(block, BLOCK_2M_BYTES, from, to);
		CHECK(err == HV_OK);
		vm->cursor += BLOCK_2M_BYTES;
		err = pause_point();
	}
	return err;
}

/* Maps the RAM into `table` with its first byte at `base`. */
static enum hv_err phase_map(struct vm *vm, struct pgtable *table, uint64_t base,
			     unsigned attributes)
{
	while (vm->cursor < vm->ram_bytes) {
		uint64_t offset = vm->cursor;
		unsigned i = 0;
		while (offset >= vm->extents[i].bytes) {
			offset -= vm->extents[i++].bytes;
		}
		uint64_t done = 0;
		const enum hv_err err =
			pgtable_map(table, base + vm->cursor, pa_add(vm->extents[i].base, offset),
				    vm->extents[i].bytes - offset, attributes, &done);
		vm->cursor += done;
		if (err != HV_OK) {
			return err;
		}
	}
	return HV_OK;
}

static enum hv_err phase_unmap(struct vm *vm, struct pgtable *table, uint64_t base)
{
	uint64_t done = 0;
	const enum hv_err err =
		pgtable_unmap(table, base + vm->cursor, vm->ram_bytes - vm->cursor, &done);
	vm->cursor += done;
	return err;
}

/* The next phase begins at the first byte. */
static void next_phase(struct vm *vm)
{
	vm->phase++;
	vm->cursor = 0;
}

/* --- creation --- */

static struct vm *find_unused(void)
{
	for (unsigned i = 0; i < AETHER_VM_MAX; i++) {
		if (state_of(&vms[i]) == AETHER_VM_NONE) {
			return &vms[i];
		}
	}
	return NULL;
}

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
		memset(vcpu, 0, sizeof(*vcpu));
		vm->vcpus[i] = vcpu;
		/* Spread: the first vCPUs of two guests do not share a CPU where there is more than one. */
		vcpu_init(vcpu, vm, i, (i + vm->id) % vm_host.cpu_count);
		sched_add(vcpu);
	}
}

enum hv_err vm_create(uint64_t ram_bytes, uint64_t vcpu_count, uint64_t flags, unsigned *id)
{
	if (ram_bytes == 0 || !is_aligned(ram_bytes, BLOCK_2M_BYTES) ||
	    ram_bytes > AETHER_IPA_LOAD_STRIDE || vcpu_count == 0 || vcpu_count > AETHER_VCPU_MAX ||
	    (flags & ~AETHER_VM_FLAGS_ALL) != 0) {
		return HV_EINVAL;
	}
	struct vm *vm = find_unused();
	if (vm == NULL) {
		return HV_EBUSY;
	}
	struct pgtable stage2;
	enum hv_err err = pgtable_init(&stage2, PGTABLE_STAGE2, (uint16_t)(vm->id + 1));
	if (err != HV_OK) {
		return err;
	}
	err = pages_claim_blocks(ram_bytes, vm->id, vm->extents, &vm->extent_count);
	if (err != HV_OK) {
		pgtable_destroy(&stage2);
		return err;
	}
	vm->stage2 = stage2;
	vm->vttbr = stage2.root.v | ((uint64_t)stage2.vmid << 48);
	vm->ram_bytes = ram_bytes;
	vm->flags = (uint32_t)flags;
	vm->vcpu_count = (uint8_t)vcpu_count;
	vm->gic_version = (uint8_t)vm_host.gic_version;
	vm->scrub_ticks = 0;
	vm->create_error = HV_OK;
	reset_machine(vm);
	add_vcpus(vm);
	console_set_lines(vm->id, (flags & AETHER_VM_CONSOLE_LINES) != 0);
	set_state(vm, AETHER_VM_CREATING);
	*id = vm->id;
	return HV_OK;
}

static enum hv_err destroy_step(struct vm *vm);

enum hv_err vm_create_step(struct vm *vm)
{
	enum hv_err err = HV_OK;
	if (state_of(vm) == AETHER_VM_DESTROYING && vm->create_error != HV_OK) {
		err = destroy_step(vm);
		return err == HV_OK ? vm->create_error : err;
	}
	if (state_of(vm) != AETHER_VM_CREATING) {
		return HV_ESTATE;
	}
	if (vm->phase == 0) {
		err = phase_scrub(vm, owner(PAGE_LOADING, vm->id));
		if (err != HV_OK) {
			return err;
		}
		next_phase(vm);
	}
	err = phase_map(vm, &vms[VM_SERVICE].stage2, AETHER_IPA_LOAD(vm->id),
			PGTABLE_READ | PGTABLE_WRITE);
	if (err == HV_OK) {
		set_state(vm, AETHER_VM_LOADING);
	} else if (err != HV_AGAIN) {
		/* No table for the service's map: nobody knows the VM's number yet, so it goes again from here. */
		vm->create_error = err;
		vm->was_loading = true;
		set_state(vm, AETHER_VM_DESTROYING);
		err = HV_AGAIN;
	}
	return err;
}

/* --- start --- */

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

static void run(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *vcpu = vm->vcpus[i];
		memset(vcpu->exits, 0, sizeof(vcpu->exits));
		vcpu->loaded_ticks = 0;
	}
	vm->counter_offset = hal_ticks();
	set_state(vm, AETHER_VM_RUNNING);
	psci_boot(&vm->psci, vm->start_entry, vm->start_argument);
}

static enum hv_err start_step(struct vm *vm)
{
	enum hv_err err = HV_OK;
	struct pgtable *service = &vms[VM_SERVICE].stage2;
	switch (vm->phase) {
	case 0: /* out of the service's reach on every CPU, before anything is cleaned */
		err = phase_unmap(vm, service, AETHER_IPA_LOAD(vm->id));
		break;
	case 1: /* a guest starts with its caches off and must find what the service wrote */
		err = phase_clean(vm);
		break;
	case 2:
		err = phase_change(vm, owner(PAGE_LOADING, vm->id), owner(PAGE_VM, vm->id));
		break;
	case 3:
		err = phase_map(vm, &vm->stage2, AETHER_GUEST_RAM_BASE, PGTABLE_GUEST_RAM);
		break;
	default:
		err = map_interrupt_interface(vm);
		if (err == HV_OK) {
			hal_invalidate_icache();
			run(vm);
		}
		return err;
	}
	if (err == HV_OK) {
		next_phase(vm);
		err = HV_AGAIN;
	}
	return err;
}

enum hv_err vm_start(struct vm *vm, uint64_t entry, uint64_t argument)
{
	if (state_of(vm) == AETHER_VM_LOADING) {
		if (entry < AETHER_GUEST_RAM_BASE ||
		    entry - AETHER_GUEST_RAM_BASE >= vm->ram_bytes || !is_aligned(entry, 4)) {
			return HV_EINVAL;
		}
		vm->start_entry = entry;
		vm->start_argument = argument;
		set_state(vm, AETHER_VM_STARTING);
	}
	if (state_of(vm) != AETHER_VM_STARTING) {
		return HV_ESTATE;
	}
	const enum hv_err err = start_step(vm);
	if (err != HV_OK && err != HV_AGAIN) {
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
		return;
	}
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
	if (vm->is_service) {
		console_printf(
			"aether: service stopped: reason %u detail %lx; guests go on without it\n",
			atomic_load(&vm->stop_reason), atomic_load(&vm->stop_detail));
		set_state(vm, AETHER_VM_STOPPED);
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

static enum hv_err reset_step(struct vm *vm)
{
	enum hv_err err = HV_OK;
	switch (vm->phase) {
	case 0:
		err = phase_unmap(vm, &vm->stage2, AETHER_GUEST_RAM_BASE);
		break;
	case 1:
		err = phase_change(vm, owner(PAGE_VM, vm->id), owner(PAGE_DIRTY, vm->id));
		break;
	case 2:
		err = phase_scrub(vm, owner(PAGE_LOADING, vm->id));
		break;
	default:
		err = phase_map(vm, &vms[VM_SERVICE].stage2, AETHER_IPA_LOAD(vm->id),
				PGTABLE_READ | PGTABLE_WRITE);
		if (err != HV_AGAIN) {
			/* Without a table for all of the map, what is left to do with it is to destroy it. */
			reset_machine(vm);
			set_state(vm, AETHER_VM_LOADING);
		}
		return err;
	}
	if (err == HV_OK) {
		next_phase(vm);
		err = HV_AGAIN;
	}
	return err;
}

enum hv_err vm_reset(struct vm *vm)
{
	if (state_of(vm) == AETHER_VM_STOPPED) {
		uint64_t done = 0;
		if (pgtable_unmap(&vm->stage2, AETHER_GUEST_GICC_BASE, PAGE_BYTES, &done) ==
		    HV_ENOMEM) {
			return HV_ENOMEM;
		}
		set_state(vm, AETHER_VM_RESETTING);
	}
	if (state_of(vm) != AETHER_VM_RESETTING) {
		return HV_ESTATE;
	}
	return reset_step(vm);
}

static void release(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		sched_remove(vm->vcpus[i]);
		vm->vcpus[i] = NULL;
	}
	pgtable_destroy(&vm->stage2);
	vm->vcpu_count = 0;
	vm->extent_count = 0;
	vm->ram_bytes = 0;
	atomic_store(&vm->is_event_due, false);
	set_state(vm, AETHER_VM_NONE);
}

static enum hv_err destroy_step(struct vm *vm)
{
	const enum page_state held = vm->was_loading ? PAGE_LOADING : PAGE_VM;
	enum hv_err err = HV_OK;
	switch (vm->phase) {
	case 0:
		err = vm->was_loading
			      ? phase_unmap(vm, &vms[VM_SERVICE].stage2, AETHER_IPA_LOAD(vm->id))
			      : phase_unmap(vm, &vm->stage2, AETHER_GUEST_RAM_BASE);
		break;
	case 1:
		err = phase_change(vm, owner(held, vm->id), owner(PAGE_DIRTY, vm->id));
		break;
	case 2:
		err = phase_scrub(vm, owner(PAGE_FREE, PAGE_NOBODY));
		break;
	default:
		release(vm);
		return HV_OK;
	}
	if (err == HV_OK) {
		next_phase(vm);
		err = HV_AGAIN;
	}
	return err;
}

enum hv_err vm_destroy(struct vm *vm)
{
	const enum aether_vm_state state = state_of(vm);
	if (state == AETHER_VM_STOPPED || state == AETHER_VM_LOADING) {
		vm->was_loading = state == AETHER_VM_LOADING;
		set_state(vm, AETHER_VM_DESTROYING);
	}
	if (state_of(vm) != AETHER_VM_DESTROYING) {
		return HV_ESTATE;
	}
	return destroy_step(vm);
}

enum hv_err vm_flush_ram(struct vm *vm, uint64_t *cursor)
{
	while (*cursor < vm->ram_bytes) {
		hal_clean_invalidate(chunk_at(vm, *cursor), CHUNK_BYTES);
		*cursor += CHUNK_BYTES;
		if (pause_point() != HV_OK) {
			return HV_AGAIN;
		}
	}
	return HV_OK;
}
