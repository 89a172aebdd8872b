/* SPDX-License-Identifier: Apache-2.0 */
/* The node's dialogue with its controller: hello, key, beats, acknowledgements, consoles, and what is dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/small_agent.h"

static struct small_release release;

static void start_online(void)
{
	small_agent_start();
	for (unsigned int i = 0; i < 20 && service.agent.state != AGENT_ONLINE; i++) {
		small_agent_turns(1);
	}
	assert_int_equal(service.agent.state, AGENT_ONLINE);
	small_agent_turns(1);
}

static void start_guest(void)
{
	small_release_make(&release, 1, MANIFEST_RETAIN, 1);
	start_online();
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
}

/* --- hello --- */

static void the_hello_says_what_the_machine_is(void **state)
{
	(void)state;
	info.boot_ticks[AETHER_BOOT_SERVICE] = 5;
	info.service_sha256[3] = 7;
	memcpy(info.board, "a\nb", 4);
	memset(info.serial, 's', sizeof(info.serial)); /* a core that forgot the NUL */
	info.serial[1] = '\n';
	start_online();
	assert_int_equal(net.hello_count, 1);
	assert_int_equal(net.hello.boot_id, info.boot_id);
	assert_int_equal(net.hello.instance, 1);
	assert_string_equal(net.hello.board, "a?b");
	assert_int_equal(strlen(net.hello.serial), HELLO_SERIAL_BYTES - 1);
	assert_memory_equal(net.hello.serial, "s?ss", 4);
	assert_false(net.hello.has_uuid);
	assert_int_equal(net.hello.mac_count, 1);
	assert_memory_equal(net.hello.macs[0], "\x52\x54\0\1\2\3", 6);
	assert_int_equal(net.hello.cpu_count, 1);
	assert_int_equal(net.hello.ram_bytes, 1 << 30);
	assert_int_equal(net.hello.counter_hz, SMALL_CORE_HZ);
	assert_int_equal(net.hello.service_sha256[3], 7);
	assert_int_equal(net.hello.crash_bytes, 0);
	assert_int_equal(net.hello.stage_us[HELLO_STAGE_SERVICE], 5);
	assert_int_equal(net.hello.stage_us[HELLO_STAGE_ENTRY], HELLO_TIME_UNKNOWN);
	assert_true(net.hello.stage_us[HELLO_STAGE_LEASE] <= net.hello.stage_us[HELLO_STAGE_HELLO]);
	assert_console("aether: agent: approved by the controller 10.0.2.2:7480\n");
}

static void the_core_has_the_key_and_nobody_else(void **state)
{
	(void)state;
	static const uint8_t zero[AETHER_KEEP_BYTES];

	start_online();
	assert_true(core.has_key);
	assert_memory_equal(core.key, net.hello.boot_key, SEAL_KEY_BYTES);
	assert_memory_not_equal(core.key, zero, SEAL_KEY_BYTES);
	assert_memory_equal(core.records[KEEP_KEY].bytes, zero, AETHER_KEEP_BYTES);
	assert_memory_equal(service.agent.boot_key, zero, SEAL_KEY_BYTES);
	for (size_t at = 0; at + SEAL_KEY_BYTES <= sizeof(service.agent.hello); at++) {
		assert_memory_not_equal(service.agent.hello + at, core.key, SEAL_KEY_BYTES);
	}
}

static void a_pending_node_asks_again_when_it_is_told_to(void **state)
{
	(void)state;
	net.answer.status = HELLO_PENDING;
	snprintf(net.answer.reason, sizeof(net.answer.reason), "nobody has looked yet");
	small_agent_start();
	small_agent_pass(7000);
	assert_in_range(net.hello_count, 9, 11); /* every 700 ms */
	assert_false(core.has_key);
	assert_int_equal(net.sent_count, 0);
	assert_console("aether: agent: waits to be approved by the controller 10.0.2.2:7480: nobody has looked yet\n");
	net.answer.status = HELLO_REJECTED;
	small_agent_pass(2000);
	assert_console_has("aether: agent: was rejected by the controller 10.0.2.2:7480: nobody has looked yet\n");
	net.answer.status = HELLO_APPROVED;
	small_agent_pass(1000);
	assert_true(core.has_key);
	assert_true(net.sent_count > 0);
}

