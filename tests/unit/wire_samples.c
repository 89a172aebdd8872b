/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the sample messages. What they are must not change: tests/golden/wire holds their bytes. */
#include "unit/wire_samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill(uint8_t *bytes, size_t count, uint8_t from)
{
	for (size_t i = 0; i < count; i++) {
		bytes[i] = (uint8_t)(from + i);
	}
}

void sample_key(struct seal_key *key)
{
	uint8_t boot_key[SEAL_KEY_BYTES];
	uint8_t instance_key[SEAL_KEY_BYTES];

	fill(boot_key, sizeof(boot_key), 1);
	seal_derive(boot_key, SAMPLE_INSTANCE, instance_key);
	seal_set_key(key, instance_key);
}

/* Numbers that rise from `from`, each inside `bytes` bytes. */
static void number(uint64_t *values, size_t count, uint64_t from)
{
	for (size_t i = 0; i < count; i++) {
		values[i] = from + i * 0x0101;
	}
}

static void sample_counters(struct beat_counters *c, uint32_t exit_causes)
{
	c->exit_causes = exit_causes;
	for (uint32_t i = 0; i < WIRE_CPU_MAX; i++) {
		number(&c->cpus[i].guest_us, 4, UINT64_C(0xfedc00000000) + i * 0x10000);
		number(&c->cpus[i].interrupts, 2, UINT64_C(0xab000000) + i * 0x10000);
	}
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		struct beat_vm *vm = &c->vms[i];
		vm->lives = 3 + i;
		vm->guest_us = UINT64_C(0xfeed00000000) + i;
		vm->stolen_us = 0x1234 + i;
		vm->interrupts = UINT32_MAX - i;
		vm->ram_mib = UINT64_C(512) << i;
		number(vm->exits, exit_causes, UINT64_C(0xe0000000) + i * 0x10000);
		number(vm->exit_us, exit_causes, UINT64_C(0xe500000000) + i * 0x10000);
		fill(c->releases[i].manifest, sizeof(c->releases[i].manifest), (uint8_t)(0x40 * i));
	}
	number(c->memory.pages, BEAT_PAGE_OWNERS, 0x40000);
	number(&c->nic.rx_frames, sizeof(c->nic) / 8, 0x90000000);
	number(&c->service.restarts, sizeof(c->service) / 8, 0xa0000000);
	c->service.restart_cause = 3;
	number(c->steal.buckets, BEAT_STEAL_BUCKETS, 0xb0000000);
	number(c->console.output, WIRE_GUEST_MAX, UINT64_C(0xc000000000000000));
	number(c->console.input, WIRE_GUEST_MAX, UINT64_C(0xd000000000000000));
}

void sample_beat(struct beat *beat, uint32_t exit_causes)
{
	memset(beat, 0, sizeof(*beat));
	beat->boot_id = SAMPLE_BOOT_ID;
	beat->instance = SAMPLE_INSTANCE;
	beat->sequence = 0x0102030405060708;
	memcpy(beat->mac, "\x52\x54\x00\xae\x00\x01", 6);
	beat->flags = BEAT_WAITS | BEAT_SIMULATION;
	beat->cpu_count = WIRE_CPU_MAX;
	beat->uptime_us = UINT64_C(0x0000123456789abc);
	beat->heard_sequence = 0x99;
	beat->node_generation = 5;
	beat->dropped = 0x77;
	for (uint8_t i = 0; i < WIRE_GUEST_MAX; i++) {
		beat->guests[i] = (struct beat_guest){
			.state = (uint8_t)(WIRE_GUEST_WAITING + i),
			.reason = (uint8_t)(WIRE_REASON_UNREACHABLE + i),
			.percent = (uint8_t)(25 * (i + 1)),
			.flags = i % 2 == 0 ? BEAT_GUEST_RETAIN : 0,
			.generation = 0x01010101u * (i + 1u),
			.restart_generation = 0x02020202u * (i + 1u),
			.restarts = 0x03030303u * (i + 1u),
		};
	}
	beat->present = BEAT_BIT(BEAT_SERIES_COUNT) - 1;
	sample_counters(&beat->counters, exit_causes);
}

