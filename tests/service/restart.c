/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service that dies of one thing after the other, while a guest counts and gives back what it reads, and a second one
 * is loaded, run and cleared away again and again. What an instance has to do follows from its number and from what is
 * left of the chaos schedule, which are the core's: nothing of its own survives it.
 *
 *   1                     starts the guest
 *   from it on            the schedules below, each as many deaths as it says
 *   then                  each of the deaths of restart_deaths.c; a schedule far in the future keeps the back-off away
 *   then                  three of its own in a row, for the back-off
 *   then                  a newer image of itself, which dies, and the first one again
 *   then                  ends the node
 *
 * tests/service/run reads the console. A line has 48 bytes at most, so that it comes whole or not at all.
 */
#include "abi/bootinfo.h"
#include "abi/chaos.h"
#include "abi/diag.h"
#include "abi/image.h"
#include "call.h"
#include "guests.h"
#include "restart.h"
#include "service/main.h"

enum { STREAM, SECOND, OWN_DEATHS = 3, PATTERN_WORDS = 1 << 11, NEWER_BYTES = 1 << 16 };
#define FAR_US UINT64_C(3600000000)
#define FAR_SEED 5u

extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);
extern const char test_guest[], test_stream[], test_guest_end[];

static const volatile struct aether_bootinfo *const info = (const void *)(uintptr_t)AETHER_IPA_BOOTINFO;
static volatile uint64_t pattern[PATTERN_WORDS];
static uint8_t newer[NEWER_BYTES] __attribute__((aligned(4096)));
extern const volatile uint32_t test_version; /* 1, and in the newer image 2 */

void restart_fail(uint64_t esr, uint64_t elr, uint64_t far)
{
	(void)call3(AETHER_HVC_FAIL, esr, elr, far);
	for (;;) {
	}
}

void __stack_chk_fail(void)
{
	restart_fail(0, 0, 0);
}

void service_fault(uint64_t esr, uint64_t elr, uint64_t far)
{
	restart_fail(esr, elr, far);
}

