/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes and reads hellos. Hostile input of hello_decode: all of it; anybody on the network can say hello. Every string
 * is bounded and printable, every count inside its array, and the crash record stays where it was received.
 */
#include "wire/hello.h"

#include <string.h>

#include "wire/message.h"
#include "wire/refuse.h"

#define HELLO_MAGIC "AETHERHI"

enum {
	TLV_BOARD = 1,
	TLV_SERIAL = 2,
	TLV_MACS = 3,
	TLV_UUID = 4,
	TLV_MACHINE = 5,
	TLV_CORE_VERSION = 6,
	TLV_CORE_BUILD = 7,
	TLV_SERVICE = 8,
	TLV_STAGES = 9,
	TLV_CRASH = 10,
	TLV_LAST = TLV_CRASH,
};

/* --- encoder --- */

static void put_machine(struct wire_writer *w, const struct hello *hello)
{
	const size_t begin = tlv_begin(w, TLV_MACHINE);

	wire_put(w, hello->cpu_count, 4);
	wire_put(w, hello->gic_version, 4);
	wire_put(w, hello->midr, 8);
	wire_put(w, hello->ram_bytes, 8);
	wire_put(w, hello->free_bytes, 8);
	wire_put(w, hello->core_bytes, 8);
	wire_put(w, hello->counter_hz, 8);
	tlv_end(w, begin);
}

static void put_stages(struct wire_writer *w, const struct hello *hello)
{
	const size_t begin = tlv_begin(w, TLV_STAGES);

	for (uint32_t i = 0; i < hello->stage_count; i++) {
		wire_put(w, hello->stage_us[i], 8);
	}
	tlv_end(w, begin);
}

static void put_crash(struct wire_writer *w, const struct hello *hello)
{
	if (hello->crash_streak == 0 && hello->crash_bytes == 0) {
		return;
	}
	const size_t begin = tlv_begin(w, TLV_CRASH);
	wire_put(w, hello->crash_streak, 4);
	wire_put_bytes(w, hello->crash, hello->crash_bytes);
	tlv_end(w, begin);
}

size_t hello_encode(const struct hello *hello, uint8_t *bytes, size_t size)
{
	struct wire_writer w = {.bytes = bytes, .size = size};

	if (hello->mac_count == 0 || hello->mac_count > HELLO_MAC_MAX || hello->stage_count > HELLO_STAGE_MAX ||
	    hello->crash_bytes > HELLO_CRASH_MAX_BYTES) {
		return 0;
	}
	wire_put_bytes(&w, HELLO_MAGIC, sizeof(HELLO_MAGIC) - 1);
	wire_put(&w, HELLO_VERSION, 2);
	wire_put(&w, 0, 2);
	wire_put(&w, 0, 4); /* size */
	wire_put(&w, hello->boot_id, 8);
	wire_put(&w, hello->instance, 4);
	wire_put(&w, hello->flags, 4);
	wire_put_bytes(&w, hello->boot_key, sizeof(hello->boot_key));
	tlv_put_string(&w, TLV_BOARD, hello->board);
	tlv_put_string(&w, TLV_SERIAL, hello->serial);
	tlv_put_bytes(&w, TLV_MACS, hello->macs, hello->mac_count * sizeof(hello->macs[0]));
	if (hello->has_uuid) {
		tlv_put_bytes(&w, TLV_UUID, hello->uuid, sizeof(hello->uuid));
	}
	put_machine(&w, hello);
	tlv_put_string(&w, TLV_CORE_VERSION, hello->core_version);
	tlv_put_bytes(&w, TLV_CORE_BUILD, hello->core_build_id, sizeof(hello->core_build_id));
	tlv_put_bytes(&w, TLV_SERVICE, hello->service_sha256, sizeof(hello->service_sha256));
	put_stages(&w, hello);
	put_crash(&w, hello);
	return message_end(&w);
}

/* --- decoder --- */

static bool get_macs(struct tlv *tlv, struct hello *hello, struct wire_error *error)
{
	const size_t each = sizeof(hello->macs[0]);

	if (!tlv_has(tlv, each, error)) {
		return false;
	}
	if (tlv->body.size > sizeof(hello->macs) || tlv->body.size % each != 0) {
		return wire_refuse(error, WIRE_TLV_LONG, tlv->body.size, sizeof(hello->macs), NULL, tlv->name);
	}
	hello->mac_count = (uint32_t)(tlv->body.size / each);
	wire_get_bytes(&tlv->body, hello->macs, tlv->body.size);
	return true;
}

static bool get_machine(struct tlv *tlv, struct hello *hello, struct wire_error *error)
{
	if (!tlv_has(tlv, 48, error)) {
		return false;
	}
	hello->cpu_count = (uint32_t)wire_get(&tlv->body, 4);
	hello->gic_version = (uint32_t)wire_get(&tlv->body, 4);
	hello->midr = wire_get(&tlv->body, 8);
	hello->ram_bytes = wire_get(&tlv->body, 8);
	hello->free_bytes = wire_get(&tlv->body, 8);
	hello->core_bytes = wire_get(&tlv->body, 8);
	hello->counter_hz = wire_get(&tlv->body, 8);
	return wire_in_range(hello->cpu_count, 1, WIRE_CPU_MAX, "hello CPUs", error);
}

static bool get_stages(struct tlv *tlv, struct hello *hello, struct wire_error *error)
{
	const size_t count = tlv->body.size / 8;

	if (tlv->body.size % 8 != 0 || count > HELLO_STAGE_MAX) {
		return wire_refuse(error, WIRE_TLV_LONG, tlv->body.size, 8 * HELLO_STAGE_MAX, NULL, tlv->name);
	}
	hello->stage_count = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		hello->stage_us[i] = wire_get(&tlv->body, 8);
	}
	return true;
}

