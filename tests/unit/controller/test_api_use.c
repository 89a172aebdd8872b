/* SPDX-License-Identifier: Apache-2.0 */
/* The API as it is used: every answer is checked against openapi.json (api_ask). */
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

static char target[128];

static const char *node(const char *rest)
{
	snprintf(target, sizeof(target), "/api/v1/nodes/%s%s", bed.node, rest);
	return target;
}

static void nodes_are_shown_and_changed(void **state)
{
	char header[64];
	char rev[24];

	(void)state;
	assert_int_equal(api_ask("GET", "/api/v1/nodes", NULL, NULL), 200);
	assert_string_equal(api_member("items.0.id"), bed.node);
	assert_string_equal(api_member("next"), "null");
	assert_int_equal(api_ask("GET", node("?whole=0"), NULL, NULL), 200);
	snprintf(rev, sizeof(rev), "%s", api_member("rev"));
	snprintf(header, sizeof(header), "\"%s\"", rev);
	assert_string_equal(client_header(&answer, "ETag"), header);
	snprintf(header, sizeof(header), "If-Match: \"%s\"\r\n", rev);
	assert_int_equal(
		api_ask("PATCH", node(""), header,
			"{\"name\":\"shelf-1\",\"labels\":{\"room\":\"1\"},\"cordoned\":true}"),
		200);
	assert_string_equal(api_member("name"), "shelf-1");
	assert_string_equal(api_member("labels.room"), "1");
	assert_string_equal(api_member("cordoned"), "true");
	assert_int_equal(api_ask("PATCH", node(""), header, "{\"name\":\"shelf-2\"}"), 412);
	assert_int_equal(
		api_ask("PATCH", node(""), "If-Match: \"x\"\r\n", "{\"name\":\"shelf-2\"}"), 412);
	assert_int_equal(api_ask("GET", node(""), NULL, NULL), 200);
	assert_string_equal(api_member("name"), "shelf-1");
	assert_int_equal(api_ask("GET", "/api/v1/nodes?q=shelf", NULL, NULL), 200);
	assert_string_equal(api_member("items.0.id"), bed.node);
	assert_int_equal(api_ask("GET", "/api/v1/nodes?q=nothing", NULL, NULL), 200);
	assert_string_equal(api_member("items"), "[]");
	assert_int_equal(api_ask("GET", "/api/v1/nodes?state=discovered&admission=&q=shelf", NULL, NULL), 200);
	assert_string_equal(api_member("items.0.id"), bed.node);
}

static void nodes_are_admitted(void **state)
{
	char other[ID_BYTES];
	char body[128];

	(void)state;
	assert_int_equal(api_ask("POST", node("/approve"), NULL, NULL), 200);
	assert_string_equal(api_member("admission"), "approved");
	assert_int_equal(api_ask("POST", node("/restart-guests"), NULL, NULL),
			 409); /* it has not booted */
	api_bed_hello(1, 100);
	assert_int_equal(api_ask("POST", node("/locate"), NULL, "{\"on\":true}"), 200);
	assert_int_equal(api_ask("POST", node("/restart-guests"), NULL, "{}"), 200);
	assert_int_equal(api_ask("POST", node("/retire"), NULL, NULL), 200);
	assert_string_equal(api_member("admission"), "retired");
	api_bed_see(2, other);
	snprintf(body, sizeof(body), "{\"ids\":[\"%s\",\"%s\",\"n-0000000000\",5]}", bed.node,
		 other);
	assert_int_equal(api_ask("POST", "/api/v1/nodes/approve", NULL, body), 200);
	assert_string_equal(api_member("results.0.ok"), "true");
	assert_string_equal(api_member("results.1.ok"), "true");
	assert_string_equal(api_member("results.2.ok"), "false");
	assert_string_equal(api_member("results.2.problem.status"), "404");
	assert_string_equal(api_member("results.3.id"), "null");
	assert_int_equal(api_ask("GET", "/api/v1/nodes?admission=approved&limit=1", NULL, NULL),
			 200);
	assert_string_not_equal(api_member("next"), "null");
	snprintf(target, sizeof(target), "/api/v1/nodes?admission=approved&limit=1&after=%s",
		 api_member("next"));
	assert_int_equal(api_ask("GET", target, NULL, NULL), 200);
	assert_string_equal(api_member("next"), "null");
	assert_int_equal(api_ask("GET", node("/boots"), NULL, NULL), 200);
	assert_int_equal(api_ask("GET", node("/telemetry"), NULL, NULL), 200);
	assert_int_equal(api_ask("POST", node("/reject"), NULL, NULL), 409);
	api_bed_see(3, other);
	snprintf(target, sizeof(target), "/api/v1/nodes/%s/reject", other);
	assert_int_equal(api_ask("POST", target, NULL, NULL), 200);
	assert_string_equal(api_member("admission"), "rejected");
}

