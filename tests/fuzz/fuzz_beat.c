/* SPDX-License-Identifier: Apache-2.0 */
/* A beat behind a right tag. One that is accepted must come back the same through the encoder, and be counted. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/wire.h"
#include "wire/beat.h"

const char fuzz_corpus[] = "tests/fuzz/corpus/beat";

static struct beat first, second;

static void expect_same(void)
{
	static struct beat_track track;
	static uint8_t bytes[BEAT_MAX_BYTES];
	struct beat_rotation rotation = {.urgent = 0};
	struct wire_error error;
	const uint32_t causes = first.counters.exit_causes;

	beat_rotation_want(&rotation, first.present); /* all of it in one beat */
	const size_t size = beat_encode(&first, &rotation, bytes, sizeof(bytes));

	if (size == 0 || !beat_decode(bytes, size, &second, &error)) {
		abort();
	}
	/* Series of CPUs behind cpu_count are read, since they are there, and never sent. */
	for (uint32_t i = first.cpu_count; i < WIRE_CPU_MAX; i++) {
		first.present &= ~BEAT_BIT(BEAT_CPU_0 + i);
		memset(&first.counters.cpus[i], 0, sizeof(first.counters.cpus[i]));
	}
	if (memcmp(&first, &second, sizeof(first)) != 0 || causes > BEAT_EXIT_CAUSES) {
		abort();
	}
	beat_track_add(&track, &first);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct wire_error error;
	uint8_t *copy = fuzz_copy(bytes, size, 6, 2);

	if (beat_decode(copy, size, &first, &error)) {
		expect_same();
	} else {
		fuzz_expect_words(&error);
	}
	free(copy);
	return 0;
}
