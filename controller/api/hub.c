/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All open streams, and the thread that wakes them.
 *
 * Whoever publishes only rings a bell (an eventfd); the hub's thread hears it, wakes those streams that
 * sleep, and rests for some milliseconds, so that a burst costs one wake a client. Once a second it makes
 * the frames of telemetry (one for all streams that ask for the same nodes), and ends streams whose session
 * or token is over. What a stream sends it takes itself, in a thread of the server's pool (stream.c).
 *
 * Lock: the hub's, over the list and what the streams share with this thread. Order: the hub's, then the
 * fleet's; the hub's, then a stream's in http/stream.c. The bell may be rung under any lock.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/stream.h"
#include "base/clock.h"

enum { REST_MS = 8, TICK_MS = 1000 };

static void ring(void *argument)
{
	const struct hub *hub = argument;
	const uint64_t one = 1;

	while (write(hub->bell, &one, sizeof(one)) < 0 && errno == EINTR) {
	}
}

void hub_console_changed(struct hub *hub)
{
	ring(hub);
}

void frame_release(struct frame *frame)
{
	if (frame != NULL && atomic_fetch_sub(&frame->users, 1) == 1) {
		text_free(&frame->text);
		free(frame);
	}
}

static struct frame *frame_new(const struct hub *hub, const struct topics *topics)
{
	struct frame *frame = calloc(1, sizeof(*frame));

	if (frame == NULL) {
		return NULL;
	}
	atomic_init(&frame->users, 1);
	text_puts(&frame->text, "event: telemetry\ndata: ");
	fleet_telemetry(hub->api->options.fleet, (const char(*)[ID_BYTES])topics->nodes,
			topics->node_count, &frame->text);
	text_puts(&frame->text, "\n\n");
	if (frame->text.is_broken) {
		frame_release(frame);
		return NULL;
	}
	return frame;
}

/* With the lock. A frame that is not sent yet makes room for the newer one. */
static void give_telemetry(struct hub *hub)
{
	for (struct stream *stream = hub->streams; stream != NULL; stream = stream->next) {
		stream->is_served = false;
	}
	for (struct stream *stream = hub->streams; stream != NULL; stream = stream->next) {
		if (!stream->topics.has_telemetry || stream->is_served) {
			continue;
		}
		struct frame *frame = frame_new(hub, &stream->topics);
		for (struct stream *other = stream; frame != NULL && other != NULL;
		     other = other->next) {
			if (!other->is_served &&
			    topics_same_telemetry(&stream->topics, &other->topics)) {
				frame_release(other->telemetry);
				other->telemetry = frame;
				other->is_served = true;
				atomic_fetch_add(&frame->users, 1);
			}
		}
		frame_release(frame);
	}
}

/* With the lock. */
static void look_after(struct hub *hub)
{
	const uint64_t now = clock_ms();

	for (struct stream *stream = hub->streams; stream != NULL; stream = stream->next) {
		stream->is_over = stream->is_over ||
				  (stream->grant != 0 &&
				   !http_auth_is_good(hub->api->options.auth, stream->grant));
		stream->needs_ping = stream->needs_ping || now - stream->said_ms >= STREAM_PING_MS;
	}
}

/* With the lock. */
static void wake_all(struct hub *hub, bool is_tick)
{
	for (struct stream *stream = hub->streams; stream != NULL; stream = stream->next) {
		if (stream->http != NULL &&
		    (is_tick || stream->topics.bits != 0 || stream->topics.console_count != 0)) {
			http_stream_wake(stream->http);
		}
	}
}

static void *run(void *argument)
{
	struct hub *hub = argument;
	uint64_t next_tick = clock_ms() + TICK_MS;

	for (;;) {
		struct pollfd bell = {.fd = hub->bell, .events = POLLIN};
		const uint64_t before = clock_ms();
		uint64_t rings;
		poll(&bell, 1, before < next_tick ? (int)(next_tick - before) : 0);
		if (bell.revents != 0 && read(hub->bell, &rings, sizeof(rings)) < 0) {
			bell.revents = 0;
		}
		const bool is_tick = clock_ms() >= next_tick;
		pthread_mutex_lock(&hub->lock);
		if (hub->is_ending) {
			pthread_mutex_unlock(&hub->lock);
			return NULL;
		}
		if (is_tick) {
			next_tick += TICK_MS;
			next_tick = next_tick > clock_ms() ? next_tick : clock_ms() + TICK_MS;
			look_after(hub);
			give_telemetry(hub);
		}
		if (is_tick || bell.revents != 0) {
			wake_all(hub, is_tick);
		}
		pthread_mutex_unlock(&hub->lock);
		usleep(REST_MS * 1000);
	}
}

struct hub *hub_new(struct api *api, struct fail *fail)
{
	struct hub *hub = calloc(1, sizeof(*hub));

	if (hub == NULL || (hub->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
		free(hub);
		fail_set(fail, FAIL_INTERNAL, "no memory for the live stream");
		return NULL;
	}
	hub->api = api;
	pthread_mutex_init(&hub->lock, NULL);
	const bool is_told = bus_on_publish(api->options.bus, ring, hub);
	if (!is_told || pthread_create(&hub->thread, NULL, run, hub) != 0) {
		bus_off_publish(api->options.bus, ring, hub);
		fail_set(fail, FAIL_INTERNAL, "no thread for the live stream");
		close(hub->bell);
		pthread_mutex_destroy(&hub->lock);
		free(hub);
		return NULL;
	}
	return hub;
}

void hub_free(struct hub *hub)
{
	if (hub == NULL) {
		return;
	}
	bus_off_publish(hub->api->options.bus, ring, hub);
	pthread_mutex_lock(&hub->lock);
	hub->is_ending = true;
	pthread_mutex_unlock(&hub->lock);
	ring(hub);
	pthread_join(hub->thread, NULL);
	close(hub->bell);
	pthread_mutex_destroy(&hub->lock);
	free(hub);
}
