/* SPDX-License-Identifier: Apache-2.0 */
/* What a node's service does on the wire, without the node. A guest that is wanted runs at once. */
#include "unit/controller/virtual_node.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RESEND_MS = 300, WINDOW_BYTES = 0x8000, HTTP_WAIT_S = 10 };

static void set_key(struct virtual_node *node)
{
	uint8_t key[SEAL_KEY_BYTES];

	seal_derive(node->boot_key, node->instance, key);
	seal_set_key(&node->key, key);
	node->sequence = 0;
}

void virtual_node_begin(struct virtual_node *node, unsigned number, unsigned boot)
{
	memset(node, 0, sizeof(*node));
	node->number = number;
	node->boot_id = ((uint64_t)boot + 1) << 40 | (number + 1u);
	node->instance = 1;
	node->interval_ms = 1000;
	node->uptime_us = 3000000;
	for (size_t i = 0; i < sizeof(node->boot_key); i++) {
		node->boot_key[i] = (uint8_t)(number * 31 + boot * 17 + i * 7 + (number >> 8) + 1);
	}
	node->mac[0] = 0x52;
	node->mac[1] = 0x54;
	node->mac[3] = (uint8_t)(number >> 16);
	node->mac[4] = (uint8_t)(number >> 8);
	node->mac[5] = (uint8_t)number;
	set_key(node);
}

void virtual_node_restart(struct virtual_node *node)
{
	node->instance++;
	node->rotation = (struct beat_rotation){.urgent = 0};
	set_key(node);
}

static struct virtual_console *console_of(struct virtual_node *node, unsigned slot)
{
	if (node->consoles == NULL) {
		node->consoles = calloc(WIRE_GUEST_MAX, sizeof(*node->consoles));
	}
	return node->consoles == NULL ? NULL : &node->consoles[slot];
}

void virtual_node_end(struct virtual_node *node)
{
	for (unsigned slot = 0; node->consoles != NULL && slot < WIRE_GUEST_MAX; slot++) {
		free(node->consoles[slot].text);
	}
	free(node->consoles);
	node->consoles = NULL;
}

size_t virtual_node_hello(const struct virtual_node *node, uint8_t *bytes, size_t size)
{
	struct hello hello = {
		.boot_id = node->boot_id,
		.instance = node->instance,
		.mac_count = 1,
		.cpu_count = 2,
		.gic_version = 3,
		.midr = 0x410fd083,
		.ram_bytes = UINT64_C(1) << 30,
		.free_bytes = UINT64_C(800) << 20,
		.core_bytes = UINT64_C(4) << 20,
		.counter_hz = 62500000,
		.stage_count = HELLO_STAGE_COUNT,
	};

	memcpy(hello.boot_key, node->boot_key, sizeof(hello.boot_key));
	memcpy(hello.macs[0], node->mac, sizeof(node->mac));
	(void)snprintf(hello.board, sizeof(hello.board), "linux,dummy-virt");
	(void)snprintf(hello.serial, sizeof(hello.serial), "virtual-%06u", node->number);
	(void)snprintf(hello.core_version, sizeof(hello.core_version), "0.0-virtual");
	for (unsigned i = 0; i < HELLO_STAGE_COUNT; i++) {
		hello.stage_us[i] = 1000u * (i + 1);
	}
	return hello_encode(&hello, bytes, size);
}

