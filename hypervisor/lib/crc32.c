/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32: bytes of any content, no state. */
#include "lib/crc32.h"

uint32_t crc32(const void *data, size_t bytes)
{
	const uint8_t *at = data;
	uint32_t crc = ~UINT32_C(0);
	for (size_t i = 0; i < bytes; i++) {
		crc ^= at[i];
		for (unsigned bit = 0; bit < 8; bit++) {
			crc = (crc >> 1) ^ (UINT32_C(0xedb88320) & (~(crc & 1) + 1));
		}
	}
	return ~crc;
}
