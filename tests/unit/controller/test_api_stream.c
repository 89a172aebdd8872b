/* SPDX-License-Identifier: Apache-2.0 */
/* The live stream: what comes, in which order, and what a client that was away gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/topics.h"
#include "base/clock.h"
#include "unit/controller/api_bed.h"

/* All that came, without the lengths of its pieces (which our texts cannot be mistaken for). */
struct listener {
	int fd;
	char text[1 << 17];
	size_t count;
};
static struct listener listener;

static void open_stream(const char *query, const char *headers)
{
	char text[1024];

	memset(&listener, 0, sizeof(listener));
	listener.fd = client_connect(bed.port);
	assert_true(listener.fd >= 0);
	const int count = snprintf(text, sizeof(text),
				   "GET /api/v1/stream?%s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n",
				   query, headers != NULL ? headers : "", bed.token);
	client_send(listener.fd, text, (size_t)count);
}

static void close_stream(void)
{
	close(listener.fd);
}

/* Waits until `text` has come; false: not within `ms`, or the stream ended. */
static bool hears(const char *text, int ms)
{
	const uint64_t until = clock_ms() + (uint64_t)ms;

	while (strstr(listener.text, text) == NULL) {
		const uint64_t now = clock_ms();
		struct pollfd one = {.fd = listener.fd, .events = POLLIN};
		if (now >= until || poll(&one, 1, (int)(until - now)) != 1) {
			return false;
		}
		const ssize_t count = recv(listener.fd, listener.text + listener.count,
					   sizeof(listener.text) - 1 - listener.count, 0);
		if (count <= 0) {
			return false;
		}
		listener.count += (size_t)count;
	}
	return true;
}

static bool has_ended(int ms)
{
	const uint64_t until = clock_ms() + (uint64_t)ms;
	char bytes[4096];

	for (;;) {
		const uint64_t now = clock_ms();
		struct pollfd one = {.fd = listener.fd, .events = POLLIN};
		if (now >= until || poll(&one, 1, (int)(until - now)) != 1) {
			return false;
		}
		if (recv(listener.fd, bytes, sizeof(bytes), 0) <= 0) {
			return true;
		}
	}
}

/* Behind the last `before` of what came, up to `end`. */
static const char *value(const char *before, const char *end)
{
	static char text[64];
	const char *at = NULL;

	for (const char *next = strstr(listener.text, before); next != NULL;
	     next = strstr(next + 1, before)) {
		at = next + strlen(before);
	}
	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(at, end), at);
	return text;
}

static void rename_node(const char *name)
{
	char target[64];
	char body[64];

	snprintf(target, sizeof(target), "/api/v1/nodes/%s", bed.node);
	snprintf(body, sizeof(body), "{\"name\":\"%s\"}", name);
	assert_int_equal(api_ask("PATCH", target, NULL, body), 200);
}

static void changes_come_at_once(void **state)
{
	(void)state;
	open_stream("topics=nodes,events", NULL);
	assert_true(hears("event: hello\n", 2000));
	const uint64_t before = clock_ms();
	rename_node("first");
	assert_true(hears("event: node\ndata: {", 1000));
	assert_true(hears("\"name\":\"first\"", 1000));
	assert_true(hears("event: event\n", 1000));
	assert_true(clock_ms() - before < 500);
	close_stream();
}

static void who_was_away_goes_on(void **state)
{
	char header[64];
	char query[64];

	(void)state;
	open_stream("topics=nodes", NULL);
	assert_true(hears("event: hello\n", 2000));
	rename_node("second");
	assert_true(hears("\"name\":\"second\"", 1000));
	assert_true(hears("\n\n", 1000));
	snprintf(header, sizeof(header), "Last-Event-ID: %s\r\n", value("\nid: ", "\n"));
	snprintf(query, sizeof(query), "topics=nodes&after=%s", value("\nid: ", "\n"));
	close_stream();
	rename_node("third");
	open_stream("topics=nodes", header);
	assert_true(hears("\"name\":\"third\"", 2000));
	assert_null(strstr(listener.text, "\"name\":\"second\""));
	close_stream();
	open_stream(query, NULL);
	assert_true(hears("\"name\":\"third\"", 2000));
	close_stream();
	/* From another life of the database. */
	open_stream("topics=nodes", "Last-Event-ID: 9000000000000000000\r\n");
	assert_true(hears("event: resync\n", 2000));
	close_stream();
}

