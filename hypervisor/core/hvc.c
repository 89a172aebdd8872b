/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's hypercalls. The service is trusted to decide when guests start and end, not with anything else: every
 * number it passes is checked here or in the function that takes it, and no address of its own is followed. A long
 * call is done in parts, the HVC instruction being run again until it is finished or its slice of time is over; then
 * the service may do something else first. What is in hand is in the VM (core/vm.h) and nowhere else, so an instance of
 * the service may end between any two parts.
 */
#include "core/hvc.h"

#include "abi/hvc.h"
#include "core/console.h"
#include "core/console_ring.h"
#include "core/crash.h"
#include "core/hal.h"
#include "core/keep.h"
#include "core/nic.h"
#include "core/percpu.h"
#include "core/supervise.h"
#include "core/telemetry.h"
#include "core/vm_memory.h"
#include "lib/string.h"

#define SLICE_HZ 1000u /* so long a call keeps the service's CPU */

static int64_t error_of(enum hv_err err)
{
	switch (err) {
	case HV_OK:
		return 0;
	case HV_EINVAL:
	case HV_EPERM:
		return AETHER_EINVAL;
	case HV_ENOMEM:
		return AETHER_ENOMEM;
	case HV_ESTATE:
		return AETHER_ESTATE;
	case HV_EBUSY:
		return AETHER_EBUSY;
	case HV_AGAIN:
		break;
	}
	return AETHER_EAGAIN;
}

static enum exit_action answer(struct vcpu *vcpu, enum hv_err err)
{
	if (err == HV_AGAIN) {
		return EXIT_RETRY;
	}
	vcpu->x[0] = (uint64_t)error_of(err);
	return EXIT_RESUME;
}

/* A long call comes back with EAGAIN when its slice is over. */
static enum exit_action answer_long(struct vcpu *vcpu, enum hv_err err)
{
	if (err == HV_AGAIN && !vm_is_slice_over()) {
		return EXIT_RETRY;
	}
	if (err == HV_AGAIN) {
		supervise_alive();
	}
	vcpu->wait_until = 0;
	vcpu->x[0] = (uint64_t)error_of(err);
	return EXIT_RESUME;
}

static void begin_slice(struct vcpu *vcpu)
{
	if (vcpu->wait_until == 0) {
		vcpu->wait_until = hal_ticks() + hal_ticks_per_second() / SLICE_HZ;
	}
}

static enum exit_action call_create(struct vcpu *vcpu)
{
	unsigned id = vcpu->x[5] < AETHER_VM_MAX ? (unsigned)vcpu->x[5] : 0;
	begin_slice(vcpu);
	enum hv_err err = vm_create(vcpu->x[1], vcpu->x[2], vcpu->x[3], vcpu->x[4], &id);
	if (err == HV_OK) {
		err = vm_create_step(&vms[id]);
	}
	if (err == HV_OK) {
		vcpu->x[1] = id;
	}
	return answer_long(vcpu, err);
}

static enum exit_action call_long(struct vcpu *vcpu, uint64_t call, struct vm *vm)
{
	begin_slice(vcpu);
	switch (call) {
	case AETHER_HVC_VM_START:
		return answer_long(vcpu, vm_start(vm, vcpu->x[2], vcpu->x[3]));
	case AETHER_HVC_VM_RESET:
		return answer_long(vcpu, vm_reset(vm));
	default: /* AETHER_HVC_VM_DESTROY */
		return answer_long(vcpu, vm_destroy(vm));
	}
}

/* The guest that x1 names, or NULL. */
static struct vm *guest_of(const struct vcpu *vcpu)
{
	return vcpu->x[1] < AETHER_VM_MAX ? &vms[vcpu->x[1]] : NULL;
}

/* The guest or the store that x1 names, or NULL. */
static struct vm *vm_of(const struct vcpu *vcpu)
{
	return vcpu->x[1] < VM_COUNT && vcpu->x[1] != VM_SERVICE ? &vms[vcpu->x[1]] : NULL;
}

static enum exit_action call_info(struct vcpu *vcpu, const struct vm *vm)
{
	vcpu->x[1] = atomic_load(&vm->state) | (uint64_t)vm->flags << 32;
	vcpu->x[2] = atomic_load(&vm->stop_reason);
	vcpu->x[3] = atomic_load(&vm->stop_detail);
	vcpu->x[4] = vm->tag;
	vcpu->x[5] = vm->ram_bytes;
	return answer(vcpu, HV_OK);
}

