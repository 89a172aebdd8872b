/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* SHA-256 (FIPS 180-4), by Mbed TLS. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32 };

void digest_sha256(const void *bytes, size_t byte_count, uint8_t digest[DIGEST_BYTES]);
bool digest_is_equal(const uint8_t a[DIGEST_BYTES], const uint8_t b[DIGEST_BYTES]);

/* Secret bytes for one purpose: SHA-256 of the seed, a label and two numbers. */
void digest_derive(const uint8_t seed[DIGEST_BYTES], const char *label, uint64_t a, uint64_t b,
		   uint8_t derived[DIGEST_BYTES]);
