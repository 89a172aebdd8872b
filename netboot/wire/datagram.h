/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What every UDP datagram between node and controller begins and ends with. All numbers little-endian.
 *
 *      0  "AEW1"                  4  u8 version (1)      5  u8 type      6  u16 length of the whole datagram
 *      8  u64 boot id            16  u32 service instance               20  u32 zero
 *     24  u64 sequence           32  body by type: a fixed part, then TLVs (wire/tlv.h)
 *      .  the last 16 bytes: the tag (wire/seal.h); there is no datagram without one
 *
 * Both directions name the node's boot and the service instance whose key makes the tag. A sender numbers all its
 * datagrams of one (boot id, instance) from 1 in one rising sequence, whatever their type; a number is never used
 * twice, so a repeated wish is a new datagram. The order in which a receiver works: datagram_decode_header, look the
 * key up by boot id and instance, seal_check, the replay check (wire/replay.h), and only then the body.
 *
 * Fields may be added at the end of a fixed TLV, and TLVs of new types; both are skipped by who does not know them.
 * Everything else is a new version.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/error.h"

#define DATAGRAM_MAGIC UINT32_C(0x31574541) /* "AEW1" */

enum {
	DATAGRAM_PORT = 7480, /* of the controller, UDP and TCP, where nothing names another */
	DATAGRAM_VERSION = 1,
	DATAGRAM_HEADER_BYTES = 32,
	DATAGRAM_TAG_BYTES = 16,
	DATAGRAM_MIN_BYTES = DATAGRAM_HEADER_BYTES + DATAGRAM_TAG_BYTES,
	DATAGRAM_MAX_BYTES = 1280, /* of any type: never fragmented */
	WIRE_GUEST_MAX = 4, /* slots of a node: a guest's place in the manifest */
	WIRE_CPU_MAX = 8,
};

/* Bit 7 is the direction, so that nothing can be sent back to who made it. */
#define DATAGRAM_FROM_CONTROLLER 0x80u
enum datagram_type {
	DATAGRAM_BEAT = 0x01,
	DATAGRAM_CONSOLE_OUTPUT = 0x02,
	DATAGRAM_ACK = 0x81,
	DATAGRAM_CONSOLE_INPUT = 0x82,
};

struct datagram_header {
	enum datagram_type type;
	uint64_t boot_id; /* not 0 */
	uint32_t instance; /* 1 and up */
	uint64_t sequence; /* 1 and up */
};

/* Checks the header of the datagram of which all `size` bytes stand at `bytes`; `size` is then at least
 * DATAGRAM_MIN_BYTES and at most DATAGRAM_MAX_BYTES. The tag is not looked at. */
bool datagram_decode_header(const uint8_t *bytes, size_t size, struct datagram_header *header,
			    struct wire_error *error);