static void fill_counters(const struct virtual_node *node, struct beat *beat)
{
	const uint64_t us = node->uptime_us;
	struct beat_counters *c = &beat->counters;
	const uint64_t more_us = node->varies ? (us / 1000000 + node->number) % 7 * 30000 : 0;

	for (unsigned i = 0; i < beat->cpu_count; i++) {
		c->cpus[i] = (struct beat_cpu){.guest_us = us / 2 + more_us,
					       .service_us = us / 20,
					       .core_us = us / 50,
					       .idle_us = us * 43 / 100 - more_us,
					       .interrupts = us / 4000};
		beat->present |= BEAT_BIT(BEAT_CPU_0 + i);
	}
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		if (node->guests[slot].state != WIRE_GUEST_RUNNING) {
			continue;
		}
		c->vms[slot] = (struct beat_vm){
			.lives = 1, .guest_us = us / 2, .ram_mib = 256, .exits = {us / 1000, us / 5000}};
		memcpy(c->releases[slot].manifest, node->manifests[slot], ACK_SHA256_BYTES);
		beat->present |= BEAT_BIT(BEAT_VM_0 + slot) | BEAT_BIT(BEAT_RELEASE_0 + slot);
	}
	c->exit_causes = 11;
	c->memory.pages[2] = 100000;
	c->nic = (struct beat_nic){
		.rx_frames = us / 1000, .rx_bytes = us / 10, .tx_frames = us / 2000, .tx_bytes = us / 20};
	for (unsigned slot = 0; node->consoles != NULL && slot < WIRE_GUEST_MAX; slot++) {
		c->console.output[slot] = node->consoles[slot].head;
		c->console.input[slot] = node->consoles[slot].input_due;
	}
	beat->present |= BEAT_BIT(BEAT_MEMORY) | BEAT_BIT(BEAT_NIC) | BEAT_BIT(BEAT_SERVICE) | BEAT_BIT(BEAT_CONSOLE);
}

size_t virtual_node_beat(struct virtual_node *node, uint8_t bytes[BEAT_MAX_BYTES])
{
	struct beat beat;

	memset(&beat, 0, sizeof(beat));
	beat.boot_id = node->boot_id;
	beat.instance = node->instance;
	beat.sequence = ++node->sequence;
	memcpy(beat.mac, node->mac, sizeof(beat.mac));
	beat.flags = node->must_answer ? BEAT_ANSWER : 0;
	beat.cpu_count = 2;
	beat.uptime_us = node->uptime_us;
	beat.heard_sequence = node->heard.highest;
	beat.node_generation = node->node_generation;
	beat.dropped = node->refused;
	memcpy(beat.guests, node->guests, sizeof(beat.guests));
	fill_counters(node, &beat);
	node->uptime_us += (uint64_t)node->interval_ms * 1000u;
	node->must_answer = false;
	const size_t size = beat_encode(&beat, &node->rotation, bytes, BEAT_MAX_BYTES);

	if (size > 0) {
		seal_put(&node->key, bytes, size);
	}
	return size;
}

void virtual_node_print(struct virtual_node *node, unsigned slot, const char *text, size_t count)
{
	struct virtual_console *console = console_of(node, slot);

	if (console != NULL && console->text == NULL) {
		console->text = malloc(VIRTUAL_CONSOLE_BYTES);
	}
	for (size_t i = 0; console != NULL && console->text != NULL && i < count; i++) {
		console->text[console->head++ % VIRTUAL_CONSOLE_BYTES] = text[i];
	}
}

size_t virtual_node_output(struct virtual_node *node, uint64_t now_ms, uint8_t bytes[DATAGRAM_MAX_BYTES])
{
	uint8_t text[CONSOLE_OUTPUT_MAX_BYTES];

	for (unsigned slot = 0; node->consoles != NULL && slot < WIRE_GUEST_MAX; slot++) {
		struct virtual_console *console = &node->consoles[slot];
		const uint64_t oldest =
			console->head > VIRTUAL_CONSOLE_BYTES ? console->head - VIRTUAL_CONSOLE_BYTES : 0;

		console->sent = console->sent < oldest ? oldest : console->sent;
		console->taken = console->taken < oldest ? oldest : console->taken;
		console->taken_ms = console->has_risen ? now_ms : console->taken_ms;
		console->has_risen = false;
		if (console->taken < console->sent && now_ms - console->taken_ms > RESEND_MS) {
			console->sent = console->taken;
			console->taken_ms = now_ms;
		}
		if (!console->is_watched || console->sent >= console->head ||
		    console->sent - console->taken >= WINDOW_BYTES) {
			continue;
		}
		if (console->sent == console->taken) {
			console->taken_ms = now_ms;
		}
		const uint64_t rest = console->head - console->sent;
		const struct console_chunk chunk = {
			.boot_id = node->boot_id,
			.instance = node->instance,
			.sequence = ++node->sequence,
			.type = DATAGRAM_CONSOLE_OUTPUT,
			.slot = (uint8_t)slot,
			.offset = console->sent,
			.head = console->head,
			.count = (uint16_t)(rest < sizeof(text) ? rest : sizeof(text)),
			.bytes = text,
		};

		for (unsigned i = 0; i < chunk.count; i++) {
			text[i] = (uint8_t)console->text[(console->sent + i) % VIRTUAL_CONSOLE_BYTES];
		}
		const size_t size = console_encode(&chunk, bytes, DATAGRAM_MAX_BYTES);

		console->sent += chunk.count;
		if (size > 0) {
			seal_put(&node->key, bytes, size);
		}
		return size;
	}
	return 0;
}

