/* SPDX-License-Identifier: Apache-2.0 */
/* What all datagrams share: header, tag, replay check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/wire_mistakes.h"
#include "unit/wire_samples.h"
#include "wire/replay.h"
#include "wire/tlv.h"

static uint8_t bytes[SAMPLE_MAX_BYTES];

static const char *header_words(size_t size)
{
	static char text[WIRE_ERROR_TEXT_BYTES];
	struct datagram_header header;
	struct wire_error error;

	return datagram_decode_header(bytes, size, &header, &error) ? NULL :
								      wire_error_text(&error, text, sizeof(text));
}

static size_t make(const char *name)
{
	for (size_t i = 0; i < sample_count; i++) {
		if (strcmp(samples[i].name, name) == 0) {
			return samples[i].make(bytes);
		}
	}
	fail_msg("no sample %s", name);
	return 0;
}

static void a_header_is_read(void **state)
{
	(void)state;
	struct datagram_header header;
	struct wire_error error;
	const size_t size = make("ack");

	assert_true(datagram_decode_header(bytes, size, &header, &error));
	assert_int_equal(header.type, DATAGRAM_ACK);
	assert_int_equal(header.boot_id, SAMPLE_BOOT_ID);
	assert_int_equal(header.instance, SAMPLE_INSTANCE);
	assert_int_equal(header.sequence, 0x1112131415161718);
}

static size_t small_ack(void)
{
	return make("ack-small");
}

static void each_mistake_of_a_header_is_named(void **state)
{
	(void)state;
	static const struct wire_mistake cases[] = {
		{0, 1, 0x40, "datagram: it does not begin as one"},
		{4, 1, 2, "datagram: version 2 is not the known version 1"},
		{4, 1, 0, "datagram: version 0 is not the known version 1"},
		{5, 1, 0x00, "datagram: type 0 is not expected"},
		{5, 1, 0x03, "datagram: type 3 is not expected"},
		{5, 1, 0xff, "datagram: type 255 is not expected"},
		{6, 2, 0x00, "datagram: it says 0 bytes, 68 were received"},
		{6, 1, 0x45, "datagram: it says 69 bytes, 68 were received"},
		{8, 8, 0, "datagram boot id is zero"},
		{16, 4, 0, "datagram instance is zero"},
		{20, 1, 1, "datagram: a reserved field is 1, not zero"},
		{24, 8, 0, "datagram sequence is zero"},
	};

	expect_mistakes(cases, sizeof(cases) / sizeof(cases[0]), bytes, 68, small_ack, header_words);
	const size_t size = small_ack();
	assert_null(header_words(size));
	assert_string_equal(header_words(47), "datagram: 47 bytes received, fewer than 48");
	assert_string_equal(header_words(0), "datagram: 0 bytes received, fewer than 48");
	assert_string_equal(header_words(size - 1), "datagram: it says 68 bytes, 67 were received");
	assert_string_equal(header_words(1281), "datagram: 1281 bytes, over the limit of 1280");
}

/* RFC 4231, cases 1, 2 and 4: keys of up to 32 bytes, which HMAC fills up with zeros itself. */
static void hmac_is_the_standards(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		size_t key_bytes;
		const char *data;
		const char *mac;
	} cases[] = {
		{"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", 20, "Hi There",
		 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"Jefe", 4, "what do ya want for nothing?",
		 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19",
		 25,
		 "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"
		 "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd",
		 "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t key[SEAL_KEY_BYTES] = {0};
		uint8_t mac[32];
		char hex[65];
		memcpy(key, cases[i].key, cases[i].key_bytes);
		seal_hmac(key, cases[i].data, strlen(cases[i].data), mac);
		for (size_t n = 0; n < sizeof(mac); n++) {
			snprintf(hex + 2 * n, 3, "%02x", mac[n]);
		}
		assert_string_equal(hex, cases[i].mac);
	}
}

static void an_instances_key_is_derived(void **state)
{
	(void)state;
	static const uint8_t boot_key[SEAL_KEY_BYTES] = {1, 2, 3};
	uint8_t one[SEAL_KEY_BYTES], two[SEAL_KEY_BYTES], want[32];

	seal_derive(boot_key, 0x04030201, one);
	seal_hmac(boot_key, "aether instance\x01\x02\x03\x04", 19, want);
	assert_memory_equal(one, want, sizeof(one));
	seal_derive(boot_key, 0x04030202, two);
	assert_memory_not_equal(one, two, sizeof(one));
}

/* Also a bit of the tag itself; a key of another instance; a length that is not the datagram's. */
static void every_flipped_bit_breaks_the_tag(void **state)
{
	(void)state;
	struct seal_key key, other;
	uint8_t other_key[SEAL_KEY_BYTES];
	const size_t size = make("beat-1");

	sample_key(&key);
	assert_true(seal_check(&key, bytes, size));
	for (size_t bit = 0; bit < 8 * size; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(seal_check(&key, bytes, size));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t cut = 0; cut < size; cut++) {
		assert_false(seal_check(&key, bytes, cut));
	}
	memset(other_key, 0, sizeof(other_key));
	seal_set_key(&other, other_key);
	assert_false(seal_check(&other, bytes, size));
	assert_true(seal_check(&key, bytes, size));
}

