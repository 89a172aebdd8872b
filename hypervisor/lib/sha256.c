/* SPDX-License-Identifier: Apache-2.0 */
/* The library's functions can fail only in builds with hash hardware, which lib/mbedtls_config.h does not choose. */
#include "lib/sha256.h"

#include <assert.h>
#include <mbedtls/sha256.h>

static_assert(sizeof(mbedtls_sha256_context) <= sizeof(struct sha256), "the library's state fits");
static_assert(_Alignof(mbedtls_sha256_context) <= _Alignof(struct sha256), "and is aligned");

static mbedtls_sha256_context *context(struct sha256 *hash)
{
	return (mbedtls_sha256_context *)(void *)hash->state;
}

void sha256_begin(struct sha256 *hash)
{
	mbedtls_sha256_init(context(hash));
	(void)mbedtls_sha256_starts(context(hash), 0);
}

void sha256_add(struct sha256 *hash, const void *bytes, size_t count)
{
	(void)mbedtls_sha256_update(context(hash), bytes, count);
}

void sha256_end(struct sha256 *hash, uint8_t digest[32])
{
	(void)mbedtls_sha256_finish(context(hash), digest);
	mbedtls_sha256_free(context(hash));
}
