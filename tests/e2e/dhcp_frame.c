/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet, IPv4, UDP and BOOTP by hand; all options of an arm64 U-Boot fit in the smallest message. */
#include "e2e/dhcp_frame.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

enum { IP_AT = 14, UDP_AT = 34, BOOTP_AT = 42, OPTIONS_AT = BOOTP_AT + 236, CLASS_MOST = 24 };

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint8_t *put_address(uint8_t *at, uint8_t option, uint32_t address)
{
	if (address == 0) {
		return at;
	}
	at[0] = option;
	at[1] = 4;
	put16(at + 2, address >> 16);
	put16(at + 4, address & 0xffff);
	return at + 6;
}

static void put_headers(uint8_t frame[DHCP_FRAME_BYTES])
{
	unsigned sum = 0;

	put16(frame + 12, ETH_P_IP);
	frame[IP_AT] = 0x45;
	put16(frame + IP_AT + 2, DHCP_FRAME_BYTES - IP_AT);
	frame[IP_AT + 8] = 64;
	frame[IP_AT + 9] = IPPROTO_UDP;
	memset(frame + IP_AT + 16, 0xff, 4);
	for (unsigned i = 0; i < 20; i += 2) {
		sum += (unsigned)frame[IP_AT + i] << 8 | frame[IP_AT + i + 1];
	}
	put16(frame + IP_AT + 10, ~((sum & 0xffff) + (sum >> 16)) & 0xffff);
	put16(frame + UDP_AT, 68);
	put16(frame + UDP_AT + 2, 67);
	put16(frame + UDP_AT + 4, DHCP_FRAME_BYTES - UDP_AT);
}

void dhcp_frame_put(uint8_t frame[DHCP_FRAME_BYTES], const struct dhcp_frame *message)
{
	const uint8_t options[] = {0x63, 0x82, 0x53, 0x63, 53, 1, message->kind, 93, 2, 0, 11, 94, 3, 1, 0, 0};
	const size_t length = strnlen(message->class, CLASS_MOST);
	uint8_t *at = frame + OPTIONS_AT;

	memset(frame, 0, DHCP_FRAME_BYTES);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, message->mac, 6);
	put_headers(frame);
	frame[BOOTP_AT] = 1;
	frame[BOOTP_AT + 1] = 1;
	frame[BOOTP_AT + 2] = 6;
	memcpy(frame + BOOTP_AT + 4, message->mac + 2, 4); /* transaction */
	frame[BOOTP_AT + 10] = 0x80; /* by broadcast */
	memcpy(frame + BOOTP_AT + 28, message->mac, 6);
	memcpy(at, options, sizeof(options));
	at += sizeof(options);
	*at++ = 60;
	*at++ = (uint8_t)length;
	memcpy(at, message->class, length);
	at = put_address(at + length, 50, message->requested);
	at = put_address(at, 54, message->server);
	*at = 255;
}
