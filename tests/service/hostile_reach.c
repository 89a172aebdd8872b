/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads, stores and jumps to what is not the service's. Each must end the instance; the core says of what.
 */
#include "hostile.h"

#include "abi/bootinfo.h"
#include "abi/diag.h"
#include "call.h"

/* RAM of QEMU's virt, as an address of the service's: the core's image, tables and guests are in there somewhere. */
#define MACHINE_RAM UINT64_C(0x40000000)
#define MACHINE_RAM_LAST UINT64_C(0x5ffff000)
#define TRANSPORTS UINT64_C(0x0a000000) /* virtio-mmio of QEMU's virt, 512 bytes each */
#define CORE_IMAGE_VA UINT64_C(0x700000000000)
#define IPA_LAST UINT64_C(0xfffffffff8)

#define LOADS(name, address)                                                                       \
	static void name(void)                                                                     \
	{                                                                                          \
		(void)*(const volatile uint64_t *)(uintptr_t)(address);                            \
	}
#define STORES(name, address)                                                                      \
	static void name(void)                                                                     \
	{                                                                                          \
		*(volatile uint64_t *)(uintptr_t)(address) = UINT64_C(0x6861636b65642121);         \
	}
#define RUNS(name, address)                                                                        \
	static void name(void)                                                                     \
	{                                                                                          \
		((void (*)(void))(uintptr_t)(address))();                                          \
	}
/* One instruction with the address in x0. */
#define DOES(name, address, instruction)                                                           \
	static void name(void)                                                                     \
	{                                                                                          \
		register uint64_t at __asm__("x0") = (address);                                    \
		__asm__ volatile(instruction : "+r"(at) : : "x1", "x2", "memory");                 \
	}

