/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Imports the bundle: header, manifest, then each blob from its place in the file; rows last, in one change. So a
 * release that has a row has all its blobs, whatever the moment the import ended at; blobs without a row are found
 * again by the next import.
 *
 * The bundle may be damaged (cut, overwritten, of another version): every size is checked by netboot/wire against the
 * file's size before it is used, and every blob's hash against the manifest, the manifest's against the header.
 */
#include "blobs/release.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "wire/manifest.h"

enum { BLOBS_MOST = 1 + 2 * MANIFEST_GUEST_MAX };

/* An import in progress; the rows that it will make. */
struct import {
	struct blobs *blobs;
	const char *path;
	int fd;
	struct bundle_header header;
	struct manifest manifest;
	unsigned count;
	struct {
		char hex[BLOB_HEX_BYTES];
		uint64_t bytes;
		const char *kind;
	} rows[BLOBS_MOST]; /* the manifest's own is the first */
};

static bool refuse(const struct import *import, const struct wire_error *error, struct fail *fail)
{
	char text[WIRE_ERROR_TEXT_BYTES];
	return fail_set(fail, FAIL_INVALID, "%s is not a sound bundle: %s; build or install it again", import->path,
			wire_error_text(error, text, sizeof(text)));
}

static bool read_at(const struct import *import, void *to, size_t count, uint64_t offset, struct fail *fail)
{
	uint8_t *at = to;
	while (count > 0) {
		const ssize_t got = pread(import->fd, at, count, (off_t)offset);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return fail_set(fail, FAIL_UNAVAILABLE, "%s: %s; look at the disk, or install it again",
					import->path,
					got < 0 ? strerror(errno) : "it became shorter while it was read");
		}
		at += got;
		offset += (uint64_t)got;
		count -= (size_t)got;
	}
	return true;
}

static bool read_header(struct import *import, struct fail *fail)
{
	uint8_t bytes[BUNDLE_HEADER_BYTES] = { 0 };
	struct wire_error error;
	struct stat status;

	if (fstat(import->fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		return fail_set(fail, FAIL_INVALID, "%s is not a file: name the bundle that the build made",
				import->path);
	}
	const uint64_t size = (uint64_t)status.st_size;
	if (!read_at(import, bytes, size < sizeof(bytes) ? (size_t)size : sizeof(bytes), 0, fail)) {
		return false;
	}
	return bundle_decode_header(bytes, size, &import->header, &error) || refuse(import, &error, fail);
}

static void add_row(struct import *import, const char *hex, uint64_t bytes, const char *kind)
{
	memcpy(import->rows[import->count].hex, hex, BLOB_HEX_BYTES);
	import->rows[import->count].bytes = bytes;
	import->rows[import->count].kind = kind;
	import->count++;
}

/* The buffer is malloc()'s: aligned, as the decoder wants it. */
static bool put_manifest(struct import *import, struct fail *fail)
{
	char expected[BLOB_HEX_BYTES];
	char hex[BLOB_HEX_BYTES];
	struct wire_error error;
	struct fail why;
	const uint32_t count = import->header.manifest_bytes;
	void *fdt = malloc(count);

	if (fdt == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE, "Memory is short, %s was not imported: try again",
				import->path);
	}
	hex_print(import->header.manifest_sha256, BUNDLE_SHA256_BYTES, expected);
	bool is_put = read_at(import, fdt, count, BUNDLE_HEADER_BYTES, fail) &&
		      ((manifest_decode(fdt, count, &import->manifest, &error) &&
			manifest_locate_blobs(&import->manifest, &import->header, &error)) ||
		       refuse(import, &error, fail));
	if (is_put && !blobs_put(import->blobs, fdt, count, expected, hex, &why)) {
		is_put = fail_set(fail, why.kind, "%s: its manifest: %s", import->path, why.text);
	}
	free(fdt);
	if (is_put) {
		add_row(import, hex, count, "manifest");
	}
	return is_put;
}

