/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/chaos.c and core/update.c, which are only in a build for simulation: a schedule repeats with its seed, ends the
 * service where it says, and a newer image comes and, when it fails, goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/chaos.h"
#include "core/chaos.h"
#include "core/esr.h"
#include "core/hal.h"
#include "core/reload.h"
#include "core/sched.h"
#include "core/supervise.h"
#include "core/trap.h"
#include "core/update.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "small_node.h"

#define ESR_HVC ((uint64_t)ESR_EC_HVC64 << 26 | ESR_IL)
#define ESR_STRAY ((uint64_t)ESR_EC_DATA_ABORT_LOWER << 26 | ESR_IL | ESR_ISS_ISV | ESR_FSC_TRANSLATION | 3u)
#define START UINT64_C(1000000)
#define MEAN_US UINT64_C(2000)
#define MEAN (MEAN_US * FAKE_TICKS_PER_SECOND / 1000000)
#define ALL (BIT(AETHER_CHAOS_COUNT) - 1)
#define KIND(kind) BIT(AETHER_CHAOS_##kind)
#define PC (AETHER_IPA_SERVICE + 0x800)
#define BUFFER_OFFSET UINT64_C(0x10000)
#define BUFFER (AETHER_IPA_SERVICE + BUFFER_OFFSET)

static struct vcpu *service;

static int setup(void **state)
{
	(void)state;
	node_start(2, 1, NODE_RAM_MIB * MIB);
	service = node_enter_service(START, PC);
	return 0;
}

static int64_t call4(uint64_t call, uint64_t x1, uint64_t x2, uint64_t x3, uint64_t x4)
{
	const uint64_t pc = service->pc + 4;
	uint64_t turns = 0;
	do {
		service->pc = pc; /* the HVC is behind it */
		if (turns++ == 0) {
			service->x[0] = call;
			service->x[1] = x1;
			service->x[2] = x2;
			service->x[3] = x3;
			service->x[4] = x4;
		}
		(void)node_trap(service, ESR_HVC, 0);
	} while (service->pc == pc - 4);
	return (int64_t)service->x[0];
}

static int64_t start(uint64_t seed, uint64_t count, uint64_t kinds)
{
	return call4(AETHER_HVC_CHAOS, seed, count, MEAN_US, kinds);
}

/* The EL2 timer, when it is set to; then whatever comes back is entered. */
static void next_strike(void)
{
	const uint64_t at = chaos_deadline();
	assert_int_not_equal(at, UINT64_MAX);
	supervise_alive();
	fake_set_ticks(at > hal_ticks() ? at : hal_ticks());
	fake_irq_script_clear();
	fake_irq_push(HAL_IRQ_TIMER, 26);
	assert_ptr_equal(node_irq(0), service);
	service->pc = PC;
}

static uint32_t instance(void)
{
	return node_bootinfo()->instance;
}

/* --- schedules --- */

static void a_schedule_repeats_with_its_seed(void **state)
{
	(void)state;
	uint64_t times[3][20];
	for (unsigned run = 0; run < 3; run++) {
		assert_int_equal(setup(NULL), 0);
		assert_int_equal(start(run < 2 ? 42 : 43, 20, KIND(KILL)), 0);
		assert_int_equal(service->x[1], 20);
		for (unsigned i = 0; i < 20; i++) {
			const uint64_t entered = hal_ticks();
			next_strike();
			times[run][i] = hal_ticks() - entered;
			assert_in_range(times[run][i], 0, 2 * MEAN);
			assert_int_equal(instance(), i + 2);
			assert_int_equal(node_bootinfo()->restart_cause, AETHER_SERVICE_CHAOS);
		}
		assert_int_equal(chaos_deadline(), UINT64_MAX);
	}
	assert_memory_equal(times[0], times[1], sizeof(times[0]));
	assert_memory_not_equal(times[0], times[2], sizeof(times[0]));
	/* One after the other, and none of them waits. */
	assert_non_null(strstr(fake_console_output(), "chaos: 0 left: kill"));
	assert_null(strstr(fake_console_output(), " ms"));
}

