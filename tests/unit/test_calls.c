/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls for what outlives the service (abi/hvc.h): stores, records, the key, telemetry; with
 * sense, twice, and with values that have none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/telemetry.h"
#include "core/console.h"
#include "core/esr.h"
#include "core/hal.h"
#include "core/sched.h"
#include "core/keep.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "lib/kdf.h"
#include "service_calls.h"

#define RAM_BYTES SERVICE_GUEST_BYTES

/* --- stores --- */

static int64_t create_store(uint64_t tag)
{
	return service_call_with(AETHER_HVC_VM_CREATE, RAM_BYTES, 0, AETHER_VM_STORE, &tag, sizeof(tag));
}

static void a_store_is_memory_and_nothing_else(void **state)
{
	(void)state;
	const struct node_account before = node_account();
	assert_int_equal(create_store(0x7461676765640001), 0);
	const uint64_t id = service->x[1];
	assert_int_equal(id, AETHER_STORE_FIRST);
	struct vm *vm = &vms[id];
	assert_int_equal(node_in_service(vm), RAM_BYTES);
	assert_int_equal(service_call(AETHER_HVC_VM_INFO, id, 0, 0), 0);
	assert_int_equal(service->x[1], AETHER_VM_LOADING | AETHER_VM_STORE << 32);
	assert_int_equal(service->x[4], 0x7461676765640001);
	assert_int_equal(service->x[5], RAM_BYTES);
	assert_int_equal(service_call(AETHER_HVC_VM_START, id, NODE_ENTRY, 0), AETHER_ESTATE);
	assert_int_equal(service_call(AETHER_HVC_VM_STOP, id, 0, 0), AETHER_ESTATE);
	assert_int_equal(service_call_with(AETHER_HVC_CONSOLE_INPUT, id, 0, 1, "x", 1), AETHER_EINVAL);
	*(uint64_t *)fake_ram(vm->extents[0].base) = 1;
	assert_int_equal(service_call(AETHER_HVC_VM_RESET, id, 0, 0), 0);
	assert_int_equal(*(uint64_t *)fake_ram(vm->extents[0].base), 0);
	assert_int_equal(node_in_service(vm), RAM_BYTES);
	node_check();
	assert_int_equal(service_call(AETHER_HVC_VM_DESTROY, id, 0, 0), 0);
	assert_int_equal(service_call(AETHER_HVC_VM_INFO, id, 0, 0), 0);
	assert_int_equal(service->x[1] & UINT32_MAX, AETHER_VM_NONE);
	assert_int_equal(service->x[4], 0);
	assert_int_equal(service->x[5], 0);
	node_assert_account_but_for_scrubs(&before);
	node_check();
}

static void stores_and_guests_are_counted_apart(void **state)
{
	(void)state;
	const struct node_account before = node_account();
	for (unsigned i = 0; i < AETHER_STORE_MAX; i++) {
		assert_int_equal(create_store(i), 0);
		assert_int_equal(service->x[1], AETHER_STORE_FIRST + i);
	}
	assert_int_equal(create_store(0), AETHER_EBUSY);
	for (unsigned i = 0; i < AETHER_VM_MAX; i++) {
		assert_int_equal(service_call(AETHER_HVC_VM_CREATE, RAM_BYTES, 1, 0), 0);
		assert_int_equal(service->x[1], i);
		fake_watch_table(&vms[i].stage2);
	}
	assert_int_equal(service_call(AETHER_HVC_VM_CREATE, RAM_BYTES, 1, 0), AETHER_EBUSY);
	node_check();
	for (unsigned i = 0; i < VM_COUNT; i++) {
		if (i != VM_SERVICE) {
			assert_int_equal(service_call(AETHER_HVC_VM_DESTROY, i, 0, 0), 0);
		}
	}
	node_assert_account_but_for_scrubs(&before);
}

