/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The bytes of wire messages: bounded writing and reading of little-endian numbers, and the TLVs that follow a fixed
 * part: u16 type, u16 length, then so many bytes. Nothing here reads or writes outside what it was given; a writer
 * without room and a reader behind the end remember that, so that one check at the end is enough.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/error.h"

enum { TLV_HEADER_BYTES = 4 };

struct wire_writer {
	uint8_t *bytes;
	size_t size;
	size_t at;
	bool is_short; /* something did not fit; nothing is written any more */
};

/* The lowest `count` bytes (1 to 8) of value. */
void wire_put(struct wire_writer *w, uint64_t value, size_t count);
void wire_put_bytes(struct wire_writer *w, const void *bytes, size_t count);
/* A TLV: tlv_begin's answer goes to tlv_end once the body is written. */
size_t tlv_begin(struct wire_writer *w, uint16_t type);
void tlv_end(struct wire_writer *w, size_t begin);
/* A TLV of bytes, and one of a string without its NUL; an empty string is not written. */
void tlv_put_bytes(struct wire_writer *w, uint16_t type, const void *bytes, size_t count);
void tlv_put_string(struct wire_writer *w, uint16_t type, const char *text);

struct wire_reader {
	const uint8_t *bytes;
	size_t size;
	size_t at;
	bool is_short; /* something was read behind the end; it was 0 */
};

uint64_t wire_get(struct wire_reader *r, size_t count);
void wire_get_bytes(struct wire_reader *r, void *bytes, size_t count);

struct tlv {
	uint16_t type;
	const char *name; /* for errors; set by who knows the type */
	struct wire_reader body;
};

/* The next TLV of r: 1, or 0 at the end, or -1 with *error when it is cut off. */
int tlv_next(struct wire_reader *r, struct tlv *tlv, struct wire_error *error);
/* Refuses a TLV whose body has fewer bytes than this. Bytes behind them are of a later version and are ignored. */
bool tlv_has(const struct tlv *tlv, size_t bytes, struct wire_error *error);
/* Marks bit `bit` (0 to 63) of *seen; a TLV that was seen before is refused. */
bool tlv_once(const struct tlv *tlv, uint64_t *seen, unsigned int bit, struct wire_error *error);
/* The body as a NUL-terminated string: printable ASCII, at most size - 1 characters. */
bool tlv_get_string(const struct tlv *tlv, char *text, size_t size, struct wire_error *error);
