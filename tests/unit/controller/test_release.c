/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in release: import of a bundle, again, of the next one, of damaged ones, and ended at every step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "blobs/release.h"
#include "unit/controller/faulty_io.h"
#include "unit/small_bundle.h"
#include "unit/controller/place.h"

struct place {
	char folder[64];
	char bundle_path[96];
	char db_path[96];
	struct store *store;
	struct blobs *blobs;
	struct small_bundle bundle;
};

static bool open_all(struct place *place)
{
	struct fail fail;
	const struct store_options options = { .path = place->db_path };
	place->store = store_open(&options, &fail);
	place->blobs = blobs_open(place->folder, &fail);
	return place->store != NULL && place->blobs != NULL;
}

static void close_all(struct place *place)
{
	blobs_close(place->blobs);
	store_close(place->store);
	place->blobs = NULL;
	place->store = NULL;
}

static void write_bundle(const struct place *place, const uint8_t *bytes, size_t count)
{
	FILE *file = fopen(place->bundle_path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, count, file), count);
	assert_int_equal(fclose(file), 0);
}

static int make_place(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	*state = place;
	io_fail_at(0, IO_FAIL, 0);
	place_template(place->folder, sizeof(place->folder), "release");
	if (mkdtemp(place->folder) == NULL) {
		return -1;
	}
	(void)snprintf(place->bundle_path, sizeof(place->bundle_path), "%s/guest.bundle", place->folder);
	(void)snprintf(place->db_path, sizeof(place->db_path), "%s/aether.db", place->folder);
	small_bundle_make(&place->bundle, 2);
	write_bundle(place, place->bundle.bytes, place->bundle.size);
	return open_all(place) ? 0 : -1;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	char command[128];
	close_all(place);
	small_bundle_free(&place->bundle);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", place->folder);
	free(place);
	return system(command);
}

/* What the database says, checked against the files. */
struct rows {
	struct blobs *blobs;
	unsigned blob_count, release_count, builtin_count, unsound;
};

static bool read_rows(struct sql *sql, void *argument, struct fail *fail)
{
	struct rows *rows = argument;
	struct sql_row row;

	sql_query(sql, &row, "SELECT sha256, bytes FROM blob", "");
	while (sql_next(&row)) {
		uint64_t bytes = 0;
		const int fd = blobs_read(rows->blobs, sql_text(&row, 0), &bytes, fail);
		rows->unsound += fd < 0 || bytes != (uint64_t)sql_i64(&row, 1) ||
				 !blobs_verify(rows->blobs, sql_text(&row, 0), NULL);
		rows->blob_count++;
		if (fd >= 0) {
			(void)close(fd);
		}
	}
	if (!sql_end(&row, fail)) {
		return false;
	}
	sql_query(sql, &row, "SELECT is_builtin FROM release", "");
	while (sql_next(&row)) {
		rows->release_count++;
		rows->builtin_count += sql_i64(&row, 0) == 1;
	}
	return sql_end(&row, fail);
}

static struct rows look(const struct place *place)
{
	struct rows rows = { .blobs = place->blobs };
	struct fail fail;
	assert_true(store_read(place->store, read_rows, &rows, &fail));
	assert_int_equal(rows.unsound, 0);
	return rows;
}

/* A small bundle of two guests: manifest, two kernels, one initramfs. */
enum { BLOBS_OF_TWO = 4 };

static void check_is_imported(const struct place *place)
{
	const struct rows rows = look(place);
	assert_int_equal(rows.blob_count, BLOBS_OF_TWO);
	assert_int_equal(rows.release_count, 1);
	assert_int_equal(rows.builtin_count, 1);
}

static void a_bundle_becomes_the_release(void **state)
{
	struct place *place = *state;
	struct fail fail;
	char hex[BLOB_HEX_BYTES];
	char builtin[BLOB_HEX_BYTES];
	char expected[BLOB_HEX_BYTES];

	assert_false(release_builtin(place->store, builtin, &fail));
	assert_int_equal(fail.kind, FAIL_NOT_FOUND);
	assert_true(release_import(place->store, place->blobs, place->bundle_path, hex, &fail));
	hex_print(place->bundle.header.manifest_sha256, 32, expected);
	assert_string_equal(hex, expected);
	check_is_imported(place);
	assert_true(release_builtin(place->store, builtin, &fail));
	assert_string_equal(builtin, hex);

	/* The manifest's blob is the device tree of the bundle, byte by byte. */
	uint64_t bytes = 0;
	const int fd = blobs_read(place->blobs, hex, &bytes, &fail);
	uint8_t content[BUNDLE_MANIFEST_MAX_BYTES];
	assert_int_equal(read(fd, content, sizeof(content)), place->bundle.header.manifest_bytes);
	assert_memory_equal(content, place->bundle.bytes + BUNDLE_HEADER_BYTES, place->bundle.header.manifest_bytes);
	assert_int_equal(close(fd), 0);

	/* Again, also after the store was opened anew: nothing more. */
	assert_true(release_import(place->store, place->blobs, place->bundle_path, hex, &fail));
	close_all(place);
	assert_true(open_all(place));
	assert_true(release_import(place->store, place->blobs, place->bundle_path, hex, &fail));
	assert_string_equal(hex, expected);
	check_is_imported(place);
}

