/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/supervise.c and core/reload.c: what ends an instance of the service, what the next one finds, when it comes, and
 * that guests are not disturbed. The fake machine ends a test that writes the service's memory while it is loaded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/esr.h"
#include "core/hal.h"
#include "core/reload.h"
#include "core/sched.h"
#include "core/supervise.h"
#include "core/trap.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "small_node.h"

#define ESR(class, iss) ((uint64_t)ESR_EC_##class << 26 | ESR_IL | (iss))
#define DATA_ABORT(bits) ESR(DATA_ABORT_LOWER, ESR_FSC_TRANSLATION | 3u | (bits))
#define STRAY UINT64_C(0x900000000)
#define MS (FAKE_TICKS_PER_SECOND / 1000)
#define START (10 * MS)
#define RAM_BYTES (4 * MIB)
#define PC (AETHER_IPA_SERVICE + 0x800)

static struct vcpu *service;

static int setup(void **state)
{
	(void)state;
	node_start(2, 2, NODE_RAM_MIB * MIB);
	service = node_enter_service(START, PC);
	return 0;
}

/* Schedules until the service runs; guests give way. */
static void come_back(void)
{
	for (unsigned i = 0; node_schedule(0) != service; i++) {
		assert_in_range(i, 0, 1000);
		if (service->state == VCPU_BLOCKED && service->wake_deadline > hal_ticks()) {
			fake_set_ticks(service->wake_deadline);
		}
		fake_irq_script_clear();
		if (percpu[0].current != NULL) {
			sched_give_way(percpu[0].current);
			fake_advance(MS); /* until the service has budget again */
		}
		fake_irq_push(HAL_IRQ_TIMER, 26);
		trap_take_interrupts(&percpu[0]);
	}
	service->pc = PC;
}

static struct vcpu *hvc(uint64_t call, uint64_t x1, uint64_t x2, uint64_t x3)
{
	service->x[0] = call;
	service->x[1] = x1;
	service->x[2] = x2;
	service->x[3] = x3;
	return node_trap(service, ESR(HVC64, 0), 0);
}

/* The EL2 timer of the service's CPU. */
static void timer(void)
{
	fake_irq_push(HAL_IRQ_TIMER, 26);
	(void)node_irq(0);
}

static void assert_instance(uint32_t instance, enum aether_service_failure cause)
{
	assert_int_equal(node_bootinfo()->instance, instance);
	assert_int_equal(node_bootinfo()->restart_cause, cause);
}

/* --- what ends it --- */

static void every_exit_that_it_may_not_take_ends_it(void **state)
{
	(void)state;
	const struct {
		uint64_t esr, ipa;
		enum aether_service_failure cause;
	} exits[] = {
		{DATA_ABORT(ESR_ISS_ISV), STRAY, AETHER_SERVICE_ABORT},
		{DATA_ABORT(ESR_ISS_ISV | ESR_ISS_WNR), AETHER_IPA_SERVICE, AETHER_SERVICE_ABORT},
		{DATA_ABORT(0), STRAY, AETHER_SERVICE_ABORT},
		{DATA_ABORT(ESR_ISS_S1PTW), STRAY, AETHER_SERVICE_ABORT},
		{ESR(INSTRUCTION_ABORT_LOWER, ESR_FSC_PERMISSION | 3u), STRAY, AETHER_SERVICE_ABORT},
		{ESR(SMC64, 0), 0, AETHER_SERVICE_TRAP},
		{ESR(WFX, 0), 0, AETHER_SERVICE_TRAP},
		{ESR(WFX, 1), 0, AETHER_SERVICE_TRAP},
		{ESR(FP, 0), 0, AETHER_SERVICE_TRAP},
		{ESR(SYS64, ESR_SYSREG(3, 0, 5, 3, 0)), 0, AETHER_SERVICE_TRAP}, /* ERRIDR_EL1 and on */
	};
	for (unsigned i = 0; i < ARRAY_COUNT(exits); i++) {
		char words[96];
		assert_int_equal(setup(NULL), 0);
		service->x[0] = 0x84000008; /* SYSTEM_OFF, if anybody asks */
		assert_ptr_equal(node_trap(service, exits[i].esr, exits[i].ipa), service);
		assert_instance(2, exits[i].cause);
		assert_int_equal(fake_log_count_of(FAKE_OP_INJECT_ABORT), 0);
		assert_int_equal(fake_log_count_of(FAKE_OP_INJECT_UNDEF), 0);
		assert_int_equal(service->pc, AETHER_IPA_SERVICE + 64);
		snprintf(words, sizeof(words), "(esr %llx ipa %llx pc %llx); instance 2 follows\r\n",
			 (unsigned long long)exits[i].esr,
			 exits[i].cause == AETHER_SERVICE_ABORT ? (unsigned long long)exits[i].ipa : 0ULL,
			 (unsigned long long)PC);
		if (strstr(fake_console_output(), words) == NULL) {
			fail_msg("%s is not in: %s", words, fake_console_output());
		}
		node_check();
	}
}