static void its_arguments_are_checked(void **state)
{
	(void)state;
	assert_int_equal(call4(AETHER_HVC_CHAOS, 1, 1, 0, ALL), AETHER_EINVAL);
	assert_int_equal(call4(AETHER_HVC_CHAOS, 1, 1, ~UINT64_C(0), ALL), AETHER_EINVAL);
	assert_int_equal(call4(AETHER_HVC_CHAOS, 1, ~UINT64_C(0), 1, ALL), AETHER_EINVAL);
	assert_int_equal(call4(AETHER_HVC_CHAOS, 1, 1, 1, 0), AETHER_EINVAL);
	assert_int_equal(call4(AETHER_HVC_CHAOS, 1, 1, 1, KIND(SWEEP) | KIND(STEPS)), AETHER_EINVAL);
	assert_int_equal(call4(AETHER_HVC_CHAOS, 1, 1, 1, BIT(AETHER_CHAOS_KINDS)), AETHER_EINVAL);
	assert_int_equal(call4(AETHER_HVC_CHAOS, 1, 1, 0, KIND(SWEEP)), AETHER_EINVAL);
	assert_int_equal(call4(AETHER_HVC_CHAOS, 1, 1, ~UINT64_C(0), KIND(SWEEP)), AETHER_EINVAL);
	assert_int_equal(call4(AETHER_HVC_CHAOS, ~UINT64_C(0), 1, 1, KIND(SWEEP)), AETHER_EINVAL);
	assert_false(chaos_is_running());
	assert_int_equal(start(1, 9, ALL), 0);
	assert_int_equal(start(2, 5, KIND(KILL)), 0); /* does nothing, tells what is left */
	assert_int_equal(service->x[1], 9);
	assert_int_equal(start(0, 0, 0), 0);
	assert_int_equal(service->x[1], 0);
	assert_false(chaos_is_running());
	assert_int_equal(instance(), 1);
	assert_int_equal(node_bootinfo()->is_simulation, 1);
}

static void a_sweep_strikes_each_step_later(void **state)
{
	(void)state;
	assert_int_equal(call4(AETHER_HVC_CHAOS, 20, 9, 7, KIND(SWEEP)), 0);
	uint64_t entered = hal_ticks();
	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(chaos_deadline(), entered + (20 + i) * 7);
		next_strike();
		entered = node_bootinfo()->core_ticks;
		assert_int_equal(instance(), i + 2);
	}
	assert_false(chaos_is_running());
	assert_non_null(strstr(fake_console_output(), "chaos: 0 left: sweep"));
}

static void steps_count_from_a_call(void **state)
{
	(void)state;
	assert_int_equal(call4(AETHER_HVC_CHAOS, 3, 2, 5, KIND(STEPS)), 0);
	for (unsigned i = 0; i < 2; i++) {
		fake_set_ticks(hal_ticks() + 1000);
		assert_int_equal(chaos_deadline(), UINT64_MAX);
		assert_int_equal(call4(AETHER_HVC_CHAOS, 1, 1, 1, 0), 0);
		const uint64_t called = hal_ticks();
		assert_int_equal(chaos_deadline(), called + (3 + i) * 5);
		fake_set_ticks(called + 1);
		assert_int_equal(call4(AETHER_HVC_CHAOS, 1, 1, 1, 0), 0); /* counts no more */
		assert_int_equal(chaos_deadline(), called + (3 + i) * 5);
		next_strike();
	}
	assert_false(chaos_is_running());
}

static void it_also_strikes_who_sleeps(void **state)
{
	(void)state;
	assert_int_equal(start(3, 1, KIND(KILL)), 0);
	service->is_event_waiter = true;
	service->state = VCPU_BLOCKED;
	assert_int_equal(supervise_deadline(), chaos_deadline());
	assert_true(chaos_deadline() <= hal_ticks() + 2 * MEAN);
	fake_set_ticks(chaos_deadline());
	supervise_check(hal_ticks());
	assert_true(supervise_is_reloading());
}

/* --- at calls --- */

