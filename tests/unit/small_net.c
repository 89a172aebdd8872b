/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/small_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/small_core.h"

struct small_net net;

struct slot {
	uint32_t id; /* 0: free */
	struct http_request request;
};

static struct slot slots[HTTP_REQUESTS_MAX];
static uint32_t last_id;

void small_net_restart(void)
{
	memset(slots, 0, sizeof(slots));
	net.is_started = false;
	net.udp = NULL;
	net.ack_sequence = 0;
}

void small_net_reset(void)
{
	memset(&net, 0, sizeof(net));
	small_net_restart();
	net.is_up = true;
	net.lease = (struct net_lease){
		.address = 0x0a00020f,
		.netmask = 0xffffff00,
		.server_id = 0x0a000201,
		.siaddr = 0x0a000202,
		.lease_seconds = 3600,
		.remaining_seconds = 3600,
	};
	net.lease_changes = 1;
	net.answer = (struct hello_answer){
		.status = HELLO_APPROVED,
		.retry_ms = 700,
		.wall_clock_ns = UINT64_C(1700000000000000000),
		.interval_ms = 1000,
		.udp_port = 7000,
	};
}

struct small_file *small_net_serve(const char *path, const uint8_t *bytes, size_t size)
{
	assert_true(net.file_count < SMALL_NET_FILES);
	struct small_file *file = &net.files[net.file_count++];
	snprintf(file->path, sizeof(file->path), "%s", path);
	file->bytes = bytes;
	file->size = size;
	file->status = 200;
	return file;
}

/* --- net.h --- */

enum net_result net_start(const struct net_config *config)
{
	assert_int_not_equal(config->nic_kind, 0);
	net.is_started = true;
	net.config = *config;
	return NET_OK;
}

void net_poll(uint64_t now)
{
	(void)now;
	assert_true(net.is_started);
}

uint64_t net_wait(uint64_t now)
{
	(void)now;
	return UINT64_MAX;
}

bool net_is_up(void)
{
	return net.is_up;
}

uint32_t net_lease_changes(void)
{
	return net.lease_changes;
}

bool net_lease(uint64_t now, struct net_lease *lease)
{
	(void)now;
	*lease = net.lease;
	return net.is_up;
}

void net_mac(uint8_t mac[NIC_MAC_BYTES])
{
	memcpy(mac, "\x52\x54\0\1\2\3", NIC_MAC_BYTES);
}

enum net_result net_udp_open(uint16_t port, net_udp_fn *fn, void *context)
{
	(void)port;
	net.udp = fn;
	net.udp_context = context;
	return NET_OK;
}

enum net_result net_udp_send(uint32_t to, uint16_t port, const void *bytes, size_t count)
{
	struct small_sent *sent = &net.sent[net.sent_count++ % SMALL_NET_SENT_MAX];

	assert_in_range(count, DATAGRAM_MIN_BYTES, DATAGRAM_MAX_BYTES);
	sent->to = to;
	sent->port = port;
	sent->size = count;
	memcpy(sent->bytes, bytes, count);
	return NET_OK;
}

void net_flush(void)
{
}

void net_counters(struct net_counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	counters->nic.rx_frames = 11;
	counters->pool_count = 2;
	counters->pools[1].exhausted = 3;
}

/* --- http.h --- */

void http_init(uint64_t counter_hz)
{
	assert_int_equal(counter_hz, SMALL_CORE_HZ);
}

bool http_start(const struct http_request *request, uint64_t now, uint32_t *id)
{
	(void)now;
	assert_int_equal(request->address, net.lease.siaddr);
	assert_int_equal(request->port, 7480);
	for (size_t i = 0; i < HTTP_REQUESTS_MAX; i++) {
		if (slots[i].id == 0) {
			slots[i].id = ++last_id;
			slots[i].request = *request;
			*id = last_id;
			return true;
		}
	}
	return false;
}

void http_cancel(uint32_t id)
{
	for (size_t i = 0; i < HTTP_REQUESTS_MAX; i++) {
		if (slots[i].id == id) {
			slots[i].id = 0;
		}
	}
}

uint64_t http_wait(uint64_t now)
{
	(void)now;
	for (size_t i = 0; i < HTTP_REQUESTS_MAX; i++) {
		if (slots[i].id != 0) {
			return 1000;
		}
	}
	return UINT64_MAX;
}

void http_outcome_words(const struct http_outcome *outcome, char words[HTTP_WORDS_BYTES])
{
	snprintf(words, HTTP_WORDS_BYTES, "result %d, status %u", (int)outcome->result, outcome->status);
}

/* Answers with bytes, as long as the request takes them. */
static void answer(struct slot *slot, const uint8_t *bytes, size_t size, uint32_t status, size_t cut_at)
{
	const struct http_request request = slot->request;
	const uint32_t id = slot->id;
	const uint64_t first = status == 200 ? request.range_start : 0;
	struct http_head head = {
		.status = status == 200 && first != 0 ? 206 : status,
		.content_length = size - first,
		.has_range = first != 0,
		.range_first = first,
		.range_last = size - 1,
		.range_total = size,
	};
	struct http_outcome outcome = {.result = HTTP_DONE, .status = head.status};

	if (request.on_head != NULL && !request.on_head(request.context, &head)) {
		outcome.result = HTTP_STOPPED;
	}
	for (size_t at = first; at < size && outcome.result == HTTP_DONE; at += SMALL_NET_PIECE) {
		const size_t count = size - at < SMALL_NET_PIECE ? size - at : SMALL_NET_PIECE;
		if (cut_at != 0 && at + count > cut_at) {
			outcome.result = HTTP_CLOSED;
		} else if (!request.on_body(request.context, bytes + at, count)) {
			outcome.result = HTTP_STOPPED;
		}
	}
	if (slot->id == id) {
		slot->id = 0;
		request.on_done(request.context, &outcome);
	}
}

