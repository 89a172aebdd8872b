/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of Mbed TLS that are used fail only in builds with hash hardware, which none of ours chooses. A key's
 * copies on the stack are cleared.
 */
#include "wire/hmac.h"

#include <mbedtls/platform_util.h>

enum { BLOCK_BYTES = 64 };

static void start(mbedtls_sha256_context *context, const uint8_t key[HMAC_KEY_BYTES], uint8_t pad)
{
	uint8_t block[BLOCK_BYTES];

	for (size_t i = 0; i < BLOCK_BYTES; i++) {
		block[i] = (uint8_t)(pad ^ (i < HMAC_KEY_BYTES ? key[i] : 0));
	}
	mbedtls_sha256_init(context);
	(void)mbedtls_sha256_starts(context, 0);
	(void)mbedtls_sha256_update(context, block, sizeof(block));
	mbedtls_platform_zeroize(block, sizeof(block));
}

void hmac_key_set(struct hmac_key *key, const uint8_t bytes[HMAC_KEY_BYTES])
{
	start(&key->inner, bytes, 0x36);
	start(&key->outer, bytes, 0x5c);
}

void hmac_key_mac(const struct hmac_key *key, const void *bytes, size_t size, uint8_t mac[HMAC_BYTES])
{
	mbedtls_sha256_context context;

	mbedtls_sha256_init(&context);
	mbedtls_sha256_clone(&context, &key->inner);
	(void)mbedtls_sha256_update(&context, bytes, size);
	(void)mbedtls_sha256_finish(&context, mac);
	mbedtls_sha256_clone(&context, &key->outer);
	(void)mbedtls_sha256_update(&context, mac, HMAC_BYTES);
	(void)mbedtls_sha256_finish(&context, mac);
	mbedtls_sha256_free(&context);
}

void hmac_key_clear(struct hmac_key *key)
{
	mbedtls_sha256_free(&key->inner);
	mbedtls_sha256_free(&key->outer);
}
