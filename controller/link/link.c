/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link's thread: it waits for datagrams, for a wake, or for the next moment that something is due. With thousands
 * of datagrams a second it lets them gather for GATHER_MS, which spares a turn for each; a wake is heard at once even
 * then.
 */
#include "link/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "link/own.h"

enum {
	WAIT_MOST_MS = 1000,
	RATE_MS = 500,
	RATE_BUSY = 1000, /* datagrams in RATE_MS */
	GATHER_MS = 3,
	BATCHES_A_TURN = 16,
};

void link_poke(struct link *link)
{
	const uint64_t one = 1;

	if (!atomic_exchange(&link->is_woken, true)) {
		(void)!write(link->wake_fd, &one, sizeof(one));
	}
}

static void on_wish(void *argument)
{
	link_poke(argument);
}

static void measure(struct link *link, unsigned count)
{
	const uint64_t now = clock_ms();

	link->rate_count += count;
	if (now - link->rate_ms >= RATE_MS) {
		link->is_crowded = link->rate_count >= RATE_BUSY;
		link->rate_count = 0;
		link->rate_ms = now;
	}
}

/* Consoles: what is due, and what is to be told. Returns how long it may be until the next turn. */
static int turn(struct link *link)
{
	uint64_t next_ms;
	uint64_t now_ms;
	bool is_full;

	do {
		fleet_lock(link->fleet);
		pthread_mutex_lock(&link->lock);
		now_ms = clock_ms();
		next_ms = link->busy == NULL ? UINT64_MAX : peers_turn(link, now_ms);
		fleet_unlock(link->fleet);
		consoles_tell(link);
		pthread_mutex_unlock(&link->lock);
		is_full = link->out_count == LINK_BATCH;
		link_flush(link);
	} while (is_full);
	return next_ms <= now_ms ? 0 : next_ms - now_ms < WAIT_MOST_MS ? (int)(next_ms - now_ms) : WAIT_MOST_MS;
}

static void sleep_until_due(struct link *link, int wait_ms)
{
	struct pollfd polls[1 + LINK_SOCKETS_MOST] = {{.fd = link->wake_fd, .events = POLLIN}};
	uint64_t count;

	for (unsigned i = 0; i < link->fd_count; i++) {
		polls[1 + i] = (struct pollfd){.fd = link->fds[i], .events = POLLIN};
	}
	if (link->is_crowded) {
		(void)poll(polls, 1, wait_ms < GATHER_MS ? wait_ms : GATHER_MS);
	}
	if (polls[0].revents == 0) {
		(void)poll(polls, 1 + link->fd_count, wait_ms);
	}
	if (polls[0].revents != 0) {
		(void)!read(link->wake_fd, &count, sizeof(count));
	}
}

static void *run(void *argument)
{
	struct link *link = argument;

	while (!atomic_load(&link->must_end)) {
		unsigned received = 0;
		bool is_more = false;

		for (unsigned socket = 0; socket < link->fd_count; socket++) {
			unsigned count = LINK_BATCH;

			for (unsigned i = 0; i < BATCHES_A_TURN && count == LINK_BATCH; i++) {
				count = link_receive(link, socket);
				received += count;
			}
			is_more = is_more || count == LINK_BATCH;
		}
		measure(link, received);
		if (atomic_exchange(&link->is_woken, false)) {
			link_send_due(link);
		}
		sleep_until_due(link, is_more ? 0 : turn(link));
	}
	return NULL;
}

static struct link *give_up(struct link *link, struct fail *fail, const char *what, int error)
{
	fail_set(fail, FAIL_INTERNAL, "the link to the nodes cannot start: %s: %s", what, strerror(error));
	if (link != NULL) {
		if (link->wake_fd >= 0) {
			(void)close(link->wake_fd);
		}
		free(link);
	}
	return NULL;
}

static void close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		(void)close(fds[i]);
	}
}

struct link *link_start(const struct link_options *options, struct fail *fail)
{
	const bool fits = options->more_count < LINK_SOCKETS_MOST;
	struct link *link = fits ? calloc(1, sizeof(*link)) : NULL;

	if (link == NULL) {
		(void)close(options->fd);
		close_all(options->more, fits ? options->more_count : LINK_SOCKETS_MOST - 1);
		return give_up(link, fail, fits ? "memory" : "networks", fits ? ENOMEM : E2BIG);
	}
	link->fleet = options->fleet;
	link->fds[0] = options->fd;
	link->fd_count = 1 + options->more_count;
	memcpy(link->fds + 1, options->more, options->more_count * sizeof(options->more[0]));
	link->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	link->rate_ms = clock_ms();
	link->first_sequence = (uint64_t)clock_wall_ms() * 1000;
	(void)pthread_mutex_init(&link->lock, NULL);
	const struct fleet_link hooks = {.wake = on_wish, .free = peer_free, .argument = link};

	fleet_link(link->fleet, &hooks);
	const int error = link->wake_fd < 0 ? errno : pthread_create(&link->thread, NULL, run, link);

	if (error != 0) {
		fleet_link(link->fleet, &(const struct fleet_link){.wake = NULL});
		close_all(link->fds, link->fd_count);
		return give_up(link, fail, "thread", error);
	}
	return link;
}

void link_stop(struct link *link)
{
	if (link == NULL) {
		return;
	}
	atomic_store(&link->must_end, true);
	atomic_store(&link->is_woken, false);
	link_poke(link);
	(void)pthread_join(link->thread, NULL);
	/* Peers end with the fleet's nodes, which outlive the link. */
	fleet_lock(link->fleet);
	for (struct peer *peer = link->peers; peer != NULL; peer = link->peers) {
		struct node *const holders[] = {
			node_by_boot(link->fleet, peer->boot_id), /* a ghost, too */
			node_by_id(link->fleet, peer->id), /* which has another boot by now */
		};

		for (unsigned i = 0; i < 2; i++) {
			if (holders[i] != NULL && holders[i]->link == peer) {
				holders[i]->link = NULL;
			}
		}
		peer_free(link, peer);
	}
	fleet_unlock(link->fleet);
	fleet_link(link->fleet, &(const struct fleet_link){.wake = NULL});
	consoles_free(link);
	(void)pthread_mutex_destroy(&link->lock);
	close_all(link->fds, link->fd_count);
	(void)close(link->wake_fd);
	explicit_bzero(link, sizeof(*link));
	free(link);
}

void link_figures(struct link *link, struct link_figures *figures)
{
	*figures = (struct link_figures){
#define X(name) .name = atomic_load_explicit(&link->name, memory_order_relaxed),
		LINK_COUNTERS(X)
#undef X
	};
	for (unsigned i = 0; i < link->fd_count; i++) {
		uint32_t memory[SK_MEMINFO_VARS] = {0};
		socklen_t size = sizeof(memory);

		if (getsockopt(link->fds[i], SOL_SOCKET, SO_MEMINFO, memory, &size) == 0) {
			figures->overflows += memory[SK_MEMINFO_DROPS];
		}
	}
	pthread_mutex_lock(&link->lock);
	figures->consoles = link->console_count;
	figures->watches = link->watch_count;
	pthread_mutex_unlock(&link->lock);
}
