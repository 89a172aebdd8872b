/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses that lead nowhere. The architecture's answer is a synchronous external abort with the address in FAR_EL1;
 * on a walk of the guest's own tables, one that names the level.
 */
#include "guest/contain_cases.h"
#include "guest/lib/cpu.h"
#include "guest/lib/dt.h"
#include "guest/lib/gic.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"
#include "guest/lib/uart.h"

#define NOWHERE UINT64_C(0x400000000) /* 16 GiB: no RAM, no device */
#define NOWHERE_GIB (NOWHERE >> 30)
#define WINDOW_GIB UINT64_C(24) /* an entry of the level-1 table that cases may change */
#define WINDOW (WINDOW_GIB << 30)
#define ESR_WNR 0x40u
#define ESR_CM 0x100u
#define FSC_WALK_EXTERNAL 0x14u /* plus the level */
#define NORMAL_BLOCK UINT64_C(0x705)
#define DEVICE_BLOCK UINT64_C(0x401)
#define TABLE UINT64_C(0x3)

static void set_entry(uint64_t gib, uint64_t descriptor)
{
	*(volatile uint64_t *)&mmu_table[gib] = 0;
	dsb(); /* break before make: the walkers see the invalid entry, and nobody keeps the old one */
	__asm__ volatile("tlbi vmalle1is" ::: "memory");
	dsb();
	isb();
	*(volatile uint64_t *)&mmu_table[gib] = descriptor;
	dsb();
	isb();
}

static uint64_t entry_of(uint64_t gib)
{
	return *(volatile uint64_t *)&mmu_table[gib];
}

static struct trap_record touch(uint64_t address, unsigned bytes, bool is_write)
{
	trap_expect();
	if (bytes == 1 && is_write) {
		*(volatile uint8_t *)address = 0;
	} else if (bytes == 1) {
		(void)*(volatile uint8_t *)address;
	} else if (bytes == 2 && is_write) {
		*(volatile uint16_t *)address = 0;
	} else if (bytes == 2) {
		(void)*(volatile uint16_t *)address;
	} else if (bytes == 4 && is_write) {
		*(volatile uint32_t *)address = 0;
	} else if (bytes == 4) {
		(void)*(volatile uint32_t *)address;
	} else if (is_write) {
		*(volatile uint64_t *)address = 0;
	} else {
		(void)*(volatile uint64_t *)address;
	}
	return trap_taken();
}

static bool is_external_abort(const struct trap_record *record, uint64_t address)
{
	if (record->count == 1 && ESR_EC(record->esr) == ESR_EC_DABORT &&
	    ESR_FSC(record->esr) == ESR_FSC_EXTERNAL && record->far == address) {
		return true;
	}
	report_note("0x%lx: %u exceptions, esr 0x%lx far 0x%lx", address, record->count,
		    record->esr, record->far);
	return false;
}

static void check_address(uint64_t address)
{
	bool ok = true;
	for (unsigned bytes = 1; bytes <= 8; bytes *= 2) {
		for (unsigned is_write = 0; is_write < 2; is_write++) {
			const struct trap_record record = touch(address, bytes, is_write != 0);
			ok = is_external_abort(&record, address) && ok;
			ok = ((record.esr & ESR_WNR) != 0) == (is_write != 0) && ok;
		}
	}
	report(ok, "0x%lx: reads and writes of every width are external aborts", address);
}

/* Where the machine has a device. */
static bool is_device(uint64_t address)
{
	const uint64_t gicd = gic_dist_base();
	const uint64_t interface = gic_version() == 2 ? gicd + 0x10000 : gicr_base(0);
	const uint64_t bytes = gic_version() == 2 ? 0x10000 : UINT64_C(0x20000) * cpu_count();
	return (address >= gicd && address < gicd + 0x10000) ||
	       (address >= interface && address < interface + bytes) ||
	       address == (uint64_t)uart_base || address == 0x09010000;
}

/* Nothing but the guest's own RAM and devices: the core's memory and other guests' are nowhere. */
static void check_all_else(void)
{
	unsigned reached = 0;
	const uint64_t ram_end = dt_ram_base() + dt_ram_bytes();
	for (uint64_t at = ram_end; at < UINT64_C(1) << 31; at += UINT64_C(1) << 21) {
		reached += touch(at + 0x1000, 8, false).count != 1;
	}
	for (uint64_t gib = 2; gib < 256; gib++) {
		reached += touch((gib << 30) + 0x123450, 8, false).count != 1;
	}
	report_equal(reached, 0, "behind its RAM there is nothing");
	if (!is_under_aether()) {
		return;
	}
	reached = 0;
	for (uint64_t at = 0; at < dt_ram_base(); at += UINT64_C(1) << 16) {
		if (!is_device(at)) {
			reached += touch(at, 4, false).count != 1;
		}
	}
	report_equal(reached, 0, "below its RAM there are its devices and nothing else");
}

