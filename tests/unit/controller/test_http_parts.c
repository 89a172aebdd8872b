/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the server that are functions of texts: targets, routes, guards, assets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "http/assets.h"
#include "http/guard.h"
#include "http/route.h"
#include "http/uri.h"

static struct uri uri;
static struct fail failed;

static void uri_splits_and_decodes(void **state)
{
	(void)state;
	assert_true(uri_parse(&uri, "/a%20b/c?q=x%26y&empty=&flag&plus=a+b%2Bc", &failed));
	assert_string_equal(uri.path, "/a b/c");
	assert_string_equal(uri_query(&uri, "q"), "x&y");
	assert_string_equal(uri_query(&uri, "empty"), "");
	assert_string_equal(uri_query(&uri, "flag"), "");
	assert_string_equal(uri_query(&uri, "plus"), "a b+c");
	assert_null(uri_query(&uri, "none"));
}

static void uri_refuses_what_is_not_clear(void **state)
{
	static const char *const bad[] = {
		"",	   "a",		"http://x/",
		"/%",	   "/%4",	"/%zz",
		"/a%00b",  "/a%2fb",	"/a\x01",
		"/?a=%0a", "/?a=1&a=2", "/?%61=1&a=2",
		"/?=%",	   "/\x7f",	"/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q"};
	static char large[URI_BYTES + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&failed, 0, sizeof(failed));
		assert_false(uri_parse(&uri, bad[i], &failed));
		assert_int_equal(failed.kind, FAIL_INVALID);
		assert_string_equal(uri.path, "");
		assert_null(uri_query(&uri, "a"));
	}
	memset(large, 'a', sizeof(large) - 1);
	large[0] = '/';
	assert_false(uri_parse(&uri, large, &failed));
	large[URI_BYTES - 1] = '\0';
	assert_true(uri_parse(&uri, large, &failed));
}

static bool nothing(void *app, const struct http_request *request, struct http_reply *reply,
		    struct fail *fail)
{
	(void)app, (void)request, (void)reply, (void)fail;
	return true;
}

static const struct http_route routes[] = {
	{"GET", "/nodes", nothing, 0, 0},
	{"POST", "/nodes/approve", nothing, 0, 0},
	{"GET", "/nodes/{id}", nothing, 0, 0},
	{"PATCH", "/nodes/{id}", nothing, 0, 0},
	{"GET", "/nodes/{id}/consoles/{slot}", nothing, 0, 0},
};

static const struct http_route *find(const char *method, const char *path,
				     struct route_match *match)
{
	route_find(routes, sizeof(routes) / sizeof(routes[0]), method, path, match);
	return match->route;
}

static void routes_are_found(void **state)
{
	struct route_match match;
	char large[ROUTE_PARAM_BYTES + 8] = "/nodes/";

	(void)state;
	assert_ptr_equal(find("GET", "/nodes", &match), &routes[0]);
	assert_ptr_equal(find("HEAD", "/nodes", &match), &routes[0]);
	assert_ptr_equal(find("POST", "/nodes/approve", &match), &routes[1]);
	assert_ptr_equal(find("PATCH", "/nodes/n-1", &match), &routes[3]);
	assert_string_equal(match.params[0], "n-1");
	assert_ptr_equal(find("GET", "/nodes/n-1/consoles/0", &match), &routes[4]);
	assert_int_equal(match.param_count, 2);
	assert_string_equal(match.params[1], "0");
	assert_null(find("GET", "/nodes/", &match));
	assert_string_equal(match.allow, "");
	assert_null(find("GET", "/nodes/n-1/", &match));
	assert_null(find("GET", "/nodesx", &match));
	assert_null(find("GET", "", &match));
	assert_null(find("DELETE", "/nodes/n-1", &match));
	assert_string_equal(match.allow, "GET, HEAD, PATCH");
	memset(large + 7, 'a', ROUTE_PARAM_BYTES);
	assert_null(find("GET", large, &match));
	large[7 + ROUTE_PARAM_BYTES - 1] = '\0';
	assert_ptr_equal(find("GET", large, &match), &routes[2]);
}

static void hosts_are_a_list(void **state)
{
	static const char *const more[] = {"edge.example"};
	static const char *const good[] = {"localhost",	   "LOCALHOST:8080",  "127.0.0.1",
					   "127.0.0.1:1",  "[::1]",	      "[::1]:8080",
					   "edge.example", "Edge.Example:443"};
	static const char *const bad[] = {"",
					  "localhost.evil",
					  "evil",
					  "localhost:8080.evil",
					  "localhost:",
					  "[::1",
					  "127.0.0.1:x",
					  "127.0.0.2",
					  ":8080",
					  "localhost:1234567",
					  "localhost:80:80",
					  "xedge.example",
					  "[::1]evil"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(guard_host_is_ours(good[i], more, 1));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		/* An empty port is legal (RFC 3986 3.2.3) and harmless. */
		if (strcmp(bad[i], "localhost:") != 0) {
			assert_false(guard_host_is_ours(bad[i], more, 1));
		}
	}
	assert_false(guard_host_is_ours(NULL, more, 1));
	assert_false(guard_host_is_ours("edge.example", NULL, 0));
}

