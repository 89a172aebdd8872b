/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The nodes, in memory: what is durable about each (a copy of the database's row), and what is live (boot, beats,
 * contact).
 *
 * One lock. Whoever takes it holds it for microseconds: never over a statement, a socket or a file. Durable fields
 * change in the store's `done`s alone (the writer's thread), live ones in whoever learns of it. Each node carries
 * its JSON, made anew when something that it shows has changed, so that a list is a copy of bytes; it is then
 * published on the bus.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/id.h"
#include "base/text.h"
#include "bus/bus.h"
#include "fleet/admission.h"
#include "fleet/contact.h"
#include "fleet/stage.h"
#include "store/store.h"
#include "wire/ack.h"
#include "wire/beat.h"
#include "wire/hello.h"

enum { NODE_NAME_BYTES = 64, NODE_LABELS_BYTES = 1024, NODE_MACS_MAX = 8 };

struct fleet;
struct node; /* fleet/node.h, for those who hold the lock */

struct fleet_options {
	struct store *store;
	struct bus *bus;
	uint32_t interval_ms; /* of beats */
	uint16_t udp_port;
	/* How many guests a manifest has; 0: it is not there. NULL: 1. Called under the lock: must not wait. */
	unsigned (*guests_of)(void *argument, const uint8_t manifest[ACK_SHA256_BYTES]);
	void *argument;
};

/* Reads all nodes from the store. */
struct fleet *fleet_new(const struct fleet_options *options, struct fail *fail);
void fleet_free(struct fleet *fleet);
/* The first number for the bus: behind all that an earlier run of the controller gave (the clock may have gone
 * back). */
bool fleet_first_index(struct store *store, uint64_t *index, struct fail *fail);
/* What nodes without a manifest of their own run: setting "release.manifest", read at the start; NULL: nothing.
 * Durable. */
bool fleet_set_release(struct fleet *fleet, const uint8_t manifest[ACK_SHA256_BYTES],
		       struct fail *fail);

/* --- what is learnt --- (any thread) */
struct fleet_sighting { /* by the observer: a DHCP client's packet */
	uint8_t mac[6];
	bool has_uuid;
	uint8_t uuid[16];
	uint16_t arch; /* option 93 */
	bool is_closed; /* on that network only approved nodes are answered */
	char network[16]; /* interface */
	char hostname[64]; /* cleaned */
	char vendor_class[64]; /* cleaned */
	char circuit[64]; /* option 82, cleaned: which port */
};
void fleet_see(struct fleet *fleet, const struct fleet_sighting *sighting);
/* A node has that MAC address. */
bool fleet_knows(struct fleet *fleet, const uint8_t mac[6]);
/* The MAC addresses of approved nodes, `most` at most, in order of the node's id, each once, each of one station.
 * Returns how many there are, which may be more. */
size_t fleet_approved_macs(struct fleet *fleet, uint8_t (*macs)[6], size_t most);
/* Rises when fleet_approved_macs() may have become something else. */
uint64_t fleet_admissions(struct fleet *fleet);

/* Takes a decoded hello, waits until it is durable (a repeated one is at once), and fills in the answer. False:
 * refuse it, *fail says why. */
bool fleet_hello(struct fleet *fleet, const struct hello *hello, const struct sockaddr_in *from,
		 struct hello_answer *answer, struct fail *fail);

/* A step of a boot, from wherever it was seen: "discover", "offer", "file", "hello", "manifest", "blob", "guest". */
struct fleet_step {
	const char *kind; /* a literal */
	char detail[128]; /* name of the file, SHA-256 of the blob; cleaned */
	int64_t start_ms, end_ms; /* wall clock; end 0: still going */
	uint64_t bytes, total;
	const char *problem; /* NULL, or the name of what went wrong: a literal of fleet/boot.h */
};
void fleet_step_by_mac(struct fleet *fleet, const uint8_t mac[6], const struct fleet_step *step);
void fleet_step_by_address(struct fleet *fleet, struct in_addr address,
			   const struct fleet_step *step);
/* Blobs and manifests go to trusted nodes alone: to where their hellos and tagged datagrams come from. What was seen of
 * DHCP and TFTP counts for nothing here: anybody can make that. */
bool fleet_may_fetch(struct fleet *fleet, struct in_addr address);
/* Its power is known to be off (a driver says so). */
void fleet_power(struct fleet *fleet, const char *id, bool is_on);

