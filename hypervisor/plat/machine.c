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

/* The first string of a property of the root, cut to size; what is not printable becomes '?'. */
static void read_root_string(const void *fdt, const char *name, char *to, size_t size)
{
	int length = 0;
	const char *text = fdt_getprop(fdt, 0, name, &length);
	size_t at = 0;
	while (text != NULL && at < (size_t)length && text[at] != '\0' && at + 1 < size) {
		to[at] = text[at] >= ' ' && text[at] <= '~' ? text[at] : '?';
		at++;
	}
	to[at] = '\0';
}

static const char too_many_reserved[] = "more than 32 reserved memory ranges";

static bool add_reserved(struct machine *machine, uint64_t base, uint64_t bytes)
{
	if (bytes == 0) {
		return true;
	}
	if (machine->reserved_count == MACHINE_RESERVED_MAX) {
		return false;
	}
	machine->reserved[machine->reserved_count++] = (struct machine_range){base, bytes};
	return true;
}

/* A range that is left out would be taken for free memory: too many of them is a reason to stop. */
static const char *add_memory(const void *fdt, const struct machine_cursor *cursor, struct machine *machine)
{
	struct machine_range range;
	for (unsigned i = 0; machine_reg_at(fdt, cursor, i, &range); i++) {
		if (range.bytes == 0) {
			continue;
		}
		if (machine->bank_count == MACHINE_BANKS_MAX) {
			return "more than 8 memory banks";
		}
		machine->banks[machine->bank_count++] = range;
	}
	return NULL;
}