static enum exit_action call_vm(struct vcpu *vcpu, uint64_t call)
{
	struct vm *vm = vm_of(vcpu);
	if (vm == NULL) {
		return answer(vcpu, HV_EINVAL);
	}
	switch (call) {
	case AETHER_HVC_VM_INFO:
		return call_info(vcpu, vm);
	case AETHER_HVC_VM_START:
	case AETHER_HVC_VM_RESET:
	case AETHER_HVC_VM_DESTROY:
		return call_long(vcpu, call, vm);
	case AETHER_HVC_VM_PAUSE:
		return answer(vcpu, vm_pause(vm));
	case AETHER_HVC_VM_RESUME:
		return answer(vcpu, vm_resume(vm));
	case AETHER_HVC_VM_RESERVE:
		return answer(vcpu, vm_reserve(vm, vcpu->x[2], vcpu->x[3], vcpu->x[4]));
	default: /* AETHER_HVC_VM_STOP */
		if (atomic_load(&vm->state) != AETHER_VM_RUNNING && atomic_load(&vm->state) != AETHER_VM_PAUSED) {
			return answer(vcpu, HV_ESTATE);
		}
		vm_stop(vm, AETHER_STOP_SERVICE, 0);
		return answer(vcpu, HV_OK);
	}
}

/*
 * Run again after each wake: what it waits for may have been told already, or the deadline has come. The service is
 * never asleep so long that it could not say in time that it lives.
 */
static enum exit_action call_event_wait(struct vcpu *vcpu)
{
	const uint64_t now = hal_ticks();
	if (vcpu->wait_until == 0) {
		const uint64_t longest = now + hal_ticks_per_second() * AETHER_ALIVE_MS / 2 / 1000;
		vcpu->wait_until = vcpu->x[1] < longest ? vcpu->x[1] : longest;
	}
	const bool is_nic_due = nic_take_event();
	const struct vm *vm = vm_take_event();
	if (!is_nic_due && vm == NULL && now < vcpu->wait_until) {
		nic_listen();
		vcpu->is_event_waiter = true;
		vcpu->pc -= 4;
		return EXIT_BLOCK;
	}
	vcpu->wait_until = 0;
	vcpu->x[1] = is_nic_due ? AETHER_EVENT_NIC : 0;
	if (vm != NULL) {
		vcpu->x[1] |= AETHER_EVENT_VM_STOPPED;
		vcpu->x[2] = vm->id;
		vcpu->x[3] = atomic_load(&vm->stop_reason);
	}
	return answer(vcpu, HV_OK);
}

/* Guests whose alarm the new time moves are asked to look at it. */
static enum exit_action call_time_set(struct vcpu *vcpu)
{
	if (vcpu->x[2] > hal_ticks()) {
		return answer(vcpu, HV_EINVAL);
	}
	vrtc_set_time(vcpu->x[1], vcpu->x[2]);
	for (unsigned i = 0; i < AETHER_VM_MAX; i++) {
		const uint32_t state = atomic_load(&vms[i].state);
		if (state == AETHER_VM_RUNNING || state == AETHER_VM_PAUSED) {
			vrtc_poll(&vms[i].rtc);
			if (vrtc_alarm(&vms[i].rtc) != UINT64_MAX) {
				vcpu_request(vms[i].vcpus[0], VCPU_REQUEST_SYNC);
			}
		}
	}
	return answer(vcpu, HV_OK);
}

static enum exit_action call_log(struct vcpu *vcpu)
{
	const uint64_t count = vcpu->x[1];
	char text[48];
	if (count == 0 || count > sizeof(text)) {
		return answer(vcpu, HV_EINVAL);
	}
	for (unsigned i = 0; i < count; i++) {
		text[i] = (char)(vcpu->x[2 + i / 8] >> (8 * (i % 8)));
	}
	vcpu->x[0] = console_write(text, count) ? 0 : (uint64_t)AETHER_EAGAIN;
	return EXIT_RESUME;
}

static bool counter(uint64_t which, uint64_t index, uint64_t cause, uint64_t *value)
{
	if (which == AETHER_COUNTER_LONGEST_TICKS) {
		*value = index < AETHER_PCPU_MAX ? percpu[index].longest_ticks : 0;
		return index < AETHER_PCPU_MAX;
	}
	if (index >= VM_COUNT || cause >= AETHER_EXIT_COUNT) {
		return false;
	}
	const struct vm *vm = &vms[index];
	uint64_t sum = 0;
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		const struct vcpu *vcpu = vm->vcpus[i];
		if (which == AETHER_COUNTER_EXITS) {
			sum += vcpu->exits[cause].count;
		} else if (which == AETHER_COUNTER_EXIT_TICKS) {
			sum += vcpu->exits[cause].ticks;
		} else if (which == AETHER_COUNTER_GUEST_TICKS) {
			sum += telemetry_guest_ticks(vcpu);
		}
	}
	*value = which == AETHER_COUNTER_SCRUB_TICKS ? vm->scrub_ticks : sum;
	return which <= AETHER_COUNTER_SCRUB_TICKS;
}

