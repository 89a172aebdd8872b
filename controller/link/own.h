/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the link's own files share.
 *
 * Locks: the fleet's first, then `lock` below. A peer belongs to both: it is found and changed with both held. A
 * console's content and watches belong to `lock` alone. The link's thread alone has `in`, `out`, and the counters'
 * writing.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "fleet/node.h"
#include "link/console.h"
#include "link/link.h"
#include "wire/console.h"

enum { LINK_BATCH = 64, CONSOLE_HOLES_MAX = 16 };

struct console_watch {
	struct console *console;
	struct console_watch *next;
	void (*changed)(void *argument);
	void *argument;
};

/* Bytes [first, end) never came. */
struct console_hole {
	uint64_t first, end;
};

struct console {
	struct console *next;
	char id[ID_BYTES];
	unsigned slot;
	struct peer *peer; /* the boot that speaks; NULL: none does */
	uint64_t boot_id; /* that the content is of; 0: there is none */
	struct console_watch *watches;
	uint64_t wanted_until_ms; /* by one that polls */
	uint64_t used_ms;
	bool is_changed; /* the watches are to be called */

	/* output: all before `have` has come or is a hole; the ring has what is not older than `start` */
	bool is_fresh; /* the watch has just begun: what the node does not have any more never comes */
	uint64_t start, have, head;
	uint64_t gap_ms; /* since when only bytes behind `have` come; 0: there is no gap */
	uint64_t moved_ms; /* when output last came, or the watch began */
	struct console_hole holes[CONSOLE_HOLES_MAX]; /* rising; behind `start` */
	unsigned hole_count;
	uint8_t *ring; /* owned; NULL: no output yet */

	/* input: queue[0] has the offset peer->input_due[slot] */
	uint32_t queued, flying; /* bytes; those of them that were sent */
	uint64_t queued_ms; /* when the node last took some, or the queue began */
	uint64_t sent_ms; /* 0: to be sent at once */
	uint32_t again_ms;
	uint64_t dropped;
	uint8_t queue[CONSOLE_QUEUE_BYTES];
};

/* The link's part of a node that speaks; ends with its boot. It and its consoles point at each other, or not at all. */
struct peer {
	uint64_t boot_id; /* the node may give it on, to the ghost of that boot */
	char id[ID_BYTES]; /* the node's; a boot that turns out to be another node's has its consoles no more */
	struct peer *next, **at; /* in link->peers */
	struct peer *next_busy, **at_busy; /* in link->busy, when it has a console */
	unsigned socket; /* in link->fds: where it was heard last */
	struct console *consoles[WIRE_GUEST_MAX];
	uint64_t output_said[WIRE_GUEST_MAX]; /* that each guest has written, as of the newest beat that said it */
	uint64_t input_due[WIRE_GUEST_MAX];
	bool is_console_known; /* both were said */
	uint8_t acks; /* sent, up to a few */
	struct ack_console watch; /* generation 0: nothing was ever said */
	bool is_watch_told; /* somebody watched: it is said in each acknowledgement */
	uint64_t ack_due_ms, ack_of; /* of console output; 0: none */
	uint64_t raise_ms, raise_wait_ms; /* when its generation is to rise, see peer.c */
};

/* A datagram on its way in. */
enum verdict {
	IN_MALFORMED,
	IN_UNKNOWN,
	IN_OLD_INSTANCE,
	IN_BAD_TAG,
	IN_UNREADABLE, /* the tag is right, the body is not */
	IN_FOUND, /* there is a key for it */
	IN_BEAT,
	IN_OUTPUT,
};
struct in {
	enum verdict verdict;
	bool is_next_key; /* of an instance that is higher than the one in force */
	struct datagram_header header;
	size_t size;
	struct seal_key key;
	uint8_t boot_key[SEAL_KEY_BYTES]; /* with is_next_key */
	struct sockaddr_in from;
	unsigned socket; /* in link->fds */
	union {
		struct beat beat;
		struct console_chunk chunk;
	};
	uint8_t bytes[DATAGRAM_MAX_BYTES + 8]; /* one that is too long is seen as such */
};

/* A datagram on its way out; it is encoded and sealed without the locks. */
struct out {
	bool is_ack;
	struct seal_key key;
	struct sockaddr_in to;
	unsigned socket;
	union {
		struct ack ack;
		struct console_chunk chunk;
	};
	uint8_t input[CONSOLE_INPUT_MAX_BYTES];
	uint8_t bytes[DATAGRAM_MAX_BYTES];
};

