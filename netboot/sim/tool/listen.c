/* SPDX-License-Identifier: Apache-2.0 */
/* The people's socket of a simulation: it is opened in the host's network, and used in the simulation's. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/tool/tool.h"

enum { TRIES = 200, BACKLOG = 1024, FD = 3 };

int tool_listen(int argc, char **argv)
{
	const long first = argc > 1 ? strtol(argv[0], NULL, 10) : 0;
	const int on = 1;
	char text[16];

	if (first < 1 || first > 65535 - TRIES) {
		fputs("sim-tool: listen PORT COMMAND...\n", stderr);
		return 2;
	}
	for (unsigned port = (unsigned)first; port < (unsigned)first + TRIES; port++) {
		const struct sockaddr_in address = {
			.sin_family = AF_INET,
			.sin_port = htons((uint16_t)port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		};
		const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0) {
			break;
		}
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0) {
			close(fd);
			continue;
		}
		/* dup2() onto itself would leave it close-on-exec. */
		const int high = dup(fd);
		close(fd);
		if (high < 0 || (high != FD && dup2(high, FD) < 0)) {
			break;
		}
		if (high != FD) {
			close(high);
		}
		snprintf(text, sizeof(text), "%u", port);
		setenv("SIM_PORT", text, 1);
		setenv("LISTEN_FDS", "1", 1);
		setenv("LISTEN_FDNAMES", "people", 1);
		execvp(argv[1], argv + 1);
		break;
	}
	fprintf(stderr, "sim-tool: no port from %ld on can be used at 127.0.0.1: %s\n", first, strerror(errno));
	return 1;
}
