/* SPDX-License-Identifier: Apache-2.0 */
/* wire/hmac_nettle.c under other names, so that one program has both. */
#define WIRE_NETTLE
#define hmac_key beside_key
#define hmac_key_set beside_key_set
#define hmac_key_mac beside_key_mac
#define hmac_key_clear beside_key_clear
#include "wire/hmac_nettle.c"

#include "unit/hmac_nettle_beside.h"

void beside(const uint8_t key[HMAC_KEY_BYTES], const void *bytes, size_t size, uint8_t mac[HMAC_BYTES])
{
	struct beside_key ready;

	beside_key_set(&ready, key);
	beside_key_mac(&ready, bytes, size, mac);
	/* A key serves more than once. */
	beside_key_mac(&ready, bytes, size, mac);
	beside_key_clear(&ready);
}
