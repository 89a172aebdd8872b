/* SPDX-License-Identifier: Apache-2.0 */
/* Nettle's functions cannot fail. A digest takes its context back to what the key made of it, so it works on a copy. */
#include "wire/hmac.h"

#include <string.h>

void hmac_key_set(struct hmac_key *key, const uint8_t bytes[HMAC_KEY_BYTES])
{
	hmac_sha256_set_key(&key->ready, HMAC_KEY_BYTES, bytes);
}

void hmac_key_mac(const struct hmac_key *key, const void *bytes, size_t size, uint8_t mac[HMAC_BYTES])
{
	struct hmac_key copy = *key;

	hmac_sha256_update(&copy.ready, size, bytes);
	hmac_sha256_digest(&copy.ready, HMAC_BYTES, mac);
	hmac_key_clear(&copy);
}

void hmac_key_clear(struct hmac_key *key)
{
	explicit_bzero(key, sizeof(*key));
}
