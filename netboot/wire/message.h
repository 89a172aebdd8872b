/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* How the codecs of this folder begin and end a message; what they share beside wire/tlv.h. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/datagram.h"
#include "wire/tlv.h"

/* The header, its length not yet known. */
void datagram_begin(struct wire_writer *w, const struct datagram_header *header);
/* Makes room for the tag and puts the length in. Returns the bytes of the whole, 0 when something did not fit. */
size_t datagram_end(struct wire_writer *w);
/* Decodes the header of a datagram of that type; *body reads what stands between header and tag, which is at
 * least fixed_bytes (counted with the header). `name` is what errors call the type. */
bool datagram_open(const uint8_t *bytes, size_t size, struct datagram_header *header, enum datagram_type type,
		   size_t fixed_bytes, const char *name, struct wire_reader *body, struct wire_error *error);

/* Refuses a value that is outside low to high; the error tells the limit that it broke. */
bool wire_in_range(uint64_t value, uint64_t low, uint64_t high, const char *name, struct wire_error *error);

/* The bodies of HTTP requests and answers: 8 bytes of magic, u16 version, u16 zero, u32 size, the rest of a fixed part,
 * then TLVs. */
struct message_form {
	const char *magic; /* 8 characters */
	const char *name; /* for errors */
	size_t fixed_bytes;
	size_t max_bytes;
	bool has_status; /* the u16 behind the version is not zero but the message's own */
};

/* Checks the first 16 bytes; *body reads what follows them and is at least what is left of the fixed part. */
bool message_open(const uint8_t *bytes, size_t size, const struct message_form *form, struct wire_reader *body,
		  struct wire_error *error);
/* Puts the size in. Returns it, 0 when something did not fit. */
size_t message_end(struct wire_writer *w);