/* A physical address that the CPU has and no stage 2 maps, by the window. */
static void check_high_addresses(void)
{
	bool ok = true;
	/* QEMU has PCIe at 512 GiB. */
	for (unsigned bit = is_under_aether() ? 39 : 40; bit < 44; bit++) {
		set_entry(WINDOW_GIB, UINT64_C(1) << bit | DEVICE_BLOCK);
		const struct trap_record record = touch(WINDOW + 0x40, 4, false);
		ok = record.count == 1 && ESR_EC(record.esr) == ESR_EC_DABORT &&
		     record.far == WINDOW + 0x40 && ok;
	}
	set_entry(WINDOW_GIB, 0);
	report(ok, "physical addresses of 512 GiB to 8 TiB are aborts");
}

static void call(uint64_t address)
{
	__asm__ volatile("blr %0" ::"r"(address)
			 : "x30", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10",
			   "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory");
}

static void check_fetch(uint64_t gib, uint64_t address, const char *what)
{
	const uint64_t saved = entry_of(gib);
	set_entry(gib, gib << 30 | NORMAL_BLOCK);
	trap_expect();
	call(address);
	const struct trap_record record = trap_taken();
	set_entry(gib, saved);
	report(record.count == 1 && ESR_EC(record.esr) == ESR_EC_IABORT && record.far == address &&
		       record.elr == address && ESR_FSC(record.esr) == ESR_FSC_EXTERNAL,
	       "a fetch from %s is an external abort", what);
	if (record.count != 1 || ESR_FSC(record.esr) != ESR_FSC_EXTERNAL) {
		report_note("%u exceptions, esr 0x%lx far 0x%lx", record.count, record.esr,
			    record.far);
	}
}

void check_stray(void)
{
	check_address(NOWHERE + 0x1238);
	check_address(dt_ram_base() + dt_ram_bytes() + 0x10000);
	if (is_under_aether()) {
		check_address(0);
		check_address(0x0a000000);
		check_address(0x09001000);
		check_address(0x3ffffff8);
	}
	check_all_else();
	check_high_addresses();
	check_fetch(NOWHERE_GIB, NOWHERE, "nowhere");
	if (is_under_aether()) {
		check_fetch(0, gic_dist_base(), "the distributor");
		check_fetch(0, (uint64_t)uart_base, "the UART");
		if (gic_version() == 2) {
			check_fetch(0, gic_dist_base() + 0x10000, "the CPU interface");
		}
	}
}

/* Accesses whose syndrome does not say what to do (ISV 0): not emulated, so an abort, or done; never the end. */
#define TRY(name, address, instruction)                                                            \
	do {                                                                                       \
		uint64_t try_base = (address);                                                     \
		trap_expect();                                                                     \
		__asm__ volatile(".arch_extension simd\n\t" instruction                            \
				 : "+r"(try_base)::"x2", "x3", "memory");                          \
		const struct trap_record try_record = trap_taken();                                \
		const bool try_is_abort =                                                          \
			ESR_EC(try_record.esr) == ESR_EC_DABORT &&                                 \
			(try_record.far & ~UINT64_C(0xff)) == ((address) & ~UINT64_C(0xff));       \
		report(try_record.count == 0 || (try_record.count == 1 && try_is_abort), "%s: %s", \
		       name, try_record.count == 0 ? "done" : "abort");                            \
	} while (0)

static void try_all(const char *name, uint64_t address)
{
	report_note("%s", name);
	TRY("ldp", address, "ldp x2, x3, [%0]");
	TRY("stp", address, "stp xzr, xzr, [%0]");
	TRY("ldr with writeback", address, "ldr w2, [%0], #4");
	TRY("str with writeback", address, "str wzr, [%0, #4]!");
	TRY("ldr q", address, "ldr q2, [%0]");
	TRY("ld1", address, "ld1 {v2.4s, v3.4s}, [%0]");
	TRY("ldxr", address, "ldxr w2, [%0]");
	TRY("stxr", address, "stxr w2, wzr, [%0]");
	TRY("ldar", address, "ldar w2, [%0]");
	TRY("prfm", address, "prfm pldl1keep, [%0]");
}

void check_no_syndrome(void)
{
	write_sysreg(cpacr_el1, UINT64_C(3) << 20);
	isb();
	try_all("nowhere, without a syndrome", NOWHERE);
	if (is_under_aether()) {
		try_all("the distributor, without a syndrome", gic_dist_base() + GICD_ISPENDR + 16);
		try_all("the UART, without a syndrome", (uint64_t)uart_base + UART_IBRD);
		TRY("dc zva on the distributor", gic_dist_base(), "dc zva, %0");
		TRY("dc civac on the distributor", gic_dist_base(), "dc civac, %0");
		TRY("dc ivac on the UART", (uint64_t)uart_base, "dc ivac, %0");
		TRY("dc civac on nothing", NOWHERE, "dc civac, %0");
		TRY("ic ivau on nothing", NOWHERE, "ic ivau, %0");
	}
	TRY("at s1e1r of nothing", NOWHERE, "at s1e1r, %0");
}

