/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's network with real lwIP, as it is configured for the service, on a fake card with a scripted DHCP
 * server. lwIP can be started once in a process, so each test runs in a child; one that fails ends with an error.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <lwip/pbuf.h>

#include "service/net_port.h"
#include "unit/small_lan.h"

static const struct net_lease hint = {
	.address = 0x0a000207,
	.netmask = SMALL_LAN_NETMASK,
	.router = SMALL_LAN_PEER,
	.server_id = SMALL_LAN_PEER,
	.siaddr = SMALL_LAN_NEXT_SERVER,
	.lease_seconds = 120,
	.remaining_seconds = 30,
};

static struct net_lease lease;

struct body {
	void (*run)(void);
};

/* What goes wrong in a child ends it, instead of going on there with the tests that follow. */
static void die_when_it_fails(void)
{
	static const int signals[] = {SIGABRT, SIGILL, SIGSEGV, SIGBUS, SIGFPE};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		(void)signal(signals[i], SIG_DFL);
	}
	setenv("CMOCKA_TEST_ABORT", "1", 1);
}

/* Runs a test's body in a child. */
static void alone(void **state)
{
	const struct body *body = *state;
	int status = 0;
	const pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		die_when_it_fails();
		small_lan_reset();
		body->run();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (status != 0) {
		fprintf(stderr, "\n"); /* what the child said last has no end of its line */
	}
	assert_int_equal(status, 0);
}

static void come_up(void)
{
	assert_int_equal(small_lan_start(NULL), NET_OK);
	small_lan_run(1000);
	assert_true(net_is_up());
	assert_true(net_lease(small_card.ticks, &lease));
}

/* --- DHCP --- */

static void gets_an_address(void)
{
	assert_int_equal(small_lan_start(NULL), NET_OK);
	assert_false(net_is_up());
	assert_false(net_lease(small_card.ticks, &lease));
	assert_int_equal(net_lease_changes(), 0);
	small_lan_run(1000);
	assert_true(net_is_up());
	assert_true(net_lease_is_confirmed());
	assert_int_equal(net_lease_changes(), 1);
	assert_true(net_lease(small_card.ticks, &lease));
	assert_int_equal(lease.address, SMALL_LAN_NODE);
	assert_int_equal(lease.netmask, SMALL_LAN_NETMASK);
	assert_int_equal(lease.router, SMALL_LAN_PEER);
	assert_int_equal(lease.server_id, SMALL_LAN_PEER);
	assert_int_equal(lease.siaddr, SMALL_LAN_NEXT_SERVER);
	assert_int_equal(lease.lease_seconds, 120);
	assert_true(lease.remaining_seconds >= 118 && lease.remaining_seconds <= 120);
	assert_int_equal(small_lan.discovers, 1);
	assert_int_equal(small_lan.requests, 1);
}

static void goes_on_looking_for_a_server(void)
{
	small_lan.is_silent = true;
	assert_int_equal(small_lan_start(NULL), NET_OK);
	small_lan_run(60000);
	assert_true(small_lan.discovers >= 8);
	assert_false(net_is_up());
	small_lan.is_silent = false;
	small_lan_run(8500); /* at the latest */
	assert_true(net_is_up());
}

static void uses_a_hint_at_once(void)
{
	small_lan.offer = hint.address;
	assert_int_equal(small_lan_start(&hint), NET_OK);
	assert_true(net_is_up());
	assert_false(net_lease_is_confirmed());
	assert_true(net_lease(small_card.ticks, &lease));
	assert_memory_equal(&lease, &hint, sizeof(lease));
	small_lan.is_silent = true;
	small_lan_run(50);
	assert_int_equal(small_lan.last.kind, SMALL_LAN_REQUEST);
	assert_int_equal(small_lan.last.requested, hint.address);
	assert_int_equal(small_lan.last.server, 0); /* INIT-REBOOT, RFC 2131 s4.3.2 */
	assert_int_equal(small_lan.last.ciaddr, 0);
	small_lan.is_silent = false;
	small_lan_run(2000);
	assert_true(net_lease_is_confirmed());
	assert_true(net_lease(small_card.ticks, &lease));
	assert_int_equal(lease.address, hint.address);
	assert_true(lease.remaining_seconds > 100);
	assert_int_equal(small_lan.discovers, 0);
	assert_int_equal(small_lan.arp_probes, 0);
	assert_int_equal(net_lease_changes(), 1);
}

