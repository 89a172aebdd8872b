/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/console.c, with the guests' UARTs before it and a UART of little room behind it: nothing is lost or doubled
 * while a guest heeds its flags; lines stay whole; input is held back for a guest that does not read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/console.h"
#include "core/hal.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "small_node.h"

#define DR 0x000u
#define FR 0x018u
#define IMSC 0x038u
#define RXFE 0x10u
#define TXFF 0x20u
#define TX_INT 0x20u
#define TEXT_BYTES 60000u

static struct vm *vm;
static char text[TEXT_BYTES + 1];

static int setup(void **state)
{
	(void)state;
	node_start(2, 1, NODE_RAM_MIB * MIB);
	vm = node_enter(4 * MIB, 1);
	fake_log_clear();
	return 0;
}

/* The console's ring outlives a test: empty it. */
static int teardown(void **state)
{
	(void)state;
	fake_console_set_room(SIZE_MAX);
	console_interrupt();
	assert_true(console_is_drained());
	node_stop();
	return 0;
}

static uint32_t get(unsigned offset)
{
	uint64_t value = 0;
	assert_int_equal(vuart_access(&vm->uart, offset, 4, false, &value), EXIT_ADVANCE);
	return (uint32_t)value;
}

static void set(struct vm *of, unsigned offset, uint32_t value)
{
	uint64_t wide = value;
	assert_int_equal(vuart_access(&of->uart, offset, 4, true, &wide), EXIT_ADVANCE);
}

static void say(struct vm *of, const char *words)
{
	for (; *words != '\0'; words++) {
		set(of, DR, (uint8_t)*words);
	}
}

static bool is_enabled(enum fake_op_kind interrupt)
{
	bool is_on = false;
	for (size_t i = 0; i < fake_log_count(); i++) {
		is_on = fake_log_at(i)->kind == interrupt ? fake_log_at(i)->a == 1 : is_on;
	}
	return is_on;
}

/* --- output --- */

static void what_has_room_goes_straight_out(void **state)
{
	(void)state;
	assert_true(console_write("one\ntwo", 7));
	console_printf(" %u%c", 3u, '\n');
	assert_string_equal(fake_console_output(), "one\r\ntwo 3\r\n");
	assert_int_equal(fake_log_count_of(FAKE_OP_CONSOLE_TX_INTERRUPT), 0);
	assert_true(console_is_drained());
}

static void the_ring_takes_all_or_nothing(void **state)
{
	(void)state;
	size_t count = 0;
	fake_console_set_room(0);
	for (char c = 'a'; console_write((char[]){c, c, c, c, c, c, c}, 7);
	     c = c == 'z' ? 'a' : (char)(c + 1)) {
		memset(text + count, c, 7);
		count += 7;
	}
	assert_in_range(count, CONSOLE_RING_BYTES - 6, CONSOLE_RING_BYTES);
	assert_false(console_is_drained());
	assert_true(is_enabled(FAKE_OP_CONSOLE_TX_INTERRUPT));
	assert_int_equal(fake_log_count_of(FAKE_OP_CONSOLE_TX_INTERRUPT), 1);
	assert_string_equal(fake_console_output(), "");
	while (!console_is_drained()) {
		fake_console_set_room(100);
		console_interrupt();
	}
	text[count] = '\0';
	assert_string_equal(fake_console_output(), text);
	assert_false(is_enabled(FAKE_OP_CONSOLE_TX_INTERRUPT));
}

static void a_return_is_dropped_before_text_is(void **state)
{
	(void)state;
	fake_console_set_room(0);
	memset(text, 'x', CONSOLE_RING_BYTES);
	assert_true(console_write(text, CONSOLE_RING_BYTES - 3));
	assert_true(console_write("\nab", 3));
	assert_false(console_write("c", 1));
	fake_console_set_room(SIZE_MAX);
	console_interrupt();
	assert_string_equal(fake_console_output() + CONSOLE_RING_BYTES - 3, "\nab");
}

/* A driver that polls its flags against a line that takes bytes now and then. */
static void a_guest_that_heeds_its_flags_loses_nothing(void **state)
{
	(void)state;
	uint32_t count = 0;
	unsigned full = 0;
	fake_console_set_room(0);
	while (count < TEXT_BYTES) {
		if ((get(FR) & TXFF) != 0) {
			full++;
			fake_console_set_room(full * 37 % 9000);
			console_interrupt();
			continue;
		}
		text[count] = (char)('!' + (count * 7 + count / 80) % 90);
		set(vm, DR, (uint8_t)text[count++]);
	}
	fake_console_set_room(SIZE_MAX);
	console_interrupt();
	text[count] = '\0';
	assert_true(full > 3);
	assert_int_equal(strlen(fake_console_output()), TEXT_BYTES);
	assert_string_equal(fake_console_output(), text);
	assert_int_equal(vm->uart.tx_overruns, 0);
}

static void room_again_is_a_transmit_interrupt(void **state)
{
	(void)state;
	fake_console_set_room(0);
	while ((get(FR) & TXFF) == 0) {
		set(vm, DR, 'x');
	}
	set(vm, IMSC, TX_INT);
	assert_false(vm->uart.is_line_high);
	fake_console_set_room(SIZE_MAX);
	console_interrupt();
	assert_true(vm->uart.is_line_high);
}

