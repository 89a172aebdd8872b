/* SPDX-License-Identifier: Apache-2.0 */
/* lib/addr.h and lib/bits.h: the edges where arithmetic on addresses goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/addr.h"
#include "lib/bits.h"

#define TOP UINT64_MAX

static void range_ok_never_forms_a_sum(void **state)
{
	static const struct {
		uint64_t base, size, limit;
		bool is_ok;
	} cases[] = {
		{0, 0, 0, true},
		{0, 1, 0, false},
		{1, 0, 0, false},
		{0, 0x1000, 0x1000, true},
		{0, 0x1001, 0x1000, false},
		{0xfff, 1, 0x1000, true},
		{0xfff, 2, 0x1000, false},
		{0x1000, 0, 0x1000, true},
		{0x1001, 0, 0x1000, false},
		{TOP, 0, TOP, true},
		{TOP, 1, TOP, false},
		{0, TOP, TOP, true},
		{1, TOP, TOP, false},
		{TOP - 0xfff, 0xfff, TOP, true},
		{TOP - 0xfff, 0x1000, TOP, false}, /* base + size is 0 */
		{TOP, TOP, TOP, false}, /* base + size is TOP - 1: looks small */
		{TOP - 0xfff, 0x2000, 0x4000, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		if (range_ok(cases[i].base, cases[i].size, cases[i].limit) != cases[i].is_ok) {
			fail_msg("case %zu", i);
		}
	}
}

/* All of a small space against the sum that cannot wrap in it. */
static void range_ok_agrees_with_the_sum_where_it_fits(void **state)
{
	(void)state;
	for (uint64_t base = 0; base < 20; base++) {
		for (uint64_t size = 0; size < 20; size++) {
			for (uint64_t limit = 0; limit < 20; limit++) {
				assert_int_equal(range_ok(base, size, limit), base + size <= limit);
			}
		}
	}
}

static void alignment_at_both_ends(void **state)
{
	(void)state;
	assert_true(is_aligned(0, PAGE_BYTES));
	assert_true(is_aligned(TOP - 0xfff, PAGE_BYTES));
	assert_false(is_aligned(1, PAGE_BYTES));
	assert_false(is_aligned(BLOCK_2M_BYTES / 2, BLOCK_2M_BYTES));
	assert_int_equal(align_down(0x1fff, PAGE_BYTES), 0x1000);
	assert_int_equal(align_down(TOP, BLOCK_1G_BYTES), TOP - BLOCK_1G_BYTES + 1);
	assert_int_equal(align_up(0, PAGE_BYTES), 0);
	assert_int_equal(align_up(1, PAGE_BYTES), 0x1000);
	assert_int_equal(align_up(0x1000, PAGE_BYTES), 0x1000);
	assert_int_equal(align_up(TOP - 0x1fff, PAGE_BYTES), TOP - 0x1fff + 0x0);
	assert_int_equal(align_up(TOP - 0x1ffe, PAGE_BYTES), TOP - 0xfff);
}

static void typed_addresses_add(void **state)
{
	(void)state;
	assert_int_equal(pa_add(PA(0x1000), 0x234).v, 0x1234);
	assert_int_equal(ipa_add(IPA(UINT64_C(0xffffffff)), 1).v, UINT64_C(0x100000000));
}

static void fields_and_masks(void **state)
{
	(void)state;
	assert_int_equal(BIT(63), UINT64_C(0x8000000000000000));
	assert_int_equal(BITS(63, 0), TOP);
	assert_int_equal(BITS(63, 63), BIT(63));
	assert_int_equal(BITS(0, 0), 1);
	assert_int_equal(BITS(7, 4), 0xf0);
	assert_int_equal(FIELD_GET(BITS(7, 4), 0xabcd), 0xc);
	assert_int_equal(FIELD_GET(BIT(63), TOP), 1);
	assert_int_equal(FIELD_PREP(BITS(7, 4), 0x3), 0x30);
	assert_int_equal(FIELD_PREP(BITS(7, 4), 0x1f), 0xf0); /* what does not fit is cut */
	assert_int_equal(FIELD_PREP(BITS(63, 60), 0xf), UINT64_C(0xf000000000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(range_ok_never_forms_a_sum),
		cmocka_unit_test(range_ok_agrees_with_the_sum_where_it_fits),
		cmocka_unit_test(alignment_at_both_ends),
		cmocka_unit_test(typed_addresses_add),
		cmocka_unit_test(fields_and_masks),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
