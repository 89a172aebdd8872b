/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start of day on the boot CPU, one step a line: read the machine, make a console, stop every device that could
 * write to memory, take the memory, start interrupts and CPUs, make the service, run.
 */
#include "abi/crash.h"
#include "abi/image.h"
#include "arch/boot.h"
#include "arch/layout.h"
#include "arch/mmu.h"
#include "arch/sysreg.h"
#include "arch/vcpu_state.h"
#include "core/check.h"
#include "core/console.h"
#include "core/crash.h"
#include "core/hal.h"
#include "core/percpu.h"
#include "core/reload.h"
#include "core/sched.h"
#include "core/smccc.h"
#include "core/sysreg.h"
#include "drivers/gic.h"
#include "drivers/nic.h"
#include "drivers/uart.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "plat/dma_reset.h"

#include "hal_fast.h"

#define FDT_MAX_BYTES BLOCK_2M_BYTES
#define POOL_BASE_PAGES 324u /* tables of the service and four small guests, what the service reads, console rings */
#define POOL_PAGES_PER_GIB                                                                         \
	10u /* level 2 tables of guests and of the windows they are loaded through */
#define CPU_START_TICKS_SHIFT 1 /* half a second for a CPU to come up */

static_assert(LAYOUT_TRAILER_BYTES == AETHER_TRAILER_MAX_BYTES, "the linker script's constant");
static_assert(LAYOUT_CRASH_OFFSET == AETHER_CRASH_OFFSET && LAYOUT_CRASH_BYTES == AETHER_CRASH_BYTES,
	      "the linker script's constants");
static_assert(LAYOUT_CPU_MAX == AETHER_PCPU_MAX, "the entry code's constant");

struct percpu percpu[AETHER_PCPU_MAX];
uint64_t boot_mpidr[LAYOUT_CPU_MAX];
uintptr_t __stack_chk_guard = 0x5bd1e995;

static struct machine machine;
static uintptr_t power_registers;
static pa_t pool;
static uint64_t pool_bytes;
static struct dma_network_card network_card;
static uint64_t boot_ticks[8]; /* enum aether_boot_stage */

extern const char _image_start[], _core_end[], _crash[], _image_end[], _trailer[], cpu_stacks[], service_blob[],
	service_blob_end[], service_blob_sha256[];

_Noreturn void vcpu_enter(struct vcpu *vcpu);
_Noreturn void boot_main(uint64_t fdt_pa, uint64_t image_pa, uint64_t entry_ticks);
_Noreturn void boot_secondary_main(unsigned cpu);
_Noreturn void __stack_chk_fail(void);
extern const char boot_secondary[];

const struct machine *boot_machine(void)
{
	return &machine;
}

uintptr_t boot_power_registers(void)
{
	return power_registers;
}

_Noreturn void __stack_chk_fail(void)
{
	check_failed("the stack guard", "a function returning here",
		     (int)((uint64_t)__builtin_return_address(0) & 0xffffff));
}

_Noreturn static void give_up(const char *reason)
{
	console_panic("aether: node stopped: ");
	console_panic(reason);
	console_panic("\r\n");
	hal_node_off(false);
}

/* --- steps --- */

static void init_percpu(unsigned cpu)
{
	const uint64_t stride = LAYOUT_STACK_BYTES + LAYOUT_GUARD_BYTES;
	percpu[cpu].index = cpu;
	percpu[cpu].stack_top = (uint64_t)cpu_stacks + (cpu + 1) * stride;
	percpu[cpu].stack_base = percpu[cpu].stack_top - LAYOUT_STACK_BYTES;
	/* A fault of the core is reported from the lowest part of its own stack, which is hardly ever in use. */
	percpu[cpu].fault_sp = percpu[cpu].stack_base + CRASH_FAULT_STACK_BYTES;
}

/* The tree is read through a window; what is kept is copied out. */
static const char *read_machine(uint64_t fdt_pa)
{
	if (fdt_pa == 0 || !is_aligned(fdt_pa, 8)) {
		return "the boot loader passed no device tree in x0";
	}
	const void *fdt = mmu_window_open(PA(fdt_pa));
	return machine_read(fdt, read_sysreg(mpidr_el1), &machine);
}

static void start_console(void)
{
	const struct uart_ops *ops = machine.uart == MACHINE_UART_PL011	 ? &pl011_ops
				     : machine.uart == MACHINE_UART_8250 ? &uart8250_ops
									 : NULL;
	if (ops == NULL) {
		return;
	}
	const uintptr_t base =
		mmu_map_device(PA(machine.uart_registers.base), machine.uart_registers.bytes);
	ops->init(base, machine.uart_reg_shift, machine.uart_io_bytes);
	uart_set_console(ops);
}

