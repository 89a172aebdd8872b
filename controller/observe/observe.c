/* SPDX-License-Identifier: Apache-2.0 */
/* The observer's thread: packet sockets and dnsmasq's log in, the journal told. */
#include "observe/observe.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "observe/journal.h"

enum { BATCH = 64, FRAME_BYTES = 2048, LINE_BYTES = 2048, ROUNDS = 16 };

struct log_reader {
	int fd; /* -1: none */
	size_t held;
	bool skips; /* the rest of a line that was too long */
	char bytes[LINE_BYTES];
};

struct observe {
	struct observe_options options;
	struct observe_network networks[OBSERVE_NETWORKS_MOST];
	struct log_reader log;
	int wake; /* eventfd: end */
	pthread_t thread;
	pthread_mutex_t lock; /* of the journal and the figures */
	struct journal *journal;
	struct observe_figures figures;
	uint8_t frames[BATCH][FRAME_BYTES]; /* the thread's own */
};

static void take_frames(struct observe *observe, const struct observe_network *network)
{
	struct journal_place place = {
		.network = network->interface,
		.server = network->server,
		.ignores_unknown = network->ignores_unknown,
		.is_closed = network->is_closed,
	};
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	struct sockaddr_ll from[BATCH];

	memset(messages, 0, sizeof(messages));
	for (unsigned i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){.iov_base = observe->frames[i], .iov_len = FRAME_BYTES};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	/* Not for ever, whoever sends: the others' turn comes. */
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < BATCH; i++) {
			messages[i].msg_hdr.msg_name = &from[i];
			messages[i].msg_hdr.msg_namelen = sizeof(from[i]);
		}
		const int count = recvmmsg(network->fd, messages, BATCH, MSG_DONTWAIT, NULL);

		if (count <= 0) {
			return; /* nothing more; an interface that went down comes back */
		}
		const int64_t now_ms = clock_wall_ms();

		pthread_mutex_lock(&observe->lock);
		for (int i = 0; i < count; i++) {
			observe->figures.frames++;
			place.is_outgoing = messages[i].msg_hdr.msg_namelen >= sizeof(from[i]) &&
					    from[i].sll_pkttype == PACKET_OUTGOING;
			observe->figures.strange += !journal_frame(observe->journal, &place, observe->frames[i],
								   messages[i].msg_len, now_ms);
		}
		pthread_mutex_unlock(&observe->lock);
		if (count < BATCH) {
			return;
		}
	}
}

static void take_line(struct observe *observe, const char *text, size_t length)
{
	struct dnsmasq_line line;

	log_debug("dnsmasq", "%.*s", (int)length, text);
	pthread_mutex_lock(&observe->lock);
	observe->figures.log_lines++;
	if (dnsmasq_parse(text, length, &line)) {
		journal_line(observe->journal, &line, clock_wall_ms());
	}
	pthread_mutex_unlock(&observe->lock);
}

static void take_log(struct observe *observe)
{
	struct log_reader *log = &observe->log;
	const ssize_t got = read(log->fd, log->bytes + log->held, sizeof(log->bytes) - log->held);

	if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
		log_info("observe", "dnsmasq's log has ended");
		(void)close(log->fd);
		log->fd = -1;
		return;
	}
	if (got < 0) {
		return;
	}
	size_t start = 0;

	log->held += (size_t)got;
	for (;;) {
		const char *end = memchr(log->bytes + start, '\n', log->held - start);

		if (end == NULL) {
			break;
		}
		const size_t length = (size_t)(end - log->bytes) - start;

		if (!log->skips) {
			take_line(observe, log->bytes + start, length);
		}
		log->skips = false;
		start += length + 1;
	}
	log->held -= start;
	memmove(log->bytes, log->bytes + start, log->held);
	if (log->held == sizeof(log->bytes)) {
		log->skips = true;
		log->held = 0;
	}
}