/* --- what it is told --- */

static void obey_guest(struct virtual_node *node, unsigned slot, const struct ack_guest *want)
{
	struct beat_guest *guest = &node->guests[slot];

	if (want->generation <= guest->generation) {
		return;
	}
	guest->restarts += guest->generation != 0 && want->restart_generation > guest->restart_generation;
	guest->generation = want->generation;
	guest->restart_generation = want->restart_generation;
	guest->state = want->want == ACK_WANT_RUN    ? WIRE_GUEST_RUNNING
		       : want->want == ACK_WANT_STOP ? WIRE_GUEST_STOPPED
						     : WIRE_GUEST_EMPTY;
	memcpy(node->manifests[slot], want->manifest, ACK_SHA256_BYTES);
}

static void obey_console(struct virtual_node *node, const struct ack_console *want)
{
	const bool is_new = want->generation > node->console_generation;

	if (want->generation < node->console_generation) {
		return;
	}
	node->console_generation = want->generation;
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		/* None is made for a node whose consoles nobody asks for. */
		if (node->consoles == NULL && want->slots == 0) {
			return;
		}
		struct virtual_console *console = console_of(node, slot);

		if (console != NULL && is_new) {
			console->is_watched = (want->slots >> slot & 1) != 0;
			console->sent = console->taken =
				want->offsets[slot] < console->head ? want->offsets[slot] : console->head;
		} else if (console != NULL && want->offsets[slot] > console->taken) {
			console->taken = want->offsets[slot];
			console->sent = console->sent < console->taken ? console->taken : console->sent;
			console->has_risen = true;
		}
	}
}

static bool take_ack(struct virtual_node *node, const uint8_t *bytes, size_t count)
{
	struct ack ack;
	struct wire_error error;

	if (!ack_decode(bytes, count, &ack, &error)) {
		return false;
	}
	node->acks++;
	node->wall_clock_ns = ack.wall_clock_ns;
	if (ack.acked_sequence == 0) {
		node->unasked++;
		node->must_answer = true;
	} else {
		node->acked_sequence = ack.acked_sequence;
	}
	if (ack.node.generation > node->node_generation) {
		node->node_generation = ack.node.generation;
		node->interval_ms = ack.node.interval_ms;
	}
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		obey_guest(node, slot, &ack.guests[slot]);
	}
	if (ack.console.generation != 0) {
		obey_console(node, &ack.console);
	}
	node->must_reboot = node->must_reboot || ack.reboot_boot_id == node->boot_id;
	return true;
}

static bool take_input(struct virtual_node *node, const uint8_t *bytes, size_t count)
{
	struct console_chunk chunk;
	struct wire_error error;

	if (!console_decode(bytes, count, &chunk, &error) || chunk.slot >= WIRE_GUEST_MAX) {
		return false;
	}
	struct virtual_console *console = console_of(node, chunk.slot);

	node->inputs++;
	for (unsigned i = 0; console != NULL && i < chunk.count; i++) {
		if (chunk.offset + i == console->input_due) {
			memmove(console->input, console->input + 1, sizeof(console->input) - 1);
			console->input[sizeof(console->input) - 1] = (char)chunk.bytes[i];
			console->input_due++;
		}
	}
	beat_rotation_want(&node->rotation, BEAT_BIT(BEAT_CONSOLE));
	node->must_answer = true;
	return true;
}

uint64_t virtual_node_boot_of(const uint8_t *bytes, size_t count)
{
	struct datagram_header header;
	struct wire_error error;

	return datagram_decode_header(bytes, count, &header, &error) ? header.boot_id : 0;
}