static void gives_a_refused_hint_up(void)
{
	small_lan.is_refusing = true;
	assert_int_equal(small_lan_start(&hint), NET_OK);
	small_lan_run(50);
	assert_false(net_is_up());
	assert_int_equal(net_lease_changes(), 1);
	assert_false(net_lease(small_card.ticks, &lease));
	small_lan.is_refusing = false;
	small_lan_run(10000);
	assert_true(net_is_up());
	assert_true(net_lease(small_card.ticks, &lease));
	assert_int_equal(lease.address, SMALL_LAN_NODE);
}

static void keeps_a_hint_for_what_is_left_of_its_lease(void)
{
	small_lan.is_silent = true;
	assert_int_equal(small_lan_start(&hint), NET_OK);
	small_lan_run(29900);
	assert_true(net_is_up());
	assert_false(net_lease_is_confirmed());
	assert_true(small_lan.discovers > 0); /* meanwhile it looks for a server */
	assert_true(net_lease(small_card.ticks, &lease));
	assert_int_equal(lease.remaining_seconds, 0);
	small_lan_run(200);
	assert_false(net_is_up());
	small_lan.is_silent = false;
	small_lan_run(9000);
	assert_true(net_is_up());
}

static void takes_another_address_than_the_hint(void)
{
	small_lan.is_silent = true;
	assert_int_equal(small_lan_start(&hint), NET_OK);
	small_lan_run(5000); /* no one knows the hint any more, and it looks for a server */
	small_lan.is_silent = false;
	small_lan_run(9000);
	assert_true(net_lease(small_card.ticks, &lease));
	assert_int_equal(lease.address, SMALL_LAN_NODE);
	assert_true(net_lease_is_confirmed());
}

