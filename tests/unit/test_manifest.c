/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest's codec: what is written is read back; what is outside the limits is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libfdt.h>

#include "unit/small_bundle.h"

static struct small_bundle b;
static uint8_t fdt[BUNDLE_MANIFEST_MAX_BYTES] __attribute__((aligned(8)));
static size_t fdt_bytes;
static struct manifest decoded;

static int make(void **state)
{
	(void)state;
	small_bundle_make(&b, 2);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	small_bundle_free(&b);
	return 0;
}

/* Encodes b.manifest and opens it for changes by fdt_setprop and the like. */
static void open_manifest(void)
{
	struct wire_error error;

	assert_true(manifest_encode(&b.manifest, fdt, sizeof(fdt), &fdt_bytes, &error));
	assert_int_equal(fdt_open_into(fdt, fdt, sizeof(fdt)), 0);
}

/* Decodes what stands in fdt; NULL or the error in words. */
static const char *decode(void)
{
	static char text[WIRE_ERROR_TEXT_BYTES];
	struct wire_error error;

	assert_int_equal(fdt_pack(fdt), 0);
	fdt_bytes = fdt_totalsize(fdt);
	uint8_t *exact = small_bundle_copy(fdt, fdt_bytes);
	const bool is_good = manifest_decode(exact, fdt_bytes, &decoded, &error);
	free(exact);
	return is_good ? NULL : wire_error_text(&error, text, sizeof(text));
}

static int node(const char *path)
{
	const int offset = fdt_path_offset(fdt, path);

	assert_true(offset >= 0);
	return offset;
}

static void set(const char *path, const char *property, const void *value, size_t size)
{
	assert_int_equal(fdt_setprop(fdt, node(path), property, value, (int)size), 0);
}

static void set_u32(const char *path, const char *property, uint32_t value)
{
	assert_int_equal(fdt_setprop_u32(fdt, node(path), property, value), 0);
}

static void remove_property(const char *path, const char *property)
{
	assert_int_equal(fdt_delprop(fdt, node(path), property), 0);
}

static void round_trip_at_the_limits(void **state)
{
	(void)state;
	struct manifest_guest *g = &b.manifest.guests[1];

	memset(b.manifest.name, 'n', MANIFEST_NAME_BYTES - 1);
	memset(b.manifest.version, '~', MANIFEST_VERSION_BYTES - 1);
	memset(g->name, 'Z', MANIFEST_NAME_BYTES - 1);
	memset(g->bootargs, ' ', MANIFEST_BOOTARGS_BYTES - 1);
	memset(g->kernel.version, '!', MANIFEST_VERSION_BYTES - 1);
	g->vcpu_count = MANIFEST_VCPU_MAX;
	g->memory_mib = MANIFEST_MEMORY_MIB_MAX;
	g->kernel.size_bytes = MANIFEST_BLOB_MAX_BYTES;
	g->reset = MANIFEST_FETCH;
	open_manifest();
	assert_null(decode());
	for (uint32_t i = 0; i < 2; i++) { /* offsets are not part of a manifest */
		b.manifest.guests[i].kernel.offset = 0;
		b.manifest.guests[i].initramfs.offset = 0;
	}
	assert_int_equal(decoded.guest_count, b.manifest.guest_count);
	assert_false(decoded.has_service);
	assert_string_equal(decoded.name, b.manifest.name);
	assert_string_equal(decoded.version, b.manifest.version);
	for (uint32_t i = 0; i < 2; i++) {
		assert_string_equal(decoded.guests[i].name, b.manifest.guests[i].name);
		assert_string_equal(decoded.guests[i].bootargs, b.manifest.guests[i].bootargs);
		assert_string_equal(decoded.guests[i].kernel.version,
				    b.manifest.guests[i].kernel.version);
		assert_int_equal(decoded.guests[i].vcpu_count, b.manifest.guests[i].vcpu_count);
		assert_int_equal(decoded.guests[i].memory_mib, b.manifest.guests[i].memory_mib);
		assert_int_equal(decoded.guests[i].kernel.size_bytes,
				 b.manifest.guests[i].kernel.size_bytes);
		assert_int_equal(decoded.guests[i].has_initramfs, i == 0);
		assert_int_equal(decoded.guests[i].reset, i == 0 ? MANIFEST_RETAIN : MANIFEST_FETCH);
	}
}

