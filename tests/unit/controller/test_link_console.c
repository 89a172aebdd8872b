/* SPDX-License-Identifier: Apache-2.0 */
/* Consoles through the real link: output to watchers, holes, input, boots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "link/own.h"
#include "unit/controller/link_bed.h"

static struct virtual_node node;
static char id[ID_BYTES];
static atomic_uint calls;

static void note(void *argument)
{
	(void)argument;
	atomic_fetch_add(&calls, 1);
}

static void run_one(void)
{
	bed_run(&node, 1);
	memcpy(id, bed_id_of(&node), sizeof(id));
	for (unsigned i = 0; i < 6; i++) { /* until it has said all its series */
		bed_beat(&node);
		bed_pump(&node, 1, 10);
	}
	atomic_store(&calls, 0);
}

/* Reads until `count` bytes have come; fails after 10 s. Returns what was missing before them. */
static uint64_t read_all(struct console_place *place, uint8_t *bytes, size_t count)
{
	const uint64_t end = clock_ms() + 10000;
	uint64_t missing = 0;

	for (size_t at = 0; at < count;) {
		struct console_part part;
		struct fail fail;

		assert_true(console_read(bed.link, id, 0, place, bytes + at, count - at, &part, &fail));
		missing += part.missing;
		at += part.count;
		assert_true(clock_ms() < end);
		if (part.count == 0) {
			bed_pump(&node, 1, 5);
		}
	}
	return missing;
}

static void print(const char *text)
{
	virtual_node_print(&node, 0, text, strlen(text));
}

/* `count` bytes from `from` of a text whose every byte tells its place. */
static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)('a' + offset * 2654435761u / 65536 % 26);
}

static void print_pattern(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const uint64_t head = node.consoles != NULL ? node.consoles[0].head : 0;
		const char byte = (char)byte_at(head);

		virtual_node_print(&node, 0, &byte, 1);
	}
}

static void check_pattern(const uint8_t *bytes, uint64_t offset, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(bytes[i], byte_at(offset + i));
	}
}

static void output_reaches_who_watches(void **state)
{
	struct console_place place = {.boot_id = 0};
	struct fail fail;
	uint8_t bytes[64];

	(void)state;
	run_one();
	print("login: ");
	for (unsigned i = 0; i < 6; i++) {
		bed_beat(&node);
		bed_pump(&node, 1, 10);
	}
	struct console_watch *watch = console_watch(bed.link, id, 0, note, NULL, &fail);
	assert_non_null(watch);
	/* Known before the node was asked for it. */
	struct console_part part;
	assert_true(console_read(bed.link, id, 0, &(struct console_place){.boot_id = 0}, bytes, 7, &part, &fail));
	assert_true(part.is_waiting && part.have == 0 && part.head == 7);
	assert_int_equal(read_all(&place, bytes, 7), 0);
	assert_memory_equal(bytes, "login: ", 7);
	assert_true(console_read(bed.link, id, 0, &(struct console_place){.boot_id = 0}, bytes, 7, &part, &fail));
	assert_true(!part.is_waiting && part.have == 7 && part.head == 7);
	assert_true(atomic_load(&calls) >= 1);
	/* From the datagram to the reader. */
	bed_pump(&node, 1, 20);
	const unsigned before = atomic_load(&calls);
	const uint64_t begin_us = clock_us();
	uint8_t datagram[DATAGRAM_MAX_BYTES];
	print("x");
	bed_send(datagram, virtual_node_output(&node, clock_ms(), datagram));
	while (atomic_load(&calls) == before) {
		assert_true(clock_us() - begin_us < 2000000);
	}
	print_message("output: %llu us to the watch\n", (unsigned long long)(clock_us() - begin_us));
	(void)read_all(&place, bytes, 1);
	assert_int_equal(bytes[0], 'x');
	assert_int_equal(place.offset, 8);
	/* A head that cannot be is not passed on. */
	node.consoles[0].head = UINT64_MAX;
	for (unsigned i = 0; i < 6; i++) {
		bed_beat(&node);
		bed_pump(&node, 1, 10);
	}
	assert_true(console_read(bed.link, id, 0, &(struct console_place){.boot_id = 0}, bytes, 7, &part, &fail));
	assert_int_equal(part.head, 8);
	console_unwatch(bed.link, watch);
	virtual_node_end(&node);
}

static bool is_unwatched(const struct virtual_node *n)
{
	return n->consoles != NULL && !n->consoles[0].is_watched;
}

