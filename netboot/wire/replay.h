/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a receiver keeps of one node's datagrams, so that none counts twice. To be asked only about a datagram whose
 * tag is right: a forged one must not move it. Zero is its first state, for each boot id.
 *
 * An instance lower than the newest is refused, a higher one begins anew. Within an instance the controller takes each
 * sequence once, out of order up to 64 behind the newest (replay_accept); what it then does with an old beat is
 * told by replay_accept's `is_newest`. The node takes only what rises (replay_accept_rising): an acknowledgement is
 * whole, so the newest says everything, and console input is repeated until a beat shows that it has arrived.
 *
 * A controller that forgot its sequence continues behind the beat's heard_sequence.
 */
#include <stdbool.h>
#include <stdint.h>

#include "wire/datagram.h"

enum { REPLAY_WINDOW = 64 };

struct replay {
	uint32_t instance;
	uint64_t highest;
	uint64_t seen; /* bit n: highest - n */
};

/* True: not seen before. *is_newest: its sequence is the highest so far. */
bool replay_accept(struct replay *replay, const struct datagram_header *header, bool *is_newest);
/* True: higher than all before. */
bool replay_accept_rising(struct replay *replay, const struct datagram_header *header);
