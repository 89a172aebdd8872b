/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * SHA-256's compression by the instructions that x86 CPUs have for it: a tenth of the time of portable code, and tags
 * are what a controller of thousands of nodes computes most.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
/* Takes so many blocks of 64 bytes into the state. False: this CPU has no such instructions, and nothing was done. */
bool sha256_x86_blocks(uint32_t state[8], const uint8_t *bytes, size_t blocks);
#else
static inline bool sha256_x86_blocks(uint32_t state[8], const uint8_t *bytes, size_t blocks)
{
	(void)state;
	(void)bytes;
	(void)blocks;
	return false;
}
#endif