static void wait_for(const char *place, const char *wanted)
{
	char copy[128];

	snprintf(copy, sizeof(copy), "%s", place);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(api_ask("GET", copy, NULL, NULL), 200);
		if (strcmp(api_member("state"), "running") != 0) {
			break;
		}
		usleep(10000);
	}
	assert_string_equal(api_member("state"), wanted);
}

static void operations_go_on_behind(void **state)
{
	(void)state;
	const unsigned before = bed.power_acts;
	assert_int_equal(api_ask("POST", node("/power"), NULL, "{\"action\":\"on\"}"), 202);
	assert_string_equal(api_member("kind"), "power.on");
	wait_for(client_header(&answer, "Location"), "succeeded");
	assert_int_equal(bed.power_acts, before + 1);
	bed.power_fails = true;
	assert_int_equal(api_ask("POST", node("/power"), NULL, "{\"action\":\"reset\"}"), 202);
	wait_for(client_header(&answer, "Location"), "failed");
	assert_string_equal(api_member("text"), "the driver said no");
	bed.power_fails = false;
	/* Each says what was asked, and how it ended. */
	char events[64];
	snprintf(events, sizeof(events), "/api/v1/events?node=%s", bed.node);
	assert_int_equal(api_ask("GET", events, NULL, NULL), 200);
	const char *const told[] = {
		"The power driver is asked to switch it on.",
		"The power driver has switched it on.",
		"The power driver is asked to reset it.",
		"The power driver did not reset it: the driver said no",
	};
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		assert_non_null(strstr(answer.body, told[i]));
	}
	assert_non_null(strstr(answer.body, "\"power.reset.failed\""));
	assert_int_equal(api_ask("POST", node("/reboot"), NULL, NULL), 202);
	assert_string_equal(api_member("kind"), "reboot");
	char place[64];
	snprintf(place, sizeof(place), "%s", client_header(&answer, "Location"));
	usleep(600000);
	assert_int_equal(api_ask("GET", place, NULL, NULL), 200);
	assert_string_equal(api_member("state"), "running");
	api_bed_hello(1, 101);
	wait_for(place, "succeeded");
}

static bool run_sql(struct sql *sql, void *text, struct fail *fail)
{
	return sql_run(sql, fail, text, "");
}

/* Those of long ago go while the controller runs, not only when it starts. */
static void old_operations_are_forgotten(void **state)
{
	static char old[] = "INSERT INTO operation (id, kind, node, state, created_ms, ended_ms) VALUES "
			    "('o-0123456789', 'power.on', '', 'succeeded', 1, 2)";
	unsigned asked = 0;
	struct fail fail;

	(void)state;
	assert_true(store_change(bed.store, run_sql, NULL, old, &fail));
	assert_int_equal(api_ask("GET", "/api/v1/operations/o-0123456789", NULL, NULL), 200);
	while (asked++ < 100 && api_ask("GET", "/api/v1/operations/o-0123456789", NULL, NULL) == 200) {
		assert_int_equal(api_ask("POST", node("/power"), NULL, "{\"action\":\"on\"}"), 202);
		wait_for(client_header(&answer, "Location"), "succeeded");
	}
	assert_int_equal(answer.status, 404);
}

