/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What one instance of the service leaves to the next: records that the core keeps, unread, until the node goes off
 * (abi/hvc.h, KEEP). A record is written before what it says is carried out, so that an instance that ends in between
 * is made good by the next, and nothing that the controller said once is done twice.
 *
 * A new layout of a record gets a new number: a newer service image reads what the one before it wrote.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/hvc.h"

enum keep_record {
	KEEP_LEASE = 0,
	KEEP_NODE = 1,
	KEEP_SLOT_0 = 2, /* to 5: one for each slot of wire/ack.h */
	KEEP_CONSOLE = 6,
	KEEP_KEY = 7,
	KEEP_IMAGE = 8,
};

/* The address that DHCP gave: a hint for the next instance, never more. Numbers as in service/net.h. */
struct keep_lease {
	uint64_t ticks;
	uint32_t address; /* 0: none */
	uint32_t netmask;
	uint32_t router;
	uint32_t server_id;
	uint32_t siaddr;
	uint32_t lease_seconds;
	uint32_t remaining_seconds; /* at `ticks` */
	uint32_t reserved[3];
};

/* The controller, and what it wants of the node. */
struct keep_node {
	uint32_t generation; /* of the wish (wire/ack.h); 0: none yet */
	uint32_t interval_ms;
	uint16_t udp_port; /* 0: no controller has approved this boot */
	uint8_t is_answered; /* a controller has answered a hello */
	uint8_t is_crash_taken;
	uint32_t reserved[9];
};

/* What is wanted of a slot, and how far it is. */
struct keep_slot {
	uint8_t manifest[32];
	uint32_t generation; /* of the wish; 0: of the bundle, not of a controller */
	uint32_t restart_generation;
	uint16_t starts; /* of its guest since boot, all VMs together */
	uint16_t lives; /* VMs that it had */
	uint8_t want; /* enum ack_want */
	uint8_t place; /* in the manifest */
	uint8_t ended; /* enum wire_guest_reason; not 0: its guest is not started again by itself */
	uint8_t is_restart_due; /* restart_generation is not yet in force */
};

/* Who watches a console. */
struct keep_console {
	uint32_t generation;
	uint32_t slots;
	uint64_t offsets[4];
	uint64_t reserved;
};

/* The boot's key until the controller has approved the node with it; then zero, and the core alone has it. */
struct keep_key {
	uint8_t key[32];
	uint8_t is_made;
	uint8_t reserved[15];
};

/* The newest service image that was tried. */
struct keep_image {
	uint32_t generation;
	uint32_t reserved[11];
};

static_assert(sizeof(struct keep_lease) == AETHER_KEEP_BYTES, "a record");
static_assert(sizeof(struct keep_node) == AETHER_KEEP_BYTES, "a record");
static_assert(sizeof(struct keep_slot) == AETHER_KEEP_BYTES, "a record");
static_assert(sizeof(struct keep_console) == AETHER_KEEP_BYTES, "a record");
static_assert(sizeof(struct keep_key) == AETHER_KEEP_BYTES, "a record");
static_assert(sizeof(struct keep_image) == AETHER_KEEP_BYTES, "a record");

/* Both move AETHER_KEEP_BYTES. False: never set (*value is zero then), or the core refused. */
bool keep_get(enum keep_record record, void *value);
bool keep_set(enum keep_record record, const void *value);
