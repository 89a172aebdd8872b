/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's device tree against golden sources: both go through dtc with sorted nodes and properties, so
 * that the order and the formatting of one dtc version do not matter. Run from the root of the repository.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libfdt.h>

#include "service/guest_fdt.h"

#define GOLDEN "tests/golden/guest_fdt/"

enum { TREE_BYTES = 0x4000, TEXT_BYTES = 0x10000 };

static uint8_t tree[TREE_BYTES] __attribute__((aligned(8)));

/* The output of a command, NUL terminated, from malloc. */
static char *run(const char *command)
{
	char *text = calloc(1, TEXT_BYTES);
	FILE *pipe = popen(command, "re");

	assert_non_null(text);
	assert_non_null(pipe);
	const size_t length = fread(text, 1, TEXT_BYTES - 1, pipe);
	assert_int_equal(pclose(pipe), 0);
	assert_true(length > 0);
	return text;
}

static void assert_is_golden(const struct guest_fdt *guest, const char *name)
{
	char command[256];

	assert_int_equal(guest_fdt_encode(guest, tree, sizeof(tree)), 0);
	assert_int_equal(fdt_check_full(tree, sizeof(tree)), 0);
	FILE *blob = tmpfile();
	assert_non_null(blob);
	assert_int_equal(fwrite(tree, 1, fdt_totalsize(tree), blob), fdt_totalsize(tree));
	assert_int_equal(fflush(blob), 0);
	snprintf(command, sizeof(command), "dtc -q -s -I dtb -O dts /dev/fd/%d", fileno(blob));
	char *ours = run(command);
	snprintf(command, sizeof(command),
		 "dtc -q -I dts -O dtb " GOLDEN "%s.dts | dtc -q -s -I dtb -O dts", name);
	char *golden = run(command);
	fclose(blob);
	assert_string_equal(ours, golden);
	free(ours);
	free(golden);
}

static void gicv2_with_initramfs_and_seeds(void **state)
{
	(void)state;
	struct guest_fdt guest = {
		.ram_bytes = 512 << 20,
		.vcpu_count = 2,
		.gic_version = 2,
		.midr = 0x410fd083,
		.bootargs = "console=ttyAMA0",
		.initramfs_ipa = 0x42070000,
		.initramfs_bytes = 1977856,
		.has_seeds = true,
	};

	for (uint8_t i = 0; i < GUEST_FDT_RNG_SEED_BYTES; i++) {
		guest.rng_seed[i] = i;
	}
	for (uint8_t i = 0; i < GUEST_FDT_KASLR_SEED_BYTES; i++) {
		guest.kaslr_seed[i] = (uint8_t)(0xf0 + i);
	}
	assert_is_golden(&guest, "gicv2");
}

static void gicv3_without(void **state)
{
	(void)state;
	const struct guest_fdt guest = {
		.ram_bytes = UINT64_C(6) << 30,
		.vcpu_count = 8,
		.gic_version = 3,
		.midr = 0x414fd0b1,
		.bootargs = "",
	};

	assert_is_golden(&guest, "gicv3");
}

static void cpus_are_named_by_midr(void **state)
{
	(void)state;
	static const struct {
		uint64_t midr;
		const char *compatible;
	} cases[] = {
		{0x410fd034, "arm,cortex-a53"}, {0x410fd083, "arm,cortex-a72"},
		{0x414fd0b1, "arm,cortex-a76"}, {0x000f0510, "arm,armv8"},
		{0x420fd083, "arm,armv8"},	{0, "arm,armv8"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct guest_fdt guest = {.ram_bytes = 2 << 20,
						.vcpu_count = 1,
						.gic_version = 2,
						.midr = cases[i].midr,
						.bootargs = ""};
		assert_int_equal(guest_fdt_encode(&guest, tree, sizeof(tree)), 0);
		const int cpu = fdt_path_offset(tree, "/cpus/cpu@0");
		assert_string_equal(fdt_getprop(tree, cpu, "compatible", NULL),
				    cases[i].compatible);
	}
}

static void too_little_room_is_an_error(void **state)
{
	(void)state;
	const struct guest_fdt guest = {
		.ram_bytes = 2 << 20, .vcpu_count = 8, .gic_version = 3, .bootargs = "quiet"};

	assert_int_equal(guest_fdt_encode(&guest, tree, sizeof(tree)), 0);
	const size_t needed = fdt_totalsize(tree);
	for (size_t size = 0; size < needed; size += 4) {
		uint8_t *small = malloc(size != 0 ? size : 1);
		assert_non_null(small);
		assert_true(guest_fdt_encode(&guest, small, size) < 0);
		free(small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gicv2_with_initramfs_and_seeds),
		cmocka_unit_test(gicv3_without),
		cmocka_unit_test(cpus_are_named_by_midr),
		cmocka_unit_test(too_little_room_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
