/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's PL011 (DDI 0183, revision r1p5), as drivers for it expect, and as QEMU's: a guest need not enable the
 * UART or its FIFOs before it writes a byte.
 *
 * The line is infinitely fast: a byte that the sink takes has left the transmitter, and a byte that has come is
 * past the receive timeout. So the interrupts follow from the FIFOs' fill levels alone:
 *
 *   TX   raised by a write after which the transmit FIFO is at most half full, and when it drains to that; else
 *        withdrawn. In interrupt mode Linux writes 16 bytes on the strength of it without a look at TXFF.
 *   RX, RT  while a byte waits, whatever UARTIFLS says: a driver that enables only one of them gets its bytes too.
 *
 * Like the real ones they are latched in UARTRIS, and cleared by UARTICR.
 *
 * Invariants, whenever the lock is free: (1) `fr` says what the FIFOs hold; (2) the line is (ris & imsc) != 0;
 * (3) while bytes wait in the transmit FIFO the sink has said "full" since it was last offered one, so
 * vuart_tx_ready() will follow.
 *
 * A console byte is two accesses, UARTFR and UARTDR, and their path is kept short: neither takes the lock while the
 * sink takes what it gets. Locks: the UART's own, before the interrupt controller's and the console's.
 */
#include "core/vuart.h"

#include "lib/bits.h"

#define UARTDR 0x000u
#define UARTRSR 0x004u
#define UARTFR 0x018u
#define UARTILPR 0x020u
#define UARTIBRD 0x024u
#define UARTFBRD 0x028u
#define UARTLCR_H 0x02cu
#define UARTCR 0x030u
#define UARTIFLS 0x034u
#define UARTIMSC 0x038u
#define UARTRIS 0x03cu
#define UARTMIS 0x040u
#define UARTICR 0x044u
#define UARTDMACR 0x048u
#define UART_ID_FIRST 0xfe0u

#define FR_BUSY (1u << 3)
#define FR_RXFE (1u << 4)
#define FR_TXFF (1u << 5)
#define FR_RXFF (1u << 6)
#define FR_TXFE (1u << 7)

#define INT_RX (1u << 4)
#define INT_TX (1u << 5)
#define INT_RT (1u << 6)
#define INT_ALL 0x7ffu

#define CR_RESET 0x300u /* transmit and receive enabled */
#define IFLS_RESET 0x12u

