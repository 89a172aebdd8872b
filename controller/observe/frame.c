/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/frame.h"

#include <string.h>

enum { ETHERNET_BYTES = 14, TAG_BYTES = 4, IP_BYTES = 20, UDP_BYTES = 8 };
enum { TYPE_IPV4 = 0x0800, TYPE_VLAN = 0x8100, PROTOCOL_UDP = 17 };

/* `at` is where the IPv4 header begins. */
static bool parse_ip(const uint8_t *bytes, size_t count, size_t at, struct frame *frame)
{
	if (count < at + IP_BYTES || bytes[at] >> 4 != 4) {
		return false;
	}
	const size_t header = (size_t)(bytes[at] & 15) * 4;
	const size_t total = frame_u16(bytes + at + 2);

	if (header < IP_BYTES || total < header + UDP_BYTES || count < at + header + UDP_BYTES ||
	    (frame_u16(bytes + at + 6) & 0x1fff) != 0 || bytes[at + 9] != PROTOCOL_UDP) {
		return false;
	}
	const uint8_t *udp = bytes + at + header;
	const size_t length = frame_u16(udp + 4);

	if (length < UDP_BYTES || length > total - header) {
		return false;
	}
	frame->from = frame_u32(bytes + at + 12);
	frame->to = frame_u32(bytes + at + 16);
	frame->from_port = frame_u16(udp);
	frame->to_port = frame_u16(udp + 2);
	frame->payload = udp + UDP_BYTES;
	frame->length = length - UDP_BYTES;
	const size_t there = count - at - header - UDP_BYTES;
	frame->bytes = there < frame->length ? there : frame->length;
	return true;
}

bool frame_parse(const uint8_t *bytes, size_t count, struct frame *frame)
{
	size_t at = ETHERNET_BYTES;

	memset(frame, 0, sizeof(*frame));
	if (count < ETHERNET_BYTES) {
		return false;
	}
	memcpy(frame->to_mac, bytes, 6);
	memcpy(frame->from_mac, bytes + 6, 6);
	uint16_t type = frame_u16(bytes + 12);
	if (type == TYPE_VLAN && count >= ETHERNET_BYTES + TAG_BYTES) {
		frame->vlan = frame_u16(bytes + 14) & 0x0fff;
		type = frame_u16(bytes + 16);
		at += TAG_BYTES;
	}
	return type == TYPE_IPV4 && parse_ip(bytes, count, at, frame);
}

void frame_clean(char *to, size_t room, const uint8_t *from, size_t count)
{
	while (count > 0 && (from[count - 1] == '\0' || from[count - 1] == ' ')) {
		count--;
	}
	count = count < room - 1 ? count : room - 1;
	for (size_t i = 0; i < count; i++) {
		to[i] = from[i] >= 0x20 && from[i] < 0x7f ? (char)from[i] : '?';
	}
	to[count] = '\0';
}
