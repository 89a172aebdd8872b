/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Consoles of guests, for whoever shows them. Any thread. Offsets are those of the wire: they begin at 0 with each
 * boot of the node and only rise. What a guest writes is kept from the first watch on (the node itself keeps its
 * newest 64 KiB, and tells those then), CONSOLE_RING_BYTES of each console; older text is gone.
 *
 * A stream: console_watch(), then console_read() with a place of its own whenever it was woken, until count is 0.
 * Polling: console_read() alone; each one keeps the output coming for CONSOLE_WANTED_MS. The bytes are the guest's:
 * hostile. They are not cleaned here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

struct link;
struct console_watch;

enum {
	CONSOLE_RING_BYTES = 65536,
	CONSOLE_QUEUE_BYTES = 4096, /* of input that the node does not have yet */
	CONSOLE_CONSOLES_MAX = 512, /* kept; one that nobody watches makes room */
	CONSOLE_WATCHES_MAX = 4096,
	CONSOLE_WANTED_MS = 10000,
	CONSOLE_INPUT_LIFE_MS = 30000, /* input that a node did not take for so long is dropped */
};

/*
 * `changed` is called in the link's thread when there is something to read (and once soon after the watch began). It
 * must not wait, and call neither console_* nor fleet_*: it wakes who reads. NULL: *fail (NOT_FOUND, LIMIT).
 */
struct console_watch *console_watch(struct link *link, const char *id, unsigned slot, void (*changed)(void *argument),
				    void *argument, struct fail *fail);
/* `changed` is not called any more when it returns. Not from within `changed`, nor under a lock that it takes. */
void console_unwatch(struct link *link, struct console_watch *watch);

/* Where a reader is. Zero: at the oldest byte. {0, offset}: at that offset of the newest boot. */
struct console_place {
	uint64_t boot_id;
	uint64_t offset;
};

struct console_part {
	uint64_t boot_id; /* 0: the node has not spoken since the controller's start */
	uint64_t offset; /* of bytes[0] */
	size_t count; /* 0: there is nothing new */
	uint64_t missing; /* bytes just before `offset` that were lost, or are no longer kept: a hole to show */
	uint64_t have; /* behind the last byte that came */
	uint64_t head; /* behind the last byte that is known to be written; `have` or more */
	bool is_waiting; /* the node is heard, and has output that did not come yet, or did not say how much it has */
	bool is_other_boot; /* the reader's place was of an earlier boot */
	uint32_t input_waiting; /* bytes typed that the node does not have */
	uint64_t input_dropped; /* bytes typed that were dropped, in all */
};

/* The next bytes behind *place, without a hole among them; moves *place. False: *fail (NOT_FOUND, INVALID, LIMIT). */
bool console_read(struct link *link, const char *id, unsigned slot, struct console_place *place, uint8_t *bytes,
		  size_t room, struct console_part *part, struct fail *fail);

/* Queues input, all of it or nothing. UNAVAILABLE: the node is not heard, or is not to be spoken to; LIMIT: no room. */
bool console_type(struct link *link, const char *id, unsigned slot, const uint8_t *bytes, size_t count,
		  struct fail *fail);
