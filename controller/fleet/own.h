/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the fleet's own files share. Lock order: the fleet's, then the bus's; the store is never waited for under
 * the lock. All that is declared here is called with the lock held, unless it says otherwise.
 */
#include <arpa/inet.h>
#include <pthread.h>

#include "base/clock.h"
#include "fleet/boot.h"
#include "fleet/fleet.h"
#include "fleet/index.h"
#include "fleet/node.h"
#include "fleet/shown.h"

enum {
	FLEET_NODES_MAX = 20000,
	FLEET_STRANGERS_MAX = 4096, /* discovered or pending: anybody on the wire can make those */
	FLEET_CLASH_ROOM = 256, /* for the nodes that clashes make, when strangers have all they may */
	FLEET_STALE_MAX = 64,
	FLEET_RULES_MAX = 256,
	FLEET_EVENTS_KEPT = 100000, /* rows: the newest of what happened by itself */
	FLEET_DEEDS_KEPT = 100000, /* and of what somebody did */
	FLEET_EVENTS_TURN = 1024, /* they are swept whenever so many were added */
	FLEET_RENDER_MAX = 256, /* nodes whose JSON a turn under the lock makes anew for time or a setting alone */
	FLEET_REST_MS = 500, /* the tick looks at each node at least so often */
	FLEET_GRACE_MS = 10000, /* after the controller's own start */
	FLEET_CLASH_SLACK_MS = 1000, /* a datagram of the boot before may have been under way */
	FLEET_BOOTS_KEPT = 20, /* rows of a node */
	FLEET_BOOTS_RAN = 8, /* and of those that ran the newest, however many hellos came since */
};

/* A token bucket: what anybody on the wire can make work of. */
struct flow {
	uint64_t filled_ms;
	uint32_t used; /* thousandths of one */
};
enum { FLOW_A_SECOND = 200, FLOW_BURST = 400 };
bool flow_take(struct flow *flow, uint64_t now_ms); /* fleet.c; false: too many */

/*
 * The same, shared by all sources: while more than half is used each may take little, so that who floods does not keep
 * another one out. Sources that share a place share what it may take.
 */
struct crowd {
	struct flow all;
	struct flow sources[256];
};
enum { CROWD_A_SECOND = 4, CROWD_BURST = 8 };
bool crowd_take(struct crowd *crowd, uint64_t source, uint64_t now_ms);

/* A stranger, and when it was last heard of. */
struct stale {
	char id[ID_BYTES];
	uint64_t at_ms;
};

struct printed {
	int64_t second;
	char text[CLOCK_TEXT_BYTES];
};

struct fleet {
	pthread_mutex_t lock;
	struct fleet_options options;
	struct node **nodes; /* in order of the id */
	uint64_t *rests; /* monotonic, beside `nodes`: until then the tick need not look at that one */
	size_t count, room;
	unsigned discovered, pending; /* of them */
	uint64_t admissions; /* rises when it is another set of approved MAC addresses, perhaps */
	unsigned leaving; /* of those: their rows are being deleted */
	struct stale stale[FLEET_STALE_MAX]; /* the oldest strangers of the last look, the newest first */
	unsigned stale_count;
	struct index by_id, by_mac, by_boot, by_ip, by_peer, by_serial, by_uuid;
	struct node *dirty, *due, *due_last;
	struct fleet_link link;
	struct fleet_rule rules[FLEET_RULES_MAX];
	unsigned rule_count, rules_coming; /* that are being stored: they have their room */
	bool has_release;
	uint8_t release[ACK_SHA256_BYTES];
	uint64_t started_ms;
	bool is_mass_loss;
	unsigned silent; /* nodes that are suspect or down, as of the last tick */
	uint64_t keys_refused, keys_told_ms; /* hellos with another key than their boot's */
	struct crowd sightings, hellos; /* by network and port; by address */
	struct flow lookups;
	struct text scratch;
	struct printed printed[2];
};

/*
 * Ten thousand nodes are more than the caches hold, and who looks at all of them, with the lock held, would wait for
 * memory at each: what is soon to be looked at is asked for ahead.
 */
enum { PREFETCH_AHEAD = 12, PREFETCH_JSON_AHEAD = 6, PREFETCH_LINE = 64, PREFETCH_NODE_LINES = 4 };
static inline void node_prefetch(const struct fleet *fleet, size_t i)
{
	if (i < fleet->count) {
		for (unsigned line = 0; line < PREFETCH_NODE_LINES; line++) {
			__builtin_prefetch((const char *)fleet->nodes[i] + line * PREFETCH_LINE);
		}
	}
}

