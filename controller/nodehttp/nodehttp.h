/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The listener for nodes, on the provisioning address alone: hello, manifests and blobs, and nothing else. Anybody on
 * that network may connect. Manifests and blobs go only to addresses that fleet_may_fetch() knows.
 */
#include <netinet/in.h>
#include <stdint.h>

#include "base/fail.h"
#include "blobs/blobs.h"
#include "fleet/fleet.h"

struct nodehttp;

struct nodehttp_options {
	struct fleet *fleet;
	struct blobs *blobs;
	int fd; /* listening TCP socket, of nodehttp_socket() or inherited; the listener's, also when it fails */
	unsigned threads; /* 0: 8, since a hello waits for the disk */
	unsigned connections_most; /* 0: 4096 */
	unsigned connections_per_address; /* 0: 16 */
	unsigned timeout_s; /* without progress; 0: 20 */
};

int nodehttp_socket(const struct sockaddr_in *address, struct fail *fail);
struct nodehttp *nodehttp_start(const struct nodehttp_options *options, struct fail *fail);
/* Waits for the requests that run; transfers are cut off. NULL is allowed. */
void nodehttp_stop(struct nodehttp *nodehttp);

struct nodehttp_figures {
	uint64_t hellos, manifests, blobs; /* answered with what was asked for */
	uint64_t refused; /* 4xx */
	uint64_t failed; /* 5xx */
	uint64_t cut; /* transfers that the client did not take to the end */
	uint64_t bytes; /* of manifests and blobs */
	uint32_t transfers; /* as of now */
};
void nodehttp_figures(struct nodehttp *nodehttp, struct nodehttp_figures *figures);
