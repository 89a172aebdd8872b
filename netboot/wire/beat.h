/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The heartbeat, node to controller: at most BEAT_MAX_BYTES with 8 CPUs and 4 guests, tag included.
 *
 *     32  u8[6] MAC address of the node      38  u8 flags (BEAT_*)      39  u8 CPUs
 *     40  u64 uptime, microseconds since the core's first instruction
 *     48  u64 highest sequence that the node accepted from the controller, of this instance; 0: none yet
 *     56  u32 generation of the node's own wishes that is in force (wire/ack.h)
 *     60  u32 datagrams that the node dropped, of whatever kind: refused tag, replay, malformed, no buffer
 *     64  4 guests of 16 bytes: u8 state, u8 reason, u8 percent fetched, u8 flags, u32 generation in force,
 *         u32 restart generation in force, u32 restarts
 *    128  series, TLVs: those whose turn it is
 *
 * Every counter is cumulative and modulo 256 to the power of its width; widths stand in beat_series.c, one table for
 * encoder, decoder and beat_track. The receiver takes differences, so what a lost datagram carried is in the next
 * one of the same series. A series comes at least in every fifth beat; a small machine's beats are short, since a tag
 * costs by the byte. A guest's counters begin at 0 again when `lives` changes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/datagram.h"
#include "wire/guest_state.h"

enum {
	BEAT_MAX_BYTES = 512,
	BEAT_FIXED_BYTES = 128, /* with the header */
	BEAT_SERIES_BEATS = 5, /* a series is in one of so many beats */
	BEAT_EXIT_CAUSES = 16, /* room; the first `exit_causes` are sent */
	BEAT_PAGE_OWNERS = 8,
	BEAT_STEAL_BUCKETS = 24,
	BEAT_SHA256_BYTES = 32,
};

/* flags */
#define BEAT_WAITS 1u /* wants something of the controller that it does not get */
#define BEAT_HAS_CRASH 2u /* a crash record of the last boot was not yet taken */
#define BEAT_SIMULATION 4u /* a build for simulation */
#define BEAT_ANSWER 8u /* sent at once because the controller asked */
#define BEAT_FLAGS_ALL 15u
/* guest flags */
#define BEAT_GUEST_RETAIN 1u /* its payload is kept for a reset */
#define BEAT_GUEST_FLAGS_ALL 1u

struct beat_guest {
	uint8_t state; /* enum wire_guest_state; a number of a later version is possible */
	uint8_t reason; /* enum wire_guest_reason */
	uint8_t percent; /* fetched, 0 to 100 */
	uint8_t flags;
	uint32_t generation; /* of the slot's wish that is in force */
	uint32_t restart_generation;
	uint32_t restarts; /* since boot, without its first start */
};

/* Every field of a series is a uint64_t, whatever its width on the wire, and a counter unless said otherwise. */
struct beat_cpu {
	uint64_t guest_us; /* time by owner: they leave no rest, see abi/telemetry.h */
	uint64_t service_us;
	uint64_t core_us;
	uint64_t idle_us;
	uint64_t interrupts;
	uint64_t longest_ns; /* value: longest stretch in the core without taking an interrupt */
};

struct beat_vm {
	uint64_t lives; /* value: changes when the counters below have begun at 0 again */
	uint64_t guest_us;
	uint64_t stolen_us; /* it could run and the service had its CPU */
	uint64_t interrupts;
	uint64_t ram_mib; /* value */
	uint64_t exits[BEAT_EXIT_CAUSES]; /* by cause, in the order of abi/diag.h */
	uint64_t exit_us[BEAT_EXIT_CAUSES];
};

struct beat_memory {
	uint64_t pages[BEAT_PAGE_OWNERS]; /* values: none, dirty, free, core, service, dma, loading, vm; of 4 KiB */
};

struct beat_nic {
	uint64_t rx_frames;
	uint64_t rx_bytes;
	uint64_t tx_frames;
	uint64_t tx_bytes;
	uint64_t rx_dropped; /* no buffer, or no room above */
	uint64_t tx_dropped;
	uint64_t bad; /* answers of the card that make no sense */
	uint64_t refused; /* by the core: posts and register writes */
	uint64_t interrupts;
};

