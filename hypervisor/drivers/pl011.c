/* SPDX-License-Identifier: Apache-2.0 */
/* PL011 (DDI 0183G). Line settings stay as the firmware made them. */
#include "arch/sysreg.h"
#include "drivers/uart.h"

#define UARTDR 0x000
#define UARTFR 0x018
#define UARTFR_RXFE (1u << 4)
#define UARTFR_TXFF (1u << 5)
#define UARTLCR_H 0x02c
#define UARTLCR_H_FEN (1u << 4)
#define UARTLCR_H_WLEN8 (3u << 5)
#define UARTCR 0x030
#define UARTCR_ENABLE (1u << 0 | 1u << 8 | 1u << 9) /* UART, transmit, receive */
#define UARTIMSC 0x038
#define UARTICR 0x044
#define UARTINT_RX (1u << 4)
#define UARTINT_TX (1u << 5)
#define UARTINT_RT (1u << 6)

static uintptr_t base;
static uint32_t mask;

static void init(uintptr_t address, unsigned reg_shift, unsigned io_bytes)
{
	(void)reg_shift;
	(void)io_bytes;
	base = address;
	mask = UARTINT_RX | UARTINT_RT;
	mmio_write32(base + UARTLCR_H, UARTLCR_H_WLEN8 | UARTLCR_H_FEN);
	mmio_write32(base + UARTCR, UARTCR_ENABLE);
	mmio_write32(base + UARTICR, 0x7ff);
	mmio_write32(base + UARTIMSC, mask);
}

static bool put(uint8_t byte)
{
	if (mmio_read32(base + UARTFR) & UARTFR_TXFF) {
		return false;
	}
	mmio_write32(base + UARTDR, byte);
	return true;
}

static int get(void)
{
	if (mmio_read32(base + UARTFR) & UARTFR_RXFE) {
		return -1;
	}
	return (int)(mmio_read32(base + UARTDR) & 0xff);
}

static void set_mask(uint32_t bits, bool is_enabled)
{
	mask = is_enabled ? mask | bits : mask & ~bits;
	mmio_write32(base + UARTIMSC, mask);
}

static void tx_interrupt(bool is_enabled)
{
	set_mask(UARTINT_TX, is_enabled);
}

static void rx_interrupt(bool is_enabled)
{
	set_mask(UARTINT_RX | UARTINT_RT, is_enabled);
}

const struct uart_ops pl011_ops = {init, put, get, tx_interrupt, rx_interrupt};
