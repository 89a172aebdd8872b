/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Stops every device in the device tree that could write to memory by itself, before the core trusts a page: a
 * boot loader may have left a network card receiving. Devices that are not known here are not touched; README.md
 * lists the known ones.
 */
#include <stdint.h>

/* The first network card that was reset, for the service. */
struct dma_network_card {
	uintptr_t virtio_base; /* a virtio transport, as mapped; 0: none */
	uint32_t intid;
};

void dma_reset(const void *fdt, struct dma_network_card *card);
