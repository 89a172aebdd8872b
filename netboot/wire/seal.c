/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags of datagrams. A key's copies on the stack are cleared.
 */
#include "wire/seal.h"

#include <string.h>

void seal_set_key(struct seal_key *key, const uint8_t instance_key[SEAL_KEY_BYTES])
{
	hmac_key_set(&key->hmac, instance_key);
}

void seal_hmac(const uint8_t key[SEAL_KEY_BYTES], const void *bytes, size_t size, uint8_t mac[HMAC_BYTES])
{
	struct hmac_key ready;

	hmac_key_set(&ready, key);
	hmac_key_mac(&ready, bytes, size, mac);
	hmac_key_clear(&ready);
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
	uint8_t mac[HMAC_BYTES];

	hmac_key_mac(&key->hmac, bytes, size - DATAGRAM_TAG_BYTES, mac);
	memcpy(bytes + size - DATAGRAM_TAG_BYTES, mac, DATAGRAM_TAG_BYTES);
}

bool seal_check(const struct seal_key *key, const uint8_t *bytes, size_t size)
{
	uint8_t mac[HMAC_BYTES];
	volatile uint8_t differ = 0; /* volatile: no loop that ends at the first difference */

	if (size < DATAGRAM_MIN_BYTES) {
		return false;
	}
	hmac_key_mac(&key->hmac, bytes, size - DATAGRAM_TAG_BYTES, mac);
	for (size_t i = 0; i < DATAGRAM_TAG_BYTES; i++) {
		differ = (uint8_t)(differ | (mac[i] ^ bytes[size - DATAGRAM_TAG_BYTES + i]));
	}
	return differ == 0;
}
