/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle in words. Hostile input: the whole file; the codec that a node uses checks it first. */
#include "show.h"

#include <mbedtls/sha256.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "wire/manifest.h"

static bool has_hash(const uint8_t *bytes, uint64_t size, const uint8_t want[BUNDLE_SHA256_BYTES])
{
	uint8_t digest[BUNDLE_SHA256_BYTES];

	return mbedtls_sha256(bytes, size, digest, 0) == 0 &&
	       memcmp(digest, want, sizeof(digest)) == 0;
}

static bool show_blob(const struct file *bundle, const char *what, const struct manifest_blob *blob)
{
	const bool is_intact =
		has_hash(bundle->bytes + blob->offset, blob->size_bytes, blob->sha256);

	printf("    %-10s %llu bytes at 0x%llx%s%s\n    %-10s sha256 ", what,
	       (unsigned long long)blob->size_bytes, (unsigned long long)blob->offset,
	       blob->version[0] != '\0' ? ", " : "", blob->version, "");
	for (size_t i = 0; i < sizeof(blob->sha256); i++) {
		printf("%02x", blob->sha256[i]);
	}
	printf(" %s\n", is_intact ? "ok" : "DAMAGED: the bytes have another one");
	return is_intact;
}

static bool show_guest(const struct file *bundle, const struct manifest_guest *guest)
{
	printf("  guest %s: %u vCPUs, %u MiB, bootargs \"%s\"%s\n", guest->name, guest->vcpu_count,
	       guest->memory_mib, guest->bootargs, guest->reset == MANIFEST_FETCH ? ", reset fetch" : "");
	bool is_intact = show_blob(bundle, "kernel", &guest->kernel);
	if (guest->has_initramfs && !show_blob(bundle, "initramfs", &guest->initramfs)) {
		is_intact = false;
	}
	return is_intact;
}

int show_bundle(const char *path)
{
	static struct manifest manifest;
	struct bundle_header header;
	struct wire_error error;
	char text[WIRE_ERROR_TEXT_BYTES];
	const struct file bundle = file_read(path);

	if (!bundle_decode_header(bundle.bytes, bundle.size, &header, &error)) {
		file_fail("%s: %s", path, wire_error_text(&error, text, sizeof(text)));
	}
	const uint8_t *fdt = bundle.bytes + BUNDLE_HEADER_BYTES;
	if (!has_hash(fdt, header.manifest_bytes, header.manifest_sha256)) {
		error = (struct wire_error){.code = WIRE_BUNDLE_MANIFEST_HASH};
		file_fail("%s: %s", path, wire_error_text(&error, text, sizeof(text)));
	}
	if (!manifest_decode(fdt, header.manifest_bytes, &manifest, &error) ||
	    !manifest_locate_blobs(&manifest, &header, &error)) {
		file_fail("%s: %s", path, wire_error_text(&error, text, sizeof(text)));
	}
	printf("bundle %s %s: %llu bytes, manifest of %u bytes, %u guest%s\n", manifest.name,
	       manifest.version, (unsigned long long)header.total_bytes, header.manifest_bytes,
	       manifest.guest_count, manifest.guest_count == 1 ? "" : "s");
	if (manifest.has_service) {
		printf("  service of %llu bytes, not in the bundle\n", (unsigned long long)manifest.service.size_bytes);
	}
	int status = 0;
	for (uint32_t i = 0; i < manifest.guest_count; i++) {
		if (!show_guest(&bundle, &manifest.guests[i])) {
			status = 1;
		}
	}
	return status;
}
