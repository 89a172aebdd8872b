/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of a virtio network card whose descriptors the core writes (abi/nic.h; virtio 1.2 s2.7 split virtqueues,
 * s5.1 network): buffers by number, out by hypercall, back by the used rings.
 *
 * The card is hostile: a used ring changes at any time and holds anything. Its index and each element are read once;
 * an element counts only when it names a buffer that the card has, so a buffer has one owner at any time. A card that
 * returns more than it has, or a buffer that it does not have, is not gone on with: what it holds is no longer known,
 * and only a reset helps. A wrong length costs the frame.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "abi/nic.h"
#include "service/hvcall.h"
#include "service/nic.h"
#include "service/nic_window.h"

enum {
	QUEUE_RECEIVE = 0,
	QUEUE_TRANSMIT = 1,
	QUEUE_SIZE = 128,
	/* struct virtq_used: flags, idx, then elements of id and len. */
	USED_IDX = 2,
	USED_ELEMENTS = 4,
	USED_ELEMENT_BYTES = 8,
	REGISTER_DEVICE_FEATURES = 0x010,
	REGISTER_QUEUE_NOTIFY = 0x050,
	CONFIG_MAC = 0x100,
	CONFIG_STATUS = 0x106,
	FEATURE_STATUS = 1 << 16,
	STATUS_LINK_UP = 1,
	HEADER_MAX_BYTES = 64,
};

_Static_assert(QUEUE_SIZE == AETHER_NIC_RX_BUFFERS && QUEUE_SIZE == AETHER_NIC_TX_BUFFERS, "a descriptor a buffer");

struct queue {
	uint32_t number;
	uint32_t first_buffer;
	uint16_t seen; /* used elements taken, modulo 2^16 */
	uint32_t with_card; /* buffers */
	bool is_with_card[QUEUE_SIZE];
	uint32_t post_count; /* not yet given to the core */
	uint32_t posts[AETHER_NIC_POST_MAX];
	bool is_notify_due;
};

static struct {
	bool is_alive;
	uint32_t header_bytes;
	struct queue receive;
	struct queue transmit;
	uint32_t free_count;
	uint8_t free[QUEUE_SIZE]; /* transmit buffers */
	struct nic_counters counters;
} card;

static void break_off(void)
{
	card.counters.device_errors++;
	card.is_alive = false;
}

static void hand_over(struct queue *queue)
{
	if (queue->post_count == 0 || !card.is_alive) {
		return;
	}
	for (uint32_t i = 0; i < queue->post_count; i++) {
		queue->is_with_card[(queue->posts[i] & 0xffff) - queue->first_buffer] = true;
	}
	queue->with_card += queue->post_count;
	card.counters.posts++;
	if (hvcall_nic_post(queue->posts, queue->post_count) != 0) {
		break_off();
	}
	queue->post_count = 0;
	queue->is_notify_due = true;
}

static void notify(struct queue *queue)
{
	hand_over(queue);
	if (queue->is_notify_due && card.is_alive) {
		nic_window_store32(REGISTER_QUEUE_NOTIFY, queue->number);
	}
	queue->is_notify_due = false;
}

static void post(struct queue *queue, uint32_t id, uint32_t bytes)
{
	queue->posts[queue->post_count++] = (queue->first_buffer + id) | bytes << 16;
	if (queue->post_count == AETHER_NIC_POST_MAX) {
		hand_over(queue);
	}
}

/* How many elements the card has returned; more than it has breaks it off. */
static uint32_t returned(const struct queue *queue)
{
	const volatile uint8_t *used = nic_window_used(queue->number);
	/* s2.7.8: what an index shows was written before it. */
	const uint16_t idx = __atomic_load_n((const volatile uint16_t *)(const volatile void *)(used + USED_IDX),
					     __ATOMIC_ACQUIRE);
	const uint32_t count = (uint16_t)(idx - queue->seen);

	if (count > queue->with_card) {
		break_off();
		return 0;
	}
	return count;
}

/* The next returned buffer becomes ours. False: the card does not have it. */
static bool take_back(struct queue *queue, uint32_t *id, uint32_t *bytes)
{
	const volatile uint8_t *element = nic_window_used(queue->number) + USED_ELEMENTS +
					  (size_t)(queue->seen % QUEUE_SIZE) * USED_ELEMENT_BYTES;

	*id = *(const volatile uint32_t *)(const volatile void *)element;
	*bytes = *(const volatile uint32_t *)(const volatile void *)(element + 4);
	queue->seen++;
	if (*id >= QUEUE_SIZE || !queue->is_with_card[*id]) {
		break_off();
		return false;
	}
	queue->is_with_card[*id] = false;
	queue->with_card--;
	return true;
}

