/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles as the service has them: output by offset in rings that outlive guest and service, input by offset that is
 * taken once however often it is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/console.h"
#include "core/console_ring.h"
#include "core/hal.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "service_calls.h"

#define CONSOLE_INPUT AETHER_HVC_CONSOLE_INPUT
#define DR 0x000u
#define FR 0x018u
#define RXFE 0x10u

static void say(struct vm *vm, const char *words)
{
	for (; *words != '\0'; words++) {
		uint64_t value = (uint8_t)*words;
		assert_int_equal(vuart_access(&vm->uart, DR, 4, true, &value), EXIT_ADVANCE);
	}
}

static int hear(struct vm *vm)
{
	uint64_t value = 0;
	assert_int_equal(vuart_access(&vm->uart, FR, 4, false, &value), EXIT_ADVANCE);
	if ((value & RXFE) != 0) {
		return -1;
	}
	assert_int_equal(vuart_access(&vm->uart, DR, 4, false, &value), EXIT_ADVANCE);
	return (int)(value & 0xff);
}

static uint64_t head_of(unsigned vm)
{
	return ((const struct aether_console_heads *)service_window(AETHER_IPA_CONSOLE_HEADS))->head[vm];
}

static uint64_t due_of(unsigned vm)
{
	return ((const struct aether_console_heads *)service_window(AETHER_IPA_CONSOLE_HEADS))->input_due[vm];
}

static char ring_byte(unsigned vm, uint64_t offset)
{
	const uint64_t at = offset % AETHER_CONSOLE_RING_BYTES;
	return ((const char *)service_window(AETHER_IPA_CONSOLE(vm) + align_down(at, PAGE_BYTES)))[at % PAGE_BYTES];
}

static void assert_ring_ends_with(unsigned vm, const char *text)
{
	const size_t length = strlen(text);
	for (size_t i = 0; i < length; i++) {
		assert_int_equal(ring_byte(vm, head_of(vm) - length + i), text[i]);
	}
}

static void output_stands_in_the_guests_ring(void **state)
{
	(void)state;
	struct vm *first = service_run_guest();
	struct vm *second = service_run_guest();
	console_set_lines(second->id, true);
	say(first, "one\r\n");
	say(second, "two\r\nopen"); /* as it came, whatever the node's own console makes of it */
	assert_int_equal(head_of(first->id), 5);
	assert_ring_ends_with(first->id, "one\r\n");
	assert_int_equal(head_of(second->id), 9);
	assert_ring_ends_with(second->id, "two\r\nopen");
	assert_int_equal(head_of(2), 0);
	console_set_lines(second->id, false);
}

static void offsets_go_on_over_a_reset_and_a_new_vm(void **state)
{
	(void)state;
	struct vm *vm = service_run_guest();
	say(vm, "first ");
	assert_int_equal(service_call(AETHER_HVC_VM_STOP, vm->id, 0, 0), 0);
	node_settle();
	assert_int_equal(service_call(AETHER_HVC_VM_RESET, vm->id, 0, 0), 0);
	assert_int_equal(service_call(AETHER_HVC_VM_START, vm->id, NODE_ENTRY, 0), 0);
	node_settle();
	say(vm, "second ");
	assert_int_equal(service_call_with(CONSOLE_INPUT, vm->id, 0, 3, "abc", 3), 0);
	assert_int_equal(service_call(AETHER_HVC_VM_STOP, vm->id, 0, 0), 0);
	node_settle();
	assert_int_equal(service_call(AETHER_HVC_VM_DESTROY, vm->id, 0, 0), 0);
	service_dies();
	vm = service_run_guest();
	say(vm, "third");
	assert_ring_ends_with(vm->id, "first second third");
	assert_int_equal(head_of(vm->id), 18);
	assert_int_equal(due_of(vm->id), 3);
}

static void a_ring_keeps_the_newest(void **state)
{
	(void)state;
	struct vm *vm = service_run_guest();
	for (unsigned i = 0; i < (AETHER_CONSOLE_RING_BYTES + 4096) / 8 + 1; i++) {
		char text[9];
		snprintf(text, sizeof(text), "%07u\n", i);
		say(vm, text);
	}
	const uint64_t head = head_of(vm->id);
	assert_int_equal(head, AETHER_CONSOLE_RING_BYTES + 4096 + 8);
	for (uint64_t at = head - AETHER_CONSOLE_RING_BYTES; at < head; at += 8) {
		char text[9];
		snprintf(text, sizeof(text), "%07u\n", (unsigned)(at / 8));
		for (unsigned i = 0; i < 8; i++) {
			assert_int_equal(ring_byte(vm->id, at + i), text[i]);
		}
	}
	assert_int_equal(head_of(1), 0); /* and its neighbour is as it was */
	assert_int_equal(ring_byte(1, 0), 0);
}

