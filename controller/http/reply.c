/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: headers that every one has, problem documents, files, assets, "not modified". An answer of the
 * API is never kept by a browser or a proxy; a page may run nothing but this server's own scripts and reach
 * nothing but this server.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/exchange.h"

/* Nothing inline, neither scripts nor styles; the dashboard's own tests run under the same. */
#define CSP_PAGE                                                                                   \
	"default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; "             \
	"connect-src 'self'; "                                                                     \
	"img-src 'self' data:; font-src 'self'; manifest-src 'self'; base-uri 'none'; "            \
	"form-action 'none'; "                                                                     \
	"frame-ancestors 'none'"
#define CSP_API "default-src 'none'; frame-ancestors 'none'"

static void add(struct MHD_Response *response, const char *name, const char *value)
{
	if (MHD_add_response_header(response, name, value) == MHD_NO) {
		log_warn("http", "a header %s was left out: no memory", name);
	}
}

static void add_common(const struct exchange *x, struct MHD_Response *response, const char *csp)
{
	add(response, "X-Request-Id", x->request.id);
	add(response, "X-Content-Type-Options", "nosniff");
	add(response, "Referrer-Policy", "no-referrer");
	add(response, "Cross-Origin-Resource-Policy", "same-origin");
	add(response, "Cross-Origin-Opener-Policy", "same-origin");
	add(response, "Content-Security-Policy", csp);
}

/* "Name: value\n" lines; in place. */
static void add_lines(struct MHD_Response *response, char *lines)
{
	while (lines != NULL && *lines != '\0') {
		char *end = strchr(lines, '\n');
		char *value = strstr(lines, ": ");
		if (end == NULL || value == NULL || value > end) {
			return;
		}
		*end = '\0';
		*value = '\0';
		add(response, lines, value + 2);
		lines = end + 1;
	}
}

static void note(struct exchange *x, unsigned status)
{
	const unsigned long long us = clock_us() - x->start_us;

	if (status >= 500) {
		atomic_fetch_add(&x->server->failed, 1);
	} else if (status >= 400) {
		atomic_fetch_add(&x->server->refused, 1);
	}
	log_debug("http", "%s %s %u in %llu us by %s", x->request.method, x->request.path, status,
		  us, x->request.actor[0] != '\0' ? x->request.actor : "nobody");
}

