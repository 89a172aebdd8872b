/* SPDX-License-Identifier: Apache-2.0 */
/* The PL011, polled; its interrupt is driven by the tests that are about it. */
#include "guest/lib/uart.h"

volatile uint32_t *uart_base;

void uart_init(uint64_t base)
{
	uart_base = (volatile uint32_t *)base;
	uart_write(UART_IMSC, 0);
	uart_write(UART_LCR_H, 0x70); /* 8 bits, FIFOs on */
	uart_write(UART_CR, 0x301); /* UART, receive and transmit on */
}

void uart_put(uint8_t byte)
{
	while ((uart_read(UART_FR) & UART_FR_TXFF) != 0) {
	}
	uart_write(UART_DR, byte);
}

bool uart_get(uint8_t *byte)
{
	if ((uart_read(UART_FR) & UART_FR_RXFE) != 0) {
		return false;
	}
	*byte = (uint8_t)uart_read(UART_DR);
	return true;
}
