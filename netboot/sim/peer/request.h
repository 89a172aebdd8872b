/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The head of an HTTP/1.1 request (RFC 9112), from bytes that anybody may have sent. A pure function. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_HEAD_MAX 4096u
#define REQUEST_PATH_MAX 128u

enum request_method {
	REQUEST_GET,
	REQUEST_POST,
};

struct request {
	enum request_method method;
	char path[REQUEST_PATH_MAX]; /* as it came, NUL terminated, begins with '/' */
	uint64_t content_bytes; /* Content-Length, 0 when there is none */
	bool has_range; /* one range that is understood: others are ignored, as RFC 9110 s14.2 allows */
	uint64_t range_first;
	uint64_t range_last; /* UINT64_MAX: to the end */
	bool is_last; /* the connection ends with the answer */
};

/* Length of the head that ends in an empty line, within the `bytes` that came so far; 0: it has not come yet. */
size_t request_head_bytes(const char *text, size_t bytes);

/* Reads the head of `bytes` bytes. 0, or the status to answer with: 400, 405, 411, 414, 501, 505. */
unsigned request_parse(const char *text, size_t bytes, struct request *request);
