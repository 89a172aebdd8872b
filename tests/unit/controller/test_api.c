/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each route of the API against what it must refuse: no token, a foreign Host, a foreign Origin, a wrong
 * method, a body that is broken, too large, cut off, or of the wrong members. And the description names
 * exactly the routes that there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/controller/api_bed.h"

static const char *target_of(const struct http_route *route)
{
	static char target[256];
	size_t length = 0;

	for (const char *at = route->pattern; *at != '\0';) {
		if (*at != '{') {
			target[length++] = *at++;
			continue;
		}
		const char *value = strncmp(at, "{slot}", 6) == 0		? "0"
				    : strstr(route->pattern, "/nodes/") != NULL ? bed.node
										: "x-0000000000";
		memcpy(target + length, value, strlen(value));
		length += strlen(value);
		at = strchr(at, '}') + 1;
	}
	target[length] = '\0';
	return target;
}

static bool is_change(const struct http_route *route)
{
	return strcmp(route->method, "GET") != 0;
}

static unsigned ask(const struct http_route *route, const char *headers, const char *body)
{
	const char *target = target_of(route);

	client_free(&answer);
	client_ask(bed.port, route->method, target, headers, body, &answer);
	if (answer.status >= 300) {
		api_check(route->method, target, &answer);
	}
	assert_non_null(client_header(&answer, "X-Request-Id"));
	return answer.status;
}

static void the_description_names_the_routes(void **state)
{
	size_t described = 0;
	const char *path;
	json_t *item;

	(void)state;
	for (size_t i = 0; i < api_route_count; i++) {
		char verb[8] = "";
		for (size_t c = 0; api_routes[i].method[c] != '\0' && c < 7; c++) {
			verb[c] = (char)(api_routes[i].method[c] | 0x20);
		}
		const json_t *paths = json_object_get(api_description(), "paths");
		const json_t *route =
			json_object_get(json_object_get(paths, api_routes[i].pattern), verb);
		if (route == NULL) {
			fail_msg("%s %s is not described", api_routes[i].method,
				 api_routes[i].pattern);
		}
		assert_int_equal((api_routes[i].flags & (HTTP_OPEN | HTTP_SOCKET)) != 0,
				 json_is_array(json_object_get(route, "security")));
		const char *at = api_routes[i].pattern;
		size_t params = 0;
		while ((at = strchr(at, '{')) != NULL) {
			params++;
			at++;
		}
		size_t named = 0;
		for (size_t p = 0; p < json_array_size(json_object_get(route, "parameters")); p++) {
			const json_t *param =
				json_array_get(json_object_get(route, "parameters"), p);
			const char *where = json_string_value(json_object_get(param, "in"));
			named += where != NULL && strcmp(where, "path") == 0;
		}
		assert_int_equal(named, params);
	}
	json_object_foreach(json_object_get(api_description(), "paths"), path, item)
	{
		described += json_object_size(item);
	}
	assert_int_equal(described, api_route_count);
}

static void nobody_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < api_route_count; i++) {
		const struct http_route *route = &api_routes[i];
		const unsigned status = ask(route, NULL, NULL);
		if ((route->flags & HTTP_OPEN) == 0) {
			assert_int_equal(status, (route->flags & HTTP_SOCKET) != 0 ? 403 : 401);
		} else {
			assert_int_equal(status, is_change(route) ? 400 : 200);
		}
	}
}

static void foreign_sites_are_refused(void **state)
{
	char headers[512];

	(void)state;
	for (size_t i = 0; i < api_route_count; i++) {
		const struct http_route *route = &api_routes[i];
		snprintf(headers, sizeof(headers), "%sHost: evil.example\r\n", bed.token);
		assert_int_equal(ask(route, headers, NULL), 403);
		if (is_change(route) && (route->flags & HTTP_SOCKET) == 0) {
			snprintf(headers, sizeof(headers), "%sOrigin: http://evil.example\r\n",
				 bed.cookie);
			assert_int_equal(ask(route, headers, NULL), 403);
			snprintf(headers, sizeof(headers), "%sSec-Fetch-Site: cross-site\r\n",
				 bed.cookie);
			assert_int_equal(ask(route, headers, NULL), 403);
		}
	}
}

