/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /api/v1/stream: server-sent events. `id:` is the bus's index, by which a client that was away goes on;
 * when that is older than the ring the event `resync` says that everything is to be read again. Bytes are
 * asked for when the client can take more, so that a slow one falls behind on the bus and costs no memory:
 * JSON is the bus's or a frame's, shared by all; only the lines around it are this stream's.
 */
#include "api/stream.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Not begun yet: its place is to be said. */
#define FROM_NOW UINT64_MAX

static void piece_end(struct piece *piece)
{
	if (piece->has_event) {
		bus_release(&piece->event);
	}
	frame_release(piece->frame);
	memset(piece, 0, sizeof(*piece));
}

static size_t take(const char *from, size_t count, size_t skip, char *to, size_t room)
{
	if (skip >= count) {
		return 0;
	}
	const size_t some = count - skip < room ? count - skip : room;
	memcpy(to, from + skip, some);
	return some;
}

/* What of the piece fits. */
static size_t piece_send(struct piece *piece, char *to, size_t room)
{
	size_t done = 0;
	const struct {
		const char *bytes;
		size_t count;
	} runs[] = {{piece->head, piece->head_bytes},
		    {piece->body, piece->body_bytes},
		    {piece->tail, piece->tail_bytes}};
	size_t start = 0;

	for (size_t i = 0; i < 3; i++) {
		if (piece->sent >= start && runs[i].count > 0) {
			const size_t some = take(runs[i].bytes, runs[i].count, piece->sent - start,
						 to + done, room - done);
			piece->sent += some;
			done += some;
		}
		start += runs[i].count;
	}
	return done;
}

static bool is_sent(const struct piece *piece)
{
	return piece->sent == piece->head_bytes + piece->body_bytes + piece->tail_bytes;
}

static void say(struct piece *piece, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct piece *piece, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	const int count = vsnprintf(piece->head, sizeof(piece->head), format, arguments);
	va_end(arguments);
	piece->head_bytes = count < 0				  ? 0
			    : (size_t)count < sizeof(piece->head) ? (size_t)count
								  : sizeof(piece->head) - 1;
}

static void end_with_line(struct piece *piece)
{
	piece->tail = "\n\n";
	piece->tail_bytes = 2;
}

static bool next_of_bus(struct stream *stream, unsigned bits)
{
	struct piece *piece = &stream->piece;
	struct bus *bus = stream->hub->api->options.bus;

	if (bits == 0) {
		stream->after = bus_newest(bus);
		return false;
	}
	const int found = bus_next(bus, stream->after, bits, &piece->event);
	if (found < 0) {
		stream->after = bus_newest(bus);
		say(piece, "id: %llu\nevent: resync\ndata: {\"index\":%llu}\n\n",
		    (unsigned long long)stream->after, (unsigned long long)stream->after);
		return true;
	}
	if (found == 0) {
		stream->after = piece->event.index; /* what is of other topics is looked at once */
		return false;
	}
	piece->has_event = true;
	stream->after = piece->event.index;
	say(piece, "id: %llu\nevent: %s\ndata: ", (unsigned long long)piece->event.index,
	    piece->event.type);
	piece->body = piece->event.json;
	piece->body_bytes = piece->event.length;
	end_with_line(piece);
	return true;
}

/*
 * One console's output, if there is any. The first that is said of a console is its place, without bytes: what is kept
 * before it is had from GET .../consoles/{slot}, all behind it comes here, also what the node only now sends.
 */
static bool read_console(struct stream *stream, const char *node, unsigned slot, uint64_t *at)
{
	const struct api_outside *outside = &stream->hub->api->options.outside;
	struct piece *piece = &stream->piece;
	const size_t room =
		sodium_base64_ENCODED_LEN(STREAM_CONSOLE_BYTES, sodium_base64_VARIANT_ORIGINAL);
	const bool is_first = *at == FROM_NOW;
	struct api_console part = {.from = is_first ? 0 : *at};
	struct fail fail;

	if (outside->console_read == NULL ||
	    (stream->console == NULL &&
	     (stream->console = malloc(STREAM_CONSOLE_BYTES + room)) == NULL)) {
		return false;
	}
	if (!outside->console_read(outside->consoles, node, slot, &part, stream->console,
				   is_first ? 1 : STREAM_CONSOLE_BYTES, &fail)) {
		return false;
	}
	if (is_first) {
		part.from = part.ready;
		part.count = 0;
	}
	*at = part.from + part.count;
	if (part.count == 0 && !is_first) {
		return false;
	}
	char *text = stream->console + STREAM_CONSOLE_BYTES;
	sodium_bin2base64(text, room, (const unsigned char *)stream->console, part.count,
			  sodium_base64_VARIANT_ORIGINAL);
	say(piece, "event: console\ndata: {\"node\":\"%s\",\"slot\":%u,\"offset\":%llu,\"data\":\"",
	    node, slot, (unsigned long long)part.from);
	piece->body = text;
	piece->body_bytes = strlen(text);
	piece->tail = "\"}\n\n";
	piece->tail_bytes = 4;
	return true;
}

