/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's VM: a copy of its pristine image, read and execute for code, read and write for the rest, and
 * read-only windows onto what the core tells it, the configuration trailer and the boot loader's bundle. Its
 * image is the core's own;
 * the bundle is nobody's to trust, and is not looked at here.
 */
#include "core/console_ring.h"
#include "core/crash.h"
#include "core/hal.h"
#include "core/nic.h"
#include "core/reload.h"
#include "core/sched.h"
#include "core/supervise.h"
#include "core/telemetry.h"
#include "core/update.h"
#include "core/vm.h"
#include "lib/bits.h"

#define SERVICE_VMID (VM_SERVICE + 1u)

static struct vcpu service_vcpu;

enum hv_err vm_map_window(struct pgtable *service, uint64_t ipa, pa_t pa, uint64_t bytes, unsigned attributes)
{
	uint64_t done = 0;
	enum hv_err err = HV_AGAIN;
	while (err ==
	       HV_AGAIN) { /* at boot nothing else waits; each call does at least one entry */
		uint64_t part = 0;
		err = pgtable_map(service, ipa + done, pa_add(pa, done), bytes - done, attributes,
				  &part);
		done += part;
	}
	return err;
}

enum hv_err vm_create_service(const struct service_image *image, pa_t bundle, uint64_t bundle_bytes, pa_t bootinfo,
			      pa_t trailer)
{
	struct vm *vm = &vms[VM_SERVICE];
	enum hv_err err = pgtable_init(&vm->stage2, PGTABLE_STAGE2, SERVICE_VMID);
	if (err == HV_OK) {
		err = reload_init(image, &vm->stage2);
	}
	if (err != HV_OK) {
		return err;
	}
	const struct {
		uint64_t ipa;
		pa_t pa;
		uint64_t bytes;
		unsigned attributes;
	} maps[] = {
		{AETHER_IPA_BOOTINFO, bootinfo, PAGE_BYTES, PGTABLE_READ},
		{AETHER_IPA_CRASH, crash_found.pa, align_up(crash_found.bytes, PAGE_BYTES), PGTABLE_READ},
		{AETHER_IPA_TRAILER, trailer, AETHER_TRAILER_MAX_BYTES, PGTABLE_READ},
		{AETHER_IPA_BUNDLE, bundle, align_up(bundle_bytes, PAGE_BYTES), PGTABLE_READ},
	};
	for (unsigned i = 0; i < ARRAY_COUNT(maps) && err == HV_OK; i++) {
		if (maps[i].bytes != 0) {
			err = vm_map_window(&vm->stage2, maps[i].ipa, maps[i].pa, maps[i].bytes, maps[i].attributes);
		}
	}
	if (err == HV_OK) {
		err = console_map_rings(&vm->stage2);
	}
	if (err == HV_OK) {
		err = telemetry_map(&vm->stage2);
	}
	if (err != HV_OK) {
		return err;
	}
	err = update_init();
	if (err != HV_OK) {
		return err;
	}
	reload_begin(image);
	while (!reload_part()) {
	}
	err = nic_init(&vm->stage2);
	if (err != HV_OK) {
		return err;
	}
	vm->is_service = true;
	vm->vcpu_count = 1;
	vm->gic_version = (uint8_t)vm_host.gic_version;
	vm->vttbr = vm->stage2.root.v | ((uint64_t)SERVICE_VMID << 48);
	vgic_init(&vm->gic, vm_host.gic_version, 1, vm_host.lr_count);
	psci_init(&vm->psci, 1, AETHER_IPA_SERVICE, PAGE_BYTES);
	vm->vcpus[0] = &service_vcpu;
	vcpu_init(&service_vcpu, vm, 0, 0);
	sched_add(&service_vcpu);
	atomic_store_explicit(&vm->state, AETHER_VM_RUNNING, memory_order_release);
	psci_boot(&vm->psci, reload_entry(), 0);
	supervise_init(hal_core_page(bootinfo), image);
	return HV_OK;
}
