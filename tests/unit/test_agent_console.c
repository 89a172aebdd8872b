/* SPDX-License-Identifier: Apache-2.0 */
/* Consoles both ways: what a watcher gets, over lost datagrams, holes and instances of the service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/small_agent.h"

static struct small_release release;
static struct ack watch;

/* What the controller has, by offset. */
static char got[200000];
static uint64_t got_to; /* without a hole up to here */
static size_t looked_at; /* datagrams */
static unsigned int repeated;

static void start(void)
{
	memset(&watch, 0, sizeof(watch));
	memset(got, 0, sizeof(got));
	got_to = 0;
	looked_at = 0;
	repeated = 0;
	small_release_make(&release, 1, MANIFEST_RETAIN, 1);
	small_agent_start();
	for (unsigned int i = 0; i < 20 && service.agent.state != AGENT_ONLINE; i++) {
		small_agent_turns(1);
	}
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
}

/* Takes what was sent since it was last looked. A chunk that leaves a hole is kept for later. */
static unsigned int look(void)
{
	unsigned int chunks = 0;

	for (; looked_at < net.sent_count; looked_at++) {
		struct console_chunk chunk;
		if (!small_net_chunk(looked_at, &chunk)) {
			continue;
		}
		chunks++;
		assert_int_equal(chunk.type, DATAGRAM_CONSOLE_OUTPUT);
		assert_int_equal(chunk.slot, 0);
		assert_true(chunk.offset + chunk.count <= chunk.head);
		repeated += chunk.offset < got_to;
		memcpy(got + chunk.offset, chunk.bytes, chunk.count);
		if (chunk.offset <= got_to && chunk.offset + chunk.count > got_to) {
			got_to = chunk.offset + chunk.count;
		}
	}
	return chunks;
}

/* The first chunk among the datagrams from `index` on. */
static void first_chunk(size_t index, struct console_chunk *chunk)
{
	while (!small_net_chunk(index, chunk)) {
		index++;
	}
}

static void say_watch(bool is_new, uint64_t offset)
{
	watch.acked_sequence = 1;
	watch.console.generation += is_new;
	watch.console.slots = 1;
	watch.console.offsets[0] = offset;
	small_net_ack(&watch);
}

/* As a controller does: takes what there is, and says up to where it has all. */
static void follow(uint32_t ms)
{
	for (uint32_t at = 0; at < ms; at += 20) {
		small_agent_pass(20);
		if (look() != 0) {
			say_watch(false, got_to);
		}
	}
}

static void print_lines(unsigned int first, unsigned int last)
{
	char line[32];

	for (unsigned int i = first; i < last; i++) {
		snprintf(line, sizeof(line), "line %05u\n", i);
		small_core_print(0, line);
	}
}

static void assert_lines(unsigned int last)
{
	char line[32];

	assert_int_equal(got_to, last * 11);
	for (unsigned int i = 0; i < last; i++) {
		snprintf(line, sizeof(line), "line %05u\n", i);
		assert_memory_equal(got + (size_t)i * 11, line, 11);
	}
}

static void nobody_watches_nothing_is_sent(void **state)
{
	(void)state;
	start();
	print_lines(0, 100);
	small_agent_pass(3000);
	assert_int_equal(look(), 0);
}

static void output_goes_out_within_20_ms(void **state)
{
	(void)state;
	start();
	print_lines(0, 3);
	say_watch(true, 0);
	follow(100);
	assert_lines(3);
	for (unsigned int i = 3; i < 20; i++) {
		print_lines(i, i + 1);
		const uint64_t begin = core.ticks;
		while (look() == 0) {
			small_agent_turns(1);
		}
		assert_true(core.ticks - begin <= 20 * SMALL_CORE_HZ / 1000);
		say_watch(false, got_to);
	}
	assert_lines(20);
	assert_int_equal(repeated, 0);
}

static void much_output_is_whole_and_in_order(void **state)
{
	(void)state;
	start();
	say_watch(true, 0);
	for (unsigned int i = 0; i < 10000; i += 500) {
		print_lines(i, i + 500);
		follow(200);
	}
	follow(2000);
	assert_lines(10000);
	assert_int_equal(service.agent.console_lost, 0);
	assert_int_equal(repeated, 0);
}

static void what_was_lost_is_sent_again(void **state)
{
	(void)state;
	start();
	say_watch(true, 0);
	print_lines(0, 1000);
	small_agent_pass(100);
	looked_at = net.sent_count; /* none of that arrived */
	small_agent_pass(200);
	assert_int_equal(look(), 0);
	follow(3000);
	assert_lines(1000);
}

