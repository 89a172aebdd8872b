/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio network card on the MMIO transport, as far as the core must know one: reset it, aim its descriptors, post
 * them (virtio 1.2: s2.7 split virtqueues, s4.2 MMIO, s5.1 network). What a frame is, is the service's.
 *
 * Of the features only VERSION_1, the MAC address and the link state are taken: no offload, no control queue, so a
 * buffer is one header of 12 bytes and one frame. Queue q has one page that the card only reads, descriptors and
 * available ring, and one that it only writes, the used ring. The card is coherent with the CPUs (QEMU's is).
 */
#include "drivers/nic.h"

#include <assert.h>
#include <stddef.h>

#include "abi/nic.h"
#include "arch/sysreg.h"
#include "core/hal.h"
#include "lib/string.h"

#define MAGIC_VALUE 0x000u
#define VERSION 0x004u
#define DEVICE_ID 0x008u
#define DEVICE_FEATURES 0x010u
#define DEVICE_FEATURES_SEL 0x014u
#define DRIVER_FEATURES 0x020u
#define DRIVER_FEATURES_SEL 0x024u
#define QUEUE_SEL 0x030u
#define QUEUE_NUM_MAX 0x034u
#define QUEUE_NUM 0x038u
#define QUEUE_READY 0x044u
#define QUEUE_NOTIFY 0x050u
#define INTERRUPT_STATUS 0x060u
#define INTERRUPT_ACK 0x064u
#define STATUS 0x070u
#define QUEUE_DESC_LOW 0x080u
#define QUEUE_DRIVER_LOW 0x090u
#define QUEUE_DEVICE_LOW 0x0a0u

#define MAGIC 0x74726976u
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u
#define FEATURE_MAC (1u << 5)
#define FEATURE_STATUS (1u << 16)
#define FEATURE_VERSION_1 1u /* bit 32: the first of the second word */

#define QUEUE_SIZE 128u
#define DESCRIPTOR_WRITE 2u
#define AVAILABLE_NO_INTERRUPT 1u
#define WAIT_LIMIT 100000u

static_assert(AETHER_NIC_RX_BUFFERS == QUEUE_SIZE && AETHER_NIC_TX_BUFFERS == QUEUE_SIZE, "a descriptor a buffer");

/* s2.7.5, s2.7.6 */
struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};
struct driver_ring {
	struct descriptor descriptors[QUEUE_SIZE];
	struct {
		uint16_t flags;
		uint16_t idx;
		uint16_t ring[QUEUE_SIZE];
	} available;
};
static_assert(sizeof(struct driver_ring) <= PAGE_BYTES, "one page");

static uintptr_t registers;
static struct queue {
	struct driver_ring *ring;
	uint16_t next; /* becomes `idx` when it is published */
} queues[2];

static uint32_t read_register(uint32_t offset)
{
	return mmio_read32(registers + offset);
}

static void write_register(uint32_t offset, uint32_t value)
{
	mmio_write32(registers + offset, value);
}

const char *nic_virtio_probe(uintptr_t base)
{
	if (mmio_read32(base + MAGIC_VALUE) != MAGIC || mmio_read32(base + DEVICE_ID) != 1) {
		return "not a network card";
	}
	if (mmio_read32(base + VERSION) != 2) {
		return "its registers are of the legacy kind (QEMU: -global virtio-mmio.force-legacy=false)";
	}
	registers = base;
	return NULL;
}

unsigned hal_nic_kind(void)
{
	return registers != 0 ? AETHER_NIC_VIRTIO : AETHER_NIC_NONE;
}

unsigned hal_nic_header_bytes(void)
{
	return registers != 0 ? 12 : 0; /* struct virtio_net_hdr, s5.1.6, with VERSION_1 */
}

bool hal_nic_stop(void)
{
	write_register(STATUS, 0);
	/* s4.2.2.1: a device that reads back zero has ended all it did. */
	for (unsigned i = 0; i < WAIT_LIMIT; i++) {
		if (read_register(STATUS) == 0) {
			return true;
		}
	}
	return false;
}