LOADS(reads_the_cores_image, CORE_IMAGE_VA)
STORES(writes_the_cores_image, CORE_IMAGE_VA)
LOADS(reads_the_machines_memory, MACHINE_RAM)
STORES(writes_the_machines_memory, MACHINE_RAM)
LOADS(reads_behind_the_image, MACHINE_RAM + UINT64_C(0x200000))
STORES(writes_behind_the_image, MACHINE_RAM + UINT64_C(0x200000))
STORES(writes_the_machines_last_page, MACHINE_RAM_LAST)
LOADS(reads_the_guest, AETHER_IPA_LOAD(HOSTILE_GUEST))
STORES(writes_the_guest, AETHER_IPA_LOAD(HOSTILE_GUEST) + UINT64_C(0x100000))
RUNS(runs_the_guests_code, AETHER_IPA_LOAD(HOSTILE_GUEST))
LOADS(reads_a_guest_that_is_not, AETHER_IPA_LOAD(1))
STORES(writes_its_own_load_range, AETHER_IPA_LOAD(AETHER_VM_MAX))
STORES(writes_behind_the_last_store, AETHER_IPA_LOAD(AETHER_STORE_FIRST + AETHER_STORE_MAX))
LOADS(reads_the_last_address, IPA_LAST)
LOADS(reads_nothing, 0)
STORES(writes_nothing, 0)
LOADS(reads_the_distributor, AETHER_GUEST_GICD_BASE)
STORES(writes_the_distributor, AETHER_GUEST_GICD_BASE + UINT64_C(0x100))
STORES(writes_the_redistributor, AETHER_GUEST_GICR_BASE)
STORES(writes_the_uart, AETHER_GUEST_UART_BASE)
STORES(writes_the_clock, AETHER_GUEST_RTC_BASE)
LOADS(reads_another_transport, TRANSPORTS + UINT64_C(0x1000))
STORES(writes_another_transport, TRANSPORTS + UINT64_C(0x3e50))
STORES(writes_boot_information, AETHER_IPA_BOOTINFO)
STORES(writes_the_trailer, AETHER_IPA_TRAILER)
STORES(writes_telemetry, AETHER_IPA_TELEMETRY)
STORES(writes_console_heads, AETHER_IPA_CONSOLE_HEADS)
STORES(writes_a_console, AETHER_IPA_CONSOLE(HOSTILE_GUEST) + 16)
STORES(writes_the_last_console, AETHER_IPA_CONSOLE(AETHER_VM_MAX) - 8)
STORES(writes_behind_the_consoles, AETHER_IPA_CONSOLE(AETHER_VM_MAX))
STORES(writes_its_code, AETHER_IPA_SERVICE)
STORES(writes_the_bundle, AETHER_IPA_BUNDLE)
LOADS(reads_behind_the_bundle, AETHER_IPA_BUNDLE + UINT64_C(0x40000000))
STORES(writes_a_used_ring, AETHER_IPA_NIC_USED)
STORES(writes_the_other_used_ring, AETHER_IPA_NIC_USED + UINT64_C(0x1008))
LOADS(reads_behind_the_used_rings, AETHER_IPA_NIC_USED + UINT64_C(0x2000))
STORES(writes_behind_the_buffers, AETHER_IPA_NIC_BUFFERS + UINT64_C(0x80000))
RUNS(runs_boot_information, AETHER_IPA_BOOTINFO)
RUNS(runs_telemetry, AETHER_IPA_TELEMETRY)
RUNS(runs_the_bundle, AETHER_IPA_BUNDLE)
RUNS(runs_a_buffer, AETHER_IPA_NIC_BUFFERS)
RUNS(runs_the_cards_registers, AETHER_IPA_NIC)
DOES(loads_a_pair_of_registers, AETHER_IPA_NIC, "ldp x1, x2, [x0]")
DOES(stores_a_pair_of_registers, AETHER_IPA_NIC, "stp x1, x2, [x0]")
DOES(stores_and_moves_on, AETHER_IPA_NIC + 0x50, "str w1, [x0], #4")
DOES(locks_a_register, AETHER_IPA_NIC, "ldxr w1, [x0]")
DOES(zeroes_telemetry, AETHER_IPA_TELEMETRY, "dc zva, x0")
DOES(zeroes_the_guest, AETHER_IPA_LOAD(HOSTILE_GUEST) + UINT64_C(0x100000), "dc zva, x0")
DOES(stacks_on_the_guest, AETHER_IPA_LOAD(HOSTILE_GUEST) + UINT64_C(0x100000), "mov sp, x0\n\tstp x1, x2, [sp, #-16]!")
DOES(translates_as_the_core, 0, "at s1e2r, x0")
DOES(reads_the_cores_registers, 0, "mrs x1, vttbr_el2")
DOES(writes_the_cores_registers, 0, "msr vbar_el2, x0")
DOES(asks_the_firmware, UINT64_C(0x84000009), "smc #0") /* SYSTEM_RESET */

/* Memory that is its own while it loads, and no longer when it has given it away. */
static void runs_what_it_loads(void)
{
	struct hvcall_registers c = {.x = {0, UINT64_C(2) << 20, 0, AETHER_VM_STORE}};
	if (call(AETHER_HVC_VM_CREATE, &c) != 0) {
		return;
	}
	volatile uint32_t *code = (volatile uint32_t *)(uintptr_t)AETHER_IPA_LOAD(c.x[1]);
	code[0] = 0xd65f03c0; /* RET */
	__asm__ volatile("dsb sy\n\tisb" : : : "memory");
	((void (*)(void))(uintptr_t)code)();
}

static void writes_what_it_gave_back(void)
{
	struct hvcall_registers c = {.x = {0, UINT64_C(2) << 20, 0, AETHER_VM_STORE}};
	if (call(AETHER_HVC_VM_CREATE, &c) != 0) {
		return;
	}
	volatile uint64_t *words = (volatile uint64_t *)(uintptr_t)AETHER_IPA_LOAD(c.x[1]);
	words[0] = 1; /* what translates it is in the TLB */
	if (call3(AETHER_HVC_VM_DESTROY, c.x[1], 0, 0) == 0) {
		words[0] = 2;
	}
}

