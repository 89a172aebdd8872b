/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes and reads acknowledgements. Hostile input of ack_decode: all of it, also behind a right tag. Every value is
 * inside its limits when it is handed on; what the node then does is bounded by them.
 */
#include "wire/ack.h"

#include <string.h>

#include "wire/message.h"
#include "wire/refuse.h"

enum { FIXED_BYTES = 52, ALL_SLOTS = (1 << WIRE_GUEST_MAX) - 1 };

enum {
	TLV_NODE = 1,
	TLV_GUEST = 2,
	TLV_CONSOLE = 3,
	TLV_REBOOT = 4,
	TLV_SERVICE = 5,
	SEEN_GUEST_0 = 8, /* bit of slot 0 in what was seen */
};

/* --- encoder --- */

static void put_guest(struct wire_writer *w, uint8_t slot, const struct ack_guest *guest)
{
	const size_t begin = tlv_begin(w, TLV_GUEST);

	wire_put(w, slot, 1);
	wire_put(w, guest->want, 1);
	wire_put(w, guest->place, 1);
	wire_put(w, 0, 1);
	wire_put(w, guest->generation, 4);
	wire_put(w, guest->restart_generation, 4);
	wire_put_bytes(w, guest->manifest, sizeof(guest->manifest));
	tlv_end(w, begin);
}

static void put_node(struct wire_writer *w, const struct ack_node *node)
{
	const size_t begin = tlv_begin(w, TLV_NODE);

	wire_put(w, node->generation, 4);
	wire_put(w, node->interval_ms, 4);
	tlv_end(w, begin);
}

static void put_console(struct wire_writer *w, const struct ack_console *console)
{
	const size_t begin = tlv_begin(w, TLV_CONSOLE);

	wire_put(w, console->generation, 4);
	wire_put(w, console->slots, 4);
	for (size_t i = 0; i < WIRE_GUEST_MAX; i++) {
		wire_put(w, console->offsets[i], 8);
	}
	tlv_end(w, begin);
}

static void put_reboot(struct wire_writer *w, uint64_t boot_id)
{
	const size_t begin = tlv_begin(w, TLV_REBOOT);

	wire_put(w, boot_id, 8);
	tlv_end(w, begin);
}

static void put_service(struct wire_writer *w, const struct ack_service *service)
{
	const size_t begin = tlv_begin(w, TLV_SERVICE);

	wire_put(w, service->generation, 4);
	wire_put(w, 0, 4);
	wire_put(w, service->size_bytes, 8);
	wire_put_bytes(w, service->sha256, sizeof(service->sha256));
	tlv_end(w, begin);
}

size_t ack_encode(const struct ack *ack, uint8_t *bytes, size_t size)
{
	const struct datagram_header header = {
		.type = DATAGRAM_ACK,
		.boot_id = ack->boot_id,
		.instance = ack->instance,
		.sequence = ack->sequence,
	};
	struct wire_writer w = {.bytes = bytes, .size = size};

	datagram_begin(&w, &header);
	wire_put(&w, ack->acked_sequence, 8);
	wire_put(&w, ack->wall_clock_ns, 8);
	wire_put(&w, ack->flags, 4);
	if (ack->node.generation != 0) {
		put_node(&w, &ack->node);
	}
	for (uint8_t i = 0; i < WIRE_GUEST_MAX; i++) {
		if (ack->guests[i].generation != 0) {
			put_guest(&w, i, &ack->guests[i]);
		}
	}
	if (ack->console.generation != 0) {
		put_console(&w, &ack->console);
	}
	if (ack->reboot_boot_id != 0) {
		put_reboot(&w, ack->reboot_boot_id);
	}
	if (ack->service.generation != 0) {
		put_service(&w, &ack->service);
	}
	return datagram_end(&w);
}

/* --- decoder --- */

static bool get_generation(struct wire_reader *r, uint32_t *generation, const char *name, struct wire_error *error)
{
	*generation = (uint32_t)wire_get(r, 4);
	if (*generation == 0) {
		return wire_refuse(error, WIRE_MESSAGE_ZERO, 0, 0, name, "generation");
	}
	return true;
}

static bool get_node(struct tlv *tlv, struct ack *ack, struct wire_error *error)
{
	if (!tlv_has(tlv, 8, error) || !get_generation(&tlv->body, &ack->node.generation, tlv->name, error)) {
		return false;
	}
	ack->node.interval_ms = (uint32_t)wire_get(&tlv->body, 4);
	return wire_in_range(ack->node.interval_ms, ACK_INTERVAL_MIN_MS, ACK_INTERVAL_MAX_MS, "ack interval", error);
}