static void leaves_a_hint_alone_that_is_none(void)
{
	struct net_lease hints[10];

	for (size_t i = 0; i < 10; i++) {
		hints[i] = hint;
	}
	hints[0].address = 0;
	hints[1].address = UINT32_MAX;
	hints[2].address = 0xe0000001;
	hints[3].address = 0x7f000001;
	hints[4].address = 0x0a0002ff;
	hints[5].address = 0x0a000200;
	hints[6].netmask = 0xff00ff00;
	hints[7].netmask = 0xffffffff;
	hints[8].netmask = 0xfffffffe;
	hints[9].remaining_seconds = 0;
	for (size_t i = 0; i < 10; i++) {
		int status = 0;
		const pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			assert_int_equal(small_lan_start(&hints[i]), NET_OK);
			assert_false(net_is_up());
			small_lan_run(1000);
			assert_int_equal(small_lan.discovers, 1);
			assert_true(net_is_up());
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
}

static void renews_its_lease(void)
{
	come_up();
	small_lan_run(59500);
	assert_int_equal(small_lan.requests, 2);
	assert_int_equal(small_lan.last.to, SMALL_LAN_PEER);
	assert_int_equal(small_lan.last.ciaddr, SMALL_LAN_NODE);
	small_lan_run(1000);
	assert_int_equal(net_lease_changes(), 2);
	assert_true(net_lease(small_card.ticks, &lease));
	assert_true(lease.remaining_seconds >= 117);
	small_lan_run(600000);
	assert_true(net_is_up());
	assert_int_equal(small_lan.discovers, 1);
	assert_true(net_lease_changes() >= 11);
}

static void renews_a_hinted_lease_with_its_server(void)
{
	small_lan.offer = hint.address;
	assert_int_equal(small_lan_start(&hint), NET_OK);
	small_lan_run(1000);
	small_lan_run(59500);
	assert_int_equal(small_lan.last.to, SMALL_LAN_PEER);
	assert_int_equal(small_lan.last.ciaddr, hint.address);
}

static void keeps_its_address_until_the_lease_ends(void)
{
	come_up();
	small_lan.is_silent = true;
	small_lan_run(58000);
	assert_int_equal(small_lan.requests, 1);
	small_lan_run(60000); /* renewing, then rebinding */
	assert_true(net_is_up());
	assert_true(small_lan.requests >= 4);
	assert_int_equal(small_lan.last.to, UINT32_MAX);
	assert_true(net_lease(small_card.ticks, &lease));
	assert_in_range(lease.remaining_seconds, 1, 3);
	small_lan_run(4000);
	assert_false(net_is_up());
	assert_int_equal(net_lease_changes(), 2);
	struct net_counters counters;
	net_counters(&counters);
	assert_int_equal(counters.dhcp_binds, 1);
	assert_int_equal(counters.dhcp_losses, 1);
	small_lan_run(60000);
	small_lan.is_silent = false;
	small_lan_run(9000);
	assert_true(net_is_up());
}

static void counts_a_long_lease_in_seconds(void)
{
	small_lan.lease_seconds = 30 * 86400;
	come_up();
	assert_in_range(lease.remaining_seconds, 30 * 86400 - 3, 30 * 86400);
	small_lan_run(7 * 86400 * 10); /* 7 times 6000 s */
	assert_int_equal(small_lan.requests, 1);
	assert_true(net_is_up());
}

static void takes_a_lease_without_end(void)
{
	small_lan.lease_seconds = UINT32_MAX;
	come_up();
	assert_int_equal(lease.remaining_seconds, UINT32_MAX);
	small_lan_run(200000);
	assert_true(net_is_up());
}

static void follows_the_link(void)
{
	come_up();
	small_card.link_is_up = false;
	small_lan_run(1100);
	assert_false(net_is_up());
	const uint32_t requests = small_lan.requests;
	small_card.link_is_up = true;
	small_lan_run(1100);
	assert_true(net_is_up());
	assert_true(small_lan.requests > requests); /* is the address still ours here? */
}

/* --- datagrams --- */

static uint8_t frame[AETHER_NIC_BUFFER_BYTES];
static uint32_t taken;

static void echo(void *context, uint32_t from, uint16_t from_port, const uint8_t *bytes, size_t count)
{
	assert_ptr_equal(context, &taken);
	assert_int_equal(from, SMALL_LAN_PEER);
	taken++;
	assert_int_equal(net_udp_send(from, from_port, bytes, count), NET_OK);
}

static void receive(size_t bytes)
{
	assert_true(small_card_receive(frame, bytes));
	small_lan_run(20);
}

static void sends_and_receives_datagrams(void)
{
	static uint8_t data[NET_UDP_MAX_BYTES + 1];

	assert_int_equal(net_udp_send(SMALL_LAN_PEER, 9, data, 1), NET_BAD_ARGUMENT);
	come_up();
	assert_int_equal(net_udp_open(7480, echo, &taken), NET_OK);
	assert_int_equal(net_udp_port(), 7480);
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t)(i * 11);
	}
	for (size_t count = 0; count <= NET_UDP_MAX_BYTES; count += 64) {
		receive(small_lan_datagram(frame, 5000, SMALL_LAN_NODE, 7480, data, count));
		small_lan_run(20);
		assert_int_equal(taken, count / 64 + 1);
		assert_int_equal(small_lan.datagrams, taken);
		assert_int_equal(small_lan.data_from_port, 7480);
		assert_int_equal(small_lan.data_port, 5000);
		assert_int_equal(small_lan.data_bytes, count);
		assert_memory_equal(small_lan.data, data, count);
	}
	assert_int_equal(net_udp_send(SMALL_LAN_PEER, 9, data, sizeof(data)), NET_BAD_ARGUMENT);
}

static void opens_its_socket_anew(void)
{
	come_up();
	for (uint16_t port = 1000; port < 1020; port++) {
		assert_int_equal(net_udp_open(port, echo, &taken), NET_OK);
	}
	assert_int_equal(net_udp_open(0, echo, &taken), NET_OK);
	const uint16_t port = net_udp_port();
	assert_true(port >= 0xc000);
	receive(small_lan_datagram(frame, 5000, SMALL_LAN_NODE, 1019, "x", 1));
	assert_int_equal(taken, 0);
	receive(small_lan_datagram(frame, 5000, SMALL_LAN_NODE, port, "x", 1));
	assert_int_equal(taken, 1);
}

