/* SPDX-License-Identifier: Apache-2.0 */
/* An acknowledgement behind a right tag. One that is accepted must come back the same through the encoder. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/wire.h"
#include "wire/ack.h"

const char fuzz_corpus[] = "tests/fuzz/corpus/ack";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct ack first, second;
	static uint8_t again[ACK_MAX_BYTES];
	struct wire_error error;
	uint8_t *copy = fuzz_copy(bytes, size, 6, 2);

	if (ack_decode(copy, size, &first, &error)) {
		const size_t count = ack_encode(&first, again, sizeof(again));
		if (count == 0 || !ack_decode(again, count, &second, &error) ||
		    memcmp(&first, &second, sizeof(first)) != 0) {
			abort();
		}
	} else {
		fuzz_expect_words(&error);
	}
	free(copy);
	return 0;
}
