/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events lie in the order in which they were published, which is not quite that of their numbers: a durable event
 * got its number before its commit, and others may have overtaken it. A listener's place is therefore the position
 * of the event that it had last, found by its number: nobody misses the one that came late, and nobody waits for
 * it.
 *
 * Bounds: BUS_RING events and BUS_BYTES of text; the oldest go first. Text lives as long as somebody holds it.
 */
#include "bus/bus.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTENERS_MAX = 8 };
#define BUS_BYTES ((size_t)8 << 20)

struct payload {
	atomic_uint holders;
	size_t length;
	char text[];
};

struct entry {
	uint64_t index;
	unsigned topic;
	char type[BUS_TYPE_BYTES];
	struct payload *payload;
};

struct bus {
	pthread_mutex_t lock;
	uint64_t next_index;
	uint64_t start_index; /* next_index at the beginning */
	uint64_t last_dropped, highest_dropped; /* numbers of what fell out of the ring; 0: nothing did */
	uint64_t first, end; /* positions that are in the ring: first to before end */
	size_t bytes;
	struct entry ring[BUS_RING];
	uint64_t position_of[BUS_RING]; /* by number modulo BUS_RING: where the newest such one lies */
	pthread_rwlock_t calling; /* of what follows; held to read while they are called */
	unsigned listeners;
	void (*calls[LISTENERS_MAX])(void *);
	void *arguments[LISTENERS_MAX];
};

static void drop(struct payload *payload)
{
	if (atomic_fetch_sub_explicit(&payload->holders, 1, memory_order_acq_rel) == 1) {
		free(payload);
	}
}

struct bus *bus_new(uint64_t next_index)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	if (bus == NULL) {
		return NULL;
	}
	(void)pthread_mutex_init(&bus->lock, NULL);
	(void)pthread_rwlock_init(&bus->calling, NULL);
	bus->next_index = bus->start_index = next_index > 0 ? next_index : 1;
	return bus;
}

static struct entry *entry_at(struct bus *bus, uint64_t position)
{
	return &bus->ring[position % BUS_RING];
}

static void drop_oldest(struct bus *bus)
{
	struct entry *entry = entry_at(bus, bus->first);

	bus->last_dropped = entry->index;
	bus->highest_dropped = entry->index > bus->highest_dropped ? entry->index : bus->highest_dropped;
	bus->bytes -= entry->payload->length;
	drop(entry->payload);
	entry->payload = NULL;
	bus->first++;
}

void bus_free(struct bus *bus)
{
	if (bus == NULL) {
		return;
	}
	while (bus->first < bus->end) {
		drop_oldest(bus);
	}
	(void)pthread_rwlock_destroy(&bus->calling);
	(void)pthread_mutex_destroy(&bus->lock);
	free(bus);
}

uint64_t bus_take_index(struct bus *bus)
{
	(void)pthread_mutex_lock(&bus->lock);
	const uint64_t index = bus->next_index++;
	(void)pthread_mutex_unlock(&bus->lock);
	return index;
}

uint64_t bus_newest(struct bus *bus)
{
	(void)pthread_mutex_lock(&bus->lock);
	const uint64_t index = bus->first < bus->end ? entry_at(bus, bus->end - 1)->index : bus->next_index - 1;
	(void)pthread_mutex_unlock(&bus->lock);
	return index;
}