/* A byte that the node's UART had no room for is in the ring when the guest has got rid of it, and once. */
static void a_byte_is_in_the_ring_once(void **state)
{
	(void)state;
	struct vm *vm = service_run_guest();
	unsigned said = 0;
	fake_console_set_room(0);
	for (uint64_t flags = 0; (flags & 0x20) == 0; said++) {
		const char text[2] = {(char)('a' + said % 26), '\0'};
		say(vm, text);
		assert_int_equal(vuart_access(&vm->uart, FR, 4, false, &flags), EXIT_ADVANCE);
	}
	assert_int_equal(head_of(vm->id), said - VUART_FIFO_BYTES);
	fake_console_set_room(SIZE_MAX);
	console_interrupt();
	assert_int_equal(head_of(vm->id), said);
	for (unsigned i = 0; i < said; i++) {
		assert_int_equal(ring_byte(vm->id, i), 'a' + i % 26);
	}
}

static int64_t type(unsigned vm, uint64_t offset, const char *text)
{
	return service_call_with(CONSOLE_INPUT, vm, offset, strlen(text), text, strlen(text));
}

static void assert_hears(struct vm *vm, const char *text)
{
	for (; *text != '\0'; text++) {
		assert_int_equal(hear(vm), *text);
	}
	assert_int_equal(hear(vm), -1);
}

static void input_comes_once_however_often_it_is_said(void **state)
{
	(void)state;
	struct vm *vm = service_run_guest();
	assert_int_equal(type(vm->id, 0, "abcd"), 0);
	assert_int_equal(service->x[1], 4);
	assert_int_equal(type(vm->id, 0, "abcd"), 0);
	assert_int_equal(service->x[1], 4);
	assert_int_equal(type(vm->id, 2, "cdef"), 0);
	assert_int_equal(service->x[1], 6);
	service_dies();
	assert_int_equal(due_of(vm->id), 6);
	assert_int_equal(type(vm->id, 0, "ab"), 0);
	assert_int_equal(service->x[1], 6);
	assert_hears(vm, "abcdef");
	assert_int_equal(type(vm->id, 7, "x"), AETHER_EINVAL);
	assert_int_equal(service->x[1], 6);
	assert_int_equal(type(vm->id, UINT64_MAX, "x"), AETHER_EINVAL);
	assert_hears(vm, "");
}

static void input_that_has_no_room_stays_due(void **state)
{
	(void)state;
	struct vm *vm = service_run_guest();
	assert_int_equal(type(vm->id, 0, "0123456789abcdefghijklmn"), 0);
	assert_int_equal(type(vm->id, 24, "opqrstuvwxyz"), 0);
	assert_int_equal(service->x[1], VUART_FIFO_BYTES);
	assert_int_equal(type(vm->id, 32, "wxyz"), 0);
	assert_int_equal(service->x[1], VUART_FIFO_BYTES);
	assert_int_equal(vm->uart.rx_overruns, 0);
	assert_hears(vm, "0123456789abcdefghijklmnopqrstuv");
	assert_int_equal(type(vm->id, 24, "opqrstuvwxyz"), 0);
	assert_int_equal(service->x[1], 36);
	assert_hears(vm, "wxyz");
}

/* What somebody types at the node itself has no offset. */
static void the_nodes_own_uart_counts_apart(void **state)
{
	(void)state;
	struct vm *vm = service_run_guest();
	fake_console_input("local");
	console_interrupt();
	assert_int_equal(due_of(vm->id), 0);
	assert_int_equal(type(vm->id, 0, "far"), 0);
	assert_hears(vm, "localfar");
	assert_int_equal(due_of(vm->id), 3);
}

static void input_that_makes_no_sense_is_refused(void **state)
{
	(void)state;
	struct vm *vm = service_run_guest();
	static const uint64_t numbers[] = {VM_SERVICE, AETHER_STORE_FIRST, VM_COUNT,
					  255, UINT64_C(1) << 32, UINT64_MAX};
	static const uint64_t counts[] = {0, 33, 64, UINT32_MAX, (UINT64_C(1) << 32) + 1, UINT64_MAX};
	for (unsigned i = 0; i < ARRAY_COUNT(numbers); i++) {
		assert_int_equal(service_call_with(CONSOLE_INPUT, numbers[i], 0, 1, "x", 1), AETHER_EINVAL);
		assert_int_equal(service_call_with(CONSOLE_INPUT, vm->id, 0, counts[i], "x", 1), AETHER_EINVAL);
	}
	assert_int_equal(service_call_with(CONSOLE_INPUT, 1, 0, 1, "x", 1), AETHER_ESTATE); /* no such guest */
	assert_int_equal(service_call(AETHER_HVC_VM_STOP, vm->id, 0, 0), 0);
	node_settle();
	assert_int_equal(service_call_with(CONSOLE_INPUT, vm->id, 0, 1, "x", 1), AETHER_ESTATE);
	assert_int_equal(due_of(vm->id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)
		TEST(output_stands_in_the_guests_ring),
		TEST(offsets_go_on_over_a_reset_and_a_new_vm),
		TEST(a_ring_keeps_the_newest),
		TEST(a_byte_is_in_the_ring_once),
		TEST(input_comes_once_however_often_it_is_said),
		TEST(input_that_has_no_room_stays_due),
		TEST(the_nodes_own_uart_counts_apart),
		TEST(input_that_makes_no_sense_is_refused),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
