/* SPDX-License-Identifier: Apache-2.0 */
/* core/nic.c: what the service can make its network card do, and what not; EVENT_WAIT with a card and a deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/hvc.h"
#include "core/esr.h"
#include "core/nic.h"
#include "core/sched.h"
#include "core/trap.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "unit/small_node.h"

#define HVC ((uint64_t)ESR_EC_HVC64 << 26 | ESR_IL)
#define PC (AETHER_IPA_SERVICE + 0x104)
#define TX_FIRST AETHER_NIC_RX_BUFFERS

static struct vcpu *service;

static int start(void **state)
{
	(void)state;
	node_has_card = true;
	node_start(2, 1, 256 * MIB);
	service = node_service();
	assert_ptr_equal(node_schedule(0), service);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	node_has_card = false;
	node_stop();
	return 0;
}

static int64_t post(uint64_t count, const uint64_t *values)
{
	service->x[0] = AETHER_HVC_NIC_POST;
	service->x[1] = count;
	for (unsigned i = 0; i < 6; i++) {
		service->x[2 + i] = values[i];
	}
	service->pc = PC;
	(void)node_trap(service, HVC, 0);
	return (int64_t)service->x[0];
}

static struct vcpu *wait_for(uint64_t deadline)
{
	service->x[0] = AETHER_HVC_EVENT_WAIT;
	service->x[1] = deadline;
	service->pc = PC;
	return node_trap(service, HVC, 0);
}

/* A load or store of `bytes` in the window: the register is x3. */
static void access(uint64_t offset, unsigned bytes, bool is_write)
{
	const uint64_t size = bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
	const uint64_t esr = (uint64_t)ESR_EC_DATA_ABORT_LOWER << 26 | ESR_IL | ESR_ISS_ISV | size << 22 | 3 << 16 |
			     (bytes == 8 ? 1 << 15 : 0) | (is_write ? ESR_ISS_WNR : 0) | 7;
	service->pc = PC;
	(void)node_trap(service, esr, AETHER_IPA_NIC + offset);
}

static void reads_as(uint64_t offset, unsigned bytes, uint64_t expected)
{
	service->x[3] = 0x5a5a5a5a5a5a5a5a;
	access(offset, bytes, false);
	assert_int_equal(service->x[3], expected);
	assert_int_equal(service->pc, PC + 4);
}

static void a_card_gets_memory_of_its_own(void **state)
{
	(void)state;
	const struct hal_nic_memory *memory = &fake_nic.memory;
	assert_true(fake_nic.is_started);
	assert_false(fake_nic.is_interrupt_enabled); /* nobody listens yet */
	assert_true(pages_are(memory->buffers, (uint64_t)AETHER_NIC_BUFFERS * AETHER_NIC_BUFFER_BYTES,
			      (struct page_owner){PAGE_DMA, PAGE_NOBODY}));
	for (unsigned queue = 0; queue < 2; queue++) {
		assert_int_not_equal(memory->driver_ring[queue].v, memory->device_ring[queue].v);
	}
	/* Posts arrive as buffers of their queue, receive buffers whole. */
	const uint64_t values[6] = {5 | (uint64_t)(TX_FIRST + 9) << 32 | UINT64_C(77) << 48,
				    (AETHER_NIC_RX_BUFFERS - 1) | 3 << 16};
	assert_int_equal(post(3, values), 0);
	assert_int_equal(fake_nic.published, 3);
	assert_int_equal(fake_nic.posts[0].queue, 0);
	assert_int_equal(fake_nic.posts[0].index, 5);
	assert_int_equal(fake_nic.posts[0].bytes, AETHER_NIC_BUFFER_BYTES);
	assert_int_equal(fake_nic.posts[1].queue, 1);
	assert_int_equal(fake_nic.posts[1].index, 9);
	assert_int_equal(fake_nic.posts[1].bytes, 77);
	assert_int_equal(fake_nic.posts[2].index, AETHER_NIC_RX_BUFFERS - 1);
	assert_int_equal(fake_nic.posts[2].bytes, AETHER_NIC_BUFFER_BYTES);
}

static void a_wrong_post_is_refused_whole(void **state)
{
	(void)state;
	static const uint32_t bad[] = {
		AETHER_NIC_BUFFERS | 64u << 16,	 0xffff | 64u << 16, UINT32_MAX, TX_FIRST, /* no byte to send */
		TX_FIRST | ((AETHER_NIC_BUFFER_BYTES + 1) << 16),
	};
	static const uint64_t counts[] = {0, AETHER_NIC_POST_MAX + 1, UINT32_MAX, UINT64_MAX};
	uint64_t values[6] = {0};
	for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
		values[0] = (uint64_t)bad[i] << 32;
		assert_int_equal(post(2, values), AETHER_EINVAL);
	}
	values[0] = 0;
	for (unsigned i = 0; i < ARRAY_COUNT(counts); i++) {
		assert_int_equal(post(counts[i], values), AETHER_EINVAL);
	}
	assert_int_equal(fake_nic.post_count, 0);
	assert_int_equal(post(AETHER_NIC_POST_MAX, values), 0); /* a buffer twice is the service's own affair */
	assert_int_equal(fake_nic.post_count, AETHER_NIC_POST_MAX);
}

