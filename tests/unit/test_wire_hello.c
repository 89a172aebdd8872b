/* SPDX-License-Identifier: Apache-2.0 */
/* Hellos and their answers: round trips, limits, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/wire_mistakes.h"
#include "unit/wire_samples.h"
#include "wire/ack.h"

static uint8_t bytes[HELLO_MAX_BYTES + 1];
static struct hello hello, decoded;
static struct hello_answer answer, decoded_answer;

static size_t encode(void)
{
	return hello_encode(&hello, bytes, HELLO_MAX_BYTES);
}

static size_t encode_answer(void)
{
	return hello_encode_answer(&answer, bytes, HELLO_ANSWER_MAX_BYTES);
}

static void set_size(size_t size)
{
	bytes[12] = (uint8_t)size;
	bytes[13] = (uint8_t)(size >> 8);
}

static const char *words(size_t size)
{
	static char text[WIRE_ERROR_TEXT_BYTES];
	struct wire_error error;

	return hello_decode(bytes, size, &decoded, &error) ? NULL : wire_error_text(&error, text, sizeof(text));
}

static const char *answer_words(size_t size)
{
	static char text[WIRE_ERROR_TEXT_BYTES];
	struct wire_error error;

	return hello_decode_answer(bytes, size, &decoded_answer, &error) ?
		       NULL :
		       wire_error_text(&error, text, sizeof(text));
}

static void expect_same(void)
{
	const size_t size = encode();

	assert_in_range(size, HELLO_FIXED_BYTES, HELLO_MAX_BYTES);
	assert_null(words(size));
	assert_int_equal(decoded.crash_bytes, hello.crash_bytes);
	if (hello.crash_bytes != 0) {
		assert_in_range(decoded.crash - bytes, HELLO_FIXED_BYTES, size - hello.crash_bytes);
		assert_memory_equal(decoded.crash, hello.crash, hello.crash_bytes);
	}
	decoded.crash = hello.crash;
	assert_memory_equal(&decoded, &hello, sizeof(hello));
	for (size_t room = 0; room < size; room++) {
		assert_int_equal(hello_encode(&hello, bytes, room), 0);
	}
}

static void a_hello_comes_back(void **state)
{
	(void)state;
	sample_hello(&hello);
	expect_same();
}

static void the_longest_hello_fits(void **state)
{
	(void)state;
	sample_hello(&hello);
	memset(hello.board, 'b', sizeof(hello.board) - 1);
	memset(hello.serial, '~', sizeof(hello.serial) - 1);
	memset(hello.core_version, ' ', sizeof(hello.core_version) - 1);
	hello.stage_count = HELLO_STAGE_MAX;
	hello.crash_bytes = HELLO_CRASH_MAX_BYTES;
	print_message("# largest hello: %zu bytes\n", encode());
	expect_same();
	hello.crash_bytes++;
	assert_int_equal(encode(), 0);
	hello.crash_bytes--;
	hello.stage_count++;
	assert_int_equal(encode(), 0);
	hello.stage_count--;
	hello.mac_count++;
	assert_int_equal(encode(), 0);
	hello.mac_count = 0;
	assert_int_equal(encode(), 0);
}

static void the_shortest_hello_comes_back(void **state)
{
	(void)state;
	memset(&hello, 0, sizeof(hello));
	hello.boot_id = 1;
	hello.instance = 1;
	hello.boot_key[0] = 1;
	hello.mac_count = 1;
	hello.cpu_count = 1;
	expect_same();
	hello.crash_streak = 3; /* crashes, and no record that could be read */
	expect_same();
}

/* The hello with the smallest content, and TLVs behind it. */
static size_t with_tlvs(const void *tlvs, size_t count)
{
	memset(&hello, 0, sizeof(hello));
	hello.boot_id = 1;
	hello.instance = 1;
	hello.boot_key[0] = 1;
	hello.mac_count = 1;
	hello.cpu_count = 1;
	const size_t end = encode();
	memcpy(bytes + end, tlvs, count);
	set_size(end + count);
	return end + count;
}

/* With a board, and a TLV that is not known. */
static size_t small_hello(void)
{
	return with_tlvs("\x01\x00\x01\x00x\x63\x00\x00\x00", 9);
}

