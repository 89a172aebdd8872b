/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A console that never ends, for tests of who carries it: "o N" each few milliseconds (bootarg pace=DIGIT, 5; 0 is a
 * second), N from 0 on, and "i M TEXT" for each line TEXT that comes in, M from 0 on. So what is missing, doubled or
 * out of order on either way can be seen. Two lines are orders: "reset" and "off". Both ways go by interrupt.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/dt.h"
#include "guest/lib/gic.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/timer.h"
#include "guest/lib/trap.h"
#include "guest/lib/uart.h"
#include "lib/fmt.h"

#define IN_BYTES 4096u /* a power of two */
#define LINE_BYTES 128u

/* Written by the interrupt, read by the loop. */
static volatile char in[IN_BYTES];
static volatile unsigned in_head, in_tail;
static volatile bool is_due;

static void on_interrupt(uint32_t intid, uint32_t iar)
{
	uint8_t byte;

	(void)iar;
	if (intid == timer_intid(TIMER_VIRTUAL)) {
		timer_stop(TIMER_VIRTUAL);
		is_due = true;
		return;
	}
	if (intid != UART_INTID) {
		report_abort("interrupt %u", intid);
	}
	/* Before the FIFO is read: a byte that comes behind it raises the interrupt again. */
	uart_write(UART_ICR, UART_INT_RX | UART_INT_RT);
	while (in_head - in_tail < IN_BYTES && uart_get(&byte)) {
		in[in_head % IN_BYTES] = (char)byte;
		in_head++;
	}
}

static void put_line(const char *text)
{
	for (; *text != '\0'; text++) {
		uart_put((uint8_t)*text);
	}
	uart_put('\r');
	uart_put('\n');
}

static bool is_text(const char *line, const char *text)
{
	while (*line == *text && *text != '\0') {
		line++;
		text++;
	}
	return *line == *text;
}

static void take_line(const char *line)
{
	static unsigned number;
	char text[LINE_BYTES + 32];

	if (is_text(line, "reset")) {
		put_line("stream: reset");
		psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
	}
	if (is_text(line, "off")) {
		put_line("stream: off");
		psci_system_off();
	}
	fmt_string(text, sizeof(text), "i %u %s", number++, line);
	put_line(text);
}

static void take_input(void)
{
	static char line[LINE_BYTES];
	static unsigned count;

	while (in_tail != in_head) {
		const char byte = in[in_tail % IN_BYTES];
		in_tail++;
		if (byte == '\n' || byte == '\r') {
			line[count] = '\0';
			count = 0;
			take_line(line);
		} else if (count < LINE_BYTES - 1) {
			line[count++] = byte;
		}
	}
	/* The interrupt stopped at a full buffer: what is left in the FIFO is told again. */
	uart_write(UART_IMSC, UART_INT_RX | UART_INT_RT);
}

void guest_main(void)
{
	const char pace = dt_bootarg("pace");
	const uint64_t ms = pace == '0' ? 1000 : pace >= '1' && pace <= '9' ? (uint64_t)(pace - '0') : 5;
	char text[LINE_BYTES];
	uint64_t due = ticks_now();

	gic_init();
	irq_set_handler(on_interrupt);
	gic_set_edge(UART_INTID, false);
	gic_set_enabled(UART_INTID, true);
	gic_set_enabled(timer_intid(TIMER_VIRTUAL), true);
	uart_write(UART_ICR, 0x7ff);
	uart_write(UART_IMSC, UART_INT_RX | UART_INT_RT);
	put_line("stream: start");
	for (uint64_t number = 0;; number++) {
		fmt_string(text, sizeof(text), "o %lu", number);
		put_line(text);
		due += ticks_from_ms(ms);
		/* What a slow host has cost is not made up for. */
		due = due > ticks_now() ? due : ticks_now() + ticks_from_ms(ms);
		is_due = false;
		timer_start(TIMER_VIRTUAL, due);
		while (!is_due) {
			if (in_tail == in_head) {
				wfi();
			}
			irq_enable();
			isb();
			irq_disable();
			take_input();
		}
	}
}
