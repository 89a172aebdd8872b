/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams between virtual nodes and the real link, fleet and store: what is believed, answered, wanted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "unit/controller/link_bed.h"
#include "unit/wire_samples.h"

static void an_approved_node_is_given_its_manifest(void **state)
{
	struct virtual_node node;

	(void)state;
	bed_run(&node, 1);
	assert_memory_equal(node.manifests[0], bed.manifest, sizeof(bed.manifest));
	assert_int_equal(node.guests[1].generation, 0);
	assert_int_equal(node.refused, 0);
	const int64_t wall_ms = (int64_t)(node.wall_clock_ns / 1000000u);
	assert_true(wall_ms > clock_wall_ms() - 60000 && wall_ms <= clock_wall_ms());
	virtual_node_end(&node);
}

static void a_beat_is_answered_without_what_is_in_force(void **state)
{
	struct virtual_node node;
	uint8_t bytes[DATAGRAM_MAX_BYTES];
	struct ack ack;
	struct wire_error error;
	struct pollfd fd;

	(void)state;
	bed_run(&node, 1);
	bed_beat(&node);
	bed_pump(&node, 1, 50);
	for (unsigned i = 0; i < 3; i++) {
		bed_beat(&node);
		bed_pump(&node, 1, 20);
	}
	bed_beat(&node);
	fd = (struct pollfd){.fd = bed.fd, .events = POLLIN};
	assert_int_equal(poll(&fd, 1, 2000), 1);
	const ssize_t size = recv(bed.fd, bytes, sizeof(bytes), 0);
	assert_true(size > 0 && ack_decode(bytes, (size_t)size, &ack, &error));
	assert_int_equal(ack.acked_sequence, node.sequence);
	assert_int_equal(ack.node.generation, 0);
	assert_int_equal(ack.guests[0].generation, 0);
	assert_int_equal(ack.console.generation, 0);
	assert_true(seal_check(&node.key, bytes, (size_t)size));
	virtual_node_end(&node);
}

/* Nothing that is wrong is answered, moves the node's state or its address. */
static void what_is_wrong_is_dropped_and_counted(void **state)
{
	struct virtual_node node, stranger;
	uint8_t beat[BEAT_MAX_BYTES], bytes[BEAT_MAX_BYTES];

	(void)state;
	bed_run(&node, 1);
	bed_pump(&node, 1, 50);
	const struct link_figures before = bed_figures();
	const uint32_t acks = node.acks;
	const size_t size = virtual_node_beat(&node, beat);

	memcpy(bytes, beat, size);
	bytes[size - 1] ^= 1;
	bed_send(bytes, size); /* tag */
	memcpy(bytes, beat, size);
	bytes[70] ^= 0x40;
	bed_send(bytes, size); /* body under a tag of another */
	memcpy(bytes, beat, size);
	bytes[5] |= 0x80;
	bed_send(bytes, size); /* reflected */
	bed_send(beat, size - 1);
	bed_send((const uint8_t *)"hello", 5);
	virtual_node_begin(&stranger, 2, 0);
	bed_beat(&stranger);
	virtual_node_begin(&stranger, 1, 0);
	stranger.boot_key[0] ^= 1;
	virtual_node_restart(&stranger); /* a higher instance under a wrong key */
	bed_beat(&stranger);
	bed_received(before.received + 7);
	bed_pump(&node, 1, 50);
	const struct link_figures after = bed_figures();

	assert_int_equal(after.bad_tags - before.bad_tags, 3);
	assert_int_equal(after.malformed - before.malformed, 3);
	assert_int_equal(after.unknown - before.unknown, 1);
	assert_int_equal(node.acks, acks);
	assert_int_equal(after.acks, before.acks);
	/* The same beat, right. */
	bed_send(beat, size);
	bed_received(before.received + 8);
	bed_pump(&node, 1, 50);
	assert_int_equal(node.acks, acks + 1);
	/* And again. */
	bed_send(beat, size);
	bed_received(before.received + 9);
	bed_pump(&node, 1, 50);
	assert_int_equal(node.acks, acks + 1);
	assert_int_equal(bed_figures().replays - before.replays, 1);
	virtual_node_end(&node);
	virtual_node_end(&stranger);
}

/* What the controller sent comes back to it. */
static void a_reflected_acknowledgement_is_dropped(void **state)
{
	struct virtual_node node;
	uint8_t bytes[DATAGRAM_MAX_BYTES];
	struct pollfd fd = {.fd = bed.fd, .events = POLLIN};

	(void)state;
	bed_run(&node, 1);
	bed_pump(&node, 1, 50);
	bed_beat(&node);
	assert_int_equal(poll(&fd, 1, 2000), 1);
	const ssize_t size = recv(bed.fd, bytes, sizeof(bytes), 0);
	assert_true(size > 0);
	const struct link_figures before = bed_figures();
	bed_send(bytes, (size_t)size);
	bed_received(before.received + 1);
	assert_int_equal(bed_figures().malformed - before.malformed, 1);
	assert_int_equal(poll(&fd, 1, 50), 0);
	virtual_node_end(&node);
}