static uint64_t ram_bytes(void)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < machine.bank_count; i++) {
		sum += machine.banks[i].bytes;
	}
	return sum;
}

static bool overlaps(uint64_t base, uint64_t bytes, uint64_t other, uint64_t other_bytes)
{
	return base < other + other_bytes && other < base + bytes;
}

static bool is_in_use(uint64_t base, uint64_t bytes, uint64_t fdt_pa)
{
	const uint64_t image = mmu_image_pa(_image_start).v;
	if (overlaps(base, bytes, image, (uint64_t)(_image_end - _image_start)) ||
	    overlaps(base, bytes, fdt_pa, FDT_MAX_BYTES) ||
	    (machine.initrd.bytes != 0 &&
	     overlaps(base, bytes, machine.initrd.base, machine.initrd.bytes))) {
		return true;
	}
	for (unsigned i = 0; i < machine.reserved_count; i++) {
		if (overlaps(base, bytes, machine.reserved[i].base, machine.reserved[i].bytes)) {
			return true;
		}
	}
	return false;
}

/* The core's pool: the highest 2 MiB aligned place in the first bank that has one. */
static const char *take_pool(uint64_t fdt_pa)
{
	const uint64_t ram = ram_bytes();
	const uint64_t pages = POOL_BASE_PAGES + POOL_PAGES_PER_GIB * ((ram >> 30) + 1);
	pool_bytes = align_up(PAGES_TABLE_BYTES(ram) + pages * PAGE_BYTES, BLOCK_2M_BYTES);
	for (unsigned i = 0; i < machine.bank_count; i++) {
		const struct machine_range *bank = &machine.banks[i];
		if (bank->bytes < pool_bytes + BLOCK_2M_BYTES) {
			continue;
		}
		uint64_t at = align_down(bank->base + bank->bytes - pool_bytes, BLOCK_2M_BYTES);
		for (; at >= bank->base && at >= BLOCK_2M_BYTES; at -= BLOCK_2M_BYTES) {
			if (!is_in_use(at, pool_bytes, fdt_pa)) {
				pool = PA(at);
				return NULL;
			}
		}
	}
	return "no free memory for the core's tables";
}

static const char *take_memory(uint64_t fdt_pa)
{
	const char *problem = take_pool(fdt_pa);
	if (problem != NULL) {
		return problem;
	}
	uint8_t *tables = mmu_map_pool(pool, pool_bytes);
	uint64_t used = 0;
	pages_init();
	for (unsigned i = 0; i < machine.bank_count; i++) {
		const uint64_t base = align_up(machine.banks[i].base, PAGE_BYTES);
		const uint64_t end =
			align_down(machine.banks[i].base + machine.banks[i].bytes, PAGE_BYTES);
		if (end > base && pages_add_bank(PA(base), end - base, tables + used) != HV_OK) {
			return "the memory banks overlap";
		}
		used += PAGES_TABLE_BYTES(end - base);
	}
	pages_reserve(mmu_image_pa(_image_start), (uint64_t)(_core_end - _image_start));
	pages_reserve(mmu_image_pa(_crash), AETHER_CRASH_BYTES);
	pages_reserve(pool, pool_bytes);
	for (unsigned i = 0; i < machine.reserved_count; i++) {
		pages_reserve(PA(machine.reserved[i].base), machine.reserved[i].bytes);
	}
	if (machine.initrd.bytes != 0) {
		pages_reserve(PA(machine.initrd.base), machine.initrd.bytes);
	}
	used = align_up(used, 2 * PAGE_BYTES); /* the pool hands out aligned pairs */
	pages_pool_init(pa_add(pool, used), pool_bytes - used);
	return NULL;
}

static uintptr_t map_range(unsigned index)
{
	return mmu_map_device(PA(machine.gic[index].base), machine.gic[index].bytes);
}

static void start_interrupts(void)
{
	struct gic_config config = {
		.version = machine.gic_version,
		.maintenance = machine.gic_maintenance,
		.physical_timer = machine.timer_intid[1],
		.virtual_timer = machine.timer_intid[2],
		.hyp_timer = machine.timer_intid[3],
	};
	config.dist = map_range(0);
	if (config.version == 2) {
		config.cpu_interface = map_range(1);
		config.hyp_interface = map_range(2);
		config.guest_interface = PA(machine.gic[3].base);
	} else {
		/* Only as many frames as there can be CPUs of ours. */
		const uint64_t most = AETHER_PCPU_MAX * 0x40000;
		machine.gic[1].bytes = machine.gic[1].bytes < most ? machine.gic[1].bytes : most;
		config.redist = map_range(1);
		config.redist_bytes = machine.gic[1].bytes;
	}
	gic_init(&config);
	CHECK(gic_init_cpu(0));
	if (machine.uart != MACHINE_UART_NONE && machine.uart_intid != 0) {
		gic_enable_console(machine.uart_intid);
	}
}

