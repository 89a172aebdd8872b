/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMAC-SHA-256 for datagrams. The functions of Mbed TLS that are used fail only in builds with hash hardware, which
 * none of ours chooses. A key's copies on the stack are cleared.
 */
#include "wire/seal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum { BLOCK_BYTES = 64, DIGEST_BYTES = 32 };

static void start(mbedtls_sha256_context *context, const uint8_t key[SEAL_KEY_BYTES], uint8_t pad)
{
	uint8_t block[BLOCK_BYTES];

	for (size_t i = 0; i < BLOCK_BYTES; i++) {
		block[i] = (uint8_t)(pad ^ (i < SEAL_KEY_BYTES ? key[i] : 0));
	}
	mbedtls_sha256_init(context);
	(void)mbedtls_sha256_starts(context, 0);
	(void)mbedtls_sha256_update(context, block, sizeof(block));
	mbedtls_platform_zeroize(block, sizeof(block));
}

void seal_set_key(struct seal_key *key, const uint8_t instance_key[SEAL_KEY_BYTES])
{
	start(&key->inner, instance_key, 0x36);
	start(&key->outer, instance_key, 0x5c);
}

static void mac_of(const struct seal_key *key, const void *bytes, size_t size, uint8_t mac[DIGEST_BYTES])
{
	mbedtls_sha256_context context;

	mbedtls_sha256_init(&context);
	mbedtls_sha256_clone(&context, &key->inner);
	(void)mbedtls_sha256_update(&context, bytes, size);
	(void)mbedtls_sha256_finish(&context, mac);
	mbedtls_sha256_clone(&context, &key->outer);
	(void)mbedtls_sha256_update(&context, mac, DIGEST_BYTES);
	(void)mbedtls_sha256_finish(&context, mac);
	mbedtls_sha256_free(&context);
}

void seal_hmac(const uint8_t key[SEAL_KEY_BYTES], const void *bytes, size_t size, uint8_t mac[DIGEST_BYTES])
{
	struct seal_key ready;

	seal_set_key(&ready, key);
	mac_of(&ready, bytes, size, mac);
	mbedtls_sha256_free(&ready.inner);
	mbedtls_sha256_free(&ready.outer);
}

void seal_derive(const uint8_t boot_key[SEAL_KEY_BYTES], uint32_t instance, uint8_t instance_key[SEAL_KEY_BYTES])
{
	uint8_t message[] = "aether instance????";
	const size_t label = sizeof(message) - 1 - 4;

	for (size_t i = 0; i < 4; i++) {
		message[label + i] = (uint8_t)(instance >> (8 * i));
	}
	seal_hmac(boot_key, message, label + 4, instance_key);
}

void seal_put(const struct seal_key *key, uint8_t *bytes, size_t size)
{
	uint8_t mac[DIGEST_BYTES];

	mac_of(key, bytes, size - DATAGRAM_TAG_BYTES, mac);
	memcpy(bytes + size - DATAGRAM_TAG_BYTES, mac, DATAGRAM_TAG_BYTES);
}

bool seal_check(const struct seal_key *key, const uint8_t *bytes, size_t size)
{
	uint8_t mac[DIGEST_BYTES];
	volatile uint8_t differ = 0; /* volatile: no loop that ends at the first difference */

	if (size < DATAGRAM_MIN_BYTES) {
		return false;
	}
	mac_of(key, bytes, size - DATAGRAM_TAG_BYTES, mac);
	for (size_t i = 0; i < DATAGRAM_TAG_BYTES; i++) {
		differ = (uint8_t)(differ | (mac[i] ^ bytes[size - DATAGRAM_TAG_BYTES + i]));
	}
	return differ == 0;
}
