/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out: acknowledgements and console input. What is said is put together under the locks, then encoded, sealed and
 * sent without them. A datagram that the kernel does not take is lost like any other: what it said is said again.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "link/own.h"

bool node_is_reachable(const struct node *node)
{
	return node->key_instance != 0 && node->address.sin_port != 0 && node_is_trusted(node);
}

/* Room for one to that node, which gets its key, address and sequence. */
static struct out *put(struct link *link, struct node *node)
{
	if (link->out_count == LINK_BATCH || node->sequence == UINT64_MAX) {
		return NULL;
	}
	struct out *out = &link->out[link->out_count++];

	const struct peer *peer = peer_of(link, node);

	out->socket = peer != NULL ? peer->socket : 0;
	out->key = node->key;
	out->to = node->address;
	node->sequence++;
	return out;
}

bool link_put_ack(struct link *link, struct node *node, uint64_t acked_sequence)
{
	struct out *out = put(link, node);

	if (out == NULL) {
		return false;
	}
	out->is_ack = true;
	memset(&out->ack, 0, sizeof(out->ack));
	out->ack.boot_id = node->boot_id;
	out->ack.instance = node->key_instance;
	out->ack.sequence = node->sequence;
	out->ack.acked_sequence = acked_sequence;
	node_wishes(node, &out->ack);
	struct peer *peer = peer_of(link, node);

	if (peer != NULL) {
		peer_ack(peer, &out->ack);
	}
	return true;
}

bool link_put_question(struct link *link, struct node *node, const struct in *in)
{
	if (link->out_count == LINK_BATCH || node->sequence == UINT64_MAX) {
		return false;
	}
	struct out *out = &link->out[link->out_count++];

	node->sequence++;
	out->is_ack = true;
	out->socket = in->socket;
	out->to = in->from;
	out->key = node->key;
	memset(&out->ack, 0, sizeof(out->ack));
	out->ack.boot_id = node->boot_id;
	out->ack.instance = node->key_instance;
	out->ack.sequence = node->sequence;
	return true;
}

bool link_put_input(struct link *link, struct node *node, const struct console_chunk *chunk)
{
	struct out *out = put(link, node);

	if (out == NULL) {
		return false;
	}
	out->is_ack = false;
	out->chunk = *chunk;
	out->chunk.boot_id = node->boot_id;
	out->chunk.instance = node->key_instance;
	out->chunk.sequence = node->sequence;
	memcpy(out->input, chunk->bytes, chunk->count);
	out->chunk.bytes = out->input;
	return true;
}

static size_t encode(struct out *out)
{
	size_t size;

	if (out->is_ack) {
		out->ack.wall_clock_ns = (uint64_t)clock_wall_ms() * 1000000u;
		size = ack_encode(&out->ack, out->bytes, sizeof(out->bytes));
	} else {
		size = console_encode(&out->chunk, out->bytes, sizeof(out->bytes));
	}
	if (size > 0) {
		seal_put(&out->key, out->bytes, size);
	}
	return size;
}

static void send_all(struct link *link, unsigned socket, struct mmsghdr *messages, unsigned count)
{
	unsigned at = 0;

	while (at < count) {
		const int sent = sendmmsg(link->fds[socket], messages + at, count - at, MSG_DONTWAIT);

		if (sent > 0) {
			at += (unsigned)sent;
			count_up(&link->sent, (uint64_t)sent);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
			count_up(&link->unsent, count - at);
			return;
		} else if (errno != EINTR) {
			/* That one alone: no route to it, or refused by a filter. */
			count_up(&link->unsent, 1);
			at++;
		}
	}
}

void link_flush(struct link *link)
{
	struct mmsghdr messages[LINK_BATCH];
	struct iovec vectors[LINK_BATCH];
	unsigned count = 0;
	unsigned socket = 0;

	for (unsigned i = 0; i < link->out_count; i++) {
		struct out *out = &link->out[i];
		const size_t size = encode(out);

		if (size == 0) {
			log_error("link",
				  "a datagram for boot %016llx cannot be encoded; this is a fault of the controller",
				  (unsigned long long)(out->is_ack ? out->ack.boot_id : out->chunk.boot_id));
			continue;
		}
		count_up(out->is_ack ? &link->acks : &link->input, 1);
		if (out->socket != socket) {
			send_all(link, socket, messages, count);
			socket = out->socket;
			count = 0;
		}
		vectors[count] = (struct iovec){.iov_base = out->bytes, .iov_len = size};
		messages[count] = (struct mmsghdr){
			.msg_hdr = {.msg_name = &out->to,
				    .msg_namelen = sizeof(out->to),
				    .msg_iov = &vectors[count],
				    .msg_iovlen = 1},
		};
		count++;
	}
	link->out_count = 0;
	send_all(link, socket, messages, count);
}

void link_send_due(struct link *link)
{
	bool is_more = true;

	while (is_more) {
		struct node *node = NULL;

		fleet_lock(link->fleet);
		pthread_mutex_lock(&link->lock);
		while (link->out_count < LINK_BATCH && (node = node_take_due(link->fleet)) != NULL) {
			if (node_is_reachable(node) && node->want.is_seeded) {
				(void)link_put_ack(link, node, 0);
			}
		}
		is_more = node != NULL;
		pthread_mutex_unlock(&link->lock);
		fleet_unlock(link->fleet);
		link_flush(link);
	}
}
