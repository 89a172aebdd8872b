/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests by hash. The bytes are hostile until their hash was compared; then they are what the controller named, and
 * its codec still bounds all they say, since a hash is no signature.
 */
#include "service/release.h"

#include <string.h>

#include "lib/fmt.h"
#include "service/clock.h"
#include "service/hvcall.h"
#include "service/log.h"

enum { RETRY_FIRST_MS = 500, RETRY_MAX_MS = 10000 };

bool releases_open_bundle(struct releases *releases, const uint8_t *bytes, uint64_t received,
			  char why[RELEASE_WHY_BYTES])
{
	struct release *release = &releases->entries[0];
	struct bundle_header header;
	struct wire_error error;
	uint8_t digest[DIGEST_BYTES];

	if (!bundle_decode_header(bytes, received, &header, &error)) {
		wire_error_text(&error, why, RELEASE_WHY_BYTES);
		return false;
	}
	const uint8_t *fdt = bytes + BUNDLE_HEADER_BYTES;
	digest_sha256(fdt, header.manifest_bytes, digest);
	if (!digest_is_equal(digest, header.manifest_sha256)) {
		error = (struct wire_error){.code = WIRE_BUNDLE_MANIFEST_HASH};
		wire_error_text(&error, why, RELEASE_WHY_BYTES);
		return false;
	}
	if (!manifest_decode(fdt, header.manifest_bytes, &release->manifest, &error) ||
	    !manifest_locate_blobs(&release->manifest, &header, &error)) {
		wire_error_text(&error, why, RELEASE_WHY_BYTES);
		return false;
	}
	release->state = RELEASE_KNOWN;
	release->bundle = bytes;
	memcpy(release->sha256, digest, DIGEST_BYTES);
	return true;
}

struct release *releases_find(struct releases *releases, const uint8_t sha256[DIGEST_BYTES])
{
	for (uint32_t i = 0; i < RELEASES_MAX; i++) {
		struct release *release = &releases->entries[i];
		if (release->state != RELEASE_NONE && digest_is_equal(release->sha256, sha256)) {
			return release;
		}
	}
	return NULL;
}

static bool is_wanted(const struct release *release, const uint8_t *wanted[WIRE_GUEST_MAX])
{
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		if (wanted[i] != NULL && digest_is_equal(release->sha256, wanted[i])) {
			return true;
		}
	}
	return false;
}

struct release *releases_want(struct releases *releases, const uint8_t sha256[DIGEST_BYTES],
			      const uint8_t *wanted[WIRE_GUEST_MAX])
{
	struct release *found = releases_find(releases, sha256);

	for (uint32_t i = 1; i < RELEASES_MAX && found == NULL; i++) {
		struct release *release = &releases->entries[i];
		if (release->state != RELEASE_NONE && is_wanted(release, wanted)) {
			continue;
		}
		if (releases->fetching == release) {
			http_cancel(releases->http_id);
			releases->fetching = NULL;
		}
		memset(release, 0, sizeof(*release));
		memcpy(release->sha256, sha256, DIGEST_BYTES);
		release->state = RELEASE_DUE;
		found = release;
	}
	return found; /* there is always one: four slots want at most four */
}

/* --- fetching one --- */

static void retry(struct releases *releases, struct release *release, enum wire_guest_reason reason, const char *words,
		  uint64_t now)
{
	const uint32_t shift = release->failures < 5 ? release->failures : 5;
	const uint64_t pause = (uint64_t)RETRY_FIRST_MS << shift;

	if (release->reason != reason) {
		log_line(LOG_WARN, "loader: waits for manifest %02x%02x%02x%02x: %s", release->sha256[0],
			 release->sha256[1], release->sha256[2], release->sha256[3], words);
	}
	release->reason = reason;
	release->failures++;
	release->retry_at = now + clock_ticks(pause < RETRY_MAX_MS ? pause : RETRY_MAX_MS, releases->counter_hz);
}