static void who_fell_behind_is_told(void **state)
{
	char header[64];

	(void)state;
	open_stream("topics=nodes", NULL);
	assert_true(hears("event: hello\n", 2000));
	snprintf(header, sizeof(header), "Last-Event-ID: %s\r\n", value("\nid: ", "\n"));
	close_stream();
	for (int i = 0; i < BUS_RING + 10; i++) {
		bus_publish(bed.bus, BUS_NODES, "node", 0, "{\"id\":\"filler\"}", 15);
	}
	open_stream("topics=nodes", header);
	assert_true(hears("event: resync\n", 2000));
	assert_null(strstr(listener.text, "filler"));
	rename_node("fourth");
	assert_true(hears("\"name\":\"fourth\"", 2000));
	close_stream();
}

static void topics_are_changed(void **state)
{
	char target[64];
	char body[128];

	(void)state;
	open_stream("topics=events", NULL);
	assert_true(hears("event: hello\n", 2000));
	assert_true(hears("\"}\n\n", 2000) || hears("}\n\n", 2000));
	snprintf(target, sizeof(target), "/api/v1/stream/%s", value("\"stream\":\"", "\""));
	rename_node("fifth");
	assert_true(hears("event: event\n", 1000));
	assert_null(strstr(listener.text, "event: node\n"));
	assert_int_equal(api_ask("POST", target, NULL, "{\"topics\":[\"everything\"]}"), 400);
	assert_int_equal(api_ask("POST", target, NULL, "{\"topics\":[\"nodes\"]}"), 204);
	rename_node("sixth");
	assert_true(hears("\"name\":\"sixth\"", 1000));
	snprintf(body, sizeof(body), "{\"topics\":[\"telemetry:%s\",\"console:%s:0\"]}", bed.node,
		 bed.node);
	assert_int_equal(api_ask("POST", target, NULL, body), 204);
	assert_true(hears("event: telemetry\ndata: {", 2500));
	assert_int_equal(bed.watchers, 1);
	/* Somebody else's stream is nobody's. */
	client_free(&answer);
	char headers[320];
	snprintf(headers, sizeof(headers), "%sSec-Fetch-Site: same-origin\r\n", bed.cookie);
	client_ask(bed.port, "POST", target, headers, "{\"topics\":[]}", &answer);
	assert_int_equal(answer.status, 404);
	close_stream();
	/* Gone at once, not with the next ping (10 s). */
	for (int i = 0; i < 300 && __atomic_load_n(&bed.watchers, __ATOMIC_SEQ_CST) != 0; i++) {
		usleep(10000);
	}
	assert_int_equal(bed.watchers, 0);
}

static void consoles_come_at_once(void **state)
{
	char query[64];
	uint64_t longest = 0;

	(void)state;
	api_console_say("before");
	snprintf(query, sizeof(query), "topics=console:%s:0", bed.node);
	open_stream(query, NULL);
	assert_true(hears("event: hello\n", 2000));
	assert_true(hears("\"offset\":6,\"data\":\"\"", 1000));
	for (int i = 0; i < 20; i++) {
		char wanted[64];
		snprintf(wanted, sizeof(wanted), "\"offset\":%zu,\"data\":\"YWJj\"",
			 bed.output_bytes);
		const uint64_t before = clock_ms();
		api_console_say("abc");
		assert_true(hears(wanted, 1000));
		const uint64_t took = clock_ms() - before;
		longest = took > longest ? took : longest;
	}
	assert_null(strstr(listener.text, "YmVmb3Jl"));
	print_message("console output: %llu ms at most\n", (unsigned long long)longest);
	assert_true(longest < 200);
	close_stream();
}

