/* SPDX-License-Identifier: Apache-2.0 */
/* Frames, DHCP and TFTP as the observer reads them: whole, cut off behind every byte, and lying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "observe/dhcp.h"
#include "observe/frame.h"
#include "observe/rival.h"
#include "observe/tftp.h"
#include "unit/controller/small_wire.h"

#define OF(array) (array), sizeof(array)

static void parse(struct wire_frame *wire, struct dhcp *dhcp)
{
	struct frame frame;

	assert_true(frame_parse(wire->bytes, wire->count, &frame));
	assert_true(dhcp_parse(frame.payload, frame.bytes, dhcp));
}

static void test_frame(void **state)
{
	struct wire_frame wire;
	struct frame frame;

	(void)state;
	wire_udp(&wire, 0, WIRE_NODE, 1024, WIRE_SERVER, 69, "abcd", 4);
	assert_true(frame_parse(wire.bytes, wire.count, &frame));
	assert_memory_equal(frame.from_mac, wire_mac, 6);
	assert_int_equal(frame.from, WIRE_NODE);
	assert_int_equal(frame.to_port, 69);
	assert_int_equal(frame.bytes, 4);
	assert_memory_equal(frame.payload, "abcd", 4);
	wire.bytes[14 + 6] = 0x20; /* more fragments, and the first of them */
	assert_true(frame_parse(wire.bytes, wire.count, &frame));
	wire.bytes[14 + 7] = 1;
	assert_false(frame_parse(wire.bytes, wire.count, &frame));
	wire_udp(&wire, 7, WIRE_NODE, 1024, WIRE_SERVER, 69, "abcd", 4);
	assert_true(frame_parse(wire.bytes, wire.count, &frame));
	assert_int_equal(frame.vlan, 7);
	assert_memory_equal(frame.payload, "abcd", 4);
	/* Options of IPv4 before UDP. */
	wire_udp(&wire, 0, WIRE_NODE, 1024, WIRE_SERVER, 69, "\0\0\0\0abcd", 8);
	memmove(wire.bytes + 38, wire.bytes + 34, 8);
	wire.bytes[14] = 0x46;
	wire.bytes[38 + 5] = 12;
	assert_true(frame_parse(wire.bytes, wire.count, &frame));
	assert_memory_equal(frame.payload, "abcd", 4);
}

static void test_frame_lies(void **state)
{
	struct wire_frame wire;
	struct frame frame;

	(void)state;
	wire_udp(&wire, 0, WIRE_NODE, 1024, WIRE_SERVER, 69, "abcd", 4);
	for (size_t count = 0; count <= wire.count; count++) {
		uint8_t *copy = malloc(count);

		memcpy(copy, wire.bytes, count);
		assert_int_equal(frame_parse(copy, count, &frame), count >= 42);
		assert_true(count < 42 || frame.bytes == count - 42);
		free(copy);
	}
	const struct {
		size_t at;
		uint8_t value;
	} lies[] = {{12, 0x86}, {14, 0x65}, {14, 0x44}, {14, 0x4f}, {23, 6}, {17, 27}, {39, 7}, {39, 13}, {38, 1}};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		wire_udp(&wire, 0, WIRE_NODE, 1024, WIRE_SERVER, 69, "abcd", 4);
		wire.bytes[lies[i].at] = lies[i].value;
		assert_false(frame_parse(wire.bytes, wire.count, &frame));
	}
}

static void test_uboot(void **state)
{
	static const uint8_t options[] = {
		60, 12, 'U', '-', 'B', 'o', 'o', 't', '.', 'a', 'r', 'm', 'v', '8', 93,	 2,  0,	 0x16, 97,  17,	  0,
		1,  2,	3,   4,	  5,   6,   7,	 8,   9,   10,	11,  12,  13,  14,  15,	 16, 12, 4,    'a', '\n', 'b',
		0,  50, 4,   10,  77,  0,   11,	 82,  10,  1,	4,   'e', 't', 'h', '0', 2,  2,	 0xab, 0xcd};
	struct wire_frame wire;
	struct dhcp dhcp;

	(void)state;
	wire_dhcp(&wire, DHCP_DISCOVER, 0, OF(options));
	parse(&wire, &dhcp);
	assert_false(dhcp.is_reply);
	assert_int_equal(dhcp.kind, DHCP_DISCOVER);
	assert_int_equal(dhcp.xid, 0x12345678);
	assert_memory_equal(dhcp.mac, wire_mac, 6);
	assert_string_equal(dhcp.vendor_class, "U-Boot.armv8");
	assert_int_equal(dhcp.arch, DHCP_ARCH_UBOOT_ARM64);
	assert_true(dhcp.has_uuid);
	assert_int_equal(dhcp.uuid[15], 16);
	assert_string_equal(dhcp.hostname, "a?b");
	assert_int_equal(dhcp.requested, WIRE_NODE);
	assert_string_equal(dhcp.circuit, "eth0/abcd");
	assert_false(dhcp_is_pi(&dhcp));
}

