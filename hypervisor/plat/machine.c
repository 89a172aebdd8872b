/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as its device tree describes it: memory, CPUs, interrupt controller, timers, console, initrd. */
#include "plat/machine.h"

#include <libfdt.h>

#include "lib/bits.h"
#include "lib/string.h"

#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)

static bool is_compatible(const void *fdt, int node, const char *compatible)
{
	return fdt_node_check_compatible(fdt, node, compatible) == 0;
}

static void read_board(const void *fdt, struct machine *machine)
{
	int length = 0;
	const char *compatible = fdt_getprop(fdt, 0, "compatible", &length);
	if (compatible != NULL && length > 0) {
		const size_t bytes = strnlen(compatible, (size_t)length);
		memcpy(machine->board, compatible,
		       bytes < sizeof(machine->board) ? bytes : sizeof(machine->board) - 1);
	}
}

static void add_reserved(struct machine *machine, uint64_t base, uint64_t bytes)
{
	if (bytes != 0 && machine->reserved_count < MACHINE_RESERVED_MAX) {
		machine->reserved[machine->reserved_count++] = (struct machine_range){base, bytes};
	}
}

static const char *read_memory(const void *fdt, struct machine *machine)
{
	int node = -1;
	while ((node = fdt_node_offset_by_prop_value(fdt, node, "device_type", "memory", 7)) >= 0) {
		struct machine_range range;
		for (unsigned i = 0;
		     machine->bank_count < MACHINE_BANKS_MAX && machine_reg(fdt, node, i, &range);
		     i++) {
			if (range.bytes != 0 && machine_is_enabled(fdt, node)) {
				machine->banks[machine->bank_count++] = range;
			}
		}
	}
	for (int i = 0; i < fdt_num_mem_rsv(fdt); i++) {
		uint64_t base = 0;
		uint64_t bytes = 0;
		if (fdt_get_mem_rsv(fdt, i, &base, &bytes) == 0) {
			add_reserved(machine, base, bytes);
		}
	}
	const int reserved = fdt_path_offset(fdt, "/reserved-memory");
	fdt_for_each_subnode(node, fdt, reserved)
	{
		struct machine_range range;
		if (reserved >= 0 && machine_is_enabled(fdt, node) &&
		    machine_reg(fdt, node, 0, &range)) {
			add_reserved(machine, range.base, range.bytes);
		}
	}
	return machine->bank_count == 0 ? "no memory node" : NULL;
}

static bool read_address(const void *fdt, int node, const char *name, uint64_t *value)
{
	int length = 0;
	const fdt32_t *cells = fdt_getprop(fdt, node, name, &length);
	if (cells == NULL || (length != 4 && length != 8)) {
		return false;
	}
	*value = length == 4 ? fdt32_to_cpu(cells[0])
			     : (uint64_t)fdt32_to_cpu(cells[0]) << 32 | fdt32_to_cpu(cells[1]);
	return true;
}

static bool read_cpu(const void *fdt, int node, struct machine_cpu *cpu)
{
	const char *type = fdt_getprop(fdt, node, "device_type", NULL);
	const char *method = fdt_getprop(fdt, node, "enable-method", NULL);
	*cpu = (struct machine_cpu){0};
	if (type == NULL || strcmp(type, "cpu") != 0 || !machine_is_enabled(fdt, node) ||
	    !read_address(fdt, node, "reg", &cpu->mpidr)) {
		return false;
	}
	cpu->mpidr &= MPIDR_AFFINITY;
	if (method != NULL && strcmp(method, "psci") == 0) {
		cpu->enable = MACHINE_ENABLE_PSCI;
	} else if (method != NULL && strcmp(method, "spin-table") == 0 &&
		   read_address(fdt, node, "cpu-release-addr", &cpu->release_address)) {
		cpu->enable = MACHINE_ENABLE_SPIN_TABLE;
	}
	return true;
}

static const char *read_cpus(const void *fdt, uint64_t boot_mpidr, struct machine *machine)
{
	const int cpus = fdt_path_offset(fdt, "/cpus");
	int node = 0;
	machine->cpus[0].mpidr = boot_mpidr & MPIDR_AFFINITY;
	machine->cpu_count = 1;
	if (cpus < 0) {
		return "no /cpus node";
	}
	fdt_for_each_subnode(node, fdt, cpus)
	{
		struct machine_cpu cpu;
		if (read_cpu(fdt, node, &cpu) && cpu.mpidr != machine->cpus[0].mpidr &&
		    cpu.enable != MACHINE_ENABLE_NONE && machine->cpu_count < AETHER_PCPU_MAX) {
			machine->cpus[machine->cpu_count++] = cpu;
		}
	}
	const int psci = fdt_path_offset(fdt, "/psci");
	if (psci >= 0) {
		const char *method = fdt_getprop(fdt, psci, "method", NULL);
		machine->is_psci_smc = method != NULL && strcmp(method, "smc") == 0;
		machine->is_psci_hvc = method != NULL && strcmp(method, "hvc") == 0;
	}
	return NULL;
}

static const char *read_gic(const void *fdt, struct machine *machine)
{
	static const struct {
		const char *compatible;
		unsigned version;
	} known[] = {{"arm,gic-v3", 3}, {"arm,gic-400", 2}, {"arm,cortex-a15-gic", 2}};
	for (unsigned i = 0; i < ARRAY_COUNT(known); i++) {
		const int node = fdt_node_offset_by_compatible(fdt, -1, known[i].compatible);
		if (node < 0) {
			continue;
		}
		const unsigned needed = known[i].version == 2 ? 4 : 2;
		for (unsigned k = 0; k < needed; k++) {
			if (!machine_reg(fdt, node, k, &machine->gic[k])) {
				return "the interrupt controller lacks its hypervisor interface";
			}
		}
		machine->gic_version = known[i].version;
		machine->gic_maintenance = machine_interrupt(fdt, node, 0);
		return machine->gic_maintenance == 0
			       ? "the interrupt controller has no maintenance interrupt"
			       : NULL;
	}
	return "no GICv2 or GICv3";
}

