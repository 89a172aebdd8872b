/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state in which a guest starts: Linux's Documentation/arch/arm64/booting.rst, the machine that its device tree
 * describes, and that nothing of anybody else is left in registers or memory.
 */
#include <stddef.h>

#include "guest/lib/cpu.h"
#include "guest/lib/dt.h"
#include "guest/lib/gic.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"
#include "guest/lib/uart.h"

#define RAM_BASE UINT64_C(0x40000000)
#define MIB UINT64_C(0x100000)
#define DAIF_ALL UINT64_C(0x3c0)
#define SCTLR_M UINT64_C(0x1)
#define SCTLR_C UINT64_C(0x4)
#define SCTLR_EE UINT64_C(0x2000000)
#define IMAGE_HEADER_TEXT_OFFSET 8

static void check_registers(void)
{
	report(boot_regs.x[0] % 8 == 0, "x0 is 8-byte aligned");
	report_equal(boot_regs.x[1] | boot_regs.x[2] | boot_regs.x[3], 0, "x1 to x3 are zero");
	report_equal(boot_regs.current_el, 4, "EL1");
	report_equal(boot_regs.spsel, 1, "the stack pointer is EL1's own");
	report_equal(boot_regs.daif & DAIF_ALL, DAIF_ALL, "D, A, I and F are masked");
	report_equal(boot_regs.sctlr & (SCTLR_M | SCTLR_C | SCTLR_EE), 0,
		     "MMU and data cache are off, little-endian");
	report_equal(boot_regs.mpidr, UINT64_C(0x80000000), "MPIDR_EL1 is RES1 and index 0");
	report((read_sysreg(cntkctl_el1) & 0x3) == 0 || !is_under_aether(),
	       "EL0 has no counter before the kernel gives it");
	report_equal(read_sysreg(cntv_ctl_el0) & 1, 0, "the virtual timer is off");
	report_equal(read_sysreg(cntp_ctl_el0) & 1, 0, "the physical timer is off");
	report(read_sysreg(cntfrq_el0) >= 1000000, "CNTFRQ_EL0 is set: %lu Hz",
	       read_sysreg(cntfrq_el0));
	if (is_under_aether()) {
		uint64_t any = 0;
		for (unsigned i = 4; i < 31; i++) {
			any |= boot_regs.x[i];
		}
		report_equal(any, 0, "x4 to x30 hold nothing of anybody else");
		report_equal(read_sysreg(tpidr_el1) | read_sysreg(tpidr_el0), 0,
			     "the thread registers hold nothing");
	}
}

static void check_simd(void)
{
	uint64_t any = 0;
	write_sysreg(cpacr_el1, read_sysreg(cpacr_el1) | UINT64_C(3) << 20);
	isb();
#define COLLECT(n)                                                                                 \
	do {                                                                                       \
		uint64_t low, high;                                                                \
		__asm__ volatile(".arch_extension simd\n\tumov %0, v" #n ".d[0]\n\tumov %1, v" #n  \
				 ".d[1]"                                                           \
				 : "=r"(low), "=r"(high));                                         \
		any |= low | high;                                                                 \
	} while (0)
	COLLECT(0);
	COLLECT(1);
	COLLECT(7);
	COLLECT(8);
	COLLECT(15);
	COLLECT(16);
	COLLECT(23);
	COLLECT(31);
#undef COLLECT
	report_equal(any, 0, "SIMD registers hold nothing of anybody else");
	/* By their numbers: clang 19 knows the names only where floating point is allowed. */
	report_equal(read_sysreg(S3_3_C4_C4_0) | read_sysreg(S3_3_C4_C4_1), 0, "FPCR and FPSR are zero");
}

static void check_image(void)
{
	const uint64_t image = (uint64_t)image_start;
	const uint64_t text_offset = *(const uint64_t *)(image + IMAGE_HEADER_TEXT_OFFSET);
	report_equal(image, boot_regs.image_base, "the image runs where it was entered");
	/* QEMU's own loader takes text_offset literally only from 4 KiB on; ours does always. */
	report_equal((image - text_offset) % (2 * MIB), 0,
		     "2 MiB aligned base and text_offset 0x%lx", text_offset);
	report(image - text_offset >= RAM_BASE, "the base is in RAM");
}