static void a_second_key_for_a_boot_is_refused(void **state)
{
	struct virtual_node node, other;
	struct hello_answer answer;

	(void)state;
	bed_run(&node, 1);
	other = node;
	other.consoles = NULL;
	memset(other.boot_key, 0x5a, sizeof(other.boot_key));
	assert_false(virtual_node_say_hello(&other, &bed.http_address, &answer) && answer.status == HELLO_APPROVED);
	const uint32_t acks = node.acks;
	bed_beat(&node);
	bed_pump(&node, 1, 50);
	assert_true(node.acks > acks);
	virtual_node_end(&node);
}

static void another_instance_is_followed_and_the_old_one_ends(void **state)
{
	struct virtual_node node, old;

	(void)state;
	bed_run(&node, 1);
	bed_pump(&node, 1, 50);
	old = node;
	old.consoles = NULL;
	virtual_node_restart(&node);
	const uint32_t acks = node.acks;
	bed_beat(&node);
	bed_pump(&node, 1, 50);
	assert_true(node.acks > acks);
	assert_int_equal(node.refused, 0);
	const struct link_figures before = bed_figures();
	bed_beat(&old);
	bed_received(before.received + 1);
	assert_int_equal(bed_figures().replays - before.replays, 1);
	virtual_node_end(&node);
}

static bool was_told_to_reboot(const struct virtual_node *node)
{
	return node->must_reboot;
}

static void a_wish_goes_out_at_once(void **state)
{
	struct virtual_node node;
	struct fail fail;

	(void)state;
	bed_run(&node, 1);
	bed_pump(&node, 1, 50);
	const uint32_t unasked = node.unasked;
	const uint64_t begin_us = clock_us();
	assert_true(fleet_reboot(bed.fleet, bed_id_of(&node), &bed_who, &fail));
	struct pollfd fd = {.fd = bed.fd, .events = POLLIN};
	assert_int_equal(poll(&fd, 1, 2000), 1);
	print_message("a wish: %llu us, its commit included\n", (unsigned long long)(clock_us() - begin_us));
	bed_pump(&node, 1, 20);
	assert_true(node.unasked > unasked);
	assert_true(was_told_to_reboot(&node));
	virtual_node_end(&node);
}

static bool is_empty(const struct virtual_node *node)
{
	return node->guests[0].state == WIRE_GUEST_EMPTY;
}

static void a_retired_node_is_emptied(void **state)
{
	struct virtual_node node;
	struct fail fail;

	(void)state;
	bed_run(&node, 1);
	assert_true(fleet_admit(bed.fleet, bed_id_of(&node), ACT_RETIRE, 0, &bed_who, &fail));
	bed_until(&node, is_empty);
	virtual_node_end(&node);
}

static void a_pending_node_gets_no_acknowledgement(void **state)
{
	struct virtual_node node;
	struct hello_answer answer;

	(void)state;
	virtual_node_begin(&node, 1, 0);
	assert_true(virtual_node_say_hello(&node, &bed.http_address, &answer));
	bed_beat(&node);
	bed_received(1);
	bed_pump(&node, 1, 50);
	assert_int_equal(node.acks, 0);
	assert_int_equal(bed_figures().sent, 0);
	virtual_node_end(&node);
}

static void the_controllers_restart_goes_on_with_the_stored_key(void **state)
{
	struct virtual_node node;

	(void)state;
	bed_run(&node, 1);
	for (unsigned i = 0; i < 5; i++) {
		bed_beat(&node);
		bed_pump(&node, 1, 20);
	}
	const uint32_t generation = node.guests[0].generation;
	const uint64_t heard = node.heard.highest;
	assert_true(heard > 3);
	bed_restart();
	const uint32_t acks = node.acks;
	bed_beat(&node);
	bed_pump(&node, 1, 100);
	assert_true(node.acks > acks);
	assert_true(node.heard.highest > heard);
	assert_int_equal(node.refused, 0);
	/* The same wishes are no new ones. */
	for (unsigned i = 0; i < 3; i++) {
		bed_beat(&node);
		bed_pump(&node, 1, 20);
	}
	assert_int_equal(node.guests[0].generation, generation);
	assert_int_equal(node.guests[0].restarts, 0);
	virtual_node_end(&node);
}

static bool is_at_two_restarts(const struct virtual_node *node)
{
	return node->guests[0].restarts == 2;
}

