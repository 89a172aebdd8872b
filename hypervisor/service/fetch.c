/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file over as many HTTP requests as it takes. Hostile: what the server answers. Invariants: the sink gets the
 * bytes [0, size) in order, each once; nothing is asked for when all has arrived; a fetch that ended has no request
 * under way.
 */
#include "service/fetch.h"

#include <string.h>

#include "lib/fmt.h"

void fetch_init(struct fetch *fetch, uint64_t counter_hz)
{
	memset(fetch, 0, sizeof(*fetch));
	fetch->counter_hz = counter_hz;
}

static void end(struct fetch *fetch, enum fetch_state state, enum fetch_why why)
{
	fetch->progress.state = state;
	fetch->progress.why = why;
	fetch->http_id = 0;
}

/* --- one try --- */

/* This answer is not taken: for good, or (WHY_NONE) because another try may get a better one. */
static bool refuse(struct fetch *fetch, enum fetch_why why)
{
	fetch->wrong = why;
	return false;
}

static bool take_head(void *context, const struct http_head *head)
{
	struct fetch *fetch = context;
	const uint64_t size = fetch->progress.size_bytes;
	const uint64_t want = fetch->progress.done_bytes;

	if (head->status == 200) {
		fetch->try_first = 0; /* a server that knows no ranges: what has arrived is skipped */
		return head->content_length == size || refuse(fetch, FETCH_WHY_LENGTH);
	}
	if (head->status == 206) {
		if (head->range_total != UINT64_MAX && head->range_total != size) {
			return refuse(fetch, FETCH_WHY_LENGTH);
		}
		fetch->try_first = want;
		return (want != 0 && head->range_first == want && head->range_last == size - 1) ||
		       refuse(fetch, FETCH_WHY_RANGE);
	}
	if (head->status == 408 || head->status == 429 || head->status >= 500) {
		return refuse(fetch, FETCH_WHY_NONE);
	}
	if (head->status == 416) {
		return refuse(fetch, FETCH_WHY_LENGTH);
	}
	return refuse(fetch, head->status >= 300 && head->status < 400 ? FETCH_WHY_REDIRECT : FETCH_WHY_STATUS);
}

static bool take_body(void *context, const uint8_t *bytes, size_t count)
{
	struct fetch *fetch = context;
	const uint64_t done = fetch->progress.done_bytes;
	const uint64_t at = fetch->try_first + fetch->try_bytes;

	fetch->try_bytes += count;
	if (at + count <= done) {
		return true;
	}
	const size_t skip = (size_t)(done - at);
	fetch->progress.done_bytes = at + count;
	return fetch->request.sink(fetch->request.context, done, bytes + skip, count - skip) ||
	       refuse(fetch, FETCH_WHY_SINK);
}

static void pause_fetch(struct fetch *fetch)
{
	uint64_t ms = FETCH_BACKOFF_FIRST_MS;

	for (uint32_t i = 1; i < fetch->barren_tries && ms < FETCH_BACKOFF_MAX_MS; i++) {
		ms *= 2;
	}
	if (ms > FETCH_BACKOFF_MAX_MS) {
		ms = FETCH_BACKOFF_MAX_MS;
	}
	fetch->http_id = 0;
	fetch->progress.state = FETCH_PAUSED;
	fetch->again_at = fetch->now + ms * fetch->counter_hz / 1000;
}

static void take_done(void *context, const struct http_outcome *outcome)
{
	struct fetch *fetch = context;
	const uint32_t tries_max = fetch->request.tries_max;

	fetch->progress.last = *outcome;
	if (fetch->wrong != FETCH_WHY_NONE) {
		end(fetch, FETCH_FAILED, fetch->wrong);
	} else if (fetch->progress.done_bytes == fetch->progress.size_bytes) {
		end(fetch, FETCH_DONE, FETCH_WHY_NONE);
	} else if (outcome->result == HTTP_BAD_RESPONSE) {
		end(fetch, FETCH_FAILED, FETCH_WHY_HTTP);
	} else {
		fetch->barren_tries = fetch->progress.done_bytes != fetch->try_began ? 0 : fetch->barren_tries + 1;
		if (tries_max != 0 && fetch->barren_tries >= tries_max) {
			end(fetch, FETCH_FAILED, FETCH_WHY_HTTP);
		} else {
			pause_fetch(fetch);
		}
	}
}