/* What the node has when a console is first watched comes on the stream, without new output behind it. */
static void a_backlog_comes_on_the_stream(void **state)
{
	char query[64];

	(void)state;
	bed.output_bytes = 0;
	api_console_say("backlog");
	bed.output_late = 3;
	snprintf(query, sizeof(query), "topics=console:%s:0", bed.node);
	open_stream(query, NULL);
	assert_true(hears("\"offset\":0,\"data\":\"\"", 2000));
	for (int i = 0; i < 4; i++) {
		api_console_changed(bed.api);
		usleep(20000);
	}
	assert_true(hears("\"offset\":0,\"data\":\"YmFja2xvZw==\"", 1000));
	close_stream();
}

static void many_listen(void **state)
{
	static int fds[200];
	char text[512];
	size_t ready = 0;

	(void)state;
	const int count = snprintf(
		text, sizeof(text),
		"GET /api/v1/stream?topics=nodes,telemetry HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
		bed.token);
	for (size_t i = 0; i < 200; i++) {
		fds[i] = client_connect(bed.port);
		assert_true(fds[i] >= 0);
		client_send(fds[i], text, (size_t)count);
	}
	usleep(300000);
	rename_node("everywhere");
	for (size_t i = 0; i < 200; i++) {
		static char got[1 << 16];
		size_t have = 0;
		got[0] = '\0';
		for (int tries = 0;
		     tries < 20 && strstr(got, "everywhere") == NULL && have < sizeof(got) - 1;
		     tries++) {
			struct pollfd one = {.fd = fds[i], .events = POLLIN};
			if (poll(&one, 1, 1000) != 1) {
				continue;
			}
			const ssize_t some = recv(fds[i], got + have, sizeof(got) - 1 - have, 0);
			if (some <= 0) {
				break;
			}
			have += (size_t)some;
			got[have] = '\0';
		}
		ready += strstr(got, "everywhere") != NULL;
		close(fds[i]);
	}
	assert_int_equal(ready, 200);
}

static void an_ended_token_ends_its_stream(void **state)
{
	struct fail fail;

	(void)state;
	open_stream("topics=nodes", NULL);
	assert_true(hears("event: hello\n", 2000));
	assert_true(http_auth_end_token(bed.auth, bed.token_id, &fail));
	assert_true(has_ended(5000));
	close_stream();
}

static void topics_are_read(void **state)
{
	static const char *const bad[] = {"x",
					  "telemetryx",
					  "telemetry:",
					  "telemetry:n-",
					  "console:",
					  "console:n-0123456789",
					  "nodes ",
					  "console:n-0123456789:",
					  "console:n-0123456789:16",
					  "console:n-0123456789:1x",
					  "telemetry:n-0123456789x",
					  "telemetry:n-0123456789+"};
	struct topics topics = {0};
	struct topics same = {0};
	struct fail fail;

	(void)state;
	assert_true(topics_parse(&topics,
				 "nodes,events,,telemetry:n-0123456789 "
				 "n-0123456788+n-0123456789,console:n-0123456789:15",
				 &fail));
	assert_int_equal(topics.bits, BUS_NODES | BUS_EVENTS);
	assert_int_equal(topics.node_count, 2);
	assert_string_equal(topics.nodes[0], "n-0123456788");
	assert_int_equal(topics.consoles[0].slot, 15);
	assert_true(topics_parse(&same, "telemetry:n-0123456788+n-0123456789", &fail));
	assert_true(topics_same_telemetry(&topics, &same));
	topics_free(&same);
	topics_free(&topics);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (topics_parse(&topics, bad[i], &fail)) {
			fail_msg("took %s", bad[i]);
		}
		topics_free(&topics);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(topics_are_read),
		cmocka_unit_test(changes_come_at_once),
		cmocka_unit_test(who_was_away_goes_on),
		cmocka_unit_test(who_fell_behind_is_told),
		cmocka_unit_test(topics_are_changed),
		cmocka_unit_test(consoles_come_at_once),
		cmocka_unit_test(a_backlog_comes_on_the_stream),
		cmocka_unit_test(many_listen),
		cmocka_unit_test(an_ended_token_ends_its_stream),
	};

	return cmocka_run_group_tests(tests, api_bed_make, api_bed_remove);
}
