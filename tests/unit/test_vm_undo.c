/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/vm.c: an interrupt at any point of any operation, and tables or memory that run out in the middle of one,
 * leave the node as if it had been otherwise. Who reaches what is watched by the fake machine (small_node.h).
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

/* --- interruption --- */

/* What happened to the memory, whatever the number of calls that it took. */
struct history {
	struct fake_op *ops;
	size_t count;
};

static void remember(struct history *history)
{
	for (size_t i = 0; i < fake_log_count(); i++) {
		const struct fake_op *op = fake_log_at(i);
		if (op->kind == FAKE_OP_SCRUB || op->kind == FAKE_OP_CLEAN_INVALIDATE ||
		    op->kind == FAKE_OP_INVALIDATE_ICACHE) {
			history->ops = realloc(history->ops, (history->count + 1) * sizeof(*op));
			assert_non_null(history->ops);
			history->ops[history->count++] = *op;
		}
	}
	fake_log_clear();
}

/* One call, after which the interrupt that stopped it has been taken. */
#define TAKING_INTERRUPTS(call)                                                                    \
	({                                                                                         \
		enum hv_err taking_err;                                                            \
		do {                                                                               \
			taking_err = (call);                                                       \
			node_check();                                                              \
			if (taking_err == HV_AGAIN && is_once) {                                   \
				polls = fake_interrupt_polls();                                    \
				fake_interrupt_after(next > polls ? next - polls : FAKE_NEVER);    \
			}                                                                          \
		} while (taking_err == HV_AGAIN);                                                  \
		taking_err;                                                                        \
	})

/* A life with an interrupt pending from the n-th look for one on (once), or in every n-th look. Returns the looks. */
static uint64_t live(struct history *history, uint64_t n, bool is_once)
{
	node_start(2, 1, 32 * MIB);
	const uint64_t next = fake_interrupt_polls() + n;
	uint64_t polls = fake_interrupt_polls();
	if (is_once) {
		fake_interrupt_after(n);
	} else {
		fake_interrupt_every(n);
	}
	const struct node_account before = node_account();
	struct vm *vm = node_create(4 * MIB, 1);
	assert_int_equal(TAKING_INTERRUPTS(vm_create_step(vm)), HV_OK);
	assert_int_equal(node_in_service(vm), 4 * MIB);
	assert_int_equal(TAKING_INTERRUPTS(vm_start(vm, NODE_ENTRY, 0)), HV_OK);
	assert_int_equal(node_in_guest(vm), 4 * MIB);
	assert_int_equal(node_in_service(vm), 0);
	assert_int_equal(vm->stage2.mapped_bytes, 4 * MIB + NODE_GICV_BYTES);
	node_end(vm);
	assert_int_equal(TAKING_INTERRUPTS(vm_reset(vm)), HV_OK);
	assert_int_equal(node_in_service(vm), 4 * MIB);
	assert_int_equal(vm->stage2.mapped_bytes, 0);
	assert_int_equal(TAKING_INTERRUPTS(vm_start(vm, NODE_ENTRY, 0)), HV_OK);
	node_end(vm);
	assert_int_equal(TAKING_INTERRUPTS(vm_destroy(vm)), HV_OK);
	vm = node_create(4 * MIB, 1);
	assert_int_equal(TAKING_INTERRUPTS(vm_create_step(vm)), HV_OK);
	assert_int_equal(TAKING_INTERRUPTS(vm_destroy(vm)), HV_OK);
	node_check();
	node_assert_account_but_for_scrubs(&before);
	remember(history);
	return fake_interrupt_polls();
}

static void assert_same_history(const struct history *a, const struct history *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		assert_int_equal(a->ops[i].kind, b->ops[i].kind);
		assert_int_equal(a->ops[i].a, b->ops[i].a);
		assert_int_equal(a->ops[i].b, b->ops[i].b);
	}
}

static void an_interrupt_at_any_point_changes_nothing(void **state)
{
	(void)state;
	struct history calm = {NULL, 0};
	const uint64_t polls = live(&calm, UINT64_C(1) << 40, true);
	assert_in_range(polls, 100, 100000);
	for (uint64_t n = 0; n < polls + 2; n++) {
		struct history history = {NULL, 0};
		(void)live(&history, n, true);
		assert_same_history(&calm, &history);
		free(history.ops);
	}
	for (uint64_t n = 1; n < 8; n++) {
		struct history history = {NULL, 0};
		(void)live(&history, n, false);
		assert_same_history(&calm, &history);
		free(history.ops);
	}
	free(calm.ops);
}

/* --- failures --- */

static void assert_life_is_possible(const struct node_account *before)
{
	struct vm *vm = node_enter(RAM_BYTES, 2);
	node_check();
	node_end(vm);
	node_destroy(vm);
	node_check();
	node_assert_account_but_for_scrubs(before);
}

