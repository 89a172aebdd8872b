/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/controller/small_wire.h"

#include <string.h>

const uint8_t wire_mac[6] = {0x52, 0x54, 0x00, 0x77, 0x00, 0x01};
const uint8_t wire_server_mac[6] = {0x02, 0x00, 0x00, 0x00, 0x00, 0xfe};

static void put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

void wire_udp(struct wire_frame *frame, uint16_t vlan, uint32_t from, uint16_t from_port, uint32_t to,
	      uint16_t to_port, const void *payload, size_t count)
{
	const size_t tag = vlan != 0 ? 4 : 0;
	uint8_t *ip = frame->bytes + 14 + tag;

	memset(frame, 0, sizeof(*frame));
	memcpy(frame->bytes, from == WIRE_SERVER ? wire_mac : wire_server_mac, 6);
	memcpy(frame->bytes + 6, from == WIRE_SERVER ? wire_server_mac : wire_mac, 6);
	if (vlan != 0) {
		put16(frame->bytes + 12, 0x8100);
		put16(frame->bytes + 14, vlan);
	}
	put16(frame->bytes + 12 + tag, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, 28 + count);
	ip[8] = 64;
	ip[9] = 17;
	put32(ip + 12, from);
	put32(ip + 16, to);
	put16(ip + 20, from_port);
	put16(ip + 22, to_port);
	put16(ip + 24, 8 + count);
	memcpy(ip + 28, payload, count);
	frame->count = 14 + tag + 28 + count;
}

uint8_t *wire_payload(struct wire_frame *frame)
{
	return frame->bytes + 42;
}

void wire_dhcp(struct wire_frame *frame, uint8_t kind, uint32_t yours, const void *options, size_t count)
{
	const int is_reply = kind == 2 || kind == 5 || kind == 6;
	uint8_t message[1400] = {(uint8_t)(is_reply ? 2 : 1), 1, 6};

	put32(message + 4, 0x12345678);
	put32(message + 16, yours);
	memcpy(message + 28, wire_mac, 6);
	put32(message + 236, 0x63825363);
	message[240] = 53;
	message[241] = 1;
	message[242] = kind;
	memcpy(message + 243, options, count);
	message[243 + count] = 255;
	wire_udp(frame, 0, is_reply ? WIRE_SERVER : 0, is_reply ? 67 : 68, is_reply ? yours : UINT32_MAX,
		 is_reply ? 68 : 67, message, 244 + count);
}