static void check_tree(void)
{
	const uint64_t tree = boot_regs.x[0];
	const uint64_t ram_end = dt_ram_base() + dt_ram_bytes();
	report(dt_bytes() <= 2 * MIB, "the device tree has at most 2 MiB");
	report(tree >= (uint64_t)image_end && tree + dt_bytes() <= ram_end,
	       "the device tree stands after the image and its stack, in RAM");
	report(tree / (2 * MIB) == (tree + dt_bytes() - 1) / (2 * MIB) || tree % (2 * MIB) == 0,
	       "one 2 MiB block maps the device tree");
	report_equal(dt_ram_base(), RAM_BASE, "memory begins at 0x40000000");
	report_equal(dt_ram_bytes() % (2 * MIB), 0, "whole 2 MiB blocks of memory: %lu MiB",
		     dt_ram_bytes() / MIB);
	report(dt_is_compatible(dt_find_name(-1, ""), "linux,dummy-virt"),
	       "compatible linux,dummy-virt");
	const int timer = dt_find_compatible(-1, "arm,armv8-timer");
	report(timer >= 0 && dt_cell(timer, "interrupts", 1) == 13 &&
		       dt_cell(timer, "interrupts", 4) == 14 &&
		       dt_cell(timer, "interrupts", 7) == 11 &&
		       dt_cell(timer, "interrupts", 10) == 10,
	       "arm,armv8-timer with PPIs 13, 14, 11, 10");
	const int uart = dt_find_compatible(-1, "arm,pl011");
	report(uart >= 0 && dt_cell64(uart, "reg", 0) == 0x09000000 &&
		       dt_cell(uart, "interrupts", 0) == 0 &&
		       dt_cell(uart, "interrupts", 1) == UART_INTID - 32 &&
		       dt_cell(uart, "interrupts", 2) == 4 &&
		       dt_is_compatible(uart, "arm,primecell"),
	       "arm,pl011 at 0x09000000, SPI 1, level");
	report_equal(uart_read(UART_PERIPHID0) & 0xff, 0x11, "a PL011 answers there");
	const int psci = dt_find_compatible(-1, "arm,psci-1.0");
	report(psci >= 0 && dt_string(psci, "method")[0] == 'h' &&
		       dt_is_compatible(psci, "arm,psci-0.2"),
	       "arm,psci-1.0 by HVC");
	report(gic_dist_base() == 0x08000000, "the distributor is at 0x08000000");
	const int chosen = dt_find_name(-1, "chosen");
	report(dt_string(chosen, "stdout-path")[0] == '/', "/chosen has a stdout-path");
}

static void check_cpus(void)
{
	const uint32_t last_cell = dt_cell(dt_find_name(-1, "cpus"), "#address-cells", 0) - 1;
	unsigned index = 0;
	for (int node = dt_find_name(-1, "cpu"); node >= 0; node = dt_find_name(node, "cpu")) {
		const char *method = dt_string(node, "enable-method");
		report(dt_cell(node, "reg", last_cell) == index &&
			       dt_string(node, "compatible")[0] == 'a' &&
			       (method[0] == 'p' || cpu_count() == 1),
		       "cpu@%u: reg, compatible, enable-method", index);
		index++;
	}
	const uint64_t want =
		dt_bootarg("cpus") != 0 ? (uint64_t)(dt_bootarg("cpus") - '0') : index;
	report_equal(index, want, "as many CPUs as were asked for");
}

static bool is_clear(uint64_t start, uint64_t end)
{
	for (uint64_t at = start; at < end; at += 8) {
		if (*(const volatile uint64_t *)at != 0) {
			report_note("0x%lx holds 0x%lx", at, *(const volatile uint64_t *)at);
			return false;
		}
	}
	return true;
}

/* All RAM but the image, the device tree and, as the tree says, an initramfs. */
static void check_memory(void)
{
	const int chosen = dt_find_name(-1, "chosen");
	const uint64_t ram_end = dt_ram_base() + dt_ram_bytes();
	uint64_t tree_end = boot_regs.x[0] + dt_bytes();
	uint64_t initrd = dt_cell64(chosen, "linux,initrd-start", 0);
	uint32_t bytes;
	if (dt_property(chosen, "linux,initrd-start", &bytes) == NULL) {
		initrd = boot_regs.x[0];
	}
	tree_end = (tree_end + 7) & ~UINT64_C(7);
	report(is_clear(dt_ram_base(), (uint64_t)image_start), "memory before the image is zero");
	report(is_clear((uint64_t)bss_end, (uint64_t)image_end),
	       "the end of the image's own memory is zero");
	report(is_clear((uint64_t)image_end, initrd < boot_regs.x[0] ? initrd : boot_regs.x[0]),
	       "memory behind the image is zero");
	report(is_clear(tree_end, ram_end), "memory behind the device tree is zero");
}

void guest_main(void)
{
	check_registers();
	check_image();
	check_tree();
	check_cpus();
	if (is_under_aether()) {
		check_simd();
		check_memory();
	}
}
