/* SPDX-License-Identifier: Apache-2.0 */
/* hal.h's small parts: time, this CPU, firmware, randomness, and the end of the node. */
#include "abi/crash.h"
#include "arch/boot.h"
#include "arch/layout.h"
#include "arch/mmu.h"
#include "arch/sysreg.h"
#include "core/check.h"
#include "core/hal.h"
#include "core/sysreg.h"
#include "core/percpu.h"
#include "core/trap.h"
#include "lib/bits.h"
#include "lib/string.h"

#include "hal_fast.h"

uint64_t hal_ticks(void)
{
	isb(); /* not read ahead of what was asked for before */
	return read_sysreg(cntpct_el0);
}

uint64_t hal_ticks_per_second(void)
{
	return read_sysreg(cntfrq_el0);
}

void hal_timer_set(uint64_t deadline)
{
	if (deadline == UINT64_MAX) {
		write_sysreg(cnthp_ctl_el2, 0);
	} else {
		write_sysreg(cnthp_cval_el2, deadline);
		write_sysreg(cnthp_ctl_el2, CNT_CTL_ENABLE);
	}
	isb();
}

unsigned hal_cpu_index(void)
{
	return hal_this_cpu()->index;
}

bool hal_is_interrupt_pending(void)
{
	trap_note_poll(hal_this_cpu());
	return (read_sysreg(isr_el1) & (BIT(7) | BIT(6))) !=
	       0; /* ISR_EL1.I, .F: the physical ones at EL2 */
}

void hal_wait_for_interrupt(void)
{
	dsb(sy); /* everything this CPU did is visible before it stops doing anything */
	__asm__ volatile("wfi" ::: "memory");
}

/* The ID registers are op0 3, op1 0, CRn 0, CRm 1 to 7: the number is part of the instruction. */
#define ID_CASE(crm, op2)                                                                          \
	case ((crm)-1) * 8 + (op2):                                                                \
		return read_sysreg(S3_0_C0_C##crm##_##op2);
#define ID_ROW(crm)                                                                                \
	ID_CASE(crm, 0)                                                                            \
	ID_CASE(crm, 1)                                                                            \
	ID_CASE(crm, 2)                                                                            \
	ID_CASE(crm, 3)                                                                            \
	ID_CASE(crm, 4)                                                                            \
	ID_CASE(crm, 5)                                                                            \
	ID_CASE(crm, 6)                                                                            \
	ID_CASE(crm, 7)

uint64_t hal_read_id_register(unsigned index)
{
	switch (index) {
		ID_ROW(1)
		ID_ROW(2)
		ID_ROW(3)
		ID_ROW(4)
		ID_ROW(5)
		ID_ROW(6)
		ID_ROW(7)
	default:
		return 0;
	}
}

int64_t boot_firmware_smc(uint32_t function, uint64_t a1, uint64_t a2, uint64_t a3,
			  uint64_t results[4])
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = a1;
	register uint64_t x2 __asm__("x2") = a2;
	register uint64_t x3 __asm__("x3") = a3;
	__asm__ volatile("smc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			 :
			 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
			   "x15", "x16", "x17", "memory");
	if (results != NULL) {
		results[0] = x0;
		results[1] = x1;
		results[2] = x2;
		results[3] = x3;
	}
	return (int64_t)x0;
}

int64_t hal_firmware_call(uint32_t function, uint64_t a1, uint64_t a2, uint64_t a3)
{
	/* Where the firmware has no SMC, the instruction is undefined (the Pi's stub sets SCR_EL3.SMD). */
	if (!boot_machine()->is_psci_smc) {
		return SMCCC_NOT_SUPPORTED;
	}
	return (int64_t)(int32_t)boot_firmware_smc(function, a1, a2, a3, NULL);
}

