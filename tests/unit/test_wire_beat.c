/* SPDX-License-Identifier: Apache-2.0 */
/* Beats: size, rotation, round trip, refusals, and the differences that a receiver takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "abi/crash.h"
#include "abi/telemetry.h"
#include "model/random.h"
#include "unit/wire_samples.h"
#include "wire/beat_series.h"

enum { EXIT_CAUSES = AETHER_EXIT_COUNT };
/* The wire has its own numbers; what the core measures must fit into them. */
static_assert((unsigned int)AETHER_EXIT_COUNT <= BEAT_EXIT_CAUSES, "room for every cause");
static_assert(AETHER_STEAL_BUCKETS == BEAT_STEAL_BUCKETS, "all buckets");
static_assert(sizeof(((struct aether_telemetry *)0)->pages) == 8u * BEAT_PAGE_OWNERS, "all owners");
static_assert(AETHER_PCPU_MAX == WIRE_CPU_MAX && AETHER_VM_MAX == WIRE_GUEST_MAX, "all CPUs and guests");
static_assert(AETHER_CRASH_BYTES == HELLO_CRASH_MAX_BYTES, "a whole crash record");

static uint8_t bytes[SAMPLE_MAX_BYTES];
static struct beat beat, decoded;
static struct beat_rotation rotation;

static size_t encode(void)
{
	const size_t size = beat_encode(&beat, &rotation, bytes, BEAT_MAX_BYTES);

	beat.sequence++;
	return size;
}

static void encode_decode(void)
{
	struct wire_error error;
	const size_t size = encode();

	assert_in_range(size, BEAT_FIXED_BYTES + DATAGRAM_TAG_BYTES, BEAT_MAX_BYTES);
	assert_true(beat_decode(bytes, size, &decoded, &error));
}

static void begin(uint32_t cpu_count, uint32_t guest_mask, uint32_t exit_causes)
{
	memset(&rotation, 0, sizeof(rotation));
	sample_beat(&beat, exit_causes);
	beat.cpu_count = (uint8_t)cpu_count;
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		if ((guest_mask >> i & 1) == 0) {
			beat.present &= ~(BEAT_BIT(BEAT_VM_0 + i) | BEAT_BIT(BEAT_RELEASE_0 + i));
		}
	}
}

static uint32_t series_of(uint32_t cpu_count, uint32_t present)
{
	for (uint32_t i = cpu_count; i < WIRE_CPU_MAX; i++) {
		present &= ~BEAT_BIT(BEAT_CPU_0 + i);
	}
	return present;
}

/* Sends so many beats; each series that is there must be in at least one of any five that follow each other. */
static void expect_rotation(unsigned int beats, uint32_t urgent)
{
	unsigned int last[BEAT_SERIES_COUNT] = {0};
	const uint32_t there = series_of(beat.cpu_count, beat.present);

	for (unsigned int n = 1; n <= beats; n++) {
		beat_rotation_want(&rotation, urgent);
		encode_decode();
		assert_int_equal(decoded.present & ~there, 0);
		assert_int_equal(decoded.present & urgent, urgent & there);
		for (uint32_t i = 0; i < BEAT_SERIES_COUNT; i++) {
			if ((decoded.present & BEAT_BIT(i)) != 0) {
				last[i] = n;
			}
			if ((there & BEAT_BIT(i)) != 0 && n - last[i] >= BEAT_SERIES_BEATS) {
				fail_msg("series %u: not in beats %u to %u", i, last[i] + 1, n);
			}
		}
	}
}

static void every_series_comes_in_five_beats(void **state)
{
	(void)state;
	for (uint32_t cpus = 1; cpus <= WIRE_CPU_MAX; cpus++) {
		for (uint32_t guests = 0; guests < 1u << WIRE_GUEST_MAX; guests++) {
			for (uint32_t causes = 0; causes <= BEAT_EXIT_CAUSES; causes++) {
				begin(cpus, guests, causes);
				expect_rotation(40, 0);
			}
		}
	}
}

