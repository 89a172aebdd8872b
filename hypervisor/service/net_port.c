/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lwIP's port. Random numbers (ports, sequence numbers, DHCP transactions) are SHA-256 of the seed and a counter, so
 * that none tells another. A checksum is over bytes of anything, at any address and length.
 */
#include "service/net_port.h"

#include <lwip/arch.h>
#include <lwip/opt.h>
#include <lwip/sys.h>
#include <string.h>

#include "service/digest.h"
#include "service/hvcall.h"
#include "service/log.h"

enum { NUMBERS_PER_DIGEST = DIGEST_BYTES / sizeof(uint32_t) };

static uint8_t seed[DIGEST_BYTES];
static uint64_t drawn;
static uint32_t numbers[NUMBERS_PER_DIGEST];
static uint32_t time_ms;

void net_port_seed(const uint8_t bytes[32])
{
	memcpy(seed, bytes, sizeof(seed));
	drawn = 0;
}

uint32_t net_port_random(void)
{
	const uint64_t at = drawn % NUMBERS_PER_DIGEST;

	if (at == 0) {
		uint8_t digest[DIGEST_BYTES];
		digest_derive(seed, "network", drawn, 0, digest);
		memcpy(numbers, digest, sizeof(numbers));
	}
	drawn++;
	return numbers[at];
}

void net_port_set_time(uint32_t ms)
{
	time_ms = ms;
}

u32_t sys_now(void)
{
	return time_ms;
}

_Noreturn void net_port_assert(const char *what, const char *file, int line)
{
	log_line(LOG_ERROR, "net: %s (%s:%d)", what, file, line);
	hvcall_fail(0, (uintptr_t)__builtin_return_address(0), 0);
	__builtin_trap();
}

/* The Internet checksum's sum (RFC 1071), not complemented, in the order of the bytes. */
u16_t net_port_checksum(const void *bytes, int count)
{
	const uint8_t *p = bytes;
	const bool is_odd = ((uintptr_t)p & 1) != 0;
	uint64_t sum = 0;

	/* From an odd address the words are those of the even ones around it, and the sum comes out swapped. */
	if (is_odd && count > 0) {
		sum = (uint64_t)*p++ << 8;
		count--;
	}
	for (; count >= 2 && ((uintptr_t)p & 7) != 0; p += 2, count -= 2) {
		sum += (uint64_t)p[0] | (uint64_t)p[1] << 8;
	}
	for (; count >= 8; p += 8, count -= 8) {
		const uint64_t word = *(const uint64_t __attribute__((may_alias)) *)(const void *)p;
		sum += (word & UINT32_MAX) + (word >> 32);
	}
	for (; count >= 2; p += 2, count -= 2) {
		sum += (uint64_t)p[0] | (uint64_t)p[1] << 8;
	}
	if (count == 1) {
		sum += *p;
	}
	while (sum > 0xffff) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (u16_t)(is_odd ? (sum & 0xff) << 8 | sum >> 8 : sum);
}