static void mistakes_of_the_fixed_part_are_named(void **state)
{
	(void)state;
	static const struct wire_mistake cases[] = {
		{0, 1, 'B', "hello: it does not begin as one"},
		{8, 1, 2, "hello: version 2 is not the known version 1"},
		{10, 1, 1, "hello: a reserved field is 1, not zero"},
		{15, 1, 1, "hello: it says 16777427 bytes, 211 were received"},
		{16, 8, 0, "hello boot id is zero"},
		{24, 4, 0, "hello instance is zero"},
		{32, 32, 0, "hello boot key is zero"},
	};

	expect_mistakes(cases, sizeof(cases) / sizeof(cases[0]), bytes, 211, small_hello, words);
	assert_string_equal(words(63), "hello: 63 bytes received, fewer than 64");
	assert_string_equal(words(0), "hello: 0 bytes received, fewer than 64");
	assert_string_equal(words(HELLO_MAX_BYTES + 1), "hello: 17409 bytes, over the limit of 17408");
}

static void mistakes_of_the_fields_are_named(void **state)
{
	(void)state;
	static const struct {
		uint8_t tlv[72];
		size_t count;
		const char *words;
	} cases[] = {
		{{1, 0, 2, 0, 'a', '\n'}, 6, "hello board has a character that is not allowed (10)"},
		{{1, 0, 2, 0, 'a', 0}, 6, "hello board has a character that is not allowed (0)"},
		{{1, 0, 1, 0, 0x7f}, 5, "hello board has a character that is not allowed (127)"},
		{{1, 0, 64, 0}, 68, "hello board has 64 bytes, more than 63"},
		{{2, 0, 1, 0, 0xe4}, 5, "hello serial number has a character that is not allowed (228)"},
		{{2, 0, 64, 0}, 68, "hello serial number has 64 bytes, more than 63"},
		{{3, 0, 6, 0}, 10, "hello MAC addresses is there twice"},
		{{4, 0, 15, 0}, 19, "hello UUID has 15 bytes, fewer than 16"},
		{{5, 0, 48, 0}, 52, "hello machine is there twice"},
		{{6, 0, 32, 0}, 36, "hello core version has 32 bytes, more than 31"},
		{{7, 0, 31, 0}, 35, "hello core build is there twice"},
		{{9, 0, 8, 0}, 12, "hello boot stages is there twice"},
		{{10, 0, 3, 0}, 7, "hello crash record has 3 bytes, fewer than 4"},
		{{10, 0, 4, 0}, 7, "a field of 4 bytes where 3 are left"},
		{{99, 0}, 2, "a field of 4 bytes where 2 are left"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(words(with_tlvs(cases[i].tlv, cases[i].count)), cases[i].words);
	}
}

/* A hello of our making with one TLV only, behind the fixed part. */
static const char *only(const uint8_t *tlv, size_t count)
{
	with_tlvs("", 0);
	if (count != 0) {
		memcpy(bytes + HELLO_FIXED_BYTES, tlv, count);
	}
	set_size(HELLO_FIXED_BYTES + count);
	return words(HELLO_FIXED_BYTES + count);
}

static void what_a_hello_needs_is_needed(void **state)
{
	(void)state;
	static const struct {
		uint8_t type, size, first; /* the rest of it zero */
		const char *words;
	} cases[] = {
		{3, 6, 0, "hello machine is missing"},
		{3, 5, 0, "hello MAC addresses has 5 bytes, fewer than 6"},
		{3, 7, 0, "hello MAC addresses has 7 bytes, more than 24"},
		{3, 30, 0, "hello MAC addresses has 30 bytes, more than 24"},
		{5, 47, 0, "hello machine has 47 bytes, fewer than 48"},
		{5, 48, 0, "hello CPUs is 0, the limit is 1"},
		{5, 48, 9, "hello CPUs is 9, the limit is 8"},
		{9, 136, 0, "hello boot stages has 136 bytes, more than 128"},
		{9, 9, 0, "hello boot stages has 9 bytes, more than 128"},
		{7, 31, 0, "hello core build has 31 bytes, fewer than 32"},
		{8, 31, 0, "hello service has 31 bytes, fewer than 32"},
	};

	assert_string_equal(only(NULL, 0), "hello MAC addresses is missing");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t tlv[256] = {cases[i].type, 0, cases[i].size, 0, cases[i].first};
		assert_string_equal(only(tlv, 4u + cases[i].size), cases[i].words);
	}
	memset(bytes, 0, sizeof(bytes));
	static uint8_t crash[HELLO_CRASH_MAX_BYTES + 9] = {10, 0, 5, 0x40}; /* 4 + 16385 */
	assert_string_equal(only(crash, sizeof(crash)), "hello crash record has 16385 bytes, more than 16384");
}

