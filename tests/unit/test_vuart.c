/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/vuart.c as its drivers use it: flags, both FIFOs, interrupts; a driver that writes in interrupt mode as Linux's
 * does against a sink that is full at random loses no byte; and any access at all is survived.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/vuart.h"

#define DR 0x000u
#define FR 0x018u
#define IBRD 0x024u
#define FBRD 0x028u
#define LCR_H 0x02cu
#define CR 0x030u
#define IFLS 0x034u
#define IMSC 0x038u
#define RIS 0x03cu
#define MIS 0x040u
#define ICR 0x044u
#define DMACR 0x048u

#define BUSY 0x08u
#define RXFE 0x10u
#define TXFF 0x20u
#define RXFF 0x40u
#define TXFE 0x80u
#define IDLE (RXFE | TXFE)

#define RX_INT 0x10u
#define TX_INT 0x20u
#define RT_INT 0x40u

#define VM 2u
#define SINK_BYTES 65536u

static struct vuart uart;

static struct {
	uint8_t bytes[SINK_BYTES];
	size_t count, room;
	bool has_refused; /* since the last time that it was told it has room */
	bool is_high;
	unsigned line_changes, drained;
} outside;

static bool is_locked(void)
{
	return atomic_load(&uart.lock.is_held) != 0;
}

bool vuart_sink_put(unsigned vm, uint8_t byte)
{
	assert_int_equal(vm, VM);
	if (outside.room == 0) {
		outside.has_refused = true;
		return false;
	}
	assert_in_range(outside.count, 0, SINK_BYTES - 1);
	outside.room--;
	outside.bytes[outside.count++] = byte;
	return true;
}

void vuart_set_line(struct vuart *of, bool is_high)
{
	assert_ptr_equal(of, &uart);
	assert_true(is_locked());
	assert_int_not_equal(is_high, outside.is_high); /* called for changes alone */
	outside.is_high = is_high;
	outside.line_changes++;
}

void vuart_rx_drained(struct vuart *of)
{
	assert_ptr_equal(of, &uart);
	assert_false(is_locked());
	outside.drained++;
}

/* What must hold whenever nobody is in the UART. */
static void check(void)
{
	const uint32_t rx = uart.rx.count, tx = uart.tx.count;
	assert_false(is_locked());
	assert_in_range(rx, 0, VUART_FIFO_BYTES);
	assert_in_range(tx, 0, VUART_FIFO_BYTES);
	assert_int_equal(vuart_rx_room(&uart), VUART_FIFO_BYTES - rx);
	assert_int_equal(uart.fr, (rx == 0 ? RXFE : 0u) | (rx == VUART_FIFO_BYTES ? RXFF : 0u) |
					  (tx == 0 ? TXFE : BUSY) | (tx == VUART_FIFO_BYTES ? TXFF : 0u));
	assert_int_equal(outside.is_high, (uart.ris & uart.imsc) != 0);
	assert_true(tx == 0 || outside.has_refused); /* else nobody would come to fetch it */
	assert_true(tx <= VUART_FIFO_BYTES / 2 || (uart.ris & TX_INT) == 0);
}

static int setup(void **state)
{
	(void)state;
	memset(&outside, 0, sizeof(outside));
	outside.room = SIZE_MAX;
	memset(&uart, 0xa5, sizeof(uart));
	vuart_init(&uart, VM);
	check();
	return 0;
}

static uint64_t get_sized(unsigned offset, unsigned bytes)
{
	uint64_t value = UINT64_MAX;
	assert_int_equal(vuart_access(&uart, offset, bytes, false, &value), EXIT_ADVANCE);
	check();
	return value;
}

static uint64_t get(unsigned offset)
{
	return get_sized(offset, 4);
}

static void put_sized(unsigned offset, unsigned bytes, uint64_t value)
{
	uint64_t copy = value;
	assert_int_equal(vuart_access(&uart, offset, bytes, true, &copy), EXIT_ADVANCE);
	assert_int_equal(copy, value);
	check();
}

static void put(unsigned offset, uint64_t value)
{
	put_sized(offset, 4, value);
}

static void push(const char *text)
{
	vuart_rx_push(&uart, (const uint8_t *)text, (uint32_t)strlen(text));
	check();
}

static void give_room(size_t room)
{
	outside.room = room;
	outside.has_refused = false;
	vuart_tx_ready(&uart);
	check();
}