static void the_window_shows_and_rings_and_nothing_else(void **state)
{
	(void)state;
	reads_as(0x008, 4, 0x008);
	reads_as(0x103, 1, 0x03);
	reads_as(0x1ff, 1, 0xff);
	reads_as(0x101, 4, 0); /* not aligned */
	reads_as(0x100, 8, 0);
	reads_as(0x200, 4, 0);
	reads_as(0xffc, 4, 0);
	for (uint64_t offset = 0; offset < 0x1000; offset += 4) {
		service->x[3] = 1;
		access(offset, 4, true);
		assert_int_equal(service->pc, PC + 4);
	}
	assert_int_equal(fake_nic.notified[0], 0);
	assert_int_equal(fake_nic.notified[1], 1);
	service->x[3] = 2;
	access(0x050, 4, true);
	service->x[3] = UINT64_C(1) << 32; /* the low word counts */
	access(0x050, 4, true);
	assert_int_equal(fake_nic.notified[0], 1);
	assert_int_equal(fake_nic.notified[1], 1);
	service->x[3] = 0;
	access(0x050, 1, true);
	assert_int_equal(fake_nic.notified[0], 1);
}

static void a_flood_is_one_interrupt_a_wake(void **state)
{
	(void)state;
	(void)node_enter(16 * MIB, 1); /* somebody else to run */
	node_rest();
	assert_int_equal(service->state, VCPU_BLOCKED);
	assert_true(fake_nic.is_interrupt_enabled);
	fake_irq_push(HAL_IRQ_NIC, 79);
	(void)node_irq(0);
	assert_false(fake_nic.is_interrupt_enabled);
	assert_int_equal(fake_nic.acknowledged, 1);
	assert_int_equal(service->state == VCPU_BLOCKED, 0);
	while (percpu[0].current != service) {
		sched_give_way(percpu[0].current);
		(void)node_schedule(0);
	}
	service->pc = PC;
	(void)node_trap(service, HVC, 0);
	assert_int_equal(service->x[0], 0);
	assert_int_equal(service->x[1], AETHER_EVENT_NIC);
	assert_false(fake_nic.is_interrupt_enabled);
	/* Once it asks again, and nothing is due, the card may speak again. */
	assert_ptr_not_equal(wait_for(UINT64_MAX), service);
	assert_true(fake_nic.is_interrupt_enabled);
}

static void a_deadline_ends_the_wait(void **state)
{
	(void)state;
	fake_set_ticks(1000);
	assert_ptr_equal(wait_for(1000), service); /* it has come */
	assert_int_equal(service->x[1], 0);
	(void)node_enter(16 * MIB, 1);
	while (percpu[0].current != service) {
		sched_give_way(percpu[0].current);
		(void)node_schedule(0);
	}
	assert_ptr_not_equal(wait_for(5000), service);
	fake_set_ticks(5000);
	fake_irq_push(HAL_IRQ_TIMER, 26);
	(void)node_irq(0);
	while (percpu[0].current != service) {
		sched_give_way(percpu[0].current);
		(void)node_schedule(0);
	}
	service->pc = PC;
	assert_ptr_equal(node_trap(service, HVC, 0), service);
	assert_int_equal(service->x[0], 0);
	assert_int_equal(service->x[1], 0);
}

static void no_wait_is_longer_than_its_life_sign(void **state)
{
	(void)state;
	const uint64_t half = FAKE_TICKS_PER_SECOND * AETHER_ALIVE_MS / 2 / 1000;
	fake_set_ticks(7);
	(void)node_enter(16 * MIB, 1);
	while (percpu[0].current != service) {
		sched_give_way(percpu[0].current);
		(void)node_schedule(0);
	}
	(void)wait_for(UINT64_MAX);
	assert_int_equal(service->state, VCPU_BLOCKED);
	assert_in_range(service->wake_deadline, half, hal_ticks() + half);
}

static void a_card_that_is_stopped_is_out_of_reach(void **state)
{
	(void)state;
	const uint64_t values[6] = {0};
	nic_stop();
	assert_false(fake_nic.is_started);
	assert_false(fake_nic.is_interrupt_enabled);
	assert_int_equal(post(1, values), AETHER_EINVAL);
	reads_as(0x008, 4, 0);
	fake_irq_push(HAL_IRQ_NIC, 79); /* one that was on its way */
	(void)node_irq(0);
	assert_false(nic_take_event());
	nic_start();
	assert_true(fake_nic.is_started);
	assert_int_equal(post(1, values), 0);
}

static void a_node_without_a_card(void **state)
{
	const uint64_t values[6] = {0};
	node_has_card = false;
	node_start(3, 1, 256 * MIB);
	service = node_service();
	assert_ptr_equal(node_schedule(0), service);
	assert_int_equal(post(1, values), AETHER_EINVAL);
	reads_as(0x008, 4, 0);
	nic_stop();
	nic_start();
	nic_listen();
	assert_false(fake_nic.is_started || fake_nic.is_interrupt_enabled);
	node_has_broken_card = true;
	node_start(2, 1, 256 * MIB);
	node_has_broken_card = false;
	service = node_service();
	assert_ptr_equal(node_schedule(0), service);
	assert_non_null(strstr(fake_console_output(), "refuses to start"));
	assert_int_equal(post(1, values), AETHER_EINVAL);
	(void)state;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(a_card_gets_memory_of_its_own),
		TEST(a_wrong_post_is_refused_whole),
		TEST(the_window_shows_and_rings_and_nothing_else),
		TEST(a_flood_is_one_interrupt_a_wake),
		TEST(a_deadline_ends_the_wait),
		TEST(no_wait_is_longer_than_its_life_sign),
		TEST(a_card_that_is_stopped_is_out_of_reach),
		TEST(a_node_without_a_card),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