void sample_ack(struct ack *ack)
{
	memset(ack, 0, sizeof(*ack));
	ack->boot_id = SAMPLE_BOOT_ID;
	ack->instance = SAMPLE_INSTANCE;
	ack->sequence = 0x1112131415161718;
	ack->acked_sequence = 0x0102030405060708;
	ack->wall_clock_ns = UINT64_C(1767225600123456789);
	ack->flags = ACK_CRASH_TAKEN;
	ack->node = (struct ack_node){.generation = 6, .interval_ms = 1000};
	for (uint8_t i = 0; i < WIRE_GUEST_MAX; i++) {
		ack->guests[i].generation = 0x10u + i;
		ack->guests[i].want = (enum ack_want)(i % 3);
		ack->guests[i].place = (uint8_t)(WIRE_GUEST_MAX - 1 - i);
		ack->guests[i].restart_generation = 0x20u + i;
		fill(ack->guests[i].manifest, ACK_SHA256_BYTES, (uint8_t)(0x30 * i));
		ack->console.offsets[i] = UINT64_C(0x1000000000) + i;
	}
	ack->console.generation = 9;
	ack->console.slots = 5;
	ack->reboot_boot_id = SAMPLE_BOOT_ID;
	ack->service.generation = 11;
	ack->service.size_bytes = 0x54321;
	fill(ack->service.sha256, ACK_SHA256_BYTES, 0xc0);
}

void sample_console(struct console_chunk *chunk, enum datagram_type type)
{
	static uint8_t text[CONSOLE_OUTPUT_MAX_BYTES];

	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = (uint8_t)(i * 7);
	}
	*chunk = (struct console_chunk){
		.boot_id = SAMPLE_BOOT_ID,
		.instance = SAMPLE_INSTANCE,
		.sequence = 0x21,
		.type = type,
		.slot = 2,
		.offset = UINT64_C(0x1234567890),
		.head = type == DATAGRAM_CONSOLE_OUTPUT ? UINT64_C(0x1234569999) : 0,
		.count = type == DATAGRAM_CONSOLE_OUTPUT ? CONSOLE_OUTPUT_MAX_BYTES : CONSOLE_INPUT_MAX_BYTES,
		.bytes = text,
	};
}

void sample_hello(struct hello *hello)
{
	static uint8_t crash[HELLO_CRASH_MAX_BYTES];

	memset(hello, 0, sizeof(*hello));
	hello->boot_id = SAMPLE_BOOT_ID;
	hello->instance = SAMPLE_INSTANCE;
	hello->flags = HELLO_SIMULATION;
	fill(hello->boot_key, sizeof(hello->boot_key), 1);
	snprintf(hello->board, sizeof(hello->board), "linux,dummy-virt");
	snprintf(hello->serial, sizeof(hello->serial), "SN 0042");
	hello->mac_count = HELLO_MAC_MAX;
	fill(hello->macs[0], sizeof(hello->macs), 0x52);
	hello->has_uuid = true;
	fill(hello->uuid, sizeof(hello->uuid), 0x80);
	hello->cpu_count = 4;
	hello->gic_version = 3;
	hello->midr = 0x410fd083;
	hello->ram_bytes = UINT64_C(1) << 32;
	hello->free_bytes = (UINT64_C(1) << 32) - (16 << 20);
	hello->core_bytes = 5 << 20;
	hello->counter_hz = 62500000;
	snprintf(hello->core_version, sizeof(hello->core_version), "0.2.0");
	fill(hello->core_build_id, sizeof(hello->core_build_id), 0xa0);
	fill(hello->service_sha256, sizeof(hello->service_sha256), 0xb0);
	hello->stage_count = HELLO_STAGE_COUNT;
	for (uint32_t i = 0; i < HELLO_STAGE_COUNT; i++) {
		hello->stage_us[i] = i == HELLO_STAGE_DMA ? HELLO_TIME_UNKNOWN : 1000000 + 1000 * i;
	}
	hello->crash_streak = 2;
	hello->crash_bytes = 300;
	for (size_t i = 0; i < sizeof(crash); i++) {
		crash[i] = (uint8_t)(i * 13);
	}
	hello->crash = crash;
}

void sample_answer(struct hello_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	answer->boot_id = SAMPLE_BOOT_ID;
	answer->instance = SAMPLE_INSTANCE;
	answer->status = HELLO_APPROVED;
	answer->is_crash_taken = true;
	answer->retry_ms = 5000;
	answer->wall_clock_ns = UINT64_C(1767225600123456789);
	answer->interval_ms = 1000;
	answer->udp_port = 7480;
	snprintf(answer->reason, sizeof(answer->reason), "welcome");
}

