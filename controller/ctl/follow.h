/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The controller's stream of events (text/event-stream), and its parser. */
#include "base/text.h"
#include "ctl/call.h"

enum { FOLLOW_LINE_MOST = 1 << 20, FOLLOW_TYPE_BYTES = 32 };

/* What comes is taken byte by byte; an event is over at an empty line. */
struct follow_parser {
	struct text line, data;
	char type[FOLLOW_TYPE_BYTES];
	char id[24]; /* the newest that was seen */
	bool is_done; /* type and data are an event's; parser_next() begins the next */
};

/* Takes bytes until an event is whole or none are left. Bytes that it took; -1: a line is too long, or memory short. */
ssize_t follow_take(struct follow_parser *parser, const char *bytes, size_t count);
void follow_next(struct follow_parser *parser);
void follow_free(struct follow_parser *parser);

/* Ends a --watch. */
enum follow_act { FOLLOW_ON, FOLLOW_END };

struct follow {
	const char *topics;
	/* An event; `json` is an object and borrowed. "resync" and "hello" come, too. */
	enum follow_act (*heard)(void *argument, const char *type, json_t *json);
	/* The stream is there (anew): read what it tells about changes of. */
	enum ctl_exit (*opened)(void *argument);
	/* Nothing came for `idle_ms`; 0: never called. */
	void (*idle)(void *argument);
	unsigned idle_ms;
	void *argument;
};

/*
 * Follows until `heard` ends it, or the input's terminal does by a signal. A stream that breaks is opened again where
 * it was; one that cannot be opened at first is a failure.
 */
enum ctl_exit follow_run(const struct ctl *ctl, const struct follow *follow);