static void lines_are_whole_and_headed(void **state)
{
	(void)state;
	struct vm *other = node_enter(4 * MIB, 1);
	console_set_lines(vm->id, true);
	console_set_lines(other->id, true);
	say(vm, "left ");
	say(other, "right\r\n");
	say(vm, "done\nopen");
	assert_string_equal(fake_console_output(), "vm1| right\r\nvm0| left done\r\n");
	memset(text, 'y', 300);
	text[300] = '\0';
	say(other, text);
	assert_int_equal(strlen(fake_console_output()), 28 + 5 + 256 + 2);
	vm_stop(vm, AETHER_STOP_SERVICE, 0);
	node_settle();
	assert_non_null(strstr(fake_console_output(), "vm0| open\r\n"));
	vm_stop(other, AETHER_STOP_SERVICE, 0);
	node_settle();
	console_set_lines(vm->id, false);
	console_set_lines(other->id, false);
}

static void a_panic_comes_after_what_waits(void **state)
{
	(void)state;
	fake_console_set_room(0);
	assert_true(console_write("waiting ", 8));
	fake_console_set_room(SIZE_MAX);
	console_panic("node stopped");
	assert_string_equal(fake_console_output(), "waiting node stopped");
	fake_console_set_room(0);
	console_panic("nobody takes it"); /* and it returns */
}

/* --- a guest that is gone --- */

static void a_guest_that_ended_while_it_was_full_is_left_alone(void **state)
{
	(void)state;
	uint64_t one = 1, bit = 2, target = 1;
	assert_int_equal(vgic_dist_access(&vm->gic, 0, 0, 4, true, &one), EXIT_ADVANCE);
	assert_int_equal(vgic_dist_access(&vm->gic, 0, 0x104, 4, true, &bit), EXIT_ADVANCE);
	assert_int_equal(vgic_dist_access(&vm->gic, 0, 0x821, 1, true, &target), EXIT_ADVANCE);
	set(vm, IMSC, TX_INT);
	fake_console_set_room(0);
	while ((get(FR) & TXFF) == 0) {
		set(vm, DR, 'x');
	}
	vm_stop(vm, AETHER_STOP_POWER_OFF, 0);
	node_settle();
	assert_int_equal(NODE_FINISH(vm_destroy(vm)), HV_OK);
	fake_console_set_room(SIZE_MAX);
	console_interrupt();
	assert_int_equal(node_state(vm), AETHER_VM_NONE);
	node_check();
}

static void the_last_words_of_a_stopped_guest_go_out(void **state)
{
	(void)state;
	fake_console_set_room(0);
	size_t count = 0;
	while ((get(FR) & TXFF) == 0) {
		set(vm, DR, (uint8_t)('a' + count++ % 26));
	}
	vm_stop(vm, AETHER_STOP_POWER_OFF, 0);
	node_settle();
	fake_console_set_room(SIZE_MAX);
	console_interrupt();
	assert_int_equal(strlen(fake_console_output()), count);
}

/* --- input --- */

static void input_is_held_for_who_does_not_read(void **state)
{
	(void)state;
	static const char input[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-#";
	unsigned got = 0;
	fake_console_input(input);
	console_interrupt();
	assert_int_equal(vuart_rx_room(&vm->uart), 0);
	console_interrupt();
	assert_int_equal(fake_log_count_of(FAKE_OP_CONSOLE_RX_INTERRUPT) > 0, true);
	assert_false(is_enabled(FAKE_OP_CONSOLE_RX_INTERRUPT));
	while (got < sizeof(input) - 1) {
		while ((get(FR) & RXFE) == 0) {
			assert_int_equal(get(DR) & 0xff, input[got]);
			got++;
		}
		assert_true(is_enabled(FAKE_OP_CONSOLE_RX_INTERRUPT));
		console_interrupt();
	}
	assert_int_equal(vm->uart.rx_overruns, 0);
}

static void input_goes_to_the_first_guest_that_runs(void **state)
{
	(void)state;
	struct vm *other = node_enter(4 * MIB, 1);
	fake_console_input("a");
	console_interrupt();
	assert_int_equal(get(DR) & 0xff, 'a');
	vm_stop(vm, AETHER_STOP_SERVICE, 0);
	node_settle();
	fake_console_input("b");
	console_interrupt();
	vm = other;
	assert_int_equal(get(DR) & 0xff, 'b');
	vm_stop(other, AETHER_STOP_SERVICE, 0);
	node_settle();
	fake_console_input("c"); /* nobody's: it is taken from the UART, or its interrupt stays */
	console_interrupt();
	assert_int_equal(hal_console_get(), -1);
}

static void input_is_let_in_again_when_who_did_not_read_is_gone(void **state)
{
	(void)state;
	fake_console_input("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-#");
	console_interrupt();
	console_interrupt();
	assert_false(is_enabled(FAKE_OP_CONSOLE_RX_INTERRUPT));
	vm_stop(vm, AETHER_STOP_RESET, 0);
	node_settle();
	assert_true(is_enabled(FAKE_OP_CONSOLE_RX_INTERRUPT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(what_has_room_goes_straight_out),
		TEST(the_ring_takes_all_or_nothing),
		TEST(a_return_is_dropped_before_text_is),
		TEST(a_guest_that_heeds_its_flags_loses_nothing),
		TEST(room_again_is_a_transmit_interrupt),
		TEST(lines_are_whole_and_headed),
		TEST(a_panic_comes_after_what_waits),
		TEST(a_guest_that_ended_while_it_was_full_is_left_alone),
		TEST(the_last_words_of_a_stopped_guest_go_out),
		TEST(input_is_held_for_who_does_not_read),
		TEST(input_goes_to_the_first_guest_that_runs),
		TEST(input_is_let_in_again_when_who_did_not_read_is_gone),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