/* Somebody types: each beat carries the consoles. */
static void an_urgent_series_does_not_starve_the_others(void **state)
{
	(void)state;
	begin(WIRE_CPU_MAX, 15, EXIT_CAUSES);
	expect_rotation(200, BEAT_BIT(BEAT_CONSOLE));
	begin(1, 1, EXIT_CAUSES);
	expect_rotation(200, BEAT_BIT(BEAT_CONSOLE));
}

/* Guests come and go between beats: one that stays is never late. */
static void a_changing_machine_keeps_the_rotation(void **state)
{
	(void)state;
	unsigned int last[BEAT_SERIES_COUNT] = {0};
	uint32_t since[BEAT_SERIES_COUNT] = {0};
	const uint64_t steps = random_init("test_wire_beat", 20000);

	begin(WIRE_CPU_MAX, 15, EXIT_CAUSES);
	for (unsigned int n = 1; n <= steps; n++) {
		if (random_below(3) == 0) {
			const uint32_t guest = (uint32_t)random_below(WIRE_GUEST_MAX);
			beat.present ^= BEAT_BIT(BEAT_VM_0 + guest) | BEAT_BIT(BEAT_RELEASE_0 + guest);
		}
		encode_decode();
		for (uint32_t i = 0; i < BEAT_SERIES_COUNT; i++) {
			const bool is_there = (beat.present & BEAT_BIT(i)) != 0;
			since[i] = is_there ? (since[i] != 0 ? since[i] : n) : 0;
			last[i] = (decoded.present & BEAT_BIT(i)) != 0 ? n : last[i];
			const unsigned int from = last[i] >= since[i] ? last[i] + 1 : since[i];
			if (is_there && n + 1 - from >= BEAT_SERIES_BEATS) {
				fail_msg("series %u: not in beats %u to %u", i, from, n);
			}
		}
	}
}

static void sizes_are_as_promised(void **state)
{
	(void)state;
	size_t largest = 0;

	assert_int_equal(BEAT_FIXED_BYTES, 128);
	begin(WIRE_CPU_MAX, 15, EXIT_CAUSES);
	for (unsigned int n = 0; n < 100; n++) {
		const size_t size = encode();
		largest = size > largest ? size : largest;
	}
	print_message("# largest beat of 8 CPUs and 4 guests: %zu bytes\n", largest);
	assert_in_range(largest, 400, 512);
	begin(1, 1, EXIT_CAUSES);
	size_t sum = 0;
	for (unsigned int n = 0; n < 100; n++) {
		sum += encode();
	}
	print_message("# mean beat of 1 CPU and 1 guest: %zu bytes\n", sum / 100);
	assert_in_range(sum / 100, 200, 350);
	beat.present = 0;
	assert_int_equal(encode(), BEAT_FIXED_BYTES + DATAGRAM_TAG_BYTES);
	assert_int_equal(beat_encode(&beat, &rotation, bytes, BEAT_FIXED_BYTES + DATAGRAM_TAG_BYTES), 144);
	for (size_t size = 0; size < BEAT_FIXED_BYTES + DATAGRAM_TAG_BYTES; size++) {
		assert_int_equal(beat_encode(&beat, &rotation, bytes, size), 0);
	}
	beat.counters.exit_causes = BEAT_EXIT_CAUSES + 1;
	assert_int_equal(encode(), 0);
}