/* --- node.c: a node in memory --- */
struct node *node_new(struct fleet *fleet, const char *id); /* in no index but by_id; NULL: no memory, or too many */
struct node *node_after(const struct fleet *fleet, const char *id); /* the next in order of the id; NULL */
void node_free(struct fleet *fleet, struct node *node); /* out of all */
/* Evidence is one node's alone: the first's. */
void node_add_mac(struct fleet *fleet, struct node *node, const uint8_t mac[6]);
void node_take_mac(struct fleet *fleet, struct node *node, const uint8_t mac[6]); /* whoever had it */
void node_set_evidence(struct fleet *fleet, struct node *node, const char *serial, const char *uuid);
void node_set_ip(struct fleet *fleet, struct node *node, struct in_addr ip);
/* What a hello or a tagged datagram came from: found by it once it is approved. */
void node_set_peer(struct fleet *fleet, struct node *node, enum peer_of of, struct in_addr peer);
void node_set_admission(struct fleet *fleet, struct node *node, enum admission admission);
void node_dirty(struct fleet *fleet, struct node *node);
void node_set_text(char **text, const char *value); /* owned; keeps the old one without memory */
const char *node_name(const struct node *node);
/* A serial or UUID that many boards share, or that says nothing. */
bool node_is_junk(const char *evidence);

/* --- place.c: strangers give place to strangers --- */
struct place {
	char drop[ID_BYTES]; /* who gives it; "": nobody need */
	bool went; /* its rows did */
};
bool place_make(struct fleet *fleet, struct place *place); /* false: there is none */
bool place_work(struct sql *sql, struct place *place, struct fail *fail); /* in the writer's thread */
void place_done(struct fleet *fleet, const struct place *place, bool is_stored);
void place_gone(struct fleet *fleet, struct node *node); /* frees it and says so */

/* --- wishes.c --- */
/* The node as it is now, or why it cannot be changed. */
struct node *node_to_change(struct fleet *fleet, const char *id, uint64_t rev, struct fail *fail);

/* --- show.c --- */
void node_facts(const struct fleet *fleet, const struct node *node, struct shown_facts *facts);
/* Its JSON with the newest times, which has to be there; `is_open`: without the closing brace. */
void node_put_json(struct fleet *fleet, const struct node *node, uint64_t now_ms, bool is_open, struct text *to);
void fleet_flush(struct fleet *fleet); /* publishes what is dirty */

/* --- boots.c: the record of a boot --- */
/* A boot begins: what there was is stored and let go. */
void boots_begin(struct fleet *fleet, struct node *node, int64_t started_ms, bool is_hello);
void boots_step(struct fleet *fleet, struct node *node, const struct fleet_step *step);
void boots_fail(struct fleet *fleet, struct node *node, enum boot_problem problem, const char *detail);
/* The boot got to run, or failed: into the database, without waiting. */
void boots_store(struct fleet *fleet, struct node *node, bool is_ended);
/* The boot that said hello lives on behind what looked like the begin of another, or behind its end in the
 * database. */
void boots_return(struct fleet *fleet, struct node *node);
void boots_tick(struct fleet *fleet, struct node *node, int64_t wall_ms);
void boots_stage(struct fleet *fleet, struct node *node, enum stage_event event);

/* --- beats.c, want.c, rates.c --- */
/* What is wanted of it, anew; a wish that it was not told makes it due. */
void want_make(struct fleet *fleet, struct node *node);
/* The first beat since its hello, or since the controller's start. */
void want_seed(struct fleet *fleet, struct node *node);
/* Brings rates up to date by a beat, and keeps one reading a second. Without memory nothing is kept. */
void rates_take(struct node *node, const struct beat *beat, uint64_t now_ms, int64_t wall_ms);
void rates_free(struct node *node);

/* --- clash.c --- */
/* A node's boot is followed by another: the old one is kept as a ghost when it may still live. */
void clash_keep_ghost(struct fleet *fleet, struct node *node);
void clash_drop_ghost(struct fleet *fleet, struct node *node);
/* The ghost spoke. */
void clash_declare(struct fleet *fleet, struct node *ghost);
void clash_tick(struct fleet *fleet, struct node *node, uint64_t now_ms);

/* --- happening.c: a row of the event table and the bus's topic, with one number --- */
struct happening {
	uint64_t index; /* 0: there is none */
	int64_t at_ms;
	char kind[32];
	char node[ID_BYTES];
	char actor[48];
	char request[24];
	char text[256];
};
void happening_make(struct fleet *fleet, struct happening *happening, const char *kind, const char *node,
		    const struct fleet_who *who, const char *format, ...) __attribute__((format(printf, 6, 7)));
bool happening_store(struct sql *sql, const struct happening *happening, struct fail *fail); /* any thread */
void happening_publish(struct fleet *fleet, const struct happening *happening);
/* Makes, stores without waiting, publishes when it is durable. */
void happening_submit(struct fleet *fleet, const char *kind, const char *node, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* --- rules.c --- */
/* The first rule that takes it; NULL. */
const struct fleet_rule *rules_find(struct fleet *fleet, const struct node *node, int64_t wall_ms);
/* In the writer's thread, without the lock: approves when the rule has one left. */
bool rules_use(struct sql *sql, const char *rule, const char *node, int64_t wall_ms, bool *is_used, struct fail *fail);
void rules_used(struct fleet *fleet, struct node *node, const char *rule); /* copies that into memory */
/* A node waits: does a rule take it? Without waiting. */
void rules_try(struct fleet *fleet, struct node *node);

/* --- load.c --- */
bool fleet_load(struct fleet *fleet, struct fail *fail); /* before any thread */
