/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The service's network: lwIP over the card's driver, one interface, IPv4, address by DHCP. One loop drives it:
 *
 *     for (;;) {
 *             now = hvcall_ticks();
 *             net_poll(now);
 *             ... the others' polls ...
 *             hvcall_event_wait(now + what is due first, &event);
 *     }
 *
 * No function sleeps or calls back except net_poll(). Addresses are numbers: 10.0.2.15 is 0x0a00020f. Times are ticks
 * of the physical counter.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/nic.h"

/* What DHCP gave; 0 is "it did not say". */
struct net_lease {
	uint32_t address;
	uint32_t netmask;
	uint32_t router;
	uint32_t server_id; /* the DHCP server */
	uint32_t siaddr; /* the next server of the boot */
	uint32_t lease_seconds;
	uint32_t remaining_seconds; /* when net_lease() was called, or the last instance kept it */
};

struct net_config {
	uint32_t nic_kind; /* of bootinfo, these three */
	uint32_t nic_header_bytes;
	uint64_t counter_hz;
	uint8_t seed[32]; /* random, and another for each instance */
	/* The last instance's lease: used at once, confirmed in the background; given up when the server says no, or
	 * when remaining_seconds have passed unconfirmed. address 0: none. */
	struct net_lease hint;
};

enum net_result {
	NET_OK = 0,
	NET_NO_CARD, /* this kind has no driver, or the driver gave up */
	NET_NO_ADDRESS, /* no lease yet */
	NET_NO_MEMORY, /* a pool is empty: counted there */
	NET_NO_ROUTE,
	NET_BAD_ARGUMENT,
};

enum net_result net_start(const struct net_config *config);

/* Handles received frames, a bounded number of them, and timers. */
void net_poll(uint64_t now);
/* Before each sleep: sends what is to be sent. In how many ticks net_poll() has to be called even without
 * AETHER_EVENT_NIC; 0: at once. */
uint64_t net_wait(uint64_t now);

/* There is an address: hinted, or confirmed. */
bool net_is_up(void);
/* Rises with each lease that is got, confirmed, renewed or lost: keep net_lease() then. */
uint32_t net_lease_changes(void);
/* The DHCP server has confirmed the lease to this instance. */
bool net_lease_is_confirmed(void);
/* False: none. */
bool net_lease(uint64_t now, struct net_lease *lease);
void net_mac(uint8_t mac[NIC_MAC_BYTES]);

/* --- UDP: one socket --- */
enum { NET_UDP_MAX_BYTES = 1472 };
/* A datagram to the port; it is gone on return. May send. */
typedef void net_udp_fn(void *context, uint32_t from, uint16_t from_port, const uint8_t *bytes, size_t count);
/* Local port; 0: one that is free. Closes the one before. */
enum net_result net_udp_open(uint16_t port, net_udp_fn *fn, void *context);
uint16_t net_udp_port(void);
/* Goes out with net_flush(). With the peer's hardware address unknown, the newest datagram waits for ARP. */
enum net_result net_udp_send(uint32_t to, uint16_t port, const void *bytes, size_t count);
/* Sends what is to be sent; net_poll() and net_wait() do it too. */
void net_flush(void);

/* --- counters, since the start of this instance --- */
enum net_drop {
	NET_DROP_CHECKSUM,
	NET_DROP_LENGTH, /* a length or option field that cannot be */
	NET_DROP_PROTOCOL, /* not one of ours, or no one listens */
	NET_DROP_ROUTE, /* to be sent, but no way there */
	NET_DROP_MEMORY, /* a pool was empty */
	NET_DROP_OTHER, /* for other hosts, of other subnets, and what lwIP gives no reason for */
	NET_DROP_COUNT,
};

enum { NET_POOL_MAX = 20 };

struct net_pool {
	const char *name;
	uint32_t size; /* elements */
	uint32_t used;
	uint32_t most; /* ever used at a time */
	uint32_t exhausted; /* how often it was empty when one was wanted */
};

struct net_counters {
	struct nic_counters nic;
	uint64_t drops[NET_DROP_COUNT];
	uint64_t tcp_retransmits;
	uint32_t dhcp_binds; /* leases got or renewed */
	uint32_t dhcp_losses; /* leases that ended or were refused */
	uint32_t pool_count;
	struct net_pool pools[NET_POOL_MAX];
};

void net_counters(struct net_counters *counters);
