/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of events: order, resuming, falling out, and many threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/bus.h"

static uint64_t put(struct bus *bus, unsigned topic, const char *json)
{
	return bus_publish(bus, topic, "node", 0, json, strlen(json));
}

static void events_come_in_order(void **state)
{
	struct bus *bus = bus_new(100);
	struct bus_event event;

	(void)state;
	assert_int_equal(bus_newest(bus), 99);
	assert_int_equal(bus_next(bus, 99, 15, &event), 0);
	assert_int_equal(put(bus, BUS_NODES, "1"), 100);
	assert_int_equal(put(bus, BUS_EVENTS, "2"), 101);
	assert_int_equal(put(bus, BUS_NODES, "3"), 102);
	assert_int_equal(bus_next(bus, 99, BUS_NODES, &event), 1);
	assert_int_equal(event.index, 100);
	assert_string_equal(event.json, "1");
	assert_string_equal(event.type, "node");
	bus_release(&event);
	assert_int_equal(bus_next(bus, 100, BUS_NODES, &event), 1);
	assert_int_equal(event.index, 102);
	bus_release(&event);
	assert_int_equal(bus_next(bus, 102, BUS_NODES, &event), 0);
	assert_int_equal(bus_next(bus, 5000, BUS_NODES, &event), -1); /* of no run of this controller */
	assert_int_equal(bus_next(bus, 50, BUS_NODES, &event), -1);
	bus_free(bus);
}

/* A durable event has its number before its commit: others overtake it. */
static void who_comes_late_is_not_missed(void **state)
{
	struct bus *bus = bus_new(1);
	struct bus_event event;
	const uint64_t late = bus_take_index(bus);

	(void)state;
	assert_int_equal(late, 1);
	assert_int_equal(put(bus, BUS_NODES, "a"), 2);
	assert_int_equal(put(bus, BUS_NODES, "b"), 3);
	assert_int_equal(bus_publish(bus, BUS_EVENTS, "event", late, "late", 4), late);
	assert_int_equal(put(bus, BUS_NODES, "c"), 4);
	uint64_t place = 2;
	const uint64_t expected[] = {3, 1, 4};

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(bus_next(bus, place, 15, &event), 1);
		assert_int_equal(event.index, expected[i]);
		place = event.index;
		bus_release(&event);
	}
	assert_int_equal(bus_next(bus, place, 15, &event), 0);
	bus_free(bus);
}

/* A number that was taken and never published (its change failed) is a place all the same. */
static void a_number_that_never_came(void **state)
{
	struct bus *bus = bus_new(10);
	struct bus_event event;

	(void)state;
	(void)put(bus, BUS_NODES, "a");
	const uint64_t lost = bus_take_index(bus);
	(void)put(bus, BUS_NODES, "b");
	assert_int_equal(bus_next(bus, lost, 15, &event), 1);
	assert_string_equal(event.json, "b");
	bus_release(&event);
	bus_free(bus);
}

static void who_falls_out_is_told(void **state)
{
	struct bus *bus = bus_new(1);
	struct bus_event held;
	struct bus_event event;
	char text[32];

	(void)state;
	(void)put(bus, BUS_NODES, "first");
	assert_int_equal(bus_next(bus, 0, 15, &held), 1);
	for (unsigned i = 0; i < BUS_RING; i++) {
		(void)snprintf(text, sizeof(text), "%u", i);
		(void)put(bus, BUS_NODES, text);
	}
	assert_int_equal(bus_next(bus, 0, 15, &event), -1);
	assert_string_equal(held.json, "first"); /* what is held lives on */
	bus_release(&held);
	/* Who has seen all but the newest that are in the ring is still in it. */
	assert_int_equal(bus_next(bus, 2, 15, &event), 1);
	assert_int_equal(event.index, 3);
	bus_release(&event);
	assert_int_equal(bus_next(bus, bus_newest(bus), 15, &event), 0);
	bus_free(bus);
}

static void text_is_bounded(void **state)
{
	struct bus *bus = bus_new(1);
	const size_t size = (size_t)1 << 20;
	char *large = calloc(1, size);
	struct bus_event event;

	(void)state;
	assert_non_null(large);
	for (unsigned i = 0; i < 100; i++) {
		(void)bus_publish(bus, BUS_NODES, "node", 0, large, size);
	}
	assert_int_equal(bus_next(bus, 90, 15, &event), -1);
	assert_int_equal(bus_next(bus, 99, 15, &event), 1);
	assert_int_equal(event.length, size);
	bus_release(&event);
	free(large);
	bus_free(bus);
}

/* A late one with a low number does not hide that others were dropped. */
static void a_late_one_hides_no_gap(void **state)
{
	struct bus *bus = bus_new(1);
	struct bus_event event;
	const uint64_t late = bus_take_index(bus);

	(void)state;
	for (unsigned i = 0; i < BUS_RING + 100; i++) {
		(void)put(bus, BUS_NODES, "a");
	}
	(void)bus_publish(bus, BUS_EVENTS, "event", late, "late", 4);
	assert_int_equal(bus_next(bus, 50, 15, &event), -1);
	/* The last that was dropped: nothing behind it is missing. */
	assert_int_equal(bus_next(bus, 102, 15, &event), 1);
	assert_int_equal(event.index, 103);
	bus_release(&event);
	bus_free(bus);
}

