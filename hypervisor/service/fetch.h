/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Fetches a file of known size by HTTP, over interruptions: what arrived is kept, and the rest asked for with Range.
 * Every byte of the file is passed on once, in order. Whether they are the right bytes is the caller's to see
 * (SHA-256): a caller that finds them wrong starts again.
 *
 * Transport failures (refused, closed early, time-outs, 408, 429, 5xx) are tried again with growing pauses, for ever
 * unless tries_max says otherwise; the count starts anew whenever a try brought bytes. An answer that is wrong (a
 * redirect, another length, another range, other statuses, no HTTP) ends the fetch at once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/http.h"

enum { FETCH_BACKOFF_FIRST_MS = 100, FETCH_BACKOFF_MAX_MS = 5000 };

enum fetch_state {
	FETCH_IDLE = 0, /* never started, or cancelled */
	FETCH_RUNNING,
	FETCH_PAUSED, /* waits before it tries again */
	FETCH_DONE,
	FETCH_FAILED,
};

enum fetch_why {
	FETCH_WHY_NONE = 0,
	FETCH_WHY_HTTP, /* last: the outcome of the last try; tries_max was reached, or no HTTP */
	FETCH_WHY_STATUS, /* last.status: one that another try does not mend */
	FETCH_WHY_REDIRECT,
	FETCH_WHY_LENGTH, /* the file has another length than it should */
	FETCH_WHY_RANGE, /* another range than the one that was asked for */
	FETCH_WHY_SINK, /* the sink returned false */
};

struct fetch_request {
	uint32_t address;
	uint16_t port;
	char path[HTTP_PATH_MAX_BYTES];
	uint64_t size_bytes; /* not 0 */
	uint32_t tries_max; /* in a row without a byte; 0: no limit */
	struct http_limits limits;
	/* The file's bytes from `offset` on. False ends the fetch. */
	bool (*sink)(void *context, uint64_t offset, const uint8_t *bytes, size_t count);
	void *context;
};

struct fetch_progress {
	enum fetch_state state;
	enum fetch_why why; /* FETCH_FAILED */
	uint64_t done_bytes;
	uint64_t size_bytes;
	uint32_t tries; /* requests made */
	uint32_t resumes; /* of these, not from the file's start */
	struct http_outcome last; /* of the last try that ended */
};

/* The caller's memory; it must stand still from fetch_start() until DONE, FAILED or fetch_cancel(). */
struct fetch {
	struct fetch_request request;
	struct fetch_progress progress;
	uint32_t http_id;
	uint32_t barren_tries; /* in a row without a byte */
	uint64_t try_began; /* done_bytes when this try began */
	uint64_t try_first; /* offset at which its answer begins */
	uint64_t try_bytes; /* of that so far */
	uint64_t again_at; /* FETCH_PAUSED */
	enum fetch_why wrong; /* why this try's answer was refused for good */
	uint64_t now; /* of the last call */
	uint64_t counter_hz;
};

void fetch_init(struct fetch *fetch, uint64_t counter_hz);
/* Begins; a fetch under way is cancelled first. False: the request is not well formed. */
bool fetch_start(struct fetch *fetch, const struct fetch_request *request, uint64_t now);
void fetch_cancel(struct fetch *fetch);
/* After http_poll(). */
void fetch_poll(struct fetch *fetch, uint64_t now);
/* In how many ticks fetch_poll() has to be called; UINT64_MAX: no need. */
uint64_t fetch_wait(const struct fetch *fetch, uint64_t now);
/* How it stands, in words; for FAILED why. */
void fetch_words(const struct fetch *fetch, char words[HTTP_WORDS_BYTES]);