static void without_a_watch_the_node_sends_nothing(void **state)
{
	struct fail fail;

	(void)state;
	run_one();
	struct console_watch *watch = console_watch(bed.link, id, 0, note, NULL, &fail);
	assert_non_null(watch);
	bed_pump(&node, 1, 50);
	assert_true(node.consoles != NULL && node.consoles[0].is_watched);
	console_unwatch(bed.link, watch);
	bed_until(&node, is_unwatched);
	const struct link_figures before = bed_figures();
	print("nobody sees this");
	bed_pump(&node, 1, 50);
	assert_int_equal(bed_figures().output, before.output);
	virtual_node_end(&node);
}

/* A node that obeys the wish of an earlier run of the controller is told otherwise. */
static void an_old_wish_is_taken_back(void **state)
{
	(void)state;
	run_one();
	virtual_node_print(&node, 0, "y", 1);
	node.consoles[0].is_watched = true;
	node.console_generation += 1000;
	bed_until(&node, is_unwatched);
	virtual_node_end(&node);
}

/* A generation in force that is higher than ours. */
static void a_watch_overcomes_a_higher_generation(void **state)
{
	struct console_place place = {.boot_id = 0};
	uint8_t bytes[8];
	struct fail fail;

	(void)state;
	run_one();
	virtual_node_print(&node, 0, "behold", 6);
	node.console_generation += 2000;
	struct console_watch *watch = console_watch(bed.link, id, 0, note, NULL, &fail);
	assert_non_null(watch);
	for (unsigned i = 0; i < 6; i++) {
		bed_beat(&node);
		bed_pump(&node, 1, 10);
	}
	(void)read_all(&place, bytes, 6);
	assert_memory_equal(bytes, "behold", 6);
	console_unwatch(bed.link, watch);
	virtual_node_end(&node);
}

static void much_output_with_losses_is_whole(void **state)
{
	static uint8_t bytes[100000];
	struct console_place place = {.boot_id = 0};
	struct fail fail;

	(void)state;
	srand(3);
	run_one();
	struct console_watch *watch = console_watch(bed.link, id, 0, note, NULL, &fail);
	assert_non_null(watch);
	bed_pump(&node, 1, 50);
	bed.loss_percent = 5;
	bed.twice_percent = 10;
	for (size_t at = 0; at < sizeof(bytes); at += 20000) {
		print_pattern(20000);
		assert_int_equal(read_all(&place, bytes + at, 20000), 0);
	}
	check_pattern(bytes, 0, sizeof(bytes));
	console_unwatch(bed.link, watch);
	virtual_node_end(&node);
}

/* What the node's ring has no more when the watch begins is not waited for; what is lost in between is a hole. */
static void holes_are_seen_and_counted(void **state)
{
	static uint8_t bytes[VIRTUAL_CONSOLE_BYTES];
	struct console_place place = {.boot_id = 0};
	struct fail fail;

	(void)state;
	run_one();
	print_pattern(VIRTUAL_CONSOLE_BYTES + 5000);
	struct console_watch *watch = console_watch(bed.link, id, 0, note, NULL, &fail);
	assert_non_null(watch);
	assert_int_equal(read_all(&place, bytes, sizeof(bytes)), 0);
	check_pattern(bytes, 5000, sizeof(bytes));
	assert_int_equal(place.offset, VIRTUAL_CONSOLE_BYTES + 5000);
	bed_pump(&node, 1, 20);
	/* While the node cannot be heard, its ring goes round. */
	bed.loss_percent = 100;
	print_pattern(VIRTUAL_CONSOLE_BYTES);
	bed_pump(&node, 1, 20);
	print_pattern(1234);
	bed.loss_percent = 0;
	assert_int_equal(read_all(&place, bytes, 1), 1234);
	assert_int_equal(bytes[0], byte_at(VIRTUAL_CONSOLE_BYTES + 5000 + 1234));
	(void)read_all(&place, bytes, VIRTUAL_CONSOLE_BYTES - 1);
	check_pattern(bytes, VIRTUAL_CONSOLE_BYTES + 5000 + 1234 + 1, VIRTUAL_CONSOLE_BYTES - 1);
	console_unwatch(bed.link, watch);
	virtual_node_end(&node);
}