static void first_state(void **state)
{
	static const uint8_t id[8] = {0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
	(void)state;
	assert_int_equal(get(FR), IDLE);
	assert_int_equal(get(CR), 0x300);
	assert_int_equal(get(IFLS), 0x12);
	assert_int_equal(get(IMSC) | get(RIS) | get(MIS) | get(LCR_H) | get(IBRD) | get(FBRD) | get(DMACR), 0);
	uint32_t periph_id = 0;
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(get(0xfe0 + 4 * i), id[i]);
		periph_id |= i < 4 ? (uint32_t)id[i] << (8 * i) : 0;
	}
	assert_int_equal(periph_id & 0x000fffff, 0x00041011); /* what Linux's driver matches */
	assert_int_equal(outside.line_changes, 0);
}

static void bytes_go_out_at_once(void **state)
{
	(void)state;
	static const char text[] = "early console";
	for (unsigned i = 0; i < sizeof(text); i++) {
		assert_int_equal(get(FR) & (TXFF | BUSY), 0);
		put_sized(DR, 1u << (i % 3), UINT64_C(0xffffff00) * (i % 3 == 2) | (uint8_t)text[i]);
	}
	assert_int_equal(outside.count, sizeof(text));
	assert_memory_equal(outside.bytes, text, sizeof(text));
	assert_int_equal(get(FR), IDLE);
	assert_int_equal(outside.line_changes, 0);
}

static void a_written_byte_raises_tx(void **state)
{
	(void)state;
	put(DR, 'a');
	assert_int_equal(get(RIS), TX_INT);
	assert_int_equal(get(MIS), 0);
	assert_false(outside.is_high);
	put(IMSC, TX_INT);
	assert_int_equal(get(MIS), TX_INT);
	assert_true(outside.is_high);
	put(ICR, TX_INT);
	assert_int_equal(get(RIS), 0);
	assert_false(outside.is_high);
	put(DR, 'b');
	assert_true(outside.is_high);
	put(IMSC, 0);
	assert_false(outside.is_high);
	assert_int_equal(get(RIS), TX_INT);
	assert_int_equal(outside.line_changes, 4);
}

static void a_full_sink_fills_the_fifo(void **state)
{
	(void)state;
	put(IMSC, TX_INT);
	outside.room = 3;
	for (unsigned i = 0; i < 3 + VUART_FIFO_BYTES; i++) {
		assert_int_equal(get(FR), i <= 3 ? IDLE : RXFE | BUSY);
		put(DR, i);
		const unsigned waiting = i < 3 ? 0 : i - 2;
		assert_int_equal(outside.is_high, waiting <= VUART_FIFO_BYTES / 2);
	}
	assert_int_equal(get(FR), RXFE | BUSY | TXFF);
	put(DR, 0xee); /* nobody looks at TXFF: lost, as on the real one */
	assert_int_equal(uart.tx_overruns, 1);
	assert_int_equal(outside.count, 3);

	give_room(15); /* 17 wait: not half free yet */
	assert_false(outside.is_high);
	give_room(1);
	assert_true(outside.is_high);
	assert_int_equal(get(FR), RXFE | BUSY);
	give_room(16);
	assert_int_equal(get(FR), IDLE);
	assert_int_equal(outside.count, 3 + VUART_FIFO_BYTES);
	for (unsigned i = 0; i < outside.count; i++) {
		assert_int_equal(outside.bytes[i], i);
	}
}

static void a_later_byte_never_overtakes(void **state)
{
	(void)state;
	outside.room = 0;
	put(DR, 'a');
	outside.room = 1; /* room again, but nobody has told yet */
	put(DR, 'b');
	assert_int_equal(outside.count, 1);
	assert_int_equal(outside.bytes[0], 'a');
	give_room(SIZE_MAX);
	assert_int_equal(outside.bytes[1], 'b');
	assert_int_equal(get(FR), IDLE);
}

static void input_is_read_in_order(void **state)
{
	(void)state;
	put(IMSC, RT_INT | RX_INT);
	push("xyz");
	assert_true(outside.is_high);
	assert_int_equal(get(MIS), RT_INT | RX_INT);
	assert_int_equal(get(FR), TXFE);
	assert_int_equal(get(DR), 'x');
	assert_int_equal(get_sized(DR, 1), 'y');
	assert_true(outside.is_high);
	assert_int_equal(get_sized(DR, 2), 'z');
	assert_false(outside.is_high);
	assert_int_equal(get(RIS), 0);
	assert_int_equal(get(FR), IDLE);
	assert_int_equal(get(DR), 0); /* empty */
	assert_int_equal(outside.drained, 0);
	assert_int_equal(outside.count, 0);
}

