/* SPDX-License-Identifier: Apache-2.0 */
/* The server over a real socket, with a small table of routes and a real store behind its sign-in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http/listen.h"
#include "http/server.h"
#include "http/stream.h"
#include "unit/controller/client.h"
#include "unit/controller/place.h"

static char folder[64];
static char database[96];
static char socket_path[96];
static uint16_t port;
static struct store *store;
static struct http_auth *auth;
static struct http_server *server;
static int64_t now_ms = 1000000000000;
static struct client_answer answer;

static int64_t test_clock(void)
{
	return now_ms;
}

static bool echo(void *app, const struct http_request *request, struct http_reply *reply, struct fail *fail)
{
	(void)app, (void)fail;
	text_printf(&reply->body, "%s %s %s %zu %s", request->method, request->actor,
		    request->params[0] ? request->params[0] : "-",
		    request->json != NULL ? json_object_size(request->json) : 0, request->id);
	http_add_header(reply, "ETag", "\"7\"");
	return true;
}

static bool failing(void *app, const struct http_request *request, struct http_reply *reply, struct fail *fail)
{
	uint64_t kind;

	(void)app;
	text_puts(&reply->body, "dropped");
	return http_query_u64(request, "kind", 1, FAIL_UNAVAILABLE, FAIL_CONFLICT, &kind, fail) &&
	       fail_set(fail, (enum fail_kind)kind, "because \"%s\"", "x");
}

/* A stream of three lines, one for each wake. */
static struct {
	struct http_stream *stream;
	pthread_mutex_t lock;
	unsigned ready, said;
	atomic_bool is_closed;
} talk = {.lock = PTHREAD_MUTEX_INITIALIZER};

static ssize_t talk_read(void *source, char *to, size_t room)
{
	ssize_t count = 0;

	(void)source;
	pthread_mutex_lock(&talk.lock);
	if (talk.said == 3) {
		count = -1;
	} else if (talk.said < talk.ready) {
		count = snprintf(to, room, "data: %u\n\n", ++talk.said);
	}
	pthread_mutex_unlock(&talk.lock);
	return count;
}

static void talk_closed(void *source)
{
	(void)source;
	atomic_store(&talk.is_closed, true);
}

static bool stream(void *app, const struct http_request *request, struct http_reply *reply,
		   struct fail *fail)
{
	const struct http_stream_source source = {talk_read, talk_closed, NULL};

	(void)app;
	talk.stream = http_reply_stream(request, reply, &source);
	return talk.stream != NULL || fail_set(fail, FAIL_UNAVAILABLE, "no stream");
}

static const struct http_route routes[] = {
	{"GET", "/open", echo, HTTP_OPEN, 0},
	{"POST", "/open", echo, HTTP_OPEN | HTTP_JSON, 0},
	{"GET", "/things/{id}", echo, 0, 0},
	{"POST", "/things/{id}", echo, HTTP_JSON, 100},
	{"GET", "/fail", failing, HTTP_OPEN, 0},
	{"GET", "/stream", stream, HTTP_OPEN, 0},
	{"POST", "/socket", echo, HTTP_SOCKET | HTTP_JSON, 0},
};

static const struct http_asset assets[] = {
	{"/index.html", "text/html; charset=utf-8", (const uint8_t *)"page", 4,
	 (const uint8_t *)"gz", 2, NULL, 0, "\"1\"", false},
};

static void start(void)
{
	struct fail fail = {0};
	const struct store_options options = {.path = database};
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	store = store_open(&options, &fail);
	assert_string_equal(fail.text, "");
	auth = http_auth_new(store, test_clock, &fail);
	assert_non_null(auth);
	struct http_server_options http = {.routes = routes,
					   .route_count = sizeof(routes) / sizeof(routes[0]),
					   .auth = auth,
					   .assets = assets,
					   .asset_count = 1,
					   .owner = (uid_t)-1,
					   .fd = listen_for_people(&address, &fail),
					   .unix_fd = listen_unix(socket_path, &fail)};
	assert_string_equal(fail.text, "");
	port = listen_port(http.fd);
	server = http_server_start(&http, &fail);
	assert_non_null(server);
}

