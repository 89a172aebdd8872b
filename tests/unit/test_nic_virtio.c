/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio driver on a sound card, and on cards that lie in each way a used ring has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "service/nic.h"
#include "unit/small_card.h"

static uint8_t last[AETHER_NIC_BUFFER_BYTES];
static size_t last_bytes;
static uint32_t frames;

static int begin(void **state)
{
	(void)state;
	small_card_reset();
	frames = 0;
	return nic_virtio.start(SMALL_CARD_HEADER_BYTES) ? 0 : -1;
}

static void take_frame(void *context, const uint8_t *frame, size_t bytes)
{
	assert_ptr_equal(context, &frames);
	assert_true(bytes <= sizeof(last));
	memcpy(last, frame, bytes);
	last_bytes = bytes;
	frames++;
}

/* Returns whether the card can still be used. */
static bool receive(uint32_t most, uint32_t want)
{
	bool is_alive = true;

	assert_int_equal(nic_virtio.receive(take_frame, &frames, most, &is_alive), want);
	nic_virtio.flush();
	return is_alive;
}

static bool send_frame(uint8_t fill, size_t bytes)
{
	static uint8_t frame[2 * NIC_FRAME_MAX_BYTES];

	memset(frame, fill, bytes);
	const struct nic_piece pieces[] = {{frame, bytes / 3}, {frame, 0}, {frame + bytes / 3, bytes - bytes / 3}};
	return nic_virtio.send(pieces, 3);
}

static const struct nic_counters *counters(void)
{
	return nic_virtio.counters();
}

static void posts_every_receive_buffer_at_the_start(void **state)
{
	(void)state;
	assert_int_equal(small_card.queues[0].count, AETHER_NIC_RX_BUFFERS);
	assert_int_equal(small_card.queues[0].notifies, 1);
	assert_int_equal(small_card.posts, (AETHER_NIC_RX_BUFFERS + AETHER_NIC_POST_MAX - 1) / AETHER_NIC_POST_MAX);
	assert_int_equal(small_card.queues[1].count, 0);
}

static void passes_frames_on_and_posts_their_buffers_again(void **state)
{
	uint8_t frame[NIC_FRAME_MAX_BYTES];

	(void)state;
	/* Three times round the ring's index of 16 bits is more than it can be off by. */
	for (uint32_t i = 0; i < 3 * 0x10000; i++) {
		const size_t bytes = NIC_FRAME_MIN_BYTES + i % (NIC_FRAME_MAX_BYTES - NIC_FRAME_MIN_BYTES + 1);
		memset(frame, (int)(i % 251), bytes);
		assert_true(small_card_receive(frame, bytes));
		assert_true(receive(64, 1));
		assert_int_equal(last_bytes, bytes);
		assert_memory_equal(last, frame, bytes);
	}
	assert_int_equal(small_card.queues[0].count, AETHER_NIC_RX_BUFFERS);
	assert_int_equal(counters()->rx_frames, 3 * 0x10000);
	assert_int_equal(counters()->device_errors, 0);
}

static void takes_no_more_frames_than_it_is_told(void **state)
{
	uint8_t frame[60] = {0};

	(void)state;
	for (uint32_t i = 0; i < AETHER_NIC_RX_BUFFERS; i++) {
		assert_true(small_card_receive(frame, sizeof(frame)));
	}
	assert_false(small_card_receive(frame, sizeof(frame)));
	const uint32_t posts = small_card.posts;
	assert_true(receive(100, 100));
	assert_int_equal(small_card.posts - posts, 9); /* 8 of 12, one of 4 */
	assert_true(receive(100, 28));
	assert_true(receive(100, 0));
	assert_int_equal(frames, AETHER_NIC_RX_BUFFERS);
	assert_int_equal(small_card.queues[0].count, AETHER_NIC_RX_BUFFERS);
}

