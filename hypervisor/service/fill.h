/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Brings a guest's blobs into its memory, hashing as it goes, a bounded piece at a time: from the bundle, from a store,
 * or straight from the network; then a store may get a copy of what comes. The memory is a guest's that is LOADING.
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/image.h"
#include "service/digest.h"
#include "service/fetch.h"
#include "service/place.h"
#include "wire/guest_state.h"
#include "wire/manifest.h"

/* A piece is hashed in some 200 us of CPU time: the service has no more in 10 ms while guests want its CPU. */
enum { FILL_PIECE_BYTES = 0x1000, FILL_WHY_BYTES = 192, FILL_BLOBS = 2 };

/* Where blobs are served; address 0: nowhere yet. */
struct origin {
	uint32_t address;
	uint16_t port;
};

enum fill_result {
	FILL_MORE, /* call again at once */
	FILL_WAIT, /* the network has to bring something */
	FILL_DONE, /* every blob is in its place and is what the manifest says */
	FILL_FAILED, /* reason and why say how */
};

/* Zero is its first state. It must stand still between fill_start() and the end. */
struct fill {
	/* set by the caller */
	const struct manifest_guest *guest;
	uint8_t *memory;
	uint64_t memory_bytes;
	uint8_t *store; /* gets a copy of what is fetched, in a store's form; NULL: nobody does */
	bool is_trusted; /* the sources were hashed before and cannot have changed */
	const uint8_t *sources[FILL_BLOBS]; /* kernel, initramfs; NULL: it is fetched */
	/* the result */
	struct place place; /* of FILL_DONE */
	enum wire_guest_reason reason; /* of FILL_FAILED; of FILL_WAIT why the last try failed */
	char why[FILL_WHY_BYTES]; /* the same in words, "": nothing failed */
	uint64_t hash_ticks;
	uint64_t copy_ticks;
	uint32_t retries; /* requests that had to be made again */
	/* its own */
	uint32_t blob;
	uint64_t done_bytes; /* of it */
	bool is_placed;
	const char *why_unplaced; /* the kernel has no place: why */
	bool is_asked; /* the blob's fetch runs */
	uint64_t asked_at; /* ticks: its first request; 0: none */
	uint32_t header_bytes;
	struct arm64_image_header header;
	struct digest digest;
	struct fetch fetch;
};

/* How much memory a guest's store needs for its blobs. */
uint64_t fill_store_bytes(const struct manifest_guest *guest);
/* Where blob 0 (kernel) or 1 (initramfs) stands in a store. */
uint64_t fill_store_offset(const struct manifest_guest *guest, uint32_t blob);

void fill_start(struct fill *fill, uint64_t counter_hz);
enum fill_result fill_turn(struct fill *fill, const struct origin *origin, uint64_t now);
/* In how many ticks fill_turn() has to be called while it waits. */
uint64_t fill_wait(const struct fill *fill, uint64_t now);
/* Ends a fetch that is under way. */
void fill_cancel(struct fill *fill);
/* 0 to 100. */
uint8_t fill_percent(const struct fill *fill);
