/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/crash.c: what a record holds and what never, that it is in memory before the reset, that faults on the way end,
 * and what the next boots make of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check_fake.h"
#include "core/check.h"
#include "core/crash.h"
#include "core/hal.h"
#include "hal_fake.h"
#include "lib/crc32.h"
#include "small_node.h"

#define STACK_BYTES 0x4000u

static uint8_t *stack;
static uint64_t base;

static void boot(void)
{
	crash_init(hal_ticks());
	crash_take();
}

static int setup(void **state)
{
	(void)state;
	node_start(2, 2, NODE_RAM_MIB * MIB);
	fake_set_ticks(1000000);
	boot();
	crash_set_boot_id(0xb007);
	stack = malloc(STACK_BYTES);
	assert_non_null(stack);
	for (unsigned i = 0; i < STACK_BYTES; i++) {
		stack[i] = (uint8_t)(i * 7 + i / 256);
	}
	base = ((uint64_t)(uintptr_t)stack + 15) & ~UINT64_C(15);
	percpu[0].stack_base = base;
	percpu[0].stack_top = base + STACK_BYTES - 16;
	memset(&percpu[0].trace, 0, sizeof(percpu[0].trace));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(stack);
	node_stop();
	return 0;
}

static struct fault_frame frame_at(uint64_t sp)
{
	struct fault_frame frame = {
		.elr = FAKE_IMAGE_VA + 0x1234,
		.esr = 0x96000007,
		.far = 0xdead0000,
		.spsr = 0x3c9,
		.vector = 4,
		.sp = sp,
	};
	for (unsigned i = 0; i < 31; i++) {
		frame.x[i] = UINT64_C(0x1010101010101010) + i;
	}
	return frame;
}

static const struct aether_crash *crash_at(uint64_t sp)
{
	const struct fault_frame frame = frame_at(sp);
	assert_check_fails(trap_fault(&frame));
	assert_string_equal(check_fake.text, "hal_node_off");
	return fake_durable_crash();
}

/* The node comes up again. */
static void reboot(void)
{
	fake_warm_reset();
	fake_set_ticks(5000);
	boot();
}

static bool is_sealed(const struct aether_crash *record)
{
	const size_t from = offsetof(struct aether_crash, crc) + 4;
	return record->crc == crc32((const uint8_t *)record + from, sizeof(*record) - from);
}

static void the_checksum_is_zlibs(void **state)
{
	(void)state;
	assert_int_equal(crc32("123456789", 9), 0xcbf43926);
	assert_int_equal(crc32("", 0), 0);
}

static void a_fault_leaves_its_registers(void **state)
{
	(void)state;
	const struct aether_crash *record = crash_at(base + 0x2000);
	assert_true(is_sealed(record));
	assert_int_equal(record->magic, AETHER_CRASH_MAGIC);
	assert_int_equal(record->length, sizeof(*record));
	assert_int_equal(record->version, AETHER_CRASH_VERSION);
	assert_int_equal(record->streak, 1);
	assert_int_equal(record->is_told | record->boots | record->cpu, 0);
	for (unsigned i = 0; i < 32; i++) {
		assert_int_equal(record->build_id[i], i < 20 ? 0xa0 + i : 0);
	}
	assert_string_equal(record->core_version, AETHER_VERSION);
	assert_string_equal(record->reason, "aether: node stopped: fault in the core, cpu 0 vector 4 esr 96000007 elr "
					    "700000001234 far dead0000");
	assert_int_equal(record->boot_id, 0xb007);
	assert_int_equal(record->ticks, hal_ticks());
	assert_int_equal(record->counter_hz, hal_ticks_per_second());
	assert_int_equal(record->image_va, FAKE_IMAGE_VA);
	for (unsigned i = 0; i < 31; i++) {
		assert_int_equal(record->x[i], UINT64_C(0x1010101010101010) + i);
	}
	assert_int_equal(record->elr, FAKE_IMAGE_VA + 0x1234);
	assert_int_equal(record->esr, 0x96000007);
	assert_int_equal(record->far, 0xdead0000);
	assert_int_equal(record->spsr, 0x3c9);
	assert_int_equal(record->sp, base + 0x2000);
	/* The console has the same line, and the reset comes last. */
	assert_non_null(strstr(fake_console_output(), record->reason));
	assert_non_null(strstr(fake_console_output(), "aether: x0 1010101010101010 1010101010101011"));
	assert_int_equal(fake_log_at(fake_log_count() - 1)->kind, FAKE_OP_NODE_OFF);
	assert_int_equal(fake_log_at(fake_log_count() - 1)->a, 1);
}

