/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The nodes: what each said in its hello and its beats, and what is wanted of it. A node is known by the first MAC
 * address of its hello; its name is that address in hex.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/peer/catalog.h"
#include "sim/peer/console.h"
#include "wire/ack.h"
#include "wire/beat.h"
#include "wire/hello.h"
#include "wire/replay.h"
#include "wire/seal.h"

#define NODES_MAX 64u
#define NODE_NAME_BYTES 13u

enum approval {
	APPROVE_ALL,
	APPROVE_NONE,
	APPROVE_AFTER, /* so many hellos */
};

enum node_state {
	NODE_PENDING,
	NODE_APPROVED,
	NODE_REJECTED,
};

struct node {
	char name[NODE_NAME_BYTES]; /* "": this place is free */
	enum node_state state;
	unsigned hellos; /* of this boot */
	unsigned boots;
	struct hello hello; /* of this boot, without the crash record's bytes */

	/* The boot's datagrams. */
	bool has_address;
	struct sockaddr_in address; /* where the newest beat came from */
	uint32_t key_instance; /* 0: no beat has come, and there is no key */
	struct seal_key key;
	struct replay replay;
	uint64_t sequence; /* of the last datagram to this instance */
	bool is_crash_taken;

	/* What it says. */
	uint64_t beats;
	uint64_t beat_ms; /* when the newest came */
	struct beat beat;
	struct beat_track track;
	uint64_t repeated; /* datagrams that came twice */
	bool is_told; /* the status file has all of this */

	/* What is wanted: without generations until the first beat says which are in force. */
	bool is_seeded;
	struct ack_node want;
	struct ack_guest guests[WIRE_GUEST_MAX];
	struct ack_console watch;
	bool is_watch_said; /* somebody has watched: a beat does not say what of it is in force */
	struct ack_service service;
	uint64_t reboot_boot_id;

	struct console consoles[WIRE_GUEST_MAX];
	uint64_t ack_due_ms; /* 0: none is due */
	uint64_t ack_of; /* the sequence that it answers */
};

struct nodes {
	struct node nodes[NODES_MAX];
	const char *folder; /* status, consoles and crash records go here; NULL: nowhere */
	struct catalog *catalog;
	enum approval approval;
	unsigned approve_after;
	uint32_t interval_ms;
	uint32_t retry_ms;
	uint16_t udp_port;
	bool has_manifest;
	uint8_t manifest[SHA256_BYTES]; /* for a node that is seen for the first time */
};

struct node *node_find(struct nodes *nodes, const char *name);
struct node *node_find_boot(struct nodes *nodes, uint64_t boot_id);

/* Takes a hello and makes the answer of `size` bytes at most; its length. 0: it is none, answer 400. */
size_t node_hello(struct nodes *nodes, const uint8_t *bytes, size_t count, const struct sockaddr_in *from,
		  uint8_t *answer, size_t size);
/* The generations go on from what this beat says is in force. */
void node_seed(struct node *node, const struct beat *beat);
/* The guests of that manifest, each in the slot of its place; the other slots are to be empty. */
void node_set_manifest(struct nodes *nodes, struct node *node, const uint8_t *sha256);
void node_set_state(struct node *node, enum node_state state);
