/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the node listener's own files share. */
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "nodehttp/nodehttp.h"
#include "wire/hello.h"

#define NODEHTTP_COUNTERS(X)                                                                                           \
	X(hellos)                                                                                                      \
	X(manifests)                                                                                                   \
	X(blobs)                                                                                                       \
	X(refused)                                                                                                     \
	X(failed)                                                                                                      \
	X(cut)                                                                                                         \
	X(bytes)

/* One manifest or blob on its way to a node: a step of its boot. */
struct transfer {
	struct transfer *next, **at; /* in nodehttp->transfers */
	struct sockaddr_in from;
	int fd; /* the connection's, as long as it is in the list */
	bool is_manifest;
	char hex[BLOB_HEX_BYTES];
	uint64_t first, count, total; /* what is sent, of how much */
	uint64_t base; /* bytes that the connection's other end had acknowledged before */
	uint64_t moved; /* of count, as was last told */
	int64_t start_ms;
};

struct nodehttp {
	struct nodehttp_options options;
	struct MHD_Daemon *daemon;
	pthread_t watcher;
	pthread_mutex_t lock; /* of what follows; before the fleet's */
	pthread_cond_t ending;
	bool must_end;
	struct transfer *transfers;
	uint32_t transfer_count;
	atomic_uint_fast64_t told_ms; /* when a refusal was last logged */
#define X(name) atomic_uint_fast64_t nr_##name;
	NODEHTTP_COUNTERS(X)
#undef X
};

struct request {
	struct MHD_Connection *connection;
	struct sockaddr_in from;
	enum { TO_NOTHING, TO_HELLO, TO_MANIFEST, TO_BLOB } to;
	uint64_t start_ms;
	struct transfer *transfer;
	size_t body_bytes, body_room;
	uint8_t *body;
};

/* Queues the file, or a refusal. */
enum MHD_Result transfer_start(struct nodehttp *nodehttp, struct request *request, const char *hex);
/* The request has ended. */
void transfer_end(struct nodehttp *nodehttp, struct transfer *transfer, bool is_whole);
/* Tells the fleet how far the transfers are, until must_end. */
void *transfer_watch(void *nodehttp);
/* One sentence as text/plain; counted and logged, a line a second at most. */
enum MHD_Result refuse(struct nodehttp *nodehttp, struct request *request, unsigned status, const char *sentence);
/* bytes=FIRST- or bytes=FIRST-LAST within `total`: 1; -1: behind the end; 0: another form, to be ignored (RFC 9110). */
int range_parse(const char *text, uint64_t total, uint64_t *first, uint64_t *count);
