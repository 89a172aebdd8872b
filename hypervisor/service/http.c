/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests over lwIP's callbacks. A callback only notes what happened, sends what there is room for and passes the
 * body on; connections are closed and outcomes told in http_poll(), so that none is freed below lwIP's feet.
 *
 * Hostile: the peer. What it sends goes through http_parse.h; what it does not send ends in a time-out. Invariant: a
 * slot with id 0 has no connection, and no callback of lwIP's names it.
 */
#include "service/http.h"

#include <lwip/ip_addr.h>
#include <lwip/pbuf.h>
#include <lwip/tcp.h>
#include <string.h>

#include "lib/fmt.h"
#include "service/net.h"

enum {
	HEAD_BYTES = 512, /* of a request */
	DEFAULT_CONNECT_MS = 5000,
	DEFAULT_IDLE_MS = 5000,
	DEFAULT_LEAST_BYTES_PER_S = 1024,
	RATE_WINDOW_S = 10,
};

struct slot {
	uint32_t id; /* 0: free */
	struct http_request request;
	struct http_parser parser;
	struct tcp_pcb *pcb; /* NULL: none any more */
	bool is_connected;
	bool is_ended; /* outcome is final */
	bool is_head_told;
	bool has_moved; /* bytes went or came since the last poll */
	size_t body_sent;
	uint64_t started_at;
	uint64_t moved_at;
	uint64_t window_at; /* the rate's window: its start, and what had come then */
	uint64_t window_bytes;
	uint64_t received_bytes;
	struct http_outcome outcome;
};

static struct slot slots[HTTP_REQUESTS_MAX];
static uint32_t last_id;
static uint64_t counter_hz;

void http_init(uint64_t hz)
{
	memset(slots, 0, sizeof(slots));
	counter_hz = hz;
}

static uint64_t ticks_of_ms(uint32_t ms)
{
	return ms * counter_hz / 1000;
}

static void end(struct slot *slot, enum http_result result)
{
	if (!slot->is_ended) {
		slot->is_ended = true;
		slot->outcome.result = result;
	}
}

/* --- what arrives --- */

static void end_parsed(struct slot *slot)
{
	if (slot->parser.state == HTTP_PARSE_COMPLETE) {
		end(slot, HTTP_DONE);
	} else if (slot->parser.state == HTTP_PARSE_FAILED) {
		slot->outcome.parse_error = slot->parser.error;
		end(slot, HTTP_BAD_RESPONSE);
	}
}

static void tell_head(struct slot *slot)
{
	const struct http_request *request = &slot->request;

	if (slot->is_head_told ||
	    (slot->parser.state != HTTP_PARSE_IN_BODY && slot->parser.state != HTTP_PARSE_COMPLETE)) {
		return;
	}
	slot->is_head_told = true;
	slot->outcome.status = slot->parser.head.status;
	if (request->on_head != NULL && !request->on_head(request->context, &slot->parser.head)) {
		end(slot, HTTP_STOPPED);
	}
}

static void take_bytes(struct slot *slot, const uint8_t *bytes, size_t count)
{
	const struct http_request *request = &slot->request;

	while (count != 0 && !slot->is_ended) {
		size_t body = 0;
		const size_t taken = http_parse(&slot->parser, bytes, count, &body);
		tell_head(slot);
		if (body != 0 && !slot->is_ended) {
			slot->outcome.body_bytes += body;
			if (request->on_body != NULL &&
			    !request->on_body(request->context, bytes + taken - body, body)) {
				end(slot, HTTP_STOPPED);
			}
		}
		end_parsed(slot);
		bytes += taken;
		count -= taken;
	}
}

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	struct slot *slot = arg;

	(void)error;
	if (p == NULL) {
		end(slot, HTTP_CLOSED);
		return ERR_OK;
	}
	slot->has_moved = true;
	slot->received_bytes += p->tot_len;
	for (const struct pbuf *q = p; q != NULL; q = q->next) {
		take_bytes(slot, q->payload, q->len);
	}
	tcp_recved(pcb, p->tot_len);
	pbuf_free(p);
	return ERR_OK;
}

/* --- what is sent --- */

/* The body stands where the caller has it; lwIP sends it from there. */
static void send_body(struct slot *slot)
{
	const struct http_request *request = &slot->request;

	while (slot->body_sent < request->body_bytes && !slot->is_ended) {
		const size_t left = request->body_bytes - slot->body_sent;
		const size_t room = tcp_sndbuf(slot->pcb);
		const size_t count = left < room ? left : room;
		if (count == 0 || tcp_write(slot->pcb, (const uint8_t *)request->body + slot->body_sent, (u16_t)count,
					    0) != ERR_OK) {
			break; /* more when some of it is acknowledged */
		}
		slot->body_sent += count;
	}
	(void)tcp_output(slot->pcb);
}

