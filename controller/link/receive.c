/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In: a batch of datagrams in four passes. Headers, without a lock; keys, under the fleet's; tags and bodies,
 * without; then what they say, under both locks, for a node that is looked up again since it may have gone. A
 * datagram counts only after its tag was right under the key of its boot and instance and its sequence was new; until
 * then nothing of it is believed or kept, its sender's address neither. Hostile: every byte, and after the tag still
 * all that a node says.
 *
 * A datagram whose tag is right may be a recording: what was seen of a boot's sequences is in memory alone, so behind a
 * restart of the controller, and for a boot that memory had let go, any of it looks new. Such a boot is first asked:
 *
 *   unproven -> asked   [its newest beat: an acknowledgement of ours goes to where that came from]
 *   asked -> proven     [a beat that has heard it, or a later one, and nothing that was not sent]
 *   (new) -> proven     [it began with a hello to this run; one that is repeated proves nothing]
 *
 * Until it is proven nothing follows from what it says: no contact, no address, no output, no clash. What we ask has a
 * sequence above all that earlier runs sent (they are microseconds of the wall clock from the run's start), so no
 * recording has heard it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "link/own.h"

enum { TELL_MS = 1000 };

static unsigned fetch(struct link *link, unsigned socket)
{
	struct mmsghdr messages[LINK_BATCH];
	struct iovec vectors[LINK_BATCH];

	for (unsigned i = 0; i < LINK_BATCH; i++) {
		vectors[i] = (struct iovec){.iov_base = link->in[i].bytes, .iov_len = sizeof(link->in[i].bytes)};
		messages[i] = (struct mmsghdr){
			.msg_hdr = {.msg_name = &link->in[i].from,
				    .msg_namelen = sizeof(link->in[i].from),
				    .msg_iov = &vectors[i],
				    .msg_iovlen = 1},
		};
	}
	const int count = recvmmsg(link->fds[socket], messages, LINK_BATCH, MSG_DONTWAIT, NULL);

	for (int i = 0; i < count; i++) {
		struct in *in = &link->in[i];

		in->size = messages[i].msg_len;
		in->socket = socket;
		in->verdict = IN_MALFORMED;
		in->is_next_key = false;
		if (messages[i].msg_hdr.msg_namelen != sizeof(in->from) || in->from.sin_family != AF_INET) {
			in->size = 0;
		}
	}
	return count > 0 ? (unsigned)count : 0;
}

static bool read_headers(struct link *link, unsigned count)
{
	struct wire_error error;
	bool is_any = false;

	for (unsigned i = 0; i < count; i++) {
		struct in *in = &link->in[i];

		if (datagram_decode_header(in->bytes, in->size, &in->header, &error) &&
		    ((unsigned)in->header.type & DATAGRAM_FROM_CONTROLLER) == 0) {
			in->verdict = IN_UNKNOWN;
			is_any = true;
		}
	}
	return is_any;
}

static void find_keys(struct link *link, unsigned count)
{
	fleet_lock(link->fleet);
	for (unsigned i = 0; i < count; i++) {
		struct in *in = &link->in[i];
		const struct node *node =
			in->verdict == IN_UNKNOWN ? node_by_boot(link->fleet, in->header.boot_id) : NULL;

		if (node == NULL) {
			continue;
		}
		if (in->header.instance < node->key_instance) {
			in->verdict = IN_OLD_INSTANCE;
			continue;
		}
		in->verdict = IN_FOUND;
		if (in->header.instance == node->key_instance) {
			in->key = node->key;
		} else {
			in->is_next_key = true;
			memcpy(in->boot_key, node->boot_key, sizeof(in->boot_key));
		}
	}
	fleet_unlock(link->fleet);
}

static void read_body(struct in *in)
{
	struct wire_error error;
	bool is_read;

	if (in->is_next_key) {
		uint8_t key[SEAL_KEY_BYTES];

		seal_derive(in->boot_key, in->header.instance, key);
		seal_set_key(&in->key, key);
		explicit_bzero(key, sizeof(key));
		explicit_bzero(in->boot_key, sizeof(in->boot_key));
	}
	if (!seal_check(&in->key, in->bytes, in->size)) {
		in->verdict = IN_BAD_TAG;
		return;
	}
	if (in->header.type == DATAGRAM_BEAT) {
		in->verdict = IN_BEAT;
		is_read = beat_decode(in->bytes, in->size, &in->beat, &error);
	} else {
		in->verdict = IN_OUTPUT;
		is_read = console_decode(in->bytes, in->size, &in->chunk, &error);
	}
	in->verdict = is_read ? in->verdict : IN_UNREADABLE;
}

static bool read_bodies(struct link *link, unsigned count)
{
	bool is_any = false;

	for (unsigned i = 0; i < count; i++) {
		if (link->in[i].verdict == IN_FOUND) {
			read_body(&link->in[i]);
			is_any = is_any || link->in[i].verdict != IN_BAD_TAG;
		}
	}
	return is_any;
}

/* The instance's key is the node's from now on. False: it has an even newer one. */
static bool adopt(struct node *node, const struct in *in)
{
	if (in->header.instance > node->key_instance) {
		node->key = in->key;
		node->key_instance = in->header.instance;
		node->sequence = 0;
		node->asked = 0;
	}
	return in->header.instance == node->key_instance;
}

/* May be asked: trusted, the boot before of one that is, or in a clash. */
static bool may_ask(const struct node *node)
{
	const struct node *of = node->is_ghost ? node->of : node;

	return of->clash[0] != '\0' || node_is_trusted(of);
}

static bool is_proven(struct link *link, struct node *node, const struct in *in)
{
	const uint64_t heard = in->beat.heard_sequence;

	if (!node->is_proven && node->asked != 0 && heard >= node->asked && heard <= node->sequence) {
		node->is_proven = true;
	}
	if (node->is_proven || !may_ask(node)) {
		return node->is_proven;
	}
	const uint64_t least = heard < INT64_MAX && heard > link->first_sequence ? heard : link->first_sequence;

	if (node->asked == 0 || node->sequence < least) {
		node->sequence = node->sequence > least ? node->sequence : least;
		node->asked = node->sequence + 1;
	}
	(void)link_put_question(link, node, in);
	return false;
}

static void take_beat(struct link *link, struct node *node, const struct beat *beat)
{
	/* It heard more than was sent: an earlier run of the controller said it. */
	if (beat->heard_sequence > node->sequence && beat->heard_sequence < INT64_MAX) {
		node->sequence = beat->heard_sequence;
	}
	node_beat(link->fleet, node, beat);
	/* What it meant may have ended an earlier boot. */
	node = node_by_boot(link->fleet, beat->boot_id);
	if (node == NULL || !node_is_reachable(node)) {
		return;
	}
	struct peer *peer = peer_of(link, node);

	if (peer != NULL) {
		peer_beat(link, peer, beat);
	}
	(void)link_put_ack(link, node, beat->sequence);
}

static void take(struct link *link, struct in *in)
{
	struct node *node = node_by_boot(link->fleet, in->header.boot_id);
	bool is_newest = false;

	if (node == NULL) {
		in->verdict = IN_UNKNOWN;
		return;
	}
	if (in->header.instance < node->key_instance || !replay_accept(&node->replay, &in->header, &is_newest) ||
	    !adopt(node, in)) {
		in->verdict = IN_OLD_INSTANCE;
		return;
	}
	if (in->verdict == IN_BEAT && is_newest && !is_proven(link, node, in)) {
		return;
	}
	if (!node->is_proven) {
		return;
	}
	if (is_newest) {
		struct peer *peer = peer_of(link, node);

		node->address = in->from;
		if (peer != NULL) {
			peer->socket = in->socket;
		}
	}
	if (in->verdict == IN_BEAT && is_newest) {
		take_beat(link, node, &in->beat);
	} else if (in->verdict == IN_OUTPUT && node_is_trusted(node)) {
		struct peer *peer = peer_of(link, node);

		if (peer != NULL) {
			peer_output(link, node, peer, &in->chunk);
		}
	}
}

static void count_all(struct link *link, unsigned count)
{
	static const char *const words[] = {
		[IN_MALFORMED] = "not a node's datagram",
		[IN_UNKNOWN] = "of no boot that said hello here",
		[IN_OLD_INSTANCE] = "seen before, or of an earlier instance of the node's service",
		[IN_BAD_TAG] = "its tag is wrong",
		[IN_UNREADABLE] =
			"its tag is right and its content is not; node and controller are of versions that do not fit",
	};
	const struct in *told = NULL;

	for (unsigned i = 0; i < count; i++) {
		const struct in *in = &link->in[i];

		count_up(in->verdict == IN_MALFORMED || in->verdict == IN_UNREADABLE ? &link->malformed
			 : in->verdict == IN_UNKNOWN				     ? &link->unknown
			 : in->verdict == IN_OLD_INSTANCE			     ? &link->replays
			 : in->verdict == IN_BAD_TAG				     ? &link->bad_tags
			 : in->verdict == IN_BEAT				     ? &link->beats
										     : &link->output,
			 1);
		told = in->verdict <= IN_UNREADABLE ? in : told;
	}
	const uint64_t now = clock_ms();

	if (told != NULL && (link->told_ms == 0 || now - link->told_ms >= TELL_MS)) {
		const uint64_t dropped = link->malformed + link->unknown + link->replays + link->bad_tags;
		char address[INET_ADDRSTRLEN] = "";

		(void)inet_ntop(AF_INET, &told->from.sin_addr, address, sizeof(address));
		log_warn("link", "dropped %llu datagrams, the last from %s:%u: %s",
			 (unsigned long long)(dropped - link->dropped_before), address, ntohs(told->from.sin_port),
			 words[told->verdict]);
		link->told_ms = now;
		link->dropped_before = dropped;
	}
}

unsigned link_receive(struct link *link, unsigned socket)
{
	const unsigned count = fetch(link, socket);
	const uint64_t begin_us = clock_us();

	if (count == 0) {
		return 0;
	}
	count_up(&link->received, count);
	count_up(&link->batches, 1);
	if (read_headers(link, count)) {
		find_keys(link, count);
		if (read_bodies(link, count)) {
			fleet_lock(link->fleet);
			pthread_mutex_lock(&link->lock);
			for (unsigned i = 0; i < count; i++) {
				if (link->in[i].verdict >= IN_UNREADABLE) {
					take(link, &link->in[i]);
				}
			}
			pthread_mutex_unlock(&link->lock);
			fleet_unlock(link->fleet);
		}
	}
	for (unsigned i = 0; i < count; i++) {
		if (link->in[i].verdict == IN_UNKNOWN) {
			fleet_unknown_boot(link->fleet, link->in[i].header.boot_id);
		}
	}
	link_flush(link);
	count_all(link, count);
	const uint64_t us = clock_us() - begin_us;

	if (us > atomic_load_explicit(&link->longest_us, memory_order_relaxed)) {
		atomic_store_explicit(&link->longest_us, us, memory_order_relaxed);
	}
	return count;
}
