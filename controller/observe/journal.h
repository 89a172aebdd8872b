/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What each client on the wire is at: DHCP steps by MAC, TFTP transfers by client address and port; from frames,
 * dnsmasq's log and its script hook, each of which may be late or missing. Bounded: of clients and of transfers the
 * ones silent for longest are forgotten. One thread at a time.
 *
 * It only says what it saw begin, move, end or fail; what must have happened by now (no offer, no file, stalled) is
 * the fleet's to know (fleet/boot.h).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet/fleet.h"
#include "observe/dnsmasq_log.h"
#include "observe/observe.h"

enum { JOURNAL_CLIENTS = 16384, JOURNAL_TRANSFERS = 4096, JOURNAL_MOVES_MS = 250 };
/* Who asks again and again is told of once in JOURNAL_AGAIN_MS; strangers, all together, JOURNAL_STRANGERS a second. */
enum { JOURNAL_AGAIN_MS = 500, JOURNAL_STRANGERS = 200 };
/* A question for a file without any answer, and "sent" without the script hook's word of how much, are told then. */
enum { JOURNAL_SILENT_MS = 3000, JOURNAL_HOOK_MS = 1000, JOURNAL_ENDED_MS = 5000 };

struct journal_options {
	struct fleet *fleet;
	bool (*knows)(void *argument, const uint8_t mac[6]);
	void (*leased)(void *argument, const struct observe_lease *lease); /* NULL: nobody asks */
	void *argument;
};

struct journal;

struct journal *journal_new(const struct journal_options *options); /* NULL: no memory */
void journal_free(struct journal *journal);

struct journal_place {
	const char *network; /* interface */
	uint32_t server; /* our address there */
	bool ignores_unknown;
	bool is_closed; /* only approved nodes are answered there */
	bool is_outgoing; /* this host sent the frame, says the kernel: addresses in it are whatever the sender likes */
};

/* A frame that the filter let through. False: it was not understood. */
bool journal_frame(struct journal *journal, const struct journal_place *place, const uint8_t *frame, size_t bytes,
		   int64_t now_ms);
void journal_line(struct journal *journal, const struct dnsmasq_line *line, int64_t now_ms);
/* dnsmasq's script hook: sent whole. */
void journal_sent(struct journal *journal, uint32_t client, const char *path, uint64_t bytes, int64_t now_ms);
/* dnsmasq's script hook: who has an address, or has it no more. What the wire showed since is newer, and stays. */
void journal_leased(struct journal *journal, const uint8_t mac[6], uint32_t address, bool is_gone);
/* Time went by: every JOURNAL_MOVES_MS or so. */
void journal_pass(struct journal *journal, int64_t now_ms);

/* How many it has said since it was made. */
uint64_t journal_sightings(const struct journal *journal);
uint64_t journal_steps(const struct journal *journal);
