/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Why something was not done: a kind, which an HTTP status and an exit status follow from, and one sentence that names
 * the thing, the reason and the next step. The sentence is for people, and never holds a secret.
 */
#include <stdbool.h>
#include <stddef.h>

/* X(symbol, HTTP status, title of RFC 9457's problem) */
#define FAIL_KINDS(X)                                                                                                  \
	X(NONE, 200, "No error")                                                                                       \
	X(INVALID, 400, "The request is not understood")                                                               \
	X(UNAUTHORIZED, 401, "Sign in first")                                                                          \
	X(FORBIDDEN, 403, "Not allowed")                                                                               \
	X(NOT_FOUND, 404, "There is no such thing")                                                                    \
	X(METHOD, 405, "Not a method of this resource")                                                                \
	X(CONFLICT, 409, "Not possible in this state")                                                                 \
	X(STALE, 412, "It has changed since it was read")                                                              \
	X(TOO_LARGE, 413, "Too large")                                                                                 \
	X(LIMIT, 429, "Too many at once")                                                                              \
	X(INTERNAL, 500, "The controller failed")                                                                      \
	X(UNAVAILABLE, 503, "Not possible now")

enum fail_kind {
#define X(symbol, status, title) FAIL_##symbol,
	FAIL_KINDS(X)
#undef X
};

enum { FAIL_TEXT_BYTES = 256 };

struct fail {
	enum fail_kind kind;
	char text[FAIL_TEXT_BYTES]; /* NUL terminated, cut where it was longer */
};

/* Fills *fail (which may be NULL) and returns false, for `return fail_set(...)`. */
bool fail_set(struct fail *fail, enum fail_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
unsigned fail_status(enum fail_kind kind);
const char *fail_title(enum fail_kind kind);
