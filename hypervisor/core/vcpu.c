/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs, and the requests that other CPUs make of them. A request is a bit set with release order after its cause;
 * the vCPU's own CPU takes the bits with acquire order and acts. So nothing but the bits is shared.
 */
#include "core/vcpu.h"

#include "core/check.h"
#include "core/hal.h"
#include "core/percpu.h"
#include "core/sched.h"
#include "core/sysreg.h"
#include "lib/bits.h"

#include "hal_fast.h"

#define GICD_ICACTIVER 0x380u

void vcpu_init(struct vcpu *vcpu, struct vm *vm, unsigned index, unsigned cpu)
{
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->is_service = vm->id == VM_SERVICE;
	vcpu->who = vm->id << 8 | index;
	vcpu->cpu = cpu;
	vcpu->state = VCPU_OFF;
	vcpu->arch = hal_vcpu_storage(vm->id, index);
	vcpu->host_sp = percpu[cpu].stack_top;
	vcpu->wake_deadline = UINT64_MAX;
	vcpu->share = (struct sched_share){.weight = SCHED_WEIGHT_DEFAULT};
	atomic_store_explicit(&vcpu->loaded_at, VCPU_NOT_LOADED, memory_order_relaxed);
	vcpu->is_event_waiter = false;
	vcpu->wait_until = 0;
	vcpu->is_cache_watched = false;
	vcpu->is_flush_due = false;
	vcpu->flush_cursor = 0;
	atomic_store_explicit(&vcpu->requests, 0, memory_order_relaxed);
	hal_vcpu_reset(vcpu);
}

void vcpu_request(struct vcpu *vcpu, uint32_t requests)
{
	struct percpu *cpu = &percpu[vcpu->cpu];
	atomic_fetch_or_explicit(&vcpu->requests, requests, memory_order_release);
	/* Release: whoever sees the slot's bit sees the request. */
	atomic_fetch_or_explicit(&cpu->pending, UINT64_C(1) << vcpu->slot, memory_order_release);
	if (cpu == hal_this_cpu()) {
		cpu->must_reschedule = true;
	} else {
		hal_kick_cpu(vcpu->cpu);
	}
}

static const unsigned timer_intids[] = {AETHER_GUEST_VTIMER_INTID, AETHER_GUEST_PTIMER_INTID};

void vcpu_load(struct vcpu *vcpu)
{
	struct vgic *gic = &vcpu->vm->gic;
	atomic_store_explicit(&vcpu->loaded_at, hal_fast_ticks(), memory_order_relaxed);
	vgic_load(gic, vcpu->index);
	vgic_flush(gic, vcpu->index);
	/* The physical timer interrupt is active exactly while the guest has its virtual twin in hand. */
	for (unsigned i = 0; i < ARRAY_COUNT(timer_intids); i++) {
		hal_irq_set_active(hal_guest_timer_pintid(timer_intids[i]),
				   vgic_is_hw_in_flight(gic, vcpu->index, timer_intids[i]));
	}
	hal_vcpu_load(vcpu);
}

void vcpu_unload(struct vcpu *vcpu)
{
	struct vgic *gic = &vcpu->vm->gic;
	const uint64_t timer = hal_vcpu_unload(vcpu);
	vcpu->wake_deadline = vcpu->wait_until != 0 && vcpu->wait_until < timer ? vcpu->wait_until : timer;
	vgic_unload(gic, vcpu->index);
	for (unsigned i = 0; i < ARRAY_COUNT(timer_intids); i++) {
		if (!hal_vcpu_timer_asserts(vcpu, timer_intids[i])) {
			vgic_lower_hw(gic, vcpu->index, timer_intids[i]);
		}
		hal_irq_set_active(hal_guest_timer_pintid(timer_intids[i]), false);
	}
	/* In this order for vcpu_loaded_ticks(). */
	const uint64_t loaded_at = atomic_exchange_explicit(&vcpu->loaded_at, VCPU_NOT_LOADED, memory_order_relaxed);
	const uint64_t ticks = atomic_load_explicit(&vcpu->loaded_ticks, memory_order_relaxed);
	atomic_store_explicit(&vcpu->loaded_ticks, ticks + hal_fast_ticks() - loaded_at, memory_order_release);
}