static void it_may_give_up(void **state)
{
	(void)state;
	assert_ptr_equal(hvc(AETHER_HVC_FAIL, 0x1234, 0x5678, 0x9abc), service);
	assert_instance(2, AETHER_SERVICE_FAULT);
	assert_non_null(strstr(fake_console_output(), "gave up (esr 1234 ipa 9abc pc 5678); instance 2"));
}

static void a_system_error_ends_it_alone(void **state)
{
	(void)state;
	fake_exit_syndrome = ESR(SERROR, 0x11);
	assert_ptr_equal(trap_serror(service), service);
	assert_instance(2, AETHER_SERVICE_FAULT);
	assert_int_equal(node_state(&vms[VM_SERVICE]), AETHER_VM_RUNNING);
}

static void calls_that_are_not_for_it_are_refused(void **state)
{
	(void)state;
	assert_ptr_equal(hvc(0x84000008, 0, 0, 0), service);
	assert_int_equal((int64_t)service->x[0], AETHER_ENOSYS);
	assert_ptr_equal(hvc(AETHER_HVC_SERVICE_UPDATE, AETHER_IPA_SERVICE, PAGE_BYTES, 0), service);
	assert_int_equal((int64_t)service->x[0], AETHER_EPERM);
	assert_ptr_equal(hvc(AETHER_HVC_CHAOS, 1, 1, 1), service);
	assert_int_equal((int64_t)service->x[0], AETHER_ENOSYS);
	assert_int_equal(node_bootinfo()->instance, 1);
	assert_int_equal(node_bootinfo()->is_simulation, 0);
}

/* --- silence --- */

/* The service has its CPU, and is looked at as often as it wants to be. */
static void runs_for(uint64_t ms)
{
	const uint64_t end = hal_ticks() + ms * MS;
	while (hal_ticks() < end) {
		const uint64_t at = supervise_deadline();
		fake_set_ticks(at < end ? at : end);
		fake_irq_script_clear();
		timer();
	}
}

static void silence_is_death_after_its_time(void **state)
{
	(void)state;
	runs_for(AETHER_ALIVE_MS - 1);
	assert_int_equal(node_bootinfo()->instance, 1);
	runs_for(11);
	assert_instance(2, AETHER_SERVICE_SILENT);
}

/* As on an emulator whose host is busy: the clock runs on, and it seems to have its CPU. */
static void a_clock_that_jumps_kills_nobody(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		fake_advance(AETHER_ALIVE_MS * MS);
		fake_irq_script_clear();
		timer();
	}
	assert_int_equal(node_bootinfo()->instance, 1);
}

static void a_sign_of_life_is_enough(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		runs_for(AETHER_ALIVE_MS - 1);
		assert_ptr_equal(hvc(AETHER_HVC_ALIVE, 0, 0, 0), service);
		assert_int_equal(service->x[0], 0);
		timer();
	}
	assert_int_equal(node_bootinfo()->instance, 1);
}

static void other_calls_are_no_sign_of_life(void **state)
{
	(void)state;
	runs_for(AETHER_ALIVE_MS - 1);
	(void)hvc(AETHER_HVC_VM_INFO, 0, 0, 0);
	(void)hvc(AETHER_HVC_LOG, 1, 'x', 0);
	runs_for(11);
	assert_instance(2, AETHER_SERVICE_SILENT);
}

static void each_part_of_a_long_call_is_one(void **state)
{
	(void)state;
	fake_interrupt_every(1);
	service->x[4] = 0;
	for (unsigned i = 0; i < 5; i++) {
		runs_for(AETHER_ALIVE_MS - 1);
		(void)hvc(AETHER_HVC_VM_CREATE, 64 * RAM_BYTES / 8, 1, 0); /* HV_AGAIN: PC is at the call again */
		timer();
	}
	assert_int_equal(node_bootinfo()->instance, 1);
}

