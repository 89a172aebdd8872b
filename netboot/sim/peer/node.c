/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hellos come from anybody on the network: what they say is decoded and bounded by wire/, the number of nodes by
 * NODES_MAX. A boot's key is whatever the first hello of that boot says; a second one with another key is rejected.
 */
#include "sim/peer/node.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/peer/event.h"
#include "wire/manifest.h"

struct node *node_find(struct nodes *nodes, const char *name)
{
	for (size_t i = 0; i < NODES_MAX; i++) {
		if (nodes->nodes[i].name[0] != '\0' && strcmp(nodes->nodes[i].name, name) == 0) {
			return &nodes->nodes[i];
		}
	}
	return NULL;
}

struct node *node_find_boot(struct nodes *nodes, uint64_t boot_id)
{
	for (size_t i = 0; i < NODES_MAX; i++) {
		if (nodes->nodes[i].name[0] != '\0' && nodes->nodes[i].hello.boot_id == boot_id) {
			return &nodes->nodes[i];
		}
	}
	return NULL;
}

static uint64_t wall_clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct node *node_add(struct nodes *nodes, const char *name)
{
	for (size_t i = 0; i < NODES_MAX; i++) {
		struct node *node = &nodes->nodes[i];

		if (node->name[0] == '\0') {
			(void)snprintf(node->name, sizeof(node->name), "%s", name);
			node->state = NODE_PENDING;
			node->want.interval_ms = nodes->interval_ms;
			/* Neither is told in a beat: an earlier run of this program had a lower one. */
			node->watch.generation = (uint32_t)(wall_clock_ns() / 1000000000u);
			for (size_t slot = 0; slot < WIRE_GUEST_MAX; slot++) {
				node->consoles[slot].fd = -1;
			}
			if (nodes->has_manifest) {
				node_set_manifest(nodes, node, nodes->manifest);
			}
			return node;
		}
	}
	return NULL;
}

/* The files of an earlier boot keep its number: NAME.vm0.1 is the first boot's. */
static void open_consoles(const struct nodes *nodes, struct node *node)
{
	char path[512];
	char old[528];

	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		console_close(&node->consoles[slot]);
		if (nodes->folder == NULL ||
		    snprintf(path, sizeof(path), "%s/%s.vm%u", nodes->folder, node->name, slot) >= (int)sizeof(path)) {
			console_open(&node->consoles[slot], NULL);
			continue;
		}
		if (node->boots > 1) {
			(void)snprintf(old, sizeof(old), "%s.%u", path, node->boots - 1);
			(void)rename(path, old);
		}
		console_open(&node->consoles[slot], path);
	}
}

static void begin_boot(struct nodes *nodes, struct node *node)
{
	node->boots++;
	node->hellos = 0;
	node->has_address = false;
	node->key_instance = 0;
	node->replay = (struct replay){.instance = 0};
	node->sequence = 0;
	node->is_crash_taken = false;
	memset(&node->beat, 0, sizeof(node->beat));
	memset(&node->track, 0, sizeof(node->track));
	node->is_seeded = false;
	node->ack_due_ms = 0;
	memset(node->watch.offsets, 0, sizeof(node->watch.offsets));
	open_consoles(nodes, node);
}

static void store_crash(const struct nodes *nodes, struct node *node, const struct hello *hello)
{
	char path[512];

	if (hello->crash_bytes == 0 || node->is_crash_taken) {
		return;
	}
	if (nodes->folder != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s.crash", nodes->folder, node->name);
		FILE *file = fopen(path, "we");
		const bool is_written = file != NULL && fwrite(hello->crash, 1, hello->crash_bytes, file) ==
								hello->crash_bytes;
		if (file == NULL || fclose(file) != 0 || !is_written) {
			event("error %s: %s", path, strerror(errno));
			return;
		}
	}
	node->is_crash_taken = true;
	event("crash node=%s bytes=%u streak=%u", node->name, hello->crash_bytes, hello->crash_streak);
}

void node_set_state(struct node *node, enum node_state state)
{
	static const char *const words[] = {"pending", "approved", "rejected"};

	if (node->state != state) {
		node->state = state;
		node->is_told = false;
		event("%s node=%s", words[state], node->name);
	}
}

static void approve(const struct nodes *nodes, struct node *node)
{
	if (node->state == NODE_PENDING &&
	    (nodes->approval == APPROVE_ALL ||
	     (nodes->approval == APPROVE_AFTER && node->hellos >= nodes->approve_after))) {
		node_set_state(node, NODE_APPROVED);
	}
}

