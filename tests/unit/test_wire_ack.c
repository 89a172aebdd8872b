/* SPDX-License-Identifier: Apache-2.0 */
/* Acknowledgements and console chunks: round trips, limits, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/wire_samples.h"

enum { FIXED_BYTES = 52 };

static uint8_t bytes[SAMPLE_MAX_BYTES];
static struct ack ack, decoded;
static struct console_chunk chunk, decoded_chunk;

static size_t encode(void)
{
	const size_t size = ack_encode(&ack, bytes, sizeof(bytes));

	assert_in_range(size, FIXED_BYTES + DATAGRAM_TAG_BYTES, ACK_MAX_BYTES);
	return size;
}

static const char *words(size_t size)
{
	static char text[WIRE_ERROR_TEXT_BYTES];
	struct wire_error error;

	return ack_decode(bytes, size, &decoded, &error) ? NULL : wire_error_text(&error, text, sizeof(text));
}

static void an_ack_comes_back(void **state)
{
	(void)state;
	sample_ack(&ack);
	const size_t size = encode();
	print_message("# largest ack: %zu bytes\n", size);
	assert_null(words(size));
	assert_memory_equal(&decoded, &ack, sizeof(ack));
	for (size_t room = 0; room < size; room++) {
		assert_int_equal(ack_encode(&ack, bytes, room), 0);
	}
	assert_int_equal(ack_encode(&ack, bytes, size), size);
}

/* What is not said is not there: generation 0. */
static void each_part_stands_alone(void **state)
{
	(void)state;
	static struct ack full;

	sample_ack(&full);
	for (unsigned int part = 0; part < 8 + 1; part++) {
		memset(&ack, 0, sizeof(ack));
		ack.boot_id = full.boot_id;
		ack.instance = full.instance;
		ack.sequence = full.sequence;
		switch (part) {
		case 0:
			ack.node = full.node;
			break;
		case 5:
			ack.console = full.console;
			break;
		case 6:
			ack.reboot_boot_id = full.reboot_boot_id;
			break;
		case 7:
			ack.service = full.service;
			break;
		case 8:
			break;
		default:
			ack.guests[part - 1] = full.guests[part - 1];
			break;
		}
		assert_null(words(encode()));
		assert_memory_equal(&decoded, &ack, sizeof(ack));
	}
}

/* One TLV, encoded by hand, behind a fixed part. */
static size_t with_tlvs(const void *tlvs, size_t count)
{
	ack = (struct ack){.boot_id = 1, .instance = 1, .sequence = 1};
	const size_t end = encode() - DATAGRAM_TAG_BYTES;
	memcpy(bytes + end, tlvs, count);
	const size_t size = end + count + DATAGRAM_TAG_BYTES;
	bytes[6] = (uint8_t)size;
	bytes[7] = (uint8_t)(size >> 8);
	return size;
}