static bool get_crash(struct tlv *tlv, struct hello *hello, struct wire_error *error)
{
	if (!tlv_has(tlv, 4, error)) {
		return false;
	}
	if (tlv->body.size - 4 > HELLO_CRASH_MAX_BYTES) {
		return wire_refuse(error, WIRE_TLV_LONG, tlv->body.size - 4, HELLO_CRASH_MAX_BYTES, NULL, tlv->name);
	}
	hello->crash_streak = (uint32_t)wire_get(&tlv->body, 4);
	hello->crash_bytes = (uint32_t)(tlv->body.size - 4);
	hello->crash = hello->crash_bytes != 0 ? tlv->body.bytes + 4 : NULL;
	return true;
}

static bool get_fixed_bytes(struct tlv *tlv, uint8_t *bytes, size_t count, struct wire_error *error)
{
	if (!tlv_has(tlv, count, error)) {
		return false;
	}
	wire_get_bytes(&tlv->body, bytes, count);
	return true;
}

static bool get_tlv(struct tlv *tlv, struct hello *hello, struct wire_error *error)
{
	switch (tlv->type) {
	case TLV_BOARD:
		return tlv_get_string(tlv, hello->board, sizeof(hello->board), error);
	case TLV_SERIAL:
		return tlv_get_string(tlv, hello->serial, sizeof(hello->serial), error);
	case TLV_MACS:
		return get_macs(tlv, hello, error);
	case TLV_UUID:
		hello->has_uuid = true;
		return get_fixed_bytes(tlv, hello->uuid, sizeof(hello->uuid), error);
	case TLV_MACHINE:
		return get_machine(tlv, hello, error);
	case TLV_CORE_VERSION:
		return tlv_get_string(tlv, hello->core_version, sizeof(hello->core_version), error);
	case TLV_CORE_BUILD:
		return get_fixed_bytes(tlv, hello->core_build_id, sizeof(hello->core_build_id), error);
	case TLV_SERVICE:
		return get_fixed_bytes(tlv, hello->service_sha256, sizeof(hello->service_sha256), error);
	case TLV_STAGES:
		return get_stages(tlv, hello, error);
	default:
		return get_crash(tlv, hello, error);
	}
}

static bool get_tlvs(struct wire_reader *r, struct hello *hello, struct wire_error *error)
{
	static const char *const names[] = {
		[TLV_BOARD] = "hello board",
		[TLV_SERIAL] = "hello serial number",
		[TLV_MACS] = "hello MAC addresses",
		[TLV_UUID] = "hello UUID",
		[TLV_MACHINE] = "hello machine",
		[TLV_CORE_VERSION] = "hello core version",
		[TLV_CORE_BUILD] = "hello core build",
		[TLV_SERVICE] = "hello service",
		[TLV_STAGES] = "hello boot stages",
		[TLV_CRASH] = "hello crash record",
	};
	struct tlv tlv;
	uint64_t seen = 0;
	int more;

	while ((more = tlv_next(r, &tlv, error)) > 0) {
		if (tlv.type == 0 || tlv.type > TLV_LAST) {
			continue;
		}
		tlv.name = names[tlv.type];
		if (!tlv_once(&tlv, &seen, tlv.type, error) || !get_tlv(&tlv, hello, error)) {
			return false;
		}
	}
	if (more < 0) {
		return false;
	}
	if ((seen >> TLV_MACS & 1) == 0) {
		return wire_refuse(error, WIRE_TLV_MISSING, 0, 0, NULL, names[TLV_MACS]);
	}
	if ((seen >> TLV_MACHINE & 1) == 0) {
		return wire_refuse(error, WIRE_TLV_MISSING, 0, 0, NULL, names[TLV_MACHINE]);
	}
	return true;
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
	uint8_t any = 0;

	for (size_t i = 0; i < count; i++) {
		any |= bytes[i];
	}
	return any == 0;
}

bool hello_decode(const uint8_t *bytes, size_t size, struct hello *hello, struct wire_error *error)
{
	const struct message_form form = {
		.magic = HELLO_MAGIC,
		.name = "hello",
		.fixed_bytes = HELLO_FIXED_BYTES,
		.max_bytes = HELLO_MAX_BYTES,
	};
	struct wire_reader r;

	memset(hello, 0, sizeof(*hello));
	if (!message_open(bytes, size, &form, &r, error)) {
		return false;
	}
	hello->boot_id = wire_get(&r, 8);
	hello->instance = (uint32_t)wire_get(&r, 4);
	hello->flags = (uint32_t)wire_get(&r, 4) & HELLO_FLAGS_ALL;
	wire_get_bytes(&r, hello->boot_key, sizeof(hello->boot_key));
	if (hello->boot_id == 0) {
		return wire_refuse(error, WIRE_MESSAGE_ZERO, 0, 0, form.name, "boot id");
	}
	if (hello->instance == 0) {
		return wire_refuse(error, WIRE_MESSAGE_ZERO, 0, 0, form.name, "instance");
	}
	if (is_zero(hello->boot_key, sizeof(hello->boot_key))) {
		return wire_refuse(error, WIRE_MESSAGE_ZERO, 0, 0, form.name, "boot key");
	}
	return get_tlvs(&r, hello, error);
}

void hello_clean_string(char *to, size_t size, const char *text, size_t length)
{
	size_t at = 0;

	for (size_t i = 0; i < length && text[i] != '\0' && at + 1 < size; i++) {
		to[at++] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	}
	if (size != 0) {
		to[at] = '\0';
	}
}