static void stop(void)
{
	http_server_stop(server);
	http_auth_free(auth);
	store_close(store);
}

static int set_up(void **state)
{
	(void)state;
	place_template(folder, sizeof(folder), "http_server");
	assert_non_null(mkdtemp(folder));
	snprintf(database, sizeof(database), "%s/aether.db", folder);
	snprintf(socket_path, sizeof(socket_path), "%s/aether.sock", folder);
	start();
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	stop();
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command);
}

static unsigned ask(const char *method, const char *target, const char *headers, const char *body)
{
	client_free(&answer);
	client_ask(port, method, target, headers, body, &answer);
	return answer.status;
}

static unsigned ask_unix(const char *method, const char *target, const char *body)
{
	client_free(&answer);
	client_ask_unix(socket_path, method, target, NULL, body, &answer);
	return answer.status;
}

static void check_problem(const char *type)
{
	json_t *problem = client_json(&answer);

	assert_string_equal(client_header(&answer, "Content-Type"), "application/problem+json");
	assert_non_null(problem);
	assert_string_equal(json_string_value(json_object_get(problem, "type")), type);
	assert_int_equal(json_integer_value(json_object_get(problem, "status")), answer.status);
	assert_string_equal(json_string_value(json_object_get(problem, "request")),
			    client_header(&answer, "X-Request-Id"));
	assert_true(strlen(json_string_value(json_object_get(problem, "detail"))) > 5);
	json_decref(problem);
}

static void sign_in(char cookie[128], char secret[AUTH_SECRET_BYTES])
{
	char link[AUTH_SECRET_BYTES];
	int64_t ends;
	struct fail fail;

	assert_true(http_auth_make_link(auth, link, &ends, &fail));
	assert_int_equal(ends, now_ms + AUTH_LINK_MS);
	assert_true(http_auth_sign_in(auth, link, 1, secret, &fail));
	snprintf(cookie, 128, "Cookie: x=1; " AUTH_COOKIE "=%s\r\n", secret);
}

static void make_token(char header[160], char id[ID_BYTES], int64_t ends_ms)
{
	char token[AUTH_TOKEN_BYTES];
	struct fail fail;

	assert_true(http_auth_make_token(auth, "robot", ends_ms, id, token, &fail));
	snprintf(header, 160, "Authorization: Bearer %s\r\n", token);
}

static void it_routes(void **state)
{
	(void)state;
	assert_int_equal(ask("GET", "/open", NULL, NULL), 200);
	assert_int_equal(strncmp(answer.body, "GET  - 0 ", 9), 0);
	assert_int_equal(ask("HEAD", "/open", NULL, NULL), 200);
	assert_int_equal(answer.body_bytes, 0);
	assert_int_equal(ask("GET", "/nope.x", NULL, NULL), 404);
	check_problem("urn:aether:problem:not-found");
	assert_int_equal(ask("DELETE", "/open", NULL, NULL), 405);
	check_problem("urn:aether:problem:method");
	assert_string_equal(client_header(&answer, "Allow"), "GET, HEAD, POST");
	assert_int_equal(ask("BREW", "/open", NULL, NULL), 405);
	assert_int_equal(ask("GET", "/open?a=1&a=2", NULL, NULL), 400);
	check_problem("urn:aether:problem:invalid");
	assert_int_equal(ask("GET", "/open?a=%00", NULL, NULL), 400);
	assert_int_equal(ask("GET", "/fail", NULL, NULL), 409);
	check_problem("urn:aether:problem:conflict");
	assert_int_equal(ask("GET", "/fail?kind=10", NULL, NULL), 500);
	check_problem("urn:aether:problem:internal");
	assert_int_equal(ask("GET", "/fail?kind=x", NULL, NULL), 400);
	assert_int_equal(ask("GET", "/fail?kind=99", NULL, NULL), 400);
}