static void a_ring_too_small_is_a_counted_hole(void **state)
{
	(void)state;
	struct console_chunk chunk;

	start();
	say_watch(true, 0);
	print_lines(0, 7000); /* 77,000 bytes at once */
	small_agent_pass(20);
	first_chunk(0, &chunk);
	/* All but the byte that the guest may be writing over. */
	assert_int_equal(chunk.offset, 77000 + 1 - AETHER_CONSOLE_RING_BYTES);
	assert_int_equal(service.agent.console_lost, 77000 + 1 - AETHER_CONSOLE_RING_BYTES);
}

static void a_new_watcher_may_begin_anywhere(void **state)
{
	(void)state;
	struct console_chunk chunk;

	start();
	print_lines(0, 10);
	say_watch(true, 55);
	size_t before = net.sent_count;
	small_agent_pass(20);
	first_chunk(before, &chunk);
	assert_int_equal(chunk.offset, 55);
	say_watch(false, 110);
	say_watch(true, 11);
	before = net.sent_count;
	small_agent_pass(20);
	first_chunk(before, &chunk);
	assert_int_equal(chunk.offset, 11);
	watch.console.generation--; /* an old acknowledgement */
	watch.console.offsets[0] = 100;
	small_net_ack(&watch);
	assert_int_equal(service.agent.relays[0].taken, 11);
	watch.console.generation += 2;
	watch.console.slots = 0;
	small_net_ack(&watch);
	before = net.sent_count;
	print_lines(10, 20);
	small_agent_pass(500);
	assert_in_range(net.sent_count - before, 0, 1); /* a beat */
}

static void the_last_words_of_a_guest_are_heard(void **state)
{
	(void)state;
	start();
	say_watch(true, 0);
	print_lines(0, 5);
	small_core_stop(0, AETHER_STOP_POWER_OFF);
	follow(1000);
	assert_false(service.guests.slots[0].has_vm);
	assert_lines(5);
	small_agent_want(0, ACK_WANT_RUN, &release, 1);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	print_lines(5, 9); /* and those of the next go on behind them */
	follow(1000);
	assert_lines(9);
}

static void an_instance_that_ends_costs_no_byte(void **state)
{
	(void)state;
	start();
	say_watch(true, 0);
	for (unsigned int i = 0; i < 1000; i += 50) {
		print_lines(i, i + 50);
		follow(20 + 7 * (i / 50));
		small_agent_restart();
		while (service.agent.state != AGENT_ONLINE) {
			small_agent_turns(1);
		}
		looked_at = net.sent_count; /* what it sent last has another key */
		say_watch(false, got_to);
	}
	follow(2000);
	assert_lines(1000);
}

/* --- input --- */

static void input_arrives_once_and_in_order(void **state)
{
	(void)state;
	struct beat beat;
	static const char text[] = "a line that is longer than what goes into one call, and one more.";

	start();
	small_net_input(0, 0, text);
	assert_int_equal(core.heads.input_due[0], strlen(text));
	small_net_input(0, 10, text + 10); /* again: nothing twice */
	assert_int_equal(core.heads.input_due[0], strlen(text));
	small_net_input(0, strlen(text) + 5, "later"); /* something between is missing */
	assert_int_equal(core.heads.input_due[0], strlen(text));
	small_net_input(0, strlen(text) - 2, "e.more");
	assert_int_equal(core.heads.input_due[0], strlen(text) + 4);
	assert_memory_equal(core.input[0], text, strlen(text));
	assert_memory_equal(core.input[0] + strlen(text), "more", 4);
	const size_t before = net.sent_count;
	small_agent_pass(25); /* the controller hears soon how far it is */
	assert_true(net.sent_count > before);
	assert_true(small_net_last_beat(&beat));
	assert_true((beat.present & BEAT_BIT(BEAT_CONSOLE)) != 0);
	assert_int_equal(beat.counters.console.input[0], strlen(text) + 4);
}

static void input_without_room_is_said_again(void **state)
{
	(void)state;
	start();
	core.input_room = 40;
	small_net_input(0, 0, "0123456789012345678901234567890123456789xyz");
	assert_int_equal(core.heads.input_due[0], 40);
	core.input_room = 100;
	small_net_input(0, 40, "xyz");
	assert_int_equal(core.heads.input_due[0], 43);
	small_net_input(1, 0, "to nobody");
	assert_int_equal(core.heads.input_due[1], 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, small_agent_set_up, small_agent_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nobody_watches_nothing_is_sent),
		TEST(output_goes_out_within_20_ms),
		TEST(much_output_is_whole_and_in_order),
		TEST(what_was_lost_is_sent_again),
		TEST(a_ring_too_small_is_a_counted_hole),
		TEST(a_new_watcher_may_begin_anywhere),
		TEST(the_last_words_of_a_guest_are_heard),
		TEST(an_instance_that_ends_costs_no_byte),
		TEST(input_arrives_once_and_in_order),
		TEST(input_without_room_is_said_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