static void a_service_is_optional(void **state)
{
	(void)state;
	b.manifest.has_service = true;
	b.manifest.service.size_bytes = MANIFEST_SERVICE_MAX_BYTES;
	memset(b.manifest.service.sha256, 0x5e, sizeof(b.manifest.service.sha256));
	open_manifest();
	assert_null(decode());
	assert_true(decoded.has_service);
	assert_int_equal(decoded.service.size_bytes, MANIFEST_SERVICE_MAX_BYTES);
	assert_memory_equal(decoded.service.sha256, b.manifest.service.sha256, sizeof(decoded.service.sha256));
	assert_int_equal(decoded.guest_count, 2);

	assert_int_equal(fdt_setprop_u64(fdt, node("/service"), "size", MANIFEST_SERVICE_MAX_BYTES + 1), 0);
	assert_string_equal(decode(), "manifest: service size is 16777217, outside 1 to 16777216");
	open_manifest();
	assert_int_equal(fdt_setprop_u64(fdt, node("/service"), "size", 0), 0);
	assert_string_equal(decode(), "manifest: service size is 0, outside 1 to 16777216");
	open_manifest();
	remove_property("/service", "sha256");
	assert_string_equal(decode(), "manifest: service sha256 is missing");
	open_manifest();
	remove_property("/service", "size");
	assert_string_equal(decode(), "manifest: service size is missing");
}

static void later_properties_and_nodes_are_ignored(void **state)
{
	(void)state;
	open_manifest();
	set_u32("/", "later", 1);
	set_u32("/guests/guest@0", "priority", 7);
	assert_true(fdt_add_subnode(fdt, node("/guests/guest@0"), "net") >= 0);
	assert_true(fdt_add_subnode(fdt, 0, "signature") >= 0);
	assert_null(decode());
	assert_int_equal(decoded.guest_count, 2);
}

static void every_needed_property_is_needed(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		const char *property;
		const char *words;
	} cases[] = {
		{"/", "compatible", "manifest: not compatible with aether,manifest-v1"},
		{"/", "name", "manifest: the bundle's name is missing"},
		{"/", "version", "manifest: the bundle's version is missing"},
		{"/guests/guest@0", "reg", "manifest: guest@0 reg is missing"},
		{"/guests/guest@1", "name", "manifest: guest@1 name is missing"},
		{"/guests/guest@1", "vcpus", "manifest: guest@1 vcpus is missing"},
		{"/guests/guest@1", "memory-mib", "manifest: guest@1 memory-mib is missing"},
		{"/guests/guest@0/kernel", "sha256", "manifest: kernel sha256 is missing"},
		{"/guests/guest@0/kernel", "size", "manifest: kernel size is missing"},
		{"/guests/guest@0/initramfs", "sha256", "manifest: initramfs sha256 is missing"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_manifest();
		remove_property(cases[i].path, cases[i].property);
		assert_string_equal(decode(), cases[i].words);
	}
	open_manifest();
	remove_property("/guests/guest@0", "bootargs");
	remove_property("/guests/guest@1", "reset");
	assert_null(decode());
	assert_string_equal(decoded.guests[0].bootargs, "");
	assert_int_equal(decoded.guests[1].reset, MANIFEST_RETAIN);
}

