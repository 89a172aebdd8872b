/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/trap.c: each class of exit to its action (test_containment.c has all others).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/smccc.h"
#include "core/esr.h"
#include "core/hal.h"
#include "core/trap.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "small_node.h"

#define PC (NODE_ENTRY + 0x100)
#define ESR(class, iss) ((uint64_t)ESR_EC_##class << 26 | ESR_IL | (iss))
#define SAS(log2) ((uint64_t)(log2) << 22)
#define SRT(x) ((uint64_t)(x) << 16)
#define LEVEL_3 (ESR_FSC_TRANSLATION | 3u)
#define MMIO(log2, x) (ESR_ISS_ISV | SAS(log2) | SRT(x) | LEVEL_3)
#define UARTFR 0x18u
#define UARTIMSC 0x38u
#define GICD_ISENABLER1 0x104u
#define GICR_WAKER 0x14u
#define RTCMR 0x04u
#define RTCIMSC 0x10u
#define GICC_DIR 0x1000u
#define WFX_WFE 1u

static struct vcpu *vcpu;

static void start(unsigned gic_version)
{
	node_start(gic_version, 1, NODE_RAM_MIB * MIB);
	struct vm *vm = node_enter(4 * MIB, 2);
	node_rest();
	vcpu = vm->vcpus[0];
	assert_ptr_equal(percpu[0].current, vcpu);
	vcpu->pc = PC;
	for (unsigned i = 0; i < ARRAY_COUNT(vcpu->x); i++) {
		vcpu->x[i] = UINT64_C(0x1111111111111111) * (i % 15 + 1);
	}
	fake_log_clear();
}

static int setup(void **state)
{
	(void)state;
	start(2);
	return 0;
}

/* The exit changed nothing but the PC by `pc_delta` and at most x<changed> (31: none), and the guest goes on. */
static void exit_with(uint64_t esr, uint64_t ipa, int pc_delta, unsigned changed,
		      enum aether_exit_cause cause)
{
	uint64_t x[31];
	const uint64_t pc = vcpu->pc;
	const uint64_t count = vcpu->exits[cause].count;
	memcpy(x, vcpu->x, sizeof(x));
	assert_ptr_equal(node_trap(vcpu, esr, ipa), vcpu);
	assert_int_equal(vcpu->pc, pc + (uint64_t)(int64_t)pc_delta);
	assert_int_equal(vcpu->exits[cause].count, count + 1);
	for (unsigned i = 0; i < ARRAY_COUNT(x); i++) {
		assert_true(i == changed || vcpu->x[i] == x[i]);
	}
}

static void assert_injects(uint64_t esr, uint64_t ipa, enum fake_op_kind kind,
			   enum aether_exit_cause cause)
{
	fake_log_clear();
	exit_with(esr, ipa, 0, 31, cause);
	assert_int_equal(fake_log_count_of(FAKE_OP_INJECT_UNDEF) +
				 fake_log_count_of(FAKE_OP_INJECT_ABORT),
			 1);
	assert_int_equal(fake_log_count_of(kind), 1);
	if (kind == FAKE_OP_INJECT_ABORT) {
		assert_int_equal(fake_log_at(fake_log_find(kind, 0))->c, esr);
	}
}

/* --- calls --- */

static void hvc_and_smc_reach_the_same_calls(void **state)
{
	(void)state;
	vcpu->x[0] = PSCI_VERSION;
	exit_with(ESR(HVC64, 0), 0, 0, 0, AETHER_EXIT_HVC); /* the PC stands behind an HVC */
	assert_int_equal(vcpu->x[0], PSCI_VERSION_1_1);
	vcpu->x[0] = PSCI_VERSION;
	exit_with(ESR(SMC64, 0), 0, 4, 0, AETHER_EXIT_SMC);
	assert_int_equal(vcpu->x[0], PSCI_VERSION_1_1);
}

