/* SPDX-License-Identifier: Apache-2.0 */
/* What a service can die of by its own hand (restart.c), each with the cause that the core must see in it. */
#include "abi/bootinfo.h"
#include "abi/diag.h"
#include "call.h"
#include "restart.h"

static volatile uint64_t code[1];

static void reads_what_is_not_there(void)
{
	(void)*(volatile uint64_t *)UINT64_C(0x900000000);
}

static void writes_its_code(void)
{
	*(volatile uint32_t *)AETHER_IPA_SERVICE = 0;
}

static void writes_its_boot_information(void)
{
	*(volatile uint32_t *)AETHER_IPA_BOOTINFO = 0;
}

static void runs_its_data(void)
{
	code[0] = UINT64_C(0xd65f03c0d65f03c0); /* RET */
	((void (*)(void))(uintptr_t)&code[0])();
}

static void reaches_for_its_guest(void)
{
	(void)*(volatile uint64_t *)(uintptr_t)AETHER_IPA_LOAD(0);
}

static void runs_an_undefined_instruction(void)
{
	__asm__ volatile(".inst 0");
}

static void gives_up(void)
{
	restart_fail(1, 2, 3);
}

static void calls_the_firmware(void)
{
	__asm__ volatile("mov x0, #0x84000000\n\tmovk x0, #8\n\tsmc #0" : : : "x0"); /* SYSTEM_OFF */
}

static void sleeps_where_nothing_wakes_it(void)
{
	/* While no guest could run, WFI is the hardware's own: it is ended when one could. */
	__asm__ volatile("1: wfi\n\tb 1b");
}

static void turns_off_by_psci(void)
{
	/* Refused like any call that there is not. */
	if (call3(0x84000002, 0, 0, 0) == AETHER_ENOSYS && call3(0x84000008, 0, 0, 0) == AETHER_ENOSYS) {
		gives_up();
	}
}

static void takes_all_its_stack(void)
{
	__asm__ volatile("1: stp x29, x30, [sp, #-16]!\n\tb 1b");
}

static void says_nothing(void)
{
	for (;;) {
	}
}

static void logs_for_ever(void)
{
	for (;;) {
		(void)call3(AETHER_HVC_VM_INFO, 0, 0, 0);
	}
}

const struct death deaths[] = {
#define DEATH(name, cause) {#name, name, AETHER_SERVICE_##cause}
	DEATH(reads_what_is_not_there, ABORT),
	DEATH(writes_its_code, ABORT),
	DEATH(writes_its_boot_information, ABORT),
	DEATH(runs_its_data, ABORT),
	DEATH(reaches_for_its_guest, ABORT),
	DEATH(runs_an_undefined_instruction, FAULT),
	DEATH(gives_up, FAULT),
	DEATH(calls_the_firmware, TRAP),
	DEATH(sleeps_where_nothing_wakes_it, TRAP),
	DEATH(turns_off_by_psci, FAULT),
	DEATH(takes_all_its_stack, ABORT),
	DEATH(says_nothing, SILENT),
	DEATH(logs_for_ever, SILENT),
#undef DEATH
};
const uint32_t death_count = sizeof(deaths) / sizeof(deaths[0]);
