/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service that dies between any two parts of any long call: the next instance, which knows nothing but what VM_INFO
 * says, ends what was begun, and may die itself meanwhile. No page is lost, no page is reached by two, and a guest
 * that runs and its memory are as they were.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/esr.h"
#include "core/hal.h"
#include "core/hvc.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "service_calls.h"

#define RAM_BYTES (4 * MIB)
#define PARTS_MAX 1000u
#define CANARY UINT64_C(0x6b6565706f757421)

static bool is_in_slices; /* what ends each part of a call; else an interrupt */
static struct vm *bystander;
static struct node_account before;

static int setup(void **state)
{
	(void)state;
	is_in_slices = false;
	return 0;
}

static void fill(const struct vm *vm, uint64_t value)
{
	for (unsigned i = 0; i < vm->extent_count; i++) {
		for (uint64_t at = 0; at < vm->extents[i].bytes; at += PAGE_BYTES) {
			*(uint64_t *)fake_ram(pa_add(vm->extents[i].base, at)) = value + at;
		}
	}
}

static bool holds(const struct vm *vm, uint64_t value)
{
	bool is_same = true;
	for (unsigned i = 0; i < vm->extent_count; i++) {
		for (uint64_t at = 0; at < vm->extents[i].bytes; at += PAGE_BYTES) {
			is_same &= *(uint64_t *)fake_ram(pa_add(vm->extents[i].base, at)) ==
				   (value != 0 ? value + at : 0);
		}
	}
	return is_same;
}

static void begin(void)
{
	node_start(2, 2, 32 * MIB);
	service_begin();
	bystander = node_enter(RAM_BYTES, 1);
	fill(bystander, CANARY);
	before = node_account();
	fake_interrupt_every(1);
}

/* --- what is done with a VM, as x0 to x3 of the call, and how it comes to that --- */

struct call {
	const char *name;
	uint64_t function, x1, x2, x3;
	void (*prepare)(void);
};

#define GUEST 1u /* behind the bystander */

static void nothing(void)
{
}

static void loading_guest(void)
{
	fill(node_load(RAM_BYTES, 2), 0x1111);
}

static void stopped_guest(void)
{
	struct vm *vm = node_enter(RAM_BYTES, 2);
	fill(vm, 0x2222);
	node_end(vm);
}

static void loading_store(void)
{
	assert_int_equal(service_call(AETHER_HVC_VM_CREATE, RAM_BYTES, 0, AETHER_VM_STORE), 0);
	assert_int_equal(service->x[1], AETHER_STORE_FIRST);
	fill(&vms[AETHER_STORE_FIRST], 0x3333);
}

/* Creation runs out of tables when it maps, and is being undone. */
static void few_tables(void)
{
	node_starve(4);
}

/* Some of the memory is free already, some is dirty. */
static void mixed_memory(void)
{
	node_destroy(node_load(RAM_BYTES, 1));
}

static const struct call calls[] = {
	{"create", AETHER_HVC_VM_CREATE, RAM_BYTES, 2, 0, nothing},
	{"create of mixed memory", AETHER_HVC_VM_CREATE, 3 * RAM_BYTES, 2, 0, mixed_memory},
	{"create that fails", AETHER_HVC_VM_CREATE, RAM_BYTES, 2, 0, few_tables},
	{"create a store", AETHER_HVC_VM_CREATE, RAM_BYTES, 0, AETHER_VM_STORE, nothing},
	{"start", AETHER_HVC_VM_START, GUEST, NODE_ENTRY, 5, loading_guest},
	{"reset what ran", AETHER_HVC_VM_RESET, GUEST, 0, 0, stopped_guest},
	{"reset what never ran", AETHER_HVC_VM_RESET, GUEST, 0, 0, loading_guest},
	{"reset a store", AETHER_HVC_VM_RESET, AETHER_STORE_FIRST, 0, 0, loading_store},
	{"destroy what ran", AETHER_HVC_VM_DESTROY, GUEST, 0, 0, stopped_guest},
	{"destroy what never ran", AETHER_HVC_VM_DESTROY, GUEST, 0, 0, loading_guest},
	{"destroy a store", AETHER_HVC_VM_DESTROY, AETHER_STORE_FIRST, 0, 0, loading_store},
};

/* --- recovery --- */

/* A call whose caller dies after each `life` parts (0: never), until one sees its end. */
static int64_t call_dying(unsigned life, uint64_t function, uint64_t x1, uint64_t x2)
{
	for (unsigned part = 1; !service_call_part(function, x1, x2, 0); part++) {
		assert_in_range(part, 1, PARTS_MAX);
		if (life != 0 && part % life == 0) {
			node_check();
			service_dies();
		}
	}
	return (int64_t)service->x[0];
}