static const char *read_timer(const void *fdt, struct machine *machine)
{
	const int node = fdt_node_offset_by_compatible(fdt, -1, "arm,armv8-timer");
	if (node < 0) {
		return "no Armv8 timer";
	}
	for (unsigned i = 0; i < 4; i++) {
		machine->timer_intid[i] = machine_interrupt(fdt, node, i);
		if (i > 0 && machine->timer_intid[i] == 0) {
			return "the timer node lacks an interrupt";
		}
	}
	return NULL;
}

static bool use_uart(const void *fdt, int node, struct machine *machine)
{
	enum machine_uart kind = MACHINE_UART_NONE;
	if (node < 0 || !machine_is_enabled(fdt, node)) {
		return false;
	}
	machine->uart_reg_shift = 0;
	machine->uart_io_bytes = 1;
	if (is_compatible(fdt, node, "arm,pl011")) {
		kind = MACHINE_UART_PL011;
	} else if (is_compatible(fdt, node, "brcm,bcm2835-aux-uart")) {
		kind = MACHINE_UART_8250;
		machine->uart_reg_shift = 2;
		machine->uart_io_bytes = 4;
	} else if (is_compatible(fdt, node, "ns16550a") || is_compatible(fdt, node, "ns16550") ||
		   is_compatible(fdt, node, "snps,dw-apb-uart")) {
		uint64_t value = 0;
		kind = MACHINE_UART_8250;
		machine->uart_reg_shift = read_address(fdt, node, "reg-shift", &value) && value < 4
						  ? (unsigned)value
						  : 0;
		machine->uart_io_bytes =
			read_address(fdt, node, "reg-io-width", &value) && value == 4 ? 4 : 1;
	}
	if (kind == MACHINE_UART_NONE || !machine_reg(fdt, node, 0, &machine->uart_registers)) {
		return false;
	}
	machine->uart_intid = machine_interrupt(fdt, node, 0);
	machine->uart = kind;
	return true;
}

/* /chosen/stdout-path ("path:options" or "alias:options"), else the first enabled PL011, else none. */
static void read_console(const void *fdt, struct machine *machine)
{
	int length = 0;
	const int chosen = fdt_path_offset(fdt, "/chosen");
	const char *path = chosen < 0 ? NULL : fdt_getprop(fdt, chosen, "stdout-path", &length);
	if (path != NULL && length > 1) {
		const char *end = memchr(path, ':', (size_t)length);
		const int bytes = end != NULL ? (int)(end - path) : length - 1;
		if (use_uart(fdt, fdt_path_offset_namelen(fdt, path, bytes), machine)) {
			return;
		}
	}
	int node = -1;
	while ((node = fdt_node_offset_by_compatible(fdt, node, "arm,pl011")) >= 0) {
		if (use_uart(fdt, node, machine)) {
			return;
		}
	}
}

static void read_chosen(const void *fdt, struct machine *machine)
{
	const int chosen = fdt_path_offset(fdt, "/chosen");
	uint64_t start = 0;
	uint64_t end = 0;
	if (chosen < 0) {
		return;
	}
	if (read_address(fdt, chosen, "linux,initrd-start", &start) &&
	    read_address(fdt, chosen, "linux,initrd-end", &end) && end > start) {
		machine->initrd = (struct machine_range){start, end - start};
	}
	int length = 0;
	const void *seed = fdt_getprop(fdt, chosen, "rng-seed", &length);
	if (seed != NULL && length > 0) {
		machine->seed_bytes = (unsigned)length < sizeof(machine->seed)
					      ? (unsigned)length
					      : sizeof(machine->seed);
		memcpy(machine->seed, seed, machine->seed_bytes);
	}
}

const char *machine_read(const void *fdt, uint64_t boot_mpidr, struct machine *machine)
{
	memset(machine, 0, sizeof(*machine));
	/* libfdt reads words at that offset without looking whether it is aligned. */
	if (fdt_check_header(fdt) != 0 || fdt_off_dt_struct(fdt) % 4 != 0) {
		return "no device tree";
	}
	if (fdt_totalsize(fdt) > MACHINE_FDT_MAX_BYTES) {
		return "the device tree is larger than 2 MiB";
	}
	/* libfdt loads words from both and takes them for aligned (Devicetree Specification 0.4, s5.6). */
	if (!is_aligned(fdt_off_dt_struct(fdt), 4) || !is_aligned(fdt_off_mem_rsvmap(fdt), 8)) {
		return "the device tree is not aligned";
	}
	read_board(fdt, machine);
	read_console(fdt, machine); /* first, so that the rest can be complained about */
	read_chosen(fdt, machine);
	const char *problem = read_memory(fdt, machine);
	problem = problem != NULL ? problem : read_cpus(fdt, boot_mpidr, machine);
	problem = problem != NULL ? problem : read_gic(fdt, machine);
	problem = problem != NULL ? problem : read_timer(fdt, machine);
	const int power = fdt_node_offset_by_compatible(fdt, -1, "brcm,bcm2835-pm-wdt");
	if (power < 0 || !machine_reg(fdt, power, 0, &machine->power)) {
		machine->power.bytes = 0;
	}
	return problem;
}