static void other_immediates_are_not_supported(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 16; bit++) {
		vcpu->x[0] = PSCI_SYSTEM_OFF;
		exit_with(ESR(HVC64, 1u << bit), 0, 0, 0, AETHER_EXIT_HVC);
		assert_int_equal(vcpu->x[0], (uint64_t)SMCCC_NOT_SUPPORTED);
		vcpu->x[0] = PSCI_SYSTEM_OFF;
		exit_with(ESR(SMC64, 1u << bit), 0, 4, 0, AETHER_EXIT_SMC);
		assert_int_equal(vcpu->x[0], (uint64_t)SMCCC_NOT_SUPPORTED);
	}
}

static void the_services_calls_are_not_a_guests(void **state)
{
	(void)state;
	const struct node_account before = node_account();
	for (unsigned call = 0; call < AETHER_HVC_COUNT + 4; call++) {
		vcpu->x[0] = AETHER_HVC(call);
		vcpu->x[1] = 2 * MIB;
		vcpu->x[2] = 1;
		vcpu->x[3] = 0;
		exit_with(ESR(HVC64, 0), 0, 0, 0, AETHER_EXIT_HVC);
		assert_int_equal(vcpu->x[0], (uint64_t)SMCCC_NOT_SUPPORTED);
		vcpu->x[0] = AETHER_HVC(call);
		exit_with(ESR(SMC64, 0), 0, 4, 0, AETHER_EXIT_SMC);
		assert_int_equal(vcpu->x[0], (uint64_t)SMCCC_NOT_SUPPORTED);
	}
	node_assert_account(&before);
}

static void system_off_ends_the_vm_alone(void **state)
{
	(void)state;
	static const struct {
		uint32_t call;
		enum aether_stop_reason reason;
	} ends[] = {{PSCI_SYSTEM_OFF, AETHER_STOP_POWER_OFF},
		    {PSCI_SYSTEM_RESET, AETHER_STOP_RESET}};
	for (unsigned i = 0; i < ARRAY_COUNT(ends); i++) {
		start(2);
		struct vm *vm = vcpu->vm;
		vcpu->x[0] = ends[i].call;
		/* The next to run is the service, which is told of it. */
		assert_ptr_equal(node_trap(vcpu, ESR(HVC64, 0), 0), node_service());
		assert_int_equal(node_state(vm), AETHER_VM_STOPPED);
		assert_int_equal(vm->stop_reason, ends[i].reason);
		assert_int_equal(vcpu->state, VCPU_OFF);
		assert_int_equal(node_state(&vms[VM_SERVICE]), AETHER_VM_RUNNING);
		node_check();
	}
}

/* --- what is undefined, aborts, waits --- */

static void every_other_class_is_undefined(void **state)
{
	(void)state;
	for (uint64_t ec = 0; ec < 64; ec++) {
		if (ec == ESR_EC_WFX || ec == ESR_EC_HVC64 || ec == ESR_EC_SMC64 ||
		    ec == ESR_EC_SYS64 || ec == ESR_EC_DATA_ABORT_LOWER ||
		    ec == ESR_EC_INSTRUCTION_ABORT_LOWER) {
			continue;
		}
		assert_injects(ec << 26 | ESR_IL, 0, FAKE_OP_INJECT_UNDEF, AETHER_EXIT_OTHER);
		assert_injects(ec << 26 | ESR_ISS_MASK, UINT64_MAX, FAKE_OP_INJECT_UNDEF,
			       AETHER_EXIT_OTHER);
	}
}

static void a_jump_out_of_memory_aborts(void **state)
{
	(void)state;
	assert_injects(ESR(INSTRUCTION_ABORT_LOWER, LEVEL_3), 0xdead0000, FAKE_OP_INJECT_ABORT,
		       AETHER_EXIT_ABORT);
	assert_injects(ESR(INSTRUCTION_ABORT_LOWER, LEVEL_3), AETHER_GUEST_UART_BASE,
		       FAKE_OP_INJECT_ABORT, AETHER_EXIT_ABORT);
}

