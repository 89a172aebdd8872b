/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests/e2e/provisioner: a boot loader's questions. Prints one line of what it got; exit status 1: nothing.
 *     netclient dhcp INTERFACE uboot|efi|pi|pc   DISCOVER, and REQUEST for what is offered
 *     netclient tftp SERVER FILE [BLOCKS]        a file; of only so many blocks, then silence
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "observe/dhcp.h"
#include "observe/frame.h"

enum { WAIT_MS = 2000, MESSAGE_BYTES = 400 };

struct kind {
	const char *name;
	const char *options;
	size_t bytes;
};
#define KIND(name, literal)                                                                                          \
	{                                                                                                            \
		(name), (literal), sizeof(literal) - 1                                                               \
	}
static const struct kind kinds[] = {
	KIND("uboot", "\074\014U-Boot.armv8\135\002\0\026\067\006\001\003\006\014\021\321"),
	KIND("efi", "\074\040PXEClient:Arch:00011:UNDI:003000\135\002\0\013\067\006\001\003\006\014\053\103"),
	KIND("pi", "\074\040PXEClient:Arch:00000:UNDI:002001\135\002\0\0\141\021\0RPi4\022\061\300\0\062\247\355\211"
		   "\235\156\357\345\067\006\001\003\053\074\102\103"),
	KIND("pc", "\074\040PXEClient:Arch:00000:UNDI:002001\135\002\0\0\067\006\001\003\053\074\102\103"),
};

static int listener(const char *interface, uint8_t mac[6])
{
	const struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(DHCP_CLIENT_PORT)};
	struct ifreq request = {.ifr_ifindex = 0};
	const int on = 1;
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(request.ifr_name, interface, strnlen(interface, IFNAMSIZ - 1));
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface) + 1) < 0 ||
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		perror(interface);
		exit(2);
	}
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return fd;
}

/* Sends `message`, waits for an answer of that kind. */
static bool ask(int fd, const uint8_t *message, enum dhcp_kind wanted, uint8_t *answer, size_t *bytes,
		struct dhcp *dhcp)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(DHCP_SERVER_PORT), .sin_addr.s_addr = INADDR_BROADCAST};
	struct pollfd waits = {.fd = fd, .events = POLLIN};

	(void)sendto(fd, message, MESSAGE_BYTES, 0, (const struct sockaddr *)&to, sizeof(to));
	while (poll(&waits, 1, WAIT_MS) > 0) {
		const ssize_t got = recv(fd, answer, 1500, 0);

		if (got > 0 && dhcp_parse(answer, (size_t)got, dhcp) && dhcp->is_reply && dhcp->kind == wanted) {
			*bytes = (size_t)got;
			return true;
		}
	}
	return false;
}

static int dhcp(const char *interface, const struct kind *kind)
{
	uint8_t message[MESSAGE_BYTES] = {1, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0x80};
	uint8_t mac[6], answer[1500];
	uint8_t *options = message + 243 + kind->bytes;
	size_t bytes;
	struct dhcp got;
	const int fd = listener(interface, mac);

	memcpy(message + 28, mac, 6);
	memcpy(message + 236, "\143\202\123\143\065\1\1", 7);
	memcpy(message + 243, kind->options, kind->bytes);
	options[0] = 255;
	if (!ask(fd, message, DHCP_OFFER, answer, &bytes, &got)) {
		(void)puts("nothing");
		return 1;
	}
	const uint32_t wanted[] = {htonl(got.yours), htonl(got.server)};

	message[242] = DHCP_REQUEST;
	memcpy(options, "\062\4", 2);
	memcpy(options + 2, &wanted[0], 4);
	memcpy(options + 6, "\066\4", 2);
	memcpy(options + 8, &wanted[1], 4);
	options[12] = 255;
	if (!ask(fd, message, DHCP_ACK, answer, &bytes, &got)) {
		(void)puts("an offer and no more");
		return 1;
	}
	(void)printf("%u.%u.%u.%u file=%s menu=%s\n", got.yours >> 24, got.yours >> 16 & 255, got.yours >> 8 & 255,
		     got.yours & 255, got.boot_file,
		     memmem(answer, bytes, "Raspberry Pi Boot   \377", 21) != NULL ? "yes" : "no");
	return 0;
}

static int tftp(const char *server, const char *file, long blocks)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(69), .sin_addr.s_addr = inet_addr(server)};
	struct pollfd waits = {.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), .events = POLLIN};
	uint8_t packet[600] = {0, 1};
	size_t total = 0;
	const int length = snprintf((char *)packet + 2, 200, "%s%coctet", file, '\0');

	(void)sendto(waits.fd, packet, (size_t)length + 3, 0, (const struct sockaddr *)&at, sizeof(at));
	for (long block = 0; poll(&waits, 1, WAIT_MS) > 0; block++) {
		socklen_t size = sizeof(at);
		const ssize_t got = recvfrom(waits.fd, packet, sizeof(packet), 0, (struct sockaddr *)&at, &size);

		if (got < 4 || packet[1] != 3) {
			break;
		}
		total += (size_t)got - 4;
		if (blocks != 0 && block == blocks) {
			break;
		}
		packet[1] = 4;
		(void)sendto(waits.fd, packet, 4, 0, (const struct sockaddr *)&at, sizeof(at));
		if (got < 516) {
			(void)printf("%zu\n", total);
			return 0;
		}
	}
	(void)puts("not whole");
	return 1;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 4 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(argv[1], "dhcp") == 0 && strcmp(argv[3], kinds[i].name) == 0) {
			return dhcp(argv[2], &kinds[i]);
		}
	}
	if ((argc == 4 || argc == 5) && strcmp(argv[1], "tftp") == 0) {
		return tftp(argv[2], argv[3], argc == 5 ? atol(argv[4]) : 0);
	}
	(void)fprintf(stderr, "usage: netclient dhcp INTERFACE uboot|efi|pi|pc | tftp SERVER FILE [BLOCKS]\n");
	return 2;
}
