/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A guest's console, both ways. Bytes have offsets that begin at 0 at the node's boot and only rise, so a repeated or
 * reordered datagram is harmless, and what is missing is seen.
 *
 *     32  u8 slot      33  u8 zero      34  u16 bytes      36  u32 zero
 *     40  u64 offset of the first byte
 *     48  u64 output: offset behind the last byte that the guest has written; input: zero
 *     56  the bytes
 *
 * Output: an offset behind what the receiver has is a hole only if the receiver had asked from there on; else it is
 * still on its way. Input: bytes before the one that is due are dropped by the core, and the beat's console
 * series says which is due.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/datagram.h"

enum {
	CONSOLE_FIXED_BYTES = 56, /* with the header */
	CONSOLE_OUTPUT_MAX_BYTES = 1200,
	CONSOLE_INPUT_MAX_BYTES = 256,
};

struct console_chunk {
	uint64_t boot_id;
	uint32_t instance;
	uint64_t sequence;
	enum datagram_type type; /* DATAGRAM_CONSOLE_OUTPUT or DATAGRAM_CONSOLE_INPUT */
	uint8_t slot;
	uint64_t offset;
	uint64_t head; /* of output */
	uint16_t count; /* 1 to the type's limit; output may have 0: "that is all" */
	const uint8_t *bytes; /* decoded: inside the datagram */
};

/* Bytes written, with room for the tag at their end; seal_put() follows. 0: no room, or over a limit. */
size_t console_encode(const struct console_chunk *chunk, uint8_t *bytes, size_t size);
bool console_decode(const uint8_t *bytes, size_t size, struct console_chunk *chunk,
		    struct wire_error *error);
