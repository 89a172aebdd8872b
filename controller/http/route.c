/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routing: a table of patterns, tried in order. A {} takes one segment that is not empty and not longer than
 * a parameter may be.
 */
#include "http/route.h"

#include <stdio.h>
#include <string.h>

static bool fits(const char *pattern, const char *path, struct route_match *match)
{
	match->param_count = 0;
	while (*pattern != '\0') {
		if (*pattern != '{') {
			if (*pattern++ != *path++) {
				return false;
			}
			continue;
		}
		const size_t length = strcspn(path, "/");
		if (length == 0 || length >= ROUTE_PARAM_BYTES ||
		    match->param_count == HTTP_PARAMS_MAX) {
			return false;
		}
		memcpy(match->params[match->param_count], path, length);
		match->params[match->param_count++][length] = '\0';
		path += length;
		pattern += strcspn(pattern, "}");
		pattern += *pattern == '}';
	}
	return *path == '\0';
}

static void allow(struct route_match *match, const char *method)
{
	const size_t used = strlen(match->allow);

	snprintf(match->allow + used, sizeof(match->allow) - used, "%s%s", used > 0 ? ", " : "",
		 strcmp(method, "GET") == 0 ? "GET, HEAD" : method);
}

void route_find(const struct http_route *routes, size_t count, const char *method, const char *path,
		struct route_match *match)
{
	const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;

	match->route = NULL;
	match->allow[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		if (!fits(routes[i].pattern, path, match)) {
			continue;
		}
		if (strcmp(routes[i].method, wanted) == 0) {
			match->route = &routes[i];
			match->allow[0] = '\0';
			return;
		}
		allow(match, routes[i].method);
	}
	match->param_count = 0;
}
