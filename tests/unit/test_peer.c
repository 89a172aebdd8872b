/* SPDX-License-Identifier: Apache-2.0 */
/* netboot/sim/peer: heads of requests, fault rules, consoles whose pieces come in any order, hellos. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/bootinfo.h"
#include "sim/peer/console.h"
#include "sim/peer/event.h"
#include "sim/peer/fault.h"
#include "sim/peer/node.h"
#include "sim/peer/request.h"

static unsigned parse(const char *text, struct request *request)
{
	const size_t bytes = request_head_bytes(text, strlen(text));

	assert_int_equal(bytes, strlen(text));
	return request_parse(text, bytes, request);
}

static void test_request(void **state)
{
	struct request request;

	(void)state;
	assert_int_equal(parse("GET /a HTTP/1.1\r\n\r\n", &request), 0);
	assert_int_equal(request.method, REQUEST_GET);
	assert_string_equal(request.path, "/a");
	assert_false(request.has_range);
	assert_false(request.is_last);
	assert_int_equal(parse("POST /b HTTP/1.1\r\nHost: x\r\ncontent-LENGTH:  17 \r\nConnection: close\r\n\r\n",
			       &request),
			 0);
	assert_int_equal(request.method, REQUEST_POST);
	assert_int_equal(request.content_bytes, 17);
	assert_true(request.is_last);
	assert_int_equal(parse("GET /a HTTP/1.0\r\n\r\n", &request), 0);
	assert_true(request.is_last);
	assert_int_equal(parse("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &request), 0);
	assert_false(request.is_last);
	assert_int_equal(request_head_bytes("GET / HTTP/1.1\r\n\r", 17), 0);
	assert_int_equal(request_head_bytes("", 0), 0);
}

static void test_request_range(void **state)
{
	static const struct {
		const char *range;
		bool is_taken;
		uint64_t first;
		uint64_t last;
	} ranges[] = {
		{"bytes=0-", true, 0, UINT64_MAX},
		{"bytes=10-20", true, 10, 20},
		{"bytes=20-10", false, 0, 0},
		{"bytes=-10", false, 0, 0},
		{"bytes=1-2,4-5", false, 0, 0},
		{"bytes=1234567890123456789-", false, 0, 0},
		{"items=1-", false, 0, 0},
		{"bytes=", false, 0, 0},
		{"bytes=1", false, 0, 0},
	};
	struct request request;
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		(void)snprintf(text, sizeof(text), "GET /a HTTP/1.1\r\nRange: %s\r\n\r\n", ranges[i].range);
		assert_int_equal(parse(text, &request), 0);
		assert_int_equal(request.has_range, ranges[i].is_taken);
		if (ranges[i].is_taken) {
			assert_int_equal(request.range_first, ranges[i].first);
			assert_true(request.range_last == ranges[i].last);
		}
	}
}

static void test_request_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned status;
	} heads[] = {
		{"GET /a HTTP/2.0\r\n\r\n", 505},
		{"GET /a HTTP/1.1x\r\n\r\n", 400},
		{"GET  /a HTTP/1.1\r\n\r\n", 400},
		{"GET a HTTP/1.1\r\n\r\n", 400},
		{"GET http://x/a HTTP/1.1\r\n\r\n", 400},
		{"GET /a\r\n\r\n", 400},
		{" /a HTTP/1.1\r\n\r\n", 400},
		{"PUT /a HTTP/1.1\r\n\r\n", 405},
		{"POST /a HTTP/1.1\r\n\r\n", 411},
		{"GET /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
		{"GET /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
		{"GET /a HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
		{"GET /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
		{"GET /a HTTP/1.1\r\nno colon\r\n\r\n", 400},
		{"GET /a HTTP/1.1\r\nName : x\r\n\r\n", 400},
		{"GET /a HTTP/1.1\r\nName: x\r\n folded\r\n\r\n", 400},
		{"GET /a HTTP/1.1\r\nName: x\ny\r\n\r\n", 400},
		{"GET /a\x7f HTTP/1.1\r\n\r\n", 400},
	};
	struct request request;
	char text[2 * REQUEST_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		if (parse(heads[i].text, &request) != heads[i].status) {
			fail_msg("%s", heads[i].text);
		}
	}
	(void)snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\n\r\n", (int)REQUEST_PATH_MAX, 1);
	assert_int_equal(parse(text, &request), 414);
}

/* Every byte of a good head replaced by every other: nothing but the sanitizers looks. */
static void test_request_bytes(void **state)
{
	static const char good[] = "POST /v1/hello HTTP/1.1\r\nContent-Length: 12\r\nRange: bytes=1-2\r\n\r\n";
	struct request request;
	unsigned taken = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		for (unsigned value = 0; value < 256; value++) {
			/* Of exactly that size, so that a read behind it is seen. */
			char *text = malloc(sizeof(good) - 1);

			memcpy(text, good, sizeof(good) - 1);
			text[i] = (char)value;
			taken += request_parse(text, sizeof(good) - 1, &request) == 0;
			free(text);
		}
	}
	assert_true(taken > sizeof(good));
}

