/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What kills and what is killed, for tests/e2e/kill: a monitor with its children (keeper.c), nodes that beat (nodes.c),
 * DHCP clients (clients.c), writers of the API (writers.c). Whatever was acknowledged is noted before the next thing is
 * asked; look.c compares it with what is there, while all of them pause.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "bench/controller/load.h"
#include "unit/controller/client.h"

enum {
	STEADY = 200, /* nodes that are approved at the start and stay so */
	FICKLE = 24, /* of them the first are admitted, rejected, retired all the time */
	LATE = 60, /* nodes that say hello under load */
	NODES = STEADY + LATE,
	CLIENTS = 500, /* of DHCP */
	RULES = 64,
	WRITERS = 2,
	ID_ROOM = 32,
	NODE_PORT = 7480,
	PEOPLE_PORT = 8080,
	PATIENCE_MS = 60000, /* what a quiet host would never need */
	MOMENT_MS = 200, /* from an ACK to the commit of its lease, on a busy host */
	GRACE_MS = 9000, /* of the controller's ten seconds */
};

/* A value that was acknowledged, and one that was asked for and may be there, too. */
struct claim {
	unsigned is, maybe;
};

struct node_claim {
	char id[ID_ROOM];
	struct claim value; /* name, label and cordon, all made by one PATCH */
	struct claim admission; /* enum admitted */
	unsigned approvals, restarts, restarts_unknown; /* that were done */
	bool is_late_there; /* its hello was answered */
};
enum admitted { PENDING, APPROVED, REJECTED, RETIRED };

struct rule_claim {
	char id[ID_ROOM]; /* "": its answer was lost */
	unsigned serial; /* 0: a free place */
	bool is_sure, may_be_gone;
};

struct kills {
	const char *state, *socket, *monitor_program, *conf;
	char log[256], database[256], socket_path[256];
	char token[160];
	uint64_t seed;
	/* keeper */
	pid_t monitor;
	pthread_t wire;
	atomic_bool is_ending;
	atomic_uint two_on_the_wire;
	uint64_t ready_ms;
	/* the others pause when told, between two whole things */
	atomic_bool is_paused;
	atomic_uint working; /* threads that are in the middle of something */
	/* nodes */
	struct beats beats;
	struct sockaddr_in controller;
	struct node_claim nodes[NODES];
	pthread_t late;
	atomic_uint late_count;
	/* clients */
	pthread_t clients;
	struct {
		uint32_t address; /* host byte order; 0: none was acknowledged */
		uint64_t at_ms;
		/*
		 * dnsmasq acknowledges first and tells then. Who killed it, aetherd and the monitor in one moment
		 * killed all that knew: the one thing that may be lost. (The holder keeps its address at the next
		 * request, for nobody else was given it.)
		 */
		bool may_be_lost;
	} leases[CLIENTS];
	atomic_uint leases_acked, leases_lost;
	/* writers */
	pthread_t writers[WRITERS];
	struct rule_claim rules[RULES];
	struct claim interval;
	atomic_uint acked, cut_off, repeated, unknown;
	atomic_uint asking; /* requests that are under way now */
	/* results */
	unsigned failures;
};

/* A seeded number below `below`; each thread has a state of its own. */
unsigned chance(uint64_t *state, unsigned below);
void pause_ms(unsigned ms);
/* A failure: one line on standard output, which the suite makes a result of. */
void complain(struct kills *kills, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* True when it may go on: it is not paused. Waits while it is. False: all ends. */
bool work_begin(struct kills *kills);
void work_end(struct kills *kills);
void pause_all(struct kills *kills); /* returns when all have finished what they did */
void resume_all(struct kills *kills);

/* keeper.c */
bool keeper_start(struct kills *kills); /* the monitor; returns at once */
bool keeper_is_ready(struct kills *kills); /* waits until the API answers */
bool keeper_has_dhcp(void); /* port 67 is open */
bool keeper_watch(struct kills *kills);
/* Processes of that name that have no parent of that name; returns how many, the first in *pid. */
unsigned keeper_find(const char *name, pid_t *pid);
bool keeper_kill(const char *name);
void keeper_kill_monitor(struct kills *kills);
bool keeper_nothing_left(struct kills *kills);
bool keeper_end(struct kills *kills); /* by SIGTERM, status 0 */

/* nodes.c */
bool nodes_start(struct kills *kills);
void nodes_end(struct kills *kills);
/* clients.c */
void clients_lose(struct kills *kills); /* the monitor was killed now */
bool clients_start(struct kills *kills);
/* writers.c */
bool writers_start(struct kills *kills);
/* Over the Unix socket. NULL: no answer of 2xx. */
json_t *ask(struct kills *kills, const char *method, const char *path, const char *body);
const char *admitted_text(unsigned admitted);

/* look.c */
void look(struct kills *kills); /* while all pause */
void look_at_contact(struct kills *kills, bool is_grace); /* nobody lost; or: all alive, within a limit */
void look_at_file(struct kills *kills); /* the database, when all has ended */
