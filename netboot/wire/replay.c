/* SPDX-License-Identifier: Apache-2.0 */
/* The replay check. Its input is not hostile: only datagrams whose tag was right come here. */
#include "wire/replay.h"

/* False: of an instance that has ended. */
static bool follow_instance(struct replay *replay, uint32_t instance)
{
	if (instance > replay->instance) {
		*replay = (struct replay){.instance = instance};
	}
	return instance == replay->instance;
}

bool replay_accept(struct replay *replay, const struct datagram_header *header, bool *is_newest)
{
	*is_newest = false;
	if (!follow_instance(replay, header->instance)) {
		return false;
	}
	if (header->sequence > replay->highest) {
		const uint64_t step = header->sequence - replay->highest;
		replay->seen = step < REPLAY_WINDOW ? replay->seen << step : 0;
		replay->seen |= 1;
		replay->highest = header->sequence;
		*is_newest = true;
		return true;
	}
	const uint64_t age = replay->highest - header->sequence;
	if (age >= REPLAY_WINDOW || (replay->seen >> age & 1) != 0) {
		return false;
	}
	replay->seen |= UINT64_C(1) << age;
	return true;
}

bool replay_accept_rising(struct replay *replay, const struct datagram_header *header)
{
	if (!follow_instance(replay, header->instance) || header->sequence <= replay->highest) {
		return false;
	}
	replay->highest = header->sequence;
	return true;
}