static void asleep_it_is_never_overdue(void **state)
{
	(void)state;
	(void)node_enter(RAM_BYTES, 1);
	node_rest();
	assert_int_equal(supervise_deadline(), UINT64_MAX);
	fake_advance(100 * AETHER_ALIVE_MS * MS);
	supervise_check(hal_ticks());
	assert_false(supervise_is_reloading());
}

/* Guests have the CPU: the wall clock alone kills nobody. */
static void without_the_cpu_it_cannot_be_silent(void **state)
{
	(void)state;
	(void)node_enter(RAM_BYTES, 1);
	service->state = VCPU_RUNNABLE;
	percpu[0].must_reschedule = true;
	sched_turn_off(service);
	service->state = VCPU_RUNNABLE; /* it wants to, and never gets it */
	for (unsigned i = 0; i < 500; i++) {
		const uint64_t deadline = supervise_deadline();
		assert_true(deadline > hal_ticks());
		fake_set_ticks(deadline);
		supervise_check(hal_ticks());
		assert_false(supervise_is_reloading());
	}
}

/* --- what the next one finds --- */

static void nothing_of_an_instance_is_left(void **state)
{
	(void)state;
	uint8_t *bytes = fake_ram(node_service_memory());
	uint8_t image[NODE_SERVICE_FILE_BYTES];
	memcpy(image, bytes, sizeof(image));
	assert_int_equal(image[sizeof(image) - 1], NODE_SERVICE_BYTE);
	memset(bytes, 0xee, NODE_SERVICE_BYTES);
	memset(service->x, 0xee, sizeof(service->x));
	service->abort_streak = 7;
	vgic_set_level(&vms[VM_SERVICE].gic, 0, 40, true);
	fake_log_clear();
	(void)node_trap(service, DATA_ABORT(ESR_ISS_ISV), STRAY);
	assert_memory_equal(bytes, image, sizeof(image));
	for (uint64_t i = NODE_SERVICE_FILE_BYTES; i < NODE_SERVICE_BYTES; i++) {
		assert_int_equal(bytes[i], 0);
	}
	assert_false(vgic_has_pending(&vms[VM_SERVICE].gic, 0));
	assert_int_equal(fake_log_count_of(FAKE_OP_VCPU_RESET), 1);
	assert_int_equal(fake_log_count_of(FAKE_OP_STAGE2_INVALIDATE_ALL), 1);
	/* The caches are invalidated when all of it stands, and before it is loaded. */
	const size_t clean = fake_log_find(FAKE_OP_INVALIDATE_ICACHE, 0);
	assert_int_equal(fake_log_find(FAKE_OP_SCRUB, clean), SIZE_MAX);
	assert_int_equal(fake_log_find(FAKE_OP_COPY_TO, clean), SIZE_MAX);
	assert_true(fake_log_find(FAKE_OP_VCPU_LOAD, 0) > clean);
	const struct page_owner nobody = {PAGE_SERVICE, PAGE_NOBODY};
	assert_true(pages_are(node_service_memory(), NODE_SERVICE_BYTES, nobody));
}

/* The operations of a kind went over [base, base + bytes) once, in order, none larger than a part. */
static void assert_covers(enum fake_op_kind kind, uint64_t base, uint64_t bytes)
{
	uint64_t at = base;
	for (size_t i = fake_log_find(kind, 0); i != SIZE_MAX; i = fake_log_find(kind, i + 1)) {
		assert_int_equal(fake_log_at(i)->a, at);
		assert_in_range(fake_log_at(i)->b, 1, 0x4000);
		at += fake_log_at(i)->b;
	}
	assert_int_equal(at, base + bytes);
}

static void it_is_laid_in_parts_and_interrupts_are_taken_between(void **state)
{
	(void)state;
	const pa_t base = node_service_memory();
	fake_log_clear();
	const uint64_t polls = fake_interrupt_polls();
	(void)node_trap(service, DATA_ABORT(ESR_ISS_ISV), STRAY);
	assert_covers(FAKE_OP_COPY_TO, base.v, NODE_SERVICE_FILE_BYTES);
	assert_covers(FAKE_OP_SCRUB, base.v + NODE_SERVICE_FILE_BYTES, NODE_SERVICE_BYTES - NODE_SERVICE_FILE_BYTES);
	const size_t parts = fake_log_count_of(FAKE_OP_COPY_TO) + fake_log_count_of(FAKE_OP_SCRUB);
	assert_true(fake_interrupt_polls() - polls >= parts - 1);
}

