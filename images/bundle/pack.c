/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs a bundle and reads it back with the node's own codec before it is written, so that what a node
 * would refuse is refused here, with the same words.
 */
#include "pack.h"

#include <mbedtls/sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "kernel.h"

struct blobs {
	struct file files[2 * MANIFEST_GUEST_MAX];
	uint32_t count;
};

static void set_text(char *field, size_t size, const char *text, const char *what)
{
	if (snprintf(field, size, "%s", text) >= (int)size) {
		file_fail("%s \"%s\" is longer than %zu characters", what, text, size - 1);
	}
}

static void set_blob(struct manifest_blob *blob, const struct file *file)
{
	blob->size_bytes = file->size;
	if (mbedtls_sha256(file->bytes, file->size, blob->sha256, 0) != 0) {
		file_fail("SHA-256 failed");
	}
}

static enum manifest_reset parse_reset(const char *text)
{
	if (strcmp(text, "fetch") == 0) {
		return MANIFEST_FETCH;
	}
	if (strcmp(text, "retain") != 0) {
		file_fail("--reset: \"%s\" is neither retain nor fetch", text);
	}
	return MANIFEST_RETAIN;
}

static void add_guest(struct manifest *manifest, struct blobs *blobs, const struct pack_guest *from)
{
	struct manifest_guest *guest = &manifest->guests[manifest->guest_count++];

	if (from->kernel_path == NULL) {
		file_fail("guest \"%s\" has no --kernel", from->name);
	}
	set_text(guest->name, sizeof(guest->name), from->name, "--guest");
	set_text(guest->bootargs, sizeof(guest->bootargs), from->bootargs, "--bootargs");
	guest->vcpu_count = from->vcpu_count;
	guest->memory_mib = from->memory_mib;
	guest->reset = parse_reset(from->reset);

	struct file *kernel = &blobs->files[blobs->count++];
	*kernel = kernel_read(from->kernel_path);
	set_blob(&guest->kernel, kernel);
	kernel_find_release(kernel, guest->kernel.version, sizeof(guest->kernel.version));
	if (from->initramfs_path != NULL) {
		struct file *initramfs = &blobs->files[blobs->count++];
		*initramfs = file_read(from->initramfs_path);
		guest->has_initramfs = true;
		set_blob(&guest->initramfs, initramfs);
		set_text(guest->initramfs.version, sizeof(guest->initramfs.version),
			 from->initramfs_version, "--initrd-version");
	}
}

static uint64_t align_blob(uint64_t end)
{
	return (end + BUNDLE_BLOB_ALIGN - 1) & ~(BUNDLE_BLOB_ALIGN - 1);
}

static void check(const uint8_t *bundle, uint64_t size)
{
	static struct manifest manifest;
	struct bundle_header header;
	struct wire_error error;
	char text[WIRE_ERROR_TEXT_BYTES];

	if (!bundle_decode_header(bundle, size, &header, &error) ||
	    !manifest_decode(bundle + BUNDLE_HEADER_BYTES, header.manifest_bytes, &manifest,
			     &error) ||
	    !manifest_locate_blobs(&manifest, &header, &error)) {
		file_fail("a node would refuse this bundle: %s",
			  wire_error_text(&error, text, sizeof(text)));
	}
}

void pack_bundle(const struct pack *pack)
{
	static struct manifest manifest;
	static uint8_t fdt[BUNDLE_MANIFEST_MAX_BYTES] __attribute__((aligned(8)));
	struct blobs blobs = {.count = 0};
	struct wire_error error;
	size_t fdt_bytes = 0;

	for (uint32_t i = 0; i < pack->guest_count; i++) {
		add_guest(&manifest, &blobs, &pack->guests[i]);
	}
	const char *release = manifest.guests[0].kernel.version;
	const char *version = pack->version != NULL ? pack->version : release;
	set_text(manifest.name, sizeof(manifest.name), pack->name, "--name");
	set_text(manifest.version, sizeof(manifest.version), version, "--version");
	if (!manifest_encode(&manifest, fdt, sizeof(fdt), &fdt_bytes, &error)) {
		file_fail("the manifest does not fit into %zu bytes", sizeof(fdt));
	}

	struct bundle_header header = {.manifest_bytes = (uint32_t)fdt_bytes};
	uint64_t end = BUNDLE_HEADER_BYTES + fdt_bytes;
	for (uint32_t i = 0; i < blobs.count; i++) {
		end = align_blob(end) + blobs.files[i].size;
	}
	header.total_bytes = end;
	if (mbedtls_sha256(fdt, fdt_bytes, header.manifest_sha256, 0) != 0) {
		file_fail("SHA-256 failed");
	}
	uint8_t *bundle = aligned_alloc(8, align_blob(end));
	if (bundle == NULL) {
		file_fail("no memory for a bundle of %llu bytes", (unsigned long long)end);
	}
	memset(bundle, 0, align_blob(end));
	bundle_encode_header(&header, bundle);
	memcpy(bundle + BUNDLE_HEADER_BYTES, fdt, fdt_bytes);
	end = BUNDLE_HEADER_BYTES + fdt_bytes;
	for (uint32_t i = 0; i < blobs.count; i++) {
		memcpy(bundle + align_blob(end), blobs.files[i].bytes, blobs.files[i].size);
		end = align_blob(end) + blobs.files[i].size;
	}
	check(bundle, end);
	file_write(pack->output_path, bundle, end);
}