static void headers_are_strict(void **state)
{
	(void)state;
	ask("GET", "/open", NULL, NULL);
	assert_string_equal(client_header(&answer, "X-Content-Type-Options"), "nosniff");
	assert_string_equal(client_header(&answer, "Referrer-Policy"), "no-referrer");
	assert_string_equal(client_header(&answer, "Cache-Control"), "no-store");
	assert_string_equal(client_header(&answer, "Content-Security-Policy"),
			    "default-src 'none'; frame-ancestors 'none'");
	assert_string_equal(client_header(&answer, "ETag"), "\"7\"");
	assert_int_equal(ask("GET", "/nodes/n-1", "Accept-Encoding: gzip, br\r\n", NULL), 200);
	assert_string_equal(answer.body, "gz");
	assert_string_equal(client_header(&answer, "Content-Encoding"), "gzip");
	assert_non_null(
		strstr(client_header(&answer, "Content-Security-Policy"), "script-src 'self';"));
	assert_int_equal(ask("GET", "/", "If-None-Match: \"1\"\r\n", NULL), 304);
	assert_int_equal(ask("POST", "/", NULL, "{}"), 405);
}

static void bodies_are_bounded(void **state)
{
	static char large[102];
	char header[160];
	char id[ID_BYTES];
	struct client_answer raw;

	(void)state;
	make_token(header, id, 0);
	assert_int_equal(ask("POST", "/things/1", header, "{\"a\":1,\"b\":2}"), 200);
	assert_int_equal(strncmp(answer.body, "POST token:robot 1 2 ", 21), 0);
	assert_int_equal(ask("POST", "/things/1", header, "{\"a\":1,\"a\":2}"), 400);
	assert_int_equal(ask("POST", "/things/1", header, "{\"a\":1"), 400);
	assert_int_equal(ask("POST", "/things/1", header, "[1]"), 400);
	assert_int_equal(ask("POST", "/things/1", header, "{} x"), 400);
	assert_int_equal(ask("POST", "/things/1", header, "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"), 400);
	assert_int_equal(ask("POST", "/things/1", header, ""), 200);
	assert_int_equal(ask("GET", "/things/1", header, "{}"), 400);
	memset(large, ' ', sizeof(large) - 1);
	assert_int_equal(ask("POST", "/things/1", header, large), 413);
	check_problem("urn:aether:problem:too-large");
	/* Without a length, in pieces. */
	const int fd = client_connect(port);
	char text[512];
	const int count = snprintf(
		text, sizeof(text),
		"POST /things/1 HTTP/1.1\r\nHost: localhost\r\n%sContent-Type: application/json\r\n"
		"Transfer-Encoding: chunked\r\n\r\n65\r\n%-101s\r\n0\r\n\r\n",
		header, "{}");
	client_send(fd, text, (size_t)count);
	client_read(fd, true, &raw);
	assert_int_equal(raw.status, 413);
	close(fd);
	client_free(&raw);
	assert_int_equal(ask("POST", "/things/1", "Content-Type: text/plain\r\n", "{}"), 401);
}