static void a_key_does_it_once(void **state)
{
	char first[64];

	(void)state;
	const unsigned before = bed.power_acts;
	assert_int_equal(
		api_ask("POST", node("/power"), "Idempotency-Key: k1\r\n", "{\"action\":\"on\"}"),
		202);
	snprintf(first, sizeof(first), "%s", api_member("id"));
	assert_int_equal(
		api_ask("POST", node("/power"), "Idempotency-Key: k1\r\n", "{\"action\":\"on\"}"),
		202);
	assert_string_equal(api_member("id"), first);
	assert_string_equal(client_header(&answer, "Idempotency-Replayed"), "true");
	assert_non_null(strstr(client_header(&answer, "Location"), first));
	wait_for(client_header(&answer, "Location"), "succeeded");
	assert_int_equal(bed.power_acts, before + 1);
	assert_int_equal(
		api_ask("POST", node("/power"), "Idempotency-Key: k1\r\n", "{\"action\":\"off\"}"),
		409);
	assert_int_equal(
		api_ask("POST", node("/power"), "Idempotency-Key: a b\r\n", "{\"action\":\"off\"}"),
		400);
	/* A refusal was not done, so it is no answer to keep. */
	assert_int_equal(
		api_ask("POST", node("/power"), "Idempotency-Key: k2\r\n", "{\"action\":\"nope\"}"),
		400);
	assert_int_equal(
		api_ask("POST", node("/power"), "Idempotency-Key: k2\r\n", "{\"action\":\"off\"}"),
		202);
	/* A secret is not kept. */
	assert_int_equal(
		api_ask("POST", "/api/v1/tokens", "Idempotency-Key: k3\r\n", "{\"name\":\"x\"}"),
		201);
	assert_int_equal(
		api_ask("POST", "/api/v1/tokens", "Idempotency-Key: k3\r\n", "{\"name\":\"x\"}"),
		409);
}

/* The controller ends, or its disk is full, between the act and its answer. */
static void a_key_outlives_a_kill(void **state)
{
	static char no_begin[] = "CREATE TRIGGER full BEFORE INSERT ON idempotency WHEN "
				 "NEW.status = 0 BEGIN SELECT RAISE(ABORT, 'full'); END";
	static char no_end[] = "CREATE TRIGGER full BEFORE INSERT ON idempotency WHEN "
			       "NEW.status <> 0 BEGIN SELECT RAISE(ABORT, 'full'); END";
	static char accept[] = "DROP TRIGGER full";
	static const char body[] = "{\"name\":\"once\"}";
	static const char key[] = "Idempotency-Key: k9\r\n";
	struct fail fail;

	(void)state;
	/* What cannot be announced is not done. */
	assert_true(store_change(bed.store, run_sql, NULL, no_begin, &fail));
	assert_in_range(api_ask("POST", "/api/v1/tokens", key, body), 400, 599);
	assert_int_equal(api_ask("GET", "/api/v1/tokens", NULL, NULL), 200);
	assert_null(strstr(answer.body, "once"));
	assert_true(store_change(bed.store, run_sql, NULL, accept, &fail));
	/* What was announced, and then cut off, is not done again. */
	assert_true(store_change(bed.store, run_sql, NULL, no_end, &fail));
	assert_int_equal(api_ask("POST", "/api/v1/tokens", key, body), 201);
	assert_true(store_change(bed.store, run_sql, NULL, accept, &fail));
	assert_int_equal(api_ask("POST", "/api/v1/tokens", key, body), 409);
	assert_non_null(strstr(api_member("detail"), "look at the state"));
	assert_int_equal(api_ask("GET", "/api/v1/tokens", NULL, NULL), 200);
	const char *first = strstr(answer.body, "once");
	assert_non_null(first);
	assert_null(strstr(first + 1, "once"));
}

/* The disk is full: the link is good for another try. */
static void a_link_outlives_a_full_disk(void **state)
{
	static char refuse[] = "CREATE TRIGGER full BEFORE INSERT ON session BEGIN SELECT "
			       "RAISE(ABORT, 'full'); END";
	static char accept[] = "DROP TRIGGER full";
	char link[AUTH_SECRET_BYTES];
	char session[AUTH_SECRET_BYTES];
	struct http_who who;
	int64_t ends;
	struct fail fail = {0};

	(void)state;
	assert_true(http_auth_make_link(bed.auth, link, &ends, &fail));
	assert_true(store_change(bed.store, run_sql, NULL, refuse, &fail));
	assert_false(http_auth_sign_in(bed.auth, link, 9, session, &fail));
	assert_int_not_equal(fail.kind, FAIL_UNAUTHORIZED);
	assert_false(http_auth_by_session(bed.auth, session, &who));
	assert_true(store_change(bed.store, run_sql, NULL, accept, &fail));
	assert_true(http_auth_sign_in(bed.auth, link, 9, session, &fail));
	assert_true(http_auth_by_session(bed.auth, session, &who));
	assert_false(http_auth_sign_in(bed.auth, link, 9, session, &fail));
}