static void stores_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	const struct node_account before = node_account();
	static const uint64_t bad[][3] = {
		{RAM_BYTES, 1, AETHER_VM_STORE},
		{RAM_BYTES, AETHER_VCPU_MAX, AETHER_VM_STORE},
		{RAM_BYTES, UINT64_MAX, AETHER_VM_STORE},
		{RAM_BYTES, 0, 0},
		{0, 0, AETHER_VM_STORE},
		{RAM_BYTES + PAGE_BYTES, 0, AETHER_VM_STORE},
		{AETHER_IPA_LOAD_STRIDE + 2 * MIB, 0, AETHER_VM_STORE},
		{UINT64_MAX & ~(2 * MIB - 1), 0, AETHER_VM_STORE},
		{RAM_BYTES, 0, AETHER_VM_STORE | UINT64_C(1) << 63},
		{RAM_BYTES, 0, UINT64_MAX},
	};
	for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(service_call(AETHER_HVC_VM_CREATE, bad[i][0], bad[i][1], bad[i][2]), AETHER_EINVAL);
	}
	assert_int_equal(service_call(AETHER_HVC_VM_CREATE, AETHER_IPA_LOAD_STRIDE, 0, AETHER_VM_STORE),
			 AETHER_ENOMEM);
	node_assert_account(&before);
}

static void a_tag_is_the_vms_own(void **state)
{
	(void)state;
	const uint64_t tag = UINT64_MAX;
	assert_int_equal(
		service_call_with(AETHER_HVC_VM_CREATE, RAM_BYTES, 1, AETHER_VM_CONSOLE_LINES, &tag, sizeof(tag)), 0);
	fake_watch_table(&vms[0].stage2);
	assert_int_equal(service_call(AETHER_HVC_VM_START, 0, NODE_ENTRY, 0), 0);
	service_dies();
	assert_int_equal(service_call(AETHER_HVC_VM_INFO, 0, 0, 0), 0);
	assert_int_equal(service->x[1], AETHER_VM_RUNNING | AETHER_VM_CONSOLE_LINES << 32);
	assert_int_equal(service->x[4], tag);
	assert_int_equal(service->x[5], RAM_BYTES);
}

/* --- records and the key --- */

static int64_t keep(uint64_t record, uint64_t generation, const char *words)
{
	char bytes[AETHER_KEEP_BYTES] = {0};
	strncpy(bytes, words, sizeof(bytes));
	service_bring();
	memcpy(&service->x[4], bytes + 16, 32);
	uint64_t first[2];
	memcpy(first, bytes, 16);
	return service_call(AETHER_HVC_KEEP_SET, record | generation << 8, first[0], first[1]);
}

static void assert_kept(uint64_t record, uint64_t generation, const char *words)
{
	char bytes[AETHER_KEEP_BYTES] = {0};
	strncpy(bytes, words, sizeof(bytes));
	assert_int_equal(service_call(AETHER_HVC_KEEP_GET, record, 0, 0), 0);
	assert_int_equal(service->x[1], generation);
	assert_memory_equal(&service->x[2], bytes, sizeof(bytes));
}

static void records_outlive_who_set_them(void **state)
{
	(void)state;
	for (unsigned i = 0; i < AETHER_KEEP_RECORDS; i++) {
		assert_kept(i, 0, "");
		assert_int_equal(keep(i, i + 1, "forty-eight bytes, all of which must come back .."), 0);
	}
	service_dies();
	for (unsigned i = 0; i < AETHER_KEEP_RECORDS; i++) {
		assert_kept(i, i + 1, "forty-eight bytes, all of which must come back .");
	}
}

static void a_generation_only_rises(void **state)
{
	(void)state;
	assert_int_equal(keep(3, 7, "seven"), 0);
	assert_int_equal(keep(3, 7, "seven"), 0);
	assert_int_equal(keep(3, 7, "other"), AETHER_ESTATE);
	assert_int_equal(keep(3, 6, "six"), AETHER_ESTATE);
	assert_int_equal(keep(3, 0, "none"), AETHER_EINVAL);
	assert_kept(3, 7, "seven");
	assert_int_equal(keep(3, UINT64_MAX >> 8, "last"), 0);
	assert_int_equal(keep(3, 8, "eight"), AETHER_ESTATE);
	assert_kept(3, UINT64_MAX >> 8, "last");
	assert_kept(2, 0, "");
	assert_kept(4, 0, "");
	for (unsigned record = AETHER_KEEP_RECORDS; record < 256; record++) {
		assert_int_equal(keep(record, 1, "x"), AETHER_EINVAL);
		assert_int_equal(service_call(AETHER_HVC_KEEP_GET, record, 0, 0), AETHER_EINVAL);
	}
	assert_int_equal(service_call(AETHER_HVC_KEEP_GET, UINT64_MAX, 0, 0), AETHER_EINVAL);
	assert_int_equal(service_call(AETHER_HVC_KEEP_GET, UINT64_C(1) << 32, 0, 0), AETHER_EINVAL);
}

