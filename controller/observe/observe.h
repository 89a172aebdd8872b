/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The packet observer: what DHCP and TFTP do on the wire becomes sightings and steps of boots in the fleet. One thread;
 * it reads packet sockets that the monitor opened, and what dnsmasq logs. It only listens: nothing that a client sends
 * makes it answer, wait or grow.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

struct fleet;

enum { OBSERVE_NETWORKS_MOST = 16, OBSERVE_NAME_BYTES = 16 };

struct observe_network {
	char interface[OBSERVE_NAME_BYTES];
	int fd; /* of observe_open(); the observer's from now on */
	uint32_t server; /* this host's address there, host byte order */
	bool is_closed; /* only approved nodes are answered there */
	bool ignores_unknown; /* clients that the fleet does not know are not even shown */
};

struct observe_lease {
	uint8_t mac[6];
	uint32_t address; /* host byte order */
	const char *interface;
	int64_t expires_ms; /* 0: never */
};

struct observe_options {
	struct fleet *fleet;
	const struct observe_network *networks;
	unsigned network_count;
	int log_fd; /* the pipe of dnsmasq's standard error, the observer's from now on; -1: none */
	/* Whether a node has that MAC; called for networks that ignore strangers. NULL: nobody is known. */
	bool (*knows)(void *argument, const uint8_t mac[6]);
	/* Our own server acknowledged it: not to be lost, though dnsmasq may die before it tells. NULL: nobody asks. */
	void (*leased)(void *argument, const struct observe_lease *lease);
	void *argument;
};

struct observe;

/* Starts the thread. NULL: *fail. */
struct observe *observe_start(const struct observe_options *options, struct fail *fail);
/* dnsmasq's script hook: a file was sent whole (any thread). `path` is hostile. */
void observe_sent(struct observe *observe, struct in_addr client, const char *path, uint64_t bytes);

/* The same: a lease (any thread). Address in host byte order. */
void observe_leased(struct observe *observe, const uint8_t mac[6], uint32_t address, bool is_gone);

struct observe_figures {
	uint64_t frames, strange, sightings, steps, log_lines;
	uint64_t dropped; /* by the kernel, for want of room */
};
void observe_figures(struct observe *observe, struct observe_figures *figures);
/* Ends the thread and closes the descriptors. NULL is allowed. */
void observe_stop(struct observe *observe);
