/* SPDX-License-Identifier: Apache-2.0 */
/* The link's socket: apart, since the monitor makes it too, without the rest of the link. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/link.h"

enum { BUFFER_BYTES = 8 << 20 };

int link_socket(const struct sockaddr_in *address, struct fail *fail)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int bytes = BUFFER_BYTES;
	char text[INET_ADDRSTRLEN] = "";

	if (fd < 0) {
		fail_set(fail, FAIL_INTERNAL, "no UDP socket: %s", strerror(errno));
		return -1;
	}
	/* Above the system's limit with the right to it, else as much as that allows. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	}
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		(void)inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
		fail_set(fail, FAIL_INTERNAL, "UDP port %u of %s cannot be used: %s; see what has it with 'ss -ulpn'",
			 ntohs(address->sin_port), text, strerror(errno));
		(void)close(fd);
		return -1;
	}
	return fd;
}