/*
 * What is seen of a vCPU that another CPU takes off at the same time: loaded_at is withdrawn before its stretch is
 * added, so the stretch may be missing from the answer once, and is never in it twice.
 */
uint64_t vcpu_loaded_ticks(const struct vcpu *vcpu, uint64_t now)
{
	const uint64_t before = atomic_load_explicit(&vcpu->loaded_at, memory_order_acquire);
	const uint64_t ticks = atomic_load_explicit(&vcpu->loaded_ticks, memory_order_acquire);
	const uint64_t after = atomic_load_explicit(&vcpu->loaded_at, memory_order_relaxed);
	return before == after && before < now ? ticks + (now - before) : ticks;
}

bool vcpu_has_timer_in_flight(struct vcpu *vcpu)
{
	struct vgic *gic = &vcpu->vm->gic;
	for (unsigned i = 0; i < ARRAY_COUNT(timer_intids); i++) {
		if (vgic_is_hw_in_flight(gic, vcpu->index, timer_intids[i])) {
			return true;
		}
	}
	return false;
}

void vcpu_resample_timers(struct vcpu *vcpu)
{
	struct vgic *gic = &vcpu->vm->gic;
	for (unsigned i = 0; i < ARRAY_COUNT(timer_intids); i++) {
		const unsigned intid = timer_intids[i];
		if (hal_timer_asserts(intid) || !vgic_is_hw_in_flight(gic, vcpu->index, intid)) {
			continue;
		}
		vgic_lower_hw(gic, vcpu->index, intid);
		vgic_flush(gic, vcpu->index);
		hal_irq_set_active(hal_guest_timer_pintid(intid),
				   vgic_is_hw_in_flight(gic, vcpu->index, intid));
	}
}

/* PSCI: the vCPU comes on, in its first state. */
static void enter(struct vcpu *vcpu)
{
	uint64_t entry = 0;
	uint64_t context_id = 0;
	if (vcpu->state != VCPU_OFF ||
	    !psci_enter(&vcpu->vm->psci, vcpu->index, &entry, &context_id)) {
		return;
	}
	vgic_reset_vcpu(&vcpu->vm->gic, vcpu->index);
	hal_vcpu_reset(vcpu);
	vcpu->is_cache_watched = false; /* the traps of its last life went with its registers */
	vcpu->is_flush_due = false;
	vcpu->flush_cursor = 0;
	vcpu->abort_streak = 0;
	vcpu->pc = entry;
	vcpu->x[0] = context_id;
	sched_wake(vcpu);
}

static void stop(struct vcpu *vcpu)
{
	sched_turn_off(vcpu);
	vm_vcpu_stopped(vcpu->vm);
}

void vcpu_serve_requests(struct vcpu *vcpu)
{
	const uint32_t requests =
		atomic_exchange_explicit(&vcpu->requests, 0, memory_order_acquire);
	struct vgic *gic = &vcpu->vm->gic;
	if (requests & VCPU_REQUEST_STOP) {
		stop(vcpu);
		return;
	}
	if (requests & (VCPU_REQUEST_PAUSE | VCPU_REQUEST_RESUME | VCPU_REQUEST_RESERVE)) {
		vm_vcpu_serve(vcpu, requests);
	}
	if (requests & VCPU_REQUEST_ENTER) {
		enter(vcpu);
	}
	if (requests & VCPU_REQUEST_SYNC) {
		sched_look_again(&percpu[vcpu->cpu]); /* its clock's alarm may have been set */
	}
	if (requests & (VCPU_REQUEST_INTERRUPT | VCPU_REQUEST_SYNC)) {
		if (percpu[vcpu->cpu].current == vcpu) {
			vgic_sync(gic, vcpu->index);
			vgic_flush(gic, vcpu->index);
		}
		/* Also the current one: it may have gone to sleep just before this came. */
		if (vcpu->state == VCPU_BLOCKED && vgic_has_pending(gic, vcpu->index)) {
			sched_wake(vcpu);
		}
	}
	if ((requests & VCPU_REQUEST_WAKE) && vcpu->is_event_waiter) {
		sched_wake(vcpu);
	}
}

