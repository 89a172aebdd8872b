/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's hashes, all by Mbed TLS. Its functions can fail only in builds with hash hardware, which
 * mbedtls_config.h does not choose.
 */
#include "service/digest.h"

#include <mbedtls/platform_util.h>
#include <string.h>

#ifdef MBEDTLS_PLATFORM_ZEROIZE_ALT
/* The asm makes the stores visible, so they cannot be left out. */
void mbedtls_platform_zeroize(void *buf, size_t len)
{
	memset(buf, 0, len);
	__asm__ volatile("" : : "r"(buf) : "memory");
}
#endif

void digest_start(struct digest *digest)
{
	mbedtls_sha256_init(&digest->context);
	(void)mbedtls_sha256_starts(&digest->context, 0);
}

void digest_update(struct digest *digest, const void *bytes, size_t byte_count)
{
	(void)mbedtls_sha256_update(&digest->context, bytes, byte_count);
}

void digest_finish(struct digest *digest, uint8_t result[DIGEST_BYTES])
{
	(void)mbedtls_sha256_finish(&digest->context, result);
	mbedtls_sha256_free(&digest->context);
}

void digest_sha256(const void *bytes, size_t byte_count, uint8_t digest[DIGEST_BYTES])
{
	(void)mbedtls_sha256(bytes, byte_count, digest, 0);
}

bool digest_is_equal(const uint8_t a[DIGEST_BYTES], const uint8_t b[DIGEST_BYTES])
{
	return memcmp(a, b, DIGEST_BYTES) == 0;
}

void digest_hex(const uint8_t digest[DIGEST_BYTES], char text[DIGEST_HEX_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		text[2 * i] = digits[digest[i] >> 4];
		text[2 * i + 1] = digits[digest[i] & 15];
	}
	text[DIGEST_HEX_BYTES - 1] = '\0';
}

void digest_derive(const uint8_t seed[DIGEST_BYTES], const char *label, uint64_t a, uint64_t b,
		   uint8_t derived[DIGEST_BYTES])
{
	struct digest digest;
	uint8_t numbers[16];

	for (size_t i = 0; i < 8; i++) {
		numbers[i] = (uint8_t)(a >> (8 * i));
		numbers[8 + i] = (uint8_t)(b >> (8 * i));
	}
	digest_start(&digest);
	digest_update(&digest, seed, DIGEST_BYTES);
	digest_update(&digest, numbers, sizeof(numbers));
	digest_update(&digest, label, strlen(label));
	digest_finish(&digest, derived);
}