static void numbers_outside_their_range_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *property;
		uint32_t value;
		const char *words;
	} cases[] = {
		{"vcpus", 0, "manifest: guest@0 vcpus is 0, outside 1 to 8"},
		{"vcpus", 9, "manifest: guest@0 vcpus is 9, outside 1 to 8"},
		{"vcpus", UINT32_MAX, "manifest: guest@0 vcpus is 4294967295, outside 1 to 8"},
		{"memory-mib", 0,
		 "manifest: guest@0 memory-mib is 0, not an even number from 2 to 65536"},
		{"memory-mib", 3,
		 "manifest: guest@0 memory-mib is 3, not an even number from 2 to 65536"},
		{"memory-mib", 65538,
		 "manifest: guest@0 memory-mib is 65538, not an even number from 2 to 65536"},
		{"reg", 1, "manifest: guest@0 has reg 1, its place is 0"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_manifest();
		set_u32("/guests/guest@0", cases[i].property, cases[i].value);
		assert_string_equal(decode(), cases[i].words);
	}
	static const uint64_t sizes[] = {0, MANIFEST_BLOB_MAX_BYTES + 1, UINT64_MAX};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		open_manifest();
		assert_int_equal(
			fdt_setprop_u64(fdt, node("/guests/guest@0/kernel"), "size", sizes[i]), 0);
		assert_memory_equal(decode(), "manifest: kernel size is ", 25);
	}
	open_manifest();
	set_u32("/guests/guest@0/kernel", "size", 5);
	assert_string_equal(decode(), "manifest: kernel size has 4 bytes, not 8");
	open_manifest();
	set("/guests/guest@0", "vcpus", "12345678", 8);
	assert_string_equal(decode(), "manifest: guest@0 vcpus has 8 bytes, not 4");
}

static void strings_are_checked(void **state)
{
	(void)state;
	char longest[MANIFEST_BOOTARGS_BYTES + 1];

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	open_manifest();
	set("/guests/guest@1", "bootargs", longest, sizeof(longest));
	assert_string_equal(decode(),
			    "manifest: guest@1 bootargs has 2048 characters, more than 2047");
	static const struct {
		const char *value;
		size_t size;
		const char *words;
	} names[] = {
		{"", 1, "manifest: guest@1 name is empty"},
		{"", 0, "manifest: guest@1 name is not one NUL-terminated string"},
		{"ab", 2, "manifest: guest@1 name is not one NUL-terminated string"},
		{"a\0b", 4, "manifest: guest@1 name is not one NUL-terminated string"},
		{"a b", 4, "manifest: guest@1 name has a character that is not allowed (32)"},
		{"a\n", 3, "manifest: guest@1 name has a character that is not allowed (10)"},
		{"\xe4", 2, "manifest: guest@1 name has a character that is not allowed (228)"},
		{"guest0", 7, "manifest: two guests are called guest0"},
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		open_manifest();
		set("/guests/guest@1", "name", names[i].value, names[i].size);
		assert_string_equal(decode(), names[i].words);
	}
	open_manifest();
	set("/", "version", "1\x1b[2J", 6);
	assert_string_equal(decode(), "manifest: the bundle's version has a character that is not "
				      "allowed (27)");
	open_manifest();
	set("/guests/guest@1", "reset", "never", 6);
	assert_string_equal(decode(), "manifest: guest@1 reset is neither \"retain\" nor \"fetch\"");
}

static void the_number_of_guests_is_bounded(void **state)
{
	(void)state;
	open_manifest();
	assert_int_equal(fdt_del_node(fdt, node("/guests/guest@1")), 0);
	assert_int_equal(fdt_del_node(fdt, node("/guests/guest@0")), 0);
	assert_string_equal(decode(), "manifest: it has no guests");
	open_manifest();
	assert_int_equal(fdt_del_node(fdt, node("/guests")), 0);
	assert_string_equal(decode(), "manifest: /guests is missing");

	small_bundle_free(&b);
	small_bundle_make(&b, MANIFEST_GUEST_MAX);
	open_manifest();
	assert_true(fdt_add_subnode(fdt, node("/guests"), "guest@4") >= 0);
	/* libfdt puts a new node first: it takes the place of guest@0. */
	assert_non_null(decode());
	open_manifest();
	assert_int_equal(fdt_del_node(fdt, node("/guests/guest@0/kernel")), 0);
	assert_string_equal(decode(), "manifest: guest@0 kernel is missing");
}