static bool put_blob(struct import *import, const struct manifest_blob *blob, const char *kind, struct fail *fail)
{
	char expected[BLOB_HEX_BYTES];
	char hex[BLOB_HEX_BYTES];
	struct fail why;

	hex_print(blob->sha256, BUNDLE_SHA256_BYTES, expected);
	if (!blobs_put_fd(import->blobs, import->fd, blob->offset, blob->size_bytes, expected, hex, &why)) {
		return fail_set(fail, why.kind, "%s: its %s: %s", import->path, kind, why.text);
	}
	add_row(import, hex, blob->size_bytes, kind);
	return true;
}

static bool put_all(struct import *import, struct fail *fail)
{
	if (!read_header(import, fail) || !put_manifest(import, fail)) {
		return false;
	}
	for (uint32_t i = 0; i < import->manifest.guest_count; i++) {
		const struct manifest_guest *guest = &import->manifest.guests[i];
		if (!put_blob(import, &guest->kernel, "kernel", fail) ||
		    (guest->has_initramfs && !put_blob(import, &guest->initramfs, "initramfs", fail))) {
			return false;
		}
	}
	return true;
}

static bool make_rows(struct sql *sql, void *argument, struct fail *fail)
{
	const struct import *import = argument;
	const int64_t now = clock_wall_ms();

	for (unsigned i = 0; i < import->count; i++) {
		if (!sql_run(sql, fail,
			     "INSERT INTO blob (sha256, bytes, kind, created_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO "
			     "NOTHING",
			     "titi", import->rows[i].hex, (int64_t)import->rows[i].bytes, import->rows[i].kind, now)) {
			return false;
		}
	}
	return sql_run(sql, fail,
		       "INSERT INTO release (manifest, name, version, created_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO "
		       "NOTHING",
		       "ttti", import->rows[0].hex, import->manifest.name, import->manifest.version, now) &&
	       sql_run(sql, fail, "UPDATE release SET is_builtin = (manifest = ?)", "t", import->rows[0].hex);
}

static bool read_builtin(struct sql *sql, void *argument, struct fail *fail)
{
	char *hex = argument;
	struct sql_row row;

	hex[0] = '\0';
	sql_query(sql, &row, "SELECT manifest FROM release WHERE is_builtin = 1", "");
	if (sql_next(&row)) {
		(void)strncpy(hex, sql_text(&row, 0), BLOB_HEX_BYTES - 1);
		hex[BLOB_HEX_BYTES - 1] = '\0';
	}
	return sql_end(&row, fail);
}

bool release_builtin(struct store *store, char manifest_hex[BLOB_HEX_BYTES], struct fail *fail)
{
	char hex[BLOB_HEX_BYTES];

	if (!store_read(store, read_builtin, hex, fail)) {
		return false;
	}
	if (!blobs_name_is_valid(hex)) {
		return fail_set(fail, FAIL_NOT_FOUND,
				"There is no built-in release: name a bundle in the configuration");
	}
	memcpy(manifest_hex, hex, BLOB_HEX_BYTES);
	return true;
}

bool release_import(struct store *store, struct blobs *blobs, const char *bundle_path,
		    char manifest_hex[BLOB_HEX_BYTES], struct fail *fail)
{
	struct import *import = calloc(1, sizeof(*import));
	if (import == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE, "Memory is short, %s was not imported: try again", bundle_path);
	}
	import->blobs = blobs;
	import->path = bundle_path;
	import->fd = open(bundle_path, O_RDONLY | O_CLOEXEC);
	bool is_imported = import->fd >= 0 || fail_set(fail, FAIL_UNAVAILABLE, "%s: %s; build or install the bundle",
						       bundle_path, strerror(errno));
	if (is_imported) {
		is_imported = put_all(import, fail) && store_change(store, make_rows, NULL, import, fail);
		(void)close(import->fd);
	}
	if (is_imported) {
		memcpy(manifest_hex, import->rows[0].hex, BLOB_HEX_BYTES);
		log_info("blobs", "built-in release %s %s, %u blobs", import->manifest.name, import->manifest.version,
			 import->count);
	}
	free(import);
	return is_imported;
}
