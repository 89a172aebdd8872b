/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containment: no exit at all, whatever a guest put into its registers, does more than an exit may: move its own
 * PC, inject an exception into itself, block, or end its own VM. Random exits of two guests on two CPUs that share
 * each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/smccc.h"
#include "core/esr.h"
#include "core/hal.h"
#include "core/trap.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "model/random.h"
#include "small_node.h"

#define PC (NODE_ENTRY + 0x100)
#define SAS(log2) ((uint64_t)(log2) << 22)
#define SRT(x) ((uint64_t)(x) << 16)
#define LEVEL_3 (ESR_FSC_TRANSLATION | 3u)

static uint64_t pick(const uint64_t *values, unsigned count)
{
	return values[random_below(count)];
}

static const uint64_t calls[] = {
	PSCI_VERSION,
	PSCI_CPU_ON_64,
	PSCI_CPU_ON_64,
	PSCI_CPU_ON,
	PSCI_CPU_OFF,
	PSCI_CPU_SUSPEND,
	PSCI_CPU_SUSPEND_64,
	PSCI_AFFINITY_INFO_64,
	PSCI_FEATURES,
	PSCI_SYSTEM_RESET2_64,
	PSCI_SYSTEM_OFF,
	PSCI_SYSTEM_RESET,
	SMCCC_ARCH_FEATURES,
	SMCCC_ARCH_WORKAROUND_1,
	SMCCC_ARCH_WORKAROUND_2,
	SMCCC_HYP_UID,
	0x84000050,
	0xc4000053,
};

static uint64_t random_register(void)
{
	static const uint64_t odd[] = {
		0,	    1,
		2,	    7,
		8,	    UINT64_MAX,
		INT64_MAX,  UINT64_C(1) << 63,
		UINT32_MAX, UINT64_C(1) << 32,
	};
	switch (random_below(6)) {
	case 0:
		return pick(odd, ARRAY_COUNT(odd));
	case 1:
		return UINT64_C(1) << random_below(64);
	case 2:
		return AETHER_GUEST_RAM_BASE + random_below(8 * MIB);
	case 3:
		return AETHER_HVC(random_below(16));
	case 4:
		return random_u64() & random_u64() & random_u64();
	default:
		return random_u64();
	}
}

static uint64_t random_ipa(void)
{
	const uint64_t align = ~(random_below(4) == 0 ? 0 : UINT64_C(3));
	switch (random_below(9)) {
	case 8:
		return (AETHER_GUEST_GICC_BASE + PAGE_BYTES + random_below(0x20)) & align;
	case 0:
	case 1:
	case 2:
		return (AETHER_GUEST_GICD_BASE + random_below(0x10010)) & align;
	case 3:
	case 4:
		return (AETHER_GUEST_UART_BASE + random_below(0x1010)) & align;
	case 5:
	case 6:
		return (AETHER_GUEST_GICR_BASE + random_below(3 * AETHER_GUEST_GICR_STRIDE)) &
		       align;
	default:
		return random_u64() >> random_below(64);
	}
}

