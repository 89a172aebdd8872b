/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the network stack wants of a network card's driver. A driver is a table of functions over state of its own;
 * there is one card. The card is not trusted: a driver checks all that it answers, and a frame's bytes are copied once,
 * out of memory that the card can write, before anything looks at them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NIC_MAC_BYTES = 6, NIC_FRAME_MAX_BYTES = 1514, NIC_FRAME_MIN_BYTES = 14, NIC_PIECES_MAX = 8 };

/* All since the start of this instance. */
struct nic_counters {
	uint64_t rx_frames;
	uint64_t rx_bytes;
	uint64_t tx_frames;
	uint64_t tx_bytes;
	uint64_t rx_bad_length; /* shorter than an Ethernet header, longer than a frame: dropped */
	uint64_t tx_bad_length;
	uint64_t tx_full; /* no transmit buffer was free: dropped */
	uint64_t device_errors; /* answers that no sound card gives: a buffer that it did not have */
	uint64_t posts; /* hypercalls */
};

struct nic_piece {
	const void *bytes;
	size_t count;
};

/* A frame, without checksum, in memory that the card may still write: copy first. It is gone on return. */
typedef void nic_receive_fn(void *context, const uint8_t *frame, size_t bytes);

struct nic_driver {
	const char *name;
	/* Once, before all else: puts the driver in its first state and gives the card its receive buffers. False: it
	 * cannot be used. */
	bool (*start)(uint32_t header_bytes);
	/* Passes at most frames_max frames on, and returns how many. false in *is_alive: the card answers so that it
	 * cannot be used any more without a reset, which only the core can do (service restart). */
	uint32_t (*receive)(nic_receive_fn *fn, void *context, uint32_t frames_max, bool *is_alive);
	/* Sends one frame of pieces, at most NIC_PIECES_MAX, which it copies. False: dropped and counted. */
	bool (*send)(const struct nic_piece *pieces, size_t count);
	/* Hands on what send() has collected. */
	void (*flush)(void);
	void (*mac)(uint8_t mac[NIC_MAC_BYTES]);
	bool (*link_is_up)(void);
	const struct nic_counters *(*counters)(void);
};

extern const struct nic_driver nic_virtio;

/* The driver for bootinfo's nic_kind, or NULL. */
const struct nic_driver *nic_find(uint32_t kind);
