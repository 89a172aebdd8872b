/* SPDX-License-Identifier: Apache-2.0 */
/* The fake card, and the hypercalls and memory that the driver reaches it by. */
#include "unit/small_card.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "abi/hvc.h"
#include "service/hvcall.h"
#include "service/nic_window.h"

struct small_card small_card;

void small_card_reset(void)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

	memset(&small_card, 0, sizeof(small_card));
	memcpy(small_card.mac, mac, sizeof(mac));
	small_card.link_is_up = true;
}

uint8_t nic_window_load8(uint32_t offset)
{
	if (offset >= 0x100 && offset < 0x106) {
		return small_card.mac[offset - 0x100];
	}
	assert_int_equal(offset, 0x106);
	return small_card.link_is_up;
}

uint32_t nic_window_load32(uint32_t offset)
{
	assert_int_equal(offset, 0x010);
	return 1 << 16 | 1 << 5; /* the link's state and a MAC address are offered */
}

void nic_window_store32(uint32_t offset, uint32_t value)
{
	assert_int_equal(offset, 0x050);
	assert_true(value < 2);
	small_card.queues[value].notifies++;
}

const volatile uint8_t *nic_window_used(uint32_t queue)
{
	assert_true(queue < 2);
	return (const volatile uint8_t *)&small_card.queues[queue].used;
}

uint8_t *nic_window_buffer(uint32_t buffer)
{
	assert_true(buffer < AETHER_NIC_BUFFERS);
	return small_card.buffers[buffer];
}

static void post(uint32_t buffer, uint32_t bytes)
{
	struct small_card_queue *queue = &small_card.queues[buffer / SMALL_CARD_QUEUE];
	const uint32_t id = buffer % SMALL_CARD_QUEUE;

	assert_true(buffer < AETHER_NIC_BUFFERS && bytes > 0 && bytes <= AETHER_NIC_BUFFER_BYTES);
	assert_false(queue->is_posted[id]); /* the driver never posts what it does not have */
	queue->is_posted[id] = true;
	queue->posted[queue->count] = id;
	queue->bytes[queue->count] = bytes;
	queue->count++;
}

int64_t hvcall_nic_post(const uint32_t *posts, size_t count)
{
	assert_true(count >= 1 && count <= AETHER_NIC_POST_MAX);
	small_card.posts++;
	if (small_card.is_refusing) {
		return AETHER_EINVAL;
	}
	for (size_t i = 0; i < count; i++) {
		post(posts[i] & 0xffff, posts[i] >> 16);
	}
	return 0;
}

void hvcall_fail(uint64_t esr, uint64_t elr, uint64_t far)
{
	(void)esr;
	(void)elr;
	(void)far;
	small_card.fails++;
}

uint64_t hvcall_ticks(void)
{
	return small_card.ticks;
}

/* The oldest posted buffer is the card's no more. */
static uint32_t take(struct small_card_queue *queue)
{
	const uint32_t id = queue->posted[0];

	assert_true(queue->count != 0);
	queue->count--;
	memmove(queue->posted, queue->posted + 1, queue->count * sizeof(queue->posted[0]));
	memmove(queue->bytes, queue->bytes + 1, queue->count * sizeof(queue->bytes[0]));
	queue->is_posted[id] = false;
	return id;
}

uint32_t small_card_return(uint32_t queue, uint32_t len)
{
	struct small_card_queue *q = &small_card.queues[queue];
	const uint32_t id = take(q);

	q->used.ring[q->used.idx % SMALL_CARD_QUEUE].id = id;
	q->used.ring[q->used.idx % SMALL_CARD_QUEUE].len = len;
	q->used.idx++;
	return id;
}

bool small_card_receive(const void *frame, size_t bytes)
{
	struct small_card_queue *queue = &small_card.queues[0];

	if (queue->count == 0) {
		return false;
	}
	uint8_t *buffer = small_card.buffers[queue->posted[0]];
	memset(buffer, 0xa5, SMALL_CARD_HEADER_BYTES);
	memcpy(buffer + SMALL_CARD_HEADER_BYTES, frame, bytes);
	small_card_return(0, (uint32_t)(SMALL_CARD_HEADER_BYTES + bytes));
	return true;
}

bool small_card_sent(uint8_t frame[AETHER_NIC_BUFFER_BYTES], size_t *bytes)
{
	static const uint8_t zero[SMALL_CARD_HEADER_BYTES];
	struct small_card_queue *queue = &small_card.queues[1];

	if (queue->count == 0) {
		return false;
	}
	const uint8_t *buffer = small_card.buffers[AETHER_NIC_RX_BUFFERS + queue->posted[0]];
	assert_true(queue->bytes[0] > SMALL_CARD_HEADER_BYTES);
	assert_memory_equal(buffer, zero, sizeof(zero)); /* no offload is asked for */
	*bytes = queue->bytes[0] - SMALL_CARD_HEADER_BYTES;
	memcpy(frame, buffer + SMALL_CARD_HEADER_BYTES, *bytes);
	small_card_return(1, 0);
	return true;
}
