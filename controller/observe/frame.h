/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A UDP datagram inside an Ethernet frame. Pure; all of the input is hostile, and may be cut off behind any byte. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame {
	uint8_t from_mac[6], to_mac[6];
	uint16_t vlan; /* 802.1Q; 0: none, or priority alone */
	uint32_t from, to; /* addresses, host byte order */
	uint16_t from_port, to_port;
	const uint8_t *payload; /* inside the frame */
	size_t bytes; /* of the payload that are there */
	size_t length; /* of the payload as it was sent: >= bytes */
};

/* False: no whole IPv4 header with a first fragment of UDP in it. Checksums are not looked at: this host's own frames
 * do not have them yet. */
bool frame_parse(const uint8_t *bytes, size_t count, struct frame *frame);

/* Big-endian numbers of packets. */
static inline uint16_t frame_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t frame_u32(const uint8_t *at)
{
	return (uint32_t)frame_u16(at) << 16 | frame_u16(at + 2);
}

/* Copies as printable ASCII, anything else as '?', NUL terminated, cut at `room`; trailing NULs and spaces go. */
void frame_clean(char *to, size_t room, const uint8_t *from, size_t count);
