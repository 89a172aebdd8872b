/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service context's own start and end. crt.S calls service_main() once on a stack of its own, and
 * service_fault() for an exception, which is a bug of ours: the service takes no interrupt and makes no
 * system call. Only this file knows at which addresses the core maps what it hands over.
 */
#include "service/main.h"

#include <assert.h>
#include <stddef.h>

#include "abi/bootinfo.h"
#include "abi/crash.h"
#include "service/hvcall.h"
#include "service/log.h"
#include "service/service.h"

/* crt.S seeds the stack protector's guard from here. */
static_assert(offsetof(struct aether_bootinfo, entropy) == SERVICE_ENTROPY_OFFSET, "crt.S");

/* The names that gcc and clang give the guard and the function that is called when it was overwritten. */
extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);

static struct service service;

static _Noreturn void end_node(void)
{
	hvcall_node_off(0);
	for (;;) {
	}
}

/* The core starts the next instance, and says so. */
static _Noreturn void fail(uint64_t esr, uint64_t elr, uint64_t far)
{
	hvcall_fail(esr, elr, far);
	for (;;) {
	}
}

_Noreturn void __stack_chk_fail(void)
{
	log_line(LOG_ERROR, "agent: a stack buffer of the service was overrun");
	fail(0, (uintptr_t)__builtin_return_address(0), 0);
}

void service_fault(uint64_t esr, uint64_t elr, uint64_t far)
{
	fail(esr, elr, far);
}

void service_main(void)
{
	const struct aether_bootinfo *info = (const void *)(uintptr_t)AETHER_IPA_BOOTINFO;
	const struct aether_crash *crash = (const void *)(uintptr_t)AETHER_IPA_CRASH;
	const struct service_inputs inputs = {
		.info = info,
		.trailer = (const void *)(uintptr_t)AETHER_IPA_TRAILER,
		.bundle = (const uint8_t *)(uintptr_t)AETHER_IPA_BUNDLE,
		.crash = (const uint8_t *)(uintptr_t)AETHER_IPA_CRASH,
	};

	if (info->magic != AETHER_BOOTINFO_MAGIC) {
		log_line(LOG_ERROR, "loader: the core's boot information has another version; powering off");
		end_node();
	}
	/* Before anything that could lead to the next one. */
	if (info->instance == 1 && info->crash_bytes == sizeof(*crash) && crash->magic == AETHER_CRASH_MAGIC) {
		log_line(LOG_ERROR, "crash record: %lu bytes, %u in a row: %.*s", info->crash_bytes, crash->streak,
			 (int)sizeof(crash->reason), crash->reason);
	}
	service_start(&service, &inputs);
	while (service_turn(&service)) {
	}
	log_line(LOG_INFO, "loader: no guest is left; powering off");
	end_node();
}
