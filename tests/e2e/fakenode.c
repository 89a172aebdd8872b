/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's side of the wire on this machine, for the test of netboot/sim/peer: says hello until it is approved, sends
 * beats, a numbered stream on console 0 while it is watched, and on console 1 whatever comes in as console 1's input.
 * Each datagram, in and out, is lost, doubled or held back by the seed. What the peer wants is written line by line;
 * whatever is not as wire/ says ends it with status 1.
 *
 *     fakenode IP PORT MAC SECONDS SEED PERCENT INSTANCES
 *
 * PERCENT of the datagrams are lost, as many doubled and as many held back; INSTANCES of the service follow each other,
 * evenly over SECONDS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wire/ack.h"
#include "wire/beat.h"
#include "wire/console.h"
#include "wire/hello.h"
#include "wire/replay.h"
#include "wire/seal.h"

#define RING_BYTES 65536u
#define CHUNK_BYTES 700u
#define WINDOW_BYTES (8u * CHUNK_BYTES)
#define AGAIN_MS 60u

struct fake_console {
	uint8_t ring[RING_BYTES];
	uint64_t head;
	uint64_t sent;
	uint64_t acked;
	uint64_t acked_ms;
};

static struct {
	struct sockaddr_in server;
	uint8_t mac[6];
	unsigned percent;
	uint64_t boot_id;
	uint8_t boot_key[SEAL_KEY_BYTES];
	int udp;
	uint32_t instance;
	struct seal_key key;
	struct replay replay;
	uint64_t sequence;
	struct beat_rotation rotation;
	bool is_answer_due;
	/* Kept by the core of a real node. */
	struct ack_node node;
	struct ack_guest guests[WIRE_GUEST_MAX];
	uint32_t restarts[WIRE_GUEST_MAX];
	struct ack_console watch;
	struct fake_console consoles[2];
	uint64_t next_number;
	uint64_t input_due;
	/* A datagram that is held back, one each way. */
	uint8_t held[DATAGRAM_MAX_BYTES];
	size_t held_bytes;
} me;

__attribute__((format(printf, 1, 2))) _Noreturn static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fputs("fakenode: ", stderr);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static bool is_unlucky(void)
{
	return (unsigned)(random() % 100) < me.percent;
}

static void put_out(const void *bytes, size_t count)
{
	(void)sendto(me.udp, bytes, count, 0, (const struct sockaddr *)&me.server, sizeof(me.server));
}

/* Seals and sends, or what is done to it instead. */
static void transmit(uint8_t *bytes, size_t count)
{
	if (count == 0) {
		fail("a message cannot be encoded");
	}
	seal_put(&me.key, bytes, count);
	if (is_unlucky()) {
		return;
	}
	if (me.held_bytes == 0 && is_unlucky()) {
		memcpy(me.held, bytes, count);
		me.held_bytes = count;
		return;
	}
	put_out(bytes, count);
	if (is_unlucky()) {
		put_out(bytes, count);
	}
	if (me.held_bytes > 0 && is_unlucky()) {
		put_out(me.held, me.held_bytes);
		me.held_bytes = 0;
	}
}

static void send_beat(uint8_t flags)
{
	static struct beat beat;
	uint8_t bytes[BEAT_MAX_BYTES];

	memset(&beat, 0, sizeof(beat));
	beat.boot_id = me.boot_id;
	beat.instance = me.instance;
	beat.sequence = ++me.sequence;
	memcpy(beat.mac, me.mac, sizeof(beat.mac));
	beat.flags = flags;
	beat.cpu_count = 2;
	beat.uptime_us = now_ms() * 1000u;
	beat.heard_sequence = me.replay.highest;
	beat.node_generation = me.node.generation;
	for (size_t slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		beat.guests[slot].state = me.guests[slot].want == ACK_WANT_RUN    ? WIRE_GUEST_RUNNING
					  : me.guests[slot].want == ACK_WANT_STOP ? WIRE_GUEST_STOPPED
										  : WIRE_GUEST_EMPTY;
		beat.guests[slot].generation = me.guests[slot].generation;
		beat.guests[slot].restart_generation = me.guests[slot].restart_generation;
		beat.guests[slot].restarts = me.restarts[slot];
	}
	beat.present = BEAT_BIT(BEAT_CONSOLE) | BEAT_BIT(BEAT_SERVICE);
	beat.counters.service.restarts = me.instance - 1;
	for (size_t slot = 0; slot < 2; slot++) {
		beat.counters.console.output[slot] = me.consoles[slot].head;
	}
	beat.counters.console.input[1] = me.input_due;
	beat_rotation_want(&me.rotation, BEAT_BIT(BEAT_CONSOLE));
	transmit(bytes, beat_encode(&beat, &me.rotation, bytes, sizeof(bytes)));
}

