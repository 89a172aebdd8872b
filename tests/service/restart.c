/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service that dies of one thing after the other, while a guest counts. What an instance has to do follows from its
 * number and from what is left of the chaos schedule, which are the core's: nothing of its own survives it.
 *
 *   1                     starts the guest; a schedule far in the future keeps the back-off away
 *   2 ...                 each of the deaths below
 *   then                  a schedule of CHAOS_COUNT deaths
 *   then                  three of its own in a row, for the back-off
 *   then                  a newer image of itself, which dies, and the first one again
 *   then                  ends the node
 *
 * tests/service/run reads the console.
 */
#include "abi/bootinfo.h"
#include "abi/chaos.h"
#include "abi/diag.h"
#include "abi/image.h"
#include "call.h"
#include "service/main.h"

enum { CHAOS_COUNT = 40, OWN_DEATHS = 3, GUEST_BYTES = 2 << 20, PATTERN_WORDS = 1 << 11, NEWER_BYTES = 1 << 16 };
#define CHAOS_MEAN_US 4000u
#define FAR_US UINT64_C(3600000000)
#define FAR_SEED 5u
#define CHAOS_SEED 72u /* of all kinds, and only a few loops, which take long to be found out */

extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);
extern const char test_guest[], test_guest_end[];

static const volatile struct aether_bootinfo *const info = (const void *)(uintptr_t)AETHER_IPA_BOOTINFO;
static volatile uint64_t pattern[PATTERN_WORDS];
static uint8_t newer[NEWER_BYTES] __attribute__((aligned(4096)));
extern const volatile uint32_t test_version; /* 1, and in the newer image 2 */

static void fail(uint64_t esr, uint64_t elr, uint64_t far)
{
	(void)call3(AETHER_HVC_FAIL, esr, elr, far);
	for (;;) {
	}
}

void __stack_chk_fail(void)
{
	fail(0, 0, 0);
	__builtin_unreachable();
}

void service_fault(uint64_t esr, uint64_t elr, uint64_t far)
{
	fail(esr, elr, far);
}

/* --- deaths --- */

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
	pattern[0] = UINT64_C(0xd65f03c0d65f03c0); /* RET */
	((void (*)(void))(uintptr_t)&pattern[0])();
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
	fail(1, 2, 3);
}

static void calls_the_firmware(void)
{
	__asm__ volatile("mov x0, #0x84000000\n\tmovk x0, #8\n\tsmc #0" : : : "x0"); /* SYSTEM_OFF */
}

