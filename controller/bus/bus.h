/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What has changed, to whoever listens: a ring of the newest events, each with the next number of one index that
 * only rises, also over restarts of the controller. Listeners keep a place; one that fell out of the ring must read
 * everything again. Publishing never waits for a listener.
 *
 * Topics: "nodes" (a node's whole JSON, event `node`; `node.gone`), "events" (a row of the event table), "boots" (a
 * step of a boot), "system" (the controller itself). Telemetry and console output are not in the ring: they have no
 * number and may be missed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bus;

enum { BUS_TYPE_BYTES = 24, BUS_RING = 8192 };

/* The bits of a topic. */
#define BUS_NODES 1u
#define BUS_EVENTS 2u
#define BUS_BOOTS 4u
#define BUS_SYSTEM 8u

struct bus_event {
	uint64_t index;
	unsigned topic;
	char type[BUS_TYPE_BYTES];
	const char *json; /* held until bus_release() */
	size_t length;
	void *held;
};

struct bus *bus_new(uint64_t next_index);
void bus_free(struct bus *bus);
/* The number that a durable event is to have (event.idx), before it is published. */
uint64_t bus_take_index(struct bus *bus);
uint64_t bus_newest(struct bus *bus);
/* `json` is copied. index 0: the next one. Returns the index. */
uint64_t bus_publish(struct bus *bus, unsigned topic, const char *type, uint64_t index,
		     const char *json, size_t length);
/* The oldest event after `after` of those topics. 1: *event is it; 0: nothing new, and event->index is the place to go
 * on from, so that what is of other topics is passed over once; -1: `after` is older than the ring (resync). */
int bus_next(struct bus *bus, uint64_t after, unsigned topics, struct bus_event *event);
void bus_release(struct bus_event *event);
/* Called after each publish, in the publisher's thread: must not wait. At most 8. */
bool bus_on_publish(struct bus *bus, void (*call)(void *argument), void *argument);
/* Not called any more once this returns: it waits for calls under way, so not from one of them, nor with a lock that
 * they take. What was never set is nothing. */
void bus_off_publish(struct bus *bus, void (*call)(void *argument), void *argument);
