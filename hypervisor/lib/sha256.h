/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* SHA-256 of something that comes in pieces (FIPS 180-4), by Mbed TLS. */
#include <stddef.h>
#include <stdint.h>

struct sha256 {
	uint64_t state[16]; /* the library's */
};

void sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, size_t count);
void sha256_end(struct sha256 *hash, uint8_t digest[32]);
