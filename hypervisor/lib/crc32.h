/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* CRC-32 of IEEE 802.3, as zlib's crc32(): reflected 0xedb88320, all ones in and out. By the bit, without a table. */
#include <stddef.h>
#include <stdint.h>

uint32_t crc32(const void *data, size_t bytes);