static void sleeps_where_nothing_wakes_it(void)
{
	__asm__ volatile("wfi");
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

static const struct {
	const char *name;
	void (*die)(void);
	uint32_t cause;
} deaths[] = {
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
#define DEATH_COUNT (sizeof(deaths) / sizeof(deaths[0]))
#define FIRST_DEATH 2u
#define FIRST_CHAOS (FIRST_DEATH + DEATH_COUNT)
#define FIRST_OWN (FIRST_CHAOS + CHAOS_COUNT)
#define FIRST_UPDATE (FIRST_OWN + OWN_DEATHS)

/* --- an instance --- */

static void start_guest(void)
{
	struct call c = {.x = {0, GUEST_BYTES, 1, AETHER_VM_CONSOLE_LINES}};
	if (call(AETHER_HVC_VM_CREATE, &c) != 0 || c.x[1] != 0) {
		SAY("t: no guest\n");
		return;
	}
	volatile uint8_t *ram = (volatile uint8_t *)(uintptr_t)AETHER_IPA_LOAD(0);
	for (uint64_t i = 0; i < (uint64_t)(test_guest_end - test_guest); i++) {
		ram[i] = (uint8_t)test_guest[i];
	}
	(void)call3(AETHER_HVC_VM_START, 0, AETHER_GUEST_RAM_BASE, 0);
}

static int64_t chaos(uint64_t seed, uint64_t count, uint64_t mean_us, uint64_t kinds)
{
	struct call c = {.x = {0, seed, count, mean_us, kinds}};
	const int64_t status = call(AETHER_HVC_CHAOS, &c);
	return status == 0 ? (int64_t)c.x[1] : status;
}

/* In long work, on a slow emulator: a sign of life now and then. */
static void live(uint64_t i)
{
	if (i % 1024 == 0) {
		(void)call3(AETHER_HVC_ALIVE, 0, 0, 0);
	}
}

/* Nothing of the last instance is left, in memory or in registers. Then something of this one is put there. */
static const char *traces(void)
{
	uint64_t tpidr, vbar;
	__asm__ volatile("mrs %0, tpidr_el1" : "=r"(tpidr));
	__asm__ volatile("mrs %0, far_el1" : "=r"(vbar));
	for (unsigned i = 0; i < PATTERN_WORDS; i++) {
		if (pattern[i] != 0) {
			return "memory";
		}
		pattern[i] = 0xa5a5a5a5a5a5a5a5;
		live(i);
	}
	__asm__ volatile("msr tpidr_el1, %0" : : "r"(~UINT64_C(0)));
	__asm__ volatile("msr far_el1, %0" : : "r"(~UINT64_C(0)));
	return tpidr != 0 || vbar != 0 ? "registers" : "nothing";
}

/* As a service that works: it calls this and that, and says that it lives. */
static void work(void)
{
	for (uint64_t i = 0; chaos(0, 1, 1, 0) > 0; i++) {
		(void)call3(AETHER_HVC_ALIVE, 0, 0, 0);
		(void)call3(AETHER_HVC_COUNTER, 0, 0, 0);
		(void)call3(AETHER_HVC_VM_INFO, 0, 0, 0);
		(void)call3(AETHER_HVC_EVENT_WAIT, ticks() + info->counter_hz / 5000, 0, 0);
		pattern[i % PATTERN_WORDS] = i;
	}
}

/* Itself, in its own writable memory, with another version. */
static struct aether_service_header *make_newer(void)
{
	const uint8_t *image = (const uint8_t *)(uintptr_t)AETHER_IPA_SERVICE;
	struct aether_service_header *header = (struct aether_service_header *)(void *)newer;
	const uint64_t bytes = ((const struct aether_service_header *)(const void *)image)->file_bytes;
	for (uint64_t i = 0; i < bytes && i < NEWER_BYTES; i++) {
		newer[i] = image[i];
		live(i);
	}
	newer[(uintptr_t)&test_version - AETHER_IPA_SERVICE] = 2;
	return header;
}

static int64_t try_update(uint64_t ipa, uint64_t bytes)
{
	return call3(AETHER_HVC_SERVICE_UPDATE, ipa, bytes, 0);
}

static void update(void)
{
	struct aether_service_header *header = make_newer();
	const struct aether_service_header good = *header;
	const uint64_t ipa = (uintptr_t)newer;
	unsigned refused = try_update(AETHER_IPA_SERVICE, good.file_bytes) == AETHER_EINVAL;
	refused += try_update(AETHER_IPA_LOAD(0), good.file_bytes) == AETHER_EINVAL;
	refused += try_update(ipa + 8, good.file_bytes) == AETHER_EINVAL;
	refused += try_update(ipa, 8) == AETHER_EINVAL;
	refused += try_update(ipa, ~UINT64_C(0)) == AETHER_EINVAL;
	refused += try_update(ipa, good.file_bytes - 1) == AETHER_EINVAL;
	header->magic = 0;
	refused += try_update(ipa, good.file_bytes) == AETHER_EINVAL;
	*header = good;
	header->total_bytes = UINT64_C(1) << 30;
	refused += try_update(ipa, good.file_bytes) == AETHER_EINVAL;
	*header = good;
	header->entry_offset = good.total_bytes;
	refused += try_update(ipa, good.file_bytes) == AETHER_EINVAL;
	*header = good;
	SAY("t: %u of 9 bad images refused\n", refused);
	(void)try_update(ipa, good.file_bytes);
}

void service_main(void)
{
	const uint32_t n = info->instance;
	SAY("t: %u after %u in %lu us, %s\n", n, info->restart_cause,
	    n == 1 ? 0 : (info->core_ticks - info->restart_ticks) * 1000000 / info->counter_hz, traces());
	SAY("t: %u entropy %lx\n", n, *(const volatile uint64_t *)info->entropy);
	if (n == 1) {
		start_guest();
		(void)chaos(FAR_SEED, 1, FAR_US, 1u << AETHER_CHAOS_KILL);
		fail(0, 0, 0);
	}
	if (n < FIRST_CHAOS) {
		SAY("t: %s: %u\n", deaths[n - FIRST_DEATH].name, deaths[n - FIRST_DEATH].cause);
		deaths[n - FIRST_DEATH].die();
		SAY("t: lives on\n");
		fail(0, 0, 0);
	}
	if (n == FIRST_CHAOS) {
		(void)chaos(0, 0, 0, 0);
		(void)chaos(CHAOS_SEED, CHAOS_COUNT, CHAOS_MEAN_US, (1u << AETHER_CHAOS_COUNT) - 1);
	}
	if (n < FIRST_OWN) {
		work();
		SAY("t: chaos is over in instance %u\n", n);
	}
	if (n < FIRST_UPDATE) {
		fail(0, 0, 0);
	}
	SAY("t: %u version %u sha256 %02x%02x\n", n, test_version, info->service_sha256[0], info->service_sha256[1]);
	if (n == FIRST_UPDATE) {
		update();
	}
	if (n == FIRST_UPDATE + 1) {
		fail(0, 0, 0);
	}
	struct call c = {.x = {0}};
	(void)call(AETHER_HVC_VM_INFO, &c);
	SAY("t: done, guest %u\n", (uint32_t)c.x[1]);
	for (;;) {
		(void)call3(AETHER_HVC_NODE_OFF, 0, 0, 0);
	}
}