static uint64_t random_syndrome(void)
{
	static const uint64_t likely[] = {
		ESR_EC_WFX,
		ESR_EC_HVC64,
		ESR_EC_SMC64,
		ESR_EC_SYS64,
		ESR_EC_SYS64,
		ESR_EC_DATA_ABORT_LOWER,
		ESR_EC_DATA_ABORT_LOWER,
		ESR_EC_DATA_ABORT_LOWER,
		ESR_EC_DATA_ABORT_LOWER,
		ESR_EC_INSTRUCTION_ABORT_LOWER,
	};
	static const uint64_t registers[] = {
		ESR_SYSREG(3, 0, 12, 11, 5), ESR_SYSREG(3, 0, 12, 11, 6),
		ESR_SYSREG(3, 0, 12, 11, 7), ESR_SYSREG(1, 0, 7, 6, 2),
		ESR_SYSREG(1, 0, 7, 10, 2),  ESR_SYSREG(3, 0, 1, 0, 0),
		ESR_SYSREG(3, 0, 2, 0, 2),   ESR_SYSREG(3, 0, 10, 2, 0),
		ESR_SYSREG(2, 0, 0, 2, 2),   ESR_SYSREG(3, 3, 9, 12, 0),
	};
	const uint64_t ec =
		random_below(8) == 0 ? random_below(64) : pick(likely, ARRAY_COUNT(likely));
	uint64_t iss = random_u64() & ESR_ISS_MASK;
	if (ec == ESR_EC_DATA_ABORT_LOWER && random_below(8) != 0) {
		iss = (iss & ~(ESR_ISS_FSC_MASK | ESR_ISS_S1PTW)) | LEVEL_3 | ESR_ISS_ISV;
	} else if ((ec == ESR_EC_HVC64 || ec == ESR_EC_SMC64) && random_below(8) != 0) {
		iss &= ~ESR_ISS_IMM16_MASK;
	} else if (ec == ESR_EC_SYS64 && random_below(3) == 0) {
		iss = (iss & ~ESR_SYSREG_MASK) | pick(registers, ARRAY_COUNT(registers));
	}
	return ec << 26 | (random_u64() & ESR_IL) | iss;
}

/* What one exit of a guest may do: everything of others stays as it was. */
struct before {
	uint64_t x[31], pc;
	enum aether_vm_state states[VM_COUNT];
};

static void look(struct before *before, const struct vcpu *of)
{
	memcpy(before->x, of->x, sizeof(before->x));
	before->pc = of->pc;
	for (unsigned i = 0; i < VM_COUNT; i++) {
		before->states[i] = node_state(&vms[i]);
	}
}

static unsigned may_change(uint64_t esr)
{
	switch (ESR_EC(esr)) {
	case ESR_EC_HVC64:
	case ESR_EC_SMC64:
		return 0xf; /* x0 to x3 */
	case ESR_EC_SYS64:
		return (esr & ESR_ISS_SYS_IS_READ) != 0 && esr_sysreg_rt(esr) < 31
			       ? 1u << esr_sysreg_rt(esr)
			       : 0;
	case ESR_EC_DATA_ABORT_LOWER:
		return (esr & ESR_ISS_WNR) == 0 && esr_srt(esr) < 31 ? 1u << esr_srt(esr) : 0;
	default:
		return 0;
	}
}

static void assert_contained(const struct vcpu *of, const struct before *before, uint64_t esr)
{
	const uint64_t moved = of->pc - before->pc;
	const size_t injected =
		fake_log_count_of(FAKE_OP_INJECT_UNDEF) + fake_log_count_of(FAKE_OP_INJECT_ABORT);
	assert_true(moved == 0 || moved == 4);
	assert_in_range(injected, 0, 1);
	assert_true(injected == 0 || moved == 0);
	for (unsigned i = 0; i < ARRAY_COUNT(before->x); i++) {
		if ((may_change(esr) >> i & 1) == 0) {
			assert_int_equal(of->x[i], before->x[i]);
		}
	}
	for (unsigned i = 0; i < VM_COUNT; i++) {
		const bool is_ending = before->states[i] == AETHER_VM_STOPPING; /* its own doing */
		if (i != of->vm->id && !is_ending) {
			assert_int_equal(node_state(&vms[i]), before->states[i]);
		}
	}
	const enum aether_vm_state state = node_state(of->vm);
	assert_true(state == AETHER_VM_RUNNING || state == AETHER_VM_STOPPING ||
		    state == AETHER_VM_STOPPED);
}