/* Called every 100 ms: contact, stage time-outs. Returns how many changed. */
unsigned fleet_tick(struct fleet *fleet);

/* --- what is wanted --- each waits until it is durable; `actor` and `request` go into the audit */
struct fleet_who {
	const char *actor;
	const char *request;
};
/* `rev` 0: whatever it is; else FAIL_STALE when it is another. */
bool fleet_admit(struct fleet *fleet, const char *id, enum admission_act act, uint64_t rev,
		 const struct fleet_who *who, struct fail *fail);
/* One change of several fields, all or none of them; NULL: stays as it is. Labels are a JSON object. */
struct fleet_edit {
	const char *name; /* "": none of its own */
	const char *labels;
	const bool *cordoned;
};
bool fleet_edit(struct fleet *fleet, const char *id, const struct fleet_edit *edit, uint64_t rev,
		const struct fleet_who *who, struct fail *fail);
bool fleet_reboot(struct fleet *fleet, const char *id, const struct fleet_who *who,
		  struct fail *fail);
bool fleet_restart_guests(struct fleet *fleet, const char *id, const struct fleet_who *who,
			  struct fail *fail);
bool fleet_locate(struct fleet *fleet, const char *id, bool on, const struct fleet_who *who,
		  struct fail *fail);
/* Of beats, for all nodes. */
bool fleet_set_interval(struct fleet *fleet, uint32_t interval_ms, const struct fleet_who *who,
			struct fail *fail);
uint32_t fleet_interval(struct fleet *fleet);
/* A row of the event table and the bus's topic events: what the controller tells of itself or of a node ("" of
 * none). Does not wait. */
void fleet_tell(struct fleet *fleet, const char *kind, const char *node,
		const struct fleet_who *who, const char *sentence);

/* --- rules: nodes that are approved by themselves --- */
/* Labels are a JSON object of strings: checked, and written in order without spaces. */
bool fleet_check_labels(const char *json, char labels[NODE_LABELS_BYTES], struct fail *fail);
struct fleet_rule {
	char id[ID_BYTES];
	char arch[16], network[16], serial[HELLO_SERIAL_BYTES],
		mac[13]; /* "": any; serial and mac are beginnings */
	char labels[NODE_LABELS_BYTES]; /* JSON object for the nodes that it approves; "" is {} */
	uint32_t count; /* nodes that it may still approve */
	int64_t ends_ms;
};
/* Fills in the id. Nodes that wait already are looked at, too. */
bool fleet_add_rule(struct fleet *fleet, struct fleet_rule *rule, const struct fleet_who *who,
		    struct fail *fail);
bool fleet_drop_rule(struct fleet *fleet, const char *id, const struct fleet_who *who,
		     struct fail *fail);
/* {"items":[{id,matches{},labels{},count,ends,created,created_by}]} from the store. */
bool fleet_rules(struct fleet *fleet, struct text *to, struct fail *fail);

/* --- what is shown --- */
struct fleet_filter {
	const char *admission; /* NULL: any */
	const char *state; /* shown state */
	const char *text; /* part of name, id, MAC, serial or address */
	const char *after; /* id: those behind it, in order of the id */
	unsigned most;
};
/* Elements of a JSON array, without its brackets; *next is the last id when there are more, else "". Returns how
 * many. */
unsigned fleet_list(struct fleet *fleet, const struct fleet_filter *filter, struct text *to,
		    char next[ID_BYTES]);
/* A node's JSON; with `whole`, also facts, boot steps, guests, live figures. *rev for the ETag. False: there is
 * none. */
bool fleet_show(struct fleet *fleet, const char *id, bool whole, struct text *to, uint64_t *rev);
/* {"time":...,"nodes":{id:{...}}} of those nodes (count 0: a summary of all). Made from the newest readings. */
void fleet_telemetry(struct fleet *fleet, const char ids[][ID_BYTES], unsigned count,
		     struct text *to);
/* Counts by shown state, JSON object. */
void fleet_summary(struct fleet *fleet, struct text *to);
/* {"items":[...]}: the newest `most` boots of a node with their steps, the live one first. */
bool fleet_boots(struct fleet *fleet, const char *id, unsigned most, struct text *to,
		 struct fail *fail);
/* Five minutes of one node, in columns (fleet/ring.h). False: there is no such node. */
bool fleet_history(struct fleet *fleet, const char *id, struct text *to);
