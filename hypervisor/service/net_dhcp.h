/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The lease: what lwIP's DHCP client got, and the hint of the last instance until it is confirmed. */
#include <stdint.h>

#include "service/net.h"

struct netif;

/* The link is still down; lwIP's client begins when it comes up. */
void net_dhcp_start(struct netif *netif, const struct net_lease *hint, uint64_t now, uint64_t counter_hz);
/* After anything that may have changed the client's state. */
void net_dhcp_watch(uint64_t now);
/* In how many ticks an unconfirmed hint ends; UINT64_MAX: it does not. */
uint64_t net_dhcp_wait(uint64_t now);
void net_dhcp_counters(struct net_counters *counters);
