/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of a guest: known kernels at known places, refusals in words, and its properties for odd sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/addr.h"
#include "service/place.h"

#define MIB(n) ((uint64_t)(n) << 20)

static const struct arm64_image_header debian = {
	.image_size = 0x1e70000,
	.flags = 0xa,
	.magic = ARM64_IMAGE_MAGIC,
};

static void a_distribution_kernel(void **state)
{
	(void)state;
	struct place p;

	assert_null(place_guest(&debian, 30894016, 1977856, MIB(512), &p));
	assert_int_equal(p.kernel_offset, 0x200000);
	assert_int_equal(p.initramfs_offset, 0x2070000);
	assert_int_equal(p.dtb_offset, 0x2400000);
}

static void an_old_kernel_without_a_size(void **state)
{
	(void)state;
	const struct arm64_image_header old = {.magic = ARM64_IMAGE_MAGIC, .flags = 1};
	struct place p;

	assert_null(place_guest(&old, 5000, 0, MIB(64), &p));
	assert_int_equal(p.kernel_offset, 0x280000);
	assert_int_equal(p.dtb_offset, 0x1400000); /* behind 16 MiB of image */
}

static void text_offset_is_kept(void **state)
{
	(void)state;
	struct arm64_image_header header = debian;
	struct place p;

	header.text_offset = 0x80000;
	assert_null(place_guest(&header, 1000, 0, MIB(512), &p));
	assert_int_equal(p.kernel_offset, 0x280000);
	header.text_offset = 2;
	assert_string_equal(place_guest(&header, 1000, 0, MIB(512), &p),
			    "the kernel's text_offset is not a multiple of 4");
}

static void wrong_kernels_are_named(void **state)
{
	(void)state;
	struct arm64_image_header header = debian;
	struct place p;

	assert_string_equal(place_guest(&header, 63, 0, MIB(64), &p),
			    "the kernel is shorter than an arm64 Image header");
	header.magic = 0x644d5240;
	assert_string_equal(place_guest(&header, 64, 0, MIB(64), &p),
			    "the kernel is not an arm64 Image (a compressed one must be unpacked)");
	header = debian;
	header.flags |= ARM64_IMAGE_FLAG_BE;
	assert_string_equal(place_guest(&header, 64, 0, MIB(64), &p), "the kernel is big-endian");
}

static void what_does_not_fit_is_named(void **state)
{
	(void)state;
	static const char kernel[] = "the kernel does not fit into the guest's memory";
	struct arm64_image_header header = debian;
	struct place p;

	header.image_size = MIB(4);
	assert_null(place_guest(&header, 1000, 0, MIB(8), &p));
	assert_string_equal(place_guest(&header, 1000, 0, MIB(4), &p), kernel);
	assert_string_equal(place_guest(&header, MIB(7), 0, MIB(8), &p), kernel);
	assert_string_equal(place_guest(&header, UINT64_MAX, 0, MIB(8), &p), kernel);
	assert_string_equal(place_guest(&header, 1000, MIB(3), MIB(8), &p),
			    "the initramfs does not fit into the guest's memory behind the kernel");
	assert_string_equal(place_guest(&header, 1000, UINT64_MAX, MIB(8), &p),
			    "the initramfs does not fit into the guest's memory behind the kernel");
	assert_string_equal(
		place_guest(&header, 1000, MIB(2), MIB(8), &p),
		"the device tree does not fit into the guest's memory behind kernel and "
		"initramfs");
	header.image_size = UINT64_MAX;
	assert_string_equal(place_guest(&header, 1000, 0, MIB(8), &p), kernel);
	header = debian;
	header.text_offset = UINT64_MAX - 3;
	assert_string_equal(place_guest(&header, 1000, 0, MIB(512), &p), kernel);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void accepted_layouts_hold_everything_apart(void **state)
{
	(void)state;
	uint64_t seed = 0x9e3779b97f4a7c15;
	unsigned int accepted = 0;

	for (unsigned int i = 0; i < 200000; i++) {
		struct arm64_image_header header = {.magic = ARM64_IMAGE_MAGIC};
		const unsigned int shift = (unsigned int)(next_random(&seed) % 64);
		header.text_offset = (next_random(&seed) >> shift) & ~UINT64_C(3);
		header.image_size = next_random(&seed) >> (next_random(&seed) % 64);
		const uint64_t kernel = next_random(&seed) >> (next_random(&seed) % 64);
		const uint64_t initramfs = next_random(&seed) >> (next_random(&seed) % 64);
		const uint64_t ram =
			(next_random(&seed) >> (24 + next_random(&seed) % 24)) & ~(MIB(2) - 1);
		struct place p;
		if (place_guest(&header, kernel, initramfs, ram, &p) != NULL) {
			continue;
		}
		accepted++;
		const uint64_t image = kernel > header.image_size ? kernel : header.image_size;
		assert_true(p.kernel_offset >= PLACE_KERNEL_BASE);
		assert_true(p.kernel_offset + image <= p.initramfs_offset);
		assert_true(is_aligned(p.initramfs_offset, 4096));
		assert_true(p.initramfs_offset + initramfs <= p.dtb_offset);
		assert_true(is_aligned(p.dtb_offset, MIB(2)));
		assert_true(p.dtb_offset + PLACE_DTB_MAX_BYTES <= ram);
	}
	assert_true(accepted > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_distribution_kernel),
		cmocka_unit_test(an_old_kernel_without_a_size),
		cmocka_unit_test(text_offset_is_kept),
		cmocka_unit_test(wrong_kernels_are_named),
		cmocka_unit_test(what_does_not_fit_is_named),
		cmocka_unit_test(accepted_layouts_hold_everything_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