static bool write_release_address(uint64_t address, uint64_t entry)
{
	if (!is_aligned(address, 8)) {
		return false;
	}
	volatile uint64_t *slot = mmu_window_open(PA(address));
	*slot = entry;
	dc(civac, slot);
	dsb(sy); /* in memory, where a CPU with its caches off looks, before the event that wakes it */
	mmu_window_close();
	__asm__ volatile("sev");
	return true;
}

bool boot_start_cpu(unsigned cpu)
{
	const struct machine_cpu *info = &machine.cpus[cpu];
	const uint64_t entry = mmu_image_pa(boot_secondary).v;
	if (info->enable == MACHINE_ENABLE_SPIN_TABLE) {
		return write_release_address(info->release_address, entry);
	}
	if (machine.is_psci_smc) {
		return boot_firmware_smc(PSCI_CPU_ON_64, info->mpidr, entry, cpu, NULL) ==
		       PSCI_SUCCESS;
	}
	return false;
}

/* CPUs that do not come up are left out: those behind them too, so that indices stay without gaps. */
static unsigned start_cpus(void)
{
	for (unsigned i = 0; i < LAYOUT_CPU_MAX; i++) {
		boot_mpidr[i] = i < machine.cpu_count ? machine.cpus[i].mpidr : UINT64_MAX;
		dc(civac, &boot_mpidr[i]);
	}
	dsb(sy);
	unsigned online = 1;
	for (; online < machine.cpu_count; online++) {
		const uint64_t deadline =
			hal_ticks() + (hal_ticks_per_second() >> CPU_START_TICKS_SHIFT);
		init_percpu(online);
		bool is_up = boot_start_cpu(online);
		while (is_up &&
		       !atomic_load_explicit(&percpu[online].is_online, memory_order_acquire)) {
			is_up = hal_ticks() < deadline;
		}
		if (!is_up) {
			console_printf("aether: cpu %u did not start; going on with %u\n", online,
				       online);
			break;
		}
	}
	return online;
}

static void take_network_card(void)
{
	if (network_card.virtio_base == 0) {
		return;
	}
	const char *problem =
		network_card.intid == 0 ? "it has no interrupt" : nic_virtio_probe(network_card.virtio_base);
	if (problem != NULL) {
		console_printf("aether: no use of the network card: %s\n", problem);
		return;
	}
	gic_set_nic(network_card.intid);
}

/* Names this boot: random, or where there is no entropy at least not the same each time. */
static uint64_t make_boot_id(void)
{
	uint64_t id = 0;
	if (!hal_entropy(&id, sizeof(id))) {
		id = hal_ticks();
		for (unsigned i = 0; i < machine.seed_bytes; i++) {
			id = id * 0x100000001b3 ^ machine.seed[i];
		}
	}
	return id != 0 ? id : 1;
}

static pa_t make_bootinfo(uint64_t entry_ticks, unsigned cpu_count)
{
	pa_t page;
	CHECK(pages_pool_alloc(1, &page) == HV_OK);
	struct aether_bootinfo *info = hal_core_page(page);
	const struct page_owner dirty = {PAGE_DIRTY, PAGE_NOBODY};
	info->magic = AETHER_BOOTINFO_MAGIC;
	info->cpu_count = cpu_count;
	info->gic_version = machine.gic_version;
	info->midr = read_sysreg(midr_el1);
	info->ram_bytes = ram_bytes();
	info->free_bytes = pages_count(dirty) << PAGE_SHIFT;
	info->bundle_bytes = machine.initrd.bytes;
	info->trailer_bytes = AETHER_TRAILER_MAX_BYTES;
	info->counter_hz = hal_ticks_per_second();
	info->entry_ticks = entry_ticks;
	info->core_ticks = hal_ticks();
	info->core_bytes = pool_bytes + (uint64_t)(_core_end - _image_start) + AETHER_CRASH_BYTES;
	info->instance = 1;
	info->nic_kind = hal_nic_kind();
	info->nic_header_bytes = hal_nic_header_bytes();
	info->boot_id = make_boot_id();
	crash_set_boot_id(info->boot_id);
	memcpy(info->boot_ticks, boot_ticks, sizeof(info->boot_ticks));
	info->crash_bytes = crash_found.bytes;
	info->crash_streak = crash_found.streak;
	hal_build_id(info->core_build_id);
	memcpy(info->board, machine.board, sizeof(info->board));
	memcpy(info->serial, machine.serial, sizeof(info->serial));
	if (hal_entropy(info->entropy, sizeof(info->entropy))) {
		info->entropy_bytes = sizeof(info->entropy);
	} else {
		memcpy(info->entropy, machine.seed, machine.seed_bytes);
		info->entropy_bytes = machine.seed_bytes;
	}
	return page;
}