/* A table descriptor that leads nowhere, or into a device: the walk itself fails. */
static void check_walk(uint64_t table, const char *what, bool must_be_external)
{
	set_entry(WINDOW_GIB, table | TABLE);
	const struct trap_record record = touch(WINDOW + 0x2468, 4, false);
	set_entry(WINDOW_GIB, 0);
	const bool is_walk = ESR_FSC(record.esr) >> 2 == FSC_WALK_EXTERNAL >> 2;
	report(record.count == 1 && ESR_EC(record.esr) == ESR_EC_DABORT &&
		       record.far == WINDOW + 0x2468 && (is_walk || !must_be_external),
	       "a table at %s is an abort of the walk", what);
	if (record.count != 1 || !is_walk) {
		report_note("%u exceptions, esr 0x%lx far 0x%lx", record.count, record.esr,
			    record.far);
	}
}

/* Random descriptors at random places of one table: what they reach is its own RAM, or an abort. */
static void check_random_tables(void)
{
	static uint64_t spare[512] __attribute__((aligned(4096)));
	uint64_t random = 42;
	unsigned done = 0;
	for (unsigned round = 0; round < 300; round++) {
		for (unsigned i = 0; i < 512; i += 16) {
			spare[i] = (uint64_t)next_random(&random) << 32 | next_random(&random);
		}
		set_entry(WINDOW_GIB, (uint64_t)(uintptr_t)spare | TABLE);
		const uint64_t at =
			WINDOW + (uint64_t)(next_random(&random) % 512 & ~15u) * 0x200000;
		const struct trap_record record =
			touch(at + next_random(&random) % 0x200000 / 8 * 8, 8, false);
		done += record.count <= 1;
	}
	set_entry(WINDOW_GIB, 0);
	report_equal(done, 300, "300 random tables of its own");
}

void check_own_tables(void)
{
	check_walk(NOWHERE, "nowhere", true);
	check_walk(dt_ram_base() + dt_ram_bytes() + 0x10000, "the end of RAM", true);
	if (is_under_aether()) {
		check_walk(gic_dist_base(), "the distributor", true);
		if (gic_version() == 2) {
			check_walk(gic_dist_base() + 0x10000, "the CPU interface", false);
		}
	}
	check_random_tables();
}

#define PATTERN_WORDS 4096u

/* Cleans and invalidates every level by set and way, as old kernels and boot loaders do. */
static void for_all_ways(void)
{
	const uint64_t clidr = read_sysreg(clidr_el1);
	for (unsigned level = 0; level < (clidr >> 24 & 7); level++) {
		if ((clidr >> level * 3 & 7) < 2) {
			continue;
		}
		write_sysreg(csselr_el1, level << 1);
		isb();
		const uint64_t ccsidr = read_sysreg(ccsidr_el1);
		const unsigned line = (unsigned)(ccsidr & 7) + 4;
		const uint64_t ways = (ccsidr >> 3 & 0x3ff) + 1;
		const uint64_t sets = (ccsidr >> 13 & 0x7fff) + 1;
		const unsigned way_shift =
			ways > 1 ? (unsigned)__builtin_clz((unsigned)ways - 1) : 31;
		for (uint64_t set = 0; set < sets; set++) {
			for (uint64_t way = 0; way < ways; way++) {
				const uint64_t operand =
					way << way_shift | set << line | level << 1;
				__asm__ volatile("dc cisw, %0" ::"r"(operand) : "memory");
				if (set % 16 == 0) {
					__asm__ volatile("dc csw, %0" ::"r"(operand) : "memory");
				}
			}
		}
	}
	dsb();
}

void check_set_way(void)
{
	static uint64_t pattern[PATTERN_WORDS] __attribute__((aligned(64)));
	for (uint64_t i = 0; i < PATTERN_WORDS; i++) {
		pattern[i] = i * UINT64_C(0x9e3779b97f4a7c15);
	}
	for_all_ways();
	mmu_disable(image_start, image_start); /* no clean by address: set and way was it */
	bool ok = true;
	for (uint64_t i = 0; i < PATTERN_WORDS; i++) {
		ok = ((volatile uint64_t *)pattern)[i] == i * UINT64_C(0x9e3779b97f4a7c15) && ok;
	}
	cache_clean_invalidate(image_start, image_end);
	mmu_enable();
	report(ok, "every cache by set and way: memory is as it was, seen with the MMU off");
}
