/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/vm.c: the life of a VM with who owns and who reaches its memory at each step. Besides what is asserted
 * here, the fake machine ends a test in which a page is scrubbed while it is mapped, reaches a VM unscrubbed, or
 * has two VMs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hal.h"
#include "core/sched.h"
#include "core/supervise.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "small_node.h"

#define CHUNK_BYTES                                                                                \
	UINT64_C(0x10000) /* what one step scrubs or cleans: an interrupt waits no longer */
#define RAM_BYTES (6 * MIB)

static int setup(void **state)
{
	(void)state;
	node_start(2, 2, NODE_RAM_MIB * MIB);
	return 0;
}

static struct page_owner owner(enum page_state state, unsigned vm)
{
	return (struct page_owner){state, (uint8_t)vm};
}

static bool are_all(const struct vm *vm, enum page_state state)
{
	for (unsigned i = 0; i < vm->extent_count; i++) {
		if (!pages_are(vm->extents[i].base, vm->extents[i].bytes, owner(state, vm->id))) {
			return false;
		}
	}
	return true;
}

/* --- the log's word on order and extent --- */

static size_t last_of(enum fake_op_kind kind)
{
	size_t found = SIZE_MAX;
	for (size_t i = 0; i < fake_log_count(); i++) {
		found = fake_log_at(i)->kind == kind ? i : found;
	}
	assert_int_not_equal(found, SIZE_MAX);
	return found;
}

/* The operations of that kind went over the VM's RAM once, in order, and over nothing else. */
static void assert_covers_ram(enum fake_op_kind kind, const struct page_extent *extents,
			      unsigned count)
{
	unsigned extent = 0;
	uint64_t at = 0;
	for (size_t i = 0; i < fake_log_count(); i++) {
		const struct fake_op *op = fake_log_at(i);
		if (op->kind != kind) {
			continue;
		}
		assert_in_range(extent, 0, count - 1);
		assert_int_equal(op->a, extents[extent].base.v + at);
		assert_in_range(op->b, 1, CHUNK_BYTES);
		at += op->b;
		if (at == extents[extent].bytes) {
			extent++;
			at = 0;
		}
	}
	assert_int_equal(extent, count);
}

/* Index of the last of the invalidations that together cover [ipa, ipa + bytes) of a VMID. */
static size_t assert_invalidated(uint16_t vmid, uint64_t ipa, uint64_t bytes)
{
	uint64_t covered = 0;
	size_t last = SIZE_MAX;
	for (size_t i = 0; i < fake_log_count(); i++) {
		const struct fake_op *op = fake_log_at(i);
		if (op->kind == FAKE_OP_STAGE2_INVALIDATE && op->c == vmid && op->a < ipa + bytes &&
		    op->a + op->b > ipa + covered && op->a <= ipa + covered) {
			covered = op->a + op->b - ipa;
			last = i;
		}
	}
	assert_true(covered >= bytes);
	return last;
}

/* --- a whole life --- */

static void create_scrubs_and_lends_to_the_service(void **state)
{
	(void)state;
	struct vm *vm = node_create(RAM_BYTES, 2);
	assert_int_equal(node_state(vm), AETHER_VM_CREATING);
	assert_int_equal(vm->ram_bytes, RAM_BYTES);
	memset(fake_ram(vm->extents[0].base), 0xee, PAGE_BYTES);
	assert_int_equal(node_in_service(vm), 0);
	assert_int_equal(NODE_FINISH(vm_create_step(vm)), HV_OK);
	assert_int_equal(node_state(vm), AETHER_VM_LOADING);
	assert_int_equal(*(uint64_t *)fake_ram(vm->extents[0].base), 0);
	assert_covers_ram(FAKE_OP_SCRUB, vm->extents, vm->extent_count);
	assert_true(are_all(vm, PAGE_LOADING));
	assert_int_equal(node_in_service(vm), RAM_BYTES);
	assert_int_equal(node_in_guest(vm), 0);
	/* Scrubbed first, mapped then. */
	assert_true(last_of(FAKE_OP_SCRUB) < last_of(FAKE_OP_TABLES_PUBLISH));
	node_check();
}

