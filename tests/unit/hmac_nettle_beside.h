/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* HMAC-SHA-256 as wire/hmac_nettle.c has it. */
void beside(const uint8_t key[32], const void *bytes, size_t size, uint8_t mac[32]);