static void every_hello_of_a_boot_has_the_same_key(void **state)
{
	(void)state;
	uint8_t key[SEAL_KEY_BYTES];

	net.answer.status = HELLO_PENDING;
	small_agent_start();
	small_agent_pass(500);
	memcpy(key, net.hello.boot_key, sizeof(key));
	small_agent_restart();
	small_agent_pass(500);
	assert_int_equal(net.hello.instance, 2);
	assert_memory_equal(net.hello.boot_key, key, sizeof(key));
	net.answer.status = HELLO_APPROVED;
	small_agent_pass(1000);
	assert_memory_equal(core.key, key, sizeof(key));
}

static void nobody_answers(void **state)
{
	(void)state;
	net.is_dead = true;
	small_agent_start();
	small_agent_pass(60000);
	assert_console("aether: agent: waits for the controller 10.0.2.2:7480: result 3, status 0\n");
	net.is_dead = false;
	net.is_answer_bad = true;
	small_agent_pass(10000);
	assert_in_range(net.hello_count, 1, 3);
	assert_false(core.has_key);
	net.is_answer_bad = false;
	small_agent_pass(10000);
	assert_true(core.has_key);
}

static void no_address(void **state)
{
	(void)state;
	net.is_up = false;
	small_agent_start();
	small_agent_pass(1000);
	assert_console("");
	small_agent_pass(10000);
	assert_console("aether: agent: waits for an address (DHCP)\n");
	net.is_up = true;
	net.lease.siaddr = 0;
	net.lease.server_id = 0;
	small_agent_pass(1000);
	assert_console_has("aether: agent: waits for a DHCP answer that names a controller\n");
	net.lease.siaddr = 0x0a000202;
	net.lease_changes++;
	small_agent_pass(1000);
	assert_int_equal(service.agent.state, AGENT_ONLINE);
}

static void without_entropy_there_is_no_key(void **state)
{
	(void)state;
	info.entropy_bytes = 0;
	small_agent_start();
	assert_false(net.is_started);
	assert_console_has("aether: agent: the machine has no source of entropy, so no key: the node stays offline\n");
	assert_false(service_turn(&service)); /* and no bundle: nothing is left to do */
}

static void a_crash_record_is_told_until_it_is_taken(void **state)
{
	(void)state;
	info.crash_bytes = 64;
	info.crash_streak = 2;
	net.answer.status = HELLO_PENDING;
	small_agent_start();
	small_agent_pass(500);
	assert_int_equal(net.hello.crash_bytes, 64);
	assert_int_equal(net.hello.crash_streak, 2);
	assert_int_equal(net.hello.crash[63], 0xc4);
	assert_int_equal(core.crash_done_count, 0);
	net.answer.is_crash_taken = true;
	small_agent_pass(1000);
	assert_int_equal(core.crash_done_count, 1);
	small_agent_pass(1000);
	assert_int_equal(net.hello.crash_bytes, 0);
	assert_int_equal(core.crash_done_count, 1);
}

static void a_crash_record_is_taken_by_an_acknowledgement(void **state)
{
	(void)state;
	struct beat beat;
	struct ack ack = {.flags = ACK_CRASH_TAKEN};

	info.crash_bytes = 64;
	start_online();
	assert_true(small_net_last_beat(&beat));
	assert_int_equal(beat.flags, BEAT_HAS_CRASH);
	small_net_ack(&ack);
	small_agent_turns(2);
	assert_int_equal(core.crash_done_count, 1);
	assert_true(small_net_last_beat(&beat));
	assert_int_equal(beat.flags, BEAT_ANSWER);
	small_agent_restart();
	small_agent_turns(4);
	assert_true(small_net_last_beat(&beat));
	assert_int_equal(beat.flags, 0);
}