static void test_faults(void **state)
{
	struct fault_rules rules = {.count = 0};
	static const char *const bad[] = {"", "cut", "cut x", "cut 1 2", "redirect 1", "nonsense", "flip 1 count=-1",
					  "flip 1 colour=red", "none 1"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(fault_add(&rules, bad[i]));
	}
	assert_true(fault_add(&rules, "flip 100"));
	assert_true(fault_add(&rules, "cut 10 count=2"));
	assert_true(fault_add(&rules, "status 500 path=/v1/hello count=0"));
	assert_int_equal(fault_take(&rules, "/v1/manifests/x", 0, 1000).kind, FAULT_NONE);
	/* Its byte is not asked for, so the next rule takes its turn. */
	assert_int_equal(fault_take(&rules, "/v1/blobs/x", 0, 10).kind, FAULT_NONE);
	assert_int_equal(fault_take(&rules, "/v1/blobs/x", 0, 100).kind, FAULT_CUT);
	assert_int_equal(fault_take(&rules, "/v1/blobs/x", 0, 101).kind, FAULT_FLIP);
	assert_int_equal(fault_take(&rules, "/v1/blobs/x", 0, 101).kind, FAULT_CUT);
	assert_int_equal(fault_take(&rules, "/v1/blobs/x", 0, 101).kind, FAULT_NONE);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fault_take(&rules, "/v1/hello", 0, 0).kind, FAULT_STATUS);
	}
	assert_true(fault_add(&rules, "none"));
	assert_int_equal(fault_take(&rules, "/v1/hello", 0, 0).kind, FAULT_NONE);
	for (unsigned i = 0; i < FAULT_RULES_MAX; i++) {
		assert_true(fault_add(&rules, "redirect"));
	}
	assert_false(fault_add(&rules, "redirect"));
}

#define TEXT_BYTES 5000u

/* Pieces in random order, some of them often, over random cuts: the file is the text. */
static void test_console_order(void **state)
{
	static char path[] = "/tmp/test_peer.XXXXXX";
	static struct console console;
	uint8_t text[TEXT_BYTES];
	uint8_t file[TEXT_BYTES];

	(void)state;
	(void)close(mkstemp(path));
	for (unsigned round = 0; round < 50; round++) {
		console_open(&console, path);
		for (size_t i = 0; i < TEXT_BYTES; i++) {
			text[i] = (uint8_t)random();
		}
		for (unsigned i = 0; console.have < TEXT_BYTES; i++) {
			/* Like a node, mostly near what is missing. */
			const uint64_t near = console.have > 300 ? console.have - 300 : 0;
			const uint64_t offset = ((uint64_t)random() % 1500 + near) % TEXT_BYTES;
			const uint64_t left = TEXT_BYTES - offset;
			const uint64_t count = (uint64_t)random() % 400 % (left + 1);
			const struct console_chunk chunk = {
				.offset = offset, .count = (uint16_t)count, .head = TEXT_BYTES, .bytes = text + offset};

			assert_true(i < 100000);
			console_output(&console, &chunk, "test");
		}
		assert_int_equal(pread(console.fd, file, sizeof(file), 0), TEXT_BYTES);
		assert_memory_equal(file, text, TEXT_BYTES);
		assert_int_equal(console.differing, 0);
		assert_int_equal(console.holes, 0);
		assert_int_equal(console.ahead_count, 0);
		console_close(&console);
	}
	(void)unlink(path);
}