static void a_check_leaves_its_place(void **state)
{
	(void)state;
	assert_check_fails(check_failed("a < b", "core/x.c", 7));
	const struct aether_crash *record = fake_durable_crash();
	assert_true(is_sealed(record));
	assert_string_equal(record->reason, "aether: node stopped: a < b does not hold at core/x.c:7, cpu 0");
	assert_int_equal(record->x[30], record->elr);
	assert_int_not_equal(record->elr, 0);
	assert_int_equal(record->x[29], record->sp);
	assert_int_equal(record->esr, 0);
	assert_int_equal(record->stack_bytes, 0); /* this program's is not the CPU's */
}

static void only_the_cpus_own_stack_is_copied(void **state)
{
	(void)state;
	const uint64_t top = percpu[0].stack_top;
	static const uint64_t none[] = {0, UINT64_MAX, 0x40000000};
	const struct aether_crash *record = crash_at(base + 0x2008);
	assert_int_equal(record->stack_va, base + 0x2000);
	assert_int_equal(record->stack_bytes, AETHER_CRASH_STACK_BYTES);
	assert_memory_equal(record->stack, (const void *)(uintptr_t)record->stack_va, record->stack_bytes);
	boot();
	record = crash_at(top - 48); /* up to its top */
	assert_int_equal(record->stack_bytes, 48);
	assert_memory_equal(record->stack, (const void *)(uintptr_t)(top - 48), 48);
	for (unsigned i = 48; i < AETHER_CRASH_STACK_BYTES; i++) {
		assert_int_equal(record->stack[i], 0);
	}
	/* It grew into the page below: what the fault itself does not use is shown. */
	for (uint64_t below = 0; below <= CRASH_FAULT_STACK_BYTES; below += CRASH_FAULT_STACK_BYTES) {
		boot();
		record = crash_at(base - below);
		assert_int_equal(record->stack_va, base + CRASH_FAULT_STACK_BYTES);
		assert_int_equal(record->stack_bytes, AETHER_CRASH_STACK_BYTES);
	}
	for (unsigned i = 0; i < 5; i++) {
		boot();
		record = crash_at(i < 3 ? none[i] : i == 3 ? top : base - CRASH_FAULT_STACK_BYTES - 16);
		assert_int_equal(record->stack_bytes, 0);
		assert_int_equal(record->stack_va, 0);
	}
}

static void the_trace_ends_with_the_newest(void **state)
{
	(void)state;
	for (unsigned count = 0; count < 600; count += 1 + count / 2) {
		struct trace_ring *ring = &percpu[0].trace;
		memset(ring, 0, sizeof(*ring));
		for (unsigned i = 1; i <= count; i++) {
			trace_write(ring, TRACE_SWITCH, 100 + i, 0x200, i, 2 * i);
		}
		boot();
		const struct aether_crash *record = crash_at(0);
		const unsigned kept =
			count < AETHER_CRASH_TRACE_ENTRIES ? count : AETHER_CRASH_TRACE_ENTRIES;
		assert_int_equal(record->trace_count, kept);
		for (unsigned i = 0; i < kept; i++) {
			assert_int_equal(record->trace[i].a, count - kept + i + 1);
			assert_int_equal(record->trace[i].ticks, 100 + record->trace[i].a);
			assert_int_equal(record->trace[i].who, (uint64_t)TRACE_SWITCH << 32 | 0x200);
		}
	}
}

static void a_vcpus_registers_are_not_in_it(void **state)
{
	(void)state;
	struct vcpu *vcpu = node_enter(4 * MIB, 1)->vcpus[0];
	percpu[0].current = vcpu;
	struct fault_frame frame = frame_at(base + 0x2000);
	for (unsigned i = 0; i < 31; i++) {
		vcpu->x[i] = i % 2 == 0 ? frame.x[i] : 0x77;
	}
	assert_check_fails(trap_fault(&frame));
	for (unsigned i = 0; i < 31; i++) {
		assert_int_equal(fake_durable_crash()->x[i], i % 2 == 0 ? 0 : frame.x[i]);
	}
}