/* --- threads --- */

enum { WRITERS = 3, READERS = 4, EACH = 3000 };
static atomic_uint calls, finished;

static void note(void *argument)
{
	(void)argument;
	(void)atomic_fetch_add(&calls, 1);
}

static void *write_events(void *argument)
{
	struct bus *bus = argument;

	for (unsigned i = 0; i < EACH; i++) {
		if (i % 3 == 0) {
			const uint64_t index = bus_take_index(bus);

			(void)put(bus, BUS_NODES, "between");
			(void)bus_publish(bus, BUS_EVENTS, "event", index, "x", 1);
		} else {
			(void)put(bus, BUS_EVENTS, "y");
		}
	}
	(void)atomic_fetch_add(&finished, 1);
	return NULL;
}

/* Counts the events of one topic; one that fell out begins again, which this test avoids by its size only for
 * who keeps up. */
static void *read_events(void *argument)
{
	struct bus *bus = argument;
	struct bus_event event;
	uint64_t place = 0;
	uintptr_t count = 0;
	bool is_last = false;

	while (true) {
		const int got = bus_next(bus, place, BUS_EVENTS, &event);

		if (got < 0) {
			return (void *)UINTPTR_MAX;
		}
		if (got == 1) {
			place = event.index;
			count++;
			bus_release(&event);
			is_last = false;
		} else if (is_last) {
			return (void *)count; /* nothing came after all writers had ended */
		} else {
			is_last = atomic_load(&finished) == WRITERS;
		}
	}
}

static void count_call(void *argument)
{
	(*(unsigned *)argument)++;
}

static void who_has_gone_is_not_called(void **state)
{
	struct bus *bus = bus_new(1);
	unsigned first = 0;
	unsigned second = 0;

	(void)state;
	assert_true(bus_on_publish(bus, count_call, &first));
	assert_true(bus_on_publish(bus, count_call, &second));
	bus_publish(bus, BUS_NODES, "node", 0, "{}", 2);
	bus_off_publish(bus, count_call, &first);
	bus_off_publish(bus, count_call, &first);
	bus_publish(bus, BUS_NODES, "node", 0, "{}", 2);
	assert_int_equal(first, 1);
	assert_int_equal(second, 2);
	/* Its place is free again: there are eight. */
	for (unsigned i = 0; i < 7; i++) {
		assert_true(bus_on_publish(bus, count_call, &first));
	}
	assert_false(bus_on_publish(bus, count_call, &first));
	bus_free(bus);
}

/* Whoever listens to what is rare does not fall out because of the rest. */
static void others_topics_move_the_place(void **state)
{
	struct bus *bus = bus_new(1);
	struct bus_event event;
	uint64_t place = bus_newest(bus);

	(void)state;
	for (unsigned i = 0; i < 3 * BUS_RING; i++) {
		bus_publish(bus, BUS_NODES, "node", 0, "{}", 2);
		if (i % 1000 == 0) {
			assert_int_equal(bus_next(bus, place, BUS_SYSTEM, &event), 0);
			assert_int_equal(event.index, i + 1);
			place = event.index;
		}
	}
	bus_publish(bus, BUS_SYSTEM, "own", 0, "{}", 2);
	assert_int_equal(bus_next(bus, place, BUS_SYSTEM, &event), 1);
	assert_string_equal(event.type, "own");
	bus_release(&event);
	bus_free(bus);
}

static void nothing_is_lost_between_threads(void **state)
{
	struct bus *bus = bus_new(1);
	pthread_t writers[WRITERS];
	pthread_t readers[READERS];
	unsigned complete = 0;

	(void)state;
	assert_true(bus_on_publish(bus, note, NULL));
	for (unsigned i = 0; i < READERS; i++) {
		assert_int_equal(pthread_create(&readers[i], NULL, read_events, bus), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		assert_int_equal(pthread_create(&writers[i], NULL, write_events, bus), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		assert_int_equal(pthread_join(writers[i], NULL), 0);
	}
	for (unsigned i = 0; i < READERS; i++) {
		void *count;

		assert_int_equal(pthread_join(readers[i], &count), 0);
		/* All of them, or it was told that it fell behind: never a gap without a word. */
		assert_true((uintptr_t)count == WRITERS * EACH || (uintptr_t)count == UINTPTR_MAX);
		complete += (uintptr_t)count != UINTPTR_MAX;
	}
	print_message("%u of %d readers kept up\n", complete, READERS);
	assert_int_equal(atomic_load(&calls), WRITERS * (EACH + EACH / 3));
	bus_free(bus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_come_in_order),
		cmocka_unit_test(who_comes_late_is_not_missed),
		cmocka_unit_test(a_number_that_never_came),
		cmocka_unit_test(who_falls_out_is_told),
		cmocka_unit_test(text_is_bounded),
		cmocka_unit_test(a_late_one_hides_no_gap),
		cmocka_unit_test(who_has_gone_is_not_called),
		cmocka_unit_test(others_topics_move_the_place),
		cmocka_unit_test(nothing_is_lost_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
