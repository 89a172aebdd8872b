/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What keeps other sites out: which Host a request may name, and where a change may come from. Pure
 * functions of header values.
 */
#include <stdbool.h>
#include <stddef.h>

/*
 * A Host header's value, with or without a port, is a name of this machine's loopback or one of `hosts`.
 * NULL: false.
 */
bool guard_host_is_ours(const char *host, const char *const *hosts, size_t count);

/*
 * A change that a browser may have sent: true when it came from this very site. `origin` and `fetch_site`
 * are the headers Origin and Sec-Fetch-Site (NULL: absent). A browser sends at least one of them with every
 * change, so with a cookie one is needed.
 */
bool guard_origin_is_ours(const char *host, const char *origin, const char *fetch_site,
			  bool has_cookie);

/* The value of one cookie, copied; false: absent, or longer than room - 1. */
bool guard_cookie(const char *header, const char *name, char *value, size_t room);

/* JSON nested deeper than `most`, or with more than one value, is not worth a parser. Strings are skipped. */
bool guard_json_is_shallow(const char *text, size_t count, unsigned most);
