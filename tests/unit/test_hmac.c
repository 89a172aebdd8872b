/* SPDX-License-Identifier: Apache-2.0 */
/* wire/hmac.h: both libraries say the same, and what RFC 4231 says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/random.h"
#include "unit/hmac_nettle_beside.h"
#include "wire/hmac.h"

/* RFC 4231 s4.2 and s4.3: keys shorter than ours, which HMAC fills with zeros in any case (RFC 2104 s2). */
static const struct {
	const char *key, *text;
	uint8_t mac[HMAC_BYTES];
} vectors[] = {
	{"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", "Hi There",
	 {0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53, 0x5c, 0xa8, 0xaf, 0xce, 0xaf, 0x0b, 0xf1, 0x2b,
	  0x88, 0x1d, 0xc2, 0x00, 0xc9, 0x83, 0x3d, 0xa7, 0x26, 0xe9, 0x37, 0x6c, 0x2e, 0x32, 0xcf, 0xf7}},
	{"Jefe", "what do ya want for nothing?",
	 {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
	  0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43}},
};

static void ours(const uint8_t key[HMAC_KEY_BYTES], const void *bytes, size_t size, uint8_t mac[HMAC_BYTES])
{
	struct hmac_key ready;

	hmac_key_set(&ready, key);
	hmac_key_mac(&ready, bytes, size, mac);
	hmac_key_mac(&ready, bytes, size, mac);
	hmac_key_clear(&ready);
}

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t key[HMAC_KEY_BYTES] = {0};
		uint8_t mac[HMAC_BYTES];

		memcpy(key, vectors[i].key, strlen(vectors[i].key));
		ours(key, vectors[i].text, strlen(vectors[i].text), mac);
		assert_memory_equal(mac, vectors[i].mac, HMAC_BYTES);
		beside(key, vectors[i].text, strlen(vectors[i].text), mac);
		assert_memory_equal(mac, vectors[i].mac, HMAC_BYTES);
	}
}

static void test_both_libraries(void **state)
{
	enum { LONGEST = 1500 };
	static uint8_t bytes[LONGEST];
	uint8_t key[HMAC_KEY_BYTES];

	(void)state;
	(void)random_init("test_hmac", LONGEST);
	for (size_t i = 0; i < LONGEST; i++) {
		bytes[i] = (uint8_t)random_u64();
	}
	for (size_t size = 0; size <= LONGEST; size++) {
		uint8_t a[HMAC_BYTES];
		uint8_t b[HMAC_BYTES];

		for (size_t i = 0; i < HMAC_KEY_BYTES; i++) {
			key[i] = (uint8_t)random_u64();
		}
		ours(key, bytes, size, a);
		beside(key, bytes, size, b);
		assert_memory_equal(a, b, HMAC_BYTES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_both_libraries),
	};

	return cmocka_run_group_tests_name("hmac", tests, NULL, NULL);
}