static void append(struct fake_console *console, const void *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		console->ring[console->head++ % RING_BYTES] = ((const uint8_t *)bytes)[i];
	}
}

static void send_output(uint8_t slot)
{
	struct fake_console *console = &me.consoles[slot];
	uint8_t bytes[DATAGRAM_MAX_BYTES];
	uint8_t text[CHUNK_BYTES];

	if ((me.watch.slots >> slot & 1) == 0) {
		return;
	}
	if (console->sent > console->acked && now_ms() - console->acked_ms > AGAIN_MS) {
		console->sent = console->acked;
		console->acked_ms = now_ms();
	}
	if (console->head > RING_BYTES && console->sent < console->head - RING_BYTES) {
		console->sent = console->head - RING_BYTES;
	}
	while (console->sent < console->head && console->sent < console->acked + WINDOW_BYTES) {
		const uint64_t left = console->head - console->sent;
		const uint16_t count = (uint16_t)(left < CHUNK_BYTES ? left : CHUNK_BYTES);
		const struct console_chunk chunk = {
			.boot_id = me.boot_id,
			.instance = me.instance,
			.sequence = ++me.sequence,
			.type = DATAGRAM_CONSOLE_OUTPUT,
			.slot = slot,
			.offset = console->sent,
			.head = console->head,
			.count = count,
			.bytes = text,
		};

		for (size_t i = 0; i < count; i++) {
			text[i] = console->ring[(console->sent + i) % RING_BYTES];
		}
		transmit(bytes, console_encode(&chunk, bytes, sizeof(bytes)));
		console->sent += count;
	}
}

static void take_guest(uint8_t slot, const struct ack_guest *guest)
{
	struct ack_guest *mine = &me.guests[slot];

	if (guest->generation <= mine->generation) {
		return;
	}
	if (mine->want == ACK_WANT_RUN && guest->want == ACK_WANT_RUN &&
	    guest->restart_generation > mine->restart_generation) {
		me.restarts[slot]++;
	}
	*mine = *guest;
	printf("guest %u want=%u place=%u restart=%u restarts=%u manifest=%02x%02x\n", slot, guest->want, guest->place,
	       guest->restart_generation, me.restarts[slot], guest->manifest[0], guest->manifest[1]);
}

static void take_ack(const uint8_t *bytes, size_t count)
{
	struct ack ack;
	struct wire_error error;
	char text[WIRE_ERROR_TEXT_BYTES];

	if (!ack_decode(bytes, count, &ack, &error)) {
		fail("an acknowledgement is malformed: %s", wire_error_text(&error, text, sizeof(text)));
	}
	if (ack.node.generation > me.node.generation) {
		me.node = ack.node;
		printf("interval %u\n", ack.node.interval_ms);
	}
	for (uint8_t slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		take_guest(slot, &ack.guests[slot]);
	}
	const bool is_new = ack.console.generation > me.watch.generation;
	if (ack.console.generation >= me.watch.generation) {
		if (is_new) {
			printf("watch slots=%x\n", ack.console.slots);
		}
		me.watch = ack.console;
		for (size_t slot = 0; slot < 2; slot++) {
			struct fake_console *console = &me.consoles[slot];

			if (is_new || ack.console.offsets[slot] > console->acked) {
				console->acked = ack.console.offsets[slot];
				console->acked_ms = now_ms();
				if (is_new || console->sent < console->acked) {
					console->sent = console->acked;
				}
			}
		}
	}
	if (ack.reboot_boot_id == me.boot_id) {
		printf("reboot\n");
		exit(0);
	}
	if (ack.wall_clock_ns / 1000000000u < 1700000000u) {
		fail("the wall clock is %llu", (unsigned long long)ack.wall_clock_ns);
	}
	me.is_answer_due = me.is_answer_due || ack.acked_sequence == 0;
}

