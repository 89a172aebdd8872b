/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files are opened once and read as they are asked for. A bundle's blobs are not hashed here: if one is damaged, the
 * node is to find out.
 */
#include "sim/peer/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/sha256.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/bundle.h"
#include "wire/manifest.h"

#define WHY_BYTES 256u

static bool refuse(char *why, const char *path, const char *what)
{
	(void)snprintf(why, WHY_BYTES, "%.160s: %.80s", path, what);
	return false;
}

const struct catalog_entry *catalog_find(const struct catalog *catalog, const uint8_t *sha256)
{
	for (size_t i = 0; i < catalog->count; i++) {
		if (memcmp(catalog->entries[i].sha256, sha256, SHA256_BYTES) == 0) {
			return &catalog->entries[i];
		}
	}
	return NULL;
}

/* Whether some entry still reads from that file. */
static bool is_used(const struct catalog *catalog, int fd)
{
	for (size_t i = 0; i < catalog->count; i++) {
		if (catalog->entries[i].fd == fd) {
			return true;
		}
	}
	return false;
}

/* There is room. The newest of two with one hash counts: a test may give a damaged one, and then the good one. */
static void put(struct catalog *catalog, const struct catalog_entry *entry)
{
	for (size_t i = 0; i < catalog->count; i++) {
		if (memcmp(catalog->entries[i].sha256, entry->sha256, SHA256_BYTES) == 0) {
			const int before = catalog->entries[i].fd;

			catalog->entries[i] = *entry;
			if (!is_used(catalog, before)) {
				(void)close(before);
			}
			return;
		}
	}
	catalog->entries[catalog->count++] = *entry;
}

static bool hash_file(int fd, uint64_t size, uint8_t *sha256)
{
	static uint8_t buffer[1 << 16];
	mbedtls_sha256_context context;
	uint64_t at = 0;
	bool is_good = true;

	mbedtls_sha256_init(&context);
	(void)mbedtls_sha256_starts(&context, 0);
	while (at < size && is_good) {
		const ssize_t got = pread(fd, buffer, sizeof(buffer), (off_t)at);

		is_good = got > 0 && mbedtls_sha256_update(&context, buffer, (size_t)got) == 0;
		at += is_good ? (uint64_t)got : 0;
	}
	is_good = is_good && mbedtls_sha256_finish(&context, sha256) == 0;
	mbedtls_sha256_free(&context);
	return is_good;
}

static void put_blob(struct catalog *catalog, int fd, const struct manifest_blob *blob)
{
	struct catalog_entry entry = {.fd = fd, .offset = blob->offset, .size_bytes = blob->size_bytes};

	memcpy(entry.sha256, blob->sha256, SHA256_BYTES);
	put(catalog, &entry);
}

static void put_bundle(struct catalog *catalog, int fd, const struct bundle_header *header,
		       const struct manifest *manifest)
{
	struct catalog_entry entry = {
		.fd = fd, .offset = BUNDLE_HEADER_BYTES, .size_bytes = header->manifest_bytes};

	memcpy(entry.sha256, header->manifest_sha256, SHA256_BYTES);
	put(catalog, &entry);
	for (uint32_t i = 0; i < manifest->guest_count; i++) {
		const struct manifest_guest *guest = &manifest->guests[i];

		put_blob(catalog, fd, &guest->kernel);
		if (guest->has_initramfs) {
			put_blob(catalog, fd, &guest->initramfs);
		}
	}
}

static bool add_bundle(struct catalog *catalog, int fd, uint64_t size, const uint8_t *start,
		       uint8_t *sha256, char *why, const char *path)
{
	static _Alignas(8) uint8_t fdt[BUNDLE_MANIFEST_MAX_BYTES];
	static struct manifest manifest;
	struct bundle_header header;
	struct wire_error error;
	char text[WIRE_ERROR_TEXT_BYTES];

	if (!bundle_decode_header(start, size, &header, &error)) {
		return refuse(why, path, wire_error_text(&error, text, sizeof(text)));
	}
	if (pread(fd, fdt, header.manifest_bytes, BUNDLE_HEADER_BYTES) != (ssize_t)header.manifest_bytes) {
		return refuse(why, path, "cannot be read");
	}
	if (!manifest_decode(fdt, header.manifest_bytes, &manifest, &error) ||
	    !manifest_locate_blobs(&manifest, &header, &error)) {
		return refuse(why, path, wire_error_text(&error, text, sizeof(text)));
	}
	if (catalog->count + 1 + 2 * MANIFEST_GUEST_MAX > CATALOG_MAX) {
		return refuse(why, path, "the catalogue is full");
	}
	put_bundle(catalog, fd, &header, &manifest);
	memcpy(sha256, header.manifest_sha256, SHA256_BYTES);
	return true;
}

static bool add_file(struct catalog *catalog, int fd, uint64_t size, uint8_t *sha256, char *why, const char *path)
{
	uint8_t start[BUNDLE_HEADER_BYTES];
	const ssize_t got = pread(fd, start, sizeof(start), 0);

	if (got == (ssize_t)sizeof(start) && memcmp(start, BUNDLE_MAGIC, sizeof(BUNDLE_MAGIC) - 1) == 0) {
		return add_bundle(catalog, fd, size, start, sha256, why, path);
	}
	struct catalog_entry entry = {.fd = fd, .size_bytes = size};

	if (!hash_file(fd, size, entry.sha256)) {
		return refuse(why, path, "cannot be read");
	}
	if (catalog->count == CATALOG_MAX) {
		return refuse(why, path, "the catalogue is full");
	}
	memcpy(sha256, entry.sha256, SHA256_BYTES);
	put(catalog, &entry);
	return true;
}

static bool add_folder(struct catalog *catalog, const char *path, char *why)
{
	DIR *folder = opendir(path);
	struct dirent *item;
	bool is_good = true;

	if (folder == NULL) {
		return refuse(why, path, strerror(errno));
	}
	while (is_good && (item = readdir(folder)) != NULL) {
		char name[512];
		struct stat status;

		if (snprintf(name, sizeof(name), "%s/%s", path, item->d_name) < (int)sizeof(name) &&
		    stat(name, &status) == 0 && S_ISREG(status.st_mode)) {
			is_good = catalog_add(catalog, name, NULL, why);
		}
	}
	(void)closedir(folder);
	return is_good;
}

bool catalog_add(struct catalog *catalog, const char *path, uint8_t *sha256, char *why)
{
	uint8_t unwanted[SHA256_BYTES];
	struct stat status;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &status) < 0) {
		const int error = errno;

		if (fd >= 0) {
			(void)close(fd);
		}
		return refuse(why, path, strerror(error));
	}
	if (S_ISDIR(status.st_mode)) {
		(void)close(fd);
		return sha256 == NULL ? add_folder(catalog, path, why)
				      : refuse(why, path, "is a folder, not one file");
	}
	if (!S_ISREG(status.st_mode)) {
		(void)close(fd);
		return refuse(why, path, "is not a file");
	}
	if (!add_file(catalog, fd, (uint64_t)status.st_size, sha256 != NULL ? sha256 : unwanted, why, path)) {
		(void)close(fd);
		return false;
	}
	return true;
}
