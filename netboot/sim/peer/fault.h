/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the HTTP server is told to do wrong. A rule is one line of text:
 *
 *     KIND [VALUE [VALUE]] [count=N] [path=PREFIX]
 *
 * and holds for the next N requests (default 1; 0: all of them) whose path begins with PREFIX (default /v1/blobs/).
 * The first rule that fits is taken; `flip`, `cut` and `die` fit only an answer that has that byte, or more bytes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_RULES_MAX 16u

/* X(symbol, word, values that it needs, what it does) */
#define FAULT_KINDS(X)                                                                             \
	X(NONE, "none", 0, "nothing")                                                              \
	X(CUT, "cut", 1, "the connection is reset behind BYTES of the body")                       \
	X(DIE, "die", 2, "behind BYTES of the body all goes away, UDP too, for MS milliseconds")   \
	X(LENGTH, "length", 1, "Content-Length says BYTES more (or less: -BYTES) than there are")  \
	X(FLIP, "flip", 1, "the lowest bit of the blob's byte at OFFSET is flipped")               \
	X(DRIP, "drip", 2, "BYTES of the body each MS milliseconds")                               \
	X(ENDLESS, "endless", 0, "no Content-Length, and a body of zeros without an end")          \
	X(LONG_HEAD, "long-head", 0, "header lines without an end")                                \
	X(REDIRECT, "redirect", 0, "302 to the same place")                                        \
	X(STATUS, "status", 1, "the status CODE and no content")                                   \
	X(SILENCE, "silence", 0, "the request is read, and nothing said")                          \
	X(NO_RANGE, "no-range", 0, "a Range is ignored: 200 with the whole")                       \
	X(BAD_RANGE, "bad-range", 0, "Content-Range names bytes one further than those that come") \
	X(CHUNKED, "chunked", 0, "Transfer-Encoding: chunked, of one chunk")                       \
	X(GARBAGE, "garbage", 0, "random bytes instead of an answer")

enum fault_kind {
#define X(symbol, word, values, does) FAULT_##symbol,
	FAULT_KINDS(X)
#undef X
};

struct fault {
	enum fault_kind kind;
	int64_t value[2];
	uint32_t count_left; /* 0: without end */
	char path[64];
};

struct fault_rules {
	struct fault rules[FAULT_RULES_MAX];
	size_t count;
};

/* Adds a rule; "none" drops all. False: the text is no rule, or there is no room. */
bool fault_add(struct fault_rules *rules, const char *text);
/* The rule for a request of what is at path, from `first` to before `end`; FAULT_NONE: there is none. */
struct fault fault_take(struct fault_rules *rules, const char *path, uint64_t first, uint64_t end);
const char *fault_word(enum fault_kind kind);
