/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The inside of the journal, for journal.c (frames of DHCP, clients) and transfers.c (TFTP) alone. */
#include "observe/dhcp.h"
#include "observe/frame.h"
#include "observe/journal.h"
#include "observe/table.h"
#include "observe/tftp.h"

/* A DHCP client. Its address is what our server gave it last. */
struct client {
	uint8_t mac[6];
	bool is_pi;
	uint32_t address;
	char boot_file[128]; /* that it was offered; "": none */
	int64_t asked_ms; /* its newest DISCOVER */
	bool is_seen; /* the fleet was told of it */
	int64_t seen_ms, offered_ms; /* when last; 0: never */
	uint32_t seen_at; /* our address in the network where that was */
};

enum transfer_at {
	TRANSFER_ASKED, /* nothing came back yet */
	TRANSFER_AGREED, /* options were answered: it may only have asked for the size */
	TRANSFER_MOVING,
	TRANSFER_SENT, /* dnsmasq logged so; how much, its script will say */
	TRANSFER_ENDED, /* and told */
};

struct transfer {
	uint32_t client; /* address */
	uint16_t port;
	enum transfer_at at;
	bool is_live; /* counted in journal->live: not TRANSFER_ENDED, nor never used */
	uint8_t mac[6];
	bool is_pi;
	uint16_t block; /* the newest acknowledged one */
	uint32_t block_bytes;
	uint64_t blocks, told_blocks; /* acknowledged, counted beyond 16 bits */
	uint64_t total; /* 0: not known */
	int64_t start_ms, told_ms, changed_ms;
	char file[128];
};

struct journal {
	struct journal_options options;
	struct table client_order, transfer_order;
	struct client *clients;
	struct transfer *transfers;
	uint32_t *by_address; /* client of an address; a collision only costs a guess */
	uint64_t sightings, steps;
	int64_t rival_ms, refused_ms; /* when another server, a file that cannot be read, was last told of */
	int64_t strangers_ms, passed_ms; /* when the tokens were last counted; of the last pass */
	int64_t strangers; /* tokens, in thousandths */
	uint32_t live; /* transfers that are not over */
	char word[256]; /* dnsmasq's newest of itself */
};

enum { BY_ADDRESS = 2 * JOURNAL_CLIENTS };

/* Who has that address, NULL: nobody that we know. */
const struct client *client_of_address(const struct journal *journal, uint32_t address);
void journal_step(struct journal *journal, const uint8_t mac[6], const struct fleet_step *step);

void transfer_frame(struct journal *journal, const struct journal_place *place, const struct frame *frame,
		    int64_t now_ms);
void transfer_line(struct journal *journal, const struct dnsmasq_line *line, int64_t now_ms);
/* The client has begun anew: what it was loading will not end. */
void transfers_of_client_cut(struct journal *journal, const struct client *client, int64_t now_ms);
void transfers_pass(struct journal *journal, int64_t now_ms);