/* Five guests, written in order: the fifth is what is refused. */
static void a_fifth_guest_is_refused(void **state)
{
	(void)state;
	struct wire_error error;
	char text[WIRE_ERROR_TEXT_BYTES];

	small_bundle_free(&b);
	small_bundle_make(&b, MANIFEST_GUEST_MAX);
	open_manifest();
	assert_int_equal(fdt_pack(fdt), 0);
	fdt_bytes = fdt_totalsize(fdt);
	/* The last guest's end, the end of /guests, of the root and of the structure: four tags. A node of
	 * the same structure, empty, goes before the last three. */
	static const uint8_t empty_node[] = {0, 0, 0, 1, 'g', '4', 0, 0, 0, 0, 0, 2};
	const size_t at = fdt_off_dt_struct(fdt) + fdt_size_dt_struct(fdt) - 12;
	memmove(fdt + at + sizeof(empty_node), fdt + at, fdt_bytes - at);
	memcpy(fdt + at, empty_node, sizeof(empty_node));
	fdt_set_size_dt_struct(fdt, fdt_size_dt_struct(fdt) + (uint32_t)sizeof(empty_node));
	fdt_set_off_dt_strings(fdt, fdt_off_dt_strings(fdt) + (uint32_t)sizeof(empty_node));
	fdt_bytes += sizeof(empty_node);
	fdt_set_totalsize(fdt, (uint32_t)fdt_bytes);
	assert_false(manifest_decode(fdt, fdt_bytes, &decoded, &error));
	assert_string_equal(wire_error_text(&error, text, sizeof(text)),
			    "manifest: it has more than 4 guests");
}

static void sizes_that_disagree_are_refused(void **state)
{
	(void)state;
	struct wire_error error;

	open_manifest();
	assert_null(decode());
	for (size_t size = 0; size < fdt_bytes; size++) {
		uint8_t *cut = small_bundle_copy(fdt, size);
		if (size >= BUNDLE_MANIFEST_MIN_BYTES) { /* the bundle's header refuses less */
			assert_false(manifest_decode(cut, size, &decoded, &error));
		}
		free(cut);
	}
	assert_false(manifest_decode(fdt, fdt_bytes + 8, &decoded, &error));
	assert_int_equal(error.code, WIRE_MANIFEST_SIZE);
}

static void an_encoder_without_room_says_so(void **state)
{
	(void)state;
	struct wire_error error;
	size_t bytes = 0;

	open_manifest();
	assert_null(decode());
	for (size_t size = 0; size < fdt_bytes; size += 8) {
		assert_false(manifest_encode(&b.manifest, fdt, size, &bytes, &error));
		assert_int_equal(error.code, WIRE_MANIFEST_SPACE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trip_at_the_limits, make, drop),
		cmocka_unit_test_setup_teardown(a_service_is_optional, make, drop),
		cmocka_unit_test_setup_teardown(later_properties_and_nodes_are_ignored, make, drop),
		cmocka_unit_test_setup_teardown(every_needed_property_is_needed, make, drop),
		cmocka_unit_test_setup_teardown(numbers_outside_their_range_are_named, make, drop),
		cmocka_unit_test_setup_teardown(strings_are_checked, make, drop),
		cmocka_unit_test_setup_teardown(the_number_of_guests_is_bounded, make, drop),
		cmocka_unit_test_setup_teardown(a_fifth_guest_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(sizes_that_disagree_are_refused, make, drop),
		cmocka_unit_test_setup_teardown(an_encoder_without_room_says_so, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