static void signing_in_and_out(void **state)
{
	char body[256];
	char cookie[256];

	(void)state;
	client_free(&answer);
	client_ask_unix(bed.socket, "POST", "/api/v1/sign-in-links", NULL, NULL, &answer);
	assert_int_equal(answer.status, 201);
	api_check("POST", "/api/v1/sign-in-links", &answer);
	assert_non_null(strstr(api_member("url"), "http://localhost/sign-in#"));
	snprintf(body, sizeof(body), "{\"link\":\"%s\"}", api_member("url"));
	client_free(&answer);
	client_ask(bed.port, "POST", "/api/v1/session", "Origin: http://localhost\r\n", body,
		   &answer);
	assert_int_equal(answer.status, 201);
	api_check("POST", "/api/v1/session", &answer);
	const char *set = client_header(&answer, "Set-Cookie");
	assert_non_null(strstr(set, "; HttpOnly; SameSite=Strict; "));
	snprintf(cookie, sizeof(cookie), "Cookie: %.*s\r\nSec-Fetch-Site: same-origin\r\n",
		 (int)strcspn(set, ";"), set);
	client_free(&answer);
	client_ask(bed.port, "POST", "/api/v1/session", NULL, body, &answer);
	assert_int_equal(answer.status, 401);
	client_free(&answer);
	client_ask(bed.port, "GET", "/api/v1/session", cookie, NULL, &answer);
	assert_int_equal(answer.status, 200);
	api_check("GET", "/api/v1/session", &answer);
	assert_string_equal(api_member("by"), "session");
	assert_string_equal(api_member("actor"), "admin");
	client_free(&answer);
	client_ask(bed.port, "DELETE", "/api/v1/session", cookie, NULL, &answer);
	assert_int_equal(answer.status, 204);
	api_check("DELETE", "/api/v1/session", &answer);
	client_free(&answer);
	client_ask(bed.port, "GET", "/api/v1/session", cookie, NULL, &answer);
	assert_int_equal(answer.status, 401);
}

static void tokens_rules_and_settings(void **state)
{
	char token[256];
	char id[64];

	(void)state;
	assert_int_equal(api_ask("POST", "/api/v1/tokens", NULL,
				 "{\"name\":\"ci\",\"ends\":\"2099-01-31T12:00:00Z\"}"),
			 201);
	assert_string_equal(api_member("ends"), "2099-01-31T12:00:00.000Z");
	snprintf(token, sizeof(token), "Authorization: Bearer %s\r\n", api_member("token"));
	snprintf(id, sizeof(id), "/api/v1/tokens/%s", api_member("id"));
	client_free(&answer);
	client_ask(bed.port, "GET", "/api/v1/session", token, NULL, &answer);
	assert_string_equal(api_member("actor"), "token:ci");
	assert_int_equal(api_ask("GET", "/api/v1/tokens", NULL, NULL), 200);
	assert_non_null(strstr(answer.body, "\"ci\""));
	assert_null(strstr(answer.body, "aec_"));
	assert_int_equal(api_ask("DELETE", id, NULL, NULL), 204);
	client_free(&answer);
	client_ask(bed.port, "GET", "/api/v1/session", token, NULL, &answer);
	assert_int_equal(answer.status, 401);

	assert_int_equal(api_ask("POST", "/api/v1/rules", NULL,
				 "{\"matches\":{\"network\":\"lan9\"},\"labels\":{\"by\":\"rule\"},"
				 "\"count\":3,\"ends\":\"2099-01-01T00:00:00Z\"}"),
			 201);
	snprintf(id, sizeof(id), "/api/v1/rules/%s", api_member("id"));
	assert_int_equal(api_ask("GET", "/api/v1/rules", NULL, NULL), 200);
	assert_string_equal(api_member("items.0.matches.network"), "lan9");
	assert_int_equal(api_ask("DELETE", id, NULL, NULL), 204);
	assert_int_equal(api_ask("DELETE", id, NULL, NULL), 404);

	assert_int_equal(api_ask("PATCH", "/api/v1/settings", NULL, "{\"interval_ms\":2000}"), 200);
	assert_int_equal(api_ask("GET", "/api/v1/settings", NULL, NULL), 200);
	assert_string_equal(api_member("interval_ms"), "2000");
}

