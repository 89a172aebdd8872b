/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's blobs, in the manifest's order. Every byte is hostile until its blob's hash was compared; before that
 * only the kernel's header is read, by place_guest(), which bounds all that follows by the memory's size. The hash is
 * made of what stands in the target, not of the source: what is started is what was hashed. A store's copy is hashed at
 * each use of the store, not here.
 *
 * With a fetch, the kernel's first 64 bytes are held back until its place is known; all else goes straight to it.
 */
#include "service/fill.h"

#include <string.h>

#include "lib/addr.h"
#include "lib/fmt.h"
#include "service/clock.h"
#include "service/hvcall.h"
#include "service/log.h"

static const char *const blob_names[FILL_BLOBS] = {"kernel", "initramfs"};

static const struct manifest_blob *blob_of(const struct fill *fill)
{
	return fill->blob == 0 ? &fill->guest->kernel : &fill->guest->initramfs;
}

uint64_t fill_store_offset(const struct manifest_guest *guest, uint32_t blob)
{
	return blob == 0 ? 0 : align_up(guest->kernel.size_bytes, PAGE_BYTES);
}

uint64_t fill_store_bytes(const struct manifest_guest *guest)
{
	return fill_store_offset(guest, 1) + (guest->has_initramfs ? guest->initramfs.size_bytes : 0);
}

void fill_start(struct fill *fill, uint64_t counter_hz)
{
	fetch_init(&fill->fetch, counter_hz);
	fill->reason = WIRE_REASON_NONE;
	fill->why[0] = '\0';
	fill->blob = 0;
	fill->done_bytes = 0;
	fill->is_placed = false;
	fill->why_unplaced = NULL;
	fill->is_asked = false;
	fill->asked_at = 0;
	fill->header_bytes = 0;
	fill->hash_ticks = 0;
	fill->copy_ticks = 0;
	fill->retries = 0;
	memset(&fill->header, 0, sizeof(fill->header));
	digest_start(&fill->digest);
}

void fill_cancel(struct fill *fill)
{
	if (fill->is_asked) {
		fetch_cancel(&fill->fetch);
		fill->is_asked = false;
	}
}

static enum fill_result fail(struct fill *fill, enum wire_guest_reason reason)
{
	fill_cancel(fill);
	fill->reason = reason;
	return FILL_FAILED;
}

static uint8_t *target_of(const struct fill *fill)
{
	return fill->memory + (fill->blob == 0 ? fill->place.kernel_offset : fill->place.initramfs_offset);
}

/* How much of the blob has come. */
static uint64_t arrived(const struct fill *fill)
{
	return fill->is_placed || fill->why_unplaced != NULL ? fill->done_bytes : fill->header_bytes;
}

static void put(struct fill *fill, const uint8_t *bytes, size_t count)
{
	const uint64_t begin = hvcall_ticks();

	if (fill->is_placed) {
		uint8_t *target = target_of(fill) + fill->done_bytes;
		memcpy(target, bytes, count);
		bytes = target;
	}
	if (fill->is_placed && fill->store != NULL) {
		memcpy(fill->store + fill_store_offset(fill->guest, fill->blob) + fill->done_bytes, bytes, count);
	}
	const uint64_t copied = hvcall_ticks();
	if (!fill->is_trusted) {
		digest_update(&fill->digest, bytes, count);
		fill->hash_ticks += hvcall_ticks() - copied;
	}
	fill->copy_ticks += copied - begin;
	fill->done_bytes += count;
}

/* The kernel's header is whole, or the kernel shorter than one: finds all places. Where there are none, the rest of the
 * kernel is only hashed: whether it is damaged matters more. */
static void find_place(struct fill *fill)
{
	const struct manifest_guest *guest = fill->guest;

	fill->why_unplaced = place_guest(&fill->header, guest->kernel.size_bytes,
					 guest->has_initramfs ? guest->initramfs.size_bytes : 0, fill->memory_bytes,
					 &fill->place);
	fill->is_placed = fill->why_unplaced == NULL;
	put(fill, (const uint8_t *)&fill->header, fill->header_bytes);
}

/* The next bytes of the blob, from wherever they come. False: more came than there are. */
static bool take(struct fill *fill, const uint8_t *bytes, size_t count)
{
	if (count > blob_of(fill)->size_bytes - arrived(fill)) {
		return false;
	}
	if (!fill->is_placed && fill->why_unplaced == NULL) {
		const size_t rest = sizeof(fill->header) - fill->header_bytes;
		const size_t part = count < rest ? count : rest;
		memcpy((uint8_t *)&fill->header + fill->header_bytes, bytes, part);
		fill->header_bytes += (uint32_t)part;
		bytes += part;
		count -= part;
		if (fill->header_bytes < sizeof(fill->header)) {
			return true; /* a kernel that ends here is for finish_blob() */
		}
		find_place(fill);
	}
	put(fill, bytes, count);
	return true;
}

/* --- the two sources --- */

static enum fill_result copy_piece(struct fill *fill)
{
	const uint64_t at = arrived(fill);
	const uint64_t rest = blob_of(fill)->size_bytes - at;
	const size_t count = rest < FILL_PIECE_BYTES ? (size_t)rest : FILL_PIECE_BYTES;

	return take(fill, fill->sources[fill->blob] + at, count) ? FILL_MORE : fail(fill, WIRE_REASON_OTHER);
}

static bool take_fetched(void *context, uint64_t offset, const uint8_t *bytes, size_t count)
{
	struct fill *fill = context;

	return offset == arrived(fill) && take(fill, bytes, count);
}