static void answer_hello(struct slot *slot)
{
	uint8_t bytes[HELLO_ANSWER_MAX_BYTES];
	struct wire_error error;
	const struct http_request *request = &slot->request;

	net.hello_count++;
	assert_true(request->body_bytes <= sizeof(net.hello_bytes));
	memcpy(net.hello_bytes, request->body, request->body_bytes);
	assert_true(hello_decode(net.hello_bytes, request->body_bytes, &net.hello, &error));
	net.answer.boot_id = net.hello.boot_id;
	net.answer.instance = net.hello.instance;
	size_t size = hello_encode_answer(&net.answer, bytes, sizeof(bytes));
	assert_int_not_equal(size, 0);
	if (net.is_answer_bad) {
		bytes[0] ^= 1;
	}
	answer(slot, bytes, size, 200, 0);
}

static void serve(struct slot *slot)
{
	for (size_t i = 0; i < net.file_count; i++) {
		struct small_file *file = &net.files[i];
		if (strcmp(file->path, slot->request.path) == 0) {
			const size_t cut_at = file->cut_at;
			file->requests++;
			file->cut_at = 0;
			answer(slot, file->bytes, file->size, file->status, cut_at);
			return;
		}
	}
	answer(slot, (const uint8_t *)"no", 2, 404, 0);
}

void http_poll(uint64_t now)
{
	(void)now;
	for (size_t i = 0; i < HTTP_REQUESTS_MAX; i++) {
		struct slot *slot = &slots[i];
		if (slot->id == 0) {
			continue;
		}
		if (net.is_dead) {
			const struct http_outcome outcome = {.result = HTTP_REFUSED};
			const struct http_request request = slot->request;
			slot->id = 0;
			request.on_done(request.context, &outcome);
		} else if (slot->request.method == HTTP_POST) {
			assert_string_equal(slot->request.path, "/v1/hello");
			answer_hello(slot);
		} else {
			serve(slot);
		}
	}
}

/* --- the controller's datagrams --- */

static void make_key(struct seal_key *key)
{
	uint8_t bytes[SEAL_KEY_BYTES];

	assert_true(core.has_key);
	seal_derive(core.key, core.instance, bytes);
	seal_set_key(key, bytes);
}

static const struct small_sent *check_sent(size_t index)
{
	struct seal_key key;
	struct datagram_header header;
	struct wire_error error;

	assert_true(index < net.sent_count && net.sent_count - index <= SMALL_NET_SENT_MAX);
	const struct small_sent *sent = &net.sent[index % SMALL_NET_SENT_MAX];
	make_key(&key);
	assert_true(datagram_decode_header(sent->bytes, sent->size, &header, &error));
	assert_true(seal_check(&key, sent->bytes, sent->size));
	assert_int_equal(sent->to, net.lease.siaddr);
	assert_int_equal(sent->port, net.answer.udp_port);
	return sent;
}

bool small_net_last_beat(struct beat *beat)
{
	struct wire_error error;
	const struct small_sent *sent = check_sent(net.sent_count - 1);

	return beat_decode(sent->bytes, sent->size, beat, &error);
}

bool small_net_chunk(size_t index, struct console_chunk *chunk)
{
	struct wire_error error;
	const struct small_sent *sent = check_sent(index);

	return console_decode(sent->bytes, sent->size, chunk, &error);
}

void small_net_deliver(uint32_t from, uint16_t port, const uint8_t *bytes, size_t size)
{
	assert_non_null(net.udp);
	net.udp(net.udp_context, from, port, bytes, size);
}

static void send(uint8_t *bytes, size_t size)
{
	struct seal_key key;

	assert_int_not_equal(size, 0);
	make_key(&key);
	seal_put(&key, bytes, size);
	small_net_deliver(net.lease.siaddr, net.answer.udp_port, bytes, size);
}

void small_net_ack(struct ack *ack)
{
	uint8_t bytes[ACK_MAX_BYTES];

	ack->boot_id = net.answer.boot_id;
	ack->instance = core.instance;
	ack->sequence = ++net.ack_sequence;
	send(bytes, ack_encode(ack, bytes, sizeof(bytes)));
}

void small_net_input(uint8_t slot, uint64_t offset, const char *text)
{
	uint8_t bytes[DATAGRAM_MAX_BYTES];
	const struct console_chunk chunk = {
		.boot_id = net.answer.boot_id,
		.instance = core.instance,
		.sequence = ++net.ack_sequence,
		.type = DATAGRAM_CONSOLE_INPUT,
		.slot = slot,
		.offset = offset,
		.count = (uint16_t)strlen(text),
		.bytes = (const uint8_t *)text,
	};

	send(bytes, console_encode(&chunk, bytes, sizeof(bytes)));
}
