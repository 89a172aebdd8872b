/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output comes in datagrams that may be lost, doubled and out of order. Bytes behind `have` count when all before them
 * have come; up to CONSOLE_RANGES_MAX pieces are kept ahead. The node sends again from where the acknowledgements say,
 * so a gap closes; it is a hole when it stays open although the node's ring (AETHER_CONSOLE_RING_BYTES) can no longer
 * have the bytes, or when it stays open for very long.
 */
#include "sim/peer/console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "abi/bootinfo.h"
#include "sim/peer/event.h"

#define STUCK_MS 400u
#define GIVE_UP_MS 10000u

void console_open(struct console *console, const char *path)
{
	memset(console, 0, sizeof(*console));
	console->fd = -1;
	if (path != NULL) {
		console->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (console->fd < 0) {
			event("error %s: %s", path, strerror(errno));
		}
	}
}

void console_close(struct console *console)
{
	if (console->fd >= 0) {
		(void)close(console->fd);
		console->fd = -1;
	}
}

void console_watch_from(struct console *console, uint64_t offset)
{
	console->start = offset;
	console->have = offset;
	console->ahead_count = 0;
	console->stuck_ms = 0;
}

static void write_at(struct console *console, const uint8_t *bytes, size_t count, uint64_t offset)
{
	if (console->fd >= 0 && pwrite(console->fd, bytes, count, (off_t)offset) != (ssize_t)count) {
		event("error console file: %s", strerror(errno));
	}
}

/* Compares what came again with what is in the file. */
static void compare_at(struct console *console, const uint8_t *bytes, size_t count, uint64_t offset,
		       const char *who)
{
	uint8_t before[CONSOLE_OUTPUT_MAX_BYTES];

	console->repeated += count;
	if (console->fd < 0 || offset < console->start || count > sizeof(before) ||
	    pread(console->fd, before, count, (off_t)offset) != (ssize_t)count) {
		return;
	}
	size_t differing = 0;
	for (size_t i = 0; i < count; i++) {
		differing += before[i] != bytes[i];
	}
	if (differing > 0) {
		console->differing += differing;
		event("console %s differs offset=%llu bytes=%zu", who, (unsigned long long)offset, differing);
	}
}

/* Adds [first, end), which overlaps nothing that is there; neighbours become one. */
static void add_range(struct console *console, uint64_t first, uint64_t end)
{
	struct console_range *ranges = console->ahead;
	size_t i = 0;

	while (i < console->ahead_count && ranges[i].first < first) {
		i++;
	}
	if (i > 0 && ranges[i - 1].end == first) {
		ranges[i - 1].end = end;
		i--;
	} else if (i < console->ahead_count && ranges[i].first == end) {
		ranges[i].first = first;
	} else {
		if (console->ahead_count == CONSOLE_RANGES_MAX) {
			return; /* it comes again */
		}
		memmove(&ranges[i + 1], &ranges[i], (console->ahead_count - i) * sizeof(ranges[0]));
		ranges[i] = (struct console_range){.first = first, .end = end};
		console->ahead_count++;
	}
	if (i + 1 < console->ahead_count && ranges[i].end == ranges[i + 1].first) {
		ranges[i].end = ranges[i + 1].end;
		memmove(&ranges[i + 1], &ranges[i + 2], (console->ahead_count - i - 2) * sizeof(ranges[0]));
		console->ahead_count--;
	}
}

/* Whatever touches `have` becomes a part of it. */
static void advance(struct console *console)
{
	size_t done = 0;

	while (done < console->ahead_count && console->ahead[done].first <= console->have) {
		console->have = console->ahead[done].end > console->have ? console->ahead[done].end : console->have;
		done++;
	}
	console->ahead_count -= done;
	memmove(console->ahead, console->ahead + done, console->ahead_count * sizeof(console->ahead[0]));
	if (done > 0 || console->ahead_count == 0) {
		console->stuck_ms = console->ahead_count == 0 ? 0 : now_ms();
	} else if (console->stuck_ms == 0) {
		console->stuck_ms = now_ms();
	}
}

/* The end of the piece that begins at `at`, before `end`: known throughout, or new throughout. */
static uint64_t piece_end(const struct console *console, uint64_t at, uint64_t end, bool *is_known)
{
	*is_known = at < console->have;
	if (*is_known) {
		return end < console->have ? end : console->have;
	}
	for (size_t i = 0; i < console->ahead_count; i++) {
		const struct console_range *range = &console->ahead[i];

		if (at < range->first) {
			return end < range->first ? end : range->first;
		}
		if (at < range->end) {
			*is_known = true;
			return end < range->end ? end : range->end;
		}
	}
	return end;
}

void console_output(struct console *console, const struct console_chunk *chunk, const char *who)
{
	const uint64_t end = chunk->offset + chunk->count;
	uint64_t at = chunk->offset;

	if (end < at || end > INT64_MAX || chunk->head < end) {
		event("console %s makes no sense offset=%llu", who, (unsigned long long)chunk->offset);
		return;
	}
	console->head = chunk->head > console->head ? chunk->head : console->head;
	/* At most two pieces for each range there is, and one more. */
	for (size_t i = 0; at < end && i < 2 * CONSOLE_RANGES_MAX + 2; i++) {
		const uint8_t *bytes = chunk->bytes + (at - chunk->offset);
		bool is_known;
		const uint64_t next = piece_end(console, at, end, &is_known);

		if (is_known) {
			compare_at(console, bytes, (size_t)(next - at), at, who);
		} else {
			write_at(console, bytes, (size_t)(next - at), at);
			add_range(console, at, next);
		}
		at = next;
	}
	advance(console);
}

bool console_expire(struct console *console, const char *who)
{
	if (console->stuck_ms == 0) {
		return false;
	}
	const uint64_t stuck = now_ms() - console->stuck_ms;
	const bool is_gone = console->head - console->have > AETHER_CONSOLE_RING_BYTES;

	if (stuck < STUCK_MS || (!is_gone && stuck < GIVE_UP_MS)) {
		return false;
	}
	const uint64_t bytes = console->ahead[0].first - console->have;

	console->holes += bytes;
	event("console %s hole offset=%llu bytes=%llu", who, (unsigned long long)console->have,
	      (unsigned long long)bytes);
	console->have = console->ahead[0].first;
	advance(console);
	return true;
}

bool console_input_add(struct console *console, const uint8_t *bytes, size_t count)
{
	if (count > CONSOLE_INPUT_ROOM - console->input_bytes) {
		return false;
	}
	memcpy(console->input + console->input_bytes, bytes, count);
	console->input_bytes += count;
	console->input_sent_ms = 0;
	return true;
}

void console_input_due(struct console *console, uint64_t due)
{
	if (!console->is_input_known) {
		console->is_input_known = true;
		console->input_due = due;
		return;
	}
	if (due <= console->input_due) {
		return;
	}
	const uint64_t taken = due - console->input_due;
	const size_t count = taken < console->input_bytes ? (size_t)taken : console->input_bytes;

	console->input_bytes -= count;
	memmove(console->input, console->input + count, console->input_bytes);
	console->input_due = due;
	console->input_sent_ms = 0; /* the next goes out at once */
}