static void a_system_register_that_is_hidden_is_undefined(void **state)
{
	(void)state;
	const uint64_t cntpoff = ESR_SYSREG(3, 4, 14, 0, 6);
	assert_injects(ESR(SYS64, cntpoff), 0, FAKE_OP_INJECT_UNDEF, AETHER_EXIT_SYSREG);
	/* An ID register is read, and is not written. */
	const uint64_t mmfr0 = ESR_SYSREG(3, 0, 0, 7, 0) | 5 << 5;
	exit_with(ESR(SYS64, mmfr0 | ESR_ISS_SYS_IS_READ), 0, 4, 5, AETHER_EXIT_SYSREG);
	assert_injects(ESR(SYS64, mmfr0), 0, FAKE_OP_INJECT_UNDEF, AETHER_EXIT_SYSREG);
}

static void wfi_sleeps_until_its_timer(void **state)
{
	(void)state;
	fake_set_unload_deadline(5000);
	assert_null(node_trap(vcpu, ESR(WFX, 0), 0));
	assert_int_equal(vcpu->state, VCPU_BLOCKED);
	assert_int_equal(vcpu->pc, PC + 4);
	assert_int_equal(fake_timer_deadline(0), 5000);
	fake_set_ticks(4999);
	assert_null(node_schedule(0));
	fake_set_ticks(5000);
	assert_ptr_equal(node_schedule(0), vcpu);
	assert_int_equal(vcpu->pc, PC + 4);
	node_check();
}

static void wfe_gives_way_and_goes_on(void **state)
{
	(void)state;
	exit_with(ESR(WFX, WFX_WFE), 0, 4, 31, AETHER_EXIT_WFX);
	struct vm *other = node_run(4 * MIB, 1);
	assert_ptr_equal(node_trap(vcpu, ESR(WFX, WFX_WFE), 0), other->vcpus[0]);
	assert_int_equal(vcpu->state, VCPU_RUNNABLE);
}

/* --- devices --- */

static void loads_are_cut_and_extended(void **state)
{
	(void)state;
	const uint64_t fr = AETHER_GUEST_UART_BASE + UARTFR; /* 0x90: both FIFOs empty */
	vcpu->x[7] = UINT64_MAX;
	exit_with(ESR(DATA_ABORT_LOWER, MMIO(2, 7)), fr, 4, 7, AETHER_EXIT_MMIO_UART);
	assert_int_equal(vcpu->x[7], 0x90);
	vcpu->x[30] = UINT64_MAX;
	exit_with(ESR(DATA_ABORT_LOWER, MMIO(0, 30) | ESR_ISS_SSE), fr, 4, 30,
		  AETHER_EXIT_MMIO_UART);
	assert_int_equal(vcpu->x[30], 0xffffff90);
	exit_with(ESR(DATA_ABORT_LOWER, MMIO(0, 0) | ESR_ISS_SSE | ESR_ISS_SF), fr, 4, 0,
		  AETHER_EXIT_MMIO_UART);
	assert_int_equal(vcpu->x[0], 0xffffffffffffff90);
	exit_with(ESR(DATA_ABORT_LOWER, MMIO(1, 1) | ESR_ISS_SF), fr, 4, 1, AETHER_EXIT_MMIO_UART);
	assert_int_equal(vcpu->x[1], 0x90);
	exit_with(ESR(DATA_ABORT_LOWER, MMIO(2, 31)), fr, 4, 31,
		  AETHER_EXIT_MMIO_UART); /* into XZR */
}

