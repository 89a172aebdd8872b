/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a bundle: header, manifest, hashes. Everything in it is hostile until its hash was compared,
 * and the manifest's hash is no signature, so what the manifest says stays bounded by its codec.
 */
#include "service/payload.h"

#include <string.h>

#include "lib/fmt.h"
#include "service/digest.h"

bool payload_open(struct payload *payload, const uint8_t *bytes, uint64_t received,
		  char why[PAYLOAD_WHY_BYTES])
{
	struct bundle_header header;
	struct wire_error error;
	uint8_t digest[DIGEST_BYTES];

	memset(payload, 0, sizeof(*payload));
	if (!bundle_decode_header(bytes, received, &header, &error)) {
		wire_error_text(&error, why, PAYLOAD_WHY_BYTES);
		return false;
	}
	const uint8_t *fdt = bytes + BUNDLE_HEADER_BYTES;
	digest_sha256(fdt, header.manifest_bytes, digest);
	if (!digest_is_equal(digest, header.manifest_sha256)) {
		error = (struct wire_error){.code = WIRE_BUNDLE_MANIFEST_HASH};
		wire_error_text(&error, why, PAYLOAD_WHY_BYTES);
		return false;
	}
	if (!manifest_decode(fdt, header.manifest_bytes, &payload->manifest, &error) ||
	    !manifest_locate_blobs(&payload->manifest, &header, &error)) {
		wire_error_text(&error, why, PAYLOAD_WHY_BYTES);
		return false;
	}
	payload->bytes = bytes;
	return true;
}

static bool verify_blob(const struct payload *payload, const struct manifest_blob *blob,
			const char *name, char why[PAYLOAD_WHY_BYTES])
{
	uint8_t digest[DIGEST_BYTES];
	const uint8_t *want = blob->sha256;

	digest_sha256(payload->bytes + blob->offset, blob->size_bytes, digest);
	if (digest_is_equal(digest, want)) {
		return true;
	}
	fmt_string(why, PAYLOAD_WHY_BYTES,
		   "the %s is damaged: its SHA-256 begins %02x%02x%02x%02x, the manifest says "
		   "%02x%02x%02x%02x",
		   name, digest[0], digest[1], digest[2], digest[3], want[0], want[1], want[2],
		   want[3]);
	return false;
}

bool payload_verify_guest(const struct payload *payload, const struct manifest_guest *guest,
			  char why[PAYLOAD_WHY_BYTES])
{
	return verify_blob(payload, &guest->kernel, "kernel", why) &&
	       (!guest->has_initramfs || verify_blob(payload, &guest->initramfs, "initramfs", why));
}
