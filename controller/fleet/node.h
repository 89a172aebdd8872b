/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A node as those see it who hold the fleet's lock: the fleet itself and the link. A pointer to a node holds while
 * the lock is held, and no longer; what is to outlive it is the id or the boot id.
 *
 * The link's thread owns the fields under "the link's": nobody else writes them. All others are written by the
 * fleet alone, through the functions here. Strings are clean: printable ASCII, bounded.
 */
#include "fleet/boot.h"
#include "fleet/fleet.h"
#include "fleet/ring.h"
#include "fleet/shown.h"
#include "wire/replay.h"
#include "wire/seal.h"

/* What the newest beat said, without its series (those are in the track). */
struct node_heard {
	uint64_t at_ms; /* monotonic; 0: no beat of this boot */
	uint64_t sequence, heard_sequence, uptime_us;
	uint32_t node_generation, dropped;
	uint8_t flags, cpu_count;
	struct beat_guest guests[WIRE_GUEST_MAX];
};

/* What is wanted, as the acknowledgement says it. Generations are 0 until the first beat of a boot: then nothing
 * may be sent. */
struct node_want {
	bool is_seeded;
	struct ack_node node;
	struct ack_guest guests[WIRE_GUEST_MAX];
	struct ack_console console; /* the link's */
	uint64_t reboot_boot_id; /* 0: none; else the boot that is to end */
};

/* Where its rates stand, and what of them was kept. */
struct node_readings {
	struct beat_track track;
	struct ring ring; /* five minutes, one reading a second */
	struct ring_reading now;
	float exits[BEAT_EXIT_CAUSES]; /* a second, by cause, of all guests */
	float vm_exits[WIRE_GUEST_MAX][BEAT_EXIT_CAUSES];
	float cpu[WIRE_CPU_MAX][3]; /* guest, service, core: parts of one */
	float irq[WIRE_CPU_MAX];
	float vm_cpu[WIRE_GUEST_MAX];
	uint64_t kept_ms; /* when a reading was last put into the ring */
};

enum peer_of { PEER_OF_HELLO, PEER_OF_DATAGRAM, PEER_COUNT }; /* the newest hello, the newest with a right tag */

struct node {
	char id[ID_BYTES]; /* durable */

	/* what each look at all nodes reads (lists, the tick), beside each other: node_prefetch() */
	enum stage stage;
	enum shown_state shown;
	bool is_mass_loss;
	bool is_dirty; /* its JSON is older than it */
	bool is_json_moving; /* it ends in times that can be written over */
	struct contact_track contact;
	struct node *ghost;
	char *json; /* owned */
	size_t json_bytes;
	int64_t contact_wall_ms; /* of the newest beat */
	uint64_t fell_silent_ms; /* monotonic: alive until then */
	uint64_t told_silent; /* seconds of silence that its JSON names */
	uint64_t rev; /* durable */
	struct node_heard heard;

	/* durable: as in the database's row */
	char name[NODE_NAME_BYTES];
	char *labels; /* JSON object; owned */
	enum admission admission;
	bool is_cordoned;
	char clash[ID_BYTES]; /* the other one, until a person decides; "": none */
	char serial[HELLO_SERIAL_BYTES];
	char uuid[37];
	bool has_manifest; /* of its own, else the built-in release's */
	uint8_t manifest[ACK_SHA256_BYTES];
	bool is_to_run;
	uint32_t generation, restart_generation;
	int64_t created_ms, admitted_ms;
	char *facts; /* JSON object of the newest hello; owned */
	unsigned mac_count;
	uint8_t macs[NODE_MACS_MAX][6];

	/* learnt: rewritten by each boot */
	struct in_addr ip;
	char network[16], port[64], hostname[64], vendor[64];
	char board[HELLO_BOARD_BYTES];
	uint16_t arch;
	uint32_t cpu_count, gic_version, memory_mib, core_mib;
	char release[HELLO_VERSION_BYTES];

	struct in_addr peers[PEER_COUNT]; /* whence they came, never what was seen on the wire */

	/* the boot that said hello */
	uint64_t boot_id; /* 0: none */
	uint8_t boot_key[SEAL_KEY_BYTES];
	uint32_t hello_instance;
	int64_t hello_wall_ms;
	uint64_t hello_ms, hello_last_ms; /* monotonic: first and newest of this boot */
	uint64_t told_ms; /* monotonic: when a hello of this boot was first answered with "approved"; 0: not yet */
	bool is_crash_taken; /* ACK_CRASH_TAKEN */
	bool is_ghost; /* an earlier boot of `of`, kept to see whether it still talks; not in any list */
	struct node *of;

	/* live */
	struct node_want want;
	struct node_readings *readings; /* from the first beat */
	struct boot boot;
	uint64_t began_ms[BOOT_LOOP_BOOTS]; /* monotonic: the newest boots that did not get to run */
	bool is_closed; /* where it was seen last only approved nodes are answered */
	bool is_locating; /* people see it; a restart of the controller forgets it */
	uint64_t seen_ms; /* monotonic: newest sighting or hello */
	bool is_leaving; /* gives its place: its rows are being deleted */
	bool is_splitting; /* a clash of it is being stored */
	bool is_doubted, was_up; /* a sighting says that the boot which said hello has ended; it had got to run */

	/* the link's */
	struct sockaddr_in address; /* where the newest true datagram came from; port 0: none yet */
	uint32_t key_instance; /* that `key` is of; 0: there is none */
	struct seal_key key;
	struct replay replay;
	uint64_t sequence; /* of the last datagram to this instance */
	/* Began with a hello to this run of the controller, or answered it: else what comes may be a recording. */
	bool is_proven;
	uint64_t asked; /* sequence of the first datagram that it is to answer for that; 0: none */
	void *link; /* its own, see fleet_link() */

	/* the fleet's own */
	struct node *next_due;
	bool is_due;
	struct node *next_dirty;
};

/* How the link hears of wishes and of ends. Called with the lock held: must not wait nor call the fleet. Set
 * once, before threads. */
struct fleet_link {
	void (*wake)(void *argument); /* node_take_due() has one */
	void (*free)(
		void *argument,
		void *link); /* a node's `link` that was not NULL: it goes, or begins a new boot */
	void *argument;
};
void fleet_link(struct fleet *fleet, const struct fleet_link *link);

void fleet_lock(struct fleet *fleet);
void fleet_unlock(struct fleet *fleet);

/* --- with the lock held --- */
/* The node (or ghost) whose boot this is; NULL. */
struct node *node_by_boot(struct fleet *fleet, uint64_t boot_id);
struct node *node_by_id(struct fleet *fleet, const char *id);
/* All that may be told and asked of it: approved, in no clash, no ghost. Beats of others are taken by
 * node_beat() and not answered. */
bool node_is_trusted(const struct node *node);
/* Without the lock: a datagram of a boot that node_by_boot() does not know. Its key is looked for in the database, at a
 * bounded rate; when there is one, the next datagram finds it. */
void fleet_unknown_boot(struct fleet *fleet, uint64_t boot_id);
/* A beat whose tag is right and which is the newest. */
void node_beat(struct fleet *fleet, struct node *node, const struct beat *beat);
/* The next node that has a wish which it was not told; NULL: none. */
struct node *node_take_due(struct fleet *fleet);
/* It is to be told at once. */
void node_set_due(struct fleet *fleet, struct node *node);
/* Fills what of the wishes is not in force by the newest beat; parts with generation 0 need not be sent. All but
 * `console`. */
void node_wishes(const struct node *node, struct ack *ack);