static enum aether_vm_state ask(unsigned vm)
{
	assert_int_equal(service_call(AETHER_HVC_VM_INFO, vm, 0, 0), 0);
	return (enum aether_vm_state)(service->x[1] & UINT32_MAX);
}

/* What abi/hvc.h tells a new instance to do with what it finds. */
static void recover_vm(unsigned id, unsigned life)
{
	struct vm *vm = &vms[id];
	if (ask(id) == AETHER_VM_STARTING) {
		assert_int_equal(service_call(AETHER_HVC_VM_DESTROY, id, 0, 0), AETHER_ESTATE);
		assert_int_equal(service_call(AETHER_HVC_VM_RESET, id, 0, 0), AETHER_ESTATE);
		assert_int_equal(call_dying(life, AETHER_HVC_VM_START, id, UINT64_MAX), 0);
		assert_int_equal(vm->start_entry, NODE_ENTRY);
		assert_int_equal(vm->start_argument, 5);
		assert_int_equal(node_in_guest(vm), RAM_BYTES);
		assert_true(holds(vm, 0x1111));
	}
	if (ask(id) == AETHER_VM_RUNNING) {
		assert_int_equal(service_call(AETHER_HVC_VM_STOP, id, 0, 0), 0);
		node_settle();
	}
	if (ask(id) == AETHER_VM_RESETTING || ask(id) == AETHER_VM_LOADING) {
		assert_int_equal(call_dying(life, AETHER_HVC_VM_RESET, id, 0), 0);
		assert_int_equal(node_in_service(vm), vm->ram_bytes);
		assert_true(holds(vm, 0));
	}
	if (ask(id) != AETHER_VM_NONE) {
		assert_int_equal(call_dying(life, AETHER_HVC_VM_DESTROY, id, 0), 0);
	}
	assert_int_equal(ask(id), AETHER_VM_NONE);
}

static void recover(unsigned life)
{
	fake_interrupt_every(life != 0 ? 1 : 100);
	for (unsigned i = 0; i < VM_COUNT; i++) {
		if (i != VM_SERVICE && &vms[i] != bystander) {
			recover_vm(i, life);
			node_check();
		}
	}
	node_assert_account_but_for_scrubs(&before);
	assert_int_equal(node_state(bystander), AETHER_VM_RUNNING);
	assert_true(holds(bystander, CANARY));
}

/* The call's first `parts` parts, then death. False: it was at its end before. */
static bool die_in(const struct call *call, unsigned parts)
{
	begin();
	call->prepare();
	fake_interrupt_every(is_in_slices ? FAKE_NEVER : 1);
	for (unsigned i = 0; i < parts; i++) {
		service_bring();
		fake_advance_each_look(is_in_slices ? FAKE_TICKS_PER_SECOND / 1000 : 0);
		const bool is_done = service_call_part(call->function, call->x1, call->x2, call->x3);
		fake_advance_each_look(0);
		if (is_done) {
			node_feed();
			return false;
		}
		/* Only now is there a table to watch. */
		if (i == 0 && call->function == AETHER_HVC_VM_CREATE && (call->x3 & AETHER_VM_STORE) == 0) {
			fake_watch_table(&vms[GUEST].stage2);
		}
	}
	service_dies();
	node_feed();
	node_check();
	return true;
}

static void try_each_call(void)
{
	for (unsigned i = 0; i < ARRAY_COUNT(calls); i++) {
		unsigned parts = 1;
		for (; die_in(&calls[i], parts); parts++) {
			assert_in_range(parts, 1, PARTS_MAX);
			recover(parts % 3 == 0 ? 7 : 0);
		}
		if (parts < 10) {
			print_error("%s: over after %u parts\n", calls[i].name, parts);
			fail();
		}
	}
}

static void a_death_at_any_point_of_any_call_is_mended(void **state)
{
	(void)state;
	try_each_call();
}

static void a_death_after_any_slice_is_mended(void **state)
{
	(void)state;
	is_in_slices = true;
	try_each_call();
}

/* The next instance asks for a VM of its own: it gets a new one, not what the last one had in hand. */
static void a_creation_is_not_inherited(void **state)
{
	(void)state;
	assert_true(die_in(&calls[0], 3));
	assert_int_equal(ask(GUEST), AETHER_VM_CREATING);
	assert_int_equal(call_dying(0, AETHER_HVC_VM_CREATE, 2 * MIB, 1), 0);
	assert_int_equal(service->x[1], GUEST + 1);
	assert_int_equal(vms[GUEST + 1].ram_bytes, 2 * MIB);
	assert_int_equal(ask(GUEST), AETHER_VM_CREATING);
	assert_int_equal(service_call(AETHER_HVC_VM_START, GUEST, NODE_ENTRY, 0), AETHER_ESTATE);
	recover(0);
}