static bool accept(struct replay *replay, uint32_t instance, uint64_t sequence, bool *is_newest)
{
	const struct datagram_header header = {.instance = instance, .sequence = sequence};

	return replay_accept(replay, &header, is_newest);
}

static void a_window_takes_each_once(void **state)
{
	(void)state;
	struct replay replay = {0};
	bool is_newest;

	assert_true(accept(&replay, 1, 100, &is_newest) && is_newest);
	assert_false(accept(&replay, 1, 100, &is_newest));
	assert_true(accept(&replay, 1, 99, &is_newest) && !is_newest);
	assert_false(accept(&replay, 1, 99, &is_newest));
	assert_true(accept(&replay, 1, 37, &is_newest)); /* 63 behind: the last place */
	assert_false(accept(&replay, 1, 37, &is_newest));
	assert_false(accept(&replay, 1, 36, &is_newest));
	assert_true(accept(&replay, 1, 163, &is_newest) && is_newest); /* 100 is now the last place */
	assert_false(accept(&replay, 1, 100, &is_newest));
	assert_true(accept(&replay, 1, 101, &is_newest));
	assert_true(accept(&replay, 1, UINT64_MAX, &is_newest) && is_newest);
	assert_false(accept(&replay, 1, 163, &is_newest));
	assert_false(accept(&replay, 1, UINT64_MAX, &is_newest));
	assert_true(accept(&replay, 1, UINT64_MAX - 63, &is_newest) && !is_newest);
}

static void an_ended_instance_is_refused(void **state)
{
	(void)state;
	struct replay replay = {0};
	bool is_newest;

	assert_true(accept(&replay, 2, 500, &is_newest));
	assert_true(accept(&replay, 3, 1, &is_newest) && is_newest);
	assert_false(accept(&replay, 2, 501, &is_newest));
	assert_false(is_newest);
	assert_true(accept(&replay, 3, 2, &is_newest));
}

static bool accept_rising(struct replay *replay, uint32_t instance, uint64_t sequence)
{
	const struct datagram_header header = {.instance = instance, .sequence = sequence};

	return replay_accept_rising(replay, &header);
}

static void only_what_rises_is_taken(void **state)
{
	(void)state;
	struct replay replay = {0};

	assert_true(accept_rising(&replay, 1, 1));
	assert_false(accept_rising(&replay, 1, 1));
	assert_true(accept_rising(&replay, 1, 7));
	assert_false(accept_rising(&replay, 1, 6));
	assert_true(accept_rising(&replay, 2, 1));
	assert_false(accept_rising(&replay, 1, 8));
	assert_true(accept_rising(&replay, 2, UINT64_MAX));
	assert_false(accept_rising(&replay, 2, UINT64_MAX));
}

static void a_writer_without_room_writes_nothing_more(void **state)
{
	(void)state;
	uint8_t small[8];
	struct wire_writer w = {.bytes = small, .size = 5};

	memset(small, 0xee, sizeof(small));
	wire_put(&w, 0x04030201, 4);
	wire_put(&w, 0x0605, 2);
	assert_true(w.is_short);
	wire_put(&w, 0x09, 1);
	wire_put_bytes(&w, "x", 1);
	assert_int_equal(w.at, 4);
	assert_memory_equal(small, "\x01\x02\x03\x04\xee\xee\xee\xee", 8);
}

static void a_reader_behind_the_end_reads_zero(void **state)
{
	(void)state;
	static const uint8_t three[] = {1, 2, 3};
	struct wire_reader r = {.bytes = three, .size = sizeof(three)};
	uint8_t rest[4] = {9, 9, 9, 9};

	assert_int_equal(wire_get(&r, 2), 0x0201);
	assert_int_equal(wire_get(&r, 2), 0);
	assert_true(r.is_short);
	assert_int_equal(wire_get(&r, 1), 0); /* though there is one */
	wire_get_bytes(&r, rest, sizeof(rest));
	assert_memory_equal(rest, "\0\0\0\0", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_read),
		cmocka_unit_test(each_mistake_of_a_header_is_named),
		cmocka_unit_test(hmac_is_the_standards),
		cmocka_unit_test(an_instances_key_is_derived),
		cmocka_unit_test(every_flipped_bit_breaks_the_tag),
		cmocka_unit_test(a_window_takes_each_once),
		cmocka_unit_test(an_ended_instance_is_refused),
		cmocka_unit_test(only_what_rises_is_taken),
		cmocka_unit_test(a_writer_without_room_writes_nothing_more),
		cmocka_unit_test(a_reader_behind_the_end_reads_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
