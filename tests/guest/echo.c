/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console by interrupt, both ways: words that the runner types, of more bytes than the FIFO holds, and lines
 * that are
 * sent as a driver does it, until the FIFO is full and then as its interrupt asks for more.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/gic.h"
#include "guest/lib/prompt.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"
#include "guest/lib/uart.h"

#define WORDS 4u
#define LINES 60u
#define WORD_MAX 256u
#define CHUNK 8u

static char received[WORD_MAX];
static volatile unsigned received_count;
static volatile bool is_word_done;
static volatile unsigned rx_interrupts, tx_interrupts;

static const char line[] =
	"# sent by interrupt: the quick brown fox jumps over the lazy dog 0123456789\r\n";
static volatile unsigned line_count, line_at;

static void receive(void)
{
	uint8_t byte;
	rx_interrupts++;
	/* Before the FIFO is read: a byte that comes behind it raises the interrupt again. */
	uart_write(UART_ICR, UART_INT_RX | UART_INT_RT);
	while (uart_get(&byte)) {
		if (byte == '\n' || byte == '\r') {
			is_word_done = true;
		} else if (received_count < WORD_MAX) {
			received[received_count++] = (char)byte;
		}
	}
}

/* A few bytes at each interrupt, less if the FIFO is full; the interrupt is masked when all lines are out. */
static void transmit(void)
{
	tx_interrupts++;
	for (unsigned i = 0; i < CHUNK && line_count < LINES; i++) {
		if ((uart_read(UART_FR) & UART_FR_TXFF) != 0) {
			return;
		}
		uart_write(UART_DR, (uint8_t)line[line_at]);
		line_at++;
		if (line[line_at] == 0) {
			line_at = 0;
			line_count++;
		}
	}
	if (line_count == LINES) {
		uart_write(UART_IMSC, UART_INT_RX | UART_INT_RT);
	}
}

static void on_uart(uint32_t intid, uint32_t iar)
{
	(void)iar;
	if (intid != UART_INTID) {
		report_abort("interrupt %u", intid);
	}
	const uint32_t status = uart_read(UART_MIS);
	if ((status & (UART_INT_RX | UART_INT_RT)) != 0) {
		receive();
	}
	if ((status & UART_INT_TX) != 0) {
		transmit();
	}
}

/* A word is letters in order, from 'a' and round again; the runner's row holds them. */
static bool is_word_right(void)
{
	for (unsigned i = 0; i < received_count; i++) {
		if (received[i] != (char)('a' + i % 26)) {
			report_note("byte %u of %u is 0x%x", i, received_count,
				    (unsigned)received[i]);
			return false;
		}
	}
	return received_count > 0;
}

/* Sleeps until the flag is set by an interrupt. */
static void sleep_until(const volatile bool *flag)
{
	irq_disable();
	while (!*flag) {
		wfi();
		irq_enable();
		isb();
		irq_disable();
	}
	irq_enable();
}

void guest_main(void)
{
	gic_init();
	irq_set_handler(on_uart);
	gic_set_edge(UART_INTID, false);
	gic_set_enabled(UART_INTID, true);
	uart_write(UART_ICR, 0x7ff);
	uart_write(UART_IMSC, UART_INT_RX | UART_INT_RT);
	irq_enable();
	for (unsigned word = 0; word < WORDS; word++) {
		received_count = 0;
		is_word_done = false;
		report_note(PROMPT_LINE);
		sleep_until(&is_word_done);
		report(is_word_right(), "a word of %u bytes came in", received_count);
	}
	report(rx_interrupts >= WORDS, "by interrupt (%u)", rx_interrupts);
	report((uart_read(UART_FR) & UART_FR_RXFE) != 0, "and nothing else did");
	irq_disable();
	uart_write(UART_IMSC, UART_INT_RX | UART_INT_RT | UART_INT_TX);
	/* The first bytes start the chain, as in Linux's driver: the interrupt means "there is room again". */
	uart_put('#');
	uart_put('\r');
	uart_put('\n');
	irq_enable();
	const bool is_sent = wait_for(line_count == LINES, 20000);
	irq_disable();
	uart_write(UART_IMSC, 0);
	report(is_sent && tx_interrupts > 1, "%u lines went out, by %u interrupts", LINES,
	       tx_interrupts);
}