/* --- beats --- */

static void beats_keep_their_interval(void **state)
{
	(void)state;
	struct ack ack = {.acked_sequence = 1, .node = {.generation = 5, .interval_ms = 200}};
	struct beat beat;

	start_online();
	assert_int_equal(net.sent_count, 1); /* the first at once */
	small_agent_pass(10000);
	assert_in_range(net.sent_count, 10, 12);
	small_net_ack(&ack);
	size_t before = net.sent_count;
	small_agent_pass(10000);
	assert_in_range(net.sent_count - before, 50, 52);
	ack.node = (struct ack_node){.generation = 4, .interval_ms = 60000};
	small_net_ack(&ack); /* of before: nothing happens */
	before = net.sent_count;
	small_agent_pass(1000);
	assert_in_range(net.sent_count - before, 5, 6);
	assert_true(small_net_last_beat(&beat));
	assert_int_equal(beat.node_generation, 5);
	assert_int_equal(beat.heard_sequence, 2);
	assert_int_equal(beat.sequence, net.sent_count);
	small_agent_restart();
	small_agent_pass(1000);
	assert_true(small_net_last_beat(&beat));
	assert_int_equal(beat.node_generation, 5);
	assert_int_equal(service.agent.node.interval_ms, 200);
}

static void the_controller_may_ask_at_any_time(void **state)
{
	(void)state;
	struct ack ack = {.acked_sequence = 0};
	struct beat beat;

	start_online();
	const size_t before = net.sent_count;
	small_net_ack(&ack);
	small_agent_turns(1);
	assert_int_equal(net.sent_count, before + 1);
	assert_true(small_net_last_beat(&beat));
	assert_int_equal(beat.flags, BEAT_ANSWER);
}

static void a_beat_says_what_was_measured(void **state)
{
	(void)state;
	struct beat beat;
	uint32_t seen = 0;

	core.telemetry.cpus[0].guest_ticks = 4000;
	core.telemetry.restarts = 3;
	core.telemetry.pages[2] = 77;
	start_guest();
	for (unsigned int i = 0; i < BEAT_SERIES_BEATS; i++) {
		const size_t before = net.sent_count;
		while (net.sent_count == before) {
			small_agent_turns(1);
		}
		assert_true(small_net_last_beat(&beat));
		seen |= beat.present;
		if ((beat.present & BEAT_BIT(BEAT_CPU_0)) != 0) {
			assert_int_equal(beat.counters.cpus[0].guest_us, 4000);
		}
		if ((beat.present & BEAT_BIT(BEAT_MEMORY)) != 0) {
			assert_int_equal(beat.counters.memory.pages[2], 77);
		}
		if ((beat.present & BEAT_BIT(BEAT_NIC)) != 0) {
			assert_int_equal(beat.counters.nic.rx_frames, 11);
		}
		if ((beat.present & BEAT_BIT(BEAT_SERVICE)) != 0) {
			assert_int_equal(beat.counters.service.restarts, 3);
			assert_int_equal(beat.counters.service.exhausted, 3);
		}
		if ((beat.present & BEAT_BIT(BEAT_RELEASE_0)) != 0) {
			assert_memory_equal(beat.counters.releases[0].manifest, release.sha256, DIGEST_BYTES);
		}
	}
	const uint32_t all = BEAT_BIT(BEAT_CPU_0) | BEAT_BIT(BEAT_VM_0) | BEAT_BIT(BEAT_RELEASE_0) |
			     BEAT_BIT(BEAT_MEMORY) | BEAT_BIT(BEAT_NIC) | BEAT_BIT(BEAT_SERVICE) |
			     BEAT_BIT(BEAT_STEAL) | BEAT_BIT(BEAT_CONSOLE);
	assert_int_equal(seen, all);
	assert_int_equal(beat.guests[0].state, WIRE_GUEST_RUNNING);
	assert_int_equal(beat.guests[0].flags, BEAT_GUEST_RETAIN);
	assert_int_equal(beat.guests[1].state, WIRE_GUEST_EMPTY);
}

