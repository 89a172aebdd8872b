/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets for aetherd. Addresses and interfaces are the configuration's; the environment is our starter's, who is root.
 */
#include "monitor/handed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/listen.h"
#include "link/link.h"
#include "observe/open.h"

bool handed_add(struct handed *handed, int fd, const char *name, unsigned place)
{
	if (handed->count == HANDED_MOST) {
		return false;
	}
	snprintf(handed->items[handed->count].name, HANDED_NAME_BYTES, name, place);
	handed->items[handed->count++].fd = fd;
	return true;
}

static struct sockaddr_in endpoint(uint32_t address, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(address),
	};
}

static int open_people(const struct conf *conf, struct fail *fail)
{
	const struct sockaddr_in address = endpoint(conf->people_address, conf->people_port);
	const int fd = listen_inherited("people", fail);

	if (fd >= 0) {
		return listen_is_for_people(fd, fail) ? fd : -1;
	}
	return fail->kind == FAIL_NOT_FOUND ? listen_for_people(&address, fail) : -1;
}

static bool take(struct handed *handed, int fd, const char *name, unsigned place)
{
	return fd >= 0 && handed_add(handed, fd, name, place);
}

static bool open_network(struct handed *handed, const struct conf *conf, unsigned place, struct fail *fail)
{
	const struct conf_network *network = &conf->networks[place];
	const struct sockaddr_in address = endpoint(network->address, conf->node_port);

	return take(handed, listen_tcp(&address, fail), "nodes.%u", place) &&
	       take(handed, link_socket(&address, fail), "link.%u", place) &&
	       take(handed, observe_open(network->interface, fail), "observer.%u", place);
}

bool handed_open(struct handed *handed, const struct conf *conf, struct fail *fail)
{
	bool is_good = take(handed, open_people(conf, fail), "people", 0);

	for (unsigned i = 0; is_good && i < conf->network_count; i++) {
		is_good = open_network(handed, conf, i, fail);
	}
	if (!is_good) {
		handed_close(handed);
	}
	return is_good;
}

void handed_close(struct handed *handed)
{
	for (unsigned i = 0; i < handed->count; i++) {
		close(handed->items[i].fd);
	}
	handed->count = 0;
}

bool handed_give(const struct handed *handed, int keep)
{
	char names[HANDED_MOST * HANDED_NAME_BYTES] = "", count[12], pid[12];
	int high[HANDED_MOST + 1];
	const unsigned all = handed->count + (keep >= 0);

	/* First out of the way, then down: a place may be another one's descriptor. */
	for (unsigned i = 0; i < all; i++) {
		high[i] = fcntl(i < handed->count ? handed->items[i].fd : keep, F_DUPFD_CLOEXEC, 64);
		if (high[i] < 0) {
			return false;
		}
	}
	for (unsigned i = 0; i < all; i++) {
		if (dup2(high[i], HANDED_FIRST + (int)i) < 0) {
			return false;
		}
	}
	for (unsigned i = 0; i < handed->count; i++) {
		strcat(names, i == 0 ? "" : ":");
		strcat(names, handed->items[i].name);
	}
	close_range(HANDED_FIRST + all, ~0u, 0);
	snprintf(count, sizeof(count), "%u", handed->count);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	return setenv("LISTEN_FDS", count, 1) == 0 && setenv("LISTEN_FDNAMES", names, 1) == 0 &&
	       setenv("LISTEN_PID", pid, 1) == 0;
}
