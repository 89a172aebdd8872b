/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors by the names that they came with. The environment is the starter's, who is trusted. */
#include "main/inherited.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST = 3, NAME_BYTES = 32, MOST = 32 };

/* How many; 0: none, or they are for another process. */
static int count(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	if (pid == NULL || fds == NULL || strtol(pid, NULL, 10) != (long)getpid()) {
		return 0;
	}
	const long value = strtol(fds, NULL, 10);
	return value > 0 && value <= MOST ? (int)value : 0;
}

int inherited(const char *format, unsigned place)
{
	const char *names = getenv("LISTEN_FDNAMES");
	char name[NAME_BYTES];

	snprintf(name, sizeof(name), format, place);
	for (int i = 0; names != NULL && i < count(); i++) {
		const size_t length = strcspn(names, ":");

		if (length == strlen(name) && strncmp(names, name, length) == 0) {
			fcntl(FIRST + i, F_SETFD, FD_CLOEXEC);
			return FIRST + i;
		}
		if (names[length] == '\0') {
			break;
		}
		names += length + 1;
	}
	return -1;
}

int inherited_lock(void)
{
	const int fd = FIRST + count();

	/* Behind those that have names; of the monitor, which alone sends "monitor", it always comes. */
	return inherited("monitor", 0) >= 0 && fcntl(fd, F_GETFD) >= 0 ? fd : -1;
}