/* UARTPeriphID0 to 3, UARTPCellID0 to 3: part 0x011 by Arm, r1p5 (FIFOs of 32). */
static const uint8_t id_registers[8] = {0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

static uint32_t fifo_count(const struct vuart_fifo *fifo)
{
	return atomic_load_explicit(&fifo->count, memory_order_relaxed);
}

static bool fifo_put(struct vuart_fifo *fifo, uint8_t byte)
{
	const uint32_t count = fifo_count(fifo);
	if (count == VUART_FIFO_BYTES) {
		return false;
	}
	fifo->bytes[(fifo->head + count) % VUART_FIFO_BYTES] = byte;
	atomic_store_explicit(&fifo->count, count + 1, memory_order_relaxed);
	return true;
}

/* Of a FIFO that is not empty. */
static void fifo_drop(struct vuart_fifo *fifo)
{
	fifo->head = (fifo->head + 1) % VUART_FIFO_BYTES;
	atomic_store_explicit(&fifo->count, fifo_count(fifo) - 1, memory_order_relaxed);
}

/* Nothing is ordered by `fr` and `ris`: each read stands for itself, as a device's register does. */
static uint32_t read_ris(const struct vuart *uart)
{
	return atomic_load_explicit(&uart->ris, memory_order_relaxed);
}

/* Sets and clears interrupts, then brings flags and line up to date. With the lock held. */
static void update(struct vuart *uart, uint32_t raise, uint32_t withdraw)
{
	const uint32_t rx = fifo_count(&uart->rx);
	const uint32_t tx = fifo_count(&uart->tx);
	uint32_t fr = rx == 0 ? FR_RXFE : 0;
	fr |= rx == VUART_FIFO_BYTES ? FR_RXFF : 0;
	fr |= tx == 0 ? FR_TXFE : FR_BUSY;
	fr |= tx == VUART_FIFO_BYTES ? FR_TXFF : 0;
	atomic_store_explicit(&uart->fr, fr, memory_order_relaxed);
	const uint32_t ris = (read_ris(uart) & ~withdraw) | raise;
	atomic_store_explicit(&uart->ris, ris, memory_order_relaxed);
	const bool is_high = (ris & uart->imsc) != 0;
	if (is_high != uart->is_line_high) {
		uart->is_line_high = is_high;
		vuart_set_line(uart, is_high);
	}
}

void vuart_init(struct vuart *uart, unsigned vm)
{
	*uart = (struct vuart){
		.vm = vm,
		.fr = FR_RXFE | FR_TXFE,
		.cr = CR_RESET,
		.ifls = IFLS_RESET,
	};
}

/* What waits goes to the sink until it is full. With the lock held. */
static void send_waiting(struct vuart *uart)
{
	while (fifo_count(&uart->tx) > 0 && vuart_sink_put(uart->vm, uart->tx.bytes[uart->tx.head])) {
		fifo_drop(&uart->tx);
	}
	const bool is_half_free = fifo_count(&uart->tx) <= VUART_FIFO_BYTES / 2;
	update(uart, is_half_free ? INT_TX : 0, is_half_free ? 0 : INT_TX);
}

/* The sink is full, others wait before this byte, or the interrupt has to be raised for it. */
static __attribute__((noinline)) void write_slow(struct vuart *uart, uint8_t byte, bool is_sent)
{
	spin_lock(&uart->lock);
	if (!is_sent && !fifo_put(&uart->tx, byte)) {
		uart->tx_overruns++;
	}
	/* Offered once more, with the byte in the FIFO and the lock held: vuart_tx_ready() may have come before it. */
	send_waiting(uart);
	spin_unlock(&uart->lock);
}

static inline void write_byte(struct vuart *uart, uint8_t byte)
{
	const bool is_free = (atomic_load_explicit(&uart->fr, memory_order_relaxed) & FR_TXFE) != 0;
	const bool is_sent = is_free && vuart_sink_put(uart->vm, byte);
	if (__builtin_expect(!is_sent || (read_ris(uart) & INT_TX) == 0, 0)) {
		write_slow(uart, byte, is_sent);
	}
}

static uint64_t read_byte(struct vuart *uart)
{
	uint64_t value = 0;
	bool is_drained = false;
	spin_lock(&uart->lock);
	if (fifo_count(&uart->rx) > 0) {
		value = uart->rx.bytes[uart->rx.head];
		fifo_drop(&uart->rx);
		const bool is_empty = fifo_count(&uart->rx) == 0;
		is_drained = is_empty && uart->was_rx_full;
		uart->was_rx_full = uart->was_rx_full && !is_empty;
		update(uart, 0, is_empty ? INT_RX | INT_RT : 0);
	}
	spin_unlock(&uart->lock);
	if (is_drained) {
		vuart_rx_drained(uart);
	}
	return value;
}

/* Every register but UARTDR; with the lock held. What does not exist reads as zero. */
static uint32_t read_register(const struct vuart *uart, uint64_t offset)
{
	switch (offset) {
	case UARTILPR:
		return uart->ilpr;
	case UARTIBRD:
		return uart->ibrd;
	case UARTFBRD:
		return uart->fbrd;
	case UARTLCR_H:
		return uart->lcr_h;
	case UARTCR:
		return uart->cr;
	case UARTIFLS:
		return uart->ifls;
	case UARTIMSC:
		return uart->imsc;
	case UARTRIS:
		return read_ris(uart);
	case UARTMIS:
		return read_ris(uart) & uart->imsc;
	case UARTDMACR:
		return uart->dmacr;
	default:
		return offset >= UART_ID_FIRST ? id_registers[(offset - UART_ID_FIRST) / 4] : 0;
	}
}

/* Every register but UARTDR; with the lock held. Speed and format of the line are kept and mean nothing. */
static void write_register(struct vuart *uart, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case UARTILPR:
		uart->ilpr = value & 0xff;
		break;
	case UARTIBRD:
		uart->ibrd = value & 0xffff;
		break;
	case UARTFBRD:
		uart->fbrd = value & 0x3f;
		break;
	case UARTLCR_H:
		uart->lcr_h = value & 0xff;
		break;
	case UARTCR:
		uart->cr = value & 0xff87;
		break;
	case UARTIFLS:
		uart->ifls = value & 0x3f;
		break;
	case UARTIMSC:
		uart->imsc = value & INT_ALL;
		update(uart, 0, 0);
		break;
	case UARTICR:
		update(uart, 0, value & INT_ALL);
		break;
	case UARTDMACR:
		uart->dmacr = value & 0x7;
		break;
	default:
		break;
	}
}

