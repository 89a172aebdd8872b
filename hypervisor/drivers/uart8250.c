/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 8250-style UARTs: 16550 and the BCM2835's mini UART (BCM2711 ARM Peripherals s2.2). Line settings stay as the
 * firmware made them. The mini UART delivers receive interrupts only with IER bits 3:2 set, which mean line and
 * modem status on
 * a 16550: those are cleared by reading LSR and MSR, which get() and init() do.
 */
#include "arch/sysreg.h"
#include "drivers/uart.h"

#define UART_DATA 0
#define UART_IER 1
#define UART_IER_RX 0x01u
#define UART_IER_TX 0x02u
#define UART_IER_STATUS 0x0cu
#define UART_FCR 2
#define UART_LCR 3
#define UART_LSR 5
#define UART_LSR_READY 0x01u
#define UART_LSR_EMPTY 0x20u
#define UART_MSR 6

static uintptr_t base;
static unsigned shift, width;
static uint32_t enabled;

static uint32_t read(unsigned index)
{
	const uintptr_t address = base + ((uintptr_t)index << shift);
	return width == 4 ? mmio_read32(address) : mmio_read8(address);
}

static void write(unsigned index, uint32_t value)
{
	const uintptr_t address = base + ((uintptr_t)index << shift);
	if (width == 4) {
		mmio_write32(address, value);
	} else {
		mmio_write8(address, (uint8_t)value);
	}
}

static void init(uintptr_t address, unsigned reg_shift, unsigned io_bytes)
{
	base = address;
	shift = reg_shift;
	width = io_bytes;
	write(UART_LCR, 3); /* 8 bits, and the divisor latch closed */
	write(UART_FCR, 1);
	(void)read(UART_MSR);
	enabled = UART_IER_RX | UART_IER_STATUS;
	write(UART_IER, enabled);
}

static bool put(uint8_t byte)
{
	if ((read(UART_LSR) & UART_LSR_EMPTY) == 0) {
		return false;
	}
	write(UART_DATA, byte);
	return true;
}

static int get(void)
{
	(void)read(UART_MSR);
	if ((read(UART_LSR) & UART_LSR_READY) == 0) {
		return -1;
	}
	return (int)(read(UART_DATA) & 0xff);
}

static void set_enabled(uint32_t bits, bool is_enabled)
{
	enabled = is_enabled ? enabled | bits : enabled & ~bits;
	write(UART_IER, enabled);
}

static void tx_interrupt(bool is_enabled)
{
	set_enabled(UART_IER_TX, is_enabled);
}

static void rx_interrupt(bool is_enabled)
{
	set_enabled(UART_IER_RX, is_enabled);
}

const struct uart_ops uart8250_ops = {init, put, get, tx_interrupt, rx_interrupt};
