/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A node as the controller sees one: it says hello over HTTP, beats under its key, obeys acknowledgements, and has
 * consoles. No thread and no socket of its own, and about 500 bytes: ten thousand share a socket or a few, and
 * whoever holds one hands what comes to the node of its boot id. For tests and the bench; links netboot/wire alone.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ack.h"
#include "wire/beat.h"
#include "wire/console.h"
#include "wire/hello.h"
#include "wire/replay.h"
#include "wire/seal.h"

enum { VIRTUAL_CONSOLE_BYTES = 65536 };

struct virtual_console {
	char *text; /* a ring; owned; NULL: nothing was written */
	uint64_t head, sent, taken;
	uint64_t taken_ms; /* when `taken` last rose */
	bool has_risen; /* since taken_ms was written */
	bool is_watched;
	uint64_t input_due;
	char input[64]; /* the newest bytes typed */
};

struct virtual_node {
	unsigned number;
	struct in_addr ip; /* that it connects from; 0: any. A test may use all of 127.0.0.0/8 */
	uint64_t boot_id;
	uint32_t instance;
	uint8_t boot_key[SEAL_KEY_BYTES];
	uint8_t mac[6];
	struct seal_key key;
	uint64_t sequence;
	uint64_t uptime_us; /* its next beat's */
	bool varies; /* its load is another each second; else always the same */
	struct replay heard;
	struct beat_rotation rotation;

	/* in force */
	uint32_t node_generation, interval_ms;
	struct beat_guest guests[WIRE_GUEST_MAX];
	uint8_t manifests[WIRE_GUEST_MAX][ACK_SHA256_BYTES];
	uint64_t lives;
	uint64_t wall_clock_ns; /* as last told */
	uint32_t console_generation;
	bool must_reboot;
	bool must_answer; /* a beat is due at once */
	struct virtual_console *consoles; /* WIRE_GUEST_MAX of them; owned; NULL: none was used */

	/* counted */
	uint32_t acks, unasked, refused, inputs;
	uint64_t acked_sequence; /* the newest beat that was acknowledged */
};

/* Number n has the MAC address 52:54:00:nn:nn:nn and a serial of its own; `boot` tells its boots apart. */
void virtual_node_begin(struct virtual_node *node, unsigned number, unsigned boot);
void virtual_node_end(struct virtual_node *node); /* frees what it has */
/* Another instance of its service, with the next key. */
void virtual_node_restart(struct virtual_node *node);

/* Each returns the bytes of what is to be sent. */
size_t virtual_node_hello(const struct virtual_node *node, uint8_t *bytes, size_t size);
size_t virtual_node_beat(struct virtual_node *node, uint8_t bytes[BEAT_MAX_BYTES]);
/* The next output that is due; 0: none. */
size_t virtual_node_output(struct virtual_node *node, uint64_t now_ms, uint8_t bytes[DATAGRAM_MAX_BYTES]);
/* Takes a datagram of the controller's. False: refused, and counted. */
bool virtual_node_take(struct virtual_node *node, const uint8_t *bytes, size_t count);
/* The boot that a datagram is for; 0: it is none. */
uint64_t virtual_node_boot_of(const uint8_t *bytes, size_t count);
/* Its guest writes. */
void virtual_node_print(struct virtual_node *node, unsigned slot, const char *text, size_t count);

/* --- the HTTP side, blocking, one connection a request unless `fd` is kept --- */
struct virtual_reply {
	unsigned status; /* 0: there was no answer */
	size_t count;
	char head[512];
	uint8_t bytes[4096]; /* the content's first */
	uint64_t total; /* bytes of content that came */
};
/* `fields` are header lines, each with its CRLF; NULL: none. */
bool virtual_http(struct in_addr from, const struct sockaddr_in *to, const char *method, const char *path,
		  const char *fields, const void *body, size_t body_bytes, struct virtual_reply *reply);
/* Says hello. False: no answer, or none that can be read. */
bool virtual_node_say_hello(const struct virtual_node *node, const struct sockaddr_in *to, struct hello_answer *answer);