static bool get_guest(struct tlv *tlv, uint64_t *seen, struct ack *ack, struct wire_error *error)
{
	if (!tlv_has(tlv, 12 + ACK_SHA256_BYTES, error)) {
		return false;
	}
	const uint64_t slot = wire_get(&tlv->body, 1);
	if (!wire_in_range(slot, 0, WIRE_GUEST_MAX - 1, "ack slot", error) ||
	    !tlv_once(tlv, seen, SEEN_GUEST_0 + (unsigned int)slot, error)) {
		return false;
	}
	struct ack_guest *guest = &ack->guests[slot];
	const uint64_t want = wire_get(&tlv->body, 1);
	const uint64_t place = wire_get(&tlv->body, 1);
	(void)wire_get(&tlv->body, 1);
	if (!wire_in_range(want, ACK_WANT_EMPTY, ACK_WANT_RUN, "ack want", error) ||
	    !wire_in_range(place, 0, WIRE_GUEST_MAX - 1, "ack place", error) ||
	    !get_generation(&tlv->body, &guest->generation, tlv->name, error)) {
		return false;
	}
	guest->want = (enum ack_want)want;
	guest->place = (uint8_t)place;
	guest->restart_generation = (uint32_t)wire_get(&tlv->body, 4);
	wire_get_bytes(&tlv->body, guest->manifest, sizeof(guest->manifest));
	return true;
}

static bool get_console(struct tlv *tlv, struct ack *ack, struct wire_error *error)
{
	struct ack_console *console = &ack->console;

	if (!tlv_has(tlv, 8 + 8 * WIRE_GUEST_MAX, error) ||
	    !get_generation(&tlv->body, &console->generation, tlv->name, error)) {
		return false;
	}
	console->slots = (uint32_t)wire_get(&tlv->body, 4);
	for (size_t i = 0; i < WIRE_GUEST_MAX; i++) {
		console->offsets[i] = wire_get(&tlv->body, 8);
	}
	return wire_in_range(console->slots, 0, ALL_SLOTS, "ack console slots", error);
}

static bool get_reboot(struct tlv *tlv, struct ack *ack, struct wire_error *error)
{
	if (!tlv_has(tlv, 8, error)) {
		return false;
	}
	ack->reboot_boot_id = wire_get(&tlv->body, 8);
	if (ack->reboot_boot_id == 0) {
		return wire_refuse(error, WIRE_MESSAGE_ZERO, 0, 0, tlv->name, "boot id");
	}
	return true;
}

static bool get_service(struct tlv *tlv, struct ack *ack, struct wire_error *error)
{
	struct ack_service *service = &ack->service;

	if (!tlv_has(tlv, 16 + ACK_SHA256_BYTES, error) ||
	    !get_generation(&tlv->body, &service->generation, tlv->name, error)) {
		return false;
	}
	(void)wire_get(&tlv->body, 4);
	service->size_bytes = wire_get(&tlv->body, 8);
	wire_get_bytes(&tlv->body, service->sha256, sizeof(service->sha256));
	return wire_in_range(service->size_bytes, 1, ACK_SERVICE_MAX_BYTES, "ack service size", error);
}

static bool get_tlv(struct tlv *tlv, uint64_t *seen, struct ack *ack, struct wire_error *error)
{
	static const char *const names[] = {
		[TLV_NODE] = "ack node",     [TLV_GUEST] = "ack guest",	    [TLV_CONSOLE] = "ack console",
		[TLV_REBOOT] = "ack reboot", [TLV_SERVICE] = "ack service",
	};

	if (tlv->type < TLV_NODE || tlv->type > TLV_SERVICE) {
		return true;
	}
	tlv->name = names[tlv->type];
	if (tlv->type == TLV_GUEST) {
		return get_guest(tlv, seen, ack, error);
	}
	if (!tlv_once(tlv, seen, tlv->type, error)) {
		return false;
	}
	switch (tlv->type) {
	case TLV_NODE:
		return get_node(tlv, ack, error);
	case TLV_CONSOLE:
		return get_console(tlv, ack, error);
	case TLV_REBOOT:
		return get_reboot(tlv, ack, error);
	default:
		return get_service(tlv, ack, error);
	}
}

bool ack_decode(const uint8_t *bytes, size_t size, struct ack *ack, struct wire_error *error)
{
	struct datagram_header header;
	struct wire_reader r;
	struct tlv tlv;
	uint64_t seen = 0;
	int more;

	memset(ack, 0, sizeof(*ack));
	if (!datagram_open(bytes, size, &header, DATAGRAM_ACK, FIXED_BYTES, "ack", &r, error)) {
		return false;
	}
	ack->boot_id = header.boot_id;
	ack->instance = header.instance;
	ack->sequence = header.sequence;
	ack->acked_sequence = wire_get(&r, 8);
	ack->wall_clock_ns = wire_get(&r, 8);
	ack->flags = (uint32_t)wire_get(&r, 4) & ACK_FLAGS_ALL;
	while ((more = tlv_next(&r, &tlv, error)) > 0) {
		if (!get_tlv(&tlv, &seen, ack, error)) {
			return false;
		}
	}
	return more == 0;
}
