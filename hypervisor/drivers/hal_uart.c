/* SPDX-License-Identifier: Apache-2.0 */
/* hal.h's console over the UART that the device tree names; without one, output goes nowhere. */
#include <stddef.h>

#include "core/hal.h"
#include "drivers/uart.h"

static const struct uart_ops *uart;

void uart_set_console(const struct uart_ops *ops)
{
	uart = ops;
}

bool hal_console_put(uint8_t byte)
{
	return uart == NULL || uart->put(byte);
}

int hal_console_get(void)
{
	return uart == NULL ? -1 : uart->get();
}

void hal_console_tx_interrupt(bool is_enabled)
{
	if (uart != NULL) {
		uart->tx_interrupt(is_enabled);
	}
}

void hal_console_rx_interrupt(bool is_enabled)
{
	if (uart != NULL) {
		uart->rx_interrupt(is_enabled);
	}
}
