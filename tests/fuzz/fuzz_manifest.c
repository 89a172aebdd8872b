/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest alone; one that is accepted must come back the same through the encoder. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "unit/small_bundle.h"

const char fuzz_corpus[] = "tests/fuzz/corpus/manifest";

/* Both are compared whole, so what is not used has to be equal too. */
static void decode(const uint8_t *fdt, size_t bytes, struct manifest *manifest, int must_succeed)
{
	struct wire_error error;
	char text[WIRE_ERROR_TEXT_BYTES];

	memset(manifest, 0, sizeof(*manifest));
	if (manifest_decode(fdt, bytes, manifest, &error)) {
		return;
	}
	wire_error_text(&error, text, sizeof(text));
	manifest->guest_count = 0;
	if (must_succeed || strlen(text) == 0) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct manifest first;
	static struct manifest second;
	static uint8_t fdt[BUNDLE_MANIFEST_MAX_BYTES] __attribute__((aligned(8)));
	struct wire_error error;
	uint8_t *copy = small_bundle_copy(bytes, size);
	size_t fdt_bytes = 0;

	decode(copy, size, &first, 0);
	free(copy);
	if (first.guest_count == 0) {
		return 0;
	}
	if (!manifest_encode(&first, fdt, sizeof(fdt), &fdt_bytes, &error)) {
		abort();
	}
	decode(fdt, fdt_bytes, &second, 1);
	if (memcmp(&first, &second, sizeof(first)) != 0) {
		abort();
	}
	return 0;
}
