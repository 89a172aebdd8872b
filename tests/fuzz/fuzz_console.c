/* SPDX-License-Identifier: Apache-2.0 */
/* A console chunk behind a right tag. One that is accepted must come back the same through the encoder. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/wire.h"
#include "wire/console.h"

const char fuzz_corpus[] = "tests/fuzz/corpus/console";

static int is_same(const struct console_chunk *a, const struct console_chunk *b)
{
	return a->boot_id == b->boot_id && a->instance == b->instance && a->sequence == b->sequence &&
	       a->type == b->type && a->slot == b->slot && a->offset == b->offset && a->head == b->head &&
	       a->count == b->count && memcmp(a->bytes, b->bytes, a->count) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static uint8_t again[DATAGRAM_MAX_BYTES];
	struct console_chunk first, second;
	struct wire_error error;
	uint8_t *copy = fuzz_copy(bytes, size, 6, 2);

	if (console_decode(copy, size, &first, &error)) {
		const size_t count = console_encode(&first, again, sizeof(again));
		if (count == 0 || !console_decode(again, count, &second, &error) || !is_same(&first, &second)) {
			abort();
		}
	} else {
		fuzz_expect_words(&error);
	}
	free(copy);
	return 0;
}
