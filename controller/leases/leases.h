/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The daemon's side of dnsmasq's leases: the table `lease` is the truth (dnsmasq has `leasefile-ro`), and a change is
 * durable before dnsmasq's script hook (controller/lease) is answered. One thread on a Unix socket; what comes over it
 * was said by DHCP clients, and is hostile.
 *
 * A request is fields "key=value", each with a NUL behind it, ended by shutting the sending side; at most
 * LEASES_REQUEST_BYTES. The answer is "ok\n" and, for `init`, dnsmasq's lease file and "end\n"; or "no <reason>\n".
 *     action=init | add | old | del    mac, address, hostname, client_id, interface, expires (seconds since 1970)
 *     action=tftp                      address, path, bytes
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fail.h"
#include "base/text.h"
#include "store/store.h"

enum { LEASES_REQUEST_BYTES = 4096, LEASES_CLIENT_ID_BYTES = 256, LEASES_NAME_BYTES = 64 };

struct lease {
	uint8_t mac[6];
	uint32_t address; /* host byte order */
	char network[16]; /* interface */
	char client_id[3 * LEASES_CLIENT_ID_BYTES]; /* hex bytes with colons; "": none */
	char hostname[LEASES_NAME_BYTES]; /* cleaned; "": none */
	int64_t expires_ms; /* 0: never */
};

struct leases_options {
	struct store *store;
	const char *path; /* of the socket to make (mode 0666; who may speak is checked by peer credentials) */
	uid_t uid; /* dnsmasq's user, beside root and our own */
	/* Called when a change is durable, and for each known lease at the start; may be NULL. */
	void (*leased)(void *argument, const struct lease *lease, bool is_gone);
	void (*sent)(void *argument, struct in_addr client, const char *path, uint64_t bytes); /* may be NULL */
	void *argument;
};

/*
 * A lease that was seen on the wire (any thread): kept without waiting, and without what only the script knows. dnsmasq
 * acknowledges before it tells its script.
 */
void leases_seen(struct store *store, const struct lease *lease);

struct leases;

struct leases *leases_start(const struct leases_options *options, struct fail *fail);
void leases_stop(struct leases *leases); /* NULL is allowed */

/* Calls `leased` for each lease of the table that has not run out. */
bool leases_tell_all(const struct leases_options *options, struct fail *fail);
/* What the thread does with a request: the whole answer into `answer`. */
void leases_answer(const struct leases_options *options, const char *request, size_t bytes, struct text *answer);