static bool contains(const struct aether_crash *record, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i + count <= sizeof(*record); i++) {
		if (memcmp((const uint8_t *)record + i, bytes, count) == 0) {
			return true;
		}
	}
	return false;
}

static void a_key_is_never_in_it(void **state)
{
	(void)state;
	static uint8_t key[32];
	for (unsigned i = 0; i < sizeof(key); i++) {
		key[i] = (uint8_t)(0xc3 ^ (i * 29));
	}
	for (unsigned shift = 0; shift < 8; shift++) {
		struct fault_frame frame = frame_at(base + 0x2000);
		memcpy(stack + 0x2100 + shift, key, sizeof(key));
		memcpy((uint8_t *)&frame.x[3] + shift, key + 8, 8);
		boot();
		assert_check_fails(trap_fault(&frame)); /* that it would be there */
		assert_true(contains(fake_durable_crash(), key, sizeof(key)));
		boot();
		crash_hide(key, sizeof(key));
		assert_check_fails(trap_fault(&frame));
		for (unsigned i = 0; i < sizeof(key); i += 8) {
			assert_false(contains(fake_durable_crash(), key + i, 8));
		}
		assert_int_equal(fake_durable_crash()->x[2], UINT64_C(0x1010101010101012));
	}
}

static void the_next_boot_finds_it(void **state)
{
	(void)state;
	assert_int_equal(crash_found.bytes, 0);
	const struct aether_crash written = *crash_at(base + 0x2000);
	for (unsigned boots = 0; boots < 3; boots++) {
		/* Until the controller has it, every boot tells it; the row of crashes is over. */
		reboot();
		assert_int_equal(crash_found.bytes, sizeof(written));
		assert_int_equal(crash_found.streak, boots == 0 ? 1 : 0);
		struct aether_crash copy;
		memcpy(&copy, hal_core_page(crash_found.pa), sizeof(copy));
		assert_true(is_sealed(&copy));
		assert_int_equal(copy.boots, boots + 1);
		copy.boots = written.boots;
		copy.crc = written.crc;
		assert_memory_equal(&copy, &written, sizeof(copy));
	}
	crash_set_told();
	reboot();
	assert_int_equal(crash_found.bytes, 0);
	assert_int_equal(crash_found.streak, 0);
}

static void crashes_in_a_row_are_counted(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(crash_at(base + 0x2000)->streak, i);
		reboot();
		assert_int_equal(crash_found.streak, i);
		if (i % 2 == 0) {
			crash_set_told(); /* which is another matter */
		}
	}
	fake_advance(AETHER_CRASH_LIVED_S * hal_ticks_per_second());
	assert_int_equal(crash_at(base + 0x2000)->streak, 1);
	reboot();
	reboot(); /* an end that was no crash */
	assert_int_equal(crash_at(base + 0x2000)->streak, 1);
}

static void memory_after_a_power_cycle_is_anything(void **state)
{
	(void)state;
	const struct aether_crash written = *crash_at(base + 0x2000);
	uint8_t *memory = (uint8_t *)fake_durable_crash();
	for (size_t at = 0; at < sizeof(written); at += at < 512 ? 1 : 37) {
		memcpy(memory, &written, sizeof(written));
		memory[at] ^= (uint8_t)(1u << (at % 8));
		reboot();
		assert_int_equal(crash_found.bytes | crash_found.streak, 0);
		assert_memory_equal(hal_crash_memory(), memory, sizeof(written)); /* nor is it touched */
		crash_set_told();
		assert_memory_equal(hal_crash_memory(), memory, sizeof(written));
	}
	memset(memory, 0xff, sizeof(written));
	reboot();
	assert_int_equal(crash_found.bytes, 0);
}