static void every_call_has_its_turn_at_entry_and_exit(void **state)
{
	(void)state;
	static const uint32_t calls[] = {AETHER_HVC_VM_INFO, AETHER_HVC_LOG, AETHER_HVC_COUNTER, AETHER_HVC_ALIVE,
					 AETHER_HVC_CHAOS};
	for (unsigned exit = 0; exit < 2; exit++) {
		uint64_t struck = 0;
		assert_int_equal(setup(NULL), 0);
		for (unsigned i = 0; i < ARRAY_COUNT(calls); i++) {
			(void)call4(calls[i], 0, 0, 0, 0); /* they are known to be made */
		}
		assert_int_equal(start(9, 10, exit ? KIND(CALL_EXIT) : KIND(CALL_ENTRY)), 0);
		for (unsigned round = 0; round < 10; round++) {
			const uint32_t before = instance();
			next_strike(); /* from now on it waits for a call */
			assert_int_equal(instance(), before);
			for (unsigned i = 0; i < ARRAY_COUNT(calls) && instance() == before; i++) {
				(void)call4(calls[i], 0, 1, 1, 0);
				if (instance() != before) {
					struck |= BIT(calls[i] - AETHER_HVC(0));
				}
			}
			assert_int_equal(instance(), before + 1);
			service->pc = PC;
		}
		for (unsigned i = 0; i < ARRAY_COUNT(calls); i++) {
			assert_true(struck & BIT(calls[i] - AETHER_HVC(0)));
		}
		assert_non_null(strstr(fake_console_output(), exit ? "left: exit, 8" : "left: entry, 8"));
	}
}

static void a_call_that_does_not_come_is_passed_over(void **state)
{
	(void)state;
	(void)call4(AETHER_HVC_KEEP_GET, 0, 0, 0, 0); /* once, and never again */
	assert_int_equal(start(9, 4, KIND(CALL_ENTRY)), 0);
	for (unsigned i = 0; i < 2; i++) {
		next_strike();
		next_strike(); /* nothing in its time: ended where it stands */
		assert_int_equal(instance(), i + 2);
	}
	next_strike();
	(void)start(0, 1, 0); /* the next number's turn: AETHER_HVC_CHAOS */
	assert_int_equal(instance(), 4);
	assert_non_null(strstr(fake_console_output(), "1 left: entry, 19"));
}

/* --- by its own hand --- */

static void it_is_sent_to_misbehave(void **state)
{
	(void)state;
	assert_int_equal(start(5, 2, KIND(LOOP)), 0);
	service->pc = PC;
	const uint64_t at = chaos_deadline();
	fake_set_ticks(at);
	supervise_check(at);
	assert_int_equal(instance(), 1);
	assert_int_equal(service->x[0], AETHER_CHAOS_LOOP);
	assert_int_equal(service->x[1], PC);
	assert_int_equal(service->pc, AETHER_IPA_SERVICE + 0x100);
	while (!supervise_is_reloading()) { /* it is silent: not the schedule's doing, but counted as its own */
		fake_set_ticks(supervise_deadline());
		supervise_check(hal_ticks());
	}
	assert_ptr_equal(node_schedule(0), service);
	service->pc = PC;
	assert_int_equal(node_bootinfo()->restart_cause, AETHER_SERVICE_SILENT);
	assert_int_equal(call4(AETHER_HVC_CHAOS, 0, 1, 1, 0), 0);
	assert_int_equal(service->x[1], 1);
}

static void who_lives_on_is_ended(void **state)
{
	(void)state;
	assert_int_equal(start(5, 1, KIND(HEAP)), 0);
	next_strike();
	assert_int_equal(instance(), 1);
	for (unsigned i = 0; i < 20 && !supervise_is_reloading(); i++) {
		supervise_alive();
		fake_advance(FAKE_TICKS_PER_SECOND / 2);
		supervise_check(hal_ticks());
	}
	assert_ptr_equal(node_schedule(0), service);
	assert_int_equal(instance(), 2);
	assert_int_equal(node_bootinfo()->restart_cause, AETHER_SERVICE_CHAOS);
	assert_int_equal(chaos_deadline(), UINT64_MAX);
}

/* --- newer images --- */

static uint8_t *memory(void)
{
	return fake_ram(node_service_memory());
}

static void put_image(struct aether_service_header header, uint8_t byte)
{
	memset(memory() + BUFFER_OFFSET, byte, header.file_bytes);
	memcpy(memory() + BUFFER_OFFSET, &header, sizeof(header));
}

static const struct aether_service_header newer = {
	.magic = AETHER_SERVICE_MAGIC,
	.entry_offset = 0x2004,
	.text_bytes = 0x3000,
	.file_bytes = 0x5000,
	.total_bytes = 0x48000, /* more than the first, less than what simulation leaves room for */
};