/* One exit of whatever vCPU that CPU runs. */
static void one_exit(unsigned cpu)
{
	struct before before;
	struct vcpu *of = percpu[cpu].current;
	const uint64_t esr = random_syndrome();
	for (unsigned i = 0; i < 4; i++) {
		of->x[random_below(31)] = random_register();
		of->x[random_below(4)] = random_register();
	}
	if (random_below(2) == 0) { /* a call that is well formed, more or less */
		of->x[0] = pick(calls, ARRAY_COUNT(calls));
		of->x[1] = random_below(4);
		of->x[2] = AETHER_GUEST_RAM_BASE + (random_below(5 * MIB) & ~UINT64_C(3));
	}
	look(&before, of);
	fake_log_clear();
	struct vcpu *next = node_trap(of, esr, random_ipa());
	assert_contained(of, &before, esr);
	assert_ptr_equal(next, percpu[cpu].current);
	assert_true(next == NULL || next->state == VCPU_RUNNING);
}

static void one_interrupt(unsigned cpu)
{
	static const enum hal_irq kinds[] = {HAL_IRQ_KICK,   HAL_IRQ_TIMER,	  HAL_IRQ_VTIMER,
					     HAL_IRQ_PTIMER, HAL_IRQ_MAINTENANCE, HAL_IRQ_CONSOLE,
					     HAL_IRQ_OTHER};
	const enum hal_irq kind = kinds[random_below(ARRAY_COUNT(kinds))];
	fake_irq_push(kind, kind == HAL_IRQ_VTIMER   ? AETHER_GUEST_VTIMER_INTID
			    : kind == HAL_IRQ_PTIMER ? AETHER_GUEST_PTIMER_INTID
						     : (unsigned)random_below(1024));
	(void)node_irq(cpu);
}

/* Ended guests make room for new ones, so that the storm goes on. */
static unsigned renewed;

static void renew(struct vm *vm)
{
	renewed += node_state(vm) == AETHER_VM_STOPPED ? 1 : 0;
	if (node_state(vm) == AETHER_VM_STOPPED) {
		assert_int_equal(NODE_FINISH(vm_destroy(vm)), HV_OK);
	}
	if (node_state(vm) == AETHER_VM_NONE) {
		(void)node_run(4 * MIB, 3);
	}
}

static void one_step(unsigned cpu)
{
	fake_set_cpu(cpu);
	fake_advance(random_below(1000));
	fake_set_timer_asserts(AETHER_GUEST_VTIMER_INTID, random_below(2) == 0);
	fake_set_memory_control(random_below(4) == 0, random_below(2) == 0);
	fake_set_unload_deadline(hal_ticks() + random_below(4000));
	fake_console_set_room(random_below(2) == 0 ? SIZE_MAX : random_below(40));
	if (percpu[cpu].current == NULL || random_below(16) == 0) {
		(void)node_schedule(cpu);
	} else if (percpu[cpu].current == node_service()) {
		node_rest();
	} else if (random_below(4) == 0) {
		one_interrupt(cpu);
	} else {
		one_exit(cpu);
	}
}

static void storm(unsigned gic_version)
{
	const uint64_t steps = random_init("test_containment", 50000);
	node_start(gic_version, 2, NODE_RAM_MIB * MIB);
	fake_interrupt_every(3);
	renewed = 0;
	for (uint64_t i = 0; i < steps; i++) {
		renew(&vms[i % 2]);
		one_step((unsigned)random_below(2));
		if (i % 32 == 0) {
			node_check();
		}
		if (i % 64 == 0) {
			fake_irq_script_clear();
		}
	}
	printf("# %u guests ended by themselves\n", renewed);
	assert_true(renewed >= steps / 1000); /* or the storm was none */
	assert_int_equal(node_state(&vms[VM_SERVICE]), AETHER_VM_RUNNING);
	node_check();
}

static void no_exit_does_more_than_it_may_gicv2(void **state)
{
	(void)state;
	storm(2);
}

static void no_exit_does_more_than_it_may_gicv3(void **state)
{
	(void)state;
	storm(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_exit_does_more_than_it_may_gicv2),
		cmocka_unit_test(no_exit_does_more_than_it_may_gicv3),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
