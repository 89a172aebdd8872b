/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of somebody who is signed in, through the API's real routes over a real store and fleet: a line "METHOD
 * /path?query", then the body. NODE in a path is a node that is there. Whatever comes, a route answers with JSON and a
 * success, or says what was wrong; never that something of ours failed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "http/exchange.h"
#include "http/guard.h"
#include "unit/controller/api_bed.h"

const char fuzz_corpus[] = "tests/fuzz/corpus/requests";
/* What is taken is a commit, so fewer than others. */
const unsigned fuzz_mutations = 2000;

/* One that ends, since a stream would need a connection: it is refused after all that it asks for was read. */
static struct http_server server = {.lock = PTHREAD_MUTEX_INITIALIZER, .is_ending = true};

static void need(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void begin(void)
{
	static bool is_begun;
	void *state = NULL;

	if (!is_begun) {
		is_begun = true;
		need(api_bed_make(&state) == 0);
		api_bed_hello(1, 100);
	}
}

/* As the server does it. True: the route may be asked. */
static bool read_body(const struct http_route *route, struct http_request *request, const char *body)
{
	request->body = body;
	request->body_bytes = strlen(body);
	if (request->body_bytes == 0) {
		return true;
	}
	if ((route->flags & HTTP_JSON) == 0 ||
	    !guard_json_is_shallow(body, request->body_bytes, EXCHANGE_JSON_DEPTH)) {
		return false;
	}
	request->json = json_loadb(body, request->body_bytes, JSON_REJECT_DUPLICATES, NULL);
	return json_is_object(request->json);
}

static void check_success(const struct http_reply *reply)
{
	need(reply->status == 0 || (reply->status >= 200 && reply->status < 300));
	need(!reply->body.is_broken && !reply->headers.is_broken);
	if (reply->body.length > 0 && reply->content_type == NULL) {
		json_t *json = json_loadb(reply->body.bytes, reply->body.length, JSON_REJECT_DUPLICATES, NULL);
		need(json != NULL);
		json_decref(json);
	}
}

static void ask(struct exchange *x, const char *body)
{
	struct http_reply reply = {.fd = -1};
	struct fail fail = {0};
	const struct http_route *route = x->match.route;

	if (read_body(route, &x->request, body)) {
		if (route->handler(bed.api, &x->request, &reply, &fail)) {
			check_success(&reply);
		} else {
			need(fail.kind != FAIL_NONE && fail.kind != FAIL_INTERNAL && fail.text[0] != '\0');
		}
	}
	json_decref(x->request.json);
	text_free(&reply.body);
	text_free(&reply.headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct exchange x;
	struct fail fail = {0};

	begin();
	char *text = calloc(1, size + 1);
	need(text != NULL);
	memcpy(text, bytes, size);
	char *body = strchr(text, '\n');
	char *target = strchr(text, ' ');
	x = (struct exchange){.server = &server};
	x.request = (struct http_request){
		.method = text, .by = HTTP_BY_SOCKET, .actor = "uid:0", .id = "fuzz-1", .connection = &x};
	if (body != NULL && target != NULL && target < body) {
		*body++ = '\0';
		*target++ = '\0';
		if (uri_parse(&x.uri, target, &fail)) {
			x.request.path = x.uri.path;
			route_find(api_routes, api_route_count, text, x.uri.path, &x.match);
		}
		for (unsigned i = 0; i < x.match.param_count; i++) {
			x.request.params[i] = strcmp(x.match.params[i], "NODE") == 0 ? bed.node : x.match.params[i];
		}
		if (x.match.route != NULL) {
			ask(&x, body);
		}
	}
	free(text);
	return 0;
}

/* The bed's folder goes; under libFuzzer, too. */
__attribute__((destructor)) static void end(void)
{
	void *state = NULL;

	if (bed.api != NULL && api_bed_remove(&state) != 0) {
		_exit(1);
	}
}
