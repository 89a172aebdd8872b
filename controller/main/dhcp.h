/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * DHCP and TFTP for nodes, done by dnsmasq: its configuration and its TFTP tree are written here, the monitor starts
 * it. The main thread alone calls, but for dhcp_show().
 */
#include <stdbool.h>

#include "base/fail.h"
#include "base/json.h"
#include "conf/conf.h"
#include "fleet/fleet.h"

struct dhcp_service;

/* `monitor` is the socket to it, -1: there is none, and so no dnsmasq. */
struct dhcp_service *dhcp_new(const struct conf *conf, struct fleet *fleet, int monitor, struct fail *fail);
void dhcp_free(struct dhcp_service *dhcp); /* NULL is allowed */

/* Writes configuration and tree; has dnsmasq started again when it is another one, or when `is_forced`. */
bool dhcp_apply(struct dhcp_service *dhcp, bool is_forced, struct fail *fail);
/* The last dhcp_apply() found the disk full: dhcp_tick() tries again, and nothing else is wrong. */
bool dhcp_is_due(const struct dhcp_service *dhcp);
/* Called every 100 ms: when others are approved, writes the hosts and has dnsmasq read them; five times a second at
 * most. */
void dhcp_tick(struct dhcp_service *dhcp);
/* Hears what the monitor says; it is readable or not. */
void dhcp_hear(struct dhcp_service *dhcp);
/* Tells the monitor that the daemon serves. */
void dhcp_ready(struct dhcp_service *dhcp);
/* Members "networks" and "dhcp" (any thread). */
void dhcp_show(void *dhcp, struct json *json);
