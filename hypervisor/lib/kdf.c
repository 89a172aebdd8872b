/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The derivation of an instance's key. SHA-256 is Mbed TLS's, whose functions can fail only in builds with hash
 * hardware, which lib/mbedtls_config.h does not choose.
 *
 * A crash record copies the stack it fails on, so what the hashing leaves there is overwritten before the key is
 * returned: the buffers here by name, and below them the frames of the library, whose compiler may have put any word
 * of the key into them.
 */
#include "lib/kdf.h"

#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>

#include "lib/string.h"

#define BLOCK_BYTES 64u
/* Deeper than the library's frames below kdf_instance_key(), a kilobyte at most with either compiler at -O2. */
#define WIPE_WORDS 96u
#define WIPE_FRAMES 4u

static const char label[] = "aether instance";

#ifdef MBEDTLS_PLATFORM_ZEROIZE_ALT
/* The asm makes the stores visible, so they cannot be left out. */
void mbedtls_platform_zeroize(void *buf, size_t len)
{
	memset(buf, 0, len);
	__asm__ volatile("" : : "r"(buf) : "memory");
}
#endif

static __attribute__((noinline)) void wipe_stack(unsigned frames)
{
	volatile uint64_t hole[WIPE_WORDS];
	for (unsigned i = 0; i < WIPE_WORDS; i++) {
		hole[i] = 0;
	}
	if (frames > 1) {
		wipe_stack(frames - 1);
	}
	__asm__ volatile("" : : "r"(hole) : "memory"); /* and so the call above is no jump that reuses this frame */
}

/* One of the two hashes of an HMAC: the key's block, then the message. */
static void hash(const uint8_t *boot_key, uint8_t pad, const uint8_t *message, size_t bytes, uint8_t *digest)
{
	mbedtls_sha256_context context;
	uint8_t block[BLOCK_BYTES];
	for (unsigned i = 0; i < BLOCK_BYTES; i++) {
		block[i] = (uint8_t)((i < KDF_KEY_BYTES ? boot_key[i] : 0) ^ pad);
	}
	mbedtls_sha256_init(&context);
	(void)mbedtls_sha256_starts(&context, 0);
	(void)mbedtls_sha256_update(&context, block, sizeof(block));
	(void)mbedtls_sha256_update(&context, message, bytes);
	(void)mbedtls_sha256_finish(&context, digest);
	mbedtls_sha256_free(&context);
	mbedtls_platform_zeroize(block, sizeof(block));
}

static __attribute__((noinline)) void derive(const uint8_t *boot_key, uint32_t instance, uint8_t *key)
{
	uint8_t message[sizeof(label) - 1 + 4];
	uint8_t inner[KDF_KEY_BYTES];
	memcpy(message, label, sizeof(label) - 1);
	for (unsigned i = 0; i < 4; i++) {
		message[sizeof(label) - 1 + i] = (uint8_t)(instance >> 8 * i);
	}
	hash(boot_key, 0x36, message, sizeof(message), inner);
	hash(boot_key, 0x5c, inner, sizeof(inner), key);
	mbedtls_platform_zeroize(inner, sizeof(inner));
}

void kdf_instance_key(const uint8_t boot_key[KDF_KEY_BYTES], uint32_t instance, uint8_t key[KDF_KEY_BYTES])
{
	derive(boot_key, instance, key);
	wipe_stack(WIPE_FRAMES);
}
