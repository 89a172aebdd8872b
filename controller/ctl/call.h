/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An HTTP/1.1 client for one server that is ours, and still not trusted: heads, bodies and times are bounded. One
 * request a connection. Nothing is asked of DNS, and a token goes to this host alone.
 */
#include <sys/types.h>

#include "base/text.h"
#include "ctl/ctl.h"

enum { CALL_HEAD_BYTES = 16384, CALL_BODY_MOST = 64 << 20 };

struct call {
	int fd; /* -1: closed */
	unsigned status;
	char type[64], request[64];
	uint64_t deadline_ms; /* monotonic; the caller's to move */
	bool is_chunked, is_until_end, is_over;
	uint64_t left; /* of the body, or of its chunk */
	bool has_chunk; /* one was begun */
	char bytes[CALL_HEAD_BYTES];
	size_t at, count; /* what was read and not taken */
	char why[256]; /* what went wrong */
};

/* Where the controller is. */
struct place {
	const char *socket; /* used when `url` is NULL */
	const char *url;
	const char *token; /* "": none */
};

/* Sends the request, and reads the answer's head. Not CTL_OK: call->why; nothing stays open. */
enum ctl_exit call_open(struct call *call, const struct place *place, const char *method,
			const char *path, const char *headers, const char *body,
			uint64_t deadline_ms);
/* More of the content. 0: its end; -1: *how and call->why say what went wrong. */
ssize_t call_read(struct call *call, char *to, size_t room, enum ctl_exit *how);
/* call_read() returns without waiting, whatever the descriptor says. */
bool call_has_more(struct call *call);
void call_close(struct call *call);
/* All of the content, at most CALL_BODY_MOST bytes. Closes. */
enum ctl_exit call_read_all(struct call *call, struct text *body);