static void every_cut_of_a_hello_is_refused(void **state)
{
	(void)state;
	size_t taken = 0;

	sample_hello(&hello);
	const size_t size = encode();
	for (size_t cut = 0; cut < size; cut++) {
		set_size(cut);
		taken += words(cut) == NULL; /* behind the machine: five more TLVs follow */
	}
	assert_int_equal(taken, 5);
}

static void an_answer_comes_back(void **state)
{
	(void)state;
	sample_answer(&answer);
	for (int status = HELLO_PENDING; status <= HELLO_REJECTED; status++) {
		answer.status = (enum hello_status)status;
		answer.is_crash_taken = status == HELLO_APPROVED;
		memset(answer.reason, status == HELLO_APPROVED ? 0 : 'r', sizeof(answer.reason) - 1);
		const size_t size = encode_answer();
		assert_in_range(size, HELLO_ANSWER_FIXED_BYTES, HELLO_ANSWER_MAX_BYTES);
		assert_null(answer_words(size));
		assert_memory_equal(&decoded_answer, &answer, sizeof(answer));
		for (size_t room = 0; room < size; room++) {
			assert_int_equal(hello_encode_answer(&answer, bytes, room), 0);
		}
	}
}

static void mistakes_of_an_answer_are_named(void **state)
{
	(void)state;
	static const struct wire_mistake cases[] = {
		{7, 1, 'I', "answer: it does not begin as one"},
		{8, 2, 0, "answer: version 0 is not the known version 1"},
		{10, 1, 3, "answer status is 3, the limit is 2"},
		{12, 1, 0, "answer: it says 0 bytes, 59 were received"},
		{28, 4, 0, "answer retry is 0, the limit is 100"},
		{28, 4, 0xff, "answer retry is 4294967295, the limit is 3600000"},
		{40, 4, 0, "answer interval is 0, the limit is 100"},
		{40, 4, 0xff, "answer interval is 4294967295, the limit is 60000"},
		{44, 2, 0, "answer port is 0, the limit is 1"},
		{50, 1, 8, "a field of 8 bytes where 7 are left"},
		{52, 1, 0x1b, "answer reason has a character that is not allowed (27)"},
	};

	sample_answer(&answer);
	expect_mistakes(cases, sizeof(cases) / sizeof(cases[0]), bytes, 59, encode_answer, answer_words);
	const size_t size = encode_answer();
	memcpy(bytes + size, "\x01\x00\x01\x00y", 5);
	set_size(size + 5);
	assert_string_equal(answer_words(size + 5), "answer reason is there twice");
	bytes[size] = 2; /* not known */
	assert_null(answer_words(size + 5));
	assert_string_equal(answer_words(47), "answer: 47 bytes received, fewer than 48");
	assert_string_equal(answer_words(257), "answer: 257 bytes, over the limit of 256");
}

static void a_firmwares_string_is_made_clean(void **state)
{
	(void)state;
	char text[6];

	hello_clean_string(text, sizeof(text), "a\x01\xff z-more", 9);
	assert_string_equal(text, "a?? z");
	hello_clean_string(text, sizeof(text), "ab\0cd", 5);
	assert_string_equal(text, "ab");
	hello_clean_string(text, sizeof(text), "abcd", 2);
	assert_string_equal(text, "ab");
	hello_clean_string(text, 1, "abcd", 4);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_comes_back),
		cmocka_unit_test(the_longest_hello_fits),
		cmocka_unit_test(the_shortest_hello_comes_back),
		cmocka_unit_test(mistakes_of_the_fixed_part_are_named),
		cmocka_unit_test(mistakes_of_the_fields_are_named),
		cmocka_unit_test(what_a_hello_needs_is_needed),
		cmocka_unit_test(every_cut_of_a_hello_is_refused),
		cmocka_unit_test(an_answer_comes_back),
		cmocka_unit_test(mistakes_of_an_answer_are_named),
		cmocka_unit_test(a_firmwares_string_is_made_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
