/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An HTTP/1.1 client over lwIP: GET with Range, POST with a body, a connection for each request, at most
 * HTTP_REQUESTS_MAX at a time. It follows no redirect, and takes only a response whose length is told
 * (http_parse.h). The body is passed on as it arrives; nothing is buffered.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/http_parse.h"

enum { HTTP_REQUESTS_MAX = 4, HTTP_PATH_MAX_BYTES = 200, HTTP_WORDS_BYTES = 96 };

enum http_method { HTTP_GET, HTTP_POST };

enum http_result {
	HTTP_DONE = 0, /* a whole response, whatever its status: see the head */
	HTTP_NO_NETWORK, /* no address, no route */
	HTTP_NO_MEMORY, /* a pool of the stack is empty */
	HTTP_REFUSED, /* the peer refused the connection, or cut it off */
	HTTP_CLOSED, /* the peer closed before the response was whole */
	HTTP_TIMEOUT_CONNECT,
	HTTP_TIMEOUT_IDLE, /* nothing came */
	HTTP_TIMEOUT_SLOW, /* less came than the least rate */
	HTTP_TIMEOUT_TOTAL,
	HTTP_BAD_RESPONSE, /* parse_error says what */
	HTTP_STOPPED, /* on_head or on_body returned false */
};

struct http_outcome {
	enum http_result result;
	enum http_parse_error parse_error; /* with HTTP_BAD_RESPONSE */
	uint32_t status; /* 0: none was received */
	uint64_t body_bytes; /* passed on */
};

/* 0 in a limit: its default. */
struct http_limits {
	uint32_t connect_ms; /* 5000 */
	uint32_t idle_ms; /* 5000: without a byte */
	uint32_t total_ms; /* none */
	uint32_t least_bytes_per_s; /* 1024, over the windows of 10 s after the connection stands */
};

struct http_request {
	uint32_t address;
	uint16_t port;
	enum http_method method;
	const char *path; /* these two stay the caller's and must stand until on_done */
	const void *body; /* POST */
	size_t body_bytes;
	uint64_t range_start; /* GET: 0 asks for all, else "Range: bytes=N-" */
	struct http_limits limits;
	/* The head is there. False ends the request with HTTP_STOPPED. May be NULL. */
	bool (*on_head)(void *context, const struct http_head *head);
	/* Bytes of the body in order. False ends the request with HTTP_STOPPED. May be NULL. */
	bool (*on_body)(void *context, const uint8_t *bytes, size_t count);
	/* Exactly once for each request that http_start() took and http_cancel() did not end; never from within
	 * http_start(). A new request may be started from here. */
	void (*on_done)(void *context, const struct http_outcome *outcome);
	void *context;
};

/* Once, before all else. */
void http_init(uint64_t counter_hz);
/* False: HTTP_REQUESTS_MAX are under way, or the request is not well formed. `id` names it, never 0. */
bool http_start(const struct http_request *request, uint64_t now, uint32_t *id);
/* No callback after it. Of one that is done: nothing. */
void http_cancel(uint32_t id);
/* After net_poll(): time-outs and outcomes. */
void http_poll(uint64_t now);
/* In how many ticks http_poll() has to be called; UINT64_MAX: nothing is under way. */
uint64_t http_wait(uint64_t now);
/* An outcome in words. */
void http_outcome_words(const struct http_outcome *outcome, char words[HTTP_WORDS_BYTES]);