static void stores_carry_their_register(void **state)
{
	(void)state;
	const uint64_t write = ESR(DATA_ABORT_LOWER, ESR_ISS_WNR);
	vcpu->x[3] = 0xffffffffffffff41;
	exit_with(write | MMIO(0, 3), AETHER_GUEST_UART_BASE, 4, 31, AETHER_EXIT_MMIO_UART);
	assert_string_equal(fake_console_output(), "A");
	vcpu->x[4] = 0xabcd0010;
	exit_with(write | MMIO(1, 4), AETHER_GUEST_UART_BASE + UARTIMSC, 4, 31,
		  AETHER_EXIT_MMIO_UART);
	exit_with(ESR(DATA_ABORT_LOWER, MMIO(2, 5)), AETHER_GUEST_UART_BASE + UARTIMSC, 4, 5,
		  AETHER_EXIT_MMIO_UART);
	assert_int_equal(vcpu->x[5], 0x10);
	exit_with(write | MMIO(2, 31), AETHER_GUEST_UART_BASE + UARTIMSC, 4, 31,
		  AETHER_EXIT_MMIO_UART); /* XZR is 0 */
	exit_with(ESR(DATA_ABORT_LOWER, MMIO(2, 5)), AETHER_GUEST_UART_BASE + UARTIMSC, 4, 5,
		  AETHER_EXIT_MMIO_UART);
	assert_int_equal(vcpu->x[5], 0);
}

static void the_distributor_is_the_vms(void **state)
{
	(void)state;
	const uint64_t isenabler = AETHER_GUEST_GICD_BASE + GICD_ISENABLER1;
	vcpu->x[2] = 0x2;
	exit_with(ESR(DATA_ABORT_LOWER, ESR_ISS_WNR | MMIO(2, 2)), isenabler, 4, 31,
		  AETHER_EXIT_MMIO_GIC);
	exit_with(ESR(DATA_ABORT_LOWER, MMIO(2, 9)), isenabler, 4, 9, AETHER_EXIT_MMIO_GIC);
	assert_int_equal(vcpu->x[9], 2);
	assert_int_equal(vcpu->vm->gic.spi[0].enabled, 2);
}

static void deactivation_is_written_only(void **state)
{
	(void)state;
	const uint64_t dir = AETHER_GUEST_GICC_BASE + GICC_DIR;
	vcpu->x[2] = AETHER_GUEST_UART_INTID;
	vcpu->vm->gic.spi[0].active = 2;
	exit_with(ESR(DATA_ABORT_LOWER, ESR_ISS_WNR | MMIO(2, 2)), dir, 4, 31,
		  AETHER_EXIT_MMIO_GIC);
	assert_int_equal(vcpu->vm->gic.spi[0].active, 0);
	for (unsigned bit = 0; bit < 32; bit++) {
		vcpu->x[2] = UINT64_C(1) << bit;
		exit_with(ESR(DATA_ABORT_LOWER, ESR_ISS_WNR | MMIO(2, 2)), dir, 4, 31,
			  AETHER_EXIT_MMIO_GIC);
	}
	assert_injects(ESR(DATA_ABORT_LOWER, MMIO(2, 2)), dir, FAKE_OP_INJECT_ABORT,
		       AETHER_EXIT_ABORT);
}

static void the_clock_interrupts_at_its_match(void **state)
{
	(void)state;
	const uint64_t read = ESR(DATA_ABORT_LOWER, MMIO(2, 6));
	const uint64_t write = ESR(DATA_ABORT_LOWER, ESR_ISS_WNR | MMIO(2, 6));
	vrtc_set_time(UINT64_C(1795000000000000000), hal_ticks());
	exit_with(read, AETHER_GUEST_RTC_BASE, 4, 6, AETHER_EXIT_MMIO_RTC);
	assert_int_equal(vcpu->x[6], 1795000000);
	vcpu->x[6] = 1;
	exit_with(write, AETHER_GUEST_RTC_BASE + RTCIMSC, 4, 31, AETHER_EXIT_MMIO_RTC);
	vcpu->x[6] = 1795000003;
	exit_with(write, AETHER_GUEST_RTC_BASE + RTCMR, 4, 31, AETHER_EXIT_MMIO_RTC);
	const uint64_t alarm = hal_ticks() + 3 * hal_ticks_per_second();
	assert_int_equal(fake_timer_deadline(0), alarm);
	assert_int_equal(vcpu->vm->gic.spi[0].line & 4, 0);
	fake_set_ticks(alarm);
	fake_irq_push(HAL_IRQ_TIMER, 26);
	assert_ptr_equal(node_irq(0), vcpu);
	assert_int_equal(vcpu->vm->gic.spi[0].line & 4, 4);
	assert_true(fake_timer_deadline(0) > alarm);
	assert_injects(write | SAS(1), AETHER_GUEST_RTC_BASE, FAKE_OP_INJECT_ABORT, AETHER_EXIT_MMIO_RTC);
}