/* Every field has come once five beats are merged. */
static void a_beat_comes_back(void **state)
{
	(void)state;
	static struct beat merged;

	begin(WIRE_CPU_MAX, 15, EXIT_CAUSES);
	merged = beat;
	memset(&merged.counters, 0, sizeof(merged.counters));
	for (unsigned int n = 0; n < BEAT_SERIES_BEATS; n++) {
		encode_decode();
		assert_int_equal(decoded.sequence, beat.sequence - 1);
		assert_memory_equal(decoded.mac, beat.mac, sizeof(beat.mac));
		assert_int_equal(decoded.flags, beat.flags);
		assert_int_equal(decoded.cpu_count, beat.cpu_count);
		assert_int_equal(decoded.uptime_us, beat.uptime_us);
		assert_int_equal(decoded.heard_sequence, beat.heard_sequence);
		assert_int_equal(decoded.node_generation, beat.node_generation);
		assert_int_equal(decoded.dropped, beat.dropped);
		assert_memory_equal(decoded.guests, beat.guests, sizeof(beat.guests));
		for (uint32_t i = 0; i < BEAT_SERIES_COUNT; i++) {
			if ((decoded.present & BEAT_BIT(i)) == 0) {
				continue;
			}
			const size_t at = beat_series_offset(i);
			const size_t end = i + 1 < BEAT_SERIES_COUNT && beat_series_offset(i + 1) > at ?
						   beat_series_offset(i + 1) :
						   sizeof(beat.counters);
			memcpy((uint8_t *)&merged.counters + at, (uint8_t *)&decoded.counters + at, end - at);
		}
		if (decoded.counters.exit_causes != 0) {
			merged.counters.exit_causes = decoded.counters.exit_causes;
		}
	}
	assert_memory_equal(&merged.counters, &beat.counters, sizeof(beat.counters));
}

static const char *words(size_t size)
{
	static char text[WIRE_ERROR_TEXT_BYTES];
	struct wire_error error;

	return beat_decode(bytes, size, &decoded, &error) ? NULL : wire_error_text(&error, text, sizeof(text));
}

/* A beat of one CPU with the TLVs of `tlvs` behind its fixed part. */
static size_t with_tlvs(const void *tlvs, size_t count)
{
	begin(1, 0, 0);
	beat.present = 0;
	const size_t end = encode() - DATAGRAM_TAG_BYTES;
	memcpy(bytes + end, tlvs, count);
	memset(bytes + end + count, 0, DATAGRAM_TAG_BYTES);
	const size_t size = end + count + DATAGRAM_TAG_BYTES;
	bytes[6] = (uint8_t)size;
	bytes[7] = (uint8_t)(size >> 8);
	return size;
}

static void what_is_malformed_is_named(void **state)
{
	(void)state;
	uint8_t tlv[400] = {0};

	begin(1, 0, 0);
	beat.present = 0;
	const size_t size = encode();
	bytes[39] = 0;
	assert_string_equal(words(size), "beat CPUs is 0, the limit is 1");
	bytes[39] = 9;
	assert_string_equal(words(size), "beat CPUs is 9, the limit is 8");
	bytes[39] = 1;
	bytes[64 + 16 + 2] = 101;
	assert_string_equal(words(size), "beat percent is 101, the limit is 100");
	bytes[64 + 16 + 2] = 100;
	assert_null(words(size));
	bytes[5] = DATAGRAM_ACK;
	assert_string_equal(words(size), "beat: type 129 is not expected");
	bytes[5] = DATAGRAM_BEAT;
	bytes[6] = (uint8_t)(size - 1);
	assert_string_equal(words(size - 1), "beat: 143 bytes received, fewer than 144");

	assert_string_equal(words(with_tlvs("\x0d", 1)), "a field of 4 bytes where 1 are left");
	assert_string_equal(words(with_tlvs("\x0d\x00\x20", 3)), "a field of 4 bytes where 3 are left");
	assert_string_equal(words(with_tlvs("\x0d\x00\x20\x00", 4)), "a field of 32 bytes where 0 are left");
	assert_string_equal(words(with_tlvs("\x0d\x00\xff\xff\x00", 5)), "a field of 65535 bytes where 1 are left");
	tlv[0] = BEAT_RELEASE_0 + 1;
	tlv[2] = 31;
	assert_string_equal(words(with_tlvs(tlv, 35)), "beat release has 31 bytes, fewer than 32");
	tlv[2] = 32;
	assert_null(words(with_tlvs(tlv, 36)));
	assert_int_equal(decoded.present, BEAT_BIT(BEAT_RELEASE_0));
	memcpy(tlv + 36, tlv, 36);
	assert_string_equal(words(with_tlvs(tlv, 72)), "beat release is there twice");
	assert_string_equal(words(with_tlvs(tlv, 369)), "beat: 513 bytes, over the limit of 512");
}

