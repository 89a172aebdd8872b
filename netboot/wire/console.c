/* SPDX-License-Identifier: Apache-2.0 */
/* Console chunks. Hostile input of console_decode: all of it; offsets are any number, a sum with one may wrap. */
#include "wire/console.h"

#include "wire/message.h"
#include "wire/refuse.h"

static size_t max_bytes(enum datagram_type type)
{
	return type == DATAGRAM_CONSOLE_OUTPUT ? CONSOLE_OUTPUT_MAX_BYTES : CONSOLE_INPUT_MAX_BYTES;
}

static bool is_count(enum datagram_type type, size_t count)
{
	return count <= max_bytes(type) && (count != 0 || type == DATAGRAM_CONSOLE_OUTPUT);
}

size_t console_encode(const struct console_chunk *chunk, uint8_t *bytes, size_t size)
{
	const struct datagram_header header = {
		.type = chunk->type,
		.boot_id = chunk->boot_id,
		.instance = chunk->instance,
		.sequence = chunk->sequence,
	};
	struct wire_writer w = {.bytes = bytes, .size = size};

	if (!is_count(chunk->type, chunk->count)) {
		return 0;
	}
	datagram_begin(&w, &header);
	wire_put(&w, chunk->slot, 1);
	wire_put(&w, 0, 1);
	wire_put(&w, chunk->count, 2);
	wire_put(&w, 0, 4);
	wire_put(&w, chunk->offset, 8);
	wire_put(&w, chunk->type == DATAGRAM_CONSOLE_OUTPUT ? chunk->head : 0, 8);
	wire_put_bytes(&w, chunk->bytes, chunk->count);
	return datagram_end(&w);
}

static bool check(const struct console_chunk *chunk, size_t left, struct wire_error *error)
{
	if (!wire_in_range(chunk->slot, 0, WIRE_GUEST_MAX - 1, "console slot", error)) {
		return false;
	}
	if (!is_count(chunk->type, chunk->count)) {
		return wire_refuse(error, WIRE_MESSAGE_VALUE, chunk->count, max_bytes(chunk->type), NULL,
				   "console bytes");
	}
	if (chunk->count > left) {
		return wire_refuse(error, WIRE_TLV_TRUNCATED, chunk->count, left, NULL, NULL);
	}
	if (chunk->offset > UINT64_MAX - chunk->count) {
		return wire_refuse(error, WIRE_MESSAGE_VALUE, chunk->offset, UINT64_MAX - chunk->count, NULL,
				   "console offset");
	}
	if (chunk->type == DATAGRAM_CONSOLE_OUTPUT && chunk->head < chunk->offset + chunk->count) {
		return wire_refuse(error, WIRE_MESSAGE_VALUE, chunk->head, chunk->offset + chunk->count, NULL,
				   "console head");
	}
	return true;
}

bool console_decode(const uint8_t *bytes, size_t size, struct console_chunk *chunk, struct wire_error *error)
{
	struct datagram_header header;
	struct wire_reader r;

	if (!datagram_decode_header(bytes, size, &header, error)) {
		return false;
	}
	const enum datagram_type type = header.type == DATAGRAM_CONSOLE_INPUT ? header.type : DATAGRAM_CONSOLE_OUTPUT;
	if (!datagram_open(bytes, size, &header, type, CONSOLE_FIXED_BYTES, "console", &r, error)) {
		return false;
	}
	*chunk = (struct console_chunk){
		.boot_id = header.boot_id,
		.instance = header.instance,
		.sequence = header.sequence,
		.type = type,
		.slot = (uint8_t)wire_get(&r, 1),
	};
	(void)wire_get(&r, 1);
	chunk->count = (uint16_t)wire_get(&r, 2);
	(void)wire_get(&r, 4);
	chunk->offset = wire_get(&r, 8);
	chunk->head = wire_get(&r, 8);
	chunk->bytes = r.bytes + r.at;
	if (type == DATAGRAM_CONSOLE_INPUT) {
		chunk->head = 0;
	}
	return check(chunk, r.size - r.at, error);
}