/* The same without a clock: what the first datagram of a watch shows to be gone is so at once, later after a while. */
static void a_hole_is_sure_before_it_is_one(void **state)
{
	static struct link link;
	struct console console = {.is_fresh = true};
	struct console_chunk chunk = {
		.offset = 5000, .head = 5000 + CONSOLE_RING_BYTES, .count = 5, .bytes = (const uint8_t *)"first"};

	(void)state;
	assert_true(console_take(&link, &console, &chunk, 1000));
	assert_true(console.start == 5000 && console.have == 5005 && console.hole_count == 0);
	/* A gap that the node can still close. */
	chunk.offset = 6000;
	assert_true(console_take(&link, &console, &chunk, 1001));
	assert_true(console_take(&link, &console, &chunk, 5000));
	assert_int_equal(console.have, 5005);
	/* One that it cannot close any more. */
	chunk.head = 5006 + CONSOLE_RING_BYTES;
	assert_true(console_take(&link, &console, &chunk, 5001));
	assert_true(console.have == 6005 && console.hole_count == 1);
	assert_true(console.holes[0].first == 5005 && console.holes[0].end == 6000);
	/* Newly cut off, and not for long: still on its way, perhaps. */
	chunk.offset = 7000;
	chunk.head = 200000;
	assert_true(console_take(&link, &console, &chunk, 5002));
	assert_true(console_take(&link, &console, &chunk, 5300));
	assert_int_equal(console.have, 6005);
	/* What makes no sense. */
	chunk.head = 7004;
	assert_false(console_take(&link, &console, &chunk, 6000));
	chunk.head = UINT64_MAX;
	assert_false(console_take(&link, &console, &chunk, 6000));
	assert_int_equal(console.have, 6005);
	free(console.ring);
}

static void a_reader_who_is_late_is_told_what_it_missed(void **state)
{
	static uint8_t bytes[CONSOLE_RING_BYTES];
	struct console_place place = {.boot_id = 0}, late = {.boot_id = 0};
	struct fail fail;

	(void)state;
	run_one();
	print_pattern(100);
	(void)read_all(&late, bytes, 100); /* polls, without a watch */
	for (unsigned i = 0; i < 4; i++) {
		print_pattern(20000);
		(void)read_all(&place, bytes, i == 0 ? 20100 : 20000);
	}
	struct console_part part;
	assert_true(console_read(bed.link, id, 0, &late, bytes, sizeof(bytes), &part, &fail));
	assert_int_equal(part.missing, 80100 - CONSOLE_RING_BYTES - 100);
	assert_int_equal(part.count, CONSOLE_RING_BYTES);
	assert_int_equal(part.offset, 80100 - CONSOLE_RING_BYTES);
	check_pattern(bytes, part.offset, part.count);
	virtual_node_end(&node);
}

static void what_is_typed_arrives_once_and_in_order(void **state)
{
	char typed[601];
	struct fail fail;
	uint64_t end = clock_ms() + 10000;

	(void)state;
	srand(5);
	run_one();
	bed.loss_percent = 20;
	bed.twice_percent = 20;
	for (unsigned i = 0; i < sizeof(typed) - 1; i++) {
		typed[i] = (char)byte_at(i);
	}
	assert_true(console_type(bed.link, id, 0, (const uint8_t *)typed, 600, &fail));
	while (node.consoles == NULL || node.consoles[0].input_due < 600) {
		assert_true(clock_ms() < end);
		bed_pump(&node, 1, 5);
		if (node.must_answer) {
			bed_beat(&node);
		}
	}
	assert_memory_equal(node.consoles[0].input, typed + 600 - sizeof(node.consoles[0].input),
			    sizeof(node.consoles[0].input));
	/* One key: straight through. */
	bed.loss_percent = 0;
	bed.twice_percent = 0;
	bed_beat(&node);
	bed_pump(&node, 1, 100);
	const uint64_t begin_us = clock_us();
	assert_true(console_type(bed.link, id, 0, (const uint8_t *)"k", 1, &fail));
	struct pollfd fd = {.fd = bed.fd, .events = POLLIN};
	assert_int_equal(poll(&fd, 1, 2000), 1);
	print_message("a key: %llu us to the node's socket\n", (unsigned long long)(clock_us() - begin_us));
	bed_pump(&node, 1, 50);
	assert_int_equal(node.consoles[0].input_due, 601);
	assert_int_equal(node.consoles[0].input[63], 'k');
	virtual_node_end(&node);
}