static void drops_and_counts_what_is_broken(void)
{
	struct net_counters before;
	struct net_counters after;

	come_up();
	assert_int_equal(net_udp_open(7480, echo, &taken), NET_OK);
	net_counters(&before);
	size_t bytes = small_lan_datagram(frame, 5000, SMALL_LAN_NODE, 7480, "hello", 5);
	frame[bytes - 1] ^= 1;
	receive(bytes); /* the datagram's checksum */
	bytes = small_lan_datagram(frame, 5000, SMALL_LAN_NODE, 7480, "hello", 5);
	frame[14 + 8] ^= 1;
	receive(bytes); /* the header's */
	bytes = small_lan_datagram(frame, 5000, SMALL_LAN_NODE, 7480, "hello", 5);
	receive(bytes - 1); /* cut off */
	receive(small_lan_datagram(frame, 5000, SMALL_LAN_NODE, 7481, "hello", 5));
	receive(small_lan_datagram(frame, 5000, SMALL_LAN_NODE + 1, 7480, "hello", 5));
	net_counters(&after);
	assert_int_equal(after.nic.tx_frames, before.nic.tx_frames); /* none is answered */
	assert_int_equal(taken, 0);
	assert_int_equal(after.drops[NET_DROP_CHECKSUM] - before.drops[NET_DROP_CHECKSUM], 2);
	assert_int_equal(after.drops[NET_DROP_LENGTH] - before.drops[NET_DROP_LENGTH], 1);
	assert_int_equal(after.drops[NET_DROP_PROTOCOL] - before.drops[NET_DROP_PROTOCOL], 1);
	assert_int_equal(after.drops[NET_DROP_OTHER] - before.drops[NET_DROP_OTHER], 1);
	receive(small_lan_datagram(frame, 5000, SMALL_LAN_NODE, 7480, "hello", 5));
	assert_int_equal(taken, 1);
}

static void answers_pings(void)
{
	come_up();
	receive(small_lan_ping(frame, SMALL_LAN_NODE));
	small_lan_run(20);
	assert_int_equal(small_lan.echoes, 1);
	receive(small_lan_ping(frame, UINT32_MAX)); /* not everybody's */
	small_lan_run(20);
	assert_int_equal(small_lan.echoes, 1);
}

/* --- pools --- */

static const struct net_pool *pool(struct net_counters *counters, const char *name)
{
	net_counters(counters);
	for (uint32_t i = 0; i < counters->pool_count; i++) {
		if (strcmp(counters->pools[i].name, name) == 0) {
			return &counters->pools[i];
		}
	}
	fail_msg("no pool %s", name);
	return NULL;
}

