/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request is: whose, for which route, with which body. Everything of it is hostile until
 * exchange_admit() has not refused it, and its body until the parser took it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "http/exchange.h"
#include "http/guard.h"

static const struct exchange *of(const struct http_request *request)
{
	return request->connection;
}

const char *http_query(const struct http_request *request, const char *name)
{
	return uri_query(&of(request)->uri, name);
}

const char *http_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(of(request)->connection, MHD_HEADER_KIND, name);
}

bool http_query_u64(const struct http_request *request, const char *name, uint64_t least,
		    uint64_t most, uint64_t otherwise, uint64_t *value, struct fail *fail)
{
	const char *text = http_query(request, name);

	if (text == NULL || *text == '\0') {
		*value = otherwise;
		return true;
	}
	if (strlen(text) > 19 || strspn(text, "0123456789") != strlen(text)) {
		return fail_set(fail, FAIL_INVALID, "%s is to be a decimal number", name);
	}
	const uint64_t number = strtoull(text, NULL, 10);
	if (number < least || number > most) {
		return fail_set(fail, FAIL_INVALID, "%s is to be from %llu to %llu", name,
				(unsigned long long)least, (unsigned long long)most);
	}
	*value = number;
	return true;
}

void http_add_header(struct http_reply *reply, const char *name, const char *value)
{
	text_printf(&reply->headers, "%s: %s\n", name, value);
}

static bool is_change(const char *method)
{
	return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};

/* A literal: MHD's own text ends with the request. */
static const char *known_method(const char *method)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i], method) == 0) {
			return methods[i];
		}
	}
	return "?";
}

/* Who is at the other end. True: by the Unix socket. */
static bool identify_peer(struct exchange *x)
{
	/* Each answer may stand where the one before it stood: libmicrohttpd 1.0 has one place for them. */
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info != NULL ? info->client_addr : NULL;
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t length = sizeof(peer);

	if (address != NULL && address->sa_family == AF_INET) {
		memcpy(&x->request.from, address, sizeof(x->request.from));
		return false;
	}
	if (address == NULL || address->sa_family != AF_UNIX) {
		return false;
	}
	info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info != NULL && getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
	    (peer.uid == 0 || peer.uid == geteuid() || peer.uid == x->server->options.owner)) {
		struct text actor = {.most = HTTP_ACTOR_BYTES - 1};
		text_printf(&actor, "uid:%u", peer.uid);
		if (!actor.is_broken && actor.bytes != NULL) {
			memcpy(x->request.actor, actor.bytes, actor.length + 1);
			x->request.by = HTTP_BY_SOCKET;
		}
		text_free(&actor);
	}
	return true;
}

static void identify(struct exchange *x)
{
	const char *authorization = http_header(&x->request, "Authorization");
	char secret[AUTH_SECRET_BYTES];
	struct http_who who;
	bool ok;

	if (authorization != NULL) { /* wrong: not by its cookie either */
		ok = strncmp(authorization, "Bearer ", 7) == 0 &&
		     http_auth_by_token(x->server->options.auth, authorization + 7, &who);
	} else {
		ok = guard_cookie(http_header(&x->request, "Cookie"), AUTH_COOKIE, secret,
				  sizeof(secret)) &&
		     http_auth_by_session(x->server->options.auth, secret, &who);
	}
	if (ok) {
		x->request.by = who.by;
		x->request.grant = who.grant;
		memcpy(x->request.actor, who.actor, sizeof(who.actor));
	}
}

static bool find(struct exchange *x)
{
	const struct http_server_options *o = &x->server->options;

	route_find(o->routes, o->route_count, x->request.method, x->request.path, &x->match);
	for (unsigned i = 0; i < x->match.param_count; i++) {
		x->request.params[i] = x->match.params[i];
	}
	if (x->match.route != NULL) {
		x->body_most = x->match.route->body_most != 0 ? x->match.route->body_most
							      : EXCHANGE_BODY_MOST;
		return true;
	}
	if (x->match.allow[0] != '\0') {
		return fail_set(&x->refused, FAIL_METHOD, "this resource takes %s", x->match.allow);
	}
	x->asset =
		o->assets != NULL ? asset_find(o->assets, o->asset_count, x->request.path) : NULL;
	if (x->asset == NULL) {
		return fail_set(&x->refused, FAIL_NOT_FOUND,
				"there is nothing at %.100s; what there is: /api/v1/openapi.json",
				x->request.path);
	}
	if (is_change(x->request.method)) {
		memcpy(x->match.allow, "GET, HEAD", sizeof("GET, HEAD"));
		return fail_set(&x->refused, FAIL_METHOD, "this resource takes GET, HEAD");
	}
	return true;
}

static bool may(struct exchange *x, bool is_unix)
{
	const unsigned flags = x->match.route != NULL ? x->match.route->flags : HTTP_OPEN;
	const bool has_cookie = x->request.by == HTTP_BY_SESSION;
	const bool is_browsers =
		x->request.by == HTTP_BY_SESSION || x->request.by == HTTP_BY_NOBODY;

	if ((flags & HTTP_SOCKET) != 0 && x->request.by != HTTP_BY_SOCKET) {
		return fail_set(&x->refused, FAIL_FORBIDDEN,
				"this is for the controller's own host alone: use aetherctl there");
	}
	if ((flags & HTTP_OPEN) == 0 && x->request.by == HTTP_BY_NOBODY) {
		if (is_unix) {
			return fail_set(
				&x->refused, FAIL_FORBIDDEN,
				"your user is not the controller's owner; use sudo, or a token");
		}
		return fail_set(
			&x->refused, FAIL_UNAUTHORIZED,
			"sign in, or send Authorization: Bearer with a token that is still good");
	}
	if (is_change(x->request.method) && is_browsers && !is_unix &&
	    !guard_origin_is_ours(http_header(&x->request, "Host"),
				  http_header(&x->request, "Origin"),
				  http_header(&x->request, "Sec-Fetch-Site"), has_cookie)) {
		return fail_set(&x->refused, FAIL_FORBIDDEN,
				"a change is taken from this very site alone: Origin or "
				"Sec-Fetch-Site say otherwise");
	}
	return true;
}