static void one_receive_interrupt_is_enough(void **state)
{
	static const uint32_t masks[] = {RX_INT, RT_INT};
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		setup(NULL);
		put(IMSC, masks[i]);
		push("q");
		assert_true(outside.is_high);
		put(ICR, (RX_INT | RT_INT) & ~masks[i]); /* the other one */
		assert_int_equal(get(RIS), masks[i]);
		assert_true(outside.is_high);
		put(ICR, masks[i]);
		assert_false(outside.is_high);
		push("r"); /* cleared, and one more comes */
		assert_true(outside.is_high);
		assert_int_equal(get(DR), 'q');
		assert_int_equal(get(DR), 'r');
		assert_false(outside.is_high);
	}
}

static void input_beyond_the_fifo_is_counted(void **state)
{
	(void)state;
	char text[VUART_FIFO_BYTES + 6];
	for (unsigned i = 0; i < sizeof(text) - 1; i++) {
		text[i] = (char)('A' + i);
	}
	text[sizeof(text) - 1] = 0;
	push("0");
	push("1");
	assert_int_equal(get(DR), '0'); /* the FIFO's end is not at its array's end */
	push(text);
	assert_int_equal(uart.rx_overruns, 6);
	assert_int_equal(get(FR), TXFE | RXFF);
	assert_int_equal(vuart_rx_room(&uart), 0);
	assert_int_equal(get(DR), '1');
	for (unsigned i = 0; i < VUART_FIFO_BYTES - 1; i++) {
		assert_int_equal(outside.drained, 0);
		assert_int_equal(get(DR), text[i]);
	}
	assert_int_equal(outside.drained, 1); /* input that was held back may come */
	push("z");
	assert_int_equal(get(DR), 'z');
	assert_int_equal(outside.drained, 1);
}

static void registers_keep_their_bits(void **state)
{
	static const struct {
		unsigned offset;
		uint32_t bits;
	} registers[] = {
		{0x020, 0xff}, {IBRD, 0xffff}, {FBRD, 0x3f}, {LCR_H, 0xff}, {CR, 0xff87}, {IFLS, 0x3f}, {DMACR, 7},
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		put(registers[i].offset, UINT32_MAX);
		assert_int_equal(get(registers[i].offset), registers[i].bits);
		assert_int_equal(get_sized(registers[i].offset, 2), registers[i].bits);
		assert_int_equal(get_sized(registers[i].offset, 1), registers[i].bits & 0xff);
		assert_int_equal(get_sized(registers[i].offset + 1, 1), registers[i].bits >> 8);
		assert_int_equal(get_sized(registers[i].offset + 2, 2), 0);
		put_sized(registers[i].offset + 2, 2, 0); /* no effect on the first byte */
		assert_int_equal(get(registers[i].offset), registers[i].bits);
		put(registers[i].offset, 0);
		assert_int_equal(get(registers[i].offset), 0);
	}
	put(IMSC, UINT32_MAX);
	assert_int_equal(get(IMSC), 0x7ff);
	put(FR, UINT32_MAX); /* read only */
	put(RIS, UINT32_MAX);
	put(MIS, UINT32_MAX);
	put(0xfe0, UINT32_MAX);
	assert_int_equal(get(FR), IDLE);
	assert_int_equal(get(RIS), 0);
	assert_int_equal(get(0xfe0), 0x11);
	assert_int_equal(get(ICR), 0);
	assert_int_equal(get(0x004), 0);
}

/* As drivers/tty/serial/amba-pl011.c starts: what is left of a boot loader must not wedge it. */
static void a_driver_starts(void **state)
{
	(void)state;
	push("typed too early");
	put(ICR, 0x7ff);
	put(CR, 0x101); /* UARTEN, TXE */
	put(FBRD, 0);
	put(IBRD, 4);
	put(LCR_H, 0x70);
	put(DR, 0);
	while ((get(FR) & BUSY) != 0) {
	}
	put(CR, 0x301);
	put(ICR, RT_INT | RX_INT);
	for (unsigned i = 0; i < 2 * VUART_FIFO_BYTES && (get(FR) & RXFE) == 0; i++) {
		get(DR);
	}
	assert_int_equal(get(FR), IDLE);
	put(IMSC, RT_INT | RX_INT);
	assert_false(outside.is_high);
	push("a");
	assert_true(outside.is_high);
}

