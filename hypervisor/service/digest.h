/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* SHA-256 (FIPS 180-4), by Mbed TLS. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mbedtls/sha256.h>

enum { DIGEST_BYTES = 32, DIGEST_HEX_BYTES = 2 * DIGEST_BYTES + 1 };

/* One that is made piece by piece: start, any number of updates, finish. */
struct digest {
	mbedtls_sha256_context context;
};

void digest_start(struct digest *digest);
void digest_update(struct digest *digest, const void *bytes, size_t byte_count);
void digest_finish(struct digest *digest, uint8_t result[DIGEST_BYTES]);

void digest_sha256(const void *bytes, size_t byte_count, uint8_t digest[DIGEST_BYTES]);
bool digest_is_equal(const uint8_t a[DIGEST_BYTES], const uint8_t b[DIGEST_BYTES]);
/* As text, NUL terminated. */
void digest_hex(const uint8_t digest[DIGEST_BYTES], char text[DIGEST_HEX_BYTES]);

/* Secret bytes for one purpose: SHA-256 of the seed, a label and two numbers. */
void digest_derive(const uint8_t seed[DIGEST_BYTES], const char *label, uint64_t a, uint64_t b,
		   uint8_t derived[DIGEST_BYTES]);
