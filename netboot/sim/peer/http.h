/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The HTTP/1.1 server: a fixed number of connections, each with a fixed buffer, driven by one poll loop. What a path
 * means is the handler's; Range, keep-alive, time-outs and the faults that tests order are done here.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/peer/catalog.h"
#include "sim/peer/fault.h"
#include "sim/peer/request.h"

#define HTTP_CONNECTIONS_MAX 64u
#define HTTP_CONTENT_MAX 17408u /* of a request: the longest hello (wire/hello.h) */
#define HTTP_ANSWER_MAX 1024u /* of an answer that is not a catalogue entry */
#define HTTP_IDLE_MS 30000u /* without progress */

struct http_answer {
	unsigned status;
	const struct catalog_entry *entry; /* the body; NULL: it is in bytes[] */
	uint8_t bytes[HTTP_ANSWER_MAX];
	size_t byte_count;
};

/* Answers one request whose content has come whole. *answer is 404 without a body before. */
typedef void http_handler(void *context, const struct request *request, const uint8_t *content,
			  const struct sockaddr_in *from, struct http_answer *answer);

struct http_server;

/* Listens. NULL with errno. `rules` is the caller's, and read at each request. */
struct http_server *http_open(const struct sockaddr_in *address, http_handler *handler, void *context,
			      struct fault_rules *rules);
/* Writes what to poll for, at most HTTP_CONNECTIONS_MAX + 1; lowers *wait_ms to when http_run is due at the latest. */
size_t http_poll(struct http_server *server, struct pollfd *polls, int *wait_ms);
/* Does what can be done; `polls` as http_poll filled them. */
void http_run(struct http_server *server, const struct pollfd *polls, size_t count);
/* All connections are reset and the listener is gone for `ms`. */
void http_go_down(struct http_server *server, uint64_t ms);
/* When it listens again, by now_ms(); 0: it does. */
uint64_t http_down_until(const struct http_server *server);