static void the_next_bundle_takes_its_place(void **state)
{
	struct place *place = *state;
	struct fail fail;
	char first[BLOB_HEX_BYTES];
	char second[BLOB_HEX_BYTES];
	char builtin[BLOB_HEX_BYTES];

	assert_true(release_import(place->store, place->blobs, place->bundle_path, first, &fail));
	(void)snprintf(place->bundle.manifest.version, MANIFEST_VERSION_BYTES, "2.0");
	small_bundle_encode(&place->bundle);
	write_bundle(place, place->bundle.bytes, place->bundle.size);
	assert_true(release_import(place->store, place->blobs, place->bundle_path, second, &fail));
	assert_string_not_equal(first, second);
	const struct rows rows = look(place);
	assert_int_equal(rows.release_count, 2);
	assert_int_equal(rows.builtin_count, 1);
	assert_int_equal(rows.blob_count, BLOBS_OF_TWO + 1); /* the kernels are the same */
	assert_true(release_builtin(place->store, builtin, &fail));
	assert_string_equal(builtin, second);
}

static void a_damaged_blob_is_imported_again(void **state)
{
	struct place *place = *state;
	struct fail fail;
	char hex[BLOB_HEX_BYTES];
	char kernel[BLOB_HEX_BYTES];
	char name[256];

	assert_true(release_import(place->store, place->blobs, place->bundle_path, hex, &fail));
	hex_print(place->bundle.manifest.guests[0].kernel.sha256, 32, kernel);
	(void)snprintf(name, sizeof(name), "%s/blobs/sha256/%s", place->folder, kernel);
	assert_int_equal(chmod(name, 0600), 0);
	assert_int_equal(truncate(name, 10), 0);
	assert_false(blobs_verify(place->blobs, kernel, &fail));
	assert_true(release_import(place->store, place->blobs, place->bundle_path, hex, &fail));
	check_is_imported(place);
}

static void damaged_bundles_are_refused(void **state)
{
	struct place *place = *state;
	const struct small_bundle *bundle = &place->bundle;
	uint8_t *copy = small_bundle_copy(bundle->bytes, bundle->size);
	struct fail fail;
	char hex[BLOB_HEX_BYTES];

	/* Cut at the header's edges, within the manifest, within and behind each blob. */
	static const size_t cuts[] = { 0, 1, 63, 64, 100, 4095, 4096, 4097, 8192, 12300 };
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		write_bundle(place, copy, cuts[i]);
		assert_false(release_import(place->store, place->blobs, place->bundle_path, hex, &fail));
		assert_int_equal(fail.kind, FAIL_INVALID);
		assert_non_null(strstr(fail.text, place->bundle_path));
	}
	/* A byte that is another, in everything that is hashed. */
	for (size_t at = 0; at < bundle->size; at += at < 200 ? 7 : 61) {
		const bool is_padding =
			(at >= BUNDLE_HEADER_BYTES + bundle->header.manifest_bytes && at < BUNDLE_BLOB_ALIGN) ||
			(at >= BUNDLE_BLOB_ALIGN && at % BUNDLE_BLOB_ALIGN >= SMALL_INITRAMFS_BYTES);
		if (is_padding) {
			continue;
		}
		copy[at] ^= 0x10;
		write_bundle(place, copy, bundle->size);
		assert_false(release_import(place->store, place->blobs, place->bundle_path, hex, &fail));
		copy[at] ^= 0x10;
	}
	const struct rows rows = look(place);
	assert_int_equal(rows.release_count, 0);
	assert_int_equal(rows.blob_count, 0);
	assert_false(release_import(place->store, place->blobs, "/nonexistent", hex, &fail));
	assert_false(release_import(place->store, place->blobs, "/", hex, &fail));
	free(copy);
}

/* The n-th call fails, or the process ends there; then what has a row is whole, and the next import completes it. */
static unsigned interrupt_each(struct place *place, enum io_fault fault)
{
	unsigned n = 1;
	for (int status = -1; status != 0; n++) {
		assert_true(n < 200);
		close_all(place);
		const pid_t pid = fork();
		if (pid == 0) {
			struct fail fail;
			char hex[BLOB_HEX_BYTES];
			if (!open_all(place)) {
				_exit(2);
			}
			io_fail_at(n, fault, EIO);
			const bool is_imported =
				release_import(place->store, place->blobs, place->bundle_path, hex, &fail);
			_exit(is_imported ? 0 : fail.kind == FAIL_UNAVAILABLE ? IO_DIED : 3);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(status == 0 || WEXITSTATUS(status) == IO_DIED);
		assert_true(open_all(place));
		const struct rows rows = look(place);
		assert_int_equal(rows.release_count, status == 0 ? 1 : 0);
	}
	check_is_imported(place);
	return n;
}

static void an_import_that_fails_anywhere_is_completed_by_the_next(void **state)
{
	assert_true(interrupt_each(*state, IO_FAIL) > 12);
}

static void an_import_that_is_killed_anywhere_is_completed_by_the_next(void **state)
{
	assert_true(interrupt_each(*state, IO_DIE) > 12);
}

int main(void)
{
#define in_place(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
	const struct CMUnitTest tests[] = {
		in_place(a_bundle_becomes_the_release),
		in_place(the_next_bundle_takes_its_place),
		in_place(a_damaged_blob_is_imported_again),
		in_place(damaged_bundles_are_refused),
		in_place(an_import_that_fails_anywhere_is_completed_by_the_next),
		in_place(an_import_that_is_killed_anywhere_is_completed_by_the_next),
	};
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
