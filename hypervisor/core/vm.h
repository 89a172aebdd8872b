/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A virtual machine: memory, interrupt controller, console, power state, vCPUs; and its life. A store is one without
 * vCPUs: it is LOADING until it is destroyed.
 *
 *          create           scrubbed            start
 *   NONE -------> CREATING ---------> LOADING --------> STARTING --> RUNNING
 *    ^                ^ reset            |                              | power off, reset, kill, stop
 *    |                |                  |                              v
 *    '- DESTROYING <--+-- STOPPED <------|---------------------------STOPPING
 *            ^            destroy        |
 *            '---------------------------'
 *
 * CREATING, STARTING, RESETTING and DESTROYING are long: vm_*() does a bounded part and returns HV_AGAIN until done,
 * with a cursor in the VM, so that who began it need not be who ends it: a service that dies in the middle leaves
 * what the next one finishes with the same call (CREATING: destroys). STOPPING ends when every vCPU's CPU has taken it
 * off. RUNNING <-> PAUSED by vm_pause() and vm_resume(), and PAUSED -> STOPPING as from RUNNING. All calls come from
 * the service's hypercalls, which run on one CPU, but for vm_stop(), which any exit may make. The service itself is a
 * VM that is RUNNING from boot.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/bootinfo.h"
#include "abi/hvc.h"
#include "core/pages.h"
#include "core/pgtable.h"
#include "core/psci.h"
#include "core/vcpu.h"
#include "core/vgic.h"
#include "core/vrtc.h"
#include "core/vuart.h"

#define VM_SERVICE AETHER_VM_MAX /* the service's number */
#define VM_COUNT (AETHER_STORE_FIRST + AETHER_STORE_MAX)
static_assert(AETHER_STORE_FIRST == VM_SERVICE + 1u, "guests, the service, stores");
static_assert(VM_COUNT <= PAGE_NOBODY, "a page's owner");
static_assert(AETHER_IPA_LOAD(VM_COUNT - 1u) + AETHER_IPA_LOAD_STRIDE <= UINT64_C(1) << 40, "40-bit IPAs");

struct vm {
	/* Hot: what entering and leaving needs. */
	uint64_t vttbr;
	uint64_t counter_offset; /* CNTVOFF_EL2: the virtual counter starts at the VM's start */
	uint32_t id;
	bool is_service;
	uint8_t vcpu_count; /* that there are */
	uint8_t wanted_vcpus;
	uint8_t gic_version;

	_Atomic uint32_t state; /* enum aether_vm_state */
	_Atomic uint32_t stop_reason;
	_Atomic uint64_t stop_detail;
	_Atomic uint32_t stop_pending; /* vCPUs that are not off their CPU yet */
	_Atomic uint32_t pause_pending; /* PAUSED: the same */
	bool is_pausing; /* by the call in hand */
	_Atomic uint64_t reservation; /* core/vm_reserve.c's; 0: none, and the default weight */
	_Atomic bool is_event_due;
	uint32_t flags; /* AETHER_VM_* */
	uint64_t tag; /* the service's own */
	uint64_t starts; /* of this VM number, since boot */
	uint64_t told_guest_ticks; /* the last reading of core/telemetry.c */

	struct pgtable stage2;
	uint64_t ram_bytes;
	struct page_extent extents[PAGES_EXTENT_MAX];
	uint32_t extent_count;
	uint64_t cursor; /* bytes of RAM that the long operation in hand has done */
	uint32_t phase;
	bool was_loading; /* RESETTING, DESTROYING: from LOADING or CREATING, else from STOPPED */
	enum hv_err create_error; /* DESTROYING a VM that could not be created: why */
	uint64_t scrub_ticks;
	uint64_t start_entry, start_argument;

	struct psci psci;
	struct vuart uart;
	struct vrtc rtc;
	struct vgic gic;
	struct vcpu *vcpus[AETHER_VCPU_MAX];
};

