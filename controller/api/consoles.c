/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's console: what it wrote, from an offset on, and typing into it. Both are bytes, so they travel as
 * base64.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "api/inside.h"

enum { SHOW_BYTES = 64 << 10, TYPE_BYTES = 1024, SLOT_MOST = 15 };

static bool find(const struct http_request *request, const char **node, unsigned *slot,
		 struct fail *fail)
{
	const char *text = request->params[1];

	if (!api_id(request, 'n', node, fail)) {
		return false;
	}
	if (strlen(text) > 2 || strspn(text, "0123456789") != strlen(text) ||
	    strtoul(text, NULL, 10) > SLOT_MOST) {
		return fail_set(fail, FAIL_NOT_FOUND,
				"a guest's slot is a number from 0 to %d, not \"%.40s\"", SLOT_MOST,
				text);
	}
	*slot = (unsigned)strtoul(text, NULL, 10);
	return true;
}

static bool show(const struct api *api, const char *node, unsigned slot, uint64_t from, char *bytes,
		 struct text *to, struct fail *fail)
{
	const struct api_outside *outside = &api->options.outside;
	struct json json = {.to = to};
	struct api_console part = {.from = from};

	if (!outside->console_read(outside->consoles, node, slot, &part, bytes, SHOW_BYTES, fail)) {
		return false;
	}
	const size_t room = sodium_base64_ENCODED_LEN(part.count, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(room);
	if (text == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE, "no memory for the console; try again");
	}
	sodium_bin2base64(text, room, (const unsigned char *)bytes, part.count,
			  sodium_base64_VARIANT_ORIGINAL);
	json_begin_object(&json, NULL);
	/* Of `text`; more than what was asked for: older output is gone. */
	json_u64(&json, "start", part.from);
	json_u64(&json, "end", part.from + part.count);
	json_u64(&json, "oldest", part.oldest);
	json_u64(&json, "newest", part.newest);
	json_bool(&json, "waiting", part.is_waiting);
	json_text(&json, "text", text);
	json_end_object(&json);
	free(text);
	return true;
}

bool api_console_show(void *app, const struct http_request *request, struct http_reply *reply,
		      struct fail *fail)
{
	struct api *api = app;
	const char *node;
	unsigned slot;
	uint64_t from;

	if (!find(request, &node, &slot, fail) ||
	    !http_query_u64(request, "from", 0, UINT64_MAX >> 1, 0, &from, fail)) {
		return false;
	}
	if (api->options.outside.console_read == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE, "this controller runs without consoles");
	}
	char *bytes = malloc(SHOW_BYTES);
	if (bytes == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE, "no memory for the console; try again");
	}
	const bool ok = show(api, node, slot, from, bytes, &reply->body, fail);
	free(bytes);
	return ok;
}

bool api_console_type(void *app, const struct http_request *request, struct http_reply *reply,
		      struct fail *fail)
{
	static const char *const names[] = {"input", NULL};
	struct api *api = app;
	const struct api_outside *outside = &api->options.outside;
	const char *node;
	const char *text;
	const char *end;
	unsigned slot;
	unsigned char input[TYPE_BYTES];
	size_t count;

	(void)reply;
	if (!find(request, &node, &slot, fail) || !api_body(request, names, fail) ||
	    !api_text(request, "input",
		      sodium_base64_ENCODED_LEN(TYPE_BYTES, sodium_base64_VARIANT_ORIGINAL), true,
		      &text, fail)) {
		return false;
	}
	if (outside->console_write == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE, "this controller runs without consoles");
	}
	if (sodium_base642bin(input, sizeof(input), text, strlen(text), NULL, &count, &end,
			      sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    *end != '\0' || count == 0) {
		return fail_set(fail, FAIL_INVALID, "\"input\" is to be base64 of 1 to %d bytes",
				TYPE_BYTES);
	}
	return outside->console_write(outside->consoles, node, slot, (const char *)input, count,
				      fail);
}
