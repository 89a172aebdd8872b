/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Three address spaces, three types: a physical address (PA), a VM's intermediate physical address (IPA)
 * and a virtual address of EL2 (VA) cannot be mixed by accident. They are plain 64-bit numbers otherwise.
 */
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint64_t v;
} pa_t;
typedef struct {
	uint64_t v;
} ipa_t;
typedef struct {
	uint64_t v;
} va_t;

#define PA(x) ((pa_t){(x)})
#define IPA(x) ((ipa_t){(x)})
#define VA(x) ((va_t){(x)})

#define PAGE_SHIFT 12u
#define PAGE_BYTES (UINT64_C(1) << PAGE_SHIFT)
#define BLOCK_2M_BYTES (UINT64_C(1) << 21)
#define BLOCK_1G_BYTES (UINT64_C(1) << 30)

static inline pa_t pa_add(pa_t a, uint64_t bytes)
{
	return PA(a.v + bytes);
}

static inline ipa_t ipa_add(ipa_t a, uint64_t bytes)
{
	return IPA(a.v + bytes);
}

static inline bool is_aligned(uint64_t value, uint64_t power_of_two)
{
	return (value & (power_of_two - 1)) == 0;
}

static inline uint64_t align_down(uint64_t value, uint64_t power_of_two)
{
	return value & ~(power_of_two - 1);
}

/* The caller knows that value + power_of_two - 1 does not wrap. */
static inline uint64_t align_up(uint64_t value, uint64_t power_of_two)
{
	return (value + power_of_two - 1) & ~(power_of_two - 1);
}

/* True if [base, base + size) lies within [0, limit): no sum that could wrap is formed. */
static inline bool range_ok(uint64_t base, uint64_t size, uint64_t limit)
{
	return base <= limit && size <= limit - base;
}