static void strangers_are_kept_out(void **state)
{
	char cookie[128];
	char with[320];
	char secret[AUTH_SECRET_BYTES];
	char header[160];
	char id[ID_BYTES];

	(void)state;
	assert_int_equal(ask("GET", "/things/1", NULL, NULL), 401);
	assert_string_equal(client_header(&answer, "WWW-Authenticate"), "Bearer");
	assert_int_equal(ask("GET", "/things/1", "Host: evil.example\r\n", NULL), 403);
	assert_int_equal(ask("GET", "/open", "Host: evil.example\r\n", NULL), 403);
	assert_int_equal(ask("GET", "/", "Host: evil.example\r\n", NULL), 403);
	assert_int_equal(ask("POST", "/open", "Origin: http://evil.example\r\n", "{}"), 403);
	assert_int_equal(ask("POST", "/open", NULL, "{}"), 200);
	sign_in(cookie, secret);
	assert_int_equal(ask("GET", "/things/1", cookie, NULL), 200);
	assert_int_equal(strncmp(answer.body, "GET admin 1", 11), 0);
	assert_int_equal(ask("POST", "/things/1", cookie, "{}"), 403);
	snprintf(with, sizeof(with), "%sOrigin: http://localhost\r\n", cookie);
	assert_int_equal(ask("POST", "/things/1", with, "{}"), 200);
	snprintf(with, sizeof(with), "%sOrigin: http://localhost:81\r\n", cookie);
	assert_int_equal(ask("POST", "/things/1", with, "{}"), 403);
	snprintf(with, sizeof(with), "%sSec-Fetch-Site: same-site\r\n", cookie);
	assert_int_equal(ask("POST", "/things/1", with, "{}"), 403);
	/* A token is not a browser's; a wrong one is not mended by a cookie. */
	make_token(header, id, 0);
	assert_int_equal(ask("POST", "/things/1", header, "{}"), 200);
	header[strlen(header) - 3] ^= 1;
	snprintf(with, sizeof(with), "%s%s", header, cookie);
	assert_int_equal(ask("GET", "/things/1", with, NULL), 401);
	assert_int_equal(ask("POST", "/socket", cookie, "{}"), 403);
	assert_int_equal(ask_unix("POST", "/socket", "{}"), 200);
	assert_int_equal(strncmp(answer.body, "POST uid:", 9), 0);
	assert_int_equal(ask_unix("GET", "/things/1", NULL), 200);
}

static void links_are_good_once(void **state)
{
	char link[AUTH_SECRET_BYTES];
	char session[AUTH_SECRET_BYTES];
	int64_t ends;
	struct fail fail = {0};

	(void)state;
	assert_true(http_auth_make_link(auth, link, &ends, &fail));
	assert_true(http_auth_sign_in(auth, link, 7, session, &fail));
	assert_false(http_auth_sign_in(auth, link, 7, session, &fail));
	assert_int_equal(fail.kind, FAIL_UNAUTHORIZED);
	assert_true(http_auth_make_link(auth, link, &ends, &fail));
	now_ms += AUTH_LINK_MS;
	assert_false(http_auth_sign_in(auth, link, 7, session, &fail));
	assert_false(http_auth_sign_in(auth, "", 7, session, &fail));
	for (int i = 0; i < 20; i++) {
		assert_false(http_auth_sign_in(auth, "nonsense", 8, session, &fail));
	}
	assert_int_equal(fail.kind, FAIL_LIMIT);
	/* The right one is, whoever else has that address. */
	assert_true(http_auth_make_link(auth, link, &ends, &fail));
	assert_true(http_auth_sign_in(auth, link, 8, session, &fail));
	assert_false(http_auth_sign_in(auth, link, 8, session, &fail));
	assert_int_equal(fail.kind, FAIL_LIMIT);
	now_ms += 60000;
	assert_false(http_auth_sign_in(auth, link, 8, session, &fail));
	assert_int_equal(fail.kind, FAIL_UNAUTHORIZED);
}

static void sessions_end(void **state)
{
	char cookie[128];
	char secret[AUTH_SECRET_BYTES];
	struct http_who who;
	struct fail fail;

	(void)state;
	sign_in(cookie, secret);
	stop();
	start();
	assert_int_equal(ask("GET", "/things/1", cookie, NULL), 200);
	now_ms += AUTH_IDLE_MS - 1;
	assert_int_equal(ask("GET", "/things/1", cookie, NULL), 200);
	now_ms += AUTH_IDLE_MS - 1;
	assert_int_equal(ask("GET", "/things/1", cookie, NULL), 200);
	now_ms += AUTH_IDLE_MS;
	assert_int_equal(ask("GET", "/things/1", cookie, NULL), 401);
	sign_in(cookie, secret);
	for (int64_t t = 0; t < AUTH_SESSION_MS - AUTH_IDLE_MS; t += AUTH_IDLE_MS / 2) {
		now_ms += AUTH_IDLE_MS / 2;
		assert_true(http_auth_by_session(auth, secret, &who));
	}
	assert_true(http_auth_is_good(auth, who.grant));
	now_ms = who.ends_ms;
	assert_false(http_auth_is_good(auth, who.grant));
	assert_false(http_auth_by_session(auth, secret, &who));
	sign_in(cookie, secret);
	assert_true(http_auth_by_session(auth, secret, &who));
	assert_true(http_auth_end_session(auth, who.grant, &fail));
	assert_int_equal(ask("GET", "/things/1", cookie, NULL), 401);
	stop();
	start();
	assert_int_equal(ask("GET", "/things/1", cookie, NULL), 401);
}

