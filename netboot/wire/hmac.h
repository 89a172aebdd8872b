/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * HMAC-SHA-256 (RFC 2104) under a key that was made ready once: the two states that come of the key alone are kept, so
 * each message costs two blocks of SHA-256 less. By Mbed TLS in the service and in tests of its code (hmac_mbedtls.c);
 * with WIRE_NETTLE by Nettle (hmac_nettle.c), which takes the CPU's SHA instructions where it has them: a controller
 * makes and checks tens of thousands of tags a second.
 */
#include <stddef.h>
#include <stdint.h>

enum { HMAC_KEY_BYTES = 32, HMAC_BYTES = 32 };

#ifdef WIRE_NETTLE
#include <nettle/hmac.h>

struct hmac_key {
	struct hmac_sha256_ctx ready;
};
#else
#include <mbedtls/sha256.h>

struct hmac_key {
	mbedtls_sha256_context inner;
	mbedtls_sha256_context outer;
};
#endif

/* A plain value: may be copied, needs no release; whoever keeps it clears it. */
void hmac_key_set(struct hmac_key *key, const uint8_t bytes[HMAC_KEY_BYTES]);
void hmac_key_mac(const struct hmac_key *key, const void *bytes, size_t size, uint8_t mac[HMAC_BYTES]);
/* Clears it in a way that no compiler leaves out. */
void hmac_key_clear(struct hmac_key *key);
