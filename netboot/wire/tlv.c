/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded reading and writing. Hostile input: every length; none is used before it is compared with what is left. */
#include "wire/tlv.h"

#include <string.h>

#include "wire/refuse.h"

static bool has_room(struct wire_writer *w, size_t count)
{
	if (w->is_short || count > w->size - w->at) {
		w->is_short = true;
	}
	return !w->is_short;
}

void wire_put(struct wire_writer *w, uint64_t value, size_t count)
{
	if (!has_room(w, count)) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		w->bytes[w->at++] = (uint8_t)(value >> (8 * i));
	}
}

void wire_put_bytes(struct wire_writer *w, const void *bytes, size_t count)
{
	if (count != 0 && has_room(w, count)) {
		memcpy(w->bytes + w->at, bytes, count);
		w->at += count;
	}
}

size_t tlv_begin(struct wire_writer *w, uint16_t type)
{
	const size_t begin = w->at;

	wire_put(w, type, 2);
	wire_put(w, 0, 2);
	return begin;
}

void tlv_end(struct wire_writer *w, size_t begin)
{
	if (w->is_short) {
		return;
	}
	const size_t count = w->at - begin - TLV_HEADER_BYTES;
	if (count > UINT16_MAX) {
		w->is_short = true;
		return;
	}
	w->bytes[begin + 2] = (uint8_t)count;
	w->bytes[begin + 3] = (uint8_t)(count >> 8);
}

void tlv_put_bytes(struct wire_writer *w, uint16_t type, const void *bytes, size_t count)
{
	const size_t begin = tlv_begin(w, type);

	wire_put_bytes(w, bytes, count);
	tlv_end(w, begin);
}

void tlv_put_string(struct wire_writer *w, uint16_t type, const char *text)
{
	if (text[0] != '\0') {
		tlv_put_bytes(w, type, text, strlen(text));
	}
}

uint64_t wire_get(struct wire_reader *r, size_t count)
{
	uint64_t value = 0;

	if (r->is_short || count > r->size - r->at) {
		r->is_short = true;
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		value |= (uint64_t)r->bytes[r->at++] << (8 * i);
	}
	return value;
}

void wire_get_bytes(struct wire_reader *r, void *bytes, size_t count)
{
	if (r->is_short || count > r->size - r->at) {
		r->is_short = true;
		memset(bytes, 0, count);
		return;
	}
	memcpy(bytes, r->bytes + r->at, count);
	r->at += count;
}

int tlv_next(struct wire_reader *r, struct tlv *tlv, struct wire_error *error)
{
	const size_t left = r->size - r->at;

	if (left == 0) {
		return 0;
	}
	if (left < TLV_HEADER_BYTES) {
		wire_refuse(error, WIRE_TLV_TRUNCATED, TLV_HEADER_BYTES, left, NULL, NULL);
		return -1;
	}
	tlv->type = (uint16_t)wire_get(r, 2);
	tlv->name = "an unknown TLV";
	const size_t count = (size_t)wire_get(r, 2);
	if (count > r->size - r->at) {
		wire_refuse(error, WIRE_TLV_TRUNCATED, count, r->size - r->at, NULL, NULL);
		return -1;
	}
	tlv->body = (struct wire_reader){.bytes = r->bytes + r->at, .size = count};
	r->at += count;
	return 1;
}

bool tlv_has(const struct tlv *tlv, size_t bytes, struct wire_error *error)
{
	if (tlv->body.size < bytes) {
		return wire_refuse(error, WIRE_TLV_SHORT, tlv->body.size, bytes, NULL, tlv->name);
	}
	return true;
}

bool tlv_once(const struct tlv *tlv, uint64_t *seen, unsigned int bit, struct wire_error *error)
{
	if ((*seen >> bit & 1) != 0) {
		return wire_refuse(error, WIRE_TLV_TWICE, 0, 0, NULL, tlv->name);
	}
	*seen |= UINT64_C(1) << bit;
	return true;
}

bool tlv_get_string(const struct tlv *tlv, char *text, size_t size, struct wire_error *error)
{
	const struct wire_reader *body = &tlv->body;

	if (body->size > size - 1) {
		return wire_refuse(error, WIRE_TLV_LONG, body->size, size - 1, NULL, tlv->name);
	}
	for (size_t i = 0; i < body->size; i++) {
		const uint8_t c = body->bytes[i];
		if (c < ' ' || c > '~') {
			return wire_refuse(error, WIRE_TLV_CHARACTER, c, 0, NULL, tlv->name);
		}
		text[i] = (char)c;
	}
	text[body->size] = '\0';
	return true;
}
