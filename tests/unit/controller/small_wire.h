/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Frames by hand: Ethernet, IPv4, UDP around a message; and DHCP messages with any options. */
#include <stddef.h>
#include <stdint.h>

enum { WIRE_FRAME_BYTES = 1600 };

struct wire_frame {
	uint8_t bytes[WIRE_FRAME_BYTES];
	size_t count;
};

#define WIRE_SERVER 0x0a4d0001u
#define WIRE_NODE 0x0a4d000bu
extern const uint8_t wire_mac[6]; /* of the node: 52:54:00:77:00:01 */
extern const uint8_t wire_server_mac[6];

/* A datagram; `vlan` 0: no tag. From the server's MAC when `from` is its address. */
void wire_udp(struct wire_frame *frame, uint16_t vlan, uint32_t from, uint16_t from_port, uint32_t to, uint16_t to_port,
	      const void *payload, size_t count);
/* A DHCP message of the node, to or from the server: fixed fields and these options (an END is put behind them). */
void wire_dhcp(struct wire_frame *frame, uint8_t kind, uint32_t yours, const void *options, size_t count);
/* The message of the frame, to be changed in place. */
uint8_t *wire_payload(struct wire_frame *frame);