static void wrong_methods_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < api_route_count; i++) {
		struct http_route route = api_routes[i];
		route.method = "PUT";
		client_free(&answer);
		client_ask(bed.port, "PUT", target_of(&route), bed.token, NULL, &answer);
		assert_int_equal(answer.status, 405);
		assert_non_null(strstr(client_header(&answer, "Allow"), api_routes[i].method));
	}
}

static void bad_bodies_are_refused(void **state)
{
	static const char *const bad[] = {
		"{",	 "[]",	 "null",	   "\"x\"", "{\"a\":1,\"a\":2}", "{\"unknown\":1}",
		"{} {}", "\xff", "{\"\\u0000\":1}"};
	static char large[(64 << 10) + 2];

	(void)state;
	memset(large, ' ', sizeof(large) - 1);
	for (size_t i = 0; i < api_route_count; i++) {
		const struct http_route *route = &api_routes[i];
		if ((route->flags & HTTP_SOCKET) != 0) {
			continue;
		}
		for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]) && is_change(route); j++) {
			const unsigned status = ask(route, bed.token, bad[j]);
			if (status != 400 && status != 404) { /* 404: the id is looked at first */
				fail_msg("%s %s took %s: %u", route->method, route->pattern, bad[j],
					 status);
			}
		}
		assert_int_equal(ask(route, bed.token, large), 413);
	}
}

static void wrong_members_are_refused(void **state)
{
	static const struct {
		const char *method, *target, *body;
	} cases[] = {
		{"PATCH", "", "{\"name\":1}"},
		{"PATCH", "", "{\"name\":\"a\\nb\"}"},
		{"PATCH", "", "{\"labels\":{\"a\":1}}"},
		{"PATCH", "", "{\"labels\":{\"a b\":\"1\"}}"},
		{"PATCH", "", "{\"labels\":[]}"},
		{"PATCH", "", "{\"cordoned\":\"yes\"}"},
		{"POST", "/locate", "{}"},
		{"POST", "/locate", "{\"on\":1}"},
		{"POST", "/power", "{}"},
		{"POST", "/power", "{\"action\":\"explode\"}"},
		{"POST", "/consoles/0", "{\"input\":\"*\"}"},
		{"POST", "/consoles/0", "{\"input\":\"\"}"},
		{"POST", "/consoles/0", "{}"},
		{"GET", "?whole=1&whole=0", NULL},
		{"GET", "/consoles/0?from=-1", NULL},
		{"GET", "/boots?limit=0", NULL},
	};
	static const struct {
		const char *method, *target, *body;
	} others[] = {
		{"GET", "/api/v1/nodes?limit=1001", NULL},
		{"GET", "/api/v1/nodes?limit=x", NULL},
		{"GET", "/api/v1/nodes?state=runing", NULL},
		{"GET", "/api/v1/nodes?admission=aproved", NULL},
		{"GET", "/api/v1/events?after=x", NULL},
		{"GET", "/api/v1/events?node=x", NULL},
		{"GET", "/api/v1/stream?topics=everything", NULL},
		{"GET", "/api/v1/stream?topics=console:x:0", NULL},
		{"GET", "/api/v1/stream?topics=telemetry:x", NULL},
		{"GET", "/api/v1/stream?after=-1", NULL},
		{"POST", "/api/v1/nodes/approve", "{\"ids\":[]}"},
		{"POST", "/api/v1/nodes/approve", "{\"ids\":\"x\"}"},
		{"POST", "/api/v1/rules",
		 "{\"matches\":{},\"count\":0,\"ends\":\"2099-01-01T00:00:00Z\"}"},
		{"POST", "/api/v1/rules",
		 "{\"matches\":{},\"count\":1,\"ends\":\"2001-01-01T00:00:00Z\"}"},
		{"POST", "/api/v1/rules", "{\"matches\":{},\"count\":1,\"ends\":\"tomorrow\"}"},
		{"POST", "/api/v1/rules",
		 "{\"matches\":{\"colour\":\"x\"},\"count\":1,\"ends\":\"2099-01-01T00:00:00Z\"}"},
		{"PATCH", "/api/v1/settings", "{\"interval_ms\":1}"},
		{"PATCH", "/api/v1/settings", "{\"interval_ms\":\"1000\"}"},
		{"POST", "/api/v1/tokens", "{\"name\":\"\"}"},
		{"POST", "/api/v1/tokens", "{\"name\":\"x\",\"ends\":\"2001-01-01T00:00:00Z\"}"},
		{"POST", "/api/v1/session", "{\"link\":5}"},
	};
	char target[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(target, sizeof(target), "/api/v1/nodes/%s%s", bed.node, cases[i].target);
		if (api_ask(cases[i].method, target, NULL, cases[i].body) != 400) {
			fail_msg("%s %s %s: %u", cases[i].method, target, cases[i].body,
				 answer.status);
		}
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (api_ask(others[i].method, others[i].target, NULL, others[i].body) != 400) {
			fail_msg("%s %s %s: %u", others[i].method, others[i].target, others[i].body,
				 answer.status);
		}
	}
}