/* `offset` is that of a register: a multiple of 4. */
static __attribute__((noinline)) uint64_t access_register(struct vuart *uart, uint64_t offset, bool is_write,
							  uint64_t value)
{
	if (offset == UARTDR) {
		return read_byte(uart);
	}
	spin_lock(&uart->lock);
	if (is_write) {
		write_register(uart, offset, (uint32_t)value);
	} else {
		value = read_register(uart, offset);
	}
	spin_unlock(&uart->lock);
	return value;
}

/* Bytes within a register: reads see that part of it, writes to any but its first byte have no effect. */
static __attribute__((noinline)) enum exit_action access_slow(struct vuart *uart, uint64_t offset, unsigned bytes,
							      bool is_write, uint64_t *value)
{
	if (bytes > 4 || (offset & (bytes - 1)) != 0) {
		return EXIT_INJECT_ABORT;
	}
	const unsigned byte = offset & 3;
	offset &= 0xffc;
	if (!is_write) {
		const uint64_t whole = offset == UARTFR ? atomic_load_explicit(&uart->fr, memory_order_relaxed) :
							  access_register(uart, offset, false, 0);
		*value = whole >> (byte * 8) & BITS(bytes * 8 - 1, 0);
	} else if (byte == 0 && offset == UARTDR) {
		write_byte(uart, (uint8_t)*value);
	} else if (byte == 0) {
		access_register(uart, offset, true, *value);
	}
	return EXIT_ADVANCE;
}

enum exit_action vuart_access(struct vuart *uart, uint64_t offset, unsigned bytes, bool is_write, uint64_t *value)
{
	if (offset == UARTDR && is_write && bytes <= 4) {
		write_byte(uart, (uint8_t)*value);
		return EXIT_ADVANCE;
	}
	if (offset == UARTFR && !is_write && bytes <= 4) {
		/* The flags that exist fit into a byte. */
		*value = atomic_load_explicit(&uart->fr, memory_order_relaxed);
		return EXIT_ADVANCE;
	}
	return access_slow(uart, offset, bytes, is_write, value);
}

uint32_t vuart_rx_room(const struct vuart *uart)
{
	return VUART_FIFO_BYTES - fifo_count(&uart->rx);
}

/* With the lock held. */
static uint32_t receive(struct vuart *uart, const uint8_t *bytes, uint32_t count)
{
	uint32_t taken = 0;
	while (taken < count && fifo_put(&uart->rx, bytes[taken])) {
		taken++;
	}
	const uint32_t waiting = fifo_count(&uart->rx);
	uart->was_rx_full = uart->was_rx_full || waiting == VUART_FIFO_BYTES;
	update(uart, waiting > 0 ? INT_RX | INT_RT : 0, 0);
	return taken;
}

uint32_t vuart_rx_offer(struct vuart *uart, const uint8_t *bytes, uint32_t count)
{
	spin_lock(&uart->lock);
	const uint32_t taken = receive(uart, bytes, count);
	spin_unlock(&uart->lock);
	return taken;
}

void vuart_rx_push(struct vuart *uart, const uint8_t *bytes, uint32_t count)
{
	spin_lock(&uart->lock);
	uart->rx_overruns += count - receive(uart, bytes, count);
	spin_unlock(&uart->lock);
}

void vuart_tx_ready(struct vuart *uart)
{
	spin_lock(&uart->lock);
	send_waiting(uart);
	spin_unlock(&uart->lock);
}