static void start_takes_the_memory_from_the_service(void **state)
{
	(void)state;
	struct vm *vm = node_load(RAM_BYTES, 2);
	fake_set_ticks(777);
	fake_log_clear();
	assert_int_equal(NODE_FINISH(vm_start(vm, NODE_ENTRY + 4, 0xfeed)), HV_OK);
	assert_int_equal(node_state(vm), AETHER_VM_RUNNING);
	assert_true(are_all(vm, PAGE_VM));
	assert_int_equal(node_in_service(vm), 0);
	assert_int_equal(node_in_guest(vm), RAM_BYTES);
	assert_int_equal(vm->counter_offset, 777);
	assert_int_equal(vm->vttbr, vm->stage2.root.v | (uint64_t)(vm->id + 1) << 48);
	/* unmapped and invalidated -> cleaned -> the guest's map -> instruction caches -> off it goes */
	const size_t gone =
		assert_invalidated(NODE_SERVICE_VMID, AETHER_IPA_LOAD(vm->id), RAM_BYTES);
	const size_t cleaned = last_of(FAKE_OP_CLEAN_INVALIDATE);
	const size_t published = last_of(FAKE_OP_TABLES_PUBLISH);
	assert_true(gone < fake_log_find(FAKE_OP_CLEAN_INVALIDATE, 0));
	assert_covers_ram(FAKE_OP_CLEAN_INVALIDATE, vm->extents, vm->extent_count);
	assert_true(cleaned < published);
	assert_true(published < last_of(FAKE_OP_INVALIDATE_ICACHE));
	assert_int_equal(fake_log_count_of(FAKE_OP_SCRUB), 0); /* or what was loaded is gone */
	node_check();
	node_settle();
	assert_int_equal(vm->vcpus[0]->state, VCPU_RUNNABLE); /* the service is on its CPU */
	assert_int_equal(vm->vcpus[0]->pc, NODE_ENTRY + 4);
	assert_int_equal(vm->vcpus[0]->x[0], 0xfeed);
	assert_int_equal(vm->vcpus[1]->state, VCPU_OFF);
	node_check();
}

static void a_gicv2_guest_gets_its_cpu_interface(void **state)
{
	(void)state;
	pa_t pa = PA(0);
	unsigned attributes = 0;
	uint64_t block = 0;
	struct vm *vm = node_run(RAM_BYTES, 1);
	for (uint64_t at = 0; at < NODE_GICV_BYTES; at += PAGE_BYTES) {
		assert_int_equal(pgtable_lookup(&vm->stage2, AETHER_GUEST_GICC_BASE + at, &pa,
						&attributes, &block),
				 HV_OK);
		assert_int_equal(pa.v, FAKE_GICV_BASE + at);
		assert_int_equal(attributes, PGTABLE_READ | PGTABLE_WRITE | PGTABLE_DEVICE);
	}
	assert_int_equal(vm->stage2.mapped_bytes, RAM_BYTES + NODE_GICV_BYTES);
	node_end(vm);
	assert_int_equal(NODE_FINISH(vm_reset(vm)), HV_OK);
	assert_int_equal(vm->stage2.mapped_bytes, 0);
	node_start(3, 1, NODE_RAM_MIB * MIB);
	assert_int_equal(node_run(RAM_BYTES, 1)->stage2.mapped_bytes, RAM_BYTES);
}

static void stop_takes_every_vcpu_off_and_is_told_once(void **state)
{
	(void)state;
	struct vm *vm = node_enter(RAM_BYTES, 3);
	assert_null(vm_take_event());
	vm_stop(vm, AETHER_STOP_SERROR, 0xabc);
	assert_int_equal(node_state(vm), AETHER_VM_STOPPING);
	assert_null(vm_take_event());
	node_check();
	node_settle();
	assert_int_equal(node_state(vm), AETHER_VM_STOPPED);
	assert_int_equal(vm->stop_reason, AETHER_STOP_SERROR);
	assert_int_equal(vm->stop_detail, 0xabc);
	assert_ptr_equal(vm_take_event(), vm);
	assert_null(vm_take_event());
	node_check();
}

