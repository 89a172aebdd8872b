/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service in the hands of somebody else. It tries what it must not be able to do, one thing an instance, since most
 * of it ends the instance; which is next follows from its number. A guest runs all the while and watches its own
 * memory (canary.S), memory that is free was left as zeroes, and the last instance looks whether everything is as the
 * first one found it.
 *
 *   1              starts the guest, keeps a note of what is; a schedule far in the future keeps the back-off away
 *   2 ...          each of the attacks of hostile_reach.c, then of hostile_calls.c
 *   the last       looks at what is left, and ends the node
 *
 * tests/service/run-hostile reads the console.
 */
#include "hostile.h"

#include "abi/bootinfo.h"
#include "abi/chaos.h"
#include "abi/diag.h"
#include "abi/telemetry.h"
#include "call.h"
#include "guests.h"
#include "service/main.h"

#define FREE_BYTES (UINT64_C(32) << 20)
#define PIECE_BYTES (UINT64_C(1) << 20)
#define FAR_US UINT64_C(3600000000)
#define FIRST_ATTACK 2u
#define NOTE 9u /* record of KEEP_SET */

extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);
extern const char test_canary[], test_canary_end[];

static const volatile struct aether_bootinfo *const info = (const void *)(uintptr_t)AETHER_IPA_BOOTINFO;
static const volatile struct aether_telemetry *const page = (const void *)(uintptr_t)AETHER_IPA_TELEMETRY;

void hostile_lives(void)
{
	(void)call3(AETHER_HVC_ALIVE, 0, 0, 0);
}

void hostile_end(void)
{
	(void)call3(AETHER_HVC_FAIL, 0, 0, 0);
	for (;;) {
	}
}

void __stack_chk_fail(void)
{
	hostile_end();
}

void service_fault(uint64_t esr, uint64_t elr, uint64_t far)
{
	(void)call3(AETHER_HVC_FAIL, esr, elr, far);
	for (;;) {
	}
}

/* --- before and after --- */

/* What no attack may change: pages that are nobody's, the core's, the service's, the card's; all others together. */
static void take_note(uint64_t words[6])
{
	(void)call3(AETHER_HVC_TELEMETRY, 0, 0, 0);
	words[0] = page->pages[0] + (page->pages[3] << 32);
	words[1] = page->pages[4] + (page->pages[5] << 32);
	words[2] = page->pages[1] + page->pages[2] + page->pages[6] + page->pages[7];
	words[3] = info->boot_id;
	words[4] = info->ram_bytes;
	words[5] = info->bundle_bytes;
}

static void start_guest(void)
{
	if (!guest_start(HOSTILE_GUEST, test_canary, test_canary_end, test_canary)) {
		SAY("aether: test: no guest\n");
	}
}

/* A store of memory that nobody has: true if it is all zero. What was free is not scrubbed again. */
static bool is_free_memory_zero(void)
{
	struct hvcall_registers c = {.x = {0, FREE_BYTES, 0, AETHER_VM_STORE}};
	if (call(AETHER_HVC_VM_CREATE, &c) != 0) {
		return false;
	}
	const uint64_t vm = c.x[1];
	const volatile uint64_t *words = (const volatile uint64_t *)(uintptr_t)AETHER_IPA_LOAD(vm);
	uint64_t any = 0;
	for (uint64_t i = 0; i < FREE_BYTES / 8; i++) {
		any |= words[i];
		if (i % (PIECE_BYTES / 8) == 0) {
			hostile_lives();
		}
	}
	return call3(AETHER_HVC_VM_DESTROY, vm, 0, 0) == 0 && any == 0;
}

static void first_instance(void)
{
	struct hvcall_registers c = {.x = {0, NOTE | 1 << 8}};
	const bool was_zero = is_free_memory_zero();
	start_guest();
	take_note(&c.x[2]);
	(void)call(AETHER_HVC_KEEP_SET, &c);
	SAY("aether: test: %lu attacks, free memory is %s\n", hostile_reach_count + hostile_calls_count,
	    was_zero ? "zero" : "not zero");
	struct hvcall_registers far = {.x = {0, 5, 1, FAR_US, 1u << AETHER_CHAOS_KILL}};
	(void)call(AETHER_HVC_CHAOS, &far);
}

static void last_instance(void)
{
	struct hvcall_registers kept = {.x = {0, NOTE}};
	uint64_t now[6];
	bool is_same = call(AETHER_HVC_KEEP_GET, &kept) == 0 && kept.x[1] == 1;
	take_note(now);
	for (unsigned i = 0; i < 6; i++) {
		if (now[i] != kept.x[2 + i]) {
			SAY("aether: test: word %u %lx, %lx\n", i, kept.x[2 + i], now[i]);
			is_same = false;
		}
	}
	SAY("aether: test: accounts %s\n", is_same ? "as they were" : "differ");
	SAY("aether: test: free memory is %s\n", is_free_memory_zero() ? "zero" : "not zero");
	struct hvcall_registers c = {.x = {0, HOSTILE_GUEST}};
	(void)call(AETHER_HVC_VM_INFO, &c);
	const uint64_t before = ticks();
	(void)call3(AETHER_HVC_TELEMETRY, 0, 0, 0);
	const uint64_t spent = ticks() - before;
	SAY("aether: test: a reading takes %lu ticks\n", spent);
	SAY("aether: test: done, the guest's state is %u\n", (uint32_t)c.x[1]);
	for (;;) {
		(void)call3(AETHER_HVC_NODE_OFF, 0, 0, 0);
	}
}

void service_main(void)
{
	const uint32_t n = info->instance;
	uint64_t i = n - FIRST_ATTACK;
	SAY("aether: test: instance %u after %u\n", n, info->restart_cause);
	if (n == 1) {
		first_instance();
		hostile_end();
	}
	const struct hostile_attack *attack = hostile_reach;
	if (i >= hostile_reach_count) {
		i -= hostile_reach_count;
		attack = hostile_calls;
		if (i >= hostile_calls_count) {
			last_instance();
		}
	}
	SAY("aether: test: %s: %u\n", attack[i].name, attack[i].cause);
	attack[i].run();
	SAY("aether: test: lives on\n");
	hostile_end();
}