static struct vcpu *vcpu_of(struct vgic *gic, unsigned index)
{
	struct vm *vm = (struct vm *)((char *)gic - offsetof(struct vm, gic));
	return vm->vcpus[index];
}

void vgic_kick(struct vgic *gic, unsigned index)
{
	struct vcpu *vcpu = vcpu_of(gic, index);
	if (vcpu == hal_this_cpu()->current) {
		return; /* its LRs are filled before it is entered */
	}
	vcpu_request(vcpu, VCPU_REQUEST_INTERRUPT);
}

void vgic_request_sync(struct vgic *gic, unsigned index)
{
	vcpu_request(vcpu_of(gic, index), VCPU_REQUEST_SYNC);
}

void psci_wake(struct psci *psci, unsigned index)
{
	struct vm *vm = (struct vm *)((char *)psci - offsetof(struct vm, psci));
	vcpu_request(vm->vcpus[index], VCPU_REQUEST_ENTER);
}

void vcpu_sgi(struct vcpu *vcpu, uint64_t value, bool is_group1)
{
	vgic_sgi_register(&vcpu->vm->gic, vcpu->index, value, is_group1);
	vgic_flush(&vcpu->vm->gic, vcpu->index);
}

/*
 * A guest with EOImode 1 may deactivate in any order, also what no LR holds: the hardware would count that an end found
 * nothing, not which. So it comes here, and is what a write of GICD_ICACTIVER is.
 */
enum exit_action vcpu_deactivate(struct vcpu *vcpu, uint32_t intid)
{
	struct vgic *gic = &vcpu->vm->gic;
	uint64_t bit = UINT64_C(1) << (intid % 32);
	enum exit_action action = EXIT_ADVANCE;
	if (intid < VGIC_PRIVATE_COUNT && gic->version == 3) {
		const uint64_t frame = vcpu->index * AETHER_GUEST_GICR_STRIDE + 0x10000;
		action = vgic_redist_access(gic, vcpu->index, frame + GICD_ICACTIVER, 4, true, &bit);
	} else if (intid < AETHER_GUEST_INTID_COUNT) {
		action = vgic_dist_access(gic, vcpu->index, GICD_ICACTIVER + intid / 32 * 4, 4, true, &bit);
	}
	vgic_flush(gic, vcpu->index);
	return action;
}

/*
 * Set/way operations reach the caches of one CPU only, so they cannot be passed on for a vCPU that shares or changes
 * CPUs. What a guest means by them is "my memory is clean": the first one cleans all of it by address, and from then on
 * the guest's switching of its caches is watched, and cleans again, until they are on for good (as Linux's KVM does).
 */
static enum exit_action flush(struct vcpu *vcpu)
{
	if (vm_flush_ram(vcpu->vm, &vcpu->flush_cursor) != HV_OK) {
		return EXIT_RETRY;
	}
	vcpu->flush_cursor = 0;
	vcpu->is_flush_due = false;
	return EXIT_ADVANCE;
}

enum exit_action vcpu_set_way(struct vcpu *vcpu)
{
	if (vcpu->is_cache_watched) {
		return EXIT_ADVANCE;
	}
	const enum exit_action action = flush(vcpu);
	if (action == EXIT_ADVANCE) {
		vcpu->is_cache_watched = true;
		hal_vcpu_trap_memory_control(vcpu, true);
	}
	return action;
}

enum exit_action vcpu_write_vm_register(struct vcpu *vcpu, unsigned crn, unsigned crm, unsigned op2,
					uint64_t value)
{
	bool is_on = false;
	if (hal_vcpu_write_memory_control(vcpu, crn, crm, op2, value, &is_on)) {
		vcpu->is_flush_due = true;
	}
	if (vcpu->is_flush_due && flush(vcpu) == EXIT_RETRY) {
		return EXIT_RETRY; /* the write is done again then, and changes nothing */
	}
	if (is_on) {
		vcpu->is_cache_watched = false;
		hal_vcpu_trap_memory_control(vcpu, false);
	}
	return EXIT_ADVANCE;
}

void vrtc_set_line(struct vrtc *rtc, bool is_high)
{
	vgic_set_level(&vms[rtc->vm].gic, 0, AETHER_GUEST_RTC_INTID, is_high);
}