static bool start(uint32_t header_bytes)
{
	memset(&card, 0, sizeof(card));
	if (header_bytes > HEADER_MAX_BYTES) {
		return false;
	}
	card.header_bytes = header_bytes;
	card.receive.number = QUEUE_RECEIVE;
	card.transmit.number = QUEUE_TRANSMIT;
	card.transmit.first_buffer = AETHER_NIC_RX_BUFFERS;
	card.is_alive = true;
	for (uint32_t id = 0; id < QUEUE_SIZE; id++) {
		card.free[card.free_count++] = (uint8_t)(QUEUE_SIZE - 1 - id);
		post(&card.receive, id, AETHER_NIC_BUFFER_BYTES);
	}
	notify(&card.receive);
	return card.is_alive;
}

static void reclaim(void)
{
	uint32_t id;
	uint32_t bytes; /* of a transmission: means nothing */

	for (uint32_t count = card.is_alive ? returned(&card.transmit) : 0; count != 0; count--) {
		if (!take_back(&card.transmit, &id, &bytes)) {
			return;
		}
		card.free[card.free_count++] = (uint8_t)id;
	}
}

static void pass_on(uint32_t id, uint32_t bytes, nic_receive_fn *fn, void *context)
{
	if (bytes < card.header_bytes + NIC_FRAME_MIN_BYTES || bytes > card.header_bytes + NIC_FRAME_MAX_BYTES) {
		card.counters.rx_bad_length++;
		return;
	}
	card.counters.rx_frames++;
	card.counters.rx_bytes += bytes - card.header_bytes;
	fn(context, nic_window_buffer(id) + card.header_bytes, bytes - card.header_bytes);
}

static uint32_t receive(nic_receive_fn *fn, void *context, uint32_t frames_max, bool *is_alive)
{
	uint32_t done = 0;
	uint32_t id;
	uint32_t bytes;

	reclaim();
	uint32_t count = card.is_alive ? returned(&card.receive) : 0;
	if (count > frames_max) {
		count = frames_max;
	}
	for (; done < count && card.is_alive && take_back(&card.receive, &id, &bytes); done++) {
		pass_on(id, bytes, fn, context);
		post(&card.receive, id, AETHER_NIC_BUFFER_BYTES);
	}
	*is_alive = card.is_alive;
	return done;
}

static bool send(const struct nic_piece *pieces, size_t count)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++) {
		bytes = pieces[i].count > NIC_FRAME_MAX_BYTES - bytes ? NIC_FRAME_MAX_BYTES + 1
								     : bytes + pieces[i].count;
		if (bytes > NIC_FRAME_MAX_BYTES) {
			break;
		}
	}
	if (bytes < NIC_FRAME_MIN_BYTES || bytes > NIC_FRAME_MAX_BYTES) {
		card.counters.tx_bad_length++;
		return false;
	}
	if (card.free_count == 0) {
		reclaim();
	}
	if (card.free_count == 0 || !card.is_alive) {
		card.counters.tx_full++;
		return false;
	}
	const uint32_t id = card.free[--card.free_count];
	uint8_t *at = nic_window_buffer(AETHER_NIC_RX_BUFFERS + id);
	memset(at, 0, card.header_bytes);
	at += card.header_bytes;
	for (size_t i = 0; i < count; i++) {
		memcpy(at, pieces[i].bytes, pieces[i].count);
		at += pieces[i].count;
	}
	card.counters.tx_frames++;
	card.counters.tx_bytes += bytes;
	post(&card.transmit, id, card.header_bytes + (uint32_t)bytes);
	if (card.transmit.post_count == 0) {
		notify(&card.transmit); /* a whole call's worth: the card may begin */
	}
	return true;
}

static void flush(void)
{
	notify(&card.receive);
	notify(&card.transmit);
}

static void mac(uint8_t bytes[NIC_MAC_BYTES])
{
	for (uint32_t i = 0; i < NIC_MAC_BYTES; i++) {
		bytes[i] = nic_window_load8(CONFIG_MAC + i);
	}
}

/* The core takes FEATURE_STATUS whenever it is offered; without it a link is always up (s5.1.4.2). */
static bool link_is_up(void)
{
	return (nic_window_load32(REGISTER_DEVICE_FEATURES) & FEATURE_STATUS) == 0 ||
	       (nic_window_load8(CONFIG_STATUS) & STATUS_LINK_UP) != 0;
}

static const struct nic_counters *counters(void)
{
	return &card.counters;
}

const struct nic_driver nic_virtio = {
	.name = "virtio-net",
	.start = start,
	.receive = receive,
	.send = send,
	.flush = flush,
	.mac = mac,
	.link_is_up = link_is_up,
	.counters = counters,
};
