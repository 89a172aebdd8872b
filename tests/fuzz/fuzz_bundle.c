/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle as a node receives it. The manifest's hash is not compared, since a fuzzer cannot make one:
 * what lies behind it must hold against a forger who can.
 */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "unit/small_bundle.h"

const char fuzz_corpus[] = "tests/fuzz/corpus/bundle";

static uint8_t sum_blob(const uint8_t *bytes, const struct manifest_blob *blob)
{
	uint8_t sum = 0;

	for (uint64_t i = 0; i < blob->size_bytes; i++) {
		sum = (uint8_t)(sum + bytes[blob->offset + i]);
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct manifest manifest;
	struct bundle_header header;
	struct wire_error error;
	uint8_t *copy = small_bundle_copy(bytes, size);
	volatile uint8_t sum = 0;

	if (bundle_decode_header(copy, size, &header, &error) &&
	    manifest_decode(copy + BUNDLE_HEADER_BYTES, header.manifest_bytes, &manifest, &error) &&
	    manifest_locate_blobs(&manifest, &header, &error)) {
		for (uint32_t i = 0; i < manifest.guest_count; i++) {
			sum = sum_blob(copy, &manifest.guests[i].kernel);
			if (manifest.guests[i].has_initramfs) {
				sum = sum_blob(copy, &manifest.guests[i].initramfs);
			}
		}
	}
	(void)sum;
	free(copy);
	return 0;
}