static void redistributors_are_as_many_as_vcpus(void **state)
{
	(void)state;
	const uint64_t read = ESR(DATA_ABORT_LOWER, MMIO(2, 8));
	assert_injects(read, AETHER_GUEST_GICR_BASE, FAKE_OP_INJECT_ABORT,
		       AETHER_EXIT_ABORT); /* a GICv2 has none */
	start(3);
	for (unsigned i = 0; i < 2; i++) {
		const uint64_t frame = AETHER_GUEST_GICR_BASE + i * AETHER_GUEST_GICR_STRIDE;
		exit_with(read, frame + GICR_WAKER, 4, 8, AETHER_EXIT_MMIO_GIC);
	}
	assert_injects(read, AETHER_GUEST_GICR_BASE + 2 * AETHER_GUEST_GICR_STRIDE,
		       FAKE_OP_INJECT_ABORT, AETHER_EXIT_ABORT);
}

static void nothing_answers_elsewhere(void **state)
{
	(void)state;
	static const uint64_t empty[] = {
		0,
		AETHER_GUEST_GICD_BASE - 1,
		AETHER_GUEST_UART_BASE - 1,
		AETHER_GUEST_UART_BASE + 0x1000,
		AETHER_GUEST_RAM_BASE + 4 * MIB,
		AETHER_IPA_LOAD(0),
		AETHER_IPA_SERVICE,
		UINT64_MAX,
		UINT64_C(1) << 39,
		AETHER_GUEST_GICC_BASE + GICC_DIR + 4,
	};
	for (unsigned i = 0; i < ARRAY_COUNT(empty); i++) {
		assert_injects(ESR(DATA_ABORT_LOWER, MMIO(2, 1)), empty[i], FAKE_OP_INJECT_ABORT,
			       AETHER_EXIT_ABORT);
		assert_injects(ESR(DATA_ABORT_LOWER, ESR_ISS_WNR | MMIO(3, 1)), empty[i],
			       FAKE_OP_INJECT_ABORT, AETHER_EXIT_ABORT);
	}
}

static void what_has_no_syndrome_is_not_decoded(void **state)
{
	(void)state;
	const uint64_t fr = AETHER_GUEST_UART_BASE + UARTFR;
	const uint64_t good = ESR(DATA_ABORT_LOWER, MMIO(2, 7));
	assert_injects(good & ~ESR_ISS_ISV, fr, FAKE_OP_INJECT_ABORT, AETHER_EXIT_ABORT);
	assert_injects(good | ESR_ISS_S1PTW, fr, FAKE_OP_INJECT_ABORT, AETHER_EXIT_ABORT);
	const unsigned not_ours[] = {ESR_FSC_PERMISSION | 3, ESR_FSC_EXTERNAL, ESR_FSC_ALIGNMENT,
				     ESR_FSC_TLB_CONFLICT};
	for (unsigned i = 0; i < ARRAY_COUNT(not_ours); i++) {
		assert_injects((good & ~ESR_ISS_FSC_MASK) | not_ours[i], fr, FAKE_OP_INJECT_ABORT,
			       AETHER_EXIT_ABORT);
	}
}

static void the_service_has_no_devices_and_dies_of_looking(void **state)
{
	(void)state;
	struct vcpu *service = node_service();
	node_start(2, 1, NODE_RAM_MIB * MIB);
	service = node_schedule(0);
	assert_ptr_equal(service, node_service());
	fake_log_clear();
	assert_ptr_equal(node_trap(service, ESR(DATA_ABORT_LOWER, MMIO(2, 7)),
				   AETHER_GUEST_UART_BASE + UARTFR),
			 service);
	assert_int_equal(fake_log_count_of(FAKE_OP_INJECT_ABORT), 0);
	assert_non_null(strstr(fake_console_output(), "service failed: reached for memory that is not its own"));
}

