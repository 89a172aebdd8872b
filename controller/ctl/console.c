/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's console. What is kept comes first, then the stream goes on where that ended; offsets say where, so nothing
 * is shown twice or left out unsaid. Keys go out as they come, gathered for as long as a request is on its way.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/command.h"
#include "ctl/filter.h"
#include "ctl/find.h"
#include "ctl/follow.h"
#include "ctl/show.h"

enum {
	PATH_ROOM = 160,
	OUTPUT_BYTES = 64 << 10,
	INPUT_BYTES = 1024,
	END_KEY = 0x1d,
	SILENT_MS = 40000,
	BACKLOG_MS = 6000, /* a node says within five beats how much it has */
	BACKLOG_STEP_MS = 50,
	SLOT_MOST = 15
};

struct console {
	struct ctl *ctl;
	char id[FIND_ID_BYTES];
	unsigned slot;
	uint64_t shown; /* offset behind the last byte that was written out */
	struct filter filter;
	struct follow_parser parser;
	struct call call;
	struct termios before;
	bool is_raw;
};

/* Base64 of the guest's bytes from offset `at` on. */
static enum ctl_exit put(struct console *console, uint64_t at, const char *base64)
{
	static unsigned char bytes[OUTPUT_BYTES];
	static char passed[OUTPUT_BYTES + 1];
	size_t count;

	if (base64 == NULL ||
	    sodium_base642bin(bytes, sizeof(bytes), base64, strlen(base64), NULL, &count, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0) {
		return ctl_say(console->ctl, CTL_FAILED,
			       "the controller's answer holds no console output");
	}
	if (at > console->shown && console->shown != 0) {
		fprintf(console->ctl->out, "\r\n[%llu bytes are gone]\r\n",
			(unsigned long long)(at - console->shown));
	}
	const uint64_t end = at + count;
	const size_t skip =
		console->shown > at
			? (size_t)(console->shown - at < count ? console->shown - at : count)
			: 0;
	const size_t room =
		filter_take(&console->filter, (const char *)bytes + skip, count - skip, passed);
	fwrite(passed, 1, room, console->ctl->out);
	fflush(console->ctl->out);
	console->shown = end > console->shown ? end : console->shown;
	return CTL_OK;
}

/* All that is kept behind what was shown. *is_waiting: the node still has some to send. */
static enum ctl_exit read_kept(struct console *console, bool *is_waiting)
{
	char path[PATH_ROOM];
	enum ctl_exit how = CTL_OK;
	json_t *json;

	for (bool is_more = true; is_more && how == CTL_OK;) {
		snprintf(path, sizeof(path), "/api/v1/nodes/%s/consoles/%u?from=%llu", console->id,
			 console->slot, (unsigned long long)console->shown);
		how = ctl_ask(console->ctl, "GET", path, NULL, &json);
		if (how != CTL_OK) {
			return how;
		}
		const uint64_t end = (uint64_t)show_number(json, "end");
		is_more = end > console->shown && end < (uint64_t)show_number(json, "newest");
		*is_waiting = json_is_true(json_object_get(json, "waiting"));
		how = put(console, (uint64_t)show_number(json, "start"),
			  json_string_value(json_object_get(json, "text")));
		json_decref(json);
	}
	return how;
}

static enum ctl_exit send_input(struct console *console, const char *bytes, size_t count)
{
	char text[sodium_base64_ENCODED_LEN(INPUT_BYTES, sodium_base64_VARIANT_ORIGINAL)];
	char path[PATH_ROOM];
	json_t *json = NULL;

	sodium_bin2base64(text, sizeof(text), (const unsigned char *)bytes, count,
			  sodium_base64_VARIANT_ORIGINAL);
	snprintf(path, sizeof(path), "/api/v1/nodes/%s/consoles/%u", console->id, console->slot);
	json_t *body = json_pack("{ss}", "input", text);
	const enum ctl_exit how = ctl_ask(console->ctl, "POST", path, body, &json);
	json_decref(body);
	json_decref(json);
	return how;
}

/* *is_over: ctrl-], or the input's end. */
static enum ctl_exit take_keys(struct console *console, bool *is_over)
{
	char bytes[INPUT_BYTES];
	ssize_t count = read(console->ctl->input, bytes, sizeof(bytes));

	if (count <= 0) {
		*is_over = count == 0 || errno != EINTR;
		return CTL_OK;
	}
	const char *end = console->is_raw ? memchr(bytes, END_KEY, (size_t)count) : NULL;
	*is_over = end != NULL;
	count = end != NULL ? end - bytes : count;
	return count > 0 ? send_input(console, bytes, (size_t)count) : CTL_OK;
}

static enum ctl_exit take_event(struct console *console)
{
	json_t *json = json_loadb(console->parser.data.bytes, console->parser.data.length, 0, NULL);
	enum ctl_exit how = CTL_OK;
	bool is_waiting;

	if (strcmp(console->parser.type, "console") == 0 && json_is_object(json)) {
		const uint64_t at = (uint64_t)show_number(json, "offset");
		how = at > console->shown ? read_kept(console, &is_waiting) : CTL_OK;
		how = how == CTL_OK
			      ? put(console, at, json_string_value(json_object_get(json, "data")))
			      : how;
	}
	json_decref(json);
	follow_next(&console->parser);
	return how;
}

/* What is there of the stream. */
static enum ctl_exit take_output(struct console *console)
{
	char bytes[8192];
	enum ctl_exit how = CTL_OK;

