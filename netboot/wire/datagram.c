/* SPDX-License-Identifier: Apache-2.0 */
/* The header of datagrams. Hostile input: all of it; anybody can send to the port. */
#include "wire/datagram.h"

#include "wire/message.h"
#include "wire/refuse.h"

enum { AT_LENGTH = 6, AT_BODY = DATAGRAM_HEADER_BYTES };

static bool is_type(uint8_t type)
{
	switch (type) {
	case DATAGRAM_BEAT:
	case DATAGRAM_CONSOLE_OUTPUT:
	case DATAGRAM_ACK:
	case DATAGRAM_CONSOLE_INPUT:
		return true;
	default:
		return false;
	}
}

static bool check_size(uint64_t length, size_t size, struct wire_error *error)
{
	if (length != size) {
		return wire_refuse(error, WIRE_MESSAGE_SIZE, length, size, NULL, "datagram");
	}
	return true;
}

static bool check_identity(const struct datagram_header *header, struct wire_error *error)
{
	if (header->boot_id == 0) {
		return wire_refuse(error, WIRE_MESSAGE_ZERO, 0, 0, "datagram", "boot id");
	}
	if (header->instance == 0) {
		return wire_refuse(error, WIRE_MESSAGE_ZERO, 0, 0, "datagram", "instance");
	}
	if (header->sequence == 0) {
		return wire_refuse(error, WIRE_MESSAGE_ZERO, 0, 0, "datagram", "sequence");
	}
	return true;
}

bool datagram_decode_header(const uint8_t *bytes, size_t size, struct datagram_header *header, struct wire_error *error)
{
	struct wire_reader r = {.bytes = bytes, .size = size};

	if (size < DATAGRAM_MIN_BYTES) {
		return wire_refuse(error, WIRE_MESSAGE_SHORT, size, DATAGRAM_MIN_BYTES, NULL, "datagram");
	}
	if (size > DATAGRAM_MAX_BYTES) {
		return wire_refuse(error, WIRE_MESSAGE_LARGE, size, DATAGRAM_MAX_BYTES, NULL, "datagram");
	}
	if (wire_get(&r, 4) != DATAGRAM_MAGIC) {
		return wire_refuse(error, WIRE_MESSAGE_MAGIC, 0, 0, NULL, "datagram");
	}
	const uint64_t version = wire_get(&r, 1);
	if (version != DATAGRAM_VERSION) {
		return wire_refuse(error, WIRE_MESSAGE_VERSION, version, DATAGRAM_VERSION, NULL, "datagram");
	}
	const uint8_t type = (uint8_t)wire_get(&r, 1);
	if (!is_type(type)) {
		return wire_refuse(error, WIRE_MESSAGE_TYPE, type, 0, NULL, "datagram");
	}
	if (!check_size(wire_get(&r, 2), size, error)) {
		return false;
	}
	struct datagram_header read = {.type = type, .boot_id = wire_get(&r, 8), .instance = (uint32_t)wire_get(&r, 4)};
	const uint64_t reserved = wire_get(&r, 4);
	if (reserved != 0) {
		return wire_refuse(error, WIRE_MESSAGE_RESERVED, reserved, 0, NULL, "datagram");
	}
	read.sequence = wire_get(&r, 8);
	if (!check_identity(&read, error)) {
		return false;
	}
	*header = read;
	return true;
}

void datagram_begin(struct wire_writer *w, const struct datagram_header *header)
{
	wire_put(w, DATAGRAM_MAGIC, 4);
	wire_put(w, DATAGRAM_VERSION, 1);
	wire_put(w, header->type, 1);
	wire_put(w, 0, 2); /* length: datagram_end() */
	wire_put(w, header->boot_id, 8);
	wire_put(w, header->instance, 4);
	wire_put(w, 0, 4);
	wire_put(w, header->sequence, 8);
}

size_t datagram_end(struct wire_writer *w)
{
	wire_put(w, 0, 8);
	wire_put(w, 0, DATAGRAM_TAG_BYTES - 8);
	if (w->is_short || w->at > DATAGRAM_MAX_BYTES) {
		return 0;
	}
	struct wire_writer length = {.bytes = w->bytes + AT_LENGTH, .size = 2};
	wire_put(&length, w->at, 2);
	return w->at;
}

bool datagram_open(const uint8_t *bytes, size_t size, struct datagram_header *header, enum datagram_type type,
		   size_t fixed_bytes, const char *name, struct wire_reader *body, struct wire_error *error)
{
	if (!datagram_decode_header(bytes, size, header, error)) {
		return false;
	}
	if (header->type != type) {
		return wire_refuse(error, WIRE_MESSAGE_TYPE, header->type, type, NULL, name);
	}
	if (size < fixed_bytes + DATAGRAM_TAG_BYTES) {
		return wire_refuse(error, WIRE_MESSAGE_SHORT, size, fixed_bytes + DATAGRAM_TAG_BYTES, NULL, name);
	}
	*body = (struct wire_reader){.bytes = bytes, .size = size - DATAGRAM_TAG_BYTES, .at = AT_BODY};
	return true;
}
