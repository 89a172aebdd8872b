/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that knows Mbed TLS' hash interface. Its functions can fail only in builds with hash
 * hardware, which mbedtls_config.h does not choose.
 */
#include "service/digest.h"

#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>
#include <string.h>

#ifdef MBEDTLS_PLATFORM_ZEROIZE_ALT
/* The asm makes the stores visible, so they cannot be left out. */
void mbedtls_platform_zeroize(void *buf, size_t len)
{
	memset(buf, 0, len);
	__asm__ volatile("" : : "r"(buf) : "memory");
}
#endif

void digest_sha256(const void *bytes, size_t byte_count, uint8_t digest[DIGEST_BYTES])
{
	(void)mbedtls_sha256(bytes, byte_count, digest, 0);
}

bool digest_is_equal(const uint8_t a[DIGEST_BYTES], const uint8_t b[DIGEST_BYTES])
{
	return memcmp(a, b, DIGEST_BYTES) == 0;
}

void digest_derive(const uint8_t seed[DIGEST_BYTES], const char *label, uint64_t a, uint64_t b,
		   uint8_t derived[DIGEST_BYTES])
{
	mbedtls_sha256_context context;
	uint8_t numbers[16];

	for (size_t i = 0; i < 8; i++) {
		numbers[i] = (uint8_t)(a >> (8 * i));
		numbers[8 + i] = (uint8_t)(b >> (8 * i));
	}
	mbedtls_sha256_init(&context);
	(void)mbedtls_sha256_starts(&context, 0);
	(void)mbedtls_sha256_update(&context, seed, DIGEST_BYTES);
	(void)mbedtls_sha256_update(&context, numbers, sizeof(numbers));
	(void)mbedtls_sha256_update(&context, (const uint8_t *)label, strlen(label));
	(void)mbedtls_sha256_finish(&context, derived);
	mbedtls_sha256_free(&context);
}