static bool next_of_consoles(struct stream *stream)
{
	struct hub *hub = stream->hub;
	bool found = false;

	pthread_mutex_lock(&hub->lock);
	const unsigned count = stream->topics.console_count;
	for (unsigned i = 0; i < count && !found; i++) {
		const unsigned turn = stream->console_turn++ % count;
		const unsigned generation = stream->generation;
		const unsigned slot = stream->topics.consoles[turn].slot;
		uint64_t at = stream->console_at[turn];
		char node[ID_BYTES];
		memcpy(node, stream->topics.consoles[turn].node, ID_BYTES);
		pthread_mutex_unlock(&hub->lock);
		found = read_console(stream, node, slot, &at);
		pthread_mutex_lock(&hub->lock);
		if (generation != stream->generation) {
			break;
		}
		stream->console_at[turn] = at;
	}
	pthread_mutex_unlock(&hub->lock);
	return found;
}

static bool next_of_telemetry(struct stream *stream)
{
	struct hub *hub = stream->hub;
	struct piece *piece = &stream->piece;

	pthread_mutex_lock(&hub->lock);
	piece->frame = stream->telemetry;
	stream->telemetry = NULL;
	pthread_mutex_unlock(&hub->lock);
	if (piece->frame == NULL) {
		return false;
	}
	piece->body = piece->frame->text.bytes;
	piece->body_bytes = piece->frame->text.length;
	return true;
}

/* False: nothing to say now. */
static bool next_piece(struct stream *stream, unsigned bits, bool needs_ping)
{
	if (!stream->has_said_hello) {
		stream->has_said_hello = true;
		say(&stream->piece,
		    "retry: 1000\nid: %llu\nevent: hello\ndata: "
		    "{\"stream\":\"%s\",\"index\":%llu}\n\n",
		    (unsigned long long)stream->after, stream->id,
		    (unsigned long long)stream->after);
		return true;
	}
	if (next_of_consoles(stream) || next_of_bus(stream, bits) || next_of_telemetry(stream)) {
		return true;
	}
	if (needs_ping) {
		say(&stream->piece, ": ping\n\n");
	}
	return needs_ping;
}

static ssize_t on_read(void *source, char *to, size_t room)
{
	struct stream *stream = source;
	struct hub *hub = stream->hub;
	size_t done = 0;

	pthread_mutex_lock(&hub->lock);
	const bool is_over = stream->is_over;
	const unsigned bits = stream->topics.bits;
	bool needs_ping = stream->needs_ping;
	pthread_mutex_unlock(&hub->lock);
	if (is_over) {
		return -1;
	}
	while (done < room) {
		if (is_sent(&stream->piece)) {
			piece_end(&stream->piece);
			if (!next_piece(stream, bits, needs_ping)) {
				break;
			}
			needs_ping = false;
		}
		done += piece_send(&stream->piece, to + done, room - done);
	}
	if (done > 0) {
		pthread_mutex_lock(&hub->lock);
		stream->said_ms = clock_ms();
		stream->needs_ping = false;
		pthread_mutex_unlock(&hub->lock);
	}
	return (ssize_t)done;
}

static void watch(const struct api *api, const struct topics *topics, bool on)
{
	for (unsigned i = 0;
	     api->options.outside.console_watch != NULL && i < topics->console_count; i++) {
		api->options.outside.console_watch(api->options.outside.consoles,
						   topics->consoles[i].node,
						   topics->consoles[i].slot, on);
	}
}

static void stream_free(struct stream *stream)
{
	watch(stream->hub->api, &stream->topics, false);
	piece_end(&stream->piece);
	frame_release(stream->telemetry);
	topics_free(&stream->topics);
	free(stream->console);
	free(stream);
}

/* With the lock. */
static void unlink_stream(struct hub *hub, struct stream *stream)
{
	*(stream->before != NULL ? &stream->before->next : &hub->streams) = stream->next;
	if (stream->next != NULL) {
		stream->next->before = stream->before;
	}
	hub->count--;
}

static void on_closed(void *source)
{
	struct stream *stream = source;
	struct hub *hub = stream->hub;

	pthread_mutex_lock(&hub->lock);
	unlink_stream(hub, stream);
	pthread_mutex_unlock(&hub->lock);
	stream_free(stream);
}

/* Where it goes on: behind Last-Event-ID or ?after=, or from now on. */
static bool take_place(struct api *api, const struct http_request *request, uint64_t *after,
		       struct fail *fail)
{
	const char *text = http_header(request, "Last-Event-ID");
	const uint64_t newest = bus_newest(api->options.bus);

