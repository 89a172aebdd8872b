/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The tag of a datagram: HMAC-SHA-256 (RFC 2104) of all bytes before it, under the key of the node's service
 * instance, cut to its first 128 bits. The header is among those bytes, so a tag holds for one direction, type, boot,
 * instance and sequence. The instance's key is HMAC-SHA-256(boot key, "aether instance" || instance as u32): the core
 * derives it for the service (abi/hvc.h, AETHER_HVC_KEY_GET), the controller by seal_derive.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/datagram.h"
#include "wire/hmac.h"

enum { SEAL_KEY_BYTES = HMAC_KEY_BYTES };

struct seal_key {
	struct hmac_key hmac;
};

/* The key of one instance, made from the boot's. */
void seal_derive(const uint8_t boot_key[SEAL_KEY_BYTES], uint32_t instance,
		 uint8_t instance_key[SEAL_KEY_BYTES]);
/* Makes *key ready from the key of an instance. */
void seal_set_key(struct seal_key *key, const uint8_t instance_key[SEAL_KEY_BYTES]);
/* Fills the last DATAGRAM_TAG_BYTES of an encoded datagram of `size` bytes (DATAGRAM_MIN_BYTES or more). */
void seal_put(const struct seal_key *key, uint8_t *bytes, size_t size);
/* True: the tag is right. Takes the same time wherever it differs. False also for size < DATAGRAM_MIN_BYTES. */
bool seal_check(const struct seal_key *key, const uint8_t *bytes, size_t size);
/* HMAC-SHA-256 of a message in one piece. */
void seal_hmac(const uint8_t key[SEAL_KEY_BYTES], const void *bytes, size_t size, uint8_t mac[32]);