/* What vm_module_init() was told. */
struct vm_host {
	unsigned gic_version, lr_count, cpu_count;
};

extern struct vm vms[VM_COUNT];
extern struct vm_host vm_host;

struct service_image;

static inline bool vm_is_store(const struct vm *vm)
{
	return vm->id >= AETHER_STORE_FIRST;
}

/* Start of day: which VM numbers exist, how many list registers and CPUs there are. */
void vm_module_init(unsigned gic_version, unsigned lr_count, unsigned cpu_count);
/* The service, of its pristine image, with its read-only windows; RUNNING. */
enum hv_err vm_create_service(const struct service_image *image, pa_t bundle, uint64_t bundle_bytes, pa_t bootinfo,
			      pa_t trailer) MUST_CHECK;

/* A window of the service onto what the core tells it. At boot, and by whoever has the service's table. HV_ENOMEM. */
enum hv_err vm_map_window(struct pgtable *service, uint64_t ipa, pa_t pa, uint64_t bytes,
			  unsigned attributes) MUST_CHECK;

/* With AETHER_VM_STORE a store, without vCPUs. A guest gets the number *id if that one is free. If one just like it is
 * CREATING, or its creation is being undone, that one is meant. HV_EINVAL, HV_EBUSY (no VM of that kind is free),
 * HV_ENOMEM. */
enum hv_err vm_create(uint64_t ram_bytes, uint64_t vcpu_count, uint64_t flags, uint64_t tag,
		      unsigned *id) MUST_CHECK;
/* The first state of a CREATING VM, its scrub, its map into the service: HV_AGAIN, or HV_OK with LOADING. HV_ENOMEM:
 * all is undone, the VM is NONE. */
enum hv_err vm_create_step(struct vm *vm) MUST_CHECK;
/* HV_ENOMEM: the VM is STOPPED without having run; vm_reset: it is LOADING, but not all of it may be mapped. vm_start
 * of a STARTING VM goes on, whatever the arguments; vm_destroy takes a CREATING one too, however far it is. */
enum hv_err vm_start(struct vm *vm, uint64_t entry, uint64_t argument) MUST_CHECK;
enum hv_err vm_reset(struct vm *vm) MUST_CHECK;
enum hv_err vm_destroy(struct vm *vm) MUST_CHECK;
/* Ends a RUNNING VM for `reason`: every vCPU leaves its CPU, then the service is told. Any CPU; a second call is a
 * no-op. */
void vm_stop(struct vm *vm, enum aether_stop_reason reason, uint64_t detail);
/* One vCPU is off its CPU on the way to STOPPED. */
void vm_vcpu_stopped(struct vm *vm);
/* No vCPU of a RUNNING VM runs until it is resumed; its interrupts stay pending, and its counter goes on. HV_AGAIN
 * until each is off its CPU. A VM that stops meanwhile: HV_ESTATE. */
enum hv_err vm_pause(struct vm *vm) MUST_CHECK;
enum hv_err vm_resume(struct vm *vm) MUST_CHECK;
/* Microseconds; budget 0: none. HV_EINVAL, HV_ESTATE, HV_EBUSY (it would be too much for a CPU; nothing changed). */
enum hv_err vm_reserve(struct vm *vm, uint64_t budget, uint64_t period, uint64_t weight) MUST_CHECK;
/* On the vCPU's CPU: VCPU_REQUEST_PAUSE, _RESUME and _RESERVE. */
void vm_vcpu_serve(struct vcpu *vcpu, uint32_t requests);
/* On the vCPU's CPU: it has what vm_reserve() said. */
void vm_apply_reservation(struct vcpu *vcpu);
/* Cleans and invalidates the guest's whole RAM by VA: what set/way operations stand for. HV_AGAIN until done; the
 * cursor is the caller's. */
enum hv_err vm_flush_ram(struct vm *vm, uint64_t *cursor) MUST_CHECK;
/* Next unreported stop, or NULL. */
struct vm *vm_take_event(void);
