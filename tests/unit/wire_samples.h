/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Messages whose every field has a value of its own: for round trips, golden datagrams and fuzzers' seeds. */
#include "wire/ack.h"
#include "wire/beat.h"
#include "wire/console.h"
#include "wire/hello.h"
#include "wire/seal.h"

enum { SAMPLE_MAX_BYTES = HELLO_MAX_BYTES };
#define SAMPLE_BOOT_ID UINT64_C(0x1122334455667788)
#define SAMPLE_INSTANCE UINT32_C(7)

/* The key of the samples' instance. */
void sample_key(struct seal_key *key);
/* Everything set; exit causes as many as asked for. */
void sample_beat(struct beat *beat, uint32_t exit_causes);
void sample_ack(struct ack *ack);
void sample_console(struct console_chunk *chunk, enum datagram_type type);
void sample_hello(struct hello *hello);
void sample_answer(struct hello_answer *answer);

/* The messages of tests/golden/wire: name, and its bytes in full. */
struct sample {
	const char *name;
	size_t (*make)(uint8_t bytes[SAMPLE_MAX_BYTES]); /* encoded and tagged */
};
extern const struct sample samples[];
extern const size_t sample_count;
