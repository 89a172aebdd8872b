/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest of the built-in release, as the fleet needs it. Its hash was checked when it became a blob. */
#include "main/release.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "blobs/release.h"
#include "wire/manifest.h"

enum { MANIFEST_MOST = 64 << 10 };

static bool read_manifest(struct release *release, struct blobs *blobs, const char *hex, struct fail *fail)
{
	struct manifest *manifest = malloc(sizeof(*manifest));
	struct wire_error error;
	uint64_t bytes = 0;
	const int fd = blobs_read(blobs, hex, &bytes, fail);
	void *content = fd >= 0 && bytes <= MANIFEST_MOST ? malloc(bytes) : NULL;
	bool is_good = manifest != NULL && content != NULL && pread(fd, content, bytes, 0) == (ssize_t)bytes &&
		       manifest_decode(content, bytes, manifest, &error);

	if (is_good) {
		release->guest_count = manifest->guest_count;
		log_info("release", "%s %s with %u guests, manifest %.16s...", manifest->name, manifest->version,
			 manifest->guest_count, hex);
	} else if (fd >= 0) {
		fail_set(fail, FAIL_INTERNAL, "the manifest of the built-in release cannot be read; import it again");
	}
	if (fd >= 0) {
		close(fd);
	}
	free(content);
	free(manifest);
	return is_good;
}

bool release_start(struct release *release, struct store *store, struct blobs *blobs, const char *bundle,
		   struct fail *fail)
{
	char hex[BLOB_HEX_BYTES];

	*release = (struct release){0};
	if (bundle != NULL) {
		if (!release_import(store, blobs, bundle, hex, fail)) {
			return false;
		}
	} else if (!release_builtin(store, hex, fail)) {
		log_warn("release", "there is no release, so nodes run no guests: name one with 'bundle'");
		return fail->kind == FAIL_NOT_FOUND;
	}
	release->is_there = hex_parse(hex, release->manifest, sizeof(release->manifest)) &&
			    read_manifest(release, blobs, hex, fail);
	return release->is_there;
}

unsigned release_guests(void *argument, const uint8_t manifest[ACK_SHA256_BYTES])
{
	const struct release *release = argument;

	if (!release->is_there || memcmp(release->manifest, manifest, ACK_SHA256_BYTES) != 0) {
		return 0;
	}
	return release->guest_count;
}