static void take_input(const uint8_t *bytes, size_t count)
{
	struct console_chunk chunk;
	struct wire_error error;

	if (!console_decode(bytes, count, &chunk, &error) || chunk.slot != 1) {
		fail("console input is malformed");
	}
	if (chunk.offset > me.input_due || chunk.offset + chunk.count <= me.input_due) {
		return;
	}
	const size_t skip = (size_t)(me.input_due - chunk.offset);
	append(&me.consoles[1], chunk.bytes + skip, chunk.count - skip);
	me.input_due += chunk.count - skip;
	me.is_answer_due = true;
}

static void receive(void)
{
	uint8_t bytes[2048];
	struct datagram_header header;
	struct wire_error error;
	ssize_t count;

	while ((count = recv(me.udp, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		/* Garbage and bad tags are what the peer was told to send: they count, and nothing else. */
		if (is_unlucky() || !datagram_decode_header(bytes, (size_t)count, &header, &error) ||
		    header.boot_id != me.boot_id || header.instance != me.instance ||
		    !seal_check(&me.key, bytes, (size_t)count) ||
		    !replay_accept_rising(&me.replay, &header)) {
			continue;
		}
		if (header.type == DATAGRAM_ACK) {
			take_ack(bytes, (size_t)count);
		} else if (header.type == DATAGRAM_CONSOLE_INPUT) {
			take_input(bytes, (size_t)count);
		} else {
			fail("a datagram of type %#x came", (unsigned)header.type);
		}
	}
}

static size_t exchange(const uint8_t *body, size_t body_bytes, char *answer, size_t size)
{
	char head[256];
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t got = 0;

	const int head_bytes = snprintf(head, sizeof(head),
					"POST /v1/hello HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n"
					"Connection: close\r\n\r\n",
					inet_ntoa(me.server.sin_addr), body_bytes);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&me.server, sizeof(me.server)) < 0) {
		fail("cannot connect: %s", strerror(errno));
	}
	if (send(fd, head, (size_t)head_bytes, 0) != head_bytes ||
	    send(fd, body, body_bytes, 0) != (ssize_t)body_bytes) {
		fail("cannot send: %s", strerror(errno));
	}
	for (ssize_t n; got < size && (n = recv(fd, answer + got, size - got, 0)) > 0;) {
		got += (size_t)n;
	}
	(void)close(fd);
	return got;
}

