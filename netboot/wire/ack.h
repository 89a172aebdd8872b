/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The acknowledgement, controller to node: the answer to a beat, or sent at any time. It holds the wall clock and all
 * that the controller wants, as desired state with generations: repeating one is a no-op.
 *
 *     32  u64 sequence of the beat that it answers; 0: sent unasked
 *     40  u64 wall clock, nanoseconds since 1970 UTC; 0: the controller does not know it
 *     48  u32 flags (ACK_*)
 *     52  TLVs, all optional: what is missing is as it was. A beat says which generations are in force; the controller
 *         leaves those out, so that the usual acknowledgement is short
 *          1 node       u32 generation, u32 interval in milliseconds
 *          2 guest      u8 slot, u8 want, u8 place in the manifest, u8 zero, u32 generation, u32 restart generation,
 *                       u8[32] SHA-256 of the manifest; once for each slot
 *          3 console    u32 generation, u32 slots wanted (bit n: slot n), u64[4] offsets
 *          4 reboot     u64 boot id that ends
 *          5 service    u32 generation, u32 zero, u64 bytes, u8[32] SHA-256; obeyed in a simulation only
 *
 * What the node does:
 * - node, guest, console, service: a generation not higher than the one that the core keeps is ignored, whatever else
 *   it says (console: see offsets); a higher one is kept in the core first, then carried out. Generations rise by the
 *   controller's will, and never go back within a boot.
 * - restart generation: higher than the one in force: the guest is reset (loaded anew, started); equal: nothing.
 * - console offset: the node sends output from there. Within a generation it only rises, says up to where the peer
 *   has all, and the node sends again from there when it has not risen for a while; with a new generation
 *   it may be anywhere. Offsets older than the ring begin at what it still has.
 * - reboot: only if it names the node's own boot.
 * - ACK_CRASH_TAKEN: the crash record was stored; the node tells it no more.
 * - the node answers an acknowledgement that was sent unasked (sequence 0) with a beat at once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/datagram.h"

enum {
	ACK_MAX_BYTES = 512,
	ACK_SHA256_BYTES = 32,
	ACK_INTERVAL_MIN_MS = 100,
	ACK_INTERVAL_MAX_MS = 60000,
};
#define ACK_SERVICE_MAX_BYTES (UINT64_C(16) << 20)

/* flags */
#define ACK_CRASH_TAKEN 1u
#define ACK_FLAGS_ALL 1u

enum ack_want {
	ACK_WANT_EMPTY = 0, /* no guest: stop it, give its memory back */
	ACK_WANT_STOP = 1,
	ACK_WANT_RUN = 2,
};

struct ack_node {
	uint32_t generation; /* 1 and up */
	uint32_t interval_ms; /* between beats */
};

struct ack_guest {
	uint32_t generation; /* 1 and up; 0 in struct ack: nothing is said about the slot */
	enum ack_want want;
	uint8_t place; /* which guest of the manifest, 0 to WIRE_GUEST_MAX - 1 */
	uint32_t restart_generation;
	uint8_t manifest[ACK_SHA256_BYTES];
};

struct ack_console {
	uint32_t generation;
	uint32_t slots; /* bit n: somebody watches slot n */
	uint64_t offsets[WIRE_GUEST_MAX];
};

struct ack_service {
	uint32_t generation;
	uint64_t size_bytes; /* 1 to ACK_SERVICE_MAX_BYTES */
	uint8_t sha256[ACK_SHA256_BYTES];
};

/* A part with generation 0 is not there. */
struct ack {
	uint64_t boot_id;
	uint32_t instance;
	uint64_t sequence;
	uint64_t acked_sequence;
	uint64_t wall_clock_ns;
	uint32_t flags;
	struct ack_node node;
	struct ack_guest guests[WIRE_GUEST_MAX];
	struct ack_console console;
	struct ack_service service;
	uint64_t reboot_boot_id; /* 0: not wanted */
};

/* Bytes written, room for the tag at their end; seal_put() follows. 0: no room (ACK_MAX_BYTES is always enough). */
size_t ack_encode(const struct ack *ack, uint8_t *bytes, size_t size);
/* False: *error says why, and *ack means nothing. */
bool ack_decode(const uint8_t *bytes, size_t size, struct ack *ack, struct wire_error *error);