static void of_two_vcpus_that_end_it_the_first_reason_stays(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 2; first++) {
		struct vm *vm = node_enter(RAM_BYTES, 2);
		fake_set_cpu(first);
		vm_stop(vm, first == 0 ? AETHER_STOP_RESET : AETHER_STOP_POWER_OFF, 1 + first);
		fake_set_cpu(1 - first);
		vm_stop(vm, AETHER_STOP_BAD_STATE, 99);
		(void)node_schedule(1 - first);
		vm_stop(vm, AETHER_STOP_EXIT_STORM, 98);
		node_settle();
		vm_stop(vm, AETHER_STOP_SERROR, 97);
		assert_int_equal(node_state(vm), AETHER_VM_STOPPED);
		assert_int_equal(vm->stop_reason,
				 first == 0 ? AETHER_STOP_RESET : AETHER_STOP_POWER_OFF);
		assert_int_equal(vm->stop_detail, 1 + first);
		assert_int_equal(vm->stop_pending, 0);
		node_check();
		node_destroy(vm);
	}
}

static void a_guest_that_is_stopped_before_it_entered_never_enters(void **state)
{
	(void)state;
	struct vm *vm = node_run(RAM_BYTES, 2);
	vm_stop(vm, AETHER_STOP_SERVICE, 0);
	fake_log_clear();
	node_settle();
	assert_int_equal(node_state(vm), AETHER_VM_STOPPED);
	for (size_t i = 0; i < fake_log_count(); i++) {
		assert_true(fake_log_at(i)->kind != FAKE_OP_VCPU_LOAD ||
			    fake_log_at(i)->b != vm->id);
	}
	node_destroy(vm);
	node_check();
}

static void reset_scrubs_and_lends_again(void **state)
{
	(void)state;
	struct vm *vm = node_enter(RAM_BYTES, 2);
	const struct node_account before = node_account();
	const uint16_t vmid = vm->stage2.vmid;
	node_end(vm);
	memset(fake_ram(vm->extents[0].base), 0xee, PAGE_BYTES);
	fake_log_clear();
	assert_int_equal(NODE_FINISH(vm_reset(vm)), HV_OK);
	assert_int_equal(node_state(vm), AETHER_VM_LOADING);
	assert_int_equal(*(uint64_t *)fake_ram(vm->extents[0].base), 0);
	assert_true(assert_invalidated(vmid, AETHER_GUEST_RAM_BASE, RAM_BYTES) <
		    fake_log_find(FAKE_OP_SCRUB, 0));
	assert_covers_ram(FAKE_OP_SCRUB, vm->extents, vm->extent_count);
	assert_true(last_of(FAKE_OP_SCRUB) < last_of(FAKE_OP_TABLES_PUBLISH));
	assert_true(are_all(vm, PAGE_LOADING));
	assert_int_equal(node_in_guest(vm), 0);
	assert_int_equal(node_in_service(vm), RAM_BYTES);
	assert_int_equal(vm->stop_reason, AETHER_STOP_NONE);
	node_check();
	assert_int_equal(NODE_FINISH(vm_start(vm, NODE_ENTRY, 0)), HV_OK);
	node_settle();
	assert_int_equal(vm->vcpus[0]->state, VCPU_RUNNABLE);
	node_assert_account(&before);
	node_check();
}

