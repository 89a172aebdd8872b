/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes of nodes, over a libmicrohttpd daemon of its own. Hostile: all that comes. Bodies are bounded by
 * HELLO_MAX_BYTES, connections by number, by address and by the time without progress, a hello also by HELLO_MOST_MS
 * in all, names of files by blobs_name_is_valid(). A request that names another host is a browser's that was led here.
 * No answer has a secret in it: an answer to a hello says what the node is to do, and blobs go to approved nodes alone.
 */
#include "nodehttp/nodehttp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/guard.h"
#include "nodehttp/own.h"

#define MANIFESTS "/v1/manifests/sha256/"
#define BLOBS "/v1/blobs/sha256/"

enum {
	BACKLOG = 1024,
	CONNECTION_MEMORY = 8192,
	HELLO_MOST_MS = 20000,
	TELL_MS = 1000,
};

int nodehttp_socket(const struct sockaddr_in *address, struct fail *fail)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1;
	char text[INET_ADDRSTRLEN] = "";

	if (fd < 0) {
		fail_set(fail, FAIL_INTERNAL, "no TCP socket: %s", strerror(errno));
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 || listen(fd, BACKLOG) < 0) {
		(void)inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
		fail_set(fail, FAIL_INTERNAL, "TCP port %u of %s cannot be used: %s; see what has it with 'ss -tlpn'",
			 ntohs(address->sin_port), text, strerror(errno));
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* --- answers --- */

static enum MHD_Result answer(struct request *request, unsigned status, const char *type, const void *bytes,
			      size_t count)
{
	/* It is copied; the parameter is not const for the library's other modes. */
	union {
		const void *from;
		void *to;
	} cast = {.from = bytes};
	struct MHD_Response *response = MHD_create_response_from_buffer(count, cast.to, MHD_RESPMEM_MUST_COPY);

	if (response == NULL) {
		return MHD_NO;
	}
	enum MHD_Result result = MHD_add_response_header(response, "Content-Type", type);

	if (result == MHD_YES && status == MHD_HTTP_METHOD_NOT_ALLOWED) {
		result = MHD_add_response_header(response, "Allow", request->to == TO_HELLO ? "POST" : "GET");
	}
	result = result == MHD_YES ? MHD_queue_response(request->connection, status, response) : MHD_NO;
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result refuse(struct nodehttp *nodehttp, struct request *request, unsigned status, const char *sentence)
{
	const uint64_t now_ms = clock_ms();
	uint_fast64_t told_ms = atomic_load(&nodehttp->told_ms);
	char address[INET_ADDRSTRLEN] = "";

	atomic_fetch_add(status >= 500 ? &nodehttp->nr_failed : &nodehttp->nr_refused, 1);
	if ((told_ms == 0 || now_ms - told_ms >= TELL_MS) &&
	    atomic_compare_exchange_strong(&nodehttp->told_ms, &told_ms, now_ms)) {
		(void)inet_ntop(AF_INET, &request->from.sin_addr, address, sizeof(address));
		log_warn("nodehttp", "%u to %s: %s", status, address, sentence);
	}
	return answer(request, status, "text/plain; charset=utf-8", sentence, strlen(sentence));
}

static enum MHD_Result answer_hello(struct nodehttp *nodehttp, struct request *request)
{
	struct hello hello;
	struct hello_answer said = {.boot_id = 0};
	struct wire_error error;
	struct fail fail;
	char text[WIRE_ERROR_TEXT_BYTES];
	uint8_t bytes[HELLO_ANSWER_MAX_BYTES];

	if (!hello_decode(request->body, request->body_bytes, &hello, &error)) {
		return refuse(nodehttp, request, MHD_HTTP_BAD_REQUEST, wire_error_text(&error, text, sizeof(text)));
	}
	const bool is_taken = fleet_hello(nodehttp->options.fleet, &hello, &request->from, &said, &fail);

	explicit_bzero(hello.boot_key, sizeof(hello.boot_key));
	if (!is_taken) {
		return refuse(nodehttp, request, fail_status(fail.kind), fail.text);
	}
	const size_t count = hello_encode_answer(&said, bytes, sizeof(bytes));

	if (count == 0) {
		return refuse(nodehttp, request, MHD_HTTP_INTERNAL_SERVER_ERROR,
			      "the answer to the hello cannot be encoded");
	}
	atomic_fetch_add(&nodehttp->nr_hellos, 1);
	return answer(request, MHD_HTTP_OK, "application/octet-stream", bytes, count);
}

/* --- requests --- */

/* Returns the name of the file, NULL: none. */
static const char *route(struct request *request, const char *path)
{
	const char *hex = NULL;

	if (strcmp(path, "/v1/hello") == 0) {
		request->to = TO_HELLO;
	} else if (strncmp(path, MANIFESTS, strlen(MANIFESTS)) == 0) {
		request->to = TO_MANIFEST;
		hex = path + strlen(MANIFESTS);
	} else if (strncmp(path, BLOBS, strlen(BLOBS)) == 0) {
		request->to = TO_BLOB;
		hex = path + strlen(BLOBS);
	}
	if (hex != NULL && !blobs_name_is_valid(hex)) {
		request->to = TO_NOTHING;
	}
	return hex;
}

/* Nodes know no names: Host is the address that they connected to. */
static bool is_for_us(const struct request *request)
{
	const char *header = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Host");
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct sockaddr_in own = {.sin_family = AF_INET};
	socklen_t size = sizeof(own);
	char text[INET_ADDRSTRLEN];
	const char *const host = text;

	return info != NULL && getsockname(info->connect_fd, (struct sockaddr *)&own, &size) == 0 &&
	       inet_ntop(AF_INET, &own.sin_addr, text, sizeof(text)) != NULL && guard_host_is_ours(header, &host, 1);
}

/* All headers are here. A refusal now spares the body. */
static enum MHD_Result begin(struct nodehttp *nodehttp, struct request *request, const char *path, const char *method,
			     bool *is_answered)
{
	const char *length = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Content-Length");

	(void)route(request, path);
	*is_answered = true;
	if (!is_for_us(request)) {
		return refuse(nodehttp, request, MHD_HTTP_FORBIDDEN, "Host is not this controller's address");
	}
	if (request->to == TO_NOTHING) {
		return refuse(nodehttp, request, MHD_HTTP_NOT_FOUND, "there is no such thing for nodes here");
	}
	if (strcmp(method, request->to == TO_HELLO ? "POST" : "GET") != 0) {
		return refuse(nodehttp, request, MHD_HTTP_METHOD_NOT_ALLOWED, "not a method of this path");
	}
	if (length != NULL && (strlen(length) > 9 || strtoul(length, NULL, 10) > HELLO_MAX_BYTES)) {
		return refuse(nodehttp, request, MHD_HTTP_CONTENT_TOO_LARGE, "longer than a hello can be");
	}
	*is_answered = false;
	return MHD_YES;
}

/* A piece of the body. MHD_NO: the connection is closed. */
static enum MHD_Result take(struct request *request, const char *bytes, size_t count)
{
	if (request->to != TO_HELLO || count > HELLO_MAX_BYTES - request->body_bytes ||
	    clock_ms() - request->start_ms > HELLO_MOST_MS) {
		return MHD_NO;
	}
	const size_t need = request->body_bytes + count;

	if (need > request->body_room) {
		const size_t twice = 2 * need < HELLO_MAX_BYTES ? 2 * need : HELLO_MAX_BYTES;
		uint8_t *body = realloc(request->body, twice);

		if (body == NULL) {
			return MHD_NO;
		}
		request->body = body;
		request->body_room = twice;
	}
	memcpy(request->body + request->body_bytes, bytes, count);
	request->body_bytes = need;
	return MHD_YES;
}

static struct request *request_new(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct request *request = calloc(1, sizeof(*request));

	if (request != NULL) {
		request->connection = connection;
		request->start_ms = clock_ms();
		if (info != NULL && info->client_addr->sa_family == AF_INET) {
			memcpy(&request->from, info->client_addr, sizeof(request->from));
		}
	}
	return request;
}

static enum MHD_Result handle(void *argument, struct MHD_Connection *connection, const char *path, const char *method,
			      const char *version, const char *bytes, size_t *count, void **state)
{
	struct nodehttp *nodehttp = argument;
	struct request *request = *state;
	bool is_answered;

	(void)version;
	if (request == NULL) {
		request = request_new(connection);
		*state = request;
		return request == NULL ? MHD_NO : begin(nodehttp, request, path, method, &is_answered);
	}
	if (*count > 0) {
		const size_t taken = *count;

		*count = 0;
		return take(request, bytes, taken);
	}
	if (request->to == TO_HELLO) {
		return answer_hello(nodehttp, request);
	}
	return transfer_start(nodehttp, request, route(request, path));
}

static void on_completed(void *argument, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode why)
{
	struct request *request = *state;

	(void)connection;
	if (request == NULL) {
		return;
	}
	if (request->transfer != NULL) {
		transfer_end(argument, request->transfer, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	}
	if (request->body != NULL) {
		explicit_bzero(request->body, request->body_bytes); /* the boot's key */
	}
	free(request->body);
	free(request);
	*state = NULL;
}

/* --- start and end --- */

static struct MHD_Daemon *start_daemon(struct nodehttp *nodehttp)
{
	const struct nodehttp_options *options = &nodehttp->options;

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, nodehttp,
				MHD_OPTION_LISTEN_SOCKET, options->fd, MHD_OPTION_THREAD_POOL_SIZE, options->threads,
				MHD_OPTION_CONNECTION_LIMIT, options->connections_most,
				MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->connections_per_address,
				MHD_OPTION_CONNECTION_TIMEOUT, options->timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				(size_t)CONNECTION_MEMORY, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
				MHD_OPTION_NOTIFY_COMPLETED, on_completed, nodehttp, MHD_OPTION_END);
}

struct nodehttp *nodehttp_start(const struct nodehttp_options *options, struct fail *fail)
{
	struct nodehttp *nodehttp = calloc(1, sizeof(*nodehttp));
	pthread_condattr_t by_monotonic;

	if (nodehttp == NULL) {
		(void)close(options->fd);
		fail_set(fail, FAIL_UNAVAILABLE, "no memory for the listener of nodes");
		return NULL;
	}
	nodehttp->options = *options;
	nodehttp->options.threads = options->threads != 0 ? options->threads : 8;
	nodehttp->options.connections_most = options->connections_most != 0 ? options->connections_most : 4096;
	nodehttp->options.connections_per_address =
		options->connections_per_address != 0 ? options->connections_per_address : 16;
	nodehttp->options.timeout_s = options->timeout_s != 0 ? options->timeout_s : 20;
	(void)pthread_mutex_init(&nodehttp->lock, NULL);
	(void)pthread_condattr_init(&by_monotonic);
	(void)pthread_condattr_setclock(&by_monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&nodehttp->ending, &by_monotonic);
	(void)pthread_condattr_destroy(&by_monotonic);
	(void)signal(SIGPIPE, SIG_IGN); /* sendfile() */
	nodehttp->daemon = start_daemon(nodehttp);
	if (nodehttp->daemon == NULL) {
		fail_set(fail, FAIL_INTERNAL, "the listener of nodes cannot start: %s", strerror(errno));
		(void)close(options->fd);
		free(nodehttp);
		return NULL;
	}
	if (pthread_create(&nodehttp->watcher, NULL, transfer_watch, nodehttp) != 0) {
		MHD_stop_daemon(nodehttp->daemon);
		free(nodehttp);
		fail_set(fail, FAIL_INTERNAL, "the listener of nodes cannot start: no thread");
		return NULL;
	}
	return nodehttp;
}

void nodehttp_stop(struct nodehttp *nodehttp)
{
	if (nodehttp == NULL) {
		return;
	}
	/* The socket may be our starter's too, who hands it to the next one: MHD would shut it down for both. */
	const int listening = MHD_quiesce_daemon(nodehttp->daemon);

	MHD_stop_daemon(nodehttp->daemon);
	if (listening >= 0) {
		close(listening);
	}
	pthread_mutex_lock(&nodehttp->lock);
	nodehttp->must_end = true;
	pthread_cond_signal(&nodehttp->ending);
	pthread_mutex_unlock(&nodehttp->lock);
	(void)pthread_join(nodehttp->watcher, NULL);
	(void)pthread_cond_destroy(&nodehttp->ending);
	(void)pthread_mutex_destroy(&nodehttp->lock);
	free(nodehttp);
}

void nodehttp_figures(struct nodehttp *nodehttp, struct nodehttp_figures *figures)
{
	*figures = (struct nodehttp_figures){
#define X(name) .name = atomic_load(&nodehttp->nr_##name),
		NODEHTTP_COUNTERS(X)
#undef X
	};
	pthread_mutex_lock(&nodehttp->lock);
	figures->transfers = nodehttp->transfer_count;
	pthread_mutex_unlock(&nodehttp->lock);
}
