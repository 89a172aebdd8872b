/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the service must know after its death: records of opaque bytes whose generation only rises, and the boot's
 * key, which no instance is told again: each gets one of its own, derived from it. Hostile input: all arguments.
 * Only the service's CPU calls.
 */
#include <stdint.h>

#include "abi/hvc.h"
#include "lib/err.h"

#define KEEP_WORDS (AETHER_KEEP_BYTES / 8u)
#define KEEP_KEY_WORDS 4u

/* HV_EINVAL: no such record, generation 0. HV_ESTATE: that generation is there with other bytes, or a higher one. */
enum hv_err keep_set(uint64_t record, uint64_t generation, const uint64_t words[KEEP_WORDS]) MUST_CHECK;
/* Generation 0 and zeroes if it was never set. HV_EINVAL. */
enum hv_err keep_get(uint64_t record, uint64_t *generation, uint64_t words[KEEP_WORDS]) MUST_CHECK;
/* The instance that runs from here on: 1 at boot, rising. */
void keep_new_instance(uint32_t instance);
/* Once a boot; then HV_ESTATE. */
enum hv_err keep_key_set(const uint64_t key[KEEP_KEY_WORDS]) MUST_CHECK;
/* The running instance's. HV_ESTATE: none is set. */
enum hv_err keep_key_get(uint64_t key[KEEP_KEY_WORDS]) MUST_CHECK;
/* Start of day, and tests: as after power-on. */
void keep_init(void);