static void try_now(struct fetch *fetch)
{
	const struct http_request request = {
		.address = fetch->request.address,
		.port = fetch->request.port,
		.method = HTTP_GET,
		.path = fetch->request.path,
		.range_start = fetch->progress.done_bytes,
		.limits = fetch->request.limits,
		.on_head = take_head,
		.on_body = take_body,
		.on_done = take_done,
		.context = fetch,
	};

	fetch->try_began = fetch->progress.done_bytes;
	fetch->try_first = fetch->try_began;
	fetch->try_bytes = 0;
	fetch->wrong = FETCH_WHY_NONE;
	if (!http_start(&request, fetch->now, &fetch->http_id)) {
		pause_fetch(fetch); /* all requests are in use */
		return;
	}
	fetch->progress.state = FETCH_RUNNING;
	fetch->progress.tries++;
	fetch->progress.resumes += fetch->progress.done_bytes != 0;
}

/* --- the whole --- */

bool fetch_start(struct fetch *fetch, const struct fetch_request *request, uint64_t now)
{
	fetch_cancel(fetch);
	if (request->size_bytes == 0 || request->sink == NULL || request->path[0] != '/' ||
	    memchr(request->path, '\0', sizeof(request->path)) == NULL) {
		return false;
	}
	fetch->request = *request;
	fetch->progress = (struct fetch_progress){.size_bytes = request->size_bytes};
	fetch->barren_tries = 0;
	fetch->now = now;
	try_now(fetch);
	return true;
}

void fetch_cancel(struct fetch *fetch)
{
	if (fetch->http_id != 0) {
		http_cancel(fetch->http_id);
	}
	end(fetch, FETCH_IDLE, FETCH_WHY_NONE);
}

void fetch_poll(struct fetch *fetch, uint64_t now)
{
	fetch->now = now;
	if (fetch->progress.state == FETCH_PAUSED && now >= fetch->again_at) {
		try_now(fetch);
	}
}

uint64_t fetch_wait(const struct fetch *fetch, uint64_t now)
{
	if (fetch->progress.state != FETCH_PAUSED) {
		return UINT64_MAX;
	}
	return fetch->again_at > now ? fetch->again_at - now : 0;
}

static const char *why_words(enum fetch_why why)
{
	switch (why) {
	case FETCH_WHY_REDIRECT:
		return "a redirect, which is not followed";
	case FETCH_WHY_LENGTH:
		return "another length than it should have";
	case FETCH_WHY_RANGE:
		return "another range than was asked for";
	case FETCH_WHY_SINK:
		return "no room for it";
	default:
		return "refused";
	}
}

void fetch_words(const struct fetch *fetch, char words[HTTP_WORDS_BYTES])
{
	const struct fetch_progress *p = &fetch->progress;

	switch (p->state) {
	case FETCH_IDLE:
		fmt_string(words, HTTP_WORDS_BYTES, "not begun");
		break;
	case FETCH_RUNNING:
		fmt_string(words, HTTP_WORDS_BYTES, "%llu of %llu bytes", (unsigned long long)p->done_bytes,
			   (unsigned long long)p->size_bytes);
		break;
	case FETCH_DONE:
		fmt_string(words, HTTP_WORDS_BYTES, "done");
		break;
	case FETCH_PAUSED:
		http_outcome_words(&p->last, words);
		break;
	case FETCH_FAILED:
		if (p->why == FETCH_WHY_HTTP || p->why == FETCH_WHY_STATUS) {
			http_outcome_words(&p->last, words);
		} else {
			fmt_string(words, HTTP_WORDS_BYTES, "%s", why_words(p->why));
		}
		break;
	}
}
