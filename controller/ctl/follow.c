/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/follow.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ctl/show.h"

/* The server says something at least every fifteen seconds. */
enum { SILENT_MS = 40000, AGAIN_MS = 1000, TARGET_BYTES = 400 };

static void take_field(struct follow_parser *parser)
{
	char *line = parser->line.bytes;
	char *value = strchr(line, ':');

	if (value == NULL || value == line) {
		return; /* a comment, or a field without a value */
	}
	*value++ = '\0';
	value += *value == ' ' ? 1 : 0;
	if (strcmp(line, "data") == 0) {
		text_puts(&parser->data, parser->data.length > 0 ? "\n" : "");
		text_puts(&parser->data, value);
	} else if (strcmp(line, "event") == 0) {
		snprintf(parser->type, sizeof(parser->type), "%s", value);
	} else if (strcmp(line, "id") == 0 && strspn(value, "0123456789") == strlen(value)) {
		snprintf(parser->id, sizeof(parser->id), "%s", value);
	}
}

ssize_t follow_take(struct follow_parser *parser, const char *bytes, size_t count)
{
	size_t at = 0;

	parser->line.most = parser->data.most = FOLLOW_LINE_MOST;
	while (at < count && !parser->is_done) {
		const char *end = memchr(bytes + at, '\n', count - at);
		const size_t part = end == NULL ? count - at : (size_t)(end - bytes) - at;

		text_put(&parser->line, bytes + at, part);
		at += part + (end != NULL);
		if (end != NULL && parser->line.length > 0) {
			take_field(parser);
			text_reset(&parser->line);
		} else if (end != NULL) {
			parser->is_done = parser->data.length > 0;
		}
		if (parser->line.is_broken || parser->data.is_broken) {
			return -1;
		}
	}
	return (ssize_t)at;
}

void follow_next(struct follow_parser *parser)
{
	text_reset(&parser->data);
	parser->type[0] = '\0';
	parser->is_done = false;
}

void follow_free(struct follow_parser *parser)
{
	text_free(&parser->line);
	text_free(&parser->data);
}

static enum follow_act tell(const struct follow *follow, struct follow_parser *parser)
{
	json_t *json = json_loadb(parser->data.bytes, parser->data.length, 0, NULL);
	enum follow_act act = FOLLOW_ON;

	if (json_is_object(json)) {
		act = follow->heard(follow->argument, parser->type, json);
	}
	json_decref(json);
	return act;
}

/* Until the stream breaks. *is_over: it was to end. */
static enum ctl_exit listen_on(const struct follow *follow, struct call *call,
			       struct follow_parser *parser, bool *is_over)
{
	char bytes[8192];
	enum ctl_exit how = CTL_OK;

	call->deadline_ms = clock_ms() + SILENT_MS;
	for (;;) {
		struct pollfd wait = {.fd = call->fd, .events = POLLIN};

		if (follow->idle_ms != 0 && !call_has_more(call) &&
		    poll(&wait, 1, (int)follow->idle_ms) == 0) {
			follow->idle(follow->argument);
			if (clock_ms() < call->deadline_ms) {
				continue;
			}
		}
		const ssize_t count = call_read(call, bytes, sizeof(bytes), &how);
		if (count <= 0) {
			call_close(call);
			return count == 0 ? CTL_UNREACHABLE : how;
		}
		call->deadline_ms = clock_ms() + SILENT_MS;
		for (size_t at = 0; at < (size_t)count;) {
			const ssize_t taken = follow_take(parser, bytes + at, (size_t)count - at);
			if (taken < 0) {
				call_close(call);
				return CTL_FAILED;
			}
			at += (size_t)taken;
			if (parser->is_done && tell(follow, parser) == FOLLOW_END) {
				*is_over = true;
				call_close(call);
				return CTL_OK;
			}
			if (parser->is_done) {
				follow_next(parser);
			}
		}
	}
}

static enum ctl_exit open_stream(const struct ctl *ctl, const struct follow *follow,
				 struct call *call, const char *after)
{
	char target[TARGET_BYTES];
	const struct place place = {.socket = ctl->socket, .url = ctl->url, .token = ctl->token};

	snprintf(target, sizeof(target), "/api/v1/stream?topics=%s%s%s", follow->topics,
		 after[0] == '\0' ? "" : "&after=", after);
	return call_open(call, &place, "GET", target, "Accept: text/event-stream\r\n", NULL,
			 clock_ms() + ctl_answer_ms(ctl));
}

enum ctl_exit follow_run(const struct ctl *ctl, const struct follow *follow)
{
	struct follow_parser parser = {0};
	struct call *call = malloc(sizeof(*call));
	bool is_first = true;
	bool is_over = false;
	bool is_lost = false;
	enum ctl_exit how =
		call == NULL ? ctl_say(ctl, CTL_FAILED, "no memory for the stream") : CTL_OK;

	while (how == CTL_OK && !is_over) {
		enum ctl_exit opened = open_stream(ctl, follow, call, parser.id);
		if (opened == CTL_OK && call->status != 200) {
			snprintf(call->why, sizeof(call->why),
				 "the controller opens no stream, status %u", call->status);
			opened = call->status == 401 || call->status == 403 ? CTL_REFUSED
									    : CTL_FAILED;
			call_close(call);
			is_first = true; /* it is not away, it refuses */
		}
		if (opened != CTL_OK && is_first) {
			how = ctl_say(ctl, opened, "%s", call->why);
		} else if (opened == CTL_OK) {
			if (is_lost) {
				ctl_say(ctl, CTL_OK, "the controller is there again");
			}
			is_lost = is_first = false;
			how = follow->opened != NULL ? follow->opened(follow->argument) : CTL_OK;
			if (how == CTL_OK) {
				(void)listen_on(follow, call, &parser, &is_over);
			}
		}
		if (how == CTL_OK && !is_over) {
			if (!is_lost) {
				ctl_say(ctl, CTL_OK, "the stream broke; trying again, ctrl-c ends");
			}
			is_lost = true;
			text_reset(&parser.line);
			follow_next(&parser);
			nanosleep(&(struct timespec){.tv_sec = AGAIN_MS / 1000}, NULL);
		}
	}
	follow_free(&parser);
	if (call != NULL) {
		call_close(call);
	}
	free(call);
	return how;
}
