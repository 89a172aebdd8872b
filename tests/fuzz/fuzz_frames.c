/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames through the packet observer's journal, as they come from a wire. The input is records of two bytes of length
 * (big-endian; its highest bit: a second passes first) and a frame. Whatever comes, what the fleet is told is bounded,
 * clean, and in its words.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "fuzz/fuzz.h"
#include "observe/journal.h"

const char fuzz_corpus[] = "tests/fuzz/corpus/frames";
/* A journal is megabytes to make and to clear. */
const unsigned fuzz_mutations = 250;

static void check_clean(const char *text, size_t room)
{
	const size_t length = strnlen(text, room);

	if (length == room) {
		abort();
	}
	for (size_t i = 0; i < length; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e) {
			abort();
		}
	}
}

void fleet_see(struct fleet *fleet, const struct fleet_sighting *sighting)
{
	(void)fleet;
	check_clean(sighting->hostname, sizeof(sighting->hostname));
	check_clean(sighting->vendor_class, sizeof(sighting->vendor_class));
	check_clean(sighting->circuit, sizeof(sighting->circuit));
}

void fleet_step_by_mac(struct fleet *fleet, const uint8_t mac[6], const struct fleet_step *step)
{
	(void)fleet;
	(void)mac;
	check_clean(step->detail, sizeof(step->detail));
	if ((step->end_ms != 0 && step->end_ms < step->start_ms) || (step->total != 0 && step->bytes > step->total)) {
		abort();
	}
}

void fleet_tell(struct fleet *fleet, const char *kind, const char *node, const struct fleet_who *who,
		const char *sentence)
{
	(void)fleet;
	(void)kind;
	(void)node;
	(void)who;
	check_clean(sentence, 256);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const struct journal_options options = {.fleet = NULL};
	struct journal_place place = {.network = "br0", .server = 0x0a4d0001};
	struct journal *journal = journal_new(&options);
	int64_t now_ms = 1000;

	log_set_level(LOG_ERROR);
	if (journal == NULL) {
		abort();
	}
	for (size_t at = 0; at + 2 <= size;) {
		size_t count = (size_t)(bytes[at] & 0x7f) << 8 | bytes[at + 1];

		if ((bytes[at] & 0x80) != 0) {
			now_ms += 1000;
			journal_pass(journal, now_ms);
		}
		at += 2;
		count = count < size - at ? count : size - at;
		uint8_t *frame = malloc(count);

		if (frame == NULL) {
			abort();
		}
		memcpy(frame, bytes + at, count);
		place.is_outgoing = (bytes[at - 2] & 0x40) != 0;
		(void)journal_frame(journal, &place, frame, count, now_ms);
		free(frame);
		at += count;
	}
	journal_free(journal);
	return 0;
}