static void sends_frames_of_pieces(void **state)
{
	uint8_t frame[AETHER_NIC_BUFFER_BYTES];
	size_t bytes = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		const size_t want = NIC_FRAME_MIN_BYTES + (i * 7) % 1501;
		assert_true(send_frame((uint8_t)i, want));
		nic_virtio.flush();
		assert_true(small_card_sent(frame, &bytes));
		assert_int_equal(bytes, want);
		for (size_t k = 0; k < bytes; k++) {
			assert_int_equal(frame[k], (uint8_t)i);
		}
	}
	assert_int_equal(counters()->tx_frames, 1000);
}

static void hands_on_a_whole_calls_worth_at_once(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < AETHER_NIC_POST_MAX - 1; i++) {
		assert_true(send_frame(1, 60));
	}
	assert_int_equal(small_card.queues[1].count, 0);
	assert_int_equal(small_card.queues[1].notifies, 0);
	assert_true(send_frame(1, 60));
	assert_int_equal(small_card.queues[1].count, AETHER_NIC_POST_MAX);
	assert_int_equal(small_card.queues[1].notifies, 1);
	nic_virtio.flush();
	assert_int_equal(small_card.queues[1].notifies, 1);
}

static void drops_and_counts_what_finds_no_buffer(void **state)
{
	uint8_t frame[AETHER_NIC_BUFFER_BYTES];
	size_t bytes = 0;

	(void)state;
	for (uint32_t i = 0; i < AETHER_NIC_TX_BUFFERS; i++) {
		assert_true(send_frame(1, 60));
	}
	assert_false(send_frame(1, 60));
	assert_int_equal(counters()->tx_full, 1);
	nic_virtio.flush();
	assert_true(small_card_sent(frame, &bytes));
	assert_true(send_frame(1, 60));
	assert_false(send_frame(1, 60));
	assert_int_equal(counters()->tx_full, 2);
	assert_int_equal(counters()->device_errors, 0);
}

static void refuses_frames_that_are_none(void **state)
{
	const struct nic_piece huge[] = {{last, 100}, {last, SIZE_MAX - 50}};

	(void)state;
	assert_false(send_frame(1, 0));
	assert_false(send_frame(1, NIC_FRAME_MIN_BYTES - 1));
	assert_false(send_frame(1, NIC_FRAME_MAX_BYTES + 1));
	assert_false(nic_virtio.send(huge, 2));
	assert_int_equal(counters()->tx_bad_length, 4);
	assert_true(send_frame(1, NIC_FRAME_MAX_BYTES));
}

static void counts_wrong_lengths_and_posts_the_buffer_again(void **state)
{
	static const uint32_t lengths[] = {
		0, 11, SMALL_CARD_HEADER_BYTES + NIC_FRAME_MIN_BYTES - 1,
		SMALL_CARD_HEADER_BYTES + NIC_FRAME_MAX_BYTES + 1, AETHER_NIC_BUFFER_BYTES, UINT32_MAX,
	};
	const uint32_t count = sizeof(lengths) / sizeof(lengths[0]);

	(void)state;
	for (uint32_t i = 0; i < count; i++) {
		small_card_return(0, lengths[i]);
	}
	assert_true(receive(64, count));
	assert_int_equal(frames, 0);
	assert_int_equal(counters()->rx_bad_length, count);
	assert_int_equal(small_card.queues[0].count, AETHER_NIC_RX_BUFFERS);
}

/* From here on nothing is believed, nothing is posted, and the caller is told. */
static void expect_broken_off(uint32_t want)
{
	const uint32_t posts = small_card.posts;
	const uint32_t notifies = small_card.queues[0].notifies + small_card.queues[1].notifies;

	assert_false(receive(64, want));
	assert_int_equal(counters()->device_errors, 1);
	small_card.queues[0].used.idx++;
	assert_false(receive(64, 0));
	assert_false(send_frame(1, 60));
	nic_virtio.flush();
	assert_int_equal(small_card.posts, posts);
	assert_int_equal(small_card.queues[0].notifies + small_card.queues[1].notifies, notifies);
	assert_int_equal(counters()->device_errors, 1);
}

