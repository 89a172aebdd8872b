/* SPDX-License-Identifier: Apache-2.0 */
/* A hello, and an answer to one. What is accepted must come back the same through the encoder. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/wire.h"
#include "wire/hello.h"

const char fuzz_corpus[] = "tests/fuzz/corpus/hello";

static uint8_t again[HELLO_MAX_BYTES];

static void try_hello(const uint8_t *bytes, size_t size)
{
	static struct hello first, second;
	struct wire_error error;

	if (!hello_decode(bytes, size, &first, &error)) {
		fuzz_expect_words(&error);
		return;
	}
	const size_t count = hello_encode(&first, again, sizeof(again));
	if (count == 0 || !hello_decode(again, count, &second, &error) || second.crash_bytes != first.crash_bytes ||
	    (first.crash_bytes != 0 && memcmp(first.crash, second.crash, first.crash_bytes) != 0)) {
		abort();
	}
	second.crash = first.crash;
	if (memcmp(&first, &second, sizeof(first)) != 0) {
		abort();
	}
}

static void try_answer(const uint8_t *bytes, size_t size)
{
	static struct hello_answer first, second;
	struct wire_error error;

	if (!hello_decode_answer(bytes, size, &first, &error)) {
		fuzz_expect_words(&error);
		return;
	}
	const size_t count = hello_encode_answer(&first, again, HELLO_ANSWER_MAX_BYTES);
	if (count == 0 || !hello_decode_answer(again, count, &second, &error) ||
	    memcmp(&first, &second, sizeof(first)) != 0) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = fuzz_copy(bytes, size, 12, 4);

	try_hello(copy, size);
	try_answer(copy, size);
	free(copy);
	return 0;
}
