/* SPDX-License-Identifier: Apache-2.0 */
/* The peer of small_lan.h, written from the RFCs (791, 768, 792, 826, 2131), not with the stack's own code. */
#include "unit/small_lan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "service/hvcall.h"

enum {
	ETHERNET = 14,
	IP = 20,
	UDP = 8,
	DHCP_OPTIONS = 240,
	DHCP_OFFER = 2,
	DHCP_ACK = 5,
	DHCP_NAK = 6,
};

struct small_lan small_lan;

static const uint8_t peer_mac[6] = {0x52, 0x54, 0x00, 0xaa, 0xbb, 0xcc};

int64_t hvcall_log(const char *bytes, size_t byte_count)
{
	(void)bytes;
	(void)byte_count;
	return 0;
}

int64_t hvcall_alive(void)
{
	return 0;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value & 0xffff);
}

static uint16_t sum(const uint8_t *bytes, size_t count, uint32_t start)
{
	uint32_t total = start;

	for (size_t i = 0; i < count; i++) {
		total += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	}
	while (total > 0xffff) {
		total = (total & 0xffff) + (total >> 16);
	}
	return (uint16_t)total;
}

static uint32_t pseudo_sum(const uint8_t *ip, size_t count)
{
	return (uint32_t)sum(ip + 12, 8, 0) + ip[9] + (uint32_t)count;
}

/* --- from the peer --- */

static void write_ip(uint8_t *frame, uint8_t protocol, uint32_t to, size_t payload)
{
	uint8_t *ip = frame + ETHERNET;

	memcpy(frame, small_card.mac, 6);
	memcpy(frame + 6, peer_mac, 6);
	put16(frame + 12, 0x0800);
	memset(ip, 0, IP);
	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)(IP + payload));
	ip[8] = 64;
	ip[9] = protocol;
	put32(ip + 12, SMALL_LAN_PEER);
	put32(ip + 16, to);
	put16(ip + 10, 0xffffu - sum(ip, IP, 0));
}

size_t small_lan_datagram(uint8_t *frame, uint16_t from_port, uint32_t to, uint16_t port, const void *bytes,
			  size_t count)
{
	uint8_t *udp = frame + ETHERNET + IP;

	write_ip(frame, 17, to, UDP + count);
	put16(udp, from_port);
	put16(udp + 2, port);
	put16(udp + 4, (uint32_t)(UDP + count));
	put16(udp + 6, 0);
	memcpy(udp + UDP, bytes, count);
	put16(udp + 6, 0xffffu - sum(udp, UDP + count, pseudo_sum(frame + ETHERNET, UDP + count)));
	return ETHERNET + IP + UDP + count;
}

size_t small_lan_ping(uint8_t *frame, uint32_t to)
{
	uint8_t *icmp = frame + ETHERNET + IP;

	write_ip(frame, 1, to, 40);
	memset(icmp, 0x5a, 40);
	icmp[0] = 8;
	icmp[1] = 0;
	put16(icmp + 2, 0);
	put16(icmp + 2, 0xffffu - sum(icmp, 40, 0));
	return ETHERNET + IP + 40;
}

static void receive(const uint8_t *frame, size_t bytes)
{
	assert_true(small_card_receive(frame, bytes));
}

size_t small_lan_answer(uint8_t *message, uint8_t kind, uint32_t address)
{
	memset(message, 0, DHCP_OPTIONS);
	message[0] = 2;
	message[1] = 1;
	message[2] = 6;
	put32(message + 4, small_lan.last.xid);
	put32(message + 16, address);
	put32(message + 20, SMALL_LAN_NEXT_SERVER);
	memcpy(message + 28, small_card.mac, 6);
	put32(message + 236, 0x63825363);
	message[DHCP_OPTIONS] = 53;
	message[DHCP_OPTIONS + 1] = 1;
	message[DHCP_OPTIONS + 2] = kind;
	return DHCP_OPTIONS + 3;
}

static size_t put_option(uint8_t *message, size_t at, uint8_t option, uint32_t value)
{
	message[at] = option;
	message[at + 1] = 4;
	put32(message + at + 2, value);
	return at + 6;
}

static void answer(uint8_t kind)
{
	uint8_t frame[AETHER_NIC_BUFFER_BYTES];
	uint8_t message[512];
	size_t at = small_lan_answer(message, kind, kind == DHCP_NAK ? 0 : small_lan.offer);

	at = put_option(message, at, 54, SMALL_LAN_PEER);
	if (kind != DHCP_NAK) {
		at = put_option(message, at, 51, small_lan.lease_seconds);
		at = put_option(message, at, 1, SMALL_LAN_NETMASK);
		at = put_option(message, at, 3, SMALL_LAN_PEER);
	}
	message[at++] = 255;
	receive(frame, small_lan_datagram(frame, 67, kind == DHCP_NAK ? UINT32_MAX : small_lan.offer, 68, message, at));
}