	if (text != NULL && *text != '\0') {
		if (strlen(text) > 19 || strspn(text, "0123456789") != strlen(text)) {
			return fail_set(fail, FAIL_INVALID,
					"Last-Event-ID is to be a decimal number");
		}
		*after = strtoull(text, NULL, 10);
		return true;
	}
	return http_query_u64(request, "after", 0, INT64_MAX, newest, after, fail);
}

static bool insert(struct hub *hub, struct stream *stream, const struct http_request *request,
		   struct http_reply *reply, struct fail *fail)
{
	const struct http_stream_source source = {on_read, on_closed, stream};

	pthread_mutex_lock(&hub->lock);
	if (hub->count >= STREAMS_MOST) {
		pthread_mutex_unlock(&hub->lock);
		return fail_set(fail, FAIL_LIMIT, "%d streams are open; close some", STREAMS_MOST);
	}
	stream->http = http_reply_stream(request, reply, &source);
	if (stream->http == NULL) {
		pthread_mutex_unlock(&hub->lock);
		return fail_set(fail, FAIL_UNAVAILABLE,
				"the controller ends, or has no memory; try again");
	}
	stream->next = hub->streams;
	if (stream->next != NULL) {
		stream->next->before = stream;
	}
	hub->streams = stream;
	hub->count++;
	pthread_mutex_unlock(&hub->lock);
	return true;
}

bool api_stream_open(void *app, const struct http_request *request, struct http_reply *reply,
		     struct fail *fail)
{
	struct api *api = app;
	const char *list = http_query(request, "topics");
	struct stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE, "no memory for a stream; try again");
	}
	stream->hub = api->hub;
	stream->grant = request->grant;
	stream->said_ms = clock_ms();
	memset(stream->console_at, 0xff, sizeof(stream->console_at));
	memcpy(stream->actor, request->actor, sizeof(stream->actor));
	id_make('c', stream->id);
	if (!topics_parse(&stream->topics, list != NULL ? list : "nodes,events,boots,system",
			  fail) ||
	    !take_place(api, request, &stream->after, fail)) {
		topics_free(&stream->topics);
		free(stream);
		return false;
	}
	if (stream->after > bus_newest(api->options.bus)) {
		stream->after = 0; /* of another life of the database: older than any ring */
	}
	watch(api, &stream->topics, true);
	if (!insert(api->hub, stream, request, reply, fail)) {
		stream_free(stream);
		return false;
	}
	return true;
}

/* Topics and places of consoles that stay keep their place. */
static void change(struct stream *stream, struct topics *topics)
{
	uint64_t at[TOPICS_CONSOLES_MOST];

	memset(at, 0xff, sizeof(at));
	for (unsigned i = 0; i < topics->console_count; i++) {
		for (unsigned j = 0; j < stream->topics.console_count; j++) {
			if (topics->consoles[i].slot == stream->topics.consoles[j].slot &&
			    strcmp(topics->consoles[i].node, stream->topics.consoles[j].node) ==
				    0) {
				at[i] = stream->console_at[j];
			}
		}
	}
	const struct topics old = stream->topics;
	stream->topics = *topics;
	*topics = old;
	memcpy(stream->console_at, at, sizeof(at));
	stream->generation++;
	frame_release(stream->telemetry);
	stream->telemetry = NULL;
	http_stream_wake(stream->http);
}

static bool take_topics(const struct http_request *request, struct topics *topics,
			struct fail *fail)
{
	const json_t *list = json_object_get(request->json, "topics");

	if (!json_is_array(list) || json_array_size(list) > 32) {
		return fail_set(fail, FAIL_INVALID,
				"\"topics\" is to be an array of at most 32 texts");
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (text == NULL) {
			return fail_set(fail, FAIL_INVALID,
					"\"topics\" is to be an array of texts");
		}
		if (!topics_add(topics, text, fail)) {
			return false;
		}
	}
	return true;
}

bool api_stream_change(void *app, const struct http_request *request, struct http_reply *reply,
		       struct fail *fail)
{
	static const char *const names[] = {"topics", NULL};
	struct api *api = app;
	struct hub *hub = api->hub;
	struct topics topics = {0};
	const char *id;
	bool found = false;

	(void)reply;
	if (!api_id(request, 'c', &id, fail) || !api_body(request, names, fail) ||
	    !take_topics(request, &topics, fail)) {
		topics_free(&topics);
		return false;
	}
	watch(api, &topics, true);
	pthread_mutex_lock(&hub->lock);
	for (struct stream *stream = hub->streams; stream != NULL && !found;
	     stream = stream->next) {
		if (strcmp(stream->id, id) == 0 && strcmp(stream->actor, request->actor) == 0) {
			found = true;
			change(stream, &topics);
		}
	}
	pthread_mutex_unlock(&hub->lock);
	watch(api, &topics, false); /* those of before, or those that found no stream */
	topics_free(&topics);
	return found ||
	       fail_set(fail, FAIL_NOT_FOUND,
			"there is no stream %s of yours; open one: GET /api/v1/stream", id);
}