static void too_much_typed_is_refused_whole(void **state)
{
	static uint8_t bytes[CONSOLE_QUEUE_BYTES + 1];
	struct fail fail;

	(void)state;
	run_one();
	bed.loss_percent = 100;
	assert_false(console_type(bed.link, id, 0, bytes, CONSOLE_QUEUE_BYTES + 1, &fail));
	assert_int_equal(fail.kind, FAIL_LIMIT);
	assert_true(console_type(bed.link, id, 0, bytes, CONSOLE_QUEUE_BYTES, &fail));
	assert_false(console_type(bed.link, id, 0, bytes, 1, &fail));
	assert_int_equal(fail.kind, FAIL_LIMIT);
	assert_false(console_type(bed.link, id, WIRE_GUEST_MAX, bytes, 1, &fail));
	assert_int_equal(fail.kind, FAIL_NOT_FOUND);
	assert_false(console_type(bed.link, "n-0000000000", 0, bytes, 1, &fail));
	assert_int_equal(fail.kind, FAIL_NOT_FOUND);
	assert_null(console_watch(bed.link, "nothing", 0, note, NULL, &fail));
	assert_int_equal(fail.kind, FAIL_NOT_FOUND);
	virtual_node_end(&node);
}

static void another_boot_begins_at_byte_0(void **state)
{
	struct console_place place = {.boot_id = 0};
	struct hello_answer answer;
	struct console_part part = {.count = 0};
	struct fail fail;
	uint8_t bytes[64];

	(void)state;
	run_one();
	struct console_watch *watch = console_watch(bed.link, id, 0, note, NULL, &fail);
	assert_non_null(watch);
	print("before");
	(void)read_all(&place, bytes, 6);
	virtual_node_end(&node);
	const struct in_addr ip = node.ip;
	virtual_node_begin(&node, 1, 1);
	node.ip = ip;
	assert_true(virtual_node_say_hello(&node, &bed.http_address, &answer));
	assert_int_equal(answer.status, HELLO_APPROVED);
	bed_until(&node, bed_is_running);
	assert_string_equal(bed_id_of(&node), id);
	print("after");
	for (unsigned i = 0; i < 100 && part.count == 0; i++) {
		bed_pump(&node, 1, 10);
		const uint64_t boot_id = place.boot_id;
		assert_true(console_read(bed.link, id, 0, &place, bytes, sizeof(bytes), &part, &fail));
		assert_true(place.boot_id == boot_id || part.is_other_boot);
	}
	assert_int_equal(part.count, 5);
	assert_int_equal(part.offset, 0);
	assert_int_equal(part.boot_id, node.boot_id);
	assert_memory_equal(bytes, "after", 5);
	console_unwatch(bed.link, watch);
	virtual_node_end(&node);
}

/* The slot's guest is another one, whose offsets begin anew. */
static void another_guest_begins_at_byte_0(void **state)
{
	struct console_place place = {.boot_id = 0};
	struct console_part part = {.count = 0};
	struct fail fail;
	uint8_t bytes[64];

	(void)state;
	run_one();
	struct console_watch *watch = console_watch(bed.link, id, 0, note, NULL, &fail);
	assert_non_null(watch);
	print("a long text of the first guest");
	(void)read_all(&place, bytes, 30);
	bed_pump(&node, 1, 20);
	node.consoles[0].head = node.consoles[0].sent = node.consoles[0].taken = 0;
	print("short");
	for (unsigned i = 0; i < 20 && part.count == 0; i++) {
		bed_beat(&node);
		bed_pump(&node, 1, 10);
		assert_true(console_read(bed.link, id, 0, &place, bytes, sizeof(bytes), &part, &fail));
	}
	assert_int_equal(part.count, 5);
	assert_memory_equal(bytes, "short", 5);
	console_unwatch(bed.link, watch);
	virtual_node_end(&node);
}

static void consoles_make_room_for_others(void **state)
{
	enum { NODES = CONSOLE_CONSOLES_MAX / WIRE_GUEST_MAX + 1 };
	static char ids[NODES][ID_BYTES];
	static struct console_watch *watches[CONSOLE_CONSOLES_MAX];
	struct hello_answer answer;
	struct fail fail;

	(void)state;
	for (unsigned i = 0; i < NODES; i++) {
		virtual_node_begin(&node, i, 0);
		assert_true(virtual_node_say_hello(&node, &bed.http_address, &answer));
		memcpy(ids[i], bed_id_of(&node), ID_BYTES);
		for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
			struct console_watch *watch = console_watch(bed.link, ids[i], slot, note, NULL, &fail);

			assert_non_null(watch);
			console_unwatch(bed.link, watch);
		}
	}
	assert_int_equal(bed_figures().consoles, CONSOLE_CONSOLES_MAX);
	assert_int_equal(bed_figures().watches, 0);
	for (unsigned i = 0; i < CONSOLE_CONSOLES_MAX; i++) {
		watches[i] = console_watch(bed.link, ids[i / WIRE_GUEST_MAX], i % WIRE_GUEST_MAX, note, NULL, &fail);
		assert_non_null(watches[i]);
	}
	assert_null(console_watch(bed.link, ids[NODES - 1], 0, note, NULL, &fail));
	assert_int_equal(fail.kind, FAIL_LIMIT);
	console_unwatch(bed.link, watches[7]);
	watches[7] = console_watch(bed.link, ids[NODES - 1], 0, note, NULL, &fail);
	assert_non_null(watches[7]);
	for (unsigned i = 0; i < CONSOLE_CONSOLES_MAX; i++) {
		console_unwatch(bed.link, watches[i]);
	}
}