	console->call.deadline_ms = clock_ms() + SILENT_MS;
	const ssize_t count = call_read(&console->call, bytes, sizeof(bytes), &how);
	if (count <= 0) {
		return ctl_say(console->ctl, CTL_UNREACHABLE, "the console's stream broke: %s",
			       count == 0 ? "the controller ended it" : console->call.why);
	}
	for (size_t at = 0; at < (size_t)count && how == CTL_OK;) {
		const ssize_t taken = follow_take(&console->parser, bytes + at, (size_t)count - at);
		if (taken < 0) {
			return ctl_say(console->ctl, CTL_FAILED,
				       "the console's stream holds a line that is too long");
		}
		at += (size_t)taken;
		how = console->parser.is_done ? take_event(console) : CTL_OK;
	}
	return how;
}

static enum ctl_exit follow_console(struct console *console, bool takes_keys)
{
	bool is_over = false;
	enum ctl_exit how = CTL_OK;

	while (how == CTL_OK && !is_over && !ferror(console->ctl->out)) {
		struct pollfd wait[] = {
			{.fd = takes_keys ? console->ctl->input : -1, .events = POLLIN},
			{.fd = console->call.fd, .events = POLLIN}};
		const bool has_more = call_has_more(&console->call);

		if (poll(wait, 2, has_more ? 0 : SILENT_MS) < 0 && errno != EINTR) {
			return ctl_say(console->ctl, CTL_FAILED, "poll: %s", strerror(errno));
		}
		if (wait[0].revents != 0) {
			how = take_keys(console, &is_over);
			takes_keys = takes_keys && (console->is_raw || !is_over);
			is_over =
				is_over && console->is_raw; /* a pipe's end is not the watcher's */
		}
		if (how == CTL_OK && !is_over && (wait[1].revents != 0 || has_more)) {
			how = take_output(console);
		}
	}
	return how;
}

static enum ctl_exit open_stream(struct console *console)
{
	char path[PATH_ROOM];
	const struct ctl *ctl = console->ctl;
	const struct place place = {.socket = ctl->socket, .url = ctl->url, .token = ctl->token};

	snprintf(path, sizeof(path), "/api/v1/stream?topics=console:%s:%u", console->id,
		 console->slot);
	const enum ctl_exit how =
		call_open(&console->call, &place, "GET", path, "Accept: text/event-stream\r\n",
			  NULL, clock_ms() + ctl_answer_ms(ctl));
	if (how == CTL_OK && console->call.status != 200) {
		return ctl_say(ctl, CTL_FAILED, "the controller opens no stream, status %u",
			       console->call.status);
	}
	return how == CTL_OK ? CTL_OK : ctl_say(ctl, how, "%s", console->call.why);
}

static void set_raw(struct console *console)
{
	struct termios raw;

	if (tcgetattr(console->ctl->input, &console->before) != 0) {
		return;
	}
	raw = console->before;
	cfmakeraw(&raw);
	console->is_raw = tcsetattr(console->ctl->input, TCSANOW, &raw) == 0;
}

/* On a terminal, or with --watch. */
static enum ctl_exit interact(struct console *console)
{
	const bool has_terminal = isatty(console->ctl->input) == 1 && console->ctl->is_terminal;
	enum ctl_exit how = open_stream(console);
	bool is_waiting; /* the stream brings it */

	how = how == CTL_OK ? read_kept(console, &is_waiting) : how;
	if (how == CTL_OK) {
		if (has_terminal) {
			fprintf(console->ctl->err, "\r\n[%s, guest %u; ctrl-] ends]\r\n",
				console->id, console->slot);
			set_raw(console);
		}
		how = follow_console(console, true);
	}
	if (console->is_raw) {
		tcsetattr(console->ctl->input, TCSAFLUSH, &console->before);
		fputs("\033[0m\n", console->ctl->out);
	}
	call_close(&console->call);
	follow_free(&console->parser);
	return how;
}

/* Prints what is kept, by the controller or still by the node, then sends the input. */
static enum ctl_exit once(struct console *console)
{
	const uint64_t end_ms = clock_ms() + BACKLOG_MS;
	bool is_over = false;
	bool is_waiting = false;
	enum ctl_exit how = read_kept(console, &is_waiting);

	while (how == CTL_OK && is_waiting && clock_ms() < end_ms) {
		poll(NULL, 0, BACKLOG_STEP_MS);
		how = read_kept(console, &is_waiting);
	}
	while (how == CTL_OK && !is_over && isatty(console->ctl->input) == 0) {
		how = take_keys(console, &is_over);
	}
	return how;
}

enum ctl_exit node_console(struct ctl *ctl)
{
	const char *slot = ctl->argument_count > 1 ? ctl->arguments[1] : "0";
	struct console *console = calloc(1, sizeof(*console));
	enum ctl_exit how;

	if (console == NULL) {
		return ctl_say(ctl, CTL_FAILED, "no memory for the console");
	}
	console->ctl = ctl;
	console->slot = (unsigned)strtoul(slot, NULL, 10);
	console->call.fd = -1;
	if (strlen(slot) > 2 || strspn(slot, "0123456789") != strlen(slot) ||
	    console->slot > SLOT_MOST) {
		how = ctl_say(ctl, CTL_USAGE,
			      "a guest's slot is a number from 0 to %d, not \"%.40s\"", SLOT_MOST,
			      slot);
	} else {
		how = find_node(ctl, ctl->arguments[0], console->id);
	}
	if (how == CTL_OK) {
		how = ctl_has(ctl, OPT_JSON)
			      ? ctl_say(ctl, CTL_USAGE,
					"a console's output is no JSON; leave --json out")
		      : ctl->is_terminal || ctl_has(ctl, OPT_WATCH) ? interact(console)
								    : once(console);
	}
	free(console);
	return how;
}
