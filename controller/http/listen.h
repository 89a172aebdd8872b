/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Listening sockets: made, or handed in by whoever started the program (LISTEN_PID, LISTEN_FDS,
 * LISTEN_FDNAMES). All are non-blocking and closed on exec. -1: *fail, which names the address and the next
 * step.
 */
#include <netinet/in.h>
#include <stdbool.h>

#include "base/fail.h"

/* For people: refused beyond the loopback, since there is no HTTPS yet. */
int listen_for_people(const struct sockaddr_in *address, struct fail *fail);
int listen_tcp(const struct sockaddr_in *address, struct fail *fail);
/*
 * A Unix socket that everybody may connect to (who may do what is decided by peer credentials). One left
 * behind is replaced; a living one is not: FAIL_CONFLICT.
 */
int listen_unix(const char *path, struct fail *fail);
/* The inherited socket of that name. -1 with fail->kind FAIL_NOT_FOUND: none was handed in. */
int listen_inherited(const char *name, struct fail *fail);
/* An inherited socket for people is checked as one that is made. */
bool listen_is_for_people(int fd, struct fail *fail);
/* The port that a socket got, 0: not IPv4. */
uint16_t listen_port(int fd);
