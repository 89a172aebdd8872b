/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FIPS 180-4 s6.2.2 by SHA256RNDS2, SHA256MSG1 and SHA256MSG2 (Intel SDM volume 2B). The instructions want the eight
 * working variables as (a, b, e, f) and (c, d, g, h), the first in the highest lane, and do two rounds at a time.
 */
#include "wire/sha256_x86.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#include <string.h>

enum { BLOCK_BYTES = 64, ROUNDS = 64, LANES = 4 };

static const uint32_t constants[ROUNDS] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static bool is_there(void)
{
	enum { UNKNOWN, YES, NO };
	static atomic_int answer;
	unsigned a, b, c, d;

	if (atomic_load_explicit(&answer, memory_order_relaxed) == UNKNOWN) {
		const bool has_sse = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_1) != 0;
		const bool has_sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;

		atomic_store_explicit(&answer, has_sse && has_sha ? YES : NO, memory_order_relaxed);
	}
	return atomic_load_explicit(&answer, memory_order_relaxed) == YES;
}

__attribute__((target("sha,sse4.1"))) static void take_blocks(uint32_t state[8], const uint8_t *bytes, size_t blocks)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i dcba, hgfe;

	memcpy(&dcba, state, sizeof(dcba));
	memcpy(&hgfe, state + 4, sizeof(hgfe));
	const __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
	const __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
	__m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
	__m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);

	for (; blocks > 0; blocks--, bytes += BLOCK_BYTES) {
		const __m128i abef_before = abef;
		const __m128i cdgh_before = cdgh;
		__m128i w[4]; /* the newest sixteen words of the schedule, those of round i in w[i / 4 % 4] */

		for (unsigned i = 0; i < ROUNDS / LANES; i++) {
			__m128i *now = &w[i % 4];
			__m128i k;

			if (i < 4) {
				memcpy(now, bytes + 16 * i, sizeof(*now));
				*now = _mm_shuffle_epi8(*now, big_endian);
			} else {
				const __m128i seven_back = _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4);

				*now = _mm_add_epi32(_mm_sha256msg1_epu32(*now, w[(i + 1) % 4]), seven_back);
				*now = _mm_sha256msg2_epu32(*now, w[(i + 3) % 4]);
			}
			memcpy(&k, constants + LANES * i, sizeof(k));
			k = _mm_add_epi32(k, *now);
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, k);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(k, 0x0e));
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
	const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);

	dcba = _mm_blend_epi16(feba, dchg, 0xf0);
	hgfe = _mm_alignr_epi8(dchg, feba, 8);
	memcpy(state, &dcba, sizeof(dcba));
	memcpy(state + 4, &hgfe, sizeof(hgfe));
}

bool sha256_x86_blocks(uint32_t state[8], const uint8_t *bytes, size_t blocks)
{
	if (!is_there()) {
		return false;
	}
	take_blocks(state, bytes, blocks);
	return true;
}
#endif