/* How many consoles and their node's peer point at each other. */
static unsigned consoles_of_their_own(void)
{
	unsigned count = 0;

	fleet_lock(bed.fleet);
	pthread_mutex_lock(&bed.link->lock);
	for (const struct console *console = bed.link->consoles; console != NULL; console = console->next) {
		const struct node *owner = node_by_id(bed.fleet, console->id);

		count += console->peer != NULL && console->peer == owner->link &&
			 console->peer->consoles[console->slot] == console && console->boot_id == owner->boot_id;
	}
	pthread_mutex_unlock(&bed.link->lock);
	fleet_unlock(bed.fleet);
	return count;
}

/*
 * A newcomer takes a watched node's MAC address, and both turn out to live: it becomes a node of its own, whose
 * console is another one. Nobody's bytes come to the other's watcher, and nothing of either is left behind.
 */
static void a_newcomer_leaves_the_console_it_took(void **state)
{
	struct virtual_node newcomer;
	struct hello_answer answer;
	struct console_part part;
	struct fail fail;
	char fresh[ID_BYTES];
	uint8_t bytes[64];
	const uint64_t end = clock_ms() + 10000;

	(void)state;
	run_one();
	struct console_watch *watch = console_watch(bed.link, id, 0, note, NULL, &fail);
	assert_non_null(watch);
	bed_pump(&node, 1, 20);
	virtual_node_begin(&newcomer, node.number, 1);
	newcomer.ip = node.ip;
	assert_true(virtual_node_say_hello(&newcomer, &bed.http_address, &answer));
	bed_beat(&newcomer);
	bed_pump(&newcomer, 1, 20);
	assert_string_equal(bed_id_of(&newcomer), id);
	do {
		assert_true(clock_ms() < end);
		bed_beat(&node);
		bed_pump(&node, 1, 50);
		memcpy(fresh, bed_id_of(&newcomer), sizeof(fresh));
	} while (strcmp(fresh, id) == 0);
	struct console_watch *other = console_watch(bed.link, fresh, 0, note, NULL, &fail);
	assert_non_null(other);
	/* A person decides for both; each speaks. */
	bed_approve(&newcomer);
	bed_approve(&node);
	for (unsigned i = 0; i < 6; i++) {
		bed_beat(&newcomer);
		bed_pump(&newcomer, 1, 10);
		bed_beat(&node);
		bed_pump(&node, 1, 10);
	}
	assert_int_equal(consoles_of_their_own(), 2);
	virtual_node_print(&newcomer, 0, "secret", 6);
	bed_pump(&newcomer, 1, 50);
	struct console_place place = {.boot_id = 0};
	assert_true(console_read(bed.link, id, 0, &place, bytes, sizeof(bytes), &part, &fail));
	assert_int_equal(part.count, 0);
	assert_true(console_type(bed.link, fresh, 0, (const uint8_t *)"x", 1, &fail));
	assert_true(console_type(bed.link, id, 0, (const uint8_t *)"x", 1, &fail));
	console_unwatch(bed.link, watch);
	console_unwatch(bed.link, other);
	virtual_node_end(&newcomer);
	virtual_node_end(&node);
}

#define T(name) cmocka_unit_test_setup_teardown(name, bed_make, bed_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(output_reaches_who_watches),
		T(without_a_watch_the_node_sends_nothing),
		T(an_old_wish_is_taken_back),
		T(a_watch_overcomes_a_higher_generation),
		T(much_output_with_losses_is_whole),
		T(holes_are_seen_and_counted),
		cmocka_unit_test(a_hole_is_sure_before_it_is_one),
		T(a_reader_who_is_late_is_told_what_it_missed),
		T(what_is_typed_arrives_once_and_in_order),
		T(too_much_typed_is_refused_whole),
		T(another_boot_begins_at_byte_0),
		T(another_guest_begins_at_byte_0),
		T(a_newcomer_leaves_the_console_it_took),
		T(consoles_make_room_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
