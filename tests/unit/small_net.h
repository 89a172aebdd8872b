/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A fake network for the service's tests, in place of net.c and http.c: an address, an HTTP server with files that can
 * fail in chosen ways, and a UDP peer that has the node's key. fetch.c above it is the real one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/http.h"
#include "service/net.h"
#include "wire/ack.h"
#include "wire/beat.h"
#include "wire/console.h"
#include "wire/hello.h"

enum { SMALL_NET_FILES = 16, SMALL_NET_SENT_MAX = 64, SMALL_NET_PIECE = 1000 };

struct small_file {
	char path[HTTP_PATH_MAX_BYTES];
	const uint8_t *bytes;
	size_t size;
	uint32_t status; /* 200, or what is answered instead */
	size_t cut_at; /* the connection closes after so many bytes of the file; 0: never. Once. */
	unsigned int requests;
};

struct small_sent {
	uint32_t to;
	uint16_t port;
	size_t size;
	uint8_t bytes[DATAGRAM_MAX_BYTES];
};

struct small_net {
	bool is_started;
	struct net_config config;
	bool is_up;
	bool is_dead; /* connections are refused, datagrams lost */
	struct net_lease lease;
	uint32_t lease_changes;
	struct small_file files[SMALL_NET_FILES];
	size_t file_count;
	/* hello */
	struct hello_answer answer;
	bool is_answer_bad; /* bytes that are no answer */
	unsigned int hello_count;
	struct hello hello; /* the last; its crash record points into this: */
	uint8_t hello_bytes[HELLO_MAX_BYTES];
	/* datagrams */
	struct small_sent sent[SMALL_NET_SENT_MAX]; /* a ring */
	size_t sent_count;
	uint64_t ack_sequence;
	net_udp_fn *udp;
	void *udp_context;
};

extern struct small_net net;

void small_net_reset(void);
/* A new instance of the service: what was under way is gone, the server is as it was. */
void small_net_restart(void);
struct small_file *small_net_serve(const char *path, const uint8_t *bytes, size_t size);
/* The newest datagram of the service as a beat or chunk: its tag and form are checked. False: it is of another type. */
bool small_net_last_beat(struct beat *beat);
bool small_net_chunk(size_t index, struct console_chunk *chunk);
/* The controller sends: boot, instance and sequence are filled in. */
void small_net_ack(struct ack *ack);
void small_net_input(uint8_t slot, uint64_t offset, const char *text);
/* Datagrams as they are, from an address. */
void small_net_deliver(uint32_t from, uint16_t port, const uint8_t *bytes, size_t size);