static size_t write_head(const struct http_request *request, char head[HEAD_BYTES])
{
	const uint32_t a = request->address;
	size_t at = fmt_string(head, HEAD_BYTES, "%s %s HTTP/1.1\r\nHost: %u.%u.%u.%u:%u\r\nConnection: close\r\n",
			       request->method == HTTP_POST ? "POST" : "GET", request->path, a >> 24, a >> 16 & 255,
			       a >> 8 & 255, a & 255, request->port);

	if (request->method == HTTP_POST) {
		at += fmt_string(head + at, HEAD_BYTES - at,
				 "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n",
				 request->body_bytes);
	} else if (request->range_start != 0) {
		at += fmt_string(head + at, HEAD_BYTES - at, "Range: bytes=%llu-\r\n",
				 (unsigned long long)request->range_start);
	}
	return at + fmt_string(head + at, HEAD_BYTES - at, "\r\n");
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
	struct slot *slot = arg;
	char head[HEAD_BYTES];
	const size_t bytes = write_head(&slot->request, head);

	(void)error;
	slot->is_connected = true;
	slot->has_moved = true;
	if (tcp_write(pcb, head, (u16_t)bytes, TCP_WRITE_FLAG_COPY) != ERR_OK) {
		end(slot, HTTP_NO_MEMORY);
		return ERR_OK;
	}
	send_body(slot);
	return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t count)
{
	struct slot *slot = arg;

	(void)pcb;
	(void)count;
	slot->has_moved = true;
	send_body(slot);
	return ERR_OK;
}

/* lwIP has freed the connection. */
static void on_error(void *arg, err_t error)
{
	struct slot *slot = arg;

	slot->pcb = NULL;
	if (error == ERR_RST) {
		end(slot, HTTP_REFUSED);
	} else if (error == ERR_ABRT) { /* its retransmissions had no answer, or our address changed */
		end(slot, slot->is_connected ? HTTP_TIMEOUT_IDLE : HTTP_TIMEOUT_CONNECT);
	} else {
		end(slot, HTTP_CLOSED);
	}
}

/* --- connections --- */

static void drop_connection(struct slot *slot)
{
	struct tcp_pcb *pcb = slot->pcb;

	slot->pcb = NULL;
	if (pcb == NULL) {
		return;
	}
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_err(pcb, NULL);
	/* What is not acknowledged stands in the caller's memory, which may change from now on. */
	if (slot->outcome.result != HTTP_DONE || pcb->unsent != NULL || pcb->unacked != NULL ||
	    tcp_close(pcb) != ERR_OK) {
		tcp_abort(pcb);
	}
}

static void connect_to(struct slot *slot)
{
	const ip_addr_t address = IPADDR4_INIT(lwip_htonl(slot->request.address));

	if (!net_is_up()) {
		end(slot, HTTP_NO_NETWORK);
		return;
	}
	slot->pcb = tcp_new();
	if (slot->pcb == NULL) {
		end(slot, HTTP_NO_MEMORY);
		return;
	}
	tcp_nagle_disable(slot->pcb);
	tcp_arg(slot->pcb, slot);
	tcp_recv(slot->pcb, on_received);
	tcp_sent(slot->pcb, on_sent);
	tcp_err(slot->pcb, on_error);
	const err_t error = tcp_connect(slot->pcb, &address, slot->request.port, on_connected);
	if (error != ERR_OK) {
		end(slot, error == ERR_RTE ? HTTP_NO_NETWORK : HTTP_NO_MEMORY);
	}
}

static bool is_well_formed(const struct http_request *request)
{
	if (request->path == NULL || request->path[0] != '/' ||
	    memchr(request->path, '\0', HTTP_PATH_MAX_BYTES) == NULL || request->on_done == NULL ||
	    (request->body_bytes != 0 && (request->method != HTTP_POST || request->body == NULL))) {
		return false;
	}
	for (const char *c = request->path; *c != '\0'; c++) {
		if (*c <= ' ' || *c > '~') {
			return false;
		}
	}
	return true;
}

static void set_default(uint32_t *limit, uint32_t value)
{
	if (*limit == 0) {
		*limit = value;
	}
}

bool http_start(const struct http_request *request, uint64_t now, uint32_t *id)
{
	struct slot *slot = NULL;

	for (uint32_t i = 0; i < HTTP_REQUESTS_MAX; i++) {
		slot = slots[i].id == 0 ? &slots[i] : slot;
	}
	if (slot == NULL || !is_well_formed(request)) {
		return false;
	}
	memset(slot, 0, sizeof(*slot));
	last_id = last_id == UINT32_MAX ? 1 : last_id + 1;
	slot->id = last_id;
	slot->request = *request;
	set_default(&slot->request.limits.connect_ms, DEFAULT_CONNECT_MS);
	set_default(&slot->request.limits.idle_ms, DEFAULT_IDLE_MS);
	set_default(&slot->request.limits.least_bytes_per_s, DEFAULT_LEAST_BYTES_PER_S);
	slot->started_at = now;
	slot->moved_at = now;
	http_parser_init(&slot->parser);
	connect_to(slot);
	*id = slot->id;
	return true;
}

