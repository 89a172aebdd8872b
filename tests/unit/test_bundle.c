/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bundle's codec and how the loader opens one: a good bundle, the same cut at every byte, with every
 * bit of header and manifest flipped, with a byte changed in each blob, and with absurd sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/release.h"
#include "unit/small_bundle.h"

static struct releases releases;
static const struct manifest *const manifest = &releases.entries[0].manifest;
static char why[RELEASE_WHY_BYTES];

/* Copies a guest's blobs out of the bundle as the service does, hashing them. */
static bool fill_from(const uint8_t *bundle, const struct manifest_guest *guest)
{
	static struct fill fill;
	const struct origin nowhere = {.address = 0};
	enum fill_result result = FILL_MORE;

	memset(&fill, 0, sizeof(fill));
	fill.guest = guest;
	fill.memory_bytes = 8 << 20; /* whatever the manifest says */
	fill.memory = malloc(fill.memory_bytes);
	assert_non_null(fill.memory);
	fill.sources[0] = bundle + guest->kernel.offset;
	fill.sources[1] = bundle + guest->initramfs.offset;
	fill_start(&fill, 1000000);
	while (result == FILL_MORE) {
		result = fill_turn(&fill, &nowhere, 0);
	}
	free(fill.memory);
	snprintf(why, sizeof(why), "%s", fill.why);
	return result == FILL_DONE;
}

static void assert_refused(const uint8_t *bytes, size_t size, const char *words)
{
	memset(why, 0, sizeof(why));
	assert_false(releases_open_bundle(&releases, bytes, size, why));
	if (words != NULL) {
		assert_string_equal(why, words);
	} else {
		assert_int_not_equal(why[0], 0);
	}
}

static void a_good_bundle_is_opened(void **state)
{
	(void)state;
	for (uint32_t guests = 1; guests <= MANIFEST_GUEST_MAX; guests++) {
		struct small_bundle b;
		small_bundle_make(&b, guests);
		assert_true(releases_open_bundle(&releases, b.bytes, b.size, why));
		assert_memory_equal(manifest, &b.manifest, sizeof(b.manifest));
		for (uint32_t i = 0; i < guests; i++) {
			assert_true(fill_from(b.bytes, &manifest->guests[i]));
		}
		small_bundle_free(&b);
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	struct small_bundle b;

	small_bundle_make(&b, 2);
	for (size_t size = 0; size < b.size; size++) {
		uint8_t *cut = small_bundle_copy(b.bytes, size);
		assert_refused(cut, size, NULL);
		free(cut);
	}
	assert_refused(b.bytes, 0, "0 bytes received, fewer than the 64 of a header");
	assert_refused(b.bytes, 100, "total size 12588 is larger than the 100 bytes received");
	small_bundle_free(&b);
}

static void every_flipped_bit_of_header_and_manifest_is_refused(void **state)
{
	(void)state;
	struct small_bundle b;

	small_bundle_make(&b, 2);
	const size_t end = BUNDLE_HEADER_BYTES + b.header.manifest_bytes;
	for (size_t at = 0; at < end; at++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			b.bytes[at] ^= (uint8_t)(1u << bit);
			assert_refused(b.bytes, b.size, NULL);
			b.bytes[at] ^= (uint8_t)(1u << bit);
		}
	}
	assert_true(releases_open_bundle(&releases, b.bytes, b.size, why));
	small_bundle_free(&b);
}

/* The same with the hash made right again: now the codec itself must stay inside the manifest. */
static void a_forged_manifest_is_bounded(void **state)
{
	(void)state;
	struct small_bundle b;
	unsigned int accepted = 0;

	small_bundle_make(&b, 2);
	for (size_t at = BUNDLE_HEADER_BYTES; at < BUNDLE_HEADER_BYTES + b.header.manifest_bytes;
	     at++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			b.bytes[at] ^= (uint8_t)(1u << bit);
			small_bundle_seal(&b);
			if (releases_open_bundle(&releases, b.bytes, b.size, why)) {
				accepted++;
				assert_in_range(manifest->guest_count, 1, MANIFEST_GUEST_MAX);
				for (uint32_t i = 0; i < manifest->guest_count; i++) {
					/* May be refused; must not read outside the bundle. */
					(void)fill_from(b.bytes, &manifest->guests[i]);
				}
			}
			b.bytes[at] ^= (uint8_t)(1u << bit);
		}
	}
	assert_true(accepted > 0); /* a changed letter in a version, for one */
	small_bundle_free(&b);
}

static void a_changed_blob_is_named(void **state)
{
	(void)state;
	struct small_bundle b;

	small_bundle_make(&b, 1);
	const struct manifest_guest *guest = &manifest->guests[0];
	assert_true(releases_open_bundle(&releases, b.bytes, b.size, why));
	for (size_t i = 0; i < SMALL_KERNEL_BYTES; i++) {
		b.bytes[b.manifest.guests[0].kernel.offset + i] ^= 0x10;
		assert_false(fill_from(b.bytes, guest));
		assert_memory_equal(why, "the kernel is damaged: its SHA-256 begins ", 42);
		b.bytes[b.manifest.guests[0].kernel.offset + i] ^= 0x10;
	}
	b.bytes[b.size - 1] ^= 1;
	assert_false(fill_from(b.bytes, guest));
	assert_memory_equal(why, "the initramfs is damaged: its SHA-256 begins ", 45);
	small_bundle_free(&b);
}