/* --- encoded --- */

static size_t seal(uint8_t *bytes, size_t size)
{
	struct seal_key key;

	if (size == 0) {
		abort();
	}
	sample_key(&key);
	seal_put(&key, bytes, size);
	return size;
}

/* The nth beat (0 and up) of a rotation that begins with the first. */
static size_t make_beat(uint8_t *bytes, unsigned int nth)
{
	struct beat_rotation rotation = {.urgent = 0};
	struct beat beat;
	size_t size = 0;

	sample_beat(&beat, 10);
	for (unsigned int i = 0; i <= nth; i++) {
		size = beat_encode(&beat, &rotation, bytes, BEAT_MAX_BYTES);
		beat.sequence++;
	}
	return seal(bytes, size);
}

static size_t make_beat_1(uint8_t *bytes)
{
	return make_beat(bytes, 0);
}

static size_t make_beat_2(uint8_t *bytes)
{
	return make_beat(bytes, 1);
}

static size_t make_beat_3(uint8_t *bytes)
{
	return make_beat(bytes, 2);
}

static size_t make_beat_4(uint8_t *bytes)
{
	return make_beat(bytes, 3);
}

static size_t make_beat_small(uint8_t *bytes)
{
	struct beat_rotation rotation = {.urgent = 0};
	struct beat beat;

	sample_beat(&beat, 0);
	beat.cpu_count = 1;
	beat.present = 0;
	memset(beat.guests, 0, sizeof(beat.guests));
	return seal(bytes, beat_encode(&beat, &rotation, bytes, BEAT_MAX_BYTES));
}

static size_t make_ack(uint8_t *bytes)
{
	struct ack ack;

	sample_ack(&ack);
	return seal(bytes, ack_encode(&ack, bytes, ACK_MAX_BYTES));
}

static size_t make_ack_small(uint8_t *bytes)
{
	const struct ack ack = {.boot_id = SAMPLE_BOOT_ID, .instance = SAMPLE_INSTANCE, .sequence = 1};

	return seal(bytes, ack_encode(&ack, bytes, ACK_MAX_BYTES));
}

static size_t make_output(uint8_t *bytes)
{
	struct console_chunk chunk;

	sample_console(&chunk, DATAGRAM_CONSOLE_OUTPUT);
	chunk.count = 100;
	return seal(bytes, console_encode(&chunk, bytes, DATAGRAM_MAX_BYTES));
}

static size_t make_input(uint8_t *bytes)
{
	struct console_chunk chunk;

	sample_console(&chunk, DATAGRAM_CONSOLE_INPUT);
	return seal(bytes, console_encode(&chunk, bytes, DATAGRAM_MAX_BYTES));
}

static size_t make_hello(uint8_t *bytes)
{
	struct hello hello;

	sample_hello(&hello);
	return hello_encode(&hello, bytes, HELLO_MAX_BYTES);
}

static size_t make_hello_small(uint8_t *bytes)
{
	struct hello hello = {.boot_id = 1, .instance = 1, .mac_count = 1, .cpu_count = 1};

	hello.boot_key[31] = 1;
	return hello_encode(&hello, bytes, HELLO_MAX_BYTES);
}

static size_t make_answer(uint8_t *bytes)
{
	struct hello_answer answer;

	sample_answer(&answer);
	return hello_encode_answer(&answer, bytes, HELLO_ANSWER_MAX_BYTES);
}

static size_t make_answer_pending(uint8_t *bytes)
{
	struct hello_answer answer;

	sample_answer(&answer);
	answer.status = HELLO_PENDING;
	answer.is_crash_taken = false;
	answer.wall_clock_ns = 0;
	answer.reason[0] = '\0';
	return hello_encode_answer(&answer, bytes, HELLO_ANSWER_MAX_BYTES);
}

const struct sample samples[] = {
	{"beat-1", make_beat_1},
	{"beat-2", make_beat_2},
	{"beat-3", make_beat_3},
	{"beat-4", make_beat_4},
	{"beat-small", make_beat_small},
	{"ack", make_ack},
	{"ack-small", make_ack_small},
	{"console-output", make_output},
	{"console-input", make_input},
	{"hello", make_hello},
	{"hello-small", make_hello_small},
	{"answer", make_answer},
	{"answer-pending", make_answer_pending},
};
const size_t sample_count = sizeof(samples) / sizeof(samples[0]);