static bool take_body(void *context, const uint8_t *bytes, size_t count)
{
	struct releases *releases = context;

	if (count > sizeof(releases->body) - releases->body_bytes) {
		releases->is_too_long = true;
		return false;
	}
	memcpy(releases->body + releases->body_bytes, bytes, count);
	releases->body_bytes += (uint32_t)count;
	return true;
}

static void take_manifest(struct releases *releases, struct release *release, uint64_t now)
{
	uint8_t digest[DIGEST_BYTES];
	struct wire_error error;
	char words[WIRE_ERROR_TEXT_BYTES];

	digest_sha256(releases->body, releases->body_bytes, digest);
	if (!digest_is_equal(digest, release->sha256)) {
		retry(releases, release, WIRE_REASON_HASH, "what came has another SHA-256", now);
		return;
	}
	if (!manifest_decode(releases->body, releases->body_bytes, &release->manifest, &error)) {
		wire_error_text(&error, words, sizeof(words));
		log_line(LOG_ERROR, "loader: manifest %02x%02x%02x%02x refused: %s", release->sha256[0],
			 release->sha256[1], release->sha256[2], release->sha256[3], words);
		release->state = RELEASE_REFUSED;
		release->reason = WIRE_REASON_MANIFEST;
		return;
	}
	release->state = RELEASE_KNOWN;
	release->reason = WIRE_REASON_NONE;
}

static void take_outcome(void *context, const struct http_outcome *outcome)
{
	struct releases *releases = context;
	struct release *release = releases->fetching;
	char words[HTTP_WORDS_BYTES];
	const uint64_t now = hvcall_ticks();

	releases->fetching = NULL;
	if (outcome->result == HTTP_DONE && outcome->status == 200) {
		take_manifest(releases, release, now);
		return;
	}
	if (releases->is_too_long && outcome->status == 200) {
		retry(releases, release, WIRE_REASON_LENGTH, "it is longer than a manifest may be", now);
		return;
	}
	http_outcome_words(outcome, words);
	if (outcome->status != 0 && outcome->status != 200) {
		retry(releases, release, outcome->status == 404 ? WIRE_REASON_NOT_FOUND : WIRE_REASON_HTTP, words, now);
	} else {
		retry(releases, release,
		      outcome->result == HTTP_BAD_RESPONSE ? WIRE_REASON_HTTP : WIRE_REASON_UNREACHABLE, words, now);
	}
}

void releases_turn(struct releases *releases, const struct origin *origin, uint64_t now)
{
	char hex[DIGEST_HEX_BYTES];
	struct http_request request = {
		.address = origin->address,
		.port = origin->port,
		.method = HTTP_GET,
		.path = releases->path,
		.limits = {.total_ms = 20000},
		.on_body = take_body,
		.on_done = take_outcome,
		.context = releases,
	};

	for (uint32_t i = 1; i < RELEASES_MAX && releases->fetching == NULL; i++) {
		struct release *release = &releases->entries[i];
		if (release->state != RELEASE_DUE || now < release->retry_at) {
			continue;
		}
		if (origin->address == 0) {
			release->reason = WIRE_REASON_UNREACHABLE; /* the agent says that there is none */
			release->retry_at = now + clock_ticks(RETRY_FIRST_MS, releases->counter_hz);
			continue;
		}
		digest_hex(release->sha256, hex);
		fmt_string(releases->path, sizeof(releases->path), "/v1/manifests/sha256/%s", hex);
		releases->body_bytes = 0;
		releases->is_too_long = false;
		if (http_start(&request, now, &releases->http_id)) {
			releases->fetching = release;
		} else {
			release->retry_at = now + clock_ticks(100, releases->counter_hz);
		}
	}
}

uint64_t releases_wait(const struct releases *releases, uint64_t now)
{
	uint64_t wait = UINT64_MAX;

	for (uint32_t i = 1; i < RELEASES_MAX && releases->fetching == NULL; i++) {
		const struct release *release = &releases->entries[i];
		if (release->state == RELEASE_DUE) {
			const uint64_t due = release->retry_at > now ? release->retry_at - now : 0;
			wait = due < wait ? due : wait;
		}
	}
	return wait;
}