static void breaks_off_when_more_comes_back_than_went(void **state)
{
	(void)state;
	small_card.queues[0].used.idx = AETHER_NIC_RX_BUFFERS + 1;
	expect_broken_off(0);
	assert_int_equal(frames, 0);
}

static void breaks_off_when_the_index_goes_back(void **state)
{
	(void)state;
	small_card.queues[0].used.idx = UINT16_MAX;
	expect_broken_off(0);
}

static void breaks_off_at_a_buffer_that_is_none(void **state)
{
	static const uint32_t ids[] = {AETHER_NIC_RX_BUFFERS, AETHER_NIC_BUFFERS, 0x80000000, UINT32_MAX};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_int_equal(begin(state), 0);
		small_card_return(0, 100);
		small_card.queues[0].used.ring[0].id = ids[i];
		expect_broken_off(0);
		assert_int_equal(frames, 0);
	}
}

static void breaks_off_at_a_buffer_that_comes_back_twice(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		small_card_return(0, 100);
	}
	small_card.queues[0].used.ring[2].id = small_card.queues[0].used.ring[0].id;
	expect_broken_off(2);
	assert_int_equal(frames, 2);
}

static void breaks_off_at_a_lying_transmit_ring(void **state)
{
	(void)state;
	small_card.queues[1].used.idx = 1; /* nothing was sent */
	expect_broken_off(0);

	assert_int_equal(begin(state), 0);
	assert_true(send_frame(1, 60));
	small_card.queues[1].used.idx = 1; /* it is not with the card yet */
	expect_broken_off(0);

	assert_int_equal(begin(state), 0);
	assert_true(send_frame(1, 60));
	nic_virtio.flush();
	const uint32_t id = small_card_return(1, 0);
	small_card.queues[1].used.ring[0].id = id + 1;
	expect_broken_off(0);
}

static void breaks_off_when_the_core_refuses(void **state)
{
	(void)state;
	assert_true(send_frame(1, 60));
	small_card.is_refusing = true;
	nic_virtio.flush();
	small_card.is_refusing = false;
	expect_broken_off(0);
}

static void tells_address_and_link(void **state)
{
	uint8_t mac[NIC_MAC_BYTES];

	(void)state;
	nic_virtio.mac(mac);
	assert_memory_equal(mac, small_card.mac, sizeof(mac));
	assert_true(nic_virtio.link_is_up());
	small_card.link_is_up = false;
	assert_false(nic_virtio.link_is_up());
	assert_ptr_equal(nic_find(AETHER_NIC_VIRTIO), &nic_virtio);
	assert_null(nic_find(AETHER_NIC_NONE));
	assert_null(nic_find(UINT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(posts_every_receive_buffer_at_the_start, begin),
		cmocka_unit_test_setup(passes_frames_on_and_posts_their_buffers_again, begin),
		cmocka_unit_test_setup(takes_no_more_frames_than_it_is_told, begin),
		cmocka_unit_test_setup(sends_frames_of_pieces, begin),
		cmocka_unit_test_setup(hands_on_a_whole_calls_worth_at_once, begin),
		cmocka_unit_test_setup(drops_and_counts_what_finds_no_buffer, begin),
		cmocka_unit_test_setup(refuses_frames_that_are_none, begin),
		cmocka_unit_test_setup(counts_wrong_lengths_and_posts_the_buffer_again, begin),
		cmocka_unit_test_setup(breaks_off_when_more_comes_back_than_went, begin),
		cmocka_unit_test_setup(breaks_off_when_the_index_goes_back, begin),
		cmocka_unit_test_setup(breaks_off_at_a_buffer_that_is_none, begin),
		cmocka_unit_test_setup(breaks_off_at_a_buffer_that_comes_back_twice, begin),
		cmocka_unit_test_setup(breaks_off_at_a_lying_transmit_ring, begin),
		cmocka_unit_test_setup(breaks_off_when_the_core_refuses, begin),
		cmocka_unit_test_setup(tells_address_and_link, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