static void a_new_instance_says_how_long_it_was_away(void **state)
{
	(void)state;
	struct beat beat;

	start_online();
	small_agent_restart();
	core.ticks += 44000;
	small_agent_turns(2);
	assert_int_equal(net.hello_count, 1); /* no hello again: the core has the key */
	assert_true(small_net_last_beat(&beat));
	assert_int_equal(beat.instance, 2);
	assert_int_equal(beat.sequence, 1);
	assert_true((beat.present & BEAT_BIT(BEAT_SERVICE)) != 0);
	assert_in_range(beat.counters.service.restart_us, 44000, 45000);
	assert_int_equal(beat.counters.service.restart_cause, AETHER_SERVICE_CHAOS);
}

static void the_clock_is_set_when_it_is_off(void **state)
{
	(void)state;
	struct ack ack = {.acked_sequence = 1};

	start_online();
	assert_int_equal(core.time_count, 1);
	assert_int_equal(core.time_ns, UINT64_C(1700000000000000000));
	const uint64_t base = core.time_ns - core.time_ticks * 1000;
	ack.wall_clock_ns = base + core.ticks * 1000 + 5000000; /* 5 ms: the network's delay */
	small_net_ack(&ack);
	assert_int_equal(core.time_count, 1);
	ack.wall_clock_ns = base + core.ticks * 1000 - 5000000000;
	small_net_ack(&ack);
	assert_int_equal(core.time_count, 2);
	assert_int_equal(core.time_ns, ack.wall_clock_ns);
	ack.wall_clock_ns = 0; /* the controller does not know it */
	small_net_ack(&ack);
	assert_int_equal(core.time_count, 2);
}

/* --- what is dropped --- */

static void only_what_is_tagged_fresh_and_whole_counts(void **state)
{
	(void)state;
	struct ack ack = {.acked_sequence = 0};
	uint8_t bytes[ACK_MAX_BYTES];
	struct beat beat;
	uint8_t key_bytes[SEAL_KEY_BYTES];
	struct seal_key key;

	start_online();
	seal_derive(core.key, 1, key_bytes);
	seal_set_key(&key, key_bytes);
	ack.boot_id = info.boot_id;
	ack.instance = 1;
	ack.sequence = 1;
	ack.node = (struct ack_node){.generation = 1, .interval_ms = 500};
	const size_t size = ack_encode(&ack, bytes, sizeof(bytes));
	seal_put(&key, bytes, size);
	small_net_deliver(0x0a000203, 7000, bytes, size); /* not the controller's address */
	small_net_deliver(0x0a000202, 7001, bytes, size); /* nor its port */
	assert_int_equal(service.agent.drops.malformed, 2);
	for (size_t at = 0; at < size; at++) {
		bytes[at] ^= 0x40;
		small_net_deliver(0x0a000202, 7000, bytes, size);
		bytes[at] ^= 0x40;
	}
	for (size_t cut = 0; cut < size; cut++) {
		small_net_deliver(0x0a000202, 7000, bytes, cut);
	}
	assert_int_equal(service.agent.drops.malformed + service.agent.drops.bad_tags, 2 + 2 * size);
	assert_true(service.agent.drops.bad_tags >= size - 32);
	assert_false(service.agent.is_beat_due);
	assert_int_equal(service.agent.node.generation, 0);
	small_net_deliver(0x0a000202, 7000, bytes, size);
	assert_true(service.agent.is_beat_due);
	assert_int_equal(service.agent.node.generation, 1);
	small_agent_turns(1);
	small_net_deliver(0x0a000202, 7000, bytes, size);
	assert_false(service.agent.is_beat_due);
	assert_int_equal(service.agent.drops.replays, 1);
	small_agent_pass(600);
	assert_true(small_net_last_beat(&beat));
	assert_int_equal(beat.dropped, 3 + 2 * size);
}

