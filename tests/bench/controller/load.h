/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What loads the controller in its bench: virtual nodes that beat from one socket, and readers that ask for the same
 * thing over and over. Each in a thread of its own; figures are read when it has ended, or are atomic.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "unit/controller/virtual_node.h"

struct beats {
	struct virtual_node *nodes;
	unsigned count;
	struct sockaddr_in to;
	_Atomic unsigned char *orders; /* one a node: BEATS_GO, BEATS_STOP, BEATS_FAIL */
	bool echoes; /* what is typed to a guest comes back */
	void (*failed)(unsigned number); /* its first beat of that is about to be sent; NULL: nobody asks */
	int fd;
	pthread_t thread;
	atomic_bool is_ending;
	atomic_ulong sent, acks, late_us; /* late_us: the most that a beat was behind its time */
};
enum { BEATS_GO, BEATS_STOP, BEATS_FAIL };

bool beats_start(struct beats *beats);
void beats_end(struct beats *beats);

/* `connections` connections to 127.0.0.1:port, kept alive, one request on its way on each, for `seconds`. */
struct reads {
	uint16_t port;
	const char *request; /* all of it */
	unsigned connections, seconds;
	/* figures */
	uint64_t answers, bad;
	double per_second, p50_ms, p99_ms;
};
bool reads_run(struct reads *reads);
