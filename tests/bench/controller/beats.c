/* SPDX-License-Identifier: Apache-2.0 */
/* Node i beats at i / count of each second: what comes is even, as of machines that were not switched on together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/controller/load.h"

enum { BATCH = 64, BUFFER_BYTES = 32 << 20, TURN_US = 500 };

static bool make_beat(struct beats *beats, unsigned i, uint8_t bytes[BEAT_MAX_BYTES], size_t *count)
{
	const unsigned order = atomic_load(&beats->orders[i]);
	struct virtual_node *node = &beats->nodes[i];

	if (order == BEATS_STOP) {
		return false;
	}
	if (order == BEATS_FAIL) {
		if (beats->failed != NULL && node->guests[0].state != WIRE_GUEST_FAILED) {
			beats->failed(i);
		}
		node->guests[0].state = WIRE_GUEST_FAILED;
		node->guests[0].reason = WIRE_REASON_NONE;
	}
	*count = virtual_node_beat(node, bytes);
	return *count > 0;
}

static void send_some(struct beats *beats, uint64_t from, uint64_t to)
{
	static uint8_t bytes[BATCH][BEAT_MAX_BYTES];
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	unsigned count = 0;

	for (uint64_t at = from; at < to; at++) {
		size_t size;
		if (make_beat(beats, (unsigned)(at % beats->count), bytes[count], &size)) {
			parts[count] = (struct iovec){.iov_base = bytes[count], .iov_len = size};
			messages[count] = (struct mmsghdr){
				.msg_hdr = {.msg_iov = &parts[count], .msg_iovlen = 1}};
			count++;
		}
	}
	for (unsigned done = 0; done < count;) {
		const int sent = sendmmsg(beats->fd, messages + done, count - done, 0);
		if (sent < 0 && errno != EINTR && errno != ECONNREFUSED) {
			return;
		}
		done += sent > 0 ? (unsigned)sent : 0;
		atomic_fetch_add(&beats->sent, sent > 0 ? (unsigned)sent : 0);
	}
}

/* A guest that gives back what is typed, as a terminal in raw mode does. */
static void echo(const struct beats *beats, struct virtual_node *node, uint64_t due)
{
	uint8_t bytes[DATAGRAM_MAX_BYTES];
	size_t size;

	if (node->consoles == NULL) {
		return;
	}
	const struct virtual_console *console = &node->consoles[0];
	const uint64_t typed = console->input_due - due;
	if (typed > 0 && typed <= sizeof(console->input)) {
		virtual_node_print(node, 0, console->input + sizeof(console->input) - typed, typed);
	}
	while ((size = virtual_node_output(node, clock_ms(), bytes)) > 0 &&
	       send(beats->fd, bytes, size, 0) > 0) {
	}
}

static void take(struct beats *beats, const uint8_t *bytes, size_t count)
{
	const uint64_t number = (virtual_node_boot_of(bytes, count) & 0xffffffffu) - 1;
	uint8_t beat[BEAT_MAX_BYTES];
	size_t size;

	if (number >= beats->count) {
		return;
	}
	struct virtual_node *node = &beats->nodes[number];
	const uint64_t due = node->consoles == NULL ? 0 : node->consoles[0].input_due;
	if (!virtual_node_take(node, bytes, count)) {
		return;
	}
	if (beats->echoes) {
		echo(beats, node, due);
	}
	atomic_fetch_add(&beats->acks, 1);
	if (node->must_answer && make_beat(beats, (unsigned)number, beat, &size) &&
	    send(beats->fd, beat, size, 0) > 0) {
		atomic_fetch_add(&beats->sent, 1);
	}
}

static unsigned receive_some(struct beats *beats)
{
	static uint8_t bytes[BATCH][DATAGRAM_MAX_BYTES];
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){.iov_base = bytes[i], .iov_len = DATAGRAM_MAX_BYTES};
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
	}
	const int count = recvmmsg(beats->fd, messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++) {
		take(beats, bytes[i], messages[i].msg_len);
	}
	return count > 0 ? (unsigned)count : 0;
}

static void *run(void *argument)
{
	struct beats *beats = argument;
	const uint64_t started_us = clock_us();
	uint64_t done = 0;

	while (!atomic_load(&beats->is_ending)) {
		const uint64_t now_us = clock_us() - started_us;
		const uint64_t due = now_us * beats->count / 1000000;
		const uint64_t to = due < done + BATCH ? due : done + BATCH;
		const uint64_t late_us = now_us - done * 1000000 / beats->count;

		if (to > done && late_us > atomic_load(&beats->late_us)) {
			atomic_store(&beats->late_us, late_us);
		}
		send_some(beats, done, to);
		done = to;
		if (receive_some(beats) == 0 && done == due) {
			nanosleep(&(struct timespec){.tv_nsec = TURN_US * 1000L}, NULL);
		}
	}
	return NULL;
}

bool beats_start(struct beats *beats)
{
	const int bytes = BUFFER_BYTES;

	beats->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (beats->fd < 0 ||
	    connect(beats->fd, (const struct sockaddr *)&beats->to, sizeof(beats->to)) != 0) {
		return false;
	}
	if (setsockopt(beats->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0) {
		(void)setsockopt(beats->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	}
	return pthread_create(&beats->thread, NULL, run, beats) == 0;
}

void beats_end(struct beats *beats)
{
	atomic_store(&beats->is_ending, true);
	pthread_join(beats->thread, NULL);
	close(beats->fd);
}