/* It may as well change its mind: a creation in hand can be taken back. */
static void a_creation_in_hand_is_taken_back(void **state)
{
	(void)state;
	begin();
	assert_false(service_call_part(AETHER_HVC_VM_CREATE, RAM_BYTES, 1, 0));
	fake_watch_table(&vms[GUEST].stage2);
	assert_int_equal(service_call(AETHER_HVC_VM_START, GUEST, NODE_ENTRY, 0), AETHER_ESTATE);
	assert_int_equal(service_call(AETHER_HVC_VM_RESET, GUEST, 0, 0), AETHER_ESTATE);
	assert_int_equal(ask(GUEST), AETHER_VM_CREATING);
	assert_int_equal(service_call(AETHER_HVC_VM_DESTROY, GUEST, 0, 0), 0);
	assert_int_equal(ask(GUEST), AETHER_VM_NONE);
	node_assert_account_but_for_scrubs(&before);
}

/* --- slices --- */

/* One call of the service, whatever interrupts come. False: its slice was over. */
static bool call_slice(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3)
{
	bool is_done = service_call_part(function, x1, x2, x3);
	while (!is_done && service->pc != PC) {
		service_bring();
		service->pc = PC;
		(void)node_trap(service, HVC, 0);
		is_done = service->pc == PC && (int64_t)service->x[0] != AETHER_EAGAIN;
	}
	return is_done;
}

/* With 50 us for each chunk, and as many VMs at a time as there are: each call takes a slice and no more, and goes on
 * with what it means. */
static void a_long_call_gives_the_cpu_back(void **state)
{
	(void)state;
	static const struct {
		uint64_t function, x1, x2, x3;
		enum aether_vm_state during;
	} all[] = {
		{AETHER_HVC_VM_CREATE, 2 * RAM_BYTES, 2, 0, AETHER_VM_CREATING},
		{AETHER_HVC_VM_START, GUEST, NODE_ENTRY, 0, AETHER_VM_STARTING},
		{AETHER_HVC_VM_RESET, GUEST, 0, 0, AETHER_VM_RESETTING},
		{AETHER_HVC_VM_DESTROY, GUEST, 0, 0, AETHER_VM_DESTROYING},
	};
	const uint64_t chunk = FAKE_TICKS_PER_SECOND / 20000;
	const uint64_t slice = FAKE_TICKS_PER_SECOND / 1000;
	begin();
	for (unsigned i = 0; i < ARRAY_COUNT(all); i++) {
		unsigned slices = 1;
		fake_interrupt_every(i % 2 == 0 ? FAKE_NEVER : 3);
		if (all[i].function == AETHER_HVC_VM_RESET) {
			assert_int_equal(service_call(AETHER_HVC_VM_STOP, GUEST, 0, 0), 0);
			node_settle();
		}
		for (;; slices++) {
			assert_in_range(slices, 1, PARTS_MAX);
			service_bring();
			fake_advance_each_look(chunk);
			const uint64_t start = hal_ticks();
			const bool is_done = call_slice(all[i].function, all[i].x1, all[i].x2, all[i].x3);
			const uint64_t took = hal_ticks() - start;
			fake_advance_each_look(0);
			if (slices == 1 && i == 0) {
				fake_watch_table(&vms[GUEST].stage2);
			}
			/* With interrupts, the turns of others are in it. */
			assert_true(i % 2 != 0 || took <= slice + 20 * chunk);
			if (is_done) {
				break;
			}
			assert_true(i % 2 != 0 || took >= slice);
			assert_int_equal(service->x[1], all[i].x1); /* only x0 is another: it is repeated as it is */
			assert_int_equal(ask(GUEST), all[i].during);
			assert_int_equal(service_call(AETHER_HVC_LOG, 1, 'x', 0), 0);
			/* Another of its kind, to its end. */
			if (slices == 2) {
				assert_int_equal(service_call(AETHER_HVC_VM_CREATE, 2 * MIB, 0, AETHER_VM_STORE), 0);
				const uint64_t store = service->x[1];
				assert_int_equal(store, AETHER_STORE_FIRST);
				assert_int_equal(service_call(AETHER_HVC_VM_DESTROY, store, 0, 0), 0);
			}
		}
		assert_int_equal((int64_t)service->x[0], 0);
		assert_true(slices > 3);
	}
	node_assert_account_but_for_scrubs(&before);
	assert_true(holds(bystander, CANARY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, node_teardown)
		TEST(a_death_at_any_point_of_any_call_is_mended),
		TEST(a_creation_is_not_inherited),
		TEST(a_death_after_any_slice_is_mended),
		TEST(a_creation_in_hand_is_taken_back),
		TEST(a_long_call_gives_the_cpu_back),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