bool virtual_node_take(struct virtual_node *node, const uint8_t *bytes, size_t count)
{
	struct datagram_header header;
	struct wire_error error;
	bool is_taken = datagram_decode_header(bytes, count, &header, &error) && header.boot_id == node->boot_id &&
			header.instance == node->instance && seal_check(&node->key, bytes, count) &&
			replay_accept_rising(&node->heard, &header);

	if (is_taken && header.type == DATAGRAM_ACK) {
		is_taken = take_ack(node, bytes, count);
	} else if (is_taken && header.type == DATAGRAM_CONSOLE_INPUT) {
		is_taken = take_input(node, bytes, count);
	} else {
		is_taken = false;
	}
	node->refused += !is_taken;
	return is_taken;
}

/* --- HTTP --- */

static bool send_all(int fd, const void *bytes, size_t count)
{
	for (size_t done = 0; done < count;) {
		const ssize_t sent = send(fd, (const char *)bytes + done, count - done, MSG_NOSIGNAL);

		if (sent <= 0) {
			return false;
		}
		done += (size_t)sent;
	}
	return true;
}

/* Reads to the end of the connection. */
static void read_reply(int fd, struct virtual_reply *reply)
{
	static const char end[] = "\r\n\r\n";
	char buffer[65536];
	size_t head = 0;
	bool is_content = false;
	ssize_t count;

	while ((count = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
		size_t at = 0;

		while (!is_content && at < (size_t)count && head < sizeof(reply->head) - 1) {
			reply->head[head++] = buffer[at++];
			is_content = head >= 4 && memcmp(reply->head + head - 4, end, 4) == 0;
		}
		for (size_t i = at; i < (size_t)count && reply->count < sizeof(reply->bytes); i++) {
			reply->bytes[reply->count++] = (uint8_t)buffer[i];
		}
		reply->total += (size_t)count - at;
	}
	if (is_content && sscanf(reply->head, "HTTP/1.1 %u", &reply->status) != 1) {
		reply->status = 0;
	}
}

bool virtual_http(struct in_addr from, const struct sockaddr_in *to, const char *method, const char *path,
		  const char *fields, const void *body, size_t body_bytes, struct virtual_reply *reply)
{
	const struct timeval wait = {.tv_sec = HTTP_WAIT_S};
	const struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = from};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char head[512];
	char host[INET_ADDRSTRLEN] = "";

	memset(reply, 0, sizeof(*reply));
	if (fd < 0) {
		return false;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	(void)inet_ntop(AF_INET, &to->sin_addr, host, sizeof(host));
	(void)snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\n", method, path);
	if (fields == NULL || strstr(fields, "Host: ") == NULL) {
		(void)snprintf(head + strlen(head), sizeof(head) - strlen(head), "Host: %s:%u\r\n", host,
			       ntohs(to->sin_port));
	}
	(void)snprintf(head + strlen(head), sizeof(head) - strlen(head), "Connection: close\r\n%s",
		       fields != NULL ? fields : "");
	if (body_bytes > 0) {
		(void)snprintf(head + strlen(head), sizeof(head) - strlen(head), "Content-Length: %zu\r\n", body_bytes);
	}
	(void)snprintf(head + strlen(head), sizeof(head) - strlen(head), "\r\n");
	if (bind(fd, (const struct sockaddr *)&local, sizeof(local)) == 0 &&
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 && send_all(fd, head, strlen(head))) {
		(void)send_all(fd, body, body_bytes); /* a refusal may come before its end */
		read_reply(fd, reply);
	}
	(void)close(fd);
	return reply->status != 0;
}

bool virtual_node_say_hello(const struct virtual_node *node, const struct sockaddr_in *to, struct hello_answer *answer)
{
	uint8_t bytes[HELLO_MAX_BYTES];
	struct virtual_reply reply;
	struct wire_error error;
	const size_t count = virtual_node_hello(node, bytes, sizeof(bytes));

	return virtual_http(node->ip, to, "POST", "/v1/hello", "Content-Type: application/octet-stream\r\n", bytes,
			    count, &reply) &&
	       reply.status == 200 && hello_decode_answer(reply.bytes, reply.count, answer, &error) &&
	       answer->boot_id == node->boot_id && answer->instance == node->instance;
}