static void each_instance_has_a_key_of_its_own(void **state)
{
	(void)state;
	uint64_t boot_key[4], key[4];
	memcpy(boot_key, "the boot's key, of 32 bytes ....", 32);
	assert_int_equal(service_call(AETHER_HVC_KEY_GET, 0, 0, 0), AETHER_ESTATE);
	assert_int_equal(service_call_with(AETHER_HVC_KEY_SET, boot_key[0], boot_key[1], boot_key[2], &boot_key[3], 8),
			 0);
	for (uint32_t instance = 1; instance < 4; instance++) {
		kdf_instance_key((const uint8_t *)boot_key, instance, (uint8_t *)key);
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(service_call(AETHER_HVC_KEY_GET, 0, 0, 0), 0);
			assert_memory_equal(&service->x[1], key, sizeof(key));
		}
		assert_int_equal(service_call(AETHER_HVC_KEY_SET, 0, 0, 0), AETHER_ESTATE);
		service_dies();
		keep_new_instance(instance + 1);
	}
}

/* --- telemetry --- */

static const struct aether_telemetry *measure(void)
{
	assert_int_equal(service_call(AETHER_HVC_TELEMETRY, 0, 0, 0), 0);
	return service_window(AETHER_IPA_TELEMETRY);
}

static void telemetry_says_what_is(void **state)
{
	(void)state;
	struct vm *vm = service_run_guest();
	const uint64_t tag = 99;
	assert_int_equal(service_call_with(AETHER_HVC_VM_CREATE, 2 * RAM_BYTES, 2, 0, &tag, sizeof(tag)), 0);
	fake_watch_table(&vms[1].stage2);
	const struct aether_telemetry *page = measure();
	assert_int_equal(page->readings, 1);
	assert_int_equal(page->pages[PAGE_VM], RAM_BYTES / PAGE_BYTES);
	assert_int_equal(page->pages[PAGE_LOADING], 2 * RAM_BYTES / PAGE_BYTES);
	uint64_t pages = 0;
	for (unsigned i = 0; i < PAGES_STATE_COUNT; i++) {
		pages += page->pages[i];
	}
	assert_int_equal(pages, NODE_RAM_MIB * MIB / PAGE_BYTES);
	assert_int_equal(page->vms[0].state, AETHER_VM_RUNNING);
	assert_int_equal(page->vms[0].starts, 1);
	assert_int_equal(page->vms[0].ram_bytes, RAM_BYTES);
	assert_int_equal(page->vms[1].state, AETHER_VM_LOADING);
	assert_int_equal(page->vms[1].tag, 99);
	assert_int_equal(page->vms[2].state, AETHER_VM_NONE);
	assert_int_equal(page->vms[VM_SERVICE].state, AETHER_VM_RUNNING);
	assert_true(page->vms[VM_SERVICE].exits[AETHER_EXIT_HVC] > 5);
	const uint64_t calls = page->vms[VM_SERVICE].exits[AETHER_EXIT_HVC];
	assert_ptr_equal(measure(), page);
	assert_int_equal(page->readings, 2);
	assert_int_equal(page->vms[VM_SERVICE].exits[AETHER_EXIT_HVC], calls + 1);
	vm_stop(vm, AETHER_STOP_SERROR, 5);
	node_settle();
	(void)measure();
	assert_int_equal(page->vms[0].state, AETHER_VM_STOPPED);
	assert_int_equal(page->vms[0].stop_reason, AETHER_STOP_SERROR);
	assert_int_equal(page->vms[0].stop_detail, 5);
}

