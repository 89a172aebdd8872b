/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* How an instance of the service gets its key. */
#include <stdint.h>

#define KDF_KEY_BYTES 32u

/* HMAC-SHA-256 (RFC 2104) under the boot's key of "aether instance" and the number, little-endian. Nothing of the key
 * stays behind, on the stack neither. */
void kdf_instance_key(const uint8_t boot_key[KDF_KEY_BYTES], uint32_t instance, uint8_t key[KDF_KEY_BYTES]);