static void test_pi(void **state)
{
	/* Of a Pi 4B: board 0xc03112, MAC dc:a6:32:a7:ed:89. */
	static const uint8_t pi4[] = {93,   2,	  0, 0,	   97,	 17,   0,    0x52, 0x50, 0x69, 0x34, 0x12,
				      0x31, 0xc0, 0, 0x32, 0xa7, 0xed, 0x89, 0x9d, 0x6e, 0xef, 0xe5};
	static const uint8_t old_pi[] = "\135\2\0\0\74\40PXEClient:Arch:00000:UNDI:002001";
	static const uint8_t pc[] = {93, 2, 0, 0, 97, 17, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	struct wire_frame wire;
	struct dhcp dhcp;

	(void)state;
	wire_dhcp(&wire, DHCP_DISCOVER, 0, OF(pi4));
	parse(&wire, &dhcp);
	assert_true(dhcp_is_pi(&dhcp));
	wire_dhcp(&wire, DHCP_DISCOVER, 0, OF(pc));
	parse(&wire, &dhcp);
	assert_false(dhcp_is_pi(&dhcp));
	wire_dhcp(&wire, DHCP_DISCOVER, 0, old_pi, sizeof(old_pi) - 1);
	parse(&wire, &dhcp);
	assert_false(dhcp_is_pi(&dhcp));
	memcpy(wire_payload(&wire) + 28, "\xb8\x27\xeb\x01\x02\x03", 6);
	parse(&wire, &dhcp);
	assert_true(dhcp_is_pi(&dhcp));
	dhcp.arch = DHCP_ARCH_UBOOT_ARM64; /* U-Boot on the same board */
	assert_false(dhcp_is_pi(&dhcp));
}

static void test_overload(void **state)
{
	static const uint8_t both[] = {52, 1, 3};
	static const uint8_t again[] = {52, 1, 3, 67, 1, 'f', 255};
	struct wire_frame wire;
	struct dhcp dhcp;

	(void)state;
	wire_dhcp(&wire, DHCP_OFFER, WIRE_NODE, both, 0);
	memcpy(wire_payload(&wire) + 108, "aether.img", 11);
	parse(&wire, &dhcp);
	assert_string_equal(dhcp.boot_file, "aether.img");
	assert_int_equal(dhcp.yours, WIRE_NODE);
	memset(wire_payload(&wire) + 108, 'x', 128); /* without a NUL */
	parse(&wire, &dhcp);
	assert_int_equal(strlen(dhcp.boot_file), 127);
	wire_dhcp(&wire, DHCP_OFFER, WIRE_NODE, OF(both));
	memcpy(wire_payload(&wire) + 108, OF(again));
	memcpy(wire_payload(&wire) + 44, "\066\4\12\115\0\1", 6); /* option 54; the field ends in pads */
	parse(&wire, &dhcp);
	assert_string_equal(dhcp.boot_file, "f");
	assert_int_equal(dhcp.server, WIRE_SERVER);
}

static void test_dhcp_lies(void **state)
{
	static const uint8_t options[] = {12, 3, 'a', 'b', 'c', 93,  1,	 0, 50, 3, 1,	2,  3,	 97, 3,
					  0,  1, 2,   53,  1,	200, 82, 3, 1,	9, 'x', 60, 200, 'y'};
	struct wire_frame wire;
	struct dhcp dhcp;

	(void)state;
	wire_dhcp(&wire, DHCP_REQUEST, 0, OF(options));
	for (size_t count = 0; count <= wire.count - 42; count++) {
		uint8_t *copy = malloc(count);

		memcpy(copy, wire_payload(&wire), count);
		assert_int_equal(dhcp_parse(copy, count, &dhcp), count >= 236);
		free(copy);
	}
	assert_int_equal(dhcp.kind, DHCP_BOOTP); /* 200 is none */
	assert_int_equal(dhcp.arch, DHCP_NO_ARCH);
	assert_int_equal(dhcp.requested, 0);
	assert_false(dhcp.has_uuid);
	assert_string_equal(dhcp.hostname, "abc");
	assert_string_equal(dhcp.circuit, "");
	assert_string_equal(dhcp.vendor_class, "");
	const size_t fields[] = {0, 1, 2, 28};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		wire_dhcp(&wire, DHCP_REQUEST, 0, OF(options));
		wire_payload(&wire)[fields[i]] = 9;
		assert_false(dhcp_parse(wire_payload(&wire), wire.count - 42, &dhcp));
	}
}

