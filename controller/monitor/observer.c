/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the observer's socket. What it lets through stands in observe/filter.h, with those who read it. */
#include "monitor/observer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int observer_open(const char *interface, struct fail *fail)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	address.sll_ifindex = (int)if_nametoindex(interface);
	if (address.sll_ifindex == 0) {
		fail_set(fail, FAIL_NOT_FOUND, "there is no interface '%s': 'ip link' lists them", interface);
		return -1;
	}
	/* Protocol 0: it hears nothing until the filter is there and it is bound. */
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		return fd;
	}
	fail_set(fail, FAIL_UNAVAILABLE, "cannot observe %s: %s; it needs CAP_NET_RAW", interface, strerror(errno));
	if (fd >= 0) {
		close(fd);
	}
	return -1;
}