static int64_t chaos(uint64_t seed, uint64_t count, uint64_t spacing, uint64_t kinds)
{
	struct hvcall_registers c = {.x = {0, seed, count, spacing, kinds}};
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

/* --- work --- */

/* Lines of eight digits and an end, by offset: so each instance knows what comes next. */
static uint64_t input_byte(uint64_t offset)
{
	const uint64_t line = offset / 9;
	const uint64_t at = offset % 9;
	return at == 8 ? '\n' : (uint64_t)"0123456789abcdef"[line >> (28 - 4 * at) & 15];
}

static void feed(void)
{
	static uint64_t due; /* what is behind that is dropped, and the answer is where it stands */
	struct hvcall_registers c = {.x = {0, STREAM, due, 27}};
	for (uint64_t i = 0; i < 27; i++) {
		c.x[4 + i / 8] |= input_byte(due + i) << (8 * (i % 8));
	}
	(void)call(AETHER_HVC_CONSOLE_INPUT, &c);
	due = c.x[1];
}

static void nap(void)
{
	(void)call3(AETHER_HVC_EVENT_WAIT, ticks() + info->counter_hz / 2000, 0, 0);
}

/* A guest's whole life. */
static void second_guest(void)
{
	struct hvcall_registers reserve = {.x = {0, SECOND, 100, 10000, 50}};
	(void)guest_clear(SECOND);
	(void)guest_load(SECOND, test_guest, test_guest_end);
	(void)call(AETHER_HVC_VM_RESERVE, &reserve);
	(void)call3(AETHER_HVC_VM_START, SECOND, AETHER_GUEST_RAM_BASE, 0);
	nap();
	(void)call3(AETHER_HVC_VM_PAUSE, SECOND, 0, 0);
	(void)call3(AETHER_HVC_VM_RESUME, SECOND, 0, 0);
	(void)call3(AETHER_HVC_VM_STOP, SECOND, 0, 0);
	while (guest_state(SECOND) == AETHER_VM_STOPPING) {
		nap();
	}
	(void)call3(AETHER_HVC_VM_RESET, SECOND, 0, 0);
	(void)call3(AETHER_HVC_VM_DESTROY, SECOND, 0, 0);
}

/* Every call that there is but two, FAIL and NODE_OFF, which end it. LOG: each instance has said something. */
static void call_all(void)
{
	(void)call3(AETHER_HVC_ALIVE, 0, 0, 0);
	(void)call3(AETHER_HVC_COUNTER, AETHER_COUNTER_EXITS, 0, 0);
	(void)call3(AETHER_HVC_TELEMETRY, 0, 0, 0);
	(void)call3(AETHER_HVC_KEEP_SET, 1 | 1 << 8, 2, 3);
	(void)call3(AETHER_HVC_KEEP_GET, 1, 0, 0);
	(void)call3(AETHER_HVC_KEY_SET, 1, 2, 3);
	(void)call3(AETHER_HVC_KEY_GET, 0, 0, 0);
	(void)call3(AETHER_HVC_TIME_SET, UINT64_C(1700000000000000000), ticks(), 0);
	(void)call3(AETHER_HVC_CRASH_DONE, 0, 0, 0);
	(void)call3(AETHER_HVC_NIC_POST, 1, 0, 0);
	(void)call3(AETHER_HVC_SERVICE_UPDATE, AETHER_IPA_LOAD(STREAM), 4096, 0);
	feed();
	second_guest();
}

/* --- schedules --- */

enum { CALLS = AETHER_HVC_COUNT - 2 };

static const struct {
	const char *name;
	uint32_t kinds, seed, count, spacing;
} schedules[] = {
	{"entry", 1u << AETHER_CHAOS_CALL_ENTRY, 1, CALLS, 1}, /* of each call, in turn */
	{"exit", 1u << AETHER_CHAOS_CALL_EXIT, 1, CALLS, 1},
	{"sweep", 1u << AETHER_CHAOS_SWEEP, 0, 200, 5003}, /* evenly over all that an instance does, and a bit more */
	{"steps", 1u << AETHER_CHAOS_STEPS, 260, 300, 2}, /* from the end of one call to behind the next */
	{"random", (1u << AETHER_CHAOS_COUNT) - 1, 72, 40, 4000}, /* all kinds, but few loops, which take long */
};
#define SCHEDULE_COUNT (sizeof(schedules) / sizeof(schedules[0]))
/* In the schedules until one ends it. Returns the number of instances that they take. */
static uint32_t keep_schedules(uint32_t n)
{
	uint32_t first = 1;
	for (unsigned i = 0; i < SCHEDULE_COUNT; first += schedules[i++].count) {
		if (n < first || n >= first + schedules[i].count) {
			continue;
		}
		if (n == first) {
			SAY("t: schedule %s %u\n", schedules[i].name, schedules[i].count);
			(void)chaos(schedules[i].seed, schedules[i].count, schedules[i].spacing, schedules[i].kinds);
		}
		for (uint64_t k = 0; chaos(0, 1, 1, 0) > 0; k++) {
			call_all();
			pattern[k % PATTERN_WORDS] = k;
		}
		SAY("t: a schedule is over in instance %u\n", n);
		restart_fail(0, 0, 0);
	}
	return first - 1;
}

/* --- a newer image --- */

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

/* --- an instance --- */

void service_main(void)
{
	const uint32_t n = info->instance;
	(void)chaos(0, 1, 1, 0); /* "steps" count from here */
	(void)call3(AETHER_HVC_ALIVE, 0, 0, 0);
	SAY("t: %u after %u in %lu us, %s\n", n, info->restart_cause,
	    n == 1 ? 0 : (info->core_ticks - info->restart_ticks) * 1000000 / info->counter_hz, traces());
	SAY("t: %u entropy %lx\n", n, *(const volatile uint64_t *)info->entropy);
	if (n == 1) {
		if (!guest_start(STREAM, test_guest, test_guest_end, test_stream)) {
			SAY("t: no guest\n");
		}
		call_all();
	}
	const uint32_t first_death = keep_schedules(n) + 1;
	const uint32_t first_own = first_death + death_count;
	const uint32_t first_update = first_own + OWN_DEATHS;
	if (n < first_own) {
		if (n == first_death) {
			(void)chaos(FAR_SEED, 1, FAR_US, 1u << AETHER_CHAOS_KILL);
		}
		SAY("t: %s: %u\n", deaths[n - first_death].name, deaths[n - first_death].cause);
		deaths[n - first_death].die();
		SAY("t: lives on\n");
		restart_fail(0, 0, 0);
	}
	(void)chaos(0, 0, 0, 0);
	if (n < first_update) {
		restart_fail(0, 0, 0);
	}
	SAY("t: %u version %u sha256 %02x%02x\n", n, test_version, info->service_sha256[0], info->service_sha256[1]);
	if (n == first_update) {
		update();
	}
	if (n == first_update + 1) {
		restart_fail(0, 0, 0);
	}
	SAY("t: done, guest %u\n", guest_state(STREAM));
	for (;;) {
		(void)call3(AETHER_HVC_NODE_OFF, 0, 0, 0);
	}
}