static void test_console_differs(void **state)
{
	static char path[] = "/tmp/test_peer.XXXXXX";
	static struct console console;
	struct console_chunk chunk = {.offset = 0, .count = 4, .head = 4, .bytes = (const uint8_t *)"abcd"};

	(void)state;
	(void)close(mkstemp(path));
	console_open(&console, path);
	console_output(&console, &chunk, "test");
	chunk.bytes = (const uint8_t *)"abXd";
	console_output(&console, &chunk, "test");
	assert_int_equal(console.have, 4);
	assert_int_equal(console.repeated, 4);
	assert_int_equal(console.differing, 1);
	/* It cannot be: more than the guest has written, and an offset that wraps. */
	chunk.head = 3;
	console_output(&console, &chunk, "test");
	chunk.offset = UINT64_MAX - 1;
	chunk.head = UINT64_MAX;
	console_output(&console, &chunk, "test");
	assert_int_equal(console.repeated, 4);
	assert_int_equal(console.ahead_count, 0);
	console_close(&console);
	(void)unlink(path);
}

static void test_console_hole(void **state)
{
	static struct console console;
	const struct console_chunk chunk = {.offset = AETHER_CONSOLE_RING_BYTES + 100,
					    .count = 4,
					    .head = 2 * AETHER_CONSOLE_RING_BYTES + 50,
					    .bytes = (const uint8_t *)"abcd"};

	(void)state;
	console_open(&console, NULL);
	console_output(&console, &chunk, "test");
	assert_int_equal(console.have, 0);
	assert_false(console_expire(&console, "test"));
	(void)usleep(450000);
	assert_true(console_expire(&console, "test"));
	assert_int_equal(console.holes, chunk.offset);
	assert_int_equal(console.have, chunk.offset + 4);
	assert_false(console_expire(&console, "test"));
}

static void test_console_input(void **state)
{
	static struct console console;
	static const uint8_t much[CONSOLE_INPUT_ROOM];

	(void)state;
	console_open(&console, NULL);
	console_input_due(&console, 1000);
	assert_true(console_input_add(&console, (const uint8_t *)"abcdef", 6));
	console_input_due(&console, 1002);
	assert_int_equal(console.input_bytes, 4);
	assert_memory_equal(console.input, "cdef", 4);
	/* An old beat. */
	console_input_due(&console, 1001);
	assert_int_equal(console.input_due, 1002);
	assert_int_equal(console.input_bytes, 4);
	assert_false(console_input_add(&console, much, sizeof(much)));
	assert_true(console_input_add(&console, much, sizeof(much) - 4));
	console_input_due(&console, 1000000);
	assert_int_equal(console.input_bytes, 0);
}

static size_t make_hello(uint64_t boot_id, uint8_t key, uint8_t mac, uint8_t *bytes, size_t size)
{
	struct hello hello = {
		.boot_id = boot_id,
		.instance = 1,
		.board = "a,board",
		.serial = "SN 42",
		.mac_count = 1,
		.cpu_count = 1,
		.gic_version = 2,
	};

	hello.boot_key[0] = key;
	hello.macs[0][5] = mac;
	const size_t count = hello_encode(&hello, bytes, size);

	assert_int_not_equal(count, 0);
	return count;
}

static struct hello_answer say(struct nodes *nodes, uint64_t boot_id, uint8_t key, uint8_t mac)
{
	const struct sockaddr_in from = {.sin_family = AF_INET};
	uint8_t bytes[HELLO_MAX_BYTES];
	uint8_t reply[HELLO_ANSWER_MAX_BYTES];
	struct hello_answer answer;
	struct wire_error error;
	const size_t count = make_hello(boot_id, key, mac, bytes, sizeof(bytes));
	const size_t got = node_hello(nodes, bytes, count, &from, reply, sizeof(reply));