struct beat_service {
	uint64_t restarts;
	uint64_t restart_cause; /* value: enum aether_service_failure of the last one */
	uint64_t restart_us; /* value: the last one, detection to first beat; 0: none */
	uint64_t throttled; /* times its budget was used up while a guest could run */
	uint64_t steal_longest_ns; /* value */
	uint64_t steal_window_ns; /* value: most it took from one CPU's guests in any 10 ms */
	uint64_t bad_tags; /* the node's dropped datagrams by cause */
	uint64_t replays;
	uint64_t malformed;
	uint64_t exhausted; /* times a pool of the network stack was empty */
	uint64_t http_failures; /* requests that had to be made again */
	uint64_t console_lost; /* bytes of console output that were overwritten before they were sent */
};

struct beat_steal {
	uint64_t buckets[BEAT_STEAL_BUCKETS]; /* see abi/telemetry.h */
};

struct beat_console {
	uint64_t output[WIRE_GUEST_MAX]; /* bytes so far: the next one's offset */
	uint64_t input[WIRE_GUEST_MAX]; /* offset of the byte that is due */
};

struct beat_release {
	uint8_t manifest[BEAT_SHA256_BYTES]; /* what the slot runs or loads; zero: nothing */
};

/* Series, by the bit that they have in `present` and their place in the rotation. */
enum {
	BEAT_CPU_0 = 0,
	BEAT_VM_0 = BEAT_CPU_0 + WIRE_CPU_MAX,
	BEAT_RELEASE_0 = BEAT_VM_0 + WIRE_GUEST_MAX,
	BEAT_MEMORY = BEAT_RELEASE_0 + WIRE_GUEST_MAX,
	BEAT_NIC,
	BEAT_SERVICE,
	BEAT_STEAL,
	BEAT_CONSOLE,
	BEAT_SERIES_COUNT,
};
#define BEAT_BIT(series) (UINT32_C(1) << (series))

struct beat_counters {
	uint32_t exit_causes; /* that are sent, 0 to BEAT_EXIT_CAUSES */
	struct beat_cpu cpus[WIRE_CPU_MAX];
	struct beat_vm vms[WIRE_GUEST_MAX];
	struct beat_release releases[WIRE_GUEST_MAX];
	struct beat_memory memory;
	struct beat_nic nic;
	struct beat_service service;
	struct beat_steal steal;
	struct beat_console console;
};

struct beat {
	uint64_t boot_id;
	uint32_t instance;
	uint64_t sequence;
	uint8_t mac[6];
	uint8_t flags;
	uint8_t cpu_count; /* 1 to WIRE_CPU_MAX */
	uint64_t uptime_us;
	uint64_t heard_sequence;
	uint32_t node_generation;
	uint32_t dropped;
	struct beat_guest guests[WIRE_GUEST_MAX];
	/* To the encoder: what may be sent (CPUs behind cpu_count never are). From the decoder: what was in it. */
	uint32_t present;
	struct beat_counters counters;
};

/* Whose turn it is. Zero is its first state. */
struct beat_rotation {
	uint8_t age[BEAT_SERIES_COUNT]; /* beats since it was sent */
	uint32_t urgent;
};

/* The next beat carries these series (BEAT_BIT) first, as far as they fit: for what the controller waits for. */
void beat_rotation_want(struct beat_rotation *rotation, uint32_t series);

/* Writes the beat with the series whose turn it is, room for the tag at its end; seal_put() follows. Returns its bytes,
 * 0: not room for them (BEAT_MAX_BYTES is always enough). */
size_t beat_encode(const struct beat *beat, struct beat_rotation *rotation, uint8_t *bytes, size_t size);
/* Reads a beat; what was not in it is zero. False: *error says why, and *beat means nothing. */
bool beat_decode(const uint8_t *bytes, size_t size, struct beat *beat, struct wire_error *error);

/* What passed from `before` to `now` on a counter of so many bytes (1 to 8). */
uint64_t beat_difference(uint64_t before, uint64_t now, size_t bytes);

/* What a receiver keeps of a boot: the last reading of each series, and 64-bit totals since boot. Values are copied.
 * Zero is its first state; a new boot id begins a new one. */
struct beat_track {
	uint32_t instance; /* of the newest beat */
	uint64_t sequence;
	uint32_t seen; /* series that have a reading, BEAT_BIT */
	uint64_t uptime_us[BEAT_SERIES_COUNT]; /* of that reading */
	struct beat_counters last;
	struct beat_counters total;
};

/* Adds what passed since the last reading. False: the beat is not newer than what was added; nothing has changed. */
bool beat_track_add(struct beat_track *track, const struct beat *beat);