static void values_outside_their_limits_are_named(void **state)
{
	(void)state;
	static const struct {
		uint8_t tlv[64];
		size_t count;
		const char *words;
	} cases[] = {
		{{1, 0, 7, 0}, 11, "ack node has 7 bytes, fewer than 8"},
		{{1, 0, 8, 0, 0, 0, 0, 0, 100, 0, 0, 0}, 12, "ack node generation is zero"},
		{{1, 0, 8, 0, 1, 0, 0, 0, 99, 0, 0, 0}, 12, "ack interval is 99, the limit is 100"},
		{{1, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0}, 12, "ack interval is 0, the limit is 100"},
		{{1, 0, 8, 0, 1, 0, 0, 0, 0x61, 0xea, 0, 0}, 12, "ack interval is 60001, the limit is 60000"},
		{{2, 0, 43, 0}, 47, "ack guest has 43 bytes, fewer than 44"},
		{{2, 0, 44, 0, 4, 0, 0, 0, 1}, 48, "ack slot is 4, the limit is 3"},
		{{2, 0, 44, 0, 3, 3, 0, 0, 1}, 48, "ack want is 3, the limit is 2"},
		{{2, 0, 44, 0, 3, 2, 4, 0, 1}, 48, "ack place is 4, the limit is 3"},
		{{2, 0, 44, 0, 3, 2, 3, 0, 0}, 48, "ack guest generation is zero"},
		{{3, 0, 39, 0}, 43, "ack console has 39 bytes, fewer than 40"},
		{{3, 0, 40, 0, 1, 0, 0, 0, 16}, 44, "ack console slots is 16, the limit is 15"},
		{{3, 0, 40, 0, 0, 0, 0, 0, 1}, 44, "ack console generation is zero"},
		{{4, 0, 7, 0, 1}, 11, "ack reboot has 7 bytes, fewer than 8"},
		{{4, 0, 8, 0, 0}, 12, "ack reboot boot id is zero"},
		{{5, 0, 47, 0}, 51, "ack service has 47 bytes, fewer than 48"},
		{{5, 0, 48, 0, 1, 0, 0, 0}, 52, "ack service size is 0, the limit is 1"},
		{{5, 0, 48, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1}, 52,
		 "ack service size is 16777217, the limit is 16777216"},
		{{5, 0, 48, 0, 0}, 52, "ack service generation is zero"},
		{{1, 0, 8, 0, 1, 0, 0, 0, 100, 0, 0, 0, 1, 0, 8, 0, 1, 0, 0, 0, 100, 0, 0, 0}, 24,
		 "ack node is there twice"},
		{{4, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 8, 0}, 24, "ack reboot is there twice"},
		{{4, 0, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0}, 12, "a field of 9 bytes where 8 are left"},
		{{4, 0}, 2, "a field of 4 bytes where 2 are left"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(words(with_tlvs(cases[i].tlv, cases[i].count)), cases[i].words);
	}
	uint8_t twice[96] = {2, 0, 44, 0, 1, 1, 0, 0, 1};
	memcpy(twice + 48, twice, 48);
	assert_string_equal(words(with_tlvs(twice, 96)), "ack guest is there twice");
	twice[48 + 4] = 2;
	assert_null(words(with_tlvs(twice, 96)));
}

static void what_is_not_known_is_skipped(void **state)
{
	(void)state;
	static const uint8_t tlvs[] = {0, 0, 1, 0, 9, 6, 0, 0, 0, 0xff, 0xff, 2, 0, 1, 2, 1,
				       0, 9, 0, 7, 0, 0, 0, 100, 0,    0,	  0, 5};

	assert_null(words(with_tlvs(tlvs, sizeof(tlvs))));
	assert_int_equal(decoded.node.generation, 7);
	assert_int_equal(decoded.node.interval_ms, 100);
	assert_int_equal(decoded.flags, 0);
	bytes[48] = 0xfe; /* flags that we do not know */
	assert_null(words(FIXED_BYTES + sizeof(tlvs) + DATAGRAM_TAG_BYTES));
	assert_int_equal(decoded.flags, 0);
}

static void every_cut_of_an_ack_is_refused(void **state)
{
	(void)state;
	sample_ack(&ack);
	const size_t size = encode();
	size_t taken = 0;

	for (size_t cut = 0; cut < size; cut++) {
		bytes[6] = (uint8_t)cut;
		bytes[7] = (uint8_t)(cut >> 8);
		taken += words(cut) == NULL; /* an end between two TLVs is one */
	}
	assert_int_equal(taken, 8);
}

/* --- console --- */

static const char *chunk_words(size_t size)
{
	static char text[WIRE_ERROR_TEXT_BYTES];
	struct wire_error error;

	return console_decode(bytes, size, &decoded_chunk, &error) ? NULL :
								     wire_error_text(&error, text, sizeof(text));
}

static void expect_chunk(enum datagram_type type, uint16_t count)
{
	sample_console(&chunk, type);
	chunk.count = count;
	const size_t size = console_encode(&chunk, bytes, sizeof(bytes));
	assert_int_equal(size, CONSOLE_FIXED_BYTES + count + DATAGRAM_TAG_BYTES);
	assert_null(chunk_words(size));
	assert_int_equal(decoded_chunk.boot_id, chunk.boot_id);
	assert_int_equal(decoded_chunk.instance, chunk.instance);
	assert_int_equal(decoded_chunk.sequence, chunk.sequence);
	assert_int_equal(decoded_chunk.type, type);
	assert_int_equal(decoded_chunk.slot, chunk.slot);
	assert_int_equal(decoded_chunk.offset, chunk.offset);
	assert_int_equal(decoded_chunk.head, chunk.head);
	assert_int_equal(decoded_chunk.count, count);
	assert_memory_equal(decoded_chunk.bytes, chunk.bytes, count);
	for (size_t room = 0; room < size; room++) {
		assert_int_equal(console_encode(&chunk, bytes, room), 0);
	}
}

static void a_chunk_comes_back(void **state)
{
	(void)state;
	expect_chunk(DATAGRAM_CONSOLE_OUTPUT, CONSOLE_OUTPUT_MAX_BYTES);
	expect_chunk(DATAGRAM_CONSOLE_OUTPUT, 1);
	expect_chunk(DATAGRAM_CONSOLE_OUTPUT, 0);
	expect_chunk(DATAGRAM_CONSOLE_INPUT, CONSOLE_INPUT_MAX_BYTES);
	expect_chunk(DATAGRAM_CONSOLE_INPUT, 1);
}

static void a_chunk_over_its_limit_is_not_made(void **state)
{
	(void)state;
	sample_console(&chunk, DATAGRAM_CONSOLE_OUTPUT);
	chunk.count = CONSOLE_OUTPUT_MAX_BYTES + 1;
	assert_int_equal(console_encode(&chunk, bytes, sizeof(bytes)), 0);
	sample_console(&chunk, DATAGRAM_CONSOLE_INPUT);
	chunk.count = CONSOLE_INPUT_MAX_BYTES + 1;
	assert_int_equal(console_encode(&chunk, bytes, sizeof(bytes)), 0);
	chunk.count = 0;
	assert_int_equal(console_encode(&chunk, bytes, sizeof(bytes)), 0);
}

static void each_mistake_of_a_chunk_is_named(void **state)
{
	(void)state;
	sample_console(&chunk, DATAGRAM_CONSOLE_INPUT);
	chunk.count = 10;
	const size_t size = console_encode(&chunk, bytes, sizeof(bytes));
	static const struct {
		size_t at;
		uint8_t value;
		const char *words;
	} cases[] = {
		{32, 4, "console slot is 4, the limit is 3"},
		{34, 0, "console bytes is 0, the limit is 256"},
		{35, 2, "console bytes is 522, the limit is 256"},
		{34, 11, "a field of 11 bytes where 10 are left"},
		{5, DATAGRAM_BEAT, "console: type 1 is not expected"},
		{5, DATAGRAM_ACK, "console: type 129 is not expected"},
		{5, DATAGRAM_CONSOLE_OUTPUT, "console head is 0, the limit is 78187493530"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(chunk_words(size));
		const uint8_t was = bytes[cases[i].at];
		bytes[cases[i].at] = cases[i].value;
		assert_string_equal(chunk_words(size), cases[i].words);
		bytes[cases[i].at] = was;
	}
	memset(bytes + 40, 0xff, 8);
	bytes[40] = 0xf6; /* UINT64_MAX - 9: its tenth byte is behind the last offset */
	assert_string_equal(chunk_words(size),
			    "console offset is 18446744073709551606, the limit is 18446744073709551605");
	bytes[40] = 0xf5;
	assert_null(chunk_words(size));
	bytes[6]--;
	assert_string_equal(chunk_words(size - 1), "a field of 10 bytes where 9 are left");
	bytes[6] = CONSOLE_FIXED_BYTES + DATAGRAM_TAG_BYTES - 1;
	assert_string_equal(chunk_words(CONSOLE_FIXED_BYTES + DATAGRAM_TAG_BYTES - 1),
			    "console: 71 bytes received, fewer than 72");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ack_comes_back),
		cmocka_unit_test(each_part_stands_alone),
		cmocka_unit_test(values_outside_their_limits_are_named),
		cmocka_unit_test(what_is_not_known_is_skipped),
		cmocka_unit_test(every_cut_of_an_ack_is_refused),
		cmocka_unit_test(a_chunk_comes_back),
		cmocka_unit_test(a_chunk_over_its_limit_is_not_made),
		cmocka_unit_test(each_mistake_of_a_chunk_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
