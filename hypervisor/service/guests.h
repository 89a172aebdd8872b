/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The guests: for each slot what is wanted (kept by the core), what is there, and the steps from the one to the other.
 *
 *     EMPTY --> FILLING --> LOADED --> RUNNING --> STOPPING --> HELD
 *     HELD: its VM is there, stopped or half loaded: --> FILLING (reset first), or destroyed --> EMPTY
 *
 * The core's long calls (VM_CREATE, VM_START, VM_RESET, VM_DESTROY) go on over several turns, a millisecond in each.
 * While one is under way nothing else is done with the slot, whatever is wanted by then.
 *
 * A payload that is to be retained goes into the slot's store while it is fetched for the first time.
 *
 * A VM carries a tag: the slot, and a digest of its definition in the manifest. So a new instance of the service knows
 * a guest that is still what is wanted, and leaves it alone.
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/bootinfo.h"
#include "service/fill.h"
#include "service/keep.h"
#include "service/load.h"
#include "service/release.h"
#include "wire/ack.h"
#include "wire/beat.h"

enum guest_state {
	GUEST_EMPTY = 0,
	GUEST_HELD,
	GUEST_FILLING,
	GUEST_LOADED,
	GUEST_RUNNING,
	GUEST_STOPPING,
};

enum guest_call {
	GUEST_CALL_NONE = 0,
	GUEST_CALL_CREATE,
	GUEST_CALL_START,
	GUEST_CALL_RESET,
	GUEST_CALL_DESTROY,
	GUEST_CALL_CREATE_STORE,
	GUEST_CALL_DESTROY_STORE,
};

struct guest {
	enum guest_state state;
	enum guest_call call; /* under way */
	uint32_t call_generation; /* the wish that it was begun for */
	uint32_t slot;
	struct keep_slot wish;
	bool is_wish_lost; /* the record makes no sense: nothing is done until the controller says it again */
	char name[MANIFEST_NAME_BYTES]; /* "" until its manifest is known */
	bool has_want_tags; /* of what is wanted, made once */
	bool is_settled; /* it runs, and is what is wanted: nothing to look at until there is a new wish */
	uint64_t want_tag;
	uint64_t want_store_tag;
	bool has_vm; /* the five that follow mean something */
	bool is_clean; /* its memory is as the core scrubbed it */
	uint32_t vm;
	uint64_t tag;
	uint64_t ram_bytes; /* these three as VM_CREATE is asked */
	uint64_t vm_flags;
	uint32_t vcpu_count;
	uint8_t manifest[DIGEST_BYTES]; /* that it was loaded by; zero: not known */
	bool has_store; /* and these four */
	bool is_stored; /* it is filled, as far as anyone knows */
	uint32_t store;
	uint64_t store_bytes;
	uint64_t store_tag;
	bool is_checked; /* this instance has hashed its blobs in the bundle */
	bool is_retained;
	enum wire_guest_reason reason; /* why it is not further */
	enum wire_guest_reason said; /* the last that the console was told */
	uint32_t failures;
	uint64_t retry_at;
	uint32_t start_count; /* by this instance */
	struct load_entry entry;
	struct fill fill;
};

struct guests {
	const struct aether_bootinfo *info;
	struct origin origin;
	struct releases releases;
	struct guest slots[WIRE_GUEST_MAX];
	bool is_booting; /* the bundle's guests are loaded; none starts yet */
	bool is_adopted; /* guests of an earlier instance */
	uint32_t doomed; /* VMs that it left half made, half gone, or nobody's: bits */
	uint64_t verify_ticks; /* spent on hashes */
	uint64_t copy_ticks; /* spent on filling memory */
	uint64_t http_retries; /* requests that had to be made again */
};

/* Reads what is kept, and takes over what an earlier instance left. */
void guests_start(struct guests *guests, const struct aether_bootinfo *info);
/* Starts the guests of the bundle, loading all before the first runs, and says so in a line. False: the bundle is
 * refused, and the console was told why. Of a later instance: only makes the bundle known. */
bool guests_boot(struct guests *guests, const uint8_t *bundle);
/* From where blobs and manifests come from now on. */
void guests_set_origin(struct guests *guests, struct origin origin);
/* What the controller wants of a slot. A generation that is not new is ignored. */
void guests_wish(struct guests *guests, uint32_t slot, const struct ack_guest *wish);
/* The core has said that a VM stopped. */
void guests_stopped(struct guests *guests, uint32_t vm, uint32_t reason);
/* One bounded step. True: there is more to do at once. */
bool guests_turn(struct guests *guests, uint64_t now);
/* In how many ticks guests_turn() has to be called. */
uint64_t guests_wait(const struct guests *guests, uint64_t now);
/* Some guest runs, or is on its way to. */
bool guests_any(const struct guests *guests);
/* The VM whose console is the slot's: also after its guest has ended. */
uint32_t guests_console(const struct guests *guests, uint32_t slot);
/* Some guest wants what the controller does not give. */
bool guests_is_waiting(const struct guests *guests);
/* How a slot stands, for the beat: in a word, and whole. */
enum wire_guest_state guests_state(const struct guests *guests, uint32_t slot);
void guests_report(const struct guests *guests, uint32_t slot, struct beat_guest *report);
