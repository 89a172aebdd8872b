/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the firmware's device tree says about the machine: read once, bounded, copied out. The tree is trusted as
 * far as the firmware is; a tree that is malformed or lacks what the core needs gives a reason in words.
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/bootinfo.h"
#include "lib/addr.h"

#define MACHINE_FDT_MAX_BYTES BLOCK_2M_BYTES /* what the boot protocol allows, and a window shows */
#define MACHINE_BANKS_MAX 8u
#define MACHINE_RESERVED_MAX 32u

struct machine_range {
	uint64_t base;
	uint64_t bytes;
};

enum machine_enable { MACHINE_ENABLE_NONE, MACHINE_ENABLE_PSCI, MACHINE_ENABLE_SPIN_TABLE };
enum machine_uart { MACHINE_UART_NONE, MACHINE_UART_PL011, MACHINE_UART_8250 };

struct machine_cpu {
	uint64_t mpidr;
	enum machine_enable enable;
	uint64_t release_address; /* spin table */
};

struct machine {
	char board[64]; /* `compatible`; printable, NUL terminated, "" where the tree does not say; so is the next */
	char serial[64]; /* `serial-number` */
	struct machine_range banks[MACHINE_BANKS_MAX];
	unsigned bank_count;
	struct machine_range reserved[MACHINE_RESERVED_MAX]; /* memreserve, reserved-memory */
	unsigned reserved_count;
	struct machine_range initrd; /* bytes 0: none */

	struct machine_cpu cpus[AETHER_PCPU_MAX]; /* the boot CPU first */
	unsigned cpu_count;
	bool is_psci_smc; /* by HVC there is nobody to call: at EL2 that comes back here */

	unsigned gic_version;
	struct machine_range gic[4]; /* v2: GICD, GICC, GICH, GICV; v3: GICD, GICR */
	uint32_t gic_maintenance;
	uint32_t timer_intid[4]; /* secure, physical, virtual, hypervisor */

	enum machine_uart uart;
	struct machine_range uart_registers;
	uint32_t uart_intid;
	unsigned uart_reg_shift, uart_io_bytes;

	struct machine_range power; /* brcm,bcm2835-pm-wdt: how a Pi goes off; bytes 0: none */
	uint8_t seed[32]; /* /chosen/rng-seed */
	unsigned seed_bytes;
};

/* NULL, or what is wrong with the tree. `boot_mpidr`: affinity of the CPU that asks. */
const char *machine_read(const void *fdt, uint64_t boot_mpidr, struct machine *machine);

/* One pass over all nodes, parents before children, knowing each one's ancestors: libfdt would look for a parent
 * from the root each time. False after the last. */
#define MACHINE_DEPTH_MAX 8u
struct machine_cursor {
	int node;
	int depth;
	int path[MACHINE_DEPTH_MAX];
};
#define MACHINE_CURSOR_START                                                                       \
	{                                                                                          \
		.node = -1                                                                         \
	}
bool machine_walk(const void *fdt, struct machine_cursor *cursor);
bool machine_reg_at(const void *fdt, const struct machine_cursor *cursor, unsigned index, struct machine_range *range);

/* The property `reg` entry `index` of a node, translated to a CPU address through every bus above it. */
bool machine_reg(const void *fdt, int node, unsigned index, struct machine_range *range);
/* INTID of entry `index` of `interrupts`, 0 if there is none or it is not the GIC's. */
uint32_t machine_interrupt(const void *fdt, int node, unsigned index);
/* status is absent or "okay". */
bool machine_is_enabled(const void *fdt, int node);