static enum wire_guest_reason reason_of(const struct fetch_progress *progress)
{
	switch (progress->why) {
	case FETCH_WHY_STATUS:
		return progress->last.status == 404 ? WIRE_REASON_NOT_FOUND : WIRE_REASON_HTTP;
	case FETCH_WHY_LENGTH:
		return WIRE_REASON_LENGTH;
	case FETCH_WHY_HTTP:
	case FETCH_WHY_REDIRECT:
	case FETCH_WHY_RANGE:
		return WIRE_REASON_HTTP;
	default:
		return WIRE_REASON_OTHER;
	}
}

static void say_fetch(struct fill *fill, enum wire_guest_reason reason)
{
	char words[HTTP_WORDS_BYTES];

	fetch_words(&fill->fetch, words);
	fmt_string(fill->why, sizeof(fill->why), "the %s cannot be fetched: %s", blob_names[fill->blob], words);
	fill->reason = reason;
}

static enum fill_result ask(struct fill *fill, const struct origin *origin, uint64_t now)
{
	struct fetch_request request = {
		.address = origin->address,
		.port = origin->port,
		.size_bytes = blob_of(fill)->size_bytes,
		.sink = take_fetched,
		.context = fill,
	};
	char hex[DIGEST_HEX_BYTES];

	if (origin->address == 0) {
		fmt_string(fill->why, sizeof(fill->why), "there is no controller to fetch the %s from",
			   blob_names[fill->blob]);
		fill->reason = WIRE_REASON_UNREACHABLE;
		return FILL_WAIT;
	}
	digest_hex(blob_of(fill)->sha256, hex);
	fmt_string(request.path, sizeof(request.path), "/v1/blobs/sha256/%s", hex);
	if (!fetch_start(&fill->fetch, &request, now)) {
		fmt_string(fill->why, sizeof(fill->why), "the %s cannot be asked for", blob_names[fill->blob]);
		return fail(fill, WIRE_REASON_OTHER);
	}
	fill->is_asked = true;
	fill->asked_at = hvcall_ticks();
	return FILL_WAIT;
}

static enum fill_result watch_fetch(struct fill *fill, uint64_t now)
{
	const uint32_t tries = fill->fetch.progress.tries;

	fetch_poll(&fill->fetch, now);
	if (tries != 0) {
		fill->retries += fill->fetch.progress.tries - tries;
	}
	switch (fill->fetch.progress.state) {
	case FETCH_DONE:
		fill->is_asked = false;
		return FILL_MORE;
	case FETCH_PAUSED:
		say_fetch(fill, WIRE_REASON_UNREACHABLE);
		return FILL_WAIT;
	case FETCH_RUNNING:
		return FILL_WAIT;
	default:
		fill->is_asked = false;
		say_fetch(fill, reason_of(&fill->fetch.progress));
		return FILL_FAILED;
	}
}

/* --- the end of a blob --- */

/* Where the time of a fetch went; hash and copy are of all blobs so far. */
static void say_fetched(struct fill *fill, uint64_t bytes)
{
	const uint64_t hz = fill->fetch.counter_hz;

	if (fill->asked_at != 0) {
		log_line(LOG_INFO, "loader: the %s: %llu bytes fetched in %llu us, so far copy %llu us, hash %llu us",
			 blob_names[fill->blob], (unsigned long long)bytes,
			 (unsigned long long)clock_us(hvcall_ticks() - fill->asked_at, hz),
			 (unsigned long long)clock_us(fill->copy_ticks, hz),
			 (unsigned long long)clock_us(fill->hash_ticks, hz));
	}
	fill->asked_at = 0;
}

static enum fill_result finish_blob(struct fill *fill)
{
	const struct manifest_blob *blob = blob_of(fill);
	uint8_t digest[DIGEST_BYTES];

	if (!fill->is_placed && fill->why_unplaced == NULL) {
		find_place(fill);
	}
	digest_finish(&fill->digest, digest);
	if (!fill->is_trusted && !digest_is_equal(digest, blob->sha256)) {
		const uint8_t *want = blob->sha256;
		fmt_string(fill->why, sizeof(fill->why),
			   "the %s is damaged: its SHA-256 begins %02x%02x%02x%02x, the manifest says %02x%02x%02x%02x",
			   blob_names[fill->blob], digest[0], digest[1], digest[2], digest[3], want[0], want[1],
			   want[2], want[3]);
		return fail(fill, WIRE_REASON_HASH);
	}
	if (!fill->is_placed) {
		fmt_string(fill->why, sizeof(fill->why), "%s", fill->why_unplaced);
		return fail(fill, WIRE_REASON_NOT_A_KERNEL);
	}
	say_fetched(fill, blob->size_bytes);
	digest_start(&fill->digest);
	fill->done_bytes = 0;
	fill->blob++;
	fill->why[0] = '\0';
	fill->reason = WIRE_REASON_NONE;
	return fill->blob == (fill->guest->has_initramfs ? 2u : 1u) ? FILL_DONE : FILL_MORE;
}

enum fill_result fill_turn(struct fill *fill, const struct origin *origin, uint64_t now)
{
	if (fill->is_asked) {
		return watch_fetch(fill, now);
	}
	if (arrived(fill) == blob_of(fill)->size_bytes) {
		return finish_blob(fill);
	}
	return fill->sources[fill->blob] != NULL ? copy_piece(fill) : ask(fill, origin, now);
}

uint64_t fill_wait(const struct fill *fill, uint64_t now)
{
	return fill->is_asked ? fetch_wait(&fill->fetch, now) : UINT64_MAX;
}

uint8_t fill_percent(const struct fill *fill)
{
	const uint64_t kernel = fill->guest->kernel.size_bytes;
	const uint64_t all = kernel + (fill->guest->has_initramfs ? fill->guest->initramfs.size_bytes : 0);

	return (uint8_t)(100 * ((fill->blob == 0 ? 0 : kernel) + fill->done_bytes) / all);
}