static void put(uint8_t *p, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		p[i] = (uint8_t)(value >> (8 * i));
	}
}

static void absurd_headers_are_named(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		size_t bytes;
		uint64_t value;
		const char *words;
	} cases[] = {
		{0, 1, 'a', "it does not begin with AETHERBN"},
		{8, 4, 2, "version 2 is not the known version 1"},
		{12, 4, 0, "header size 0 is not 64"},
		{12, 4, UINT32_MAX, "header size 4294967295 is not 64"},
		{16, 8, 0, "total size 0 is smaller than the 8262 bytes received"},
		{16, 8, 8261, "total size 8261 is smaller than the 8262 bytes received"},
		{16, 8, 8263, "total size 8263 is larger than the 8262 bytes received"},
		{16, 8, UINT64_MAX,
		 "total size 18446744073709551615 is over the limit of 17179869184 bytes"},
		{24, 4, 0, "manifest size 0 is outside 40 to 65536 bytes"},
		{24, 4, 39, "manifest size 39 is outside 40 to 65536 bytes"},
		{24, 4, 65537, "manifest size 65537 is outside 40 to 65536 bytes"},
		{24, 4, UINT32_MAX, "manifest size 4294967295 is outside 40 to 65536 bytes"},
		{24, 4, 8199, "the manifest ends at 8263, behind the bundle's 8262 bytes"},
		{28, 4, 1, "the reserved word is 1, not zero"},
		{32, 8, 0, "the manifest's SHA-256 is not the header's"},
	};
	struct small_bundle b;

	small_bundle_make(&b, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *damaged = small_bundle_copy(b.bytes, b.size);
		put(damaged + cases[i].at, cases[i].value, cases[i].bytes);
		assert_refused(damaged, b.size, cases[i].words);
		free(damaged);
	}
	small_bundle_free(&b);
}

static void blobs_must_fill_the_bundle(void **state)
{
	(void)state;
	struct small_bundle b;

	small_bundle_make(&b, 1);
	b.manifest.guests[0].initramfs.size_bytes = SMALL_INITRAMFS_BYTES + 1;
	small_bundle_encode(&b);
	assert_refused(b.bytes, b.size,
		       "an initramfs ends at 8263, behind the bundle's 8262 bytes");
	b.manifest.guests[0].initramfs.size_bytes = SMALL_INITRAMFS_BYTES - 1;
	small_bundle_encode(&b);
	assert_refused(b.bytes, b.size, "the last blob ends at 8261, total size is 8262");
	b.manifest.guests[0].kernel.size_bytes = MANIFEST_BLOB_MAX_BYTES;
	small_bundle_encode(&b);
	assert_refused(b.bytes, b.size,
		       "a kernel ends at 4294971392, behind the bundle's 8262 bytes");
	small_bundle_free(&b);
}

static void walk_refuses_sums_that_wrap(void **state)
{
	(void)state;
	struct bundle_walk walk = {.end_bytes = 100, .total_bytes = 1 << 20};
	struct wire_error error;
	uint64_t offset = 0;

	assert_false(bundle_walk_next(&walk, UINT64_MAX, "a kernel", &offset, &error));
	assert_false(bundle_walk_next(&walk, UINT64_MAX - 4095, "a kernel", &offset, &error));
	assert_int_equal(walk.end_bytes, 100);
	assert_true(bundle_walk_next(&walk, 1, "a kernel", &offset, &error));
	assert_int_equal(offset, 4096);
}

static void every_error_has_words(void **state)
{
	(void)state;
	struct wire_error error = {.a = 11, .b = 22, .name = "name"};
	char text[WIRE_ERROR_TEXT_BYTES];

#define X(symbol, words)                                                                           \
	error.code = WIRE_##symbol;                                                                \
	wire_error_text(&error, text, sizeof(text));                                               \
	assert_true(strlen(text) > 4);                                                             \
	assert_null(strchr(text, '{'));
	WIRE_ERRORS(X)
#undef X
	error.code = (enum wire_err)1000;
	assert_string_equal(wire_error_text(&error, text, sizeof(text)), "unknown error");
	error.code = WIRE_BUNDLE_MAGIC;
	assert_string_equal(wire_error_text(&error, text, 8), "it does");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_bundle_is_opened),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_flipped_bit_of_header_and_manifest_is_refused),
		cmocka_unit_test(a_forged_manifest_is_bounded),
		cmocka_unit_test(a_changed_blob_is_named),
		cmocka_unit_test(absurd_headers_are_named),
		cmocka_unit_test(blobs_must_fill_the_bundle),
		cmocka_unit_test(walk_refuses_sums_that_wrap),
		cmocka_unit_test(every_error_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
