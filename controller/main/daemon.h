/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* All parts of aetherd, started in order and ended in the opposite one. */
#include "api/api.h"
#include "base/fail.h"
#include "blobs/blobs.h"
#include "conf/conf.h"
#include "conf/value.h"
#include "fleet/fleet.h"
#include "http/server.h"
#include "leases/leases.h"
#include "link/link.h"
#include "main/bridge.h"
#include "main/dhcp.h"
#include "main/release.h"
#include "nodehttp/nodehttp.h"
#include "observe/observe.h"
#include "power/power.h"
#include "store/store.h"

struct daemon {
	const struct conf *conf;
	struct store *store;
	struct blobs *blobs;
	struct release release;
	struct bus *bus;
	struct fleet *fleet;
	struct link *link;
	struct nodehttp *nodes[CONF_NETWORKS_MOST];
	struct power *power;
	struct bridge *bridge;
	struct dhcp_service *dhcp;
	struct observe *observe; /* NULL: nobody handed in its sockets */
	struct leases *leases;
	struct http_auth *auth;
	struct api *api;
	struct http_server *server;
	char people_host[VALUE_ADDRESS_BYTES]; /* which need not be 127.0.0.1 */
	const char *hosts[CONF_HOSTS_MOST + 1];
	char base_url[64];
	int people_fd; /* until the server has it */
	int monitor_fd; /* -1: none */
};

/* False: *fail; what was started is ended by daemon_stop() all the same. */
bool daemon_start(struct daemon *daemon, const struct conf *conf, struct fail *fail);
void daemon_stop(struct daemon *daemon);
/* Prints a sign-in link when nobody ever signed in. */
void daemon_welcome(struct daemon *daemon);