static void *run(void *argument)
{
	struct observe *observe = argument;
	struct pollfd polls[OBSERVE_NETWORKS_MOST + 2];
	const unsigned count = observe->options.network_count;

	for (;;) {
		for (unsigned i = 0; i < count; i++) {
			polls[i] = (struct pollfd){.fd = observe->networks[i].fd, .events = POLLIN};
		}
		polls[count] = (struct pollfd){.fd = observe->log.fd, .events = POLLIN};
		polls[count + 1] = (struct pollfd){.fd = observe->wake, .events = POLLIN};
		(void)poll(polls, count + 2, JOURNAL_MOVES_MS);
		/* Frames first: they say what the log's lines are about. */
		for (unsigned i = 0; i < count; i++) {
			if (polls[i].revents != 0) {
				take_frames(observe, &observe->networks[i]);
			}
		}
		if (polls[count + 1].revents != 0) {
			return NULL;
		}
		if (observe->log.fd >= 0 && polls[count].revents != 0) {
			take_log(observe);
		}
		pthread_mutex_lock(&observe->lock);
		journal_pass(observe->journal, clock_wall_ms());
		pthread_mutex_unlock(&observe->lock);
	}
}

static void close_all(struct observe *observe)
{
	for (unsigned i = 0; i < observe->options.network_count; i++) {
		(void)close(observe->networks[i].fd);
	}
	if (observe->log.fd >= 0) {
		(void)close(observe->log.fd);
	}
}

struct observe *observe_start(const struct observe_options *options, struct fail *fail)
{
	if (options->network_count > OBSERVE_NETWORKS_MOST) {
		fail_set(fail, FAIL_INVALID, "%u networks are more than %d", options->network_count,
			 OBSERVE_NETWORKS_MOST);
		return NULL;
	}
	struct observe *observe = calloc(1, sizeof(*observe));
	const struct journal_options journal = {
		.fleet = options->fleet, .knows = options->knows, .leased = options->leased,
		.argument = options->argument};

	if (observe == NULL) {
		fail_set(fail, FAIL_UNAVAILABLE, "the observer has no memory");
		return NULL;
	}
	observe->options = *options;
	memcpy(observe->networks, options->networks, options->network_count * sizeof(*options->networks));
	observe->log.fd = options->log_fd;
	observe->journal = journal_new(&journal);
	observe->wake = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&observe->lock, NULL);
	if (observe->journal == NULL || observe->wake < 0 ||
	    pthread_create(&observe->thread, NULL, run, observe) != 0) {
		fail_set(fail, FAIL_UNAVAILABLE, "the observer cannot start: no memory, descriptor or thread is left");
		journal_free(observe->journal);
		if (observe->wake >= 0) {
			(void)close(observe->wake);
		}
		pthread_mutex_destroy(&observe->lock);
		free(observe); /* the descriptors stay the caller's */
		return NULL;
	}
	return observe;
}

void observe_sent(struct observe *observe, struct in_addr client, const char *path, uint64_t bytes)
{
	pthread_mutex_lock(&observe->lock);
	journal_sent(observe->journal, ntohl(client.s_addr), path, bytes, clock_wall_ms());
	pthread_mutex_unlock(&observe->lock);
}

void observe_leased(struct observe *observe, const uint8_t mac[6], uint32_t address, bool is_gone)
{
	pthread_mutex_lock(&observe->lock);
	journal_leased(observe->journal, mac, address, is_gone);
	pthread_mutex_unlock(&observe->lock);
}

void observe_figures(struct observe *observe, struct observe_figures *figures)
{
	pthread_mutex_lock(&observe->lock);
	for (unsigned i = 0; i < observe->options.network_count; i++) {
		struct tpacket_stats stats;
		socklen_t size = sizeof(stats);

		/* Reading makes it zero. */
		if (getsockopt(observe->networks[i].fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) {
			observe->figures.dropped += stats.tp_drops;
		}
	}
	observe->figures.sightings = journal_sightings(observe->journal);
	observe->figures.steps = journal_steps(observe->journal);
	*figures = observe->figures;
	pthread_mutex_unlock(&observe->lock);
}

void observe_stop(struct observe *observe)
{
	const uint64_t one = 1;

	if (observe == NULL) {
		return;
	}
	while (write(observe->wake, &one, sizeof(one)) < 0 && errno == EINTR) {
	}
	pthread_join(observe->thread, NULL);
	close_all(observe);
	(void)close(observe->wake);
	journal_free(observe->journal);
	pthread_mutex_destroy(&observe->lock);
	free(observe);
}