static void destroy_gives_everything_back_scrubbed(void **state)
{
	(void)state;
	const struct node_account before = node_account();
	struct page_extent extents[PAGES_EXTENT_MAX];
	for (unsigned from_loading = 0; from_loading < 2; from_loading++) {
		struct vm *vm = from_loading ? node_load(RAM_BYTES, 2) : node_enter(RAM_BYTES, 2);
		const unsigned count = vm->extent_count;
		const uint16_t vmid = from_loading ? NODE_SERVICE_VMID : vm->stage2.vmid;
		const uint64_t ipa = from_loading ? AETHER_IPA_LOAD(vm->id) : AETHER_GUEST_RAM_BASE;
		memcpy(extents, vm->extents, sizeof(extents));
		if (!from_loading) {
			node_end(vm);
		}
		memset(fake_ram(extents[0].base), 0xee, PAGE_BYTES);
		fake_log_clear();
		node_destroy(vm);
		assert_true(assert_invalidated(vmid, ipa, RAM_BYTES) <
			    fake_log_find(FAKE_OP_SCRUB, 0));
		assert_covers_ram(FAKE_OP_SCRUB, extents, count);
		assert_int_equal(*(uint64_t *)fake_ram(extents[0].base), 0);
		for (unsigned i = 0; i < count; i++) {
			assert_true(pages_are(extents[i].base, extents[i].bytes,
					      owner(PAGE_FREE, PAGE_NOBODY)));
		}
		node_assert_account_but_for_scrubs(&before);
		node_check();
	}
}

static void what_is_free_is_not_scrubbed_again(void **state)
{
	(void)state;
	node_destroy(node_load(RAM_BYTES, 1));
	fake_log_clear();
	struct vm *vm = node_load(2 * RAM_BYTES, 1); /* half of it has been had before */
	uint64_t scrubbed = 0;
	for (size_t i = 0; i < fake_log_count(); i++) {
		scrubbed += fake_log_at(i)->kind == FAKE_OP_SCRUB ? fake_log_at(i)->b : 0;
	}
	assert_true(scrubbed < 2 * RAM_BYTES);
	assert_true(are_all(vm, PAGE_LOADING));
	assert_int_equal(node_in_service(vm), 2 * RAM_BYTES);
	node_check();
}

/* --- wrong states --- */

static void assert_refuses(struct vm *vm, bool start, bool reset, bool destroys)
{
	const enum aether_vm_state state = node_state(vm);
	assert_true(!start || vm_start(vm, NODE_ENTRY, 0) == HV_ESTATE);
	assert_true(!reset || vm_reset(vm) == HV_ESTATE);
	assert_true(!destroys || vm_destroy(vm) == HV_ESTATE);
	vm_stop(vm, state == AETHER_VM_RUNNING ? AETHER_STOP_RESET : AETHER_STOP_SERROR, 5);
	assert_int_equal(node_state(vm), state == AETHER_VM_RUNNING ? AETHER_VM_STOPPING : state);
}

static void calls_in_a_wrong_state_are_refused(void **state)
{
	(void)state;
	struct vm *vm = &vms[0];
	assert_refuses(vm, true, true, true);
	assert_int_equal(vm_create_step(vm), HV_ESTATE);
	vm = node_create(RAM_BYTES, 1);
	assert_refuses(vm, true, true, false);
	assert_int_equal(NODE_FINISH(vm_create_step(vm)), HV_OK);
	assert_int_equal(vm_create_step(vm), HV_ESTATE);
	assert_refuses(vm, false, false, false);
	assert_int_equal(vm_start(vm, NODE_ENTRY, 0), HV_AGAIN);
	assert_int_equal(node_state(vm), AETHER_VM_STARTING);
	assert_refuses(vm, false, true, true);
	assert_int_equal(NODE_FINISH(vm_start(vm, NODE_ENTRY, 0)), HV_OK);
	assert_refuses(vm, true, true, true);
	assert_refuses(vm, true, true, true); /* STOPPING */
	node_settle();
	assert_refuses(vm, true, false, false);
	assert_int_equal(vm_reset(vm), HV_AGAIN);
	assert_refuses(vm, true, false, true); /* RESETTING */
	assert_int_equal(NODE_FINISH(vm_reset(vm)), HV_OK);
	assert_int_equal(vm_destroy(vm), HV_AGAIN);
	assert_refuses(vm, true, true, false); /* DESTROYING */
	node_destroy(vm);
	assert_refuses(vm, true, true, true);
	node_check();
}

