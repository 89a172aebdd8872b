/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning of HTTP bodies, and the range check. Hostile input: all of what message_open reads. */
#include "wire/message.h"

#include <string.h>

#include "wire/hello.h"
#include "wire/refuse.h"

enum { AT_SIZE = 12, AT_BODY = 16, MAGIC_BYTES = 8 };

bool wire_in_range(uint64_t value, uint64_t low, uint64_t high, const char *name, struct wire_error *error)
{
	if (value < low || value > high) {
		return wire_refuse(error, WIRE_MESSAGE_VALUE, value, value < low ? low : high, NULL, name);
	}
	return true;
}

bool message_open(const uint8_t *bytes, size_t size, const struct message_form *form, struct wire_reader *body,
		  struct wire_error *error)
{
	struct wire_reader r = {.bytes = bytes, .size = size, .at = MAGIC_BYTES};

	if (size < form->fixed_bytes) {
		return wire_refuse(error, WIRE_MESSAGE_SHORT, size, form->fixed_bytes, NULL, form->name);
	}
	if (size > form->max_bytes) {
		return wire_refuse(error, WIRE_MESSAGE_LARGE, size, form->max_bytes, NULL, form->name);
	}
	if (memcmp(bytes, form->magic, MAGIC_BYTES) != 0) {
		return wire_refuse(error, WIRE_MESSAGE_MAGIC, 0, 0, NULL, form->name);
	}
	const uint64_t version = wire_get(&r, 2);
	if (version != HELLO_VERSION) {
		return wire_refuse(error, WIRE_MESSAGE_VERSION, version, HELLO_VERSION, NULL, form->name);
	}
	const uint64_t own = wire_get(&r, 2);
	if (own != 0 && !form->has_status) {
		return wire_refuse(error, WIRE_MESSAGE_RESERVED, own, 0, NULL, form->name);
	}
	const uint64_t said = wire_get(&r, 4);
	if (said != size) {
		return wire_refuse(error, WIRE_MESSAGE_SIZE, said, size, NULL, form->name);
	}
	*body = (struct wire_reader){.bytes = bytes, .size = size, .at = AT_BODY};
	return true;
}

size_t message_end(struct wire_writer *w)
{
	if (w->is_short || w->at < AT_BODY) {
		return 0;
	}
	struct wire_writer size = {.bytes = w->bytes + AT_SIZE, .size = 4};
	wire_put(&size, w->at, 4);
	return w->at;
}