static bool is_mapped(uint64_t offset, unsigned expected)
{
	pa_t pa = PA(0);
	unsigned attributes = 0;
	uint64_t block = 0;
	const enum hv_err err =
		pgtable_lookup(&vms[VM_SERVICE].stage2, AETHER_IPA_SERVICE + offset, &pa, &attributes, &block);
	return err == HV_OK && attributes == expected;
}

static void update_to_newer(void)
{
	put_image(newer, 0x77);
	fake_interrupt_every(2);
	(void)call4(AETHER_HVC_SERVICE_UPDATE, BUFFER, newer.file_bytes, 0, 0);
	assert_int_equal(instance(), 2);
	assert_int_equal(node_bootinfo()->restart_cause, AETHER_SERVICE_UPDATE);
}

static void a_newer_image_takes_its_place(void **state)
{
	(void)state;
	update_to_newer();
	assert_int_equal(service->pc, AETHER_IPA_SERVICE + newer.entry_offset);
	assert_int_equal(memory()[0x100], 0x77);
	assert_int_equal(memory()[newer.file_bytes - 1], 0x77);
	assert_int_equal(memory()[BUFFER_OFFSET], 0); /* nothing of the old one's memory */
	assert_true(is_mapped(0x2000, PGTABLE_READ | PGTABLE_EXEC));
	assert_true(is_mapped(0x3000, PGTABLE_READ | PGTABLE_WRITE));
	assert_int_not_equal(node_bootinfo()->service_sha256[0], 1);
	assert_non_null(strstr(fake_console_output(), "service was replaced by a newer image; instance 2 follows"));
	fake_watch_check();
}

static void it_goes_when_it_fails_soon(void **state)
{
	(void)state;
	update_to_newer();
	fake_advance(59 * FAKE_TICKS_PER_SECOND);
	assert_ptr_equal(node_trap(service, ESR_STRAY, UINT64_C(0x900000000)), service);
	assert_int_equal(instance(), 3);
	assert_int_equal(memory()[0x100], NODE_SERVICE_BYTE);
	assert_true(is_mapped(0x1000, PGTABLE_READ | PGTABLE_WRITE));
	assert_true(is_mapped(0x2000, PGTABLE_READ | PGTABLE_WRITE));
	assert_int_equal(node_bootinfo()->service_sha256[0], 1);
	assert_non_null(strstr(fake_console_output(), "back to the image of the boot"));
	fake_watch_check();
}

static void it_stays_when_it_fails_late(void **state)
{
	(void)state;
	update_to_newer();
	for (uint32_t i = 3; i < 6; i++) {
		fake_advance(60 * FAKE_TICKS_PER_SECOND);
		assert_ptr_equal(node_trap(service, ESR_STRAY, UINT64_C(0x900000000)), service);
		assert_int_equal(instance(), i);
		assert_int_equal(memory()[0x100], 0x77);
	}
}

static void what_is_no_image_is_refused(void **state)
{
	(void)state;
	const uint64_t bytes = newer.file_bytes;
	const struct {
		uint64_t ipa, bytes;
	} bad[] = {
		{0, bytes},
		{AETHER_IPA_SERVICE, bytes}, /* its code */
		{AETHER_IPA_SERVICE + 0x45000 + 0x40000, bytes}, /* behind its memory */
		{AETHER_IPA_SERVICE + 0x45000 + 0x3f000, bytes},
		{BUFFER + 1, bytes},
		{BUFFER, 0},
		{BUFFER, bytes - 1},
		{BUFFER, UPDATE_MOST_BYTES + 1},
		{BUFFER, UINT64_MAX},
		{UINT64_MAX - 0xfff, bytes},
		{AETHER_IPA_LOAD(0), bytes},
	};
	put_image(newer, 0x77);
	for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(call4(AETHER_HVC_SERVICE_UPDATE, bad[i].ipa, bad[i].bytes, 0, 0), AETHER_EINVAL);
	}
	struct aether_service_header header = newer;
	header.total_bytes = NODE_SERVICE_BYTES + 0x41000; /* more than there is */
	put_image(header, 0x77);
	assert_int_equal(call4(AETHER_HVC_SERVICE_UPDATE, BUFFER, bytes, 0, 0), AETHER_EINVAL);
	assert_int_equal(instance(), 1);
	assert_ptr_equal(node_trap(service, ESR_STRAY, UINT64_C(0x900000000)), service);
	assert_int_equal(memory()[0x100], NODE_SERVICE_BYTE);
}