/* --- interrupts, SError --- */

static void a_system_error_ends_the_vm_alone(void **state)
{
	(void)state;
	struct vm *vm = vcpu->vm;
	fake_exit_syndrome = ESR(SERROR, 0x11);
	struct vcpu *next = trap_serror(vcpu);
	assert_ptr_equal(next, node_service());
	assert_int_equal(node_state(vm), AETHER_VM_STOPPED);
	assert_int_equal(vm->stop_reason, AETHER_STOP_SERROR);
	assert_int_equal(vm->stop_detail, ESR(SERROR, 0x11));
	node_check();
}

static void the_guests_timer_becomes_its_interrupt(void **state)
{
	(void)state;
	vcpu->vm->gic.ctlr = 1;
	fake_gic_set_enable(1);
	fake_gic_set_pmr(0xff);
	vcpu->x[1] = UINT64_C(1) << AETHER_GUEST_VTIMER_INTID;
	exit_with(ESR(DATA_ABORT_LOWER, ESR_ISS_WNR | MMIO(2, 1)), AETHER_GUEST_GICD_BASE + 0x100,
		  4, 31, AETHER_EXIT_MMIO_GIC);
	vcpu->x[1] = 1;
	exit_with(ESR(DATA_ABORT_LOWER, ESR_ISS_WNR | MMIO(2, 1)), AETHER_GUEST_GICD_BASE, 4, 31,
		  AETHER_EXIT_MMIO_GIC);
	fake_irq_push(HAL_IRQ_VTIMER, AETHER_GUEST_VTIMER_INTID);
	assert_ptr_equal(node_irq(0), vcpu);
	assert_true(fake_gic_is_physical_active(AETHER_GUEST_VTIMER_INTID));
	assert_true(fake_gic_is_signalled());
	assert_int_equal(fake_gic_ack(), AETHER_GUEST_VTIMER_INTID);
	fake_gic_eoi(AETHER_GUEST_VTIMER_INTID);
	assert_false(fake_gic_is_physical_active(AETHER_GUEST_VTIMER_INTID));
	assert_int_equal(vcpu->pc, PC + 8); /* two stores */
	assert_int_equal(vcpu->exits[AETHER_EXIT_IRQ].count, 1);
}

static void interrupts_are_taken_in_bounded_numbers(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		fake_irq_push(HAL_IRQ_OTHER, 40);
	}
	fake_interrupt_after(0);
	const uint64_t polls = fake_interrupt_polls();
	assert_ptr_equal(node_irq(0), vcpu);
	assert_in_range(fake_interrupt_polls() - polls, 1, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, node_teardown)
		TEST(hvc_and_smc_reach_the_same_calls),
		TEST(other_immediates_are_not_supported),
		TEST(the_services_calls_are_not_a_guests),
		TEST(system_off_ends_the_vm_alone),
		TEST(every_other_class_is_undefined),
		TEST(a_jump_out_of_memory_aborts),
		TEST(a_system_register_that_is_hidden_is_undefined),
		TEST(wfi_sleeps_until_its_timer),
		TEST(wfe_gives_way_and_goes_on),
		TEST(loads_are_cut_and_extended),
		TEST(stores_carry_their_register),
		TEST(the_distributor_is_the_vms),
		TEST(deactivation_is_written_only),
		TEST(the_clock_interrupts_at_its_match),
		TEST(redistributors_are_as_many_as_vcpus),
		TEST(nothing_answers_elsewhere),
		TEST(what_has_no_syndrome_is_not_decoded),
		TEST(the_service_has_no_devices_and_dies_of_looking),
		TEST(a_system_error_ends_the_vm_alone),
		TEST(the_guests_timer_becomes_its_interrupt),
		TEST(interrupts_are_taken_in_bounded_numbers),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