static void writes_what_it_started(void)
{
	struct hvcall_registers c = {.x = {0, UINT64_C(2) << 20, 1, 0}};
	if (call(AETHER_HVC_VM_CREATE, &c) != 0) {
		return;
	}
	volatile uint32_t *words = (volatile uint32_t *)(uintptr_t)AETHER_IPA_LOAD(c.x[1]);
	words[0] = 0x14000000; /* B . */
	if (call3(AETHER_HVC_VM_START, c.x[1], AETHER_GUEST_RAM_BASE, 0) == 0) {
		words[0] = 0;
	}
}

const struct hostile_attack hostile_reach[] = {
	HOSTILE(reads_the_cores_image, FAULT), /* beyond the addresses that there are: its own exception */
	HOSTILE(writes_the_cores_image, FAULT),
	HOSTILE(reads_the_machines_memory, ABORT),
	HOSTILE(writes_the_machines_memory, ABORT),
	HOSTILE(reads_behind_the_image, ABORT),
	HOSTILE(writes_behind_the_image, ABORT),
	HOSTILE(writes_the_machines_last_page, ABORT),
	HOSTILE(reads_the_guest, ABORT),
	HOSTILE(writes_the_guest, ABORT),
	HOSTILE(runs_the_guests_code, ABORT),
	HOSTILE(reads_a_guest_that_is_not, ABORT),
	HOSTILE(writes_its_own_load_range, ABORT),
	HOSTILE(writes_behind_the_last_store, ABORT),
	HOSTILE(reads_the_last_address, ABORT),
	HOSTILE(reads_nothing, ABORT),
	HOSTILE(writes_nothing, ABORT),
	HOSTILE(reads_the_distributor, ABORT),
	HOSTILE(writes_the_distributor, ABORT),
	HOSTILE(writes_the_redistributor, ABORT),
	HOSTILE(writes_the_uart, ABORT),
	HOSTILE(writes_the_clock, ABORT),
	HOSTILE(reads_another_transport, ABORT),
	HOSTILE(writes_another_transport, ABORT),
	HOSTILE(writes_boot_information, ABORT),
	HOSTILE(writes_the_trailer, ABORT),
	HOSTILE(writes_telemetry, ABORT),
	HOSTILE(writes_console_heads, ABORT),
	HOSTILE(writes_a_console, ABORT),
	HOSTILE(writes_the_last_console, ABORT),
	HOSTILE(writes_behind_the_consoles, ABORT),
	HOSTILE(writes_its_code, ABORT),
	HOSTILE(writes_the_bundle, ABORT),
	HOSTILE(reads_behind_the_bundle, ABORT),
	HOSTILE(writes_a_used_ring, ABORT),
	HOSTILE(writes_the_other_used_ring, ABORT),
	HOSTILE(reads_behind_the_used_rings, ABORT),
	HOSTILE(writes_behind_the_buffers, ABORT),
	HOSTILE(runs_boot_information, ABORT),
	HOSTILE(runs_telemetry, ABORT),
	HOSTILE(runs_the_bundle, ABORT),
	HOSTILE(runs_a_buffer, ABORT),
	HOSTILE(runs_the_cards_registers, ABORT),
	HOSTILE(loads_a_pair_of_registers, ABORT),
	HOSTILE(stores_a_pair_of_registers, ABORT),
	HOSTILE(stores_and_moves_on, ABORT),
	HOSTILE(locks_a_register, ABORT),
	HOSTILE(zeroes_telemetry, ABORT),
	HOSTILE(zeroes_the_guest, ABORT),
	HOSTILE(stacks_on_the_guest, ABORT),
	HOSTILE(translates_as_the_core, FAULT),
	HOSTILE(reads_the_cores_registers, FAULT),
	HOSTILE(writes_the_cores_registers, FAULT),
	HOSTILE(asks_the_firmware, TRAP),
	HOSTILE(runs_what_it_loads, ABORT),
	HOSTILE(writes_what_it_gave_back, ABORT),
	HOSTILE(writes_what_it_started, ABORT),
};
const uint64_t hostile_reach_count = sizeof(hostile_reach) / sizeof(hostile_reach[0]);