static bool negotiate(void)
{
	write_register(DEVICE_FEATURES_SEL, 1);
	const bool is_modern = (read_register(DEVICE_FEATURES) & FEATURE_VERSION_1) != 0;
	write_register(DEVICE_FEATURES_SEL, 0);
	const uint32_t low = read_register(DEVICE_FEATURES) & (FEATURE_MAC | FEATURE_STATUS);
	write_register(DRIVER_FEATURES_SEL, 0);
	write_register(DRIVER_FEATURES, low);
	write_register(DRIVER_FEATURES_SEL, 1);
	write_register(DRIVER_FEATURES, FEATURE_VERSION_1);
	write_register(STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	return is_modern && (low & FEATURE_MAC) != 0 && (read_register(STATUS) & STATUS_FEATURES_OK) != 0;
}

static void write_address(uint32_t offset, uint64_t address)
{
	write_register(offset, (uint32_t)address);
	write_register(offset + 4, (uint32_t)(address >> 32));
}

static bool start_queue(unsigned index, pa_t driver, pa_t device, pa_t buffers, uint16_t flags)
{
	struct queue *queue = &queues[index];
	queue->ring = hal_core_page(driver);
	queue->next = 0;
	memset(queue->ring, 0, PAGE_BYTES);
	memset(hal_core_page(device), 0, PAGE_BYTES);
	for (unsigned i = 0; i < QUEUE_SIZE; i++) {
		queue->ring->descriptors[i] = (struct descriptor){
			.address = buffers.v + (uint64_t)i * AETHER_NIC_BUFFER_BYTES,
			.length = AETHER_NIC_BUFFER_BYTES,
			.flags = flags,
		};
	}
	/* Nobody waits for a frame to have gone out: its buffer is taken back when one is needed. */
	queue->ring->available.flags = index == 1 ? AVAILABLE_NO_INTERRUPT : 0;
	write_register(QUEUE_SEL, index);
	if (read_register(QUEUE_NUM_MAX) < QUEUE_SIZE) {
		return false;
	}
	write_register(QUEUE_NUM, QUEUE_SIZE);
	write_address(QUEUE_DESC_LOW, driver.v);
	write_address(QUEUE_DRIVER_LOW, driver.v + offsetof(struct driver_ring, available));
	write_address(QUEUE_DEVICE_LOW, device.v);
	dsb(sy); /* the rings are in memory before the card may look at them */
	write_register(QUEUE_READY, 1);
	return true;
}

bool hal_nic_start(const struct hal_nic_memory *memory)
{
	const pa_t transmit = pa_add(memory->buffers, (uint64_t)AETHER_NIC_RX_BUFFERS * AETHER_NIC_BUFFER_BYTES);
	if (!hal_nic_stop()) {
		return false; /* the rings are still the card's */
	}
	write_register(STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	if (!negotiate() ||
	    !start_queue(0, memory->driver_ring[0], memory->device_ring[0], memory->buffers, DESCRIPTOR_WRITE) ||
	    !start_queue(1, memory->driver_ring[1], memory->device_ring[1], transmit, 0)) {
		(void)hal_nic_stop();
		return false;
	}
	write_register(STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
	return true;
}

void hal_nic_post(unsigned queue, unsigned index, uint32_t bytes)
{
	struct queue *q = &queues[queue];
	q->ring->descriptors[index].length = bytes;
	q->ring->available.ring[q->next++ % QUEUE_SIZE] = (uint16_t)index;
}

void hal_nic_publish(void)
{
	dmb(ishst); /* s2.7.13.3.1: entries before the index that shows them */
	for (unsigned i = 0; i < 2; i++) {
		if (queues[i].ring->available.idx != queues[i].next) {
			*(volatile uint16_t *)&queues[i].ring->available.idx = queues[i].next;
		}
	}
}

void hal_nic_notify(unsigned queue)
{
	dmb(sy);
	write_register(QUEUE_NOTIFY, queue);
}

uint32_t hal_nic_read(uint32_t offset, unsigned bytes)
{
	/* s4.2.2.2: registers are read in words; the configuration in whatever its fields are. */
	if (offset >= 0x100) {
		return bytes == 1 ? mmio_read8(registers + offset) : bytes == 4 ? read_register(offset) : 0;
	}
	return bytes == 4 ? read_register(offset) : 0;
}

void hal_nic_interrupt_acknowledge(void)
{
	write_register(INTERRUPT_ACK, read_register(INTERRUPT_STATUS));
}
