/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A reply without an end: bytes are asked for when the client can take more. While there is nothing to say
 * the connection sleeps and costs no thread.
 */
#include <sys/types.h>

#include "http/http.h"

struct http_stream;

struct http_stream_source {
	/* At most `room` bytes; 0: nothing now, until http_stream_wake(); -1: it is over. In a thread of the pool. */
	ssize_t (*read)(void *source, char *to, size_t room);
	/* The client is gone. After it returns the stream must not be woken: it waits for who is just doing it. */
	void (*closed)(void *source);
	void *source;
};

/* The handler's reply is this stream. NULL: no memory, or the server ends; `closed` is not called then. */
struct http_stream *http_reply_stream(const struct http_request *request, struct http_reply *reply,
				      const struct http_stream_source *source);
/* Any thread, at any time between the two calls above. Cheap when it is awake. */
void http_stream_wake(struct http_stream *stream);