	assert_int_not_equal(got, 0);
	assert_true(hello_decode_answer(reply, got, &answer, &error));
	assert_int_equal(answer.boot_id, boot_id);
	return answer;
}

static void test_hello(void **state)
{
	static struct nodes nodes;
	static struct catalog catalog;
	const struct sockaddr_in from = {.sin_family = AF_INET};
	uint8_t reply[HELLO_ANSWER_MAX_BYTES];

	(void)state;
	memset(&nodes, 0, sizeof(nodes));
	nodes.catalog = &catalog;
	nodes.approval = APPROVE_AFTER;
	nodes.approve_after = 2;
	nodes.interval_ms = 1000;
	nodes.retry_ms = 1000;
	nodes.udp_port = 7480;
	assert_int_equal(say(&nodes, 1, 1, 1).status, HELLO_PENDING);
	assert_int_equal(say(&nodes, 1, 1, 1).status, HELLO_APPROVED);
	/* Another key for the same boot, then the right one again. */
	assert_int_equal(say(&nodes, 1, 2, 1).status, HELLO_REJECTED);
	assert_int_equal(say(&nodes, 1, 1, 1).status, HELLO_APPROVED);
	/* The next boot of a node that was approved. */
	assert_int_equal(say(&nodes, 2, 2, 1).status, HELLO_APPROVED);
	assert_int_equal(nodes.nodes[0].boots, 2);
	assert_int_equal(node_hello(&nodes, (const uint8_t *)"nonsense", 8, &from, reply, sizeof(reply)), 0);
	for (unsigned i = 2; i <= NODES_MAX; i++) {
		assert_int_equal(say(&nodes, 100 + i, 1, (uint8_t)i).status, HELLO_PENDING);
	}
	assert_int_equal(say(&nodes, 1000, 1, NODES_MAX + 1).status, HELLO_REJECTED);
	assert_null(node_find_boot(&nodes, 1));
	assert_non_null(node_find_boot(&nodes, 2));
}

static void test_hello_event(void **state)
{
	static struct nodes nodes;
	static struct catalog catalog;
	char line[512] = "";
	FILE *file = tmpfile();
	const int output = dup(STDOUT_FILENO);

	(void)state;
	memset(&nodes, 0, sizeof(nodes));
	nodes.catalog = &catalog;
	nodes.interval_ms = 1000;
	nodes.retry_ms = 1000;
	nodes.udp_port = 7480;
	assert_non_null(file);
	assert_int_equal(fflush(stdout), 0);
	assert_int_equal(dup2(fileno(file), STDOUT_FILENO), STDOUT_FILENO);
	say(&nodes, 1, 1, 1);
	(void)fflush(stdout);
	assert_int_equal(dup2(output, STDOUT_FILENO), STDOUT_FILENO);
	close(output);
	rewind(file);
	assert_true(fread(line, 1, sizeof(line) - 1, file) > 0);
	assert_non_null(strstr(line, " hello node="));
	assert_non_null(strstr(line, " board=\"a,board\" serial=\"SN 42\" cpus=1 "));
	fclose(file);
}

static void test_seed(void **state)
{
	static struct node node;
	struct beat beat = {.node_generation = 7};

	(void)state;
	beat.guests[1].generation = 9;
	beat.guests[1].restart_generation = 4;
	node_seed(&node, &beat);
	assert_int_equal(node.want.generation, 8);
	assert_int_equal(node.guests[1].generation, 10);
	/* A controller that comes back restarts nobody. */
	assert_int_equal(node.guests[1].restart_generation, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_request_range),
		cmocka_unit_test(test_request_refused),
		cmocka_unit_test(test_request_bytes),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_console_order),
		cmocka_unit_test(test_console_differs),
		cmocka_unit_test(test_console_hole),
		cmocka_unit_test(test_console_input),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_hello_event),
		cmocka_unit_test(test_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
