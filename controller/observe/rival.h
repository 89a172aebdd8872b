/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Looks for another DHCP server on a wire before ours starts there: two servers that both answer give a node two
 * addresses and one boot file. For the monitor, as root. The reply is hostile: it only ever becomes a name in a
 * sentence.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

/* dnsmasq, and others, ping an address for up to 3 s before they offer it. */
enum { RIVAL_WAIT_MS = 4500, RIVAL_FRAME_BYTES = 320 };

struct rival {
	bool is_there;
	bool is_here; /* an earlier run of ours: the answer came from this host */
	uint32_t address; /* its own (option 54), host byte order */
	uint32_t offered; /* the address that it offered */
	uint8_t mac[6]; /* of the frame */
};

/*
 * Sends DISCOVERs from `interface` and listens for `wait_ms` (RIVAL_WAIT_MS), or until one answers. False: it could
 * not look, *fail says why. True: see rival->is_there.
 */
bool rival_search(const char *interface, unsigned wait_ms, struct rival *rival, struct fail *fail);
/* *fail: the sentence that names the rival and says what to do; returns false. */
bool rival_refuse(const char *interface, const struct rival *rival, struct fail *fail);

/* The pure parts. A DISCOVER from that station; returns its bytes. */
size_t rival_discover(uint8_t frame[static RIVAL_FRAME_BYTES], const uint8_t mac[static 6], uint32_t xid);
/* Whether the frame is an answer to it; then *rival is who sent it. */
bool rival_is_answer(const uint8_t *frame, size_t bytes, const uint8_t mac[static 6], uint32_t xid,
		     struct rival *rival);