static void answer_arp(const uint8_t *request)
{
	uint8_t frame[60] = {0};
	uint8_t *arp = frame + ETHERNET;

	small_lan.arps++;
	small_lan.arp_probes += get32(request + 14) == 0;
	if (get32(request + 24) != SMALL_LAN_PEER) {
		return;
	}
	memcpy(frame, small_card.mac, 6);
	memcpy(frame + 6, peer_mac, 6);
	put16(frame + 12, 0x0806);
	memcpy(arp, request, 6);
	put16(arp + 6, 2);
	memcpy(arp + 8, peer_mac, 6);
	put32(arp + 14, SMALL_LAN_PEER);
	memcpy(arp + 18, request + 8, 10);
	receive(frame, sizeof(frame));
}

/* --- to the peer --- */

static uint32_t option(const uint8_t *message, size_t bytes, uint8_t wanted)
{
	size_t at = DHCP_OPTIONS;

	while (at + 2 < bytes && message[at] != 255) {
		if (message[at] == 0) {
			at++;
			continue;
		}
		if (message[at] == wanted) {
			return message[at + 1] == 4 ? get32(message + at + 2) : message[at + 2];
		}
		at += 2u + message[at + 1];
	}
	return 0;
}

static void take_dhcp(const uint8_t *ip, const uint8_t *message, size_t bytes)
{
	assert_true(bytes >= DHCP_OPTIONS);
	small_lan.last = (struct small_lan_message){
		.kind = option(message, bytes, 53),
		.xid = get32(message + 4),
		.source = get32(ip + 12),
		.to = get32(ip + 16),
		.ciaddr = get32(message + 12),
		.requested = option(message, bytes, 50),
		.server = option(message, bytes, 54),
	};
	switch (small_lan.last.kind) {
	case SMALL_LAN_DISCOVER:
		small_lan.discovers++;
		break;
	case SMALL_LAN_REQUEST:
		small_lan.requests++;
		break;
	case SMALL_LAN_RELEASE:
		small_lan.releases++;
		return;
	default:
		fail_msg("DHCP message %u", small_lan.last.kind);
	}
	if (!small_lan.is_silent) {
		answer(small_lan.last.kind == SMALL_LAN_DISCOVER ? DHCP_OFFER :
		       small_lan.is_refusing			 ? DHCP_NAK :
								   DHCP_ACK);
	}
}

static void take_ip(const uint8_t *ip, size_t bytes)
{
	const uint8_t *udp = ip + IP;
	const size_t length = get16(ip + 2);

	assert_true(bytes >= IP && length <= bytes && ip[0] == 0x45);
	assert_int_equal(sum(ip, IP, 0), 0xffff);
	if (ip[9] == 1) {
		assert_int_equal(sum(udp, length - IP, 0), 0xffff);
		small_lan.echoes += udp[0] == 0;
		return;
	}
	if (ip[9] != 17) {
		return; /* a fuzzer's answers by TCP */
	}
	assert_int_equal(sum(udp, length - IP, pseudo_sum(ip, length - IP)), 0xffff);
	if (get16(udp + 2) == 67) {
		take_dhcp(ip, udp + UDP, length - IP - UDP);
		return;
	}
	small_lan.datagrams++;
	small_lan.data_from_port = get16(udp);
	small_lan.data_port = get16(udp + 2);
	small_lan.data_bytes = length - IP - UDP;
	memcpy(small_lan.data, udp + UDP, small_lan.data_bytes);
}

static void take_frames(void)
{
	uint8_t frame[AETHER_NIC_BUFFER_BYTES];
	size_t bytes = 0;

	while (small_card_sent(frame, &bytes)) {
		assert_memory_equal(frame + 6, small_card.mac, 6);
		if (get16(frame + 12) == 0x0806 && frame[ETHERNET + 7] == 1) {
			answer_arp(frame + ETHERNET);
		} else if (get16(frame + 12) == 0x0800) {
			take_ip(frame + ETHERNET, bytes - ETHERNET);
		}
	}
}

/* --- time --- */

void small_lan_reset(void)
{
	small_card_reset();
	small_card.ticks = 5 * SMALL_LAN_HZ;
	memset(&small_lan, 0, sizeof(small_lan));
	small_lan.offer = SMALL_LAN_NODE;
	small_lan.lease_seconds = 120;
}

enum net_result small_lan_start(const struct net_lease *hint)
{
	struct net_config config = {
		.nic_kind = AETHER_NIC_VIRTIO,
		.nic_header_bytes = SMALL_CARD_HEADER_BYTES,
		.counter_hz = SMALL_LAN_HZ,
		.seed = {1, 2, 3},
	};

	if (hint != NULL) {
		config.hint = *hint;
	}
	return net_start(&config);
}

/* As the service's loop does: polls, and sleeps for as long as it is told. */
void small_lan_run(uint32_t ms)
{
	const uint64_t step = ms < 1000 ? SMALL_LAN_HZ / 100 : SMALL_LAN_HZ / 10;
	const uint64_t until = small_card.ticks + (uint64_t)ms * (SMALL_LAN_HZ / 1000);

	while (small_card.ticks < until) {
		take_frames();
		net_poll(small_card.ticks);
		const uint64_t wait = net_wait(small_card.ticks);
		small_card.ticks += wait < step ? wait + 1 : step;
	}
	take_frames();
}