static void exit_causes_are_bounded(void **state)
{
	(void)state;
	uint8_t tlv[200] = {BEAT_VM_0 + 1, 0, 25, 0};

	assert_null(words(with_tlvs(tlv, 29)));
	tlv[4] = 1;
	assert_string_equal(words(with_tlvs(tlv, 29)), "beat vm has 25 bytes, fewer than 34");
	tlv[4] = 17;
	assert_string_equal(words(with_tlvs(tlv, 29)), "beat exit causes is 17, the limit is 16");
	tlv[4] = 255;
	assert_string_equal(words(with_tlvs(tlv, 29)), "beat exit causes is 255, the limit is 16");
	tlv[2] = 0;
	assert_string_equal(words(with_tlvs(tlv, 4)), "beat vm has 0 bytes, fewer than 1");
	/* A second guest with another number of causes. */
	memcpy(tlv, "\x09\x00\x19\x00\x00", 5);
	memcpy(tlv + 29, "\x0a\x00\x22\x00\x01", 5);
	assert_string_equal(words(with_tlvs(tlv, 29 + 38)), "beat exit causes is 1, the limit is 0");
}

/* A later version has TLVs of other types, and more in those we know. */
static void what_is_not_known_is_skipped(void **state)
{
	(void)state;
	uint8_t tlv[100] = {0xff, 0xff, 3, 0, 1, 2, 3, 0, 0, 0, 0, BEAT_MEMORY + 1, 0, 40, 0};

	for (size_t i = 0; i < 8; i++) {
		tlv[15 + 4 * i] = (uint8_t)(i + 1);
	}
	memset(tlv + 15 + 32, 0xee, 8);
	assert_null(words(with_tlvs(tlv, 15 + 40)));
	assert_int_equal(decoded.present, BEAT_BIT(BEAT_MEMORY));
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(decoded.counters.memory.pages[i], i + 1);
	}
	tlv[7] = BEAT_SERIES_COUNT + 1; /* the first type that is free */
	assert_null(words(with_tlvs(tlv, 15 + 40)));
	assert_int_equal(decoded.present, BEAT_BIT(BEAT_MEMORY));
}

static void differences_come_round(void **state)
{
	(void)state;
	assert_int_equal(beat_difference(0, 5, 4), 5);
	assert_int_equal(beat_difference(0xfffffffe, 3, 4), 5);
	assert_int_equal(beat_difference(0xff, 0, 1), 1);
	assert_int_equal(beat_difference(UINT64_C(0xffffffffffff), 9, 6), 10);
	assert_int_equal(beat_difference(UINT64_MAX, 9, 8), 10);
	assert_int_equal(beat_difference(UINT64_C(0x100000007), 7, 4), 0);
	assert_int_equal(beat_difference(7, 7, 8), 0);
}

/* Counters that race, most beats lost: the totals are what was counted, once the last reading has come. */
static void lost_beats_lose_nothing(void **state)
{
	(void)state;
	static struct beat_track track;
	uint64_t interrupts = 0, rx_bytes = 0, exits = 0;

	memset(&track, 0, sizeof(track));
	begin(2, 1, EXIT_CAUSES);
	memset(&beat.counters, 0, sizeof(beat.counters));
	beat.counters.exit_causes = EXIT_CAUSES;
	for (unsigned int n = 0; n < 3000; n++) {
		interrupts += random_below(UINT64_C(1) << 26);
		rx_bytes += random_below(UINT64_C(1) << 42);
		exits += random_below(UINT64_C(1) << 26);
		beat.counters.cpus[1].interrupts = interrupts; /* the encoder cuts them to their widths */
		beat.counters.nic.rx_bytes = rx_bytes;
		beat.counters.vms[0].exits[9] = exits;
		encode_decode();
		if (n % 7 == 0 || n >= 3000 - BEAT_SERIES_BEATS) {
			assert_true(beat_track_add(&track, &decoded));
		}
	}
	assert_true(interrupts >> 32 != 0 && rx_bytes >> 48 != 0 && exits >> 32 != 0); /* all came round */
	beat_rotation_want(&rotation, beat.present);
	encode_decode();
	beat_track_add(&track, &decoded);
	assert_int_equal(track.total.cpus[1].interrupts, interrupts);
	assert_int_equal(track.total.nic.rx_bytes, rx_bytes);
	assert_int_equal(track.total.vms[0].exits[9], exits);
}

