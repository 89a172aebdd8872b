/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener: what libmicrohttpd calls, and its start and end. A request's way: its target is parsed
 * (on_target), its headers decide whether it may (exchange_admit), its body is read whole (exchange_take),
 * its route answers (exchange_answer). A refusal is sent after the body was swallowed, so that the client
 * reads it; a body that declares itself too large is refused at once.
 */
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/exchange.h"

static void *on_target(void *argument, const char *target, struct MHD_Connection *connection)
{
	struct http_server *server = argument;
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (exchange == NULL) {
		return NULL;
	}
	exchange->server = server;
	exchange->connection = connection;
	exchange->start_us = clock_us();
	exchange->request.connection = exchange;
	const uint64_t number = atomic_fetch_add(&server->requests, 1) + 1;
	snprintf(exchange->request.id, sizeof(exchange->request.id), "%s-%llu", server->boot,
		 (unsigned long long)number);
	uri_parse(&exchange->uri, target, &exchange->refused);
	exchange->request.path = exchange->uri.path;
	return exchange;
}

static bool declares_too_much(const struct exchange *exchange)
{
	const char *text = http_header(&exchange->request, "Content-Length");

	return text != NULL && strtoull(text, NULL, 10) > exchange->body_most;
}

static enum MHD_Result on_request(void *argument, struct MHD_Connection *connection,
				  const char *url, const char *method, const char *version,
				  const char *bytes, size_t *count, void **place)
{
	struct exchange *exchange = *place;

	(void)argument, (void)connection, (void)url, (void)version;
	if (exchange == NULL) {
		return MHD_NO;
	}
	if (!exchange->is_admitted) {
		exchange->is_admitted = true;
		exchange_admit(exchange, method);
		if (declares_too_much(exchange)) {
			fail_set(&exchange->refused, FAIL_TOO_LARGE,
				 "the body has more than %zu bytes", exchange->body_most);
			return reply_send_problem(exchange, &exchange->refused);
		}
		return MHD_YES;
	}
	if (*count > 0) {
		const bool ok = exchange_take(exchange, bytes, *count);
		*count = 0;
		return ok ? MHD_YES : MHD_NO;
	}
	log_set_request(exchange->request.id);
	const enum MHD_Result result = exchange_answer(exchange);
	log_set_request(NULL);
	return result;
}

static void on_end(void *argument, struct MHD_Connection *connection, void **place,
		   enum MHD_RequestTerminationCode why)
{
	struct exchange *exchange = *place;

	(void)argument, (void)connection, (void)why;
	if (exchange != NULL) {
		json_decref(exchange->request.json);
		free(exchange->body);
		free(exchange);
		*place = NULL;
	}
}

static void on_log(void *argument, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

static void on_log(void *argument, const char *format, va_list arguments)
{
	char text[256];

	(void)argument;
	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	log_debug("http", "%s", text);
}

static struct MHD_Daemon *listen_on(struct http_server *server, int fd, unsigned threads)
{
	const struct http_server_options *o = &server->options;
	const unsigned most = o->connections_most != 0 ? o->connections_most : 2048;
	const unsigned each = o->connections_per_address != 0 ? o->connections_per_address : 1024;
	const unsigned timeout_s = o->timeout_s != 0 ? o->timeout_s : 30;
	const unsigned flags = MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD |
			       MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

	return MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
		threads > 1 ? threads : 0, MHD_OPTION_CONNECTION_LIMIT, most,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, each, MHD_OPTION_CONNECTION_TIMEOUT, timeout_s,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(16 << 10), MHD_OPTION_URI_LOG_CALLBACK,
		on_target, server, MHD_OPTION_NOTIFY_COMPLETED, on_end, server, MHD_OPTION_END);
}

static void close_fd(int fd)
{
	if (fd >= 0) {
		close(fd);
	}
}

struct http_server *http_server_start(const struct http_server_options *options, struct fail *fail)
{
	struct http_server *server = calloc(1, sizeof(*server));
	uint8_t random[3];

	if (server == NULL || sodium_init() < 0) {
		free(server);
		close_fd(options->fd);
		close_fd(options->unix_fd);
		fail_set(fail, FAIL_INTERNAL, "no memory for the HTTP server");
		return NULL;
	}
	signal(SIGPIPE, SIG_IGN);
	server->options = *options;
	pthread_mutex_init(&server->lock, NULL);
	server->gone_fd = server->end_fd = -1;
	randombytes_buf(random, sizeof(random));
	hex_print(random, sizeof(random), server->boot);
	if (!stream_watch_start(server)) {
		close_fd(options->fd);
		close_fd(options->unix_fd);
		fail_set(fail, FAIL_UNAVAILABLE, "the HTTP server did not start: no thread for its streams: %s",
			 strerror(errno));
		http_server_stop(server);
		return NULL;
	}
	if (options->fd >= 0) {
		server->tcp = listen_on(server, options->fd,
					options->threads != 0 ? options->threads : 2);
		close_fd(server->tcp == NULL ? options->fd : -1);
	}
	if (options->unix_fd >= 0) {
		server->unix_socket = listen_on(server, options->unix_fd, 1);
		close_fd(server->unix_socket == NULL ? options->unix_fd : -1);
	}
	if ((options->fd >= 0 && server->tcp == NULL) ||
	    (options->unix_fd >= 0 && server->unix_socket == NULL)) {
		fail_set(
			fail, FAIL_UNAVAILABLE,
			"the HTTP server did not start: %s; the limit of open files may be too low",
			strerror(errno));
		http_server_stop(server);
		return NULL;
	}
	return server;
}

/* The listening socket may be our starter's too, who hands it to the next one: MHD would shut it down for both. */
static void stop_listening(struct MHD_Daemon *daemon)
{
	const int fd = daemon != NULL ? MHD_quiesce_daemon(daemon) : -1;

	if (daemon != NULL) {
		MHD_stop_daemon(daemon);
	}
	close_fd(fd);
}

void http_server_stop(struct http_server *server)
{
	if (server == NULL) {
		return;
	}
	stream_end_all(server);
	stop_listening(server->tcp);
	stop_listening(server->unix_socket);
	stream_watch_stop(server);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

void http_server_figures(struct http_server *server, struct http_server_figures *figures)
{
	figures->requests = atomic_load(&server->requests);
	figures->refused = atomic_load(&server->refused);
	figures->failed = atomic_load(&server->failed);
	pthread_mutex_lock(&server->lock);
	figures->streams = server->stream_count;
	pthread_mutex_unlock(&server->lock);
}