bool hal_workaround_not_required(uint32_t function)
{
	const uint64_t pfr0 = read_sysreg(id_aa64pfr0_el1);
	const uint64_t pfr1 = read_sysreg(id_aa64pfr1_el1);
	switch (function) {
	case SMCCC_ARCH_WORKAROUND_1:
		return FIELD_GET(BITS(59, 56), pfr0) != 0; /* CSV2 */
	case SMCCC_ARCH_WORKAROUND_2:
		return FIELD_GET(BITS(7, 4), pfr1) != 0; /* SSBS: the guest can do it itself */
	default:
		return false;
	}
}

/* FEAT_RNG. */
static bool random_word(uint64_t *word)
{
	uint64_t ok = 0;
	if (FIELD_GET(BITS(63, 60), read_sysreg(id_aa64isar0_el1)) == 0) {
		return false;
	}
	for (unsigned i = 0; i < 100 && ok == 0; i++) {
		__asm__ volatile("mrs %0, s3_3_c2_c4_0\n\tcset %1, ne"
				 : "=r"(*word), "=r"(ok)::"cc");
	}
	return ok != 0;
}

/* The firmware's TRNG (DEN0098), 192 bits a call. */
static bool firmware_random(uint64_t words[3])
{
	uint64_t results[4];
	if (hal_firmware_call(TRNG_VERSION, 0, 0, 0) < (int64_t)TRNG_VERSION_1_0) {
		return false;
	}
	if (boot_firmware_smc(TRNG_RND_64, 192, 0, 0, results) != 0) {
		return false;
	}
	memcpy(words, &results[1], 24);
	return true;
}

bool hal_entropy(void *to, size_t bytes)
{
	uint8_t *at = to;
	while (bytes > 0) {
		uint64_t words[3];
		size_t got = 8;
		if (!random_word(&words[0])) {
			if (!firmware_random(words)) {
				return false;
			}
			got = sizeof(words);
		}
		got = got < bytes ? got : bytes;
		memcpy(at, words, got);
		at += got;
		bytes -= got;
	}
	return true;
}

/* BCM2711 power management: partition 63 means halt to the firmware (BCM2835 watchdog; Linux, QEMU agree). */
#define PM_RSTC 0x1c
#define PM_RSTS 0x20
#define PM_WDOG 0x24
#define PM_PASSWORD 0x5a000000u
#define PM_RSTC_FULL_RESET 0x20u
#define PM_RSTS_HALT 0x555u

static void pi_power(bool is_reset)
{
	const uintptr_t pm = boot_power_registers();
	if (pm == 0) {
		return;
	}
	if (!is_reset) {
		mmio_write32(pm + PM_RSTS, PM_PASSWORD | mmio_read32(pm + PM_RSTS) | PM_RSTS_HALT);
	}
	mmio_write32(pm + PM_WDOG, PM_PASSWORD | 10);
	mmio_write32(pm + PM_RSTC, PM_PASSWORD | PM_RSTC_FULL_RESET);
}

_Noreturn void hal_node_off(bool is_reset)
{
	(void)hal_firmware_call(is_reset ? PSCI_SYSTEM_RESET : PSCI_SYSTEM_OFF, 0, 0, 0);
	pi_power(is_reset);
	for (;;) {
		__asm__ volatile("wfi");
	}
}

/* An ELF note: 12 bytes of header, the name "GNU", then the bytes. */
#define BUILD_ID_AT 16
extern const uint8_t _build_id[], _build_id_end[];
extern struct aether_crash _crash;

struct aether_crash *hal_crash_memory(void)
{
	return &_crash;
}

void hal_build_id(uint8_t id[32])
{
	memset(id, 0, 32);
	for (unsigned i = 0; i < 32 && _build_id + BUILD_ID_AT + i < _build_id_end; i++) {
		id[i] = _build_id[BUILD_ID_AT + i];
	}
}

void hal_crash_describe(struct aether_crash *record)
{
	hal_build_id(record->build_id);
	record->image_va = LAYOUT_IMAGE_VA;
	record->image_pa = mmu_image_pa((const void *)LAYOUT_IMAGE_VA).v;
	record->hcr = read_sysreg(hcr_el2);
	record->vttbr = read_sysreg(vttbr_el2);
}