static enum MHD_Result queue(struct exchange *x, unsigned status, struct MHD_Response *response)
{
	note(x, status);
	const enum MHD_Result result = MHD_queue_response(x->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* RFC 9110 13.1.2, with our tags: strong ones, compared as a whole. */
static bool matches(const char *header, const char *tag)
{
	const size_t length = strlen(tag);

	while (header != NULL && *header != '\0') {
		header += strspn(header, " ,\t");
		if (*header == '*') {
			return true;
		}
		header += strncmp(header, "W/", 2) == 0 ? 2 : 0;
		if (strncmp(header, tag, length) == 0 && strchr(" ,\t", header[length]) != NULL) {
			return true;
		}
		header += strcspn(header, ",");
	}
	return false;
}

static struct MHD_Response *response_of(struct http_reply *reply)
{
	struct MHD_Response *response;

	if (reply->stream != NULL) {
		return stream_response(reply->stream);
	}
	if (reply->fd >= 0) {
		response = MHD_create_response_from_fd_at_offset64(reply->count, reply->fd,
								   reply->offset);
		if (response == NULL) {
			close(reply->fd);
		}
		return response;
	}
	response = MHD_create_response_from_buffer(
		reply->body.length, reply->body.bytes != NULL ? reply->body.bytes : (void *)"",
		reply->body.bytes != NULL ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (response == NULL) {
		text_free(&reply->body);
	}
	return response;
}

static bool has_body(const struct http_reply *reply)
{
	return reply->stream != NULL || reply->fd >= 0 || reply->body.length > 0;
}

enum MHD_Result reply_send(struct exchange *x, struct http_reply *reply)
{
	const bool is_something = has_body(reply);
	struct MHD_Response *response = response_of(reply);
	const unsigned status = reply->status != 0 ? reply->status : is_something ? 200 : 204;

	if (response == NULL) {
		text_free(&reply->headers);
		return MHD_NO;
	}
	add_common(x, response, CSP_API);
	add(response, "Cache-Control", "no-store");
	if (is_something) {
		add(response, "Content-Type",
		    reply->content_type != NULL ? reply->content_type : "application/json");
	}
	add_lines(response, reply->headers.bytes);
	text_free(&reply->headers);
	return queue(x, status, response);
}

enum MHD_Result reply_send_asset(struct exchange *x)
{
	const struct http_asset *asset = x->asset;
	const struct asset_body body =
		asset_choose(asset, http_header(&x->request, "Accept-Encoding"));
	const bool is_kept = asset->etag != NULL &&
			     matches(http_header(&x->request, "If-None-Match"), asset->etag);
	struct MHD_Response *response = MHD_create_response_from_buffer(
		is_kept ? 0 : body.size, (void *)(uintptr_t)body.bytes, MHD_RESPMEM_PERSISTENT);

	if (response == NULL) {
		return MHD_NO;
	}
	add_common(x, response, CSP_PAGE);
	add(response, "Cache-Control",
	    asset->is_hashed ? "public, max-age=31536000, immutable" : "no-cache");
	add(response, "Vary", "Accept-Encoding");
	if (asset->etag != NULL) {
		add(response, "ETag", asset->etag);
	}
	if (!is_kept) {
		add(response, "Content-Type", asset->type);
		if (body.encoding != NULL) {
			add(response, "Content-Encoding", body.encoding);
		}
	}
	return queue(x, is_kept ? 304 : 200, response);
}

static const char *kind_name(enum fail_kind kind)
{
	switch (kind) {
#define X(symbol, status, title)                                                                   \
	case FAIL_##symbol:                                                                        \
		return #symbol;
		FAIL_KINDS(X)
#undef X
	}
	return "INTERNAL";
}

enum MHD_Result reply_send_problem(struct exchange *x, const struct fail *fail)
{
	struct text body = {0};
	struct json json = {.to = &body};
	char type[48];
	struct MHD_Response *response;

	snprintf(type, sizeof(type), "urn:aether:problem:%s", kind_name(fail->kind));
	for (char *c = type + 19; *c != '\0'; c++) {
		*c = *c == '_' ? '-' : (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
	}
	json_begin_object(&json, NULL);
	json_text(&json, "type", type);
	json_text(&json, "title", fail_title(fail->kind));
	json_u64(&json, "status", fail_status(fail->kind));
	json_text(&json, "detail", fail->text);
	json_text(&json, "request", x->request.id);
	json_end_object(&json);
	if (body.is_broken) {
		text_free(&body);
		return MHD_NO;
	}
	response = MHD_create_response_from_buffer(body.length, body.bytes, MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		text_free(&body);
		return MHD_NO;
	}
	add_common(x, response, CSP_API);
	add(response, "Cache-Control", "no-store");
	add(response, "Content-Type", "application/problem+json");
	if (fail->kind == FAIL_METHOD) {
		add(response, "Allow", x->match.allow);
	} else if (fail->kind == FAIL_UNAUTHORIZED) {
		add(response, "WWW-Authenticate", "Bearer");
	} else if (fail->kind == FAIL_LIMIT) {
		add(response, "Retry-After", "60");
	} else if (fail->kind == FAIL_UNAVAILABLE) {
		add(response, "Retry-After", "1");
	}
	if (fail->kind == FAIL_INTERNAL) {
		log_error("http", "%s %s: %s", x->request.method, x->request.path, fail->text);
	}
	return queue(x, fail_status(fail->kind), response);
}
