/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/vrtc.c as drivers use it: time from the service or from the guest, the match and its interrupt, and any access
 * at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hal.h"
#include "core/vrtc.h"
#include "hal_fake.h"

#define DR 0x000u
#define MR 0x004u
#define LR 0x008u
#define CR 0x00cu
#define IMSC 0x010u
#define RIS 0x014u
#define MIS 0x018u
#define ICR 0x01cu

#define S UINT64_C(1000000000)
#define NOW UINT64_C(1795000000)
#define VM 3u

static struct vrtc rtc;
static bool is_high;
static unsigned changes;

void vrtc_set_line(struct vrtc *of, bool level)
{
	assert_ptr_equal(of, &rtc);
	assert_int_equal(atomic_load(&rtc.lock.is_held), 1);
	assert_int_not_equal(level, is_high);
	is_high = level;
	changes++;
}

static uint64_t hz(void)
{
	return hal_ticks_per_second();
}

static uint64_t get(uint64_t offset)
{
	uint64_t value = UINT64_MAX;
	assert_int_equal(vrtc_access(&rtc, offset, 4, false, &value), EXIT_ADVANCE);
	return value;
}

static void set(uint64_t offset, uint32_t to)
{
	uint64_t value = to;
	assert_int_equal(vrtc_access(&rtc, offset, 4, true, &value), EXIT_ADVANCE);
}

/* The wall clock is the module's own, and not unset again: the one case without it comes first. */
static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake_set_ticks(1000 * hz());
	is_high = false;
	changes = 0;
	memset(&rtc, 0xa5, sizeof(rtc));
	vrtc_init(&rtc, VM);
	assert_int_equal(rtc.vm, VM);
	return 0;
}

static int setup_with_time(void **state)
{
	setup(state);
	vrtc_set_time(NOW * S + S / 4, hal_ticks());
	return 0;
}

static void it_stands_at_zero_until_the_time_is_known(void **state)
{
	(void)state;
	assert_int_equal(get(DR), 0);
	fake_advance(100 * hz());
	assert_int_equal(get(DR), 0);
	set(MR, 5);
	assert_int_equal(vrtc_alarm(&rtc), UINT64_MAX);
	assert_int_equal(get(RIS), 0);
	/* A guest that knows better has its own. */
	set(LR, 1000);
	fake_advance(2 * hz());
	assert_int_equal(get(DR), 1002);
	vrtc_init(&rtc, VM);
	assert_int_equal(get(DR), 0);
}

static void it_counts_from_the_moment_that_was_told(void **state)
{
	(void)state;
	assert_int_equal(get(DR), NOW);
	fake_advance(hz() * 3 / 4 - 1);
	assert_int_equal(get(DR), NOW);
	fake_advance(1);
	assert_int_equal(get(DR), NOW + 1);
	fake_advance(86400 * 365 * hz());
	assert_int_equal(get(DR), NOW + 1 + 86400 * 365);
	/* The moment may be long past; the counter's value at it, and of the second, still count. */
	vrtc_set_time(NOW * S + S / 2, hal_ticks() - 10 * hz() - hz() / 2);
	assert_int_equal(get(DR), NOW + 11);
	vrtc_set_time(NOW * S, hal_ticks() + 5); /* set on another CPU since this one looked */
	assert_int_equal(get(DR), NOW);
}

static void any_time_at_all_is_survived(void **state)
{
	(void)state;
	vrtc_set_time(UINT64_MAX, 0);
	assert_int_equal(get(DR), (uint32_t)(UINT64_MAX / S + 1000));
	fake_set_ticks(UINT64_MAX - 1);
	(void)get(DR);
	set(MR, 0);
	set(MR, UINT32_MAX);
	vrtc_poll(&rtc);
}

static void a_guests_own_clock_is_its_own(void **state)
{
	(void)state;
	set(LR, 0xfffffffe);
	assert_int_equal(get(LR), 0xfffffffe);
	assert_int_equal(get(DR), 0xfffffffe);
	fake_advance(hz() - 1);
	assert_int_equal(get(DR), 0xfffffffe);
	fake_advance(1 + 2 * hz());
	assert_int_equal(get(DR), 1); /* 32 bits */
	vrtc_set_time(5 * S, hal_ticks());
	assert_int_equal(get(DR), 1);
	struct vrtc other;
	uint64_t value = 0;
	vrtc_init(&other, 1);
	assert_int_equal(vrtc_access(&other, DR, 4, false, &value), EXIT_ADVANCE);
	assert_int_equal(value, 5);
}

