/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live streams over libmicrohttpd's suspend and resume.
 *
 *   AWAKE -> ASLEEP  [on_read]                           the source had nothing, and nobody woke it meanwhile
 *   ASLEEP -> AWAKE  [http_stream_wake, stream_end_all, end_gone]
 *
 * A wake that comes while the source is being read is not lost: is_woken makes the reader ask again. A reader that
 * returned nothing without sleeping would spin. A sleeping connection does not notice that its client has closed it,
 * so a thread of ours watches the sockets of all streams for that, and ends them: they count towards limits. (One that
 * shuts its sending side alone has closed it, too; one whose host is gone without a word is found by what sources say
 * every 10 s.) It knows streams by number, so that one that went is never mistaken for another. Locks: the server's
 * (the list) before a stream's.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "http/exchange.h"

enum { STREAM_BLOCK = 4096, GONE_BATCH = 64 };

struct http_stream {
	struct http_server *server;
	struct MHD_Connection *connection;
	struct http_stream_source source;
	uint64_t number; /* 1 and up */
	pthread_mutex_t lock;
	bool is_asleep, is_woken, is_ending;
	struct http_stream *next, *before;
};

static ssize_t on_read(void *argument, uint64_t position, char *to, size_t room)
{
	struct http_stream *stream = argument;

	(void)position;
	for (;;) {
		pthread_mutex_lock(&stream->lock);
		stream->is_woken = false;
		const bool is_ending = stream->is_ending;
		pthread_mutex_unlock(&stream->lock);
		if (is_ending) {
			return MHD_CONTENT_READER_END_OF_STREAM;
		}
		const ssize_t count = stream->source.read(stream->source.source, to, room);
		if (count != 0) {
			return count > 0 ? count : MHD_CONTENT_READER_END_OF_STREAM;
		}
		pthread_mutex_lock(&stream->lock);
		if (!stream->is_woken && !stream->is_ending) {
			stream->is_asleep = true;
			MHD_suspend_connection(stream->connection);
			pthread_mutex_unlock(&stream->lock);
			return 0;
		}
		pthread_mutex_unlock(&stream->lock);
	}
}

static int socket_of(const struct http_stream *stream)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(stream->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info != NULL ? info->connect_fd : -1;
}

static void on_close(void *argument)
{
	struct http_stream *stream = argument;
	struct http_server *server = stream->server;
	const int fd = socket_of(stream);

	if (fd >= 0) {
		(void)epoll_ctl(server->gone_fd, EPOLL_CTL_DEL, fd, NULL);
	}
	stream->source.closed(stream->source.source);
	pthread_mutex_lock(&server->lock);
	*(stream->before != NULL ? &stream->before->next : &server->streams) = stream->next;
	if (stream->next != NULL) {
		stream->next->before = stream->before;
	}
	server->stream_count--;
	pthread_mutex_unlock(&server->lock);
	pthread_mutex_destroy(&stream->lock);
	free(stream);
}

struct http_stream *http_reply_stream(const struct http_request *request, struct http_reply *reply,
				      const struct http_stream_source *source)
{
	const struct exchange *exchange = request->connection;
	struct http_server *server = exchange->server;
	struct http_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL) {
		return NULL;
	}
	stream->server = server;
	stream->connection = exchange->connection;
	stream->source = *source;
	pthread_mutex_init(&stream->lock, NULL);
	pthread_mutex_lock(&server->lock);
	if (server->is_ending) {
		pthread_mutex_unlock(&server->lock);
		pthread_mutex_destroy(&stream->lock);
		free(stream);
		return NULL;
	}
	stream->next = server->streams;
	if (stream->next != NULL) {
		stream->next->before = stream;
	}
	server->streams = stream;
	server->stream_count++;
	stream->number = ++server->stream_number;
	pthread_mutex_unlock(&server->lock);
	/* Without it the stream is found gone when it next says something. */
	struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = stream->number};
	(void)epoll_ctl(server->gone_fd, EPOLL_CTL_ADD, socket_of(stream), &event);
	reply->stream = stream;
	reply->content_type = "text/event-stream";
	http_add_header(reply, "Connection", "close"); /* whose stream ended is to know it */
	return stream;
}

void stream_abandon(struct http_stream *stream)
{
	on_close(stream);
}

struct MHD_Response *stream_response(struct http_stream *stream)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_read, stream, on_close);

	if (response == NULL) {
		on_close(stream);
	}
	return response;
}

void http_stream_wake(struct http_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	stream->is_woken = true;
	if (stream->is_asleep) {
		stream->is_asleep = false;
		MHD_resume_connection(stream->connection);
	}
	pthread_mutex_unlock(&stream->lock);
}

/* The server's lock held. */
static void end_stream(struct http_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	stream->is_ending = true;
	if (stream->is_asleep) {
		stream->is_asleep = false;
		MHD_resume_connection(stream->connection);
	}
	pthread_mutex_unlock(&stream->lock);
}

void stream_end_all(struct http_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->is_ending = true;
	for (struct http_stream *stream = server->streams; stream != NULL; stream = stream->next) {
		end_stream(stream);
	}
	pthread_mutex_unlock(&server->lock);
}

static void end_gone(struct http_server *server, uint64_t number)
{
	pthread_mutex_lock(&server->lock);
	for (struct http_stream *stream = server->streams; stream != NULL; stream = stream->next) {
		if (stream->number == number) {
			end_stream(stream);
			break;
		}
	}
	pthread_mutex_unlock(&server->lock);
}

static void *watch_gone(void *argument)
{
	struct http_server *server = argument;
	struct epoll_event events[GONE_BATCH];

	for (;;) {
		const int count = epoll_wait(server->gone_fd, events, GONE_BATCH, -1);

		if (count < 0 && errno != EINTR) {
			return NULL;
		}
		for (int i = 0; i < count; i++) {
			if (events[i].data.u64 == 0) {
				return NULL;
			}
			end_gone(server, events[i].data.u64);
		}
	}
}

bool stream_watch_start(struct http_server *server)
{
	struct epoll_event end = {.events = EPOLLIN, .data.u64 = 0};

	server->gone_fd = epoll_create1(EPOLL_CLOEXEC);
	server->end_fd = eventfd(0, EFD_CLOEXEC);
	server->has_gone_thread = server->gone_fd >= 0 && server->end_fd >= 0 &&
				  epoll_ctl(server->gone_fd, EPOLL_CTL_ADD, server->end_fd, &end) == 0 &&
				  pthread_create(&server->gone_thread, NULL, watch_gone, server) == 0;
	return server->has_gone_thread;
}

void stream_watch_stop(struct http_server *server)
{
	const uint64_t one = 1;

	if (server->has_gone_thread) {
		(void)!write(server->end_fd, &one, sizeof(one));
		(void)pthread_join(server->gone_thread, NULL);
	}
	if (server->gone_fd >= 0) {
		(void)close(server->gone_fd);
	}
	if (server->end_fd >= 0) {
		(void)close(server->end_fd);
	}
}