/* Every offset, width and direction, with values that have all bits set in turn. */
static void any_access_is_survived(void **state)
{
	(void)state;
	for (unsigned offset = 0; offset < 0x1000; offset++) {
		for (unsigned bytes = 1; bytes <= 8; bytes *= 2) {
			const bool is_refused = bytes == 8 || offset % bytes != 0;
			for (unsigned is_write = 0; is_write < 2; is_write++) {
				uint64_t value = is_write ? UINT64_MAX >> (64 - 8 * bytes) : 0;
				const enum exit_action action =
					vuart_access(&uart, offset, bytes, is_write != 0, &value);
				assert_int_equal(action, is_refused ? EXIT_INJECT_ABORT : EXIT_ADVANCE);
				if (action == EXIT_ADVANCE && !is_write && bytes < 8) {
					assert_int_equal(value >> (8 * bytes), 0);
				}
				check();
			}
		}
	}
	assert_int_equal(outside.count, 3); /* DR, once in each width */
}

/*
 * A driver that writes in interrupt mode, as Linux does: up to 16 bytes on each TX interrupt without a look at TXFF; an
 * interrupt masked when nothing is left to say. The sink takes what it takes.
 */
static unsigned random_state;

static unsigned random_below(unsigned limit)
{
	random_state = random_state * 1103515245u + 12345u;
	return (random_state >> 16) % limit;
}

static size_t queue(size_t sent, size_t total, unsigned limit)
{
	for (unsigned i = 0; i < limit && sent < total; i++) {
		put(DR, (uint8_t)(sent * 7));
		sent++;
	}
	return sent;
}

static void an_interrupt_driven_writer_loses_nothing(void **state)
{
	(void)state;
	const char *seed = getenv("SEED");
	random_state = seed != NULL ? (unsigned)strtoul(seed, NULL, 0) : 1;
	print_message("# SEED=%u\n", random_state);
	const size_t total = 20000;
	size_t sent = 0;
	size_t idle_turns = 0;
	outside.room = 0;
	while (sent < total || uart.tx.count > 0) {
		if (outside.is_high) {
			sent = queue(sent, total, 16);
		} else if (get(IMSC) == 0 && sent < total) {
			/* Start: until full, then the interrupt is asked for. */
			while (sent < total && (get(FR) & TXFF) == 0 && random_below(40) != 0) {
				sent = queue(sent, total, 1);
			}
			put(IMSC, TX_INT);
		}
		if (sent == total || random_below(64) == 0) {
			put(IMSC, 0);
		}
		if (outside.has_refused && random_below(4) == 0) {
			give_room(random_below(48));
		}
		assert_in_range(++idle_turns, 0, 100 * total);
	}
	assert_int_equal(uart.tx_overruns, 0);
	assert_int_equal(outside.count, total);
	for (size_t i = 0; i < total; i++) {
		assert_int_equal(outside.bytes[i], (uint8_t)(i * 7));
	}
}

/* The interrupt never storms: a driver that answers TX with a byte each time comes to rest when the sink is full. */
static void no_storm_while_the_sink_is_full(void **state)
{
	(void)state;
	outside.room = 0;
	put(DR, 0);
	put(IMSC, TX_INT);
	unsigned interrupts = 0;
	while (outside.is_high) {
		assert_in_range(++interrupts, 0, VUART_FIFO_BYTES);
		put(DR, 0);
	}
	assert_int_equal(uart.tx_overruns, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		T(first_state),
		T(bytes_go_out_at_once),
		T(a_written_byte_raises_tx),
		T(a_full_sink_fills_the_fifo),
		T(a_later_byte_never_overtakes),
		T(input_is_read_in_order),
		T(one_receive_interrupt_is_enough),
		T(input_beyond_the_fifo_is_counted),
		T(registers_keep_their_bits),
		T(a_driver_starts),
		T(any_access_is_survived),
		T(an_interrupt_driven_writer_loses_nothing),
		T(no_storm_while_the_sink_is_full),
	};

	return cmocka_run_group_tests_name("vuart", tests, NULL, NULL);
}