static void create_checks_its_arguments(void **state)
{
	(void)state;
	static const struct {
		uint64_t ram, vcpus, flags;
	} bad[] = {
		{0, 1, 0},
		{2 * MIB + PAGE_BYTES, 1, 0},
		{MIB, 1, 0},
		{AETHER_IPA_LOAD_STRIDE + 2 * MIB, 1, 0},
		{UINT64_MAX, 1, 0},
		{0 - 2 * MIB, 1, 0},
		{2 * MIB, 0, 0},
		{2 * MIB, AETHER_VCPU_MAX + 1, 0},
		{2 * MIB, UINT64_C(0x100000001), 0},
		{2 * MIB, UINT64_MAX, 0},
		{2 * MIB, 1, AETHER_VM_FLAGS_ALL + 1},
		{2 * MIB, 1, UINT64_C(1) << 63},
	};
	const struct node_account before = node_account();
	unsigned id = 77;
	for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(vm_create(bad[i].ram, bad[i].vcpus, bad[i].flags, 0, &id), HV_EINVAL);
	}
	assert_int_equal(vm_create(GIB, 1, 0, 0, &id), HV_ENOMEM);
	assert_int_equal(vm_create(AETHER_IPA_LOAD_STRIDE, 1, 0, 0, &id), HV_ENOMEM);
	assert_int_equal(id, 77);
	node_assert_account(&before);
	node_check();
}

static void start_checks_the_entry(void **state)
{
	(void)state;
	static const uint64_t bad[] = {
		0,
		AETHER_GUEST_RAM_BASE - 4,
		AETHER_GUEST_RAM_BASE + RAM_BYTES,
		AETHER_GUEST_RAM_BASE + 2,
		UINT64_MAX - 3,
		AETHER_IPA_SERVICE,
	};
	struct vm *vm = node_load(RAM_BYTES, 1);
	for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(vm_start(vm, bad[i], 0), HV_EINVAL);
		assert_int_equal(node_state(vm), AETHER_VM_LOADING);
	}
	assert_int_equal(NODE_FINISH(vm_start(vm, AETHER_GUEST_RAM_BASE + RAM_BYTES - 4, 0)),
			 HV_OK);
}

static void there_are_four_guests_and_their_memory_is_apart(void **state)
{
	(void)state;
	const struct node_account before = node_account();
	unsigned id = 0;
	for (unsigned i = 0; i < AETHER_VM_MAX; i++) {
		assert_int_equal(node_enter(RAM_BYTES, AETHER_VCPU_MAX)->id, i);
	}
	assert_int_equal(vm_create(RAM_BYTES, 1, 0, 0, &id), HV_EBUSY);
	node_check();
	for (unsigned i = 0; i < AETHER_VM_MAX; i++) {
		node_end(&vms[i]);
		node_destroy(&vms[i]);
		node_check();
	}
	node_assert_account_but_for_scrubs(&before);
}

/* --- what outlives a VM --- */

static void no_event_outlives_its_vm(void **state)
{
	(void)state;
	struct vm *vm = node_enter(RAM_BYTES, 1);
	node_end(vm);
	node_destroy(vm);
	assert_null(vm_take_event());
	vm = node_enter(RAM_BYTES, 1);
	node_end(vm);
	assert_int_equal(NODE_FINISH(vm_reset(vm)), HV_OK);
	assert_null(vm_take_event());
}

static void flushing_goes_over_all_memory_once(void **state)
{
	(void)state;
	struct vm *vm = node_enter(RAM_BYTES, 1);
	uint64_t cursor = 0;
	fake_log_clear();
	fake_interrupt_every(1);
	for (uint64_t calls = 1; vm_flush_ram(vm, &cursor) == HV_AGAIN; calls++) {
		assert_int_equal(fake_log_count_of(FAKE_OP_CLEAN_INVALIDATE), calls);
	}
	assert_covers_ram(FAKE_OP_CLEAN_INVALIDATE, vm->extents, vm->extent_count);
}

/* --- the service --- */

