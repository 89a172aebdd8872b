/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The datagrams of all nodes: one thread, and one UDP socket on the controller's address in each network. Beats go to
 * the fleet and are acknowledged with what is wanted; a wish goes out at once when the fleet says that there is one.
 * Consoles: console.h.
 */
#include <netinet/in.h>
#include <stdint.h>

#include "base/fail.h"
#include "fleet/fleet.h"

struct link;

enum { LINK_SOCKETS_MOST = 16 };

struct link_options {
	struct fleet *fleet;
	int fd; /* bound UDP socket, of link_socket() or inherited; the link's from now on, also when it fails */
	/* Those of further networks, the same. A node is answered from the socket that it was heard on. */
	unsigned more_count; /* less than LINK_SOCKETS_MOST */
	int more[LINK_SOCKETS_MOST - 1];
};

/* A socket with the buffers that 10,000 nodes need, as far as the caller's rights go. -1: *fail. */
int link_socket(const struct sockaddr_in *address, struct fail *fail);
/* Starts the thread. Before any other thread uses the fleet. NULL: *fail. */
struct link *link_start(const struct link_options *options, struct fail *fail);
/* Ends the thread. No console_* may be under way, no watch be left, and the fleet must still be there. NULL is
 * allowed. */
void link_stop(struct link *link);
/* Has the thread look for wishes now. Any thread, never waits. */
void link_poke(struct link *link);

/* Since the start; datagrams unless said otherwise. */
struct link_figures {
	uint64_t received, sent;
	uint64_t beats, acks, output, input;
	uint64_t malformed; /* no header of ours, or reflected, or a body that cannot be read */
	uint64_t unknown; /* of no boot that said hello */
	uint64_t bad_tags;
	uint64_t replays; /* seen before, too old, or of an earlier service instance */
	uint64_t unsent; /* the kernel took them not */
	uint64_t overflows; /* dropped by the kernel since nobody fetched them */
	uint64_t batches; /* turns that received something */
	uint64_t longest_us; /* of such a turn */
	uint32_t consoles, watches; /* as of now */
};
void link_figures(struct link *link, struct link_figures *figures);
