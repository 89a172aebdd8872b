/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for JSON, and what a problem document (RFC 9457) becomes: a sentence and an exit status. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/show.h"

enum { PATH_ROOM = 1024, PAGE = 1000, PAGES_MOST = 64 };

static void say_json(const struct ctl *ctl, enum ctl_exit how, const char *text)
{
	json_t *json = json_pack("{s{siss}}", "problem", "exit", (int)how, "detail", text);

	if (json != NULL) {
		json_dumpf(json, ctl->err, JSON_COMPACT);
		fputc('\n', ctl->err);
		json_decref(json);
	}
}

enum ctl_exit ctl_say(const struct ctl *ctl, enum ctl_exit how, const char *format, ...)
{
	char text[1024];
	char clean[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	show_clean(clean, sizeof(clean), text);
	fflush(ctl->out);
	if (ctl_has(ctl, OPT_JSON)) {
		say_json(ctl, how, clean);
	} else {
		fprintf(ctl->err, "aetherctl: %s\n", clean);
	}
	return how;
}

uint64_t ctl_answer_ms(const struct ctl *ctl)
{
	const char *seconds = ctl_has(ctl, OPT_WAIT) ? NULL : ctl->values[OPT_TIMEOUT];

	return 1000 * (seconds == NULL ? CTL_ANSWER_S : strtoull(seconds, NULL, 10));
}

uint64_t ctl_wait_ms(const struct ctl *ctl)
{
	const char *seconds = ctl->values[OPT_TIMEOUT];

	return 1000 * (seconds == NULL ? CTL_WAIT_S : strtoull(seconds, NULL, 10));
}

enum ctl_exit ctl_confirm(const struct ctl *ctl, const char *question)
{
	char answer[8] = "";

	if (ctl_has(ctl, OPT_YES)) {
		return CTL_OK;
	}
	if (!ctl->can_ask || ctl_has(ctl, OPT_NO_INPUT)) {
		return ctl_say(ctl, CTL_USAGE, "%s Nobody can be asked here: say --yes", question);
	}
	fprintf(ctl->err, "%s [y/N] ", question);
	fflush(ctl->err);
	const ssize_t count = read(ctl->input, answer, sizeof(answer) - 1);
	return count > 0 && (answer[0] == 'y' || answer[0] == 'Y')
		       ? CTL_OK
		       : ctl_say(ctl, CTL_FAILED, "nothing was done");
}

static enum ctl_exit exit_of(unsigned status)
{
	switch (status) {
	case 401:
	case 403:
		return CTL_REFUSED;
	case 404:
		return CTL_NOT_FOUND;
	case 409:
	case 412:
		return CTL_CONFLICT;
	default:
		return CTL_FAILED;
	}
}

static enum ctl_exit say_problem(const struct ctl *ctl, const struct call *call, const json_t *json)
{
	const char *detail = json_string_value(json_object_get(json, "detail"));
	const enum ctl_exit how = exit_of(call->status);

	if (detail == NULL) {
		return ctl_say(ctl, how, "the controller answered with status %u and no reason%s%s",
			       call->status,
			       call->request[0] == '\0' ? "" : "; its log may have one by request ",
			       call->request);
	}
	return ctl_say(ctl, how, "%.600s%s%s%s", detail,
		       call->status >= 500 && call->request[0] != '\0' ? " (request " : "",
		       call->status >= 500 ? call->request : "",
		       call->status >= 500 && call->request[0] != '\0' ? ")" : "");
}

static enum ctl_exit read_answer(const struct ctl *ctl, struct call *call, json_t **json)
{
	struct text text = {0};
	json_error_t error;
	enum ctl_exit how = call_read_all(call, &text);

	*json = NULL;
	if (how != CTL_OK) {
		how = ctl_say(ctl, how, "%s", call->why);
	} else if (text.length > 0) {
		*json = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, &error);
	}
	if (how == CTL_OK && call->status >= 300) {
		how = say_problem(ctl, call, *json);
	} else if (how == CTL_OK && text.length > 0 && !json_is_object(*json)) {
		how = ctl_say(ctl, CTL_FAILED,
			      "the answer is not JSON; is that the controller's address?");
	}
	if (how != CTL_OK) {
		json_decref(*json);
		*json = NULL;
	}
	text_free(&text);
	return how;
}

enum ctl_exit ctl_ask(const struct ctl *ctl, const char *method, const char *path, json_t *body,
		      json_t **json)
{
	struct call call;
	const struct place place = {.socket = ctl->socket, .url = ctl->url, .token = ctl->token};
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
	enum ctl_exit how;

	*json = NULL;
	if (body != NULL && text == NULL) {
		return ctl_say(ctl, CTL_FAILED, "no memory for the request");
	}
	how = call_open(&call, &place, method, path, "", text, clock_ms() + ctl_answer_ms(ctl));
	free(text);
	return how != CTL_OK ? ctl_say(ctl, how, "%s", call.why) : read_answer(ctl, &call, json);
}

bool ctl_add_query(char *query, size_t room, const char *name, const char *value)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	size_t at = strlen(query);

	if (value == NULL) {
		return true;
	}
	if (at + strlen(name) + 3 * strlen(value) + 3 > room) {
		return false;
	}
	at += (size_t)snprintf(query + at, room - at, "%s%s=", at == 0 ? "" : "&", name);
	for (; *value != '\0'; value++) {
		at += (size_t)snprintf(query + at, room - at,
				       strchr(plain, *value) != NULL ? "%c" : "%%%02X",
				       (unsigned char)*value);
	}
	return true;
}

enum ctl_exit ctl_list(const struct ctl *ctl, const char *path, const char *query, unsigned most,
		       json_t **items)
{
	char target[PATH_ROOM];
	char after[64] = "";
	enum ctl_exit how = CTL_OK;

	*items = json_array();
	for (unsigned page = 0; page < PAGES_MOST && how == CTL_OK; page++) {
		json_t *json;
		const size_t have = json_array_size(*items);
		const size_t want = most == 0 || most - have > PAGE ? PAGE : most - have;

		snprintf(target, sizeof(target), "%s?limit=%zu%s%s%s%s", path, want,
			 query[0] == '\0' ? "" : "&", query,
			 after[0] == '\0' ? "" : "&after=", after);
		how = ctl_ask(ctl, "GET", target, NULL, &json);
		if (how != CTL_OK) {
			break;
		}
		const char *next = json_string_value(json_object_get(json, "next"));
		json_array_extend(*items, json_object_get(json, "items"));
		after[0] = '\0';
		if (next != NULL) {
			ctl_add_query(after, sizeof(after), "", next);
			memmove(after, after + 1, strlen(after)); /* without the '=' of no name */
		}
		json_decref(json);
		if (after[0] == '\0' || json_array_size(*items) == have ||
		    (most != 0 && json_array_size(*items) >= most)) {
			break;
		}
	}
	if (how != CTL_OK) {
		json_decref(*items);
		*items = NULL;
	}
	return how;
}

void ctl_print_json(const struct ctl *ctl, const json_t *json)
{
	json_dumpf(json, ctl->out, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	fputc('\n', ctl->out);
	fflush(ctl->out);
}
