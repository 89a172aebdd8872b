/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Shared by hub.c and stream.c alone. */
#include <pthread.h>
#include <stdatomic.h>

#include "api/inside.h"
#include "api/topics.h"
#include "http/stream.h"

enum {
	STREAM_PING_MS = 10000,
	STREAMS_MOST = 1024,
	STREAM_HEAD_BYTES = 192,
	STREAM_CONSOLE_BYTES = 3072
};

/* A frame that many streams send. */
struct frame {
	atomic_uint users;
	struct text text;
};

/* What is being sent: up to three runs of bytes. */
struct piece {
	char head[STREAM_HEAD_BYTES];
	size_t head_bytes;
	const char *body;
	size_t body_bytes;
	const char *tail; /* a literal */
	size_t tail_bytes;
	size_t sent; /* of all three */
	struct frame *frame; /* what the body belongs to, or NULL */
	struct bus_event event; /* the same, when has_event */
	bool has_event;
};

struct stream {
	struct hub *hub;
	/* Of the reader (one thread of the pool at a time). */
	uint64_t after; /* place on the bus */
	bool has_said_hello;
	struct piece piece;
	char *console; /* STREAM_CONSOLE_BYTES of output, then as much base64 as that makes; NULL: no console yet */
	/* Under the hub's lock. */
	char id[ID_BYTES];
	char actor[HTTP_ACTOR_BYTES];
	uint64_t grant;
	struct http_stream *http; /* NULL: being made */
	struct topics topics;
	uint64_t console_at[TOPICS_CONSOLES_MOST]; /* offsets, of topics.consoles */
	unsigned console_turn;
	unsigned generation; /* of topics */
	struct frame *telemetry; /* the newest, not sent yet */
	uint64_t said_ms;
	bool needs_ping, is_over, is_served;
	struct stream *next, *before;
};

struct hub {
	struct api *api;
	int bell;
	pthread_t thread;
	pthread_mutex_t lock;
	struct stream *streams;
	unsigned count;
	bool is_ending;
};

void frame_release(struct frame *frame);
