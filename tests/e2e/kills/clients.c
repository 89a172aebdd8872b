/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCP clients on the wire's far end: ask for an address, and again for the one that they have. A lease counts when its
 * ACK is here. Frames that come are our own server's, and still parsed by the observer's bounded parser.
 */
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "e2e/dhcp_frame.h"
#include "e2e/kills/kills.h"
#include "observe/dhcp.h"
#include "observe/frame.h"

enum { ANSWER_MS = 250, TURN_MS = 4, FAR_BYTES = 1600 };

struct far {
	struct kills *kills;
	int fd;
	struct sockaddr_ll to;
	uint64_t random;
};

static bool hear(struct far *far, const uint8_t mac[6], enum dhcp_kind *kind, struct dhcp *dhcp)
{
	const uint64_t until_ms = clock_ms() + ANSWER_MS;
	uint8_t bytes[FAR_BYTES];
	struct frame frame;

	for (uint64_t now_ms = clock_ms(); now_ms < until_ms; now_ms = clock_ms()) {
		struct pollfd wait = {.fd = far->fd, .events = POLLIN};
		const ssize_t count = poll(&wait, 1, (int)(until_ms - now_ms)) == 1
					      ? recv(far->fd, bytes, sizeof(bytes), MSG_DONTWAIT)
					      : -1;
		if (count > 0 && frame_parse(bytes, (size_t)count, &frame) && frame.to_port == DHCP_CLIENT_PORT &&
		    dhcp_parse(frame.payload, frame.bytes, dhcp) && dhcp->is_reply && memcmp(dhcp->mac, mac, 6) == 0 &&
		    (dhcp->kind == *kind || dhcp->kind == DHCP_NAK)) {
			*kind = dhcp->kind;
			return true;
		}
	}
	return false;
}

static bool say(struct far *far, const struct dhcp_frame *message, enum dhcp_kind wanted, struct dhcp *dhcp)
{
	uint8_t frame[DHCP_FRAME_BYTES];
	enum dhcp_kind kind = wanted;

	dhcp_frame_put(frame, message);
	return sendto(far->fd, frame, sizeof(frame), 0, (const struct sockaddr *)&far->to, sizeof(far->to)) > 0 &&
	       hear(far, message->mac, &kind, dhcp) && kind == wanted;
}

static void lease(struct far *far, unsigned number)
{
	struct kills *kills = far->kills;
	struct dhcp_frame message = {
		.mac = {0x52, 0x54, 1, 0, (uint8_t)(number >> 8), (uint8_t)number},
		.kind = DHCP_REQUEST,
		.requested = kills->leases[number].address,
		.class = "U-Boot.armv8",
	};
	struct dhcp dhcp;

	if (message.requested == 0) {
		message.kind = DHCP_DISCOVER;
		if (!say(far, &message, DHCP_OFFER, &dhcp)) {
			return;
		}
		message.kind = DHCP_REQUEST;
		message.requested = dhcp.yours;
		message.server = dhcp.server;
	}
	dhcp.kind = DHCP_BOOTP;
	if (!say(far, &message, DHCP_ACK, &dhcp)) {
		if (dhcp.kind == DHCP_NAK && kills->leases[number].address != 0) {
			if (!kills->leases[number].may_be_lost) {
				complain(kills, "client %u is refused the address that it has", number);
			}
			kills->leases[number].address = 0;
		}
		return;
	}
	if (kills->leases[number].address != 0 && kills->leases[number].address != dhcp.yours) {
		complain(kills, "client %u gets another address than the one it has", number);
	}
	kills->leases[number].address = dhcp.yours;
	kills->leases[number].at_ms = clock_ms();
	kills->leases[number].may_be_lost = false;
	atomic_fetch_add(&kills->leases_acked, 1);
}

static void *run(void *argument)
{
	static struct far far;

	far = (struct far){.kills = argument, .random = ((struct kills *)argument)->seed * 104729 + 5};
	far.to = (struct sockaddr_ll){.sll_family = AF_PACKET,
				      .sll_protocol = htons(ETH_P_IP),
				      .sll_ifindex = (int)if_nametoindex("far0"),
				      .sll_halen = 6};
	far.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));
	if (far.fd < 0 || bind(far.fd, (const struct sockaddr *)&far.to, sizeof(far.to)) != 0) {
		complain(far.kills, "no packet socket on far0");
		return NULL;
	}
	while (work_begin(far.kills)) {
		lease(&far, chance(&far.random, CLIENTS));
		work_end(far.kills);
		pause_ms(TURN_MS);
	}
	close(far.fd);
	return NULL;
}

void clients_lose(struct kills *kills)
{
	const uint64_t now_ms = clock_ms();

	for (unsigned i = 0; i < CLIENTS; i++) {
		if (kills->leases[i].address != 0 && now_ms - kills->leases[i].at_ms < MOMENT_MS) {
			kills->leases[i].may_be_lost = true;
		}
	}
}

bool clients_start(struct kills *kills)
{
	return pthread_create(&kills->clients, NULL, run, kills) == 0;
}