void exchange_admit(struct exchange *x, const char *method)
{
	const struct http_server_options *o = &x->server->options;

	x->request.method = known_method(method);
	x->body_most = EXCHANGE_BODY_MOST;
	const bool is_unix = identify_peer(x);
	if (x->refused.kind != FAIL_NONE) { /* its target */
		return;
	}
	if (o->auth == NULL) {
		find(x);
		return;
	}
	if (!is_unix &&
	    !guard_host_is_ours(http_header(&x->request, "Host"), o->hosts, o->host_count)) {
		fail_set(&x->refused, FAIL_FORBIDDEN,
			 "the Host header does not name this controller; use localhost, or add the "
			 "name to the configuration");
		return;
	}
	if (x->request.by == HTTP_BY_NOBODY) {
		identify(x);
	}
	if (find(x)) {
		may(x, is_unix);
	}
}

bool exchange_take(struct exchange *x, const char *bytes, size_t count)
{
	if (x->refused.kind == FAIL_NONE && count > x->body_most - x->request.body_bytes) {
		fail_set(&x->refused, FAIL_TOO_LARGE, "the body has more than %zu bytes",
			 x->body_most);
	}
	if (x->refused.kind != FAIL_NONE) {
		x->discarded += count;
		return x->discarded <= EXCHANGE_DISCARD_MOST;
	}
	if (x->request.body_bytes + count + 1 > x->body_room) {
		size_t room = x->body_room != 0 ? x->body_room : 1024;
		while (room < x->request.body_bytes + count + 1) {
			room *= 2;
		}
		char *larger = realloc(x->body, room);
		if (larger == NULL) {
			return fail_set(&x->refused, FAIL_UNAVAILABLE,
					"no memory for the body; try again");
		}
		x->body = larger;
		x->body_room = room;
	}
	memcpy(x->body + x->request.body_bytes, bytes, count);
	x->request.body_bytes += count;
	x->body[x->request.body_bytes] = '\0';
	x->request.body = x->body;
	return true;
}

static bool parse_json(struct exchange *x, struct fail *fail)
{
	const char *type = http_header(&x->request, "Content-Type");
	json_error_t error;

	if (x->request.body_bytes == 0) {
		return true;
	}
	if (type == NULL || strncmp(type, "application/json", 16) != 0) {
		return fail_set(fail, FAIL_INVALID,
				"the body is to be sent as Content-Type: application/json");
	}
	if (!guard_json_is_shallow(x->body, x->request.body_bytes, EXCHANGE_JSON_DEPTH)) {
		return fail_set(fail, FAIL_INVALID, "the body is nested deeper than %d levels",
				EXCHANGE_JSON_DEPTH);
	}
	x->request.json =
		json_loadb(x->body, x->request.body_bytes, JSON_REJECT_DUPLICATES, &error);
	if (x->request.json == NULL) {
		return fail_set(fail, FAIL_INVALID,
				"the body is not JSON: %.120s (line %d, column %d)", error.text,
				error.line, error.column);
	}
	return json_is_object(x->request.json) ||
	       fail_set(fail, FAIL_INVALID, "the body is to be a JSON object");
}

static bool run(struct exchange *x, struct http_reply *reply, struct fail *fail)
{
	const struct http_route *route = x->match.route;
	const struct http_server_options *o = &x->server->options;

	if ((route->flags & HTTP_JSON) != 0) {
		if (!parse_json(x, fail)) {
			return false;
		}
	} else if ((route->flags & HTTP_BINARY) == 0 && x->request.body_bytes > 0) {
		return fail_set(fail, FAIL_INVALID, "%s %.80s takes no body", x->request.method,
				route->pattern);
	}
	return o->around != NULL ? o->around(o->app, route, &x->request, reply, fail)
				 : route->handler(o->app, &x->request, reply, fail);
}

static void drop(struct http_reply *reply)
{
	text_free(&reply->body);
	text_free(&reply->headers);
	if (reply->fd >= 0) {
		close(reply->fd);
	}
	if (reply->stream != NULL) {
		stream_abandon(reply->stream);
	}
}

enum MHD_Result exchange_answer(struct exchange *x)
{
	struct http_reply reply = {.fd = -1};
	struct fail fail = {0};

	if (x->refused.kind != FAIL_NONE) {
		return reply_send_problem(x, &x->refused);
	}
	if (x->asset != NULL) {
		return reply_send_asset(x);
	}
	if (!run(x, &reply, &fail)) {
		if (fail.kind == FAIL_NONE) {
			fail_set(&fail, FAIL_INTERNAL,
				 "the request failed without saying why; the log may know");
		}
		drop(&reply);
		return reply_send_problem(x, &fail);
	}
	if (reply.body.is_broken || reply.headers.is_broken) {
		fail_set(&fail, FAIL_UNAVAILABLE, "no memory for the answer; try again");
		drop(&reply);
		return reply_send_problem(x, &fail);
	}
	return reply_send(x, &reply);
}