static void origins_are_this_site(void **state)
{
	(void)state;
	assert_true(guard_origin_is_ours("localhost:8080", "http://localhost:8080", "same-origin",
					 true));
	assert_true(guard_origin_is_ours("localhost:8080", "http://localhost:8080", NULL, true));
	assert_true(guard_origin_is_ours("localhost:8080", NULL, "same-origin", true));
	assert_true(guard_origin_is_ours("localhost:8080", NULL, NULL, false));
	assert_false(guard_origin_is_ours("localhost:8080", NULL, NULL, true));
	assert_false(guard_origin_is_ours("localhost:8080", "http://localhost:8081", NULL, true));
	assert_false(
		guard_origin_is_ours("localhost:8080", "http://localhost:8080", "same-site", true));
	assert_false(guard_origin_is_ours("localhost:8080", "http://localhost:8080", "cross-site",
					  true));
	assert_false(guard_origin_is_ours("localhost:8080", "null", NULL, true));
	assert_false(
		guard_origin_is_ours("localhost:8080", "http://localhost:8080.evil", NULL, true));
	assert_false(guard_origin_is_ours("localhost:8080", "http://evil", NULL, false));
	assert_false(guard_origin_is_ours("localhost:8080", "", NULL, true));
	assert_false(guard_origin_is_ours(NULL, "http://localhost", NULL, true));
}

static void cookies_are_found(void **state)
{
	char value[8];

	(void)state;
	assert_true(guard_cookie("a=1; aether=xyz; b=2", "aether", value, sizeof(value)));
	assert_string_equal(value, "xyz");
	assert_true(guard_cookie("aether=", "aether", value, sizeof(value)) == true);
	assert_string_equal(value, "");
	assert_false(guard_cookie("xaether=1; aetherx=2; aether", "aether", value, sizeof(value)));
	assert_false(guard_cookie("aether=12345678", "aether", value, sizeof(value)));
	assert_false(guard_cookie(NULL, "aether", value, sizeof(value)));
}

static void json_is_shallow(void **state)
{
	(void)state;
	assert_true(guard_json_is_shallow("{\"a\":[1]}", 9, 2));
	assert_false(guard_json_is_shallow("{\"a\":[[1]]}", 11, 2));
	assert_true(guard_json_is_shallow("{\"a\":\"[[[[\\\"[[\"}", 17, 1));
	assert_true(guard_json_is_shallow("[][][][]", 8, 1));
	assert_true(guard_json_is_shallow("\"\\", 2, 1));
}

static const struct http_asset assets[] = {
	{"/index.html", "text/html", (const uint8_t *)"page", 4, (const uint8_t *)"gz", 2,
	 (const uint8_t *)"b", 1, "\"1\"", false},
	{"/app.js", "text/javascript", (const uint8_t *)"code", 4, NULL, 0, NULL, 0, "\"2\"", true},
};

static void assets_are_chosen(void **state)
{
	(void)state;
	assert_ptr_equal(asset_find(assets, 2, "/app.js"), &assets[1]);
	assert_ptr_equal(asset_find(assets, 2, "/"), &assets[0]);
	assert_ptr_equal(asset_find(assets, 2, "/nodes/n-1"), &assets[0]);
	assert_null(asset_find(assets, 2, "/nope.js"));
	assert_null(asset_find(assets, 2, "/api/v1/nope"));
	assert_null(asset_find(assets, 0, "/"));
	assert_string_equal(asset_choose(&assets[0], "gzip, deflate, br").encoding, "br");
	assert_string_equal(asset_choose(&assets[0], "gzip;q=1.0, br;q=0").encoding, "gzip");
	assert_null(asset_choose(&assets[0], "brx, xgzip").encoding);
	assert_null(asset_choose(&assets[0], NULL).encoding);
	assert_null(asset_choose(&assets[1], "br, gzip").encoding);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uri_splits_and_decodes),
		cmocka_unit_test(uri_refuses_what_is_not_clear),
		cmocka_unit_test(routes_are_found),
		cmocka_unit_test(hosts_are_a_list),
		cmocka_unit_test(origins_are_this_site),
		cmocka_unit_test(cookies_are_found),
		cmocka_unit_test(json_is_shallow),
		cmocka_unit_test(assets_are_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
