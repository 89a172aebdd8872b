/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a guest's device tree, node by node, in one pass.
 *
 * Same nodes, names and `compatible` strings as QEMU's `virt`, so that a kernel built for that machine
 * finds everything where it expects it; what this machine does not have (PCIe, flash, PMU) is
 * absent. The first error is kept, and the calls after it do nothing.
 *
 * Interrupt specifiers (Linux, bindings/interrupt-controller/arm,gic.yaml): <type number flags>, type 0 an
 * SPI (INTID 32 + number), 1 a PPI (INTID 16 + number); flags 4 is level, active high; a GICv2 PPI has
 * the mask of its CPUs in bits 15:8.
 */
#include "service/guest_fdt.h"

#include <libfdt.h>
#include <string.h>

#include "abi/bootinfo.h"

enum {
	PHANDLE_GIC = 1,
	PHANDLE_CLOCK = 2,
	IRQ_SPI = 0,
	IRQ_PPI = 1,
	IRQ_LEVEL_HIGH = 4,
	UART_CLOCK_HZ = 24000000,
	GIC_FRAME_BYTES = 0x10000,
	UART_FRAME_BYTES = 0x1000,
	RTC_FRAME_BYTES = 0x1000,
};

struct writer {
	void *fdt;
	int status; /* libfdt's first error, or 0 */
};

static void begin_node(struct writer *w, const char *name)
{
	if (w->status == 0) {
		w->status = fdt_begin_node(w->fdt, name);
	}
}

static void end_node(struct writer *w)
{
	if (w->status == 0) {
		w->status = fdt_end_node(w->fdt);
	}
}

static void put_bytes(struct writer *w, const char *property, const void *value, size_t bytes)
{
	if (w->status == 0) {
		w->status = fdt_property(w->fdt, property, value, (int)bytes);
	}
}

static void put_empty(struct writer *w, const char *property)
{
	put_bytes(w, property, "", 0);
}

static void put_string(struct writer *w, const char *property, const char *text)
{
	put_bytes(w, property, text, strlen(text) + 1);
}

static void put_cells(struct writer *w, const char *property, const uint32_t *cells, size_t count)
{
	fdt32_t big_endian[12];

	for (size_t i = 0; i < count; i++) {
		big_endian[i] = cpu_to_fdt32(cells[i]);
	}
	put_bytes(w, property, big_endian, count * sizeof(big_endian[0]));
}

static void put_u32(struct writer *w, const char *property, uint32_t value)
{
	put_cells(w, property, &value, 1);
}

static void put_u64(struct writer *w, const char *property, uint64_t value)
{
	const fdt64_t big_endian = cpu_to_fdt64(value);

	put_bytes(w, property, &big_endian, sizeof(big_endian));
}

/* `reg` of count (address, size) pairs with two cells each. */
static void put_reg(struct writer *w, const uint64_t *pairs, size_t count)
{
	fdt64_t reg[4];

	for (size_t i = 0; i < 2 * count; i++) {
		reg[i] = cpu_to_fdt64(pairs[i]);
	}
	put_bytes(w, "reg", reg, 2 * count * sizeof(reg[0]));
}

static const char *cpu_compatible(uint64_t midr)
{
	/* MIDR_EL1: implementer in bits 31:24, part number in bits 15:4. */
	if (((midr >> 24) & 0xff) != 0x41) {
		return "arm,armv8";
	}
	switch ((midr >> 4) & 0xfff) {
	case 0xd03:
		return "arm,cortex-a53";
	case 0xd08:
		return "arm,cortex-a72";
	case 0xd0b:
		return "arm,cortex-a76";
	default:
		return "arm,armv8";
	}
}

static void put_cpus(struct writer *w, const struct guest_fdt *guest)
{
	char name[] = "cpu@0";

	begin_node(w, "cpus");
	put_u32(w, "#address-cells", 1);
	put_u32(w, "#size-cells", 0);
	for (uint32_t i = 0; i < guest->vcpu_count; i++) {
		name[sizeof(name) - 2] = (char)('0' + i);
		begin_node(w, name);
		put_string(w, "device_type", "cpu");
		put_string(w, "compatible", cpu_compatible(guest->midr));
		put_u32(w, "reg", i);
		put_string(w, "enable-method", "psci");
		end_node(w);
	}
	end_node(w);
}

static void put_psci(struct writer *w)
{
	static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";

	begin_node(w, "psci");
	put_bytes(w, "compatible", compatible, sizeof(compatible));
	put_string(w, "method", "hvc");
	end_node(w);
}

static void put_gic(struct writer *w, const struct guest_fdt *guest)
{
	uint64_t reg[] = {AETHER_GUEST_GICD_BASE, GIC_FRAME_BYTES, AETHER_GUEST_GICC_BASE,
			  GIC_FRAME_BYTES};

	begin_node(w, "intc@8000000");
	if (guest->gic_version == 3) {
		reg[2] = AETHER_GUEST_GICR_BASE;
		reg[3] = AETHER_GUEST_GICR_STRIDE * guest->vcpu_count;
		put_string(w, "compatible", "arm,gic-v3");
		put_u32(w, "#redistributor-regions", 1);
	} else {
		put_string(w, "compatible", "arm,cortex-a15-gic");
	}
	put_reg(w, reg, 2);
	put_empty(w, "interrupt-controller");
	put_u32(w, "#interrupt-cells", 3);
	put_u32(w, "#address-cells", 2);
	put_u32(w, "#size-cells", 2);
	put_empty(w, "ranges");
	put_u32(w, "phandle", PHANDLE_GIC);
	end_node(w);
}

