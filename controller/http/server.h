/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A listener over libmicrohttpd: epoll, a pool of threads of its own. Used for people (with `auth`, `hosts`,
 * assets and a Unix socket) and for nodes (without). SIGPIPE is ignored from the first start on.
 */
#include <sys/types.h>

#include "http/assets.h"
#include "http/auth.h"
#include "http/http.h"

struct http_server;

/* Calls the route's handler, with whatever goes around it. */
typedef bool http_around(void *app, const struct http_route *route,
			 const struct http_request *request, struct http_reply *reply,
			 struct fail *fail);

struct http_server_options {
	void *app; /* given to handlers */
	const struct http_route *routes;
	size_t route_count;
	http_around *around; /* NULL: the handler itself */
	int fd; /* listening TCP socket, closed by the server; -1: none */
	int unix_fd; /* listening Unix socket, closed by the server; -1: none. Admin by peer credentials */
	uid_t owner; /* whose programs are admin on the Unix socket, beside root's and this daemon's own user's */
	struct http_auth *auth; /* NULL: every route is open and any Host is right (nodes) */
	const char *const *hosts; /* names that Host may have beside the loopback's */
	size_t host_count;
	const struct http_asset *assets; /* NULL: none */
	size_t asset_count;
	unsigned threads; /* 0: 2 */
	unsigned connections_most; /* 0: 2048 */
	unsigned connections_per_address; /* 0: 1024 */
	unsigned timeout_s; /* of a connection on which nothing moves; 0: 30 */
};

/* NULL: *fail. The sockets are the server's (closed) either way; arrays are kept by pointer. */
struct http_server *http_server_start(const struct http_server_options *options, struct fail *fail);
/* Ends streams, waits for the requests that run. */
void http_server_stop(struct http_server *server);

struct http_server_figures {
	uint64_t requests, refused, failed; /* all; 4xx; 5xx */
	unsigned streams;
};
void http_server_figures(struct http_server *server, struct http_server_figures *figures);
