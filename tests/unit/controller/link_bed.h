/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Store, blobs, fleet, link and node listener in one process on 127.0.0.1, and virtual nodes that share one socket. */
#include "fleet/node.h"
#include "link/console.h"
#include "link/link.h"
#include "nodehttp/nodehttp.h"
#include "unit/controller/virtual_node.h"

struct link_bed {
	struct store *store;
	struct bus *bus;
	struct blobs *blobs;
	struct fleet *fleet;
	struct link *link;
	struct nodehttp *http;
	struct sockaddr_in udp_address, http_address; /* of the controller */
	struct sockaddr_in other_address; /* the link's in a second network, 127.0.0.2 */
	int fd; /* of the nodes */
	unsigned loss_percent, twice_percent; /* of datagrams, each way */
	uint8_t manifest[ACK_SHA256_BYTES];
	char manifest_hex[BLOB_HEX_BYTES];
	char dropped[DATAGRAM_MAX_BYTES];
};
extern struct link_bed bed;

int bed_make(void **state);
int bed_remove(void **state);
/* The controller is ended and started again. */
void bed_restart(void);

extern const struct fleet_who bed_who;
void bed_send(const uint8_t *bytes, size_t count);
void bed_beat(struct virtual_node *node);
/* What is on its way comes and is answered, until nothing has come for `quiet_ms`. */
void bed_pump(struct virtual_node *nodes, unsigned count, unsigned quiet_ms);
/* Beats and pumps until it is true. Fails the test after 10 s. */
void bed_until(struct virtual_node *node, bool (*is_so)(const struct virtual_node *node));
bool bed_is_running(const struct virtual_node *node); /* slot 0 */
/* The id of the node whose boot this is; fails when there is none. */
const char *bed_id_of(const struct virtual_node *node);
void bed_approve(const struct virtual_node *node);
/* Says hello, is approved, and runs its guest. */
void bed_run(struct virtual_node *node, unsigned number);
struct link_figures bed_figures(void);
/* Waits until the link has received so many datagrams in all. */
void bed_received(uint64_t count);