#define LINK_COUNTERS(X)                                                                                               \
	X(received)                                                                                                    \
	X(sent)                                                                                                        \
	X(beats)                                                                                                       \
	X(acks)                                                                                                        \
	X(output)                                                                                                      \
	X(input)                                                                                                       \
	X(malformed)                                                                                                   \
	X(unknown)                                                                                                     \
	X(bad_tags)                                                                                                    \
	X(replays)                                                                                                     \
	X(unsent)                                                                                                      \
	X(batches)                                                                                                     \
	X(longest_us)

struct link {
	struct fleet *fleet;
	int fds[LINK_SOCKETS_MOST];
	unsigned fd_count;
	int wake_fd;
	pthread_t thread;
	atomic_bool is_woken, must_end;
#define X(name) atomic_uint_fast64_t name;
	LINK_COUNTERS(X)
#undef X
	uint64_t first_sequence; /* to who is asked whether it lives: above all that earlier runs sent */
	uint64_t told_ms; /* when dropped datagrams were last logged */
	uint64_t dropped_before; /* of those that were logged */
	uint64_t rate_ms;
	uint32_t rate_count; /* datagrams since rate_ms */
	bool is_crowded; /* thousands a second: they are taken in batches */

	pthread_mutex_t lock;
	struct console *consoles;
	unsigned console_count, watch_count;
	struct peer *peers; /* all */
	struct peer *busy; /* those with a console */
	bool has_changed; /* a console is_changed */

	struct in in[LINK_BATCH];
	struct out out[LINK_BATCH];
	unsigned out_count;
};

static inline void count_up(atomic_uint_fast64_t *counter, uint64_t by)
{
	atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* --- receive.c: in the link's thread, without locks --- */
/* One batch of that socket, and what it is answered with. Returns how many datagrams came. */
unsigned link_receive(struct link *link, unsigned socket);

/* --- send.c: in the link's thread --- */
/* The locks held. False: there is no room until link_flush(). An acknowledgement needs a node with address and key. */
bool link_put_ack(struct link *link, struct node *node, uint64_t acked_sequence);
bool link_put_input(struct link *link, struct node *node, const struct console_chunk *chunk);
/* An acknowledgement without wishes that a living node answers at once; to where a datagram came from. */
bool link_put_question(struct link *link, struct node *node, const struct in *in);
/* Encodes, seals and sends what was put; without the locks. */
void link_flush(struct link *link);
/* Acknowledgements to all nodes that have a wish. Takes and lets go of the locks. */
void link_send_due(struct link *link);
bool node_is_reachable(const struct node *node);

/* --- peer.c: both locks held unless it says otherwise --- */
/* The node's peer, made when there is none; NULL: no memory, or not to be spoken to. */
struct peer *peer_of(struct link *link, struct node *node);
/* fleet_link's: the fleet's lock held. */
void peer_free(void *link, void *peer);
/* What the consoles of a peer are due to send, and what of them has expired. Returns when it is to be called again
 * (monotonic, milliseconds), UINT64_MAX: no need. Stops early when `out` is full. */
uint64_t peers_turn(struct link *link, uint64_t now_ms);
void peer_beat(struct link *link, struct peer *peer, const struct beat *beat);
void peer_output(struct link *link, struct node *node, struct peer *peer, const struct console_chunk *chunk);
/* Fills ack->console. */
void peer_ack(struct peer *peer, struct ack *ack);
/* New consoles find their peers. */
void peers_attach(struct link *link);

/* --- console.c: `lock` held --- */
void console_attach(struct link *link, struct console *console, struct peer *peer);
/* Begins anew, as that boot's. */
void console_begin(struct link *link, struct console *console, uint64_t boot_id);
/* Output of the console's boot. False: it makes no sense. */
bool console_take(struct link *link, struct console *console, const struct console_chunk *chunk, uint64_t now_ms);
bool console_is_wanted(const struct console *console, uint64_t now_ms);
void console_changed(struct link *link, struct console *console);
void consoles_tell(struct link *link); /* calls the watches of what has changed */
/* The node has so many bytes of the queue. */
void console_taken(struct link *link, struct console *console, uint64_t count, uint64_t now_ms);
void consoles_free(struct link *link);
