/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies, parameters and the shape of lists. All that is read here is hostile; what it returns is bounded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/inside.h"

bool api_body(const struct http_request *request, const char *const *names, struct fail *fail)
{
	const char *key;
	json_t *value;

	if (request->json == NULL) {
		return fail_set(fail, FAIL_INVALID, "%s %.80s needs a JSON object as its body",
				request->method, request->path);
	}
	json_object_foreach(request->json, key, value)
	{
		unsigned i = 0;
		while (names[i] != NULL && strcmp(names[i], key) != 0) {
			i++;
		}
		if (names[i] == NULL) {
			return fail_set(fail, FAIL_INVALID,
					"the body has a member \"%.40s\" that is not known here",
					key);
		}
	}
	return true;
}

static bool is_clean(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f) {
			return false;
		}
	}
	return true;
}

bool api_text(const struct http_request *request, const char *name, size_t most, bool is_needed,
	      const char **text, struct fail *fail)
{
	const json_t *value = json_object_get(request->json, name);

	*text = NULL;
	if (value == NULL || json_is_null(value)) {
		return !is_needed || fail_set(fail, FAIL_INVALID, "the body lacks \"%s\"", name);
	}
	if (!json_is_string(value)) {
		return fail_set(fail, FAIL_INVALID, "\"%s\" is to be a text", name);
	}
	if (json_string_length(value) > most || !is_clean(json_string_value(value))) {
		return fail_set(fail, FAIL_INVALID,
				"\"%s\" is to have at most %zu bytes and no control characters",
				name, most);
	}
	*text = json_string_value(value);
	return true;
}

bool api_bool(const struct http_request *request, const char *name, bool *value, struct fail *fail)
{
	const json_t *member = json_object_get(request->json, name);

	*value = json_is_true(member);
	return json_is_boolean(member) ||
	       fail_set(fail, FAIL_INVALID, "\"%s\" is to be true or false", name);
}

bool api_parse_time(const char *text, int64_t *wall_ms)
{
	struct tm tm = {0};
	char rest[8] = "";
	int end = 0;

	if (text == NULL || strlen(text) > 30 ||
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) != 6 ||
	    tm.tm_year < 2000 || tm.tm_year > 9999 || tm.tm_mon < 1 || tm.tm_mon > 12 ||
	    tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 ||
	    tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60) {
		return false;
	}
	const char *fraction = text + end;
	if (*fraction == '.') {
		const size_t digits = strspn(fraction + 1, "0123456789");
		if (digits == 0) {
			return false;
		}
		snprintf(rest, sizeof(rest), "%.*s000", (int)(digits < 3 ? digits : 3),
			 fraction + 1);
		rest[3] = '\0';
		fraction += 1 + digits;
	}
	if (strcmp(fraction, "Z") != 0) {
		return false;
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*wall_ms = (int64_t)timegm(&tm) * 1000 + strtol(rest, NULL, 10);
	return true;
}

bool api_page(const struct http_request *request, unsigned *limit, const char **after,
	      struct fail *fail)
{
	uint64_t number;

	*after = http_query(request, "after");
	if (*after != NULL && (strlen(*after) > 40 || **after == '\0')) {
		*after = NULL;
	}
	if (!http_query_u64(request, "limit", 1, 1000, 100, &number, fail)) {
		return false;
	}
	*limit = (unsigned)number;
	return true;
}

bool api_if_match(const struct http_request *request, uint64_t *rev, struct fail *fail)
{
	const char *text = http_header(request, "If-Match");

	*rev = 0;
	if (text == NULL || strcmp(text, "*") == 0) {
		return true;
	}
	const size_t digits = text[0] == '"' ? strspn(text + 1, "0123456789") : 0;
	if (digits == 0 || digits > 18 || strcmp(text + 1 + digits, "\"") != 0) {
		return fail_set(fail, FAIL_STALE,
				"If-Match is no ETag of this resource; read it again");
	}
	*rev = strtoull(text + 1, NULL, 10);
	return *rev != 0 ||
	       fail_set(fail, FAIL_STALE, "If-Match is no ETag of this resource; read it again");
}

bool api_id(const struct http_request *request, char kind, const char **id, struct fail *fail)
{
	*id = request->params[0];
	return id_is_valid(kind, *id) ||
	       fail_set(fail, FAIL_NOT_FOUND,
			"\"%.40s\" is no id: it begins with %c- and ten more characters follow",
			*id, kind);
}

struct fleet_who api_who(const struct http_request *request)
{
	return (struct fleet_who){.actor = request->actor, .request = request->id};
}

void api_begin_list(struct http_reply *reply)
{
	text_puts(&reply->body, "{\"items\":[");
}

void api_end_list(struct http_reply *reply, const char *next)
{
	struct json json = {.to = &reply->body};

	text_puts(&reply->body, "],\"next\":");
	if (next[0] != '\0') {
		json_text(&json, NULL, next);
	} else {
		text_puts(&reply->body, "null");
	}
	text_puts(&reply->body, "}");
}