static const char *read_reservations(const void *fdt, struct machine *machine)
{
	for (int i = 0; i < fdt_num_mem_rsv(fdt); i++) {
		uint64_t base = 0;
		uint64_t bytes = 0;
		if (fdt_get_mem_rsv(fdt, i, &base, &bytes) == 0 && !add_reserved(machine, base, bytes)) {
			return too_many_reserved;
		}
	}
	return NULL;
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

static void add_cpu(const void *fdt, int node, struct machine *machine)
{
	struct machine_cpu cpu;
	if (read_cpu(fdt, node, &cpu) && cpu.mpidr != machine->cpus[0].mpidr && cpu.enable != MACHINE_ENABLE_NONE &&
	    machine->cpu_count < AETHER_PCPU_MAX) {
		machine->cpus[machine->cpu_count++] = cpu;
	}
}

static void read_psci(const void *fdt, int node, struct machine *machine)
{
	const char *method = fdt_getprop(fdt, node, "method", NULL);
	machine->is_psci_smc = method != NULL && strcmp(method, "smc") == 0;
}

static const char *read_gic(const void *fdt, const struct machine_cursor *cursor, unsigned version,
			    struct machine *machine)
{
	const unsigned needed = version == 2 ? 4 : 2;
	for (unsigned k = 0; k < needed; k++) {
		if (!machine_reg_at(fdt, cursor, k, &machine->gic[k])) {
			return "the interrupt controller lacks its hypervisor interface";
		}
	}
	machine->gic_version = version;
	machine->gic_maintenance = machine_interrupt(fdt, cursor->node, 0);
	return machine->gic_maintenance == 0 ? "the interrupt controller has no maintenance interrupt" : NULL;
}

static const char *read_timer(const void *fdt, int node, struct machine *machine)
{
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

/* Where things are that the pass over the tree only remembers. */
struct found {
	int chosen, cpus, reserved; /* nodes below the root, -1: none */
	int pl011;		    /* the first one that is enabled */
};

/* /chosen/stdout-path ("path:options" or "alias:options"), else the first enabled PL011, else none. */
static void read_console(const void *fdt, const struct found *found, struct machine *machine)
{
	int length = 0;
	const char *path = found->chosen < 0 ? NULL : fdt_getprop(fdt, found->chosen, "stdout-path", &length);
	if (path != NULL && length > 1) {
		const char *end = memchr(path, ':', (size_t)length);
		const int bytes = end != NULL ? (int)(end - path) : length - 1;
		if (use_uart(fdt, fdt_path_offset_namelen(fdt, path, bytes), machine)) {
			return;
		}
	}
	(void)use_uart(fdt, found->pl011, machine);
}

static void read_chosen(const void *fdt, int chosen, struct machine *machine)
{
	uint64_t start = 0;
	uint64_t end = 0;
	if (read_address(fdt, chosen, "linux,initrd-start", &start) &&
	    read_address(fdt, chosen, "linux,initrd-end", &end) && end > start) {
		machine->initrd = (struct machine_range){start, end - start};
	}
	int length = 0;
	const void *seed = fdt_getprop(fdt, chosen, "rng-seed", &length);
	if (seed != NULL && length > 0) {
		const unsigned most = sizeof(machine->seed);
		machine->seed_bytes = (unsigned)length < most ? (unsigned)length : most;
		memcpy(machine->seed, seed, machine->seed_bytes);
	}
}

static const char *read_compatible(const void *fdt, const struct machine_cursor *cursor, struct found *found,
				   struct machine *machine)
{
	int length = 0;
	const char *compatible = fdt_getprop(fdt, cursor->node, "compatible", &length);
	if (compatible == NULL || !machine_is_enabled(fdt, cursor->node)) {
		return NULL;
	}
	if (fdt_stringlist_contains(compatible, length, "arm,pl011")) {
		found->pl011 = found->pl011 < 0 ? cursor->node : found->pl011;
	} else if (fdt_stringlist_contains(compatible, length, "arm,gic-v3")) {
		return read_gic(fdt, cursor, 3, machine);
	} else if (fdt_stringlist_contains(compatible, length, "arm,gic-400") ||
		   fdt_stringlist_contains(compatible, length, "arm,cortex-a15-gic")) {
		return read_gic(fdt, cursor, 2, machine);
	} else if (fdt_stringlist_contains(compatible, length, "arm,armv8-timer")) {
		return read_timer(fdt, cursor->node, machine);
	} else if (fdt_stringlist_contains(compatible, length, "brcm,bcm2835-pm-wdt")) {
		(void)machine_reg_at(fdt, cursor, 0, &machine->power);
	}
	return NULL;
}

/* A node that matters by its place: below the root, a CPU, a reservation. */
static const char *read_place(const void *fdt, const struct machine_cursor *cursor, struct found *found,
			      struct machine *machine)
{
	const int parent = cursor->depth == 2 ? cursor->path[1] : -1;
	const char *name = fdt_get_name(fdt, cursor->node, NULL);
	struct machine_range range;
	if (cursor->depth == 1 && name != NULL) {
		const char *type = fdt_getprop(fdt, cursor->node, "device_type", NULL);
		if (type != NULL && strcmp(type, "memory") == 0 && machine_is_enabled(fdt, cursor->node)) {
			return add_memory(fdt, cursor, machine);
		}
		found->chosen = strcmp(name, "chosen") == 0 ? cursor->node : found->chosen;
		found->cpus = strcmp(name, "cpus") == 0 ? cursor->node : found->cpus;
		found->reserved = strcmp(name, "reserved-memory") == 0 ? cursor->node : found->reserved;
		if (strcmp(name, "psci") == 0) {
			read_psci(fdt, cursor->node, machine);
		}
	} else if (cursor->depth == 2 && parent == found->cpus) {
		add_cpu(fdt, cursor->node, machine);
	} else if (cursor->depth == 2 && parent == found->reserved && machine_is_enabled(fdt, cursor->node) &&
		   machine_reg_at(fdt, cursor, 0, &range) && !add_reserved(machine, range.base, range.bytes)) {
		return too_many_reserved;
	}
	return NULL;
}

static const char *what_lacks(const struct found *found, const struct machine *machine)
{
	if (machine->bank_count == 0) {
		return "no memory node";
	}
	if (found->cpus < 0) {
		return "no /cpus node";
	}
	if (machine->gic_version == 0) {
		return "no GICv2 or GICv3";
	}
	return machine->timer_intid[3] == 0 ? "no Armv8 timer" : NULL;
}

const char *machine_read(const void *fdt, uint64_t boot_mpidr, struct machine *machine)
{
	struct machine_cursor cursor = MACHINE_CURSOR_START;
	struct found found = {-1, -1, -1, -1};
	memset(machine, 0, sizeof(*machine));
	if (fdt_check_header(fdt) != 0) {
		return "no device tree";
	}
	if (fdt_totalsize(fdt) > MACHINE_FDT_MAX_BYTES) {
		return "the device tree is larger than 2 MiB";
	}
	/* libfdt loads words from both and takes them for aligned (Devicetree Specification 0.4, s5.6). */
	if (!is_aligned(fdt_off_dt_struct(fdt), 4) || !is_aligned(fdt_off_mem_rsvmap(fdt), 8)) {
		return "the device tree is not aligned";
	}
	machine->cpus[0].mpidr = boot_mpidr & MPIDR_AFFINITY;
	machine->cpu_count = 1;
	read_root_string(fdt, "compatible", machine->board, sizeof(machine->board));
	read_root_string(fdt, "serial-number", machine->serial, sizeof(machine->serial));
	const char *problem = read_reservations(fdt, machine);
	while (machine_walk(fdt, &cursor)) {
		const char *of_place = read_place(fdt, &cursor, &found, machine);
		const char *of_device = read_compatible(fdt, &cursor, &found, machine);
		problem = problem != NULL ? problem : of_place;
		problem = problem != NULL ? problem : of_device;
	}
	read_console(fdt, &found, machine); /* also where something lacks, so that it can be said */
	if (found.chosen >= 0) {
		read_chosen(fdt, found.chosen, machine);
	}
	return problem != NULL ? problem : what_lacks(&found, machine);
}
