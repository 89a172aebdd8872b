/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/controller/link_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "unit/controller/small_store.h"

enum { UNTIL_MS = 10000, TURN_MS = 20 };

struct link_bed bed;
const struct fleet_who bed_who = {.actor = "admin", .request = "q-1"};

static void address_of(int fd, struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);

	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &size), 0);
}

static void start_link(struct fail *fail)
{
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int udp = link_socket(&any, fail);
	const int tcp = nodehttp_socket(&any, fail);
	uint64_t index;

	assert_true(udp >= 0 && tcp >= 0);
	address_of(udp, &bed.udp_address);
	bed.other_address = bed.udp_address;
	bed.other_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	const int other = link_socket(&bed.other_address, fail);

	assert_true(other >= 0);
	address_of(tcp, &bed.http_address);
	assert_true(fleet_first_index(bed.store, &index, fail));
	bed.bus = bus_new(index);
	const struct fleet_options options = {
		.store = bed.store,
		.bus = bed.bus,
		.interval_ms = 1000,
		.udp_port = ntohs(bed.udp_address.sin_port),
	};

	bed.fleet = fleet_new(&options, fail);
	assert_non_null(bed.fleet);
	const struct link_options link = {.fleet = bed.fleet, .fd = udp, .more = {other}, .more_count = 1};
	const struct nodehttp_options http = {
		.fleet = bed.fleet, .blobs = bed.blobs, .fd = tcp, .connections_per_address = 1000, .timeout_s = 2};

	bed.link = link_start(&link, fail);
	bed.http = nodehttp_start(&http, fail);
	assert_true(bed.link != NULL && bed.http != NULL);
}

static void start(void)
{
	struct fail fail = {.kind = FAIL_NONE};

	bed.store = small_store_open(&fail);
	assert_non_null(bed.store);
	bed.blobs = blobs_open(small_folder, &fail);
	assert_non_null(bed.blobs);
	start_link(&fail);
}

static void stop(void)
{
	nodehttp_stop(bed.http);
	link_stop(bed.link);
	store_close(bed.store);
	fleet_free(bed.fleet);
	bus_free(bed.bus);
	blobs_close(bed.blobs);
}

void bed_restart(void)
{
	stop();
	start();
}

int bed_make(void **state)
{
	static const char text[] = "the manifest of the test";
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct fail fail;

	log_set_level(LOG_ERROR);
	if (small_store_make(state) != 0) {
		return -1;
	}
	store_close(*state);
	*state = NULL;
	bed = (struct link_bed){.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
	assert_int_equal(bind(bed.fd, (const struct sockaddr *)&any, sizeof(any)), 0);
	start();
	assert_true(blobs_put(bed.blobs, text, sizeof(text), NULL, bed.manifest_hex, &fail));
	assert_true(hex_parse(bed.manifest_hex, bed.manifest, sizeof(bed.manifest)));
	assert_true(fleet_set_release(bed.fleet, bed.manifest, &fail));
	return 0;
}

int bed_remove(void **state)
{
	char command[128];

	stop();
	(void)close(bed.fd);
	(void)snprintf(command, sizeof(command), "rm -rf '%s/blobs'", small_folder);
	assert_int_equal(system(command), 0);
	*state = NULL;
	return small_store_remove(state);
}

void bed_send(const uint8_t *bytes, size_t count)
{
	const struct sockaddr *to = (const struct sockaddr *)&bed.udp_address;
	const bool is_twice = (unsigned)rand() % 100 < bed.twice_percent;

	if ((unsigned)rand() % 100 < bed.loss_percent) {
		return;
	}
	for (int i = 0; i < 1 + is_twice; i++) {
		assert_int_equal(sendto(bed.fd, bytes, count, 0, to, sizeof(bed.udp_address)), count);
	}
}

void bed_beat(struct virtual_node *node)
{
	uint8_t bytes[BEAT_MAX_BYTES];
	const size_t count = virtual_node_beat(node, bytes);

	assert_true(count > 0);
	bed_send(bytes, count);
}

static void answer(struct virtual_node *node)
{
	uint8_t bytes[DATAGRAM_MAX_BYTES];
	size_t count;

	if (node->must_answer) {
		bed_beat(node);
	}
	while ((count = virtual_node_output(node, clock_ms(), bytes)) > 0) {
		bed_send(bytes, count);
	}
}

static void hand_over(struct virtual_node *nodes, unsigned count, const uint8_t *bytes, size_t size)
{
	const uint64_t boot_id = virtual_node_boot_of(bytes, size);

	for (unsigned i = 0; i < count; i++) {
		if (nodes[i].boot_id == boot_id) {
			(void)virtual_node_take(&nodes[i], bytes, size);
			answer(&nodes[i]);
		}
	}
}

void bed_pump(struct virtual_node *nodes, unsigned count, unsigned quiet_ms)
{
	struct pollfd fd = {.fd = bed.fd, .events = POLLIN};
	uint8_t bytes[DATAGRAM_MAX_BYTES];

	for (unsigned i = 0; i < count; i++) {
		answer(&nodes[i]);
	}
	while (poll(&fd, 1, (int)quiet_ms) > 0) {
		const ssize_t size = recv(bed.fd, bytes, sizeof(bytes), 0);

		if (size > 0 && (unsigned)rand() % 100 >= bed.loss_percent) {
			hand_over(nodes, count, bytes, (size_t)size);
		}
	}
}

void bed_until(struct virtual_node *node, bool (*is_so)(const struct virtual_node *node))
{
	const uint64_t end = clock_ms() + UNTIL_MS;

	while (!is_so(node)) {
		assert_true(clock_ms() < end);
		bed_beat(node);
		bed_pump(node, 1, TURN_MS);
	}
}

bool bed_is_running(const struct virtual_node *node)
{
	return node->guests[0].state == WIRE_GUEST_RUNNING && node->node_generation != 0;
}

const char *bed_id_of(const struct virtual_node *node)
{
	static char id[ID_BYTES];

	fleet_lock(bed.fleet);
	const struct node *known = node_by_boot(bed.fleet, node->boot_id);

	assert_non_null(known);
	memcpy(id, known->id, sizeof(id));
	fleet_unlock(bed.fleet);
	return id;
}

void bed_approve(const struct virtual_node *node)
{
	struct fail fail;

	assert_true(fleet_admit(bed.fleet, bed_id_of(node), ACT_APPROVE, 0, &bed_who, &fail));
}

void bed_run(struct virtual_node *node, unsigned number)
{
	struct hello_answer answer;

	virtual_node_begin(node, number, 0);
	node->ip.s_addr = htonl(0x7f010000u + number);
	assert_true(virtual_node_say_hello(node, &bed.http_address, &answer));
	assert_int_equal(answer.status, HELLO_PENDING);
	bed_approve(node);
	assert_true(virtual_node_say_hello(node, &bed.http_address, &answer));
	assert_int_equal(answer.status, HELLO_APPROVED);
	assert_int_equal(answer.udp_port, ntohs(bed.udp_address.sin_port));
	bed_until(node, bed_is_running);
}

struct link_figures bed_figures(void)
{
	struct link_figures figures;

	link_figures(bed.link, &figures);
	return figures;
}

void bed_received(uint64_t count)
{
	const uint64_t end = clock_ms() + UNTIL_MS;
	struct link_figures f = bed_figures();

	/* Counted by cause when its batch is done. */
	while (f.received < count || f.beats + f.output + f.malformed + f.unknown + f.bad_tags + f.replays < count) {
		assert_true(clock_ms() < end);
		(void)poll(NULL, 0, 1);
		f = bed_figures();
	}
}
