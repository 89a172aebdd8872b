/* SPDX-License-Identifier: Apache-2.0 */
/* From entry.S to guest_main: vectors, device tree, console, MMU, GIC's place; the other CPUs; calls downwards. */
#include <stddef.h>

#include "guest/lib/cpu.h"
#include "guest/lib/dt.h"
#include "guest/lib/gic.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"
#include "guest/lib/uart.h"

#define UART_DEFAULT UINT64_C(0x09000000)
#define RAM_GIB 1u /* 0x40000000 in GiB */

#define BLOCK UINT64_C(1)
#define DEVICE_XN (UINT64_C(3) << 53)
#define ATTR(n) ((uint64_t)(n) << 2)
#define INNER_SHAREABLE (UINT64_C(3) << 8)
#define ACCESSED (UINT64_C(1) << 10)

uint64_t mmu_table[512] __attribute__((aligned(4096)));
static struct smp_slot slots[GUEST_CPU_MAX];
static unsigned cpus;
static bool is_aether;

void mmu_init(void)
{
	for (uint64_t gib = 0; gib < 512; gib++) {
		mmu_table[gib] = gib << 30 | BLOCK | ACCESSED | DEVICE_XN | ATTR(0);
	}
	const uint64_t last = (dt_ram_base() + dt_ram_bytes() - 1) >> 30;
	for (uint64_t gib = RAM_GIB; gib <= last; gib++) {
		mmu_table[gib] = gib << 30 | BLOCK | ACCESSED | INNER_SHAREABLE | ATTR(1);
	}
	dsb();
}

unsigned cpu_count(void)
{
	return cpus;
}

static void count_cpus(void)
{
	for (int node = dt_find_name(-1, "cpu"); node >= 0; node = dt_find_name(node, "cpu")) {
		cpus++;
	}
}

static void detect(void)
{
	struct smccc_regs regs = {.x = {SMCCC_HYP_UID}};
	smccc_hvc(&regs);
	is_aether = (uint32_t)regs.x[0] == AETHER_UID_0 && (uint32_t)regs.x[1] == AETHER_UID_1 &&
		    (uint32_t)regs.x[2] == AETHER_UID_2 && (uint32_t)regs.x[3] == AETHER_UID_3;
	report_note("%s, %u cpus, GICv%u", is_aether ? "under aether" : "bare", cpus,
		    gic_version());
}

void guest_start(void)
{
	trap_init_cpu();
	const bool has_tree = dt_init((const void *)boot_regs.x[0]);
	const int uart = has_tree ? dt_find_compatible(-1, "arm,pl011") : -1;
	uart_init(uart >= 0 ? dt_cell64(uart, "reg", 0) : UART_DEFAULT);
	if (!has_tree) {
		report_abort("x0 0x%lx is no device tree", boot_regs.x[0]);
	}
	count_cpus();
	mmu_init();
	/* Writes of the firmware and of this guest went around the cache; drop stale clean lines before it is used. */
	cache_clean_invalidate(image_start, image_end);
	mmu_enable();
	gic_find();
	detect();
	guest_main();
	report_finish();
}

void smp_main(struct smp_slot *slot)
{
	trap_init_cpu();
	__atomic_store_n(&slot->has_arrived, true, __ATOMIC_RELEASE);
	slot->run(slot->arg);
	psci_call(PSCI_CPU_OFF, 0, 0, 0);
	report_abort("CPU_OFF returned");
}

struct smp_slot *smp_slot_of(unsigned cpu)
{
	return &slots[cpu];
}

bool smp_start(unsigned cpu, void (*run)(void *arg), void *arg)
{
	slots[cpu] = (struct smp_slot){.run = run, .arg = arg};
	dsb();
	return psci_call(PSCI_CPU_ON_64, cpu, (uint64_t)smp_entry, (uint64_t)&slots[cpu]) ==
	       PSCI_SUCCESS;
}

bool smp_join(unsigned cpu)
{
	/* QEMU's own PSCI still says "off" for a while after CPU_ON: what was started has to be seen first. */
	return wait_for(__atomic_load_n(&slots[cpu].has_arrived, __ATOMIC_ACQUIRE), 10000) &&
	       wait_for(psci_call(PSCI_AFFINITY_INFO_64, cpu, 0, 0) == PSCI_AFFINITY_OFF, 10000);
}

uint64_t smccc_call(uint32_t id, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct smccc_regs regs = {.x = {id, a1, a2, a3}};
	smccc_hvc(&regs);
	return regs.x[0];
}

int32_t psci_call(uint32_t id, uint64_t a1, uint64_t a2, uint64_t a3)
{
	return (int32_t)smccc_call(id, a1, a2, a3);
}

bool is_under_aether(void)
{
	return is_aether;
}

void psci_system_off(void)
{
	psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;) {
		wfi();
	}
}
