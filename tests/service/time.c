/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the service is away: from the core's noticing that an instance has failed to the next one's first
 * instruction, with a guest that wants the CPU all the time. `make bench` runs it under icount and reads the console.
 * Its memory is as large as buffers for a network make it.
 */
#include "abi/bootinfo.h"
#include "abi/diag.h"
#include "call.h"
#include "guests.h"
#include "service/main.h"

enum { MEMORY_WORDS = 1 << 19, DEATHS = 2 };

extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);
extern const char test_guest[], test_guest_end[];

static const volatile struct aether_bootinfo *const info = (const void *)(uintptr_t)AETHER_IPA_BOOTINFO;
static volatile uint64_t memory[MEMORY_WORDS];

static void fail(void)
{
	(void)call3(AETHER_HVC_FAIL, 0, 0, 0);
	for (;;) {
	}
}

void __stack_chk_fail(void)
{
	fail();
	__builtin_unreachable();
}

void service_fault(uint64_t esr, uint64_t elr, uint64_t far)
{
	(void)esr;
	(void)elr;
	(void)far;
	fail();
}

/* So that the guest is in the middle of something. */
static void wait_ms(uint64_t ms)
{
	const uint64_t end = ticks() + info->counter_hz / 1000 * ms;
	while (ticks() < end) {
		(void)call3(AETHER_HVC_EVENT_WAIT, end, 0, 0);
	}
}

void service_main(void)
{
	const uint64_t first = ticks();
	const uint32_t n = info->instance;
	memory[n] = n;
	if (n == 1) {
		(void)guest_start(0, test_guest, test_guest_end, test_guest);
	} else {
		SAY("aether: bench: restart ticks=%lu\n", info->core_ticks - info->restart_ticks);
		SAY("aether: bench: first instruction ticks=%lu\n", first - info->restart_ticks);
	}
	wait_ms(30);
	struct hvcall_registers c = {.x = {0, AETHER_COUNTER_LONGEST_TICKS, 0, 0}};
	(void)call(AETHER_HVC_COUNTER, &c);
	SAY("aether: bench: instance %u longest ticks=%lu\n", n, c.x[1]);
	if (n <= DEATHS) {
		fail();
	}
	for (;;) {
		(void)call3(AETHER_HVC_NODE_OFF, 0, 0, 0);
	}
}