static enum exit_action call_counter(struct vcpu *vcpu)
{
	uint64_t value = 0;
	if (!counter(vcpu->x[1], vcpu->x[2], vcpu->x[3], &value)) {
		return answer(vcpu, HV_EINVAL);
	}
	vcpu->x[1] = value;
	return answer(vcpu, HV_OK);
}

/* x1 VM, x2 offset, x3 count, x4..x7 the bytes */
static enum exit_action call_console_input(struct vcpu *vcpu)
{
	const struct vm *vm = guest_of(vcpu);
	uint8_t bytes[CONSOLE_INPUT_MAX];
	if (vm == NULL || vcpu->x[3] == 0 || vcpu->x[3] > sizeof(bytes)) {
		return answer(vcpu, HV_EINVAL);
	}
	memcpy(bytes, &vcpu->x[4], sizeof(bytes)); /* a register's first byte is its lowest: both are little-endian */
	const enum hv_err err = console_input(vm->id, vcpu->x[2], bytes, (uint32_t)vcpu->x[3], &vcpu->x[1]);
	return answer(vcpu, err);
}

static enum exit_action call_keep_get(struct vcpu *vcpu)
{
	return answer(vcpu, keep_get(vcpu->x[1], &vcpu->x[1], &vcpu->x[2]));
}

/* The console's last words go out first; a guest that always has some more is not waited for. */
static enum exit_action call_node_off(struct vcpu *vcpu)
{
	if (vcpu->wait_until == 0) {
		vcpu->wait_until = hal_ticks() + hal_ticks_per_second();
	}
	if (!console_is_drained() && hal_ticks() < vcpu->wait_until) {
		return EXIT_RETRY;
	}
	hal_node_off(vcpu->x[1] == 1);
}

enum exit_action hvc_call(struct vcpu *vcpu)
{
	switch (vcpu->x[0]) {
	case AETHER_HVC_VM_CREATE:
		return call_create(vcpu);
	case AETHER_HVC_VM_START:
	case AETHER_HVC_VM_RESET:
	case AETHER_HVC_VM_DESTROY:
	case AETHER_HVC_VM_STOP:
	case AETHER_HVC_VM_INFO:
	case AETHER_HVC_VM_PAUSE:
	case AETHER_HVC_VM_RESUME:
	case AETHER_HVC_VM_RESERVE:
		return call_vm(vcpu, vcpu->x[0]);
	case AETHER_HVC_EVENT_WAIT:
		return call_event_wait(vcpu);
	case AETHER_HVC_LOG:
		return call_log(vcpu);
	case AETHER_HVC_COUNTER:
		return call_counter(vcpu);
	case AETHER_HVC_CONSOLE_INPUT:
		return call_console_input(vcpu);
	case AETHER_HVC_KEEP_SET:
		return answer(vcpu, keep_set(vcpu->x[1] & 0xff, vcpu->x[1] >> 8, &vcpu->x[2]));
	case AETHER_HVC_KEEP_GET:
		return call_keep_get(vcpu);
	case AETHER_HVC_KEY_SET:
		return answer(vcpu, keep_key_set(&vcpu->x[1]));
	case AETHER_HVC_KEY_GET:
		return answer(vcpu, keep_key_get(&vcpu->x[1]));
	case AETHER_HVC_TELEMETRY:
		telemetry_update();
		return answer(vcpu, HV_OK);
	case AETHER_HVC_TIME_SET:
		return call_time_set(vcpu);
	case AETHER_HVC_CRASH_DONE:
		crash_set_told();
		return answer(vcpu, HV_OK);
	case AETHER_HVC_NODE_OFF:
		return call_node_off(vcpu);
	case AETHER_HVC_NIC_POST:
		return answer(vcpu, nic_post(vcpu->x[1], &vcpu->x[2]));
	case AETHER_HVC_ALIVE:
	case AETHER_HVC_FAIL:
	case AETHER_HVC_SERVICE_UPDATE:
	case AETHER_HVC_CHAOS:
		return supervise_call(vcpu);
	default:
		vcpu->x[0] = (uint64_t)AETHER_ENOSYS;
		return EXIT_RESUME;
	}
}
