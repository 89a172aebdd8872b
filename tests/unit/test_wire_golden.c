/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden messages of every released version of the wire: what we encode today is, byte for byte, what was
 * released, and its tag is right. `test_wire_golden NAME` prints the sample of that name as a golden file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/wire_samples.h"

#define GOLDEN "tests/golden/wire/v1"

static uint8_t made[SAMPLE_MAX_BYTES];
static uint8_t golden[SAMPLE_MAX_BYTES];

static size_t read_golden(const char *name)
{
	char path[128];
	unsigned int byte;
	size_t count = 0;

	snprintf(path, sizeof(path), GOLDEN "/%s.hex", name);
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		fail_msg("%s cannot be read; run from the root of the repository", path);
		return 0;
	}
	while (count < sizeof(golden) && fscanf(file, "%2x", &byte) == 1) {
		golden[count++] = (uint8_t)byte;
	}
	assert_true(feof(file));
	fclose(file);
	return count;
}

static void what_is_encoded_is_what_was_released(void **state)
{
	(void)state;
	for (size_t i = 0; i < sample_count; i++) {
		const size_t count = read_golden(samples[i].name);
		assert_int_equal(samples[i].make(made), count);
		assert_memory_equal(made, golden, count);
	}
}

/* The decoders alone, without the encoders' help: every golden datagram is taken, and its tag is right. */
static void what_was_released_is_decoded(void **state)
{
	(void)state;
	static struct beat beat, want_beat;
	struct ack ack, want_ack;
	struct console_chunk chunk;
	struct hello hello;
	struct hello_answer answer;
	struct wire_error error;
	struct seal_key key;
	uint32_t present = 0;

	sample_key(&key);
	sample_beat(&want_beat, 10);
	static const char *const beats[] = {"beat-1", "beat-2", "beat-3", "beat-4"};
	for (size_t i = 0; i < 4; i++) {
		const size_t size = read_golden(beats[i]);
		assert_true(seal_check(&key, golden, size));
		assert_true(beat_decode(golden, size, &beat, &error));
		assert_int_equal(beat.sequence, want_beat.sequence + i);
		assert_memory_equal(beat.guests, want_beat.guests, sizeof(beat.guests));
		present |= beat.present;
	}
	assert_int_equal(present, want_beat.present);
	sample_ack(&want_ack);
	size_t size = read_golden("ack");
	assert_true(seal_check(&key, golden, size));
	assert_true(ack_decode(golden, size, &ack, &error));
	assert_memory_equal(&ack, &want_ack, sizeof(ack));
	static const char *const consoles[] = {"console-output", "console-input"};
	for (size_t i = 0; i < 2; i++) {
		size = read_golden(consoles[i]);
		assert_true(seal_check(&key, golden, size));
		assert_true(console_decode(golden, size, &chunk, &error));
		assert_int_equal(chunk.offset, UINT64_C(0x1234567890));
		assert_int_equal(chunk.bytes[10], 70);
	}
	size = read_golden("hello");
	assert_true(hello_decode(golden, size, &hello, &error));
	assert_string_equal(hello.board, "linux,dummy-virt");
	assert_int_equal(hello.crash_bytes, 300);
	size = read_golden("answer");
	assert_true(hello_decode_answer(golden, size, &answer, &error));
	assert_string_equal(answer.reason, "welcome");
}

static int print(const char *name)
{
	for (size_t i = 0; i < sample_count; i++) {
		if (strcmp(samples[i].name, name) != 0) {
			continue;
		}
		const size_t count = samples[i].make(made);
		for (size_t n = 0; n < count; n++) {
			printf("%02x%s", made[n], n % 32 == 31 || n + 1 == count ? "\n" : n % 8 == 7 ? "  " : " ");
		}
		return 0;
	}
	fprintf(stderr, "no sample is called %s\n", name);
	return 1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_what_was_released),
		cmocka_unit_test(what_was_released_is_decoded),
	};

	if (argc > 1) {
		return print(argv[1]);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
