/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/peer/flood.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sim/peer/event.h"

#define TURN_MAX 256u
#define BATCH 64u
#define ROOM 1472u

/* A quarter looks right but for its tag, the rest is random from its first byte. */
static size_t make_garbage(const struct link *link, uint8_t *bytes)
{
	const size_t count = (size_t)random() % ROOM + 1;

	for (size_t i = 0; i < count; i += 4) {
		const uint32_t word = (uint32_t)random();

		memcpy(bytes + i, &word, sizeof(word));
	}
	if (random() % 4 == 0 && count >= DATAGRAM_MIN_BYTES && count <= DATAGRAM_MAX_BYTES) {
		const uint8_t head[16] = {
			'A', 'E', 'W', '1', DATAGRAM_VERSION, DATAGRAM_ACK, (uint8_t)count, (uint8_t)(count >> 8)};

		memcpy(bytes, head, 8);
		memcpy(bytes + 8, &link->flood_boot_id, 8);
	}
	return count;
}

static void send_batch(struct link *link, unsigned count)
{
	static uint8_t bytes[BATCH][ROOM + 4];
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH];

	memset(messages, 0, sizeof(messages));
	for (unsigned i = 0; i < count; i++) {
		parts[i] = (struct iovec){.iov_base = bytes[i], .iov_len = make_garbage(link, bytes[i])};
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &link->flood_to,
			.msg_namelen = sizeof(link->flood_to),
			.msg_iov = &parts[i],
			.msg_iovlen = 1,
		};
	}
	const int sent = sendmmsg(link->fd, messages, count, 0);

	link->flood_sent += sent > 0 ? (uint64_t)sent : 0;
}

void flood_send(struct link *link, int *wait_ms)
{
	if (link->flood_rate == 0) {
		return;
	}
	const uint64_t now = now_us();
	const uint64_t until = now < link->flood_end_us ? now : link->flood_end_us;
	const uint64_t due = (until - link->flood_start_us) * link->flood_rate / 1000000u;
	uint64_t left = due > link->flood_sent ? due - link->flood_sent : 0;

	/* What the machine is too slow for is not made up for. */
	left = left < TURN_MAX ? left : TURN_MAX;
	while (left > 0) {
		const unsigned count = left < BATCH ? (unsigned)left : BATCH;

		send_batch(link, count);
		left -= count;
	}
	if (now >= link->flood_end_us) {
		event("flood ends sent=%llu", (unsigned long long)link->flood_sent);
		link->flood_rate = 0;
		return;
	}
	*wait_ms = *wait_ms < 1 ? *wait_ms : 1;
}

void link_flood(struct link *link, const struct node *node, uint64_t rate, uint64_t ms)
{
	link->flood_to = node->address;
	link->flood_boot_id = node->hello.boot_id;
	link->flood_rate = rate;
	link->flood_start_us = now_us();
	link->flood_end_us = link->flood_start_us + ms * 1000u;
	link->flood_sent = 0;
	event("flood begins node=%s rate=%llu", node->name, (unsigned long long)rate);
}