static void a_new_life_counts_from_zero(void **state)
{
	(void)state;
	static struct beat_track track;
	static const uint64_t readings[][2] = {{1, 100}, {1, 150}, {2, 30}, {2, 70}, {5, 70}};
	uint64_t total = 0;

	memset(&track, 0, sizeof(track));
	begin(1, 1, 2);
	beat.present = BEAT_BIT(BEAT_VM_0);
	static const uint64_t want[] = {100, 150, 180, 220, 290};
	for (size_t i = 0; i < 5; i++) {
		beat.counters.vms[0].lives = readings[i][0];
		beat.counters.vms[0].exits[1] = readings[i][1];
		encode_decode();
		assert_true(beat_track_add(&track, &decoded));
		total = track.total.vms[0].exits[1];
		assert_int_equal(total, want[i]);
		assert_int_equal(track.total.vms[0].lives, readings[i][0]);
	}
	assert_int_equal(track.total.exit_causes, 2);
	assert_int_equal(track.total.vms[0].ram_mib, 512);
}

static void an_older_beat_changes_no_total(void **state)
{
	(void)state;
	static struct beat_track track, before;

	memset(&track, 0, sizeof(track));
	begin(1, 0, 0);
	beat.present = BEAT_BIT(BEAT_CPU_0);
	encode_decode();
	const struct beat older = decoded;
	beat.counters.cpus[0].interrupts += 5;
	encode_decode();
	assert_true(beat_track_add(&track, &decoded));
	before = track;
	assert_false(beat_track_add(&track, &older));
	assert_false(beat_track_add(&track, &decoded));
	decoded.instance--;
	decoded.sequence++;
	assert_false(beat_track_add(&track, &decoded));
	assert_memory_equal(&track, &before, sizeof(track));
	assert_int_equal(track.uptime_us[BEAT_CPU_0], beat.uptime_us);
	assert_int_equal(track.seen, BEAT_BIT(BEAT_CPU_0));
	decoded.instance += 2; /* a new instance begins its sequence anew; the counters go on */
	decoded.sequence = 1;
	decoded.counters.cpus[0].interrupts += 2;
	assert_true(beat_track_add(&track, &decoded));
	assert_int_equal(track.total.cpus[0].interrupts, before.total.cpus[0].interrupts + 2);
}

static void states_have_words(void **state)
{
	(void)state;
	assert_string_equal(wire_guest_state_text(WIRE_GUEST_RUNNING), "runs");
	assert_string_equal(wire_guest_reason_text(WIRE_REASON_HASH),
			    "a blob has another SHA-256 than the manifest says");
	assert_non_null(wire_guest_state_text(WIRE_GUEST_STATE_COUNT));
	assert_non_null(wire_guest_reason_text(255));
	for (unsigned int i = 0; i < WIRE_GUEST_REASON_COUNT; i++) {
		assert_non_null(wire_guest_reason_text(i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_series_comes_in_five_beats),
		cmocka_unit_test(an_urgent_series_does_not_starve_the_others),
		cmocka_unit_test(a_changing_machine_keeps_the_rotation),
		cmocka_unit_test(sizes_are_as_promised),
		cmocka_unit_test(a_beat_comes_back),
		cmocka_unit_test(what_is_malformed_is_named),
		cmocka_unit_test(exit_causes_are_bounded),
		cmocka_unit_test(what_is_not_known_is_skipped),
		cmocka_unit_test(differences_come_round),
		cmocka_unit_test(lost_beats_lose_nothing),
		cmocka_unit_test(a_new_life_counts_from_zero),
		cmocka_unit_test(an_older_beat_changes_no_total),
		cmocka_unit_test(states_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