static void unknown_ids_are_not_found(void **state)
{
	static const struct {
		const char *method, *target, *body;
	} cases[] = {
		{"GET", "/nodes/n-0000000000", NULL},
		{"GET", "/nodes/n-zzz", NULL},
		{"PATCH", "/nodes/n-0000000000", "{\"name\":\"x\"}"},
		{"POST", "/nodes/n-0000000000/approve", NULL},
		{"POST", "/nodes/n-0000000000/reject", NULL},
		{"POST", "/nodes/n-0000000000/retire", NULL},
		{"POST", "/nodes/n-0000000000/reboot", NULL},
		{"POST", "/nodes/n-0000000000/restart-guests", NULL},
		{"POST", "/nodes/n-0000000000/locate", "{\"on\":true}"},
		{"POST", "/nodes/n-0000000000/power", "{\"action\":\"on\"}"},
		{"GET", "/nodes/n-0000000000/boots", NULL},
		{"GET", "/nodes/n-0000000000/telemetry", NULL},
		{"GET", "/nodes/n-0000000000/consoles/0", NULL},
		{"DELETE", "/rules/r-0000000000", NULL},
		{"DELETE", "/tokens/t-0000000000", NULL},
		{"GET", "/operations/o-0000000000", NULL},
		{"POST", "/stream/c-0000000000", "{\"topics\":[\"nodes\"]}"},
		{"GET", "/release", NULL},
		{"DELETE", "/session", NULL}, /* a token's */
	};
	char target[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(target, sizeof(target), "/api/v1%s", cases[i].target);
		if (api_ask(cases[i].method, target, NULL, cases[i].body) != 404) {
			fail_msg("%s %s: %u %s", cases[i].method, target, answer.status,
				 answer.body);
		}
	}
}

/* Cut off in the middle of the head and of the body: the server goes on, and what was asked for is not done. */
static void cut_requests_do_nothing(void **state)
{
	char text[1024];
	char body[] = "{\"name\":\"cut\"}";

	(void)state;
	const int count = snprintf(text, sizeof(text),
				   "PATCH /api/v1/nodes/%s HTTP/1.1\r\nHost: "
				   "localhost\r\n%sContent-Type: application/json\r\n"
				   "Content-Length: %zu\r\n\r\n%s",
				   bed.node, bed.token, strlen(body), body);
	for (int cut = 1; cut < count; cut += 7) {
		const int fd = client_connect(bed.port);
		assert_true(fd >= 0);
		client_send(fd, text, (size_t)cut);
		close(fd);
	}
	snprintf(text, sizeof(text), "/api/v1/nodes/%s", bed.node);
	assert_int_equal(api_ask("GET", text, NULL, NULL), 200);
	assert_string_not_equal(api_member("name"), "cut");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_description_names_the_routes),
		cmocka_unit_test(nobody_is_refused),
		cmocka_unit_test(foreign_sites_are_refused),
		cmocka_unit_test(wrong_methods_are_refused),
		cmocka_unit_test(bad_bodies_are_refused),
		cmocka_unit_test(wrong_members_are_refused),
		cmocka_unit_test(unknown_ids_are_not_found),
		cmocka_unit_test(cut_requests_do_nothing),
	};

	return cmocka_run_group_tests(tests, api_bed_make, api_bed_remove);
}