static size_t answer_hello(const struct nodes *nodes, const struct hello *hello, const struct node *node,
			   const char *reason, uint8_t *bytes, size_t size)
{
	static const enum hello_status of_state[] = {HELLO_PENDING, HELLO_APPROVED, HELLO_REJECTED};
	struct hello_answer answer = {
		.boot_id = hello->boot_id,
		.instance = hello->instance,
		.status = reason[0] != '\0' ? HELLO_REJECTED : of_state[node->state],
		.is_crash_taken = reason[0] == '\0' && node->is_crash_taken,
		.retry_ms = nodes->retry_ms,
		.wall_clock_ns = wall_clock_ns(),
		.interval_ms = nodes->interval_ms,
		.udp_port = nodes->udp_port,
	};

	(void)snprintf(answer.reason, sizeof(answer.reason), "%s", reason);
	return hello_encode_answer(&answer, bytes, size);
}

/* One line for the eye, and for tests that look for a fact. */
static void tell_hello(const struct node *node, const struct sockaddr_in *from)
{
	const struct hello *hello = &node->hello;
	char build[9];

	event("hello node=%s boot=%016llx instance=%u from=%s board=\"%s\" serial=\"%s\" cpus=%u gic=%u ram=%lluMiB "
	      "version=%s build=%s crash=%u hellos=%u boots=%u",
	      node->name, (unsigned long long)hello->boot_id, hello->instance, inet_ntoa(from->sin_addr),
	      hello->board, hello->serial, hello->cpu_count, hello->gic_version,
	      (unsigned long long)(hello->ram_bytes >> 20), hello->core_version,
	      hex_print(hello->core_build_id, 4, build), hello->crash_bytes, node->hellos, node->boots);
}

size_t node_hello(struct nodes *nodes, const uint8_t *bytes, size_t count, const struct sockaddr_in *from,
		  uint8_t *answer, size_t size)
{
	struct hello hello;
	struct wire_error error;
	char text[WIRE_ERROR_TEXT_BYTES];
	char name[NODE_NAME_BYTES];

	if (!hello_decode(bytes, count, &hello, &error)) {
		event("hello refused from=%s: %s", inet_ntoa(from->sin_addr),
		      wire_error_text(&error, text, sizeof(text)));
		return 0;
	}
	struct node *node = node_find(nodes, hex_print(hello.macs[0], 6, name));
	if (node == NULL) {
		node = node_add(nodes, name);
	}
	if (node == NULL) {
		event("hello node=%s rejected: %u nodes are the most", name, NODES_MAX);
		return answer_hello(nodes, &hello, NULL, "no room for another node", answer, size);
	}
	const bool is_same_boot = node->boots > 0 && node->hello.boot_id == hello.boot_id;

	if (is_same_boot && memcmp(node->hello.boot_key, hello.boot_key, SEAL_KEY_BYTES) != 0) {
		event("hello node=%s rejected: another key for the same boot", name);
		return answer_hello(nodes, &hello, node, "another key for this boot", answer, size);
	}
	if (!is_same_boot) {
		begin_boot(nodes, node);
	}
	node->hellos++;
	node->hello = hello;
	node->hello.crash = NULL;
	node->is_told = false;
	tell_hello(node, from);
	store_crash(nodes, node, &hello);
	approve(nodes, node);
	return answer_hello(nodes, &hello, node, "", answer, size);
}

void node_seed(struct node *node, const struct beat *beat)
{
	node->is_seeded = true;
	node->want.generation = beat->node_generation + 1;
	node->service.generation = node->service.size_bytes > 0 ? (uint32_t)(wall_clock_ns() / 1000000000u) : 0;
	for (size_t slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		node->guests[slot].generation = beat->guests[slot].generation + 1;
		node->guests[slot].restart_generation = beat->guests[slot].restart_generation;
	}
}

/* How many guests the manifest has; 1 if it cannot be read: that is for the node to find out. */
static uint32_t count_guests(const struct catalog *catalog, const uint8_t *sha256)
{
	static _Alignas(8) uint8_t fdt[BUNDLE_MANIFEST_MAX_BYTES];
	static struct manifest manifest;
	struct wire_error error;
	const struct catalog_entry *entry = catalog_find(catalog, sha256);

	if (entry == NULL || entry->size_bytes > sizeof(fdt) ||
	    pread(entry->fd, fdt, entry->size_bytes, (off_t)entry->offset) != (ssize_t)entry->size_bytes ||
	    !manifest_decode(fdt, entry->size_bytes, &manifest, &error)) {
		return 1;
	}
	return manifest.guest_count;
}

void node_set_manifest(struct nodes *nodes, struct node *node, const uint8_t *sha256)
{
	const uint32_t count = count_guests(nodes->catalog, sha256);

	for (uint32_t slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		struct ack_guest *guest = &node->guests[slot];

		guest->generation++;
		guest->want = slot < count ? ACK_WANT_RUN : ACK_WANT_EMPTY;
		guest->place = (uint8_t)(slot < count ? slot : 0);
		memcpy(guest->manifest, sha256, ACK_SHA256_BYTES);
	}
}
