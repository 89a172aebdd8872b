/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live streams over libmicrohttpd's suspend and resume.
 *
 *   AWAKE -> ASLEEP  [on_read]                           the source had nothing, and nobody woke it meanwhile
 *   ASLEEP -> AWAKE  [http_stream_wake, stream_end_all]
 *
 * A wake that comes while the source is being read is not lost: is_woken makes the reader ask again. A
 * reader that returned nothing without sleeping would spin. A sleeping connection does not notice that its
 * client is gone: sources say something every 10 s. Locks: the server's (the list) before a stream's.
 */
#include <stdlib.h>

#include "http/exchange.h"

enum { STREAM_BLOCK = 4096 };

struct http_stream {
	struct http_server *server;
	struct MHD_Connection *connection;
	struct http_stream_source source;
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

static void on_close(void *argument)
{
	struct http_stream *stream = argument;
	struct http_server *server = stream->server;

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
	pthread_mutex_unlock(&server->lock);
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

void stream_end_all(struct http_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->is_ending = true;
	for (struct http_stream *stream = server->streams; stream != NULL; stream = stream->next) {
		pthread_mutex_lock(&stream->lock);
		stream->is_ending = true;
		if (stream->is_asleep) {
			stream->is_asleep = false;
			MHD_resume_connection(stream->connection);
		}
		pthread_mutex_unlock(&stream->lock);
	}
	pthread_mutex_unlock(&server->lock);
}
