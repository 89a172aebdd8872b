/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a test keeps what it writes: in memory where it can, since every fsync() of a disk that others use too is a
 * wait of up to a second. Nothing there is executed: the mount may forbid it.
 */
#pragma once

#include <stdio.h>
#include <unistd.h>

/* A template for mkdtemp(). */
static inline void place_template(char *to, size_t room, const char *name)
{
	(void)snprintf(to, room, "%s/aether-%s.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", name);
}