static void the_match_comes_when_it_is_asked_for(void **state)
{
	(void)state;
	set(IMSC, 1);
	set(MR, (uint32_t)NOW + 2);
	const uint64_t alarm = vrtc_alarm(&rtc);
	assert_int_equal(alarm, hal_ticks() + hz() * 7 / 4); /* a quarter of the second is over */
	fake_set_ticks(alarm - 1);
	vrtc_poll(&rtc);
	assert_false(is_high);
	assert_int_equal(vrtc_alarm(&rtc), alarm);
	fake_set_ticks(alarm);
	vrtc_poll(&rtc);
	assert_true(is_high);
	assert_int_equal(vrtc_alarm(&rtc), UINT64_MAX);
	assert_int_equal(get(DR), NOW + 2);
	assert_int_equal(get(RIS) & get(MIS), 1);
	set(IMSC, 0);
	assert_false(is_high);
	assert_int_equal(get(RIS), 1);
	assert_int_equal(get(MIS), 0);
	set(IMSC, 1);
	set(ICR, 0);
	assert_true(is_high);
	set(ICR, 1);
	assert_false(is_high);
	fake_advance(hz());
	assert_int_equal(get(RIS), 0); /* once */
	assert_int_equal(changes, 4);
}

static void a_match_is_now_or_ahead(void **state)
{
	(void)state;
	set(MR, (uint32_t)NOW); /* now */
	assert_int_equal(get(RIS), 1);
	set(ICR, 1);
	set(MR, (uint32_t)NOW - 1); /* just missed: in 136 years */
	assert_int_equal(get(RIS), 0);
	fake_advance(1000 * hz());
	assert_int_equal(get(RIS), 0);
	assert_in_range(vrtc_alarm(&rtc), hal_ticks() + 1, hal_ticks() + 0x10000 * hz());
	/* Somebody who polls as he is told to gets it in the end. */
	unsigned polls = 0;
	while (vrtc_alarm(&rtc) != UINT64_MAX) {
		fake_set_ticks(vrtc_alarm(&rtc));
		vrtc_poll(&rtc);
		assert_true(++polls < 0x10002);
	}
	assert_int_equal(get(RIS), 1);
	assert_int_equal(get(DR), NOW - 1);
}

static void moving_the_clock_moves_the_match(void **state)
{
	(void)state;
	set(MR, (uint32_t)NOW + 100);
	vrtc_set_time((NOW + 90) * S, hal_ticks());
	vrtc_poll(&rtc);
	assert_int_equal(vrtc_alarm(&rtc), hal_ticks() + 10 * hz());
	vrtc_set_time((NOW + 1000) * S, hal_ticks()); /* over it */
	vrtc_poll(&rtc);
	assert_int_equal(get(RIS), 1);
	set(ICR, 1);
	set(MR, 50);
	set(LR, 40);
	assert_int_equal(vrtc_alarm(&rtc), hal_ticks() + 10 * hz());
	set(LR, 50);
	assert_int_equal(get(RIS), 1);
}

static void it_says_what_it_is(void **state)
{
	(void)state;
	static const uint8_t id[] = {0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
	for (unsigned i = 0; i < sizeof(id); i++) {
		assert_int_equal(get(0xfe0 + 4 * i), id[i]);
	}
	assert_int_equal(get(CR), 1);
	set(CR, 0); /* cannot be stopped */
	assert_int_equal(get(CR), 1);
	assert_int_equal(get(ICR), 0);
	assert_int_equal(get(0x20), 0);
}

static void any_access_is_survived(void **state)
{
	(void)state;
	uint64_t seed = 1;
	for (unsigned i = 0; i < 200000; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		const unsigned bytes = 1u << (seed >> 60 & 3);
		const uint64_t offset = seed >> 40 & ((seed >> 59 & 1) != 0 ? 0xfff : 0x1f);
		uint64_t value = (seed >> 8) & (UINT64_MAX >> (64 - 8 * bytes));
		const bool is_write = (seed >> 33 & 1) != 0;
		const bool is_good = bytes <= 4 && offset % bytes == 0;
		assert_int_equal(vrtc_access(&rtc, offset, bytes, is_write, &value),
				 is_good ? EXIT_ADVANCE : EXIT_INJECT_ABORT);
		if (is_good && !is_write) {
			assert_true(bytes == 8 || value >> (8 * bytes) == 0);
		}
		assert_int_equal(is_high, rtc.is_raw && rtc.is_enabled);
		assert_int_equal(atomic_load(&rtc.lock.is_held), 0);
		fake_advance(seed >> 44);
	}
	/* Bytes of a register. */
	uint64_t value = 0;
	set(MR, 0x11223344);
	assert_int_equal(vrtc_access(&rtc, MR + 2, 2, false, &value), EXIT_ADVANCE);
	assert_int_equal(value, 0x1122);
	assert_int_equal(vrtc_access(&rtc, MR + 1, 1, true, &value), EXIT_ADVANCE);
	assert_int_equal(get(MR), 0x11223344);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_stands_at_zero_until_the_time_is_known, setup),
#define TEST(name) cmocka_unit_test_setup(name, setup_with_time)
		TEST(it_counts_from_the_moment_that_was_told),
		TEST(any_time_at_all_is_survived),
		TEST(a_guests_own_clock_is_its_own),
		TEST(the_match_comes_when_it_is_asked_for),
		TEST(a_match_is_now_or_ahead),
		TEST(moving_the_clock_moves_the_match),
		TEST(it_says_what_it_is),
		TEST(any_access_is_survived),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
