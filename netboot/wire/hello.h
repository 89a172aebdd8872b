/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The hello: the body of a node's `POST /v1/hello` and of the answer. Little-endian; TLVs as in wire/tlv.h.
 *
 *     hello    0  "AETHERHI"    8  u16 version (1)   10  u16 zero   12  u32 size of all
 *             16  u64 boot id  24  u32 instance      28  u32 flags (HELLO_*)
 *             32  u8[32] the boot's key              64  TLVs
 *     answer   0  "AETHERAN"    8  u16 version (1)   10  u8 status  11  u8 flags   12  u32 size of all
 *             16  u64 boot id of the hello           24  u32 instance of the hello 28  u32 retry, milliseconds
 *             32  u64 wall clock, nanoseconds        40  u32 interval, milliseconds
 *             44  u16 UDP port 46  u16 zero          48  TLVs
 *
 * The hello of a boot may be repeated; the controller takes it for the same node and boot as long as boot id and key
 * are the same. A second key for a boot id that is known is refused. The key travels in clear: netboot/README.md says
 * what that means.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/datagram.h"
#include "wire/error.h"
#include "wire/seal.h"

enum {
	HELLO_VERSION = 1,
	HELLO_FIXED_BYTES = 64,
	HELLO_ANSWER_FIXED_BYTES = 48,
	HELLO_ANSWER_MAX_BYTES = 256,
	HELLO_CRASH_MAX_BYTES = 16384,
	HELLO_MAX_BYTES = HELLO_CRASH_MAX_BYTES + 1024,
	HELLO_MAC_MAX = 4,
	HELLO_STAGE_MAX = 16,
	HELLO_BOARD_BYTES = 64, /* all with the NUL */
	HELLO_SERIAL_BYTES = 64,
	HELLO_VERSION_BYTES = 32,
	HELLO_REASON_BYTES = 64,
	HELLO_SHA256_BYTES = 32,
};

#define HELLO_SIMULATION 1u /* flags: a build for simulation */
#define HELLO_FLAGS_ALL 1u

/* Moments of the boot, in microseconds of the machine's counter, which on most machines began at power-on; so ENTRY is
 * also what firmware and TFTP took together. */
enum hello_stage {
	HELLO_STAGE_ENTRY = 0, /* the first six as in abi/bootinfo.h */
	HELLO_STAGE_MACHINE = 1,
	HELLO_STAGE_DMA = 2,
	HELLO_STAGE_MEMORY = 3,
	HELLO_STAGE_CPUS = 4,
	HELLO_STAGE_SERVICE = 5,
	HELLO_STAGE_LEASE = 6, /* the service has an address */
	HELLO_STAGE_HELLO = 7, /* the first hello of this instance went out */
	HELLO_STAGE_COUNT,
};
#define HELLO_TIME_UNKNOWN UINT64_MAX

/* Strings are printable ASCII, "" where the machine does not say. A string of firmware's is made so by
 * hello_clean_string(). */
struct hello {
	uint64_t boot_id;
	uint32_t instance;
	uint32_t flags;
	uint8_t boot_key[SEAL_KEY_BYTES];
	/* identity */
	char board[HELLO_BOARD_BYTES]; /* the machine's `compatible` */
	char serial[HELLO_SERIAL_BYTES];
	uint32_t mac_count; /* 1 to HELLO_MAC_MAX; the first is the beats' */
	uint8_t macs[HELLO_MAC_MAX][6];
	bool has_uuid; /* of a machine whose firmware has one to give (SMBIOS); a device tree has none */
	uint8_t uuid[16];
	/* machine */
	uint32_t cpu_count; /* 1 to WIRE_CPU_MAX */
	uint32_t gic_version;
	uint64_t midr;
	uint64_t ram_bytes;
	uint64_t free_bytes; /* what guests can have */
	uint64_t core_bytes;
	uint64_t counter_hz;
	/* software */
	char core_version[HELLO_VERSION_BYTES];
	uint8_t core_build_id[HELLO_SHA256_BYTES];
	uint8_t service_sha256[HELLO_SHA256_BYTES];
	/* boot */
	uint32_t stage_count; /* 0 to HELLO_STAGE_MAX */
	uint64_t stage_us[HELLO_STAGE_MAX];
	/* the last boot's crash */
	uint32_t crash_streak; /* boots in a row that left a record */
	uint32_t crash_bytes; /* 0: none */
	const uint8_t *crash; /* opaque; decoded: inside the message */
};

enum hello_status {
	HELLO_PENDING = 0, /* ask again after retry_ms */
	HELLO_APPROVED = 1, /* beats may go out */
	HELLO_REJECTED = 2, /* ask again after retry_ms, which is long */
};

struct hello_answer {
	uint64_t boot_id; /* both of the hello: an answer to another is refused by its reader */
	uint32_t instance;
	enum hello_status status;
	bool is_crash_taken; /* the crash record was stored */
	uint32_t retry_ms; /* HELLO_RETRY_MIN_MS to HELLO_RETRY_MAX_MS */
	uint64_t wall_clock_ns; /* since 1970 UTC; 0: not known */
	uint32_t interval_ms; /* of beats, ACK_INTERVAL_MIN_MS to ACK_INTERVAL_MAX_MS (wire/ack.h) */
	uint16_t udp_port; /* of the controller, for beats; not 0 */
	char reason[HELLO_REASON_BYTES]; /* for the node's console; "" */
};
enum { HELLO_RETRY_MIN_MS = 100, HELLO_RETRY_MAX_MS = 3600000 };

/* Bytes written; 0: no room (HELLO_MAX_BYTES and HELLO_ANSWER_MAX_BYTES are always enough), or over a limit. */
size_t hello_encode(const struct hello *hello, uint8_t *bytes, size_t size);
size_t hello_encode_answer(const struct hello_answer *answer, uint8_t *bytes, size_t size);
/* False: *error says why, and the result means nothing. */
bool hello_decode(const uint8_t *bytes, size_t size, struct hello *hello, struct wire_error *error);
bool hello_decode_answer(const uint8_t *bytes, size_t size, struct hello_answer *answer,
			 struct wire_error *error);
/* Copies text of unknown content (length bytes, or up to a NUL) as the wire wants it: what is not printable becomes
 * '?', what is too long is cut. */
void hello_clean_string(char *to, size_t size, const char *text, size_t length);