static void between_bursts_the_cpu_is_the_guests(void **state)
{
	(void)state;
	(void)node_enter(RAM_BYTES, 1);
	come_back();
	supervise_fail(AETHER_SERVICE_FAULT, 0, 0);
	assert_int_equal(service->state, VCPU_RUNNABLE);
	unsigned parts = 0;
	while (service->state == VCPU_RUNNABLE) {
		assert_false(supervise_step(service));
		fake_advance(MS / 10);
		assert_in_range(++parts, 1, 4);
	}
	assert_int_equal(service->state, VCPU_BLOCKED);
	assert_in_range(service->wake_deadline, hal_ticks(), hal_ticks() + MS / 4);
	struct vcpu *guest = node_schedule(0);
	assert_non_null(guest);
	assert_false(guest->is_service);
	come_back();
	assert_instance(2, AETHER_SERVICE_FAULT);
}

static void it_is_told_what_happened(void **state)
{
	(void)state;
	const struct aether_bootinfo *info = node_bootinfo();
	fake_set_ticks(12345);
	(void)hvc(AETHER_HVC_FAIL, 0, 0, 0);
	assert_int_equal(info->restart_ticks, 12345);
	assert_true(info->core_ticks >= info->restart_ticks);
	assert_int_equal(info->service_sha256[0], 1);
	assert_int_equal(info->service_sha256[2], 3);
	struct aether_telemetry telemetry = {.restarts = 0};
	supervise_fill_telemetry(&telemetry);
	assert_int_equal(telemetry.restarts, 1);
}

static void its_entropy_is_its_own(void **state)
{
	(void)state;
	uint8_t seen[6][32];
	struct aether_bootinfo *info = node_bootinfo();
	memset(info->entropy, 0x5a, sizeof(info->entropy));
	info->entropy_bytes = sizeof(info->entropy);
	for (unsigned i = 0; i < 6; i++) {
		fake_set_entropy(i >= 3, 77); /* first derived, then the machine's */
		(void)hvc(AETHER_HVC_FAIL, 0, 0, 0);
		come_back();
		memcpy(seen[i], info->entropy, 32);
		for (unsigned other = 0; other < i; other++) {
			assert_true(i >= 3 || memcmp(seen[i], seen[other], 32) != 0);
		}
	}
}

/* --- back-off --- */

static uint64_t delay_ms(void)
{
	supervise_fail(AETHER_SERVICE_FAULT, 0, 0);
	if (service->state == VCPU_RUNNABLE) {
		return 0;
	}
	assert_int_equal(service->state, VCPU_BLOCKED);
	return (service->wake_deadline - hal_ticks()) / MS;
}

static void deaths_in_a_row_are_answered_slower_and_slower(void **state)
{
	(void)state;
	const uint64_t expected[] = {0, 0, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
	struct vm *vm = node_enter(RAM_BYTES, 1);
	for (unsigned i = 0; i < ARRAY_COUNT(expected); i++) {
		const uint64_t delay = delay_ms();
		assert_int_equal(delay, expected[i]);
		if (delay != 0) {
			/* Nothing but the time brings it back, and the guest has the CPU meanwhile. */
			vcpu_request(service, VCPU_REQUEST_WAKE | VCPU_REQUEST_INTERRUPT);
			assert_ptr_equal(node_schedule(0), vm->vcpus[0]);
			assert_true(fake_timer_deadline(0) <= service->wake_deadline);
			fake_set_ticks(service->wake_deadline);
		}
		come_back();
		assert_instance(i + 2, AETHER_SERVICE_FAULT);
	}
	assert_non_null(strstr(fake_console_output(), "instance 4 follows in 100 ms"));
	assert_non_null(strstr(fake_console_output(), "instance 11 follows in 10000 ms"));
	assert_int_equal(node_state(vm), AETHER_VM_RUNNING);
}

static void a_steady_life_ends_the_row(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		(void)delay_ms();
		come_back();
	}
	fake_advance(60000 * MS);
	assert_int_equal(delay_ms(), 0);
}

