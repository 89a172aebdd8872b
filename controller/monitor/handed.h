/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the monitor opens with its rights and hands to aetherd, by systemd's convention: LISTEN_FDS of them from
 * descriptor 3 on, their names in LISTEN_FDNAMES, for the process LISTEN_PID. N is the network's place in the file.
 *
 *   people       listening TCP socket for people
 *   nodes.N      listening TCP socket for nodes, on the network's address
 *   link.N       UDP socket for nodes, there too
 *   observer.N   packet socket on the network's interface, filtered
 *   dnsmasq      read end of the pipe that dnsmasq's log goes to
 *   monitor      SOCK_SEQPACKET: requests to the monitor, one word a message (monitor/word.h)
 */
#include <stdbool.h>

#include "base/fail.h"
#include "conf/conf.h"

enum { HANDED_MOST = 16, HANDED_NAME_BYTES = 16, HANDED_FIRST = 3 };

struct handed {
	unsigned count;
	struct {
		char name[HANDED_NAME_BYTES];
		int fd;
	} items[HANDED_MOST];
};

/* Takes `fd` under that name, printf's like. False: too many. */
bool handed_add(struct handed *handed, int fd, const char *name, unsigned place);
/* Opens all sockets of the configuration, close-on-exec; that for people may have been handed to us. False: *fail. */
bool handed_open(struct handed *handed, const struct conf *conf, struct fail *fail);
void handed_close(struct handed *handed);
/*
 * In a child between fork and exec: puts the descriptors in place, `keep` (-1: none) behind them, closes all others but
 * 0 to 2, and sets the environment. Returns false when a call fails.
 */
bool handed_give(const struct handed *handed, int keep);
