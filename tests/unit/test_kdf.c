/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/kdf.c: the derived key is the one that the other side computes, and no word of the boot's key, or of what HMAC
 * makes of it, stays on the stack that the derivation ran on.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "lib/kdf.h"

/* HMAC-SHA-256, key 00 01 .. 1f, of "aether instance" and the number in four bytes, least first, as Python's hmac
 * module has it. */
static const struct {
	uint32_t instance;
	uint8_t key[KDF_KEY_BYTES];
} vectors[] = {
	{1,
	 {0xd2, 0x99, 0x33, 0x5d, 0xd2, 0x2e, 0xc8, 0x36, 0x71, 0x14, 0xc0, 0x80, 0xda, 0xa6, 0xbd, 0xbe,
	  0x73, 0xea, 0x69, 0x81, 0xfd, 0x47, 0x14, 0xc7, 0x5f, 0x80, 0x2e, 0x22, 0xb4, 0x9c, 0xf7, 0xb3}},
	{2,
	 {0xa7, 0x25, 0x57, 0xa0, 0x52, 0x68, 0xe4, 0x64, 0xe7, 0x5d, 0xe1, 0xf8, 0xe8, 0xd9, 0x17, 0x74,
	  0xe0, 0xb0, 0x2f, 0x80, 0x43, 0x05, 0x9a, 0xdc, 0x58, 0xa9, 0x85, 0x00, 0xca, 0x79, 0x51, 0xe1}},
	{0x1020304,
	 {0x12, 0x2a, 0xae, 0x43, 0x91, 0x9f, 0x81, 0xe1, 0x05, 0xcd, 0xd4, 0xdd, 0x4e, 0x72, 0xf9, 0x2c,
	  0x57, 0xf2, 0x68, 0xd1, 0x5a, 0x2c, 0xbb, 0x59, 0x7f, 0xbb, 0x4f, 0x2e, 0x60, 0x70, 0x66, 0x5c}},
};

static uint8_t boot_key[KDF_KEY_BYTES];

static void the_key_is_the_one_that_others_derive(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KDF_KEY_BYTES; i++) {
		boot_key[i] = (uint8_t)i;
	}
	for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t key[KDF_KEY_BYTES];
		kdf_instance_key(boot_key, vectors[i].instance, key);
		assert_memory_equal(key, vectors[i].key, sizeof(key));
	}
}

#define STACK_BYTES (UINT64_C(1) << 20)

static uint8_t derived[KDF_KEY_BYTES];

static void *derive(void *unused)
{
	(void)unused;
	kdf_instance_key(boot_key, 7, derived);
	return NULL;
}

/* How many aligned words of the stack are four bytes of the key, xor `pad`, in either order. */
static unsigned words_of_key(const uint8_t *stack, uint8_t pad)
{
	unsigned found = 0;
	for (uint64_t at = 0; at < STACK_BYTES; at += 4) {
		for (unsigned i = 0; i < KDF_KEY_BYTES; i += 4) {
			uint8_t word[4], turned[4];
			for (unsigned k = 0; k < 4; k++) {
				word[k] = boot_key[i + k] ^ pad;
				turned[3 - k] = word[k];
			}
			found += memcmp(stack + at, word, 4) == 0 || memcmp(stack + at, turned, 4) == 0;
		}
	}
	return found;
}

static void nothing_of_it_stays_on_the_stack(void **state)
{
	(void)state;
	pthread_t thread;
	pthread_attr_t attributes;
	uint8_t *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(stack, MAP_FAILED);
	for (unsigned i = 0; i < KDF_KEY_BYTES; i++) {
		boot_key[i] = (uint8_t)(0x83 + 37 * i);
	}
	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstack(&attributes, stack, STACK_BYTES), 0);
	assert_int_equal(pthread_create(&thread, &attributes, derive, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(words_of_key(stack, 0), 0);
	assert_int_equal(words_of_key(stack, 0x36), 0);
	assert_int_equal(words_of_key(stack, 0x5c), 0);
	memcpy(stack + 128, boot_key + 4, 4); /* and this would have been seen */
	assert_int_equal(words_of_key(stack, 0), 1);
	assert_int_equal(munmap(stack, STACK_BYTES), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_is_the_one_that_others_derive),
		cmocka_unit_test(nothing_of_it_stays_on_the_stack),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
