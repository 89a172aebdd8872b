/* SPDX-License-Identifier: Apache-2.0 */
/* sim-tool: one program for what the scripts of make sim need beside themselves. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "sim/tool/tool.h"

int tool_connect(const char *path, int timeout_s)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval timeout = {.tv_sec = timeout_s};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path)) {
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} tools[] = {{"listen", tool_listen}, {"ask", tool_ask}, {"power", tool_power}};

	for (size_t i = 0; argc > 1 && i < sizeof(tools) / sizeof(tools[0]); i++) {
		if (strcmp(argv[1], tools[i].name) == 0) {
			return tools[i].run(argc - 2, argv + 2);
		}
	}
	fputs("usage: sim-tool listen PORT COMMAND... | ask SOCKET METHOD PATH [BODY] | power FOLDER ACTION MAC\n",
	      stderr);
	return 2;
}
