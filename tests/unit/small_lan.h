/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A network of two hosts around the service's real stack on the fake card (small_card.h): the node, and a peer that
 * answers ARP, is the DHCP server, and notes what else arrives. lwIP can be started once in a process.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/net.h"
#include "unit/small_card.h"

enum {
	SMALL_LAN_HZ = 1000000,
	SMALL_LAN_NODE = 0x0a000209, /* what the server offers */
	SMALL_LAN_PEER = 0x0a000201,
	SMALL_LAN_NEXT_SERVER = 0x0a000203,
	SMALL_LAN_NETMASK = 0xffffff00,
	SMALL_LAN_DATA_BYTES = 2048,
};

enum small_lan_dhcp { SMALL_LAN_DISCOVER = 1, SMALL_LAN_REQUEST = 3, SMALL_LAN_RELEASE = 7 };

struct small_lan_message {
	uint32_t kind; /* DHCP message type */
	uint32_t xid;
	uint32_t source;
	uint32_t to;
	uint32_t ciaddr;
	uint32_t requested; /* option 50, or 0 */
	uint32_t server; /* option 54, or 0 */
};

struct small_lan {
	/* The server, as the test wants it. */
	bool is_silent;
	bool is_refusing; /* NAKs requests */
	uint32_t offer;
	uint32_t lease_seconds;
	/* What arrived. */
	uint32_t discovers;
	uint32_t requests;
	uint32_t releases;
	struct small_lan_message last;
	uint32_t arps; /* requests */
	uint32_t arp_probes; /* of them from 0.0.0.0 */
	uint32_t datagrams; /* that are not DHCP's */
	uint32_t echoes; /* answers to pings */
	uint16_t data_from_port;
	uint16_t data_port;
	size_t data_bytes;
	uint8_t data[SMALL_LAN_DATA_BYTES];
};

extern struct small_lan small_lan;

void small_lan_reset(void);
/* Starts the node's network with a hint, or NULL. */
enum net_result small_lan_start(const struct net_lease *hint);
/* Lets so much time pass, in steps of at most 10 ms, or 100 ms when it is a second or more, and the peer answer. */
void small_lan_run(uint32_t ms);
/* Writes the frame of a datagram from the peer. Returns its length. */
size_t small_lan_datagram(uint8_t *frame, uint16_t from_port, uint32_t to, uint16_t port, const void *bytes,
			  size_t count);
/* Writes the frame of a ping from the peer. */
size_t small_lan_ping(uint8_t *frame, uint32_t to);
/* Writes a DHCP answer's message, without options behind the message type. Returns the length so far. */
size_t small_lan_answer(uint8_t *message, uint8_t kind, uint32_t address);