static void put_timer(struct writer *w, const struct guest_fdt *guest)
{
	static const char compatible[] = "arm,armv8-timer\0arm,armv7-timer";
	const uint32_t cpu_mask = guest->gic_version == 2 ? (1u << guest->vcpu_count) - 1 : 0;
	const uint32_t flags = cpu_mask << 8 | IRQ_LEVEL_HIGH;
	/* Secure, non-secure physical, virtual, hypervisor timer. */
	const uint32_t interrupts[] = {IRQ_PPI, 13, flags, IRQ_PPI, 14, flags,
				       IRQ_PPI, 11, flags, IRQ_PPI, 10, flags};

	begin_node(w, "timer");
	put_bytes(w, "compatible", compatible, sizeof(compatible));
	put_empty(w, "always-on");
	put_cells(w, "interrupts", interrupts, sizeof(interrupts) / sizeof(interrupts[0]));
	end_node(w);
}

static void put_uart(struct writer *w)
{
	static const char compatible[] = "arm,pl011\0arm,primecell";
	static const char clock_names[] = "uartclk\0apb_pclk";
	const uint32_t clocks[] = {PHANDLE_CLOCK, PHANDLE_CLOCK};
	const uint32_t interrupts[] = {IRQ_SPI, AETHER_GUEST_UART_INTID - 32, IRQ_LEVEL_HIGH};
	const uint64_t reg[] = {AETHER_GUEST_UART_BASE, UART_FRAME_BYTES};

	begin_node(w, "apb-pclk");
	put_string(w, "compatible", "fixed-clock");
	put_u32(w, "#clock-cells", 0);
	put_u32(w, "clock-frequency", UART_CLOCK_HZ);
	put_string(w, "clock-output-names", "clk24mhz");
	put_u32(w, "phandle", PHANDLE_CLOCK);
	end_node(w);

	begin_node(w, "pl011@9000000");
	put_bytes(w, "compatible", compatible, sizeof(compatible));
	put_reg(w, reg, 1);
	put_cells(w, "interrupts", interrupts, 3);
	put_cells(w, "clocks", clocks, 2);
	put_bytes(w, "clock-names", clock_names, sizeof(clock_names));
	end_node(w);
}

static void put_rtc(struct writer *w)
{
	static const char compatible[] = "arm,pl031\0arm,primecell";
	const uint32_t interrupts[] = {IRQ_SPI, AETHER_GUEST_RTC_INTID - 32, IRQ_LEVEL_HIGH};
	const uint64_t reg[] = {AETHER_GUEST_RTC_BASE, RTC_FRAME_BYTES};

	begin_node(w, "pl031@9010000");
	put_bytes(w, "compatible", compatible, sizeof(compatible));
	put_reg(w, reg, 1);
	put_cells(w, "interrupts", interrupts, 3);
	put_u32(w, "clocks", PHANDLE_CLOCK);
	put_string(w, "clock-names", "apb_pclk");
	end_node(w);
}

static void put_chosen(struct writer *w, const struct guest_fdt *guest)
{
	begin_node(w, "aliases");
	put_string(w, "serial0", "/pl011@9000000");
	end_node(w);

	begin_node(w, "chosen");
	put_string(w, "bootargs", guest->bootargs);
	put_string(w, "stdout-path", "/pl011@9000000");
	if (guest->initramfs_bytes != 0) {
		put_u64(w, "linux,initrd-start", guest->initramfs_ipa);
		put_u64(w, "linux,initrd-end", guest->initramfs_ipa + guest->initramfs_bytes);
	}
	if (guest->has_seeds) {
		put_bytes(w, "rng-seed", guest->rng_seed, sizeof(guest->rng_seed));
		put_bytes(w, "kaslr-seed", guest->kaslr_seed, sizeof(guest->kaslr_seed));
	}
	end_node(w);
}

int guest_fdt_encode(const struct guest_fdt *guest, void *dtb, size_t size)
{
	struct writer w = {.fdt = dtb, .status = fdt_create(dtb, (int)size)};
	const uint64_t memory[] = {AETHER_GUEST_RAM_BASE, guest->ram_bytes};

	if (w.status == 0) {
		w.status = fdt_finish_reservemap(dtb);
	}
	begin_node(&w, "");
	put_string(&w, "compatible", "linux,dummy-virt");
	put_string(&w, "model", "linux,dummy-virt");
	put_u32(&w, "#address-cells", 2);
	put_u32(&w, "#size-cells", 2);
	put_u32(&w, "interrupt-parent", PHANDLE_GIC);
	put_empty(&w, "dma-coherent");
	put_chosen(&w, guest);
	begin_node(&w, "memory@40000000");
	put_string(&w, "device_type", "memory");
	put_reg(&w, memory, 1);
	end_node(&w);
	put_cpus(&w, guest);
	put_psci(&w);
	put_gic(&w, guest);
	put_timer(&w, guest);
	put_uart(&w);
	put_rtc(&w);
	end_node(&w);
	if (w.status == 0) {
		w.status = fdt_finish(dtb);
	}
	if (w.status == 0) {
		/* libfdt collected strings at the end of the space: a guest's memory holds nothing that nobody put
		 * there. */
		memset((char *)dtb + fdt_totalsize(dtb), 0, size - fdt_totalsize(dtb));
	}
	return w.status;
}
