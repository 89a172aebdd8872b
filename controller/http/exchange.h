/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One request on its way through the server; the server's own files alone include this. */
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http/route.h"
#include "http/server.h"
#include "http/stream.h"
#include "http/uri.h"

enum { EXCHANGE_BODY_MOST = 64 << 10, EXCHANGE_DISCARD_MOST = 1 << 20, EXCHANGE_JSON_DEPTH = 16 };

struct http_server {
	struct http_server_options options;
	struct MHD_Daemon *tcp; /* NULL: none */
	struct MHD_Daemon *unix_socket; /* NULL: none */
	char boot[7]; /* first half of every request's id */
	atomic_uint_fast64_t requests, refused, failed;
	int gone_fd, end_fd; /* epoll of the streams' sockets, whose clients may go; -1: none */
	pthread_t gone_thread;
	bool has_gone_thread;
	pthread_mutex_t lock; /* of what follows */
	struct http_stream *streams;
	unsigned stream_count;
	uint64_t stream_number; /* of the newest */
	bool is_ending;
};

struct exchange {
	struct http_server *server;
	struct MHD_Connection *connection;
	struct http_request request; /* its `connection` is this exchange */
	struct uri uri;
	struct fail refused; /* kind FAIL_NONE: to be answered by the route */
	struct route_match match;
	const struct http_asset *asset; /* instead of a route */
	char *body;
	size_t body_room, body_most, discarded;
	bool is_admitted;
	uint64_t start_us;
};

/* All headers are here: who it is, and whether it may. Fills in request, match, refused. */
void exchange_admit(struct exchange *exchange, const char *method);
/* A piece of the body. False: the connection is not worth keeping. */
bool exchange_take(struct exchange *exchange, const char *bytes, size_t count);
/* Runs the route and queues its answer. */
enum MHD_Result exchange_answer(struct exchange *exchange);
/* Queues an answer: takes over what the reply owns. */
enum MHD_Result reply_send(struct exchange *exchange, struct http_reply *reply);
enum MHD_Result reply_send_asset(struct exchange *exchange);
enum MHD_Result reply_send_problem(struct exchange *exchange, const struct fail *fail);
/* NULL: no memory, or the server ends. */
struct MHD_Response *stream_response(struct http_stream *stream);
/* Of a reply that is not sent. */
void stream_abandon(struct http_stream *stream);
/* The thread that ends a stream as soon as its client has closed; false: errno. */
bool stream_watch_start(struct http_server *server);
void stream_watch_stop(struct http_server *server); /* when there are no streams any more */
/* Ends all streams of a server that is_ending. */
void stream_end_all(struct http_server *server);
