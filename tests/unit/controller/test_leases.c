/* SPDX-License-Identifier: Apache-2.0 */
/* dnsmasq's leases in the store: what its script says, what it reads at its start, what it must not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "leases/leases.h"
#include "unit/controller/small_store.h"

static struct leases_options options;
static struct lease told;
static int told_of;
static bool told_gone;
static char sent_path[256];
static uint64_t sent_bytes;

static void on_lease(void *argument, const struct lease *lease, bool is_gone)
{
	assert_null(argument);
	told = *lease;
	told_gone = is_gone;
	told_of++;
}

static void on_sent(void *argument, struct in_addr client, const char *path, uint64_t bytes)
{
	(void)argument;
	assert_int_equal(client.s_addr, htonl(0x0a4d000b));
	(void)snprintf(sent_path, sizeof(sent_path), "%s", path);
	sent_bytes = bytes;
}

static int start(void **state)
{
	if (small_store_make(state) != 0) {
		return -1;
	}
	options = (struct leases_options){.store = *state, .leased = on_lease, .sent = on_sent, .uid = geteuid()};
	told_of = 0;
	return 0;
}

/* `fields` separates them by '|'. */
static void ask(const char *fields, const char *expected)
{
	char request[LEASES_REQUEST_BYTES];
	const size_t bytes = strlen(fields) + 1;
	struct text answer = {.bytes = NULL};

	memcpy(request, fields, bytes);
	for (char *c = request; (c = strchr(c, '|')) != NULL;) {
		*c++ = '\0';
	}
	leases_answer(&options, request, bytes, &answer);
	assert_non_null(answer.bytes);
	if (expected[strlen(expected) - 1] == '\n') {
		assert_string_equal(answer.bytes, expected);
	} else {
		assert_memory_equal(answer.bytes, expected, strlen(expected));
	}
	text_free(&answer);
}

static void test_lives(void **state)
{
	(void)state;
	ask("action=init", "ok\nend\n");
	ask("action=add|mac=52:54:00:77:00:01|address=10.77.0.11|hostname=node1|client_id=01:52:54|interface=br0|"
	    "expires=4102444800",
	    "ok\n");
	assert_int_equal(told_of, 1);
	assert_int_equal(told.address, 0x0a4d000b);
	assert_string_equal(told.network, "br0");
	assert_false(told_gone);
	ask("action=add|mac=52:54:00:77:00:02|address=10.77.0.12|expires=0", "ok\n");
	ask("action=init", "ok\n4102444800 52:54:00:77:00:01 10.77.0.11 node1 01:52:54\n"
			   "0 52:54:00:77:00:02 10.77.0.12 * *\nend\n");
	/* A renewal, then another machine with the first one's address. */
	ask("action=old|mac=52:54:00:77:00:01|address=10.77.0.11|expires=4102444900", "ok\n");
	ask("action=init", "ok\n4102444900 52:54:00:77:00:01 10.77.0.11 * *\n"
			   "0 52:54:00:77:00:02 10.77.0.12 * *\nend\n");
	ask("action=add|mac=52:54:00:77:00:03|address=10.77.0.11|expires=4102444800", "ok\n");
	ask("action=del|mac=52:54:00:77:00:02|address=10.77.0.12", "ok\n");
	assert_true(told_gone);
	ask("action=init", "ok\n4102444800 52:54:00:77:00:03 10.77.0.11 * *\nend\n");
	/* One that ran out. */
	ask("action=old|mac=52:54:00:77:00:03|address=10.77.0.11|expires=1000", "ok\n");
	ask("action=init", "ok\nend\n");
	ask("action=tftp|address=10.77.0.11|bytes=1234|path=/srv/tftp/aether.img", "ok\n");
	assert_string_equal(sent_path, "/srv/tftp/aether.img");
	assert_int_equal(sent_bytes, 1234);
}

static void see(uint8_t last, uint32_t address, int64_t expires_s)
{
	const struct lease lease = {.mac = {0x52, 0x54, 0, 0x77, 0, last},
				    .address = address,
				    .network = "br0",
				    .expires_ms = expires_s * 1000};

	leases_seen(options.store, &lease);
	ask("action=del|mac=00:00:00:00:00:01|address=10.0.0.1", "ok\n"); /* which is made behind it */
}

