/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Guests of a service that is a test. */
#include <stdbool.h>
#include <stdint.h>

#define GUEST_BYTES (UINT64_C(2) << 20)

/* Makes guest `vm`, copies what stands from `text` to `end` to the start of its RAM, and starts it at `entry`, which is
 * one of them too. False: the core refused, or gave it another number. */
bool guest_start(uint64_t vm, const char *text, const char *end, const char *entry);
/* The first half of it: LOADING. */
bool guest_load(uint64_t vm, const char *text, const char *end);
/* enum aether_vm_state; NONE too for what there is not. */
uint32_t guest_state(uint64_t vm);
/* Whatever was made of it, by an earlier instance too, is undone. */
bool guest_clear(uint64_t vm);
