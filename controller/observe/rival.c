/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/rival.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "observe/dhcp.h"
#include "observe/frame.h"
#include "observe/open.h"

enum { AT_IP = 14, AT_UDP = AT_IP + 20, AT_DHCP = AT_UDP + 8, DHCP_BYTES = 300 - 28, AGAIN_MS = 1000 };
_Static_assert(AT_DHCP + DHCP_BYTES <= RIVAL_FRAME_BYTES, "the frame has room for the message");

static void put_u16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* RFC 1071. */
static uint16_t checksum(const uint8_t *bytes, size_t count)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < count; i += 2) {
		sum += frame_u16(bytes + i);
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~((sum & 0xffff) + (sum >> 16));
}

size_t rival_discover(uint8_t frame[static RIVAL_FRAME_BYTES], const uint8_t mac[static 6], uint32_t xid)
{
	/* A DISCOVER that asks for mask and router, as any machine's. */
	static const uint8_t options[] = {0x63, 0x82, 0x53, 0x63, 53, 1, DHCP_DISCOVER, 55, 2, 1, 3, 255};
	uint8_t *ip = frame + AT_IP;
	uint8_t *udp = frame + AT_UDP;
	uint8_t *dhcp = frame + AT_DHCP;

	memset(frame, 0, RIVAL_FRAME_BYTES);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	put_u16(frame + 12, 0x0800);
	ip[0] = 0x45;
	put_u16(ip + 2, 20 + 8 + DHCP_BYTES);
	ip[8] = 64;
	ip[9] = 17;
	memset(ip + 16, 0xff, 4);
	put_u16(ip + 10, checksum(ip, 20));
	put_u16(udp, DHCP_CLIENT_PORT);
	put_u16(udp + 2, DHCP_SERVER_PORT);
	put_u16(udp + 4, 8 + DHCP_BYTES); /* no checksum: RFC 768 allows it */
	dhcp[0] = 1;
	dhcp[1] = 1;
	dhcp[2] = 6;
	put_u16(dhcp + 4, xid >> 16);
	put_u16(dhcp + 6, xid);
	dhcp[10] = 0x80; /* answer by broadcast: we have no address to be answered at */
	memcpy(dhcp + 28, mac, 6);
	memcpy(dhcp + 236, options, sizeof(options));
	return AT_DHCP + DHCP_BYTES;
}

bool rival_is_answer(const uint8_t *bytes, size_t count, const uint8_t mac[static 6], uint32_t xid,
		     struct rival *rival)
{
	struct frame frame;
	struct dhcp dhcp;

	if (!frame_parse(bytes, count, &frame) || frame.vlan != 0 || frame.to_port != DHCP_CLIENT_PORT ||
	    !dhcp_parse(frame.payload, frame.bytes, &dhcp) || !dhcp.is_reply || dhcp.xid != xid ||
	    memcmp(dhcp.mac, mac, 6) != 0 || (dhcp.kind != DHCP_OFFER && dhcp.kind != DHCP_ACK)) {
		return false;
	}
	*rival = (struct rival){.is_there = true,
				.is_here = memcmp(frame.from_mac, mac, 6) == 0,
				.address = dhcp.server != 0 ? dhcp.server : frame.from,
				.offered = dhcp.yours};
	memcpy(rival->mac, frame.from_mac, 6);
	return true;
}

static bool mac_of(int fd, const char *interface, uint8_t mac[6])
{
	struct ifreq request = {.ifr_ifindex = 0};

	memcpy(request.ifr_name, interface, strnlen(interface, IFNAMSIZ - 1));
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0) {
		return false;
	}
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return true;
}

static long now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads what came. */
static bool read_answer(int fd, const uint8_t mac[6], uint32_t xid, struct rival *rival)
{
	uint8_t bytes[2048];

	for (unsigned i = 0; i < 1024; i++) {
		const ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (got < 0) {
			return false;
		}
		if (rival_is_answer(bytes, (size_t)got, mac, xid, rival)) {
			return true;
		}
	}
	return false;
}

static bool ask(int fd, const char *interface, const uint8_t mac[6], uint32_t xid, unsigned wait_ms,
		struct rival *rival, struct fail *fail)
{
	uint8_t frame[RIVAL_FRAME_BYTES];
	const size_t count = rival_discover(frame, mac, xid);
	const long end = now_ms() + (long)wait_ms;
	long next = now_ms();

	for (long now = next; now < end; now = now_ms()) {
		if (now >= next) {
			next = now + AGAIN_MS;
			if (send(fd, frame, count, 0) < 0) {
				return fail_set(fail, FAIL_UNAVAILABLE,
						"%s: cannot look for another DHCP server there: %s%s", interface,
						strerror(errno),
						errno == ENETDOWN ? "; bring it up: `ip link set dev NAME up`" : "");
			}
		}
		struct pollfd waits = {.fd = fd, .events = POLLIN};

		if (poll(&waits, 1, (int)((next < end ? next : end) - now)) > 0 && read_answer(fd, mac, xid, rival)) {
			return true;
		}
	}
	return true;
}

bool rival_search(const char *interface, unsigned wait_ms, struct rival *rival, struct fail *fail)
{
	uint8_t mac[6];
	uint32_t xid;
	bool is_done = false;

	*rival = (struct rival){.is_there = false};
	const int fd = observe_open(interface, fail);

	if (fd < 0) {
		return false;
	}
	if (!mac_of(fd, interface, mac) || getrandom(&xid, sizeof(xid), 0) != sizeof(xid)) {
		fail_set(fail, FAIL_INTERNAL, "%s: its MAC address or a random number is not to be had: %s", interface,
			 strerror(errno));
	} else {
		is_done = ask(fd, interface, mac, xid, wait_ms, rival, fail);
	}
	(void)close(fd);
	return is_done;
}

bool rival_refuse(const char *interface, const struct rival *rival, struct fail *fail)
{
	const uint32_t ip = rival->address;
	const uint8_t *mac = rival->mac;

	return fail_set(fail, FAIL_CONFLICT,
			"%s: %s, %u.%u.%u.%u (MAC %02x:%02x:%02x:%02x:%02x:%02x), answers there: end it, or say "
			"`force = true` for this network if it must stay",
			interface, rival->is_here ? "a DHCP server on this very host" : "another DHCP server", ip >> 24,
			ip >> 16 & 255, ip >> 8 & 255, ip & 255, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}
