/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to a hello. Hostile input of hello_decode_answer: all of it; nothing says that the controller sent it. */
#include <string.h>

#include "wire/ack.h"
#include "wire/hello.h"
#include "wire/message.h"
#include "wire/refuse.h"

#define ANSWER_MAGIC "AETHERAN"

enum { TLV_REASON = 1, FLAG_CRASH_TAKEN = 1 };

size_t hello_encode_answer(const struct hello_answer *answer, uint8_t *bytes, size_t size)
{
	struct wire_writer w = {.bytes = bytes, .size = size};

	wire_put_bytes(&w, ANSWER_MAGIC, sizeof(ANSWER_MAGIC) - 1);
	wire_put(&w, HELLO_VERSION, 2);
	wire_put(&w, answer->status, 1);
	wire_put(&w, answer->is_crash_taken ? FLAG_CRASH_TAKEN : 0, 1);
	wire_put(&w, 0, 4); /* size */
	wire_put(&w, answer->boot_id, 8);
	wire_put(&w, answer->instance, 4);
	wire_put(&w, answer->retry_ms, 4);
	wire_put(&w, answer->wall_clock_ns, 8);
	wire_put(&w, answer->interval_ms, 4);
	wire_put(&w, answer->udp_port, 2);
	wire_put(&w, 0, 2);
	tlv_put_string(&w, TLV_REASON, answer->reason);
	return message_end(&w);
}

static bool get_fixed(struct wire_reader *r, uint16_t status_flags, struct hello_answer *answer,
		      struct wire_error *error)
{
	const uint8_t status = (uint8_t)status_flags;

	answer->is_crash_taken = (status_flags >> 8 & FLAG_CRASH_TAKEN) != 0;
	answer->boot_id = wire_get(r, 8);
	answer->instance = (uint32_t)wire_get(r, 4);
	answer->retry_ms = (uint32_t)wire_get(r, 4);
	answer->wall_clock_ns = wire_get(r, 8);
	answer->interval_ms = (uint32_t)wire_get(r, 4);
	answer->udp_port = (uint16_t)wire_get(r, 2);
	(void)wire_get(r, 2);
	if (!wire_in_range(status, HELLO_PENDING, HELLO_REJECTED, "answer status", error)) {
		return false;
	}
	answer->status = (enum hello_status)status;
	return wire_in_range(answer->retry_ms, HELLO_RETRY_MIN_MS, HELLO_RETRY_MAX_MS, "answer retry", error) &&
	       wire_in_range(answer->interval_ms, ACK_INTERVAL_MIN_MS, ACK_INTERVAL_MAX_MS, "answer interval", error) &&
	       wire_in_range(answer->udp_port, 1, UINT16_MAX, "answer port", error);
}

bool hello_decode_answer(const uint8_t *bytes, size_t size, struct hello_answer *answer, struct wire_error *error)
{
	const struct message_form form = {
		.magic = ANSWER_MAGIC,
		.name = "answer",
		.fixed_bytes = HELLO_ANSWER_FIXED_BYTES,
		.max_bytes = HELLO_ANSWER_MAX_BYTES,
		.has_status = true,
	};
	struct wire_reader r;
	struct tlv tlv;
	uint64_t seen = 0;
	int more;

	memset(answer, 0, sizeof(*answer));
	if (!message_open(bytes, size, &form, &r, error) ||
	    !get_fixed(&r, (uint16_t)(bytes[10] | bytes[11] << 8), answer, error)) {
		return false;
	}
	while ((more = tlv_next(&r, &tlv, error)) > 0) {
		if (tlv.type != TLV_REASON) {
			continue;
		}
		tlv.name = "answer reason";
		if (!tlv_once(&tlv, &seen, TLV_REASON, error) ||
		    !tlv_get_string(&tlv, answer->reason, sizeof(answer->reason), error)) {
			return false;
		}
	}
	return more == 0;
}