/* What was seen on the wire is kept, and takes nothing away from what the script said. */
static void test_seen(void **state)
{
	(void)state;
	see(1, 0x0a4d000b, 4102444800);
	ask("action=init", "ok\n4102444800 52:54:00:77:00:01 10.77.0.11 * *\nend\n");
	ask("action=add|mac=52:54:00:77:00:01|address=10.77.0.11|hostname=node1|client_id=01:52|expires=4102444900",
	    "ok\n");
	see(1, 0x0a4d000b, 4102444800);
	ask("action=init", "ok\n4102444900 52:54:00:77:00:01 10.77.0.11 node1 01:52\nend\n");
	see(1, 0x0a4d000b, 4102445000);
	ask("action=init", "ok\n4102445000 52:54:00:77:00:01 10.77.0.11 node1 01:52\nend\n");
	/* Another address, and another machine with the first one's. */
	see(1, 0x0a4d000c, 4102445000);
	see(2, 0x0a4d000b, 4102445000);
	ask("action=init", "ok\n4102445000 52:54:00:77:00:01 10.77.0.12 * *\n"
			   "4102445000 52:54:00:77:00:02 10.77.0.11 * *\nend\n");
	see(3, 0x0a4d000c, 4102445000);
	ask("action=init", "ok\n4102445000 52:54:00:77:00:02 10.77.0.11 * *\n"
			   "4102445000 52:54:00:77:00:03 10.77.0.12 * *\nend\n");
}

/* A second daemon finds what the first one was told. */
static void test_survives(void **state)
{
	struct fail fail;

	ask("action=add|mac=52:54:00:77:00:01|address=10.77.0.11|expires=4102444800", "ok\n");
	store_close(*state);
	*state = small_store_open(&fail);
	assert_non_null(*state);
	options.store = *state;
	told_of = 0;
	assert_true(leases_tell_all(&options, &fail));
	assert_int_equal(told_of, 1);
	assert_int_equal(told.address, 0x0a4d000b);
	ask("action=init", "ok\n4102444800 52:54:00:77:00:01 10.77.0.11 * *\nend\n");
}

static void test_hostile(void **state)
{
	struct text answer = {.bytes = NULL};

	(void)state;
	ask("", "no an action");
	ask("action=", "no an action");
	ask("action=drop", "no an action");
	ask("action=add", "no no Ethernet MAC");
	ask("action=add|mac=52:54:00:77:00:1|address=10.77.0.11", "no no Ethernet MAC");
	ask("action=add|mac=52:54:00:77:00:01:02|address=10.77.0.11", "no no Ethernet MAC");
	ask("action=add|mac=52-54-00-77-00-01|address=10.77.0.11", "no no Ethernet MAC");
	ask("action=add|mac=52:54:00:77:00:01|address=fe80::1", "no no Ethernet MAC");
	ask("action=add|mac=|address=", "no no Ethernet MAC");
	ask("action=tftp|address=10.77.0.11|bytes=-1|path=a", "no no IPv4");
	ask("action=tftp|address=10.77.0.11|bytes=99999999999999999999|path=a", "no no IPv4");
	leases_answer(&options, "action=init", 11, &answer);
	assert_string_equal(answer.bytes, "no the request is not whole\n");
	text_free(&answer);
	/* Names that would be another line, another field, or dnsmasq's own word. */
	ask("action=add|mac=52:54:00:77:00:01|address=10.77.0.11|hostname=a b|client_id=01 x|expires=4102444800",
	    "ok\n");
	ask("action=add|mac=52:54:00:77:00:02|address=10.77.0.12|hostname=a\nb|client_id=*|expires=4102444800",
	    "ok\n");
	ask("action=add|mac=52:54:00:77:00:03|address=10.77.0.13|hostname=-a|expires=4102444800x|interface=a b",
	    "ok\n");
	ask("action=init",
	    "ok\n4102444800 52:54:00:77:00:01 10.77.0.11 * *\n4102444800 52:54:00:77:00:02 10.77.0.12 * *\n"
	    "0 52:54:00:77:00:03 10.77.0.13 * *\nend\n");
}

/* Over the socket: the thread, its limits, and a request without an end. */
static void test_socket(void **state)
{
	struct fail fail;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char path[sizeof(at.sun_path)];
	char answer[64] = "";

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/lease.sock", small_folder);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	options.path = path;
	struct leases *leases = leases_start(&options, &fail);

	assert_non_null(leases);
	for (int i = 0; i < 2; i++) {
		static char request[LEASES_REQUEST_BYTES] = "action=init";
		const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
		assert_int_equal(send(fd, request, i == 0 ? 12 : sizeof(request), MSG_NOSIGNAL),
				 i == 0 ? 12 : sizeof(request));
		(void)shutdown(fd, SHUT_WR);
		memset(answer, 0, sizeof(answer));
		assert_true(recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) > 0);
		assert_string_equal(answer, i == 0 ? "ok\nend\n" : "no the request is not whole\n");
		assert_int_equal(close(fd), 0);
	}
	leases_stop(leases);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lives, start, small_store_remove),
		cmocka_unit_test_setup_teardown(test_seen, start, small_store_remove),
		cmocka_unit_test_setup_teardown(test_survives, start, small_store_remove),
		cmocka_unit_test_setup_teardown(test_hostile, start, small_store_remove),
		cmocka_unit_test_setup_teardown(test_socket, start, small_store_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