static void events_are_told(void **state)
{
	(void)state;
	/* Some are written down after the answer. */
	for (int i = 0; i < 300; i++) {
		assert_int_equal(api_ask("GET", "/api/v1/events?limit=1000", NULL, NULL), 200);
		if (strstr(answer.body, "\"session.started\"") != NULL &&
		    strstr(answer.body, "\"token.made\"") != NULL) {
			break;
		}
		usleep(10000);
	}
	assert_non_null(strstr(answer.body, "\"session.started\""));
	assert_non_null(strstr(answer.body, "\"token.made\""));
	assert_non_null(strstr(answer.body, "node.approved"));
	assert_int_equal(api_ask("GET", "/api/v1/events?limit=2", NULL, NULL), 200);
	const unsigned long long newest = strtoull(api_member("items.0.index"), NULL, 10);
	const unsigned long long second = strtoull(api_member("items.1.index"), NULL, 10);
	assert_true(newest > second);
	snprintf(target, sizeof(target), "/api/v1/events?limit=2&after=%s", api_member("next"));
	assert_int_equal(api_ask("GET", target, NULL, NULL), 200);
	assert_true(strtoull(api_member("items.0.index"), NULL, 10) < second);
	snprintf(target, sizeof(target), "/api/v1/events?node=%s", bed.node);
	assert_int_equal(api_ask("GET", target, NULL, NULL), 200);
	assert_string_equal(api_member("items.0.node"), bed.node);
}

static void consoles_are_bytes(void **state)
{
	(void)state;
	api_console_say("hello");
	assert_int_equal(api_ask("GET", node("/consoles/0?from=1"), NULL, NULL), 200);
	assert_string_equal(api_member("text"), "ZWxsbw==");
	assert_string_equal(api_member("start"), "1");
	assert_string_equal(api_member("end"), "5");
	assert_int_equal(api_ask("POST", node("/consoles/0"), NULL, "{\"input\":\"bHMK\"}"), 204);
	assert_string_equal(bed.typed, "ls\n");
	assert_int_equal(api_ask("GET", node("/consoles/9"), NULL, NULL), 404);
	assert_int_equal(api_ask("GET", node("/consoles/99"), NULL, NULL), 404);
}

static void the_release_is_shown(void **state)
{
	static char blob[] = "INSERT INTO blob (sha256, bytes, kind, created_ms) VALUES ('aa', 5, 'manifest', 1)";
	static char release[] = "INSERT INTO release (manifest, name, version, created_ms, is_builtin) "
				"VALUES ('aa', 'guest', '7', 1, 1)";
	struct fail fail;

	(void)state;
	assert_true(store_change(bed.store, run_sql, NULL, blob, &fail) &&
		    store_change(bed.store, run_sql, NULL, release, &fail));
	assert_int_equal(api_ask("GET", "/api/v1/release", NULL, NULL), 200);
	assert_string_equal(api_member("version"), "7");
	assert_string_equal(api_member("blobs.0.bytes"), "5");
}

static void the_controller_shows_itself(void **state)
{
	(void)state;
	assert_int_equal(api_ask("GET", "/api/v1/system", NULL, NULL), 200);
	assert_string_equal(api_member("version"), "test");
	assert_true(strtoul(api_member("process.rss_bytes"), NULL, 10) > 1000000);
	assert_true(strtoul(api_member("http.requests"), NULL, 10) > 10);
	assert_int_equal(api_ask("GET", "/healthz", NULL, NULL), 200);
	assert_int_equal(api_ask("GET", "/readyz", NULL, NULL), 200);
	assert_int_equal(api_ask("GET", "/api/v1/openapi.json", NULL, NULL), 200);
	assert_string_equal(api_member("openapi"), "3.1.0");
}

/* A new route is one that something here asks and that openapi.json describes; streams have a test of their own. */
static void every_route_was_answered(void **state)
{
	(void)state;
	for (size_t i = 0; i < api_route_count; i++) {
		if (!api_was_answered(i) && strstr(api_routes[i].pattern, "/stream") == NULL) {
			fail_msg("no success of %s %s was compared with openapi.json", api_routes[i].method,
				 api_routes[i].pattern);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_are_shown_and_changed),
		cmocka_unit_test(nodes_are_admitted),
		cmocka_unit_test(operations_go_on_behind),
		cmocka_unit_test(old_operations_are_forgotten),
		cmocka_unit_test(a_key_does_it_once),
		cmocka_unit_test(a_key_outlives_a_kill),
		cmocka_unit_test(a_link_outlives_a_full_disk),
		cmocka_unit_test(signing_in_and_out),
		cmocka_unit_test(tokens_rules_and_settings),
		cmocka_unit_test(events_are_told),
		cmocka_unit_test(consoles_are_bytes),
		cmocka_unit_test(the_release_is_shown),
		cmocka_unit_test(the_controller_shows_itself),
		cmocka_unit_test(every_route_was_answered),
	};

	return cmocka_run_group_tests(tests, api_bed_make, api_bed_remove);
}