static const char *make_service(pa_t bootinfo)
{
	static struct service_image image;
	image.bytes = (const uint8_t *)service_blob;
	image.byte_count = (uint64_t)(service_blob_end - service_blob);
	memcpy(&image.header, service_blob, sizeof(image.header));
	memcpy(image.sha256, service_blob_sha256, sizeof(image.sha256));
	if (!is_aligned(machine.initrd.base, PAGE_BYTES)) {
		return "the initrd does not start on a page boundary; set initrd_high in U-Boot, "
		       "or load it at a round address";
	}
	if (vm_create_service(&image, PA(machine.initrd.base), machine.initrd.bytes, bootinfo,
			      mmu_image_pa(_trailer)) != HV_OK) {
		return "not enough memory for the service";
	}
	return NULL;
}

static void seed_stack_guard(void)
{
	uintptr_t guard = 0;
	if (!hal_entropy(&guard, sizeof(guard))) {
		memcpy(&guard, machine.seed, sizeof(guard));
		guard ^= read_sysreg(cntpct_el0);
	}
	__stack_chk_guard = guard & ~(uintptr_t)0xff; /* a zero byte stops string copies */
}

_Noreturn __attribute__((no_stack_protector)) void boot_main(uint64_t fdt_pa, uint64_t image_pa,
							     uint64_t entry_ticks)
{
	mmu_init(PA(image_pa));
	init_percpu(0);
	crash_init(entry_ticks);
	const char *problem = read_machine(fdt_pa);
	start_console();
	if (problem != NULL) {
		give_up(problem);
	}
	boot_ticks[AETHER_BOOT_MACHINE] = hal_ticks();
	dma_reset(mmu_window_open(PA(fdt_pa)), &network_card);
	mmu_window_close();
	boot_ticks[AETHER_BOOT_DMA] = hal_ticks();
	if (machine.power.bytes != 0) {
		power_registers = mmu_map_device(PA(machine.power.base), machine.power.bytes);
	}
	problem = take_memory(fdt_pa);
	if (problem != NULL) {
		give_up(problem);
	}
	boot_ticks[AETHER_BOOT_MEMORY] = hal_ticks();
	crash_take();
	seed_stack_guard();
	sysreg_init(machine.gic_version);
	vcpu_state_init();
	vcpu_state_init_cpu();
	smccc_init();
	start_interrupts();
	const unsigned cpu_count = start_cpus();
	boot_ticks[AETHER_BOOT_CPUS] = hal_ticks();
	console_printf("aether: core " AETHER_VERSION " at EL2: %s, %u cpu%s, gicv%u, %lu MiB\n",
		       machine.board, cpu_count, cpu_count == 1 ? "" : "s", machine.gic_version,
		       ram_bytes() >> 20);
#ifdef AETHER_SIMULATION
	console_printf("aether: built for simulation\n");
#endif
	vm_module_init(machine.gic_version, hal_vgic_lr_count(), cpu_count);
	take_network_card();
	crash_wait();
	boot_ticks[AETHER_BOOT_ENTRY] = entry_ticks;
	boot_ticks[AETHER_BOOT_SERVICE] = hal_ticks();
	problem = make_service(make_bootinfo(entry_ticks, cpu_count));
	if (problem != NULL) {
		give_up(problem);
	}
	vcpu_enter(sched_next(&percpu[0]));
}

_Noreturn __attribute__((no_stack_protector)) void boot_secondary_main(unsigned cpu)
{
	vcpu_state_init_cpu();
	if (!gic_init_cpu(cpu)) {
		for (;;) {
			__asm__ volatile("wfi"); /* never online: the boot CPU says so */
		}
	}
	atomic_store_explicit(&percpu[cpu].is_online, true, memory_order_release);
	vcpu_enter(sched_next(&percpu[cpu]));
}