/* A guest that has its CPU to itself never leaves it, and its time counts all the same. */
static void time_of_a_guest_that_runs_counts(void **state)
{
	(void)state;
	struct vm *vm = &vms[1]; /* its first vCPU is CPU 1's */
	(void)service_run_guest();
	assert_ptr_equal(service_run_guest(), vm);
	assert_ptr_equal(percpu[1].current, vm->vcpus[0]);
	const struct aether_telemetry *page = measure();
	const uint64_t before = page->vms[1].guest_ticks;
	fake_advance(1000000);
	(void)measure();
	assert_in_range(page->vms[1].guest_ticks - before, 1000000, 1001000);
	uint64_t last = page->vms[1].guest_ticks;
	for (unsigned i = 0; i < 20; i++) { /* on and off, and exits: never back */
		vm->vcpus[0]->x[0] = 0;
		(void)node_trap(vm->vcpus[0], HVC, 0);
		sched_block(vm->vcpus[0]);
		(void)node_schedule(1);
		(void)measure();
		assert_true(page->vms[1].guest_ticks >= last);
		last = page->vms[1].guest_ticks;
		vcpu_request(vm->vcpus[0], VCPU_REQUEST_WAKE);
		sched_wake(vm->vcpus[0]);
		(void)node_schedule(1);
		fake_set_cpu(0);
		(void)measure();
		assert_true(page->vms[1].guest_ticks >= last);
		last = page->vms[1].guest_ticks;
	}
}

static void interrupts_are_counted(void **state)
{
	(void)state;
	struct vm *vm = service_run_guest();
	const struct aether_telemetry *page = measure();
	const uint64_t taken = page->cpus[0].interrupts;
	const uint64_t injected = page->vms[0].interrupts;
	fake_irq_push(HAL_IRQ_VTIMER, 27);
	node_rest();
	assert_ptr_equal(node_schedule(0), vm->vcpus[0]);
	uint64_t enable = UINT64_C(1) << 27, one = 1;
	assert_int_equal(vgic_dist_access(&vm->gic, 0, 0, 4, true, &one), EXIT_ADVANCE);
	assert_int_equal(vgic_dist_access(&vm->gic, 0, 0x100, 4, true, &enable), EXIT_ADVANCE);
	(void)node_irq(0);
	(void)measure();
	assert_int_equal(page->cpus[0].interrupts, taken + 1);
	assert_int_equal(page->vms[0].interrupts, injected + 1);
	node_end(vm);
	assert_int_equal(service_call(AETHER_HVC_VM_RESET, 0, 0, 0), 0);
	(void)measure();
	assert_int_equal(page->vms[0].interrupts, injected + 1);
	assert_int_equal(service_call(AETHER_HVC_VM_DESTROY, 0, 0, 0), 0);
	(void)service_run_guest();
	(void)measure();
	assert_int_equal(page->vms[0].interrupts, 0);
}

/* A guest's counters are of its whole life; a new VM of that number begins anew, but for how often it was started. */
static void counters_begin_with_the_vm(void **state)
{
	(void)state;
	struct vm *vm = service_run_guest();
	node_rest();
	for (unsigned i = 0; i < 5; i++) {
		assert_ptr_equal(node_schedule(0), vm->vcpus[0]);
		vm->vcpus[0]->x[0] = 0;
		(void)node_trap(vm->vcpus[0], HVC, 0);
	}
	const struct aether_telemetry *page = measure();
	const uint64_t calls = page->vms[0].exits[AETHER_EXIT_HVC];
	assert_true(calls >= 5);
	node_end(vm);
	assert_int_equal(service_call(AETHER_HVC_VM_RESET, 0, 0, 0), 0);
	assert_int_equal(service_call(AETHER_HVC_VM_START, 0, NODE_ENTRY, 0), 0);
	(void)measure();
	assert_int_equal(page->vms[0].exits[AETHER_EXIT_HVC], calls);
	assert_int_equal(page->vms[0].starts, 2);
	node_settle();
	node_end(vm);
	assert_int_equal(service_call(AETHER_HVC_VM_DESTROY, 0, 0, 0), 0);
	(void)service_run_guest();
	(void)measure();
	assert_int_equal(page->vms[0].exits[AETHER_EXIT_HVC], 0);
	assert_int_equal(page->vms[0].starts, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)
		TEST(a_store_is_memory_and_nothing_else),
		TEST(stores_and_guests_are_counted_apart),
		TEST(stores_that_make_no_sense_are_refused),
		TEST(a_tag_is_the_vms_own),
		TEST(records_outlive_who_set_them),
		TEST(a_generation_only_rises),
		TEST(each_instance_has_a_key_of_its_own),
		TEST(telemetry_says_what_is),
		TEST(time_of_a_guest_that_runs_counts),
		TEST(interrupts_are_counted),
		TEST(counters_begin_with_the_vm),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
