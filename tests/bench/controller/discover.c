/* SPDX-License-Identifier: Apache-2.0 */
/* A DHCP DISCOVER as U-Boot's, on the loopback interface, where the measured aetherd looks with a packet socket. */
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/controller/fleet.h"

enum { IP_AT = 14, UDP_AT = 34, BOOTP_AT = 42, OPTIONS_AT = BOOTP_AT + 236, FRAME_BYTES = 342 };

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_headers(uint8_t frame[FRAME_BYTES])
{
	unsigned sum = 0;

	put16(frame + 12, ETH_P_IP);
	frame[IP_AT] = 0x45;
	put16(frame + IP_AT + 2, FRAME_BYTES - IP_AT);
	frame[IP_AT + 8] = 64;
	frame[IP_AT + 9] = IPPROTO_UDP;
	memset(frame + IP_AT + 16, 0xff, 4);
	for (unsigned i = 0; i < 20; i += 2) {
		sum += (unsigned)frame[IP_AT + i] << 8 | frame[IP_AT + i + 1];
	}
	put16(frame + IP_AT + 10, ~((sum & 0xffff) + (sum >> 16)) & 0xffff);
	put16(frame + UDP_AT, 68);
	put16(frame + UDP_AT + 2, 67);
	put16(frame + UDP_AT + 4, FRAME_BYTES - UDP_AT);
}

static void put_discover(uint8_t frame[FRAME_BYTES], const uint8_t mac[6])
{
	static const uint8_t options[] = {0x63, 0x82, 0x53, 0x63, 53, 1, 1, 93, 2, 0, 11, 94, 3, 1, 0, 0};
	static const char class[] = "U-Boot.armv8";
	uint8_t *at = frame + OPTIONS_AT;

	memset(frame, 0, FRAME_BYTES);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	put_headers(frame);
	frame[BOOTP_AT] = 1;
	frame[BOOTP_AT + 1] = 1;
	frame[BOOTP_AT + 2] = 6;
	memcpy(frame + BOOTP_AT + 4, mac + 2, 4); /* transaction */
	memcpy(frame + BOOTP_AT + 28, mac, 6);
	memcpy(at, options, sizeof(options));
	at += sizeof(options);
	*at++ = 60;
	*at++ = sizeof(class) - 1;
	memcpy(at, class, sizeof(class) - 1);
	at[sizeof(class) - 1] = 255;
}

uint64_t serve_discover(unsigned number)
{
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	const struct sockaddr_ll to = {.sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_IP),
				       .sll_ifindex = (int)if_nametoindex("lo"),
				       .sll_halen = 6};
	struct virtual_node node;
	uint8_t frame[FRAME_BYTES];
	struct timespec now;

	if (fd < 0) {
		return 0;
	}
	virtual_node_begin(&node, number, 0);
	put_discover(frame, node.mac);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	const bool ok = sendto(fd, frame, sizeof(frame), 0, (const struct sockaddr *)&to, sizeof(to)) > 0;
	close(fd);
	return ok ? (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u : 0;
}