static void without_a_page_it_waits_for_another_boot(void **state)
{
	(void)state;
	crash_at(base + 0x2000);
	fake_warm_reset();
	crash_init(hal_ticks());
	node_starve(0);
	crash_take();
	assert_int_equal(crash_found.bytes, 0);
	assert_int_equal(crash_found.streak, 1);
	node_feed();
	reboot();
	assert_int_equal(crash_found.bytes, sizeof(struct aether_crash));
}

/* --- what breaks on the way --- */

static unsigned faults;

static void fault_again(void)
{
	const struct fault_frame frame = frame_at(0x55);
	if (faults++ == 0) {
		trap_fault(&frame);
	}
}

static void a_fault_in_the_record_still_reports_and_resets(void **state)
{
	(void)state;
	faults = 0;
	fake_set_crash_clean(fault_again);
	const struct fault_frame frame = frame_at(base + 0x2000);
	assert_check_fails(trap_fault(&frame));
	assert_int_equal(faults, 1);
	assert_non_null(strstr(fake_console_output(), "elr 700000001234"));
	assert_int_equal(fake_log_count_of(FAKE_OP_NODE_OFF), 1);
	/* The record did not come to memory, and so there is none. */
	reboot();
	assert_int_equal(crash_found.bytes, 0);
}

static void a_fault_in_the_reset_ends_there(void **state)
{
	(void)state;
	const struct fault_frame frame = frame_at(base + 0x2000);
	assert_check_fails(trap_fault(&frame));
	assert_fake_fails(trap_fault(&frame)); /* waits for ever */
	assert_non_null(strstr(check_fake.text, "waits"));
	assert_int_equal(fake_log_count_of(FAKE_OP_NODE_OFF), 1);
}

static void another_cpu_stands_still(void **state)
{
	(void)state;
	const struct fault_frame frame = frame_at(base + 0x2000);
	assert_check_fails(trap_fault(&frame));
	const struct aether_crash written = *fake_durable_crash();
	fake_set_cpu(1);
	assert_fake_fails(check_failed("late", "core/x.c", 1));
	assert_non_null(strstr(check_fake.text, "CPU 1 waits"));
	fake_set_cpu(0);
	assert_memory_equal(fake_durable_crash(), &written, sizeof(written));
	assert_null(strstr(fake_console_output(), "late"));
	assert_int_equal(fake_log_count_of(FAKE_OP_NODE_OFF), 1);
}

/* --- three in a row --- */

static unsigned waits;

static void pass_time(void)
{
	/* It is woken now and then by something else. */
	const uint64_t deadline = fake_timer_deadline(0);
	assert_in_range(deadline, hal_ticks(), UINT64_MAX - 1);
	fake_set_ticks(++waits % 3 == 0 ? deadline : hal_ticks() + (deadline - hal_ticks()) / 2);
}

static void the_third_in_a_row_waits(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 4; i++) {
		crash_at(base + 0x2000);
		reboot();
		const uint64_t from = hal_ticks();
		waits = 0;
		fake_set_wait(pass_time);
		crash_wait();
		fake_set_wait(NULL);
		const uint64_t waited = hal_ticks() - from;
		if (i < AETHER_CRASH_STREAK_WAIT) {
			assert_int_equal(waited, 0);
		} else {
			assert_int_equal(waited, AETHER_CRASH_WAIT_S * hal_ticks_per_second());
			assert_int_equal(fake_timer_deadline(0), UINT64_MAX);
		}
	}
	assert_non_null(strstr(fake_console_output(), "aether: the core has failed 3 times in a row; waiting 60 s"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(the_checksum_is_zlibs),
		TEST(a_fault_leaves_its_registers),
		TEST(a_check_leaves_its_place),
		TEST(only_the_cpus_own_stack_is_copied),
		TEST(the_trace_ends_with_the_newest),
		TEST(a_vcpus_registers_are_not_in_it),
		TEST(a_key_is_never_in_it),
		TEST(the_next_boot_finds_it),
		TEST(crashes_in_a_row_are_counted),
		TEST(memory_after_a_power_cycle_is_anything),
		TEST(without_a_page_it_waits_for_another_boot),
		TEST(a_fault_in_the_record_still_reports_and_resets),
		TEST(a_fault_in_the_reset_ends_there),
		TEST(another_cpu_stands_still),
		TEST(the_third_in_a_row_waits),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