/* Both directions have one key: whoever sends a node's own datagrams back must not move what it takes next. */
static void its_own_datagrams_sent_back_change_nothing(void **state)
{
	(void)state;
	uint8_t bytes[BEAT_MAX_BYTES];
	uint8_t key_bytes[SEAL_KEY_BYTES];
	struct seal_key key;
	struct beat beat;
	struct beat_rotation rotation = {0};
	struct ack ack = {.node = {.generation = 1, .interval_ms = 500}};

	start_online();
	seal_derive(core.key, 1, key_bytes);
	seal_set_key(&key, key_bytes);
	assert_true(small_net_last_beat(&beat));
	beat.sequence = 1000; /* as far as a node comes that relays a console */
	const size_t size = beat_encode(&beat, &rotation, bytes, sizeof(bytes));
	seal_put(&key, bytes, size);
	small_net_deliver(0x0a000202, 7000, bytes, size);
	assert_int_equal(service.agent.drops.malformed, 1);
	assert_int_equal(service.agent.replay.highest, 0);
	small_net_ack(&ack);
	assert_int_equal(service.agent.node.generation, 1);
}

static void only_this_boot_is_ended(void **state)
{
	(void)state;
	struct ack ack = {.acked_sequence = 1, .reboot_boot_id = info.boot_id + 1};

	start_online();
	small_net_ack(&ack);
	assert_int_equal(core.off_count, 0);
	ack.reboot_boot_id = info.boot_id;
	small_net_ack(&ack);
	assert_int_equal(core.off_count, 1);
	assert_int_equal(core.off_is_reset, 1);
}

static void a_newer_service_is_refused_outside_a_simulation(void **state)
{
	(void)state;
	struct ack ack = {.acked_sequence = 1, .service = {.generation = 1, .size_bytes = 4096}};

	start_online();
	small_net_ack(&ack);
	small_net_ack(&ack);
	small_agent_pass(1000);
	assert_int_equal(small_core_count("a newer service image is refused"), 1);
}

/* --- the lease --- */

static void the_next_instance_is_told_of_the_lease(void **state)
{
	(void)state;
	start_online();
	assert_int_equal(net.config.hint.address, 0);
	uint8_t seed[32];
	memcpy(seed, net.config.seed, sizeof(seed));
	core.ticks += 100 * (uint64_t)SMALL_CORE_HZ;
	small_agent_restart();
	assert_int_equal(net.config.hint.address, 0x0a00020f);
	assert_int_equal(net.config.hint.siaddr, 0x0a000202);
	assert_in_range(net.config.hint.remaining_seconds, 3490, 3500);
	assert_memory_not_equal(net.config.seed, seed, sizeof(seed));
	core.ticks += 4000 * (uint64_t)SMALL_CORE_HZ;
	small_agent_restart();
	assert_int_equal(net.config.hint.address, 0); /* it has run out */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, small_agent_set_up, small_agent_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_hello_says_what_the_machine_is),
		TEST(the_core_has_the_key_and_nobody_else),
		TEST(a_pending_node_asks_again_when_it_is_told_to),
		TEST(every_hello_of_a_boot_has_the_same_key),
		TEST(nobody_answers),
		TEST(no_address),
		TEST(without_entropy_there_is_no_key),
		TEST(a_crash_record_is_told_until_it_is_taken),
		TEST(a_crash_record_is_taken_by_an_acknowledgement),
		TEST(beats_keep_their_interval),
		TEST(the_controller_may_ask_at_any_time),
		TEST(a_beat_says_what_was_measured),
		TEST(a_new_instance_says_how_long_it_was_away),
		TEST(the_clock_is_set_when_it_is_off),
		TEST(only_what_is_tagged_fresh_and_whole_counts),
		TEST(only_this_boot_is_ended),
		TEST(its_own_datagrams_sent_back_change_nothing),
		TEST(a_newer_service_is_refused_outside_a_simulation),
		TEST(the_next_instance_is_told_of_the_lease),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