static void tokens_are_revoked(void **state)
{
	char header[160];
	char other[160];
	char id[ID_BYTES];
	char next[ID_BYTES];
	char other_id[ID_BYTES];
	struct fail fail;
	struct text list = {0};

	(void)state;
	make_token(header, id, 0);
	make_token(other, other_id, now_ms + 1000);
	stop();
	start();
	assert_int_equal(ask("GET", "/things/1", header, NULL), 200);
	assert_int_equal(ask("GET", "/things/1", other, NULL), 200);
	now_ms += 1000;
	assert_int_equal(ask("GET", "/things/1", other, NULL), 401);
	assert_true(http_auth_list_tokens(auth, NULL, 100, &list, next) >= 2);
	assert_non_null(strstr(list.bytes, id));
	assert_null(strstr(list.bytes, "aec_"));
	text_free(&list);
	assert_int_equal(http_auth_list_tokens(auth, NULL, 1, &list, next), 1);
	assert_int_equal(strlen(next), ID_BYTES - 1);
	text_free(&list);
	assert_true(http_auth_end_token(auth, id, &fail));
	assert_int_equal(ask("GET", "/things/1", header, NULL), 401);
	assert_false(http_auth_end_token(auth, id, &fail));
	assert_int_equal(fail.kind, FAIL_NOT_FOUND);
	assert_false(http_auth_make_token(auth, "", 0, id, header, &fail));
	assert_false(http_auth_make_token(auth, "12345678901234567890123456789012345678901", 0, id,
					  header, &fail));
	assert_int_equal(ask("GET", "/things/1", "Authorization: Basic eDp5\r\n", NULL), 401);
	assert_int_equal(ask("GET", "/things/1", "Authorization: Bearer aec_t-0\r\n", NULL), 401);
}

static void wake(void)
{
	pthread_mutex_lock(&talk.lock);
	talk.ready++;
	pthread_mutex_unlock(&talk.lock);
	http_stream_wake(talk.stream);
}