static void counts_an_empty_pool(void)
{
	static struct net_counters counters;
	static struct pbuf *held[1000];
	size_t count = 0;

	come_up();
	assert_int_equal(net_udp_open(7480, echo, &taken), NET_OK);
	const uint32_t size = pool(&counters, "PBUF_POOL")->size;
	assert_int_equal(counters.drops[NET_DROP_MEMORY], 0);
	while (count < 1000 && (held[count] = pbuf_alloc(PBUF_RAW, 1, PBUF_POOL)) != NULL) {
		count++;
	}
	assert_int_equal(count, size);
	assert_int_equal(pool(&counters, "PBUF_POOL")->exhausted, 1);
	for (int i = 0; i < 3; i++) {
		receive(small_lan_datagram(frame, 5000, SMALL_LAN_NODE, 7480, "hello", 5));
	}
	assert_int_equal(taken, 0);
	assert_int_equal(pool(&counters, "PBUF_POOL")->exhausted, 4);
	assert_int_equal(pool(&counters, "PBUF_POOL")->used, size);
	assert_int_equal(counters.drops[NET_DROP_MEMORY], 3);
	while (count-- > 0) {
		pbuf_free(held[count]);
	}
	receive(small_lan_datagram(frame, 5000, SMALL_LAN_NODE, 7480, "hello", 5));
	assert_int_equal(taken, 1);
	assert_int_equal(pool(&counters, "PBUF_POOL")->used, 0);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void loses_nothing_over_garbage(void)
{
	static struct net_counters before;
	static struct net_counters after;
	uint32_t seed = 12345;

	come_up();
	assert_int_equal(net_udp_open(7480, echo, &taken), NET_OK);
	net_counters(&before);
	for (uint32_t i = 0; i < 20000; i++) {
		const size_t bytes = 14 + next_random(&seed) % 200;
		small_lan_datagram(frame, 5000, SMALL_LAN_NODE, 7480, small_lan.data, 200);
		for (size_t at = 12 + next_random(&seed) % 60; at < bytes; at++) {
			frame[at] = (uint8_t)next_random(&seed);
		}
		assert_true(small_card_receive(frame, bytes));
		if (i % 50 == 0) {
			small_lan_run(5);
		}
	}
	small_lan_run(5000);
	net_counters(&after);
	for (uint32_t i = 0; i < after.pool_count; i++) {
		assert_int_equal(after.pools[i].used, before.pools[i].used);
	}
	assert_int_equal(after.nic.rx_frames - before.nic.rx_frames, 20000);
	receive(small_lan_datagram(frame, 5000, SMALL_LAN_NODE, 7480, "hello", 5));
	assert_true(taken >= 1);
}

/* --- the card --- */

static void fails_with_a_card_that_lies(void)
{
	come_up();
	small_card.queues[0].used.idx = (uint16_t)(small_card.queues[0].used.idx + 500);
	net_poll(small_card.ticks);
	assert_int_equal(small_card.fails, 1);
	struct net_counters counters;
	net_counters(&counters);
	assert_int_equal(counters.nic.device_errors, 1);
}

static void refuses_cards_that_are_none(void)
{
	struct net_config config = {.nic_kind = AETHER_NIC_NONE, .counter_hz = SMALL_LAN_HZ};

	assert_int_equal(net_start(&config), NET_NO_CARD);
	net_poll(0);
	assert_true(net_wait(0) == UINT64_MAX);
	assert_false(net_is_up());
	assert_int_equal(net_udp_open(1, echo, NULL), NET_NO_CARD);
	config.counter_hz = 0;
	assert_int_equal(net_start(&config), NET_BAD_ARGUMENT);
	memset(small_card.mac, 0, sizeof(small_card.mac));
	assert_int_equal(small_lan_start(NULL), NET_NO_CARD);
}

static void sums_like_rfc_1071(void)
{
	static uint8_t bytes[300];
	uint32_t seed = 99;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(next_random(&seed) | (i % 3 == 0 ? 0xff : 0));
	}
	for (size_t start = 0; start < 17; start++) {
		for (size_t count = 0; count < 280; count++) {
			uint32_t want = 0;
			for (size_t i = 0; i < count; i++) {
				want += (uint32_t)bytes[start + i] << (i % 2 * 8);
			}
			want = (want & 0xffff) + (want >> 16);
			want = (want & 0xffff) + (want >> 16);
			assert_int_equal(net_port_checksum(bytes + start, (int)count), want);
		}
	}
}

#define TEST(name) {#name, alone, NULL, NULL, &(struct body){name}}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gets_an_address),
		TEST(goes_on_looking_for_a_server),
		TEST(uses_a_hint_at_once),
		TEST(gives_a_refused_hint_up),
		TEST(keeps_a_hint_for_what_is_left_of_its_lease),
		TEST(takes_another_address_than_the_hint),
		TEST(leaves_a_hint_alone_that_is_none),
		TEST(renews_its_lease),
		TEST(renews_a_hinted_lease_with_its_server),
		TEST(keeps_its_address_until_the_lease_ends),
		TEST(counts_a_long_lease_in_seconds),
		TEST(takes_a_lease_without_end),
		TEST(follows_the_link),
		TEST(sends_and_receives_datagrams),
		TEST(opens_its_socket_anew),
		TEST(drops_and_counts_what_is_broken),
		TEST(answers_pings),
		TEST(counts_an_empty_pool),
		TEST(loses_nothing_over_garbage),
		TEST(fails_with_a_card_that_lies),
		TEST(refuses_cards_that_are_none),
		TEST(sums_like_rfc_1071),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
