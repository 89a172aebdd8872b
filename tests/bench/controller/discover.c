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
#include "e2e/dhcp_frame.h"
#include "observe/dhcp.h"

uint64_t serve_discover(unsigned number)
{
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	const struct sockaddr_ll to = {.sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_IP),
				       .sll_ifindex = (int)if_nametoindex("lo"),
				       .sll_halen = 6};
	struct dhcp_frame message = {.kind = DHCP_DISCOVER, .class = "U-Boot.armv8"};
	struct virtual_node node;
	uint8_t frame[DHCP_FRAME_BYTES];
	struct timespec now;

	if (fd < 0) {
		return 0;
	}
	virtual_node_begin(&node, number, 0);
	memcpy(message.mac, node.mac, sizeof(message.mac));
	dhcp_frame_put(frame, &message);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	const bool ok = sendto(fd, frame, sizeof(frame), 0, (const struct sockaddr *)&to, sizeof(to)) > 0;
	close(fd);
	return ok ? (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u : 0;
}