static void create_without_tables_leaves_nothing(void **state)
{
	(void)state;
	bool has_failed_late = false;
	const struct node_account before = node_account();
	for (unsigned left = 0;; left++) {
		unsigned id = 0;
		node_starve(left);
		enum hv_err err = vm_create(RAM_BYTES, 2, 0, 0, &id);
		if (err == HV_OK) {
			fake_watch_table(&vms[id].stage2);
			err = NODE_FINISH(vm_create_step(&vms[id]));
			has_failed_late |= err != HV_OK;
		}
		node_feed();
		node_check();
		if (err == HV_OK) {
			node_destroy(&vms[id]);
			break;
		}
		assert_int_equal(err, HV_ENOMEM);
		node_assert_account_but_for_scrubs(&before);
		assert_int_equal(node_state(&vms[0]), AETHER_VM_NONE);
	}
	assert_true(has_failed_late); /* or this test has not seen the case in the middle */
	assert_life_is_possible(&before);
}

/* The VM has failed to start or to be reset: it can be destroyed all the same, and nothing is lost. */
static void start_without_tables_can_be_undone(void **state)
{
	(void)state;
	const struct node_account before = node_account();
	enum hv_err err = HV_ENOMEM;
	unsigned failures = 0;
	for (unsigned left = 0; err != HV_OK; left++) {
		struct vm *vm = node_load(RAM_BYTES, 2);
		node_starve(left);
		err = NODE_FINISH(vm_start(vm, NODE_ENTRY, 0));
		node_feed();
		node_check();
		if (err != HV_OK) {
			failures++;
			assert_int_equal(err, HV_ENOMEM);
			assert_int_equal(node_in_service(vm), 0);
		} else {
			node_end(vm);
		}
		node_destroy(vm);
		node_assert_account_but_for_scrubs(&before);
	}
	assert_in_range(failures, 1, 16);
	assert_life_is_possible(&before);
}

static void reset_without_tables_can_be_undone(void **state)
{
	(void)state;
	const struct node_account before = node_account();
	enum hv_err err = HV_ENOMEM;
	unsigned failures = 0;
	/* Unmapping the guest frees tables, so pages have to be taken when it has been unmapped. */
	for (unsigned left = 0; err != HV_OK; left++) {
		struct vm *vm = node_enter(RAM_BYTES, 2);
		node_end(vm);
		assert_int_equal(vm_reset(vm), HV_AGAIN);
		node_starve(left);
		err = NODE_FINISH(vm_reset(vm));
		node_feed();
		node_check();
		failures += err != HV_OK ? 1 : 0;
		assert_true(err == HV_OK || err == HV_ENOMEM);
		node_destroy(vm);
		node_assert_account_but_for_scrubs(&before);
	}
	assert_in_range(failures, 1, 16);
	assert_life_is_possible(&before);
}

static void create_without_memory_leaves_nothing(void **state)
{
	(void)state;
	unsigned id = 0;
	const struct node_account before = node_account();
	struct vm *vm = node_load(40 * MIB, 1);
	const struct node_account with_one = node_account();
	assert_int_equal(vm_create(40 * MIB, 1, 0, 0, &id), HV_ENOMEM);
	node_assert_account(&with_one);
	node_check();
	node_destroy(vm);
	assert_life_is_possible(&before);
}

/* --- size --- */

static void a_gibibyte_goes_in_bounded_steps(void **state)
{
	(void)state;
	uint64_t calls = 0;
	enum hv_err err;
	node_start(2, 1, 3 * GIB);
	const struct node_account before = node_account();
	struct vm *vm = node_run(GIB, 1);
	assert_int_equal(vm->extent_count, 1);
	assert_true(is_aligned(vm->extents[0].base.v, BLOCK_1G_BYTES));
	node_end(vm);
	fake_interrupt_every(1);
	do {
		fake_log_clear();
		err = vm_destroy(vm);
		calls++;
		uint64_t touched = 0;
		for (size_t i = 0; i < fake_log_count(); i++) {
			touched += fake_log_at(i)->kind == FAKE_OP_SCRUB ? fake_log_at(i)->b : 0;
		}
		assert_in_range(touched, 0, CHUNK_BYTES);
		assert_in_range(fake_log_count(), 0, 64);
	} while (err == HV_AGAIN);
	assert_int_equal(err, HV_OK);
	assert_true(calls >= GIB / CHUNK_BYTES);
	fake_interrupt_after(FAKE_NEVER);
	node_assert_account_but_for_scrubs(&before);
	node_check();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, node_teardown)
		TEST(an_interrupt_at_any_point_changes_nothing),
		TEST(create_without_tables_leaves_nothing),
		TEST(start_without_tables_can_be_undone),
		TEST(reset_without_tables_can_be_undone),
		TEST(create_without_memory_leaves_nothing),
		TEST(a_gibibyte_goes_in_bounded_steps),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
