/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A virtio network card as the service sees one (abi/nic.h), with the core's hypercalls for it: posts are checked as
 * the core does, buffers go and come in order. The used rings may be written by hand, to lie.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/nic.h"

enum { SMALL_CARD_HEADER_BYTES = 12, SMALL_CARD_QUEUE = 128 };

struct small_card_used {
	uint16_t flags;
	uint16_t idx;
	struct {
		uint32_t id;
		uint32_t len;
	} ring[SMALL_CARD_QUEUE];
};

struct small_card_queue {
	struct small_card_used used;
	uint32_t posted[SMALL_CARD_QUEUE]; /* buffers, oldest first */
	uint32_t bytes[SMALL_CARD_QUEUE];
	uint32_t count;
	bool is_posted[SMALL_CARD_QUEUE];
	uint32_t notifies;
};

struct small_card {
	uint8_t mac[6];
	bool link_is_up;
	struct small_card_queue queues[2]; /* receive, transmit */
	uint8_t buffers[AETHER_NIC_BUFFERS][AETHER_NIC_BUFFER_BYTES];
	uint32_t posts; /* hypercalls */
	bool is_refusing; /* the core refuses posts */
	uint32_t fails; /* AETHER_HVC_FAIL */
	uint64_t ticks;
};

extern struct small_card small_card;

void small_card_reset(void);
/* A frame arrives. False: no buffer was posted. */
bool small_card_receive(const void *frame, size_t bytes);
/* The oldest posted buffer of the queue comes back with this length. */
uint32_t small_card_return(uint32_t queue, uint32_t len);
/* The oldest frame that was sent, which goes back. False: none. */
bool small_card_sent(uint8_t frame[AETHER_NIC_BUFFER_BYTES], size_t *bytes);