static void lost_and_doubled_datagrams_change_nothing(void **state)
{
	struct virtual_node node;
	struct fail fail;

	(void)state;
	srand(7);
	bed.loss_percent = 30;
	bed.twice_percent = 30;
	bed_run(&node, 1);
	for (unsigned i = 1; i <= 2; i++) {
		assert_true(fleet_restart_guests(bed.fleet, bed_id_of(&node), &bed_who, &fail));
		while (node.guests[0].restarts < i) {
			bed_beat(&node);
			bed_pump(&node, 1, 5);
		}
	}
	bed_until(&node, is_at_two_restarts);
	bed.loss_percent = 0;
	for (unsigned i = 0; i < 5; i++) {
		bed_beat(&node);
		bed_pump(&node, 1, 5);
	}
	assert_int_equal(node.guests[0].restarts, 2);
	assert_true(bed_figures().replays > 0);
	virtual_node_end(&node);
}

static size_t read_golden(const char *name, uint8_t *bytes, size_t room)
{
	char path[128];
	unsigned int byte;
	size_t count = 0;

	(void)snprintf(path, sizeof(path), "tests/golden/wire/v1/%s.hex", name);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	while (count < room && fscanf(file, "%2x", &byte) == 1) {
		bytes[count++] = (uint8_t)byte;
	}
	(void)fclose(file);
	return count;
}

static void golden_datagrams_are_accepted(void **state)
{
	static const char *const names[] = {"beat-1", "beat-2", "beat-3", "beat-4", "console-output"};
	static uint8_t bytes[HELLO_MAX_BYTES];
	struct virtual_reply reply;
	struct hello_answer answer;
	struct wire_error error;
	struct virtual_node sample;

	(void)state;
	memset(&sample, 0, sizeof(sample));
	sample.boot_id = SAMPLE_BOOT_ID;
	sample.instance = SAMPLE_INSTANCE;
	sample_key(&sample.key);
	size_t count = read_golden("hello", bytes, sizeof(bytes));
	const struct in_addr any = {.s_addr = 0};
	assert_true(virtual_http(any, &bed.http_address, "POST", "/v1/hello", NULL, bytes, count, &reply));
	assert_int_equal(reply.status, 200);
	assert_true(hello_decode_answer(reply.bytes, reply.count, &answer, &error));
	assert_int_equal(answer.boot_id, SAMPLE_BOOT_ID);
	bed_approve(&sample);
	for (unsigned i = 0; i < 5; i++) {
		count = read_golden(names[i], bytes, sizeof(bytes));
		bed_send(bytes, count);
		bed_received(i + 1u);
		bed_pump(&sample, 1, 20);
	}
	const struct link_figures figures = bed_figures();
	assert_int_equal(figures.beats, 4);
	assert_int_equal(figures.malformed + figures.unknown + figures.bad_tags, 0);
	assert_true(sample.acks >= 4);
	assert_int_equal(sample.acked_sequence, UINT64_C(0x010203040506070b));
	virtual_node_end(&sample);
}

static struct sockaddr_in ack_from(struct virtual_node *node)
{
	struct pollfd fd = {.fd = bed.fd, .events = POLLIN};
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	uint8_t bytes[DATAGRAM_MAX_BYTES];

	bed_beat(node);
	assert_int_equal(poll(&fd, 1, 5000), 1);
	const ssize_t count = recvfrom(bed.fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size);

	assert_true(count > 0 && virtual_node_take(node, bytes, (size_t)count));
	return from;
}

/* A node takes nothing from an address that it did not send to. */
static void each_network_is_answered_from_its_own_address(void **state)
{
	struct virtual_node node;
	const struct sockaddr_in one = bed.udp_address;

	(void)state;
	bed_run(&node, 1);
	bed_pump(&node, 1, 50);
	assert_int_equal(ack_from(&node).sin_addr.s_addr, one.sin_addr.s_addr);
	bed.udp_address = bed.other_address;
	assert_int_equal(ack_from(&node).sin_addr.s_addr, bed.other_address.sin_addr.s_addr);
	bed.udp_address = one;
	assert_int_equal(ack_from(&node).sin_addr.s_addr, one.sin_addr.s_addr);
	virtual_node_end(&node);
}

#define T(name) cmocka_unit_test_setup_teardown(name, bed_make, bed_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_approved_node_is_given_its_manifest),
		T(a_beat_is_answered_without_what_is_in_force),
		T(what_is_wrong_is_dropped_and_counted),
		T(a_reflected_acknowledgement_is_dropped),
		T(a_second_key_for_a_boot_is_refused),
		T(another_instance_is_followed_and_the_old_one_ends),
		T(a_wish_goes_out_at_once),
		T(a_retired_node_is_emptied),
		T(a_pending_node_gets_no_acknowledgement),
		T(the_controllers_restart_goes_on_with_the_stored_key),
		T(lost_and_doubled_datagrams_change_nothing),
		T(each_network_is_answered_from_its_own_address),
		T(golden_datagrams_are_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