static void a_refused_one_leaves_the_newer_one(void **state)
{
	(void)state;
	update_to_newer();
	const uint8_t hash = node_bootinfo()->service_sha256[0];
	fake_advance(60 * FAKE_TICKS_PER_SECOND);
	supervise_alive();
	struct aether_service_header header = newer;
	header.magic++;
	put_image(header, 0x88);
	assert_int_equal(call4(AETHER_HVC_SERVICE_UPDATE, BUFFER, newer.file_bytes, 0, 0), AETHER_EINVAL);
	assert_int_equal(call4(AETHER_HVC_SERVICE_UPDATE, 0, 0, 0, 0), AETHER_EINVAL);
	assert_int_equal(instance(), 2);
	assert_ptr_equal(node_trap(service, ESR_STRAY, UINT64_C(0x900000000)), service);
	assert_int_equal(instance(), 3);
	assert_int_equal(memory()[0x100], 0x77);
	assert_int_equal(memory()[newer.file_bytes - 1], 0x77);
	assert_int_equal(node_bootinfo()->service_sha256[0], hash);
	assert_null(strstr(fake_console_output(), "back to the image of the boot"));
	fake_watch_check();
}

/* Nor is one that is on trial let off by it. */
static void a_refused_one_does_not_end_the_trial(void **state)
{
	(void)state;
	update_to_newer();
	assert_int_equal(call4(AETHER_HVC_SERVICE_UPDATE, 0, 0, 0, 0), AETHER_EINVAL);
	assert_ptr_equal(node_trap(service, ESR_STRAY, UINT64_C(0x900000000)), service);
	assert_int_equal(memory()[0x100], NODE_SERVICE_BYTE);
	assert_non_null(strstr(fake_console_output(), "back to the image of the boot"));
}

/* Half of a newer image is copied when its giver dies. */
static void a_copy_that_is_cut_off_is_nothing(void **state)
{
	(void)state;
	update_to_newer();
	fake_advance(60 * FAKE_TICKS_PER_SECOND);
	supervise_alive();
	put_image(newer, 0x88);
	fake_interrupt_every(1);
	service->x[0] = AETHER_HVC_SERVICE_UPDATE;
	service->x[1] = BUFFER;
	service->x[2] = newer.file_bytes;
	(void)node_trap(service, ESR_HVC, 0); /* one part of it */
	assert_int_equal(instance(), 2);
	fake_interrupt_every(2);
	assert_ptr_equal(node_trap(service, ESR_STRAY, UINT64_C(0x900000000)), service);
	assert_int_equal(instance(), 3);
	assert_int_equal(memory()[0x100], 0x77);
	assert_int_equal(memory()[newer.file_bytes - 1], 0x77);
	service->x[0] = AETHER_HVC_SERVICE_UPDATE; /* and the next call begins at the beginning */
	put_image(newer, 0x99);
	(void)call4(AETHER_HVC_SERVICE_UPDATE, BUFFER, newer.file_bytes, 0, 0);
	assert_int_equal(memory()[0x100], 0x99);
	assert_int_equal(memory()[newer.file_bytes - 1], 0x99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, node_teardown)
		TEST(a_schedule_repeats_with_its_seed),
		TEST(its_arguments_are_checked),
		TEST(a_sweep_strikes_each_step_later),
		TEST(steps_count_from_a_call),
		TEST(it_also_strikes_who_sleeps),
		TEST(every_call_has_its_turn_at_entry_and_exit),
		TEST(a_call_that_does_not_come_is_passed_over),
		TEST(it_is_sent_to_misbehave),
		TEST(who_lives_on_is_ended),
		TEST(a_newer_image_takes_its_place),
		TEST(it_goes_when_it_fails_soon),
		TEST(it_stays_when_it_fails_late),
		TEST(what_is_no_image_is_refused),
		TEST(a_refused_one_leaves_the_newer_one),
		TEST(a_refused_one_does_not_end_the_trial),
		TEST(a_copy_that_is_cut_off_is_nothing),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