void http_cancel(uint32_t id)
{
	for (uint32_t i = 0; i < HTTP_REQUESTS_MAX; i++) {
		struct slot *slot = &slots[i];
		if (id != 0 && slot->id == id) {
			/* From within one of its own callbacks lwIP still uses the connection: http_poll() ends it. */
			slot->request.on_head = NULL;
			slot->request.on_body = NULL;
			slot->request.on_done = NULL;
			end(slot, HTTP_STOPPED);
		}
	}
}

/* --- time --- */

/* A request may have been started after the moment that the caller's turn calls now. */
static uint64_t since(uint64_t from, uint64_t now)
{
	return now > from ? now - from : 0;
}

/* In a window of RATE_WINDOW_S a response has to bring least_bytes_per_s of each second. */
static void check_rate(struct slot *slot, uint64_t now)
{
	const uint64_t least = (uint64_t)slot->request.limits.least_bytes_per_s * RATE_WINDOW_S;

	if (slot->window_at == 0) {
		slot->window_at = now;
	} else if (since(slot->window_at, now) >= RATE_WINDOW_S * counter_hz) {
		if (slot->received_bytes - slot->window_bytes < least) {
			end(slot, HTTP_TIMEOUT_SLOW);
		}
		slot->window_at = now;
		slot->window_bytes = slot->received_bytes;
	}
}

static void check_time(struct slot *slot, uint64_t now)
{
	const struct http_limits *limits = &slot->request.limits;

	if (slot->has_moved) {
		slot->has_moved = false;
		slot->moved_at = now;
	}
	if (slot->is_connected) {
		check_rate(slot, now);
	}
	if (!slot->is_connected && since(slot->started_at, now) >= ticks_of_ms(limits->connect_ms)) {
		end(slot, HTTP_TIMEOUT_CONNECT);
	} else if (slot->is_connected && since(slot->moved_at, now) >= ticks_of_ms(limits->idle_ms)) {
		end(slot, HTTP_TIMEOUT_IDLE);
	} else if (limits->total_ms != 0 && since(slot->started_at, now) >= ticks_of_ms(limits->total_ms)) {
		end(slot, HTTP_TIMEOUT_TOTAL);
	}
}

void http_poll(uint64_t now)
{
	for (uint32_t i = 0; i < HTTP_REQUESTS_MAX; i++) {
		struct slot *slot = &slots[i];
		if (slot->id == 0) {
			continue;
		}
		check_time(slot, now);
		if (!slot->is_ended) {
			continue;
		}
		drop_connection(slot);
		slot->id = 0;
		/* The slot may be taken again from within on_done(). */
		const struct http_outcome outcome = slot->outcome;
		if (slot->request.on_done != NULL) {
			slot->request.on_done(slot->request.context, &outcome);
		}
	}
}

static uint64_t left_of(uint64_t from, uint64_t ticks, uint64_t now)
{
	const uint64_t passed = since(from, now);
	return passed >= ticks ? 0 : ticks - passed;
}

static uint64_t least_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t http_wait(uint64_t now)
{
	uint64_t wait = UINT64_MAX;

	for (uint32_t i = 0; i < HTTP_REQUESTS_MAX; i++) {
		const struct slot *slot = &slots[i];
		const struct http_limits *limits = &slot->request.limits;
		if (slot->id == 0) {
			continue;
		}
		if (slot->is_ended) {
			return 0;
		}
		wait = least_of(wait, slot->is_connected ?
					      left_of(slot->moved_at, ticks_of_ms(limits->idle_ms), now) :
					      left_of(slot->started_at, ticks_of_ms(limits->connect_ms), now));
		if (slot->is_connected) {
			wait = least_of(wait, left_of(slot->window_at, RATE_WINDOW_S * counter_hz, now));
		}
		if (limits->total_ms != 0) {
			wait = least_of(wait, left_of(slot->started_at, ticks_of_ms(limits->total_ms), now));
		}
	}
	return wait;
}

static const char *result_words(enum http_result result)
{
	switch (result) {
	case HTTP_NO_NETWORK:
		return "no network";
	case HTTP_NO_MEMORY:
		return "no memory for a connection";
	case HTTP_REFUSED:
		return "the peer refuses or cut the connection";
	case HTTP_CLOSED:
		return "the peer closed before the end";
	case HTTP_TIMEOUT_CONNECT:
		return "no connection in time";
	case HTTP_TIMEOUT_IDLE:
		return "the peer fell silent";
	case HTTP_TIMEOUT_SLOW:
		return "the peer is too slow";
	case HTTP_TIMEOUT_TOTAL:
		return "it took too long";
	default:
		return "stopped";
	}
}

void http_outcome_words(const struct http_outcome *outcome, char words[HTTP_WORDS_BYTES])
{
	if (outcome->result == HTTP_BAD_RESPONSE) {
		fmt_string(words, HTTP_WORDS_BYTES, "bad response: %s", http_parse_error_words(outcome->parse_error));
	} else if (outcome->status != 0 && (outcome->result == HTTP_DONE || outcome->result == HTTP_STOPPED)) {
		fmt_string(words, HTTP_WORDS_BYTES, "HTTP status %u", outcome->status);
	} else {
		fmt_string(words, HTTP_WORDS_BYTES, "%s", result_words(outcome->result));
	}
}
