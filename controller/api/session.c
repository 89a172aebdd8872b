/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in and out, and tokens. Secrets go out once, in the answer that made them. */
#include <arpa/inet.h>
#include <string.h>

#include "api/inside.h"
#include "base/clock.h"

bool api_sign_in_link(struct api *api, struct text *to, int64_t *ends_ms, struct fail *fail)
{
	char secret[AUTH_SECRET_BYTES];

	if (!http_auth_make_link(api->options.auth, secret, ends_ms, fail)) {
		return false;
	}
	/* Behind '#': no server, proxy or log on the way sees it. */
	text_printf(to, "%s/sign-in#%s", api->options.base_url, secret);
	return !to->is_broken ||
	       fail_set(fail, FAIL_UNAVAILABLE, "no memory for a sign-in link; try again");
}

bool api_link_make(void *app, const struct http_request *request, struct http_reply *reply,
		   struct fail *fail)
{
	struct api *api = app;
	struct json json = {.to = &reply->body};
	struct text link = {0};
	const struct fleet_who who = api_who(request);
	int64_t ends_ms;
	const bool ok = api_sign_in_link(api, &link, &ends_ms, fail);

	if (ok) {
		json_begin_object(&json, NULL);
		json_text(&json, "url", link.bytes);
		json_time(&json, "ends", ends_ms);
		json_end_object(&json);
		reply->status = 201;
		fleet_tell(api->options.fleet, "session.link", "", &who,
			   "A sign-in link was made.");
	}
	text_free(&link);
	return ok;
}

static void show_session(const char *actor, const char *by, int64_t ends_ms,
			 struct http_reply *reply)
{
	struct json json = {.to = &reply->body};

	json_begin_object(&json, NULL);
	json_text(&json, "actor", actor);
	json_text(&json, "by", by);
	json_time(&json, "ends", ends_ms);
	json_end_object(&json);
}

bool api_session_make(void *app, const struct http_request *request, struct http_reply *reply,
		      struct fail *fail)
{
	static const char *const names[] = {"link", NULL};
	struct api *api = app;
	char secret[AUTH_SECRET_BYTES];
	const char *link;
	struct fleet_who who = {.actor = "admin", .request = request->id};

	if (!api_body(request, names, fail) || !api_text(request, "link", 512, true, &link, fail)) {
		return false;
	}
	const char *fragment = strrchr(link, '#'); /* the whole link may be given */
	if (!http_auth_sign_in(api->options.auth, fragment != NULL ? fragment + 1 : link,
			       ntohl(request->from.sin_addr.s_addr), secret, fail)) {
		return false;
	}
	text_printf(&reply->headers,
		    "Set-Cookie: %s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d\n",
		    AUTH_COOKIE, secret, AUTH_SESSION_MS / 1000);
	show_session("admin", "session", clock_wall_ms() + AUTH_SESSION_MS, reply);
	reply->status = 201;
	fleet_tell(api->options.fleet, "session.started", "", &who, "The admin signed in.");
	return true;
}

bool api_session_show(void *app, const struct http_request *request, struct http_reply *reply,
		      struct fail *fail)
{
	struct api *api = app;

	(void)fail;
	show_session(request->actor,
		     request->by == HTTP_BY_SESSION ? "session"
		     : request->by == HTTP_BY_TOKEN ? "token"
						    : "socket",
		     http_auth_ends_ms(api->options.auth, request->grant), reply);
	return true;
}

bool api_session_end(void *app, const struct http_request *request, struct http_reply *reply,
		     struct fail *fail)
{
	struct api *api = app;
	const struct fleet_who who = api_who(request);

	if (!http_auth_end_session(api->options.auth, request->grant, fail)) {
		return false;
	}
	text_printf(&reply->headers,
		    "Set-Cookie: %s=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0\n", AUTH_COOKIE);
	fleet_tell(api->options.fleet, "session.ended", "", &who, "The admin signed out.");
	return true;
}

bool api_tokens_list(void *app, const struct http_request *request, struct http_reply *reply,
		     struct fail *fail)
{
	struct api *api = app;
	unsigned limit;
	const char *after;
	char next[ID_BYTES];

	if (!api_page(request, &limit, &after, fail)) {
		return false;
	}
	api_begin_list(reply);
	http_auth_list_tokens(api->options.auth, after, limit, &reply->body, next);
	api_end_list(reply, next);
	return true;
}

bool api_tokens_make(void *app, const struct http_request *request, struct http_reply *reply,
		     struct fail *fail)
{
	static const char *const names[] = {"name", "ends", NULL};
	struct api *api = app;
	struct json json = {.to = &reply->body};
	const struct fleet_who who = api_who(request);
	const char *name;
	const char *ends;
	int64_t ends_ms = 0;
	char id[ID_BYTES];
	char token[AUTH_TOKEN_BYTES];

	if (!api_body(request, names, fail) ||
	    !api_text(request, "name", AUTH_NAME_BYTES - 1, true, &name, fail) ||
	    !api_text(request, "ends", 30, false, &ends, fail)) {
		return false;
	}
	if (ends != NULL && (!api_parse_time(ends, &ends_ms) || ends_ms <= clock_wall_ms())) {
		return fail_set(fail, FAIL_INVALID,
				"\"ends\" is to be a time to come, like 2027-01-31T12:00:00Z");
	}
	if (!http_auth_make_token(api->options.auth, name, ends_ms, id, token, fail)) {
		return false;
	}
	json_begin_object(&json, NULL);
	json_text(&json, "id", id);
	json_text(&json, "name", name);
	json_text(&json, "token", token);
	json_time(&json, "ends", ends_ms);
	json_end_object(&json);
	reply->status = 201;
	fleet_tell(api->options.fleet, "token.made", "", &who, "An API token was made.");
	return true;
}

bool api_tokens_end(void *app, const struct http_request *request, struct http_reply *reply,
		    struct fail *fail)
{
	struct api *api = app;
	const struct fleet_who who = api_who(request);
	const char *id;

	(void)reply;
	if (!api_id(request, 't', &id, fail) || !http_auth_end_token(api->options.auth, id, fail)) {
		return false;
	}
	fleet_tell(api->options.fleet, "token.ended", "", &who, "An API token was revoked.");
	return true;
}