static void test_tftp(void **state)
{
	static const uint8_t read[] = "\0\1aether.img\0octet\0tsize\0"
				      "0\0BLKSIZE\0"
				      "1468\0bad\0";
	static const uint8_t oack[] = "\0\6blksize\0"
				      "1468\0tsize\0"
				      "12345678901\0";
	static const uint8_t error[] = "\0\5\0\1file \1 not found";
	struct tftp tftp;

	(void)state;
	assert_true(tftp_parse(OF(read), &tftp));
	assert_int_equal(tftp.kind, TFTP_READ);
	assert_string_equal(tftp.text, "aether.img");
	assert_int_equal(tftp.block_bytes, 1468);
	assert_true(tftp.has_size);
	for (size_t count = 0; count < sizeof(read); count++) {
		uint8_t *copy = malloc(count);

		memcpy(copy, read, count);
		assert_int_equal(tftp_parse(copy, count, &tftp), count >= 19); /* name and mode are whole */
		free(copy);
	}
	assert_true(tftp_parse(OF(oack), &tftp));
	assert_int_equal(tftp.size, 12345678901);
	assert_true(tftp_parse(error, sizeof(error) - 1, &tftp));
	assert_int_equal(tftp.error, 1);
	assert_string_equal(tftp.text, "file ? not found");
	assert_true(tftp_parse((const uint8_t *)"\0\4\1\2", 4, &tftp));
	assert_int_equal(tftp.block, 0x102);
	assert_false(tftp_parse((const uint8_t *)"\0\7\0\0", 4, &tftp));
	assert_false(tftp_parse((const uint8_t *)"\0\1\0octet\0", 9, &tftp));
}

static void test_rival(void **state)
{
	static const uint8_t options[] = {54, 4, 192, 168, 1, 1};
	uint8_t frame[RIVAL_FRAME_BYTES];
	const size_t count = rival_discover(frame, wire_mac, 0x12345678);
	struct wire_frame wire;
	struct frame parsed;
	struct dhcp dhcp;
	struct rival rival;
	struct fail fail;

	(void)state;
	assert_true(frame_parse(frame, count, &parsed));
	assert_int_equal(parsed.to, UINT32_MAX);
	assert_int_equal(parsed.to_port, DHCP_SERVER_PORT);
	assert_true(dhcp_parse(parsed.payload, parsed.bytes, &dhcp));
	assert_int_equal(dhcp.kind, DHCP_DISCOVER);
	assert_int_equal(dhcp.xid, 0x12345678);
	assert_false(rival_is_answer(frame, count, wire_mac, 0x12345678, &rival));
	wire_dhcp(&wire, DHCP_OFFER, WIRE_NODE, OF(options));
	assert_true(rival_is_answer(wire.bytes, wire.count, wire_mac, 0x12345678, &rival));
	assert_int_equal(rival.address, 0xc0a80101);
	assert_memory_equal(rival.mac, wire_server_mac, 6);
	assert_false(rival.is_here);
	assert_false(rival_refuse("br0", &rival, &fail));
	assert_non_null(strstr(fail.text, "192.168.1.1 (MAC 02:00:00:00:00:fe)"));
	assert_false(rival_is_answer(wire.bytes, wire.count, wire_mac, 0x12345679, &rival));
	assert_false(rival_is_answer(wire.bytes, wire.count, wire_server_mac, 0x12345678, &rival));
	wire_dhcp(&wire, DHCP_NAK, 0, OF(options));
	assert_false(rival_is_answer(wire.bytes, wire.count, wire_mac, 0x12345678, &rival));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame), cmocka_unit_test(test_frame_lies), cmocka_unit_test(test_uboot),
		cmocka_unit_test(test_pi),    cmocka_unit_test(test_overload),	 cmocka_unit_test(test_dhcp_lies),
		cmocka_unit_test(test_tftp),  cmocka_unit_test(test_rival),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
