/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reading of all counters (core/telemetry.h): a few thousand instructions, whatever memory the node has.
 *
 * The page is written while the service, its only reader, is in the call, so a reading is not torn. Its numbers are
 * not of one instant: other CPUs count on, each number stands for itself, and is read in one piece. None of them goes
 * back from one reading to the next, for who reads them takes differences.
 *
 * Nothing of it is anybody's input.
 */
#include "core/telemetry.h"

#include "core/hal.h"
#include "core/nic.h"
#include "core/pages.h"
#include "core/percpu.h"
#include "core/supervise.h"
#include "core/vm.h"
#include "lib/bits.h"

static_assert(PAGES_STATE_COUNT == ARRAY_COUNT(((struct aether_telemetry *)0)->pages), "abi/telemetry.h");
static_assert(AETHER_VM_MAX == VM_SERVICE, "the last of vms[] is the service");

static pa_t page_pa;
static struct aether_telemetry *page;

void telemetry_init(void)
{
	page = NULL;
}

enum hv_err telemetry_map(struct pgtable *service)
{
	const enum hv_err err = page == NULL ? pages_pool_alloc(1, &page_pa) : HV_OK;
	if (err != HV_OK) {
		return err;
	}
	page = hal_core_page(page_pa);
	return vm_map_window(service, AETHER_IPA_TELEMETRY, page_pa, PAGE_BYTES, PGTABLE_READ);
}

uint64_t telemetry_guest_ticks(const struct vcpu *vcpu)
{
	uint64_t ticks = vcpu_loaded_ticks(vcpu, hal_ticks());
	for (unsigned i = 0; i < AETHER_EXIT_COUNT; i++) {
		ticks -= vcpu->exits[i].ticks;
	}
	return ticks;
}

/* A counter of this VM, as told: it does not go back, but for a new VM of that number. */
static void raise(uint64_t *told, uint64_t now)
{
	if ((int64_t)(now - *told) > 0) {
		*told = now;
	}
}

static void fill_vm(struct aether_telemetry_vm *to, struct vm *vm)
{
	uint64_t guest_ticks = 0;
	*to = (struct aether_telemetry_vm){
		.state = atomic_load(&vm->state),
		.stop_reason = atomic_load(&vm->stop_reason),
		.stop_detail = atomic_load(&vm->stop_detail),
		.tag = vm->tag,
		.ram_bytes = vm->ram_bytes,
		.starts = vm->starts,
	};
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		const struct vcpu *vcpu = vm->vcpus[i];
		guest_ticks += telemetry_guest_ticks(vcpu);
		to->interrupts += vm->gic.cpu[i].injected;
		for (unsigned cause = 0; cause < AETHER_EXIT_COUNT; cause++) {
			to->exits[cause] += vcpu->exits[cause].count;
			to->exit_ticks[cause] += vcpu->exits[cause].ticks;
		}
	}
	raise(&vm->told_guest_ticks, guest_ticks);
	to->guest_ticks = vm->told_guest_ticks;
}

void telemetry_update(void)
{
	page->ticks = hal_ticks();
	page->readings++;
	pages_tally(page->pages);
	for (unsigned i = 0; i < AETHER_PCPU_MAX; i++) {
		page->cpus[i].interrupts = percpu[i].interrupts;
		page->cpus[i].longest_ticks = percpu[i].longest_ticks;
	}
	for (unsigned i = 0; i <= VM_SERVICE; i++) {
		fill_vm(&page->vms[i], &vms[i]);
	}
	sched_fill_telemetry(page);
	supervise_fill_telemetry(page);
	nic_fill_telemetry(page);
}
