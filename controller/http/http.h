/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One request and one reply, over libmicrohttpd; a handler sees nothing of it. A handler runs in a thread of
 * the pool and must not wait for longer than a commit. Bodies are read whole, up to the route's limit.
 */
#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/json.h"
#include "base/text.h"

enum { HTTP_PARAMS_MAX = 4, HTTP_REQUEST_ID_BYTES = 24, HTTP_ACTOR_BYTES = 48 };

enum http_by {
	HTTP_BY_NOBODY,
	HTTP_BY_SESSION, /* a cookie: changes need the origin check */
	HTTP_BY_TOKEN,
	HTTP_BY_SOCKET, /* peer credentials of the Unix socket */
};

struct http_request {
	const char *method;
	const char *path; /* decoded, without the query */
	const char *params[HTTP_PARAMS_MAX]; /* of the pattern's {}, in order */
	const char *body;
	size_t body_bytes;
	json_t *json; /* of a route with HTTP_JSON: an object, else NULL; borrowed */
	enum http_by by;
	uint64_t grant; /* for http_auth_is_good(); 0: the Unix socket, or nobody */
	char actor[HTTP_ACTOR_BYTES]; /* admin, token:NAME, uid:0; "" */
	char id[HTTP_REQUEST_ID_BYTES];
	struct sockaddr_in from; /* zero for the Unix socket */
	void *connection; /* the server's own */
};

struct http_reply {
	unsigned status; /* 0 becomes 200, or 204 without a body */
	const char *content_type; /* a literal; NULL: application/json */
	struct text body;
	int fd; /* -1; else the body is this file from `offset`, `count` bytes; closed by the server */
	uint64_t offset, count;
	struct text headers; /* "Name: value\n" lines */
	struct http_stream *stream; /* http_reply_stream() */
};

struct http_stream;

/* Query parameter or header, NULL: none. */
const char *http_query(const struct http_request *request, const char *name);
const char *http_header(const struct http_request *request, const char *name);
/* A decimal query parameter within bounds; absent: the default. False: *fail. */
bool http_query_u64(const struct http_request *request, const char *name, uint64_t least,
		    uint64_t most, uint64_t otherwise, uint64_t *value, struct fail *fail);
void http_add_header(struct http_reply *reply, const char *name, const char *value);

typedef bool http_handler(void *app, const struct http_request *request, struct http_reply *reply,
			  struct fail *fail);

#define HTTP_OPEN 1u /* without signing in */
#define HTTP_JSON 2u /* the body is a JSON object (may be absent: then `json` is NULL) */
#define HTTP_SOCKET 4u /* from the Unix socket alone */
#define HTTP_BINARY 8u /* a body as it is */
#define HTTP_SECRET 16u /* the answer holds a secret: kept nowhere */

struct http_route {
	const char *method;
	const char *pattern; /* like /api/v1/nodes/{id}: a {} is one segment */
	http_handler *handler; /* false: *fail becomes a problem document (RFC 9457) */
	unsigned flags;
	size_t body_most; /* 0: 64 KiB */
};