uint64_t bus_publish(struct bus *bus, unsigned topic, const char *type, uint64_t index, const char *json, size_t length)
{
	struct payload *payload = malloc(sizeof(*payload) + length + 1);

	if (payload != NULL) {
		atomic_init(&payload->holders, 1);
		payload->length = length;
		memcpy(payload->text, json, length);
		payload->text[length] = '\0';
	}
	(void)pthread_mutex_lock(&bus->lock);
	if (index == 0) {
		index = bus->next_index++;
	}
	if (payload == NULL) {
		/* Not to be lost unseen: every listener falls out of the ring, and reads all again. */
		while (bus->first < bus->end) {
			drop_oldest(bus);
		}
	} else {
		while (bus->first < bus->end &&
		       (bus->end - bus->first == BUS_RING || bus->bytes + length > BUS_BYTES)) {
			drop_oldest(bus);
		}
		struct entry *entry = entry_at(bus, bus->end);

		*entry = (struct entry){.index = index, .topic = topic, .payload = payload};
		(void)snprintf(entry->type, sizeof(entry->type), "%s", type);
		bus->position_of[index % BUS_RING] = bus->end;
		bus->bytes += length;
		bus->end++;
	}
	(void)pthread_mutex_unlock(&bus->lock);
	(void)pthread_rwlock_rdlock(&bus->calling);
	for (unsigned i = 0; i < bus->listeners; i++) {
		bus->calls[i](bus->arguments[i]);
	}
	(void)pthread_rwlock_unlock(&bus->calling);
	return index;
}

/* The position behind the event with that number. False: it is older than the ring, or of no run of this controller. */
static bool position_behind(struct bus *bus, uint64_t after, uint64_t *position)
{
	const uint64_t guess = bus->position_of[after % BUS_RING];

	if (guess >= bus->first && guess < bus->end && entry_at(bus, guess)->index == after) {
		*position = guess + 1;
		return true;
	}
	if (after >= bus->next_index) {
		return false;
	}
	/* A number that was never published, or of a row of the database: whatever is higher comes next, if it
	 * is all there. */
	*position = bus->first;
	if (bus->first > 0 && after == bus->last_dropped) {
		return true;
	}
	if (bus->first > 0 ? after <= bus->highest_dropped : after + 1 < bus->start_index) {
		return false;
	}
	while (*position < bus->end && entry_at(bus, *position)->index <= after) {
		(*position)++;
	}
	return true;
}

int bus_next(struct bus *bus, uint64_t after, unsigned topics, struct bus_event *event)
{
	uint64_t position;
	int result = 0;

	(void)pthread_mutex_lock(&bus->lock);
	if (!position_behind(bus, after, &position)) {
		result = -1;
	} else {
		while (position < bus->end && (entry_at(bus, position)->topic & topics) == 0) {
			position++;
		}
		if (position < bus->end) {
			struct entry *entry = entry_at(bus, position);

			(void)atomic_fetch_add_explicit(&entry->payload->holders, 1, memory_order_relaxed);
			*event = (struct bus_event){
				.index = entry->index,
				.topic = entry->topic,
				.json = entry->payload->text,
				.length = entry->payload->length,
				.held = entry->payload,
			};
			memcpy(event->type, entry->type, sizeof(event->type));
			result = 1;
		} else {
			*event = (struct bus_event){
				.index = position > bus->first ? entry_at(bus, position - 1)->index : after};
		}
	}
	(void)pthread_mutex_unlock(&bus->lock);
	return result;
}

void bus_release(struct bus_event *event)
{
	if (event->held != NULL) {
		drop(event->held);
		event->held = NULL;
		event->json = NULL;
	}
}

bool bus_on_publish(struct bus *bus, void (*call)(void *argument), void *argument)
{
	(void)pthread_rwlock_wrlock(&bus->calling);
	const bool has_room = bus->listeners < LISTENERS_MAX;

	if (has_room) {
		bus->calls[bus->listeners] = call;
		bus->arguments[bus->listeners] = argument;
		bus->listeners++;
	}
	(void)pthread_rwlock_unlock(&bus->calling);
	return has_room;
}

void bus_off_publish(struct bus *bus, void (*call)(void *argument), void *argument)
{
	(void)pthread_rwlock_wrlock(&bus->calling);
	for (unsigned i = 0; i < bus->listeners; i++) {
		if (bus->calls[i] == call && bus->arguments[i] == argument) {
			bus->listeners--;
			bus->calls[i] = bus->calls[bus->listeners];
			bus->arguments[i] = bus->arguments[bus->listeners];
			break;
		}
	}
	(void)pthread_rwlock_unlock(&bus->calling);
}