static void the_dead_die_no_more(void **state)
{
	(void)state;
	supervise_fail(AETHER_SERVICE_FAULT, 0, 0);
	supervise_fail(AETHER_SERVICE_ABORT, 0, 0);
	supervise_check(hal_ticks() + 1000 * MS);
	come_back();
	assert_instance(2, AETHER_SERVICE_FAULT);
}

/* --- guests --- */

static void guests_do_not_notice(void **state)
{
	(void)state;
	struct vm *vm = node_enter(RAM_BYTES, 2);
	struct vm *loading = node_load(RAM_BYTES, 1);
	const struct node_account before = node_account();
	come_back();
	fake_log_clear();
	for (unsigned i = 0; i < 3; i++) {
		(void)node_trap(service, DATA_ABORT(ESR_ISS_ISV), STRAY);
		fake_advance(100 * MS);
		come_back();
	}
	assert_int_equal(node_state(vm), AETHER_VM_RUNNING);
	assert_int_equal(node_state(loading), AETHER_VM_LOADING);
	assert_int_equal(node_in_guest(vm), RAM_BYTES);
	assert_int_equal(node_in_service(loading), RAM_BYTES);
	for (size_t i = fake_log_find(FAKE_OP_VCPU_RESET, 0); i != SIZE_MAX;
	     i = fake_log_find(FAKE_OP_VCPU_RESET, i + 1)) {
		assert_int_equal(fake_log_at(i)->b, VM_SERVICE);
	}
	node_assert_account(&before);
	node_check();
}

/* --- images --- */

static void only_an_image_is_an_image(void **state)
{
	(void)state;
	const struct aether_service_header good = {
		.magic = AETHER_SERVICE_MAGIC,
		.entry_offset = 64,
		.text_bytes = 0x1000,
		.file_bytes = 0x2000,
		.total_bytes = 0x3000,
	};
	assert_true(reload_is_image(&good, 0x2000, 0x3000));
	assert_false(reload_is_image(&good, 0x1fff, 0x3000));
	assert_false(reload_is_image(&good, 0x2000, 0x2fff));
	const struct {
		size_t field;
		uint64_t value;
	} bad[] = {
#define BAD(field, value) {offsetof(struct aether_service_header, field), value}
		BAD(magic, 0),		   BAD(entry_offset, 0x1000), BAD(entry_offset, 66),
		BAD(entry_offset, ~UINT64_C(0) - 3), BAD(text_bytes, 0), BAD(text_bytes, 0x800),
		BAD(text_bytes, 0x3000),   BAD(file_bytes, 0x2800),   BAD(file_bytes, 0x3000),
		BAD(file_bytes, 0),	   BAD(total_bytes, 0x2000),  BAD(total_bytes, 0x2800),
		BAD(total_bytes, ~UINT64_C(0xfff)), BAD(chaos_offset, 0x1000), BAD(chaos_offset, 2),
#undef BAD
	};
	for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
		struct aether_service_header header = good;
		memcpy((uint8_t *)&header + bad[i].field, &bad[i].value, sizeof(uint64_t));
		if (reload_is_image(&header, 0x2000, 0x3000)) {
			fail_msg("bad header %u passes", i);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, node_teardown)
		TEST(every_exit_that_it_may_not_take_ends_it),
		TEST(it_may_give_up),
		TEST(a_system_error_ends_it_alone),
		TEST(calls_that_are_not_for_it_are_refused),
		TEST(silence_is_death_after_its_time),
		TEST(a_clock_that_jumps_kills_nobody),
		TEST(a_sign_of_life_is_enough),
		TEST(other_calls_are_no_sign_of_life),
		TEST(each_part_of_a_long_call_is_one),
		TEST(asleep_it_is_never_overdue),
		TEST(without_the_cpu_it_cannot_be_silent),
		TEST(nothing_of_an_instance_is_left),
		TEST(it_is_laid_in_parts_and_interrupts_are_taken_between),
		TEST(between_bursts_the_cpu_is_the_guests),
		TEST(it_is_told_what_happened),
		TEST(its_entropy_is_its_own),
		TEST(deaths_in_a_row_are_answered_slower_and_slower),
		TEST(a_steady_life_ends_the_row),
		TEST(the_dead_die_no_more),
		TEST(guests_do_not_notice),
		TEST(only_an_image_is_an_image),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
