/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row a kind of device: its `compatible`, and how its DMA is stopped. Registers and their meaning come from the
 * specification named beside each. All waits are bounded.
 */
#include "plat/dma_reset.h"

#include <libfdt.h>

#include "arch/mmu.h"
#include "arch/sysreg.h"
#include "lib/bits.h"
#include "plat/machine.h"

#define WAIT_LIMIT 100000u

/* virtio 1.2 s4.2.2: MagicValue, DeviceID, Status; writing 0 to Status resets. */
static void reset_virtio_mmio(uintptr_t base)
{
	if (mmio_read32(base) != 0x74726976 || mmio_read32(base + 0x008) == 0) {
		return;
	}
	mmio_write32(base + 0x070, 0);
	for (unsigned i = 0; i < WAIT_LIMIT && mmio_read32(base + 0x070) != 0; i++) {
	}
}

/* GENET v5 (Linux bcmgenet): RDMA at 0x2000, TDMA at 0x4000; DMA_CTRL is at ring registers' end. */
static void reset_genet(uintptr_t base)
{
	const uintptr_t dma_ctrl = 0xc00 + 17 * 0x40 + 0x04;
	mmio_write32(base + 0x4000 + dma_ctrl, 0);
	mmio_write32(base + 0x2000 + dma_ctrl, 0);
	mmio_write32(base + 0x808, 0); /* UMAC_CMD: transmitter and receiver off */
}

/* BCM2835 ARM Peripherals s4.2.1: CS.RESET (bit 31) of each of 15 channels, 0x100 apart. */
static void reset_bcm2835_dma(uintptr_t base)
{
	for (unsigned channel = 0; channel < 15; channel++) {
		mmio_write32(base + channel * 0x100, (uint32_t)BIT(31));
	}
}

/* DesignWare USB 2.0 OTG: GRSTCTL (0x010) bit 0, core soft reset; GAHBCFG (0x008) bit 5, DMA enable. */
static void reset_dwc2(uintptr_t base)
{
	mmio_write32(base + 0x008, 0);
	mmio_write32(base + 0x010, 1);
}

/* SD Host Controller Simplified Specification s2.2.16: Software Reset, all. */
static void reset_sdhci(uintptr_t base)
{
	mmio_write8(base + 0x2f, 1);
}

/* BCM2711's PCIe root complex: RGR1_SW_INIT_1 (0x9210), bit 0 PERST#, bit 1 bridge reset (Linux pcie-brcmstb). */
static void reset_brcm_pcie(uintptr_t base)
{
	mmio_write32(base + 0x9210, mmio_read32(base + 0x9210) | 3);
}

/* virtio 1.2 s5: DeviceID 1 is a network card. */
static bool is_virtio_network(uintptr_t base)
{
	return mmio_read32(base) == 0x74726976 && mmio_read32(base + 0x008) == 1;
}

static const struct {
	const char *compatible;
	void (*reset)(uintptr_t base);
} devices[] = {
	{"virtio,mmio", reset_virtio_mmio},	 {"brcm,bcm2711-genet-v5", reset_genet},
	{"brcm,bcm2835-dma", reset_bcm2835_dma}, {"brcm,bcm2835-usb", reset_dwc2},
	{"brcm,bcm2711-emmc2", reset_sdhci},	 {"brcm,bcm2711-pcie", reset_brcm_pcie},
};

/* PCI Local Bus 3.0 s6.2.2: Command bit 2 lets a function master the bus. ECAM: 4 KiB a function. */
static void stop_pci_bus_masters(pa_t ecam, uint64_t bytes)
{
	/* Bus 0 holds every function of an emulated machine, and the bridges that lead to all others. */
	const uint64_t limit = bytes < 256 * PAGE_BYTES ? bytes : 256 * PAGE_BYTES;
	const uintptr_t base = mmu_map_device(ecam, limit);
	for (uint64_t at = 0; base != 0 && at < limit; at += PAGE_BYTES) {
		const uint32_t id = mmio_read32(base + at);
		if (id != UINT32_MAX && id != 0) {
			const uint32_t command = mmio_read32(base + at + 4) & 0xffff;
			mmio_write32(base + at + 4, command & ~(uint32_t)BIT(2));
		}
	}
}

static void reset_node(const void *fdt, const struct machine_cursor *cursor, const char *compatible, int length,
		       struct dma_network_card *card)
{
	struct machine_range range;
	for (unsigned i = 0; i < ARRAY_COUNT(devices); i++) {
		if (!fdt_stringlist_contains(compatible, length, devices[i].compatible) ||
		    !machine_reg_at(fdt, cursor, 0, &range)) {
			continue;
		}
		const uintptr_t base = mmu_map_device(PA(range.base), range.bytes);
		if (base != 0) {
			devices[i].reset(base);
		}
		if (base != 0 && devices[i].reset == reset_virtio_mmio && card->virtio_base == 0 &&
		    is_virtio_network(base)) {
			card->virtio_base = base;
			card->intid = machine_interrupt(fdt, cursor->node, 0);
		}
		return;
	}
	if (fdt_stringlist_contains(compatible, length, "pci-host-ecam-generic") &&
	    machine_reg_at(fdt, cursor, 0, &range)) {
		stop_pci_bus_masters(PA(range.base), range.bytes);
	}
}

void dma_reset(const void *fdt, struct dma_network_card *card)
{
	*card = (struct dma_network_card){0};
	struct machine_cursor cursor = MACHINE_CURSOR_START;
	while (machine_walk(fdt, &cursor)) {
		int length = 0;
		const char *compatible = fdt_getprop(fdt, cursor.node, "compatible", &length);
		if (compatible != NULL && machine_is_enabled(fdt, cursor.node)) {
			reset_node(fdt, &cursor, compatible, length, card);
		}
	}
}
