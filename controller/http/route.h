/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Which route a method and a path mean. */
#include "http/http.h"

enum { ROUTE_PARAM_BYTES = 80, ROUTE_ALLOW_BYTES = 64 };

struct route_match {
	const struct http_route *
		route; /* NULL: none; then `allow` says which methods the path has, "": the path is unknown */
	char params[HTTP_PARAMS_MAX][ROUTE_PARAM_BYTES];
	unsigned param_count;
	char allow[ROUTE_ALLOW_BYTES];
};

/* HEAD finds the route of GET. */
void route_find(const struct http_route *routes, size_t count, const char *method, const char *path,
		struct route_match *match);
