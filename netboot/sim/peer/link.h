/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The UDP side: beats and console output in, acknowledgements and console input out, every datagram tagged. Also what
 * tests order to go wrong there.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim/peer/node.h"

struct link {
	int fd;
	struct nodes *nodes;
	/* Received and dropped. */
	uint64_t malformed;
	uint64_t unknown; /* of no boot that is known and approved */
	uint64_t bad_tags;
	uint64_t replays;
	uint64_t told_ms; /* when the last dropped one was told */

	/* Faults. */
	uint64_t mute_until_ms; /* nothing is heard and nothing said */
	uint32_t bad_tag_count; /* so many of the next datagrams get a wrong tag */
	uint32_t replay_count; /* so many of the next are sent twice, and an old one behind them */
	uint8_t old[DATAGRAM_MAX_BYTES];
	size_t old_bytes;
	struct sockaddr_in flood_to;
	uint64_t flood_rate; /* datagrams a second */
	uint64_t flood_start_us;
	uint64_t flood_end_us;
	uint64_t flood_sent;
	uint64_t flood_boot_id;
};

/* Binds. False with errno. */
bool link_open(struct link *link, const struct sockaddr_in *address, struct nodes *nodes);
/* Takes what has come. */
void link_receive(struct link *link);
/* Sends what is due; lowers *wait_ms to when it has to be called at the latest. */
void link_send(struct link *link, int *wait_ms);
/* Has the node hear at once what is wanted of it. */
void link_send_now(struct link *link, struct node *node);
/* Random datagrams to the node, a quarter of them with a header that looks right; `rate` a second, for `ms`. */
void link_flood(struct link *link, const struct node *node, uint64_t rate, uint64_t ms);