static void streams_sleep_and_wake(void **state)
{
	struct client_answer raw;

	(void)state;
	talk.said = talk.ready = 0;
	atomic_store(&talk.is_closed, false);
	const int fd = client_connect(port);
	client_send(fd, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n", 42);
	usleep(100000); /* asleep by now; the answer is the same if it is not */
	wake();
	wake();
	usleep(20000);
	wake();
	client_read(fd, true, &raw);
	assert_int_equal(raw.status, 200);
	assert_string_equal(client_header(&raw, "Content-Type"), "text/event-stream");
	assert_string_equal(raw.body, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
	client_free(&raw);
	close(fd);
	for (int i = 0; i < 500 && !atomic_load(&talk.is_closed); i++) {
		usleep(10000);
	}
	assert_true(atomic_load(&talk.is_closed));
}

static void a_stop_ends_streams(void **state)
{
	(void)state;
	talk.said = talk.ready = 0;
	atomic_store(&talk.is_closed, false);
	const int fd = client_connect(port);
	client_send(fd, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n", 42);
	usleep(100000);
	struct http_server_figures figures;
	http_server_figures(server, &figures);
	assert_int_equal(figures.streams, 1);
	stop();
	assert_true(atomic_load(&talk.is_closed));
	close(fd);
	start();
}

static void sockets_are_checked(void **state)
{
	struct fail fail = {0};
	struct sockaddr_in any = {.sin_family = AF_INET};

	(void)state;
	assert_int_equal(listen_for_people(&any, &fail), -1);
	assert_non_null(strstr(fail.text, "HTTPS"));
	assert_int_equal(listen_unix(socket_path, &fail), -1);
	assert_int_equal(fail.kind, FAIL_CONFLICT);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDNAMES", "people", 1);
	assert_int_equal(listen_inherited("people", &fail), -1);
	assert_int_equal(fail.kind, FAIL_NOT_FOUND);
	unsetenv("LISTEN_PID");
}

/* In a child, where the descriptor's number and the process id can be what they are to be. */
static int inherit(const char *names, const char *wanted, bool is_socket)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct fail fail = {0};
	int status;
	const pid_t child = fork();

	if (child == 0) {
		char pid[16];
		const int fd = is_socket ? listen_tcp(&address, &fail) : open("/dev/null", O_RDONLY | O_CLOEXEC);
		snprintf(pid, sizeof(pid), "%d", getpid());
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", "2", 1);
		setenv("LISTEN_FDNAMES", names, 1);
		dup2(fd, 3);
		dup2(fd, 4);
		const int got = listen_inherited(wanted, &fail);
		_exit(got >= 0 && listen_is_for_people(got, &fail) &&
				      (fcntl(got, F_GETFD) & FD_CLOEXEC) != 0
			      ? got
			      : 100 + (int)fail.kind);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

static void sockets_are_inherited(void **state)
{
	(void)state;
	assert_int_equal(inherit("people:nodes", "people", true), 3);
	assert_int_equal(inherit("people:nodes", "nodes", true), 4);
	assert_int_equal(inherit("people:nodes", "node", true), 100 + FAIL_NOT_FOUND);
	assert_int_equal(inherit("a:b:people", "people", true), 100 + FAIL_NOT_FOUND);
	assert_int_equal(inherit("people", "people", false), 100 + FAIL_INVALID);
}

/* The user that the server takes itself for; 0: who it is. */
static _Atomic uid_t pretended;
uid_t __real_geteuid(void);
uid_t __wrap_geteuid(void);
uid_t __wrap_geteuid(void)
{
	return pretended != 0 ? pretended : __real_geteuid();
}

/* Somebody else of this host may connect, and is nobody. Root can become somebody else; for others the server does. */
static void other_users_are_nobody(void **state)
{
	const bool is_root = geteuid() == 0;
	int status;

	(void)state;
	assert_int_equal(chmod(folder, 0755), 0);
	pretended = is_root ? 0 : 65533;
	const pid_t child = fork();
	if (child == 0) {
		struct client_answer got;
		if (is_root && (setgid(65534) != 0 || setuid(65534) != 0)) {
			_exit(1);
		}
		client_ask_unix(socket_path, "POST", "/socket", NULL, "{}", &got);
		const unsigned first = got.status;
		client_free(&got);
		client_ask_unix(socket_path, "GET", "/things/1", NULL, NULL, &got);
		_exit(first == 403 && got.status == 403 ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	pretended = 0;
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_routes),
		cmocka_unit_test(headers_are_strict),
		cmocka_unit_test(bodies_are_bounded),
		cmocka_unit_test(strangers_are_kept_out),
		cmocka_unit_test(links_are_good_once),
		cmocka_unit_test(sessions_end),
		cmocka_unit_test(tokens_are_revoked),
		cmocka_unit_test(streams_sleep_and_wake),
		cmocka_unit_test(a_stop_ends_streams),
		cmocka_unit_test(sockets_are_checked),
		cmocka_unit_test(sockets_are_inherited),
		cmocka_unit_test(other_users_are_nobody),
	};
	const int result = cmocka_run_group_tests(tests, set_up, tear_down);

	client_free(&answer);
	return result;
}