static void the_service_has_its_windows_and_no_more(void **state)
{
	(void)state;
	static const struct {
		uint64_t ipa, bytes;
		unsigned attributes;
	} windows[] = {
		{AETHER_IPA_BOOTINFO, PAGE_BYTES, PGTABLE_READ},
		{AETHER_IPA_TRAILER, 0x4000, PGTABLE_READ},
		{AETHER_IPA_TELEMETRY, PAGE_BYTES, PGTABLE_READ},
		{AETHER_IPA_CONSOLE_HEADS, PAGE_BYTES, PGTABLE_READ},
		{AETHER_IPA_CONSOLE(0), AETHER_VM_MAX * AETHER_CONSOLE_RING_BYTES, PGTABLE_READ},
		{AETHER_IPA_SERVICE, 0x1000, PGTABLE_READ | PGTABLE_EXEC},
		{AETHER_IPA_SERVICE + 0x1000, NODE_SERVICE_BYTES - 0x1000, PGTABLE_READ | PGTABLE_WRITE},
		{AETHER_IPA_BUNDLE, 0x3000, PGTABLE_READ},
	};
	const struct pgtable *table = &vms[VM_SERVICE].stage2;
	uint64_t bytes = 0;
	for (unsigned i = 0; i < ARRAY_COUNT(windows); i++) {
		for (uint64_t at = 0; at < windows[i].bytes; at += PAGE_BYTES) {
			pa_t pa = PA(0);
			unsigned attributes = 0;
			uint64_t block = 0;
			assert_int_equal(pgtable_lookup(table, windows[i].ipa + at, &pa,
							&attributes, &block),
					 HV_OK);
			assert_int_equal(attributes, windows[i].attributes);
			assert_int_equal(pages_owner(pa).state,
					 windows[i].ipa == AETHER_IPA_SERVICE ||
							 windows[i].ipa ==
								 AETHER_IPA_SERVICE + 0x1000
						 ? PAGE_SERVICE
						 : PAGE_NONE);
		}
		bytes += windows[i].bytes;
	}
	assert_int_equal(table->mapped_bytes, bytes);
	struct vcpu *service = node_schedule(0);
	assert_ptr_equal(service, node_service());
	assert_int_equal(service->pc, AETHER_IPA_SERVICE + 64);
	node_check();
}

static void guests_go_on_without_the_service(void **state)
{
	(void)state;
	struct vm *vm = node_enter(RAM_BYTES, 2);
	supervise_fail(AETHER_SERVICE_FAULT, 0, 0);
	assert_int_equal(node_service()->state, VCPU_RUNNABLE);
	assert_int_equal(node_state(vm), AETHER_VM_RUNNING);
	node_rest(); /* the next instance has come */
	assert_ptr_equal(node_schedule(0), vm->vcpus[0]);
	vm_stop(vm, AETHER_STOP_POWER_OFF, 0);
	node_settle();
	assert_int_equal(node_state(vm), AETHER_VM_STOPPED);
	node_check();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, node_teardown)
		TEST(create_scrubs_and_lends_to_the_service),
		TEST(start_takes_the_memory_from_the_service),
		TEST(a_gicv2_guest_gets_its_cpu_interface),
		TEST(stop_takes_every_vcpu_off_and_is_told_once),
		TEST(of_two_vcpus_that_end_it_the_first_reason_stays),
		TEST(a_guest_that_is_stopped_before_it_entered_never_enters),
		TEST(reset_scrubs_and_lends_again),
		TEST(destroy_gives_everything_back_scrubbed),
		TEST(what_is_free_is_not_scrubbed_again),
		TEST(calls_in_a_wrong_state_are_refused),
		TEST(create_checks_its_arguments),
		TEST(start_checks_the_entry),
		TEST(there_are_four_guests_and_their_memory_is_apart),
		TEST(no_event_outlives_its_vm),
		TEST(flushing_goes_over_all_memory_once),
		TEST(the_service_has_its_windows_and_no_more),
		TEST(guests_go_on_without_the_service),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
