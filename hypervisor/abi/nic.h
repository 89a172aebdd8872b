/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The network card, as the core lets the service have it. The core owns every address that the card is given: which
 * buffer a descriptor points at is fixed when the core starts the card. The service has the buffers, reads the used
 * rings, and posts (buffer number, length) with AETHER_HVC_NIC_POST; the card returns buffers in its own order.
 *
 * Receive buffers are 0 to AETHER_NIC_RX_BUFFERS - 1, transmit buffers follow. Buffer n is the AETHER_NIC_BUFFER_BYTES
 * at AETHER_IPA_NIC_BUFFERS + n * AETHER_NIC_BUFFER_BYTES. After a start of the service none is posted.
 *
 * Virtio (virtio 1.2): a buffer begins with struct virtio_net_hdr (bootinfo's nic_header_bytes, zero for transmission:
 * no offload is negotiated), then the frame. The used ring of queue q (0 receive, 1 transmit) is the split ring's
 * struct virtq_used at AETHER_IPA_NIC_USED + q * 4096; an element's id is the buffer's number within its queue. The
 * device is not trusted: id, len and idx are anything.
 *
 * Registers: loads of 32 bits and bytes from the 512 at AETHER_IPA_NIC read the card's identification, status and
 * configuration (MAC address at 0x100); a store is done for QueueNotify (0x050, queue 0 or 1) and dropped for all
 * others. What was posted is seen by the card at the latest after that store. The card's interrupt is taken and
 * acknowledged by the core, which says AETHER_EVENT_NIC; it is told again only after the next EVENT_WAIT.
 */
#include <stdint.h>

enum aether_nic_kind {
	AETHER_NIC_NONE = 0,
	AETHER_NIC_VIRTIO = 1,
};

#define AETHER_NIC_BUFFER_BYTES 2048u
#define AETHER_NIC_RX_BUFFERS 128u
#define AETHER_NIC_TX_BUFFERS 128u
#define AETHER_NIC_BUFFERS (AETHER_NIC_RX_BUFFERS + AETHER_NIC_TX_BUFFERS)
#define AETHER_NIC_POST_MAX 12u
