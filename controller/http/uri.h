/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The target of a request, split and decoded once: a path of segments, and the pairs of the query. All of it
 * is hostile.
 */
#include <stdbool.h>

#include "base/fail.h"

enum { URI_BYTES = 4096, URI_QUERY_MAX = 16 };

struct uri {
	char bytes[URI_BYTES]; /* what the pointers point into */
	const char *path; /* begins with '/'; no control characters */
	struct {
		const char *name;
		const char *value;
	} query[URI_QUERY_MAX];
	unsigned query_count;
};

/* False: *fail says what is wrong with it; uri->path is then "". */
bool uri_parse(struct uri *uri, const char *target, struct fail *fail);
/* NULL: it is not there. */
const char *uri_query(const struct uri *uri, const char *name);
