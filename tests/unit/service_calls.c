/* SPDX-License-Identifier: Apache-2.0 */
#include "service_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/console.h"
#include "core/esr.h"
#include "core/hvc.h"
#include "core/sched.h"
#include "hal_fake.h"

struct vcpu *service;

void service_begin(void)
{
	service = node_schedule(0);
	assert_ptr_equal(service, node_service());
}

int service_setup(void **state)
{
	(void)state;
	node_start(2, 2, NODE_RAM_MIB * MIB);
	service_begin();
	return 0;
}

int service_teardown(void **state)
{
	(void)state;
	fake_console_set_room(SIZE_MAX);
	console_interrupt();
	node_stop();
	return 0;
}

void service_bring(void)
{
	if (service->state == VCPU_BLOCKED) {
		vcpu_request(service, VCPU_REQUEST_WAKE);
	}
	while (node_schedule(0) != service) {
		sched_give_way(percpu[0].current);
		fake_advance(FAKE_TICKS_PER_SECOND / 1000); /* until the service has budget again */
	}
}

/* The core has given the CPU back from the middle of a long call. */
static bool is_slice_over(uint64_t function)
{
	const bool is_long = function == AETHER_HVC_VM_CREATE || function == AETHER_HVC_VM_START ||
			     function == AETHER_HVC_VM_RESET || function == AETHER_HVC_VM_DESTROY;
	return is_long && service->pc == PC && (int64_t)service->x[0] == AETHER_EAGAIN;
}

bool service_call_part(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3)
{
	service_bring();
	service->x[0] = function;
	service->x[1] = x1;
	service->x[2] = x2;
	service->x[3] = x3;
	service->pc = PC;
	(void)node_trap(service, HVC, 0);
	return service->pc == PC && !is_slice_over(function);
}

bool service_call_to_the_end(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3)
{
	bool is_done = service_call_part(function, x1, x2, x3);
	for (unsigned i = 0; !is_done; i++) {
		assert_in_range(i, 0, 100000);
		if (service->state == VCPU_BLOCKED) {
			return false;
		}
		if (is_slice_over(function)) {
			service->x[0] = function;
		} else {
			assert_int_equal(service->pc, PC - 4); /* once more */
		}
		assert_int_equal(service->x[0], function);
		service_bring();
		service->pc = PC;
		(void)node_trap(service, HVC, 0);
		is_done = service->pc == PC && !is_slice_over(function);
	}
	return true;
}

int64_t service_call(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3)
{
	assert_true(service_call_to_the_end(function, x1, x2, x3));
	return (int64_t)service->x[0];
}

void service_dies(void)
{
	service->wait_until = 0;
	memset(service->x, 0xa5, sizeof(service->x)); /* whatever the next one has in its registers */
	service->pc = AETHER_IPA_SERVICE + 64;
}

int64_t service_call_with(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3, const void *bytes, size_t count)
{
	service_bring();
	memcpy(&service->x[4], bytes, count);
	return service_call(function, x1, x2, x3);
}

struct vm *service_run_guest(void)
{
	assert_int_equal(service_call(AETHER_HVC_VM_CREATE, SERVICE_GUEST_BYTES, 1, 0), 0);
	struct vm *vm = &vms[service->x[1]];
	fake_watch_table(&vm->stage2);
	assert_int_equal(service_call(AETHER_HVC_VM_START, vm->id, NODE_ENTRY, 0), 0);
	node_settle();
	return vm;
}

const void *service_window(uint64_t ipa)
{
	pa_t pa = PA(0);
	unsigned attributes = 0;
	uint64_t block = 0;
	assert_int_equal(pgtable_lookup(&vms[VM_SERVICE].stage2, ipa, &pa, &attributes, &block), HV_OK);
	assert_int_equal(attributes, PGTABLE_READ);
	return fake_ram(pa);
}