/* Until the answer is "approved"; says the others. */
static void say_hello(uint64_t end_ms)
{
	static uint8_t body[HELLO_MAX_BYTES];
	static char text[4096];
	struct hello hello = {
		.boot_id = me.boot_id,
		.instance = me.instance,
		.board = "fake,board",
		.mac_count = 1,
		.cpu_count = 2,
		.gic_version = 2,
		.ram_bytes = UINT64_C(1) << 30,
		.core_version = "0",
	};
	struct hello_answer answer;
	struct wire_error error;

	memcpy(hello.boot_key, me.boot_key, sizeof(hello.boot_key));
	memcpy(hello.macs[0], me.mac, sizeof(me.mac));
	const size_t count = hello_encode(&hello, body, sizeof(body));
	while (now_ms() < end_ms) {
		const size_t got = exchange(body, count, text, sizeof(text));
		const char *end = memmem(text, got, "\r\n\r\n", 4);

		if (end == NULL || memcmp(text, "HTTP/1.1 200 ", 13) != 0) {
			fail("the answer to the hello is no 200: %.*s", (int)got, text);
		}
		const size_t body_bytes = got - (size_t)(end + 4 - text);
		if (!hello_decode_answer((const uint8_t *)end + 4, body_bytes, &answer, &error) ||
		    answer.boot_id != me.boot_id) {
			fail("the answer to the hello is malformed");
		}
		printf("hello %s%s\n",
		       answer.status == HELLO_APPROVED   ? "approved"
		       : answer.status == HELLO_REJECTED ? "rejected "
							 : "pending",
		       answer.reason);
		if (answer.status == HELLO_APPROVED) {
			me.node.interval_ms = answer.interval_ms;
			return;
		}
		(void)poll(NULL, 0, (int)answer.retry_ms);
	}
	fail("it was never approved");
}

static void begin_instance(uint32_t instance)
{
	uint8_t key[SEAL_KEY_BYTES];

	me.instance = instance;
	seal_derive(me.boot_key, instance, key);
	seal_set_key(&me.key, key);
	me.replay = (struct replay){.instance = 0};
	me.sequence = 0;
	me.held_bytes = 0;
	/* What it had sent it does not know any more; the next acknowledgement tells. */
	for (size_t slot = 0; slot < 2; slot++) {
		me.consoles[slot].sent = me.consoles[slot].acked;
	}
}

static void live(uint64_t start_ms, uint64_t end_ms, uint32_t instances)
{
	uint64_t beat_ms = 0;

	for (uint64_t now = start_ms; now < end_ms; now = now_ms()) {
		const uint32_t instance = (uint32_t)(1 + (now - start_ms) * instances / (end_ms - start_ms));
		struct pollfd poll_udp = {.fd = me.udp, .events = POLLIN};
		char line[32];

		if (instance > me.instance) {
			begin_instance(instance);
			beat_ms = 0;
		}
		/* The last second is for what is still on its way. */
		if (now + 1000 < end_ms) {
			const int bytes = snprintf(line, sizeof(line), "%llu\n", (unsigned long long)me.next_number++);

			append(&me.consoles[0], line, (size_t)bytes);
		}
		if (now - beat_ms >= me.node.interval_ms || me.is_answer_due) {
			send_beat(me.is_answer_due ? BEAT_ANSWER : 0);
			beat_ms = now;
			me.is_answer_due = false;
		}
		send_output(0);
		send_output(1);
		(void)poll(&poll_udp, 1, 2);
		receive();
		(void)fflush(stdout);
	}
	printf("numbers %llu\n", (unsigned long long)me.next_number);
}

int main(int argc, char **argv)
{
	unsigned mac[6];

	if (argc != 8 || sscanf(argv[3], "%2x:%2x:%2x:%2x:%2x:%2x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
				&mac[5]) != 6) {
		fail("usage: fakenode IP PORT MAC SECONDS SEED PERCENT INSTANCES");
	}
	me.server = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(argv[2])),
		.sin_addr.s_addr = inet_addr(argv[1]),
	};
	for (size_t i = 0; i < 6; i++) {
		me.mac[i] = (uint8_t)mac[i];
	}
	srandom((unsigned)atoi(argv[5]));
	for (size_t i = 0; i < sizeof(me.boot_key); i++) {
		me.boot_key[i] = (uint8_t)random();
	}
	me.boot_id = ((uint64_t)random() << 32 | (uint64_t)random()) + 1;
	me.percent = (unsigned)atoi(argv[6]);
	me.udp = socket(AF_INET, SOCK_DGRAM, 0);
	begin_instance(1);
	const uint64_t start_ms = now_ms();
	const uint64_t end_ms = start_ms + (uint64_t)atoi(argv[4]) * 1000u;
	say_hello(end_ms);
	live(start_ms, end_ms, (uint32_t)atoi(argv[7]));
	return 0;
}
